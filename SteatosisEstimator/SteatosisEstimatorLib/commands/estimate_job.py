"""Estimate one subject as a job: ``python -m SteatosisEstimatorLib.commands.estimate_job FOLDER``.

``job.json`` (see ``HepatoRenalIndexLib.commands.job``): ``{"subject": name, "images": [{"view", "file", "source"}],
"model": name or folder or null, "device": ..., "frames": number or null, "explain": method or null, "maps": number}``.
The files lie in the folder; ``source`` is how results name them.

Results: ``results.json`` (the rows of the estimate's tables, the card's warnings, what each map is) and ``maps.npz``
(``map0``, ``map1`` ... float32).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from HepatoRenalIndexLib.commands.job import run_job, say
from HepatoRenalIndexLib.commands.segment import packed
from HepatoRenalIndexLib.files.writing import write_bytes
from HepatoRenalIndexLib.imaging.problem import error_sentence
from HepatoRenalIndexLib.inference.device import choose_device

from ..cohort.cohort import CohortImage, Subject
from ..cohort.vocabulary import View
from ..estimation.estimate import Estimator, estimate_subject, open_model
from ..estimation.explained import FrameMap, explain_subject
from ..estimation.tables import COLUMNS, estimate_tables
from ..recipes.base import Prediction

RESULTS_NAME, MAPS_NAME = "results.json", "maps.npz"
_LOADED, _ESTIMATED = 0.1, 0.8  # shares of the work


def estimate(folder: Path, job: dict[str, Any]) -> None:
    """Do the job."""
    say(progress=0.0, text="Loading the model")
    estimator = open_model(job["model"])
    say(progress=0.0, text=f"Running on {choose_device(job['device'])[1]}")
    subject = _subject(folder, job)

    highest = 0.0

    def progress(share: float, text: str) -> None:
        nonlocal highest
        highest = max(highest, min(share, 1.0))  # some recipes count each of their parts from 0
        say(progress=_LOADED + (_ESTIMATED - _LOADED) * highest, text=text)

    found = estimate_subject(estimator, subject, job["device"], folder, progress)
    maps, note = _maps(estimator, subject, found.prediction, job)
    rows = estimate_tables(estimator, found)
    results = {
        "tables": {name: [dict(zip(COLUMNS[name], row, strict=True)) for row in rows[name]] for name in COLUMNS},
        "warnings": list(estimator.warnings),
        "maps": [
            {"method": m.method, "quantity": m.quantity, "view": m.view.value, "source": m.source, "frame": m.index}
            for m in maps
        ],
        "explanation_note": note,
    }
    write_bytes(folder / MAPS_NAME, packed(**{f"map{i}": one.values for i, one in enumerate(maps)}))
    write_bytes(folder / RESULTS_NAME, json.dumps(results).encode())
    say(progress=1.0, text="")


def _subject(folder: Path, job: dict[str, Any]) -> Subject:
    images = tuple(
        CohortImage(View(entry["view"]), folder / entry["file"], entry["source"], most_frames=job["frames"])
        for entry in job["images"]
    )
    return Subject(job["subject"], images)


def _maps(
    estimator: Estimator, subject: Subject, prediction: Prediction, job: dict[str, Any]
) -> tuple[list[FrameMap], str]:
    """Maps, or none and a sentence: an estimate is worth having without its picture."""
    if job["explain"] is None:
        return [], ""

    def progress(share: float, text: str) -> None:
        say(progress=_ESTIMATED + (1 - _ESTIMATED) * share, text=text)

    try:
        return explain_subject(estimator, subject, prediction, job["explain"], job["maps"], job["device"], progress), ""
    except Exception as error:
        return [], error_sentence(error, "Explaining")


if __name__ == "__main__":
    raise SystemExit(run_job(sys.argv[1:], estimate))
