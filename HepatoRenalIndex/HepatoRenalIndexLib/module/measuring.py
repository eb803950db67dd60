"""One frame measured from what the user made of it: masks, automatic ROIs, ROIs set by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from slicer.i18n import tr as _

from ..geometry.calibration import calibrate
from ..geometry.detect import detect_scan_geometry
from ..geometry.scan import ScanGeometry
from ..geometry.spacing import Calibration
from ..imaging.image import UltrasoundImage
from ..measurement.flags import Flag
from ..measurement.hri import MeasurementError, measure_hri, roi_size_px
from ..measurement.organs import ModelIdentity, OrganMasks
from ..measurement.result import FrameResult
from ..measurement.roi import Roi
from ..pipeline.measure import MeasurementSettings, measure_frame
from .frameState import FrameState, RoiState
from .source import withSource


@dataclass(frozen=True)
class KeptMasks:
    """Masks in the role of a segmenter, so that the result carries the identity of what made them."""

    masks: OrganMasks
    identity: ModelIdentity

    def segment(self, image: UltrasoundImage, geometry: ScanGeometry) -> OrganMasks:
        return self.masks


def measureState(
    image: UltrasoundImage,
    state: FrameState,
    settings: MeasurementSettings,
    known: Calibration | None = None,
    previous: FrameResult | None = None,
) -> FrameResult:
    """Measure a frame in the given state. ROIs that are not fixed are placed.

    ``known`` is the calibration of a volume that this library made, for images without a header. ``previous`` is the
    result of the same frame, masks and settings: with both ROIs known, geometry and calibration are taken from it.
    Never raises for what an image lacks: the result then has status "error" and a sentence.
    """
    liver, kidney = state.liver, state.kidney
    for fixed in (liver, kidney):
        if fixed.fixed and not fixed.roi.inside(image.pixels.shape):
            message = _("An ROI lies outside the image; move it onto the tissue.")
            return FrameResult(image, "error", message, masks=state.masks, model=state.model)
    if previous is not None and previous.geometry is not None and previous.calibration is not None:
        return _measureRois(replace(previous, image=image, masks=state.masks), liver, kidney, state, settings)

    wantedSpacing = settings.user_spacing_mm
    useKnown = wantedSpacing is None and known is not None and known.calibrated and not image.regions
    if useKnown:
        settings = replace(settings, user_spacing_mm=(known.x_mm, known.y_mm))
    result = measure_frame(image, KeptMasks(_organsFor(image, state), state.model), settings)
    oneFixed = liver.fixed != kidney.fixed
    if oneFixed and result.placement is None and result.geometry is not None and result.calibration is not None:
        # An ROI made smaller by hand holds no window of the usual size: a larger one about its center does.
        size = roi_size_px(result.calibration, result.geometry, settings.roi_mm)
        result = measure_frame(image, KeptMasks(_organsFor(image, state, size), state.model), settings)
    if useKnown and result.calibration is not None:
        result = replace(result, calibration=withSource(result.calibration, known))
    result = replace(result, masks=state.masks)
    if not (liver.fixed or kidney.fixed) or result.geometry is None or result.calibration is None:
        return result
    placed = result.placement
    if (placed is None) and not (liver.fixed and kidney.fixed):
        return result
    liver = liver if liver.fixed else RoiState(placed.liver.roi)
    kidney = kidney if kidney.fixed else RoiState(placed.kidney.roi)
    return _measureRois(result, liver, kidney, state, settings)


def calibrateAlone(
    image: UltrasoundImage, settings: MeasurementSettings, known: Calibration | None = None
) -> tuple[Calibration, ScanGeometry]:
    """Pixel size and scan geometry of an image in which nothing is outlined yet."""
    geometry = detect_scan_geometry(image.pixels, color=image.color)
    if settings.user_spacing_mm is None and known is not None and known.calibrated and not image.regions:
        return known, geometry
    return calibrate(image, geometry, user_spacing_mm=settings.user_spacing_mm), geometry


def _organsFor(image: UltrasoundImage, state: FrameState, size: tuple[int, int] = (0, 0)) -> OrganMasks:
    """The masks for placing: a fixed ROI stands for its organ, so that the other ROI is placed to match it.

    ``size`` is the smallest width and height with which it does.
    """
    shape = image.pixels.shape
    nothing = np.zeros(shape, bool)
    masks = state.masks if state.masks is not None else OrganMasks(nothing, nothing)
    if state.liver.fixed:
        liver = _rectangle(shape, state.liver.roi, size)
        masks = OrganMasks(liver, masks.right_kidney & ~liver, None, masks.right_kidney_confidence)
    if state.kidney.fixed:
        kidney = _rectangle(shape, state.kidney.roi, size)
        masks = OrganMasks(masks.liver & ~kidney, kidney, masks.liver_confidence, None)
    return masks


def _rectangle(shape: tuple[int, int], roi: Roi, size: tuple[int, int]) -> np.ndarray:
    roi = Roi.centered(*roi.center, max(roi.width, size[0]), max(roi.height, size[1]))
    mask = np.zeros(shape, bool)
    mask[max(roi.top, 0) : roi.top + roi.height, max(roi.left, 0) : roi.left + roi.width] = True
    return mask


def _measureRois(
    result: FrameResult, liver: RoiState, kidney: RoiState, state: FrameState, settings: MeasurementSettings
) -> FrameResult:
    size = roi_size_px(result.calibration, result.geometry, settings.roi_mm)
    asWanted = all((roi.width, roi.height) == size for roi in (liver.roi, kidney.roi))
    masks = state.masks
    if masks is not None and not (masks.liver.any() and masks.right_kidney.any()):
        masks = None  # an organ that nobody outlined is no reason for a flag
    try:
        measurement = measure_hri(
            result.image,
            liver.roi,
            kidney.roi,
            result.geometry,
            result.calibration,
            masks=masks,
            roi_mm=settings.roi_mm if asWanted else None,
            thresholds=settings.thresholds,
            flags=_manualFlags(state),
        )
    except MeasurementError as error:
        return replace(result, status="error", message=str(error), measurement=None)
    placement = None if liver.fixed and kidney.fixed else result.placement
    return replace(result, status="ok", message="", measurement=measurement, placement=placement)


def _manualFlags(state: FrameState) -> tuple[Flag, ...]:
    names = [name for name, roi in (("liver", state.liver), ("kidney", state.kidney)) if roi.manual and roi.roi]
    if not names:
        return ()
    which = " and ".join(names)
    what = "ROIs were" if len(names) > 1 else "ROI was"
    return (Flag("manual_roi", f"The {which} {what} placed by hand."),)
