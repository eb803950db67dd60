"""The section of the reader study: its buttons and keys, studies made of files and of loaded images, agreement."""

from __future__ import annotations

import csv
import json
import re
import sys

import numpy as np
import pytest
import slicer_double

slicer_double.install()
slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from desktop_double import API_FILE, MODULE  # noqa: E402
from HepatoRenalIndexLib.commands import study_job  # noqa: E402
from HepatoRenalIndexLib.imaging.image import InputError  # noqa: E402
from HepatoRenalIndexLib.module.console import ConsoleLogic  # noqa: E402
from HepatoRenalIndexLib.module.installing import Installer  # noqa: E402
from HepatoRenalIndexLib.module.loading import loadSample  # noqa: E402
from HepatoRenalIndexLib.module.selfTest import SelfTest  # noqa: E402
from HepatoRenalIndexLib.module.studyWork import describeStudy  # noqa: E402
from HepatoRenalIndexLib.study.create import StudyOptions, create_study  # noqa: E402
from HepatoRenalIndexLib.study.definition import open_study  # noqa: E402
from marking_case import CENTERS, FRAMES, SAMPLES, make_study, read  # noqa: E402


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path / "study")


@pytest.fixture
def logic(scene):
    """The logic, whose tasks run in this process: that they run in one of their own is tested with the panel."""
    scene.Clear(0)
    parameters = slicer_double.Parameters(scene)
    made = ConsoleLogic(scene, lambda: parameters)
    process = made.study._process

    def start(work, job, blocking):
        assert (work, blocking) == ("study_job", True)
        try:
            study_job.work(None, json.loads(json.dumps(job)))
        except InputError as error:
            process.failed.emit(str(error))
        else:
            process.succeeded.emit(None)

    process.start = start
    yield made
    made.close()


# Console


