"""What an estimate rests on, as maps over the source images: of networks, or of measurements the regions measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.measurement.result import FrameResult
from HepatoRenalIndexLib.measurement.roi import Roi
from scipy import ndimage

from ..cohort.cohort import Subject
from ..cohort.vocabulary import View
from ..explanation.maps import METHODS, explain
from ..explanation.target import ExplanationTarget
from ..features.held_out import HeldOutSegmenter
from ..features.measure import measure_features
from ..frames.choosing import choose_frames
from ..frames.crop import scan_pixels
from ..frames.frame import Frame
from ..recipes.base import Prediction, Progress, no_progress
from .estimate import Estimator

REGIONS = "regions"
NO_REGION, LIVER, LIVER_EDGE, KIDNEY, KIDNEY_EDGE, LIVER_ROI, KIDNEY_ROI = range(7)
_EDGE = 2  # pixels


@dataclass(frozen=True)
class FrameMap:
    """A map over one frame, float32 ``(rows, columns)`` of its source.

    Of a network by ``method`` of ``explanation.maps`` (there ``values`` are divided by the largest magnitude, -1..1).
    Of a model that measures, ``method`` is ``"regions"``: 0 nothing, 1 liver, 2 its edge, 3 kidney, 4 its edge, 5 and 6
    the borders of the ROIs of liver and kidney. ``index`` is zero-based in the file ``source``. ``pixels`` is the
    frame, uint8, black outside of the scan.
    """

    method: str
    quantity: str
    view: View
    source: str
    index: int
    values: np.ndarray
    pixels: np.ndarray


def can_explain(estimator: Estimator) -> bool:
    """Whether the model is a network, which has maps of what it looked at."""
    return hasattr(estimator.model.fitted, "explanation_target")


def explain_subject(
    estimator: Estimator,
    subject: Subject,
    prediction: Prediction,
    method: str = "grad-cam",
    most: int = 1,
    device: str = "auto",
    progress: Progress = no_progress,
) -> list[FrameMap]:
    """Maps over at most ``most`` frames of every view that the ``prediction`` rests on, evenly spaced.

    A model that measures instead of looking has no Grad-CAM: it gives the organs and ROIs that it measured, whatever
    ``method`` says. Raises :class:`InputError` for a method that the network does not allow.
    """
    if method not in METHODS:
        raise InputError(f"There is no explanation {method!r}; choose one of {', '.join(METHODS)}.")
    views = tuple(dict.fromkeys(view.view for view in prediction.views))
    chosen = {view: choose_frames(subject, view, most) for view in views}
    if not can_explain(estimator):
        return _regions([frame for frames in chosen.values() for frame in frames], device, progress)
    found: dict[tuple[View, str, int], FrameMap] = {}
    steps = max(map(len, chosen.values()), default=0)
    for step in range(steps):
        frames = {view: own[step * len(own) // steps] for view, own in chosen.items()}
        target = estimator.model.fitted.explanation_target(frames)
        for one in explain(_on_cpu(target), method):
            place = one.view, one.source, one.index
            values = one.scaled.astype(np.float32)
            found.setdefault(place, FrameMap(method, one.quantity, *place, values, _pixels(frames[one.view])))
        progress((step + 1) / steps, "explaining")
    return list(found.values())


def _on_cpu(target: ExplanationTarget) -> ExplanationTarget:
    """Estimating may have left the network on the graphics card; the inputs of a target are made on the CPU."""
    target.network.cpu()
    return target


def _regions(frames: Sequence[Frame], device: str, progress: Progress) -> list[FrameMap]:
    segmenter = HeldOutSegmenter(device)
    found = []
    for number, frame in enumerate(frames, start=1):
        result = measure_features(frame.image, segmenter).result
        if result is not None and result.masks is not None:
            place = frame.view, frame.source, frame.index
            found.append(FrameMap(REGIONS, "", *place, region_map(result), _pixels(frame)))
        progress(number / len(frames), "drawing the regions measured")
    return found


def _pixels(frame: Frame) -> np.ndarray:
    return scan_pixels(frame.image.pixels, frame.geometry)


def region_map(result: FrameResult) -> np.ndarray:
    """Organs and ROIs of a measured frame as the values of :class:`FrameMap`, float32."""
    values = np.zeros(result.image.pixels.shape, np.float32)
    for mask, inside, edge in (
        (result.masks.liver, LIVER, LIVER_EDGE),
        (result.masks.right_kidney, KIDNEY, KIDNEY_EDGE),
    ):
        values[mask] = inside
        values[mask & ~ndimage.binary_erosion(mask, iterations=_EDGE)] = edge
    if result.measurement is not None:
        _frame(values, result.measurement.liver.roi, LIVER_ROI)
        _frame(values, result.measurement.kidney.roi, KIDNEY_ROI)
    return values


def _frame(values: np.ndarray, roi: Roi, value: int) -> None:
    top, left, bottom, right = roi.top, roi.left, roi.top + roi.height, roi.left + roi.width
    for rows, columns in (
        (slice(top, top + _EDGE), slice(left, right)),
        (slice(bottom - _EDGE, bottom), slice(left, right)),
        (slice(top, bottom), slice(left, left + _EDGE)),
        (slice(top, bottom), slice(right - _EDGE, right)),
    ):
        values[rows, columns] = value
