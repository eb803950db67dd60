"""How far vessel walls stand out of the parenchyma: they blur as fat fills it (Hamaguchi et al. 2007)."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .tissue import FrameTissue

FINE = 20  # smoothed with a Gaussian of this part of an ROI side
COARSE = 2  # the local mean is over this many ROI sides


def wall_skewness(tissue: FrameTissue) -> float:
    """Skewness of the flattened parenchyma: bright walls and dark lumina, against a symmetric speckle."""
    values = _flattened(tissue)
    deviation = values - values.mean()
    spread = np.sqrt((deviation**2).mean())
    return float((deviation**3).mean() / max(spread, 1e-6) ** 3)


def wall_height(tissue: FrameTissue) -> float:
    """99% quantile of the flattened parenchyma above its median, in speckle SDs."""
    values = _flattened(tissue)
    return float((np.quantile(values, 0.99) - np.median(values)) / tissue.speckle)


def speckle_ratio(tissue: FrameTissue) -> float:
    """ln of the parenchyma's median over the SD of its speckle: even, dense texture is high, but so is high gain."""
    return float(np.log(tissue.liver_level / tissue.speckle))


def _flattened(tissue: FrameTissue) -> np.ndarray:
    """Parenchyma, finely smoothed, minus its local mean in the liver; gray levels, one value a pixel."""
    weight = tissue.liver.astype(np.float32)
    masked = tissue.pixels * weight

    def within(smooth) -> np.ndarray:
        return smooth(masked) / np.maximum(smooth(weight), 1e-3)

    fine = within(lambda array: ndimage.gaussian_filter(array, tissue.side / FINE))
    coarse = within(lambda array: ndimage.uniform_filter(array, COARSE * tissue.side | 1))
    return (fine - coarse)[tissue.parenchyma]
