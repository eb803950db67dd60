"""Parameters of ``liver-kidney-default`` and its variants."""

from __future__ import annotations

from dataclasses import dataclass

from ...cohort.vocabulary import View
from ...features.catalog import FEATURES, Sign

VIEWS = (View.LIVER_KIDNEY, View.KIDNEY_LIVER, View.HR)  # liver and right kidney in one image

# What of each sign is measured. Every feature of its sign counts the same; directions are those of the literature.
# Measured to be looked at only: indices at equal depth (the attenuation of a fatty liver hides its contrast there), and
# what changes with the gain or with whatever else is in the scan.
ALL_SIGNS: dict[Sign, tuple[str, ...]] = {
    Sign.CONTRAST: ("log_hri", "organ_ratio", "organ_contrast", "window_ratio"),
    Sign.ATTENUATION: ("attenuation_slope", "attenuation_slope_speckle", "deep_ratio", "deep_contrast"),
    Sign.BORDER: ("border_ratio", "border_contrast", "brightest_border_ratio", "brightest_border_contrast"),
    Sign.VESSELS: ("wall_skewness", "wall_height"),
}
# The vessels are left out: which of them a single view happens to cut says more than how far they blur. On simulated
# scanners they cost the order of the estimates 0.09 of Spearman's correlation, on the patients they changed nothing.
THREE_SIGNS = {sign: names for sign, names in ALL_SIGNS.items() if sign is not Sign.VESSELS}

# Variant -> sign -> features. "chosen-signs" looks for the best set of signs among the training subjects alone: what a
# choice of signs is worth when it is not made with the judged subjects in sight.
VARIANTS: dict[str, dict[Sign, tuple[str, ...]]] = {
    "three-signs": THREE_SIGNS,
    "with-vessels": ALL_SIGNS,
    "chosen-signs": ALL_SIGNS,
    "contrast": {Sign.CONTRAST: ALL_SIGNS[Sign.CONTRAST]},
    "hri": {Sign.CONTRAST: ("log_hri",)},
    "hri-published": {Sign.CONTRAST: ("log_hri_published",)},
}


@dataclass(frozen=True)
class SignSettings:
    """``most_frames`` of a clip are measured, evenly spaced. ``offset`` (percent fat) keeps the logit of 0% and 100%
    finite: half a percent, the finest step in which fat is read."""

    most_frames: int = 20
    offset: float = 0.5

    def __post_init__(self):
        if self.most_frames < 1:
            raise ValueError("most_frames must be at least 1")
        if not 0 < self.offset <= 10:
            raise ValueError("offset must be over 0 and at most 10 percent")


assert all(name in FEATURES for signs in VARIANTS.values() for names in signs.values() for name in names)
