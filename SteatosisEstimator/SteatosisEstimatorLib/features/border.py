"""How bright the border behind the liver still is: diaphragm, and the fat and capsule of the kidney's surroundings.

An attenuating liver leaves little sound to come back from there: a poorly seen diaphragm is a sign of the ultrasound
scores of Hamaguchi et al. (Am J Gastroenterol 2007;102:2708) and Saadeh et al. (Gastroenterology 2002;123:745).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .tissue import BEAMS, FrameTissue, group_quantile

BEFORE_CM, BEHIND_CM = 0.5, 2.5  # how far about the end of the liver along a beam the border is sought
FINE = 12  # smoothed with a Gaussian of this part of an ROI side: thinner than a diaphragm, wider than speckle
LEAST_PIXELS = 10  # in a group of beams
USUAL, BRIGHTEST = 0.75, 0.95  # quantiles over the groups of beams: most of the border is met at an angle


def border_ratio(tissue: FrameTissue, share: float) -> float:
    """ln of the border's brightness (a quantile over the groups of beams) over the parenchyma."""
    level = _border_level(tissue, share)
    return tissue.ratio(level) if np.isfinite(level) else level


def border_contrast(tissue: FrameTissue, share: float) -> float:
    """The border's brightness minus the parenchyma, in speckle SDs."""
    level = _border_level(tissue, share)
    return tissue.in_speckle(level) if np.isfinite(level) else level


def _border_level(tissue: FrameTissue, share: float) -> float:
    """Quantile over the groups of beams of the brightest pixel about the end of the liver; the kidney is left out."""
    inside = tissue.parenchyma
    end, _ = group_quantile(tissue.depth[inside], tissue.beam[inside], BEAMS, 0.95)
    end = np.where(tissue.liver_beams, end, np.nan)[tissue.beam]
    behind = (tissue.depth > end - BEFORE_CM) & (tissue.depth < end + BEHIND_CM) & tissue.valid & ~tissue.kidney
    smooth = ndimage.gaussian_filter(tissue.pixels, tissue.side / FINE)
    peaks, size = group_quantile(smooth[behind], tissue.beam[behind], BEAMS, 1.0)
    peaks = peaks[size >= LEAST_PIXELS]
    return float(np.quantile(peaks, share)) if peaks.size else float("nan")
