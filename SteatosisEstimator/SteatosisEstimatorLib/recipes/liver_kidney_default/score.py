"""From features to a score, and from the score to percent of fat: everything that is learned, and nothing else.

Each feature is brought to its deviation from the training subjects, turned so that fat makes it rise, and averaged with
the others of its sign; each sign again; and the signs, equally weighted, make the score. With so few patients equal
weights predict new ones better than fitted ones (Dawes, Am Psychol 1979;34:571): a ridge regression whose shrinkage was
chosen by cross-validation chose them by itself, see docs/validation.md. Then the logit of the fat percentage is linear
in the score, with a normal error; that gives the estimate (its median) and the probabilities of any limit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit, ndtr

from ...features.catalog import FEATURES, Sign
from ..base import Outcome, RecipeError

FEWEST = 5  # subjects
FATTY = (5.0, 10.0)  # percent


@dataclass(frozen=True)
class FeatureScale:
    """Mean and standard deviation of a feature over the training subjects, in the feature's own unit."""

    mean: float
    sd: float


@dataclass(frozen=True)
class SignScale:
    """``features`` by name; ``sd``: that of the mean of their directed deviations over the training subjects."""

    features: dict[str, FeatureScale]
    sd: float

    def value(self, values: Mapping[str, float]) -> float:
        """How far the sign lies towards fat, in SDs of the training subjects; NaN without any of its features."""
        deviations = [
            FEATURES[name].direction * (values.get(name, math.nan) - scale.mean) / scale.sd
            for name, scale in self.features.items()
        ]
        known = [deviation for deviation in deviations if math.isfinite(deviation)]
        return sum(known) / len(known) / self.sd if known else math.nan


@dataclass(frozen=True)
class SignScore:
    """The fitted model. ``logit(fat) = intercept + slope * score``, its error normal with SD ``error``."""

    signs: dict[Sign, SignScale]
    intercept: float
    slope: float
    error: float
    offset: float

    def sign_values(self, values: Mapping[str, float]) -> dict[Sign, float]:
        """Every sign's deviation towards fat in SDs; NaN for what could not be measured."""
        return {sign: scale.value(values) for sign, scale in self.signs.items()}

    def score(self, values: Mapping[str, float]) -> float:
        """Mean of the signs that could be measured; NaN without any."""
        known = [value for value in self.sign_values(values).values() if math.isfinite(value)]
        return sum(known) / len(known) if known else math.nan

    def outcome(self, values: Mapping[str, float]) -> Outcome:
        """Percent of fat and the probabilities of at least 5 and 10 percent; empty without any sign."""
        score = self.score(values)
        if not math.isfinite(score):
            return Outcome()
        center = self.intercept + self.slope * score
        over = [float(ndtr((center - self._forward(limit)) / self.error)) for limit in FATTY]
        return Outcome(self.fat_percent(score), *over)

    def fat_percent(self, score: float) -> float:
        """Median estimate in percent, 0..100."""
        share = float(expit(self.intercept + self.slope * score))
        return min(max(share * (100 + 2 * self.offset) - self.offset, 0.0), 100.0)

    def contributions(self, values: Mapping[str, float]) -> dict[str, float]:
        """What each feature adds to the estimate of an average training subject, percent.

        The score is linear in the features; the way from there to percent is a curve, along whose chord the sum is
        shared out, so that the parts add up to the whole.
        """
        score = self.score(values)
        if not math.isfinite(score):
            return {}
        at_mean = self.fat_percent(0.0)
        step = 1e-4
        if abs(score) > step:
            chord = (self.fat_percent(score) - at_mean) / score
        else:
            chord = (self.fat_percent(step) - self.fat_percent(-step)) / (2 * step)
        measured = {sign: value for sign, value in self.sign_values(values).items() if math.isfinite(value)}
        parts = {}
        for sign in measured:
            scale = self.signs[sign]
            known = [name for name in scale.features if math.isfinite(values.get(name, math.nan))]
            for name in known:
                feature = scale.features[name]
                deviation = FEATURES[name].direction * (values[name] - feature.mean) / feature.sd
                parts[name] = chord * deviation / len(known) / scale.sd / len(measured)
        return parts

    def _forward(self, percent: float) -> float:
        return float(_logit_of(percent, self.offset))

    def to_json(self) -> dict[str, Any]:
        """Plain values; :meth:`from_json` reads them back."""
        return {
            "intercept": self.intercept,
            "slope": self.slope,
            "error": self.error,
            "offset": self.offset,
            "signs": {
                sign.value: {
                    "sd": scale.sd,
                    "features": {
                        name: {"mean": feature.mean, "sd": feature.sd, "unit": FEATURES[name].unit}
                        for name, feature in scale.features.items()
                    },
                }
                for sign, scale in self.signs.items()
            },
        }

    @classmethod
    def from_json(cls, values: Any) -> SignScore:
        """What :meth:`to_json` gave; :class:`RecipeError` for anything else."""
        try:
            signs = {
                Sign(name): SignScale(
                    {
                        feature: FeatureScale(_number(scale["mean"]), _number(scale["sd"], positive=True))
                        for feature, scale in entry["features"].items()
                        if FEATURES[feature].unit == scale["unit"]
                    },
                    _number(entry["sd"], positive=True),
                )
                for name, entry in values["signs"].items()
            }
            if not signs or any(not scale.features for scale in signs.values()):
                raise ValueError("no features")
            slope, error = _number(values["slope"]), _number(values["error"], positive=True)
            offset = _number(values["offset"], positive=True)
            return cls(signs, _number(values["intercept"]), slope, error, offset)
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise RecipeError("The model's values are not of liver-kidney-default; train it again.") from problem


