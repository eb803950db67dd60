"""A case made by hand for the scene tests: known pixels, masks, ROIs and numbers, without segmentation or placement."""

from __future__ import annotations

import numpy as np
from HepatoRenalIndexLib.geometry.spacing import Calibration, SpacingSource
from HepatoRenalIndexLib.imaging.image import Provenance, UltrasoundImage
from HepatoRenalIndexLib.measurement.flags import Flag
from HepatoRenalIndexLib.measurement.organs import OrganMasks
from HepatoRenalIndexLib.measurement.result import (
    FrameResult,
    HepatoRenalMeasurement,
    ModelIdentity,
    RoiStatistics,
)
from HepatoRenalIndexLib.measurement.roi import Roi

RULER = Calibration(SpacingSource.RULER, 0.4512, 0.46)
SHAPE = (217, 318)


def make_image(frame: int = 0, frame_count: int = 1, seed: int = 3) -> UltrasoundImage:
    pixels = np.random.default_rng(seed + frame).integers(0, 256, SHAPE, dtype=np.uint8)
    return UltrasoundImage(pixels, Provenance("folder/case.dcm", frame, frame_count, "DICOM"))


def make_masks(shift: int = 0) -> OrganMasks:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    liver = ((x - 200 - shift) / 90) ** 2 + ((y - 85) / 45) ** 2 < 1
    kidney = ((x - 100 - shift) / 55) ** 2 + ((y - 115) / 30) ** 2 < 1
    return OrganMasks(liver & ~kidney, kidney, 0.91, 0.87)


def _statistics(image: UltrasoundImage, roi: Roi, depth_mm: float) -> RoiStatistics:
    values = roi.values(image.pixels).astype(float)
    return RoiStatistics(
        roi, values.mean(), values.std(ddof=1), float(np.median(values)), values.size, 0.01, 0.0, 80.5, depth_mm
    )


def make_result(frame: int = 0, frame_count: int = 1, calibration: Calibration | None = RULER) -> FrameResult:
    """A measured frame; masks and ROIs move by two pixels per frame."""
    image = make_image(frame, frame_count)
    liver = _statistics(image, Roi(190 + 2 * frame, 70, 33, 33), 45.25)
    kidney = _statistics(image, Roi(90 + 2 * frame, 100, 33, 33), 51.5)
    measurement = HepatoRenalMeasurement(
        liver.mean / kidney.mean,
        liver,
        kidney,
        roi_mm=15.0,
        distance_px=104.4,
        distance_mm=47.1,
        flags=(Flag("shadow", "The tissue above the kidney ROI is dark."), Flag("depth_mismatch", "12 mm apart.")),
    )
    return FrameResult(
        image,
        "ok",
        calibration=calibration,
        masks=make_masks(2 * frame),
        measurement=measurement,
        model=ModelIdentity("icnet", "1.0", "ab" * 32, "cpu"),
    )


def make_error(frame: int = 0, frame_count: int = 1) -> FrameResult:
    """A frame that could not be measured."""
    return FrameResult(make_image(frame, frame_count), "error", "No kidney was found: choose another frame.")


def assert_same_masks(actual: OrganMasks, expected: OrganMasks):
    np.testing.assert_array_equal(actual.liver, expected.liver)
    np.testing.assert_array_equal(actual.right_kidney, expected.right_kidney)
