"""The files of an evaluation: tables as CSV, the report as HTML, how it was run as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from HepatoRenalIndexLib import __version__
from HepatoRenalIndexLib.files.csv_table import csv_text
from HepatoRenalIndexLib.files.writing import write_text

from ..bundles.card import finite
from .comparisons import ComparisonRow
from .cross_validation import CrossValidation
from .metrics import MetricRow, find
from .published import TableRow
from .report import Evaluation, report_html, warnings_of

REPORT_NAME = "report.html"
METRIC_COLUMNS = tuple(MetricRow.__dataclass_fields__)
COMPARISON_COLUMNS = tuple(ComparisonRow.__dataclass_fields__)
PREDICTION_COLUMNS = ("variant", "subject", "fold", "reference_percent", "fat_percent", "p_fatty_5", "p_fatty_10")
PREDICTION_COLUMNS += ("flags", "message")
FRAME_COLUMNS = ("variant", "subject", "fold", "view", "source", "frame", "reference_percent", "fat_percent")
FRAME_COLUMNS += ("p_fatty_5", "p_fatty_10", "message")
TABLE_COLUMNS = ("table", "row", "figure", "variant", "published", "published_sd", "value", "sd", "low", "high", "n")
TABLE_COLUMNS += ("method",)
TABLE_NAMES = ("metrics", "predictions", "frames", "table", "comparisons")


def write_evaluation(output: Path, evaluation: Evaluation) -> None:
    """Write every table, the report and ``run.json`` into the folder."""
    results = evaluation.results
    tables = {
        "metrics": (METRIC_COLUMNS, ([getattr(r, c) for c in METRIC_COLUMNS] for r in evaluation.metrics)),
        "predictions": (PREDICTION_COLUMNS, _predictions(results)),
        "frames": (FRAME_COLUMNS, _frames(results)),
        "table": (TABLE_COLUMNS, (_table_row(evaluation, row) for row in evaluation.table)),
        "comparisons": (
            COMPARISON_COLUMNS,
            ([getattr(r, c) for c in COMPARISON_COLUMNS] for r in evaluation.comparisons),
        ),
    }
    for name, (columns, rows) in tables.items():
        write_text(output / f"{name}.csv", csv_text(columns, rows))
    write_text(output / REPORT_NAME, report_html(evaluation))
    seconds = {
        result.variant: {
            "folds": len(result.folds),
            "training_seconds": round(sum(fold.fit_seconds for fold in result.folds), 2),
            "seconds_per_subject": round(_seconds_per_subject(result), 3),
        }
        for result in results
    }
    run = {
        "software": "LiverUltrasound",
        "version": __version__,
        "recipe": evaluation.recipe,
        "seed": evaluation.seed,
        "settings": evaluation.settings,
        "reference": evaluation.reference.value,
        "simulated": evaluation.facts.simulated,
        "backbone": evaluation.backbone,
        "warnings": warnings_of(evaluation),
        "not_run": evaluation.not_run,
        "seconds": seconds,
    }
    write_text(output / "run.json", json.dumps(finite(run), indent=2) + "\n")


def _predictions(results: Sequence[CrossValidation]):
    for result in results:
        for entry in result.held_out:
            p = entry.prediction
            values = (None,) * 3 if p is None else (p.outcome.fat_percent, p.outcome.p_fatty_5, p.outcome.p_fatty_10)
            flags = "" if p is None else ";".join(p.flags)
            yield (result.variant, entry.subject, entry.fold, entry.fat_percent, *values, flags, entry.message)


def _frames(results: Sequence[CrossValidation]):
    for result in results:
        for entry in result.predicted:
            for f in entry.prediction.frames:
                values = (f.outcome.fat_percent, f.outcome.p_fatty_5, f.outcome.p_fatty_10, f.message)
                where = (f.view.value, f.source, f.index, entry.fat_percent)
                yield (result.variant, entry.subject, entry.fold, *where, *values)


def _table_row(evaluation: Evaluation, row: TableRow):
    p, found = row.published, row.found
    head = (p.table, p.row, p.column, p.variant, p.value, p.spread)
    if found is None:
        return (*head, None, None, None, None, None, "not run")
    spread = find(evaluation.metrics, found.variant, f"{found.metric}_sd")
    return (*head, found.value, spread and spread.value, found.low, found.high, found.n, found.method)


def _seconds_per_subject(result: CrossValidation) -> float:
    judged = sum(fold.predict_seconds * len(fold.held_out) for fold in result.folds)
    return judged / max(len(result.held_out), 1)
