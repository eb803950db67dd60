"""The panel of the module: its .ui file, and its code run against what the application's widgets really have."""

from __future__ import annotations

import sys
import types
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from desktop_double import MODULE, UI_FILE

pytest.importorskip("slicer", reason="slicer-core is not installed")
TREE = ElementTree.parse(UI_FILE)
# Controls have a tooltip; frames and the panel itself have nothing to explain.
CONTROLS = [element for element in TREE.iter("widget") if element.get("class") != "qMRMLWidget"]


def _properties(element) -> dict[str, str]:
    return {child.get("name"): "".join(child.itertext()).strip() for child in element.findall("property")}


def _load_sample(application, widget, name="sector"):
    application.answer = str(MODULE / "Resources" / "SampleData" / f"{name}.dcm")
    application.widgets["loadFileButton"].fire("clicked()")
    application.queue.run()
    assert widget.logic.parameters().inputVolume is not None


def test_an_empty_module_says_what_is_missing(application, opened):
    button = application.widgets["applyButton"]
    assert button.value("enabled") is False
    assert button.value("toolTip") == "Choose an ultrasound image or clip first."
    purposes = {element.get("name"): _properties(element).get("toolTip") for element in CONTROLS}
    waiting = ("cancel", "outlineByHand", "placeByHand", "calibrate", "undo", "redo", "saveCsv", "savePicture",
               "measureFolder", "cancelFolder", "liverAutomatic", "kidneyAutomatic")  # fmt: skip
    for name in (f"{action}Button" for action in waiting):
        assert not application.widgets[name].enabled
        assert application.widgets[name].toolTip not in ("", purposes[name]), name
    _load_sample(application, opened)
    assert button.toolTip == purposes["applyButton"]


def test_the_buttons_lead_from_a_file_to_a_number_without_the_network(application, opened, tmp_path):
    ui = application.widgets
    _load_sample(application, opened)
    assert ui["applyButton"].value("enabled") is True
    assert "0.45 mm per pixel, from the DICOM" in ui["calibrationLabel"].value("text")
    ui["placeByHandButton"].fire("clicked()")
    application.queue.run()
    assert "HRI" in ui["hriLabel"].value("text")
    assert "by hand" in ui["liverRoiLabel"].value("text")
    assert ui["liverAutomaticButton"].value("enabled") is True
    assert "0.45 mm" in ui["calibrationLabel"].value("text")
    ui["liverLockCheckBox"].fire("clicked(bool)", True)
    application.queue.run()
    assert ui["liverLockCheckBox"].value("checked") is True
    ui["undoButton"].fire("clicked()")
    ui["redoButton"].fire("clicked()")
    application.queue.run()
    for button, name in (("saveCsvButton", "hri.csv"), ("savePictureButton", "hri.png")):
        application.answer = str(tmp_path / name)
        ui[button].fire("clicked()")
        assert (tmp_path / name).stat().st_size > 100
    assert "placed by hand" in (tmp_path / "hri.csv").read_text(encoding="utf-8")


def test_an_image_that_is_loaded_while_none_is_chosen_is_chosen(application, opened):
    from HepatoRenalIndexLib.module.loading import loadSample

    composite = application.scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    opened.enter()
    first = loadSample(application.scene, "sector")
    composite.SetBackgroundVolumeID(first.GetID())
    application.queue.run()
    assert opened.logic.parameters().inputVolume is first
    assert application.widgets["applyButton"].enabled
    composite.SetBackgroundVolumeID(loadSample(application.scene, "curved").GetID())
    application.queue.run()
    assert opened.logic.parameters().inputVolume is first  # what the user measures stays
    opened.parent.isEntered = False
    opened.exit()
    application.scene.RemoveNode(first)
    composite.SetBackgroundVolumeID(loadSample(application.scene, "sector").GetID())
    application.queue.run()
    assert opened.logic.parameters().inputVolume is None


def test_what_is_told_of_an_image_does_not_stay_for_the_next(application, opened):
    ui = application.widgets
    _load_sample(application, opened)
    ui["progressBar"].setValue(100)
    ui["statusLabel"].setText("Measured.")
    _load_sample(application, opened, "curved")
    assert (ui["progressBar"].value("value"), ui["statusLabel"].text) == (0, "")


