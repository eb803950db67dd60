"""The validation report: one Markdown file, its figures and its tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..agreement.answers import Box
from ..agreement.report import write_study
from ..files.writing import write_text
from ..measurement.roi import Roi
from . import figures
from .hri import (
    PUBLISHED_ICC,
    PUBLISHED_PHYSICIAN,
    SMALLEST_INSIDE,
    BiopsyAccuracy,
    PlacementReport,
    patient_medians,
)
from .markdown import interval, number, percent, table
from .phantoms import KNOWN, NETWORK
from .reader_study import CompleteStudy, study_section
from .segmentation import ORGANS, PUBLISHED_JACCARD, worst_frames
from .tables import write_tables

if TYPE_CHECKING:
    from .run import Validation

REPORT_NAME = "validation.md"
WORST_PATIENTS = 6


def write_validation(validation: Validation, out: Path, complete: CompleteStudy | None = None) -> Path:
    """Write ``validation.md``, the CSV tables and the figures to the folder ``out``; returns the report's path.

    ``complete`` is the reader study; all of its tables and plots go to ``out/reader_study``.
    """
    if complete is not None:
        write_study(complete.study, out / "reader_study")
    sections = [
        _head(validation),
        _segmentation(validation, out),
        _coverage(validation),
        _agreement(validation, out),
        study_section(complete) if complete is not None else "",
        _biopsy(validation, out),
        _placements(validation, out),
        _tuning(validation),
        _failures(validation, out),
        _phantoms(validation, out),
        "## Tables\n\n" + "\n".join(f"- `{name}`" for name in write_tables(validation, out)) + "\n",
    ]
    path = out / REPORT_NAME
    write_text(path, "\n".join(section for section in sections if section))
    return path


def _head(validation: Validation) -> str:
    options, cohort = validation.options, validation.cohort
    fatty = sum(patient.fatty for patient in cohort.patients.values())
    folds = "; ".join(
        f"{f'fold {fold}' if fold >= 0 else 'no fold'}: {', '.join(map(str, patients))}"
        for fold, patients in validation.folds.items()
    )
    return (
        "# Validation\n\n"
        "Reproduce with `liver-ultrasound validate DATA_DIR -o OUT`.\n\n"
        f"Version {__version__}; model {validation.model.name} {validation.model.version}; seed {options.seed}; "
        f"{options.replicates} bootstrap replicates.\n"
        f"{len(cohort.frames)} images of {len(cohort.patients)} patients ({fatty} with fatty liver by biopsy). Every "
        "image was segmented by a network that never saw its patient. The frames of a patient depend on each other, "
        "so intervals resample patients (95%, percentile bootstrap).\n\n"
        f"Patients left out in each fold - {folds}.\n"
    )


def _segmentation(validation: Validation, out: Path) -> str:
    if not validation.segmentation:
        return ""
    rows = [
        (
            summary.organ.replace("_", " "),
            summary.frames,
            summary.mean_jaccard,
            summary.median_jaccard,
            PUBLISHED_JACCARD[summary.organ],
            percent(summary.poor),
            summary.mean_dice,
            number(summary.mean_distance, 1),
            number(summary.median_hausdorff95, 1),
        )
        for summary in validation.segmentation
    ]
    worst = [row for organ in ORGANS for row in worst_frames(validation.overlaps, organ)]
    figures.draw_worst(worst, validation.measured.masks, out / "segmentation_worst.png")
    header = ("organ", "frames", "mean Jaccard", "median", "published", "under 0.70", "mean Dice")
    return (
        "## Segmentation against human outlines, cross-validated by patient\n\n"
        + table((*header, "mean surface distance (mm)", "median 95% Hausdorff (mm)"), rows)
        + "\nPublished: Cha et al. 2021, trained on 1,377 images. The worst frames of each organ (solid: network, "
        "dashed: human; yellow liver, blue kidney):\n\n![worst frames](segmentation_worst.png)\n"
    )


def _coverage(validation: Validation) -> str:
    rows = []
    for report in validation.placements:
        c = report.coverage
        rows.append(
            (
                report.name,
                f"{c.measured} of {c.images}",
                c.images - c.measured,
                c.uncalibrated,
                percent(c.liver_inside),
                percent(c.kidney_inside),
                percent(c.liver_mean_inside),
                percent(c.kidney_mean_inside),
            )
        )
    default = validation.default.coverage
    flags = ", ".join(f"{code} {count}" for code, count in default.flags.items()) or "none"
    reasons = "".join(f"\n- {count} x: {message}" for message, count in default.reasons.items())
    header = ("placement", "measured", "refused", "uncalibrated", "liver ROI inside", "kidney ROI inside")
    return (
        "## Measured images, and ROIs inside the human outlines\n\n"
        + table((*header, "mean share of the liver ROI", "mean share of the kidney ROI"), rows)
        + f"\nInside: at least {SMALLEST_INSIDE:.0%} of the ROI's pixels lie in the outline "
        f"({default.outlined} outlined images). Flags with the default placement: {flags}.{reasons}\n"
    )


def _agreement(validation: Validation, out: Path) -> str:
    header = ("comparison", "quantity", "images", "ICC(2,1)", "", "bias", "limits of agreement", "CCC", "published ICC")
    rows = []
    for comparison in (*validation.default.agreement, *validation.readers):
        pair = comparison.bland_altman is not None
        published = PUBLISHED_ICC.get(comparison.quantity) if "mean of readers" in comparison.raters else None
        rows.append(
            (
                comparison.name,
                comparison.quantity,
                f"{len(comparison.images)} ({comparison.dropped} missing)",
                comparison.icc,
                comparison.word,
                comparison.bias,
                f"{number(comparison.loa_low.value)} to {number(comparison.loa_high.value)}" if pair else None,
                comparison.ccc.value if pair else None,
                published,
            )
        )
    against = validation.default.against_mean("hri")
    picture = ""
    if against is not None:
        figures.draw_agreement(against, validation.cohort, out / "agreement.png")
        picture = "\n![automatic index and mean of the readers](agreement.png)\n"
    excluded = "".join(f"\n- {sentence}" for sentence in validation.cohort.readers.excluded)
    return (
        f"## Agreement with the readers (placement {validation.default.name})\n\n"
        + table(header, rows)
        + "\nICC: two-way random, absolute agreement, single measurement; in words by the scale of Cha et al. 2021. "
        f"Differences are first minus second.{excluded}\n" + picture
    )


def _biopsy(validation: Validation, out: Path) -> str:
    report = validation.default
    named = [(f"automatic, {accuracy.name}", accuracy) for accuracy in report.biopsy]
    if validation.readers_biopsy is not None:
        named.append(("mean of the readers, median of the frames", validation.readers_biopsy))
    if not named:
        return ""
    values = patient_medians(validation.measured.cases[report.name])
    figures.draw_biopsy(named, values, validation.cohort, out / "biopsy.png")
    rows = [_biopsy_row(label, accuracy) for label, accuracy in named]
    p = PUBLISHED_PHYSICIAN
    rows.append(
        (
            "physician, published on 55 patients",
            55,
            0,
            p["auc"],
            None,
            p["spearman"],
            p["sensitivity"],
            p["specificity"],
            None,
        )
    )
    header = (
        "index",
        "patients",
        "not measured",
        "AUC",
        "DeLong interval",
        "Spearman with fat",
        "sensitivity",
        "specificity",
    )
    return (
        "## The index against biopsy\n\n"
        + table((*header, "at HRI"), rows)
        + "\nSensitivity and specificity at Youden's point of the same patients: optimistic, and the threshold does "
        "not transfer to other devices.\n\n![ROC curves and index over fat](biopsy.png)\n"
    )


def _biopsy_row(label: str, a: BiopsyAccuracy) -> tuple:
    delong = f"{number(a.auc_delong.low)} to {number(a.auc_delong.high)}"
    point = a.youden
    return (
        *(label, a.patients, a.unmeasured, a.auc, delong, a.spearman),
        *(interval(point.sensitivity, 2), interval(point.specificity, 2), number(point.threshold, 2)),
    )


def _placements(validation: Validation, out: Path) -> str:
    selected = [report for _, report in validation.selected]
    everyone = (*validation.placements, *selected)
    figures.draw_placements(everyone, out / "placements.png")
    header = (
        "placement",
        "measured",
        "ICC HRI",
        "ICC liver",
        "ICC kidney",
        "AUC",
        "Spearman",
        "AUC, first frame alone",
    )
    choices = []
    for nested, _ in validation.selected:
        for choice in nested.choices:
            scores = ", ".join(f"{name} {number(score)}" for name, score in choice.scores.items())
            choices.append((nested.criterion, choice.fold, scores, choice.chosen))
    return (
        "## Placements side by side, and chosen by cross-validation over patients\n\n"
        + table(header, [_placement_row(report) for report in everyone])
        + "\nThe last rows hold the left-out patients of every fold, measured with the placement that was best on all "
        "other patients. Criteria: ICC(2,1) of the index with the mean of the readers, or Spearman correlation with "
        "the percentage of fat, each times the share measured. The parameters inside a placement are the same in all "
        "folds.\n\n"
        + table(("criterion", "left-out fold", "on the other patients", "chosen"), choices)
        + "\n![placements](placements.png)\n"
    )


def _placement_row(report: PlacementReport) -> tuple:
    coefficients = [c.icc if (c := report.against_mean(q)) else None for q in ("hri", "liver", "kidney")]
    per_patient = report.biopsy[0] if report.biopsy else None
    first = report.biopsy[1] if len(report.biopsy) > 1 else None
    return (
        report.name,
        percent(report.coverage.measured / report.coverage.images),
        *coefficients,
        *((per_patient.auc, per_patient.spearman) if per_patient else (None, None)),
        first.auc if first else None,
    )


def _tuning(validation: Validation) -> str:
    tuning = validation.tuning
    if tuning is None:
        return ""
    header = ("", "measured", "ICC HRI", "ICC liver", "ICC kidney", "AUC", "Spearman")
    reports = table(header, [_placement_row(report)[:-1] for report in (tuning.default, tuning.nested)])
    choices = table(
        ("left-out fold", "chosen on the other patients"), [(c.fold, c.chosen) for c in tuning.selection.choices]
    )
    effects = table(
        ("parameter", "value", "ICC HRI", "AUC", "Spearman"),
        [(e.parameter, f"**{e.value}**" if e.default else e.value, e.icc, e.auc, e.spearman) for e in tuning.effects],
    )
    frames = len(tuning.selection.cases)
    return (
        "## Parameters of the placement `representative`\n\n"
        "Its defaults were set with these patients in sight. So that this does not flatter it, the parameters were "
        f"also chosen anew for every fold, on the other patients alone ({len(tuning.selection.choices[0].scores)} "
        f"combinations, criterion: ICC with the readers' mean), on the {frames} outlined frames:\n\n"
        f"{reports}\n{choices}\nOne parameter at a time, all else at its default (bold), on the same frames:\n\n"
        f"{effects}"
    )


def _failures(validation: Validation, out: Path) -> str:
    worst = validation.failures[:WORST_PATIENTS]
    if not worst:
        return ""
    figures.draw_disagreements(
        [
            (
                row.case.frame,
                f"{row.case.frame.name}: HRI {row.case.value('hri'):.2f}, readers (median) {row.readers_hri:.2f}",
                [*_automatic_rois(row.case), *_reader_rois(validation, row.case.frame.key)],
            )
            for row in worst
        ],
        validation.measured.masks,
        out / "disagreements.png",
    )
    rows = [
        (
            *(f.patient, number(f.hri, 2), number(f.readers_hri, 2)),
            *(number(v, 2) for v in (f.liver_ratio, f.kidney_ratio, f.liver_jaccard, f.kidney_jaccard)),
            f.reason,
        )
        for f in worst
    ]
    header = ("patient", "HRI", "readers", "liver ratio", "kidney ratio", "liver Jaccard", "kidney Jaccard", "why")
    return (
        "## Where it fails\n\nThe patients furthest from the readers (ratios: automatic over readers' brightness).\n\n"
        + table(header, rows)
        + "\nYellow and blue: automatic liver and kidney ROI; pink: the readers' ROIs.\n\n"
        "![largest differences](disagreements.png)\n"
    )


def _automatic_rois(case) -> list[tuple[Roi, str]]:
    return [(case.measurement.liver.roi, figures.LIVER), (case.measurement.kidney.roi, figures.KIDNEY)]


def _reader_rois(validation: Validation, image: str) -> list[tuple[Roi, str]]:
    boxes: list[Box | None] = []
    for answer in validation.cohort.readers.answers:
        if answer.image == image:
            boxes += [answer.liver_box, answer.kidney_box]
    sides = [(b.x, b.y, b.width, b.height) for b in boxes if b is not None]
    return [(Roi(*(round(v) for v in values)), figures.READER) for values in sides]


def _phantoms(validation: Validation, out: Path) -> str:
    if not validation.phantom_summary:
        return ""
    parts = []
    for masks, label in ((NETWORK, "organs found by the network"), (KNOWN, "organs known")):
        chosen = [summary for summary in validation.phantom_summary if summary.masks == masks]
        if not chosen:
            continue
        name = f"phantoms_{masks}.png"
        figures.draw_phantoms(chosen, masks, out / name)
        rows = [
            (
                *(s.series, s.level, s.frames, percent(s.refused)),
                *(number(v) for v in (s.mean_truth, s.roi_bias, s.roi_sd, s.true_bias, s.true_sd)),
                percent(s.shadow_flagged),
            )
            for s in chosen
        ]
        header = (
            "series",
            "level",
            "frames",
            "refused",
            "true HRI",
            "bias at the ROIs",
            "SD",
            "bias, frame",
            "SD, frame",
        )
        parts.append(f"### {label.capitalize()}\n\n{table((*header, 'flagged: shadow'), rows)}\n![errors]({name})\n")
    return (
        "## Simulated phantoms\n\n"
        "Measured minus noise-free truth, in units of the index: at the measured ROIs (what speckle, vessels and noise "
        "do), and against the frame's liver over cortex at equal depth (what placement and attenuation do as well).\n\n"
        + "\n".join(parts)
    )
