"""Welch's t test of several samples with Bonferroni's correction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from .interval import Estimate


@dataclass(frozen=True)
class WelchComparison:
    """``difference`` of the means, first minus second, with its interval (not corrected); ``p`` is two-sided.

    ``p_corrected`` is ``p`` times the number of comparisons made together, at most 1 (Bonferroni). NaN where neither
    sample varies and the means are equal.
    """

    first: str
    second: str
    difference: Estimate
    t: float
    df: float
    p: float
    p_corrected: float


def welch_comparisons(
    samples: Mapping[str, Iterable[float]],
    pairs: Iterable[tuple[str, str]] | None = None,
    level: float = 0.95,
) -> tuple[WelchComparison, ...]:
    """Compare the means of named samples pairwise, ``pairs`` of names or by default all of them.

    With bootstrap replicates of the AUC of several models as samples this is the comparison of Byra M et al. J
    Ultrasound Med 2022;41:175, "Statistical Analysis". There the p value falls with the number of replicates drawn, not
    with the number of patients, so that it says nothing of patients unless as many replicates as patients are drawn;
    ``roc.compare_auc`` is the test that does. Each sample holds at least 2 finite values, else ``ValueError``.
    """
    values = {name: _checked(name, sample) for name, sample in samples.items()}
    chosen = list(combinations(values, 2)) if pairs is None else list(pairs)
    if not chosen:
        raise ValueError("at least two samples are needed for a comparison")
    for name in (name for pair in chosen for name in pair):
        if name not in values:
            raise ValueError(f"there is no sample {name!r} to compare")
    return tuple(_compare(values, pair, len(chosen), level) for pair in chosen)


def _compare(values: dict, pair: tuple[str, str], comparisons: int, level: float) -> WelchComparison:
    first, second = (values[name] for name in pair)
    difference = float(first.mean() - second.mean())
    n = first.size + second.size
    if np.ptp(first) == 0 and np.ptp(second) == 0:  # no spread: nothing to compare the difference with
        nan, p = float("nan"), 0.0 if difference else float("nan")
        t = float(np.copysign(np.inf, difference)) if difference else nan
        return WelchComparison(*pair, Estimate(difference, nan, nan, n, "Welch", level), t, nan, p, p)
    result = stats.ttest_ind(first, second, equal_var=False)
    interval = result.confidence_interval(level)
    estimate = Estimate(difference, float(interval.low), float(interval.high), n, "Welch", level)
    p = float(result.pvalue)
    return WelchComparison(*pair, estimate, float(result.statistic), float(result.df), p, min(p * comparisons, 1.0))


def _checked(name: str, sample: Iterable[float]) -> np.ndarray:
    values = np.asarray(list(sample), dtype=float)
    if values.ndim != 1 or values.size < 2:
        raise ValueError(f"the sample {name!r} needs at least 2 values")
    if not np.isfinite(values).all():
        raise ValueError(f"the sample {name!r} holds values that are not finite; leave them out and count them")
    return values
