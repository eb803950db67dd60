"""The module's logic on a real scene: measured, corrected, undone, saved, deleted, without any application."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import slicer_double

slicer_double.install()
slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from HepatoRenalIndexLib.geometry.spacing import Calibration, SpacingSource  # noqa: E402
from HepatoRenalIndexLib.imaging.image import InputError  # noqa: E402
from HepatoRenalIndexLib.imaging.reader import open_ultrasound  # noqa: E402
from HepatoRenalIndexLib.measurement.organs import OrganMasks  # noqa: E402
from HepatoRenalIndexLib.module import resultTable  # noqa: E402
from HepatoRenalIndexLib.module.frameState import FrameState  # noqa: E402
from HepatoRenalIndexLib.module.measuring import measureState  # noqa: E402
from HepatoRenalIndexLib.module.sampleData import SAMPLE_FOLDER, SAMPLES  # noqa: E402
from HepatoRenalIndexLib.module.selfTest import SelfTest, sampleMasks  # noqa: E402
from HepatoRenalIndexLib.module.source import findSource  # noqa: E402
from HepatoRenalIndexLib.pipeline.measure import MeasurementSettings, measure_frame  # noqa: E402
from HepatoRenalIndexLib.scene import study  # noqa: E402
from module_session import NETWORK, Session, browse, clip_masks  # noqa: E402


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_data_has_the_checksum_it_is_registered_with(name):
    import hashlib

    data = (SAMPLE_FOLDER / SAMPLES[name].fileName).read_bytes()
    assert hashlib.sha256(data).hexdigest() == SAMPLES[name].sha256


def test_a_measured_image_has_the_numbers_of_the_command_line(measured):
    with open_ultrasound(SAMPLE_FOLDER / "sector.dcm") as file:
        expected = measure_frame(file.frame(0), None, MeasurementSettings(), sampleMasks("sector"))
    assert measured.hri == expected.measurement.hri
    assert measured.shown.result.calibration == expected.calibration
    assert measured.shown.state.model == NETWORK
    (row,) = resultTable.rowsOf(measured.parameters.resultTable)
    assert float(row["hri"]) == pytest.approx(measured.hri, abs=1e-4)
    assert row["model"] == "network"
    assert row["manufacturer_model"] == "Simulator"


def test_nothing_is_computed_again_when_nothing_changes(measured):
    result = measured.shown.result
    measured.logic.requestRefresh()
    measured.settle()
    assert measured.shown.result is result
    assert measured.settle() == 0


def test_a_dragged_roi_is_manual_and_the_number_follows_every_step(measured):
    numbers = []
    measured.logic.changed.connect(lambda: numbers.append(measured.hri))
    before = measured.hri
    measured.drag(measured.parameters.liverRoi, -9.0)
    assert measured.shown.state.liver.manual
    assert not measured.shown.state.kidney.manual
    assert len(set(numbers)) >= 3
    assert "manual_roi" in [flag.code for flag in measured.shown.result.flags]
    (row,) = resultTable.rowsOf(measured.parameters.resultTable)
    assert "manual_roi" in row["flags"]
    assert measured.hri != before


def test_a_drag_is_one_step_of_the_history(measured):
    before = measured.hri, measured.shown.state
    measured.drag(measured.parameters.kidneyRoi, 6.0, 3.0)
    after = measured.hri, measured.shown.state
    measured.logic.undo()
    measured.settle()
    assert (measured.hri, measured.shown.state) == before
    measured.logic.redo()
    measured.settle()
    assert (measured.hri, measured.shown.state) == after


def test_the_button_puts_the_automatic_roi_back(measured):
    before = measured.shown.state.liver
    measured.drag(measured.parameters.liverRoi, -9.0)
    measured.logic.setAutomatic("liver")
    measured.settle()
    assert measured.shown.state.liver == before


def test_a_resized_roi_measures_its_own_size(measured):
    measured.parameters.kidneyRoi.SetSize(9.0, 9.0, 1.0)
    measured.settle()
    assert measured.shown.result.measurement.kidney.roi.width == 20
    assert measured.shown.result.measurement.roi_mm is None


def test_a_locked_roi_stays_when_the_placement_changes(measured):
    measured.logic.setLocked("kidney", True)
    measured.settle()
    kidney, liver = measured.shown.state.kidney.roi, measured.shown.state.liver.roi
    measured.parameters.placement = "published"
    measured.settle()
    assert measured.shown.state.kidney.roi == kidney
    assert measured.shown.state.liver.roi != liver


def test_a_lock_is_no_step_of_the_history(measured):
    before = measured.hri
    measured.drag(measured.parameters.liverRoi, -9.0)
    measured.logic.setLocked("liver", True)
    measured.logic.setLocked("liver", False)
    measured.logic.undo()
    assert measured.hri == before


def test_a_locked_roi_has_no_handles_to_drag(measured):
    measured.logic.setLocked("liver", True)
    measured.settle()
    assert not measured.parameters.liverRoi.GetDisplayNode().GetHandlesInteractive()
    assert measured.parameters.kidneyRoi.GetDisplayNode().GetHandlesInteractive()
    measured.parameters.liverRoi.SetLocked(False)  # as in the list of nodes
    measured.settle()
    assert measured.parameters.liverRoi.GetDisplayNode().GetHandlesInteractive()


def test_what_the_segment_editor_takes_back_is_no_new_step(measured):
    masks = sampleMasks("sector")
    before, extra = measured.shown.state, np.zeros_like(masks.liver)
    extra[300:340, 450:500] = True
    measured.paint("Liver", extra & ~masks.liver)
    painted = measured.shown.state
    measured.paint("Liver", extra & ~masks.liver, add=False)  # its own Undo
    assert measured.shown.state.sameByHand(before)
    measured.logic.redo()
    assert measured.shown.state == painted
    measured.logic.undo()
    measured.logic.undo()
    assert not measured.shown.state.masks.liver.any()  # before the measurement


def test_painting_moves_the_roi_and_marks_the_masks_as_edited(measured):
    kidney = measured.shown.state.kidney.roi
    hole = np.zeros_like(sampleMasks("sector").liver)
    hole[kidney.slices] = True
    before = measured.hri
    measured.paint("RightKidney", hole, add=False)
    assert measured.shown.state.kidney.roi != kidney
    assert measured.hri != before
    assert measured.shown.state.model.name == "network (edited)"
    measured.logic.undo()
    measured.settle()
    assert measured.hri == before
    assert measured.shown.state.model.name == "network"


def test_what_was_not_found_is_told_and_the_pixel_size_stays_known(session):
    session.load("no_kidney")
    liver = sampleMasks("no_kidney").liver
    nothing = np.zeros_like(liver)
    session.measure([OrganMasks(liver, nothing)])
    assert "No right kidney was found" in session.logic.outcome
    assert session.shown.calibration.x_mm == pytest.approx(0.8)
    session.measure([OrganMasks(nothing, nothing)])
    assert "was found" in session.logic.outcome
    masks = clip_masks()
    session.load("clip")
    session.measure([OrganMasks(masks[0].liver, np.zeros_like(masks[0].liver)), *masks[1:]])
    assert session.logic.outcome.startswith("1 of the 12 frames could not be measured: No right kidney")
    session.measure(masks)
    assert session.logic.outcome == ""


def test_an_image_that_was_left_while_it_was_measured_is_named(session):
    left = session.load("sector")
    session.measure([sampleMasks("sector")])
    assert session.logic.outcome == ""
    session.load("curved")
    session.logic._run = findSource(left), [0]
    session.logic._onSegmented(session.found)
    assert session.logic.outcome == "HRI sample sector was measured."


def test_manual_rois_alone_give_an_index(session):
    session.load("sector")
    session.logic.placeByHand()
    session.settle()
    assert session.hri > 0
    assert session.shown.result.masks is None
    (row,) = resultTable.rowsOf(session.parameters.resultTable)
    assert (row["model"], row["placement"]) == ("manual", "manual")


def test_an_roi_outside_the_image_is_a_sentence_and_no_number(measured):
    measured.drag(measured.parameters.liverRoi, 900.0)
    assert measured.shown.result.measurement is None
    assert "outside the image" in measured.shown.message
    (row,) = resultTable.rowsOf(measured.parameters.resultTable)
    assert (row["status"], row["hri"]) == ("error", "")


def test_a_turned_roi_is_a_sentence(measured):
    vtk = pytest.importorskip("vtk")
    turn = vtk.vtkTransform()
    turn.RotateZ(20)
    measured.parameters.liverRoi.ApplyTransform(turn)
    measured.settle()
    assert "turned against" in measured.shown.message
    assert measured.parameters.resultTable.GetNumberOfRows() == 0  # the old number would be a wrong one
    measured.logic.setAutomatic("liver")
    measured.settle()
    assert measured.shown.message == ""
    assert measured.hri > 0


def test_deleting_any_node_throws_nothing(measured):
    for name in ("liverRoi", "resultTable", "segmentation", "kidneyRoi", "inputVolume"):
        measured.scene.RemoveNode(getattr(measured.parameters, name))
        measured.settle()
        measured.logic.refreshAll()
    assert measured.shown.source is None


def test_a_deleted_roi_is_placed_again(measured):
    before = measured.shown.state.liver.roi
    measured.scene.RemoveNode(measured.parameters.liverRoi)
    measured.settle()
    assert measured.shown.state.liver.roi == before


def test_closing_the_scene_forgets_everything(measured):
    measured.scene.Clear(0)
    measured.settle()
    measured.logic.refreshAll()
    assert measured.shown.result is None
    assert not measured.logic.history.canUndo


def test_a_closed_logic_does_nothing_more(measured):
    """A refresh that was asked for before the module is reloaded comes after it."""
    roi = measured.parameters.liverRoi
    roi.SetCenter(*(value + 3.0 for value in roi.GetCenter()))
    measured.logic.close()
    measured.settle()
    assert measured.shown.source is None
    roi.Modified()
    assert measured.settle() == 0


def test_a_saved_scene_brings_the_same_state_back(clip, tmp_path):
    browse(clip, 4)
    clip.drag(clip.parameters.liverRoi, -6.0)
    clip.parameters.roiSize = 12.0
    clip.settle()
    state, hri = clip.shown.state, clip.hri
    rows = resultTable.rowsOf(clip.parameters.resultTable)
    study.save_mrb(clip.scene, tmp_path / "case.mrb")
    clip.logic.close()
    study.load_mrb(clip.scene, tmp_path / "case.mrb")
    again = Session(clip.scene)
    again.logic.refreshAll()
    assert again.parameters.roiSize == 12.0
    assert again.shown.frame == 4
    assert again.shown.state == state
    assert again.shown.state.liver.manual
    assert again.hri == hri
    assert resultTable.rowsOf(again.parameters.resultTable) == rows
    again.logic.close()


def test_a_clip_keeps_the_spacing_that_the_user_gave(clip, tmp_path):
    """The browser overwrites the attributes of the volume with those of each frame."""
    volume = clip.parameters.inputVolume
    clip.parameters.userSpacing = 0.61
    clip.settle()
    browse(clip, 3)
    clip.load("sector")
    findSource(volume).browser.SetSelectedItemNumber(5)
    clip.parameters.inputVolume = volume
    clip.settle()
    assert clip.parameters.userSpacing == 0.61
    study.save_mrb(clip.scene, tmp_path / "case.mrb")
    clip.logic.close()
    study.load_mrb(clip.scene, tmp_path / "case.mrb")
    again = Session(clip.scene)
    again.logic.refreshAll()
    assert again.parameters.userSpacing == 0.61
    assert again.shown.result.calibration.x_mm == pytest.approx(0.61)
    again.logic.close()


@pytest.mark.parametrize("name", ["sector", "clip"])
def test_an_input_that_is_renamed_does_not_count_twice(session, name):
    volume = session.load(name)
    session.measure([sampleMasks("sector")] if name == "sector" else clip_masks())
    count = len(resultTable.rowsOf(session.parameters.resultTable))
    volume.SetName("subject 7")
    session.settle()
    rows = resultTable.rowsOf(session.parameters.resultTable)
    assert [row["source"] for row in rows] == ["subject 7"] * count
    assert session.hri == pytest.approx(float(rows[0]["hri"]), abs=1e-3)


def test_only_the_outlines_and_rois_of_the_input_are_seen(measured):
    parameters = measured.parameters
    first = parameters.inputVolume, parameters.segmentation, parameters.liverRoi, parameters.kidneyRoi
    first[3].GetDisplayNode().SetVisibility(False)  # by the user
    measured.load("curved")
    measured.logic.placeByHand()
    second = parameters.liverRoi
    assert [node.GetDisplayNode().GetVisibility() for node in (*first[1:], second)] == [0, 0, 0, 1]
    parameters.inputVolume = first[0]
    measured.settle()
    assert [node.GetDisplayNode().GetVisibility() for node in (*first[1:], second)] == [1, 1, 0, 0]


def test_what_belonged_to_a_deleted_input_does_not_lie_over_the_next(measured):
    parameters = measured.parameters
    parameters.inputVolume, first = measured.logic.loadSample("curved"), parameters.inputVolume
    measured.settle()
    parameters.inputVolume = first
    measured.settle()
    orphans = parameters.segmentation, parameters.liverRoi, parameters.kidneyRoi
    measured.scene.RemoveNode(first)
    parameters.inputVolume = measured.scene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")  # as the list of the panel
    measured.settle()
    assert measured.shown.source is not None
    assert not any(node.GetDisplayNode().GetVisibility() for node in orphans)


def test_two_inputs_keep_their_own_outlines_and_spacing(measured):
    first = measured.parameters.inputVolume
    measured.parameters.userSpacing = 0.5
    measured.settle()
    state = measured.shown.state
    measured.load("curved")
    assert measured.parameters.userSpacing == 0.0
    assert measured.parameters.segmentation is None
    assert measured.shown.result is None
    measured.parameters.inputVolume = first
    measured.settle()
    assert measured.parameters.userSpacing == 0.5
    assert measured.shown.state == state


@pytest.mark.parametrize("byHand", [(), ("liver",), ("liver", "kidney")])
def test_the_class_map_covers_the_tissue(measured, byHand):
    from vtk.util.numpy_support import vtk_to_numpy

    measured.parameters.showClassMap = True
    for organ in byHand:
        measured.drag(getattr(measured.parameters, f"{organ}Roi"), 3)
    measured.settle()
    image = measured.parameters.classMap.GetImageData()
    classes = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[1::-1])
    organs = sampleMasks("sector").labels() > 0
    assert set(np.unique(classes)) == {0, 1, 2, 3}
    assert (classes[~organs] == 0).all()
    assert (classes[organs] > 0).mean() > 0.5


def test_nodes_are_filed_under_the_study_of_the_input(measured):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(measured.scene)
    parameters = measured.parameters
    parents = {
        hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node))
        for node in (parameters.inputVolume, parameters.segmentation, parameters.liverRoi, parameters.resultTable)
    }
    assert len(parents) == 1
    assert hierarchy.GetItemName(parents.pop()) == "Hepatorenal index"


def test_a_frame_of_several_slices_is_refused_with_a_sentence(session):
    volume = session.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    slicer.util.updateVolumeFromArray(volume, np.zeros((4, 50, 60), np.uint8))
    session.parameters.inputVolume = volume
    session.settle()
    assert "slices" in session.shown.message
    with pytest.raises(InputError, match="slices"):
        session.logic.placeByHand()


def test_the_self_test_passes_without_the_network(session):
    test = SelfTest(session.logic, lambda text: None)
    test.measureByHand()
    test.correct()
    test.keep()
    test.deleteNodes()


def test_a_stored_calibration_keeps_width_and_height_of_a_pixel_apart():
    with open_ultrasound(SAMPLE_FOLDER / "sector.dcm") as file:
        image = replace(file.frame(0), regions=())
    state = FrameState(sampleMasks("sector"))
    known = Calibration(SpacingSource.REGION, 0.45, 0.5)
    result = measureState(image, state, MeasurementSettings(), known)
    assert (result.calibration.x_mm, result.calibration.y_mm) == (0.45, 0.5)
    roi = result.measurement.liver.roi
    assert (roi.width, roi.height) == (round(15 / 0.45), round(15 / 0.5))


def test_results_that_cannot_be_shown_end_the_run_with_a_sentence(session):
    """An image that was put under a warping transform while it was measured."""
    ended = []
    session.logic.runEnded.connect(ended.append)
    volume = session.load("sector")
    warp = session.scene.AddNewNodeByClass("vtkMRMLBSplineTransformNode")
    warp.SetAndObserveTransformFromParent(slicer.vtkOrientedBSplineTransform())
    volume.SetAndObserveTransformNodeID(warp.GetID())
    session.measure([sampleMasks("sector")])
    assert len(ended) == 1
    assert "warping transform" in ended[0]
