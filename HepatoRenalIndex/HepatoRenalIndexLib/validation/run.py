"""``liver-ultrasound validate`` and ``liver-ultrasound benchmark``: everything computed, then everything written."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..agreement.comparison import Comparison, StudySettings, analyze
from ..measurement.organs import Segmenter
from ..measurement.registry import DEFAULT_PLACEMENT, PLACEMENTS
from ..measurement.result import ModelIdentity
from ..pipeline.batch import Progress
from ..pipeline.outputs import prepare_folder
from ..simulation.parameters import Content
from ..simulation.phantom import Phantom, simulate
from ..simulation.randomize import random_parameters
from .benchmark import MemoryProfile, SearchTimes, StageTimes, profile_memory, time_search, time_stages
from .cases import MeasuredCohort, measure_cohort
from .cohort import Cohort, load_cohort
from .failures import Disagreement, disagreements
from .hri import BiopsyAccuracy, PlacementReport, biopsy_accuracy, evaluate_placement, reader_medians
from .phantoms import (
    DEFAULT_BODIES,
    PhantomCase,
    PhantomSummary,
    measure_phantoms,
    phantom_settings,
    summarize_phantoms,
)
from .reader_study import complete_study
from .segmentation import OrganOverlap, OrganSummary, segmentation_overlaps, summarize_segmentation
from .selection import NestedSelection, agreement_criterion, biopsy_criterion, nested_selection
from .tuning import Tuning, tune_representative

NO_FOLD = -1  # of a patient on whom nothing was trained


@dataclass(frozen=True)
class ValidationOptions:
    """``seed`` decides every bootstrap and phantom; ``bodies`` is the number of simulated bodies, 0 for no phantoms."""

    placements: tuple[str, ...] = tuple(PLACEMENTS)
    default: str = DEFAULT_PLACEMENT
    model: Path | None = None
    device: str = "cpu"
    seed: int = 0
    replicates: int = 2000
    bodies: int = DEFAULT_BODIES


@dataclass(frozen=True)
class Validation:
    """All results. ``selected`` are the nested choices of a placement and how the left-out patients fared."""

    options: ValidationOptions
    model: ModelIdentity
    folds: dict[int, tuple[int, ...]]  # fold -> its patients
    cohort: Cohort
    measured: MeasuredCohort
    overlaps: tuple[OrganOverlap, ...]
    segmentation: tuple[OrganSummary, ...]
    readers: tuple[Comparison, ...]
    readers_biopsy: BiopsyAccuracy | None
    placements: tuple[PlacementReport, ...]
    selected: tuple[tuple[NestedSelection, PlacementReport], ...]
    tuning: Tuning | None
    failures: tuple[Disagreement, ...]
    phantoms: tuple[PhantomCase, ...]
    phantom_summary: tuple[PhantomSummary, ...]

    @property
    def default(self) -> PlacementReport:
        return next(report for report in self.placements if report.name == self.options.default)


@dataclass(frozen=True)
class Benchmark:
    """All timings. ``search`` is ``None`` without scikit-learn, ``memory`` where the system does not tell it."""

    model: ModelIdentity
    stages: StageTimes
    search: SearchTimes | None
    memory: MemoryProfile | None


def validate(
    data: str | os.PathLike,
    out: str | os.PathLike,
    options: ValidationOptions | None = None,
    progress: Progress | None = None,
) -> Path:
    """Validate on the folder ``data`` and write ``validation.md``, CSV tables and PNG figures to ``out``.

    Returns the path of the report. Every patient is segmented by the network of its fold, which never saw it; a
    patient that no fold knows was in no training set and is segmented by the network that is shipped. Raises
    :class:`InputError` for a folder that is not the validation data or an output that cannot be written.
    """
    from ..inference.bundle import fold_of_patient, load_fold_segmenter, load_segmenter
    from .report import write_validation

    options = options or ValidationOptions()
    cohort = load_cohort(data)
    out = Path(out)
    prepare_folder(out)
    shipped = load_segmenter(options.model, options.device)

    def segmenter_of_fold(fold: int) -> Segmenter:
        return shipped if fold == NO_FOLD else load_fold_segmenter(fold, options.model, options.device)

    def fold(patient: int) -> int:
        try:
            return fold_of_patient(patient, options.model)
        except KeyError:
            return NO_FOLD

    validation = run_validation(cohort, options, shipped, segmenter_of_fold, fold, progress)
    settings = StudySettings(replicates=options.replicates, seed=options.seed)
    complete = complete_study(data, cohort, shipped.identity, segmenter_of_fold, fold, settings, progress)
    return write_validation(validation, out, complete)


def run_validation(
    cohort: Cohort,
    options: ValidationOptions,
    segmenter: Segmenter,
    segmenter_of_fold: Callable[[int], Segmenter],
    fold_of_patient: Callable[[int], int],
    progress: Progress | None = None,
) -> Validation:
    """Compute everything. ``segmenter`` is the network that is shipped; it only sees phantoms here."""
    rng = np.random.default_rng(options.seed)
    study = StudySettings(replicates=options.replicates, seed=options.seed)
    measured = measure_cohort(cohort, segmenter_of_fold, fold_of_patient, options.placements, progress)
    overlaps = segmentation_overlaps(measured)
    reports = tuple(evaluate_placement(name, measured.cases[name], cohort, rng, study) for name in options.placements)
    selected = []
    for label, criterion in (
        ("agreement with the readers", agreement_criterion(cohort.readers)),
        ("correlation with biopsy", biopsy_criterion(cohort)),
    ):
        nested = nested_selection(label, measured.cases, criterion)
        selected.append((nested, evaluate_placement(f"chosen by {label}", nested.cases, cohort, rng, study)))
    settings = phantom_settings(options.bodies, options.seed) if options.bodies else ()
    phantoms = measure_phantoms(settings, segmenter, options.default, progress)
    folds: dict[int, list[int]] = {}
    for patient in sorted(cohort.patients):
        folds.setdefault(fold_of_patient(patient), []).append(patient)
    medians = reader_medians(cohort.readers)
    return Validation(
        options=options,
        model=segmenter.identity,
        folds={fold: tuple(patients) for fold, patients in sorted(folds.items())},
        cohort=cohort,
        measured=measured,
        overlaps=overlaps,
        segmentation=summarize_segmentation(overlaps, rng) if overlaps else (),
        readers=analyze(cohort.readers, study),
        readers_biopsy=biopsy_accuracy("mean of the readers", medians, cohort.patients, rng, options.replicates),
        placements=reports,
        selected=tuple(selected),
        tuning=tune_representative(measured, cohort, rng, study, progress),
        failures=disagreements(measured.cases[options.default], cohort.readers, overlaps),
        phantoms=phantoms,
        phantom_summary=summarize_phantoms(phantoms),
    )


def benchmark(
    out: str | os.PathLike,
    *,
    data: str | os.PathLike | None = None,
    model: Path | None = None,
    threads: int = 2,
    memory_frames: int = 1000,
    progress: Progress | None = None,
) -> Path:
    """Time the job on ``threads`` CPU threads and write ``benchmark.md`` and ``benchmark.csv`` to ``out``.

    Frames are the first ones of every patient of ``data``, or phantoms without it. ``memory_frames`` 0 leaves the
    memory run out. Returns the path of the report.
    """
    from ..inference.bundle import load_segmenter
    from .report_benchmark import write_benchmark

    out = Path(out)
    prepare_folder(out)
    segmenter = load_segmenter(model, "cpu")
    tell = progress or (lambda done, total, name: None)
    tell(0, 4, "frames")
    phantoms = benchmark_phantoms()
    frames = [frame.image() for frame in load_cohort(data).first_frames] if data else [p.image for p in phantoms]
    tell(1, 4, "stage times")
    stages = time_stages(frames, segmenter, threads=threads)
    tell(2, 4, "mixture and window search")
    search = search_benchmark(phantoms[0])
    tell(3, 4, "memory")
    memory = profile_memory(frames, segmenter, memory_frames) if memory_frames else None
    tell(4, 4, "")
    return write_benchmark(Benchmark(segmenter.identity, stages, search, memory), "real" if data else "simulated", out)


def benchmark_phantoms(count: int = 12) -> Sequence[Phantom]:
    """Simulated frames of different scanners, all of 640 x 480 pixels (the published image size)."""
    return [
        simulate(random_parameters(np.random.default_rng([1, seed]), Content.LIVER_KIDNEY, size=(480, 640)))
        for seed in range(count)
    ]


def search_benchmark(phantom: Phantom) -> SearchTimes | None:
    """Mixture and window search in the liver of a phantom; ``None`` without scikit-learn."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        return None
    side = max(round(15.0 / phantom.spacing_mm[1]), 3)
    return time_search(phantom.image.pixels, phantom.masks.liver, side)


__all__ = ["Benchmark", "Validation", "ValidationOptions", "benchmark", "run_validation", "validate"]
