"""A trained variant of ``resnet50-sparse`` asked about a subject."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from HepatoRenalIndexLib.imaging.image import InputError

from ...cohort.cohort import Subject
from ...cohort.vocabulary import View
from ...explanation.target import ExplanationInput, ExplanationTarget
from ...frames.crop import scan_crop
from ...frames.frame import Frame
from ..base import FrameOutcome, Job, Outcome, Prediction, ViewOutcome
from .images import PLAIN, ScanImage, feature_key, network_input, scan_image, view_images
from .settings import FAT, FATTY_5, MULTI_VIEW, OUTPUTS, PAPER_VIEWS, VARIANTS, ResNet50Settings
from .sparse import LinearOutput


@dataclass(frozen=True)
class ResNet50Model:
    """``outputs`` are of each of the paper's views that was trained, by name; a name is missing where all training
    subjects were on one side of its threshold. ``backbone`` is a ``networks.backbones.Backbone``.
    """

    variant: str
    settings: ResNet50Settings
    backbone: Any
    outputs: dict[View, dict[str, LinearOutput]]
    recipe: str = "resnet50-sparse"

    @property
    def views(self) -> tuple[View, ...]:
        """The paper's views that the model knows; ``multi-view`` is content with one of them."""
        return tuple(self.outputs)

    def predict(self, subject: Subject, job: Job) -> Prediction:
        """Each view is the mean over its frames, and the subject the mean over its views."""
        most = self.settings.frames_estimated
        images = {view: view_images(subject, view, most, self.settings) for view in self.outputs}
        images = {view: own for view, own in images.items() if own}
        if not images:
            names = " or ".join(own.value for view in self.outputs for own in PAPER_VIEWS[view])
            raise InputError(f"Subject {subject.name} has no view {names}, which the model needs.")
        total, frames, views = sum(len(own) for own in images.values()), [], []
        for view, own in images.items():
            results = []
            for image in own:
                results.append(self._values(view, self._features(image, job)))
                frames.append(FrameOutcome(image.view, image.source, image.index, Outcome(**results[-1])))
                job.progress(len(frames) / total, "estimating frames")
            views.append(ViewOutcome(own[0].view, Outcome(**_mean(results)), 1 / len(images), len(own)))
        outcome = Outcome(**_mean([vars(one.outcome) for one in views]))
        return Prediction(subject.name, outcome, tuple(views), tuple(frames), flags=self._flags(images))

    def explanation_target(self, frames: dict[View, Frame]) -> ExplanationTarget:
        """The mean of the views' logits at 5 percent (percent fat where there is none): pooled features, then linear.

        ``linear_weights`` are those of each input, ``(inputs, features)``, or ``(features,)`` of a single one.
        """
        from ...networks.backbones import trainable_copy
        from ...networks.pooled import PooledLinear

        chosen: dict[View, Frame] = {}
        for view in self.outputs:
            own = next((own for own in PAPER_VIEWS[view] if own in frames), None)
            if own is not None:
                chosen[view] = frames[own]
        if not chosen:
            raise InputError("None of the frames is of a view that the model knows; choose another frame.")
        quantity = FATTY_5 if all(FATTY_5 in self.outputs[view] for view in chosen) else FAT
        parts = [self.outputs[view][quantity] for view in chosen]
        branches = [trainable_copy(self.backbone.network).cpu() for _ in parts]
        network = PooledLinear(branches, [part.coefficients for part in parts], [part.intercept for part in parts])
        inputs = []
        for position, frame in enumerate(chosen.values()):
            tensor = self._tensor(scan_image(frame, self.settings))
            layer = f"branches.{position}.{self.backbone.layer}"
            inputs.append(ExplanationInput(frame, scan_crop(frame.geometry), tensor, layer))
        weights = np.stack([part.coefficients / len(parts) for part in parts])
        return ExplanationTarget(
            network.eval(), tuple(inputs), quantity, True, weights[0] if len(parts) == 1 else weights
        )

    def save(self, folder: Path) -> dict[str, Any]:
        from .storage import save_model

        return save_model(self, folder)

    def _features(self, image: ScanImage, job: Job) -> np.ndarray:
        from HepatoRenalIndexLib.inference.device import choose_device

        from ...networks.features import frozen_features

        store = frozen_features(self.backbone, job.cache, choose_device(job.device)[0])
        return store.of(feature_key(image, [PLAIN], self.settings), lambda: self._tensor(image).numpy())

    def _tensor(self, image: ScanImage):
        import torch

        pixels = network_input(image, [PLAIN], self.settings.image_size, self.backbone.normalization)
        return torch.from_numpy(np.ascontiguousarray(pixels))

    def _values(self, view: View, features: np.ndarray) -> dict[str, float | None]:
        values: dict[str, float | None] = dict.fromkeys(OUTPUTS)
        for name, output in self.outputs[view].items():
            linear = float(output.linear(features)[0])
            values[name] = linear if name == FAT else float(1 / (1 + np.exp(-np.clip(linear, -500, 500))))
        return values

    def _flags(self, images: dict[View, list[ScanImage]]) -> tuple[str, ...]:
        flags = ["random_backbone"] if self.backbone.random else []
        if self.variant == MULTI_VIEW and len(images) < len(VARIANTS[MULTI_VIEW]):
            flags.append("missing_views")
        flags += [f"{own[0].view.value}_as_{view.value}" for view, own in images.items() if own[0].view is not view]
        constant = {name for view in images for name, output in self.outputs[view].items() if not output.used}
        return (*flags, *(f"constant_{name}" for name in OUTPUTS if name in constant))


def _mean(results: list[dict[str, float | None]]) -> dict[str, float | None]:
    """The mean of each output; ``None`` where one of them is."""
    return {
        name: None if any(one[name] is None for one in results) else float(np.mean([one[name] for one in results]))
        for name in OUTPUTS
    }
