"""Pearson and Spearman correlation with confidence intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from .bootstrap import cluster_bootstrap
from .interval import Estimate, as_pairs


@dataclass(frozen=True)
class Correlation:
    """``estimate`` with its interval; ``p`` against no correlation (two-sided), for independent pairs."""

    estimate: Estimate
    p: float


def pearson_value(first, second) -> float:
    """Pearson's r alone; NaN where a vector does not vary."""
    first = np.asarray(first, dtype=float)
    second = np.asarray(second, dtype=float)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    a, b = first - first.mean(), second - second.mean()
    return float(np.clip((a @ b) / np.sqrt((a @ a) * (b @ b)), -1, 1))


def spearman_value(first, second) -> float:
    """Spearman's rank correlation alone, ties by mean ranks; NaN where a vector does not vary."""
    return pearson_value(stats.rankdata(first), stats.rankdata(second))


def pearson(first, second, level: float = 0.95) -> Correlation:
    """Pearson's r with Fisher's z interval (standard error ``1 / sqrt(n - 3)``); at least 4 pairs."""
    first, second = as_pairs(first, second, minimum=4)
    return _fisher(pearson_value(first, second), first.size, 1.0, level)


def spearman(first, second, level: float = 0.95) -> Correlation:
    """Spearman's correlation with an interval on Fisher's z; at least 4 pairs.

    Standard error ``sqrt((1 + r^2 / 2) / (n - 3))``: Bonett DG, Wright TA. Psychometrika 2000;65:23-28.
    """
    first, second = as_pairs(first, second, minimum=4)
    value = spearman_value(first, second)
    return _fisher(value, first.size, 1 + value**2 / 2, level)


def bootstrap_correlation(
    first, second, clusters, rng: np.random.Generator, kind: str = "spearman", replicates: int = 2000
) -> Estimate:
    """Spearman or Pearson correlation with a percentile interval, resampled by ``clusters`` (one label per pair)."""
    first, second = as_pairs(first, second)
    value = {"spearman": spearman_value, "pearson": pearson_value}[kind]
    return cluster_bootstrap(lambda rows: value(first[rows], second[rows]), clusters, rng, replicates).estimate


def _fisher(value: float, n: int, variance: float, level: float) -> Correlation:
    nan = float("nan")
    if not np.isfinite(value):
        return Correlation(Estimate(nan, nan, nan, n, "Fisher z", level), nan)
    if abs(value) == 1:
        return Correlation(Estimate(value, value, value, n, "Fisher z", level), 0.0)
    half = stats.norm.ppf(1 - (1 - level) / 2) * np.sqrt(variance / (n - 3))
    z = np.arctanh(value)
    t = value * np.sqrt((n - 2) / (1 - value**2))
    p = float(2 * stats.t.sf(abs(t), n - 2))
    return Correlation(
        Estimate(value, float(np.tanh(z - half)), float(np.tanh(z + half)), n, "Fisher z", level),
        p,
    )
