"""Features of every frame of a subject, kept in the job's cache: folds and variants measure an image once."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from HepatoRenalIndexLib.files.writing import write_text
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.inference.bundle import read_contract

from ...cohort.cohort import CohortImage, Subject
from ...cohort.vocabulary import View
from ...features.catalog import FEATURES
from ...features.held_out import HeldOutSegmenter, training_folds
from ...features.measure import mean_features, measure_features, median_features
from ...frames.frame import evenly, frames_of
from ..base import Job
from .settings import VIEWS

VERSION = 2  # raise it when a feature is computed differently: caches of the older way are then passed over


@dataclass(frozen=True)
class MeasuredFrame:
    """Features of one frame; none with a ``message`` that says why. ``flags`` are those of the measurement."""

    source: str
    index: int
    values: dict[str, float]
    message: str
    flags: tuple[str, ...]


class SubjectMeasurer:
    """Measures subjects; the segmentation networks are loaded when the first frame needs them."""

    def __init__(self, most_frames: int):
        self._most_frames = most_frames
        self._segmenters: dict[str, HeldOutSegmenter] = {}
        self._identity = ""

    def measure(self, subject: Subject, job: Job) -> dict[View, list[list[MeasuredFrame]]]:
        """View -> image -> frames, for every view of liver and right kidney that the subject has.

        Raises :class:`InputError` without such a view, or for a file that cannot be read.
        """
        images = subject.of_view(*VIEWS)
        if not images:
            names = ", ".join(view.value for view in VIEWS)
            raise InputError(
                f"Subject {subject.name} has no view of liver and right kidney together ({names}); add one, or choose "
                "a model for the views there are."
            )
        measured: dict[View, list[list[MeasuredFrame]]] = {view: [] for view in VIEWS if view in subject.views}
        for number, image in enumerate(images):
            part = job.part(number / len(images), (number + 1) / len(images))
            measured[image.view].append(self._image(image, part))
        return measured

    def _image(self, image: CohortImage, job: Job) -> list[MeasuredFrame]:
        cached = job.cache / f"signs-{self._key(image)}.json"
        frames = _read(cached, image.source)
        if frames is None:
            if job.device not in self._segmenters:
                self._segmenters[job.device] = HeldOutSegmenter(job.device)
            frames = []
            for frame in frames_of(image, self._most_frames):
                measured = measure_features(frame.image, self._segmenters[job.device])
                frames.append(
                    MeasuredFrame(image.source, frame.index, measured.values, measured.message, measured.flags)
                )
                done = len(evenly(frame.count, self._most_frames))
                which = f", frame {len(frames)} of {done}" if done > 1 else ""
                job.progress(min(len(frames) / done, 1.0), f"measuring {image.source}{which}")
            _write(cached, frames)
        return frames

    def _key(self, image: CohortImage) -> str:
        """What the features of a file depend on, as one digest."""
        try:
            with Path(image.path).open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InputError(f"{image.source} cannot be read; check the path and your permission.") from error
        if not self._identity:
            self._identity = f"{read_contract().weights.sha256} {sorted(training_folds().items())}"
        parts = [content, self._most_frames, image.most_frames, VERSION, list(FEATURES), self._identity]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def view_features(images: list[list[MeasuredFrame]]) -> dict[str, float]:
    """Medians over the frames of each image, then over the images: a clip counts as much as a still of the view."""
    return median_features([median_features([frame.values for frame in frames]) for frames in images])


def subject_features(views: dict[View, list[list[MeasuredFrame]]]) -> dict[str, float]:
    """Mean of the views that could be measured; empty without any."""
    rows = [row for images in views.values() if (row := view_features(images))]
    return mean_features(rows) if rows else {}


def _read(path: Path, source: str) -> list[MeasuredFrame] | None:
    """Frames of the cache; ``None`` where there are none that can be read."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return [
            MeasuredFrame(
                source,
                int(entry["index"]),
                {name: math.nan if value is None else float(value) for name, value in entry["values"].items()},
                str(entry["message"]),
                tuple(entry["flags"]),
            )
            for entry in entries
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(path: Path, frames: list[MeasuredFrame]) -> None:
    entries = []
    for frame in frames:
        values = {name: value if math.isfinite(value) else None for name, value in frame.values.items()}
        entries.append({**asdict(frame), "values": values})
    write_text(path, json.dumps(entries))
