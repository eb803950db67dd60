"""Overlap and surface distance of two masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage


@dataclass(frozen=True)
class SurfaceDistance:
    """Distances between two outlines in mm (or in pixels with unit spacing); NaN where a mask is empty.

    ``mean`` is over the border pixels of both masks (average symmetric surface distance); ``hausdorff95`` the larger
    of the two directed 95% quantiles; ``hausdorff`` the largest distance.
    """

    mean: float
    hausdorff95: float
    hausdorff: float


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two bool masks of one shape; NaN where both are empty."""
    first, second = _masks(first, second)
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else float("nan")


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Twice the intersection over the sum of the areas; NaN where both are empty."""
    first, second = _masks(first, second)
    total = np.count_nonzero(first) + np.count_nonzero(second)
    return 2 * np.count_nonzero(first & second) / total if total else float("nan")


def surface_distance(
    first: np.ndarray, second: np.ndarray, spacing: tuple[float, float] = (1.0, 1.0)
) -> SurfaceDistance:
    """Distances between the borders of two bool masks ``(rows, columns)``.

    ``spacing`` is (row spacing, column spacing) in mm. A border pixel is a mask pixel with a 4-neighbor outside the
    mask or outside the image.
    """
    first, second = _masks(first, second)
    if not first.any() or not second.any():
        nan = float("nan")
        return SurfaceDistance(nan, nan, nan)
    border_first, border_second = _border(first), _border(second)
    to_second = ndimage.distance_transform_edt(~border_second, sampling=spacing)[border_first]
    to_first = ndimage.distance_transform_edt(~border_first, sampling=spacing)[border_second]
    return SurfaceDistance(
        mean=float(np.concatenate([to_second, to_first]).mean()),
        hausdorff95=float(max(np.percentile(to_second, 95), np.percentile(to_first, 95))),
        hausdorff=float(max(to_second.max(), to_first.max())),
    )


def _border(mask: np.ndarray) -> np.ndarray:
    return mask & ~ndimage.binary_erosion(mask)


def _masks(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if first.shape != second.shape:
        raise ValueError(f"the masks differ in shape: {first.shape} and {second.shape}")
    return first.astype(bool), second.astype(bool)
