"""Table nodes with the results: subjects, views, frames, contributions; one set for all subjects of a scene."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer
import vtk
from HepatoRenalIndexLib.files.writing import write_text
from HepatoRenalIndexLib.imaging.image import InputError
from slicer.i18n import tr as _

from ..estimation.tables import COLUMNS

Row = dict[str, Any]  # column -> text or number, None where it has no value
KIND_ATTRIBUTE = "SteatosisEstimator.Table"
INPUT_COLUMN, MODEL_COLUMN = "input_sha256", "model"
_PERCENT = ("%", "percent")
_SHARE = ("1", "no units")
_TEXTS = frozenset(
    (
        *("subject", "status", "message", "grade", "reference", "views", "flags", "model", "model_sha256", "version"),
        *("grade_cutoffs", "recipe", "variant", "view", "source", "name", "unit", INPUT_COLUMN),
    )
)
_UNITS = {
    **dict.fromkeys(("fat_percent", "fat_low", "fat_high", "adds_percent"), _PERCENT),
    **dict.fromkeys(("p_fatty_5", "p_fatty_10", "p_S0", "p_S1", "p_S2", "p_S3", "weight"), _SHARE),
}
_DESCRIPTIONS = {
    "subject": "Name of the subject",
    "status": "ok, or error with the reason in message",
    "message": "Doubts about the estimate in sentences",
    "fat_percent": "Estimated fat, percent of what the column reference names",
    "fat_low": "Lower limit of the 90% interval of the fat percentage",
    "fat_high": "Upper limit of the 90% interval of the fat percentage",
    "p_fatty_5": "Probability that the reference is at least 5 percent",
    "p_fatty_10": "Probability that the reference is at least 10 percent",
    "grade": "Steatosis grade S0 to S3 of the estimated fat percentage",
    "reference": "How fat was measured in training; percentages of different methods cannot be compared",
    "views": "Views that the estimate rests on",
    "flags": "Short names of doubts",
    "model": "Name of the model",
    "model_sha256": "SHA-256 of all files of the model",
    "version": "Version of LiverUltrasound",
    "p_S0": "Probability of grade S0",
    "p_S1": "Probability of grade S1",
    "p_S2": "Probability of grade S2",
    "p_S3": "Probability of grade S3",
    "grade_cutoffs": "Fat percentages between the grades S0/S1/S2/S3",
    "frames": "Frames that the estimate rests on",
    "recipe": "System that was trained",
    "variant": "Variant of the system",
    "view": "View that the image shows",
    "weight": "Share of the view in the estimate",
    "source": "Image or clip",
    "frame": "Frame of the clip, from 0",
    "name": "What was measured",
    "value": "Its value, in the unit beside it",
    "unit": "Unit of the value",
    "adds_percent": "What it adds to the estimate of an average training subject, percentage points",
    INPUT_COLUMN: "SHA-256 of the images, their pixel size, the model and the settings of the estimate",
}


@dataclass(frozen=True)
class TableKind:
    """One of the tables: its columns, and the parameter that holds it."""

    key: str
    parameter: str
    columns: tuple[str, ...]

    @property
    def title(self) -> str:
        return {
            "estimates": _("Liver fat"),
            "views": _("Liver fat by view"),
            "frames": _("Liver fat by frame"),
            "contributions": _("Liver fat by measurement"),
        }[self.key]


def _with_model(columns: Iterable[str]) -> tuple[str, ...]:
    first, *rest = columns
    return (first, MODEL_COLUMN, *rest)


ESTIMATES = TableKind("estimates", "estimateTable", (*COLUMNS["estimates"], INPUT_COLUMN))
VIEWS = TableKind("views", "viewTable", _with_model(COLUMNS["views"]))
FRAMES = TableKind("frames", "frameTable", _with_model(COLUMNS["frames"]))
CONTRIBUTIONS = TableKind("contributions", "contributionTable", _with_model(COLUMNS["contributions"]))
KINDS = (ESTIMATES, VIEWS, FRAMES, CONTRIBUTIONS)


def newTable(scene, kind: TableKind):
    """An empty table node with the columns of its kind."""
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", kind.title)
    table.SetAttribute(KIND_ATTRIBUTE, kind.key)
    with slicer.util.NodeModify(table):
        for name in kind.columns:
            isText = name in _TEXTS
            array = vtk.vtkStringArray() if isText else vtk.vtkDoubleArray()
            array.SetName(name)
            table.AddColumn(array)
            table.SetColumnType(name, vtk.VTK_STRING if isText else vtk.VTK_DOUBLE)
            table.SetColumnDescription(name, _description(kind, name))
            if name in _UNITS:
                unit, meaning = _UNITS[name]
                table.SetColumnUnitLabel(name, unit)
                code = f"CodeValue:{unit}|CodingSchemeDesignator:UCUM|CodeMeaning:{meaning}"
                table.SetColumnProperty(name, "DICOM.UnitsCode", code)
            if not isText:
                table.SetColumnNullValue(name, "nan")
    table.SetLocked(True)
    table.SetUseColumnTitleAsColumnHeader(True)
    return table


def _description(kind: TableKind, name: str) -> str:
    text = _DESCRIPTIONS[name]
    isRaw = kind is not ESTIMATES and name.startswith("p_fatty")
    return f"{text}, as the network or score gives it: not calibrated" if isRaw else text


def isTable(node, kind: TableKind) -> bool:
    """Whether the node has the columns that rows are found by."""
    if node is None or node.GetAttribute(KIND_ATTRIBUTE) != kind.key:
        return False
    return all(node.GetTable().GetColumnByName(name) is not None for name in ("subject", MODEL_COLUMN))


def replaceRows(table, kind: TableKind, subject: str, model: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Put the rows of a subject by a model in the place of those of before, at the end of the table."""
    content = table.GetTable()
    old = [i for i, row in enumerate(rowsOf(table, kind)) if (row["subject"], row[MODEL_COLUMN]) == (subject, model)]
    with slicer.util.NodeModify(table):
        for index in reversed(old):
            table.RemoveRow(index)
        for row in rows:
            table.AddEmptyRow()
            last = content.GetNumberOfRows() - 1
            for name in kind.columns:
                array = content.GetColumnByName(name)
                if array is None:  # a column that the user removed
                    continue
                value = {"subject": subject, MODEL_COLUMN: model, **row}.get(name)
                if name in _TEXTS:
                    array.SetValue(last, "" if value is None else str(value))
                else:
                    array.SetValue(last, math.nan if value is None else float(value))
                array.Modified()
        content.Modified()
        table.Modified()


