"""A reading session in the scene: two readers, a crash in the middle, what the reader may and may not see."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import slicer_double

slicer_double.install()
slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from HepatoRenalIndexLib.imaging.image import InputError  # noqa: E402
from HepatoRenalIndexLib.module.loading import loadSample  # noqa: E402
from HepatoRenalIndexLib.module.marking import MarkingLogic  # noqa: E402
from HepatoRenalIndexLib.module.markingNodes import STUDY_ATTRIBUTE, isStudyNode  # noqa: E402
from HepatoRenalIndexLib.module.readingView import INTERACTION_NODE, SELECTION_NODE, ReadingView  # noqa: E402
from HepatoRenalIndexLib.study.collect import study_answers  # noqa: E402
from HepatoRenalIndexLib.study.definition import open_study  # noqa: E402
from HepatoRenalIndexLib.study.session import IntervalError  # noqa: E402
from marking_case import CENTERS, FRAMES, make_study, read  # noqa: E402

HERE = Path(__file__).resolve().parent


@pytest.fixture
def marking(scene):
    scene.Clear(0)
    logic = MarkingLogic(scene)
    yield logic
    logic.stop()


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path / "study")


def _placing(scene) -> str:
    """Name of the node whose point the next click places, empty if a click places nothing."""
    interaction, selection = scene.GetNodeByID(INTERACTION_NODE), scene.GetNodeByID(SELECTION_NODE)
    if interaction.GetCurrentInteractionMode() != interaction.Place:
        return ""
    return scene.GetNodeByID(selection.GetActivePlaceNodeID()).GetName()


def _click(marking, organ: str, x: float, y: float) -> None:
    """What a click in the view does: the point of the active node gets its position."""
    width, height, _ = marking._nodes.volume.GetSpacing()
    z = marking._nodes.volume.GetOrigin()[2]
    marking._nodes.point(organ).AddControlPointWorld(-x * width, -y * height, z)


def test_two_readers_in_two_sessions_end_up_in_one_table(scene, marking, study):
    slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)  # there in the application
    nodes = scene.GetNumberOfNodes()
    orders = []
    for reader, session in (("A", 1), ("B", 1), ("A", 2), ("B", 2)):
        marking.start(study.folder, reader, session)
        orders.append([image.id for image in marking.session.order])
        read(marking, reader, session)
        marking.stop()
    assert scene.GetNumberOfNodes() == nodes  # nothing of a session stays in the scene
    assert len({tuple(order) for order in orders}) == 4
    answers = study_answers(open_study(study.folder))
    assert len(answers.table.answers) == 4 * FRAMES and answers.table.exclusions == ()
    assert all(status.finished for status in answers.sessions)
    hri = answers.table.values("A", "1", "hri")
    assert hri == pytest.approx(answers.table.values("A", "1", "liver") / answers.table.values("A", "1", "kidney"))


def test_two_clicks_and_a_key_lead_from_image_to_image(scene, marking, study):
    marking.start(study.folder, "A", 1)
    assert marking.progress == f"Image 1 of {FRAMES}"
    assert _placing(scene) == "Liver"
    assert "click the liver" in marking.whyNotNext()
    _click(marking, "liver", *CENTERS["liver"])
    assert _placing(scene) == "Kidney"
    assert "click the renal cortex" in marking.whyNotNext()
    with pytest.raises(InputError, match="kidney ROI first"):
        marking.next()
    _click(marking, "kidney", *CENTERS["kidney"])
    assert _placing(scene) == "" and marking.whyNotNext() == ""
    marking.next()
    assert marking.progress == f"Image 2 of {FRAMES}"
    assert marking.missing == ["liver", "kidney"] and _placing(scene) == "Liver"


def test_a_double_click_or_the_right_button_does_not_end_placing(scene, marking, study):
    """The application leaves the place mode then; the panel says that a click places the ROI, so it has to."""
    interaction = scene.GetNodeByID(INTERACTION_NODE)
    marking.start(study.folder, "A", 1)
    interaction.SwitchToViewTransformMode()
    assert _placing(scene) == "Liver"
    _click(marking, "liver", *CENTERS["liver"])
    interaction.SwitchToViewTransformMode()
    assert _placing(scene) == "Kidney"
    marking.rest()
    assert _placing(scene) == ""
    marking.resume()
    assert _placing(scene) == "Kidney"
    marking.stop()
    assert _placing(scene) == ""
    interaction.SetCurrentInteractionMode(interaction.Place)  # for something of the user's own
    interaction.SwitchToViewTransformMode()
    assert _placing(scene) == ""


def test_a_roi_has_the_size_of_the_study_and_only_its_place_can_be_changed(scene, marking, study):
    marking.start(study.folder, "A", 1)
    _click(marking, "liver", 230.2, 120.7)
    roi = marking.roi("liver")
    side = study.images[0].roi_width
    assert (roi.width, roi.height) == (side, side)
    assert roi.center == pytest.approx((230.2, 120.7), abs=0.51)
    (box,) = (n for n in scene.GetNodesByClass("vtkMRMLMarkupsROINode") if n.GetName() == "Liver ROI")
    spacing = marking._nodes.volume.GetSpacing()[0]
    assert box.GetSize()[:2] == pytest.approx((side * spacing, side * spacing))
    assert side * spacing == pytest.approx(15.0, abs=spacing)
    assert box.GetLocked() and not box.GetDisplayNode().GetHandlesInteractive()
    point = marking._nodes.point("liver")
    assert point.GetMaximumNumberOfControlPoints() == 1
    before = box.GetCenter()
    point.SetNthControlPointPositionWorld(0, *(np.array(before) - (10 * spacing, 5 * spacing, 0)))  # dragged
    moved = marking.roi("liver")
    assert (moved.left - roi.left, moved.top - roi.top) == (10, 5)
    assert box.GetCenter() == pytest.approx(np.array(before) - (10 * spacing, 5 * spacing, 0))
    marking.place("liver", -500, 9000)  # dragged out of the view
    assert marking.roi("liver").inside(marking.session.show().pixels.shape)


def test_a_roi_outside_the_sector_is_told_and_the_image_stays(marking, study):
    marking.start(study.folder, "A", 1)
    marking.place("liver", 40, 40)
    marking.place("kidney", *CENTERS["kidney"])
    assert "outside the insonated area" in marking.whyNotNext()
    with pytest.raises(InputError, match="outside the insonated area"):
        marking.next()
    assert marking.session.done == 0 and marking.session.position == 0


def test_the_reader_sees_the_sector_and_no_name(scene, marking, study):
    before = {scene.GetNthNode(i).GetID() for i in range(scene.GetNumberOfNodes())}
    marking.start(study.folder, "A", 1)
    shown = slicer.util.arrayFromVolume(marking._nodes.volume)[0]
    sector = marking.session.image.geometry().mask
    assert shown[sector].any() and not shown[~sector].any()
    made = [scene.GetNthNode(i) for i in range(scene.GetNumberOfNodes())]
    made = [node for node in made if node.GetID() not in before]
    for node in made:
        texts = [node.GetName() or "", node.GetDescription() or ""]
        texts += [node.GetAttribute(name) or "" for name in node.GetAttributeNames()]
        assert not any("clip" in text or "patient" in text or str(study.folder) in text for text in texts)
        if node.IsA("vtkMRMLStorageNode"):
            assert not node.GetFileName()
    assert {node.GetName() for node in made if isStudyNode(node)} == {
        "Study image", "Liver", "Kidney", "Liver ROI", "Kidney ROI"
    }  # fmt: skip


def test_nothing_of_a_session_mixes_with_the_measuring_part_or_is_saved(scene, marking, study, tmp_path):
    from HepatoRenalIndexLib.measurement.roi import Roi
    from HepatoRenalIndexLib.scene.rois import add_roi

    volume = loadSample(scene, "sector")
    measured = add_roi(scene, Roi(100, 100, 30, 30), volume, "Liver ROI")
    marking.start(study.folder, "A", 1)
    marking.place("liver", *CENTERS["liver"])
    bounds = {}
    for node in scene.GetNodesByClass("vtkMRMLMarkupsROINode"):
        if node.GetNumberOfControlPoints():
            bounds[isStudyNode(node)] = [0.0] * 6
            node.GetRASBounds(bounds[isStudyNode(node)])
    assert bounds[False][5] + 100 < bounds[True][4]  # never in one slice
    for node in scene.GetNodesByClass("vtkMRMLNode"):
        if isStudyNode(node):
            assert not node.GetSaveWithScene() and node.GetHideFromEditors()
    scene.SetSaveToXMLString(1)
    scene.Commit()
    text = scene.GetSceneXMLString()
    scene.SetSaveToXMLString(0)
    assert "Study image" not in text and STUDY_ATTRIBUTE not in text and "sector" in text
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    assert not any(isStudyNode(n) and hierarchy.GetItemByDataNode(n) for n in scene.GetNodesByClass("vtkMRMLNode"))
    marking.stop()
    assert measured.GetScene() is scene and volume.GetScene() is scene


CRASHING = """
import os, signal, sys
sys.path.insert(0, {here!r})
import slicer_double
slicer_double.install()
from HepatoRenalIndexLib.module.loading import loadSample  # noqa: E402
from HepatoRenalIndexLib.module.marking import MarkingLogic
from HepatoRenalIndexLib.scene import runtime
from marking_case import CENTERS
started = runtime.start()
marking = MarkingLogic(started.scene)
marking.start({folder!r}, "A", 1)
for done in range(3):
    for organ, (x, y) in CENTERS.items():
        marking.place(organ, x + done, y)
    marking.next()
