"""Which frames of a subject stand for a view."""

from __future__ import annotations

from collections.abc import Sequence

from ..cohort.cohort import Subject
from ..cohort.vocabulary import View
from .frame import Frame, evenly, frames_of


def first_view(subject: Subject, views: Sequence[View]) -> View | None:
    """The first of ``views``, in the order of preference, that the subject has."""
    return next((view for view in views if view in subject.views), None)


def choose_frames(subject: Subject, view: View, most: int) -> list[Frame]:
    """At most ``most`` frames of a view, evenly spread over its images and within each of its clips.

    One frame is the middle one of the middle image. Raises :class:`InputError` as :func:`frames_of` does.
    """
    images = subject.of_view(view)
    if most <= len(images):
        return [frame for i in evenly(len(images), most) for frame in frames_of(images[i], 1)]
    share = -(-most // len(images)) if images else 0
    frames = [frame for image in images for frame in frames_of(image, share)]
    return [frames[i] for i in evenly(len(frames), most)]


def pairs(counts: Sequence[int]) -> list[tuple[int, ...]]:
    """Frames of several views that belong together: as many as the longest has, the others spread over it."""
    longest = max(counts)
    return [tuple(i * count // longest for count in counts) for i in range(longest)]
