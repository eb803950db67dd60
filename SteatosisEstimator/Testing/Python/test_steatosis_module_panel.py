"""The panel of the module, run against what the application's widgets really have."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import types
from pathlib import Path
from urllib.request import url2pathname

import pytest
import steatosis_double

pytest.importorskip("slicer", reason="slicer-core is not installed")

from desktop_double import API_FILE, Application, main_file, opened_widget
from HepatoRenalIndexLib.scene import runtime, study
from HepatoRenalIndexLib.scene.view import show_volume

MODULE = steatosis_double.FOLDER
SAMPLES = MODULE / "Resources" / "SampleData"


@pytest.fixture(scope="module")
def scene():
    started = runtime.start()
    yield started.scene
    started.scene.Clear(0)


@pytest.fixture
def application(scene):
    if not API_FILE.is_file():
        pytest.skip("the list of the application's widget classes is absent")
    scene.Clear(0)
    with Application(scene, steatosis_double.MODULE) as running:
        yield running


@pytest.fixture
def main(application):
    """The module's main file, as the application imports it."""
    return main_file(MODULE)


@pytest.fixture
def opened(application, main):
    """The module opened by the user: its widget object."""
    with opened_widget(application, main.SteatosisEstimatorWidget) as widget:
        yield widget


def _load(application, widget):
    sys.modules["qt"].QFileDialog.getOpenFileNames = lambda *arguments: [
        str(SAMPLES / "fatty-hr.dcm"),
        str(SAMPLES / "fatty-liver-kidney.dcm"),
    ]
    application.widgets["loadFilesButton"].fire("clicked()")
    application.queue.run()


def _pretend_estimate(widget):
    """What the process would have found, without it: the panel is what is looked at."""
    from SteatosisEstimatorLib.estimation.tables import COLUMNS
    from SteatosisEstimatorLib.module.estimating import Estimated, ImageMap

    logic = widget.logic
    numbers = {"fat_percent": 12.34, "fat_low": 4.0, "fat_high": 31.0, "p_fatty_5": 0.81, "p_fatty_10": 0.62}
    grades = {"grade": "S1", "grade_cutoffs": "5/33/66", "p_S0": 0.2, "p_S1": 0.7, "p_S2": 0.08, "p_S3": 0.02}
    row = dict.fromkeys(COLUMNS["estimates"], "") | numbers | grades | {"subject": "subject", "status": "ok"}
    row |= {"message": "The scanner X is none of those trained on: Y.", "flags": "outside_scanner", "frames": 9}
    row |= {"model": "LiverKidneyFat"}
    outcome = {name: numbers[name] for name in ("fat_percent", "p_fatty_5", "p_fatty_10")}

    def start(subject, images, settings, blocking):
        import numpy as np

        views = [{"view": view.value, "weight": 0.5, "frames": 1, **outcome} for view in images]
        frames = [
            {"view": "hr", "source": logic.shown.sources[view].name, "frame": i, **outcome, "fat_percent": 10.0 + i}
            for view in images
            if view.value == "hr"
            for i in range(8)
        ]
        parts = [{"name": "log_hri", "value": 0.3, "unit": "ln", "adds_percent": -2.5}]
        shape = {view: source.image(0).pixels.shape for view, source in logic.shown.sources.items()}
        maps = tuple(ImageMap("grad-cam", "p_fatty_5", view, 0, np.ones(shape[view], np.float32)) for view in images)
        rows = {"estimates": [row], "views": views, "frames": frames, "contributions": parts}
        logic._onEstimated(Estimated(rows, maps, ""))

    logic.process.start = start
    widget.panel._estimatePanel._ensure = lambda model: None


def test_an_empty_module_says_what_is_missing(application, opened):
    ui = application.widgets
    for name in ("applyButton", "cancelButton", "saveCsvButton", "cohortButton", "cancelCohortButton"):
        assert not ui[name].enabled, name
        assert ui[name].toolTip, name
    assert "Choose an image or clip" in ui["applyButton"].toolTip
    assert ui["resultLabel"].value("text") == "Not estimated."
    assert "PDFF" in ui["modelLabel"].value("text")
    card = ui["cardTextBrowser"].value("html")
    for words in ("40 subjects", "Limits", "AUC", "not for diagnosis", "GE Vivid E9"):
        assert words in card, words


