"""From frames to the inputs of ResNet-50: lateral shift, crop, size, reflection, colors as in ImageNet."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...cohort.cohort import Subject
from ...cohort.vocabulary import View
from ...frames.choosing import choose_frames, first_view
from ...frames.crop import Crop, resize, scan_crop, scan_pixels
from ...frames.frame import Frame
from .settings import PAPER_VIEWS, ResNet50Settings

PLAIN = (0, False)  # shift in pixels, reflected: the image as it is


@dataclass(frozen=True)
class ScanImage:
    """The scan of one frame in its box, in pixels of the source: uint8 ``(rows, columns)``, with room to shift."""

    view: View
    source: str
    index: int
    pixels: np.ndarray
    margin: int  # columns on either side beyond the box

    @property
    def digest(self) -> str:
        """SHA-256 of shape and pixels."""
        return hashlib.sha256(f"{self.pixels.shape}{self.margin}".encode() + self.pixels.tobytes()).hexdigest()

    def square(self, shift: int, reflected: bool, size: int) -> np.ndarray:
        """float32 ``(size, size)``, 0..255: the box moved by ``shift`` pixels, resized, then mirrored."""
        start = self.margin + shift
        box = self.pixels[:, start : start + self.pixels.shape[1] - 2 * self.margin]
        square = resize(box, (size, size))
        return square[:, ::-1] if reflected else square


def augmentations(settings: ResNet50Settings) -> list[tuple[int, bool]]:
    """Shift and reflection of every augmented image, the plain one first; 10 with the defaults."""
    return [
        (shift, mirrored)
        for shift in settings.shifts_px
        for mirrored in ((False, True) if settings.reflected else (False,))
    ]


def scan_image(frame: Frame, settings: ResNet50Settings) -> ScanImage:
    """The frame cut to the box around its scan, with columns beside it for the shifts."""
    pixels = scan_pixels(frame.image.pixels, frame.geometry) if settings.blacken_outside else frame.image.pixels
    box = scan_crop(frame.geometry)
    margin = max(abs(shift) for shift in settings.shifts_px)
    wide = Crop(box.x0 - margin, box.y0, box.x1 + margin, box.y1)
    return ScanImage(frame.view, frame.source, frame.index, np.ascontiguousarray(wide.cut(pixels)), margin)


def view_images(subject: Subject, view: View, most: int, settings: ResNet50Settings) -> list[ScanImage]:
    """The images of a subject that stand for one of the paper's views; none where it has no such view."""
    own = first_view(subject, PAPER_VIEWS[view])
    return [] if own is None else [scan_image(frame, settings) for frame in choose_frames(subject, own, most)]


def network_input(
    image: ScanImage, augmented: list[tuple[int, bool]], size: int, normalization: tuple[list[float], list[float]]
) -> np.ndarray:
    """float32 ``(augmented, 3, size, size)``: gray as red, green and blue, 0..1, less the mean, over the deviation."""
    mean, deviation = (np.array(part, dtype=np.float32)[None, :, None, None] for part in normalization)
    squares = np.stack([image.square(shift, mirrored, size) for shift, mirrored in augmented])
    return (squares[:, None] / np.float32(255) - mean) / deviation


def feature_key(image: ScanImage, augmented: list[tuple[int, bool]], settings: ResNet50Settings) -> dict[str, Any]:
    """What decides the inputs of the backbone."""
    return {"pixels": image.digest, "augmented": augmented, "size": settings.image_size}
