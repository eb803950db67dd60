"""Gaussian mixture of gray levels, fitted on the histogram.

An 8-bit image has 256 gray levels, so a mixture over n pixels is a mixture over 256 weighted points: the same
likelihood and the same expectation-maximization steps, at a cost that does not grow with n. The three classes of
Cha et al. 2021 are, in the liver, vessel and shadow / parenchyma / vessel wall and, in the kidney, medulla and
shadow / cortex / calyx and pelvis, in order of brightness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GRAY_LEVELS = 256
# Variance of the rounding to whole gray levels (Sheppard): keeps a class from collapsing onto one level.
QUANTIZATION_VARIANCE = 1.0 / 12.0


@dataclass(frozen=True)
class HistogramMixture:
    """A fitted mixture; classes are sorted from dark to bright.

    ``weights``, ``means`` and ``variances`` are float64 ``(classes,)``, in gray levels. ``log_likelihood`` is the
    mean per pixel. ``class_of_level`` is uint8 ``(256,)``: the most probable class of each gray level, 1 the darkest.
    """

    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    log_likelihood: float
    iterations: int
    converged: bool
    class_of_level: np.ndarray

    @property
    def middle(self) -> int:
        """Index of the middle class (parenchyma or cortex)."""
        return len(self.means) // 2


def gray_histogram(values: np.ndarray) -> np.ndarray:
    """Counts of the gray levels of a uint8 array, int64 ``(256,)``."""
    return np.bincount(values.ravel(), minlength=GRAY_LEVELS)


def fit_histogram_mixture(
    counts: np.ndarray,
    classes: int = 3,
    *,
    tolerance: float = 1e-3,
    max_iterations: int = 100,
    variance_floor: float = QUANTIZATION_VARIANCE,
) -> HistogramMixture:
    """Fit a Gaussian mixture to gray levels given by their ``counts`` ``(256,)``.

    Deterministic: started from one-dimensional k-means, itself started from equal shares of the pixels. The steps,
    the stopping rule on the mean log-likelihood (``tolerance``) and the constant ``variance_floor`` added to every
    variance are those of scikit-learn's ``GaussianMixture`` (``tol``, ``reg_covar``), so that both give the same
    result from the same start. Raises ``ValueError`` for an empty histogram.
    """
    counts = np.asarray(counts, dtype=float)
    total = counts.sum()
    if total <= 0:
        raise ValueError("A mixture cannot be fitted to no pixels.")
    used = np.flatnonzero(counts)
    levels, share = used.astype(float), counts[used] / total

    weights, means, variances = _maximize(levels, share, _k_means(levels, share, classes), variance_floor)
    previous, converged, iteration = -np.inf, False, 0
    while iteration < max_iterations and not converged:
        iteration += 1
        log_likelihood, responsibilities = _expect(levels, share, weights, means, variances)
        weights, means, variances = _maximize(levels, share, responsibilities, variance_floor)
        converged = abs(log_likelihood - previous) < tolerance
        previous = log_likelihood

    order = np.argsort(means, kind="stable")
    weights, means, variances = weights[order], means[order], variances[order]
    log_joint = _log_joint(np.arange(GRAY_LEVELS, dtype=float), weights, means, variances)
    return HistogramMixture(
        weights, means, variances, previous, iteration, converged, (log_joint.argmax(axis=0) + 1).astype(np.uint8)
    )


def _k_means(levels, share, classes, max_iterations: int = 50):
    """Hard responsibilities ``(classes, levels)`` of one-dimensional k-means from equal shares of the pixels."""
    rank = np.cumsum(share) - share / 2
    assigned = np.minimum((rank * classes).astype(int), classes - 1)
    one_hot = np.equal.outer(np.arange(classes), assigned).astype(float)
    for _ in range(max_iterations):
        mass = one_hot @ share
        centers = np.where(mass > 0, one_hot @ (share * levels) / np.maximum(mass, 1e-300), np.inf)
        nearest = np.abs(levels[None, :] - centers[:, None]).argmin(axis=0)
        if np.array_equal(nearest, assigned):
            break
        assigned = nearest
        one_hot = np.equal.outer(np.arange(classes), assigned).astype(float)
    return one_hot


def _log_joint(levels, weights, means, variances):
    """Log of weight times density, ``(classes, levels)``; -inf for a class without weight."""
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights)
    squared = (levels[None, :] - means[:, None]) ** 2 / variances[:, None]
    return log_weights[:, None] - 0.5 * (np.log(2 * np.pi * variances)[:, None] + squared)


def _expect(levels, share, weights, means, variances):
    log_joint = _log_joint(levels, weights, means, variances)
    peak = log_joint.max(axis=0)
    log_density = peak + np.log(np.exp(log_joint - peak).sum(axis=0))
    return float(share @ log_density), np.exp(log_joint - log_density)


def _maximize(levels, share, responsibilities, variance_floor):
    mass = responsibilities * share
    # scikit-learn adds 10 machine epsilons to the class sizes; it keeps empty classes finite.
    sizes = mass.sum(axis=1) + 10 * np.finfo(float).eps / share.size
    means = mass @ levels / sizes
    variances = (mass * (levels[None, :] - means[:, None]) ** 2).sum(axis=1) / sizes + variance_floor
    return sizes / sizes.sum(), means, variances
