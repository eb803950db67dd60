"""Segmentation of images that the segmentation network was trained on, by the network that never saw their patient.

Masks of training images are better than masks of new ones. A model trained on features behind them, or judged on them,
would be flattered; so images are known again by their pixels and given to the network of their cross-validation fold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from HepatoRenalIndexLib.geometry.scan import ScanGeometry
from HepatoRenalIndexLib.imaging.image import InputError, UltrasoundImage
from HepatoRenalIndexLib.inference.bundle import default_bundle, load_fold_segmenter, load_segmenter
from HepatoRenalIndexLib.measurement.organs import OrganMasks, Segmenter

from ..frames.frame import pixel_digest

TRAINING_IMAGES = "configs/training_images.json"
KEY = "sha256_16_of_folds"


def training_folds(bundle: Path | None = None) -> dict[str, int]:
    """Digest of every image that a segmentation bundle was trained on -> the fold whose network never saw its patient.

    Empty for a bundle that does not say. Raises :class:`InputError` for a list that cannot be read.
    """
    path = (bundle or default_bundle()) / TRAINING_IMAGES
    if not path.is_file():
        return {}
    try:
        folds = json.loads(path.read_text(encoding="utf-8"))[KEY]
        return {str(digest): number for number, digests in enumerate(folds) for digest in digests}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("The segmentation model's list of training images is damaged; install it again.") from error


class HeldOutSegmenter:
    """Takes the final network for new images and a fold's network for training images; loads them when needed."""

    def __init__(self, device: str = "auto", folds: Mapping[str, int] | None = None):
        self._device = device
        self._folds = training_folds() if folds is None else folds
        self._final = load_segmenter(device=device)
        self._of_fold: dict[int, Segmenter] = {}
        self.identity = self._final.identity

    def fold_of(self, image: UltrasoundImage) -> int | None:
        """The fold of a training image, ``None`` for another one."""
        return self._folds.get(pixel_digest(image.pixels))

    def segment(self, image: UltrasoundImage, geometry: ScanGeometry) -> OrganMasks:
        fold = self.fold_of(image)
        if fold is None:
            return self._final.segment(image, geometry)
        if fold not in self._of_fold:
            self._of_fold[fold] = load_fold_segmenter(fold, device=self._device)
        return self._of_fold[fold].segment(image, geometry)
