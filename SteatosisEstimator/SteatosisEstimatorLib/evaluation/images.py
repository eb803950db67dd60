"""Every image of a cohort decoded once: what cannot be read, and which images two subjects share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from HepatoRenalIndexLib.files.writing import write_text
from HepatoRenalIndexLib.imaging.problem import error_sentence
from HepatoRenalIndexLib.imaging.reader import open_ultrasound

from ..cohort.cohort import Cohort, CohortError, CohortImage, Subject, joined
from ..frames.frame import evenly, pixel_digest

_SAVE_EVERY = 50  # files

Digests = dict[str, list[list[str]]]  # subject -> for every image of it, a digest for every frame


def image_digests(cohort: Cohort, memory: Path, progress: Callable[[float], None] = lambda share: None) -> Digests:
    """Shortened SHA-256 of the pixels of every frame that is used; ``""`` for a frame of one color.

    ``memory`` is a file that keeps what was computed for files of the same size and time. Raises :class:`CohortError`
    naming the line of every file that cannot be read.
    """
    known = _read(memory)
    problems: list[str] = []
    digests: Digests = {}
    total = sum(len(subject.images) for subject in cohort.subjects)
    done = fresh = 0
    for subject in cohort.subjects:
        own = digests.setdefault(subject.name, [])
        for image in subject.images:
            key = _key(image)
            if key not in known:
                try:
                    known[key] = _digests_of(image)
                    fresh += 1
                except Exception as error:
                    problems.append(f"Line {image.line}: {image.source}: {error_sentence(error, 'Reading')}")
                    known[key] = []
                if fresh % _SAVE_EVERY == _SAVE_EVERY - 1:
                    _write(memory, known)
            own.append(known[key])
            done += 1
            progress(done / total)
    if problems:
        raise CohortError(joined(problems))
    if fresh:
        _write(memory, known)
    return digests


def _digests_of(image: CohortImage) -> list[str]:
    """A shortened digest of every frame of a file that is used. Raises what reading it raises."""
    with open_ultrasound(image.path, image.source) as file:
        return [_digest(file.frame(index).pixels) for index in evenly(file.frame_count, image.most_frames)]


def refuse_shared_images(cohort: Cohort, digests: Digests) -> None:
    """:class:`CohortError` naming the rows where the same image is under two subjects.

    One of them could be trained on and the other judged, which would flatter every figure. The same image twice under
    one subject is no leak.
    """
    owner: dict[str, tuple[Subject, CohortImage]] = {}
    sentences: list[str] = []
    told: set[tuple[int, int]] = set()
    for subject in cohort.subjects:
        for image, frames in zip(subject.images, digests[subject.name], strict=True):
            for digest in filter(None, frames):
                first, its = owner.setdefault(digest, (subject, image))
                if first.name != subject.name and (its.line, image.line) not in told:
                    told.add((its.line, image.line))
                    sentences.append(
                        f"Lines {its.line} and {image.line}: subjects {first.name} and {subject.name} have the same "
                        "image; a subject must not be judged by an image that was trained on, so correct the cohort."
                    )
    if sentences:
        raise CohortError(joined(sentences))


def _digest(pixels: np.ndarray) -> str:
    if pixels.size == 0 or pixels.min() == pixels.max():
        return ""  # blank frames of different people are alike
    return pixel_digest(pixels)


def _key(image: CohortImage) -> str:
    status = image.path.stat()
    text = f"{image.path.resolve()} {status.st_size} {status.st_mtime_ns} {image.most_frames}"
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:32]


def _read(memory: Path) -> dict[str, list[str]]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(memory: Path, known: dict[str, list[str]]) -> None:
    memory.parent.mkdir(parents=True, exist_ok=True)
    write_text(memory, json.dumps({key: frames for key, frames in known.items() if frames}))


def first_digest(image: CohortImage) -> str:
    """The shortened digest of the first frame of a file, by which an image is known again; ``""`` if it is blank."""
    with open_ultrasound(image.path, image.source) as file:
        return _digest(file.frame(0).pixels)
