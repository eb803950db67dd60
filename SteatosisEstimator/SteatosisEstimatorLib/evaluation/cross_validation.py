"""Cross-validation by subject, fold by fold, going on where it was stopped."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from HepatoRenalIndexLib import __version__
from HepatoRenalIndexLib.imaging.image import InputError

from ..bundles.card import finite
from ..bundles.writing import file_digest
from ..cohort.cohort import Cohort
from ..recipes.base import Fold, Job, Recipe, RecipeError, check_variant
from .checkpoints import FoldResult, HeldOut, read_fold, write_fold
from .images import Digests


@dataclass(frozen=True)
class CrossValidation:
    """Predictions of a variant out of fold, subjects in the order of the cohort. ``left_out`` lack the views."""

    variant: str
    folds: tuple[FoldResult, ...]
    held_out: tuple[HeldOut, ...]
    left_out: tuple[str, ...] = ()

    @property
    def predicted(self) -> tuple[HeldOut, ...]:
        """Those for whom there is a prediction."""
        return tuple(entry for entry in self.held_out if entry.prediction is not None)

    def outcome(self, name: str) -> np.ndarray:
        """An outcome of every predicted subject, float64 ``(subjects,)``; NaN where the variant has none."""
        values = [getattr(entry.prediction.outcome, name) for entry in self.predicted]
        return np.array([np.nan if value is None else value for value in values], dtype=float)

    def fat_percent(self) -> np.ndarray:
        """The reference of every predicted subject."""
        return np.array([entry.fat_percent for entry in self.predicted], dtype=float)


def usable_variants(recipe: Recipe, cohort: Cohort) -> tuple[str, ...]:
    """Variants for whose views there are subjects; :class:`RecipeError` where there is none."""
    found = {variant for subject in cohort.subjects for variant in recipe.usable(subject)}
    variants = tuple(variant for variant in recipe.variants if variant in found)
    if not variants:
        names = ", ".join(view.value for view in recipe.views)
        raise RecipeError(f"The cohort has no subject with the views that {recipe.name} needs; it takes {names}.")
    return variants


def subjects_for(recipe: Recipe, cohort: Cohort, variant: str) -> Cohort:
    """The subjects that have the views of a variant; :class:`RecipeError` for another variant or too few of them."""
    check_variant(recipe, variant)
    chosen = [i for i, subject in enumerate(cohort.subjects) if variant in recipe.usable(subject)]
    if len(chosen) < 2:
        raise RecipeError(f"Fewer than two subjects have the views that the variant {variant} needs; give more.")
    return cohort.take(chosen)


def run_key(recipe: Recipe, cohort: Cohort, settings: Any, job: Job, digests: Digests) -> str:
    """A digest of everything that a fold's result depends on but the variant; the name of its work folder."""
    weights = job.backbone_weights
    if weights not in (None, "none"):
        weights = file_digest(Path(weights))
    what = {
        "version": __version__,
        "recipe": recipe.name,
        "settings": finite(asdict(settings)),
        "seed": job.seed,
        "device": job.device,
        "weights": weights,
        "subjects": [
            (s.name, s.fat_percent, s.scanner, s.fold, [(i.view.value, i.source) for i in s.images], digests[s.name])
            for s in cohort.subjects
        ],
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


def cross_validate(recipe: Recipe, cohort: Cohort, variant: str, settings: Any, job: Job) -> CrossValidation:
    """Train and judge every fold of the recipe's protocol. Each finished fold is kept in ``job.work``.

    Raises :class:`RecipeError` for folds that would judge a subject by a model that saw it.
    """
    chosen = subjects_for(recipe, cohort, variant)
    folds = recipe.folds(chosen, settings, job.seed)
    check_folds(chosen, folds)
    results = []
    for number, fold in enumerate(folds):
        kept = job.work / variant / f"{fold.name}.json"
        result = read_fold(kept)
        if result is None:
            part = job.within(f"{variant}/{fold.name}", number / len(folds), (number + 1) / len(folds))
            result = _judge(recipe, chosen, variant, settings, fold, part)
            write_fold(kept, result)
        shutil.rmtree(job.work / variant / fold.name, ignore_errors=True)  # checkpoints of a finished fold
        results.append(result)
        job.progress((number + 1) / len(folds), f"{variant} {fold.name}")
    order = {name: position for position, name in enumerate(chosen.names)}
    held_out = sorted((entry for result in results for entry in result.held_out), key=lambda e: order[e.subject])
    left_out = tuple(name for name in cohort.names if name not in order)
    return CrossValidation(variant, tuple(results), tuple(held_out), left_out)


def check_folds(cohort: Cohort, folds: Sequence[Fold]) -> None:
    """:class:`RecipeError` for folds that leak, judge a subject twice, or have nothing to train on or to judge."""
    names = cohort.names
    if len(set(names)) != len(names):
        raise RecipeError("Two subjects of the cohort have the same name; merge them.")
    if not folds or len({fold.name for fold in folds}) != len(folds):
        raise RecipeError("The folds must be named differently, and there must be one at least.")
    judged: dict[int, str] = {}
    for fold in folds:
        if not fold.train or not fold.test:
            raise RecipeError(f"The fold {fold.name} has no subject to train on or none to judge; mend the folds.")
        both = set(fold.train) & set(fold.test)
        if both:
            raise RecipeError(f"Subject {names[min(both)]} is trained on and judged in {fold.name}; mend the folds.")
        for position in fold.test:
            if position in judged:
                raise RecipeError(
                    f"Subject {names[position]} is judged in the folds {judged[position]} and {fold.name}; mend them."
                )
            judged[position] = fold.name


def _judge(recipe: Recipe, cohort: Cohort, variant: str, settings: Any, fold: Fold, job: Job) -> FoldResult:
    started = time.perf_counter()
    model = recipe.fit(cohort.take(fold.train), variant, settings, job.within("fit", 0.0, 0.9))
    fitted = time.perf_counter()
    held_out = []
    for position in fold.test:
        subject = cohort.subjects[position]
        try:
            prediction, message = model.predict(subject, job.within("predict", 0.9, 1.0)), ""
        except InputError as error:
            prediction, message = None, str(error)
        held_out.append(HeldOut(subject.name, float(subject.fat_percent), fold.name, prediction, message))
    details = finite(getattr(model, "details", {}) or {})
    seconds = (time.perf_counter() - fitted) / len(fold.test)
    return FoldResult(fold.name, tuple(held_out), details, fitted - started, seconds)
