"""Pixel spacing of a frame: from the user, the DICOM header or the burned-in ruler, in this order.

Headers of ultrasound are often wrong in ways that look right: a region of another part of the screen, negative or
absurd deltas, regions in coordinates of the screen before the image was resized or cropped. What is refused is said in
``Calibration.notes``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..imaging.image import InputError, UltrasoundImage, UltrasoundRegion
from .ruler import Ruler, detect_ruler
from .scan import ScanGeometry
from .spacing import Calibration, SpacingSource

SMALLEST_MM, LARGEST_MM = 0.02, 2.0  # pixel sizes that ultrasound images can have
SHALLOWEST_MM, DEEPEST_MM = 20.0, 400.0  # depths that ultrasound can image
LARGEST_ASPECT = 1.5  # pixels further from square than this are an error of the header
CONTRADICTION = 0.05  # relative difference from which sources contradict each other
_OVERHANG_PX = 2  # a region may end this far outside the image
_INSIDE = 0.98  # share of the area that must lie in a region; outlines may spill over an edge
_INSIDE_SCAN = 0.9  # the same when the area is the whole scan

_2D, _TISSUE = 1, 1  # Region Spatial Format (0018,6012), Region Data Type (0018,6014)

RulerDetector = Callable[[np.ndarray, ScanGeometry], Ruler | None]


def calibrate(
    image: UltrasoundImage,
    geometry: ScanGeometry,
    *,
    area: np.ndarray | None = None,
    user_spacing_mm: float | tuple[float, float] | None = None,
    ruler: RulerDetector | Ruler | None = detect_ruler,
) -> Calibration:
    """The pixel spacing of ``image`` and where it came from.

    ``area`` is bool ``(rows, columns)``, True where will be measured (the organs or the ROIs; the whole scan if None):
    a DICOM region counts only when it contains all of it. ``user_spacing_mm`` is one number for square pixels or
    ``(x, y)``, a pixel's width and height. ``ruler`` is a detector, a ruler already found, or None
    to leave the screen's ruler aside. ``geometry`` may have been found with another aspect.

    Raises ``InputError`` when the user's value cannot be a pixel size of an ultrasound image.
    """
    notes: list[str] = []
    found: list[Calibration] = []
    if user_spacing_mm is not None:
        found.append(_from_user(user_spacing_mm))
    for source in (
        _from_regions(image, geometry, area, notes),
        _from_pixel_spacing(image, geometry, notes),
        _from_ruler(image, geometry, ruler),
    ):
        if source is not None:
            found.append(source)
    if not found:
        return Calibration(SpacingSource.NONE, notes=tuple(notes))
    chosen = found[0]
    depth_mm = _depth_mm(geometry, chosen.x_mm, chosen.y_mm)
    if depth_mm is not None and not SHALLOWEST_MM <= depth_mm <= DEEPEST_MM:
        notes.append(f"With a pixel size of {chosen.y_mm:.4g} mm the scan would be {depth_mm:.0f} mm deep.")
    contradictions = [note for other in found[1:] if (note := _contradiction(chosen, other)) is not None]
    return Calibration(
        chosen.source, chosen.x_mm, chosen.y_mm, tuple(notes + contradictions), conflict=bool(contradictions)
    )


def _from_user(value: float | tuple[float, float]) -> Calibration:
    try:
        column, row = (float(value), float(value)) if np.ndim(value) == 0 else (float(v) for v in value)
    except (TypeError, ValueError):
        raise InputError("The pixel spacing must be one number in mm, or two (width and height of a pixel).") from None
    for spacing in (row, column):
        if not math.isfinite(spacing) or not SMALLEST_MM <= spacing <= LARGEST_MM:
            raise InputError(
                f"A pixel spacing of {spacing:g} mm cannot be right; give mm per pixel "
                f"between {SMALLEST_MM:g} and {LARGEST_MM:g}."
            )
    if not _square_enough(column, row):
        raise InputError(f"Pixels of {column:g} x {row:g} mm are too far from square; check the spacing given.")
    return Calibration(SpacingSource.USER, column, row)


def _from_regions(
    image: UltrasoundImage, geometry: ScanGeometry, area: np.ndarray | None, notes: list[str]
) -> Calibration | None:
    """The region that contains the area; the smallest of several. Adds to ``notes`` what was refused."""
    if not image.regions:
        return None
    given = area is not None and bool(area.any())
    wanted = area if given else geometry.mask
    usable = []
    elsewhere = 0
    for number, region in enumerate(image.regions, start=1):
        if region.spatial_format != _2D:
            continue  # traces and spectra are no calibration of the image and no error either
        if not _contains(region, wanted, _INSIDE if given else _INSIDE_SCAN):
            elsewhere += 1
            continue
        reason = _refusal(region, image, geometry)
        if reason is None:
            usable.append(region)
        else:
            notes.append(f"DICOM ultrasound region {number} was not used: {reason}.")
    if not usable:
        if elsewhere:
            place = "the area measured" if given else "the scan"
            notes.append(f"No usable DICOM ultrasound region contains {place}.")
        elif all(region.spatial_format != _2D for region in image.regions):
            notes.append("None of the DICOM ultrasound regions is a 2D image region.")
        return None
    best = min(usable, key=lambda region: (region.x1 - region.x0) * (region.y1 - region.y0))
    chosen = Calibration(SpacingSource.REGION, best.delta_x_mm, best.delta_y_mm)
    for other in usable:
        spacing = Calibration(SpacingSource.REGION, other.delta_x_mm, other.delta_y_mm)
        if _differs(chosen.x_mm, spacing.x_mm) or _differs(chosen.y_mm, spacing.y_mm):
            notes.append(
                "DICOM ultrasound regions that overlap here state different pixel sizes "
                f"({chosen.y_mm:.4g} and {spacing.y_mm:.4g} mm); none was used."
            )
            return None
    return chosen


def _contains(region: UltrasoundRegion, wanted: np.ndarray, share: float) -> bool:
    """Whether the region holds at least ``share`` of the ``wanted`` pixels (all of the image if there are none)."""
    rows, columns = wanted.shape
    total = int(wanted.sum())
    y0, y1 = max(0, region.y0), min(rows, region.y1 + 1)
    x0, x1 = max(0, region.x0), min(columns, region.x1 + 1)
    if y1 <= y0 or x1 <= x0:
        return False
    if total == 0:
        return (y1 - y0) * (x1 - x0) >= share * rows * columns
    return int(wanted[y0:y1, x0:x1].sum()) >= share * total


def _refusal(region: UltrasoundRegion, image: UltrasoundImage, geometry: ScanGeometry) -> str | None:
    """Why a 2D region cannot calibrate the image, or None."""
    if region.data_type != _TISSUE:
        return "it holds no tissue data"
    if region.delta_x_mm is None or region.delta_y_mm is None:
        return "its unit is not a length"
    beyond = max(-region.x0, -region.y0, region.x1 - (image.columns - 1), region.y1 - (image.rows - 1))
    if beyond > _OVERHANG_PX:
        return "it reaches beyond the image, which was cropped or resized after its pixel size was written"
    return _implausible(region.delta_x_mm, region.delta_y_mm, geometry)


def _implausible(x_mm: float, y_mm: float, geometry: ScanGeometry) -> str | None:
    """Why the pixel size cannot be that of ``geometry``'s image, or None."""
    size = f"{x_mm:.4g} x {y_mm:.4g} mm"
    if not (math.isfinite(x_mm) and math.isfinite(y_mm)):
        return "its pixel size is not a number"
    if min(x_mm, y_mm) < 0:
        return f"its pixel size is negative ({size})"
    if min(x_mm, y_mm) == 0:
        return "its pixel size is zero"
    if not (SMALLEST_MM <= x_mm <= LARGEST_MM and SMALLEST_MM <= y_mm <= LARGEST_MM):
        return f"its pixel size is absurd ({size})"
    if not _square_enough(x_mm, y_mm):
        return f"its pixels are too far from square ({size})"
    depth_mm = _depth_mm(geometry, x_mm, y_mm)
    if depth_mm is not None and not SHALLOWEST_MM <= depth_mm <= DEEPEST_MM:
        return f"with its pixel size ({size}) the scan would be {depth_mm:.0f} mm deep"
    return None