marking.place("liver", *CENTERS["liver"])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill a process in the middle")
def test_a_session_that_was_killed_goes_on_at_the_same_image(marking, study):
    script = CRASHING.format(here=str(HERE), folder=str(study.folder))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, timeout=60)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    marking.start(study.folder, "A", 1)
    assert marking.progress == f"Image 4 of {FRAMES}" and marking.session.done == 3
    assert marking.missing == ["liver", "kidney"]
    marking.back()
    assert marking.roi("liver").center == pytest.approx((CENTERS["liver"][0] + 2, CENTERS["liver"][1]), abs=0.51)
    marking.next()
    read(marking, "A", 1)
    marking.stop()
    answers = study_answers(open_study(study.folder))
    assert len(answers.table.answers) == FRAMES and not answers.table.exclusions


def test_an_answer_torn_by_a_loss_of_power_is_asked_again(marking, study):
    marking.start(study.folder, "A", 1)
    for _ in range(2):
        for organ, center in CENTERS.items():
            marking.place(organ, *center)
        marking.next()
    marking.stop()
    (path,) = study.sessions_folder.glob("*.jsonl")
    path.write_bytes(path.read_bytes()[:-40])
    marking.start(study.folder, "A", 1)
    assert marking.progress == f"Image 2 of {FRAMES}"


