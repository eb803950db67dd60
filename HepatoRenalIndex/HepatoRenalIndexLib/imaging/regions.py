"""The DICOM Sequence of Ultrasound Regions (0018,6011), PS3.3 C.8.5.5, and Pixel Spacing (0028,0030)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .image import UltrasoundRegion

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_CENTIMETER = 3  # Physical Units X/Y Direction (0018,6024), (0018,6026)
_FORMAT_2D, _FORMAT_MMODE, _FORMAT_SPECTRAL, _FORMAT_WAVEFORM = 1, 2, 3, 4
_SPECTRAL_DATA = frozenset(range(3, 10))  # Region Data Type: PW and CW spectral Doppler and their traces
_MAX_REGIONS = 1000


def read_regions(dataset: Dataset) -> tuple[tuple[UltrasoundRegion, ...], tuple[str, ...]]:
    """Regions in file order, and notes on items that could not be read.

    Says nothing about whether a region is plausible: deltas keep their sign and corners may lie outside.
    """
    try:
        items = list(dataset.get("SequenceOfUltrasoundRegions") or ())
    except Exception:
        return (), ("The ultrasound regions of the header are damaged and were put aside.",)
    regions, notes = [], []
    for number, item in enumerate(items[:_MAX_REGIONS], start=1):
        try:
            regions.append(_region(item))
        except Exception:
            notes.append(f"Ultrasound region {number} of the header is damaged or incomplete and was put aside.")
    if len(items) > _MAX_REGIONS:
        notes.append(f"Only the first {_MAX_REGIONS} ultrasound regions of the header were read.")
    return tuple(regions), tuple(notes)


def _region(item: Dataset) -> UltrasoundRegion:
    return UltrasoundRegion(
        x0=int(item.RegionLocationMinX0),
        y0=int(item.RegionLocationMinY0),
        x1=int(item.RegionLocationMaxX1),
        y1=int(item.RegionLocationMaxY1),
        spatial_format=int(item.get("RegionSpatialFormat") or 0),
        data_type=int(item.get("RegionDataType") or 0),
        flags=int(item.get("RegionFlags") or 0),
        delta_x_mm=_delta_mm(item.get("PhysicalUnitsXDirection"), item.get("PhysicalDeltaX")),
        delta_y_mm=_delta_mm(item.get("PhysicalUnitsYDirection"), item.get("PhysicalDeltaY")),
    )


def _delta_mm(unit: object, delta: object) -> float | None:
    if unit is None or delta is None or int(unit) != _CENTIMETER:
        return None
    millimeters = 10.0 * float(delta)
    if not math.isfinite(millimeters):
        raise ValueError("a physical delta that is not a number")
    return millimeters


def shows_tissue(regions: tuple[UltrasoundRegion, ...]) -> bool:
    """Whether a 2D image can be among the regions; True where the header does not tell.

    False when every region that states its format is M-mode, spectral Doppler or a waveform.
    """
    stated = [region for region in regions if region.spatial_format in range(_FORMAT_2D, _FORMAT_WAVEFORM + 1)]
    if not stated:
        return True
    return any(r.spatial_format == _FORMAT_2D and r.data_type not in _SPECTRAL_DATA for r in stated)


def read_pixel_spacing(dataset: Dataset) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """``(row spacing, column spacing)`` in mm from Pixel Spacing (0028,0030), and a note if it is unusable.

    Only this tag: Nominal Scanned Pixel Spacing (0018,2010) and Imager Pixel Spacing (0018,1164) describe the film
    or the detector, not the patient.
    """
    try:
        value = dataset.get("PixelSpacing")
        if value is None or value == "":
            return None, ()
        row, column = (float(v) for v in value)
        if math.isfinite(row) and math.isfinite(column):
            return (row, column), ()
    except Exception:  # a damaged value raises whatever its text leads to
        pass
    return None, ("Pixel Spacing of the header is damaged and was put aside.",)
