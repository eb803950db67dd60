"""Random examples for training a segmentation network."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import ConvexHull

from ..geometry.scan import ProbeShape, ScanGeometry
from ..measurement.organs import OrganMasks, largest_object
from .parameters import Content
from .phantom import Phantom, simulate
from .randomize import random_parameters

# an organ piece smaller than this share of the scan is not something anyone would outline
_SMALLEST_SHARE = 0.01


def _hull(mask: np.ndarray) -> np.ndarray:
    """Convex hull of a bool mask."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    points = np.column_stack([np.concatenate([first, last]), np.concatenate([rows, rows])])
    if rows.size < 3 or np.ptp(points[:, 0]) == 0:
        return mask
    corners = points[ConvexHull(points).vertices]
    image = Image.new("1", mask.shape[::-1])
    ImageDraw.Draw(image).polygon([tuple(corner) for corner in corners.tolist()], fill=1)
    return np.asarray(image)


def outlined_masks(phantom: Phantom) -> OrganMasks:
    """The organs as a person would outline them: without what is lost in shadow or noise at their rim.

    Visibility is judged over about 8 mm, not pixel by pixel. Dark patches within an organ stay part of it, the
    kidney is completed to a convex outline, small remnants are dropped, as is an organ of which less than 30 % is seen.
    """
    scan = phantom.geometry.mask
    sigma = 4.0 / phantom.spacing_mm[1]
    step = max(1, int(sigma / 3))
    seen = (phantom.visible & (phantom.expected > 8)).astype(np.float32)[::step, ::step]
    weight = scan.astype(np.float32)[::step, ::step]
    share = ndimage.gaussian_filter(seen, sigma / step) / (ndimage.gaussian_filter(weight, sigma / step) + 1e-3)
    share = np.repeat(np.repeat(share > 0.5, step, axis=0), step, axis=1)[: scan.shape[0], : scan.shape[1]]
    outlined = []
    for organ in (phantom.masks.liver, phantom.masks.right_kidney):
        mask = organ & share
        if mask.sum() < max(0.3 * organ.sum(), _SMALLEST_SHARE * scan.sum()):
            outlined.append(np.zeros_like(organ))
            continue
        mask = largest_object(mask)
        is_kidney = organ is phantom.masks.right_kidney
        outlined.append(organ & (_hull(mask) if is_kidney else ndimage.binary_fill_holes(mask)))
    return OrganMasks(liver=outlined[0], right_kidney=outlined[1])


def simulate_for_training(
    rng: np.random.Generator,
    content: Content | None = None,
    shape: ProbeShape | None = None,
    size: tuple[int, int] | None = None,
) -> tuple[np.ndarray, np.ndarray, ScanGeometry]:
    """One random example: ``(pixels, labels, geometry)``.

    ``pixels`` and ``labels`` are uint8 ``(rows, columns)``; labels are 0 background, 1 liver, 2 right kidney as
    :func:`outlined_masks` gives them. ``content``, ``shape`` and ``size`` as in
    :func:`~.randomize.random_parameters`. Needs nothing shared, so that it runs in a pool of processes: give each
    task its own generator.
    """
    phantom = simulate(random_parameters(rng, content, shape, size))
    return phantom.image.pixels, outlined_masks(phantom).labels(), phantom.geometry
