"""Smooth random fields."""

from __future__ import annotations

import numpy as np


def _interpolation(size: int, cells: int) -> np.ndarray:
    """``(size, cells)`` weights of smooth interpolation from a coarse to a fine axis."""
    position = np.linspace(0.0, cells - 1.0, size, dtype=np.float32)
    index = np.minimum(position.astype(np.intp), cells - 2)
    fraction = position - index
    fraction = fraction * fraction * (3 - 2 * fraction)
    weights = np.zeros((size, cells), np.float32)
    rows = np.arange(size)
    # dividing by the norm keeps the variance of the interpolated noise at one everywhere
    norm = np.sqrt((1 - fraction) ** 2 + fraction**2)
    weights[rows, index] = (1 - fraction) / norm
    weights[rows, index + 1] = fraction / norm
    return weights


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[float, float]) -> np.ndarray:
    """Unit-variance Gaussian noise, float32 of ``shape``, smooth over about ``cells`` samples on each axis."""
    coarse = [max(2, round(size / max(cell, 1.0)) + 1) for size, cell in zip(shape, cells, strict=True)]
    noise = rng.standard_normal(coarse, dtype=np.float32)
    return _interpolation(shape[0], coarse[0]) @ noise @ _interpolation(shape[1], coarse[1]).T


class Waves:
    """A smooth random function of the plane: a few products of sines, so that it is known at every position.

    The standard deviation is about ``amplitude``; wavelengths lie between ``shortest`` and ``longest`` (mm).
    """

    def __init__(self, rng: np.random.Generator, amplitude: float, shortest: float, longest: float, terms: int = 3):
        self._k = 2 * np.pi / rng.uniform(shortest, longest, (2, terms))
        self._phase = rng.uniform(0, 2 * np.pi, (2, terms))
        self._amplitude = amplitude * 2 / np.sqrt(terms)

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Values on the grid of the axes ``x`` (columns) and ``y`` (rows), float32 ``(rows, columns)``."""
        across = np.sin(self._k[0][:, None] * x[None] + self._phase[0][:, None]).astype(np.float32)
        down = np.sin(self._k[1][:, None] * y[None] + self._phase[1][:, None]).astype(np.float32)
        return self._amplitude * (down.T @ across)
