"""Measure files and folders as a job (see :mod:`job`): ``python -m HepatoRenalIndexLib.commands.folders FOLDER``.

``job.json``: ``{"inputs": [...], "output": ..., "settings": {...}, "device": ..., "model": ..., "annotations": ...}``.
The results are those of ``liver-ultrasound measure`` without scenes, in the output folder.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ..pipeline.batch import BatchOptions, measure_files
from ..pipeline.measure import MeasurementSettings
from .job import run_job, say


def measure(folder: Path, job: dict[str, Any]) -> None:
    """Do the job."""
    options = BatchOptions(
        settings=MeasurementSettings(**job["settings"]),
        device=job["device"],
        model=None if job["model"] is None else Path(job["model"]),
        scene=False,
        annotations=job["annotations"],
    )

    def progress(done: float, total: int, name: str) -> None:
        say(progress=done / max(total, 1), text=name)

    summary = measure_files(job["inputs"], job["output"], options, progress)
    for problem in summary.problems:
        print(problem, flush=True)
    say(progress=1.0, text=f"Frames measured: {summary.ok}, not measured: {summary.errors}")


if __name__ == "__main__":
    raise SystemExit(run_job(sys.argv[1:], measure))
