"""The table of results: one row per image or frame measured, and what several of them say together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import slicer

from ..files.writing import write_bytes
from ..measurement.columns import COLUMNS
from ..measurement.result import FrameResult
from ..pipeline.outputs import Row, csv_text, result_row
from ..scene.table import add_table, update_table

MANUAL_PLACEMENT = "manual"


@dataclass(frozen=True)
class Summary:
    """Several measurements together: median and interquartile range of the HRI, and their quotient."""

    count: int
    median: float
    lowerQuartile: float
    upperQuartile: float

    @property
    def interquartileRange(self) -> float:
        return self.upperQuartile - self.lowerQuartile

    @property
    def relativeRange(self) -> float:
        """IQR divided by the median."""
        return self.interquartileRange / self.median


def newTable(scene, name: str):
    """A new, empty table of results."""
    table = add_table(scene, [], name)
    table.SetUseColumnTitleAsColumnHeader(True)
    return table


def initialize(table) -> None:
    """Give an empty table the columns of the results."""
    update_table(table, [])
    table.SetLocked(True)
    table.SetUseColumnTitleAsColumnHeader(True)


def rowOf(result: FrameResult) -> Row:
    """The row of a result; ROIs placed by hand have no placement's name, so they are called manual."""
    row = result_row(result)
    if result.measurement is not None and result.placement is None:
        row["placement"] = MANUAL_PLACEMENT
    return row


def setRows(table, rows: Iterable[Row]) -> None:
    """Put rows into the table, each in the place of the row of the same source and frame, else at the end."""
    content = table.GetTable()
    places = {key: index for index, key in enumerate(_keys(table))}
    with slicer.util.NodeModify(table):
        for row in rows:
            key = row["source"], int(row["frame"])
            if key not in places:
                table.AddEmptyRow()
                places[key] = content.GetNumberOfRows() - 1
            for column in COLUMNS:
                array = content.GetColumnByName(column.name)
                if array is None:  # a column that the user removed, or a table of an older version
                    continue
                text = row[column.name]
                array.SetValue(places[key], text if column.kind is str else float(text) if text else math.nan)
                array.Modified()
        _sortFrames(table)
        content.Modified()
        table.Modified()


def _sortFrames(table) -> None:
    """Let the rows of a source stand together, in the order of its frames: frames are measured in any order."""
    keys, content = _keys(table), table.GetTable()
    firstOf = {}
    for index, (source, _frame) in enumerate(keys):
        firstOf.setdefault(source, index)
    order = sorted(range(len(keys)), key=lambda index: (firstOf[keys[index][0]], keys[index][1]))
    if order == list(range(len(keys))):
        return
    for column in range(content.GetNumberOfColumns()):
        array = content.GetColumn(column)
        values = [array.GetValue(index) for index in order]
        for index, value in enumerate(values):
            array.SetValue(index, value)
        array.Modified()


def removeRows(table, source: str, frames: Iterable[int] | None = None) -> None:
    """Take the rows of a source away, all or those of some frames."""
    wanted = None if frames is None else set(frames)
    rows = [i for i, (name, frame) in enumerate(_keys(table)) if name == source and (wanted is None or frame in wanted)]
    with slicer.util.NodeModify(table):
        for index in reversed(rows):
            table.RemoveRow(index)


def renameSource(table, old: str, new: str) -> None:
    """Give the rows of a source that was renamed its new name."""
    keys = _keys(table)
    with slicer.util.NodeModify(table):
        sources = table.GetTable().GetColumnByName("source")
        for index, (name, frame) in enumerate(keys):
            if name == old and (new, frame) not in keys:
                sources.SetValue(index, new)
        sources.Modified()
        table.GetTable().Modified()
        table.Modified()


def rowsOf(table, indices: Iterable[int] | None = None) -> list[Row]:
    """Rows as text, all or the chosen ones."""
    content = table.GetTable()
    chosen = range(content.GetNumberOfRows()) if indices is None else indices
    return [{column.name: _cell(content, column, index) for column in COLUMNS} for index in chosen]


def indicesOf(table, source: str) -> list[int]:
    """Indices of the rows of a source."""
    return [index for index, (name, _frame) in enumerate(_keys(table)) if name == source]


def hriOf(table, source: str) -> dict[int, float]:
    """Frame -> HRI of the frames of a source that were measured."""
    content = table.GetTable()
    values = content.GetColumnByName("hri")
    found = {}
    for index, (name, frame) in enumerate(_keys(table)):
        if name == source and not math.isnan(values.GetValue(index)):
            found[frame] = values.GetValue(index)
    return dict(sorted(found.items()))


def summarize(table, indices: Iterable[int] | None = None) -> Summary | None:
    """Median and IQR over the chosen rows (all without a choice) that have an HRI; None with none."""
    if table is None or table.GetTable().GetColumnByName("hri") is None:
        return None
    array = table.GetTable().GetColumnByName("hri")
    chosen = range(array.GetNumberOfValues()) if indices is None else indices
    values = np.array([array.GetValue(index) for index in chosen if index < array.GetNumberOfValues()], float)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return None
    lower, median, upper = np.percentile(values, (25, 50, 75))
    return Summary(values.size, float(median), float(lower), float(upper))


def saveCsv(table, path) -> None:
    """Write the table as a CSV file, the same columns as the command line's."""
    from pathlib import Path

    write_bytes(Path(path), csv_text(rowsOf(table)).encode("utf-8"))


def isResultTable(table) -> bool:
    return table is not None and all(
        table.GetTable().GetColumnByName(name) is not None for name in ("source", "frame", "hri", "status")
    )


def _keys(table) -> list[tuple[str, int]]:
    content = table.GetTable()
    sources, frames = content.GetColumnByName("source"), content.GetColumnByName("frame")
    if sources is None or frames is None:
        return []
    count = sources.GetNumberOfValues()
    return [(sources.GetValue(index), _number(frames.GetValue(index))) for index in range(count)]


def _number(value: float) -> int:
    return -1 if math.isnan(value) else int(value)


def _cell(content, column, index: int) -> str:
    array = content.GetColumnByName(column.name)
    if array is None:
        return ""
    value = array.GetValue(index)
    if column.kind is str:
        return value
    if math.isnan(value):
        return ""
    return str(int(value)) if column.kind is int else str(value)
