"""Chart of what the frames of a clip say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from HepatoRenalIndexLib.module.plots import findChart, plotChart, plotSeries, plotTable
from slicer.i18n import tr as _

FAT_FRAMES = "fat-frames"
_LINE_COLOR, _WHOLE_COLOR, _SHOWN_COLOR = (0.15, 0.35, 0.7), (0.45, 0.45, 0.45), (0.9, 0.2, 0.2)


def updateFramesPlot(scene, valueOfFrame: Mapping[int, float], whole: float | None, shownFrame: int, unit: str):
    """Show a value over the frames, that of the subject, and which frame is shown; ``unit`` tells what it is.

    A still image has no curve.
    """
    if len(valueOfFrame) < 2:
        return _showNoCurve(scene)
    title = _("Liver fat over the frames: {unit}").format(unit=unit)
    axis = _("Percent") if unit.startswith("%") else _("Probability")  # short: the plot is low
    frames = np.array(list(valueOfFrame), float)
    values = np.array(list(valueOfFrame.values()), float)
    name = _("Liver fat plot data")
    level = np.full(values.size, np.nan if whole is None else whole)
    line = plotTable(scene, FAT_FRAMES, {"frame": frames, "value": values, "subject": level}, name)
    series = [plotSeries(scene, FAT_FRAMES, "value", _("Frame"), line, "frame", _LINE_COLOR, marked=True)]
    if whole is not None:
        series.append(plotSeries(scene, FAT_FRAMES, "subject", _("Subject"), line, "frame", _WHOLE_COLOR, dashed=True))
    if shownFrame in valueOfFrame:
        columns = {"frame": np.array([shownFrame]), "shown": np.array([valueOfFrame[shownFrame]])}
        mark = plotTable(scene, FAT_FRAMES + "-shown", columns, name)
        series.append(
            plotSeries(scene, FAT_FRAMES, "shown", _("Frame shown"), mark, "frame", _SHOWN_COLOR, single=True)
        )
    return plotChart(scene, FAT_FRAMES, title, _("Frame"), axis, series)


def _showNoCurve(scene):
    """Axes without a line: a chart without any series is a black view."""
    columns = {"frame": np.array([0.0, 1.0]), "none": np.full(2, np.nan)}
    none = plotTable(scene, FAT_FRAMES + "-none", columns, _("Liver fat plot data"))
    series = [plotSeries(scene, FAT_FRAMES, "none", _("Frame"), none, "frame", _LINE_COLOR)]
    title = _("Liver fat over the frames: no curve of this image")
    return plotChart(scene, FAT_FRAMES, title, _("Frame"), "", series)


def hasCurve(scene) -> bool:
    """Whether there is a curve to look at."""
    chart = findChart(scene, FAT_FRAMES)
    series = None if chart is None else chart.GetNthPlotSeriesNode(0)
    return series is not None and series.GetYColumnName() == "value"


def clearFramesPlot(scene) -> None:
    """Empty the chart, where there is one."""
    if findChart(scene, FAT_FRAMES) is not None:
        updateFramesPlot(scene, {}, None, 0, "")
