"""What a model learned of its own errors from subjects that it had not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from HepatoRenalIndexLib.imaging.image import InputError

from ..evaluation.cross_validation import CrossValidation
from ..evaluation.metrics import THRESHOLDS
from ..recipes.base import Outcome
from ..uncertainty.calibration import FEWEST, FatCalibration, calibrate_fat
from ..uncertainty.predictive import PredictiveDistribution
from ..uncertainty.probability import ProbabilityCalibration, calibrate_probability


@dataclass(frozen=True)
class ModelCalibration:
    """``fat`` is ``None`` for a variant without a fat percentage; ``fatty`` holds thresholds with own probabilities."""

    fat: FatCalibration | None
    fatty: Mapping[int, ProbabilityCalibration] = field(default_factory=dict)

    @classmethod
    def learn(cls, result: CrossValidation) -> ModelCalibration:
        """From the predictions out of fold. :class:`InputError` with too few of them."""
        if len(result.predicted) < FEWEST:
            raise InputError(
                f"Only {len(result.predicted)} subjects were judged out of fold; at least {FEWEST} are needed to say "
                "how far an estimate can be off. Give more subjects."
            )
        true, names = result.fat_percent(), [entry.subject for entry in result.predicted]
        fat = result.outcome("fat_percent")
        fatty = {}
        for threshold in THRESHOLDS:
            own, labels = result.outcome(f"p_fatty_{threshold}"), true >= threshold
            known = np.isfinite(own)
            if known.sum() >= FEWEST and labels[known].any() and not labels[known].all():
                chosen = [names[i] for i in np.flatnonzero(known)]
                fatty[threshold] = calibrate_probability(np.clip(own[known], 0, 1), labels[known], chosen)
        known = np.isfinite(fat)
        if known.sum() < FEWEST:
            return cls(None, fatty)
        return cls(calibrate_fat(fat[known], true[known], [names[i] for i in np.flatnonzero(known)]), fatty)

    def distribution(self, outcome: Outcome) -> PredictiveDistribution | None:
        """What the true fat percentage may be, ``None`` for a variant that gives none."""
        if self.fat is None or outcome.fat_percent is None:
            return None
        return self.fat.predict(outcome.fat_percent)

    def probability(
        self, outcome: Outcome, threshold: int, distribution: PredictiveDistribution | None
    ) -> float | None:
        """P(true fat >= ``threshold`` percent): the variant's own probability, calibrated, or that by its fat."""
        own = getattr(outcome, f"p_fatty_{threshold}")
        if own is not None and threshold in self.fatty:
            return self.fatty[threshold].predict(float(np.clip(own, 0, 1)))
        return None if distribution is None else distribution.probability_at_least(threshold)

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; :meth:`from_json` reads them back."""
        return {
            "fat": None if self.fat is None else self.fat.to_json(),
            "fatty": {str(threshold): one.to_json() for threshold, one in self.fatty.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModelCalibration:
        """What :meth:`to_json` gave; :class:`InputError` for anything else."""
        fatty = values.get("fatty", {})
        if "fat" not in values or not isinstance(fatty, Mapping):
            raise InputError("The model's calibration is damaged; fetch the model again.")
        fat = None if values["fat"] is None else FatCalibration.from_json(values["fat"])
        known = {t: ProbabilityCalibration.from_json(fatty[str(t)]) for t in THRESHOLDS if str(t) in fatty}
        return cls(fat, known)
