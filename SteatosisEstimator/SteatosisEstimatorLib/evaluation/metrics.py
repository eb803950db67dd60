"""Every figure of a variant out of fold: one row each, by subject and by frame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from HepatoRenalIndexLib.statistics.agreement import bland_altman
from HepatoRenalIndexLib.statistics.classification import (
    ClassificationMetrics,
    bootstrap_classification,
    classification_metrics,
    nearest_corner_metrics,
)
from HepatoRenalIndexLib.statistics.coverage import interval_coverage
from HepatoRenalIndexLib.statistics.interval import Estimate
from HepatoRenalIndexLib.statistics.ordinal import ordinal_agreement
from HepatoRenalIndexLib.statistics.regression import RegressionMetrics, regression_metrics
from HepatoRenalIndexLib.statistics.roc import auc_delong

from ..uncertainty.calibration import calibrate_fat
from ..uncertainty.grades import GRADES, GradeCutoffs
from .cross_validation import CrossValidation

THRESHOLDS = (5, 10)  # percent fat
INTERVAL_LEVEL = 0.9
REPLICATES = 1000
_GROUPS = 10
NAN = math.nan


@dataclass(frozen=True)
class MetricRow:
    """One figure of ``n`` subjects (or frames). ``low`` and ``high`` are the 95% interval, NaN without one."""

    variant: str
    metric: str
    value: float
    low: float
    high: float
    n: int
    method: str


def metric_rows(result: CrossValidation, cutoffs: GradeCutoffs | None, bootstrap: bool, seed: int) -> list[MetricRow]:
    """All figures that the variant has. ``bootstrap`` adds means and SDs over bootstrap samples (Byra et al. 2021)."""
    rows = [
        _count(result, "subjects_judged", len(result.predicted)),
        _count(result, "subjects_not_predicted", len(result.held_out) - len(result.predicted)),
        _count(result, "subjects_without_the_views", len(result.left_out)),
    ]
    for threshold in THRESHOLDS:
        rows += _classification(result, threshold, bootstrap, seed)
    true, fat = result.fat_percent(), result.outcome("fat_percent")
    known = np.isfinite(fat)
    rows += _regression(result.variant, "", true[known], fat[known], "subjects")
    rows += _grades(result.variant, true[known], fat[known], cutoffs)
    rows += _coverage(result.variant, true[known], fat[known])
    rows += _frames(result)
    rows += _details(result)
    return rows


def score_of(result: CrossValidation, threshold: int) -> tuple[np.ndarray, np.ndarray, float, str]:
    """``(labels, scores, cut, words)`` of the predicted subjects: fatty at ``threshold`` percent or not.

    The score is the variant's own probability (cut at 0.5), else its fat percentage (cut at the threshold).
    """
    labels, scores = result.fat_percent() >= threshold, result.outcome(f"p_fatty_{threshold}")
    cut, words = 0.5, "probability"
    if not np.isfinite(scores).any():
        scores, cut, words = result.outcome("fat_percent"), float(threshold), "fat percentage"
    known = np.isfinite(scores)
    return labels[known], scores[known], cut, words


def _classification(result: CrossValidation, threshold: int, bootstrap: bool, seed: int) -> Iterator[MetricRow]:
    labels, scores, cut, words = score_of(result, threshold)
    if labels.size == 0 or labels.all() or not labels.any():
        yield MetricRow(result.variant, f"auc_{threshold}", NAN, NAN, NAN, labels.size, "subjects of one class only")
        return
    auc = auc_delong(labels, scores)
    yield _row(result.variant, f"auc_{threshold}", auc, f"{auc.method}, by {words}")
    at_cut = classification_metrics(labels, scores, cut)
    yield from _at_threshold(result.variant, threshold, "", at_cut, f"at {words} {cut:g}")
    corner = nearest_corner_metrics(labels, scores)
    words_corner = f"at {words} {corner.threshold:.3g}, the ROC point nearest (0, 1) of the same subjects: optimistic"
    yield from _at_threshold(result.variant, threshold, "_corner", corner, words_corner)
    if not bootstrap:
        return
    samples = bootstrap_classification(labels, scores, np.arange(labels.size), seed, replicates=REPLICATES)
    for name in ("auc", "accuracy", "recall", "specificity"):
        found = samples[name]
        metric = f"{'sensitivity' if name == 'recall' else name}_{threshold}_bootstrap"
        method = f"mean over {found.replicates.size} bootstrap samples, threshold nearest (0, 1) in each; percentiles"
        low, high = np.quantile(found.replicates, (0.025, 0.975))
        yield MetricRow(result.variant, metric, float(found.replicates.mean()), low, high, labels.size, method)
        spread = float(found.replicates.std(ddof=1))
        yield MetricRow(result.variant, f"{metric}_sd", spread, NAN, NAN, labels.size, "SD of these")


def _at_threshold(
    variant: str, threshold: int, suffix: str, found: ClassificationMetrics, words: str
) -> Iterator[MetricRow]:
    named = {
        "accuracy": found.accuracy,
        "precision": found.precision,
        "sensitivity": found.recall,
        "specificity": found.specificity,
    }
    for name, estimate in named.items():
        yield _row(variant, f"{name}_{threshold}{suffix}", estimate, f"{estimate.method}, {words}")
    n = found.accuracy.n
    yield MetricRow(variant, f"f1_{threshold}{suffix}", found.f1, NAN, NAN, n, words)
    for name in ("true_positives", "false_positives", "true_negatives", "false_negatives"):
        yield MetricRow(variant, f"{name}_{threshold}{suffix}", getattr(found, name), NAN, NAN, n, words)


def _regression(variant: str, prefix: str, true: np.ndarray, fat: np.ndarray, unit: str) -> Iterator[MetricRow]:
    if fat.size < 4:
        return
    found: RegressionMetrics = regression_metrics(true, fat)
    plain = {
        "r2": found.r2,
        "rmse": found.rmse,
        "error_sd": found.error_sd,
        "mean_absolute_error": found.mean_absolute_error,
        "absolute_error_sd": found.absolute_error_sd,
    }
    for name, value in plain.items():
        yield MetricRow(variant, prefix + name, value, NAN, NAN, fat.size, unit)
    dependent = "; frames of a subject depend on each other, so interval and p are too small" if prefix else ""
    for name in ("pearson", "spearman"):
        correlation = getattr(found, name)
        yield _row(variant, prefix + name, correlation.estimate, f"{correlation.estimate.method}, {unit}{dependent}")
        yield MetricRow(
            variant, f"{prefix}{name}_p", correlation.p, NAN, NAN, fat.size, f"two-sided t, {unit}{dependent}"
        )
    if not prefix:
        agreement = bland_altman(fat, true)
        named = {"bias": agreement.bias, "loa_low": agreement.loa_low, "loa_high": agreement.loa_high}
        for name, estimate in named.items():
            yield _row(variant, f"bland_altman_{name}", estimate, "estimate minus reference, percentage points")


def _grades(variant: str, true: np.ndarray, fat: np.ndarray, cutoffs: GradeCutoffs | None) -> Iterator[MetricRow]:
    if cutoffs is None or fat.size == 0:
        return
    found = ordinal_agreement([cutoffs.grade(value) for value in true], [cutoffs.grade(value) for value in fat], GRADES)
    words = f"cut-offs {', '.join(f'{value:g}' for value in cutoffs.percent)}"
    yield _row(variant, "grade_accuracy", found.accuracy, f"{found.accuracy.method}, {words}")
    yield _row(variant, "grade_within_one", found.within_one, f"{found.within_one.method}, {words}")
    yield _row(variant, "grade_kappa_quadratic", found.kappa_quadratic, f"{found.kappa_quadratic.method}, {words}")
    for i, name in enumerate(GRADES):
        for j, other in enumerate(GRADES):
            count = float(found.matrix[i, j])
            yield MetricRow(variant, f"grade_{name}_as_{other}", count, NAN, NAN, fat.size, words)


def _coverage(variant: str, true: np.ndarray, fat: np.ndarray) -> Iterator[MetricRow]:
    """Intervals of every subject from the errors of others: a tenth of the subjects is judged by the rest in turn."""
    if fat.size < 5:
        return
    group = np.random.default_rng(0).permutation(fat.size) % _GROUPS
    if any(np.ptp(true[group != number]) == 0 for number in range(_GROUPS)):
        return  # nothing can be learned from subjects of equal fat
    low, high = np.empty(fat.size), np.empty(fat.size)
    for number in range(min(_GROUPS, fat.size)):
        rest = np.flatnonzero(group != number)
        others = calibrate_fat(fat[rest], true[rest], [str(i) for i in rest])
        for i in np.flatnonzero(group == number):
            low[i], high[i] = others.predict(fat[i]).interval(INTERVAL_LEVEL)
    found = interval_coverage(low, high, true, INTERVAL_LEVEL)
    words = f"{INTERVAL_LEVEL:.0%} interval of each subject from the errors of others (10 groups)"
    yield _row(variant, "interval_coverage_90", found.covered, f"{found.covered.method}, {words}")
    yield MetricRow(variant, "interval_width_90_mean", found.mean_width, NAN, NAN, fat.size, f"{words}, points")


def _frames(result: CrossValidation) -> Iterator[MetricRow]:
    pairs = [
        (entry.fat_percent, frame.outcome.fat_percent)
        for entry in result.predicted
        for frame in entry.prediction.frames
        if frame.outcome.fat_percent is not None
    ]
    if len(pairs) > len(result.predicted):
        true, fat = np.array(pairs, dtype=float).T
        yield from _regression(result.variant, "frame_", true, fat, "frames")
    for fold in result.folds:
        errors = [
            (frame.outcome.fat_percent - entry.fat_percent) ** 2
            for entry in fold.held_out
            if entry.prediction is not None
            for frame in entry.prediction.frames
            if frame.outcome.fat_percent is not None
        ]
        if errors and len(result.folds) <= 20:
            value = float(np.mean(errors))
            yield MetricRow(
                result.variant, f"fold_loss_{fold.fold}", value, NAN, NAN, len(errors), "mean squared error of frames"
            )


def _details(result: CrossValidation) -> Iterator[MetricRow]:
    """Validation losses inside the training, where the model tells them (Colantonio et al. 2021, Table 2).

    With several test sets there are as many trainings, and the losses of a set are averaged over them.
    """
    found: dict[str, list[float]] = {}
    for fold in result.folds:
        for branch, losses in dict(fold.details.get("validation_losses", {})).items():
            for number, value in enumerate(losses, 1):
                loss = NAN if value is None else float(value)
                found.setdefault(f"validation_loss_{branch}_set{number}", []).append(loss)
    for name, losses in found.items():
        words = "mean squared error, best epoch"
        words += f", mean of {len(losses)} trainings" if len(losses) > 1 else ""
        yield MetricRow(result.variant, name, float(np.mean(losses)), NAN, NAN, len(losses), words)


def _count(result: CrossValidation, name: str, value: int) -> MetricRow:
    return MetricRow(result.variant, name, value, NAN, NAN, value, "")


def _row(variant: str, metric: str, estimate: Estimate, method: str) -> MetricRow:
    return MetricRow(variant, metric, estimate.value, estimate.low, estimate.high, estimate.n, method)


def find(rows: Iterable[MetricRow], variant: str, metric: str) -> MetricRow | None:
    """The row of a figure, ``None`` where there is none."""
    return next((row for row in rows if row.variant == variant and row.metric == metric), None)
