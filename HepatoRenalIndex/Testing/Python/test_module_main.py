"""The file that the application loads: module, reader of ultrasound files, sample data, its own test."""

from __future__ import annotations

import hashlib
import sys
import types
from pathlib import Path
from urllib.request import url2pathname

import pytest
from desktop_double import MODULE

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")
SAMPLES = MODULE / "Resources" / "SampleData"
LIBRARIES = ("HepatoRenalIndexLib", "SteatosisEstimatorLib")  # both are forgotten by a reload


@pytest.fixture
def library_restored():
    """The library as the other tests imported it, after a test that has it imported anew."""
    kept = {name: module for name, module in sys.modules.items() if name.split(".")[0] in LIBRARIES}
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in LIBRARIES]:
        del sys.modules[name]
    sys.modules.update(kept)


class Parent:
    """What the application passes to a reader: it takes nodes and messages."""

    def __init__(self):
        self.loadedNodes: list[str] = []
        self.messages: list[str] = []

    def userMessages(self):
        return types.SimpleNamespace(AddMessage=lambda event, text: self.messages.append(text))

    def supportedNameFilters(self, path: str) -> list[str]:
        return ["yes"] if path.endswith((".dcm", ".png")) else []


def test_the_application_finds_only_the_classes_that_it_looks_for(main):
    """The logic is imported when it is asked for; other names are unknown, as the application expects."""
    assert main.HepatoRenalIndexLogic.__name__ == "HepatoRenalIndexLogic"
    assert not hasattr(main, "HepatoRenalIndexFileWriter")
    assert not hasattr(main, "HepatoRenalIndexFileDialog")


def test_the_logic_of_the_application_has_the_calls_of_the_module(main, scene, monkeypatch):
    """``slicer.modules.hepatorenalindex.logic()`` is an object of the application's own."""
    own = slicer.vtkMRMLColorLogic()
    module = main.HepatoRenalIndex.__new__(main.HepatoRenalIndex)
    module.parent = types.SimpleNamespace(logic=lambda: own)
    module.setup()
    logic = main.HepatoRenalIndexLogic()
    monkeypatch.setitem(slicer.util.__dict__, "getModuleLogic", lambda name: logic)
    for name in main.CONSOLE_CALLS:
        assert callable(getattr(logic, name)), name
    volume = own.loadSample("sector")
    own.getParameterNode().inputVolume = volume
    own.placeByHand()
    own.refreshAll()
    assert logic.shown.result.measurement is not None


def test_a_file_is_loaded_with_its_calibration_by_the_reader_of_the_module(main, scene):
    from HepatoRenalIndexLib.module.source import findSource

    parent = Parent()
    reader = main.HepatoRenalIndexFileReader(parent)
    assert reader.load({"fileName": str(SAMPLES / "clip.dcm"), "name": "a clip"})
    (identifier,) = parent.loadedNodes
    volume = scene.GetNodeByID(identifier)
    assert volume.GetName() == "a clip"
    assert volume.GetSpacing()[0] != 1.0
    assert findSource(volume).keeper.GetAttribute("HepatoRenalIndex.Header")
    assert scene.GetNumberOfNodesByClass("vtkMRMLSequenceBrowserNode") == 1
    assert parent.messages == []


def test_a_file_that_cannot_be_read_is_a_message_of_the_application(main, tmp_path):
    damaged = tmp_path / "image.dcm"
    damaged.write_bytes(b"nothing")
    parent = Parent()
    assert main.HepatoRenalIndexFileReader(parent).load({"fileName": str(damaged)}) is False
    assert len(parent.messages) == 1
    assert str(tmp_path) not in parent.messages[0]
    assert parent.loadedNodes == []


def test_a_clip_with_a_damaged_frame_leaves_nothing_in_the_scene(main, scene, monkeypatch):
    from HepatoRenalIndexLib.imaging.image import InputError
    from HepatoRenalIndexLib.module import loading

    class Damaged:
        """The clip, with a third frame that cannot be decoded."""

        def __init__(self, file):
            self._file, self.frame_count = file, file.frame_count

        def __enter__(self):
            self._file.__enter__()
            return self

        def __exit__(self, *details):
            return self._file.__exit__(*details)

        def frame(self, index):
            if index == 2:
                raise InputError("Frame 2 cannot be decoded.")
            return self._file.frame(index)

    opened = loading.open_ultrasound
    monkeypatch.setattr(loading, "open_ultrasound", lambda *arguments: Damaged(opened(*arguments)))
    before = scene.GetNumberOfNodes()
    parent = Parent()
    assert not main.HepatoRenalIndexFileReader(parent).load({"fileName": str(SAMPLES / "clip.dcm")})
    assert parent.messages == ["Frame 2 cannot be decoded."]
    assert scene.GetNumberOfNodes() == before


