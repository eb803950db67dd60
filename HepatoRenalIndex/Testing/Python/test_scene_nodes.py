"""Image, masks, ROIs and results as single Slicer nodes and back, with the real slicer-core."""

from __future__ import annotations

import numpy as np
import pytest
from HepatoRenalIndexLib.imaging.image import InputError, Provenance, UltrasoundImage
from HepatoRenalIndexLib.measurement.columns import COLUMNS
from HepatoRenalIndexLib.measurement.organs import OrganMasks
from HepatoRenalIndexLib.measurement.roi import Roi
from HepatoRenalIndexLib.scene import rois, runtime, segmentation, study, table, volume
from scene_case import RULER, SHAPE, assert_same_masks, make_error, make_image, make_masks, make_result

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")


@pytest.fixture(scope="module")
def slicer_runtime():
    return runtime.start()


@pytest.fixture
def scene(slicer_runtime):
    study.clear(slicer_runtime.scene)
    yield slicer_runtime.scene
    study.clear(slicer_runtime.scene)


def test_a_volume_lies_as_the_application_lays_an_ultrasound_image(scene):
    import vtk

    image = make_image()
    node = volume.add_volume(scene, image, RULER, "case")
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    assert [matrix.GetElement(i, i) for i in range(3)] == [-0.4512, -0.46, 1.0]
    assert node.GetOrigin() == (0, 0, 0)
    assert node.GetImageData().GetDimensions() == (SHAPE[1], SHAPE[0], 1)
    assert node.GetImageData().GetScalarComponentAsDouble(7, 5, 0, 0) == image.pixels[5, 7]
    display = node.GetDisplayNode()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax(), display.GetAutoWindowLevel()) == (0, 255, 0)


def test_an_image_and_its_calibration_come_back_from_a_volume(scene):
    image = make_image()
    node = volume.add_volume(scene, image, RULER, "case")
    np.testing.assert_array_equal(volume.image_from_volume_node(node).pixels, image.pixels)
    assert volume.calibration_from_volume_node(node) == RULER


def test_an_uncalibrated_volume_says_that_its_millimeters_are_none(scene):
    node = volume.add_volume(scene, make_image(), None, "case")
    assert node.GetSpacing() == (1, 1, 1)
    assert not volume.calibration_from_volume_node(node).calibrated


def test_the_spacing_of_a_foreign_volume_is_not_trusted(scene):
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    node.SetAndObserveImageData(volume.image_data(make_image().pixels))
    node.SetSpacing(0.3, 0.3, 1)
    assert volume.calibration_from_volume_node(node) is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_color_volume_becomes_gray_with_its_colored_pixels_marked(scene, dtype):
    from vtk.util.numpy_support import numpy_to_vtk

    gray = np.random.default_rng(1).integers(0, 256, SHAPE).astype(dtype)
    pixels = np.repeat(gray[:, :, None], 3, axis=2)
    pixels[10:20, 30:50] = (200, 20, 20)
    full = pixels * dtype(257) if dtype is np.uint16 else pixels
    node = scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode")
    data = volume.image_data(np.zeros(SHAPE, np.uint8))
    data.GetPointData().SetScalars(numpy_to_vtk(full.reshape(-1, 3).copy(), deep=True))
    node.SetAndObserveImageData(data)
    image = volume.image_from_volume_node(node)
    assert image.pixels.dtype == np.uint8
    np.testing.assert_array_equal(image.pixels[30:], gray[30:])
    assert image.color[10:20, 30:50].all()
    assert image.color.sum() == 200


def test_a_stack_is_not_taken_for_an_image(scene):
    import vtk

    data = vtk.vtkImageData()
    data.SetDimensions(8, 6, 65)
    data.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    with pytest.raises(InputError, match="no pixels"):
        volume.image_from_volume_node(node)
    node.SetAndObserveImageData(data)
    with pytest.raises(InputError, match="65 slices"):
        volume.image_from_volume_node(node)
    data.AllocateScalars(vtk.VTK_FLOAT, 1)
    data.SetDimensions(8, 6, 1)
    data.AllocateScalars(vtk.VTK_FLOAT, 1)
    with pytest.raises(InputError, match="float32"):
        volume.image_from_volume_node(node)


# --- segmentation


@pytest.fixture
def volume_node(scene):
    return volume.add_volume(scene, make_image(), RULER, "case")


def test_outlines_lie_over_an_image_that_stands_under_a_transform(scene, volume_node):
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    volume_node.SetAndObserveTransformNodeID(transform.GetID())
    node = segmentation.add_segmentation(scene, None, volume_node, "organs")
    assert node.GetParentTransformNode() is transform


def test_masks_come_back_from_a_segmentation_bit_by_bit(scene, volume_node):
    node = segmentation.add_segmentation(scene, make_masks(), volume_node, "organs")
    assert_same_masks(segmentation.masks_from_segmentation_node(node, volume_node), make_masks())


