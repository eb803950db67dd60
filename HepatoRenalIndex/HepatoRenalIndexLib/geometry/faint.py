"""An outline widened over tissue so dark that only scattered pixels of it are lit.

Tissue that dense enough to find the outline by may end early: low gain leaves the deep or lateral part nearly black.
Scattered dim pixels still tell it from the truly black screen. They are counted in thin layers beyond the far limit
and beyond the sides; the outline grows over layers as long as they are lit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from .foreground import Foreground
from .outline import Outline, Side

_LIT = 0.04  # share of dim pixels that makes a layer insonated; the screen beside text stays below
_DIM = 100  # gray levels from here on are text and traces, not faint tissue
_GAP = 3  # layers that may be black in between


def widen(outline: Outline, pixels: np.ndarray, foreground: Foreground, aspect: float) -> Outline:
    """``outline`` grown over faint tissue; unchanged where none lies beyond it."""
    step = foreground.scale
    sample = pixels[step // 2 :: step, step // 2 :: step]
    bright = ndimage.maximum_filter(sample, 5) >= _DIM
    y = (np.arange(sample.shape[0]) * step + step // 2) * aspect
    x = np.arange(sample.shape[1], dtype=float) * step + step // 2
    x, y = x[None, :], y[:, None]
    lit = foreground.lit[step // 2 :: step, step // 2 :: step] & ~bright
    if outline.apex is None:
        depth, thick = np.broadcast_to(y, sample.shape), 2.0 * step * aspect
    else:
        depth, thick = np.hypot(x - outline.apex[0], y - outline.apex[1]), 2.0 * step
    left, right = x - outline.left.at_row(y), outline.right.at_row(y) - x
    within = (left > 2 * step) & (right > 2 * step) & ~bright
    far = _grown(depth[within], lit[within], outline.far, 0.5 * step, thick)
    outline = replace(outline, far=far)
    if outline.apex is None:
        return outline
    tip = (left > 0) & (right > 0) & (depth <= outline.near) & ~bright
    near = -_grown(-depth[tip], lit[tip], -outline.near, 0.5 * step, float(step), fewest=2)
    outline = replace(outline, near=near)
    # Beyond the sides, layers are wedges of one degree around the same apex. Scans are symmetric, so that no side
    # grows beyond the angle of the other.
    wedge = np.radians(1.0)
    inside = (depth > outline.near) & (depth < outline.far) & ~bright
    sides = []
    for side, other, hand, gap in ((outline.left, outline.right, -1, left), (outline.right, outline.left, 1, right)):
        start, most = hand * side.angle, -hand * other.angle
        beyond = inside & (gap < 0)
        if start + 0.5 * wedge < most and (lit & beyond).any():
            row, column = np.nonzero(beyond)
            angle = hand * np.arctan2(x[0, column] - outline.apex[0], y[row, 0] - outline.apex[1])
            grown = min(most, _grown(angle, lit[beyond], start, 0.3 * wedge, wedge))
            if grown > start:
                side = Side(outline.apex, np.array([hand * np.cos(grown), -np.sin(grown)]))
        sides.append(side)
    return replace(outline, left=sides[0], right=sides[1])


def _grown(
    position: np.ndarray, lit: np.ndarray, limit: float, margin: float, thickness: float, fewest: int = 12
) -> float:
    """``limit`` moved outward over lit layers of ``position``, which begin ``margin`` beyond it.

    Layers of less than ``fewest`` pixels tell nothing.
    """
    start = limit + margin
    count = _layers(position, lit, start, thickness, fewest)
    if count == 0:
        return float(limit)
    tissue = position[lit & (position > start) & (position < start + count * thickness)]
    return float(np.quantile(tissue, 0.99))


def _layers(position: np.ndarray, lit: np.ndarray, start: float, thickness: float, fewest: int) -> int:
    """Number of layers beyond ``start`` up to the last lit one before more than ``_GAP`` black ones in a row."""
    index = np.floor((position - start) / thickness).astype(np.intp)
    beyond = index >= 0
    if not beyond.any():
        return 0
    total = np.bincount(index[beyond])
    share = np.bincount(index[beyond], weights=lit[beyond], minlength=total.size) / np.maximum(total, 1)
    count = 0
    for layer in np.flatnonzero((share > _LIT) & (total >= fewest)):
        if layer - count > _GAP:
            break
        count = int(layer) + 1
    return count
