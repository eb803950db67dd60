"""A case as Slicer nodes, saved and read again, with the real slicer-core."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.measurement.columns import COLUMNS
from HepatoRenalIndexLib.measurement.roi import Roi
from HepatoRenalIndexLib.scene import rois, runtime, segmentation, study, volume
from scene_case import RULER, SHAPE, assert_same_masks, make_error, make_masks, make_result

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")


@pytest.fixture(scope="module")
def slicer_runtime():
    return runtime.start()


@pytest.fixture
def scene(slicer_runtime):
    study.clear(slicer_runtime.scene)
    yield slicer_runtime.scene
    study.clear(slicer_runtime.scene)


def node_of(scene, class_name: str, name: str | None = None):
    found = [n for n in scene.GetNodesByClass(class_name) if name is None or n.GetName() == name]
    assert len(found) == 1, f"{len(found)} nodes of {class_name} {name}"
    return found[0]


def all_text(path, also_in: str = "") -> str:
    """Every text in a bundle, with the bundles inside it."""
    text = also_in
    with zipfile.ZipFile(path) as bundle:
        for name in bundle.namelist():
            data = bundle.read(name)
            text += name + "\n"
            text += all_text(io.BytesIO(data)) if name.endswith(".mrb") else data[:20000].decode("latin-1")
    return text


def check_reopened(scene, result):
    node = node_of(scene, "vtkMRMLScalarVolumeNode", "case")
    np.testing.assert_array_equal(volume.image_from_volume_node(node).pixels, result.image.pixels)
    assert volume.calibration_from_volume_node(node) == RULER
    organs = node_of(scene, "vtkMRMLSegmentationNode")
    assert_same_masks(segmentation.masks_from_segmentation_node(organs, node), result.masks)
    liver_roi = node_of(scene, "vtkMRMLMarkupsROINode", "Liver ROI")
    kidney_roi = node_of(scene, "vtkMRMLMarkupsROINode", "Kidney ROI")
    assert rois.roi_from_node(liver_roi, node) == result.measurement.liver.roi
    assert rois.roi_from_node(kidney_roi, node) == result.measurement.kidney.roi
    return SimpleNamespace(volume=node, organs=organs, liver_roi=liver_roi, kidney_roi=kidney_roi)


def test_a_saved_case_reopens_with_everything_in_it(scene, tmp_path):
    result = make_result()
    study.build_case_scene(scene, "case", [result])
    study.save_mrb(scene, tmp_path / "case.mrb")
    assert [path.name for path in tmp_path.iterdir()] == ["case.mrb"]
    study.clear(scene)
    study.load_mrb(scene, tmp_path / "case.mrb")
    nodes = check_reopened(scene, result)

    results = node_of(scene, "vtkMRMLTableNode")
    for column in COLUMNS:
        assert "{" not in results.GetColumnUnitLabel(column.name)  # what people read is no UCUM annotation
        code = f"CodeValue:{column.unit}|" if column.unit else ""
        assert code in (results.GetColumnProperty(column.name, "DICOM.UnitsCode") or "")
        assert results.GetColumnDescription(column.name) == column.description
        cell, value = results.GetTable().GetColumnByName(column.name).GetValue(0), column.value(result)
        assert cell == (value or "") if column.kind is str else (cell == value or (value is None and cell != cell))

    assert "CodeValue:373098007|CodingSchemeDesignator:SCT|" in results.GetColumnProperty(
        "kidney_mean", "DICOM.DerivationCode"
    )
    assert results.GetColumnProperty("roi_mm", "DICOM.UnitsCode").startswith("CodeValue:mm|CodingSchemeDesignator:UCUM")

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    for node in (nodes.volume, nodes.organs, nodes.liver_roi, nodes.kidney_roi, results):
        item = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node))
        assert hierarchy.GetItemName(item) == study.STUDY_NAME
        assert hierarchy.GetItemLevel(item) == "Study"
        assert hierarchy.GetItemName(hierarchy.GetItemParent(item)) == "case"


def test_a_reopened_case_shows_the_image_with_outlines_and_handles(scene, tmp_path):
    study.build_case_scene(scene, "case", [make_result()])
    study.save_mrb(scene, tmp_path / "case.mrb")
    study.clear(scene)
    study.load_mrb(scene, tmp_path / "case.mrb")
    image = node_of(scene, "vtkMRMLScalarVolumeNode")
    assert (image.GetDisplayNode().GetWindowLevelMin(), image.GetDisplayNode().GetWindowLevelMax()) == (0, 255)
    composite = scene.GetSingletonNode("Red", "vtkMRMLSliceCompositeNode")
    assert composite.GetBackgroundVolumeID() == image.GetID()
    view = scene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    assert view.GetOrientation() == "Axial"
    assert view.GetFieldOfView()[0] > SHAPE[1] * 0.45
    layout = node_of(scene, "vtkMRMLLayoutNode")
    assert layout.GetViewArrangement() == slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView
    outline = node_of(scene, "vtkMRMLSegmentationNode").GetDisplayNode()
    assert outline.GetVisibility2DOutline()
    assert outline.GetOpacity2DFill() < 0.2
    display = node_of(scene, "vtkMRMLMarkupsROINode", "Liver ROI").GetDisplayNode()
    assert display.GetHandlesInteractive()
    assert not display.GetRotationHandleVisibility()
    assert display.GetSelectedColor() == pytest.approx(rois.ROI_COLORS["Liver ROI"], abs=0.01)


def test_a_saved_clip_browses_images_masks_and_rois_together(scene, tmp_path):
    results = [make_result(0, 4), make_result(1, 4), make_error(2, 4), make_result(3, 4)]
    study.build_case_scene(scene, "case", results, selected=1)
    study.save_mrb(scene, tmp_path / "case.mrb")
    study.clear(scene)
    study.load_mrb(scene, tmp_path / "case.mrb")
    browser = node_of(scene, "vtkMRMLSequenceBrowserNode")
    assert browser.GetNumberOfItems() == 4
    assert browser.GetSelectedItemNumber() == 1
    nodes = check_reopened(scene, results[1])
    for index in (0, 3, 2, 1):
        browser.SetSelectedItemNumber(index)
        if index != 2:
            check_reopened(scene, results[index])
        else:
            pixels = volume.image_from_volume_node(nodes.volume).pixels
            np.testing.assert_array_equal(pixels, results[2].image.pixels)
            assert not segmentation.masks_from_segmentation_node(nodes.organs, nodes.volume).labels().any()
            assert rois.roi_from_node(nodes.liver_roi, nodes.volume) is None
    assert node_of(scene, "vtkMRMLTableNode").GetNumberOfRows() == 4


def test_a_correction_of_one_frame_is_kept_for_that_frame(scene):
    results = [make_result(0, 3), make_result(1, 3), make_error(2, 3)]
    nodes = study.build_case_scene(scene, "case", results)
    nodes.browser.SetSelectedItemNumber(1)
    rois.update_roi(nodes.liver_roi, Roi(150, 60, 33, 33), nodes.volume)
    segmentation.update_segmentation(nodes.segmentation, make_masks(-20), nodes.volume)
    nodes.browser.SetSelectedItemNumber(0)
    check_reopened(scene, results[0])
    nodes.browser.SetSelectedItemNumber(1)
    assert rois.roi_from_node(nodes.liver_roi, nodes.volume) == Roi(150, 60, 33, 33)
    read = segmentation.masks_from_segmentation_node(nodes.segmentation, nodes.volume)
    assert_same_masks(read, make_masks(-20))
    nodes.browser.SetSelectedItemNumber(2)  # not measured: the user places the ROI by hand
    rois.update_roi(nodes.liver_roi, Roi(20, 60, 33, 33), nodes.volume)
    nodes.browser.SetSelectedItemNumber(0)
    nodes.browser.SetSelectedItemNumber(2)
    assert rois.roi_from_node(nodes.liver_roi, nodes.volume) == Roi(20, 60, 33, 33)


def test_a_scene_file_holds_no_path_of_this_computer(scene, tmp_path):
    folder = tmp_path / "secret-folder"
    folder.mkdir()
    study.build_case_scene(scene, "case", [make_result(0, 2), make_result(1, 2)])
    study.save_mrb(scene, folder / "case.mrb")
    text = all_text(folder / "case.mrb")
    assert "secret-folder" not in text
    assert not re.search(r"/tmp/|/home/|/root/|[A-Z]:\\\\", text)
    assert not re.search(r"PatientName|PatientID|DICOM\.instanceUIDs", text)


def test_a_table_in_a_scene_file_reads_like_the_csv(scene, tmp_path):
    study.build_case_scene(scene, "case", [make_result()])
    study.save_mrb(scene, tmp_path / "case.mrb")
    with zipfile.ZipFile(tmp_path / "case.mrb") as bundle:
        name = next(n for n in bundle.namelist() if n.endswith("HRI.tsv"))
        rows = list(csv.DictReader(io.StringIO(bundle.read(name).decode()), delimiter="\t"))
    assert float(rows[0]["hri"]) == round(make_result().measurement.hri, 4)
    assert rows[0]["spacing_source"] == "ruler"


def test_a_failed_save_leaves_the_older_file(scene, tmp_path, monkeypatch):
    target = tmp_path / "case.mrb"
    target.write_bytes(b"older")
    study.build_case_scene(scene, "case", [make_result()])
    monkeypatch.setattr(study.Path, "is_file", lambda self: False)  # as when the disk is full
    with pytest.raises(InputError, match="could not be written"):
        study.save_mrb(scene, target)
    monkeypatch.undo()
    assert target.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("content", [None, b"", b"not a zip file"])
def test_a_damaged_scene_file_is_named_in_one_sentence(scene, tmp_path, content):
    path = tmp_path / "case.mrb"
    if content is not None:
        path.write_bytes(content)
    here = Path.cwd()
    with pytest.raises(InputError, match=r"case\.mrb could not be read"):
        study.load_mrb(scene, path)
    assert Path.cwd() == here


def test_many_scenes_in_one_process_do_not_grow_its_memory(scene, tmp_path):
    def resident_mb() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

    if not Path("/proc/self/statm").exists():
        pytest.skip("reads the resident memory from /proc")

    def once():
        study.build_case_scene(scene, "case", [make_result(i, 3) for i in range(3)])
        study.save_mrb(scene, tmp_path / "case.mrb")
        study.clear(scene)

    for _ in range(8):
        once()
    nodes, before = scene.GetNumberOfNodes(), resident_mb()
    for _ in range(30):
        once()
    assert scene.GetNumberOfNodes() == nodes
    # One case that stays (pixels, masks, nodes) is 0.6 MB and more.
    assert resident_mb() - before < 6


def test_a_python_with_nodes_but_without_modules_is_refused_with_a_sentence(monkeypatch):
    """As PythonSlicer, beside the application."""
    import slicer

    monkeypatch.delattr(slicer, "vtkSlicerVolumesLogic")
    with pytest.raises(InputError, match="in the Slicer application"):
        runtime.start()
