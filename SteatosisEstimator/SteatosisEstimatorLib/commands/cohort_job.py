"""Train, evaluate or estimate a cohort as a job: ``python -m SteatosisEstimatorLib.commands.cohort_job FOLDER``.

``job.json`` (see ``HepatoRenalIndexLib.commands.job``): ``{"action": "train" | "evaluate" | "estimate", "arguments":
{...}}`` with the arguments of the function of that name in ``estimation.runs``. The output folder is as the command
line's; ``results.json`` says in ``"lines"`` what the command would print.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from HepatoRenalIndexLib.commands.job import run_job, say
from HepatoRenalIndexLib.files.writing import write_bytes

from ..estimation import runs

RESULTS_NAME = "results.json"
ACTIONS = ("train", "evaluate", "estimate")


def work(folder: Path, job: dict[str, Any]) -> None:
    """Do the job."""
    action, arguments = job["action"], job["arguments"]
    if action not in ACTIONS:
        raise ValueError(f"unknown action {action!r}")

    def progress(share: float, text: str) -> None:
        say(progress=min(max(share, 0.0), 1.0), text=text)

    summary = getattr(runs, action)(**arguments, progress=progress)
    lines = _LINES[action](summary)
    for line in lines:
        print(line, flush=True)
    write_bytes(folder / RESULTS_NAME, json.dumps({"lines": lines}).encode())


def _trained(summary: runs.TrainingSummary) -> list[str]:
    card = summary.card
    return [
        f"Trained: {card.recipe}, variant {card.variant}, on {card.trained_on.subjects} subjects",
        f"Judged out of fold: {summary.judged} subjects",
        *(f"{figure.metric}: {figure}" for figure in card.figures),
        *(f"Not judged: {message}" for message in summary.messages),
    ]


def _evaluated(summary: runs.EvaluationSummary) -> list[str]:
    return [
        f"Evaluated: {', '.join(summary.variants)}",
        f"Subjects that could not be judged: {summary.not_predicted}",
        *summary.warnings,
    ]


def _estimated(summary: runs.EstimationSummary) -> list[str]:
    return [f"Subjects estimated: {summary.ok}, not estimated: {summary.errors}", *summary.warnings]


_LINES = {"train": _trained, "evaluate": _evaluated, "estimate": _estimated}


if __name__ == "__main__":
    raise SystemExit(run_job(sys.argv[1:], work))
