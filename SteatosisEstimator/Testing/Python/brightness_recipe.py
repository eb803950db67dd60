"""A small honest recipe for the tests of the machinery: fat from the mean brightness of the scan, by linear regression.

``install()`` makes it known by the name ``brightness`` within this process; ``python brightness_recipe.py ARGUMENTS``
is ``liver-ultrasound ARGUMENTS`` with it.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "HepatoRenalIndex"), str(ROOT / "SteatosisEstimator")]

from SteatosisEstimatorLib.cohort.cohort import Cohort, CohortImage, Subject  # noqa: E402
from SteatosisEstimatorLib.cohort.vocabulary import View  # noqa: E402
from SteatosisEstimatorLib.frames.frame import frames_of  # noqa: E402
from SteatosisEstimatorLib.recipes import registry  # noqa: E402
from SteatosisEstimatorLib.recipes.base import (  # noqa: E402
    Contribution,
    Fold,
    FrameOutcome,
    Job,
    Outcome,
    Prediction,
    RecipeError,
    ViewOutcome,
    own_folds,
    settings_from,
    subject_folds,
)

VIEWS = {"both": (View.LIVER, View.KIDNEY_LIVER), "liver": (View.LIVER,)}


@dataclass(frozen=True)
class BrightnessSettings:
    """``wait`` seconds in every fit give a test time to kill it."""

    folds: int = 4
    wait: float = 0.0
    probabilities: bool = True


def brightness(subject: Subject, view: View) -> list[tuple[str, int, float]]:
    """``(source, index, mean of the scan)`` of every frame of the view."""
    return [
        (image.source, index, mean)
        for image in subject.of_view(view)
        for index, mean in _means(image, image.path.stat().st_mtime_ns)
    ]


@cache
def _means(image: CohortImage, changed: int) -> list[tuple[int, float]]:
    """Kept in memory for as long as the file is the same: folds and tests measure an image once."""
    frames = frames_of(image)
    return [(frame.index, float(frame.image.pixels[frame.geometry.mask].mean())) for frame in frames]


@dataclass(frozen=True)
class BrightnessModel:
    variant: str
    settings: BrightnessSettings
    weights: np.ndarray  # intercept, one weight a view
    recipe: str = "brightness"

    @property
    def views(self) -> tuple[View, ...]:
        return VIEWS[self.variant]

    def predict(self, subject: Subject, job: Job) -> Prediction:
        frames, views, parts, fat = [], [], [], float(self.weights[0])
        for view, weight in zip(self.views, self.weights[1:], strict=True):
            values = brightness(subject, view)
            if not values:
                raise RecipeError(f"Subject {subject.name} has no view {view.value}, which the model needs.")
            mean = float(np.mean([value for _, _, value in values]))
            fat += weight * mean
            views.append((view, len(values)))
            parts.append(Contribution(f"brightness {view.value}", mean, "gray levels", float(weight * mean)))
            frames += [(view, source, index, value) for source, index, value in values]
        probability = 1 / (1 + np.exp(-(fat - 5) / 3)) if self.settings.probabilities else None
        return Prediction(
            subject.name,
            Outcome(fat, probability),
            tuple(ViewOutcome(view, Outcome(fat), 1 / len(views), count) for view, count in views),
            tuple(FrameOutcome(v, s, i, Outcome(self.weights[0] + self.weights[1] * b)) for v, s, i, b in frames),
            tuple(parts),
        )

    def save(self, folder: Path) -> dict[str, Any]:
        from safetensors.numpy import save_file

        save_file({"weights": self.weights}, folder / "model.safetensors")
        return {"variant": self.variant, "probabilities": self.settings.probabilities}


class BrightnessRecipe:
    name = "brightness"
    title = "Mean brightness of the scan"
    citation = "None: for tests"
    variants = tuple(VIEWS)
    views = (View.LIVER, View.KIDNEY_LIVER)
    uses_backbone = False
    limits = ()

    def default_settings(self) -> BrightnessSettings:
        return BrightnessSettings()

    def usable(self, subject: Subject) -> tuple[str, ...]:
        return tuple(name for name, views in VIEWS.items() if set(views) <= set(subject.views))

    def folds(self, cohort: Cohort, settings: BrightnessSettings, seed: int) -> list[Fold]:
        return own_folds(cohort) or subject_folds(cohort.fat_percent() >= 5, settings.folds, seed)

    def fit(self, cohort: Cohort, variant: str, settings: BrightnessSettings, job: Job) -> BrightnessModel:
        from sklearn.linear_model import LinearRegression

        time.sleep(settings.wait)
        x = np.array([[np.mean([b for _, _, b in brightness(s, v)]) for v in VIEWS[variant]] for s in cohort.subjects])
        fitted = LinearRegression().fit(x, cohort.fat_percent())
        job.progress(1.0, "fitting")
        return BrightnessModel(variant, settings, np.array([fitted.intercept_, *fitted.coef_]))

    def load(self, folder: Path, values: dict[str, Any]) -> BrightnessModel:
        from safetensors.numpy import load_file

        settings = settings_from(BrightnessSettings(), {"probabilities": values["probabilities"]})
        return BrightnessModel(values["variant"], settings, load_file(folder / "model.safetensors")["weights"])


RECIPE = BrightnessRecipe()


def install() -> None:
    """Make the recipe known by its name in this process."""
    package, module = ModuleType(f"{registry.__package__}.brightness"), ModuleType("recipe")
    package.__path__ = []
    module.RECIPE = RECIPE
    sys.modules[package.__name__] = package
    sys.modules[f"{package.__name__}.recipe"] = module
    registry._MODULES["brightness"] = "brightness"


if __name__ == "__main__":
    from SteatosisEstimatorLib.commands.main import main

    install()
    raise SystemExit(main())
