"""The recipe ``cnn5-clip`` as the registry knows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...cohort.cohort import Cohort
from ..base import Fold, Job, RecipeError, settings_from, subject_folds
from .clips import branch_view
from .fitting import fit_variant, grades_of
from .model import WEIGHTS, Cnn5Model
from .settings import BRANCH_VIEWS, VARIANTS, Cnn5Settings


class Cnn5Clip:
    """Five convolutions on every frame of AR and HR clips; regression of the fat fraction."""

    name = "cnn5-clip"
    title = "Five-layer CNN on ultrasound clips, one branch (AR, HR) or two"
    citation = "Colantonio S. et al., Liver steatosis estimation from ultrasound clips with a five-layer CNN, 2021"
    variants = tuple(VARIANTS)
    views = tuple(view for views in BRANCH_VIEWS.values() for view in views)

    def default_settings(self) -> Cnn5Settings:
        return Cnn5Settings()

    def usable(self, cohort: Cohort) -> tuple[str, ...]:
        """The variants for which every subject has a clip of each branch."""
        return tuple(
            variant
            for variant, branches in VARIANTS.items()
            if len(cohort) and all(branch_view(s, branch) for s in cohort.subjects for branch in branches)
        )

    def folds(self, cohort: Cohort, settings: Cnn5Settings, seed: int) -> list[Fold]:
        """One held-out set with the class distribution of the whole (section 2.3), or ``test_sets`` of them."""
        strata = grades_of(cohort.fat_percent(), settings)
        given = [subject.fold for subject in cohort.subjects]
        if settings.test_sets > 1 or all(fold is not None for fold in given):
            return subject_folds(strata, settings.test_sets, seed, given)
        chosen = _held_out(strata, settings.test_share, np.random.default_rng(seed))
        rest = tuple(i for i in range(len(cohort)) if i not in chosen)
        return [Fold("test", rest, tuple(sorted(chosen)))]

    def fit(self, cohort: Cohort, variant: str, settings: Cnn5Settings, job: Job) -> Cnn5Model:
        if variant not in VARIANTS:
            raise RecipeError(f"cnn5-clip has no variant {variant!r}; choose one of {', '.join(VARIANTS)}.")
        for subject in cohort.subjects:
            for branch in VARIANTS[variant]:
                if branch_view(subject, branch) is None:
                    raise RecipeError(f"Subject {subject.name} has no view for {branch}, which {variant} needs.")
        trained = fit_variant(cohort, VARIANTS[variant], settings, job)
        losses = {branch: list(one.validation_losses) for branch, one in trained.items()}
        return Cnn5Model(variant, settings, trained[variant].network, {"validation_losses": losses})

    def load(self, folder: Path, values: dict[str, Any], job: Job) -> Cnn5Model:
        from safetensors.torch import load_file

        from ...networks.cnn5 import ClipNetwork

        variant = values.get("variant")
        if variant not in VARIANTS:
            raise RecipeError("The model's variant is not one of cnn5-clip; train it again.")
        settings = settings_from(Cnn5Settings(), values.get("settings", {}))
        network = ClipNetwork(
            len(VARIANTS[variant]), settings.size, settings.filters, settings.kernel, settings.dense_units
        )
        try:
            network.load_state_dict(load_file(folder / WEIGHTS))
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
