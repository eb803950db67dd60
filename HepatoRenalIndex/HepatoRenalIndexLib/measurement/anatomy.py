"""Whether the outlined organs can be a liver and a right kidney side by side.

The limits lie well outside what was measured on the human outlines of the validation images (40 patients): agreement
of the kidney with its ellipse 0.90-0.98 (Dice), length 72-122 mm, width 36-58 mm, gap to the liver 1-8 mm. A kidney cut
by the border of the scan is shorter, so length has only an upper limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..geometry.spacing import Calibration
from .organs import OrganMasks

STEP = 3  # every third pixel each way is plenty for shapes
SMALLEST_ELLIPSE_DICE = 0.82
LONGEST_KIDNEY_MM = 160.0
WIDEST_KIDNEY_MM = 85.0
NARROWEST_KIDNEY_MM = 20.0
LARGEST_GAP = 1.5  # ROI sides between liver and kidney


@dataclass(frozen=True)
class KidneyShape:
    """The ellipse with the moments of a mask: full axes in pixel widths, and its Dice overlap with the mask, 0..1."""

    length_px: float
    width_px: float
    ellipse_dice: float


def kidney_shape(mask: np.ndarray, aspect: float = 1.0) -> KidneyShape:
    """Shape of a mask that is not empty; ``aspect`` is pixel height / pixel width."""
    coarse = mask[::STEP, ::STEP]
    if not coarse.any():
        return KidneyShape(0.0, 0.0, 0.0)
    y, x = np.nonzero(coarse)
    x, y = x * STEP, y * STEP * aspect
    # 1/12 of a cell each way: the spread inside the cells, so that a thin mask keeps a width
    covariance = np.cov(np.stack([x, y]), ddof=0) + np.eye(2) * STEP**2 / 12
    width, length = 4 * np.sqrt(np.linalg.eigvalsh(covariance))
    inverse = np.linalg.inv(covariance)
    dx = np.arange(coarse.shape[1])[None, :] * STEP - x.mean()
    dy = np.arange(coarse.shape[0])[:, None] * STEP * aspect - y.mean()
    ellipse = inverse[0, 0] * dx**2 + 2 * inverse[0, 1] * dx * dy + inverse[1, 1] * dy**2 <= 4
    dice = 2 * (ellipse & coarse).sum() / (ellipse.sum() + coarse.sum())
    return KidneyShape(float(length), float(width), float(dice))


def implausible_kidney(masks: OrganMasks, roi_side_px: float, calibration: Calibration) -> tuple[str, ...]:
    """What speaks against the kidney mask being a right kidney beside the liver, as phrases; empty if nothing does."""
    if not masks.liver.any() or not masks.right_kidney.any():
        return ()
    shape = kidney_shape(masks.right_kidney, calibration.aspect)
    found = []
    if shape.ellipse_dice < SMALLEST_ELLIPSE_DICE:
        found.append(f"its outline is no ellipse (overlap {shape.ellipse_dice:.2f})")
    if calibration.calibrated:
        length, width = shape.length_px * calibration.x_mm, shape.width_px * calibration.x_mm
        if length > LONGEST_KIDNEY_MM or not NARROWEST_KIDNEY_MM <= width <= WIDEST_KIDNEY_MM:
            found.append(f"it measures {length:.0f} x {width:.0f} mm")
    gap = _gap(masks, calibration.aspect) / roi_side_px
    if gap > LARGEST_GAP:
        found.append(f"it is {gap:.1f} ROI sides away from the liver")
    return tuple(found)


def _gap(masks: OrganMasks, aspect: float) -> float:
    """Shortest distance between the organs in pixel widths, to about ``STEP``."""
    liver, kidney = masks.liver[::STEP, ::STEP], masks.right_kidney[::STEP, ::STEP]
    if not liver.any() or not kidney.any():
        return math.inf
    distance = ndimage.distance_transform_edt(~liver, sampling=(STEP * aspect, STEP))
    return float(distance[kidney].min())
