"""Comparison of two correlations that share one variable and the same subjects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from .correlation import pearson_value, spearman_value
from .interval import Estimate, as_pairs


@dataclass(frozen=True)
class CorrelationComparison:
    """Test of two overlapping correlations. ``difference`` is of Fisher's z transforms, first minus second.

    ``between`` is the correlation of the two predictors with each other; ``p`` is two-sided. NaN where a correlation is
    undefined, or where one of two that differ is exactly 1 or -1.
    """

    first: float
    second: float
    between: float
    difference: Estimate
    z: float
    p: float


def compare_correlations(reference, first, second, kind: str = "pearson", level: float = 0.95) -> CorrelationComparison:
    """Whether ``first`` or ``second`` correlates better with ``reference``; vectors of one length, at least 4 subjects.

    ``kind`` is ``"pearson"`` or ``"spearman"``; for the latter the same formula takes rank correlations, as is usual.
    Raises ``ValueError`` for vectors of other lengths, fewer subjects or values that are not finite.
    """
    if kind not in ("pearson", "spearman"):
        raise ValueError(f"unknown correlation {kind!r}: use 'pearson' or 'spearman'")
    value = {"pearson": pearson_value, "spearman": spearman_value}[kind]
    reference, first = as_pairs(reference, first, minimum=4)
    _, second = as_pairs(reference, second, minimum=4)
    return meng_test(value(reference, first), value(reference, second), value(first, second), first.size, level)


def meng_test(first: float, second: float, between: float, n: int, level: float = 0.95) -> CorrelationComparison:
    """The test from the three correlations of ``n`` subjects.

    Meng XL, Rosenthal R, Rubin DB. Comparing correlated correlation coefficients. Psychol Bull 1992;111:172-175. Raises
    ``ValueError`` below 4 subjects and for correlations outside -1 to 1.
    """
    if n < 4:
        raise ValueError(f"at least 4 subjects are needed to compare correlations, got {n}")
    values = np.array([first, second, between], dtype=float)
    if (np.abs(values) > 1).any():
        raise ValueError("correlations lie between -1 and 1")
    nan, z_level = float("nan"), stats.norm.ppf(1 - (1 - level) / 2)
    if not np.isfinite(values).all():
        return _comparison(values, (nan, nan, nan), nan, n, level)
    if first == second:  # also two predictors that are the same up to scale
        half = z_level * _standard_error(values, n) if abs(first) < 1 else nan
        return _comparison(values, (0.0, -half, half), 0.0, n, level)
    if max(abs(first), abs(second)) == 1:
        return _comparison(values, (nan, nan, nan), nan, n, level)
    difference = float(np.arctanh(first) - np.arctanh(second))
    error = _standard_error(values, n)
    half = z_level * error
    z = difference / error if error > 0 else nan
    return _comparison(values, (difference, difference - half, difference + half), z, n, level)


def _standard_error(values: np.ndarray, n: int) -> float:
    first, second, between = values
    mean_square = (first**2 + second**2) / 2
    f = min((1 - between) / (2 * (1 - mean_square)), 1.0)
    h = (1 - f * mean_square) / (1 - mean_square)
    return float(np.sqrt(2 * (1 - between) * h / (n - 3)))


def _comparison(values: np.ndarray, interval: tuple, z: float, n: int, level: float) -> CorrelationComparison:
    estimate = Estimate(*(float(v) for v in interval), n, "Meng", level)
    return CorrelationComparison(*(float(v) for v in values), estimate, float(z), float(2 * stats.norm.sf(abs(z))))
