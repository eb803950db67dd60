"""Pixel spacing with its source: the result of calibration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class SpacingSource(str, Enum):  # noqa: UP042 as every enumeration of the library
    """Where a pixel spacing came from; the values are what the result tables say."""

    USER = "user"
    REGION = "dicom_region"  # Sequence of Ultrasound Regions (0018,6011)
    PIXEL_SPACING = "dicom_pixel_spacing"  # Pixel Spacing (0028,0030)
    RULER = "ruler"  # burned-in depth ruler
    NONE = "none"


@dataclass(frozen=True)
class Calibration:
    """Pixel spacing in mm: ``x_mm`` a pixel's width, ``y_mm`` its height; both ``None`` if ``source`` is NONE.

    ``notes`` are sentences on what was refused and why; ``conflict`` is set when trusted sources disagree.
    """

    source: SpacingSource
    x_mm: float | None = None
    y_mm: float | None = None
    notes: tuple[str, ...] = ()
    conflict: bool = False

    @property
    def calibrated(self) -> bool:
        return self.source is not SpacingSource.NONE

    @property
    def aspect(self) -> float:
        """Pixel height divided by pixel width; 1.0 when uncalibrated."""
        return self.y_mm / self.x_mm if self.calibrated else 1.0
