"""Segmenting frames outside the application's process."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from slicer.i18n import tr as _

from ..commands import segment
from ..imaging.image import InputError, UltrasoundImage
from ..measurement.organs import OrganMasks
from ..measurement.result import ModelIdentity
from ..measurement.roi import Roi
from ..pipeline.measure import MeasurementSettings
from ..pipeline.outputs import Row
from .process import JobProcess
from .signal import Signal


@dataclass(frozen=True)
class SegmentedFrame:
    """What the process found in one frame; ROIs are None where it could not be measured."""

    masks: OrganMasks
    model: ModelIdentity
    liverRoi: Roi | None
    kidneyRoi: Roi | None
    row: Row


class SegmentationProcess:
    """Segments and measures frames with the network.

    Signals: ``progressed(share, text)``; ``logged(text)``; ``succeeded([SegmentedFrame])``; ``failed(sentence)``.
    """

    def __init__(self, process: JobProcess | None = None):
        self._process = process or JobProcess()
        self.progressed, self.logged, self.failed = self._process.progressed, self._process.logged, self._process.failed
        self.succeeded = Signal()
        self._process.succeeded.connect(self._onSucceeded)

    @property
    def isRunning(self) -> bool:
        return self._process.isRunning

    def start(
        self,
        images: Sequence[UltrasoundImage],
        settings: MeasurementSettings,
        device: str = "auto",
        model: str = "",
        blocking: bool = False,
    ) -> None:
        """Measure the frames of one source. Raises ``InputError`` if it cannot be started."""
        if len({image.pixels.shape for image in images}) != 1:
            raise InputError(_("The frames are not all of one size; measure them one by one."))
        job = {
            "frames": [segment.describe_image(image) for image in images],
            "settings": describeSettings(settings),
            "device": device,
            "model": model or None,
        }
        logging.info("Hepatorenal index: %d frames, %s, device %s", len(images), job["settings"], device)
        files = {segment.FRAMES_NAME: segment.packed_frames(images)}
        self._process.start("segment", job, files, blocking)

    def cancel(self) -> None:
        """Stop the process and forget its work."""
        self._process.cancel()

    def _onSucceeded(self, folder: Path) -> None:
        try:
            frames = _readResults(folder)
        except (OSError, ValueError, KeyError, TypeError):
            self.failed.emit(_("The results of the measuring process cannot be read; measure again."))
            return
        self.succeeded.emit(frames)


def describeSettings(settings: MeasurementSettings) -> dict[str, Any]:
    """The settings that the user can choose, as a job holds them."""
    return {
        "placement": settings.placement,
        "roi_mm": settings.roi_mm,
        "user_spacing_mm": settings.user_spacing_mm,
    }


def _readResults(folder: Path) -> list[SegmentedFrame]:
    results = json.loads((folder / segment.RESULTS_NAME).read_text(encoding="utf-8"))
    with np.load(folder / segment.LABELS_NAME) as arrays:
        labels = arrays["labels"]
    model = ModelIdentity(**results["model"])
    frames = []
    for found, label in zip(results["frames"], labels, strict=True):
        masks = OrganMasks.from_labels(label)
        masks = OrganMasks(masks.liver, masks.right_kidney, *found["confidences"])
        rois = [None if found[name] is None else Roi(*found[name]) for name in ("liver_roi", "kidney_roi")]
        frames.append(SegmentedFrame(masks, model, *rois, found["row"]))
    return frames
