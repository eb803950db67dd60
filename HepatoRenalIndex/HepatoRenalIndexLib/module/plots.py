"""Charts: the histogram of both ROIs, and the HRI over the frames of a clip."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from ..measurement.result import FrameResult
from ..scene.rois import KIDNEY_ROI_NAME, LIVER_ROI_NAME, ROI_COLORS

PLOT_ATTRIBUTE = "HepatoRenalIndex.Plot"
HISTOGRAM = "histogram"
FRAMES = "frames"
SCATTER, BLAND_ALTMAN = "scatter", "bland-altman"  # of two raters, see agreementPlots
BIN_WIDTH = 4  # gray levels
LEAST_HRI_SPAN = 0.5  # of the axis: noise of a steady clip shall not look like a change
RANGE_ATTRIBUTE = "HepatoRenalIndex.PlotRange"
_SHOWN_COLOR = (0.9, 0.2, 0.2)
_LINE_COLOR = (0.15, 0.35, 0.7)
_MEDIAN_COLOR = (0.45, 0.45, 0.45)


def updateHistogram(scene, result: FrameResult | None):
    """Show the gray levels of both ROIs; empty without a measurement. Returns the chart."""
    centers = np.arange(0, 256, BIN_WIDTH) + (BIN_WIDTH - 1) / 2
    columns = {"gray_level": centers}
    measurement = None if result is None else result.measurement
    for name, statistics in (
        ("liver", measurement and measurement.liver),
        ("kidney", measurement and measurement.kidney),
    ):
        columns[name] = np.zeros(centers.size)
        if statistics is not None:
            values = statistics.roi.values(result.image.pixels)
            counts, _edges = np.histogram(values, bins=centers.size, range=(0, 256))
            columns[name] = 100.0 * counts / values.size
    table = plotTable(scene, HISTOGRAM, columns)
    series = [
        plotSeries(scene, HISTOGRAM, "liver", _("Liver ROI"), table, "gray_level", ROI_COLORS[LIVER_ROI_NAME]),
        plotSeries(scene, HISTOGRAM, "kidney", _("Kidney ROI"), table, "gray_level", ROI_COLORS[KIDNEY_ROI_NAME]),
    ]
    return plotChart(scene, HISTOGRAM, _("Brightness in the ROIs"), _("Gray level"), _("Pixels (%)"), series)


def updateFramesPlot(scene, hriOfFrame: Mapping[int, float], shownFrame: int):
    """Show the HRI over the frames, its median, and which frame is shown. Returns the chart."""
    frames = np.array(list(hriOfFrame), float)
    values = np.array(list(hriOfFrame.values()), float)
    median = np.median(values) if values.size else 0.0
    line = plotTable(scene, FRAMES, {"frame": frames, "hri": values, "median": np.full(values.size, median)})
    shown = hriOfFrame.get(shownFrame)
    marked = {"frame": [shownFrame], "shown": [shown]} if shown is not None else {"frame": [], "shown": []}
    mark = plotTable(scene, FRAMES + "-shown", {name: np.array(value, float) for name, value in marked.items()})
    series = [
        plotSeries(scene, FRAMES, "hri", _("HRI"), line, "frame", _LINE_COLOR, marked=True),
        plotSeries(scene, FRAMES, "median", _("Median"), line, "frame", _MEDIAN_COLOR, dashed=True),
        plotSeries(scene, FRAMES, "shown", _("Frame shown"), mark, "frame", _SHOWN_COLOR, single=True),
    ]
    return plotChart(scene, FRAMES, _("HRI over the frames"), _("Frame"), _("HRI"), series, LEAST_HRI_SPAN)


def findChart(scene, name: str):
    return _find(scene, "vtkMRMLPlotChartNode", name)


def _find(scene, className: str, key: str):
    for node in scene.GetNodesByClass(className):
        if node.GetAttribute(PLOT_ATTRIBUTE) == key:
            return node
    return None


def _ensure(scene, className: str, key: str, name: str, hidden: bool = False):
    node = _find(scene, className, key)
    if node is None:
        node = scene.CreateNodeByClass(className)
        node.UnRegister(None)
        node.SetName(name)
        node.SetAttribute(PLOT_ATTRIBUTE, key)
        node.SetHideFromEditors(hidden)  # before it is added: the subject hierarchy looks at it only then
        node = scene.AddNode(node)
    return node


def plotTable(scene, key: str, columns: Mapping[str, np.ndarray], name: str = "HRI plot data"):
    """The hidden table with the numbers of a plot, made or brought up to date."""
    from vtk.util.numpy_support import numpy_to_vtk

    table = _ensure(scene, "vtkMRMLTableNode", key, name, hidden=True)
    with slicer.util.NodeModify(table):
        content = vtk.vtkTable()
        for column, values in columns.items():
            if len(values) == 1:  # twice: of one point alone VTK complains at every rendering
                values = np.repeat(values, 2)
            array = numpy_to_vtk(np.ascontiguousarray(values, float), deep=True)
            array.SetName(column)
            content.AddColumn(array)
        table.SetAndObserveTable(content)
    return table


def plotSeries(scene, key, column, name, table, xColumn, color, marked=False, dashed=False, single=False):
    """One line or cloud of points of a plot."""
    series = _ensure(scene, "vtkMRMLPlotSeriesNode", f"{key}-{column}", name)
    with slicer.util.NodeModify(series):
        series.SetName(name)
        series.SetAttribute("SubjectHierarchy.ExcludeFromTree", "1")  # a line of a chart, not a thing of its own
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetXColumnName(xColumn)
        series.SetYColumnName(column)
        series.SetPlotType(series.PlotTypeScatter)
        series.SetColor(*color)
        series.SetLineWidth(2)
        series.SetLineStyle(
            series.LineStyleNone if single else series.LineStyleDash if dashed else series.LineStyleSolid
        )
        series.SetMarkerStyle(series.MarkerStyleCircle if marked or single else series.MarkerStyleNone)
        series.SetMarkerSize(13 if single else 6)
    return series


def plotChart(scene, key, title, xTitle, yTitle, series, leastSpan: float = 0.0):
    """The chart that shows the series that have values; its y axis spans ``leastSpan`` at least."""
    chart = _ensure(scene, "vtkMRMLPlotChartNode", key, title)
    series = [node for node in series if node.GetTableNode().GetTable().GetNumberOfRows()]
    with slicer.util.NodeModify(chart):
        chart.SetTitle(title)
        chart.SetXAxisTitle(xTitle)
        chart.SetYAxisTitle(yTitle)
        wanted = [node.GetID() for node in series]
        if [chart.GetNthPlotSeriesNodeID(i) for i in range(chart.GetNumberOfPlotSeriesNodes())] != wanted:
            chart.RemoveAllPlotSeriesNodeIDs()
            for identifier in wanted:
                chart.AddAndObservePlotSeriesNodeID(identifier)
        _fitAxes(chart, series, leastSpan)
    return chart


def _fitAxes(chart, series, leastSpan: float) -> None:
    """Let the axes show all values: the application fits them only to those it drew first.

    What the user zoomed to stays until there are values of another range.
    """
    ranges = [_span(_valuesOf(series, "X"), 0.0), _span(_valuesOf(series, "Y"), leastSpan)]
    text = repr(ranges)
    if None in ranges or chart.GetAttribute(RANGE_ATTRIBUTE) == text:
        return
    chart.SetAttribute(RANGE_ATTRIBUTE, text)
    chart.SetXAxisRangeAuto(False)
    chart.SetYAxisRangeAuto(False)
    chart.SetXAxisRange(*ranges[0])
    chart.SetYAxisRange(*ranges[1])


def _valuesOf(series, axis: str) -> np.ndarray:
    """All numbers that the series have on an axis."""
    from vtk.util.numpy_support import vtk_to_numpy

    found = [np.empty(0)]
    for node in series:
        name = node.GetXColumnName() if axis == "X" else node.GetYColumnName()
        found.append(vtk_to_numpy(node.GetTableNode().GetTable().GetColumnByName(name)))
    values = np.concatenate(found)
    return values[np.isfinite(values)]


def _span(values: np.ndarray, least: float) -> tuple[float, float] | None:
    """From where to where an axis goes to show values with a little room; one that starts at 0 stays there."""
    if values.size == 0:
        return None
    low, high = float(values.min()), float(values.max())
    margin = max(0.05 * (high - low), (least - (high - low)) / 2) or 0.5
    return (0.0 if low == 0 else round(low - margin, 4)), round(high + margin, 4)
