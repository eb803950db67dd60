"""Estimating a subject outside the application's process."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from HepatoRenalIndexLib.module.process import JobProcess
from HepatoRenalIndexLib.module.signal import Signal
from slicer.i18n import tr as _

from ..cohort.vocabulary import View
from ..commands import estimate_job
from .tables import Row

LIBRARY, FOLDER = "SteatosisEstimatorLib", Path(__file__).resolve().parents[2]


def libraryProcess(launch=None) -> JobProcess:
    """A process that runs the jobs of this library."""
    return JobProcess(launch, LIBRARY, [FOLDER])


@dataclass(frozen=True)
class ImageMap:
    """A map over a frame of a view: see ``estimation.explained.FrameMap``."""

    method: str
    quantity: str
    view: View
    frame: int
    values: np.ndarray


@dataclass(frozen=True)
class Estimated:
    """What the process found: rows of each table by its key, the maps, and a sentence where there are none."""

    rows: dict[str, list[Row]]
    maps: tuple[ImageMap, ...]
    note: str


class EstimationProcess:
    """Estimates one subject. Signals: ``progressed(share, text)``, ``logged(text)``, ``succeeded(Estimated)``,
    ``failed(sentence)``.
    """

    def __init__(self, process: JobProcess | None = None):
        self._process = process or libraryProcess()
        self.progressed, self.logged, self.failed = self._process.progressed, self._process.logged, self._process.failed
        self.succeeded = Signal()
        self._process.succeeded.connect(self._onSucceeded)

    @property
    def isRunning(self) -> bool:
        return self._process.isRunning

    def start(
        self,
        subject: str,
        images: Mapping[View, tuple[str, bytes]],
        settings: Mapping[str, Any],
        blocking: bool = False,
    ) -> None:
        """``images``: view -> name for the results and DICOM file; ``settings``: model, device, frames, explain, maps.

        Raises ``InputError`` if the process cannot be started.
        """
        job = {
            "subject": subject,
            "images": [
                {"view": view.value, "file": f"{view.value}.dcm", "source": name} for view, (name, _) in images.items()
            ],
            **settings,
        }
        logging.info("Liver fat: views %s, %s", ", ".join(view.value for view in images), json.dumps(dict(settings)))
        files = {f"{view.value}.dcm": content for view, (_name, content) in images.items()}
        self._process.start("estimate_job", job, files, blocking)

    def cancel(self) -> None:
        """Stop the process and forget its work."""
        self._process.cancel()

    def _onSucceeded(self, folder: Path) -> None:
        try:
            found = _readResults(folder)
        except (OSError, ValueError, KeyError, TypeError):
            self.failed.emit(_("The results of the estimating process cannot be read; estimate again."))
            return
        self.succeeded.emit(found)


def _readResults(folder: Path) -> Estimated:
    results = json.loads((folder / estimate_job.RESULTS_NAME).read_text(encoding="utf-8"))
    with np.load(folder / estimate_job.MAPS_NAME, allow_pickle=False) as arrays:
        maps = tuple(
            ImageMap(entry["method"], entry["quantity"], View(entry["view"]), int(entry["frame"]), arrays[f"map{i}"])
            for i, entry in enumerate(results["maps"])
        )
    return Estimated(results["tables"], maps, str(results["explanation_note"]))
