"""The hepatorenal index of two ROIs: brightness, depth and quality flags.

Brightness is the mean gray level of the displayed 8-bit image, as in Cha et al. 2021; HRI = liver mean / kidney mean.
"""

from __future__ import annotations

import math

import numpy as np

from ..geometry.scan import ScanGeometry
from ..geometry.spacing import Calibration
from ..imaging.image import UltrasoundImage
from .flags import Flag
from .organs import OrganMasks
from .quality import DEFAULT_THRESHOLDS, QualityThresholds, quality_flags
from .result import HepatoRenalMeasurement, RoiStatistics
from .roi import Roi

DARKEST_KIDNEY_MEAN = 1.0  # gray levels; below it the ratio is of noise


class MeasurementError(ValueError):
    """Two ROIs that give no index. The message is one sentence for the user."""


def roi_size_px(calibration: Calibration, geometry: ScanGeometry, roi_mm: float) -> tuple[int, int]:
    """Width and height in pixels of a square ROI of ``roi_mm``.

    Uncalibrated, no size in mm can be claimed: the side is then 9 % of the height of the insonated area, which is
    15 mm in an image 17 cm deep, and the measurement carries the flag ``uncalibrated``.
    """
    if calibration.calibrated:
        return max(round(roi_mm / calibration.x_mm), 1), max(round(roi_mm / calibration.y_mm), 1)
    _, top, _, bottom = geometry.bounds
    side = max(round(0.09 * (bottom - top + 1)), 3)
    return side, side


def roi_statistics(
    image: UltrasoundImage,
    roi: Roi,
    geometry: ScanGeometry,
    calibration: Calibration,
    thresholds: QualityThresholds = DEFAULT_THRESHOLDS,
) -> RoiStatistics:
    """Brightness and position of one ROI; ``MeasurementError`` if it is not inside the image."""
    if roi.width < 1 or roi.height < 1 or not roi.inside(image.pixels.shape):
        raise MeasurementError("An ROI lies outside the image; move it onto the tissue.")
    values = roi.values(image.pixels)
    depth_px = float(geometry.depth_at(*roi.center))
    return RoiStatistics(
        roi=roi,
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)) if values.size > 1 else 0.0,
        median=float(np.median(values)),
        pixel_count=values.size,
        saturated_share=float((values >= thresholds.saturated_level).mean()),
        zero_share=float((values == 0).mean()),
        depth_px=depth_px,
        depth_mm=depth_px * calibration.x_mm if calibration.calibrated else None,
    )


def measure_hri(
    image: UltrasoundImage,
    liver_roi: Roi,
    kidney_roi: Roi,
    geometry: ScanGeometry,
    calibration: Calibration,
    *,
    masks: OrganMasks | None = None,
    roi_mm: float | None = None,
    thresholds: QualityThresholds = DEFAULT_THRESHOLDS,
    flags: tuple[Flag, ...] = (),
) -> HepatoRenalMeasurement:
    """Measure two ROIs, however they were placed.

    ``masks`` are compared with the ROIs where given. ``flags`` are those the caller already knows of. Raises
    :class:`MeasurementError` for an ROI outside the image or a kidney without any brightness.
    """
    liver = roi_statistics(image, liver_roi, geometry, calibration, thresholds)
    kidney = roi_statistics(image, kidney_roi, geometry, calibration, thresholds)
    if kidney.mean < DARKEST_KIDNEY_MEAN:
        raise MeasurementError("The kidney ROI is black, so there is no index; move it onto the renal cortex.")
    (lx, ly), (kx, ky) = liver_roi.center, kidney_roi.center
    distance = math.hypot(lx - kx, (ly - ky) * calibration.aspect)
    return HepatoRenalMeasurement(
        hri=liver.mean / kidney.mean,
        liver=liver,
        kidney=kidney,
        roi_mm=roi_mm if calibration.calibrated else None,
        distance_px=distance,
        distance_mm=distance * calibration.x_mm if calibration.calibrated else None,
        flags=flags + quality_flags(image, liver, kidney, distance, geometry, calibration, masks, thresholds),
    )