def test_back_shows_the_answer_and_going_on_without_a_change_stores_nothing(marking, study):
    marking.start(study.folder, "A", 1)
    for organ, center in CENTERS.items():
        marking.place(organ, *center)
    marking.next()
    (path,) = study.sessions_folder.glob("*.jsonl")
    stored = path.read_bytes()
    marking.back()
    assert marking.missing == [] and marking.progress == f"Image 1 of {FRAMES}"
    marking.next()
    assert path.read_bytes() == stored and marking.progress == f"Image 2 of {FRAMES}"
    marking.back()
    marking.place("liver", CENTERS["liver"][0] + 9, CENTERS["liver"][1])
    marking.next()
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert records[-1]["revises"] == 1 and records[-1]["liver"] != records[1]["liver"]


def test_a_skip_needs_a_reason_and_is_kept_with_it(marking, study):
    marking.start(study.folder, "A", 1)
    with pytest.raises(InputError, match="why the image is skipped"):
        marking.skip("  ")
    marking.skip("shadow or artifact")
    assert marking.progress == f"Image 2 of {FRAMES}"
    assert [s.reason for s in study_answers(study).skipped] == ["shadow or artifact"]


def test_a_skipped_image_that_is_seen_again_stays_skipped_or_is_measured(marking, study):
    marking.start(study.folder, "A", 1)
    marking.skip("shadow or artifact")
    marking.back()
    assert marking.isSkipped and marking.whyNotNext() == ""
    marking.next()
    assert marking.progress == f"Image 2 of {FRAMES}" and not marking.isSkipped
    assert len(next(study.sessions_folder.glob("*.jsonl")).read_text().splitlines()) == 2
    marking.back()
    marking.place("liver", *CENTERS["liver"])
    assert "kidney ROI first" in marking.whyNotNext()
    marking.place("kidney", *CENTERS["kidney"])
    marking.next()
    assert study_answers(study).skipped == () and marking.session.done == 1


def test_every_image_begins_with_its_own_gray_levels_and_no_text_in_the_rois(scene, marking, study):
    marking.start(study.folder, "A", 1)
    marking.volume.GetDisplayNode().SetWindowLevel(90, 60)
    marking.skip("shadow or artifact")
    display = marking.volume.GetDisplayNode()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0, 255)
    for box in scene.GetNodesByClass("vtkMRMLMarkupsROINode"):
        assert not box.GetDisplayNode().GetPropertiesLabelVisibility()


