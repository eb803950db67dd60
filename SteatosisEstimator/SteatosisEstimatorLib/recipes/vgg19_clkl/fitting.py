"""Training of the heads on frozen features, and of the whole network where the convolutions learn too."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from HepatoRenalIndexLib.inference.device import choose_device

from ...cohort.cohort import Cohort
from ...frames.choosing import pairs
from ..base import DIVERGED, Job, RecipeError
from .images import PLAIN, PreparedImage, augment, augmentations, branch_images, fit_min_max
from .model import Task, Vgg19Model, feature_key
from .settings import CLASSIFICATION, REGRESSION, VARIANTS, Variant, Vgg19Settings

if TYPE_CHECKING:
    from ...networks.backbones import Backbone
    from ...networks.heads import Descent

FEWEST_SUBJECTS = 4


class TrainingRows:
    """One row is an augmented image of every branch of a subject, the same augmentation for all branches.

    ``rows`` are ``(image of each branch ..., augmentation)``; ``fat_percent`` is that of the subject of each row.
    """

    def __init__(self, cohort: Cohort, variant: Variant, settings: Vgg19Settings, job: Job):
        self.images: list[list[PreparedImage]] = [[] for _ in variant.branches]
        self.augmented = augmentations(settings) if variant.augmented else [PLAIN]
        self.rows: list[tuple[int, ...]] = []
        fat: list[float] = []
        for number, subject in enumerate(cohort.subjects):
            own = [branch_images(subject, branch, settings.frames_trained, settings) for branch in variant.branches]
            offsets = [len(images) for images in self.images]
            for pair in pairs([len(images) for images in own]):
                for a in range(len(self.augmented)):
                    self.rows.append((*(offset + i for offset, i in zip(offsets, pair, strict=True)), a))
                    fat.append(subject.fat_percent)
            for images, new in zip(self.images, own, strict=True):
                images += new
            job.progress((number + 1) / len(cohort), "reading images")
        self.fat_percent = np.array(fat)
        self.scalers = tuple(fit_min_max(images, settings.scaling) for images in self.images)

    def inputs(self, branch: int, image: int, augmented: list[tuple[int, str]]) -> np.ndarray:
        """float32 ``(augmented, 3, size, size)``: scaled, then turned and mirrored."""
        from ...networks.features import as_color

        scaled = self.scalers[branch].apply(self.images[branch][image].pixels)
        return as_color(np.stack([augment(scaled, angle, flip) for angle, flip in augmented]))


class _AugmentedImages:
    """The rows as a data set of inputs of the whole network, made when asked for."""

    def __init__(self, rows: TrainingRows, targets: np.ndarray):
        self.rows, self.targets = rows, targets.astype(np.float32)[:, None]

    def __len__(self) -> int:
        return len(self.rows.rows)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        *images, a = self.rows.rows[index]
        chosen = [self.rows.augmented[a]]
        return *(self.rows.inputs(b, image, chosen)[0].copy() for b, image in enumerate(images)), self.targets[index]


def fit_variant(cohort: Cohort, name: str, settings: Vgg19Settings, job: Job) -> Vgg19Model:
    """Train classification and regression of a variant on every subject of the cohort."""
    from ...networks.backbones import load_backbone

    variant = VARIANTS[name]
    if len(cohort) < FEWEST_SUBJECTS:
        raise RecipeError(f"vgg19-clkl cannot be trained on {len(cohort)} subjects; give at least {FEWEST_SUBJECTS}.")
    report = job.within("reading", 0.0, 0.02)
    backbone = load_backbone(
        "vgg19", settings.last_layer, job.backbone_weights, job.seed, lambda text: report.progress(0.0, text)
    )
    rows = TrainingRows(cohort, variant, settings, report)
    kinds = [CLASSIFICATION, REGRESSION]
    fatty = rows.fat_percent >= settings.threshold_percent
    if fatty.all() or not fatty.any():
        kinds.remove(CLASSIFICATION)
    middle = 0.02 if variant.finetuned else 0.6
    features = None if variant.finetuned else frozen_matrix(rows, backbone, job.within("features", 0.02, middle))
    tasks = []
    for number, kind in enumerate(kinds):
        start, end = (middle + (1 - middle) * (number + step) / len(kinds) for step in (0, 1))
        part = job.within(kind, start, end)
        low, high = _target_range(rows, kind, settings)
        targets = fatty.astype(float) if kind == CLASSIFICATION else (rows.fat_percent - low) / (high - low)
        if features is None:
            tasks.append(_fine_tune(rows, kind, targets, (low, high), backbone, settings, part))
        else:
            tasks.append(_fit_head(features, kind, targets, (low, high), backbone, variant, settings, part))
    return Vgg19Model(name, settings, backbone, rows.scalers, tuple(tasks))


def frozen_matrix(rows: TrainingRows, backbone: Backbone, job: Job) -> np.ndarray:
    """The features of all rows, the branches side by side: float32 ``(rows, branches * n)``."""
    from ...networks.features import frozen_features

    store = frozen_features(backbone, job.cache, choose_device(job.device)[0])
    total, done, matrix = sum(len(images) for images in rows.images), 0, None
    for branch, (images, scaler) in enumerate(zip(rows.images, rows.scalers, strict=True)):
        places: list[list[int]] = [[] for _ in images]
        for place, row in enumerate(rows.rows):
            places[row[branch]].append(place)
        for number, image in enumerate(images):
            key = feature_key(image, scaler, rows.augmented)
            own = store.of(key, lambda b=branch, n=number: rows.inputs(b, n, rows.augmented))
            width = own.shape[1]
            if matrix is None:
                matrix = np.empty((len(rows.rows), width * len(rows.images)), dtype=np.float32)
            for place in places[number]:
                matrix[place, branch * width : (branch + 1) * width] = own[rows.rows[place][-1]]
            done += 1
            job.progress(done / total, f"features of image {done} of {total}")
    return matrix


def _target_range(rows: TrainingRows, kind: str, settings: Vgg19Settings) -> tuple[float, float]:
    low, high = float(rows.fat_percent.min()), float(rows.fat_percent.max())
    return (low, high) if kind == REGRESSION and settings.target_scaled and high > low else (0.0, 1.0)


def _loss(kind: str):
    import torch

    return torch.nn.BCEWithLogitsLoss() if kind == CLASSIFICATION else torch.nn.MSELoss()


def _descent(kind: str, settings: Vgg19Settings, seed: int, checkpoint_every: int) -> Descent:
    from ...networks.heads import Descent

    epochs = settings.epochs_classification if kind == CLASSIFICATION else settings.epochs_regression
    return Descent(settings.learning_rate, settings.momentum, epochs, settings.batch_size, seed, checkpoint_every)


def _fit_head(features, kind, targets, target_range, backbone, variant, settings, job: Job) -> Task:
    from ...networks.heads import DenseHead, train_head

    head = DenseHead(features.shape[1], settings.hidden_nodes, job.seed)
    descent = _descent(kind, settings, job.seed, settings.checkpoint_every)
    identity = _identity([kind, asdict(settings), job.seed], features, targets)
    train_head(
        head,
        features,
        targets,
        _loss(kind),
        descent,
        job.work / identity,
        choose_device(job.device)[0],
        lambda share: job.progress(share, f"training the {kind}"),
    )
    _require_finite(head)
    return Task(
        kind, (backbone.network,) * len(variant.branches), head.cpu().eval(), features.mean(axis=0), *target_range
    )


def _fine_tune(rows: TrainingRows, kind, targets, target_range, backbone, settings, job: Job) -> Task:
    """The whole network of its own for the task, every layer trained, from the backbone's weights."""
    import torch

    from ...networks.backbones import trainable_copy
    from ...networks.features import run_network
    from ...networks.heads import BranchedNetwork, DenseHead
    from ...networks.training import train

    device = choose_device(job.device)[0]
    size = settings.image_size
    probe = run_network(backbone.network, np.zeros((1, 3, size, size), np.float32), torch.device("cpu"))
    branches = [trainable_copy(backbone.network) for _ in rows.images]
    head = DenseHead(probe.shape[1] * len(branches), settings.hidden_nodes, job.seed)
    network = BranchedNetwork(branches, head).to(device)
    descent = _descent(kind, settings, job.seed, 1)
    pixels = np.stack([image.pixels for images in rows.images for image in images])
    identity = _identity([kind, asdict(settings), job.seed, backbone.digest, rows.rows], pixels, targets)
    try:
        train(
            network,
            _AugmentedImages(rows, targets),
            _loss(kind),
            descent.optimizer(network),
            descent.plan(),
            job.work / identity,
            device=device,
            progress=lambda share: job.progress(share, f"training the {kind}"),
        )
    except RuntimeError as error:
        if "memory" not in str(error):
            raise
        raise RecipeError("There is not enough memory to fine-tune with this batch; lower batch_size.") from error
    _require_finite(network)
    network = network.cpu().eval().requires_grad_(False)
    centers = [
        np.mean(
            [run_network(one, rows.inputs(b, i, [PLAIN]), torch.device("cpu"))[0] for i in range(len(images))], axis=0
        )
        for b, (one, images) in enumerate(zip(network.branches, rows.images, strict=True))
    ]
    return Task(kind, tuple(network.branches), network.head, np.concatenate(centers), *target_range)


def _identity(values: Any, *arrays: np.ndarray) -> str:
    """Names the checkpoint of just this training: another cohort, setting or seed never takes it up."""
    total = hashlib.sha256(json.dumps(values).encode())
    for array in arrays:
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()[:16]


def _require_finite(network: Any) -> None:
    if not all(bool(weight.isfinite().all()) for weight in network.parameters()):
        raise RecipeError(DIVERGED)
