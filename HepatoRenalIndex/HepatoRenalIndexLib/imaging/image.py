"""The one image type that every part of the library shares.

Pixel coordinates everywhere in the library: ``x`` to the right, ``y`` down, the centre of the upper left
pixel is ``(0, 0)``; arrays are indexed ``[y, x]`` and shaped ``(rows, columns)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


class InputError(ValueError):
    """Input that cannot be measured. The message is one sentence for the user: what is wrong, what to do."""


@dataclass(frozen=True)
class UltrasoundRegion:
    """One item of the DICOM Sequence of Ultrasound Regions (0018,6011), PS3.3 C.8.5.5.

    Corners are inclusive pixel positions as the header gives them (they may lie outside the image).
    ``delta_x_mm`` and ``delta_y_mm`` are Physical Delta X/Y converted to millimetres, signed as stored, and
    ``None`` where the physical unit is not a length (cm).
    """

    x0: int
    y0: int
    x1: int
    y1: int
    spatial_format: int  # Region Spatial Format (0018,6012): 1 = 2D
    data_type: int  # Region Data Type (0018,6014): 1 = tissue, 2 = color flow
    flags: int  # Region Flags (0018,6016)
    delta_x_mm: float | None
    delta_y_mm: float | None

    @property
    def shows_tissue(self) -> bool:
        """Whether it is a 2D image of tissue, with or without color flow over it."""
        return self.spatial_format == 1 and self.data_type in (1, 2)

    @property
    def box(self) -> tuple[slice, slice]:
        """Index of the region in a ``(rows, columns)`` array, as far as it lies in the image."""
        return slice(max(self.y0, 0), max(self.y1 + 1, 0)), slice(max(self.x0, 0), max(self.x1 + 1, 0))

    def contains(self, x: float, y: float) -> bool:
        """Whether the pixel position ``(x, y)`` lies in the region."""
        return self.x0 <= x <= self.x1 and self.y0 <= y <= self.y1


@dataclass(frozen=True)
class Provenance:
    """Where the pixels came from. Holds nothing that identifies a patient and no absolute path."""

    source: str  # path relative to the input the user gave, with "/" separators
    frame: int = 0  # zero-based
    frame_count: int = 1
    file_format: str = ""  # "DICOM", "PNG", "JPEG", "TIFF", "array", ...
    transfer_syntax: str = ""  # DICOM transfer syntax name
    photometric_interpretation: str = ""  # DICOM (0028,0004) as stored
    manufacturer: str = ""  # DICOM (0008,0070)
    model: str = ""  # DICOM (0008,1090)


@dataclass(frozen=True)
class UltrasoundImage:
    """One greyscale ultrasound frame in its source geometry.

    ``pixels`` is uint8 ``(rows, columns)``, 0 black. ``color`` is bool of the same shape, True where the
    source pixel was colored (Doppler, colored overlay) and its brightness therefore is not tissue brightness;
    ``None`` for a source without color. ``pixel_spacing_mm`` is ``(row spacing, column spacing)`` from DICOM
    Pixel Spacing (0028,0030), or ``None``. ``notes`` says in words what
    the reader had to put aside or convert.
    """

    pixels: np.ndarray
    provenance: Provenance
    color: np.ndarray | None = None
    regions: tuple[UltrasoundRegion, ...] = ()
    pixel_spacing_mm: tuple[float, float] | None = None
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self):
        if self.pixels.ndim != 2 or self.pixels.dtype != np.uint8:
            raise ValueError(f"pixels must be uint8 (rows, columns), got {self.pixels.dtype} {self.pixels.shape}")
        if self.color is not None and (self.color.shape != self.pixels.shape or self.color.dtype != bool):
            raise ValueError("color must be a bool array of the shape of pixels")

    @property
    def rows(self) -> int:
        return self.pixels.shape[0]

    @property
    def columns(self) -> int:
        return self.pixels.shape[1]

    def in_tissue_regions(self) -> np.ndarray:
        """True in the header's 2D tissue and color flow regions, everywhere if it has none (DICOM PS3.3 C.8.5.5)."""
        regions = [region for region in self.regions if region.shows_tissue]
        kept = np.full(self.pixels.shape, not regions)
        for region in regions:
            kept[region.box] = True
        return kept