def test_only_views_that_the_model_takes_are_offered_until_all_are_asked_for(application, opened):
    ui = application.widgets
    assert ui["liverKidneySelector"].value("visible") is True
    assert ui["hrSelector"].value("visible") is True
    assert ui["arSelector"].value("visible") is False
    opened.logic.parameters().allViews = True
    application.queue.run()
    assert ui["arSelector"].value("visible") is True
    assert ui["arLabel"].value("visible") is True


def test_files_go_to_the_views_that_their_headers_name(application, opened):
    _load(application, opened)
    parameters = opened.logic.parameters()
    assert parameters.hr.GetName() == "fatty-hr"
    assert parameters.liverKidney.GetName() == "fatty-liver-kidney"
    assert application.widgets["applyButton"].enabled


def test_loaded_volumes_are_assigned_by_their_names(application, opened):
    from HepatoRenalIndexLib.module.loading import loadUltrasoundFile

    loadUltrasoundFile(application.scene, SAMPLES / "fatty-liver-kidney.dcm", "US Liver/Kidney 3")
    loadUltrasoundFile(application.scene, SAMPLES / "fatty-liver-kidney.dcm", "image 7")
    application.widgets["guessButton"].fire("clicked()")
    application.queue.run()
    assert opened.logic.parameters().liverKidney.GetName() == "US Liver/Kidney 3"
    assert len(opened.logic.assigned()) == 1
    application.widgets["guessButton"].fire("clicked()")
    assert "No further image" in application.widgets["statusLabel"].value("text")


def test_the_estimate_is_in_the_panel_with_its_doubts_before_it_is_believed(application, opened, tmp_path):
    ui = application.widgets
    _load(application, opened)
    _pretend_estimate(opened)
    show_volume(application.scene, opened.logic.parameters().hr)
    ui["applyButton"].fire("clicked()")
    application.queue.run()
    text = ui["resultLabel"].value("text")
    for words in ("Fat 12.3 %", "4.0 to 31.0", "at least 5 %: 81 %", "S1", "biopsy"):
        assert words in text, words
    assert "outside of what the model was trained on" in ui["warningLabel"].value("text")
    assert "The scanner X" in ui["warningLabel"].value("text")
    assert ui["warningLabel"].value("visible") is True
    assert ui["statusLabel"].value("text") == "Fat 12.3 % (90% interval 4.0 to 31.0 %), doubtful; see Results."
    assert "Hepatorenal index</td>" in ui["partsTextBrowser"].value("html")
    assert ">1.35</td>" in ui["partsTextBrowser"].value("html")  # the ratio, not its logarithm
    assert ui["partsGroupBox"].value("visible") is True
    assert "50 %" in ui["partsTextBrowser"].value("html")
    assert "Grad-CAM" in ui["explanationLabel"].value("text")
    assert ui["sequenceSeekWidget"].value("visible") is True
    application.answer = str(tmp_path / "fat")
    ui["saveCsvButton"].fire("clicked()")
    assert "12.34" in (tmp_path / "fat.csv").read_text(encoding="utf-8")
    for name, value, before in (("clipFrames", 3, 0), ("subject", "B", "")):
        setattr(opened.logic.parameters(), name, before)
        application.queue.run()
        assert ui["resultLabel"].value("text") == text
        setattr(opened.logic.parameters(), name, value)
        application.queue.run()
        assert ui["resultLabel"].value("text") == "Not estimated."
        setattr(opened.logic.parameters(), name, before)
    opened.logic.parameters().subject = "B"
    application.queue.run()
    assert ui["warningLabel"].value("visible") is False
    assert ui["partsGroupBox"].value("visible") is False
    assert ui["statusLabel"].value("text") == ""  # the number of another subject
    assert ui["progressBar"].value("value") == 0


def test_the_image_is_chosen_by_its_view_and_the_layer_follows(application, opened):
    ui = application.widgets
    shown = []
    opened.panel._panels[4]._show = lambda volume: (shown.append(volume), show_volume(application.scene, volume))
    _load(application, opened)
    _pretend_estimate(opened)
    ui["applyButton"].fire("clicked()")
    application.queue.run()
    for index, name in ((0, "liverKidney"), (1, "hr")):
        ui["viewComboBox"].fire("activated(int)", index)
        application.queue.run()
        assert shown[-1] is getattr(opened.logic.parameters(), name)
        (composite,) = application.scene.GetNodesByClass("vtkMRMLSliceCompositeNode")
        assert composite.GetForegroundVolumeID() == opened.logic.parameters().overlay.GetID()
    opened.logic.parameters().overlayOpacity = 0.25
    application.queue.run()
    assert composite.GetForegroundOpacity() == 0.25
    opened.logic.parameters().showOverlay = False
    application.queue.run()
    assert composite.GetForegroundVolumeID() is None


