"""Small bright marks on the screen (ticks, dots, characters) and evenly spaced series of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

_BRIGHT = 90  # gray level; rulers are drawn brighter
_LARGEST = 0.05  # extent of a mark as a share of the longer side of the image
_MOST = 4000  # more marks than this are noise, not graphics


@dataclass(frozen=True)
class Marks:
    """Connected bright marks; every field has one entry per mark. Positions in source pixels (not isotropic)."""

    x: np.ndarray
    y: np.ndarray
    width: np.ndarray
    height: np.ndarray
    area: np.ndarray

    def __len__(self) -> int:
        return self.x.size

    @property
    def length(self) -> np.ndarray:
        """Extent of a mark along its diagonal."""
        return np.hypot(self.width - 1, self.height - 1)

    def take(self, chosen: np.ndarray) -> Marks:
        return Marks(self.x[chosen], self.y[chosen], self.width[chosen], self.height[chosen], self.area[chosen])


def find_marks(pixels: np.ndarray, excluded: np.ndarray | None = None) -> Marks:
    """Marks of uint8 ``pixels`` at the centers of their bounding boxes; bool ``excluded`` pixels do not count."""
    bright = pixels >= _BRIGHT
    if excluded is not None:
        bright &= ~excluded
    labels, count = ndimage.label(bright, structure=np.ones((3, 3), dtype=bool))
    empty = np.empty(0)
    if count == 0 or count > _MOST:
        return Marks(empty, empty, empty, empty, empty)
    area = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    boxes = np.array(
        [(rows.start, rows.stop, columns.start, columns.stop) for rows, columns in ndimage.find_objects(labels)]
    )
    height, width = boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]
    small = np.maximum(height, width) <= max(6, _LARGEST * max(pixels.shape))
    x, y = (boxes[:, 2] + boxes[:, 3] - 1) / 2, (boxes[:, 0] + boxes[:, 1] - 1) / 2
    return Marks(x, y, width, height, area).take(small)


@dataclass(frozen=True)
class Series:
    """Positions ``origin + spacing * index``; ``members`` are indices into the marks given, ``index`` their places."""

    origin: float
    spacing: float
    members: np.ndarray
    index: np.ndarray
    residual: float  # root mean square distance of the members from their places

    @property
    def count(self) -> int:
        return self.index.size

    @property
    def length(self) -> int:
        """Number of places from the first to the last member."""
        return int(self.index[-1] - self.index[0]) + 1


def longest_series(
    position: np.ndarray, smallest_spacing: float, fewest: int = 6, coverage: float = 0.75
) -> Series | None:
    """The evenly spaced series with most members among ``position``; None if it has fewer than ``fewest``.

    At most one place in a row may be empty and at least ``coverage`` of all must be taken.
    """
    order = np.argsort(position)
    sorted_position = position[order]
    best: tuple[list[int], list[int]] | None = None
    for start in range(sorted_position.size - 1):
        for second in (start + 1, start + 2):
            if second >= sorted_position.size:
                continue
            spacing = sorted_position[second] - sorted_position[start]
            if spacing < smallest_spacing:
                continue
            members, index = _follow(sorted_position, start, second, spacing)
            if len(members) >= fewest and (best is None or len(members) > len(best[0])):
                best = (members, index)
    if best is None:
        return None
    members, index = np.array(best[0]), np.array(best[1])
    if members.size < coverage * (index[-1] + 1):
        return None
    spacing, origin = np.polyfit(index, sorted_position[members], 1)
    residual = float(np.sqrt(np.mean((sorted_position[members] - origin - spacing * index) ** 2)))
    return Series(float(origin), float(spacing), order[members], index, residual)


def _follow(position: np.ndarray, start: int, second: int, spacing: float) -> tuple[list[int], list[int]]:
    """Members and places of the series that begins with two marks, continued downward as far as it goes."""
    members, index = [start, second], [0, 1]
    missing = 0
    place = 1
    while missing < 2:
        place += 1
        expected = position[start] + place * spacing
        if expected > position[-1] + spacing:
            break
        nearest = int(np.searchsorted(position, expected))
        nearest = min(
            (k for k in (nearest - 1, nearest) if members[-1] < k < position.size),
            key=lambda k: abs(position[k] - expected),
            default=-1,
        )
        if nearest < 0 or abs(position[nearest] - expected) > max(0.08 * spacing, 1.0):
            missing += 1
            continue
        missing = 0
        members.append(nearest)
        index.append(place)
        spacing = (position[nearest] - position[start]) / place
    return members, index
