"""Quality flags of a measurement: what makes its number doubtful, with the figures that say so.

A flag never changes the number. The default thresholds lie just outside what three human readers chose on the
validation images (1,594 ROI pairs; 1st or 99th percentile), where nothing better is published.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry.scan import ProbeShape, ScanGeometry
from ..geometry.spacing import Calibration, SpacingSource
from ..imaging.image import UltrasoundImage
from .anatomy import implausible_kidney
from .flags import Flag
from .organs import OrganMasks
from .result import RoiStatistics
from .roi import Roi

BEAM_BINS = 64


@dataclass(frozen=True)
class QualityThresholds:
    """When a flag is raised. Shares are fractions 0..1; ROI sides are used where no calibration is needed."""

    saturated_level: int = 250  # gray level counted as saturated
    saturated_share: float = 0.01
    zero_share: float = 0.02
    color_share: float = 0.01
    roi_pixels: int = 100  # fewest pixels of an ROI; the readers' have 784
    organ_share: float = 0.75  # smallest share of an ROI inside its organ
    organ_size: float = 4.0  # ROI areas; the human outlines of the validation images hold 10 or more
    depth_difference: float = 3.25  # ROI sides (49 mm)
    distance: float = 3.5  # ROI sides (52 mm)
    block_range: float = 0.6  # range of the means of 3 x 3 blocks, relative to the ROI mean
    beam_ratio: float = 0.7  # brightness of the beams through the ROI, relative to the median beam
    confidence: float = 0.87  # mean probability inside an organ; 5th percentile of the cross-validated images


DEFAULT_THRESHOLDS = QualityThresholds()


def quality_flags(
    image: UltrasoundImage,
    liver: RoiStatistics,
    kidney: RoiStatistics,
    distance_px: float,
    geometry: ScanGeometry,
    calibration: Calibration,
    masks: OrganMasks | None,
    thresholds: QualityThresholds,
) -> tuple[Flag, ...]:
    """All flags of one measurement, in a fixed order. Distances are in pixel widths."""
    flags = _calibration_flags(image, (liver.roi, kidney.roi), calibration)
    if image.color is not None and geometry.mask.any():
        share = float(image.color[geometry.mask].mean())
        if share > thresholds.color_share:
            reason = f"{share:.0%} of the insonated area is colored (Doppler or overlay); use the image without color."
            flags.append(Flag("color", reason))
    if geometry.shape is ProbeShape.UNKNOWN:
        reason = "The insonated area was not recognized; depth is measured straight down."
        flags.append(Flag("no_scan_geometry", reason))
    beams = _beam_brightness(image.pixels, geometry)
    for name, statistics, organ in (
        ("liver", liver, masks.liver if masks else None),
        ("kidney", kidney, masks.right_kidney if masks else None),
    ):
        flags += _roi_flags(image, name, statistics, organ, geometry, beams, thresholds)
    if masks is not None:
        for name, confidence in (("liver", masks.liver_confidence), ("kidney", masks.right_kidney_confidence)):
            if confidence is not None and confidence < thresholds.confidence:
                reason = f"The network's mean probability inside the {name} is {confidence:.2f}."
                flags.append(Flag("low_confidence", reason))

        if doubts := implausible_kidney(masks, liver.roi.width, calibration):
            flags.append(Flag("implausible_anatomy", f"The kidney's outline is unusual: {'; '.join(doubts)}."))

    side = liver.roi.width
    difference = abs(liver.depth_px - kidney.depth_px) / side
    if difference > thresholds.depth_difference:
        flags.append(Flag("depth_mismatch", f"The ROIs' depths differ by {difference:.1f} ROI sides."))
    if distance_px / side > thresholds.distance:
        flags.append(Flag("roi_distance", f"The ROIs are {distance_px / side:.1f} ROI sides apart."))
    return tuple(flags)


def _calibration_flags(image: UltrasoundImage, rois: tuple[Roi, Roi], calibration: Calibration) -> list[Flag]:
    flags = []
    if not calibration.calibrated:
        flags.append(Flag("uncalibrated", "No pixel spacing is known; give one, or calibrate on the depth ruler."))
    if calibration.conflict:
        flags.append(Flag("calibration_conflict", " ".join(calibration.notes)))
    elif calibration.notes:
        flags.append(Flag("calibration_refused", " ".join(calibration.notes)))
    if calibration.source is SpacingSource.REGION and not any(
        all(region.contains(*roi.center) for roi in rois) for region in image.regions if region.delta_x_mm
    ):
        flags.append(Flag("roi_outside_region", "An ROI lies outside the ultrasound region that gave the spacing."))
    return flags


def _roi_flags(image, name, statistics, organ, geometry, beams, thresholds) -> list[Flag]:
    roi, flags = statistics.roi, []
    if image.color is not None and (share := roi.values(image.color).mean()) > thresholds.color_share:
        flags.append(Flag("color", f"{share:.0%} of the {name} ROI is colored."))
    if statistics.saturated_share > thresholds.saturated_share:
        reason = f"{statistics.saturated_share:.0%} of the {name} ROI is saturated; lower the gain."
        flags.append(Flag("near_saturation", reason))
    if statistics.zero_share > thresholds.zero_share:
        reason = f"{statistics.zero_share:.0%} of the {name} ROI is black; raise the gain."
        flags.append(Flag("clipped_black", reason))
    if statistics.pixel_count < thresholds.roi_pixels:
        reason = f"The {name} ROI has only {statistics.pixel_count} pixels; use the image in its full size."
        flags.append(Flag("few_pixels", reason))
    if organ is not None and (share := roi.values(organ).mean()) < thresholds.organ_share:
        flags.append(Flag("roi_outside_organ", f"Only {share:.0%} of the {name} ROI lies in the {name}."))
    if organ is not None and (size := np.count_nonzero(organ) / statistics.pixel_count) < thresholds.organ_size:
        flags.append(Flag("organ_too_small", f"The {name} in the image is only {size:.1f} ROIs large."))
    if not roi.values(geometry.mask).all():
        flags.append(Flag("roi_outside_scan", f"The {name} ROI reaches out of the insonated area."))
    spread = _block_range(roi.values(image.pixels))
    if spread > thresholds.block_range:
        flags.append(Flag("inhomogeneous", f"Brightness within the {name} ROI varies by {spread:.0%} of its mean."))
    ratio = _beam_ratio(roi, geometry, beams)
    if ratio < thresholds.beam_ratio:
        flags.append(Flag("shadow", f"The beams through the {name} ROI have {ratio:.0%} of the usual brightness."))
    return flags


def _block_range(values: np.ndarray) -> float:
    """Range of the means of 3 x 3 blocks of an ROI, relative to its mean; 0 for an ROI below 3 pixels."""
    height, width = (size // 3 * 3 for size in values.shape)
    if not height or not width:
        return 0.0
    blocks = values[:height, :width].reshape(3, height // 3, 3, width // 3).mean(axis=(1, 3))
    return float(np.ptp(blocks) / max(blocks.mean(), 1.0))


def _beam_brightness(pixels: np.ndarray, geometry: ScanGeometry) -> np.ndarray:
    """Mean gray level of the beams beyond the near fifth of the depth, ``(BEAM_BINS,)``; NaN where there are none."""
    x0, y0, x1, y1 = geometry.bounds
    # Every other pixel each way is plenty for a mean along a beam.
    window = (slice(y0, y1 + 1, 2), slice(x0, x1 + 1, 2))
    y, x = np.ogrid[window]
    depth = geometry.depth_at(x, y)
    used = geometry.mask[window] & (depth > 0.2 * depth.max())
    position = np.broadcast_to(geometry.beam_at(x, y), used.shape)[used]
    beam = np.clip((position * BEAM_BINS).astype(int), 0, BEAM_BINS - 1)
    count = np.bincount(beam, minlength=BEAM_BINS)
    total = np.bincount(beam, pixels[window][used], BEAM_BINS)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _beam_ratio(roi: Roi, geometry: ScanGeometry, beams: np.ndarray) -> float:
    """Mean brightness of the beams through the ROI over the median beam; 1 where it cannot be told."""
    x, y = roi.center
    half = (roi.width - 1) / 2
    ends = sorted(float(geometry.beam_at(x + step, y)) for step in (-half, half))
    first, last = (int(np.clip(end * BEAM_BINS, 0, BEAM_BINS - 1)) for end in ends)
    median = np.nanmedian(beams) if np.isfinite(beams).any() else 0.0
    crossing = beams[first : last + 1]
    if median <= 0 or not np.isfinite(crossing).any():
        return 1.0
    return float(np.nanmean(crossing) / median)
