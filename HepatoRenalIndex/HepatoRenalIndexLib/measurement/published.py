"""ROI placement as published by Cha et al., Ultrasonography 2021;40:565 (Methods, "kidney ROI extraction" ff.).

Where the paper leaves a step open, the plainest reading is taken: the distance from the center of the mask is
Euclidean and divided by its largest value; a window belongs to the outer area if its center does; it must lie inside
the organ; "similar depth" is within half an ROI side of the kidney ROI, along the beam.
"""

from __future__ import annotations

import numpy as np

from .mixture import fit_histogram_mixture, gray_histogram
from .placement import PlacementInput, PlacementResult, RoiChoice
from .search import OrganWindows, organ_windows

OUTER_DISTANCE = 0.5  # threshold on the normalized distance (Cha et al. 2021)
SIMILAR_DEPTH = 0.5  # in ROI sides
NAME = "published"


def place_published(placement: PlacementInput) -> PlacementResult:
    """Kidney: outer area of the mask, middle mixture class, window of least variation about its mean.

    Liver: the same search in the liver at a depth similar to that of the kidney ROI.
    """
    kidney_windows = organ_windows(placement, placement.masks.right_kidney, "right kidney")
    outer = normalized_distance(kidney_windows.organ) >= OUTER_DISTANCE
    outer_windows = outer[
        np.ix_(np.round(kidney_windows.y[:, 0]).astype(int), np.round(kidney_windows.x[0]).astype(int))
    ]
    kidney = _least_variation(
        placement, kidney_windows, kidney_windows.candidates(1.0, outer_windows), outer & kidney_windows.organ
    )

    liver_windows = organ_windows(placement, placement.masks.liver, "liver")
    side = placement.roi_width
    x, y = kidney.roi.center
    kidney_depth = placement.depth[round(y), round(x)]
    apart = np.abs(liver_windows.depth - kidney_depth)
    similar = apart <= SIMILAR_DEPTH * side
    level_band = liver_windows.organ & (np.abs(placement.depth - kidney_depth) <= (SIMILAR_DEPTH + 0.5) * side)
    tissue = level_band if similar.any() and level_band.any() else liver_windows.organ
    near_first = [apart <= k * SIMILAR_DEPTH * side for k in (8, 4, 2, 1)]
    liver = _least_variation(placement, liver_windows, liver_windows.candidates(1.0, *near_first), tissue)
    return PlacementResult(NAME, liver, kidney)


def normalized_distance(mask: np.ndarray) -> np.ndarray:
    """Distance of every pixel from the center of ``mask``, divided by its largest value in the mask; float64."""
    rows, columns = np.nonzero(mask)
    y, x = np.ogrid[: mask.shape[0], : mask.shape[1]]
    distance = np.hypot(x - columns.mean(), y - rows.mean())
    return distance / max(distance[rows, columns].max(), 1.0)


def _least_variation(
    placement: PlacementInput, windows: OrganWindows, candidates: np.ndarray, tissue: np.ndarray
) -> RoiChoice:
    mixture = fit_histogram_mixture(gray_histogram(placement.pixels[tissue]))
    cost = windows.statistics.variation_about(mixture.means[mixture.middle])
    return windows.choose(placement.pixels, candidates, cost, tissue, mixture)
