"""A map laid over its image, for reports and folders of results."""

from __future__ import annotations

import numpy as np

STRONGEST = 0.65  # opacity of the largest magnitude: the tissue stays visible
# Black body colors for evidence for fat, blue ones against it: positions 0..1 and RGB
_POSITIVE = np.array([[120, 0, 0], [230, 60, 0], [255, 170, 0], [255, 255, 120]], dtype=float)
_NEGATIVE = np.array([[0, 20, 120], [0, 90, 220], [60, 180, 255], [190, 240, 255]], dtype=float)


def overlay(pixels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """uint8 RGB ``(rows, columns, 3)``: the gray image, colored and more opaque the larger the magnitude of the map,
    whose ``values`` are -1..1."""
    size = np.abs(values)
    color = np.where((values >= 0)[..., None], _colors(size, _POSITIVE), _colors(size, _NEGATIVE))
    opacity = (STRONGEST * size)[..., None]
    gray = np.repeat(pixels[..., None].astype(float), 3, axis=2)
    return np.round(gray * (1 - opacity) + color * opacity).astype(np.uint8)


def _colors(size: np.ndarray, table: np.ndarray) -> np.ndarray:
    places = np.linspace(0, 1, len(table))
    return np.stack([np.interp(size, places, table[:, channel]) for channel in range(3)], axis=-1)
