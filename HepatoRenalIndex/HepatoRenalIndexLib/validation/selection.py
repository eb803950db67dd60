"""Which placement should be the default: chosen on some patients, judged on the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..agreement.answers import AnswerTable
from ..statistics.correlation import spearman_value
from ..statistics.icc import icc_value
from .cases import Case
from .cohort import Cohort
from .hri import patient_medians

# A criterion takes the cases of the training patients and says how good they are; larger is better.
Criterion = Callable[[Sequence[Case]], float]


@dataclass(frozen=True)
class Choice:
    """One left-out fold: the criterion of every placement on the training patients, and the placement it chose."""

    fold: int
    scores: dict[str, float]
    chosen: str


@dataclass(frozen=True)
class NestedSelection:
    """``cases`` are the left-out patients' measurements by the placement chosen without them, in cohort order."""

    criterion: str
    choices: tuple[Choice, ...]
    cases: tuple[Case, ...]


def agreement_criterion(readers: AnswerTable) -> Criterion:
    """ICC(2,1) of the automatic index with the mean of the readers; unmeasured frames count as the worst score.

    The coefficient is multiplied with the share of frames that could be measured, so that a placement cannot win
    by refusing the difficult ones.
    """
    columns = [readers.values(reader, readers.sessions(reader)[0], "hri") for reader in readers.readers]
    mean_of = dict(zip(readers.images, np.stack(columns).mean(axis=0), strict=True))

    def score(cases: Sequence[Case]) -> float:
        pairs = np.array([(case.value("hri"), mean_of.get(case.frame.key, np.nan)) for case in cases])
        read = pairs[np.isfinite(pairs[:, 1])]
        both = read[np.isfinite(read[:, 0])]
        return icc_value(both) * len(both) / len(read) if len(both) > 2 else -1.0

    return score


def biopsy_criterion(cohort: Cohort) -> Criterion:
    """Spearman correlation of the patients' median index with the percentage of fat, times the share measured."""

    def score(cases: Sequence[Case]) -> float:
        numbers = {case.frame.patient for case in cases}
        medians = patient_medians(cases)
        if len(medians) < 4:
            return -1.0
        value = spearman_value(list(medians.values()), [cohort.patients[n].fat_percent for n in medians])
        return value * len(medians) / len(numbers)

    return score


def nested_selection(name: str, cases: Mapping[str, Sequence[Case]], criterion: Criterion) -> NestedSelection:
    """For every fold choose the placement that is best on all other patients, and keep its cases of the fold.

    ``cases``: placement -> cases in cohort order. On a tie the placement that stands first wins.
    """
    names = list(cases)
    folds = [case.fold for case in cases[names[0]]]
    choices = []
    for fold in sorted(set(folds)):
        scores = {placement: criterion([case for case in cases[placement] if case.fold != fold]) for placement in names}
        chosen = max(names, key=lambda placement: np.nan_to_num(scores[placement], nan=-2.0))
        choices.append(Choice(fold, scores, chosen))
    chosen_of = {choice.fold: choice.chosen for choice in choices}
    kept = tuple(cases[chosen_of[fold]][index] for index, fold in enumerate(folds))
    return NestedSelection(name, tuple(choices), kept)
