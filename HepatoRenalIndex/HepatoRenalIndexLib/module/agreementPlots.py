"""Agreement as nodes: the table of all comparisons, and the two plots of one of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from . import plots

TABLE_ATTRIBUTE = "HepatoRenalIndex.Agreement"
_POINT_COLOR, _LINE_COLOR, _INTERVAL_COLOR = (0.14, 0.44, 0.64), (0.1, 0.1, 0.1), (0.6, 0.6, 0.6)
_FIRST_COLUMNS = ("comparison", "quantity", "icc", "icc_low", "icc_high", "n")  # what a narrow panel shows
_TEXT_COLUMNS = ("comparison", "quantity", "form", "word", "interval")
_TITLE_SIZE = 13  # the names of comparisons are long

Row = Mapping[str, str]


def updateTable(scene, rows: Sequence[Row]):
    """Put the rows of ``agreement_details.csv`` into the table of the scene, correlations first; returns the node."""
    table = findTable(scene)
    if table is None:
        table = scene.AddNewNodeByClass("vtkMRMLTableNode", _("HRI agreement"))
        table.SetAttribute(TABLE_ATTRIBUTE, "1")
    content = vtk.vtkTable()
    names = list(rows[0]) if rows else []
    for name in sorted(names, key=lambda name: (*_FIRST_COLUMNS, name).index(name)):  # the others stay as they are
        isText = name in _TEXT_COLUMNS
        array = vtk.vtkStringArray() if isText else vtk.vtkDoubleArray()
        array.SetName(name)
        for row in rows:
            array.InsertNextValue(row[name] if isText else _number(row[name]))
        content.AddColumn(array)
    with slicer.util.NodeModify(table):
        table.SetAndObserveTable(content)
        table.SetLocked(True)
        table.SetUseColumnTitleAsColumnHeader(True)
    return table


def findTable(scene):
    """The table of comparisons, None without one."""
    for node in scene.GetNodesByClass("vtkMRMLTableNode"):
        if node.GetAttribute(TABLE_ATTRIBUTE) is not None:
            return node
    return None


def updatePlots(scene, pairs: Sequence[Row], details: Row):
    """Plot the values of two raters against each other, and their differences over their means.

    ``pairs`` are the rows of ``pairs.csv`` of one comparison and quantity, ``details`` is its row of
    ``agreement_details.csv``. Returns the two charts.
    """
    first, second = (np.array([float(row[name]) for row in pairs]) for name in ("first", "second"))
    one, other = pairs[0]["first_rater"], pairs[0]["second_rater"]
    title = f"{details['comparison']}, {details['quantity']}"
    return (
        _scatter(scene, title, first, second, one, other),
        _blandAltman(scene, title, first, second, f"{one} - {other}", details),
    )


def _scatter(scene, title: str, first, second, one: str, other: str):
    ends = np.array([min(first.min(), second.min()), max(first.max(), second.max())])
    points = plots.plotTable(scene, plots.SCATTER, {"second": second, "first": first})
    line = plots.plotTable(scene, f"{plots.SCATTER}-identity", {"x": ends, "identity": ends})
    series = [
        plots.plotSeries(scene, plots.SCATTER, "first", _("Images"), points, "second", _POINT_COLOR, single=True),
        plots.plotSeries(scene, plots.SCATTER, "identity", _("Identity"), line, "x", _LINE_COLOR),
    ]
    series[0].SetMarkerSize(5)
    chart = plots.plotChart(scene, plots.SCATTER, title, other, one, series)
    chart.SetLegendVisibility(False)  # it would cover points
    chart.SetTitleFontSize(_TITLE_SIZE)
    return chart


def _blandAltman(scene, title: str, first, second, name: str, details: Row):
    key = plots.BLAND_ALTMAN
    mean, difference = (first + second) / 2, first - second
    points = plots.plotTable(scene, key, {"mean": mean, "difference": difference})
    series = [plots.plotSeries(scene, key, "difference", _("Images"), points, "mean", _POINT_COLOR, single=True)]
    series[0].SetMarkerSize(5)
    named = {"bias": _("Mean difference"), "loa_low": _("Lower limit"), "loa_high": _("Upper limit")}
    columns = {"x": np.array([mean.min(), mean.max()])}
    for column in named:
        for end in ("", "_low", "_high"):
            columns[column + end] = np.full(2, _number(details[column + end]))
    lines = plots.plotTable(scene, f"{key}-lines", columns)
    for column, label in named.items():
        series.append(plots.plotSeries(scene, key, column, label, lines, "x", _LINE_COLOR, dashed=column != "bias"))
        for end, text in (("_low", _("95% interval, low")), ("_high", _("95% interval, high"))):
            if math.isfinite(_number(details[column + end])):
                shown = f"{label}, {text}"
                series.append(plots.plotSeries(scene, key, column + end, shown, lines, "x", _INTERVAL_COLOR))
    chart = plots.plotChart(scene, key, title, _("Mean of the two"), name, series)
    chart.SetTitleFontSize(_TITLE_SIZE)
    chart.SetLegendVisibility(False)  # nine lines: solid the mean, dashed the limits, gray their 95% intervals
    return chart


def _number(text: str) -> float:
    return float(text) if text else math.nan