def test_a_view_whose_image_is_deleted_does_not_take_another_image(application, opened):
    _load(application, opened)
    parameters, selector = opened.logic.parameters(), application.widgets["liverKidneySelector"]
    selector.setCurrentNode(parameters.liverKidney)
    for node, expected in ((parameters.hr, parameters.liverKidney), (parameters.liverKidney, None)):
        selector.fire("nodeAboutToBeRemoved(vtkMRMLNode*)", node)
        assert selector.value("currentNode") is expected


def test_the_image_that_is_estimated_is_shown_unless_another_of_the_subject_is(application, opened):
    _load(application, opened)
    _pretend_estimate(opened)
    shown = []
    opened.panel._estimatePanel._show = shown.append
    for name in ("hr", "liverKidney"):
        show_volume(application.scene, getattr(opened.logic.parameters(), name))
        application.widgets["applyButton"].fire("clicked()")
        assert shown[-1] is getattr(opened.logic.parameters(), name)


def test_a_run_that_the_closed_scene_ended_leaves_no_progress(application, opened, monkeypatch):
    from SteatosisEstimatorLib.module.estimating import EstimationProcess

    _load(application, opened)
    running = [True]
    monkeypatch.setattr(EstimationProcess, "isRunning", property(lambda self: bool(running)))
    opened.panel._estimatePanel._isWaiting = True
    opened.logic.progressed.emit(0.3, "Loading the model")
    application.queue.run()
    assert application.widgets["statusLabel"].value("text") == "Loading the model"
    running.clear()
    application.scene.Clear(0)
    application.queue.run()
    assert application.widgets["statusLabel"].value("text") == ""
    assert application.widgets["progressBar"].value("value") == 0


def test_an_estimate_of_images_that_are_no_longer_chosen_is_said_to_be_in_the_table(application, opened):
    _load(application, opened)
    _pretend_estimate(opened)
    pretend = opened.logic.process.start

    def start(*arguments):
        opened.logic.parameters().hr = None
        pretend(*arguments)

    opened.logic.process.start = start
    application.widgets["applyButton"].fire("clicked()")
    assert "Other images were chosen meanwhile" in application.widgets["statusLabel"].value("text")


def test_doubts_are_a_list(application, opened):
    from SteatosisEstimatorLib.module.resultText import warningHtml

    message = "The view hr stands in. hr: The share is 8.2 %, in training 0.0 % to 0.5 %. Some frames refused."
    shown = types.SimpleNamespace(estimate={"message": message, "flags": ""})
    assert warningHtml(shown).count("• ") == 3


def test_every_measurement_of_the_default_model_has_a_name_for_people(application, opened):
    from SteatosisEstimatorLib.features.catalog import FEATURES
    from SteatosisEstimatorLib.module.vocabulary import measurementName

    assert [name for name in FEATURES if measurementName(name) == name.replace("_", " ")] == []


def test_labels_that_wrap_do_not_widen_the_panel():
    """A form layout takes the width of their unwrapped text for the smallest one, and the panel stays that wide."""
    import xml.etree.ElementTree as ElementTree

    path = MODULE / "Resources" / "UI" / "SteatosisEstimator.ui"
    for label in ElementTree.parse(path).iter("widget"):
        if label.get("class") == "QLabel" and label.find("property[@name='wordWrap']") is not None:
            policy = label.find("property[@name='sizePolicy']/sizepolicy")
            isShort = label.get("name") == "researchLabel"
            assert isShort or policy.get("hsizetype") == "Ignored", label.get("name")


def test_a_frame_without_a_map_says_which_frames_have_one(application, opened):
    _load(application, opened)
    _pretend_estimate(opened)
    show_volume(application.scene, opened.logic.parameters().hr)
    application.widgets["applyButton"].fire("clicked()")
    application.queue.run()
    opened.logic.shown.sources[opened.logic.shown.view].browser.SetSelectedItemNumber(3)
    opened.logic.requestRefresh()
    application.queue.run()
    assert "frames that were: 0." in application.widgets["explanationLabel"].value("text")


def test_a_model_of_the_users_own_goes_before_the_shipped_one(application, opened, tmp_path):
    ui = application.widgets
    ui["modelFolderLineEdit"].fire("currentPathChanged(QString)", str(tmp_path))
    application.queue.run()
    assert "bundle" in ui["modelLabel"].value("text")
    assert not ui["modelComboBox"].enabled
    assert ui["applyButton"].toolTip == ui["modelLabel"].value("text")
    ui["modelFolderLineEdit"].fire("currentPathChanged(QString)", "")
    application.queue.run()
    assert ui["modelComboBox"].enabled


