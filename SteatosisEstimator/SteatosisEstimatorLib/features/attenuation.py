"""How fast the liver darkens along the beam, and what little comes back from the deep half of the scan."""

from __future__ import annotations

import numpy as np

from .tissue import BEAMS, DARKEST, FrameTissue, group_quantile

STEP_CM = 0.5
LEAST_BIN = 6  # pixels of parenchyma in a step of a group of beams
LEAST_STEPS = 4
LEAST_SPAN_CM = 2.5  # of liver along a beam that a slope can be told from
DEEP = 0.5  # share of the depth of the scan beyond which it is deep
LEAST_DEEP = 100  # pixels


def attenuation_slope(tissue: FrameTissue) -> float:
    """ln of brightness per cm along the beam in the parenchyma; negative where it darkens."""
    return _slope(tissue, lambda level: np.log(np.maximum(level, DARKEST)))


def attenuation_slope_speckle(tissue: FrameTissue) -> float:
    """Gray levels per cm along the beam in the parenchyma, in speckle SDs per cm."""
    return _slope(tissue, lambda level: level / tissue.speckle)


def deep_ratio(tissue: FrameTissue) -> float:
    """ln of the mean of the deep half of the scan, in the beams through the liver, over the parenchyma."""
    level = _deep_level(tissue)
    return tissue.ratio(level) if np.isfinite(level) else level


def deep_contrast(tissue: FrameTissue) -> float:
    """Mean of the deep half of the scan, in the beams through the liver, minus the parenchyma, in speckle SDs."""
    level = _deep_level(tissue)
    return tissue.in_speckle(level) if np.isfinite(level) else level


def _deep_level(tissue: FrameTissue) -> float:
    deepest = tissue.depth[tissue.valid].max()
    deep = tissue.valid & tissue.liver_beams[tissue.beam] & (tissue.depth > DEEP * deepest)
    return float(tissue.pixels[deep].mean()) if deep.sum() >= LEAST_DEEP else float("nan")


def _slope(tissue: FrameTissue, scale) -> float:
    """Weighted median over the groups of beams of the Theil-Sen slope of ``scale`` of the medians every 5 mm.

    Medians pass over vessels, their walls and shadow; NaN where no group crosses 2.5 cm of liver.
    """
    inside = tissue.parenchyma
    step = np.maximum(tissue.depth[inside] / STEP_CM, 0).astype(int)
    count = int(step.max()) + 1
    level, size = group_quantile(tissue.pixels[inside], tissue.beam[inside] * count + step, BEAMS * count, 0.5)
    level, usable = scale(level).reshape(BEAMS, count), size.reshape(BEAMS, count) >= LEAST_BIN
    slopes, weights = [], []
    for beam in np.flatnonzero(usable.sum(axis=1) >= LEAST_STEPS):
        steps = np.flatnonzero(usable[beam])
        if (steps[-1] - steps[0]) * STEP_CM < LEAST_SPAN_CM:
            continue
        slopes.append(_theil_sen(steps * STEP_CM, level[beam, steps]))
        weights.append(steps.size)
    return weighted_median(np.array(slopes), np.array(weights)) if slopes else float("nan")


def _theil_sen(x: np.ndarray, y: np.ndarray) -> float:
    """Median of the slopes of all pairs, weighted with their distance (Sen, J Am Stat Assoc 1968;63:1379)."""
    i, j = np.triu_indices(x.size, 1)
    apart = x[j] - x[i]
    return weighted_median((y[j] - y[i]) / apart, apart)


def weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """The value at which half of the weight is reached; the mean of two where it is reached between them."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    low = int(np.searchsorted(reached, 0.5 - 1e-12))
    high = int(np.searchsorted(reached, 0.5 + 1e-12))
    return float((values[order][low] + values[order][high]) / 2)