def test_a_volume_that_is_no_image_is_not_offered_to_the_network(application, opened):
    """Not after gigabytes of packages were installed for it."""
    volume = application.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    opened.logic.parameters().inputVolume = volume
    application.queue.run()
    assert not application.widgets["applyButton"].enabled
    assert application.widgets["applyButton"].toolTip == application.widgets["statusLabel"].text != ""


def test_measuring_a_folder_tells_how_far_it_is_beside_its_button(application, opened):
    ui = application.widgets
    ui["statusLabel"].setText("about the image")
    opened.logic.batchProgressed.emit(0.5, "case/a.dcm")
    assert (ui["folderProgressBar"].value("value"), ui["folderStatusLabel"].text) == (50, "case/a.dcm")
    opened.logic.batchProgressed.emit(1.0, "Frames measured: 3, not measured: 1")
    opened.logic.batchEnded.emit("")
    assert ui["folderProgressBar"].value("value") == 100
    assert ui["folderStatusLabel"].text.startswith("Frames measured: 3, not measured: 1. See measurements.csv")
    opened.logic.batchEnded.emit("The folder cannot be written.")
    assert (ui["folderProgressBar"].value("value"), ui["folderStatusLabel"].text) == (
        0,
        "The folder cannot be written.",
    )
    assert ui["statusLabel"].text == "about the image"


def test_outlining_by_hand_gives_the_segment_editor_something_to_paint(application, opened):
    _load_sample(application, opened)
    application.widgets["outlineByHandButton"].fire("clicked()")
    application.queue.run()
    editor = opened.panel.segmentEditor
    assert editor.segmentationNode() is opened.logic.parameters().segmentation
    assert editor.sourceVolumeNode() is opened.logic.parameters().inputVolume
    assert application.widgets["segmentEditorFrame"].value("enabled") is True
    assert application.widgets["statusLabel"].text.startswith("Paint liver and right kidney")


def test_undo_of_the_segment_editor_does_not_reach_into_another_frame(application, opened):
    """The editor forgets its steps when it is told that undo is enabled (qMRMLSegmentEditorWidget::setUndoEnabled)."""
    _load_sample(application, opened, "clip")
    application.widgets["outlineByHandButton"].fire("clicked()")
    application.queue.run()
    editor = opened.panel.segmentEditor
    for frame, forgets in ((0, None), (3, True)):
        editor._values.pop("undoEnabled", None)
        opened.logic.shown.source.browser.SetSelectedItemNumber(frame)
        opened.logic.requestRefresh()
        application.queue.run()
        assert editor.value("undoEnabled") is forgets


def test_a_line_on_the_ruler_calibrates(application, opened, monkeypatch):
    import vtk

    fitted = []
    monkeypatch.setattr(sys.modules["HepatoRenalIndexLib.module.layout"], "fitImage", lambda: fitted.append(True))

    ui = application.widgets
    _load_sample(application, opened)
    ui["calibrationGroupBox"].fire("toggled(bool)", True)
    application.queue.run()
    line = opened.logic.parameters().rulerLine
    assert not line.GetDisplayNode().GetPropertiesLabelVisibility()  # a length that is not known yet
    opened.logic.parameters().rulerLength = 60.0
    application.queue.run()
    assert ui["calibrateButton"].value("enabled") is False
    volume = opened.logic.parameters().inputVolume
    to_ras = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(to_ras)
    for y in (100, 200):
        line.AddControlPointWorld(*to_ras.MultiplyPoint((50, y, 0, 1))[:3])
    application.queue.run()
    assert ui["calibrateButton"].value("enabled") is True
    ui["calibrateButton"].fire("clicked()")
    application.queue.run()
    assert opened.logic.parameters().userSpacing == pytest.approx(0.6)
    ui["calibrationGroupBox"].fire("toggled(bool)", False)
    assert not line.GetDisplayNode().GetVisibility()
    ui["placeByHandButton"].fire("clicked()")
    application.queue.run()
    assert opened.logic.shown.result.calibration.source.value == "user"
    assert "from you" in ui["calibrationLabel"].value("text")
    assert ui["fixSpacingButton"].value("visible") is True
    roi = opened.logic.shown.state.liver.roi
    fitted.clear()
    ui["fixSpacingButton"].fire("clicked()")
    application.queue.run()
    assert volume.GetSpacing()[:2] == pytest.approx((0.6, 0.6))
    assert fitted[-1:] == [True]
    assert opened.logic.shown.state.liver.roi == roi
    assert ui["fixSpacingButton"].value("visible") is False


