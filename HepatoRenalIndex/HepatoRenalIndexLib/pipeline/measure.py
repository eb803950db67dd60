"""The whole job on one frame: scan geometry, organs, calibration, ROIs, index.

Nothing here raises for what an image shows or lacks: the result then has status ``"error"`` and a sentence.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from ..geometry.calibration import calibrate
from ..geometry.detect import detect_scan_geometry
from ..geometry.scan import ScanGeometry
from ..geometry.spacing import Calibration
from ..imaging.image import InputError, UltrasoundImage, UltrasoundRegion
from ..measurement.anatomy import implausible_kidney
from ..measurement.cutoffs import Cutoff
from ..measurement.hri import MeasurementError, measure_hri, roi_size_px
from ..measurement.organs import MANUAL, OrganMasks, Segmenter
from ..measurement.placement import PlacementError, PlacementInput
from ..measurement.quality import QualityThresholds
from ..measurement.registry import DEFAULT_PLACEMENT, PLACEMENTS
from ..measurement.result import FrameResult

DARKEST_IMAGE = 16  # gray levels: an image whose brightest pixel is below shows nothing
SAME_ASPECT = 0.01  # pixels this close to square are treated as square
DISTURBING_COLOR = 0.02  # share of the scan from which color is named as a reason


@dataclass(frozen=True)
class MeasurementSettings:
    """What the user may choose. ``user_spacing_mm`` is mm per pixel, or ``(x, y)``; it wins over every other source.

    ``cutoff`` only travels with the result; it changes no number.
    """

    placement: str = DEFAULT_PLACEMENT
    roi_mm: float = 15.0
    user_spacing_mm: float | tuple[float, float] | None = None
    thresholds: QualityThresholds = field(default_factory=QualityThresholds)
    cutoff: Cutoff | None = None

    def __post_init__(self):
        if self.placement not in PLACEMENTS:
            raise InputError(f"There is no placement {self.placement!r}; choose one of {', '.join(PLACEMENTS)}.")
        if not 2.0 <= self.roi_mm <= 60.0:
            raise InputError(f"An ROI of {self.roi_mm:g} mm is not possible; choose a side between 2 and 60 mm.")


def measure_frame(
    image: UltrasoundImage,
    segmenter: Segmenter | None,
    settings: MeasurementSettings | None = None,
    masks: OrganMasks | None = None,
) -> FrameResult:
    """Measure one frame. ``masks`` drawn by hand or corrected replace the ``segmenter``, which may then be ``None``."""
    settings = settings or MeasurementSettings()
    model = MANUAL if masks is not None else segmenter.identity
    job = _Job(FrameResult(image=image, status="error", model=model, cutoff=settings.cutoff))
    try:
        _measure(job, segmenter, settings, masks)
    except (InputError, PlacementError, MeasurementError) as error:
        job.known(message=str(error))
    return job.result


class _Job:
    """The result as far as it is known, and the time each stage took."""

    def __init__(self, result: FrameResult):
        self.result = result

    def known(self, **parts) -> None:
        self.result = replace(self.result, **parts)

    @contextmanager
    def stage(self, name: str):
        start = time.perf_counter()
        yield
        seconds = self.result.seconds.get(name, 0.0) + time.perf_counter() - start
        self.known(seconds={**self.result.seconds, name: seconds})


def _measure(job: _Job, segmenter: Segmenter | None, settings: MeasurementSettings, masks: OrganMasks | None) -> None:
    image = job.result.image
    if image.pixels.max() < DARKEST_IMAGE:
        raise InputError("The image is black; nothing can be measured in it.")

    most_shown, area = (-1, 0), image
    for area_image in _scan_areas(image):
        with job.stage("geometry"):
            geometry = detect_scan_geometry(area_image.pixels, color=area_image.color)
        with job.stage("segmentation"):
            found = masks if masks is not None else segmenter.segment(area_image, geometry)
        shown = _shown(found, geometry)
        if shown > most_shown:
            most_shown, area = shown, area_image
            job.known(geometry=geometry, masks=found)
    _require_organs(job.result.masks, area, job.result.geometry)

    with job.stage("calibration"):
        organs = job.result.masks.liver | job.result.masks.right_kidney
        geometry, spacing = job.result.geometry, settings.user_spacing_mm
        calibration = calibrate(image, geometry, area=organs, user_spacing_mm=spacing)
        if abs(calibration.aspect - 1.0) > SAME_ASPECT:
            # Circles are only round in millimetres: fit the scan again, and read the ruler along its true side.
            geometry = detect_scan_geometry(area.pixels, color=area.color, aspect=calibration.aspect)
            calibration = calibrate(image, geometry, area=organs, user_spacing_mm=spacing)
        job.known(calibration=calibration, geometry=geometry)

    with job.stage("placement"):
        width, height = roi_size_px(calibration, geometry, settings.roi_mm)
        _require_kidney_shape(job.result.masks, width, calibration, settings.thresholds)
        valid = geometry.mask if image.color is None else geometry.mask & ~image.color
        placement = PLACEMENTS[settings.placement](
            PlacementInput(image.pixels, job.result.masks, valid, geometry.depth_map(), width, height)
        )
        job.known(placement=placement)

    with job.stage("measurement"):
        measurement = measure_hri(
            image,
            placement.liver.roi,
            placement.kidney.roi,
            geometry,
            calibration,
            masks=job.result.masks,
            roi_mm=settings.roi_mm,
            thresholds=settings.thresholds,
        )
    job.known(measurement=measurement, status="ok")


def _scan_areas(image: UltrasoundImage):
    """The image once, or once for each 2D tissue region of a header that has several: the rest blacked out."""
    regions = [region for region in image.regions if _is_tissue_within(region, image)]
    if len(regions) < 2:
        yield image
        return
    for region in regions:
        pixels = np.zeros_like(image.pixels)
        pixels[region.box] = image.pixels[region.box]
        yield replace(image, pixels=pixels)


def _shown(masks: OrganMasks, geometry: ScanGeometry) -> tuple[int, int]:
    """How many of the organs lie in the insonated area, and how much of them."""
    pixels = [np.count_nonzero(mask & geometry.mask) for mask in (masks.liver, masks.right_kidney)]
    return np.count_nonzero(pixels), sum(pixels)


def _is_tissue_within(region: UltrasoundRegion, image: UltrasoundImage) -> bool:
    return (
        region.shows_tissue and region.x0 < region.x1 <= image.columns + 1 and region.y0 < region.y1 <= image.rows + 1
    )


def _require_organs(masks: OrganMasks, image: UltrasoundImage, geometry: ScanGeometry) -> None:
    missing = [name for name, mask in (("liver", masks.liver), ("right kidney", masks.right_kidney)) if not mask.any()]
    if not missing:
        return
    colored = 0.0 if image.color is None or not geometry.mask.any() else image.color[geometry.mask].mean()
    why = f" ({colored:.0%} of the scan is colored: Doppler or overlay)" if colored > DISTURBING_COLOR else ""
    raise InputError(
        f"No {' and no '.join(missing)} was found in the image{why}, so it has no hepatorenal index; use an image "
        "that shows the liver and the right kidney together, or outline them by hand."
    )


def _require_kidney_shape(
    masks: OrganMasks, roi_side_px: int, calibration: Calibration, thresholds: QualityThresholds
) -> None:
    """Refuse what the network doubts and what does not look like a kidney: either alone is only flagged."""
    confidence = masks.right_kidney_confidence
    if confidence is None or confidence >= thresholds.confidence:
        return
    if doubts := implausible_kidney(masks, roi_side_px, calibration):
        raise InputError(
            f"No right kidney was recognized: the network is unsure ({confidence:.2f}) and {'; '.join(doubts)}. Use an "
            "image that shows the liver and the right kidney together, or outline the kidney by hand."
        )
