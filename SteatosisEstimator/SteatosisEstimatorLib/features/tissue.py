"""The tissue of one frame as the features look at it: parenchyma, kidney, beams, depth and speckle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from HepatoRenalIndexLib.geometry.scan import ScanGeometry
from HepatoRenalIndexLib.geometry.spacing import Calibration
from HepatoRenalIndexLib.imaging.image import InputError, UltrasoundImage
from HepatoRenalIndexLib.measurement.hri import roi_size_px
from HepatoRenalIndexLib.measurement.organs import OrganMasks
from scipy import ndimage

ROI_MM = 15.0  # the length that everything is measured in: the side of the ROI of Cha et al. 2021
BEAMS = 48  # groups of beams across the scan
RIM = 0.1  # ROI sides of kidney left out along its outline: capsule and partial volume
LIVER_RIM = 0.15  # the same for the liver
LEAST_BEAM = 0.1  # a group of beams crosses the liver if it holds this share of what the fullest one holds
LEAST_PARENCHYMA = 0.3  # share of the liver that must be left within its rim; otherwise all of it is used
SMOOTHING = 20  # part of an ROI side
DARKEST = 1.0  # gray levels; below it a ratio is of noise


@dataclass(frozen=True)
class FrameTissue:
    """One frame cut to the box of its scan. All arrays are ``(rows, columns)`` of that box.

    ``pixels`` float32 gray levels; ``valid`` bool, insonated and not colored; ``liver`` and ``kidney`` bool, valid
    pixels of the organs; ``depth`` float32 along the beam in cm (uncalibrated: in units of 1/15 of the ROI side that
    :func:`roi_size_px` then chooses, times 1.5); ``beam`` int, group of beams 0..47 from left to right;
    ``side`` the ROI side in pixels; ``hri`` the hepatorenal index by the name of its placement, where it could be
    measured.
    """

    pixels: np.ndarray
    valid: np.ndarray
    liver: np.ndarray
    kidney: np.ndarray
    depth: np.ndarray
    beam: np.ndarray
    side: int
    hri: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def parenchyma(self) -> np.ndarray:
        """The liver within its rim."""
        inner = ndimage.binary_erosion(self.liver, iterations=max(1, round(LIVER_RIM * self.side)))
        return inner if inner.sum() > LEAST_PARENCHYMA * self.liver.sum() else self.liver

    @cached_property
    def facing_kidney(self) -> np.ndarray:
        """The half of the kidney that faces the probe, within its rim: mostly cortex."""
        near = self.kidney & (self.depth <= self.depth[self.kidney].mean())
        inner = near & (ndimage.distance_transform_edt(self.kidney) > RIM * self.side)
        return inner if inner.any() else near

    @cached_property
    def liver_level(self) -> float:
        """Median gray level of the parenchyma; at least 1."""
        return max(float(np.median(self.pixels[self.parenchyma])), DARKEST)

    @cached_property
    def smooth(self) -> np.ndarray:
        """The pixels averaged with a Gaussian of 1/20 of an ROI side (0.75 mm): brings sharp and smoothed displays, and
        images of different size, closer together."""
        return ndimage.gaussian_filter(self.pixels, self.side / SMOOTHING)

    @cached_property
    def speckle(self) -> float:
        """SD of the smoothed speckle in the parenchyma, gray levels, by the median deviation from the local mean.

        Log compression turns speckle into noise of constant SD in dB (5.6 dB for fully developed speckle; Szabo,
        Diagnostic Ultrasound Imaging), so a difference of gray levels divided by it depends neither on gain nor on
        dynamic range. At least half a gray level.
        """
        residual = self.smooth - ndimage.uniform_filter(self.smooth, self.side // 2 | 1)
        return max(1.4826 * float(np.median(np.abs(residual[self.parenchyma]))), 0.5)

    @cached_property
    def liver_beams(self) -> np.ndarray:
        """Bool ``(48,)``: the groups of beams that cross the liver."""
        count = np.bincount(self.beam[self.parenchyma], minlength=BEAMS)
        return count > LEAST_BEAM * count.max()

    def ratio(self, level: float) -> float:
        """Natural logarithm of ``level`` over the brightness of the parenchyma."""
        return float(np.log(max(level, DARKEST) / self.liver_level))

    def in_speckle(self, level: float) -> float:
        """``level`` minus the brightness of the parenchyma, in SDs of the speckle."""
        return (level - self.liver_level) / self.speckle


def frame_tissue(
    image: UltrasoundImage,
    geometry: ScanGeometry,
    masks: OrganMasks,
    calibration: Calibration,
    hri: Mapping[str, float] | None = None,
) -> FrameTissue:
    """The tissue of a frame whose organs are known. :class:`InputError` where an organ has no insonated pixel."""
    x0, y0, x1, y1 = geometry.bounds
    box = np.s_[y0 : y1 + 1, x0 : x1 + 1]
    valid = (geometry.mask if image.color is None else geometry.mask & ~image.color)[box]
    liver, kidney = masks.liver[box] & valid, masks.right_kidney[box] & valid
    for name, organ in (("liver", liver), ("right kidney", kidney)):
        if not organ.any():
            raise InputError(f"The outline of the {name} lies outside of the scan; correct it.")
    side = roi_size_px(calibration, geometry, ROI_MM)[0]
    cm = calibration.x_mm / 10 if calibration.calibrated else ROI_MM / 10 / side
    rows, columns = np.arange(y0, y1 + 1)[:, None], np.arange(x0, x1 + 1)[None, :]
    depth = np.broadcast_to(geometry.depth_at(columns, rows) * cm, valid.shape).astype(np.float32)
    position = np.broadcast_to(geometry.beam_at(columns, rows), valid.shape)
    beam = np.clip((position * BEAMS).astype(int), 0, BEAMS - 1)
    return FrameTissue(image.pixels[box].astype(np.float32), valid, liver, kidney, depth, beam, side, hri or {})


def group_quantile(values: np.ndarray, groups: np.ndarray, count: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The ``share`` quantile (nearest rank) of ``values`` in each of ``count`` groups, and their sizes.

    Both vectors are ``(n,)``; ``groups`` are 0..count-1. NaN for a group without values.
    """
    order = np.lexsort((values, groups))
    sizes = np.bincount(groups, minlength=count)
    first = np.cumsum(sizes) - sizes
    at = np.minimum(first + np.round(share * np.maximum(sizes - 1, 0)).astype(int), max(len(values) - 1, 0))
    quantile = values[order][at].astype(float) if len(values) else np.zeros(count)
    return np.where(sizes > 0, quantile, np.nan), sizes
