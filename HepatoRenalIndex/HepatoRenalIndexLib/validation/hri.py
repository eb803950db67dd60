"""The automatic index against the readers and against biopsy. The patient is the unit of every interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..agreement.answers import ALGORITHM, AnswerTable, table_of
from ..agreement.comparison import Comparison, StudySettings, analyze, study_plan
from ..statistics.correlation import bootstrap_correlation, spearman
from ..statistics.interval import Estimate
from ..statistics.roc import (
    OperatingPoint,
    RocCurve,
    auc_bootstrap,
    auc_delong,
    nearest_corner_point,
    roc_curve,
    youden_point,
)
from .cases import Case
from .cohort import Cohort, Patient

PUBLISHED_ICC = {"liver": 0.919, "kidney": 0.916, "hri": 0.734}  # Cha et al. 2021, against the readers' average
PUBLISHED_PHYSICIAN = {"auc": 0.959, "spearman": 0.80, "sensitivity": 0.895, "specificity": 0.941}  # Byra et al. 2018
SMALLEST_INSIDE = 0.9  # share of an ROI in its outline from which it counts as inside


@dataclass(frozen=True)
class Coverage:
    """How many images could be measured, and where their ROIs lie on the outlined ones.

    ``inside`` are shares of the outlined, measured images whose ROI lies at least 90% inside the human outline;
    ``mean_inside`` the mean share of an ROI's pixels inside.
    """

    images: int
    measured: int
    uncalibrated: int
    flags: dict[str, int]  # flag code -> number of images
    reasons: dict[str, int]  # message -> number of images that could not be measured
    outlined: int
    liver_inside: float
    kidney_inside: float
    liver_mean_inside: float
    kidney_mean_inside: float


@dataclass(frozen=True)
class BiopsyAccuracy:
    """An index against biopsy, one value per patient. Published figures: AUC 0.959, Spearman 0.80 by a physician."""

    name: str
    patients: int
    unmeasured: int
    auc: Estimate  # percentile bootstrap over patients
    auc_delong: Estimate
    spearman: Estimate  # with the percentage of fat; percentile bootstrap over patients
    spearman_analytic: Estimate
    youden: OperatingPoint
    corner: OperatingPoint
    curve: RocCurve


@dataclass(frozen=True)
class PlacementReport:
    """Everything about one placement."""

    name: str
    coverage: Coverage
    agreement: tuple[Comparison, ...]
    biopsy: tuple[BiopsyAccuracy, ...]  # per patient, then frame 0 alone

    def against_mean(self, quantity: str) -> Comparison | None:
        """The comparison of the algorithm with the mean of the readers."""
        found = (c for c in self.agreement if "mean of readers" in c.raters and c.quantity == quantity)
        return next(found, None)


def coverage(cases: Sequence[Case]) -> Coverage:
    """Count what was measured and where the ROIs lie."""
    measured = [case for case in cases if case.measurement is not None]
    outlined = [case for case in measured if case.liver_inside is not None]
    codes = [code for case in measured for code in sorted({flag.code for flag in case.measurement.flags})]
    messages = [case.message for case in cases if case.measurement is None]
    liver = np.array([case.liver_inside for case in outlined])
    kidney = np.array([case.kidney_inside for case in outlined])
    nan = float("nan")
    return Coverage(
        images=len(cases),
        measured=len(measured),
        uncalibrated=sum(not case.calibration.calibrated for case in measured),
        flags={code: codes.count(code) for code in sorted(set(codes))},
        reasons={message: messages.count(message) for message in sorted(set(messages))},
        outlined=len(outlined),
        liver_inside=float((liver >= SMALLEST_INSIDE).mean()) if outlined else nan,
        kidney_inside=float((kidney >= SMALLEST_INSIDE).mean()) if outlined else nan,
        liver_mean_inside=float(liver.mean()) if outlined else nan,
        kidney_mean_inside=float(kidney.mean()) if outlined else nan,
    )


def with_algorithm(readers: AnswerTable, cases: Sequence[Case]) -> AnswerTable:
    """The readers' table with the automatic measurements as one more reader."""
    automatic = [answer for case in cases if (answer := case.answer()) is not None]
    return table_of((*readers.answers, *automatic), readers.exclusions)


def biopsy_accuracy(
    name: str, values: dict[int, float], patients: dict[int, Patient], rng: np.random.Generator, replicates: int = 2000
) -> BiopsyAccuracy | None:
    """``values``: patient -> index, NaN or absent where it could not be measured (counted).

    ``None`` where fewer than four patients, or those of one class only, could be measured.
    """
    chosen = sorted(number for number in patients if np.isfinite(values.get(number, np.nan)))
    index = np.array([values[number] for number in chosen])
    fatty = np.array([patients[number].fatty for number in chosen])
    fat = np.array([patients[number].fat_percent for number in chosen])
    if len(chosen) < 4 or fatty.all() or not fatty.any():
        return None
    curve = roc_curve(fatty, index)
    return BiopsyAccuracy(
        name=name,
        patients=len(chosen),
        unmeasured=len(patients) - len(chosen),
        auc=auc_bootstrap(fatty, index, chosen, rng, replicates),
        auc_delong=auc_delong(fatty, index),
        spearman=bootstrap_correlation(index, fat, chosen, rng, "spearman", replicates),
        spearman_analytic=spearman(index, fat).estimate,
        youden=youden_point(curve),
        corner=nearest_corner_point(curve),
        curve=curve,
    )


def patient_medians(cases: Sequence[Case]) -> dict[int, float]:
    """Median index of every patient's measured frames."""
    return _medians([(case.frame.patient, case.value("hri")) for case in cases])


def first_frame_values(cases: Sequence[Case]) -> dict[int, float]:
    """Index of the first frame of every patient, NaN where that frame could not be measured."""
    values: dict[int, float] = {}
    for case in cases:
        values.setdefault(case.frame.patient, case.value("hri"))
    return values


def reader_medians(readers: AnswerTable) -> dict[int, float]:
    """Median over a patient's frames of the mean of all readers in their first sessions."""
    columns = [readers.values(reader, readers.sessions(reader)[0], "hri") for reader in readers.readers]
    means = np.stack(columns).mean(axis=0)
    return _medians([(int(patient), value) for patient, value in zip(readers.patients(), means, strict=True)])


def evaluate_placement(
    name: str, cases: Sequence[Case], cohort: Cohort, rng: np.random.Generator, settings: StudySettings | None = None
) -> PlacementReport:
    """Coverage, agreement with the readers, and accuracy against biopsy of one placement."""
    settings = settings or StudySettings()
    accuracies = [
        biopsy_accuracy(label, values, cohort.patients, rng, settings.replicates)
        for label, values in (
            ("median of the patient's frames", patient_medians(cases)),
            ("first frame alone", first_frame_values(cases)),
        )
    ]
    table = with_algorithm(cohort.readers, cases)
    plans = [plan for plan in study_plan(table) if ALGORITHM in plan.raters]
    return PlacementReport(
        name=name,
        coverage=coverage(cases),
        agreement=analyze(table, settings, plans),
        biopsy=tuple(accuracy for accuracy in accuracies if accuracy is not None),
    )


def _medians(pairs: list[tuple[int, float]]) -> dict[int, float]:
    of_patient: dict[int, list[float]] = {}
    for patient, value in pairs:
        if np.isfinite(value):
            of_patient.setdefault(patient, []).append(value)
    return {patient: float(np.median(values)) for patient, values in of_patient.items()}
