"""What the fat percentage of a subject may be: a distribution with an interval whose coverage was checked."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from HepatoRenalIndexLib.imaging.image import InputError

LOWEST, HIGHEST = 0.0, 100.0  # percent


@dataclass(frozen=True)
class PredictiveDistribution:
    """Distribution of the true fat percentage of one subject.

    ``levels`` is float64 ``(levels,)``, rising percentages, ``cumulative`` P(fat <= level) of each, strictly between 0
    and 1: what is missing lies, in equal parts, below the first and above the last. ``deviations`` is float64
    ``(subjects,)``, sorted: how far from the middle of their own distribution (0 to 0.5 in probability) subjects were
    that the model had not seen.
    """

    levels: np.ndarray
    cumulative: np.ndarray
    deviations: np.ndarray

    @property
    def median(self) -> float:
        """The percentage that the truth is as likely to exceed as not."""
        return float(self.levels[min(int((self.cumulative < 0.5).sum()), self.levels.size - 1)])

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """The central interval that holds the truth of a new subject with probability ``level``, percent.

        Its share of the distribution is the one that held that many of the subjects in ``deviations`` (distributional
        conformal prediction, Chernozhukov V et al. PNAS 2021;118:e2107794118). Limits are 0 and 100 where the subjects
        are too few for the level (below 9 for 90 %), and one of them where the truth is as likely as not at or beyond
        the lowest or highest percentage seen.
        """
        if not 0 < level < 1:
            raise InputError(f"The level of an interval must lie between 0 and 1, got {level:g}.")
        rank = math.ceil((self.deviations.size + 1) * level - 1e-9)
        if rank > self.deviations.size:
            return LOWEST, HIGHEST
        reach = self.deviations[rank - 1] + 1e-12
        first = int((self.cumulative < 0.5 - reach).sum())
        last = int((self._before() <= 0.5 + reach).sum()) - 1
        if first == last:  # one value seen before is no interval: whatever lies between its neighbors
            first, last = first - 1, last + 1
        # Open where the truth may well lie beyond everything seen.
        below = first < 0 or self._least() >= 0.5 - reach or self.cumulative[0] > 0.5
        above = last >= self.levels.size or self.cumulative[-1] <= 0.5 + reach or self._before()[-1] < 0.5
        return LOWEST if below else float(self.levels[first]), HIGHEST if above else float(self.levels[last])

    def probability_at_least(self, percent: float) -> float:
        """P(fat >= ``percent``), never exactly 0 or 1, falling as ``percent`` rises from above 0 to 100."""
        if not LOWEST < percent <= HIGHEST:
            raise InputError(f"A threshold of {percent:g} % fat cannot be meant; give more than 0 and at most 100.")
        return 1 - self._cumulative_at(int((self.levels < percent).sum()))

    def probability_above(self, percent: float) -> float:
        """P(fat > ``percent``), never exactly 0 or 1; ``percent`` from 0 to below 100."""
        if not LOWEST <= percent < HIGHEST:
            raise InputError(f"A threshold of {percent:g} % fat cannot be meant; give 0 or more and less than 100.")
        return 1 - self._cumulative_at(int((self.levels <= percent).sum()))

    def deviation(self, percent: float) -> float:
        """How far ``percent`` is from the middle, 0 to 0.5 in probability; a value at a level counts half of it."""
        below = self._cumulative_at(int((self.levels < percent).sum()))
        up_to = self._cumulative_at(int((self.levels <= percent).sum()))
        return abs((below + up_to) / 2 - 0.5)

    def _before(self) -> np.ndarray:
        """P(fat < level) of every level."""
        return np.concatenate([[self._least()], self.cumulative[:-1]])

    def _cumulative_at(self, levels_passed: int) -> float:
        return float(self.cumulative[levels_passed - 1]) if levels_passed else self._least()

    def _least(self) -> float:
        """What lies below all levels: as much as above them."""
        return 1 - float(self.cumulative[-1])
