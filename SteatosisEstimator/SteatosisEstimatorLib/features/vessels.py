"""How far vessel walls stand out of the parenchyma: they blur as fat fills it (Hamaguchi et al. 2007)."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .tissue import FrameTissue

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
    box = COARSE * tissue.side | 1
    coarse = ndimage.uniform_filter(tissue.pixels * weight, box)
    coarse /= np.maximum(ndimage.uniform_filter(weight, box), 1e-3)
    return (tissue.smooth - coarse)[tissue.parenchyma]
