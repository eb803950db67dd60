"""The recipe ``resnet50-sparse`` as the registry knows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...cohort.cohort import Cohort
from ...frames.choosing import first_view
from ..base import Fold, Job, RecipeError, leave_one_out, subject_folds
from .model import ResNet50Model
from .settings import MULTI_VIEW, PAPER_VIEWS, VARIANTS, ResNet50Settings


class ResNet50Sparse:
    """Pooled ResNet-50 features; L1 logistic regression at 5 and 10 percent, Lasso; mean over up to four views."""

    name = "resnet50-sparse"
    title = "Pretrained ResNet-50 with sparse linear models on four views"
    citation = (
        "Byra M, Han A, Boehringer AS, et al. Liver Fat Assessment in Multiview Sonography Using Transfer Learning "
        "With Convolutional Neural Networks. J Ultrasound Med 2021. doi:10.1002/jum.15693"
    )
    variants = tuple(VARIANTS)
    views = tuple(view for views in PAPER_VIEWS.values() for view in views)

    def default_settings(self) -> ResNet50Settings:
        return ResNet50Settings()

    def usable(self, cohort: Cohort) -> tuple[str, ...]:
        """``multi-view`` where every subject has one of the views and two of them are there; a single view where every
        subject has it.
        """
        have = [{v for v, own in PAPER_VIEWS.items() if first_view(s, own)} for s in cohort.subjects]
        if not have:
            return ()
        common = set.intersection(*have)
        several = len(set.union(*have)) > 1 and all(have)
        return tuple(
            name for name, views in VARIANTS.items() if (several if name == MULTI_VIEW else views[0] in common)
        )

    def folds(self, cohort: Cohort, settings: ResNet50Settings, seed: int) -> list[Fold]:
        """A fold for every subject, or the folds of the cohort's own."""
        given = [subject.fold for subject in cohort.subjects]
        if given and all(fold is not None for fold in given):
            return subject_folds([0] * len(given), len(given), seed, given)
        return leave_one_out(cohort)

    def fit(self, cohort: Cohort, variant: str, settings: ResNet50Settings, job: Job) -> ResNet50Model:
        if variant not in VARIANTS:
            raise RecipeError(f"resnet50-sparse has no variant {variant!r}; choose one of {', '.join(VARIANTS)}.")
        from .fitting import fit_variant

        return fit_variant(cohort.require_labels(), variant, settings, job)

    def load(self, folder: Path, values: dict[str, Any], job: Job) -> ResNet50Model:
        from .storage import load_model

        return load_model(folder, values)


RECIPE = ResNet50Sparse()
