"""The recipe ``resnet50-sparse`` as the registry knows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...cohort.cohort import Cohort, Subject
from ...frames.choosing import first_view
from ..base import Fold, Job, check_variant, leave_one_out, own_folds
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
    uses_backbone = True
    limits = ()

    def default_settings(self) -> ResNet50Settings:
        return ResNet50Settings()

    def usable(self, subject: Subject) -> tuple[str, ...]:
        """The single views that the subject has; ``multi-view`` with two of them or more."""
        have = {view for view, own in PAPER_VIEWS.items() if first_view(subject, own)}
        return tuple(
            name for name, views in VARIANTS.items() if (len(have) > 1 if name == MULTI_VIEW else views[0] in have)
        )

    def folds(self, cohort: Cohort, settings: ResNet50Settings, seed: int) -> list[Fold]:
        """The folds of the cohort's own, or one for every subject."""
        return own_folds(cohort) or leave_one_out(cohort)

    def fit(self, cohort: Cohort, variant: str, settings: ResNet50Settings, job: Job) -> ResNet50Model:
        from .fitting import fit_variant

        check_variant(self, variant)
        return fit_variant(cohort.require_labels(), variant, settings, job)

    def load(self, folder: Path, values: dict[str, Any]) -> ResNet50Model:
        from .storage import load_model

        return load_model(folder, values)


RECIPE = ResNet50Sparse()
