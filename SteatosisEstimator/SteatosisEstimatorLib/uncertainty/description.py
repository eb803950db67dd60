"""What an image looks like to a model apart from the liver in it: scan geometry, scanner, brightness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from HepatoRenalIndexLib.geometry.scan import ProbeShape, ScanGeometry
from HepatoRenalIndexLib.geometry.spacing import Calibration
from HepatoRenalIndexLib.imaging.image import UltrasoundImage

_BLACK, _SATURATED = 5, 250  # gray levels at or below and at or above
_FEWEST_PIXELS = 100  # of the scan; a brightness of less says nothing
_DEPTHS = 20  # layers of the depth profile


@dataclass(frozen=True)
class Brightness:
    """Statistics of the gray levels (0 to 255) inside the scan, colored pixels left out."""

    mean: float
    sd: float
    quantile_05: float
    median: float
    quantile_95: float
    black_share: float  # at most 5
    saturated_share: float  # at least 250
    depth_slope: float  # of the mean brightness, gray levels from the transducer to the deepest tissue
    roughness: float  # mean absolute difference of pixels one above the other: speckle, smoothing, enlargement


@dataclass(frozen=True)
class ImageDescription:
    """One frame, or the typical one of several.

    ``opening_angle`` in degrees, for sector and curved probes; ``width_mm`` of the scan, for linear ones.
    ``pixel_spacing_mm`` is a pixel's height. ``None`` where unknown or without meaning; ``brightness`` is ``None``
    where there is no scan. ``scanner`` is manufacturer and model as the header says, or empty.
    """

    probe_shape: ProbeShape
    depth_mm: float | None
    opening_angle: float | None
    width_mm: float | None
    pixel_spacing_mm: float | None
    scanner: str
    brightness: Brightness | None


def describe(image: UltrasoundImage, geometry: ScanGeometry, calibration: Calibration) -> ImageDescription:
    """Describe one frame. ``geometry`` and ``calibration`` are of that frame."""
    depth = geometry.depth_map()
    y_mm = calibration.y_mm
    fan = geometry.shape in (ProbeShape.SECTOR, ProbeShape.CURVED)
    x0, _, x1, _ = geometry.bounds
    seen = bool(geometry.mask.any())
    deepest = float(depth[geometry.mask].max()) if seen else 0.0
    return ImageDescription(
        probe_shape=geometry.shape,
        depth_mm=deepest / geometry.aspect * y_mm if y_mm and seen else None,
        opening_angle=float(np.degrees(geometry.angle_max - geometry.angle_min)) if fan else None,
        width_mm=(x1 - x0 + 1) * calibration.x_mm if y_mm and geometry.shape is ProbeShape.LINEAR else None,
        pixel_spacing_mm=y_mm,
        scanner=f"{image.provenance.manufacturer} {image.provenance.model}".strip(),
        brightness=_brightness(image, geometry.mask, depth, deepest),
    )


def summarize(descriptions: Sequence[ImageDescription]) -> ImageDescription:
    """The typical frame of a clip or of several images: medians of numbers, the most frequent of names; not empty."""
    brightness = [d.brightness for d in descriptions if d.brightness is not None]
    typical = None
    if 2 * len(brightness) >= len(descriptions):
        names = Brightness.__dataclass_fields__
        typical = Brightness(**{name: float(np.median([getattr(b, name) for b in brightness])) for name in names})
    return ImageDescription(
        probe_shape=_most_frequent([d.probe_shape for d in descriptions]),
        depth_mm=_median([d.depth_mm for d in descriptions]),
        opening_angle=_median([d.opening_angle for d in descriptions]),
        width_mm=_median([d.width_mm for d in descriptions]),
        pixel_spacing_mm=_median([d.pixel_spacing_mm for d in descriptions]),
        scanner=_most_frequent([d.scanner for d in descriptions]),
        brightness=typical,
    )


def _brightness(image: UltrasoundImage, scan: np.ndarray, depth: np.ndarray, deepest: float) -> Brightness | None:
    gray = scan if image.color is None else scan & ~image.color
    values = image.pixels[gray].astype(np.float32)
    if values.size < _FEWEST_PIXELS or deepest <= 0:
        return None
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
    layer = np.clip(depth[gray] / deepest * _DEPTHS, 0, _DEPTHS - 1).astype(int)
    count = np.bincount(layer, minlength=_DEPTHS)
    filled = np.flatnonzero(count)
    profile = np.bincount(layer, weights=values, minlength=_DEPTHS)[filled] / count[filled]
    slope = np.polyfit((filled + 0.5) / _DEPTHS, profile, 1)[0] if filled.size > 1 else 0.0
    pairs = gray[1:] & gray[:-1]
    steps = np.abs(np.diff(image.pixels.astype(np.int16), axis=0))[pairs]
    return Brightness(
        mean=float(values.mean()),
        sd=float(values.std()),
        quantile_05=float(low),
        median=float(median),
        quantile_95=float(high),
        black_share=float((values <= _BLACK).mean()),
        saturated_share=float((values >= _SATURATED).mean()),
        depth_slope=float(slope),
        roughness=float(steps.mean()) if steps.size else 0.0,
    )


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if 2 * len(known) > len(values) else None


def _most_frequent(values: list):
    return max(values, key=values.count)
