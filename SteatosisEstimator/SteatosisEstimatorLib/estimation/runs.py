"""Training, evaluation and estimation with plain values: what the commands and a bundle's MONAI configurations call."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.pipeline.outputs import prepare_folder

from ..bundles.loading import DEFAULT_MODEL
from ..bundles.writing import check_output
from ..cohort.reading import parse_reference, read_cohort
from ..evaluation.run import EvaluationSummary, evaluate_recipe
from ..evaluation.tables import TABLE_NAMES
from ..recipes.base import Job, Progress, RecipeError, no_progress, settings_from
from ..recipes.registry import get_recipe
from .cohort_run import EstimationSummary, estimate_cohort
from .estimate import open_model
from .tables import COLUMNS
from .train import TrainingSummary, train_recipe

__all__ = ["DEFAULT_MODEL", "estimate", "evaluate", "train"]


def train(
    recipe: str,
    cohort: str | Path,
    output: str | Path,
    variant: str | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    reference: str | None = None,
    seed: int = 0,
    device: str = "auto",
    backbone_weights: str | None = None,
    frames: int | None = None,
    work: str | Path | None = None,
    progress: Progress = no_progress,
) -> TrainingSummary:
    """Train a recipe on the cohort of a CSV file and write a bundle.

    ``work`` keeps checkpoints, features and read images for later runs; without it they lie beside the output until the
    training is done. ``frames`` is how many frames of a clip are used, evenly spaced. Raises ``InputError``.
    """
    output, chosen = Path(output).resolve(), get_recipe(recipe)  # its name is the model's
    values = settings_from(chosen.default_settings(), dict(settings or {}))
    weights, people = _weights(backbone_weights), _cohort(cohort, reference, frames)
    check_output(output)
    with _work_folder(work, output) as folder:
        return train_recipe(chosen, people, output, variant, values, Job(folder, seed, device, weights, progress))


def evaluate(
    recipe: str,
    cohort: str | Path,
    output: str | Path,
    variants: Sequence[str] = (),
    *,
    settings: Mapping[str, Any] | None = None,
    reference: str | None = None,
    seed: int = 0,
    device: str = "auto",
    backbone_weights: str | None = None,
    frames: int | None = None,
    work: str | Path | None = None,
    progress: Progress = no_progress,
) -> EvaluationSummary:
    """Judge the variants of a recipe out of fold on the cohort of a CSV file; arguments as for :func:`train`."""
    output, chosen = Path(output), get_recipe(recipe)
    _require_apart(cohort, output, TABLE_NAMES)
    values = settings_from(chosen.default_settings(), dict(settings or {}))
    weights, people = _weights(backbone_weights), _cohort(cohort, reference, frames)
    prepare_folder(output)
    with _work_folder(work, output) as folder:
        job = Job(folder, seed, device, weights, progress)
        return evaluate_recipe(chosen, people, output, values, job, tuple(variants))


def estimate(
    cohort: str | Path,
    output: str | Path,
    model: str | Path | None = None,
    *,
    device: str = "auto",
    frames: int | None = None,
    progress: Progress = no_progress,
    explain: str | None = None,
) -> EstimationSummary:
    """Estimate the subjects of a CSV file with a model: a name, or the folder of a bundle. Raises ``InputError``."""
    _require_apart(cohort, output, COLUMNS)
    people = _cohort(cohort, None, frames)
    estimator = open_model(model)
    return estimate_cohort(estimator, people, Path(output), device, progress, explain)


def _require_apart(cohort: str | Path, output: str | Path, tables: Iterable[str]) -> None:
    """:class:`RecipeError` where a table of the results would replace the cohort."""
    cohort, output = Path(cohort).resolve(), Path(output).resolve()
    if any(cohort == output / f"{name}.csv" for name in tables):
        raise RecipeError(f"The results would replace the cohort {cohort.name}; choose another output folder.")


def _cohort(path: str | Path, reference: str | None, frames: int | None):
    if frames is not None and (isinstance(frames, bool) or not isinstance(frames, int) or frames < 1):
        raise RecipeError("The number of frames must be a whole number of at least 1.")
    return read_cohort(path, parse_reference(reference) if reference else None).with_most_frames(frames)


def _weights(value: str | None) -> str | None:
    if value in (None, "", "none"):
        return value or None
    if not Path(value).is_file():
        raise RecipeError(f"There is no file of backbone weights {Path(value).name}; check the path, or write none.")
    return value


@contextmanager
def _work_folder(work: str | Path | None, output: Path) -> Iterator[Path]:
    """The work folder: the one asked for, or a hidden one beside the output that goes when all is done."""
    absolute = output.absolute()
    folder = absolute.parent / f".{absolute.name}.work" if work is None else Path(work)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RecipeError(
            f"The work folder {folder.name} cannot be written ({error.strerror}); choose another one with --work."
        ) from error
    try:
        yield folder
    except InputError:
        if work is None and not any(path.is_file() for path in folder.glob("*/**/*")):
            shutil.rmtree(folder, ignore_errors=True)  # refused before any training
        raise
    if work is None:
        shutil.rmtree(folder, ignore_errors=True)
