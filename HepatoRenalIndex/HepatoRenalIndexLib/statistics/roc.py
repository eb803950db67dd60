"""Receiver operating characteristic: AUC with intervals, operating points, comparison of two tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from .bootstrap import cluster_bootstrap
from .interval import Estimate


@dataclass(frozen=True)
class OperatingPoint:
    """A test is positive when the score is at least ``threshold``. Intervals are Clopper-Pearson."""

    threshold: float
    sensitivity: Estimate
    specificity: Estimate


@dataclass(frozen=True)
class RocCurve:
    """Points from (0, 0) to (1, 1), thresholds falling; the first threshold is infinite."""

    thresholds: np.ndarray
    sensitivity: np.ndarray
    specificity: np.ndarray
    positives: int
    negatives: int


@dataclass(frozen=True)
class AucComparison:
    """DeLong test of two scores on the same cases: ``difference`` is first minus second; ``p`` is two-sided."""

    difference: Estimate
    z: float
    p: float


def auc_value(labels, scores) -> float:
    """Area under the curve alone: share of (positive, negative) pairs in order, ties half; NaN with one class."""
    labels = np.asarray(labels).astype(bool)
    positives = int(labels.sum())
    negatives = labels.size - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    ranks = stats.rankdata(np.asarray(scores, dtype=float))
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def auc_delong(labels, scores, level: float = 0.95) -> Estimate:
    """AUC with the interval of DeLong ER et al. Biometrics 1988;44:837-845, cut to 0..1.

    Midrank computation after Sun X, Xu W. IEEE Signal Process Lett 2014;21:1389-1393. Cases must be independent: one
    row per patient. Where every pair is in order (or every one is not) the variance estimate is 0, which says nothing;
    the limit is then that of as many successes in a row as the smaller class has cases, after the largest variance that
    an area can have (Bamber D. J Math Psychol 1975;12:387-415).
    """
    labels, scores = _checked(labels, scores)
    areas, covariance = _delong(labels, scores[None, :])
    if areas[0] in (0, 1):
        fewer = int(min(labels.sum(), (~labels).sum()))
        bound = proportion(fewer if areas[0] == 1 else 0, fewer, level)
        return Estimate(float(areas[0]), bound.low, bound.high, labels.size, "exact, largest variance", level)
    half = stats.norm.ppf(1 - (1 - level) / 2) * np.sqrt(covariance[0, 0])
    area = float(areas[0])
    return Estimate(area, float(max(area - half, 0)), float(min(area + half, 1)), labels.size, "DeLong", level)


def auc_bootstrap(
    labels, scores, clusters, rng: np.random.Generator, replicates: int = 2000, level: float = 0.95
) -> Estimate:
    """AUC with a percentile interval, resampled by ``clusters`` (one label per row, e.g. the patient)."""
    labels, scores = _checked(labels, scores)
    return cluster_bootstrap(
        lambda rows: auc_value(labels[rows], scores[rows]), clusters, rng, replicates, level
    ).estimate


def compare_auc(labels, first, second, level: float = 0.95) -> AucComparison:
    """Whether two scores of the same cases differ in AUC (DeLong 1988, paired)."""
    labels, first = _checked(labels, first)
    _, second = _checked(labels, second)
    areas, covariance = _delong(labels, np.stack([first, second]))
    difference = float(areas[0] - areas[1])
    error = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0)))
    half = stats.norm.ppf(1 - (1 - level) / 2) * error
    z = difference / error if error > 0 else (0.0 if difference == 0 else float(np.copysign(np.inf, difference)))
    estimate = Estimate(difference, difference - half, difference + half, labels.size, "DeLong", level)
    return AucComparison(estimate, float(z), float(2 * stats.norm.sf(abs(z))))


def roc_curve(labels, scores) -> RocCurve:
    """Sensitivity and specificity at every distinct score; higher scores mean more disease."""
    labels, scores = _checked(labels, scores)
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], labels[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), ordered.size - 1)  # the last row of every run of ties
    positives, negatives = int(labels.sum()), int((~labels).sum())
    true_positives = np.append(0, np.cumsum(hits)[last])
    false_positives = np.append(0, np.cumsum(~hits)[last])
    return RocCurve(
        thresholds=np.append(np.inf, ordered[last]),
        sensitivity=true_positives / positives,
        specificity=1 - false_positives / negatives,
        positives=positives,
        negatives=negatives,
    )


def youden_point(curve: RocCurve, level: float = 0.95) -> OperatingPoint:
    """The point of largest sensitivity + specificity - 1 (Youden 1950); ties: the one nearest the corner (0, 1)."""
    index = np.round(curve.sensitivity + curve.specificity, 12)
    candidates = np.flatnonzero(index == index.max())
    return _point(curve, candidates[np.argmin(_corner_distance(curve)[candidates])], level)


def nearest_corner_point(curve: RocCurve, level: float = 0.95) -> OperatingPoint:
    """The point nearest to the corner (0, 1) of perfect sensitivity and specificity."""
    return _point(curve, _nearest_corner(curve), level)


def nearest_corner_threshold(curve: RocCurve) -> float:
    """Threshold of :func:`nearest_corner_point` alone (quick, for resampling)."""
    return float(curve.thresholds[_nearest_corner(curve)])


def proportion(successes: int, total: int, level: float = 0.95) -> Estimate:
    """A proportion with the exact interval of Clopper and Pearson 1934; NaN for ``total`` 0."""
    if total == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), 0, "Clopper-Pearson", level)
    interval = stats.binomtest(successes, total).proportion_ci(level, method="exact")
    return Estimate(successes / total, float(interval.low), float(interval.high), total, "Clopper-Pearson", level)


def _point(curve: RocCurve, i: int, level: float) -> OperatingPoint:
    return OperatingPoint(
        threshold=float(curve.thresholds[i]),
        sensitivity=proportion(round(curve.sensitivity[i] * curve.positives), curve.positives, level),
        specificity=proportion(round(curve.specificity[i] * curve.negatives), curve.negatives, level),
    )


def _nearest_corner(curve: RocCurve) -> int:
    return int(np.argmin(np.round(_corner_distance(curve), 12)))


def _corner_distance(curve: RocCurve) -> np.ndarray:
    return np.hypot(1 - curve.sensitivity, 1 - curve.specificity)


def _checked(labels, scores) -> tuple[np.ndarray, np.ndarray]:
    labels = np.asarray(labels).astype(bool)
    scores = np.asarray(scores, dtype=float)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise ValueError(f"labels and scores must be vectors of one length, got {labels.shape} and {scores.shape}")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite; leave unmeasured cases out and count them")
    if labels.all() or not labels.any():
        raise ValueError("an ROC curve needs cases of both classes")
    return labels, scores


def _delong(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Areas ``(tests,)`` and their covariance ``(tests, tests)`` of ``scores`` ``(tests, cases)``."""
    positives, negatives = scores[:, labels], scores[:, ~labels]
    m, n = positives.shape[1], negatives.shape[1]
    rank = stats.rankdata
    among_all = rank(np.concatenate([positives, negatives], axis=1), axis=1)
    of_positive = (among_all[:, :m] - rank(positives, axis=1)) / n  # share of negatives below each positive
    of_negative = 1 - (among_all[:, m:] - rank(negatives, axis=1)) / m
    covariance = _covariance(of_positive) / m + _covariance(of_negative) / n
    return of_positive.mean(axis=1), covariance


def _covariance(components: np.ndarray) -> np.ndarray:
    count = components.shape[1]
    if count < 2:  # one case of a class: nothing is known of its spread
        return np.full((components.shape[0],) * 2, np.nan)
    return np.cov(components).reshape((components.shape[0],) * 2)
