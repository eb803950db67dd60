"""What every recipe is: trained on a cohort, judged by its paper's protocol, asked about a subject.

A recipe comes in variants (the comparisons of its paper: single views, with and without fine-tuning ...); the first is
what is trained when nothing is chosen. A trained variant (:class:`FittedModel`) gives raw predictions; intervals,
calibrated probabilities, grades and warnings are put on by ``estimation`` from predictions out of fold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from HepatoRenalIndexLib.imaging.image import InputError

from ..cohort.cohort import Cohort, Subject
from ..cohort.vocabulary import View


class RecipeError(InputError):
    """A recipe that cannot be trained or used so. One sentence: what is wrong, what to do."""


DIVERGED = "The training diverged: its results are no numbers any more; lower learning_rate."


@dataclass(frozen=True)
class Outcome:
    """Raw output for a subject, a view or a frame; ``None`` where the variant has no such output.

    ``fat_percent`` in percent of the cohort's reference; ``p_fatty_5`` and ``p_fatty_10``: probability that the
    reference is at least 5 and 10 percent.
    """

    fat_percent: float | None = None
    p_fatty_5: float | None = None
    p_fatty_10: float | None = None


@dataclass(frozen=True)
class ViewOutcome:
    """What one view says, and how much it decides: ``weight`` is its share of the subject's estimate, 0..1."""

    view: View
    outcome: Outcome
    weight: float
    frames: int


@dataclass(frozen=True)
class FrameOutcome:
    """What one frame (or pair of frames, named by the first) says; ``message`` says why where it says nothing."""

    view: View
    source: str
    index: int  # zero-based in its file
    outcome: Outcome
    message: str = ""


@dataclass(frozen=True)
class Contribution:
    """A named part of the estimate of a linear model: what it adds to the estimate, in percent fat."""

    name: str
    value: float  # of the feature, in ``unit``
    unit: str
    adds: float


@dataclass(frozen=True)
class Prediction:
    """What a model says of a subject before calibration. ``flags`` are short names of doubts (``few_frames`` ...)."""

    subject: str
    outcome: Outcome
    views: tuple[ViewOutcome, ...]
    frames: tuple[FrameOutcome, ...] = ()
    contributions: tuple[Contribution, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fold:
    """Positions of the subjects of a cohort that are trained on and judged. ``name`` is unique within a protocol."""

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]

    def __post_init__(self):
        if set(self.train) & set(self.test):
            raise RecipeError(f"The fold {self.name} trains on subjects that it is judged by; mend the folds.")


Progress = Callable[[float, str], None]  # share done 0..1, what is being done


def no_progress(share: float, text: str) -> None:
    """For whoever does not want to know."""


@dataclass(frozen=True)
class Job:
    """Where and how something is trained or predicted.

    ``work`` holds caches and checkpoints that make it resumable; the same work folder, cohort, settings and seed give
    the same result whether or not it was interrupted. ``cache`` is for what does not depend on the fold, such as the
    features of an image by a frozen network: one folder for all folds, variants and runs of a work folder, so that what
    lies there is named by all that decides it. ``backbone_weights`` is a file of weights, ``"none"`` for random ones,
    ``None`` for the ImageNet weights of torchvision.
    """

    work: Path
    seed: int = 0
    device: str = "auto"
    backbone_weights: str | None = None
    progress: Progress = field(default=no_progress, compare=False)
    shared: Path | None = None

    @property
    def cache(self) -> Path:
        """Folder shared by all parts of the job; made when asked for."""
        folder = (self.shared or self.work) / "cache"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def part(self, start: float, end: float) -> Job:
        """The job for a part in the same folder: its progress goes from ``start`` to ``end`` of the whole."""
        report = self.progress
        return replace(self, progress=lambda share, text: report(start + share * (end - start), text))

    def within(self, name: str, start: float = 0.0, end: float = 1.0) -> Job:
        """The job for a part in a folder of its own."""
        folder = self.work / name
        folder.mkdir(parents=True, exist_ok=True)
        return replace(self.part(start, end), work=folder, shared=self.shared or self.work)


class FittedModel(Protocol):
    """A trained variant of a recipe.

    A network can be explained: ``explanation_target(frames: dict[View, Frame]) -> ExplanationTarget``. ``details`` are
    plain values beside the model, such as the validation losses of its training. A model may lack either.
    """

    recipe: str
    variant: str
    views: tuple[View, ...]  # that were trained on; whether a subject needs them all is the recipe's own affair

    def predict(self, subject: Subject, job: Job) -> Prediction:
        """Raises :class:`InputError` with one sentence for a subject that cannot be estimated."""

    def save(self, folder: Path) -> dict[str, Any]:
        """Write weights (safetensors) into ``folder`` and return the plain values that :meth:`Recipe.load` needs."""


