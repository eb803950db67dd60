"""The window search shared by the placements: every ROI-sized window that lies in an organ, and the best of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .mixture import HistogramMixture
from .placement import PlacementError, PlacementInput, RoiChoice
from .roi import Roi
from .windows import WindowStatistics, window_share, window_statistics

# Below this share of organ under the window, the brightness would be mostly of something else.
SMALLEST_ORGAN_SHARE = 0.6


@dataclass(frozen=True)
class OrganWindows:
    """Every window of ROI size over the bounding box of an organ.

    ``share`` is the fraction of organ under each window, ``depth`` the depth along the beam at its center, ``x`` and
    ``y`` its center in pixels of the source image; all have the shape of ``statistics.mean``. ``left`` and ``top``
    are the position of the first window; ``organ`` is the organ's valid pixels, bool ``(rows, columns)``.
    """

    name: str
    organ: np.ndarray
    left: int
    top: int
    statistics: WindowStatistics
    share: np.ndarray
    depth: np.ndarray
    x: np.ndarray
    y: np.ndarray

    def candidates(self, smallest_share: float, *conditions: np.ndarray) -> np.ndarray:
        """Windows with at least ``smallest_share`` of organ that meet the ``conditions``, given in order of importance.

        Where no window meets all, the last condition is dropped, and so on; an organ that holds no such window
        lends the ones it fills best. So there is always a candidate, and the same one every time.
        """
        filled = self.share >= min(smallest_share, self.share.max()) - 1e-9
        for kept in range(len(conditions), 0, -1):
            chosen = filled & np.logical_and.reduce(conditions[:kept])
            if chosen.any():
                return chosen
        return filled

    def choose(
        self,
        pixels: np.ndarray,
        candidates: np.ndarray,
        cost: np.ndarray,
        tissue: np.ndarray,
        mixture: HistogramMixture,
    ) -> RoiChoice:
        """The candidate of least ``cost`` (first in reading order on a tie), with its instruments.

        ``tissue``, bool ``(rows, columns)``, is where ``mixture`` was fitted and the class map is shown.
        """
        cost = np.where(candidates, cost, np.nan)
        row, column = np.unravel_index(np.nanargmin(cost), cost.shape)
        roi = Roi(self.left + int(column), self.top + int(row), self.statistics.width, self.statistics.height)

        class_map = np.where(tissue, mixture.class_of_level[pixels], 0).astype(np.uint8)
        cost_map = np.full(pixels.shape, np.nan, np.float32)
        first_x, first_y = self.left + (roi.width - 1) // 2, self.top + (roi.height - 1) // 2
        cost_map[first_y : first_y + cost.shape[0], first_x : first_x + cost.shape[1]] = cost
        return RoiChoice(roi, int(candidates.sum()), mixture, class_map, cost_map)


def organ_windows(placement: PlacementInput, mask: np.ndarray, name: str) -> OrganWindows:
    """All windows over an organ; :class:`PlacementError` if it is too small to hold one."""
    height, width = placement.roi_height, placement.roi_width
    organ = mask & placement.valid
    rows, columns = np.flatnonzero(organ.any(axis=1)), np.flatnonzero(organ.any(axis=0))
    too_small = PlacementError(
        f"The {name} is too small in this image to hold an ROI of {width} x {height} pixels; "
        "choose a frame that shows more of it, or correct its outline."
    )
    if rows.size == 0:
        raise too_small
    top, bottom = _span(rows[0], rows[-1], height, organ.shape[0])
    left, right = _span(columns[0], columns[-1], width, organ.shape[1])
    if bottom - top < height or right - left < width:
        raise too_small

    box = (slice(top, bottom), slice(left, right))
    statistics = window_statistics(placement.pixels[box], height, width)
    share = window_share(organ[box], height, width)
    if share.max() < SMALLEST_ORGAN_SHARE:
        raise too_small
    row = top + np.arange(share.shape[0])
    column = left + np.arange(share.shape[1])
    depth = placement.depth[np.ix_(row + (height - 1) // 2, column + (width - 1) // 2)]
    x = np.broadcast_to(column + (width - 1) / 2, share.shape)
    y = np.broadcast_to((row + (height - 1) / 2)[:, None], share.shape)
    return OrganWindows(name, organ, left, top, statistics, share, depth, x, y)


def _span(first: int, last: int, size: int, limit: int) -> tuple[int, int]:
    """Start and end of the organ's extent along one axis, widened to hold a window, within the image."""
    missing = max(size - (last + 1 - first), 0)
    start = max(first - missing, 0)
    return int(start), int(min(last + 1 + missing, limit))
