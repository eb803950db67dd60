"""Every feature by name: what it is, in what unit, which way it goes with fat, and where it comes from.

The signs are those by which sonographers have graded fatty livers for decades; their directions are taken from the
literature and never learned from data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial

import numpy as np

from . import attenuation, border, contrast, vessels
from .tissue import FrameTissue


class Sign(str, Enum):  # noqa: UP042 as every enumeration of the library
    """The sonographic sign that a feature measures; the value is how results name it."""

    CONTRAST = "liver-kidney contrast"
    ATTENUATION = "attenuation"
    BORDER = "deep border"
    VESSELS = "vessel walls"
    TEXTURE = "texture"


@dataclass(frozen=True)
class Feature:
    """``direction`` is +1 where the feature rises with fat, -1 where it falls. ``compute`` gives NaN where it cannot
    be told."""

    name: str
    sign: Sign
    direction: int
    unit: str
    formula: str
    source: str
    compute: Callable[[FrameTissue], float]


HAMAGUCHI = "Hamaguchi et al., Am J Gastroenterol 2007;102:2708"
SAADEH = "Saadeh et al., Gastroenterology 2002;123:745"
CHA = "Cha et al., Ultrasonography 2021;40:565"


def _log_hri(placement: str, tissue: FrameTissue) -> float:
    hri = tissue.hri.get(placement, float("nan"))
    return float(np.log(hri)) if hri > 0 else float("nan")


_TABLE = (
    Feature(
        "log_hri",
        Sign.CONTRAST,
        1,
        "ln",
        "ln of the hepatorenal index, placement representative",
        CHA,
        partial(_log_hri, "representative"),
    ),
    Feature(
        "log_hri_published",
        Sign.CONTRAST,
        1,
        "ln",
        "ln of the hepatorenal index, placement published (equal depth)",
        CHA,
        partial(_log_hri, "published"),
    ),
    Feature(
        "organ_ratio",
        Sign.CONTRAST,
        1,
        "ln",
        "ln (mean parenchyma / mean of the kidney's half facing the probe)",
        SAADEH,
        contrast.organ_ratio,
    ),
    Feature(
        "organ_contrast",
        Sign.CONTRAST,
        1,
        "speckle SD",
        "(median parenchyma - mean of the kidney's half facing the probe) / speckle SD",
        SAADEH,
        contrast.organ_contrast,
    ),
    Feature(
        "window_ratio",
        Sign.CONTRAST,
        1,
        "ln",
        "ln (80% quantile of window means in the liver / median of window means in the kidney's half facing the probe)",
        CHA,
        contrast.window_ratio,
    ),
    Feature(
        "depth_matched_ratio",
        Sign.CONTRAST,
        1,
        "ln",
        "ln (parenchyma / kidney's half facing the probe), means at equal depth",
        CHA,
        contrast.depth_matched_ratio,
    ),
    Feature(
        "liver_over_scan",
        Sign.CONTRAST,
        1,
        "ln",
        "ln (mean liver / mean of the rest of the scan)",
        HAMAGUCHI,
        contrast.liver_over_scan,
    ),
    Feature(
        "attenuation_slope",
        Sign.ATTENUATION,
        -1,
        "ln/cm",
        "robust slope of ln brightness along the beam in the parenchyma",
        HAMAGUCHI,
        attenuation.attenuation_slope,
    ),
    Feature(
        "attenuation_slope_speckle",
        Sign.ATTENUATION,
        -1,
        "speckle SD/cm",
        "robust slope of brightness along the beam in the parenchyma / speckle SD",
        HAMAGUCHI,
        attenuation.attenuation_slope_speckle,
    ),
    Feature(
        "deep_ratio",
        Sign.ATTENUATION,
        -1,
        "ln",
        "ln (mean of the deep half of the scan in the beams through the liver / median parenchyma)",
        HAMAGUCHI,
        attenuation.deep_ratio,
    ),
    Feature(
        "deep_contrast",
        Sign.ATTENUATION,
        -1,
        "speckle SD",
        "(mean of the deep half of the scan in the beams through the liver - median parenchyma) / speckle SD",
        HAMAGUCHI,
        attenuation.deep_contrast,
    ),
    Feature(
        "border_ratio",
        Sign.BORDER,
        -1,
        "ln",
        "ln (75% quantile over the beams of the brightest point behind the liver / median parenchyma)",
        SAADEH,
        partial(border.border_ratio, share=border.USUAL),
    ),
    Feature(
        "border_contrast",
        Sign.BORDER,
        -1,
        "speckle SD",
        "(75% quantile over the beams of the brightest point behind the liver - median parenchyma) / speckle SD",
        SAADEH,
        partial(border.border_contrast, share=border.USUAL),
    ),
    Feature(
        "brightest_border_ratio",
        Sign.BORDER,
        -1,
        "ln",
        "ln (95% quantile over the beams of the brightest point behind the liver / median parenchyma)",
        SAADEH,
        partial(border.border_ratio, share=border.BRIGHTEST),
    ),
    Feature(
        "brightest_border_contrast",
        Sign.BORDER,
        -1,
        "speckle SD",
        "(95% quantile over the beams of the brightest point behind the liver - median parenchyma) / speckle SD",
        SAADEH,
        partial(border.border_contrast, share=border.BRIGHTEST),
    ),
    Feature(
        "wall_skewness",
        Sign.VESSELS,
        -1,
        "1",
        "skewness of the parenchyma minus its local mean",
        HAMAGUCHI,
        vessels.wall_skewness,
    ),
    Feature(
        "wall_height",
        Sign.VESSELS,
        -1,
        "speckle SD",
        "(99% quantile - median) of the parenchyma minus its local mean / speckle SD",
        HAMAGUCHI,
        vessels.wall_height,
    ),
    Feature(
        "speckle_ratio",
        Sign.TEXTURE,
        1,
        "ln",
        "ln (median parenchyma / speckle SD); rises with the gain as well",
        SAADEH,
        vessels.speckle_ratio,
    ),
)
FEATURES: dict[str, Feature] = {feature.name: feature for feature in _TABLE}
