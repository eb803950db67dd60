"""Agreement of a segmenter's masks with outlines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..imaging.image import Provenance, UltrasoundImage
from ..measurement.organs import OrganMasks, Segmenter
from ..statistics.bootstrap import cluster_bootstrap
from ..statistics.overlap import jaccard
from .dataset import Outlined


@dataclass(frozen=True)
class Agreement:
    """Jaccard indices of one frame (NaN where neither mask nor outline has the organ)."""

    name: str
    patient: int | None
    liver: float
    right_kidney: float


@dataclass(frozen=True)
class Summary:
    """Mean Jaccard index with its 95% interval (bootstrap over patients), smallest value, and share under 0.70."""

    mean: float
    low: float
    high: float
    smallest: float
    under_070: float
    count: int


def as_image(case: Outlined) -> UltrasoundImage:
    """The frame as the library's image type."""
    return UltrasoundImage(case.pixels, Provenance(source=case.name))


def agreement(segmenter: Segmenter, case: Outlined) -> Agreement:
    """Jaccard of the segmenter's masks with the outlines of one frame, both inside its insonated area."""
    truth = OrganMasks.from_labels(np.where(case.geometry.mask, case.labels, 0))
    found = segmenter.segment(as_image(case), case.geometry)
    return Agreement(
        case.name,
        case.patient,
        jaccard(found.liver, truth.liver),
        jaccard(found.right_kidney, truth.right_kidney),
    )


def summarize(values: Sequence[float], clusters: Iterable[int] | None = None, seed: int = 0) -> Summary:
    """Summary of Jaccard indices; NaN is left out. ``clusters`` names the patient of each value (default: one each)."""
    array = np.asarray(values, float)
    groups = np.arange(array.size) if clusters is None else np.asarray(list(clusters))
    keep = np.isfinite(array)
    array, groups = array[keep], groups[keep]
    if array.size == 0:
        raise ValueError("no frame has the organ in its mask or in its outline")
    interval = cluster_bootstrap(lambda rows: float(array[rows].mean()), groups, np.random.default_rng(seed)).estimate
    return Summary(
        float(array.mean()),
        float(interval.low),
        float(interval.high),
        float(array.min()),
        float((array < 0.70).mean()),
        int(array.size),
    )
