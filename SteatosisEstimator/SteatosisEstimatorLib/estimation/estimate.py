"""One subject: from its images to a fat percentage with its uncertainty. For the module, notebooks and the commands.

from SteatosisEstimatorLib.estimation.estimate import estimate_subject, open_model
estimator = open_model("LiverKidneyFat")
estimate = estimate_subject(estimator, subject)
print(estimate.fat_percent, estimate.fat_low, estimate.fat_high, estimate.warnings)
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from HepatoRenalIndexLib.imaging.image import InputError

from ..bundles.card_text import warnings_of
from ..bundles.loading import LoadedModel, load_model
from ..cohort.cohort import Subject
from ..cohort.vocabulary import ReferenceKind
from ..evaluation.metrics import INTERVAL_LEVEL
from ..recipes.base import Job, Prediction, Progress, no_progress
from ..uncertainty.grades import GradeCutoffs, default_cutoffs
from .calibration import ModelCalibration
from .domain import ModelDomain
from .doubts import doubts_of

DIGITS = 2  # of a fat percentage: finer steps are noise


@dataclass(frozen=True)
class Estimator:
    """A model ready to estimate. ``cutoffs`` are those of the reference method, ``None`` where it is not stated."""

    model: LoadedModel
    calibration: ModelCalibration
    domain: ModelDomain
    cutoffs: GradeCutoffs | None

    @property
    def reference(self) -> ReferenceKind:
        return self.model.card.reference

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must be said beside every estimate of this model."""
        return warnings_of(self.model.card)


@dataclass(frozen=True)
class Estimate:
    """What a model says of a subject; ``None`` where the variant says nothing.

    ``fat_low`` to ``fat_high`` hold the reference value with a probability of 90%. ``prediction`` is the raw output
    with views, frames and contributions. ``flags`` are short names of doubts, ``warnings`` the same in sentences.
    """

    subject: str
    prediction: Prediction
    fat_percent: float | None
    fat_low: float | None
    fat_high: float | None
    p_fatty_5: float | None
    p_fatty_10: float | None
    grade: str
    grade_probabilities: dict[str, float]
    flags: tuple[str, ...]
    warnings: tuple[str, ...]
    reference: ReferenceKind
    model: str
    model_sha256: str


def open_model(model: str | Path | None = None) -> Estimator:
    """A model by the name of one that comes with the software or by the folder of a bundle; the default for ``None``.

    Raises :class:`InputError` with one sentence for a model that cannot be used.
    """
    loaded = load_model(model)
    return Estimator(
        loaded,
        ModelCalibration.from_json(loaded.calibration),
        ModelDomain.from_json(loaded.domain),
        default_cutoffs(loaded.card.reference),
    )


def estimate_subject(
    estimator: Estimator,
    subject: Subject,
    device: str = "auto",
    work: Path | None = None,
    progress: Progress = no_progress,
) -> Estimate:
    """Estimate one subject.

    ``work`` may keep what is expensive to compute; nothing of it is needed afterwards. Raises :class:`InputError` with
    one sentence where the subject cannot be estimated: a view is missing, a file cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        job = Job(work or Path(folder), device=device, progress=progress)
        prediction = estimator.model.fitted.predict(subject, job)
    outcome, calibration = prediction.outcome, estimator.calibration
    distribution = calibration.distribution(outcome)
    p5 = calibration.probability(outcome, 5, distribution)
    p10 = calibration.probability(outcome, 10, distribution)
    if p5 is not None and p10 is not None:
        p10 = min(p10, p5)  # calibrated apart, they could contradict each other
    fat = low = high = None
    grade, grades = "", {}
    if distribution is not None:
        fat = round(min(max(float(outcome.fat_percent), 0.0), 100.0), DIGITS)  # graded as it is shown
        low, high = distribution.interval(INTERVAL_LEVEL)
        low, high = min(low, fat), max(high, fat)  # a model that is off to one side
        if estimator.cutoffs is not None:
            known = {limit: p for limit, p in ((5, p5), (10, p10)) if p is not None}
            grade, grades = estimator.cutoffs.grade(fat), estimator.cutoffs.probabilities(distribution, known)
    if fat is None and p5 is None and p10 is None:
        raise InputError("The model says nothing of this subject; choose another model.")
    flags, sentences = doubts_of(estimator.model, estimator.domain, subject, prediction)
    card = estimator.model.card
    return Estimate(
        subject=subject.name,
        prediction=prediction,
        fat_percent=fat,
        fat_low=low,
        fat_high=high,
        p_fatty_5=p5,
        p_fatty_10=p10,
        grade=grade,
        grade_probabilities=grades,
        flags=flags,
        warnings=sentences,
        reference=card.reference,
        model=card.name,
        model_sha256=estimator.model.sha256,
    )