@pytest.mark.parametrize("edge", [np.s_[0, :], np.s_[-1, :], np.s_[:, 0], np.s_[:, -1], np.s_[5:6, 7:8]])
def test_masks_at_the_borders_of_the_image_come_back(scene, volume_node, edge):
    liver = np.zeros(SHAPE, bool)
    liver[edge] = True
    masks = OrganMasks(liver, ~liver)
    node = segmentation.add_segmentation(scene, masks, volume_node, "organs")
    assert_same_masks(segmentation.masks_from_segmentation_node(node, volume_node), masks)


def test_an_organ_without_pixels_is_an_empty_segment(scene, volume_node):
    nothing = np.zeros(SHAPE, bool)
    node = segmentation.add_segmentation(scene, None, volume_node, "organs")
    assert node.GetSegmentation().GetNumberOfSegments() == 2
    assert_same_masks(segmentation.masks_from_segmentation_node(node, volume_node), OrganMasks(nothing, nothing))
    segmentation.update_segmentation(node, make_masks(), volume_node)
    segmentation.update_segmentation(node, OrganMasks(make_masks().liver, nothing), volume_node)
    read = segmentation.masks_from_segmentation_node(node, volume_node)
    assert_same_masks(read, OrganMasks(make_masks().liver, nothing))


def test_segments_carry_names_and_snomed_codes_as_slicer_writes_them(scene, volume_node):
    import vtk

    node = segmentation.add_segmentation(scene, make_masks(), volume_node, "organs")
    content = node.GetSegmentation()
    entries = {}
    for index in range(2):
        segment, tag = content.GetNthSegment(index), vtk.reference("")
        assert segment.GetTag("TerminologyEntry", tag)
        entries[segment.GetName()] = str(tag)
    general = "Segmentation category and type - 3D Slicer General Anatomy list~SCT^123037004^Anatomical Structure~"
    region = "~Anatomic codes - DICOM master list~^^~^^"
    assert entries == {
        "Liver": f"{general}SCT^10200004^Liver~^^{region}",
        "Right kidney": f"{general}SCT^64033007^Kidney~SCT^24028007^Right{region}",
    }


def test_an_edited_segment_is_read_where_it_was_cropped_to(scene, volume_node):
    node = segmentation.add_segmentation(scene, make_masks(), volume_node, "organs")
    brush = np.zeros(SHAPE, bool)
    brush[3:9, 300:310] = True
    editor = slicer.vtkSlicerSegmentEditorLogic()
    editor.SetMRMLScene(scene)
    parameters = scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
    parameters.SetAndObserveSegmentationNode(node)
    parameters.SetAndObserveSourceVolumeNode(volume_node)
    parameters.SetOverwriteMode(parameters.OverwriteNone)
    editor.SetSegmentEditorNode(parameters)
    labelmap = segmentation._oriented_image(brush, volume_node)
    editor.ModifySegmentByLabelmap(node, "Liver", labelmap, editor.ModificationModeAdd, False, False)
    node.GetSegmentation().CollapseBinaryLabelmaps(False)
    expected = OrganMasks(make_masks().liver | brush, make_masks().right_kidney)
    assert_same_masks(segmentation.masks_from_segmentation_node(node, volume_node), expected)


def test_a_pixel_in_both_segments_counts_as_kidney(scene, volume_node):
    both = np.zeros(SHAPE, bool)
    both[50:80, 50:90] = True
    node = segmentation.add_segmentation(scene, OrganMasks(both, ~both), volume_node, "organs")
    content = node.GetSegmentation()
    content.SeparateSegmentLabelmap("Liver")
    content.SeparateSegmentLabelmap("RightKidney")
    labelmap = segmentation._oriented_image(np.ones(SHAPE, bool), volume_node)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetBinaryLabelmapToSegment(labelmap, node, "Liver", logic.MODE_REPLACE)
    read = segmentation.masks_from_segmentation_node(node, volume_node)
    assert_same_masks(read, OrganMasks(both, ~both))


def test_segments_of_others_are_found_by_code_or_name_and_a_missing_one_is_named(scene, volume_node):
    node = segmentation.add_segmentation(scene, make_masks(), volume_node, "organs")
    content = node.GetSegmentation()
    for old, new, name in (("Liver", "Segment_1", "Leber"), ("RightKidney", "Segment_2", " right KIDNEY")):
        segment = slicer.vtkSegment()
        segment.DeepCopy(content.GetSegment(old))
        segment.SetName(name)
        if new == "Segment_2":
            segment.RemoveTag("TerminologyEntry")
        content.RemoveSegment(old)
        content.AddSegment(segment, new)
    assert_same_masks(segmentation.masks_from_segmentation_node(node, volume_node), make_masks())
    content.RemoveSegment("Segment_2")
    with pytest.raises(InputError, match='no segment "Right kidney"'):
        segmentation.masks_from_segmentation_node(node, volume_node)


# --- ROIs


