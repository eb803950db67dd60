"""From predictions out of fold to intervals and probabilities of a new subject's fat percentage.

Errors of fat estimates grow with fat, are skewed, and are cut off at 0, so that no fixed scale makes them alike. The
distribution of the truth for a prediction is therefore learned without assuming one: a cumulative probability model
(proportional odds over every percentage seen; Liu Q et al. Stat Med 2017;36:4316), with an interval made good by
conformal prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from HepatoRenalIndexLib.imaging.image import InputError
from scipy import optimize, special

from .predictive import HIGHEST, LOWEST, PredictiveDistribution
from .values import checked_header, number, number_list

KIND = "fat calibration"
FEWEST = 3  # subjects; intervals of 90 % say something from 9 on
_MOST_LEVELS = 100  # of more percentages in the training data so many are kept
_MOST_FOLDS = 20  # refits; with more subjects several are left out together
_STEEPEST = 50.0  # slope in units of the spread of the predictions
_LARGEST = 1e7
_LEAST_SPREAD = 1e-3  # predictions that differ by less say nothing


class Scale(str, Enum):  # noqa: UP042 as every enumeration of the library
    """Scale of the predictions on which a step means the same evidence at any amount of fat."""

    PERCENT = "percent"
    SQUARE_ROOT = "square root"
    LOGARITHM = "log1p"

    def of(self, percent: np.ndarray | float) -> np.ndarray:
        """Predicted percent, counted as 0 below 0 and as 100 above, on the scale."""
        percent = np.clip(np.asarray(percent, dtype=float), LOWEST, HIGHEST)
        return {Scale.PERCENT: np.array, Scale.SQUARE_ROOT: np.sqrt, Scale.LOGARITHM: np.log1p}[self](percent)


@dataclass(frozen=True)
class FatCalibration:
    """What the true percentage was like for subjects whose prediction was made without them.

    P(fat >= levels[j + 1]) is the logistic function of ``slope`` x scaled prediction - ``intercepts[j]``. ``levels`` is
    float64 ``(levels,)`` rising percent, ``intercepts`` ``(levels - 1,)`` rising, ``deviations`` ``(subjects,)`` as in
    :class:`PredictiveDistribution`. They hold no name and no order of the subjects.
    """

    scale: Scale
    slope: float
    levels: np.ndarray
    intercepts: np.ndarray
    deviations: np.ndarray

    @property
    def subjects(self) -> int:
        return self.deviations.size

    def predict(self, fat_percent: float) -> PredictiveDistribution:
        """The distribution of the true value of a subject for whom the model says ``fat_percent``.

        Raises :class:`InputError` where that is no number.
        """
        if not np.isfinite(fat_percent):
            raise InputError("The model gave no number for the fat percentage; there is nothing to put an interval on.")
        reached = special.expit(self.slope * self.scale.of(fat_percent) - self.intercepts)
        cumulative = np.append(1 - reached, 1.0)
        # one more subject, half of whom lies below and half above everything seen: nothing is certain from few
        n = self.subjects
        return PredictiveDistribution(self.levels, (n * cumulative + 0.5) / (n + 1), self.deviations)

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; :meth:`from_json` reads them back."""
        return {
            "kind": KIND,
            "version": 1,
            "scale": self.scale.value,
            "slope": self.slope,
            "levels": self.levels.tolist(),
            "intercepts": self.intercepts.tolist(),
            "deviations": self.deviations.tolist(),
        }

    @classmethod
    def from_json(cls, values: Any) -> FatCalibration:
        """What :meth:`to_json` gave. Raises :class:`InputError` for anything else."""
        values = checked_header(values, KIND, ("scale", "slope", "levels", "intercepts", "deviations"))
        if values["scale"] not in [scale.value for scale in Scale]:
            raise InputError(f"The {KIND} of the model names an unknown scale; use a newer version or another model.")
        slope = number(values["slope"], KIND, "slope", _LARGEST)
        levels = number_list(values["levels"], KIND, "levels", 2, HIGHEST)
        intercepts = number_list(values["intercepts"], KIND, "intercepts", 1, _LARGEST)
        deviations = np.sort(number_list(values["deviations"], KIND, "deviations", FEWEST, 0.5))
        sound = (
            slope >= 0
            and levels[0] >= LOWEST
            and (np.diff(levels) > 0).all()
            and intercepts.size == levels.size - 1
            and (np.diff(intercepts) >= 0).all()
            and deviations[0] >= 0
        )
        if not sound:
            raise InputError(f"The {KIND} of the model contradicts itself; the model is damaged, fetch it again.")
        return cls(Scale(values["scale"]), slope, levels, intercepts, deviations)


