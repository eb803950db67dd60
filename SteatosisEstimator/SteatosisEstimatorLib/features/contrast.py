"""Brightness of the liver against the renal cortex: the first sign of a fatty liver."""

from __future__ import annotations

import numpy as np
from HepatoRenalIndexLib.measurement.windows import window_share, window_sums

from .tissue import DARKEST, FrameTissue

DEPTH_STEP_CM = 1.5
LEAST_SHARED = 50  # pixels of either organ in a step of depth
BRIGHT_WINDOWS = 0.8  # quantile: shadow, vessels and poor contact only ever darken the liver


def organ_ratio(tissue: FrameTissue) -> float:
    """ln of mean parenchyma over mean of the kidney's half facing the probe."""
    liver, kidney = tissue.pixels[tissue.parenchyma].mean(), tissue.pixels[tissue.facing_kidney].mean()
    return float(np.log(max(liver, DARKEST) / max(kidney, DARKEST)))


def organ_contrast(tissue: FrameTissue) -> float:
    """Median of the parenchyma minus mean of the kidney's half facing the probe, in speckle SDs."""
    return -tissue.in_speckle(float(tissue.pixels[tissue.facing_kidney].mean()))


def window_ratio(tissue: FrameTissue) -> float:
    """ln of the 80% quantile of window means in the liver over the median of those in the kidney's facing half.

    Windows are half an ROI wide and at least 95% inside the liver or 90% inside the kidney, or as full as can be had.
    """
    size = max(tissue.side // 2, 1)
    if min(tissue.pixels.shape) < size:
        return float("nan")
    means = window_sums(tissue.pixels, size, size) / size**2
    inside = tuple(slice((size - 1) // 2, (size - 1) // 2 + length) for length in means.shape)
    liver = _filled(tissue.liver, tissue.liver[inside], size, 0.95)
    kidney = _filled(tissue.kidney, tissue.facing_kidney[inside], size, 0.9)
    if not liver.any() or not kidney.any():
        return float("nan")
    bright = np.quantile(means[liver], BRIGHT_WINDOWS)
    return float(np.log(max(bright, DARKEST) / max(np.median(means[kidney]), DARKEST)))


def _filled(organ: np.ndarray, centers: np.ndarray, size: int, least: float) -> np.ndarray:
    """Windows centered on ``centers`` that the organ fills to ``least``, or as far as it fills any."""
    share = np.where(centers, window_share(organ, size, size), 0.0)
    return centers & (share >= min(least, share.max()) - 1e-9)


def depth_matched_ratio(tissue: FrameTissue) -> float:
    """ln of liver over facing kidney at equal depth: means in steps of 1.5 cm, weighted with the smaller count.

    NaN where the organs share no depth.
    """
    steps = np.maximum(tissue.depth / DEPTH_STEP_CM, 0).astype(int)
    count = int(steps.max()) + 1

    def profile(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        number = np.bincount(steps[mask], minlength=count)
        return number, np.bincount(steps[mask], tissue.pixels[mask], count) / np.maximum(number, 1)

    liver_count, liver = profile(tissue.parenchyma)
    kidney_count, kidney = profile(tissue.facing_kidney)
    shared = np.minimum(liver_count, kidney_count)
    shared = np.where(shared >= LEAST_SHARED, shared, 0)
    if not shared.any():
        return float("nan")
    return float(np.log(max(shared @ liver, DARKEST) / max(shared @ kidney, DARKEST)))


def liver_over_scan(tissue: FrameTissue) -> float:
    """ln of mean liver over the mean of everything else insonated."""
    rest = tissue.valid & ~tissue.liver
    if not rest.any():
        return float("nan")
    liver = max(float(tissue.pixels[tissue.liver].mean()), DARKEST)
    return float(np.log(liver / max(float(tissue.pixels[rest].mean()), DARKEST)))
