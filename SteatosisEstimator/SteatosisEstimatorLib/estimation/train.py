"""Train a variant of a recipe on a cohort: judged out of fold, calibrated, fitted on all, written as a bundle."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from HepatoRenalIndexLib import __version__
from HepatoRenalIndexLib.imaging.image import InputError

from ..bundles.card import CardFigure, CohortFacts, ModelCard
from ..bundles.writing import check_output, write_bundle
from ..cohort.cohort import Cohort
from ..cohort.vocabulary import ReferenceKind
from ..evaluation.cross_validation import CrossValidation, cross_validate, subjects_for, usable_variants
from ..evaluation.images import first_digest
from ..evaluation.metrics import MetricRow, metric_rows
from ..evaluation.run import backbone_words, checked_cohort
from ..recipes.base import Job, Recipe, RecipeError, check_variant
from ..uncertainty.grades import default_cutoffs
from .calibration import ModelCalibration
from .domain import ModelDomain

CARD_FIGURES = ("auc_5", "auc_10", "spearman", "pearson", "rmse", "bland_altman_bias", "r2", "grade_accuracy")
CARD_FIGURES += ("interval_coverage_90",)


@dataclass(frozen=True)
class TrainingSummary:
    """What training made: the card of the bundle, and how the variant did on subjects that it had not seen."""

    bundle: Path
    card: ModelCard
    judged: int
    messages: tuple[str, ...]


def train_recipe(
    recipe: Recipe,
    cohort: Cohort,
    output: Path,
    variant: str | None,
    settings: Any,
    job: Job,
) -> TrainingSummary:
    """Train ``variant`` (the first for which there are views) and write the bundle ``output``.

    ``job.work`` keeps what was done, so that a stopped training goes on. Raises :class:`InputError` (of a kind) for a
    cohort, variant or settings that cannot be trained.
    """
    check_output(output)
    cohort.require_labels()
    variant = variant or usable_variants(recipe, cohort)[0]
    check_variant(recipe, variant)
    if np.ptp(cohort.fat_percent()) == 0:
        raise RecipeError("All subjects have the same fat percentage; there is nothing to learn from them.")
    cohort, job = checked_cohort(recipe, cohort, settings, job)
    judged = cross_validate(recipe, cohort, variant, settings, job.part(0.1, 0.8))
    calibration = _calibration(judged, settings)
    trained_on = subjects_for(recipe, cohort, variant)
    model = recipe.fit(trained_on, variant, settings, job.within(f"{variant}/all", 0.8, 0.95))
    used = [view.view for entry in judged.predicted for view in entry.prediction.views]
    domain = ModelDomain.learn(trained_on, used, job.part(0.95, 1.0).progress)
    rows = metric_rows(judged, default_cutoffs(cohort.reference), False, job.seed)
    card = ModelCard(
        name=output.name,
        version="1.0.0",
        recipe=recipe.name,
        variant=variant,
        title=recipe.title,
        citation=recipe.citation,
        reference=cohort.reference,
        views=tuple(model.views),
        settings=asdict(settings),
        seed=job.seed,
        backbone=backbone_words(recipe, job),
        trained_on=CohortFacts.of(trained_on),
        figures=tuple(_figure(row) for name in CARD_FIGURES for row in rows if row.metric == name),
        limits=(*_limits(trained_on, judged), *recipe.limits),
        software=f"LiverUltrasound {__version__}",
    )
    images = [first_digest(image) for subject in trained_on.subjects for image in subject.images]
    card = write_bundle(
        output, model, card, calibration.to_json(), domain.to_json(), [digest for digest in images if digest]
    )
    job.progress(1.0, "")
    messages = tuple(f"{entry.subject}: {entry.message}" for entry in judged.held_out if entry.message)
    return TrainingSummary(output, card, len(judged.predicted), messages)


def _calibration(judged: CrossValidation, settings: Any) -> ModelCalibration:
    try:
        return ModelCalibration.learn(judged)
    except InputError as error:
        if hasattr(settings, "test_sets"):  # a protocol that judges a few held-out subjects only
            raise RecipeError(f"{error} Or judge every subject: --set test_sets=4.") from error
        raise


def _figure(row: MetricRow) -> CardFigure:
    return CardFigure(row.metric, row.value, row.low, row.high, row.n, row.method)


def _limits(cohort: Cohort, judged: CrossValidation) -> list[str]:
    """What follows from the cohort itself."""
    facts = CohortFacts.of(cohort)
    sentences = [
        f"Fat from {facts.fat_low:g} to {facts.fat_high:g} percent was seen in training; beyond it nothing is known.",
    ]
    if len(facts.scanners) == 1:
        sentences.append("All training images are of one scanner or of scanners that the cohort did not name.")
    if facts.subjects < 100:
        sentences.append(f"{facts.subjects} subjects are few: figures and intervals would differ on others.")
    if cohort.reference is ReferenceKind.BIOPSY:
        sentences.append("The percentages are of hepatocytes with fat in a biopsy, not proton density fat fraction.")
    if len(judged.predicted) < len(cohort):
        sentences.append(
            f"Only {len(judged.predicted)} of {len(cohort)} subjects were judged out of fold; interval and figures "
            "rest on them."
        )
    return sentences
