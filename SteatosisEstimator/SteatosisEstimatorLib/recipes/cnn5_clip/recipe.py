"""The recipe ``cnn5-clip`` as the registry knows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...cohort.cohort import Cohort, Subject
from ...frames.choosing import first_view
from ..base import Fold, Job, RecipeError, check_variant, own_folds, settings_from, subject_folds
from .fitting import fit_variant, strata_of
from .model import WEIGHTS, Cnn5Model
from .settings import BRANCH_VIEWS, VARIANTS, Cnn5Settings


class Cnn5Clip:
    """Five convolutions on every frame of AR and HR clips; regression of the fat fraction."""

    name = "cnn5-clip"
    title = "Five-layer CNN on ultrasound clips, one branch (AR, HR) or two"
    citation = "Colantonio S. et al., Liver steatosis estimation from ultrasound clips with a five-layer CNN, 2021"
    variants = tuple(VARIANTS)
    views = tuple(view for views in BRANCH_VIEWS.values() for view in views)
    uses_backbone = False
    limits = ()

    def default_settings(self) -> Cnn5Settings:
        return Cnn5Settings()

    def usable(self, subject: Subject) -> tuple[str, ...]:
        """The variants for which the subject has a clip of each branch."""
        have = {branch for branch, views in BRANCH_VIEWS.items() if first_view(subject, views)}
        return tuple(variant for variant, branches in VARIANTS.items() if have.issuperset(branches))

    def folds(self, cohort: Cohort, settings: Cnn5Settings, seed: int) -> list[Fold]:
        """One held-out set with the class distribution of the whole (section 2.3), or ``test_sets`` of them.

        The cohort's own folds go first.
        """
        if own := own_folds(cohort):
            return own
        strata = strata_of(cohort.fat_percent(), settings)
        if settings.test_sets > 1:
            return subject_folds(strata, settings.test_sets, seed)
        chosen = _held_out(strata, settings.test_share, np.random.default_rng(seed))
        rest = tuple(i for i in range(len(cohort)) if i not in chosen)
        return [Fold("test", rest, tuple(sorted(chosen)))]

    def fit(self, cohort: Cohort, variant: str, settings: Cnn5Settings, job: Job) -> Cnn5Model:
        check_variant(self, variant)
        trained = fit_variant(cohort.require_labels(), VARIANTS[variant], settings, job)
        losses = {branch: list(one.validation_losses) for branch, one in trained.items()}
        return Cnn5Model(variant, settings, trained[variant].network, {"validation_losses": losses})

    def load(self, folder: Path, values: dict[str, Any]) -> Cnn5Model:
        from ...networks.cnn5 import ClipNetwork
        from ...networks.tensors import read_tensors

        variant = values.get("variant")
        if variant not in VARIANTS:
            raise RecipeError("The model's variant is not one of cnn5-clip; train it again.")
        settings = settings_from(Cnn5Settings(), values.get("settings", {}))
        network = ClipNetwork(
            len(VARIANTS[variant]), settings.size, settings.filters, settings.kernel, settings.dense_units
        )
        try:
            network.load_state_dict(read_tensors(folder / WEIGHTS))
        except RuntimeError as error:
            raise RecipeError("The model's weights do not fit its settings; train it again.") from error
        return Cnn5Model(variant, settings, network.eval(), dict(values.get("details", {})))


def _held_out(strata: np.ndarray, share: float, rng: np.random.Generator) -> set[int]:
    """Positions drawn from every stratum in proportion, at least one of a stratum of two or more."""
    chosen: set[int] = set()
    for stratum in np.unique(strata):
        members = rng.permutation(np.flatnonzero(strata == stratum))
        count = max(round(members.size * share), 1 if members.size > 1 else 0)
        chosen |= {int(member) for member in members[:count]}
    if not chosen or len(chosen) >= strata.size:
        raise RecipeError("The cohort is too small to hold subjects out for testing; give more subjects.")
    return chosen


RECIPE = Cnn5Clip()
