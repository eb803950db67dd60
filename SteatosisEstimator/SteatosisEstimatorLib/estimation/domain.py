"""What the images of each view looked like that a model was trained on, and how those of a subject differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from HepatoRenalIndexLib.imaging.image import InputError

from ..cohort.cohort import Cohort, Subject
from ..cohort.vocabulary import View
from ..frames.frame import evenly, frames_of
from ..recipes.base import Progress, no_progress
from ..uncertainty.description import ImageDescription, describe
from ..uncertainty.outside import OutsideWarning, TrainingDomain, learn_domain

FRAMES = 3  # of a view of a subject: from as many images where there are several, else of the clip


@dataclass(frozen=True)
class ModelDomain:
    """A :class:`TrainingDomain` for every view that the model uses."""

    views: Mapping[View, TrainingDomain] = field(default_factory=dict)

    @classmethod
    def learn(cls, cohort: Cohort, views: Iterable[View], progress: Progress = no_progress) -> ModelDomain:
        """From the training images of ``views``. :class:`InputError` where no image of a view shows a scan."""
        descriptions: dict[View, list[ImageDescription]] = {view: [] for view in dict.fromkeys(views)}
        owners: dict[View, list[str]] = {view: [] for view in descriptions}
        for position, subject in enumerate(cohort.subjects):
            for view, own in descriptions.items():
                found = describe_view(subject, view)
                own += found
                owners[view] += [subject.name] * len(found)
            progress((position + 1) / len(cohort), "describing the training images")
        return cls({view: learn_domain(own, owners[view]) for view, own in descriptions.items() if own})

    def check(self, subject: Subject, views: Iterable[View]) -> list[tuple[View, OutsideWarning]]:
        """How the images of a subject differ from the training images of the same view; nothing where they do not.

        A view that was not trained on stands in for one that was: it is held against the first of those.
        """
        found: list[tuple[View, OutsideWarning]] = []
        for view in dict.fromkeys(views):
            domain = self.views.get(view) or next(iter(self.views.values()), None)
            descriptions = describe_view(subject, view) if domain is not None else []
            if descriptions:
                found += [(view, warning) for warning in domain.check(descriptions)]
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; :meth:`from_json` reads them back."""
        return {"views": {view.value: domain.to_json() for view, domain in self.views.items()}}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModelDomain:
        """What :meth:`to_json` gave; :class:`InputError` for anything else."""
        views = values.get("views", {})  # a bundle without a domain gives no warnings
        if not isinstance(views, dict) or not set(views) <= {view.value for view in View}:
            raise InputError("The training domain of the model is damaged; fetch the model again.")
        return cls({View(name): TrainingDomain.from_json(domain) for name, domain in views.items()})


def describe_view(subject: Subject, view: View) -> list[ImageDescription]:
    """Some frames of a view of the subject, empty without the view. :class:`InputError` for a file that is unreadable.

    A header without the scanner's name takes that of the cohort.
    """
    images = subject.of_view(view)
    chosen: Sequence[int] = evenly(len(images), FRAMES) if images else ()
    found = []
    for position in chosen:
        calibration = None
        for frame in frames_of(images[position], max(1, FRAMES // len(chosen))):
            calibration = calibration or frame.calibration()  # one for a clip
            description = describe(frame.image, frame.geometry, calibration)
            found.append(replace(description, scanner=description.scanner or subject.scanner))
    return found
