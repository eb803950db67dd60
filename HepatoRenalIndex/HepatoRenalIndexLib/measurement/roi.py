"""Rectangular regions of interest on the pixel grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Roi:
    """A rectangle of whole pixels: ``left <= x < left + width``, ``top <= y < top + height``."""

    left: int
    top: int
    width: int
    height: int

    @property
    def center(self) -> tuple[float, float]:
        """Center ``(x, y)`` in pixels of the source image."""
        return self.left + (self.width - 1) / 2, self.top + (self.height - 1) / 2

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the rectangle in a ``(rows, columns)`` array."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    def inside(self, shape: tuple[int, int]) -> bool:
        """Whether the whole rectangle lies in an array of ``shape``."""
        return (
            self.left >= 0
            and self.top >= 0
            and self.left + self.width <= shape[1]
            and self.top + self.height <= shape[0]
        )

    def values(self, array: np.ndarray) -> np.ndarray:
        """View of ``array`` under the rectangle, ``(height, width)``."""
        return array[self.slices]

    @classmethod
    def centered(cls, x: float, y: float, width: int, height: int) -> Roi:
        """The rectangle of that size whose center is nearest to ``(x, y)``."""
        return cls(round(x - (width - 1) / 2), round(y - (height - 1) / 2), width, height)
