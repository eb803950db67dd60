"""Comparisons as tables: ``agreement.csv`` and the tables that go with it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..files.csv_table import guarded
from .answers import ALGORITHM, AnswerTable, Box
from .comparison import Comparison

AGREEMENT_COLUMNS = (
    *("comparison", "quantity", "form", "n", "icc", "icc_low", "icc_high"),
    *("bias", "loa_low", "loa_high", "ccc"),
)
# the same rows with what is needed to judge them
DETAIL_COLUMNS = (
    *AGREEMENT_COLUMNS,
    *("word", "patients", "missing", "interval", "bias_low", "bias_high", "loa_low_low", "loa_low_high"),
    *("loa_high_low", "loa_high_high", "ccc_low", "ccc_high", "slope", "slope_low", "slope_high", "slope_p"),
)
FORM_COLUMNS = (
    "comparison",
    "quantity",
    "form",
    "mcgraw_wong",
    "description",
    "n",
    "raters",
    "icc",
    "icc_low",
    "icc_high",
)
OVERLAP_COLUMNS = ("comparison", "organ", "n", "median_distance_px", "mean_jaccard", "share_overlapping")

# the values behind every comparison of two raters
PAIR_COLUMNS = (
    *("comparison", "quantity", "patient", "image", "first_rater", "second_rater", "first", "second"),
    *("mean", "difference"),
)

Row = dict[str, object]


def agreement_rows(comparisons: Iterable[Comparison]) -> list[Row]:
    """One row per comparison and quantity, with ``DETAIL_COLUMNS``; ``None`` where undefined."""
    rows = []
    for c in comparisons:
        row: Row = {
            "comparison": c.name,
            "quantity": c.quantity,
            "form": c.form.value,
            "n": len(c.images),
            "icc": c.icc.value,
            "icc_low": c.icc.low,
            "icc_high": c.icc.high,
            "word": c.word,
            "patients": c.patient_count,
            "missing": c.dropped,
            "interval": c.icc.method,
        }
        if c.bland_altman is not None:
            for name in ("bias", "loa_low", "loa_high", "ccc"):
                row |= _limits(name, getattr(c, name))
            row |= _limits("slope", c.bland_altman.slope) | {"slope_p": c.bland_altman.slope_p}
        rows.append({name: row.get(name) for name in DETAIL_COLUMNS})
    return rows


def pair_rows(comparisons: Iterable[Comparison]) -> list[Row]:
    """The two values of every image that both raters measured, with ``PAIR_COLUMNS``; first minus second."""
    return [
        {
            "comparison": c.name,
            "quantity": c.quantity,
            "patient": str(patient),
            "image": image,
            "first_rater": c.raters[0],
            "second_rater": c.raters[1],
            "first": first,
            "second": second,
            "mean": (first + second) / 2,
            "difference": first - second,
        }
        for c in comparisons
        if c.bland_altman is not None
        for image, patient, (first, second) in zip(c.images, c.patients, c.ratings.tolist(), strict=True)
    ]


def form_rows(comparisons: Iterable[Comparison]) -> list[Row]:
    """All six forms of every comparison, with F-based intervals that take images as independent."""
    return [
        {
            "comparison": c.name,
            "quantity": c.quantity,
            "form": form.value,
            "mcgraw_wong": form.mcgraw_wong,
            "description": form.words,
            "n": result.subjects,
            "raters": result.raters,
            "icc": result.value,
            "icc_low": result.low,
            "icc_high": result.high,
        }
        for c in comparisons
        for form, result in c.all_forms.items()
    ]


def overlap_rows(table: AnswerTable) -> list[Row]:
    """Overlap and distance of the ROIs of every two readers (or sessions of one) on the images that both marked."""
    columns = [
        (r, s) for r in (*table.readers, *((ALGORITHM,) if table.has_algorithm else ())) for s in table.sessions(r)
    ]
    rows = []
    for i, first in enumerate(columns):
        for second in columns[i + 1 :]:
            if first[1] != second[1] and first[0] != second[0] and ALGORITHM not in (first[0], second[0]):
                continue  # other readers in other sessions say nothing new
            for organ in ("liver", "kidney"):
                pairs = zip(table.boxes(*first, organ), table.boxes(*second, organ), strict=True)
                both = [(a, b) for a, b in pairs if a is not None and b is not None]
                if both:
                    rows.append(_overlap_row(first, second, organ, both))
    return rows


def box_jaccard(a: Box, b: Box) -> float:
    """Intersection over union of two rectangles."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / (a.width * a.height + b.width * b.height - shared)


def box_distance(a: Box, b: Box) -> float:
    """Distance of the centers of two rectangles, in pixels."""
    return math.hypot(a.x + a.width / 2 - b.x - b.width / 2, a.y + a.height / 2 - b.y - b.height / 2)


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Rows as CSV; numbers with six significant digits, missing values empty, no cell that a spreadsheet would run."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in columns])
    return buffer.getvalue()


def _limits(name: str, estimate) -> Row:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _overlap_row(first: tuple[str, str], second: tuple[str, str], organ: str, both: list[tuple[Box, Box]]) -> Row:
    jaccard = np.array([box_jaccard(a, b) for a, b in both])
    distance = np.array([box_distance(a, b) for a, b in both])
    return {
        "comparison": " and ".join(f"{reader} session {session}" for reader, session in (first, second)),
        "organ": organ,
        "n": len(both),
        "median_distance_px": float(np.median(distance)),
        "mean_jaccard": float(jaccard.mean()),
        "share_overlapping": float((jaccard > 0).mean()),
    }


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return f"{value:.6g}" if math.isfinite(value) else ""
    return guarded(value) if isinstance(value, str) else str(value)