def test_the_readers_of_the_application_stay_the_first_choice(main):
    """They have a confidence of 0.5 and more (qSlicerFileReader)."""
    reader = main.HepatoRenalIndexFileReader(Parent())
    assert 0 < reader.canLoadFileConfidence("a.png") < 0.5
    assert reader.canLoadFileConfidence("a.nrrd") == 0.0
    assert isinstance(reader.canLoadFileConfidence("a.nrrd"), float)
    filters = reader.extensions()
    assert isinstance(filters, list)
    assert all(text.count("(*.") == 1 and text.endswith(")") for text in filters)


def test_sample_data_is_registered_for_the_reader_of_the_module(main, monkeypatch):
    """Sample Data copies the file into its cache, checks its sum and loads it with the named reader."""
    categories, sources = [], []
    logic = types.SimpleNamespace(
        registerCustomSampleDataCategory=lambda category, title=None: categories.append(category),
        registerCustomSampleDataSource=lambda **source: sources.append(source),
    )
    monkeypatch.setitem(sys.modules, "SampleData", types.SimpleNamespace(SampleDataLogic=logic))
    main._onStartup()
    assert len(sources) == 4
    assert {source["category"] for source in sources} == set(categories)
    assert len({source["fileNames"] for source in sources}) == 4
    for source in sources:
        path = Path(url2pathname(source["uris"].removeprefix("file://")))
        algorithm, _, digest = source["checksums"].partition(":")
        assert hashlib.new(algorithm, path.read_bytes()).hexdigest() == digest
        assert source["loadFileTypes"] == main.HepatoRenalIndexFileReader(Parent()).fileType()
        assert Path(source["thumbnailFileName"]).is_file()


def test_a_reloaded_module_works_and_the_old_one_rests(application, main, library_restored, monkeypatch):
    """The application then loads the file anew and calls cleanup and setup (slicer.util.reloadScriptedModule)."""
    base = sys.modules["slicer.ScriptedLoadableModule"].ScriptedLoadableModuleWidget
    monkeypatch.setattr(base, "onReload", lambda self: None, raising=False)

    def measured(widget) -> str:
        widget.logic.parameters().inputVolume = widget.logic.loadSample("sector")
        application.queue.run()
        application.widgets["placeByHandButton"].click()
        application.queue.run()
        return application.widgets["hriLabel"].value("text")

    old = main.HepatoRenalIndexWidget(types.SimpleNamespace(isEntered=True))
    old.setup()
    number = measured(old)
    roi = old.logic.parameters().liverRoi
    roi.SetCenter(*(value + 3.0 for value in roi.GetCenter()))  # leaves a refresh that is still to come
    old.onReload()
    assert not any(name.startswith("HepatoRenalIndexLib") for name in sys.modules)
    old.cleanup()
    new = main.HepatoRenalIndexWidget(types.SimpleNamespace(isEntered=True))
    new.setup()
    application.queue.run()
    assert type(new.logic) is not type(old.logic)
    assert new.logic.shown.result is not None  # of the input that the scene holds
    assert measured(new) == number
    assert old.logic.shown.source is None
    new.cleanup()
    application.queue.run()
    assert application.errors == []


def test_a_layout_that_was_restored_before_the_module_knew_it_gets_its_views(application):
    """Scenes and settings name it by number; the application shows nothing for a number that it does not know."""
    from HepatoRenalIndexLib.module import layout

    logic = slicer.vtkMRMLLayoutLogic()
    logic.SetMRMLScene(application.scene)
    node = logic.GetLayoutNode()
    slicer.app.layoutManager = lambda: types.SimpleNamespace(layoutLogic=lambda: logic)
    node.SetViewArrangement(layout.LAYOUT_ID)
    assert application.scene.GetSingletonNode("HriFrames", "vtkMRMLPlotViewNode") is None
    layout.registerLayout()
    assert application.scene.GetSingletonNode("HriFrames", "vtkMRMLPlotViewNode") is not None
    layout.registerLayout()
    slicer.app.layoutManager = lambda: None
    logic.SetMRMLScene(None)
