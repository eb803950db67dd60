"""One answer: two ROIs of an image of the study, measured; and how it stands in a file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..imaging.image import InputError, UltrasoundImage
from ..measurement.hri import MeasurementError, measure_hri
from ..measurement.result import HepatoRenalMeasurement
from ..measurement.roi import Roi
from .definition import StudyImage
from .journal import ANSWER, SKIP, Record

SMALLEST_INSIDE = 0.98  # share of an ROI that must lie in the insonated area; its outline is found to a pixel or two


@dataclass(frozen=True)
class Reading:
    """What a reader said of an image: two ROIs and their measurement, or the ``reason`` of a skip."""

    image: str
    liver: Roi | None = None
    kidney: Roi | None = None
    liver_mean: float | None = None
    kidney_mean: float | None = None
    hri: float | None = None
    flags: tuple[str, ...] = ()
    reason: str = ""

    @property
    def skipped(self) -> bool:
        return self.liver is None


def check_rois(image: StudyImage, liver: Roi, kidney: Roi, sector: np.ndarray) -> None:
    """Raise :class:`InputError` unless both ROIs have the study's size and lie in the insonated area ``sector``."""
    for organ, roi in (("liver", liver), ("kidney", kidney)):
        if (roi.width, roi.height) != (image.roi_width, image.roi_height):
            raise InputError(
                f"The {organ} ROI has {roi.width} x {roi.height} pixels, not {image.roi_width} x {image.roi_height} "
                "as the study says."
            )
        if not roi.inside(sector.shape):
            raise InputError(f"The {organ} ROI lies outside the image; move it onto the tissue.")
        if roi.values(sector).mean() < SMALLEST_INSIDE:
            raise InputError(
                f"The {organ} ROI lies outside the insonated area, or on text or color; move it onto the tissue."
            )


def measure_rois(source: UltrasoundImage, image: StudyImage, liver: Roi, kidney: Roi) -> HepatoRenalMeasurement:
    """The measurement of two ROIs of an image of the study; :class:`InputError` where they give no index."""
    geometry = image.geometry()
    check_rois(image, liver, kidney, geometry.mask)
    try:
        return measure_hri(source, liver, kidney, geometry, image.calibration)
    except MeasurementError as error:
        raise InputError(str(error)) from error


def answer_record(reading: Reading, image: StudyImage) -> Record:
    """The record of an answer, without what the file adds."""
    return {
        "type": ANSWER,
        "image": image.id,
        "pixels": image.sha256,
        "liver": [reading.liver.left, reading.liver.top, reading.liver.width, reading.liver.height],
        "kidney": [reading.kidney.left, reading.kidney.top, reading.kidney.width, reading.kidney.height],
        "liver_mean": reading.liver_mean,
        "kidney_mean": reading.kidney_mean,
        "hri": reading.hri,
        "flags": list(reading.flags),
    }


def reading_of(record: Record) -> Reading:
    """What an answer or skip in a file says; ``KeyError``, ``TypeError`` or ``ValueError`` if it is malformed."""
    if record["type"] == SKIP:
        return Reading(record["image"], reason=record["reason"])
    return Reading(
        image=record["image"],
        liver=_roi(record["liver"]),
        kidney=_roi(record["kidney"]),
        liver_mean=record["liver_mean"],
        kidney_mean=record["kidney_mean"],
        hri=record["hri"],
        flags=tuple(record["flags"]),
    )


def reading_from(image: str, measured: HepatoRenalMeasurement) -> Reading:
    """A measurement of an image as an answer."""
    return Reading(
        image=image,
        liver=measured.liver.roi,
        kidney=measured.kidney.roi,
        liver_mean=measured.liver.mean,
        kidney_mean=measured.kidney.mean,
        hri=measured.hri,
        flags=tuple(dict.fromkeys(flag.code for flag in measured.flags)),
    )


def _roi(values: list[int]) -> Roi:
    if not all(type(value) is int for value in values):
        raise TypeError("an ROI is four whole numbers")
    return Roi(*values)
