"""A table of answers with everything that was computed from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..imaging.image import InputError
from ..statistics.bootstrap import cluster_bootstrap
from .answers import AnswerTable
from .comparison import Comparison, StudySettings, analyze
from .tables import Row, overlap_rows


@dataclass(frozen=True)
class Study:
    """An analyzed table. ``overlap`` is empty where the table holds no ROIs."""

    table: AnswerTable
    settings: StudySettings
    comparisons: tuple[Comparison, ...]
    overlap: tuple[Row, ...]

    @property
    def excluded(self) -> tuple[str, ...]:
        return self.table.excluded


def study_of(table: AnswerTable, settings: StudySettings | None = None) -> Study:
    """Analyze a table. Raises :class:`InputError` where it holds nothing to compare."""
    settings = settings or StudySettings()
    comparisons = tuple(_clustered_slope(comparison, settings) for comparison in analyze(table, settings))
    if not comparisons:
        raise InputError(
            "There is nothing to compare: at least five images that two readers, or one reader in two sessions, have "
            "both measured are needed."
        )
    return Study(table, settings, comparisons, tuple(overlap_rows(table)))


def _clustered_slope(comparison: Comparison, settings: StudySettings) -> Comparison:
    """The comparison with an interval of its proportional bias that resamples patients, where they have several images.

    The p value of the regression takes images as independent: it is then left out.
    """
    pair = comparison.bland_altman
    if pair is None or not 2 <= comparison.patient_count < len(comparison.images) or not np.isfinite(pair.slope.value):
        return comparison
    difference, mean = comparison.ratings @ (1.0, -1.0), comparison.ratings.mean(axis=1)

    def slope(rows: np.ndarray) -> float:
        x, y = mean[rows] - mean[rows].mean(), difference[rows]
        spread = float(x @ x)
        return float(x @ y) / spread if spread > 0 else float("nan")

    rng = np.random.default_rng(settings.seed)
    estimate = cluster_bootstrap(slope, comparison.patients, rng, settings.replicates, pair.slope.level).estimate
    return replace(comparison, bland_altman=replace(pair, slope=estimate, slope_p=float("nan")))
