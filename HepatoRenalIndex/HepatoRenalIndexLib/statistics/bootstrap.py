"""Cluster bootstrap: patients are resampled, each with all of its frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from .interval import Estimate


@dataclass(frozen=True)
class BootstrapResult:
    """``estimate`` on all rows with its interval, and the replicates behind it.

    ``undefined`` replicates gave no finite value (for example only one class was drawn) and were left out.
    """

    estimate: Estimate
    replicates: np.ndarray  # float, the finite ones
    clusters: int
    undefined: int


def cluster_bootstrap(
    statistic: Callable[[np.ndarray], float],
    clusters,
    rng: np.random.Generator,
    replicates: int = 2000,
    level: float = 0.95,
    method: str = "percentile",
) -> BootstrapResult:
    """Confidence interval of ``statistic`` when rows of one cluster depend on each other.

    ``statistic`` takes an index array of rows (a drawn cluster's rows appear as often as it was drawn) and returns
    a number. ``clusters`` holds one label per row; pass ``range(n)`` for independent rows. ``method`` is
    ``"percentile"`` or ``"bca"`` (bias-corrected and accelerated, Efron 1987, jackknife over clusters). Field CA,
    Welsh AH. J R Stat Soc B 2007;69:369-390 treats the cluster bootstrap.
    """
    if method not in ("percentile", "bca"):
        raise ValueError(f"unknown bootstrap method {method!r}: use 'percentile' or 'bca'")
    members = cluster_rows(clusters)
    count = len(members)
    if count < 2:
        raise ValueError("at least two clusters are needed for a bootstrap")
    everything = np.arange(sum(len(rows) for rows in members))
    value = float(statistic(everything))
    drawn = np.empty(replicates)
    for i in range(replicates):
        chosen = rng.integers(count, size=count)
        drawn[i] = statistic(np.concatenate([members[c] for c in chosen]))
    finite = drawn[np.isfinite(drawn)]
    low, high = _limits(statistic, members, value, finite, level, method)
    label = f"cluster bootstrap, {method}"
    estimate = Estimate(value, low, high, everything.size, label, level)
    return BootstrapResult(estimate, finite, count, replicates - finite.size)


def cluster_rows(clusters) -> list[np.ndarray]:
    """Row indices of each cluster, clusters in the order of their sorted labels."""
    labels, which = np.unique(np.asarray(clusters), return_inverse=True)
    order = np.argsort(which, kind="stable")
    return np.split(order, np.cumsum(np.bincount(which, minlength=labels.size))[:-1])


def _limits(statistic, members, value, finite, level, method) -> tuple[float, float]:
    if finite.size < 2 or not np.isfinite(value):
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    tails = np.array([tail, 1 - tail])
    if method == "bca":
        tails = _bca_tails(statistic, members, value, finite, tails)
    low, high = np.quantile(finite, tails)
    return float(low), float(high)


def _bca_tails(statistic, members, value, finite, tails) -> np.ndarray:
    # ties count half, so that a discrete statistic (AUC of few patients) is not shifted
    below = (finite < value).mean() + (finite == value).mean() / 2
    if not 0 < below < 1:
        return tails
    shift = stats.norm.ppf(below)
    left_out = np.array(
        [statistic(np.concatenate([rows for j, rows in enumerate(members) if j != i])) for i in range(len(members))]
    )
    left_out = left_out[np.isfinite(left_out)]
    deviation = left_out.mean() - left_out
    spread = (deviation**2).sum()
    acceleration = (deviation**3).sum() / (6 * spread**1.5) if spread > 0 else 0.0
    z = shift + stats.norm.ppf(tails)
    return stats.norm.cdf(shift + z / (1 - acceleration * z))