def test_estimating_without_packages_ends_in_one_sentence(application, opened, monkeypatch):
    _load(application, opened)
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    monkeypatch.setattr("HepatoRenalIndexLib.module.installing.Installer.hasTorch", lambda self: False)
    application.widgets["applyButton"].fire("clicked()")
    application.queue.run()
    assert "The extension PyTorch is missing" in application.widgets["statusLabel"].value("text")
    assert application.widgets["applyButton"].enabled


def test_switching_modules_closing_the_scene_and_reloading_do_not_throw(application, opened):
    _load(application, opened)
    _pretend_estimate(opened)
    application.widgets["applyButton"].fire("clicked()")
    application.queue.run()
    opened.exit()
    application.queue.run()
    opened.enter()
    application.queue.run()
    application.scene.RemoveNode(opened.logic.parameters().overlay)
    application.scene.RemoveNode(opened.logic.parameters().estimateTable)
    application.queue.run()
    assert application.widgets["resultLabel"].value("text") == "Not estimated."
    application.scene.Clear(0)
    application.queue.run()
    assert not opened.logic.assigned()
    _load(application, opened)
    assert application.widgets["applyButton"].enabled


def test_a_closed_module_does_nothing_more(application, opened):
    _load(application, opened)
    opened.logic.requestRefresh()  # a refresh that is still to come
    opened.cleanup()
    application.queue.run()
    volume = opened.logic.parameters().hr
    volume.Modified()
    application.scene.Modified()
    assert application.queue.calls == []  # nothing is observed any more


def test_the_layer_is_no_image_of_a_view_and_not_taken_into_a_reader_study(application, opened):
    from HepatoRenalIndexLib.module.studyVolumes import _sources

    _load(application, opened)
    _pretend_estimate(opened)
    application.widgets["applyButton"].fire("clicked()")
    application.queue.run()
    layer = opened.logic.parameters().overlay
    assert layer not in [source.volume for source in _sources(application.scene)]
    opened.logic.parameters().overlay = None
    assert opened.logic.guessViews() == 0  # "liver" is in its name


def test_the_panel_is_made_anew_when_the_other_module_was_reloaded(application, opened, monkeypatch):
    """The classes of the library that was forgotten, its errors for example, are not those that are imported then."""
    reloaded = []
    monkeypatch.setattr(opened, "onReload", lambda: reloaded.append(True))
    opened.enter()
    application.queue.run()
    assert reloaded == []
    monkeypatch.setitem(sys.modules, "HepatoRenalIndexLib", types.ModuleType("HepatoRenalIndexLib"))
    opened.enter()
    application.queue.run()
    assert reloaded == [True]


def test_a_scene_that_is_opened_brings_images_and_number_back(application, opened, tmp_path):
    _load(application, opened)
    _pretend_estimate(opened)
    application.widgets["applyButton"].fire("clicked()")
    application.queue.run()
    number = application.widgets["resultLabel"].value("text")
    study.save_mrb(application.scene, tmp_path / "case.mrb")
    application.scene.Clear(0)
    application.queue.run()
    assert application.widgets["resultLabel"].value("text") == "Not estimated."
    study.load_mrb(application.scene, tmp_path / "case.mrb")
    application.queue.run()
    assert application.widgets["resultLabel"].value("text") == number
    assert "Fat 12.3 %" in number


