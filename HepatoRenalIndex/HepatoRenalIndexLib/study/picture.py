"""What a reader is shown of an image: the insonated area and nothing else, under a neutral name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from ..geometry.calibration import CONTRADICTION, calibrate
from ..geometry.detect import detect_scan_geometry
from ..geometry.scan import ProbeShape, ScanGeometry
from ..geometry.spacing import Calibration
from ..imaging.image import InputError, UltrasoundImage, UltrasoundRegion
from ..pipeline.measure import SAME_ASPECT

# What is drawn over tissue (text, calipers, lines) has sharper edges than tissue has: in 400 real images the one piece
# of tissue taken for a drawing was a specular reflection of 78 pixels, and all the scanner's lines and bars were found.
SHARP_EDGE = 80  # gray levels from one pixel to the next
SMALLEST_DRAWN = 20  # pixels of connected sharp edges
NEXT_TO_DRAWN = 4  # pixels from there to smaller pieces that belong to it
EDGE_OF_SECTOR = 4  # pixels; the outline itself may be sharp
_EIGHT = np.ones((3, 3), bool)  # neighbors, diagonal ones too


def shown_pixels(image: UltrasoundImage, sector: np.ndarray) -> np.ndarray:
    """The image, uint8 ``(rows, columns)``, black outside the bool mask ``sector``."""
    return np.where(sector, image.pixels, 0).astype(np.uint8)


def find_sector(
    image: UltrasoundImage, spacing_mm: float | None, show_unrecognized: bool
) -> tuple[ScanGeometry, Calibration]:
    """Insonated area and pixel spacing of an image; the mask leaves out what is drawn over it or colored.

    What the header says is no tissue is left out as well. Where the header has several 2D tissue regions, each is
    looked at alone and the mask holds them all. Raises :class:`InputError` where the area is not recognized, so that
    burned-in text cannot be told from tissue, unless ``show_unrecognized`` says that there is none.
    """
    regions = [region for region in image.regions if region.shows_tissue]
    found = [_sector(image, region, spacing_mm) for region in regions] if len(regions) > 1 else []
    found = [pair for pair in found if pair[0].mask.any()] or [_sector(image, None, spacing_mm)]
    geometry, calibration = max(found, key=lambda pair: np.count_nonzero(pair[0].mask))
    if any(_apart(calibration, other) for _, other in found):
        raise InputError("The parts of the image have different pixel sizes; export the liver/kidney image alone.")
    mask = np.logical_or.reduce([each.mask for each, _ in found])
    if not mask.any():
        raise InputError("The image shows no tissue; leave it out or export it again.")
    if geometry.shape is ProbeShape.UNKNOWN and not show_unrecognized:
        raise InputError(
            "The insonated area was not recognized, so burned-in text cannot be hidden; take the image into the study "
            "only if it holds none (--show-unrecognized)."
        )
    mask &= image.in_tissue_regions()
    mask &= ~drawn_over(image.pixels, mask)
    if image.color is not None:
        mask &= ~ndimage.binary_dilation(image.color, _EIGHT)
    return replace(geometry, mask=mask), calibration


def drawn_over(pixels: np.ndarray, sector: np.ndarray) -> np.ndarray:
    """True where text, calipers or lines are drawn over the tissue, bool ``(rows, columns)``.

    ``pixels`` is uint8, ``sector`` the bool mask in which is looked; what is closer than four pixels to its edge, or
    stands out by less than 80 gray levels, is not found.
    """
    sharp = np.zeros(pixels.shape, bool)
    values = pixels.astype(np.int16)
    across = np.abs(np.diff(values, axis=1)) >= SHARP_EDGE
    sharp[:, 1:] |= across
    sharp[:, :-1] |= across
    down = np.abs(np.diff(values, axis=0)) >= SHARP_EDGE
    sharp[1:] |= down
    sharp[:-1] |= down
    sharp &= ndimage.binary_erosion(sector, iterations=EDGE_OF_SECTOR)
    labels, count = ndimage.label(sharp, _EIGHT)
    if not count:
        return sharp
    drawn = np.bincount(labels.ravel()) >= SMALLEST_DRAWN
    drawn[0] = False
    near = ndimage.binary_dilation(drawn[labels], _EIGHT, iterations=NEXT_TO_DRAWN)
    drawn[labels[near]] = True  # dots and thin parts
    drawn[0] = False
    return ndimage.binary_dilation(ndimage.binary_closing(drawn[labels], _EIGHT, iterations=2), iterations=2)


def _sector(
    image: UltrasoundImage, region: UltrasoundRegion | None, spacing_mm: float | None
) -> tuple[ScanGeometry, Calibration]:
    part = image
    if region is not None:
        pixels = np.zeros_like(image.pixels)
        pixels[region.box] = image.pixels[region.box]
        part = replace(image, pixels=pixels)
    geometry = detect_scan_geometry(part.pixels, color=part.color)
    calibration = calibrate(image, geometry, user_spacing_mm=spacing_mm)
    if abs(calibration.aspect - 1.0) > SAME_ASPECT:
        geometry = detect_scan_geometry(part.pixels, color=part.color, aspect=calibration.aspect)
        calibration = calibrate(image, geometry, user_spacing_mm=spacing_mm)
    return geometry, calibration


def _apart(one: Calibration, other: Calibration) -> bool:
    if not (one.calibrated and other.calibrated):
        return one.calibrated != other.calibrated
    pairs = ((one.x_mm, other.x_mm), (one.y_mm, other.y_mm))
    return any(abs(a - b) > CONTRADICTION * min(a, b) for a, b in pairs)
