"""Agreement of ordered classes, such as steatosis grades S0 to S3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from .interval import Estimate
from .roc import proportion

WEIGHTS = ("none", "linear", "quadratic")


@dataclass(frozen=True)
class OrdinalAgreement:
    """Predicted against true classes. ``matrix`` is int ``(classes, classes)``, rows true, columns predicted.

    ``per_class`` is the share of each true class that was predicted as such, NaN for a class without cases. Kappas are
    NaN where chance alone gives full agreement (a single class on both sides).
    """

    classes: tuple[str, ...]
    matrix: np.ndarray
    accuracy: Estimate
    within_one: Estimate  # right or in a neighboring class
    per_class: tuple[Estimate, ...]
    kappa: Estimate
    kappa_linear: Estimate
    kappa_quadratic: Estimate


def ordinal_agreement(true, predicted, classes: Sequence[str], level: float = 0.95) -> OrdinalAgreement:
    """Compare two vectors of ``classes``, which are named from the lowest to the highest.

    Proportions have Clopper-Pearson intervals. Raises ``ValueError`` for empty vectors, vectors of other lengths and
    values that are not among ``classes``.
    """
    matrix = confusion_matrix(true, predicted, classes)
    total = int(matrix.sum())
    distance = np.abs(np.subtract.outer(np.arange(len(classes)), np.arange(len(classes))))
    return OrdinalAgreement(
        classes=tuple(classes),
        matrix=matrix,
        accuracy=proportion(int(np.trace(matrix)), total, level),
        within_one=proportion(int(matrix[distance <= 1].sum()), total, level),
        per_class=tuple(proportion(int(matrix[i, i]), int(matrix[i].sum()), level) for i in range(len(classes))),
        kappa=weighted_kappa(matrix, "none", level),
        kappa_linear=weighted_kappa(matrix, "linear", level),
        kappa_quadratic=weighted_kappa(matrix, "quadratic", level),
    )


def confusion_matrix(true, predicted, classes: Sequence[str]) -> np.ndarray:
    """Counts int ``(classes, classes)``, rows true and columns predicted, in the order of ``classes``."""
    true, predicted, classes = list(true), list(predicted), list(classes)
    if len(true) != len(predicted) or not true:
        raise ValueError(f"two vectors of one length are needed, got {len(true)} and {len(predicted)} values")
    if len(set(classes)) != len(classes) or len(classes) < 2:
        raise ValueError("at least two classes of different names are needed")
    unknown = (set(true) | set(predicted)) - set(classes)
    if unknown:
        raise ValueError(f"{sorted(map(str, unknown))[0]!r} is not one of the classes {', '.join(map(str, classes))}")
    index = {name: i for i, name in enumerate(classes)}
    matrix = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(matrix, ([index[name] for name in true], [index[name] for name in predicted]), 1)
    return matrix


def weighted_kappa(matrix, weights: str = "quadratic", level: float = 0.95) -> Estimate:
    """Cohen's kappa of a table of counts (Psychol Bull 1968;70:213), with its large-sample interval.

    ``weights`` are ``"none"``, ``"linear"`` (1 - distance / largest distance) or ``"quadratic"``. The standard error is
    that of Fleiss JL, Cohen J, Everitt BS. Psychol Bull 1969;72:323, Equation 9; the interval is cut to -1..1. It is
    rough below some 50 cases.
    """
    if weights not in WEIGHTS:
        raise ValueError(f"unknown weights {weights!r}: use one of {', '.join(WEIGHTS)}")
    counts = np.asarray(matrix, dtype=float)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or (counts < 0).any() or counts.sum() == 0:
        raise ValueError("kappa needs a square table of counts with at least one case")
    n, size = counts.sum(), counts.shape[0]
    share = counts / n
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    distance = np.abs(np.subtract.outer(np.arange(size), np.arange(size))) / max(size - 1, 1)
    agreement = {"none": distance == 0, "linear": 1 - distance, "quadratic": 1 - distance**2}[weights].astype(float)
    observed = (agreement * share).sum()
    expected = (agreement * np.outer(rows, columns)).sum()
    nan = float("nan")
    method = f"Fleiss-Cohen-Everitt, {weights} weights"
    if np.isclose(expected, 1):
        return Estimate(nan, nan, nan, int(n), method, level)
    kappa = (observed - expected) / (1 - expected)
    by_row, by_column = agreement @ columns, agreement.T @ rows
    spread = agreement * (1 - expected) - np.add.outer(by_row, by_column) * (1 - observed)
    variance = (share * spread**2).sum() - (observed * expected - 2 * expected + observed) ** 2
    error = np.sqrt(max(variance, 0.0) / n) / (1 - expected) ** 2
    half = stats.norm.ppf(1 - (1 - level) / 2) * error
    return Estimate(float(kappa), float(max(kappa - half, -1)), float(min(kappa + half, 1)), int(n), method, level)
