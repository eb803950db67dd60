"""The whole reader study on the validation images, as ``docs/reader-study.md`` tells users to run one."""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from ..agreement.analysis import Study, study_of
from ..agreement.comparison import Comparison, StudySettings
from ..agreement.tables import OVERLAP_COLUMNS
from ..measurement.organs import Segmenter
from ..measurement.result import ModelIdentity
from ..pipeline.batch import Progress
from ..study.algorithm import AlgorithmSummary, read_by_algorithm
from ..study.collect import study_answers
from ..study.create import Patients, StudyOptions, create_study
from ..study.definition import StudyImage
from ..study.importing import ImportSummary, import_table
from .cohort import Cohort
from .markdown import cell, table

_PATIENT = re.compile(r"p(\d+)_")
QUANTITY_NAMES = {"liver": "liver", "kidney": "kidney", "hri": "HRI"}

# Cha et al. 2021, Table 2 (radiologists 1 and 2) and Table 3 (sessions 1 and 2; average of the radiologists)
PUBLISHED_WITHIN = {"liver": "0.878, 0.935", "kidney": "0.905, 0.890", "hri": "0.701, 0.703"}
PUBLISHED_BETWEEN = {"liver": "0.892, 0.920", "kidney": "0.898, 0.874", "hri": "0.681, 0.579"}
PUBLISHED_ALGORITHM = {"liver": "0.919", "kidney": "0.916", "hri": "0.734"}


@dataclass(frozen=True)
class CompleteStudy:
    """The study and what happened on the way. ``side`` of the ROIs is in pixels."""

    side: int
    images: int
    patients: int
    refused: int
    imported: ImportSummary
    algorithm: AlgorithmSummary
    study: Study


def complete_study(
    data: str | os.PathLike,
    cohort: Cohort,
    model: ModelIdentity,
    segmenter_of_fold: Callable[[int], Segmenter],
    fold_of_patient: Callable[[int], int],
    settings: StudySettings,
    progress: Progress | None = None,
) -> CompleteStudy | None:
    """Create the study, bring in the readers' table, let the algorithm read, and compare.

    All ROIs have the size of the readers'. Every image is segmented by the network that never saw its patient.
    ``None`` where the readers' table holds no ROIs.
    """
    sides = Counter(int(answer.liver_box.width) for answer in cohort.readers.answers if answer.liver_box)
    if not sides:
        return None
    side = sides.most_common(1)[0][0]
    segmenter_of = cache(segmenter_of_fold)

    def segmenter(image: StudyImage) -> Segmenter:
        return segmenter_of(fold_of_patient(int(_PATIENT.match(Path(image.path).name)[1])))

    with tempfile.TemporaryDirectory() as folder:
        study = create_study(
            folder,
            [frame.path for frame in cohort.frames],
            StudyOptions(name="validation", roi_px=side, seed=settings.seed),
            Patients(pattern=_PATIENT),
            progress,
        )
        imported = import_table(study, Path(data) / "reader_rois.csv", progress=progress)
        identity = replace(model, version=f"{model.version} cross-validated")
        algorithm = read_by_algorithm(study, segmenter, identity, progress=progress)
        answers = study_answers(study, progress)
    patients = len({image.patient for image in study.images})
    compared = study_of(answers.table, settings)
    return CompleteStudy(side, len(study.images), patients, len(study.refused), imported, algorithm, compared)


def study_section(complete: CompleteStudy) -> str:
    """The section of the report."""
    header = ("comparison", "quantity", "images", "ICC(2,1)", "", "published", "mean difference", "limits of agreement")
    rows = [_row(comparison) for comparison in complete.study.comparisons if _is_published(comparison)]
    overlap = [row.values() for row in complete.study.overlap]
    answers = ", ".join(f"{reader}{session} {count}" for (reader, session), count in complete.imported.answers.items())
    left_out = "".join(f"\n- {sentence}" for sentence in complete.study.excluded)
    return (
        "## Reader study\n\n"
        f"The whole study with the commands of `liver-ultrasound study`: {complete.images} images of "
        f"{complete.patients} patients, {complete.refused} refused; ROIs of {complete.side} pixels for everybody, as "
        f"the readers' table has them; answers by reader and session: {answers}; the algorithm measured "
        f"{complete.algorithm.answered} images and refused {complete.algorithm.skipped}, each with the network that "
        f"never saw its patient. Answers left out: {len(complete.study.excluded)}.{left_out}\n\n"
        + table(header, rows)
        + "\nPublished: Cha et al. 2021, two radiologists on 294 patients; within: radiologists 1 and 2; between: "
        "sessions 1 and 2. Other patients, scanners and readers, so this is a comparison of orders. Intervals resample "
        "patients. Every comparison, interval and plot is in `reader_study/`.\n\n"
        + table([name.replace("_", " ") for name in OVERLAP_COLUMNS], overlap)
    )


def _is_published(comparison: Comparison) -> bool:
    return comparison.name.startswith(("within reader", "between readers")) or "mean of readers" in comparison.raters


def _row(comparison: Comparison) -> tuple[object, ...]:
    if comparison.name.startswith("within"):
        published = PUBLISHED_WITHIN
    else:
        published = PUBLISHED_BETWEEN if comparison.name.startswith("between") else PUBLISHED_ALGORITHM
    limits = None
    if comparison.bland_altman is not None:
        limits = f"{cell(comparison.loa_low.value)} to {cell(comparison.loa_high.value)}"
    return (
        comparison.name,
        QUANTITY_NAMES[comparison.quantity],
        f"{len(comparison.images)} ({comparison.dropped} missing)",
        comparison.icc,
        comparison.word,
        published[comparison.quantity],
        comparison.bias,
        limits,
    )
