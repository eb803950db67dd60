"""Frames of a subject, one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from HepatoRenalIndexLib.geometry.calibration import calibrate
from HepatoRenalIndexLib.geometry.detect import detect_scan_geometry
from HepatoRenalIndexLib.geometry.scan import ScanGeometry
from HepatoRenalIndexLib.geometry.spacing import Calibration
from HepatoRenalIndexLib.imaging.image import InputError, UltrasoundImage
from HepatoRenalIndexLib.imaging.reader import open_ultrasound

from ..cohort.cohort import CohortImage
from ..cohort.vocabulary import View


@dataclass(frozen=True)
class Frame:
    """One frame of one view. ``geometry`` is where the scan lies in ``image``, shared by all frames of a clip."""

    view: View
    source: str
    index: int  # zero-based in its file
    count: int  # frames of the file
    image: UltrasoundImage
    geometry: ScanGeometry

    def calibration(self) -> Calibration:
        """Millimeters per pixel, by the header or the ruler in the image."""
        return calibrate(self.image, self.geometry)


def frames_of(image: CohortImage, most: int | None = None) -> Iterator[Frame]:
    """The frames of one image or clip, decoded one at a time; of a longer clip ``most`` evenly spaced ones.

    ``most`` is the caller's limit, ``image.most_frames`` that of the cohort; the smaller one counts.
    Frames without a scan (blank ones between clips) are passed over.
    Raises :class:`InputError` that names the source when the file cannot be read or shows no scan.
    """
    try:
        with open_ultrasound(image.path, image.source) as file:
            geometry, shown = None, False
            limits = [limit for limit in (most, image.most_frames) if limit is not None]
            for index in evenly(file.frame_count, min(limits, default=None)):
                picture = file.frame(index)
                if picture.pixels.min() == picture.pixels.max():
                    continue
                if geometry is None or geometry.mask.shape != picture.pixels.shape:
                    geometry = detect_scan_geometry(picture.pixels, color=picture.color)
                if not geometry.mask.any():
                    geometry = None
                    continue
                shown = True
                yield Frame(image.view, image.source, index, file.frame_count, picture, geometry)
            if not shown:
                raise InputError("The image shows no scan; give a B-mode image.")
    except InputError as error:
        raise InputError(f"{image.source}: {error}") from None


def evenly(count: int, most: int | None) -> list[int]:
    """All of ``range(count)``, or ``most`` of it evenly spaced with both ends (the middle one for 1)."""
    if most is None or count <= most:
        return list(range(count))
    if most < 1:
        raise ValueError("at least one frame must be taken")
    if most == 1:
        return [count // 2]
    return sorted({int(i) for i in np.linspace(0, count - 1, most).round()})


def pixel_digest(pixels: np.ndarray) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of shape and pixels, whatever the file is called."""
    pixels = np.ascontiguousarray(pixels)
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()[:16]
