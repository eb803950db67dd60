"""The recipe ``vgg19-clkl`` as the registry knows it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from ...cohort.cohort import Cohort, Subject
from ...frames.choosing import first_view
from ..base import Fold, Job, check_variant, own_folds, subject_folds
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
    uses_backbone = True
    limits = ()

    def default_settings(self) -> Vgg19Settings:
        return Vgg19Settings()

    def usable(self, subject: Subject) -> tuple[str, ...]:
        """The variants for which the subject has an image of each branch."""
        have = {branch for branch, views in BRANCH_VIEWS.items() if first_view(subject, views)}
        return tuple(name for name, variant in VARIANTS.items() if have.issuperset(variant.branches))

    def folds(self, cohort: Cohort, settings: Vgg19Settings, seed: int) -> list[Fold]:
        """Five folds with the same share of each scanner, and of fatty livers among them, in training and testing.

        Scanners with fewer subjects of a kind than folds are put together. The cohort's own folds go first.
        """
        if own := own_folds(cohort):
            return own
        fatty = cohort.fat_percent() >= settings.threshold_percent
        strata = list(zip(cohort.scanners(), fatty.tolist(), strict=True))
        counts = Counter(strata)
        strata = [one if counts[one] >= settings.folds else ("", one[1]) for one in strata]
        numbers = {stratum: number for number, stratum in enumerate(sorted(set(strata)))}
        return subject_folds([numbers[one] for one in strata], settings.folds, seed)

    def fit(self, cohort: Cohort, variant: str, settings: Vgg19Settings, job: Job) -> Vgg19Model:
        from .fitting import fit_variant

        check_variant(self, variant)
        return fit_variant(cohort.require_labels(), variant, settings, job)

    def load(self, folder: Path, values: dict[str, Any]) -> Vgg19Model:
        from .storage import load_model

        return load_model(folder, values)


RECIPE = Vgg19Clkl()