class Recipe(Protocol):
    """A published system, or the project's own."""

    name: str  # "vgg19-clkl"
    title: str
    citation: str
    variants: tuple[str, ...]
    views: tuple[View, ...]  # every view that some variant uses
    uses_backbone: bool  # whether there is a pretrained network in it
    limits: tuple[str, ...]  # sentences for the card of every model

    def default_settings(self) -> Any:
        """A frozen dataclass with every parameter of the paper; see :func:`settings_from`."""

    def usable(self, subject: Subject) -> tuple[str, ...]:
        """The variants for which the subject has the views."""

    def folds(self, cohort: Cohort, settings: Any, seed: int) -> list[Fold]:
        """The cross-validation of the paper."""

    def fit(self, cohort: Cohort, variant: str, settings: Any, job: Job) -> FittedModel:
        """Train on every subject of the cohort. Raises :class:`RecipeError`."""

    def load(self, folder: Path, values: dict[str, Any]) -> FittedModel:
        """What :meth:`FittedModel.save` wrote."""


def check_variant(recipe: Recipe, variant: str) -> None:
    """:class:`RecipeError` for a name that is no variant of the recipe."""
    if variant not in recipe.variants:
        raise RecipeError(f"{recipe.name} has no variant {variant!r}; choose one of {', '.join(recipe.variants)}.")


def settings_from(defaults: Any, values: dict[str, Any]) -> Any:
    """The settings dataclass with ``values`` in place of its defaults.

    Raises :class:`RecipeError` for a name that is none or a value of another kind.
    """
    known = {entry.name for entry in fields(defaults)}
    for name, value in values.items():
        if name not in known:
            raise RecipeError(f"There is no setting {name!r}; there are {', '.join(sorted(known))}.")
        default = getattr(defaults, name)
        number = isinstance(default, (int, float)) and not isinstance(default, bool)
        fits = (
            isinstance(value, bool) is isinstance(default, bool)
            and (not number or isinstance(value, (int, float)))
            and (not isinstance(default, int) or isinstance(value, int))
            and (not isinstance(default, str) or isinstance(value, str))
            and (not isinstance(default, tuple) or _are_numbers(value))
        )
        if default is not None and not fits:
            raise RecipeError(f"The setting {name} must be like {default!r}, not {value!r}.")
    cleaned = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    try:
        return replace(defaults, **cleaned)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"The settings do not fit: {error}.") from error


def _are_numbers(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(
        isinstance(entry, (int, float)) and not isinstance(entry, bool) for entry in value
    )


def own_folds(cohort: Cohort) -> list[Fold]:
    """The folds that the cohort itself gives to its subjects, empty where it gives none.

    Raises :class:`RecipeError` where it gives one to some subjects only, or the same to all.
    """
    given = [subject.fold for subject in cohort.subjects]
    if all(fold is None for fold in given):
        return []
    if None in given:
        name = cohort.names[given.index(None)]
        raise RecipeError(f"Subject {name} has no fold, but others have; give a fold to every subject or to none.")
    own = np.asarray(given)
    if len(set(given)) < 2:
        raise RecipeError("All subjects are in one fold; the column fold must name at least two.")
    return [_fold(f"fold{name}", own == name) for name in sorted(set(given))]


def subject_folds(labels: Sequence[int], count: int, seed: int) -> list[Fold]:
    """Stratified folds over subjects with scikit-learn.

    ``labels`` is the stratum of each subject. With fewer members of a stratum than folds, strata are merged into one
    (unstratified). Raises :class:`RecipeError` with fewer subjects than folds.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    labels = np.asarray(labels)
    n = labels.size
    if n < count:
        raise RecipeError(f"{n} subjects cannot be split into {count} folds; give more subjects or fewer folds.")
    smallest = np.unique(labels, return_counts=True)[1].min()
    splitter = StratifiedKFold if smallest >= count else KFold
    parts = splitter(count, shuffle=True, random_state=seed).split(np.zeros((n, 1)), labels)
    return [Fold(f"fold{i}", tuple(map(int, train)), tuple(map(int, test))) for i, (train, test) in enumerate(parts)]


def leave_one_out(cohort: Cohort) -> list[Fold]:
    """A fold for every subject."""
    n = len(cohort)
    if n < 3:
        raise RecipeError("Leaving one subject out needs at least 3 subjects.")
    return [_fold(f"subject{i:04d}", np.arange(n) == i) for i in range(n)]


def _fold(name: str, test: np.ndarray) -> Fold:
    return Fold(name, tuple(map(int, np.flatnonzero(~test))), tuple(map(int, np.flatnonzero(test))))
