"""Frames of a cohort as the network takes them, kept on disk: clips of many subjects do not fit into memory."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...cohort.cohort import Cohort, Subject
from ...cohort.vocabulary import View
from ...frames.crop import centered_crop, resize, scan_pixels
from ...frames.frame import Frame, frames_of
from ..base import Job, RecipeError
from .settings import BRANCH_VIEWS, Cnn5Settings


@dataclass(frozen=True)
class BranchFrames:
    """``pixels`` is uint8 ``(frames, size, size)``, ``owner`` the position in the cohort of the subject of each."""

    pixels: np.ndarray
    owner: np.ndarray


def crop_of(frame: Frame, settings: Cnn5Settings):
    """The square around the middle of the scan, ``crop_px`` pixels of the source image wide."""
    return centered_crop(frame.geometry, settings.crop_px, settings.crop_px)


def network_pixels(frame: Frame, settings: Cnn5Settings) -> np.ndarray:
    """uint8 ``(size, size)``: cropped about the middle of the scan, what the scanner wrote around the scan black."""
    pixels = crop_of(frame, settings).cut(scan_pixels(frame.image.pixels, frame.geometry))
    if pixels.shape != (settings.size, settings.size):
        pixels = resize(pixels, (settings.size, settings.size)).round()
    return pixels.astype(np.uint8)


def branch_view(subject: Subject, branch: str) -> View | None:
    """The view of the subject that the branch takes: the first of its views that there is."""
    return next((view for view in BRANCH_VIEWS[branch] if view in subject.views), None)


def subject_frames(subject: Subject, branch: str, settings: Cnn5Settings):
    """The frames that a branch takes, one by one. :class:`RecipeError` for a subject without the view."""
    view = branch_view(subject, branch)
    if view is None:
        names = " or ".join(view.value for view in BRANCH_VIEWS[branch])
        raise RecipeError(f"Subject {subject.name} has no view {names}, which the model needs.")
    for image in subject.of_view(view):
        yield from frames_of(subject.name, image, settings.most_frames)


def branch_frames(cohort: Cohort, branch: str, settings: Cnn5Settings, job: Job) -> BranchFrames:
    """The frames of all subjects for one branch; read again from the work folder when they are there."""
    data, index = job.work / f"{branch}_frames.npy", job.work / f"{branch}_frames.json"
    key = _key(cohort, branch, settings)
    stored = json.loads(index.read_text(encoding="utf-8")) if index.is_file() and data.is_file() else {}
    if stored.get("key") != key:
        stored = {"key": key, "owner": _write(cohort, branch, settings, job, data)}
        temporary = index.with_name(f".{index.name}.{os.getpid()}")
        temporary.write_text(json.dumps(stored), encoding="utf-8")
        temporary.replace(index)
    return BranchFrames(np.load(data, mmap_mode="r", allow_pickle=False), np.array(stored["owner"]))


def _key(cohort: Cohort, branch: str, settings: Cnn5Settings) -> str:
    """Changes when another file, another crop or another order of subjects would give other frames."""
    files = [
        (subject.name, image.view.value, str(image.path), image.path.stat().st_size, image.path.stat().st_mtime_ns)
        for subject in cohort.subjects
        for image in subject.of_view(*BRANCH_VIEWS[branch])
    ]
    text = json.dumps([files, settings.crop_px, settings.size, settings.most_frames])
    return hashlib.sha256(text.encode()).hexdigest()


def _write(cohort: Cohort, branch: str, settings: Cnn5Settings, job: Job, path: Path) -> list[int]:
    """Write raw frames one after another, then the array's header before them; returns the owners."""
    raw = path.with_name(f".{path.name}.{os.getpid()}.raw")
    owner: list[int] = []
    try:
        with raw.open("wb") as file:
            for position, subject in enumerate(cohort.subjects):
                for frame in subject_frames(subject, branch, settings):
                    file.write(network_pixels(frame, settings).tobytes())
                    owner.append(position)
                job.progress((position + 1) / len(cohort), f"reading {branch} frames")
        shape = (len(owner), settings.size, settings.size)
        whole = path.with_name(f".{path.name}.{os.getpid()}")
        target = np.lib.format.open_memmap(whole, mode="w+", dtype=np.uint8, shape=shape)
        source = np.memmap(raw, dtype=np.uint8, mode="r", shape=shape)
        for start in range(0, len(owner), 256):
            target[start : start + 256] = source[start : start + 256]
        target.flush()
        del target, source
        whole.replace(path)
    finally:
        raw.unlink(missing_ok=True)
    return owner


def pairs(counts: Sequence[int]) -> list[tuple[int, ...]]:
    """Frames of several clips that belong together: as many as the longest has, the others spread over it."""
    longest = max(counts)
    return [tuple(i * count // longest for count in counts) for i in range(longest)]
