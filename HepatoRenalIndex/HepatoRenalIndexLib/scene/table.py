"""Results as a table node."""

from __future__ import annotations

from collections.abc import Iterable

from ..measurement.columns import COLUMNS, GRAY_LEVEL, PIXEL, RATIO, SHARE, Column
from ..measurement.result import FrameResult

_UNIT_MEANINGS = {"mm": "millimeter", RATIO: "ratio", SHARE: "no units", PIXEL: "pixels", GRAY_LEVEL: "gray levels"}

_UNIT_LABELS = {RATIO: "", SHARE: "", PIXEL: "pixel", GRAY_LEVEL: "gray level"}  # as Slicer shows them to people


def add_table(scene, results: Iterable[FrameResult], name: str):
    """Add a ``vtkMRMLTableNode``, one row per measurement, with the columns of the CSV file."""
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", name)
    update_table(table, results)
    table.SetLocked(True)
    return table


def update_table(table, results: Iterable[FrameResult]) -> None:
    """Replace the rows of a table node, in one step for whoever observes it.

    Numbers are double columns, ``nan`` where a value is missing. Unit labels are for people; DICOM codes of
    units (UCUM) and derivations are column properties under the names that Slicer's Segment Statistics uses.
    """
    import slicer

    results = list(results)
    with slicer.util.NodeModify(table):
        table.RemoveAllColumns()
        for column in COLUMNS:
            table.AddColumn(_array(column, results))
            table.SetColumnType(column.name, _vtk_type(column))
            table.SetColumnUnitLabel(column.name, _UNIT_LABELS.get(column.unit, column.unit))
            table.SetColumnDescription(column.name, column.description)
            for key, code in _codes(column):
                table.SetColumnProperty(column.name, key, code)
            if column.kind is not str:
                table.SetColumnNullValue(column.name, "nan")


def _codes(column: Column) -> list[tuple[str, str]]:
    """Names and values of the column properties that hold DICOM codes."""
    codes = []
    if column.derivation is not None:
        codes.append(("DICOM.DerivationCode", column.derivation))
    if column.unit:
        codes.append(("DICOM.UnitsCode", ("UCUM", column.unit, _UNIT_MEANINGS[column.unit])))
    return [
        (key, f"CodeValue:{value}|CodingSchemeDesignator:{scheme}|CodeMeaning:{meaning}")
        for key, (scheme, value, meaning) in codes
    ]


def _vtk_type(column: Column) -> int:
    import vtk

    return vtk.VTK_STRING if column.kind is str else vtk.VTK_DOUBLE


def _array(column: Column, results: list[FrameResult]):
    import vtk

    array = vtk.vtkStringArray() if column.kind is str else vtk.vtkDoubleArray()
    array.SetName(column.name)
    for result in results:
        value = column.value(result)
        if column.kind is str:
            array.InsertNextValue(value or "")
        else:
            array.InsertNextValue(float("nan") if value is None else value)
    return array