@pytest.mark.parametrize("blind", [True, False])
def test_values_are_hidden_if_the_study_says_so_and_stored_all_the_same(marking, tmp_path, blind):
    study = make_study(tmp_path / "study", blind=blind)
    marking.start(study.folder, "A", 1)
    image = marking.session.image
    for organ, center in CENTERS.items():
        marking.place(organ, *center)
    pixels = study.load(image).pixels
    expected = {organ: float(marking.roi(organ).values(pixels).mean()) for organ in CENTERS}
    reading = marking.measured()
    assert (reading is None) == blind
    if not blind:
        assert reading.hri == pytest.approx(expected["liver"] / expected["kidney"])
    marking.next()
    assert marking.session.reading(image).liver_mean == pytest.approx(expected["liver"])


def test_a_session_begins_too_early_only_with_a_reason(marking, tmp_path):
    study = make_study(tmp_path / "study", frames=2, interval_days=28)
    marking.start(study.folder, "A", 1)
    read(marking, "A", 1)
    with pytest.raises(IntervalError, match="28 days between sessions"):
        marking.start(study.folder, "A", 2)
    assert marking.session.session == 1  # the session that runs is not lost
    marking.start(study.folder, "A", 2, "pilot of the study")
    assert marking.session.session == 2
    assert any("pilot of the study" in remark for remark in study_answers(study).table.remarks)


def test_a_changed_or_missing_image_is_told_and_can_be_skipped(scene, marking, study, monkeypatch):
    marking.start(study.folder, "A", 1)
    name = marking.session.image.id
    monkeypatch.setattr(type(study), "load", _refuse)
    marking.place("liver", *CENTERS["liver"])
    marking.session._loaded = None
    marking._show()
    assert "cannot be read" in marking.whyNotNext() and marking._nodes.volume is None
    assert _placing(scene) == ""  # a click would make a point that belongs to nothing
    with pytest.raises(InputError, match="cannot be read"):
        marking.next()
    monkeypatch.undo()
    marking.skip("poor image quality")
    assert marking.message == "" and marking._nodes.volume is not None
    assert study_answers(study).skipped[0].image == name


def _refuse(study, image):
    raise InputError(f"Image {image.id} cannot be read: it is gone.")


def test_deleted_nodes_come_back_and_a_closed_scene_loses_nothing(scene, marking, study):
    marking.start(study.folder, "A", 1)
    for organ, center in CENTERS.items():
        marking.place(organ, *center)
    marking.next()
    scene.RemoveNode(marking._nodes.volume)
    assert "liver ROI first" in marking.whyNotNext()
    marking.place("liver", *CENTERS["liver"])
    assert marking._nodes.areComplete and marking.missing == ["kidney"]
    marking.abandon()
    scene.Clear(0)
    assert not marking.isRunning and marking.whyNotNext() == "Start a session first."
    marking.start(study.folder, "A", 1)
    assert marking.progress == f"Image 2 of {FRAMES}"


def test_at_the_end_the_last_image_stays_for_corrections(marking, study):
    marking.start(study.folder, "A", 1)
    read(marking, "A", 1)
    assert marking.session.finished and marking.progress == f"Image {FRAMES} of {FRAMES}"
    assert marking.missing == []
    marking.back()
    marking.place("kidney", CENTERS["kidney"][0] + 3, CENTERS["kidney"][1])
    marking.next()
    assert marking.session.done == FRAMES


@pytest.mark.parametrize(
    ("folder", "reader", "sentence"),
    [
        ("", "A", "Choose the folder of a study first"),
        ("nowhere", "A", "holds no readable study.json"),
        ("study", "Dr. Ann Example", "letters, digits"),
        ("study", "algorithm", "kept for the automatic measurement"),
    ],
)
def test_what_cannot_begin_says_why(marking, study, tmp_path, folder, reader, sentence):
    with pytest.raises(InputError, match=sentence) as raised:
        marking.start(tmp_path / folder if folder else "", reader, 1)
    assert str(tmp_path) not in str(raised.value)
    assert not marking.isRunning


def test_the_slice_view_shows_the_image_whole_and_upright(scene, marking, study):
    """The fit that the application does, with its own slice logic."""
    marking.start(study.folder, "A", 1)
    volume = marking._nodes.volume
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLScene(scene)
    node = scene.AddNewNodeByClass("vtkMRMLSliceNode", "test")
    node.SetLayoutName("test")
    logic.SetSliceNode(node)
    logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
    node.SetOrientation("Axial")
    node.SetDimensions(800, 600, 1)
    logic.FitSliceToBackground(800, 600)
    matrix = node.GetSliceToRAS()
    bounds = [0.0] * 6
    volume.GetRASBounds(bounds)
    assert bounds[4] <= matrix.GetElement(2, 3) <= bounds[5]
    field = node.GetFieldOfView()
    assert field[0] >= bounds[1] - bounds[0] - 0.01 and field[1] >= bounds[3] - bounds[2] - 0.01
    logic.SetMRMLScene(None)


