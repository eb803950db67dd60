"""Calibration of a classifier's own probability from its outputs out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from HepatoRenalIndexLib.imaging.image import InputError
from scipy import optimize, special

from .calibration import one_row_a_subject
from .values import checked_header, number, number_list

KIND = "probability calibration"
METHOD = "Platt"
FEWEST = 3
_SMALLEST = 1e-6  # probabilities of the classifier nearer to 0 or 1 count as this
_LARGEST_COEFFICIENT = 1e4


@dataclass(frozen=True)
class ProbabilityCalibration:
    """A rising curve from the classifier's probability to a calibrated one: linear on the logit.

    No result is nearer to 0 or 1 than 0.5 / (``subjects`` + 1): that many cannot show more.
    """

    slope: float
    intercept: float
    subjects: int

    def predict(self, probability: float) -> float:
        """The calibrated probability. :class:`InputError` where the classifier's is none."""
        if not 0 <= probability <= 1:  # also NaN
            raise InputError("The model gave no probability between 0 and 1; it cannot be calibrated.")
        value = special.expit(self.slope * _logit(probability) + self.intercept)
        least = 0.5 / (self.subjects + 1)
        return float(np.clip(value, least, 1 - least))

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; :meth:`from_json` reads them back."""
        return {
            "kind": KIND,
            "version": 1,
            "method": METHOD,
            "knots": [self.slope, self.intercept],
            "subjects": self.subjects,
        }

    @classmethod
    def from_json(cls, values: Any) -> ProbabilityCalibration:
        """What :meth:`to_json` gave. Raises :class:`InputError` for anything else."""
        values = checked_header(values, KIND, ("method", "knots", "subjects"))
        if values["method"] != METHOD:
            raise InputError(f"The {KIND} of the model names an unknown method; use a newer version or another model.")
        knots = number_list(values["knots"], KIND, "knots", 2, _LARGEST_COEFFICIENT)
        subjects = int(number(values["subjects"], KIND, "number of subjects", 1e9))
        if knots.size != 2 or knots[0] < 0 or subjects < FEWEST:
            raise InputError(f"The {KIND} of the model is not a rising curve; the model is damaged, fetch it again.")
        return cls(*map(float, knots), subjects)


def calibrate_probability(
    probability: Sequence[float],
    fatty: Sequence[bool],
    subjects: Sequence[str],
) -> ProbabilityCalibration:
    """Learn from the ``probability`` that models gave to subjects they had not seen, and whether these were ``fatty``.

    A logistic curve on the logit of the probability is fitted to targets drawn in from 0 and 1 (Platt J. Advances in
    Large Margin Classifiers 1999:61-74), its slope not negative: a classifier that is worse than chance gets the
    prevalence. Two parameters are right for few subjects.

    Raises :class:`InputError` for a subject named twice, values that are no probabilities, subjects all on one side.
    """
    probability, truth = one_row_a_subject(probability, np.asarray(fatty, dtype=float), subjects, FEWEST)
    if (probability < 0).any() or (probability > 1).any():
        raise InputError("A predicted probability lies outside 0 to 1; it cannot be calibrated.")
    positive = truth > 0.5
    if positive.all() or not positive.any():
        raise InputError("All subjects lie on one side of the threshold; a probability cannot be calibrated on them.")
    return ProbabilityCalibration(*_platt(probability, positive), probability.size)


def _logit(probability):
    return special.logit(np.clip(probability, _SMALLEST, 1 - _SMALLEST))


def _platt(probability: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """Slope and intercept."""
    count = int(positive.sum())
    target = np.where(positive, (count + 1) / (count + 2), 1 / (positive.size - count + 2))
    x = _logit(probability)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        z = parameters[0] * x + parameters[1]
        error = special.expit(z) - target
        return float((np.logaddexp(0, z) - target * z).sum()), np.array([error @ x, error.sum()])

    start = np.array([1.0, 0.0])
    limits = [(0.0, _LARGEST_COEFFICIENT), (-_LARGEST_COEFFICIENT, _LARGEST_COEFFICIENT)]
    result = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits, options={"ftol": 1e-14})
    return float(result.x[0]), float(result.x[1])
