"""A trained network asked about a subject."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...cohort.cohort import Subject
from ...cohort.vocabulary import View
from ...explanation.target import ExplanationInput, ExplanationTarget
from ...frames.frame import Frame
from ..base import FrameOutcome, Job, Outcome, Prediction, ViewOutcome
from .clips import branch_view, crop_of, network_pixels, pairs, subject_frames
from .fitting import as_input
from .settings import BRANCH_VIEWS, VARIANTS, Cnn5Settings

WEIGHTS = "model.safetensors"
BATCH = 32


@dataclass(frozen=True)
class Cnn5Model:
    """``details`` holds the validation losses of the folds of every branch: the paper's Table 2."""

    variant: str
    settings: Cnn5Settings
    network: Any
    details: dict[str, Any]
    recipe: str = "cnn5-clip"

    @property
    def branches(self) -> tuple[str, ...]:
        return VARIANTS[self.variant]

    @property
    def views(self) -> tuple[View, ...]:
        return tuple(BRANCH_VIEWS[branch][0] for branch in self.branches)

    def predict(self, subject: Subject, job: Job) -> Prediction:
        """The mean over the frames; of two clips every pair of frames is one."""
        import torch
        from HepatoRenalIndexLib.inference.device import choose_device

        device = choose_device(job.device)[0]
        network = self.network.to(device).eval()
        clips = [list(self._pixels(subject, branch)) for branch in self.branches]
        together = pairs([len(clip) for clip in clips])
        values: list[float] = []
        with torch.inference_mode():
            for start in range(0, len(together), BATCH):
                batch = together[start : start + BATCH]
                images = [torch.stack([as_input(clip[pair[b]][1]) for pair in batch]) for b, clip in enumerate(clips)]
                values += network(*(image.to(device) for image in images))[:, 0].cpu().tolist()
                job.progress(min(1.0, (start + BATCH) / len(together)), "estimating frames")
        fat = np.clip(values, 0.0, 100.0)
        frames = tuple(
            FrameOutcome(clips[0][pair[0]][0].view, *clips[0][pair[0]][0].where, Outcome(float(value)))
            for pair, value in zip(together, fat, strict=True)
        )
        outcome = Outcome(float(fat.mean()))
        # The branches are joined before the fully connected layers: what each adds cannot be told apart.
        views = tuple(ViewOutcome(clip[0][0].view, Outcome(), 1 / len(clips), len(clip)) for clip in clips)
        if len(clips) == 1:
            views = (ViewOutcome(clips[0][0][0].view, outcome, 1.0, len(clips[0])),)
        flags = tuple(
            f"{view.value}_as_{branch}"
            for branch in self.branches
            if (view := branch_view(subject, branch)) is not BRANCH_VIEWS[branch][0]
        )
        return Prediction(subject.name, outcome, views, frames, flags=flags)

    def _pixels(self, subject: Subject, branch: str):
        """``(place of the frame, its pixels as the network takes them)``; the full image is let go."""
        for frame in subject_frames(subject, branch, self.settings):
            yield _Place(frame.view, (frame.source, frame.index)), network_pixels(frame, self.settings)

    def explanation_target(self, frames: dict[View, Frame]) -> ExplanationTarget:
        """The last convolution of each branch, for one frame of each of :attr:`views` (or a view that stands in)."""
        inputs = []
        for position, branch in enumerate(self.branches):
            frame = next(frames[view] for view in BRANCH_VIEWS[branch] if view in frames)
            layer = f"branches.{position}.convolutions.{len(self.settings.filters) - 1}"
            tensor = as_input(network_pixels(frame, self.settings))[None]
            inputs.append(ExplanationInput(frame, crop_of(frame, self.settings), tensor, layer))
        return ExplanationTarget(self.network, tuple(inputs), "fat_percent")

    def save(self, folder: Path) -> dict[str, Any]:
        from safetensors.torch import save_file

        state = {name: tensor.contiguous() for name, tensor in self.network.cpu().state_dict().items()}
        save_file(state, folder / WEIGHTS)
        return {"variant": self.variant, "settings": asdict(self.settings), "details": self.details}


@dataclass(frozen=True)
class _Place:
    view: View
    where: tuple[str, int]
