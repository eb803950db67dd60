"""``liver-ultrasound agreement``: a table of answers in, tables, plots and one self-contained HTML report out."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from .. import __version__
from ..files.writing import write_text
from ..imaging.image import InputError
from ..statistics.interval import Estimate
from .answers import QUANTITIES, AnswerTable, read_answers
from .comparison import Comparison, StudySettings, analyze
from .plots import agreement_svg
from .tables import (
    AGREEMENT_COLUMNS,
    DETAIL_COLUMNS,
    FORM_COLUMNS,
    OVERLAP_COLUMNS,
    Row,
    agreement_rows,
    csv_text,
    form_rows,
    overlap_rows,
)

HEADINGS = {"liver": "Liver", "kidney": "Kidney", "hri": "HRI"}

STYLE = """
body { font-family: sans-serif; max-width: 66em; margin: 2em auto; padding: 0 1em; color: #222; line-height: 1.4 }
table { border-collapse: collapse; margin: 1em 0; font-size: 0.88em }
th, td { padding: 0.3em 0.7em; text-align: left; border-bottom: 1px solid #ddd; vertical-align: top }
thead th { border-bottom: 2px solid #888 }
figure { margin: 1.5em 0 } figcaption { font-size: 0.9em; margin-bottom: 0.3em }
svg { max-width: 100%; height: auto } .wide { overflow-x: auto }
"""


@dataclass(frozen=True)
class Study:
    """An analyzed table. ``overlap`` is empty where the table holds no ROIs."""

    table: AnswerTable
    settings: StudySettings
    comparisons: tuple[Comparison, ...]
    overlap: tuple[Row, ...]

    @property
    def excluded(self) -> tuple[str, ...]:
        return self.table.excluded


def analyze_file(source: str | os.PathLike, out: str | os.PathLike, settings: StudySettings | None = None) -> Study:
    """Analyze a CSV file of answers and write everything to the folder ``out``.

    Raises :class:`InputError` for a file that is no such table, that holds nothing to compare, or for an output that
    cannot be written.
    """
    settings = settings or StudySettings()
    table = read_answers(source)
    comparisons = analyze(table, settings)
    if not comparisons:
        raise InputError(
            f"{Path(source).name} holds nothing to compare: at least five images that two readers, or one reader in "
            "two sessions, have both measured are needed."
        )
    study = Study(table, settings, comparisons, tuple(overlap_rows(table)))
    write_study(study, Path(out))
    return study


def write_study(study: Study, out: Path) -> None:
    """Write every table, ``plots/*.svg`` and ``report.html``."""
    plots = out / "plots"
    try:
        plots.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The output folder {out.name} cannot be made; choose another one.") from error
    rows = agreement_rows(study.comparisons)
    write_text(out / "agreement.csv", csv_text(AGREEMENT_COLUMNS, rows))
    write_text(out / "agreement_details.csv", csv_text(DETAIL_COLUMNS, rows))
    write_text(out / "icc_forms.csv", csv_text(FORM_COLUMNS, form_rows(study.comparisons)))
    if study.overlap:
        write_text(out / "roi_overlap.csv", csv_text(OVERLAP_COLUMNS, study.overlap))
    pairs = [comparison for comparison in study.comparisons if comparison.bland_altman is not None]
    drawings = [(comparison, agreement_svg(comparison)) for comparison in pairs]
    for number, (comparison, svg) in enumerate(drawings, 1):
        write_text(plots / f"{number:02d}_{comparison.quantity}.svg", svg)
    write_text(out / "report.html", report_html(study, drawings))


def report_html(study: Study, drawings: Sequence[tuple[Comparison, str]]) -> str:
    """The report as one HTML document that loads nothing from anywhere."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><title>Agreement of the hepatorenal index</title>',
        f"<style>{STYLE}</style></head><body>",
        "<h1>Agreement of the hepatorenal index</h1>",
        _method(study),
        "<h2>Intraclass correlation</h2>",
        _summary_table(study.comparisons),
        "<h2>Differences</h2>",
        _difference_table(study.comparisons),
    ]
    if study.overlap:
        parts += [
            "<h2>ROIs of the readers</h2>",
            _html_table(OVERLAP_COLUMNS, [list(r.values()) for r in study.overlap]),
        ]
    forms = [list(row.values()) for row in form_rows(study.comparisons)]
    parts += [
        "<h2>All forms of the intraclass correlation</h2>",
        "<p>These intervals are F-based and take images as independent.</p>",
        f"<details><summary>{len(forms)} rows</summary>{_html_table(FORM_COLUMNS, forms)}</details>",
        "<h2>Left out</h2>",
        _excluded(study),
        "<h2>Plots</h2>",
        *(
            f"<figure><figcaption>{escape(comparison.name)}, {HEADINGS[comparison.quantity]}</figcaption>{svg}</figure>"
            for comparison, svg in drawings
        ),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _method(study: Study) -> str:
    table, settings = study.table, study.settings
    images, patients = len(table.images), len(set(table.patients()))
    clustered = patients < images
    readers = ", ".join(f"{r} (sessions {', '.join(table.sessions(r))})" for r in table.readers)
    interval = (
        f"Intervals (95%) resample the patients, each with all images ({settings.replicates} replicates, percentile, "
        f"seed {settings.seed})."
        if clustered
        else "Intervals (95%) are analytic: F-based (ICC), t (Bland-Altman), Fisher's z (Lin)."
    )
    return (
        f"<p>{images} images of {patients} patients; readers {escape(readers)}; "
        f"{'with' if table.has_algorithm else 'without'} the algorithm. {settings.form.value} "
        f"({settings.form.mcgraw_wong} of McGraw and Wong 1996): {settings.form.words}. {interval} In words, by Cha et "
        "al., Ultrasonography 2021;40:565: 0 to 0.50 poor, 0.51 to 0.70 moderate, 0.71 to 0.90 high, 0.91 to 1.0 "
        f"excellent. LiverUltrasound {__version__}.</p>"
    )


def _summary_table(comparisons: Sequence[Comparison]) -> str:
    """Comparisons down, quantities across: the layout of Tables 2 and 3 of Cha et al. 2021."""
    by_name: dict[str, dict[str, Comparison]] = {}
    for comparison in comparisons:
        by_name.setdefault(comparison.name, {})[comparison.quantity] = comparison
    rows = []
    for name, quantities in by_name.items():
        any_one = next(iter(quantities.values()))
        cells = [f"{c.icc} {c.word}" if (c := quantities.get(q)) else "-" for q in QUANTITIES]
        rows.append([name, len(any_one.images), any_one.dropped, *cells])
    return _html_table(("comparison", "images", "missing", *(HEADINGS[q] for q in QUANTITIES)), rows)


def _difference_table(comparisons: Sequence[Comparison]) -> str:
    rows = [
        [
            *(c.name, HEADINGS[c.quantity], c.bias, c.loa_low, c.loa_high, c.bland_altman.slope),
            f"{c.bland_altman.slope_p:.3f}" if math.isfinite(c.bland_altman.slope_p) else "-",
            c.ccc,
        ]
        for c in comparisons
        if c.bland_altman is not None
    ]
    header = ("comparison", "quantity", "mean difference", "lower limit of agreement", "upper limit of agreement")
    note = (
        "<p>First minus second. Limits of agreement: mean difference +- 1.96 SD. Proportional bias: slope of the "
        "differences on the means; its interval and p take images as independent.</p>"
    )
    return note + _html_table((*header, "proportional bias", "p", "Lin's CCC"), rows)


def _excluded(study: Study) -> str:
    if not study.excluded:
        return "<p>No answer was left out.</p>"
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in study.excluded) + "</ul>"


def _html_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(_text(v))}</td>" for v in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}" if math.isfinite(value) else "-"
    if isinstance(value, Estimate):
        return str(value) if math.isfinite(value.value) else "-"
    return str(value)
