"""The recipe ``vgg19-clkl`` as the registry knows it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from ...cohort.cohort import Cohort
from ...frames.choosing import first_view
from ..base import Fold, Job, RecipeError, subject_folds
from .model import Vgg19Model
from .settings import BRANCH_VIEWS, VARIANTS, Vgg19Settings


class Vgg19Clkl:
    """VGG19 on liver, kidney-liver, or both; only a head of 10 and 1 nodes learns, or all of it with fine-tuning."""

    name = "vgg19-clkl"
    title = "Pretrained VGG19 on combined liver and kidney-liver images (CLKL)"
    citation = (
        "Kim T, Lee DH, Park EK, Choi S. Deep Learning Techniques for Fatty Liver Using Multi-View Ultrasound Images "
        "Scanned by Different Scanners. JMIR Med Inform 2021;9(11):e30066. doi:10.2196/30066"
    )
    variants = tuple(VARIANTS)
    views = tuple(view for views in BRANCH_VIEWS.values() for view in views)

    def default_settings(self) -> Vgg19Settings:
        return Vgg19Settings()

    def usable(self, cohort: Cohort) -> tuple[str, ...]:
        """The variants for which every subject has an image of each branch."""
        return tuple(
            name
            for name, variant in VARIANTS.items()
            if len(cohort) and all(first_view(s, BRANCH_VIEWS[b]) for s in cohort.subjects for b in variant.branches)
        )

    def folds(self, cohort: Cohort, settings: Vgg19Settings, seed: int) -> list[Fold]:
        """Five folds with the same share of each scanner, and of fatty livers among them, in training and testing.

        Scanners with fewer subjects of a kind than folds are put together.
        """
        fatty = cohort.fat_percent() >= settings.threshold_percent
        strata = list(zip(cohort.scanners(), fatty.tolist(), strict=True))
        counts = Counter(strata)
        strata = [one if counts[one] >= settings.folds else ("", one[1]) for one in strata]
        numbers = {stratum: number for number, stratum in enumerate(sorted(set(strata)))}
        given = [subject.fold for subject in cohort.subjects]
        return subject_folds([numbers[one] for one in strata], settings.folds, seed, given)

    def fit(self, cohort: Cohort, variant: str, settings: Vgg19Settings, job: Job) -> Vgg19Model:
        if variant not in VARIANTS:
            raise RecipeError(f"vgg19-clkl has no variant {variant!r}; choose one of {', '.join(VARIANTS)}.")
        from .fitting import fit_variant

        return fit_variant(cohort.require_labels(), variant, settings, job)

    def load(self, folder: Path, values: dict[str, Any], job: Job) -> Vgg19Model:
        from .storage import load_model

        return load_model(folder, values)


RECIPE = Vgg19Clkl()
