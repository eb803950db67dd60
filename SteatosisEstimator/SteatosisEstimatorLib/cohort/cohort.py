"""Subjects, their views, and the reference fat percentage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from HepatoRenalIndexLib.imaging.image import InputError

from .vocabulary import ReferenceKind, View


class CohortError(InputError):
    """A cohort that cannot be used. One sentence a problem, each naming its row."""


@dataclass(frozen=True)
class CohortImage:
    """One row of the cohort: a still image or a clip of one view.

    ``path`` is the file to open, ``source`` how results name it (relative to the cohort, no full path), ``line`` the
    line of the CSV, counted from 1. Of a clip at most ``most_frames`` frames are used, evenly spaced.
    """

    view: View
    path: Path
    source: str
    line: int = 0
    most_frames: int | None = None


@dataclass(frozen=True)
class Subject:
    """One person: the unit of every split and every statistic. ``fat_percent`` is ``None`` without a reference."""

    name: str
    images: tuple[CohortImage, ...]
    fat_percent: float | None = None
    scanner: str = ""
    fold: int | None = None

    @property
    def views(self) -> tuple[View, ...]:
        """The views there are, in the order of :class:`View`."""
        present = {image.view for image in self.images}
        return tuple(view for view in View if view in present)

    def of_view(self, *views: View) -> tuple[CohortImage, ...]:
        """The images of one of the ``views``, in the order of the cohort."""
        return tuple(image for image in self.images if image.view in views)


@dataclass(frozen=True)
class CohortProblem:
    """Something wrong with a row. ``subject`` is empty where the row does not say whose it is."""

    subject: str
    line: int
    sentence: str

    def __str__(self) -> str:
        return f"Line {self.line}: {self.sentence}" if self.line else self.sentence


@dataclass(frozen=True)
class Cohort:
    """Subjects in the order of the file. ``problems`` belong to rows that were left out, whole subjects where named.

    ``simulated``: the images are no patients', so that no figure of it says anything of clinical performance.
    """

    subjects: tuple[Subject, ...]
    reference: ReferenceKind = ReferenceKind.NOT_STATED
    problems: tuple[CohortProblem, ...] = field(default=())
    simulated: bool = False

    def __len__(self) -> int:
        return len(self.subjects)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(subject.name for subject in self.subjects)

    def fat_percent(self) -> np.ndarray:
        """Reference of every subject, float64 ``(subjects,)``, percent; NaN without one."""
        return np.array([np.nan if s.fat_percent is None else s.fat_percent for s in self.subjects], dtype=float)

    def scanners(self) -> np.ndarray:
        """Scanner of every subject, ``""`` where the cohort does not say."""
        return np.array([subject.scanner for subject in self.subjects], dtype=object)

    def take(self, chosen: Iterable[int]) -> Cohort:
        """The subjects at the positions ``chosen``, in that order."""
        return replace(self, subjects=tuple(self.subjects[int(i)] for i in chosen))

    def with_most_frames(self, most: int | None) -> Cohort:
        """The same with at most so many frames of every clip; all of them for ``None``."""
        subjects = (
            replace(subject, images=tuple(replace(image, most_frames=most) for image in subject.images))
            for subject in self.subjects
        )
        return replace(self, subjects=tuple(subjects))

    def require_labels(self) -> Cohort:
        """The cohort itself, for training and evaluation.

        Raises :class:`CohortError` naming every row in trouble and every subject without a reference.
        """
        sentences = [str(problem) for problem in self.problems]
        for subject in self.subjects:
            if subject.fat_percent is None:
                line = subject.images[0].line
                sentences.append(f"Line {line}: subject {subject.name} has no fat_percent; give the reference.")
        if not self.subjects and not sentences:
            sentences.append("The cohort has no subject.")
        if sentences:
            raise CohortError(joined(sentences))
        return self


def joined(sentences: list[str], most: int = 10) -> str:
    """The first sentences, and how many there are beyond them."""
    text = " ".join(sentences[:most])
    return text if len(sentences) <= most else f"{text} And {len(sentences) - most} more problems."
