"""Training of one branch, and of two with imported weights (section 2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...cohort.cohort import Cohort
from ...frames.choosing import pairs
from ..base import DIVERGED, Fold, Job, RecipeError, subject_folds
from .clips import BranchFrames, branch_frames
from .settings import Cnn5Settings


@dataclass(frozen=True)
class Trained:
    """``validation_losses`` are the lowest of every fold; the network is that of the fold ``best``."""

    network: Any
    validation_losses: tuple[float, ...]
    best: int


def strata_of(fat_percent: np.ndarray, settings: Cnn5Settings) -> np.ndarray:
    """The classes that folds are balanced by, S0 to S3 as 0 to 3: the number of limits that the fat exceeds."""
    return np.searchsorted(np.array(settings.grade_limits), fat_percent, side="left")


def fit_variant(cohort: Cohort, branches: Sequence[str], settings: Cnn5Settings, job: Job) -> dict[str, Trained]:
    """Every branch by stratified cross-validation, the best fold kept; of two branches then the network of both.

    Keys are the branches, and ``"ar-hr"`` for both; the last is the model. The paper does not say on which of the folds
    the two-branch network was trained: here it is the fold in which the first branch was best.
    """
    folds = subject_folds(strata_of(cohort.fat_percent(), settings), settings.inner_folds, job.seed)
    frames: dict[str, BranchFrames] = {}
    for number, branch in enumerate(branches):
        reading = job.within("frames", 0.1 * number / len(branches), 0.1 * (number + 1) / len(branches))
        frames[branch] = branch_frames(cohort, branch, settings, reading)
    training, parts = job.part(0.1, 1.0), len(branches) + (len(branches) > 1)
    trained: dict[str, Trained] = {}
    for number, branch in enumerate(branches):
        part = training.within(branch, number / parts, (number + 1) / parts)
        trained[branch] = _fit_branch(cohort, frames[branch], folds, settings, part)
    if len(branches) > 1:
        both = training.within("ar-hr", (parts - 1) / parts, 1.0)
        trained["ar-hr"] = _fit_both(cohort, frames, trained, folds, settings, both)
    return trained


def _fit_branch(cohort: Cohort, frames: BranchFrames, folds: list[Fold], settings: Cnn5Settings, job: Job) -> Trained:
    results = []
    for number, fold in enumerate(folds):
        part = job.within(fold.name, number / len(folds), (number + 1) / len(folds))
        network = _new_network(1, settings, job.seed + number)
        results.append((_train(network, cohort, [frames], fold, settings, part), network))
    losses = tuple(loss for loss, _ in results)
    best = int(np.argmin(losses))
    return Trained(results[best][1], losses, best)


def _fit_both(cohort: Cohort, frames, trained: dict[str, Trained], folds, settings: Cnn5Settings, job: Job) -> Trained:
    network = _new_network(len(frames), settings, job.seed)
    for position, branch in enumerate(frames):
        network.import_branch(position, trained[branch].network)
    fold = folds[next(iter(trained.values())).best]
    loss = _train(network, cohort, list(frames.values()), fold, settings, job)
    return Trained(network, (loss,), 0)


def _new_network(branches: int, settings: Cnn5Settings, seed: int):
    import torch

    from ...networks.cnn5 import ClipNetwork

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ClipNetwork(branches, settings.size, settings.filters, settings.kernel, settings.dense_units)


def _train(network, cohort: Cohort, frames: list[BranchFrames], fold: Fold, settings: Cnn5Settings, job: Job) -> float:
    """Train on one fold with early stopping; returns the validation loss of the weights that are kept."""
    import torch
    from HepatoRenalIndexLib.inference.device import choose_device

    from ...networks.training import TrainingPlan, train

    plan = TrainingPlan(settings.epochs, settings.batch_size, settings.patience, job.seed)
    history = train(
        network,
        _data(cohort, frames, fold.train),
        torch.nn.functional.mse_loss,
        torch.optim.Adam(network.parameters(), settings.learning_rate),
        plan,
        job.work,
        _data(cohort, frames, fold.test),
        choose_device(job.device)[0],
        lambda share: job.progress(share, f"training {job.work.parent.name} {job.work.name}"),
    )
    if not np.isfinite(history.best_validation_loss):
        raise RecipeError(DIVERGED)
    network.cpu()
    return history.best_validation_loss


def _data(cohort: Cohort, frames: list[BranchFrames], subjects: Sequence[int]):
    """Items ``(image, ..., fat percent)``: every frame of one branch, every pair of two."""
    import torch
    from torch.utils.data import Dataset

    fat = cohort.fat_percent()
    items: list[tuple[tuple[int, ...], float]] = []
    for subject in subjects:
        own = [np.flatnonzero(branch.owner == subject) for branch in frames]
        for pair in pairs([indices.size for indices in own]):
            items.append((tuple(int(i[p]) for i, p in zip(own, pair, strict=True)), float(fat[subject])))

    class Items(Dataset):
        def __len__(self) -> int:
            return len(items)

        def __getitem__(self, position: int):
            indices, value = items[position]
            images = [as_input(branch.pixels[i]) for branch, i in zip(frames, indices, strict=True)]
            return (*images, torch.tensor([value], dtype=torch.float32))

    return Items()


def as_input(pixels: np.ndarray):
    """uint8 ``(size, size)`` -> float32 ``(1, size, size)``, 0..1."""
    import torch

    return torch.from_numpy(np.array(pixels))[None].float() / 255