def fit_score(
    rows: Sequence[Mapping[str, float]], fat_percent: np.ndarray, signs: Mapping[Sign, Sequence[str]], offset: float
) -> SignScore:
    """Learn scales and regression. ``rows`` are the features of each training subject, ``fat_percent`` ``(subjects,)``.

    A feature that does not vary, or that fewer than half of the subjects have, is left out, and so is a sign without
    any. Raises :class:`RecipeError` for fewer than 5 subjects, equal fat in all of them, or no usable feature.
    """
    if len(rows) < FEWEST:
        raise RecipeError(
            f"liver-kidney-default is trained on at least {FEWEST} subjects that can be measured, not counting those "
            "that it is judged by; give more."
        )
    if np.ptp(fat_percent) == 0:
        raise RecipeError("All subjects have the same fat percentage; there is nothing to learn from them.")
    scales = {}
    for sign, names in signs.items():
        features = {name: scale for name in names if (scale := _scale(rows, name)) is not None}
        if not features:
            continue
        means = np.array([SignScale(features, 1.0).value(row) for row in rows])
        spread = float(np.nanstd(means))
        if spread > 0:
            scales[sign] = SignScale(features, spread)
    if not scales:
        raise RecipeError("No feature varies between the subjects; liver-kidney-default cannot learn from them.")
    unfitted = SignScore(scales, 0.0, 1.0, 1.0, offset)
    score = np.array([unfitted.score(row) for row in rows])
    target = _logit_of(fat_percent, offset)
    known = np.isfinite(score)
    slope = max(np.polyfit(score[known], target[known], 1)[0], 0.0)  # less fat with more signs of it: nothing learned
    intercept = target[known].mean() - slope * score[known].mean()
    residual = target[known] - intercept - slope * score[known]
    error = math.sqrt(float(residual @ residual) / max(known.sum() - 2, 1))
    return SignScore(scales, float(intercept), float(slope), max(error, 1e-3), offset)


def _scale(rows: Sequence[Mapping[str, float]], name: str) -> FeatureScale | None:
    values = np.array([row.get(name, math.nan) for row in rows])
    known = values[np.isfinite(values)]
    if known.size < max(2, len(rows) / 2) or np.ptp(known) <= 1e-9:
        return None
    return FeatureScale(float(known.mean()), float(known.std()))


def _logit_of(percent, offset: float):
    return logit((np.asarray(percent, dtype=float) + offset) / (100 + 2 * offset))


def _number(value: Any, positive: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("not a finite number")
    if positive and value <= 0:
        raise ValueError("not positive")
    return float(value)
