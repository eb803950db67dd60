"""The parameters of the placement ``representative``: how much hangs on each, and how much was gained by choosing them
on the very patients they are judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from ..agreement.comparison import StudySettings
from ..geometry.calibration import calibrate
from ..geometry.detect import detect_scan_geometry
from ..measurement.hri import MeasurementError, measure_hri, roi_size_px
from ..measurement.organs import OrganMasks
from ..measurement.placement import PlacementError, PlacementInput
from ..measurement.representative import RepresentativeParameters, place_representative
from ..pipeline.batch import Progress
from ..statistics.correlation import spearman_value
from ..statistics.roc import auc_value
from .cases import Case, MeasuredCohort
from .cohort import Cohort, CohortFrame
from .hri import PlacementReport, evaluate_placement, first_frame_values
from .selection import NestedSelection, agreement_criterion, nested_selection

DEFAULTS = RepresentativeParameters()
# One after the other, all else at its default.
SINGLE_VALUES: dict[str, tuple] = {
    "kidney_quantile": (0.05, 0.15, 0.25, 0.35, 0.5),
    "kidney_share": (0.75, 0.85, 0.95, 1.0),
    "liver_quantile": (0.4, 0.5, 0.65, 0.8, 0.9),
    "shallower": ((0.0, 1.0), (0.5, 2.0), (0.5, 3.0), (0.5, 4.5), (1.5, 4.5)),
    "distance": (2.5, 3.5, 5.0, 99.0),
    "mean_weight": (0.0, 3.0, 9.0, 27.0),
}
# In all combinations, for the nested choice.
GRID: dict[str, tuple] = {
    "kidney_quantile": (0.1, 0.25, 0.4),
    "liver_quantile": (0.5, 0.65, 0.8),
    "shallower": ((0.0, 1.0), (0.5, 3.0), (0.5, 4.5)),
}


@dataclass(frozen=True)
class ParameterEffect:
    """One parameter at one value, on the outlined frames: ICC(2,1) with the readers' mean, AUC and Spearman."""

    parameter: str
    value: str
    default: bool
    icc: float
    auc: float
    spearman: float


@dataclass(frozen=True)
class Tuning:
    """``default`` and ``nested`` are on the same outlined frames; nested parameters were chosen without the patient."""

    effects: tuple[ParameterEffect, ...]
    selection: NestedSelection
    default: PlacementReport
    nested: PlacementReport


@dataclass(frozen=True)
class _Prepared:
    """What every variant needs of one frame."""

    template: Case
    image: object
    geometry: object
    placement: PlacementInput


def tune_representative(
    measured: MeasuredCohort,
    cohort: Cohort,
    rng: np.random.Generator,
    settings: StudySettings | None = None,
    progress: Progress | None = None,
) -> Tuning | None:
    """Measure the outlined frames with every variant, on the masks of the cross-validation.

    The criterion of the nested choice is the agreement with the readers' mean. ``None`` without outlined frames.
    """
    fold_of = {case.frame: case.fold for cases in measured.cases.values() for case in cases}
    prepared = [_prepare(frame, masks, fold_of[frame]) for frame, masks in sorted(measured.masks.items(), key=_order)]
    if not prepared:
        return None
    singles = [(name, value, replace(DEFAULTS, **{name: value})) for name, vs in SINGLE_VALUES.items() for value in vs]
    grid = [replace(DEFAULTS, **dict(zip(GRID, values, strict=True))) for values in product(*GRID.values())]
    grid.sort(key=lambda parameters: parameters != DEFAULTS)  # on a tie the default wins
    variants = list(dict.fromkeys([DEFAULTS, *grid, *(parameters for _, _, parameters in singles)]))
    cases: dict[RepresentativeParameters, tuple[Case, ...]] = {}
    for done, parameters in enumerate(variants):
        if progress is not None:
            progress(done, len(variants), "parameters of the placement")
        cases[parameters] = tuple(_measure(item, parameters) for item in prepared)

    criterion = agreement_criterion(cohort.readers)
    effects = tuple(
        _effect(name, value, parameters, cases[parameters], cohort, criterion) for name, value, parameters in singles
    )
    selection = nested_selection("agreement with the readers", {_label(p): cases[p] for p in grid}, criterion)
    return Tuning(
        effects=effects,
        selection=selection,
        default=evaluate_placement("default parameters", cases[DEFAULTS], cohort, rng, settings),
        nested=evaluate_placement("parameters chosen without the patient", selection.cases, cohort, rng, settings),
    )


def _order(item: tuple[CohortFrame, OrganMasks]) -> tuple[int, int]:
    return item[0].patient, item[0].frame


def _label(parameters: RepresentativeParameters) -> str:
    return ", ".join(f"{name} {_text(getattr(parameters, name))}" for name in GRID)


def _text(value: object) -> str:
    return f"{value[0]:g} to {value[1]:g}" if isinstance(value, tuple) else f"{value:g}"


def _prepare(frame: CohortFrame, masks: OrganMasks, fold: int) -> _Prepared:
    image = frame.image()
    geometry = detect_scan_geometry(image.pixels, color=image.color)
    calibration = calibrate(image, geometry, area=masks.liver | masks.right_kidney)
    width, height = roi_size_px(calibration, geometry, 15.0)
    placement = PlacementInput(image.pixels, masks, geometry.mask, geometry.depth_map(), width, height)
    return _Prepared(Case(frame, fold, "", None, calibration), image, geometry, placement)


def _measure(item: _Prepared, parameters: RepresentativeParameters) -> Case:
    template = replace(item.template, placement=_label(parameters))
    try:
        rois = place_representative(item.placement, parameters)
        measurement = measure_hri(item.image, rois.liver.roi, rois.kidney.roi, item.geometry, item.template.calibration)
    except (PlacementError, MeasurementError) as error:
        return replace(template, message=str(error))
    return replace(template, measurement=measurement)


def _effect(
    name: str, value: object, parameters: RepresentativeParameters, cases: Sequence[Case], cohort: Cohort, criterion
) -> ParameterEffect:
    index = first_frame_values(cases)
    known = [patient for patient in index if np.isfinite(index[patient])]
    values = [index[patient] for patient in known]
    return ParameterEffect(
        parameter=name,
        value=_text(value),
        default=parameters == DEFAULTS,
        icc=criterion(cases),
        auc=auc_value([cohort.patients[patient].fatty for patient in known], values),
        spearman=spearman_value(values, [cohort.patients[patient].fat_percent for patient in known]),
    )
