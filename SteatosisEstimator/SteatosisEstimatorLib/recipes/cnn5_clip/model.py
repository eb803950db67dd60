"""A trained network asked about a subject."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...cohort.cohort import Subject
from ...cohort.vocabulary import View
from ...explanation.target import ExplanationInput, ExplanationTarget
from ...frames.choosing import pairs
from ...frames.frame import Frame
from ..base import FrameOutcome, Job, Outcome, Prediction, ViewOutcome
from .clips import crop_of, network_pixels, subject_frames
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
        clips = [self._clip(subject, branch) for branch in self.branches]
        together = pairs([len(clip) for clip in clips])
        values: list[float] = []
        with torch.inference_mode():
            for start in range(0, len(together), BATCH):
                batch = together[start : start + BATCH]
                images = [
                    torch.stack([as_input(clip[pair[b]].pixels) for pair in batch]) for b, clip in enumerate(clips)
                ]
                values += network(*(image.to(device) for image in images))[:, 0].cpu().tolist()
                job.progress(min(1.0, (start + BATCH) / len(together)), "estimating frames")
        fat = np.clip(values, 0.0, 100.0)
        named = [clips[0][pair[0]] for pair in together]
        frames = tuple(
            FrameOutcome(one.view, one.source, one.index, Outcome(float(value)))
            for one, value in zip(named, fat, strict=True)
        )
        outcome = Outcome(float(fat.mean()))
        # Two branches are joined before the fully connected layers: what each adds cannot be told apart.
        alone = outcome if len(clips) == 1 else Outcome()
        views = tuple(ViewOutcome(clip[0].view, alone, 1 / len(clips), len(clip)) for clip in clips)
        flags = tuple(
            f"{clip[0].view.value}_as_{branch}"
            for branch, clip in zip(self.branches, clips, strict=True)
            if clip[0].view is not BRANCH_VIEWS[branch][0]
        )
        return Prediction(subject.name, outcome, views, frames, flags=flags)

    def _clip(self, subject: Subject, branch: str) -> list[_FramePixels]:
        """The frames as the network takes them; the full images are let go one by one."""
        return [
            _FramePixels(frame.view, frame.source, frame.index, network_pixels(frame, self.settings))
            for frame in subject_frames(subject, branch, self.settings)
        ]

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
        from ...networks.tensors import write_tensors

        write_tensors(folder / WEIGHTS, self.network.state_dict())
        return {"variant": self.variant, "settings": asdict(self.settings), "details": self.details}


@dataclass(frozen=True)
class _FramePixels:
    view: View
    source: str
    index: int
    pixels: np.ndarray  # uint8 (size, size)
