"""Evaluate the variants of a recipe on a cohort, and write the tables and the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.pipeline.outputs import prepare_folder

from ..bundles.card import CohortFacts, finite
from ..cohort.cohort import Cohort
from ..recipes.base import Job, Recipe, RecipeError, check_variant
from ..uncertainty.grades import PUBLISHED_CUTOFFS, default_cutoffs
from .comparisons import compare_variants
from .cross_validation import CrossValidation, cross_validate, run_key, usable_variants
from .images import image_digests, refuse_shared_images
from .metrics import MetricRow, metric_rows
from .published import filled_table, protocol_of
from .report import Evaluation, warnings_of
from .tables import REPORT_NAME, write_evaluation


@dataclass(frozen=True)
class EvaluationSummary:
    """What an evaluation wrote, and its main figures."""

    report: Path
    variants: tuple[str, ...]
    metrics: tuple[MetricRow, ...]
    not_predicted: int
    warnings: tuple[str, ...]


def evaluate_recipe(
    recipe: Recipe,
    cohort: Cohort,
    output: Path,
    settings: Any,
    job: Job,
    variants: Sequence[str] = (),
) -> EvaluationSummary:
    """Judge ``variants`` (all that the cohort has the views for) out of fold and write the results to ``output``.

    ``job.work`` keeps what was done, so that a stopped evaluation goes on. Raises :class:`InputError` (of a kind) for a
    cohort, settings or variants that cannot be evaluated.
    """
    cohort.require_labels()
    chosen = tuple(variants) or usable_variants(recipe, cohort)
    for variant in chosen:
        check_variant(recipe, variant)
    prepare_folder(output)
    cohort, job = checked_cohort(recipe, cohort, settings, job)
    results: list[CrossValidation] = []
    why = "it was not asked for" if variants else "no subject has the views for it"
    not_run = {name: why for name in recipe.variants if name not in chosen}
    for number, variant in enumerate(chosen):
        start = 0.1 + 0.9 * number / len(chosen)
        part = job.part(start, start + 0.9 / len(chosen))
        try:
            results.append(cross_validate(recipe, cohort, variant, settings, part))
        except RecipeError as error:
            if len(chosen) == 1 or variants:
                raise
            not_run[variant] = str(error)
    if not any(result.predicted for result in results):
        raise _nothing(results, not_run)
    evaluation = _evaluation(recipe, cohort, settings, job, results, not_run)
    write_evaluation(output, evaluation)
    return EvaluationSummary(
        output / REPORT_NAME,
        tuple(result.variant for result in results),
        evaluation.metrics,
        sum(len(result.held_out) - len(result.predicted) for result in results),
        tuple(warnings_of(evaluation)),
    )


def checked_cohort(recipe: Recipe, cohort: Cohort, settings: Any, job: Job) -> tuple[Cohort, Job]:
    """The cohort of the recipe's views, read once and found without leaks; the job in the work folder of this run."""
    subjects = tuple(
        replace(subject, images=subject.of_view(*recipe.views))
        for subject in cohort.subjects
        if subject.of_view(*recipe.views)
    )
    cohort = replace(cohort, subjects=subjects)
    digests = image_digests(
        cohort, job.work / "digests.json", lambda share: job.progress(0.1 * share, "reading the images")
    )
    refuse_shared_images(cohort, digests)
    work = job.work / f"{recipe.name}-{run_key(recipe, cohort, settings, job, digests)}"
    work.mkdir(parents=True, exist_ok=True)
    return cohort, replace(job, work=work, shared=job.work)  # features are of use to other runs too


def backbone_words(recipe: Recipe, job: Job) -> str:
    """Where the weights of a pretrained network come from; ``""`` for a recipe without one."""
    if not recipe.uses_backbone:
        return ""
    if job.backbone_weights is None:
        return "ImageNet weights of torchvision"
    if job.backbone_weights == "none":
        return "random weights, no ImageNet weights: not what the paper used, so its figures cannot be reached"
    return f"weights of the file {Path(job.backbone_weights).name}"


def _nothing(results: Sequence[CrossValidation], not_run: dict[str, str]) -> InputError:
    messages = [entry.message for result in results for entry in result.held_out if entry.message]
    messages += list(not_run.values())
    return RecipeError(f"No subject could be judged: {messages[0] if messages else 'the cohort is empty.'}")


def _evaluation(
    recipe: Recipe, cohort: Cohort, settings: Any, job: Job, results: list[CrossValidation], not_run: dict[str, str]
) -> Evaluation:
    protocol = protocol_of(recipe.name, recipe.variants[0])
    cutoffs = PUBLISHED_CUTOFFS[protocol.cutoffs] if protocol.cutoffs else default_cutoffs(cohort.reference)
    metrics = [row for result in results for row in metric_rows(result, cutoffs, protocol.bootstrap, job.seed)]
    return Evaluation(
        recipe=recipe.name,
        title=recipe.title,
        citation=recipe.citation,
        facts=CohortFacts.of(cohort),
        reference=cohort.reference,
        seed=job.seed,
        settings=finite(asdict(settings)),
        backbone=backbone_words(recipe, job),
        results=tuple(results),
        metrics=tuple(metrics),
        comparisons=tuple(compare_variants(results, protocol.bootstrap, job.seed)),
        table=tuple(filled_table(protocol, metrics)),
        not_run=not_run,
    )
