"""One comparison of raters for one quantity: ICC, Bland-Altman and Lin, with patients as clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ..statistics.agreement import BlandAltman, bland_altman, concordance, concordance_value
from ..statistics.bootstrap import cluster_bootstrap
from ..statistics.icc import IccForm, IccResult, icc_all, icc_value, icc_word
from ..statistics.interval import Estimate
from .answers import ALGORITHM, QUANTITIES, AnswerTable

FEWEST = 5  # images: below, no coefficient is worth printing


@dataclass(frozen=True)
class Comparison:
    """Agreement of ``raters`` in one quantity on the images that all of them measured.

    ``ratings`` is float ``(images, raters)``, ``patients`` the cluster of every row. ``icc`` is the chosen ``form``;
    its interval, like those of ``bias``, ``loa_low``, ``loa_high``, ``ccc`` and the slope in ``bland_altman``,
    resamples patients where they have several images and is the analytic one otherwise. Those exist for two raters
    only; differences are first minus second rater. The p value of the slope takes images as independent and is NaN
    where they are not. ``dropped`` images lack somebody's answer.
    """

    name: str
    quantity: str
    raters: tuple[str, ...]
    images: tuple[str, ...]
    ratings: np.ndarray
    patients: np.ndarray
    dropped: int
    form: IccForm
    icc: Estimate
    all_forms: dict[IccForm, IccResult]
    bland_altman: BlandAltman | None
    bias: Estimate | None
    loa_low: Estimate | None
    loa_high: Estimate | None
    ccc: Estimate | None

    @property
    def word(self) -> str:
        """The coefficient in words (Cha et al. 2021)."""
        return icc_word(self.icc.value)

    @property
    def patient_count(self) -> int:
        return np.unique(self.patients).size


@dataclass(frozen=True)
class StudySettings:
    """How a study is analyzed. ``seed`` decides the bootstrap."""

    form: IccForm = IccForm.TWO_WAY_RANDOM_SINGLE
    replicates: int = 2000
    seed: int = 0


@dataclass(frozen=True)
class ComparisonPlan:
    """What is compared: ``columns`` are (reader, session) pairs, averaged within each rater."""

    name: str
    raters: tuple[str, ...]
    columns: tuple[tuple[tuple[str, str], ...], ...]


def compare(
    name: str,
    quantity: str,
    raters: Sequence[str],
    ratings: np.ndarray,
    patients: np.ndarray,
    images: Sequence[str],
    settings: StudySettings,
) -> Comparison | None:
    """Compare the columns of ``ratings`` ``(images, raters)``; ``None`` with fewer than five complete images."""
    keep = np.isfinite(ratings).all(axis=1)
    complete, clusters = ratings[keep], np.asarray(patients)[keep]
    if keep.sum() < FEWEST:
        return None
    clustered = 2 <= np.unique(clusters).size < clusters.size
    forms = icc_all(complete)
    rng = np.random.default_rng(settings.seed)

    def interval(statistic, analytic: Estimate) -> Estimate:
        if not clustered:
            return analytic
        return cluster_bootstrap(
            lambda rows: statistic(complete[rows]), clusters, rng, settings.replicates, analytic.level
        ).estimate

    chosen = forms[settings.form]
    f_based = Estimate(chosen.value, chosen.low, chosen.high, chosen.subjects, "F", chosen.level)
    coefficient = interval(lambda r: icc_value(r, settings.form), f_based)
    pair = bias = loa_low = loa_high = ccc = None
    if complete.shape[1] == 2:
        pair = bland_altman(complete[:, 0], complete[:, 1])
        bias = interval(lambda r: (r[:, 0] - r[:, 1]).mean(), pair.bias)
        loa_low = interval(lambda r: _limit(r, -1.96), pair.loa_low)
        loa_high = interval(lambda r: _limit(r, 1.96), pair.loa_high)
        ccc = interval(lambda r: concordance_value(r[:, 0], r[:, 1]), concordance(complete[:, 0], complete[:, 1]))
        if clustered:
            pair = replace(pair, slope=interval(_slope, pair.slope), slope_p=float("nan"))
    return Comparison(
        name=name,
        quantity=quantity,
        raters=tuple(raters),
        images=tuple(np.asarray(images)[keep].tolist()),
        ratings=complete,
        patients=clusters,
        dropped=int((~keep).sum()),
        form=settings.form,
        icc=coefficient,
        all_forms=forms,
        bland_altman=pair,
        bias=bias,
        loa_low=loa_low,
        loa_high=loa_high,
        ccc=ccc,
    )


def study_plan(table: AnswerTable) -> tuple[ComparisonPlan, ...]:
    """The comparisons of Cha et al. 2021: within readers, between readers, algorithm against the readers' mean.

    Beside them: every pair of readers, and every reader against the mean of the others, which is the fair
    counterpart of the algorithm against the mean. Readers are compared in sessions that at least two of them have;
    the algorithm is compared with the mean over the readers in the first such session (or the only reader's first).
    """
    plans = []
    sessions_of = {reader: table.sessions(reader) for reader in table.readers}
    for reader, sessions in sessions_of.items():
        for first, second in pairwise(sessions):
            plans.append(
                ComparisonPlan(
                    f"within reader {reader}, sessions {first} and {second}",
                    (f"session {first}", f"session {second}"),
                    (((reader, first),), ((reader, second),)),
                )
            )
        if len(sessions) > 2:
            plans.append(
                ComparisonPlan(
                    f"reader {reader} over sessions {', '.join(sessions)}",
                    tuple(f"session {session}" for session in sessions),
                    tuple(((reader, session),) for session in sessions),
                )
            )
    shared = _shared_sessions(sessions_of)
    for session, readers in shared.items():
        plans += _between(session, readers)
    if table.has_algorithm and table.readers:
        plans += _algorithm(table, sessions_of, shared)
    return tuple(plans)


def analyze(
    table: AnswerTable, settings: StudySettings | None = None, plans: Sequence[ComparisonPlan] | None = None
) -> tuple[Comparison, ...]:
    """Every comparison of ``plans`` (default :func:`study_plan`) for liver, kidney and HRI.

    Comparisons with too few images are left out.
    """
    settings = settings or StudySettings()
    patients, images = table.patients(), table.images
    found = []
    for plan in study_plan(table) if plans is None else plans:
        for quantity in QUANTITIES:
            columns = [
                np.stack([table.values(reader, session, quantity) for reader, session in members]).mean(axis=0)
                for members in plan.columns
            ]
            comparison = compare(
                plan.name, quantity, plan.raters, np.stack(columns, axis=1), patients, images, settings
            )
            if comparison is not None:
                found.append(comparison)
    return tuple(found)


def _limit(pairs: np.ndarray, z: float) -> float:
    difference = pairs[:, 0] - pairs[:, 1]
    return float(difference.mean() + z * difference.std(ddof=1))


def _slope(pairs: np.ndarray) -> float:
    """Least-squares slope of the differences on the means; NaN where the means do not vary."""
    mean = pairs.mean(axis=1)
    mean = mean - mean.mean()
    spread = float(mean @ mean)
    return float(mean @ (pairs[:, 0] - pairs[:, 1])) / spread if spread > 0 else float("nan")


def _shared_sessions(sessions_of: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Session -> readers that have it, for sessions of at least two readers."""
    names = dict.fromkeys(session for sessions in sessions_of.values() for session in sessions)
    having = {name: tuple(reader for reader in sessions_of if name in sessions_of[reader]) for name in names}
    return {name: readers for name, readers in having.items() if len(readers) >= 2}


def _between(session: str, readers: tuple[str, ...]) -> list[ComparisonPlan]:
    one = {reader: ((reader, session),) for reader in readers}
    everybody = ComparisonPlan(
        f"between readers {', '.join(readers)}, session {session}", readers, tuple(one[r] for r in readers)
    )
    if len(readers) == 2:
        return [everybody]
    pairs = [
        ComparisonPlan(f"reader {a} against reader {b}, session {session}", (a, b), (one[a], one[b]))
        for i, a in enumerate(readers)
        for b in readers[i + 1 :]
    ]
    others = [
        ComparisonPlan(
            f"reader {a} against mean of the other readers, session {session}",
            (a, "mean of the others"),
            (one[a], tuple((b, session) for b in readers if b != a)),
        )
        for a in readers
    ]
    return [everybody, *pairs, *others]


def _algorithm(table: AnswerTable, sessions_of: dict, shared: dict) -> list[ComparisonPlan]:
    algorithm = ((ALGORITHM, table.sessions(ALGORITHM)[0]),)
    if shared:
        session, readers = next(iter(shared.items()))
        columns = tuple((reader, session) for reader in readers)
        label = f"{ALGORITHM} against mean of readers {', '.join(readers)}, session {session}"
    else:
        readers = table.readers
        columns = tuple((reader, sessions_of[reader][0]) for reader in readers)
        label = f"{ALGORITHM} against {'reader' if len(readers) == 1 else 'mean of readers'} {', '.join(readers)}"
    other = "mean of readers" if len(readers) > 1 else readers[0]
    plans = [ComparisonPlan(label, (ALGORITHM, other), (algorithm, columns))]
    if len(readers) > 1:
        plans += [
            ComparisonPlan(f"{ALGORITHM} against reader {reader}", (ALGORITHM, reader), (algorithm, ((reader, s),)))
            for reader, s in columns
        ]
    return plans
