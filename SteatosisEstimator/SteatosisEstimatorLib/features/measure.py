"""All features of a frame, through the same pipeline that measures the hepatorenal index."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from HepatoRenalIndexLib.imaging.image import InputError, UltrasoundImage
from HepatoRenalIndexLib.measurement.hri import MeasurementError, measure_hri, roi_size_px
from HepatoRenalIndexLib.measurement.organs import OrganMasks, Segmenter
from HepatoRenalIndexLib.measurement.placement import PlacementError, PlacementInput
from HepatoRenalIndexLib.measurement.registry import DEFAULT_PLACEMENT, PLACEMENTS
from HepatoRenalIndexLib.measurement.result import FrameResult
from HepatoRenalIndexLib.pipeline.measure import MeasurementSettings, measure_frame

from .catalog import FEATURES
from .tissue import frame_tissue


@dataclass(frozen=True)
class FrameFeatures:
    """``values``: feature name -> value, NaN where it cannot be told. Without any, ``message`` says why.

    ``flags`` are the codes of the measurement's quality flags; ``result`` is the measurement with scan geometry,
    calibration, masks and ROIs.
    """

    values: dict[str, float] = field(default_factory=dict)
    message: str = ""
    flags: tuple[str, ...] = ()
    result: FrameResult | None = None


def measure_features(
    image: UltrasoundImage,
    segmenter: Segmenter | None,
    settings: MeasurementSettings | None = None,
    masks: OrganMasks | None = None,
) -> FrameFeatures:
    """Measure one frame. ``masks`` (drawn, or corrected) replace the ``segmenter``, which may then be ``None``.

    Nothing is raised for what an image shows or lacks: the result then has no values and a sentence.
    """
    settings = replace(settings or MeasurementSettings(), placement=DEFAULT_PLACEMENT)
    result = measure_frame(image, segmenter, settings, masks)
    if result.measurement is None:
        return FrameFeatures(message=result.message, result=result)
    hri = {DEFAULT_PLACEMENT: result.measurement.hri, **_other_placements(result, settings)}
    try:
        tissue = frame_tissue(image, result.geometry, result.masks, result.calibration, hri)
    except InputError as error:
        return FrameFeatures(message=str(error), result=result)
    values = {name: float(feature.compute(tissue)) for name, feature in FEATURES.items()}
    return FrameFeatures(values, flags=tuple(sorted({flag.code for flag in result.flags})), result=result)


def _other_placements(result: FrameResult, settings: MeasurementSettings) -> dict[str, float]:
    """The index by every placement but the default one, as far as its ROIs can be placed."""
    image, geometry = result.image, result.geometry
    width, height = roi_size_px(result.calibration, geometry, settings.roi_mm)
    valid = geometry.mask if image.color is None else geometry.mask & ~image.color
    given = PlacementInput(image.pixels, result.masks, valid, geometry.depth_map(), width, height)
    found = {}
    for name in PLACEMENTS.keys() - {DEFAULT_PLACEMENT}:
        try:
            placed = PLACEMENTS[name](given)
            measured = measure_hri(image, placed.liver.roi, placed.kidney.roi, geometry, result.calibration)
        except (PlacementError, MeasurementError):
            continue
        found[name] = measured.hri
    return found


def median_features(frames: Iterable[dict[str, float]]) -> dict[str, float]:
    """Median of every feature over the frames that have it; empty where no frame was measured."""
    rows = [row for row in frames if row]
    if not rows:
        return {}
    names = sorted({name for row in rows for name in row}, key=list(FEATURES).index)
    return dict(zip(names, _finite(rows, names, np.nanmedian), strict=True))


def mean_features(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean of every feature over rows such as the medians of several views."""
    names = sorted({name for row in rows for name in row}, key=list(FEATURES).index)
    return dict(zip(names, _finite(rows, names, np.nanmean), strict=True))


def _finite(rows: Sequence[dict[str, float]], names: list[str], statistic) -> list[float]:
    table = np.array([[row.get(name, np.nan) for name in names] for row in rows])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a feature that no frame has stays NaN
        return [float(value) for value in statistic(table, axis=0)]
