"""ROI placement at windows that represent their organ.

A three-class mixture over the pixels of a speckled organ divides the speckle more than the tissue, and strict equal
depth puts the liver ROI where attenuation has already darkened a fatty liver; human readers place it shallower
(mean 20 mm on the validation images) and in well insonated parenchyma. So this placement works on window means,
in which speckle is averaged out, and takes its levels from their distribution:

- kidney: windows in the half of the kidney that faces the probe; the level is a low quantile of their means, which is
  cortex (the sinus is brighter);
- liver: windows up to three ROI sides shallower than the kidney ROI and not far from it; the level is a quantile a
  little above the median, since shadow, vessels and poor contact only ever darken the liver.

The ROI is the window of least variation about its level, as in the published search, with the mean of the window
weighted more than its speckle. All lengths are in ROI sides, so it does not depend on scanner or calibration.
The parameters are the center of a broad plateau, see docs/validation.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .mixture import fit_histogram_mixture, gray_histogram
from .placement import PlacementInput, PlacementResult, RoiChoice
from .search import OrganWindows, organ_windows

NAME = "representative"


@dataclass(frozen=True)
class RepresentativeParameters:
    """Lengths are in ROI sides. The defaults are what the registered placement uses.

    ``kidney_share``: the least share of kidney under its ROI; cortex lies at the near border, so the window may touch
    the outline. ``shallower``: how much shallower than the kidney ROI the liver ROI lies; ``distance``: the most
    between the two (the readers' 99th percentile). ``mean_weight``: a mean off by one gray level costs as much as this
    much variance.
    """

    kidney_quantile: float = 0.25
    kidney_share: float = 0.95
    liver_quantile: float = 0.65
    shallower: tuple[float, float] = (0.5, 3.0)
    distance: float = 3.5
    mean_weight: float = 9.0


def place_representative(
    placement: PlacementInput, parameters: RepresentativeParameters = RepresentativeParameters()
) -> PlacementResult:
    """See the module's text."""
    kidney_windows = organ_windows(placement, placement.masks.right_kidney, "right kidney")
    facing_probe = kidney_windows.depth <= placement.depth[kidney_windows.organ].mean()
    candidates = kidney_windows.candidates(parameters.kidney_share, facing_probe)
    kidney = _choose(placement, kidney_windows, candidates, parameters.kidney_quantile, parameters.mean_weight)

    liver_windows = organ_windows(placement, placement.masks.liver, "liver")
    x, y = kidney.roi.center
    shallower = (placement.depth[round(y), round(x)] - liver_windows.depth) / placement.roi_width
    near = np.hypot(liver_windows.x - x, liver_windows.y - y) <= parameters.distance * placement.roi_width
    least, most = parameters.shallower
    candidates = liver_windows.candidates(
        1.0, np.abs(shallower) <= 2 * most, shallower >= -least, shallower <= most, near, shallower >= least
    )
    liver = _choose(placement, liver_windows, candidates, parameters.liver_quantile, parameters.mean_weight)
    return PlacementResult(NAME, liver, kidney)


def _choose(
    placement: PlacementInput, windows: OrganWindows, candidates: np.ndarray, quantile: float, mean_weight: float
) -> RoiChoice:
    """The candidate of least variation about the level that is a quantile of the candidates' means."""
    mean, variance = windows.statistics.mean, windows.statistics.variance
    level = np.quantile(mean[candidates], quantile)
    cost = variance + mean_weight * (mean - level) ** 2
    mixture = fit_histogram_mixture(gray_histogram(placement.pixels[windows.organ]))
    return windows.choose(placement.pixels, candidates, cost, windows.organ, mixture)
