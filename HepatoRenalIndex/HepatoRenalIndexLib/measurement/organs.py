"""Organ masks: what segmentation hands to measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import ndimage

from ..geometry.scan import ScanGeometry
from ..imaging.image import UltrasoundImage

LIVER_LABEL = 1
RIGHT_KIDNEY_LABEL = 2


@dataclass(frozen=True)
class ModelIdentity:
    """Which segmentation made the masks. ``sha256`` is of the weights file; empty for manual masks."""

    name: str = "manual"
    version: str = ""
    sha256: str = ""
    device: str = ""


MANUAL = ModelIdentity()


@dataclass(frozen=True)
class OrganMasks:
    """Liver and right kidney of one frame, bool ``(rows, columns)`` in source geometry, not overlapping.

    ``*_confidence`` is the mean predicted probability inside the mask (0..1), or ``None`` for a mask drawn by hand.
    """

    liver: np.ndarray
    right_kidney: np.ndarray
    liver_confidence: float | None = None
    right_kidney_confidence: float | None = None

    def labels(self) -> np.ndarray:
        """uint8 ``(rows, columns)``: 0 background, 1 liver, 2 right kidney."""
        labels = np.zeros(self.liver.shape, np.uint8)
        labels[self.liver] = LIVER_LABEL
        labels[self.right_kidney] = RIGHT_KIDNEY_LABEL
        return labels

    @classmethod
    def from_labels(cls, labels: np.ndarray) -> OrganMasks:
        """Masks of a label image as :meth:`labels` makes it."""
        return cls(liver=labels == LIVER_LABEL, right_kidney=labels == RIGHT_KIDNEY_LABEL)


def largest_object(mask: np.ndarray) -> np.ndarray:
    """The largest connected object of a bool mask (Cha et al. 2021, segmentation step), 4-connected."""
    labeled, count = ndimage.label(mask)
    if count <= 1:
        return mask.astype(bool, copy=True)
    sizes = np.bincount(labeled.ravel())
    sizes[0] = 0
    return labeled == sizes.argmax()


class Segmenter(Protocol):
    """Whatever finds the organs: a network bundle, or masks kept from somewhere."""

    identity: ModelIdentity

    def segment(self, image: UltrasoundImage, geometry: ScanGeometry) -> OrganMasks:
        """Masks of one frame, empty where an organ was not found."""
        ...