def test_a_clip_shows_its_frame_controls(application, opened):
    ui = application.widgets
    _load_sample(application, opened, "clip")
    assert ui["sequenceSeekWidget"].value("visible") is True
    assert ui["sequencePlayWidget"].value("mRMLSequenceBrowserNode") is not None
    assert ui["wholeClipCheckBox"].value("visible") is True


def test_measuring_without_packages_ends_in_one_sentence(application, opened, monkeypatch):
    _load_sample(application, opened)
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    monkeypatch.setattr("HepatoRenalIndexLib.module.installing.Installer.hasTorch", lambda self: False)
    application.widgets["applyButton"].fire("clicked()")
    application.queue.run()
    assert "PyTorch" in application.widgets["statusLabel"].value("text")
    assert application.widgets["applyButton"].value("enabled") is True


def test_switching_modules_closing_the_scene_and_reloading_do_not_throw(application, opened):
    _load_sample(application, opened)
    application.widgets["placeByHandButton"].fire("clicked()")
    application.queue.run()
    opened.exit()
    application.queue.run()
    opened.enter()
    application.queue.run()
    application.scene.Clear(0)
    application.queue.run()
    assert "not measured" in application.widgets["hriLabel"].value("text")
    _load_sample(application, opened, "curved")
    application.widgets["placeByHandButton"].fire("clicked()")
    application.queue.run()
    assert "HRI" in application.widgets["hriLabel"].value("text")
    assert np.isfinite(opened.logic.shown.result.measurement.hri)


def test_a_scene_that_is_opened_brings_its_input_and_number_back(application, opened, tmp_path):
    """Nodes come into the scene after the parameter node that refers to them was last modified."""
    from HepatoRenalIndexLib.scene import study

    _load_sample(application, opened)
    application.widgets["placeByHandButton"].fire("clicked()")
    application.queue.run()
    number = application.widgets["hriLabel"].value("text")
    study.save_mrb(application.scene, tmp_path / "case.mrb")
    application.scene.Clear(0)
    application.queue.run()
    assert application.widgets["hriLabel"].value("text") != number
    study.load_mrb(application.scene, tmp_path / "case.mrb")
    application.queue.run()
    assert opened.logic.parameters().inputVolume is not None
    assert application.widgets["hriLabel"].value("text") == number


def test_image_and_plots_are_shown_together_and_the_plots_have_their_charts(application, opened):
    """The layout is built by the application's own layout logic; only its windows are missing."""
    import slicer

    layout = slicer.vtkMRMLLayoutLogic()
    layout.SetMRMLScene(application.scene)
    slicer.app.layoutManager = lambda: types.SimpleNamespace(
        layoutLogic=lambda: layout, setLayout=layout.GetLayoutNode().SetViewArrangement, sliceWidget=lambda name: None
    )
    _load_sample(application, opened, "clip")
    application.widgets["placeByHandButton"].fire("clicked()")
    application.queue.run()
    application.widgets["plotsButton"].fire("clicked()")
    charts = {}
    for tag in ("HriHistogram", "HriFrames"):
        view = application.scene.GetSingletonNode(tag, "vtkMRMLPlotViewNode")
        charts[tag] = view.GetPlotChartNode().GetTitle()
    assert charts == {"HriHistogram": "Brightness in the ROIs", "HriFrames": "HRI over the frames"}
    application.widgets["imageOnlyButton"].fire("clicked()")
    layout_node = layout.GetLayoutNode()
    assert layout_node.GetViewArrangement() == layout_node.SlicerLayoutOneUpRedSliceView
    slicer.app.layoutManager = lambda: None
    layout.SetMRMLScene(None)


