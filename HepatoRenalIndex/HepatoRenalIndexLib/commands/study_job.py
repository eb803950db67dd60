"""Work on a reader study as a job (see :mod:`job`): ``python -m HepatoRenalIndexLib.commands.study_job FOLDER``.

``job.json`` names the work in ``do``:

- ``create``: ``folder``, ``images`` (files and folders), ``options`` (fields of ``StudyOptions``), ``patients`` (CSV
  file or null);
- ``algorithm``: ``folder``, ``images`` (where they lie, or null for where the study says), ``placement``, ``device``,
  ``model`` (folder or null);
- ``agreement``: ``source`` (study folder or CSV file of answers), ``images``, ``output``, ``replicates`` of the
  bootstrap.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ..agreement.answers import read_answers
from ..agreement.comparison import StudySettings
from ..agreement.report import analyze_table
from ..study.algorithm import read_by_algorithm
from ..study.collect import study_answers
from ..study.create import Patients, StudyOptions, create_study, read_patients
from ..study.definition import open_study
from .job import run_job, say


def work(folder: Path, job: dict[str, Any]) -> None:
    """Do the job."""
    {"create": _create, "algorithm": _read, "agreement": _compare}[job["do"]](job)


def _create(job: dict[str, Any]) -> None:
    patients = read_patients(job["patients"]) if job["patients"] else Patients()
    study = create_study(job["folder"], job["images"], StudyOptions(**job["options"]), patients, _progress)
    for refusal in study.refused:
        print(f"{refusal.path}: {refusal.reason}", flush=True)


def _read(job: dict[str, Any]) -> None:
    from ..inference.bundle import load_segmenter

    study = open_study(job["folder"], job["images"])
    segmenter = load_segmenter(None if job["model"] is None else Path(job["model"]), job["device"])
    read_by_algorithm(
        study, lambda image: segmenter, segmenter.identity, placement=job["placement"], progress=_progress
    )


def _compare(job: dict[str, Any]) -> None:
    source = Path(job["source"])
    if source.is_dir():
        table = study_answers(open_study(source, job["images"]), lambda *done: _progress(*done, share=0.5)).table
    else:
        table = read_answers(source)
    say(progress=0.5, text="Computing intervals")
    analyze_table(table, job["output"], StudySettings(replicates=job["replicates"]))


def _progress(done: float, total: int, name: str, share: float = 1.0) -> None:
    say(progress=share * done / max(total, 1), text=name)


if __name__ == "__main__":
    raise SystemExit(run_job(sys.argv[1:], work))
