"""Frames of a cohort as the network takes them, kept on disk: clips of many subjects do not fit into memory."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from HepatoRenalIndexLib.files.writing import write_text

from ...cohort.cohort import Cohort, Subject
from ...frames.choosing import first_view
from ...frames.crop import Crop, centered_crop, resize, scan_pixels
from ...frames.frame import Frame, frames_of
from ..base import Job, RecipeError
from .settings import BRANCH_VIEWS, Cnn5Settings


@dataclass(frozen=True)
class BranchFrames:
    """``pixels`` is uint8 ``(frames, size, size)``, ``owner`` the position in the cohort of the subject of each."""

    pixels: np.ndarray
    owner: np.ndarray


def crop_of(frame: Frame, settings: Cnn5Settings) -> Crop:
    """The square around the middle of the scan, ``crop_px`` pixels of the source image wide."""
    return centered_crop(frame.geometry, settings.crop_px, settings.crop_px)


def network_pixels(frame: Frame, settings: Cnn5Settings) -> np.ndarray:
    """uint8 ``(size, size)``: cropped about the middle of the scan, what the scanner wrote around the scan black."""
    pixels = crop_of(frame, settings).cut(scan_pixels(frame.image.pixels, frame.geometry))
    if pixels.shape != (settings.size, settings.size):
        pixels = resize(pixels, (settings.size, settings.size)).round()
    return pixels.astype(np.uint8)


def subject_frames(subject: Subject, branch: str, settings: Cnn5Settings) -> Iterator[Frame]:
    """The frames that a branch takes, one by one. :class:`RecipeError` for a subject without the view."""
    view = first_view(subject, BRANCH_VIEWS[branch])
    if view is None:
        names = " or ".join(view.value for view in BRANCH_VIEWS[branch])
        raise RecipeError(f"Subject {subject.name} has no view {names}, which the model needs.")
    for image in subject.of_view(view):
        yield from frames_of(image, settings.most_frames)


def branch_frames(cohort: Cohort, branch: str, settings: Cnn5Settings, job: Job) -> BranchFrames:
    """The frames of all subjects for one branch; read again from the work folder when they are there."""
    data, index = job.work / f"{branch}_frames.raw", job.work / f"{branch}_frames.json"
    key = _key(cohort, branch, settings)
    stored = json.loads(index.read_text(encoding="utf-8")) if index.is_file() and data.is_file() else {}
    if stored.get("key") != key:
        index.unlink(missing_ok=True)  # it would speak of frames that are about to change
        stored = {"key": key, "owner": _write(cohort, branch, settings, job, data)}
        write_text(index, json.dumps(stored))
    owner = np.array(stored["owner"])
    return BranchFrames(np.memmap(data, np.uint8, "r", shape=(owner.size, settings.size, settings.size)), owner)


def _key(cohort: Cohort, branch: str, settings: Cnn5Settings) -> str:
    """Changes when another file, another crop or another order of subjects would give other frames."""
    files = [
        (subject.name, image.view.value, str(image.path), image.most_frames, status.st_size, status.st_mtime_ns)
        for subject in cohort.subjects
        for image in subject.of_view(*BRANCH_VIEWS[branch])
        for status in [image.path.stat()]
    ]
    text = json.dumps([files, settings.crop_px, settings.size, settings.most_frames])
    return hashlib.sha256(text.encode()).hexdigest()


def _write(cohort: Cohort, branch: str, settings: Cnn5Settings, job: Job, path: Path) -> list[int]:
    """Write the pixels of the frames one after another; returns their owners."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    owner: list[int] = []
    try:
        with unfinished.open("wb") as file:
            for position, subject in enumerate(cohort.subjects):
                for frame in subject_frames(subject, branch, settings):
                    file.write(network_pixels(frame, settings).tobytes())
                    owner.append(position)
                job.progress((position + 1) / len(cohort), f"reading {branch} frames")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return owner