def calibrate_fat(
    predicted: Sequence[float],
    true: Sequence[float],
    subjects: Sequence[str],
    scale: Scale = Scale.SQUARE_ROOT,
) -> FatCalibration:
    """Learn from predictions of subjects by models that had not seen them, percent, one row a subject.

    Probabilities rise with the prediction; predictions that say nothing give every subject the distribution of all.
    Intervals of a new subject hold the truth as often as promised if that subject is like these and the model, trained
    on all of them, errs like the models of the folds.

    Raises :class:`InputError` for a subject named twice, values that are no percentages, fewer than 3 subjects, and
    subjects that all have the same percentage.
    """
    predicted, true = one_row_a_subject(predicted, true, subjects, FEWEST)
    if (true < LOWEST).any() or (true > HIGHEST).any():
        raise InputError("A true fat percentage lies outside 0 to 100; correct the cohort.")
    if np.ptp(true) == 0:
        raise InputError("All subjects have the same fat percentage; an uncertainty cannot be learned from them.")
    x = scale.of(predicted)
    n = x.size
    whole = FatCalibration(scale, *_fit(x, true), deviations=np.full(n, 0.5))
    deviations = np.empty(n)
    order = np.argsort(true, kind="stable")  # so that every part left out is like the whole
    for part in range(min(n, _MOST_FOLDS)):
        out = order[part::_MOST_FOLDS]
        kept = np.setdiff1d(np.arange(n), out)
        if np.ptp(true[kept]) == 0:
            deviations[out] = 0.5
            continue
        rest = FatCalibration(scale, *_fit(x[kept], true[kept]), deviations=np.full(kept.size, 0.5))
        deviations[out] = [rest.predict(predicted[i]).deviation(true[i]) for i in out]
    return FatCalibration(scale, whole.slope, whole.levels, whole.intercepts, np.sort(deviations))


def _fit(x: np.ndarray, true: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Slope, levels and intercepts: one logistic curve for every level but the first, all of the same slope.

    Targets are drawn in from 0 and 1 by half a subject, so that few subjects in perfect order do not make the slope
    infinite.
    """
    levels = np.unique(true)
    if levels.size > _MOST_LEVELS:
        levels = levels[np.linspace(0, levels.size - 1, _MOST_LEVELS).round().astype(int)]
    reached = true[:, None] >= levels[None, 1:]
    count = reached.sum(axis=0)
    target = np.where(reached, (count + 0.5) / (count + 1), 0.5 / (x.size - count + 1))
    share = target.mean(axis=0)
    middle = -special.logit(share)

    def intercepts(slope: float) -> np.ndarray:
        """Where the mean probability of each level is the mean of its targets: Newton's steps, or else bisection."""
        nonlocal middle  # the last slope's are a good start
        z = slope * x
        low, high = z.min() - special.logit(share), z.max() - special.logit(share)
        middle = np.clip(middle, low, high)
        for _ in range(60):
            probability = special.expit(z[:, None] - middle)
            excess = probability.mean(axis=0) - share
            low, high = np.where(excess > 0, middle, low), np.where(excess > 0, high, middle)
            step = middle + excess / np.maximum((probability * (1 - probability)).mean(axis=0), 1e-12)
            newer = np.where((low <= step) & (step <= high), step, (low + high) / 2)
            moved, middle = np.abs(newer - middle).max(), newer
            if moved < 1e-6:
                break
        return np.maximum.accumulate(middle)

    def loss(slope: float) -> float:
        z = slope * x[:, None] - intercepts(slope)
        return float((np.logaddexp(0, z) - target * z).sum())

    spread = x.std()
    if spread < _LEAST_SPREAD:
        return 0.0, levels, intercepts(0.0)
    options = {"xatol": 1e-3 / spread}
    best = optimize.minimize_scalar(loss, bounds=(0, _STEEPEST / spread), method="bounded", options=options)
    slope = float(best.x) if best.fun < loss(0.0) else 0.0
    return slope, levels, intercepts(slope)


def one_row_a_subject(
    predicted: Sequence[float], true: Sequence[float], subjects: Sequence[str], fewest: int
) -> tuple[np.ndarray, np.ndarray]:
    """Two finite float vectors with one row for each of at least ``fewest`` subjects, or :class:`InputError`."""
    predicted, true = np.asarray(predicted, dtype=float), np.asarray(true, dtype=float)
    if predicted.ndim != 1 or predicted.shape != true.shape or len(subjects) != predicted.size:
        raise InputError("Calibration needs one prediction, one true value and one name for every subject.")
    if len(set(subjects)) != len(subjects):
        twice = next(name for i, name in enumerate(subjects) if name in list(subjects)[:i])
        raise InputError(f"Subject {twice} comes twice in the calibration; average its predictions first.")
    if predicted.size < fewest:
        raise InputError(f"Calibration needs at least {fewest} subjects with predictions out of fold.")
    if not (np.isfinite(predicted).all() and np.isfinite(true).all()):
        raise InputError("A prediction or true value for the calibration is no number; leave that subject out.")
    return predicted, true
