"""Metrics of a classifier at one threshold, as diagnostic papers report them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bootstrap import BootstrapResult, cluster_bootstrap
from .interval import Estimate
from .roc import auc_value, nearest_corner_threshold, proportion, roc_curve

METRICS = ("accuracy", "precision", "recall", "specificity", "f1")


@dataclass(frozen=True)
class ClassificationMetrics:
    """Counts and proportions of a test that is positive when the score is at least ``threshold``.

    Intervals are Clopper-Pearson. A proportion of nothing is NaN: ``recall`` without positives, ``specificity`` without
    negatives, ``precision`` without positive results, ``f1`` without either.
    """

    threshold: float
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int
    accuracy: Estimate
    precision: Estimate  # positive predictive value at the prevalence of these cases
    recall: Estimate  # sensitivity
    specificity: Estimate
    f1: float  # harmonic mean of precision and recall

    @property
    def sensitivity(self) -> Estimate:
        """Recall by its name in diagnostic studies."""
        return self.recall


def classification_metrics(labels, scores, threshold: float, level: float = 0.95) -> ClassificationMetrics:
    """Metrics of ``scores`` (float) against ``labels`` (bool or 0/1), vectors of one length, at ``threshold``.

    Raises ``ValueError`` for empty vectors, vectors of other lengths and scores that are not finite.
    """
    labels = np.asarray(labels).astype(bool)
    scores = np.asarray(scores, dtype=float)
    if labels.ndim != 1 or labels.shape != scores.shape or labels.size == 0:
        raise ValueError(f"labels and scores must be vectors of one length, got {labels.shape} and {scores.shape}")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite; leave unmeasured cases out and count them")
    tp, fp, tn, fn = _counts(labels, scores >= threshold)
    return ClassificationMetrics(
        threshold=float(threshold),
        true_positives=tp,
        false_positives=fp,
        true_negatives=tn,
        false_negatives=fn,
        accuracy=proportion(tp + tn, labels.size, level),
        precision=proportion(tp, tp + fp, level),
        recall=proportion(tp, tp + fn, level),
        specificity=proportion(tn, tn + fp, level),
        f1=_shares(tp, fp, tn, fn)["f1"],
    )


def nearest_corner_metrics(labels, scores, level: float = 0.95) -> ClassificationMetrics:
    """Metrics at the ROC point nearest to (0, 1), chosen on these very cases (optimistic); needs both classes."""
    return classification_metrics(labels, scores, nearest_corner_threshold(roc_curve(labels, scores)), level)


def bootstrap_classification(
    labels, scores, clusters, seed: int, threshold: float | None = None, replicates: int = 1000
) -> dict[str, BootstrapResult]:
    """``auc`` and every one of ``METRICS`` over the same bootstrap samples, resampled by ``clusters``.

    Mean and SD of the replicates are the "mean +- SD" of Byra M et al. J Ultrasound Med 2022;41:175, Tables 1 and 2.
    Without a ``threshold`` each sample takes its own at the ROC point nearest to (0, 1). Samples of one class are
    left out and counted.
    """
    labels = np.asarray(labels).astype(bool)
    scores = np.asarray(scores, dtype=float)

    def statistic(name: str):
        def value(rows: np.ndarray) -> float:
            drawn, drawn_scores = labels[rows], scores[rows]
            if drawn.all() or not drawn.any():
                return float("nan")
            if name == "auc":
                return auc_value(drawn, drawn_scores)
            cut = nearest_corner_threshold(roc_curve(drawn, drawn_scores)) if threshold is None else threshold
            return _shares(*_counts(drawn, drawn_scores >= cut))[name]

        return value

    if labels.all() or not labels.any():
        raise ValueError("classification metrics over bootstrap samples need cases of both classes")
    # one seed for all: every metric sees the same samples
    return {
        name: cluster_bootstrap(statistic(name), clusters, np.random.default_rng(seed), replicates)
        for name in ("auc", *METRICS)
    }


def _counts(labels: np.ndarray, positive: np.ndarray) -> tuple[int, int, int, int]:
    """True positives, false positives, true negatives, false negatives."""
    tp, fp = int((positive & labels).sum()), int((positive & ~labels).sum())
    positives = int(labels.sum())
    return tp, fp, labels.size - positives - fp, positives - tp


def _shares(tp: int, fp: int, tn: int, fn: int) -> dict[str, float]:
    """The metrics without intervals (quick, for resampling)."""

    def ratio(part: int, whole: int) -> float:
        return part / whole if whole else float("nan")

    return {
        "accuracy": ratio(tp + tn, tp + fp + tn + fn),
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, tp + fn),
        "specificity": ratio(tn, tn + fp),
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
    }