def _from_pixel_spacing(image: UltrasoundImage, geometry: ScanGeometry, notes: list[str]) -> Calibration | None:
    if image.pixel_spacing_mm is None:
        return None
    row, column = image.pixel_spacing_mm
    reason = _implausible(column, row, geometry)
    if reason is None and row == 1.0 and column == 1.0:
        reason = "1 x 1 mm is what converters write when they do not know it"
    if reason is not None:
        notes.append(f"DICOM Pixel Spacing was not used: {reason}.")
        return None
    return Calibration(SpacingSource.PIXEL_SPACING, column, row)


def _from_ruler(
    image: UltrasoundImage, geometry: ScanGeometry, ruler: RulerDetector | Ruler | None
) -> Calibration | None:
    result = ruler(image.pixels, geometry) if callable(ruler) else ruler
    if result is None:
        return None
    return Calibration(SpacingSource.RULER, result.mm_per_px, result.mm_per_px * geometry.aspect)


def _depth_mm(geometry: ScanGeometry, x_mm: float, y_mm: float) -> float | None:
    """Vertical extent of the visible scan in mm; None without one."""
    if not geometry.mask.any():
        return None
    _, top, _, bottom = geometry.bounds
    return (bottom - top + 1) * y_mm


def _square_enough(x_mm: float, y_mm: float) -> bool:
    return 1 / LARGEST_ASPECT <= y_mm / x_mm <= LARGEST_ASPECT


def _differs(one: float, other: float) -> bool:
    return abs(one - other) > CONTRADICTION * min(one, other)


_NAMES = {
    SpacingSource.USER: "the value given",
    SpacingSource.REGION: "the DICOM ultrasound region",
    SpacingSource.PIXEL_SPACING: "DICOM Pixel Spacing",
    SpacingSource.RULER: "the depth ruler in the image",
}


def _contradiction(chosen: Calibration, other: Calibration) -> str | None:
    """A sentence on two sources that disagree, or None. Rulers measure depth, so that they are compared in height."""
    apart = _differs(chosen.y_mm, other.y_mm)
    if other.source is not SpacingSource.RULER:
        apart = apart or _differs(chosen.x_mm, other.x_mm)
    if not apart:
        return None
    return (
        f"Sources of the pixel size contradict each other: {_NAMES[chosen.source]} says {chosen.y_mm:.4g} mm, "
        f"{_NAMES[other.source]} {other.y_mm:.4g} mm; the first was used."
    )
