"""A trained variant of ``vgg19-clkl`` asked about a subject."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...cohort.cohort import Subject
from ...cohort.vocabulary import View
from ...explanation.target import ExplanationInput, ExplanationTarget
from ...frames.choosing import pairs
from ...frames.crop import scan_crop
from ...frames.frame import Frame
from ..base import FrameOutcome, Job, Outcome, Prediction, ViewOutcome
from .images import PLAIN, MinMax, PreparedImage, branch_images, prepare
from .settings import BRANCH_VIEWS, CLASSIFICATION, REGRESSION, VARIANTS, Vgg19Settings


@dataclass(frozen=True)
class Task:
    """The network of the classification or of the regression (``kind``).

    ``branches`` are the feature extractors, all of them the same frozen backbone without fine-tuning; ``center`` is the
    mean of the training features ``(features,)``; ``low`` and ``high`` the fat fractions that are 0 and 1 of the head.
    """

    kind: str
    branches: tuple[Any, ...]
    head: Any
    center: np.ndarray
    low: float = 0.0
    high: float = 1.0

    def values(self, parts: list[np.ndarray]) -> np.ndarray:
        """Probability, or percent fat, of the features of each branch, float32 ``(rows, n)``."""
        import torch

        with torch.inference_mode():
            raw = self.head.cpu()(torch.from_numpy(np.concatenate(parts, axis=1)))[:, 0].double()
            value = torch.sigmoid(raw) if self.kind == CLASSIFICATION else self.low + raw * (self.high - self.low)
        return value.numpy()

    def centers(self, rows: int) -> list[np.ndarray]:
        """What every branch sees on average in training, as features of ``rows`` images."""
        return [np.tile(part, (rows, 1)) for part in np.split(self.center, len(self.branches))]


@dataclass(frozen=True)
class Vgg19Model:
    """``tasks`` has no classification where all training subjects were on one side of the threshold.

    ``backbone`` (``networks.backbones.Backbone``) is what the convolutions are, or with fine-tuning started as.
    """

    variant: str
    settings: Vgg19Settings
    backbone: Any
    scalers: tuple[MinMax, ...]
    tasks: tuple[Task, ...]
    recipe: str = "vgg19-clkl"

    @property
    def branches(self) -> tuple[str, ...]:
        return VARIANTS[self.variant].branches

    @property
    def views(self) -> tuple[View, ...]:
        return tuple(BRANCH_VIEWS[branch][0] for branch in self.branches)

    def predict(self, subject: Subject, job: Job) -> Prediction:
        """The mean over the frames; of two views every pair of frames is one.

        The branches are joined in the head. What a view says alone is the answer with the other at its training mean,
        and its weight the share of the change from the answer to both means.
        """
        most = self.settings.frames_estimated
        images = [branch_images(subject, branch, most, self.settings) for branch in self.branches]
        together = pairs([len(one) for one in images])
        joint: dict[str, np.ndarray] = {}
        alone: list[dict[str, np.ndarray]] = [{} for _ in images]
        changes = np.zeros(len(images))
        for number, task in enumerate(self.tasks):
            share = job.within("estimate", number / len(self.tasks), (number + 1) / len(self.tasks))
            parts = self._features(task, images, share)
            parts = [part[[pair[b] for pair in together]] for b, part in enumerate(parts)]
            joint[task.kind] = task.values(parts)
            centers = task.centers(len(together))
            for b, part in enumerate(parts):
                alone[b][task.kind] = task.values([*centers[:b], part, *centers[b + 1 :]])
                if number == 0:
                    changes[b] = abs(float((alone[b][task.kind] - task.values(centers)).mean()))
        weights = changes / changes.sum() if changes.sum() > 0 else np.full(len(images), 1 / len(images))
        named = [images[0][pair[0]] for pair in together]
        return Prediction(
            subject.name,
            self._outcome(joint),
            tuple(
                ViewOutcome(View(one[0].view), self._outcome(own), float(weight), len(one))
                for one, own, weight in zip(images, alone, weights, strict=True)
            ),
            tuple(
                FrameOutcome(
                    View(image.view),
                    image.source,
                    image.index,
                    self._outcome({kind: values[i : i + 1] for kind, values in joint.items()}),
                )
                for i, image in enumerate(named)
            ),
            flags=self._flags(images),
        )

    def explanation_target(self, frames: dict[View, Frame]) -> ExplanationTarget:
        """The last convolution of each branch; of the classification before its sigmoid where there is one."""
        from ...networks.backbones import trainable_copy
        from ...networks.heads import BranchedNetwork

        task = self.tasks[0]
        network = BranchedNetwork([trainable_copy(branch).cpu() for branch in task.branches], task.head.cpu()).eval()
        inputs = []
        for position, branch in enumerate(self.branches):
            frame = next(frames[view] for view in BRANCH_VIEWS[branch] if view in frames)
            tensor = self._tensors([prepare(frame, self.settings)], position)
            layer = f"branches.{position}.{self.backbone.layer}"
            inputs.append(ExplanationInput(frame, scan_crop(frame.geometry), tensor, layer))
        quantity = f"p_fatty_{self.settings.threshold_percent}" if task.kind == CLASSIFICATION else "fat_percent"
        return ExplanationTarget(network, tuple(inputs), quantity)

    def save(self, folder: Path) -> dict[str, Any]:
        from .storage import save_model

        return save_model(self, folder)

    def _features(self, task: Task, images: list[list[PreparedImage]], job: Job) -> list[np.ndarray]:
        """Of every branch float32 ``(images, n)``; those of the frozen backbone are kept in the cache."""
        from HepatoRenalIndexLib.inference.device import choose_device

        from ...networks.features import frozen_features, run_network

        device = choose_device(job.device)[0]
        total, done, parts = sum(len(one) for one in images), 0, []
        for position, (branch, own) in enumerate(zip(task.branches, images, strict=True)):
            rows = []
            for image in own:
                if branch is self.backbone.network:
                    store = frozen_features(self.backbone, job.cache, device)
                    key = feature_key(image, self.scalers[position], [PLAIN])
                    rows.append(store.of(key, lambda i=image, p=position: self._tensors([i], p).numpy()))
                else:
                    rows.append(run_network(branch.to(device), self._tensors([image], position).numpy(), device))
                done += 1
                job.progress(done / total, "estimating frames")
            parts.append(np.concatenate(rows))
        return parts

    def _tensors(self, images: list[PreparedImage], position: int):
        import torch

        from ...networks.features import as_color

        scaled = np.stack([self.scalers[position].apply(image.pixels) for image in images])
        return torch.from_numpy(np.array(as_color(scaled)))

    def _outcome(self, values: dict[str, np.ndarray]) -> Outcome:
        """The mean over the rows; what there is no task for is ``None``."""
        means = {kind: float(rows.mean()) for kind, rows in values.items()}
        probability = {f"p_fatty_{self.settings.threshold_percent}": means.get(CLASSIFICATION)}
        return Outcome(fat_percent=means.get(REGRESSION), **probability)

    def _flags(self, images: list[list[PreparedImage]]) -> tuple[str, ...]:
        flags = ["random_backbone"] if self.backbone.random else []
        for branch, own in zip(self.branches, images, strict=True):
            if own[0].view != BRANCH_VIEWS[branch][0].value:
                flags.append(f"{own[0].view}_as_{branch}")
        if all(task.kind != CLASSIFICATION for task in self.tasks):
            flags.append("no_classifier")
        return tuple(flags)


def feature_key(image: PreparedImage, scaler: MinMax, augmented: list[tuple[int, str]]) -> dict[str, Any]:
    """What decides the inputs of the backbone."""
    return {"pixels": image.digest, "scaling": scaler.digest, "augmented": augmented}
