"""Segmentation against the human outlines, each patient by the network that never saw it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..measurement.organs import OrganMasks
from ..statistics.bootstrap import cluster_bootstrap
from ..statistics.interval import Estimate
from ..statistics.overlap import SurfaceDistance, dice, jaccard, surface_distance
from .cases import MeasuredCohort
from .cohort import CohortFrame

ORGANS = ("right_kidney", "liver")
PUBLISHED_JACCARD = {"right_kidney": 0.894, "liver": 0.766}  # Cha et al. 2021
POOR_JACCARD = 0.70  # the threshold of the published share of poor kidneys, 1%


@dataclass(frozen=True)
class OrganOverlap:
    """One organ of one frame. ``distance`` is in mm where the frame is calibrated, else in pixels."""

    frame: CohortFrame
    organ: str
    jaccard: float
    dice: float
    distance: SurfaceDistance
    in_mm: bool


@dataclass(frozen=True)
class OrganSummary:
    """One organ over all outlined frames; ``poor`` is the share with a Jaccard index under 0.70."""

    organ: str
    mean_jaccard: Estimate
    median_jaccard: float
    mean_dice: float
    mean_distance: float
    median_hausdorff95: float
    poor: float
    frames: int


def segmentation_overlaps(measured: MeasuredCohort) -> tuple[OrganOverlap, ...]:
    """Overlap of predicted and outlined organs of every outlined frame; an organ that was not found has Jaccard 0."""
    calibration_of = {case.frame: case.calibration for cases in measured.cases.values() for case in cases}
    rows = []
    for frame, predicted in measured.masks.items():
        human = frame.outlined_organs(predicted.liver.shape)
        calibration = calibration_of.get(frame)
        calibrated = calibration is not None and calibration.calibrated
        spacing = (calibration.y_mm, calibration.x_mm) if calibrated else (1.0, 1.0)
        for organ in ORGANS:
            ours, truth = getattr(predicted, organ), getattr(human, organ)
            rows.append(
                OrganOverlap(
                    frame=frame,
                    organ=organ,
                    jaccard=jaccard(ours, truth),
                    dice=dice(ours, truth),
                    distance=surface_distance(ours, truth, spacing),
                    in_mm=calibrated,
                )
            )
    return tuple(rows)


def summarize_segmentation(overlaps: tuple[OrganOverlap, ...], rng: np.random.Generator) -> tuple[OrganSummary, ...]:
    """Mean over the frames with an interval over patients, for each organ."""
    summaries = []
    for organ in ORGANS:
        rows = [row for row in overlaps if row.organ == organ]
        index = np.array([row.jaccard for row in rows])
        patients = [row.frame.patient for row in rows]
        mean = cluster_bootstrap(lambda chosen, index=index: index[chosen].mean(), patients, rng).estimate
        in_mm = [row.distance for row in rows if row.in_mm]
        summaries.append(
            OrganSummary(
                organ=organ,
                mean_jaccard=mean,
                median_jaccard=float(np.median(index)),
                mean_dice=float(np.mean([row.dice for row in rows])),
                mean_distance=float(np.nanmean([d.mean for d in in_mm])) if in_mm else float("nan"),
                median_hausdorff95=float(np.nanmedian([d.hausdorff95 for d in in_mm])) if in_mm else float("nan"),
                poor=float((index < POOR_JACCARD).mean()),
                frames=len(rows),
            )
        )
    return tuple(summaries)


def worst_frames(overlaps: tuple[OrganOverlap, ...], organ: str, count: int = 3) -> tuple[OrganOverlap, ...]:
    """The outlined frames of least overlap, worst first."""
    rows = [row for row in overlaps if row.organ == organ]
    return tuple(sorted(rows, key=lambda row: (row.jaccard, row.frame.name))[:count])


def masks_of(measured: MeasuredCohort, frame: CohortFrame) -> tuple[OrganMasks, OrganMasks]:
    """Predicted and human masks of one outlined frame."""
    predicted = measured.masks[frame]
    return predicted, frame.outlined_organs(predicted.liver.shape)
