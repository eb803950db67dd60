"""Estimate every subject of a cohort: one row each, the bad ones with their reason, going on where it was stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from HepatoRenalIndexLib import __version__
from HepatoRenalIndexLib.files.csv_table import csv_text
from HepatoRenalIndexLib.files.writing import write_text
from HepatoRenalIndexLib.imaging.problem import error_sentence
from HepatoRenalIndexLib.inference.device import choose_device
from HepatoRenalIndexLib.pipeline.batch import size_and_time
from HepatoRenalIndexLib.pipeline.outputs import case_names, prepare_folder

from ..cohort.cohort import Cohort, Subject, joined
from ..recipes.base import Progress, no_progress
from .estimate import Estimate, Estimator, estimate_subject
from .explained import explain_subject
from .map_files import write_maps
from .tables import COLUMNS, Tables, error_tables, estimate_tables

ESTIMATES_NAME = "estimates.csv"
PARTIAL_NAME = "estimates.partial.jsonl"
RUN_NAME = "run.json"
MAPS_FOLDER = "maps"
MOST_MAPS = 5  # frames of each view of a subject that are explained
SIMULATED_IMAGES = "The images of the cohort are simulated: the estimates say nothing of patients."


@dataclass(frozen=True)
class EstimationSummary:
    """What a run did. ``ok`` and ``errors`` count subjects, ``resumed`` those taken over from a stopped run.

    ``warnings`` must be said beside all estimates of the run.
    """

    estimates: Path
    ok: int
    errors: int
    resumed: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Case:
    """A subject to estimate, or why it cannot be."""

    line: int
    name: str
    subject: Subject | None
    message: str = ""


@dataclass(frozen=True)
class _Maps:
    """Which maps of a subject are written, and where."""

    method: str
    folder: Path

    def write(self, estimator: Estimator, subject: Subject, estimate: Estimate, device: str) -> str:
        """Empty, or a sentence on why there are no maps: an estimate is worth having without its picture."""
        try:
            found = explain_subject(estimator, subject, estimate.prediction, self.method, MOST_MAPS, device)
            write_maps(self.folder, found)
        except Exception as error:
            return error_sentence(error, "Explaining")
        return ""


def estimate_cohort(
    estimator: Estimator,
    cohort: Cohort,
    output: Path,
    device: str = "auto",
    progress: Progress = no_progress,
    explain: str | None = None,
) -> EstimationSummary:
    """Estimate the subjects and write ``estimates.csv``, ``views.csv``, ``frames.csv``, ``contributions.csv``.

    With ``explain`` (a method of ``explanation.maps``) ``maps/SUBJECT`` holds what the estimate rests on, of at most
    ``MOST_MAPS`` frames of each view.

    A subject that cannot be estimated becomes a row with its reason and never stops the others. A run that was stopped
    goes on when it is started again with the same cohort and model. ``KeyboardInterrupt`` is passed on, after the rows
    so far were written. Raises ``InputError`` when the output cannot be written.
    """
    prepare_folder(output)
    cases = sorted(_cases(cohort), key=lambda case: case.line)
    where = choose_device(device)[1]
    warnings = _warnings(estimator, cohort, device, where)
    run = _describe(estimator, cohort, where, explain, warnings)
    folders = [output / MAPS_FOLDER / name for name in case_names([case.name for case in cases])]
    known = _stopped_run(output, run)
    for name in COLUMNS:  # of an earlier run: they would stand beside the description of this one
        (output / f"{name}.csv").unlink(missing_ok=True)
    write_text(output / PARTIAL_NAME, "".join(_line(number, tables) for number, tables in known.items()))
    write_text(output / RUN_NAME, run)
    done: list[Tables] = []
    ok = errors = resumed = 0
    try:
        with (output / PARTIAL_NAME).open("a", encoding="utf-8") as partial:
            for number, case in enumerate(cases):
                tables = known.get(number)
                if tables is None:
                    start, share = number / len(cases), 1 / len(cases)
                    maps = None if explain is None else _Maps(explain, folders[number])
                    tables = _tables(estimator, case, device, _part(progress, start, share, case.name), maps)
                    partial.write(_line(number, tables))
                    partial.flush()
                else:
                    resumed += 1
                done.append(tables)
                succeeded = tables["estimates"][0][1] == "ok"
                ok, errors = ok + succeeded, errors + (not succeeded)
                progress((number + 1) / len(cases), case.name)
    except BaseException:
        _write(output, done)
        raise
    _write(output, done)
    (output / PARTIAL_NAME).unlink()
    return EstimationSummary(output / ESTIMATES_NAME, ok, errors, resumed, warnings)


def _cases(cohort: Cohort) -> Iterator[_Case]:
    for subject in cohort.subjects:
        yield _Case(subject.images[0].line, subject.name, subject)
    named: dict[str, list] = {}
    for problem in cohort.problems:
        if problem.subject:
            named.setdefault(problem.subject, []).append(problem)
        else:
            yield _Case(problem.line, "", None, str(problem))
    for name, problems in named.items():
        yield _Case(problems[0].line, name, None, joined([str(problem) for problem in problems]))


def _tables(estimator: Estimator, case: _Case, device: str, progress: Progress, maps: _Maps | None) -> Tables:
    if case.subject is None:
        return error_tables(estimator, case.name, case.message)
    try:
        estimate = estimate_subject(estimator, case.subject, device, progress=progress)
    except Exception as error:
        return error_tables(estimator, case.name, error_sentence(error, "Estimating"))
    if maps is not None and (sentence := maps.write(estimator, case.subject, estimate, device)):
        estimate = replace(estimate, warnings=(*estimate.warnings, sentence))
    return estimate_tables(estimator, estimate)


def _warnings(estimator: Estimator, cohort: Cohort, device: str, where: str) -> tuple[str, ...]:
    sentences = list(estimator.warnings)
    if cohort.simulated:
        sentences.append(SIMULATED_IMAGES)
    if device == "cuda" and where.startswith("cpu"):
        sentences.append("CUDA was asked for and cannot be used here; networks ran on the CPU.")
    return tuple(sentences)


def _part(progress: Progress, start: float, share: float, name: str) -> Progress:
    return lambda part, text: progress(start + share * part, name)


def _write(output: Path, done: list[Tables]) -> None:
    for name, columns in COLUMNS.items():
        rows = [row for tables in done for row in tables[name]]
        write_text(output / f"{name}.csv", csv_text(columns, rows))


def _line(number: int, tables: Tables) -> str:
    return json.dumps({"number": number, "tables": tables}) + "\n"


def _describe(estimator: Estimator, cohort: Cohort, device: str, explain: str | None, warnings: tuple[str, ...]) -> str:
    """The run as JSON: what the estimates depend on, without the time or any absolute path."""
    card = estimator.model.card
    images = [
        (s.name, s.scanner, i.view.value, i.source, i.most_frames, *size_and_time(i.path))
        for s in cohort.subjects
        for i in s.images
    ]
    problems = [(p.subject, p.line, p.sentence) for p in cohort.problems]
    run = {
        "software": "LiverUltrasound",
        "version": __version__,
        "model": card.name,
        "model_version": card.version,
        "model_sha256": estimator.model.sha256,
        "recipe": card.recipe,
        "variant": card.variant,
        "reference": card.reference.value,
        "device": device,
        "explanation": explain,
        "warnings": list(warnings),
        "subjects": len(cohort),
        "cohort_sha256": hashlib.sha256(json.dumps([images, problems]).encode()).hexdigest(),
    }
    return json.dumps(run, indent=2) + "\n"


def _stopped_run(output: Path, run: str) -> dict[int, Tables]:
    """Number of the case -> tables that a run of the very same description left when it was stopped, the good ones."""
    try:
        if (output / RUN_NAME).read_text(encoding="utf-8") != run:
            return {}
        lines = (output / PARTIAL_NAME).read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError):
        return {}
    known = {}
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:  # the end of the file, or a line that was cut off
            continue
        if entry["tables"]["estimates"][0][1] == "ok":
            known[entry["number"]] = entry["tables"]
    return known
