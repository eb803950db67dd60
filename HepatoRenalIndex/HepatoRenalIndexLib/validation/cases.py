"""Every image of the cohort segmented by networks that never saw its patient, and measured by every placement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..agreement.answers import ALGORITHM, QUANTITIES, Answer, Box
from ..geometry.spacing import Calibration
from ..measurement.organs import OrganMasks, Segmenter
from ..measurement.result import FrameResult, HepatoRenalMeasurement
from ..measurement.roi import Roi
from ..pipeline.batch import Progress
from ..pipeline.measure import MeasurementSettings, measure_frame
from .cohort import Cohort, CohortFrame


@dataclass(frozen=True)
class Case:
    """One image measured with one placement. Without a ``measurement``, ``message`` says why.

    ``liver_inside`` and ``kidney_inside`` are the shares of the ROI's pixels inside the human outline, ``None`` where
    there is no outline or no measurement.
    """

    frame: CohortFrame
    fold: int
    placement: str
    measurement: HepatoRenalMeasurement | None
    calibration: Calibration | None
    message: str = ""
    liver_inside: float | None = None
    kidney_inside: float | None = None

    def value(self, quantity: str) -> float:
        """``"liver"`` or ``"kidney"`` brightness or ``"hri"``; NaN where it could not be measured."""
        if self.measurement is None:
            return float("nan")
        return self.measurement.hri if quantity == "hri" else getattr(self.measurement, quantity).mean

    def answer(self) -> Answer | None:
        """The measurement as the answer of a reader."""
        if self.measurement is None:
            return None
        values = {quantity: self.value(quantity) for quantity in QUANTITIES}
        boxes = {f"{organ}_box": _box(getattr(self.measurement, organ).roi) for organ in ("liver", "kidney")}
        identity = {"image": self.frame.key, "patient": str(self.frame.patient), "reader": ALGORITHM, "session": "1"}
        return Answer(**identity, **values, **boxes)


@dataclass(frozen=True)
class MeasuredCohort:
    """``cases``: placement name -> one case per frame of the cohort, in its order.

    ``masks`` are the predicted organs of the outlined frames, made by the network of their patient's fold.
    """

    cases: dict[str, tuple[Case, ...]]
    masks: dict[CohortFrame, OrganMasks]


def measure_cohort(
    cohort: Cohort,
    segmenter_of_fold: Callable[[int], Segmenter],
    fold_of_patient: Callable[[int], int],
    placements: Sequence[str],
    progress: Progress | None = None,
) -> MeasuredCohort:
    """Measure every frame with the network of its patient's fold.

    ``segmenter_of_fold`` loads the network that never saw the patients of a fold; one network is in memory at a time.
    Each frame is segmented once and measured by every placement on the same masks.
    """
    by_fold: dict[int, list[CohortFrame]] = {}
    for frame in cohort.frames:
        by_fold.setdefault(fold_of_patient(frame.patient), []).append(frame)

    cases: dict[str, dict[CohortFrame, Case]] = {name: {} for name in placements}
    kept: dict[CohortFrame, OrganMasks] = {}
    done = 0
    for fold in sorted(by_fold):
        segmenter = segmenter_of_fold(fold)
        for frame in by_fold[fold]:
            if progress is not None:
                progress(done, len(cohort.frames), frame.name)
            done += 1
            image = frame.image()
            human = frame.outlined_organs(image.pixels.shape)
            masks = None
            for name in placements:
                result = measure_frame(image, segmenter, MeasurementSettings(placement=name), masks=masks)
                masks = result.masks
                cases[name][frame] = _case(frame, fold, name, result, human)
            if human is not None:
                nothing = np.zeros(image.pixels.shape, bool)
                kept[frame] = masks or OrganMasks(nothing, nothing)
    in_order = {name: tuple(found[frame] for frame in cohort.frames) for name, found in cases.items()}
    return MeasuredCohort(in_order, kept)


def _case(frame: CohortFrame, fold: int, placement: str, result: FrameResult, human: OrganMasks | None) -> Case:
    liver = kidney = None
    if human is not None and result.measurement is not None:
        liver = _inside(result.measurement.liver.roi, human.liver)
        kidney = _inside(result.measurement.kidney.roi, human.right_kidney)
    return Case(frame, fold, placement, result.measurement, result.calibration, result.message, liver, kidney)


def _box(roi: Roi) -> Box | None:
    """The ROI as readers draw it; ``None`` where pixels that are not square make it a rectangle."""
    return Box(roi.left, roi.top, roi.width, roi.height) if roi.width == roi.height else None


def _inside(roi: Roi, mask: np.ndarray) -> float:
    return float(roi.values(mask).mean())
