"""Tissue-like pixels of a frame and the outer envelope of their area, at reduced resolution.

Tissue is dense (speckle leaves few black pixels) and varies from pixel to pixel along a row. Text, traces and rulers
are thin; gray bars and title bars do not vary along a row. That tells them apart without knowing the scanner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

_REDUCED_SIDE = 320  # longest side of the reduced image, pixels
_DENSE = 0.6  # share of lit pixels that makes a neighborhood tissue; lines of text reach about 0.45
_TEXTURED = 0.12  # share of lit pixels that must differ from their left neighbor
_SOLID = 0.2  # share of pixels whose neighbors are lit too; bold text is dense but hardly solid
_DARKEST_SCREEN = 64  # the empty screen is darker than this
_SMALLEST_PART = 0.01  # components smaller than this share of the largest are clutter


@dataclass(frozen=True)
class Foreground:
    """Tissue of one frame: ``area`` is bool at ``1 / scale`` of the resolution, ``lit`` at full resolution.

    ``lit`` is True where a pixel differs from the empty screen and is not colored.
    """

    area: np.ndarray
    lit: np.ndarray
    scale: int

    @property
    def shape(self) -> tuple[int, int]:
        """``(rows, columns)`` of the source image."""
        return self.lit.shape

    def to_source(self, index):
        """Source pixel coordinate of the center of reduced row or column ``index`` (scalar or array)."""
        return np.asarray(index, dtype=float) * self.scale + (self.scale - 1) / 2


@dataclass(frozen=True)
class Envelope:
    """Outermost tissue of every reduced row and column, in isotropic source pixels ``(n, 2)``, ``(x, y * aspect)``.

    Positions that lie on the image border are left out: there the image ends, not the insonated area; ``every`` has
    them all. ``touches`` says for left, right, top, bottom what share of the tissue's rows or columns reaches that
    border.
    """

    left: np.ndarray
    right: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    every: np.ndarray
    touches: dict[str, float]


def find_background(pixels: np.ndarray) -> tuple[int, int]:
    """Gray value of the empty screen in uint8 ``pixels``, and how far noise moves it.

    The screen is the commonest flat dark value, on the border of the image above all: it may be drawn lighter than
    the darkest tissue. Lossy compression spreads it by a few levels.
    """
    flat = (pixels[:, 1:] == pixels[:, :-1]) & (pixels[:, 1:] < _DARKEST_SCREEN)
    values = pixels[:, 1:]
    counts = np.bincount(values[::2][flat[::2]], minlength=_DARKEST_SCREEN).astype(float)
    for edge in (slice(0, 3), slice(-3, None)):
        counts += 10 * np.bincount(values[edge][flat[edge]], minlength=_DARKEST_SCREEN)
        counts += 10 * np.bincount(values[:, edge][flat[:, edge]], minlength=_DARKEST_SCREEN)
    background = int(counts.argmax())
    around = counts[background + 1 : background + 3].max(initial=0)
    if background:
        around = max(around, counts[background - 1])
    return background, 0 if counts[background] > 20 * around else 4


def _block_mean(lit: np.ndarray, scale: int) -> np.ndarray:
    """Mean of every ``scale`` x ``scale`` block of a bool image, float32; an incomplete last block is dropped."""
    if scale == 1:
        return lit.astype(np.float32)
    rows, columns = lit.shape[0] // scale, lit.shape[1] // scale
    total = np.zeros((rows, columns), dtype=np.uint8)
    bits = lit.view(np.uint8)
    for dy in range(scale):
        for dx in range(scale):
            total += bits[dy : rows * scale : scale, dx : columns * scale : scale]
    return total * np.float32(1 / scale**2)


def _eroded(lit: np.ndarray) -> np.ndarray:
    """Bool image eroded by 3 x 3; the border is kept as if the image went on."""
    wide = np.pad(lit, 1, mode="edge")
    across = wide[:, :-2] & wide[:, 1:-1] & wide[:, 2:]
    return across[:-2] & across[1:-1] & across[2:]


def find_foreground(pixels: np.ndarray, color: np.ndarray | None = None) -> Foreground:
    """Tissue of uint8 ``pixels`` (rows, columns); pixels True in bool ``color`` never count as tissue."""
    scale = max(1, round(max(pixels.shape) / _REDUCED_SIDE))
    background, noise = find_background(pixels)
    lit = pixels > background + noise
    if background > noise:
        lit |= pixels < background - noise
    if color is not None:
        lit &= ~color
    varied = np.zeros_like(lit)
    np.not_equal(pixels[:, 1:], pixels[:, :-1], out=varied[:, 1:])
    varied &= lit
    share = _block_mean(lit, scale)
    density = ndimage.uniform_filter(share, 5, mode="nearest")
    texture = ndimage.uniform_filter(_block_mean(varied, scale), 5, mode="nearest")
    solid = ndimage.uniform_filter(_eroded(share >= 0.5).astype(np.float32), 5, mode="nearest")
    seeds = (density > _DENSE) & (texture > _TEXTURED) & (solid > _SOLID)
    labels, count = ndimage.label(seeds)
    if count > 1:
        seeds = _without_clutter(labels, count)[labels]
    area = (share >= 0.5) & ndimage.binary_dilation(seeds, iterations=2)
    return Foreground(area, lit, scale)


def _without_clutter(labels: np.ndarray, count: int) -> np.ndarray:
    """Bool per label (0 first): True for components that may be tissue, False for specks and upright bars."""
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    keep = sizes >= max(12, _SMALLEST_PART * sizes.max())
    keep[0] = False
    largest = int(sizes.argmax())
    boxes = ndimage.find_objects(labels)
    for label in np.flatnonzero(keep):
        if label == largest:
            continue
        box = boxes[label - 1]
        height, width = box[0].stop - box[0].start, box[1].stop - box[1].start
        filled = sizes[label] / (height * width)
        if min(height, width) < 0.06 * max(labels.shape) and filled > 0.6:
            keep[label] = False
    return keep


def find_envelope(foreground: Foreground, aspect: float = 1.0) -> Envelope:
    """Outer envelope of the tissue; see ``Envelope``. ``aspect`` is pixel height divided by pixel width."""
    area, half = foreground.area, foreground.scale / 2
    rows, columns = area.shape
    margin = 2

    def ends(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        index = np.flatnonzero(lines.any(axis=1))
        first = lines[index].argmax(axis=1)
        last = lines.shape[1] - 1 - lines[index][:, ::-1].argmax(axis=1)
        return index, first, last

    y, left, right = ends(area)
    x, top, bottom = ends(area.T)

    to = foreground.to_source
    points = {
        "left": np.stack([to(left) - half, to(y)], axis=1),
        "right": np.stack([to(right) + half, to(y)], axis=1),
        "top": np.stack([to(x), to(top) - half], axis=1),
        "bottom": np.stack([to(x), to(bottom) + half], axis=1),
    }
    within = {
        "left": left >= margin,
        "right": right < columns - margin,
        "top": top >= margin,
        "bottom": bottom < rows - margin,
    }
    scaling = np.array([1.0, aspect])
    return Envelope(
        *(points[side][within[side]] * scaling for side in points),
        every=np.concatenate(list(points.values())) * scaling,
        touches={side: float(1 - inner.mean()) if inner.size else 0.0 for side, inner in within.items()},
    )
