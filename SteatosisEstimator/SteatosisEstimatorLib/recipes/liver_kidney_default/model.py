"""The fitted score asked about a subject."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from HepatoRenalIndexLib.imaging.image import InputError
from scipy import stats

from ...cohort.cohort import Subject
from ...cohort.vocabulary import View
from ...features.catalog import FEATURES
from ..base import Contribution, FrameOutcome, Job, Prediction, ViewOutcome
from .measuring import MeasuredFrame, SubjectMeasurer, subject_features, view_features
from .score import SignScore
from .settings import VIEWS, SignSettings

NAME = "liver-kidney-default"
FEWEST_FRAMES = 3  # from which their spread can be judged


@dataclass(frozen=True)
class SignModel:
    """``views``: those that were trained on; the other views of both organs can stand in for them.

    ``left_out``: training subjects that could not be measured.
    """

    variant: str
    settings: SignSettings
    score: SignScore
    views: tuple[View, ...]
    trained_on: int
    left_out: int
    measurer: SubjectMeasurer = field(repr=False, compare=False)
    recipe: str = NAME

    def predict(self, subject: Subject, job: Job) -> Prediction:
        """Median of every feature over the frames of an image and the images of a view, mean over the views."""
        views = self.measurer.measure(subject, job)
        frames = [(view, frame) for view, images in views.items() for image in images for frame in image]
        features = subject_features(views)
        outcome = self.score.outcome(features)
        if outcome.fat_percent is None:
            raise InputError(_nothing_measured(subject.name, [frame for _, frame in frames]))
        of_view = {view: self.score.outcome(view_features(images)) for view, images in views.items()}
        measured = [view for view, result in of_view.items() if result.fat_percent is not None]
        return Prediction(
            subject.name,
            outcome,
            views=tuple(
                ViewOutcome(view, of_view[view], 1 / len(measured), sum(bool(f.values) for i in views[view] for f in i))
                for view in measured
            ),
            frames=tuple(
                FrameOutcome(view, frame.source, frame.index, self.score.outcome(frame.values), frame.message)
                for view, frame in frames
            ),
            contributions=tuple(
                Contribution(name, features[name], FEATURES[name].unit, adds)
                for name, adds in self.score.contributions(features).items()
            ),
            flags=(
                *(f"{view.value}_as_{self.views[0].value}" for view in measured if view not in self.views),
                *self._flags(subject, features, [frame for _, frame in frames]),
            ),
        )

    def _flags(
        self, subject: Subject, features: Mapping[str, float], frames: Sequence[MeasuredFrame]
    ) -> tuple[str, ...]:
        """Doubts about the subject: quality flags of most frames, and what the frames say together."""
        measured = [frame for frame in frames if frame.values]
        counts = Counter(flag for frame in measured for flag in frame.flags)
        flags = [flag for flag, count in sorted(counts.items()) if count > len(measured) / 2]
        if set(subject.views) - set(VIEWS):
            flags.append("views_not_used")
        if len(measured) < len(frames):
            flags.append("frames_refused")
        if not all(np.isfinite(value) for value in self.score.sign_values(features).values()):
            flags.append("sign_not_measured")
        scores = [score for frame in measured if np.isfinite(score := self.score.score(frame.values))]
        # Frames of one liver should differ less than livers of the same fat do
        if len(scores) >= FEWEST_FRAMES and stats.iqr(scores) * self.score.slope > self.score.error:
            flags.append("frames_disagree")
        return tuple(flags)

    def save(self, folder: Path) -> dict[str, Any]:
        """Everything is plain values; no file is written."""
        return {
            "variant": self.variant,
            "settings": asdict(self.settings),
            "score": self.score.to_json(),
            "views": [view.value for view in self.views],
            "trained_on": self.trained_on,
            "left_out": self.left_out,
        }


def _nothing_measured(name: str, frames: Sequence[MeasuredFrame]) -> str:
    messages = Counter(frame.message for frame in frames if frame.message)
    why = messages.most_common(1)[0][0] if messages else "Nothing was found in them."
    which = "The only frame" if len(frames) == 1 else f"Each of the {len(frames)} frames"
    return f"{which} of subject {name} was refused: {why}"
