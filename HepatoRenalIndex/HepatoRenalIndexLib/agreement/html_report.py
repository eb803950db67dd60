"""The report as one HTML document that loads nothing from anywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from .. import __version__
from ..statistics.interval import Estimate
from .analysis import Study
from .answers import QUANTITIES
from .comparison import Comparison
from .layout import MISSING, ROW_NAMES, GroupedTable, answer_counts, between_table, by_name, coefficient, within_table
from .plots import agreement_plot
from .tables import FORM_COLUMNS, OVERLAP_COLUMNS, form_rows

STYLE = """
body { font-family: sans-serif; max-width: 68em; margin: 2em auto; padding: 0 1em; color: #222; line-height: 1.4 }
table { border-collapse: collapse; margin: 1em 0 0.5em; font-size: 0.88em }
th, td { padding: 0.3em 0.7em; text-align: left; border-bottom: 1px solid #ddd; vertical-align: top }
thead tr:last-child th { border-bottom: 2px solid #888 }
thead th[colspan] { text-align: center }
.note { font-size: 0.85em; color: #555; margin: 0.2em 0 }
figure { margin: 1.2em 0 } figcaption { font-size: 0.9em; margin-bottom: 0.3em }
svg { max-width: 100%; height: auto } .wide { overflow-x: auto }
@media print { details { display: none } figure { break-inside: avoid } }
"""
OPEN_FIGURES = ("within reader ", "between readers ", "algorithm against mean", "algorithm against reader")


def report_html(study: Study) -> str:
    """The whole report of a study."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><title>Agreement of the hepatorenal index</title>',
        f"<style>{STYLE}</style></head><body>",
        "<h1>Agreement of the hepatorenal index</h1>",
        _method(study),
        *(_grouped(table) for table in (within_table(study.comparisons), between_table(study.comparisons)) if table),
        "<h2>Answers</h2>",
        html_table(
            ("reader", "session", "images measured", "images missing", *(ROW_NAMES[q] for q in QUANTITIES)),
            answer_counts(study.table),
        ),
        *(f'<p class="note">{escape(remark)}</p>' for remark in study.table.remarks),
        "<h2>Left out</h2>",
        _excluded(study),
        "<h2>Every comparison: intraclass correlation</h2>",
        _summary_table(study.comparisons),
        "<h2>Every comparison: differences</h2>",
        _difference_table(study.comparisons),
    ]
    if study.overlap:
        rows = [list(row.values()) for row in study.overlap]
        parts += ["<h2>ROIs of the readers</h2>", html_table(OVERLAP_COLUMNS, rows)]
    forms = [list(row.values()) for row in form_rows(study.comparisons)]
    parts += [
        "<h2>All forms of the intraclass correlation</h2>",
        "<p>These intervals are F-based and take images as independent.</p>",
        f"<details><summary>{len(forms)} rows</summary>{html_table(FORM_COLUMNS, forms)}</details>",
        "<h2>Plots</h2>",
        '<p class="note">Left: one against the other with the line of identity. Right: Bland-Altman, with the mean '
        "difference (solid), the limits of agreement (dashed), their 95% confidence intervals (gray bands) and the "
        "regression of the differences on the means (red, dotted).</p>",
        *_figures(study.comparisons),
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
    few = "" if patients >= 30 else f" With {patients} patients, the intervals say more than the coefficients."
    return (
        f"<p>{images} images of {patients} patients; readers {escape(readers)}; "
        f"{'with' if table.has_algorithm else 'without'} the algorithm. {settings.form.value} "
        f"({settings.form.mcgraw_wong} of McGraw and Wong 1996): {settings.form.words}. {interval}{few} In words, by "
        "Cha et al., Ultrasonography 2021;40:565: 0 to 0.50 poor, 0.51 to 0.70 moderate, 0.71 to 0.90 high, 0.91 to "
        "1.0 excellent. The coefficient depends on how much the patients differ: coefficients of studies with "
        "other patients are not comparable; limits of agreement are. For research use only. "
        f"LiverUltrasound {__version__}.</p>"
    )


def _summary_table(comparisons: Sequence[Comparison]) -> str:
    rows = []
    for name, found in by_name(comparisons).items():
        any_one = next(iter(found.values()))
        cells = [coefficient(found[q]) if q in found else MISSING for q in QUANTITIES]
        rows.append([name, len(any_one.images), any_one.dropped, *cells])
    return html_table(("comparison", "images", "missing", *(ROW_NAMES[q] for q in QUANTITIES)), rows)


def _difference_table(comparisons: Sequence[Comparison]) -> str:
    rows = [
        [
            *(c.name, ROW_NAMES[c.quantity], c.bias, c.loa_low, c.loa_high, c.bland_altman.slope),
            _p_value(c.bland_altman.slope_p),
            c.ccc,
        ]
        for c in comparisons
        if c.bland_altman is not None
    ]
    header = ("comparison", "quantity", "mean difference", "lower limit of agreement", "upper limit of agreement")
    note = (
        '<p class="note">First minus second. Limits of agreement: mean difference ± 1.96 SD. Proportional bias: slope '
        "of the differences on the means; p only where every image is of another patient.</p>"
    )
    return html_table((*header, "proportional bias", "p", "Lin's CCC"), rows) + note


def _excluded(study: Study) -> str:
    if not study.excluded:
        return "<p>No answer was left out.</p>"
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in study.excluded) + "</ul>"


def _figures(comparisons: Sequence[Comparison]) -> Iterable[str]:
    """The plots of each comparison: those of the published study at once, the others when asked for."""
    pairs = [comparison for comparison in comparisons if comparison.bland_altman is not None]
    for name, found in by_name(pairs).items():
        figures = "".join(f"<figure>{agreement_plot(comparison).svg()}</figure>" for comparison in found.values())
        title = escape(name[:1].upper() + name[1:])
        if name.startswith(OPEN_FIGURES):
            yield f"<h3>{title}</h3>{figures}"
        else:
            yield f"<details><summary>{title}</summary>{figures}</details>"


def _grouped(table: GroupedTable) -> str:
    groups = "".join(f'<th colspan="{len(names)}">{escape(group)}</th>' for group, names in table.groups)
    names = "".join(f"<th>{escape(name)}</th>" for _, names in table.groups for name in names)
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in table.notes)
    head = f"<tr><th></th>{groups}</tr><tr><th></th>{names}</tr>"
    return f"<h2>{escape(table.title)}</h2>{_framed(head, table.rows)}{notes}"


def html_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; floats with three digits, estimates with their interval, a dash for what is not known."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    return _framed(f"<tr>{head}</tr>", rows)


def _framed(head: str, rows: Iterable[Sequence[object]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{escape(_text(v))}</td>" for v in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _p_value(p: float) -> str:
    if not math.isfinite(p):
        return MISSING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _text(value: object) -> str:
    if value is None:
        return MISSING
    if isinstance(value, float):
        return f"{value:.3f}" if math.isfinite(value) else MISSING
    if isinstance(value, Estimate):
        return str(value) if math.isfinite(value.value) else MISSING
    return str(value)
