"""Statistics of every position of a sliding rectangular window, from integral images.

All results are indexed by the window's upper left pixel and have shape ``(rows - height + 1, columns - width + 1)``;
each costs the same whatever the window's size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def window_sums(array: np.ndarray, height: int, width: int) -> np.ndarray:
    """Sum of ``array`` under every window; float64, exact for integer input below 2**53."""
    integral = np.zeros((array.shape[0] + 1, array.shape[1] + 1))
    np.cumsum(array, axis=0, dtype=float, out=integral[1:, 1:])
    np.cumsum(integral[1:, 1:], axis=1, out=integral[1:, 1:])
    return (
        integral[height:, width:]
        - integral[:-height, width:]
        - integral[height:, :-width]
        + integral[:-height, :-width]
    )


@dataclass(frozen=True)
class WindowStatistics:
    """Mean and variance (population) of the pixels under every window, float64."""

    mean: np.ndarray
    variance: np.ndarray
    height: int
    width: int

    def variation_about(self, level: float) -> np.ndarray:
        """Mean squared difference from ``level`` under every window: the published search criterion."""
        return self.variance + (self.mean - level) ** 2


def window_statistics(pixels: np.ndarray, height: int, width: int) -> WindowStatistics:
    """:class:`WindowStatistics` of a uint8 image ``(rows, columns)`` no smaller than the window."""
    count = height * width
    values = pixels.astype(float)
    mean = window_sums(values, height, width) / count
    variance = window_sums(values * values, height, width) / count - mean**2
    return WindowStatistics(mean, np.maximum(variance, 0.0), height, width)


def window_share(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Fraction 0..1 of every window's pixels that are True in ``mask``."""
    return window_sums(mask, height, width) / (height * width)