def test_the_answers_of_two_readers_become_a_table_two_plots_and_a_report(scene, logic, study):
    for reader, session in (("A", 1), ("A", 2), ("B", 1)):
        logic.marking.start(study.folder, reader, session)
        read(logic.marking, reader, session)
    logic.marking.stop()
    output = logic.study.compare(study.folder, replicates=100)
    assert output == study.folder / "agreement" and logic.study.reportPath.is_file()
    assert ("within reader A, sessions 1 and 2", "hri") in logic.study.pairs
    with (output / "agreement.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    table = logic.study.tableNode
    assert table.GetNumberOfRows() == len(rows)
    shown = [table.GetColumnName(i) for i in range(table.GetNumberOfColumns())]
    assert shown[:6] == ["comparison", "quantity", "icc", "icc_low", "icc_high", "n"]
    assert sorted(shown) == sorted(set(shown)) and set(shown) >= set(rows[0])
    icc = table.GetTable().GetColumnByName("icc")
    assert [icc.GetValue(i) for i in range(len(rows))] == [float(row["icc"]) for row in rows]
    pair = ("reader A against reader B, session 1", "liver")
    pair = pair if pair in logic.study.pairs else ("between readers A, B, session 1", "liver")
    logic.study.plot(pair)
    row = next(row for row in rows if (row["comparison"], row["quantity"]) == pair)
    found = scene.GetNodesByClass("vtkMRMLPlotChartNode")
    charts = {node.GetAttribute("HepatoRenalIndex.Plot"): node for node in found}
    assert charts["scatter"].GetNumberOfPlotSeriesNodes() == 2
    lines = {}
    for index in range(charts["bland-altman"].GetNumberOfPlotSeriesNodes()):
        series = charts["bland-altman"].GetNthPlotSeriesNode(index)
        column = series.GetTableNode().GetTable().GetColumnByName(series.GetYColumnName())
        lines[series.GetYColumnName()] = [column.GetValue(i) for i in range(column.GetNumberOfValues())]
    assert len(lines["difference"]) == FRAMES
    for name in ("bias", "loa_low", "loa_high"):
        assert lines[name] == [float(row[name])] * 2
        assert lines[f"{name}_low"][0] < lines[name][0] < lines[f"{name}_high"][0]
    assert sum(lines["difference"]) / FRAMES == pytest.approx(float(row["bias"]), abs=1e-4)


def test_the_self_test_reads_a_study(logic):
    SelfTest(logic, lambda text: None).readStudy()


def test_a_table_of_answers_from_elsewhere_is_compared_as_well(logic, tmp_path):
    lines = ["reader,image,liver_mean,kidney_mean"]
    lines += [f"{reader},{i},{80 + 3 * i + shift},{50 + i}" for reader, shift in (("A", 0), ("B", 1)) for i in range(9)]
    path = tmp_path / "answers.csv"
    path.write_text("\n".join(lines) + "\n")
    logic.study.compare(path, tmp_path / "out", replicates=100)
    assert logic.study.pairs[0] == ("between readers A, B, session 1", "liver")
    assert "Left out" not in logic.study.message
    path.write_text("\n".join([*lines, "A,0,20,20"]) + "\n")  # contradicts its first answer
    logic.study.compare(path, tmp_path / "out", replicates=100)
    assert logic.study.message.endswith("Left out: 1; the report says why.")
    path.write_text("nothing\n")
    with pytest.raises(InputError, match="lacks the column"):
        logic.study.compare(path, tmp_path / "out", replicates=100)


def test_a_study_is_made_of_a_folder_with_the_options_given(logic, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    (images / "one.dcm").write_bytes((SAMPLES / "sector.dcm").read_bytes())
    options = StudyOptions(seed=7, roi_mm=12.0, blind=False, interval_days=14)
    logic.study.create(tmp_path / "study", [images], options)
    study = open_study(tmp_path / "study")
    assert (study.seed, study.roi_mm, study.blind, study.interval_days) == (7, 12.0, False, 14)
    assert "1 images of 1 patients, ROIs of 12 mm, brightness and HRI shown" in describeStudy(tmp_path / "study")
    with pytest.raises(InputError, match="holds a study already"):
        logic.study.create(tmp_path / "study", [images], options)


def test_a_study_is_made_of_loaded_images_without_what_is_written_beside_them(scene, logic, tmp_path):
    loadSample(scene, "sector")
    clip = loadSample(scene, "clip")
    clip.SetName("Somebody's name")
    logic.study.create(tmp_path / "study", None, StudyOptions(frames="all"))
    study = open_study(tmp_path / "study")
    assert [image.patient for image in study.images] == ["P001"] + ["P002"] * 12
    assert [image.calibration.x_mm for image in study.images[:2]] == pytest.approx([0.45, 0.52])
    written = [path.read_bytes() for path in (tmp_path / "study").rglob("*") if path.is_file()]
    assert len(written) == 15 and not any(b"Somebody" in content or b"clip" in content for content in written)
    loaded = slicer.util.arrayFromVolume(clip)[0]
    pixels = study.load(study.images[1]).pixels
    sector = study.images[1].geometry().mask
    assert (pixels[sector] == loaded[sector]).all()
    assert loaded[pixels == 0].max() > 100 and not pixels[~sector & (loaded > 200)].any()


def test_loaded_images_that_cannot_be_taken_are_named(scene, logic, tmp_path):
    with pytest.raises(InputError, match="No ultrasound image is loaded"):
        logic.study.create(tmp_path / "none", None)
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Photograph")
    slicer.util.updateVolumeFromArray(volume, np.full((1, 80, 90), 120, np.uint8))
    with pytest.raises(InputError, match='"Photograph" cannot be taken into the study'):
        logic.study.create(tmp_path / "none", None)
    with pytest.raises(InputError, match="it has no frame 3"):
        logic.study.create(tmp_path / "none", None, StudyOptions(frames=3))
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(bool(Installer().missing()), reason="the network's packages are not installed")
def test_the_algorithm_reads_the_study_as_one_more_reader(logic, tmp_path):
    study = make_study(tmp_path / "study", frames=1)
    logic.study.readByAlgorithm(study.folder)
    assert "Reader algorithm, session 1: 1 of 1" in describeStudy(study.folder)


# Panel


def _begin(application, widget, study, reader="A", session=1):
    parameters = widget.logic.parameters()
    parameters.studyFolder, parameters.studyReader, parameters.studySession = str(study.folder), reader, session
    application.widgets["startReadingButton"].fire("clicked()")
    application.queue.run()


def _place(application, widget):
    for organ, center in CENTERS.items():
        widget.logic.marking.place(organ, *center)
    application.queue.run()


@pytest.mark.skipif(not API_FILE.is_file(), reason="the list of the application's widget classes is absent")
def test_what_the_section_uses_of_qt_exists_there():
    api = json.loads(API_FILE.read_text(encoding="utf-8"))["widgets"]
    source = (MODULE / "HepatoRenalIndexLib" / "module" / "studyPanels.py").read_text(encoding="utf-8")
    used = re.findall(r"\bqt\.(\w+)(?:\.(\w+))?", source)
    assert ("QUrl", "fromLocalFile") in used and ("QShortcut", "") in used
    for kind, name in used:
        assert f"qt.{kind}" in api
        assert not name or name in api[f"qt.{kind}"]["names"]
    shortcut = set(re.findall(r"shortcut\.(\w+)\(", source)) - {"connect", "setParent"}  # of QObject
    assert shortcut and shortcut <= set(api["qt.QShortcut"]["names"])


def test_disabled_buttons_say_what_is_missing(application, opened, study):
    ui = application.widgets
    for name in ("startReadingButton", "agreementButton", "algorithmReaderButton"):
        assert ui[name].value("enabled") is False
        assert ui[name].value("toolTip") == "Choose a study folder first."
    assert ui["createStudyButton"].value("toolTip") == "Choose an empty folder for the study first."
    for checked in (True, False):
        ui["studyVolumesCheckBox"].checked = checked
        ui["studyVolumesCheckBox"].fire("toggled(bool)", checked)
        assert ui["studySpacingSpinBox"].value("enabled") is not checked
    assert ui["readingFrame"].value("visible") is False
    ui["studyFolderLineEdit"].setCurrentPath("/somewhere")
    ui["studyFolderLineEdit"].fire("currentPathChanged(QString)", "/somewhere")
    application.queue.run()
    assert ui["startReadingButton"].value("toolTip") == "Give the short name of the reader first."
    assert ui["createStudyButton"].value("toolTip") == "Choose the folder of the images first."
    assert "no study in this folder" in ui["studyLabel"].value("text")
    opened.logic.parameters().studyFolder = str(study.folder)
    opened.panel.update()
    assert "holds a study already" in ui["createStudyButton"].value("toolTip")


def test_progress_and_cancel_are_there_while_something_is_done(application, opened, study, tmp_path, monkeypatch):
    ui, work = application.widgets, opened.logic.study
    opened.logic.parameters().studyFolder = str(study.folder)
    started = []
    monkeypatch.setattr(work._process, "start", lambda *arguments, **options: started.append(arguments))
    monkeypatch.setattr(
        type(work._process), "isRunning", property(lambda self: self is work._process and bool(started))
    )
    ui["agreementButton"].fire("clicked()")
    assert ui["cancelStudyButton"].value("visible") is True and ui["studyProgressBar"].value("visible") is True
    assert ui["agreementButton"].value("enabled") is False
    with pytest.raises(InputError, match="wait for its end"):  # and what runs stays what it is
        work.create(tmp_path / "another", [study.folder])
    assert work._output == study.folder / "agreement"
    work.progressed.emit(0.5, "image 0004")
    assert ui["studyProgressBar"].value("value") == 50
    monkeypatch.undo()
    ui["cancelStudyButton"].fire("clicked()")
    assert ui["cancelStudyButton"].value("visible") is False and ui["agreementButton"].value("enabled") is True
    assert ui["studyStatusLabel"].value("text") == "Stopped; no answer is lost."


def test_keys_and_buttons_lead_through_a_session(application, opened, study):
    ui, marking = application.widgets, opened.logic.marking
    _begin(application, opened, study)
    assert ui["readingFrame"].value("visible") is True
    assert f"Image 1 of {FRAMES}" in ui["readingLabel"].value("text")
    assert "click the liver" in ui["readingLabel"].value("text")
    assert ui["readingNextButton"].value("enabled") is False
    assert application.press("Space") == 1  # too early: told, nothing stored
    assert "liver ROI first" in ui["studyStatusLabel"].value("text") and marking.session.done == 0
    assert ui["studyLabel"].value("visible") is False  # its progress would be that of the beginning
    _place(application, opened)
    assert ui["readingNextButton"].value("enabled") is True
    assert ui["studyStatusLabel"].value("text") == ""  # the sentence holds no longer
    application.press("Space")
    assert f"Image 2 of {FRAMES}" in ui["readingLabel"].value("text")
    application.press("Backspace")
    assert f"Image 1 of {FRAMES}" in ui["readingLabel"].value("text") and marking.missing == []
    ui["readingNextButton"].fire("clicked()")
    ui["skipReasonComboBox"]._values["currentText"] = "poor image quality"
    ui["skipButton"].fire("clicked()")
    assert f"Image 3 of {FRAMES}" in ui["readingLabel"].value("text")
    application.press("Backspace")
    assert "This image was skipped" in ui["readingLabel"].value("text")
    application.press("Space")
    assert f"Image 3 of {FRAMES}" in ui["readingLabel"].value("text")
    assert (ui["readingProgressBar"].value("value"), ui["readingProgressBar"].value("maximum")) == (2, FRAMES)
    ui["stopReadingButton"].fire("clicked()")
    application.queue.run()
    assert ui["readingFrame"].value("visible") is False and application.press("Space") == 0
    assert f"Reader A, session 1: 2 of {FRAMES}" in ui["studyLabel"].value("text")
    _begin(application, opened, study)
    assert f"Image 3 of {FRAMES}" in ui["readingLabel"].value("text")


def test_images_that_were_moved_are_read_where_they_are_now(application, opened, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    (here / "one.dcm").write_bytes((SAMPLES / "sector.dcm").read_bytes())
    study = create_study(tmp_path / "study", [here])
    here.rename(there)
    ui = application.widgets
    _begin(application, opened, study)
    assert "cannot be read" in ui["readingLabel"].value("text") and str(here) not in ui["readingLabel"].value("text")
    assert ui["readingNextButton"].value("enabled") is False and opened.logic.marking.volume is None
    ui["stopReadingButton"].fire("clicked()")
    ui["movedImagesLineEdit"].setCurrentPath(str(there))
    ui["movedImagesLineEdit"].fire("currentPathChanged(QString)", str(there))
    _begin(application, opened, study)
    assert opened.logic.marking.volume is not None and "click the liver" in ui["readingLabel"].value("text")


def test_placing_a_roi_again_takes_it_away(application, opened, study):
    _begin(application, opened, study)
    _place(application, opened)
    application.widgets["placeKidneyButton"].fire("clicked()")
    application.queue.run()
    assert opened.logic.marking.missing == ["kidney"]
    assert "click the renal cortex" in application.widgets["readingLabel"].value("text")


def test_values_are_shown_only_if_the_study_is_not_blind(application, opened, study, tmp_path):
    ui = application.widgets
    _begin(application, opened, study)
    _place(application, opened)
    assert ui["readingValuesLabel"].value("visible") is False and not ui["readingValuesLabel"].value("text")
    opened.logic.marking.stop()
    _begin(application, opened, make_study(tmp_path / "open", blind=False))
    _place(application, opened)
    assert ui["readingValuesLabel"].value("visible") is True and "HRI 1." in ui["readingValuesLabel"].value("text")


def test_the_segment_editor_leaves_its_keys_to_the_session(application, opened, study):
    """Both use Space: with two shortcuts on one key the application would do nothing."""
    editor = opened.panel.segmentEditor
    calls = []
    for name in ("installKeyboardShortcuts", "uninstallKeyboardShortcuts"):
        object.__setattr__(editor, "_names", editor._names)
        editor.__dict__[name] = lambda name=name: calls.append(name)
    _begin(application, opened, study)
    assert calls == ["uninstallKeyboardShortcuts"]
    opened.logic.marking.stop()
    assert calls[-1] == "installKeyboardShortcuts"


def test_leaving_the_module_rests_the_session_and_coming_back_goes_on(application, opened, study):
    _begin(application, opened, study)
    _place(application, opened)
    opened.exit()
    opened.parent.isEntered = False
    application.queue.run()
    opened.logic.marking.place("liver", CENTERS["liver"][0] + 1, CENTERS["liver"][1])
    application.queue.run()
    assert application.press("Space") == 0 and opened.logic.marking.isRunning
    composite = application.scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    composite.SetBackgroundVolumeID(opened.logic.marking.volume.GetID())
    opened.parent.isEntered = True
    opened.enter()
    application.queue.run()
    assert opened.logic.marking.missing == []
    assert application.press("Space") == 1 and opened.logic.marking.session.done == 1
    assert opened.logic.parameters().inputVolume is None  # the study's image is not taken for an input


def test_closing_the_scene_or_reloading_the_module_loses_nothing(application, opened, study):
    _begin(application, opened, study)
    _place(application, opened)
    application.press("Space")
    application.scene.Clear(0)
    application.queue.run()
    assert not opened.logic.marking.isRunning
    assert application.widgets["readingFrame"].value("visible") is False
    _begin(application, opened, study)
    assert f"Image 2 of {FRAMES}" in application.widgets["readingLabel"].value("text")
    opened.cleanup()
    assert application.press("Space") == 0
    assert not [n for n in application.scene.GetNodesByClass("vtkMRMLVolumeNode") if n.GetName() == "Study image"]


def test_a_session_too_early_asks_for_a_reason(application, opened, tmp_path):
    ui = application.widgets
    study = make_study(tmp_path / "study", frames=2, interval_days=28)
    _begin(application, opened, study)
    read(opened.logic.marking, "A", 1)
    assert "All images are read" in ui["readingLabel"].value("text")
    opened.logic.marking.place("liver", CENTERS["liver"][0] + 9, CENTERS["liver"][1])
    application.queue.run()
    assert "Space goes on" in ui["readingLabel"].value("text")  # to press Stop would lose the correction
    ui["stopReadingButton"].fire("clicked()")
    assert ui["overrideLineEdit"].value("visible") is False
    _begin(application, opened, study, session=2)
    assert "28 days between sessions" in ui["studyStatusLabel"].value("text")
    assert ui["overrideLineEdit"].value("visible") is True and not opened.logic.marking.isRunning
    ui["overrideLineEdit"]._values["text"] = "pilot"
    ui["startReadingButton"].fire("clicked()")
    assert opened.logic.marking.isRunning and opened.logic.marking.session.session == 2


def test_no_control_names_a_file_of_the_study(application, opened, study):
    _begin(application, opened, study)
    _place(application, opened)
    for name, widget in application.widgets.items():
        texts = [value for value in widget._values.values() if isinstance(value, str)]
        assert not any("clip.dcm" in text or "patient 0" in text for text in texts), name


def test_the_agreement_button_shows_table_plots_and_report(application, opened, study, monkeypatch):
    from HepatoRenalIndexLib.module import process

    monkeypatch.setattr(process, "pythonProgram", lambda: sys.executable)
    ui, logic = application.widgets, opened.logic
    for reader in "AB":
        _begin(application, opened, study, reader)
        read(logic.marking, reader, 1)
        logic.marking.stop()
    work = logic.study
    compare = work.compare
    monkeypatch.setattr(work, "compare", lambda folder, blocking: compare(folder, replicates=100))
    assert ui["openReportButton"].value("toolTip") == "Compute the agreement first."
    ui["agreementButton"].fire("clicked()")
    application.queue.run()
    assert "The answers were compared" in ui["studyStatusLabel"].value("text") or work.pairs
    assert ui["agreementTableView"].value("mRMLTableNode") is work.tableNode
    assert ui["openReportButton"].value("enabled") is True
    ui["openReportButton"].fire("clicked()")
    assert application.opened == [str(study.folder / "agreement" / "report.html")]
    ui["comparisonComboBox"].fire("currentIndexChanged(int)", 1)
    chart = next(n for n in application.scene.GetNodesByClass("vtkMRMLPlotChartNode") if "kidney" in n.GetTitle())
    assert chart.GetNumberOfPlotSeriesNodes() >= 2
    ui["studyFolderLineEdit"].setCurrentPath("/another")
    ui["studyFolderLineEdit"].fire("currentPathChanged(QString)", "/another")
    application.queue.run()
    assert ui["agreementTableView"].value("mRMLTableNode") is None and work.pairs == []
    assert ui["openReportButton"].value("enabled") is False
    ui["studyFolderLineEdit"].setCurrentPath(str(study.folder))
    ui["studyFolderLineEdit"].fire("currentPathChanged(QString)", str(study.folder))
    ui["agreementButton"].fire("clicked()")
    application.queue.run()
    assert ui["openReportButton"].value("enabled") is True
    application.scene.Clear(0)
    application.queue.run()
    assert work.pairs == [] and ui["openReportButton"].value("enabled") is False