@pytest.mark.parametrize("roi", [Roi(10, 20, 28, 27), Roi(0, 0, 1, 1), Roi(285, 183, 33, 34), Roi(-4, -9, 20, 33)])
def test_a_roi_comes_back_pixel_by_pixel(scene, volume_node, roi):
    node = rois.add_roi(scene, roi, volume_node, "Liver ROI")
    assert rois.roi_from_node(node, volume_node) == roi
    assert node.GetSize() == pytest.approx((roi.width * 0.4512, roi.height * 0.46, 1.0))


def test_a_roi_node_covers_the_outer_borders_of_its_pixels(scene, volume_node):
    node = rois.add_roi(scene, Roi(10, 20, 2, 3), volume_node, "Liver ROI")
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    expected = [-11.5 * 0.4512, -9.5 * 0.4512, -22.5 * 0.46, -19.5 * 0.46, -0.5, 0.5]
    assert bounds == pytest.approx(expected)


def test_a_roi_is_shown_in_slice_views_only(scene, volume_node):
    display = rois.add_roi(scene, Roi(10, 20, 15, 15), volume_node, "Liver ROI").GetDisplayNode()
    assert display.GetVisibility2D() and not display.GetVisibility3D()


def test_a_dragged_roi_keeps_its_size_and_a_stretched_one_gets_the_new(scene, volume_node):
    node = rois.add_roi(scene, Roi(100, 80, 33, 31), volume_node, "Kidney ROI")
    center = np.array(node.GetCenterWorld())
    for step in np.linspace(0, 3, 31):  # to the right of the image, in tenths of a pixel
        node.SetCenterWorld(center + np.array([-step * 0.4512, 0, 0]))
        moved = rois.roi_from_node(node, volume_node)
        assert (moved.width, moved.height, moved.top) == (33, 31, 80)
        assert moved.left == pytest.approx(100 + step, abs=0.5001)
    node.SetCenterWorld(center)
    node.SetSize(40 * 0.4512, 20.4 * 0.46, 7.0)
    stretched = rois.roi_from_node(node, volume_node)
    assert (stretched.width, stretched.height) == (40, 20)


def test_a_roi_follows_the_transforms_that_it_and_the_image_stand_under(scene, volume_node):
    import vtk

    node = rois.add_roi(scene, Roi(100, 80, 33, 31), volume_node, "Kidney ROI")
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 5 * 0.4512)
    transform.SetMatrixTransformToParent(matrix)
    volume_node.SetAndObserveTransformNodeID(transform.GetID())
    assert rois.roi_from_node(node, volume_node) == Roi(105, 80, 33, 31)
    node.SetAndObserveTransformNodeID(transform.GetID())
    assert rois.roi_from_node(node, volume_node) == Roi(100, 80, 33, 31)


def test_a_turned_roi_is_refused_and_one_without_position_is_none(scene, volume_node):
    import vtk

    node = rois.add_roi(scene, None, volume_node, "Liver ROI")
    assert rois.roi_from_node(node, volume_node) is None
    rois.update_roi(node, Roi(100, 80, 33, 31), volume_node)
    turn = vtk.vtkTransform()
    turn.RotateZ(20)
    node.ApplyTransform(turn)
    with pytest.raises(InputError, match="turned"):
        rois.roi_from_node(node, volume_node)
    rois.update_roi(node, Roi(1, 2, 3, 4), volume_node)
    assert rois.roi_from_node(node, volume_node) == Roi(1, 2, 3, 4)


# --- table


def test_a_table_has_the_columns_of_the_csv_with_units_and_descriptions(scene):
    result = make_result()
    node = table.add_table(scene, [result, make_error(1)], "HRI")
    assert [node.GetColumnName(i) for i in range(node.GetNumberOfColumns())] == [c.name for c in COLUMNS]
    assert node.GetColumnUnitLabel("liver_depth_mm") == "mm"
    assert "Hepatorenal index" in node.GetColumnDescription("hri")
    hri = node.GetTable().GetColumnByName("hri")
    assert hri.GetValue(0) == round(result.measurement.hri, 4)
    assert np.isnan(hri.GetValue(1))
    assert node.GetTable().GetColumnByName("flags").GetValue(0) == "shadow;depth_mismatch"
    assert node.GetTable().GetColumnByName("message").GetValue(1).startswith("No kidney")


def test_every_column_has_a_name_of_its_own_a_description_and_values_of_its_kind():
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)
    for column in COLUMNS:
        assert column.description
        for result in (make_result(), make_result(calibration=None), make_error()):
            value = column.value(result)
            assert value is None or isinstance(value, column.kind), column.name


def test_an_image_of_one_pixel_is_an_image(scene):
    image = UltrasoundImage(np.zeros((1, 1), np.uint8), Provenance("dot.png"))
    node = volume.add_volume(scene, image, None, "dot")
    assert volume.image_from_volume_node(node).pixels.shape == (1, 1)
