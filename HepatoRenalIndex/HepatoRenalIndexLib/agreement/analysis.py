"""A table of answers with everything that was computed from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..imaging.image import InputError
from .answers import AnswerTable
from .comparison import FEWEST, Comparison, StudySettings, analyze, study_plan
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
    comparisons = analyze(table, settings)
    if not comparisons:
        raise InputError(
            f"There is nothing to compare: at least {FEWEST} images that two readers, or one reader in two sessions, "
            "have both measured are needed."
        )
    compared = {comparison.name for comparison in comparisons}
    too_few = tuple(
        f"Not compared, for fewer than {FEWEST} images have all answers: {plan.name}."
        for plan in study_plan(table)
        if plan.name not in compared
    )
    table = replace(table, remarks=(*table.remarks, *too_few))
    return Study(table, settings, comparisons, tuple(overlap_rows(table)))
