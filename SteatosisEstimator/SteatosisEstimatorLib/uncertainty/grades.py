"""Steatosis grades S0 to S3 of a fat percentage: cut-offs belong to a reference method and have a source."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from HepatoRenalIndexLib.imaging.image import InputError

from ..cohort.vocabulary import ReferenceKind
from .predictive import PredictiveDistribution

GRADES = ("S0", "S1", "S2", "S3")


@dataclass(frozen=True)
class GradeCutoffs:
    """Fat percentages between the grades, in percent of ``reference``, rising.

    ``belongs_above`` says of each cut-off whether a liver with just that value has the higher grade. ``source`` is
    where the figures were published or decided.
    """

    reference: ReferenceKind
    percent: tuple[float, float, float]
    belongs_above: tuple[bool, bool, bool]
    source: str

    def __post_init__(self):
        if len(self.percent) != 3 or len(self.belongs_above) != 3:
            raise InputError("Steatosis grades need three cut-offs: S0/S1, S1/S2 and S2/S3.")
        first, second, third = self.percent
        if not 0 < first < second < third < 100:
            raise InputError("Cut-offs of steatosis grades must rise, above 0 and below 100 % fat.")
        if not self.source.strip():
            raise InputError("Cut-offs of steatosis grades need their source: the study or protocol they come from.")

    def grade(self, fat_percent: float) -> str:
        """The grade of a fat percentage. :class:`InputError` where it is no number."""
        if not math.isfinite(fat_percent):
            raise InputError("There is no fat percentage to grade.")
        passed = [
            fat_percent >= cut if above else fat_percent > cut
            for cut, above in zip(self.percent, self.belongs_above, strict=True)
        ]
        return GRADES[sum(passed)]

    def probabilities(
        self, distribution: PredictiveDistribution, at_least: Mapping[float, float] | None = None
    ) -> dict[str, float]:
        """Probability of every grade; they sum to 1.

        ``at_least``: P(fat >= percent) of some percentages, falling, that was found in another way; the grades do not
        contradict it.
        """
        reached = [
            distribution.probability_at_least(cut) if above else distribution.probability_above(cut)
            for cut, above in zip(self.percent, self.belongs_above, strict=True)
        ]
        for percent, known in (at_least or {}).items():
            for i, (cut, above) in enumerate(zip(self.percent, self.belongs_above, strict=True)):
                if cut >= percent:
                    reached[i] = min(reached[i], known)
                if cut < percent or (cut == percent and above):
                    reached[i] = max(reached[i], known)
        edges = [1.0, *reached, 0.0]
        return {name: edges[i] - edges[i + 1] for i, name in enumerate(GRADES)}


PUBLISHED_CUTOFFS = {
    "karlas2014": GradeCutoffs(
        ReferenceKind.H_MRS,
        (3.12, 8.77, 13.69),
        (False, False, False),
        "Colantonio S et al. 2021 after Karlas T et al. PLoS ONE 2014;9:e91987",
    ),
    "kleiner2005": GradeCutoffs(
        ReferenceKind.BIOPSY,
        (5.0, 33.0, 66.0),
        (True, False, False),
        "NASH CRN, Kleiner DE et al. Hepatology 2005;41:1313: percent of hepatocytes with fat",
    ),
    "tang2013": GradeCutoffs(
        ReferenceKind.MRI_PDFF,
        (6.4, 17.4, 22.1),
        (True, True, True),
        "Tang A et al. Radiology 2013;267:422: PDFF against NASH CRN grades, 77 patients with NAFLD",
    ),
}
_DEFAULTS = {
    ReferenceKind.H_MRS: "karlas2014",
    ReferenceKind.BIOPSY: "kleiner2005",
    ReferenceKind.MRI_PDFF: "tang2013",
}


def default_cutoffs(reference: ReferenceKind) -> GradeCutoffs | None:
    """The published cut-offs of a reference method; ``None`` where the method is not stated: no grade can be given."""
    name = _DEFAULTS.get(reference)
    return PUBLISHED_CUTOFFS[name] if name else None
