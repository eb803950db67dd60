"""The report of an evaluation: one HTML file that loads nothing from anywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from HepatoRenalIndexLib import __version__
from HepatoRenalIndexLib.agreement.drawing import Drawing
from HepatoRenalIndexLib.agreement.html_report import STYLE, html_table
from HepatoRenalIndexLib.validation.markdown import number

from ..bundles.card import CohortFacts
from ..bundles.card_text import RESEARCH_ONLY
from ..cohort.vocabulary import ReferenceKind
from ..uncertainty.grades import GRADES
from .comparisons import ComparisonRow
from .cross_validation import CrossValidation
from .metrics import THRESHOLDS, MetricRow, find, score_of
from .plots import bland_altman_plot, matrix_plot, roc_plot, scatter_plot
from .published import TableRow, tables_of

_STYLE = ".warning { font-weight: bold } .row { display: flex; flex-wrap: wrap }\n"
SIMULATED = "Simulated: not clinical performance. The figures show that the machinery works, and nothing of patients."
NOT_PDFF = (
    "The reference is biopsy: percent of hepatocytes with fat. It is not a proton density fat fraction (PDFF), and the "
    "figures cannot be compared with those of PDFF."
)


@dataclass(frozen=True)
class Evaluation:
    """Everything that a report tells. ``backbone`` says where pretrained weights came from, ``""`` without any."""

    recipe: str
    title: str
    citation: str
    facts: CohortFacts
    reference: ReferenceKind
    seed: int
    settings: dict
    backbone: str
    results: tuple[CrossValidation, ...]
    metrics: tuple[MetricRow, ...]
    comparisons: tuple[ComparisonRow, ...]
    table: tuple[TableRow, ...]
    not_run: dict[str, str]  # variant -> why


def warnings_of(evaluation: Evaluation) -> list[str]:
    """What must be said beside the figures, wherever they go."""
    sentences = []
    if evaluation.facts.simulated:
        sentences.append(SIMULATED)
    if evaluation.reference is ReferenceKind.BIOPSY:
        sentences.append(NOT_PDFF)
    if evaluation.reference is ReferenceKind.NOT_STATED:
        sentences.append("The cohort does not say how its fat percentage was measured.")
    if evaluation.backbone:
        sentences.append(f"Backbone: {evaluation.backbone}.")
    return sentences


def report_html(evaluation: Evaluation) -> str:
    """The whole document."""
    title = f"{evaluation.recipe}: evaluation"
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        f"<style>{STYLE}{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        *(f'<p class="warning">{escape(sentence)}</p>' for sentence in warnings_of(evaluation)),
        _method(evaluation),
        *_published(evaluation),
        "<h2>Variants</h2>",
        _summary(evaluation),
        *_comparisons(evaluation.comparisons),
        "<h2>Plots</h2>",
        *_plots(evaluation),
        "<h2>All figures</h2>",
        "<details><summary>Every figure, as in metrics.csv</summary>",
        html_table(
            ("variant", "figure", "value", "95% interval", "n", "method"),
            ((r.variant, r.metric, r.value, _interval(r), r.n, r.method) for r in evaluation.metrics),
        ),
        "</details>",
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _method(evaluation: Evaluation) -> str:
    facts = evaluation.facts
    scanners = ", ".join(f"{escape(name) or 'not stated'} ({count})" for name, count in sorted(facts.scanners.items()))
    folds = "; ".join(
        f"{result.variant}: {len(result.folds)} folds, {len(result.predicted)} subjects judged"
        for result in evaluation.results
    )
    settings = ", ".join(f"{name} = {value}" for name, value in evaluation.settings.items())
    missing = "".join(f"<li>{escape(name)}: {escape(why)}</li>" for name, why in evaluation.not_run.items())
    return (
        f"<p>{escape(evaluation.title)}. {escape(evaluation.citation)}.</p>"
        f"<p>{facts.subjects} subjects, {facts.images} images or clips, {facts.fatty} with at least 5% fat "
        f"({facts.fat_low:g} to {facts.fat_high:g}, median {facts.fat_median:g}). Reference: "
        f"{escape(evaluation.reference.value)}, {escape(evaluation.reference.unit)}. Scanners (subjects): {scanners}. "
        f"Seed {evaluation.seed}.</p>"
        "<p>Every subject was judged by a model that had not seen it, nor any image of it: no subject is trained on "
        "and judged, and no image belongs to two subjects (compared by the content of the pixels). "
        f"{escape(folds)}. Intervals are 95% and take subjects as the unit. {RESEARCH_ONLY} "
        f"LiverUltrasound {__version__}.</p>"
        f"<details><summary>Settings</summary><p>{escape(settings)}</p></details>"
        + (f"<p>Not run:</p><ul>{missing}</ul>" if missing else "")
    )


def _published(evaluation: Evaluation) -> Iterable[str]:
    if not evaluation.table:
        return
    yield "<h2>The published tables, filled in</h2>"
    yield '<p class="note">Published figures are of other subjects; beside them stand those of this run.</p>'
    for name, rows in tables_of(evaluation.table).items():
        yield f"<h3>{escape(name)}</h3>"
        yield _as_in_the_paper(evaluation, rows)


def _as_in_the_paper(evaluation: Evaluation, rows: Sequence[TableRow]) -> str:
    """A line with the published figures and one with those of this run for every row that was run."""
    columns = list(dict.fromkeys(row.published.column for row in rows))
    lines = []
    for name in dict.fromkeys(row.published.row for row in rows):
        own = {row.published.column: row for row in rows if row.published.row == name}
        published = [_published_text(own[column]) if column in own else None for column in columns]
        if any(published):
            lines.append([name, "published", *published, None])
        found = [row.found for row in own.values() if row.found is not None]
        if found:
            here = [_found_text(evaluation, own[column]) if column in own else None for column in columns]
            lines.append([name, "here", *here, max(row.n for row in found)])
        else:
            lines.append([name, "not run", *[None] * len(columns), None])
    return html_table(("", "", *columns, "n"), lines)


def _published_text(row: TableRow) -> str | None:
    value, spread = row.published.value, row.published.spread
    if value is None:
        return None
    return f"{value:g}" if spread is None else f"{value:g} ± {spread:g}"


def _found_text(evaluation: Evaluation, row: TableRow) -> str | None:
    if row.found is None:
        return None
    spread = find(evaluation.metrics, row.found.variant, f"{row.found.metric}_sd")
    if spread is not None:
        return f"{number(row.found.value)} ± {number(spread.value)}"
    interval = _interval(row.found)
    return f"{number(row.found.value)} ({interval})" if interval else number(row.found.value)


def _summary(evaluation: Evaluation) -> str:
    names = ("auc_5", "auc_10", "accuracy_5", "sensitivity_5", "specificity_5", "spearman", "pearson", "rmse", "r2")
    names += ("grade_accuracy", "interval_coverage_90")
    rows = []
    for name in names:
        found = [find(evaluation.metrics, result.variant, name) for result in evaluation.results]
        if any(found):
            cells = [f"{number(r.value)} ({_interval(r)})" if r and _interval(r) else r and r.value for r in found]
            rows.append([name, *cells])
    return html_table(("", *(result.variant for result in evaluation.results)), rows)


def _comparisons(rows: Sequence[ComparisonRow]) -> Iterable[str]:
    if not rows:
        return
    yield "<h2>Differences between variants</h2>"
    yield html_table(
        ("first", "second", "figure", "test", "difference", "95% interval", "p", "p, corrected", "n"),
        (
            (
                *(r.first, r.second, r.metric, r.test, r.difference, _interval(r)),
                *(_p(r.p), _p(r.p_corrected), r.n),
            )
            for r in rows
        ),
    )
    yield (
        '<p class="note">First minus second, on the subjects that both judged; corrected for the number of pairs '
        "(Bonferroni). Welch's p, as Byra et al. 2021 report it, falls with the number of bootstrap samples and not of "
        "subjects: it proves nothing about subjects. DeLong's does.</p>"
    )


def _plots(evaluation: Evaluation) -> Iterable[str]:
    curves = []
    for threshold in THRESHOLDS:
        scored = [(result.variant, *score_of(result, threshold)[:2]) for result in evaluation.results]
        curves.append(roc_plot(f"ROC, fat at least {threshold}%", scored))
    yield _row(curves)
    for result in evaluation.results:
        true, fat = result.fat_percent(), result.outcome("fat_percent")
        known = np.isfinite(fat)
        true, fat = true[known], fat[known]
        drawings = [
            scatter_plot(result.variant, true, fat, evaluation.reference.value),
            bland_altman_plot(result.variant, true, fat),
            *_matrices(evaluation, result),
        ]
        yield f"<h3>{escape(result.variant)}</h3>"
        yield _row(drawings)


def _matrices(evaluation: Evaluation, result: CrossValidation) -> Iterable[Drawing]:
    for threshold in THRESHOLDS:
        counts = [
            find(evaluation.metrics, result.variant, f"{name}_{threshold}")
            for name in ("true_negatives", "false_positives", "false_negatives", "true_positives")
        ]
        if all(counts):
            matrix = np.array([row.value for row in counts]).reshape(2, 2)
            yield matrix_plot(f"fat at least {threshold}%", ("no", "yes"), matrix)
    grades = [[find(evaluation.metrics, result.variant, f"grade_{a}_as_{b}") for b in GRADES] for a in GRADES]
    if grades[0][0] is not None:
        yield matrix_plot("steatosis grades", GRADES, np.array([[row.value for row in line] for line in grades]))


def _row(drawings: Iterable[Drawing | None]) -> str:
    figures = "".join(f"<figure>{drawing.svg()}</figure>" for drawing in drawings if drawing is not None)
    return f'<div class="row">{figures}</div>'


def _interval(row: MetricRow | ComparisonRow) -> str:
    if not (math.isfinite(row.low) and math.isfinite(row.high)):
        return ""
    return f"{number(row.low)} to {number(row.high)}"


def _p(value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
