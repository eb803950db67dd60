"""From frames to the inputs of VGG19: crop, size, min-max scaling, rotations and flips."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from ...cohort.cohort import Subject
from ...frames.choosing import choose_frames, first_view
from ...frames.crop import resize, scan_crop, scan_pixels
from ...frames.frame import Frame
from ..base import RecipeError
from .settings import BRANCH_VIEWS, Vgg19Settings

PLAIN = (0, "")  # angle in degrees, flip: the image as it is
FLIPS = ("", "x", "y")


@dataclass(frozen=True)
class PreparedImage:
    """``pixels`` is float32 ``(size, size)``, 0..255, of the frame ``index`` of ``source``."""

    view: str
    source: str
    index: int
    pixels: np.ndarray

    @property
    def digest(self) -> str:
        """SHA-256 of the pixels."""
        return hashlib.sha256(self.pixels.tobytes()).hexdigest()


@dataclass(frozen=True)
class MinMax:
    """``low`` and ``high`` of the training images of a view: float32, one number or ``(size, size)``."""

    low: np.ndarray
    high: np.ndarray

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """The training range as 0..1, float32; where it is empty, 0."""
        span = self.high - self.low
        return ((pixels - self.low) / np.where(span > 0, span, np.inf)).astype(np.float32)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.low.tobytes() + self.high.tobytes()).hexdigest()


def fit_min_max(images: list[PreparedImage], scaling: str) -> MinMax:
    """The range of the images given, which must be those of training subjects only."""
    low = np.minimum.reduce([image.pixels for image in images])
    high = np.maximum.reduce([image.pixels for image in images])
    return MinMax(low, high) if scaling == "pixel" else MinMax(np.asarray(low.min()), np.asarray(high.max()))


def prepare(frame: Frame, settings: Vgg19Settings) -> PreparedImage:
    """The box around the scan, resized to a square as the paper does."""
    pixels = scan_pixels(frame.image.pixels, frame.geometry) if settings.blacken_outside else frame.image.pixels
    square = resize(scan_crop(frame.geometry).cut(pixels), (settings.image_size, settings.image_size))
    return PreparedImage(frame.view.value, frame.source, frame.index, np.ascontiguousarray(square))


def branch_images(subject: Subject, branch: str, most: int, settings: Vgg19Settings) -> list[PreparedImage]:
    """The images of a subject for a branch. :class:`RecipeError` without the view."""
    view = first_view(subject, BRANCH_VIEWS[branch])
    if view is None:
        names = " or ".join(view.value for view in BRANCH_VIEWS[branch])
        raise RecipeError(f"Subject {subject.name} has no view {names}, which the model needs.")
    return [prepare(frame, settings) for frame in choose_frames(subject, view, most)]


def augmentations(settings: Vgg19Settings) -> list[tuple[int, str]]:
    """Angle and flip of every augmented image, the plain one first; 39 with the defaults."""
    angles = range(0, settings.rotation_last + 1, settings.rotation_step)
    return [(angle, flip) for angle in angles for flip in (FLIPS if settings.flips else FLIPS[:1])]


def augment(image: np.ndarray, angle: int, flip: str) -> np.ndarray:
    """The scaled image turned counterclockwise, then mirrored: ``x`` left to right, ``y`` top to bottom.

    What turns in from beyond the image is 0, the darkest of the training images.
    """
    if angle:
        from scipy.ndimage import rotate

        image = rotate(image, angle, reshape=False, order=1, mode="constant", cval=0.0)
    if flip:
        image = image[:, ::-1] if flip == "x" else image[::-1]
    return np.ascontiguousarray(image, dtype=np.float32)
