"""The frames of a clip, and the plots that follow them, on a real scene without any application."""

from __future__ import annotations

import math

import numpy as np
import pytest
import slicer_double

slicer_double.install()
slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from HepatoRenalIndexLib.module import plots, resultTable  # noqa: E402
from module_session import browse  # noqa: E402


def test_a_clip_has_a_row_and_its_own_rois_for_every_frame(clip):
    table = clip.parameters.resultTable
    assert table.GetNumberOfRows() == 12
    rows = {int(row["frame"]): row for row in resultTable.rowsOf(table)}
    for frame in (7, 2, 11):
        browse(clip, frame)
        assert clip.shown.frame == frame
        assert clip.hri == pytest.approx(float(rows[frame]["hri"]), abs=1e-4)
        assert clip.shown.state.liver.roi.center[0] == float(rows[frame]["liver_x"])
        assert not clip.shown.state.liver.manual
    assert len(clip.logic._histories[clip.logic._inputId]._undo) == 1  # browsing is no correction


def test_a_correction_stays_with_its_frame(clip):
    browse(clip, 5)
    clip.drag(clip.parameters.liverRoi, -6.0)
    corrected = clip.shown.state
    browse(clip, 6)
    assert not clip.shown.state.liver.manual
    browse(clip, 5)
    assert clip.shown.state == corrected


def test_another_placement_is_measured_in_all_frames(clip):
    before = resultTable.hriOf(clip.parameters.resultTable, "HRI sample clip")
    clip.parameters.placement = "published"
    clip.settle()
    after = resultTable.hriOf(clip.parameters.resultTable, "HRI sample clip")
    assert set(after) == set(before)
    assert all(after[frame] != before[frame] for frame in after)


def test_measuring_is_undone_in_one_step(clip):
    clip.logic.undo()
    clip.settle()
    assert clip.shown.state.isEmpty
    assert clip.parameters.resultTable.GetNumberOfRows() == 0
    clip.logic.redo()
    clip.settle()
    assert clip.parameters.resultTable.GetNumberOfRows() == 12


def test_rows_of_a_clip_stand_in_the_order_of_its_frames(clip):
    browse(clip, 3)
    expected = [row["frame"] for row in resultTable.rowsOf(clip.parameters.resultTable)]
    clip.logic.undo()
    clip.settle()
    clip.logic.redo()
    clip.settle()
    rows = resultTable.rowsOf(clip.parameters.resultTable)
    assert [row["frame"] for row in rows] == expected == sorted(expected, key=int)
    assert {row["status"] for row in rows} == {"ok"}


def test_the_summary_is_the_median_and_the_quartiles(clip):
    values = [float(row["hri"]) for row in resultTable.rowsOf(clip.parameters.resultTable)]
    summary = resultTable.summarize(clip.parameters.resultTable)
    lower, median, upper = np.percentile(values, (25, 50, 75))
    assert (summary.count, summary.median) == (12, pytest.approx(median))
    assert summary.relativeRange == pytest.approx((upper - lower) / median)
    assert resultTable.summarize(clip.parameters.resultTable, [0, 1]).count == 2


def test_plots_follow_the_frame_and_the_rois(clip):
    browse(clip, 3)
    chart = plots.findChart(clip.scene, plots.FRAMES)
    shown = chart.GetNthPlotSeriesNode(2).GetTableNode().GetTable()
    assert shown.GetColumnByName("frame").GetValue(0) == 3
    assert shown.GetColumnByName("shown").GetValue(0) == pytest.approx(clip.hri, abs=1e-4)
    histogram = plots.findChart(clip.scene, plots.HISTOGRAM).GetNthPlotSeriesNode(0).GetTableNode().GetTable()
    column = histogram.GetColumnByName("liver")
    assert math.fsum(column.GetValue(i) for i in range(column.GetNumberOfValues())) == pytest.approx(100)


def test_the_axes_of_a_plot_reach_over_all_values(clip):
    chart, histogram = plots.findChart(clip.scene, plots.FRAMES), plots.findChart(clip.scene, plots.HISTOGRAM)
    assert not chart.GetXAxisRangeAuto()
    assert chart.GetXAxisRange()[1] > clip.shown.source.frameCount - 1
    low, high = chart.GetYAxisRange()
    assert low < clip.hri < high
    assert high - low >= plots.LEAST_HRI_SPAN
    assert histogram.GetYAxisRange()[0] == 0
    chart.SetXAxisRange(2, 4)  # the user looks closer
    browse(clip, 3)
    assert chart.GetXAxisRange() == (2, 4)


def test_a_plot_has_no_series_that_cannot_be_drawn(measured):
    plots.updateFramesPlot(measured.scene, {}, 0)
    assert plots.findChart(measured.scene, plots.FRAMES).GetNumberOfPlotSeriesNodes() == 0
    chart = plots.updateFramesPlot(measured.scene, {0: 1.5}, 0)
    series = [chart.GetNthPlotSeriesNode(index) for index in range(chart.GetNumberOfPlotSeriesNodes())]
    assert [node.GetTableNode().GetTable().GetNumberOfRows() for node in series] == [2, 2, 2]