def test_the_summary_is_of_the_rows_that_are_selected(application, opened):
    ui = application.widgets
    _load_sample(application, opened, "clip")
    browser = opened.logic.shown.source.browser
    for frame in (0, 1, 2):
        browser.SetSelectedItemNumber(frame)
        ui["placeByHandButton"].fire("clicked()")
        application.queue.run()
    assert ui["summaryLabel"].value("text").startswith("3 frames of the clip")
    cells = [types.SimpleNamespace(row=lambda row=row: row) for row in (0, 0, 2)]
    ui["tableView"]._values["selectionModel"] = types.SimpleNamespace(selectedIndexes=cells)
    ui["tableView"].fire("selectionChanged()")
    assert ui["summaryLabel"].value("text").startswith("2 selected measurements")


def test_the_summary_of_a_clip_is_of_its_own_frames(application, opened):
    ui = application.widgets
    for name in ("sector", "clip"):
        _load_sample(application, opened, name)
        ui["placeByHandButton"].fire("clicked()")
        application.queue.run()
    opened.logic.shown.source.browser.SetSelectedItemNumber(1)
    ui["placeByHandButton"].fire("clicked()")
    application.queue.run()
    assert opened.logic.parameters().resultTable.GetNumberOfRows() == 3
    assert ui["summaryLabel"].value("text").startswith("2 frames of the clip")


def test_the_index_is_among_the_first_columns_of_the_table_view(application, opened):
    from HepatoRenalIndexLib.module.resultPanels import FIRST_COLUMNS

    _load_sample(application, opened)
    application.widgets["placeByHandButton"].fire("clicked()")
    application.queue.run()
    table, header = opened.logic.parameters().resultTable, application.widgets["tableView"].horizontalHeader()
    assert tuple(table.GetColumnName(column) for column in header.order[: len(FIRST_COLUMNS)]) == FIRST_COLUMNS


def test_another_input_is_shown_as_soon_as_it_is_chosen(application, opened, monkeypatch):
    from HepatoRenalIndexLib.module import views

    shown = []
    monkeypatch.setattr(views, "ensureShown", shown.append)
    _load_sample(application, opened)
    first = opened.logic.parameters().inputVolume
    _load_sample(application, opened, "curved")
    opened.logic.parameters().inputVolume = first
    application.queue.run()
    assert shown[-1] is first
    count = len(shown)
    application.widgets["placeByHandButton"].fire("clicked()")
    application.queue.run()
    assert len(shown) == count  # what the user shows instead stays


def test_the_status_says_when_the_other_frames_are_measured_again(application, opened):
    ui = application.widgets
    _load_sample(application, opened, "clip")
    for frame in (0, 1):
        opened.logic.shown.source.browser.SetSelectedItemNumber(frame)
        ui["placeByHandButton"].fire("clicked()")
        application.queue.run()
    opened.logic.parameters().roiSize = 12.0
    opened.logic.requestRefresh()
    application.queue.run()
    assert ui["progressBar"].value("value") == 100
    assert ui["statusLabel"].value("text") == "Measured."


def test_the_panel_rests_while_another_module_is_open(application, opened):
    _load_sample(application, opened)
    application.widgets["placeByHandButton"].fire("clicked()")
    application.queue.run()
    before = application.widgets["hriLabel"].value("text")
    opened.exit()
    opened.parent.isEntered = False
    x, y, z = opened.logic.parameters().liverRoi.GetCenter()
    opened.logic.parameters().liverRoi.SetCenter(x - 20, y - 20, z)
    application.queue.run()
    assert application.widgets["hriLabel"].value("text") == before
    opened.parent.isEntered = True
    opened.enter()
    application.queue.run()
    assert application.widgets["hriLabel"].value("text") != before


def test_the_panel_passes_the_test_that_the_application_runs_on_it(application, opened):
    from HepatoRenalIndexLib.module.panelTest import PanelTest

    steps = []
    PanelTest(opened.panel, application.queue.run, steps.append).run()
    assert len(steps) == 8
