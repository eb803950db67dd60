"""The columns of the result: one definition for the CSV file and the Slicer table.

Units are UCUM codes; what UCUM has no unit for stands in braces, which UCUM reads as the unity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any

from .. import __version__
from .result import FrameResult, RoiStatistics

GRAY_LEVEL = "{gray_level}"
PIXEL = "{pixel}"
RATIO = "{ratio}"
SHARE = "1"
NO_UNIT = ""

# (coding scheme, code, meaning) as DICOM codes how a number was derived from others, PS3.16 CID 7464
Code = tuple[str, str, str]
MEAN: Code = ("SCT", "373098007", "Mean")
MEDIAN: Code = ("SCT", "373099004", "Median")
STANDARD_DEVIATION: Code = ("SCT", "386136009", "Standard Deviation")


@dataclass(frozen=True)
class Column:
    """One column. ``value`` gives the ``kind`` (``int``, ``float`` or ``str``), or ``None`` for what is missing."""

    name: str
    unit: str
    description: str
    value: Callable[[FrameResult], Any]
    kind: type = str
    derivation: Code | None = None

    def text(self, result: FrameResult) -> str:
        """The cell as text, the same in every file: empty where the value is missing."""
        value = self.value(result)
        return "" if value is None else str(value)


def _dig(result: FrameResult, path: str) -> Any:
    """The attribute at the dotted ``path``, ``None`` as soon as a part of it is ``None``."""
    value: Any = result
    for name in path.split("."):
        if value is None:
            return None
        value = getattr(value, name)
    return value


def _number(name: str, unit: str, path: str, decimals: int, description: str, derivation: Code | None = None) -> Column:
    def value(result: FrameResult) -> float | None:
        found = _dig(result, path)
        return None if found is None or not isfinite(found) else round(float(found), decimals)

    return Column(name, unit, description, value, float, derivation)


def _count(name: str, unit: str, path: str, description: str) -> Column:
    def value(result: FrameResult) -> int | None:
        found = _dig(result, path)
        return None if found is None else int(found)

    return Column(name, unit, description, value, int)


def _text(name: str, path: str, description: str) -> Column:
    def value(result: FrameResult) -> str | None:
        found = _dig(result, path)
        return None if found is None else str(getattr(found, "value", found))

    return Column(name, NO_UNIT, description, value, str)


def _joined(values: tuple[str, ...], separator: str) -> str:
    """The distinct values in their order."""
    return separator.join(dict.fromkeys(values))


def _spacing(result: FrameResult) -> float | None:
    calibration = result.calibration
    if calibration is None or not calibration.calibrated:
        return None
    return round(sqrt(calibration.x_mm * calibration.y_mm), 6)


def _center(organ: str, axis: int) -> Callable[[FrameResult], float | None]:
    def value(result: FrameResult) -> float | None:
        statistics: RoiStatistics | None = _dig(result, f"measurement.{organ}")
        return None if statistics is None else float(statistics.roi.center[axis])

    return value


def _notes(result: FrameResult) -> str:
    return _joined(result.image.notes + (result.calibration.notes if result.calibration else ()), " ")


def _organ_columns(organ: str) -> tuple[Column, ...]:
    """The rest of what is known of one ROI and its organ, beside the columns that come first."""
    statistics = f"measurement.{organ}"
    mask = {"liver": "liver", "kidney": "right_kidney"}[organ]
    return (
        _number(
            f"{organ}_median", GRAY_LEVEL, f"{statistics}.median", 3, f"Median brightness in the {organ} ROI", MEDIAN
        ),
        _count(f"{organ}_pixels", PIXEL, f"{statistics}.pixel_count", f"Number of pixels in the {organ} ROI"),
        _count(f"{organ}_roi_left", PIXEL, f"{statistics}.roi.left", f"First pixel column of the {organ} ROI"),
        _count(f"{organ}_roi_top", PIXEL, f"{statistics}.roi.top", f"First pixel row of the {organ} ROI"),
        _count(f"{organ}_roi_width", PIXEL, f"{statistics}.roi.width", f"Width of the {organ} ROI in pixels"),
        _count(f"{organ}_roi_height", PIXEL, f"{statistics}.roi.height", f"Height of the {organ} ROI in pixels"),
        _number(
            f"{organ}_saturated_share",
            SHARE,
            f"{statistics}.saturated_share",
            4,
            f"Share of the {organ} ROI's pixels at or near the largest gray level, 0 to 1",
        ),
        _number(
            f"{organ}_zero_share",
            SHARE,
            f"{statistics}.zero_share",
            4,
            f"Share of the {organ} ROI's pixels that are black, 0 to 1",
        ),
        _number(
            f"{organ}_depth_px",
            PIXEL,
            f"{statistics}.depth_px",
            2,
            f"Depth of the {organ} ROI's center along the beam from the transducer surface, in pixel widths",
        ),
        _number(
            f"{organ}_confidence",
            SHARE,
            f"masks.{mask}_confidence",
            4,
            f"Mean probability of the segmentation network inside the {organ} mask, empty for a mask drawn by hand",
        ),
    )


COLUMNS: tuple[Column, ...] = (
    _text("source", "image.provenance.source", "Path of the source file, relative to the input given"),
    _count("frame", NO_UNIT, "image.provenance.frame", "Frame of the source file, counted from 0"),
    _text("status", "status", "ok, or error when the frame could not be measured"),
    _text("message", "message", "What is wrong with the frame and what to do"),
    _count("rows", PIXEL, "image.rows", "Rows of the source image"),
    _count("columns", PIXEL, "image.columns", "Columns of the source image"),
    Column(
        "spacing_mm",
        "mm",
        "Pixel spacing; for pixels that are not square the side of a square of the same area; empty when unknown",
        _spacing,
        float,
    ),
    _text(
        "spacing_source",
        "calibration.source",
        "Where the spacing comes from: user, dicom_region, dicom_pixel_spacing, ruler (burned in) or none",
    ),
    _number("liver_mean", GRAY_LEVEL, "measurement.liver.mean", 3, "Mean brightness in the liver ROI, 0 to 255", MEAN),
    _number(
        "liver_sd",
        GRAY_LEVEL,
        "measurement.liver.sd",
        3,
        "Sample standard deviation in the liver ROI",
        STANDARD_DEVIATION,
    ),
    _number(
        "kidney_mean", GRAY_LEVEL, "measurement.kidney.mean", 3, "Mean brightness in the kidney ROI, 0 to 255", MEAN
    ),
    _number(
        "kidney_sd",
        GRAY_LEVEL,
        "measurement.kidney.sd",
        3,
        "Sample standard deviation in the kidney ROI",
        STANDARD_DEVIATION,
    ),
    _number("hri", RATIO, "measurement.hri", 4, "Hepatorenal index: liver ROI mean divided by kidney ROI mean"),
    Column("liver_x", PIXEL, "Center of the liver ROI from the left, first pixel 0", _center("liver", 0), float),
    Column("liver_y", PIXEL, "Center of the liver ROI from the top, first pixel 0", _center("liver", 1), float),
    Column("kidney_x", PIXEL, "Center of the kidney ROI from the left, first pixel 0", _center("kidney", 0), float),
    Column("kidney_y", PIXEL, "Center of the kidney ROI from the top, first pixel 0", _center("kidney", 1), float),
    _number("roi_mm", "mm", "measurement.roi_mm", 3, "Side of the square ROIs; empty without a pixel spacing"),
    _count("roi_px", PIXEL, "measurement.liver.roi.width", "Width of the ROIs in pixels"),
    _number("liver_depth_mm", "mm", "measurement.liver.depth_mm", 2, "Depth of the liver ROI's center along the beam"),
    _number(
        "kidney_depth_mm", "mm", "measurement.kidney.depth_mm", 2, "Depth of the kidney ROI's center along the beam"
    ),
    Column(
        "flags",
        NO_UNIT,
        "Codes of the quality flags, separated by semicolons",
        lambda result: _joined(tuple(flag.code for flag in result.flags), ";"),
    ),
    _text("model", "model.name", "Segmentation model; manual for masks drawn by hand"),
    _text("model_sha256", "model.sha256", "SHA-256 of the model's weights file"),
    Column("version", NO_UNIT, "Version of the software that measured", lambda result: __version__),
    Column(
        "flag_reasons",
        NO_UNIT,
        "The quality flags in words, with the figures of the frame",
        lambda result: _joined(tuple(flag.reason for flag in result.flags), " "),
    ),
    Column("notes", NO_UNIT, "What reading and calibration had to convert, put aside or refuse", _notes),
    _text("placement", "placement.name", "Name of the ROI placement"),
    _number("spacing_x_mm", "mm", "calibration.x_mm", 6, "Width of a pixel"),
    _number("spacing_y_mm", "mm", "calibration.y_mm", 6, "Height of a pixel"),
    _text("probe_shape", "geometry.shape", "Shape of the insonated area: sector, curved, linear or unknown"),
    *_organ_columns("liver"),
    *_organ_columns("kidney"),
    _number("roi_distance_px", PIXEL, "measurement.distance_px", 2, "Distance of the ROI centers, in pixel widths"),
    _number("roi_distance_mm", "mm", "measurement.distance_mm", 2, "Distance of the ROI centers"),
    _number("cutoff", RATIO, "cutoff.hri", 4, "Cut-off that the user asked for; empty without one"),
    _text("cutoff_source", "cutoff.source", "Where the cut-off comes from; cut-offs do not transfer between devices"),
    Column(
        "reaches_cutoff",
        NO_UNIT,
        "yes when the index is at or above the cut-off, else no; not a diagnosis",
        lambda result: {None: None, True: "yes", False: "no"}[result.reaches_cutoff],
    ),
    _text("model_version", "model.version", "Version of the segmentation model"),
    _text("device", "model.device", "Device on which the segmentation ran"),
    _text("manufacturer", "image.provenance.manufacturer", "Manufacturer of the scanner, DICOM (0008,0070)"),
    _text("manufacturer_model", "image.provenance.model", "Model name of the scanner, DICOM (0008,1090)"),
    _text("file_format", "image.provenance.file_format", "Format of the source file"),
    _count("frame_count", NO_UNIT, "image.provenance.frame_count", "Number of frames in the source file"),
)
