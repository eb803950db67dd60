"""Differences between the variants of a recipe, on the subjects that both judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from HepatoRenalIndexLib.statistics.bootstrap import cluster_bootstrap
from HepatoRenalIndexLib.statistics.dependent_correlation import compare_correlations
from HepatoRenalIndexLib.statistics.roc import auc_value, compare_auc
from HepatoRenalIndexLib.statistics.welch import welch_comparisons

from .cross_validation import CrossValidation
from .metrics import REPLICATES, THRESHOLDS, score_of

FEWEST = 5


@dataclass(frozen=True)
class ComparisonRow:
    """``difference`` is first minus second. ``p_corrected`` is Bonferroni's over the pairs of this metric and test."""

    first: str
    second: str
    metric: str
    test: str
    difference: float
    low: float
    high: float
    p: float
    p_corrected: float
    n: int


def compare_variants(results: Sequence[CrossValidation], bootstrap: bool, seed: int) -> list[ComparisonRow]:
    """DeLong's test of AUCs and Meng's of correlations for every pair; Welch's over bootstrap AUCs where asked for.

    Welch's p falls with the number of bootstrap samples, not of subjects: it is there because Byra et al. 2021 report
    it; DeLong's is the one to believe.
    """
    pairs = list(combinations(results, 2))
    rows: list[ComparisonRow] = []
    for first, second in pairs:
        rows += _delong(first, second, len(pairs))
        rows += _meng(first, second, len(pairs))
    if bootstrap and len(results) > 1:
        for threshold in THRESHOLDS:
            rows += _welch(results, threshold, seed)
    return rows


def _common(first: CrossValidation, second: CrossValidation, outcome: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reference and both outcomes of the subjects for whom both variants have one."""
    values = [
        {entry.subject: (entry.fat_percent, getattr(entry.prediction.outcome, outcome)) for entry in result.predicted}
        for result in (first, second)
    ]
    names = [name for name in values[0] if name in values[1] and None not in (values[0][name][1], values[1][name][1])]
    true = np.array([values[0][name][0] for name in names], dtype=float)
    return true, *(np.array([own[name][1] for name in names], dtype=float) for own in values)


def _score(first: CrossValidation, second: CrossValidation, threshold: int):
    """Labels and scores of both: probabilities where both have them, else fat percentages."""
    for outcome in (f"p_fatty_{threshold}", "fat_percent"):
        true, one, other = _common(first, second, outcome)
        if true.size >= FEWEST:
            labels = true >= threshold
            return None if labels.all() or not labels.any() else (labels, one, other)
    return None


def _delong(first: CrossValidation, second: CrossValidation, pairs: int) -> Iterator[ComparisonRow]:
    for threshold in THRESHOLDS:
        found = _score(first, second, threshold)
        if found is not None:
            test = compare_auc(*found)
            d = test.difference
            yield ComparisonRow(
                *(first.variant, second.variant, f"auc_{threshold}", "DeLong", d.value, d.low, d.high),
                *(test.p, min(test.p * pairs, 1.0) if np.isfinite(test.p) else test.p, found[0].size),
            )


def _meng(first: CrossValidation, second: CrossValidation, pairs: int) -> Iterator[ComparisonRow]:
    true, one, other = _common(first, second, "fat_percent")
    if true.size < FEWEST:
        return
    for kind in ("spearman", "pearson"):
        test = compare_correlations(true, one, other, kind)
        d = test.difference
        yield ComparisonRow(
            *(first.variant, second.variant, f"{kind} (Fisher's z)", "Meng", d.value, d.low, d.high),
            *(test.p, min(test.p * pairs, 1.0) if np.isfinite(test.p) else test.p, true.size),
        )


def _welch(results: Sequence[CrossValidation], threshold: int, seed: int) -> Iterator[ComparisonRow]:
    samples, n = {}, 0
    for result in results:
        labels, scores, _, _ = score_of(result, threshold)
        if labels.size < FEWEST or labels.all() or not labels.any():
            return
        n = labels.size
        samples[result.variant] = _auc_samples(labels, scores, seed)
    for test in welch_comparisons(samples):
        d = test.difference
        yield ComparisonRow(
            *(test.first, test.second, f"auc_{threshold}_bootstrap", "Welch, Bonferroni", d.value, d.low, d.high),
            *(test.p, test.p_corrected, n),
        )


def _auc_samples(labels: np.ndarray, scores: np.ndarray, seed: int) -> np.ndarray:
    """AUCs over bootstrap samples of subjects; the same samples for every variant of the same subjects."""
    return cluster_bootstrap(
        lambda rows: auc_value(labels[rows], scores[rows]),
        np.arange(labels.size),
        np.random.default_rng(seed),
        REPLICATES,
    ).replicates
