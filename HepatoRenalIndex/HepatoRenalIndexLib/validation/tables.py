"""The validation results as CSV tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..agreement.tables import DETAIL_COLUMNS, agreement_rows, csv_text
from ..files.writing import write_text
from ..statistics.interval import Estimate
from .hri import BiopsyAccuracy, with_algorithm

if TYPE_CHECKING:
    from .run import Validation

Row = dict[str, object]


def write_tables(validation: Validation, out: Path) -> tuple[str, ...]:
    """Write every table; returns the file names."""
    tables = {
        "cases.csv": _case_rows(validation),
        "segmentation.csv": _segmentation_rows(validation),
        "agreement.csv": _agreement_rows(validation),
        "study.csv": _study_rows(validation),
        "biopsy.csv": _biopsy_rows(validation),
        "patients.csv": _patient_rows(validation),
        "placement_choice.csv": _choice_rows(validation),
        "parameters.csv": [asdict(e) for e in validation.tuning.effects] if validation.tuning else [],
        "phantoms.csv": _phantom_rows(validation),
        "phantom_summary.csv": [asdict(summary) for summary in validation.phantom_summary],
    }
    written = []
    for name, rows in tables.items():
        rows = list(rows)
        if rows:
            columns = list(DETAIL_COLUMNS) if name == "agreement.csv" else list(rows[0])
            if name == "agreement.csv":
                columns.insert(0, "placement")
            write_text(out / name, csv_text(columns, rows))
            written.append(name)
    return tuple(written)


def _case_rows(validation: Validation) -> Iterable[Row]:
    for cases in validation.measured.cases.values():
        for case in cases:
            row: Row = {
                "placement": case.placement,
                "patient": case.frame.patient,
                "frame": case.frame.frame,
                "fold": case.fold,
                "message": case.message,
            }
            calibration, measurement = case.calibration, case.measurement
            row["spacing_mm"] = calibration.x_mm if calibration else None
            row["spacing_source"] = calibration.source.value if calibration else None
            for quantity in ("hri", "liver", "kidney"):
                row[quantity] = case.value(quantity)
            for organ in ("liver", "kidney"):
                statistics = getattr(measurement, organ) if measurement else None
                row[f"{organ}_x"], row[f"{organ}_y"] = statistics.roi.center if statistics else (None, None)
                row[f"{organ}_depth_px"] = statistics.depth_px if statistics else None
                row[f"{organ}_inside"] = getattr(case, f"{organ}_inside")
            row["roi_px"] = measurement.liver.roi.width if measurement else None
            row["flags"] = ";".join(dict.fromkeys(flag.code for flag in measurement.flags)) if measurement else None
            yield row


def _segmentation_rows(validation: Validation) -> Iterable[Row]:
    for overlap in validation.overlaps:
        yield {
            "patient": overlap.frame.patient,
            "frame": overlap.frame.frame,
            "organ": overlap.organ,
            "outline_quality": validation.cohort.patients[overlap.frame.patient].outline_quality,
            "jaccard": overlap.jaccard,
            "dice": overlap.dice,
            "mean_distance": overlap.distance.mean,
            "hausdorff95": overlap.distance.hausdorff95,
            "hausdorff": overlap.distance.hausdorff,
            "unit": "mm" if overlap.in_mm else "px",
        }


def _agreement_rows(validation: Validation) -> Iterable[Row]:
    for row in agreement_rows(validation.readers):
        yield {"placement": ""} | row
    for report in (*validation.placements, *(report for _, report in validation.selected)):
        for row in agreement_rows(report.agreement):
            yield {"placement": report.name} | row


def _study_rows(validation: Validation) -> Iterable[Row]:
    """The readers and the algorithm as one table that ``liver-ultrasound agreement`` takes."""
    cases = validation.measured.cases[validation.options.default]
    for answer in with_algorithm(validation.cohort.readers, cases).answers:
        liver, kidney = answer.liver_box, answer.kidney_box
        patient, _, frame = answer.image.partition("/")
        yield {
            **{"patient": patient, "frame": frame, "reader": answer.reader, "session": answer.session},
            **{"liver_x": liver.x if liver else None, "liver_y": liver.y if liver else None},
            **{"kidney_x": kidney.x if kidney else None, "kidney_y": kidney.y if kidney else None},
            **{"roi_px": liver.width if liver else None, "liver_mean": answer.liver, "kidney_mean": answer.kidney},
            "hri": answer.hri,
        }


def _biopsy_rows(validation: Validation) -> Iterable[Row]:
    named = [(report.name, accuracy) for report in validation.placements for accuracy in report.biopsy]
    named += [(report.name, accuracy) for _, report in validation.selected for accuracy in report.biopsy]
    if validation.readers_biopsy:
        named.append(("readers", validation.readers_biopsy))
    for name, accuracy in named:
        yield {"index": name, "per": accuracy.name} | _accuracy_row(accuracy)


def _accuracy_row(accuracy: BiopsyAccuracy) -> Row:
    row: Row = {"patients": accuracy.patients, "unmeasured": accuracy.unmeasured}
    for name in ("auc", "auc_delong", "spearman", "spearman_analytic"):
        row |= _limits(name, getattr(accuracy, name))
    for name in ("youden", "corner"):
        point = getattr(accuracy, name)
        row[f"{name}_threshold"] = point.threshold
        row |= _limits(f"{name}_sensitivity", point.sensitivity) | _limits(f"{name}_specificity", point.specificity)
    return row


def _limits(name: str, estimate: Estimate) -> Row:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _patient_rows(validation: Validation) -> Iterable[Row]:
    for failure in validation.failures:
        patient = validation.cohort.patients[failure.patient]
        yield {
            "patient": failure.patient,
            "fatty": patient.fatty,
            "fat_percent": patient.fat_percent,
            "hri": failure.hri,
            "readers_hri": failure.readers_hri,
            "liver_ratio": failure.liver_ratio,
            "kidney_ratio": failure.kidney_ratio,
            "liver_jaccard": failure.liver_jaccard,
            "kidney_jaccard": failure.kidney_jaccard,
            "reason": failure.reason,
        }


def _choice_rows(validation: Validation) -> Iterable[Row]:
    for nested, _ in validation.selected:
        for choice in nested.choices:
            for placement, score in choice.scores.items():
                yield {
                    "criterion": nested.criterion,
                    "left_out_fold": choice.fold,
                    "placement": placement,
                    "score": score,
                    "chosen": placement == choice.chosen,
                }


def _phantom_rows(validation: Validation) -> Iterable[Row]:
    for case in validation.phantoms:
        yield {
            "series": case.setting.series,
            "level": case.setting.level,
            "body": case.setting.body,
            "masks": case.masks,
            "hri": case.hri,
            "roi_truth": case.roi_truth,
            "true_hri": case.true_hri,
            "spacing_error": case.spacing_error,
            "flags": ";".join(dict.fromkeys(case.flags)),
            "message": case.message,
        }
