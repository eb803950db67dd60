"""A figure with its confidence interval: what every estimator of this room returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """``value`` with the confidence interval ``low`` to ``high`` at ``level``; NaN where undefined.

    ``n`` is the number of observations behind it, ``method`` the name of the interval's method.
    """

    value: float
    low: float
    high: float
    n: int
    method: str
    level: float = 0.95

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def as_pairs(first, second, minimum: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Two finite float vectors of one length of at least ``minimum``; ``ValueError`` otherwise."""
    first = np.asarray(first, dtype=float)
    second = np.asarray(second, dtype=float)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"two vectors of one length are needed, got {first.shape} and {second.shape}")
    if first.size < minimum:
        raise ValueError(f"at least {minimum} pairs are needed, got {first.size}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("values must be finite; leave incomplete pairs out and count them")
    return first, second