def test_image_and_curve_are_shown_together(application, opened):
    import slicer

    layout = slicer.vtkMRMLLayoutLogic()
    layout.SetMRMLScene(application.scene)
    _load(application, opened)
    _pretend_estimate(opened)
    application.widgets["applyButton"].fire("clicked()")
    application.queue.run()
    fitted = []
    plot = types.SimpleNamespace(
        mrmlPlotViewNode=lambda: application.scene.GetSingletonNode("LiverFatFrames", "vtkMRMLPlotViewNode"),
        plotView=lambda: types.SimpleNamespace(fitToContent=lambda: fitted.append(opened.logic.shown.view.value)),
    )
    slicer.app.layoutManager = lambda: types.SimpleNamespace(
        layoutLogic=lambda: layout, setLayout=layout.GetLayoutNode().SetViewArrangement, sliceWidget=lambda name: None,
        plotViewCount=1, plotWidget=lambda index: plot,
    )  # fmt: skip
    assert not application.widgets["plotsButton"].enabled  # a still image has no curve
    application.widgets["plotsButton"].fire("clicked()")
    view = application.scene.GetSingletonNode("LiverFatFrames", "vtkMRMLPlotViewNode")
    assert view.GetPlotChartNode().GetTitle().startswith("Liver fat over the frames")
    assert "no curve" in view.GetPlotChartNode().GetTitle()
    show_volume(application.scene, opened.logic.parameters().hr)
    opened.logic.requestRefresh()
    application.queue.run()
    assert view.GetPlotChartNode().GetNumberOfPlotSeriesNodes() == 3
    assert application.widgets["plotsButton"].enabled
    assert fitted == ["hr"]  # the application itself keeps the axes of the plot before
    slicer.app.layoutManager = lambda: None
    layout.SetMRMLScene(None)


def test_a_table_of_subjects_needs_its_two_paths(application, opened, monkeypatch, tmp_path):
    ui = application.widgets
    for name in ("cohortLineEdit", "cohortOutputLineEdit"):
        assert "Choose the table" in ui["cohortButton"].toolTip
        ui[name].setCurrentPath(str(tmp_path / name))
        ui[name].fire("currentPathChanged(QString)", str(tmp_path / name))
    assert ui["cohortButton"].enabled
    asked = []
    opened.panel._cohortPanel._ensure = lambda model: None
    monkeypatch.setattr(opened.logic._cohortProcess, "start", lambda *arguments, **options: asked.append(arguments))
    ui["cohortButton"].fire("clicked()")
    (work, job), *_ = asked
    assert work == "cohort_job"
    assert job["action"] == "estimate"
    assert job["arguments"]["cohort"] == str(tmp_path / "cohortLineEdit")
    opened.logic.progressed.emit(0.25, "measuring A")
    assert ui["cohortStatusLabel"].value("text") == "25 %: measuring A"


def test_the_end_of_a_training_from_the_console_is_not_told_as_a_table(application, opened):
    status = application.widgets["statusLabel"]
    opened.logic.cohortEnded.emit("")
    assert "log" in status.value("text")
    assert "table" not in status.value("text")
    opened.panel._cohortPanel._isEstimating = True
    opened.logic.cohortEnded.emit("")
    assert "The table is estimated" in status.value("text")


def test_the_module_file_registers_samples_and_views(main, monkeypatch):
    sources = []
    logic = types.SimpleNamespace(
        registerCustomSampleDataCategory=lambda category, title=None: None,
        registerCustomSampleDataSource=lambda **source: sources.append(source),
    )
    monkeypatch.setitem(sys.modules, "SampleData", types.SimpleNamespace(SampleDataLogic=logic))
    main._onStartup()
    (source,) = sources
    assert source["loadFileTypes"] == ["LiverUltrasoundFile"] * 2
    assert Path(source["thumbnailFileName"]).is_file()
    for uri, checksum in zip(source["uris"], source["checksums"], strict=True):
        path = Path(url2pathname(uri.removeprefix("file://")))
        assert f"SHA256:{hashlib.sha256(path.read_bytes()).hexdigest()}" == checksum
    assert main.SteatosisEstimatorLogic.__name__ == "SteatosisEstimatorLogic"
    assert not hasattr(main, "SteatosisEstimatorFileReader")


def test_the_panel_passes_the_test_that_the_application_runs_on_it(application, opened, monkeypatch):
    from HepatoRenalIndexLib.module import process
    from SteatosisEstimatorLib.module.panelTest import PanelTest

    monkeypatch.setattr(process, "pythonProgram", lambda: sys.executable)
    opened.logic.parameters().clipFrames = 2  # fewer have no curve
    steps = []
    PanelTest(opened.panel, application.queue.run, steps.append).run()
    assert len(steps) >= 2


def test_the_application_starts_without_numpy():
    """What is registered at its start must not bring the packages that it loads later."""
    program = f"""
import sys, types
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("numpy", "scipy", "pydicom", "PIL"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refuse())
translation = types.ModuleType("slicer.i18n")
translation.tr = lambda text: text
sys.modules |= {{"slicer": types.ModuleType("slicer"), "slicer.i18n": translation}}
sys.path[:0] = {[str(MODULE), str(MODULE.parent / "HepatoRenalIndex")]!r}
import SteatosisEstimatorLib.module.layout, SteatosisEstimatorLib.module.sampleData
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
