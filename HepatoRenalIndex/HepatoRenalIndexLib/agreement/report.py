"""``liver-ultrasound agreement``: a table of answers in, tables, plots and one self-contained HTML report out."""

from __future__ import annotations

from pathlib import Path

from ..files.writing import write_bytes, write_text
from ..imaging.image import InputError
from .analysis import Study, study_of
from .answers import EXCLUSION_COLUMNS, AnswerTable
from .comparison import StudySettings
from .html_report import report_html
from .layout import GroupedTable, between_table, within_table
from .plots import agreement_plot
from .tables import (
    AGREEMENT_COLUMNS,
    DETAIL_COLUMNS,
    FORM_COLUMNS,
    OVERLAP_COLUMNS,
    PAIR_COLUMNS,
    agreement_rows,
    csv_text,
    form_rows,
    pair_rows,
)

REPORT_NAME = "report.html"
WITHIN_NAME, BETWEEN_NAME = "within_readers.csv", "between_readers.csv"
DETAILS_NAME = "agreement_details.csv"
EXCLUDED_NAME = "excluded.csv"
PAIRS_NAME = "pairs.csv"
_OVERLAP_NAME = "roi_overlap.csv"


def analyze_table(table: AnswerTable, out: str | Path, settings: StudySettings | None = None) -> Study:
    """Analyze answers and write everything to the folder ``out``.

    Raises :class:`InputError` where there is nothing to compare, or for an output that cannot be written.
    """
    study = study_of(table, settings)
    write_study(study, Path(out))
    return study


def write_study(study: Study, out: Path) -> None:
    """Write every table, each plot as SVG and PNG in ``plots``, and the report.

    What an earlier run wrote there and this one does not is removed. Raises :class:`InputError` for a folder that
    cannot be written.
    """
    try:
        _write(study, out)
    except OSError as error:
        raise InputError(
            f"The output folder {out.name} cannot be written ({error.strerror}); choose another one."
        ) from error


def _write(study: Study, out: Path) -> None:
    plots = out / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    rows = agreement_rows(study.comparisons)
    texts = {
        "agreement.csv": csv_text(AGREEMENT_COLUMNS, rows),
        DETAILS_NAME: csv_text(DETAIL_COLUMNS, rows),
        "icc_forms.csv": csv_text(FORM_COLUMNS, form_rows(study.comparisons)),
        _OVERLAP_NAME: csv_text(OVERLAP_COLUMNS, study.overlap) if study.overlap else None,
        WITHIN_NAME: _grouped_csv(within_table(study.comparisons)),
        BETWEEN_NAME: _grouped_csv(between_table(study.comparisons)),
        EXCLUDED_NAME: csv_text(EXCLUSION_COLUMNS, (exclusion.row() for exclusion in study.table.exclusions)),
        PAIRS_NAME: csv_text(PAIR_COLUMNS, pair_rows(study.comparisons)),
        REPORT_NAME: report_html(study),
    }
    pairs = [comparison for comparison in study.comparisons if comparison.bland_altman is not None]
    drawings = {f"{n:02d}_{c.quantity}": agreement_plot(c) for n, c in enumerate(pairs, 1)}
    for pattern in ("[0-9]*_*.svg", "[0-9]*_*.png"):
        for old in plots.glob(pattern):
            if old.stem not in drawings:
                old.unlink()
    for stem, drawing in drawings.items():
        write_text(plots / f"{stem}.svg", drawing.svg())
        write_bytes(plots / f"{stem}.png", drawing.png())
    for name, text in texts.items():
        if text is None:
            (out / name).unlink(missing_ok=True)
        else:
            write_text(out / name, text)


def _grouped_csv(table: GroupedTable | None) -> str | None:
    if table is None:
        return None
    columns = ("quantity", *table.columns[1:])
    return csv_text(columns, (dict(zip(columns, row, strict=True)) for row in table.rows))