def rowsOf(table, kind: TableKind) -> list[Row]:
    """All rows; ``None`` where a number is missing."""
    content = table.GetTable()
    return [
        {name: _value(content.GetColumnByName(name), index, name in _TEXTS) for name in kind.columns}
        for index in range(content.GetNumberOfRows())
    ]


def rowsFor(table, kind: TableKind, subject: str, model: str) -> list[Row]:
    """The rows of a subject by a model; none without a table."""
    if not isTable(table, kind):
        return []
    return [row for row in rowsOf(table, kind) if (row["subject"], row[MODEL_COLUMN]) == (subject, model)]


def saveCsv(table, kind: TableKind, path: str | Path) -> None:
    """Write the table as CSV. Raises ``InputError`` where the file cannot be written."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(kind.columns)
    for row in rowsOf(table, kind):
        writer.writerow(["" if row[name] is None else _number(row[name]) for name in kind.columns])
    try:
        write_text(Path(path), text.getvalue())
    except OSError as error:
        sentence = _("The table could not be written ({reason}); choose another folder.")
        raise InputError(sentence.format(reason=error.strerror)) from error


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value == int(value) else value


def _value(array, index: int, isText: bool) -> Any:
    if array is None or index >= array.GetNumberOfValues():
        return "" if isText else None
    value = array.GetValue(index)
    if isText:
        return str(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
