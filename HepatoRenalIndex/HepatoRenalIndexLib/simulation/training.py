"""Random examples for training a segmentation network."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..geometry.scan import ProbeShape, ScanGeometry
from ..measurement.organs import OrganMasks, largest_object
from .parameters import Content
from .phantom import Phantom, simulate
from .randomize import random_parameters

# an organ piece smaller than this share of the scan is not something anyone would outline
_SMALLEST_SHARE = 0.01


def outlined_masks(phantom: Phantom) -> OrganMasks:
    """The organs as a person would outline them: without what is lost in shadow or noise at their rim.

    Dark patches within an organ stay part of it; small remnants are dropped, as is an organ of which less than 30 % is
    seen.
    """
    seen = phantom.visible & (phantom.expected > 8)
    scan = phantom.geometry.mask
    outlined = []
    for organ in (phantom.masks.liver, phantom.masks.right_kidney):
        mask = organ & seen
        if mask.sum() < max(0.3 * organ.sum(), _SMALLEST_SHARE * scan.sum()):
            outlined.append(np.zeros_like(organ))
            continue
        radius = max(2, round(5.0 / phantom.spacing_mm[1]))
        # distances instead of a large structuring element: close gaps narrower than 2 * radius, then fill holes
        grown = ndimage.distance_transform_edt(~mask) <= radius
        mask = ndimage.distance_transform_edt(grown) > radius
        mask = ndimage.binary_fill_holes(mask & organ) & organ
        outlined.append(largest_object(mask))
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