@pytest.mark.parametrize(("hides", "isShown"), [(True, True), (True, False), (False, True)])
def test_the_views_are_as_before_when_a_session_ends(scene, marking, study, monkeypatch, hides, isShown):
    """With the application's own layout logic; only its windows are missing."""
    volume = loadSample(scene, "sector")
    layout = slicer.vtkMRMLLayoutLogic()
    layout.SetMRMLScene(scene)
    node = layout.GetLayoutNode()
    node.SetViewArrangement(node.SlicerLayoutFourUpView)
    composite = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    composite.SetBackgroundVolumeID(volume.GetID())
    other, another = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode"), loadSample(scene, "no_kidney")
    other.SetBackgroundVolumeID(another.GetID())
    other.SetForegroundVolumeID(volume.GetID())
    look = scene.AddNewNodeByClass("vtkMRMLSliceNode", "test")
    look.SetLayoutName("test")
    look.SetDimensions(400, 300, 1)
    look.SetOrientation("Coronal")
    look.SetSliceOffset(7.0)
    look.SetFieldOfView(80, 60, 1)
    look.SetXYZOrigin(3, 4, 0)
    view = types.SimpleNamespace(
        mrmlSliceCompositeNode=lambda: composite,
        mrmlSliceNode=lambda: look,
        fitSliceToBackground=lambda: fits.append(composite.GetBackgroundVolumeID()),
        visible=True,
        sliceView=lambda: image,
    )
    manager = types.SimpleNamespace(
        layoutLogic=lambda: layout, setLayout=node.SetViewArrangement, sliceWidget=lambda name: view
    )
    probe, fits, later, focused = [], [], [], []

    def show_alone(background, foreground, label):
        for each in (composite, other):
            each.SetBackgroundVolumeID(background.GetID())
            each.SetForegroundVolumeID(foreground)

    image = types.SimpleNamespace(setFocus=lambda: focused.append(True))
    timer = types.SimpleNamespace(singleShot=lambda delay, call: later.append(call))
    monkeypatch.setitem(sys.modules, "qt", types.SimpleNamespace(QTimer=timer))
    monkeypatch.setitem(slicer.__dict__, "app", types.SimpleNamespace(layoutManager=lambda: manager))
    panel = types.SimpleNamespace(isHidden=lambda: not isShown or probe[-1:] == [False], setVisible=probe.append)
    for name, value in (
        ("mainWindow", lambda: manager),
        ("findChildren", lambda window, name: [panel] if name == "DataProbeCollapsibleWidget" else []),
        ("setSliceViewerLayers", show_alone),
    ):
        monkeypatch.setitem(slicer.util.__dict__, name, value)
    reading = ReadingView(scene)
    shown = loadSample(scene, "curved")
    reading.show(shown, hides)
    assert len(later) == 1 and focused == [True]
    fits.clear()
    later.pop()()
    assert fits == [shown.GetID()]  # when the view has the size that the layout gives it
    reading.show(shown, hides)
    assert later == []  # the zoom of the reader's own is lost with the next image only
    assert node.GetViewArrangement() == node.SlicerLayoutOneUpRedSliceView
    assert composite.GetBackgroundVolumeID() == shown.GetID() and probe == [False] * hides
    node.SetViewArrangement(node.SlicerLayoutOneUp3DView)
    view.visible = False
    reading.show(shown, hides)
    assert node.GetViewArrangement() == node.SlicerLayoutOneUpRedSliceView
    view.visible = True
    look.SetFieldOfView(20, 15, 1)
    fits.clear()
    reading.showAgain(shown, hides)  # the reader is back from another module
    assert fits == [] and look.GetFieldOfView()[:2] == (20, 15)
    look.SetSliceOffset(5000.0)
    look.SetDimensions(800, 300, 1)  # as wide as the layout of the session makes it
    reading.leave()
    reading.leave()
    look.SetDimensions(400, 300, 1)
    later.pop()()
    assert look.GetOrientationString() == "Coronal" and look.GetSliceOffset() == pytest.approx(7.0)
    assert look.GetFieldOfView()[:2] == (80, 60) and look.GetXYZOrigin()[:2] == (3, 4)
    assert node.GetViewArrangement() == node.SlicerLayoutFourUpView
    assert composite.GetBackgroundVolumeID() == volume.GetID()
    assert probe == ([False] + [True] * isShown) * hides
    assert (other.GetBackgroundVolumeID(), other.GetForegroundVolumeID()) == (another.GetID(), volume.GetID())
    layout.SetMRMLScene(None)
