"""The logic of the module on nodes of a scene, with the model and the process of the software."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import steatosis_double

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

import slicer_double  # noqa: E402
from HepatoRenalIndexLib.imaging.image import InputError  # noqa: E402
from HepatoRenalIndexLib.imaging.reader import open_ultrasound  # noqa: E402
from HepatoRenalIndexLib.module.source import findSource  # noqa: E402
from HepatoRenalIndexLib.scene import runtime, study  # noqa: E402
from HepatoRenalIndexLib.scene.view import show_volume  # noqa: E402
from SteatosisEstimatorLib.cohort.guessing import guess_view  # noqa: E402
from SteatosisEstimatorLib.cohort.vocabulary import View  # noqa: E402
from SteatosisEstimatorLib.estimation.explained import LIVER, REGIONS  # noqa: E402
from SteatosisEstimatorLib.module import framesPlot, overlay, tables  # noqa: E402
from SteatosisEstimatorLib.module.console import ConsoleLogic  # noqa: E402
from SteatosisEstimatorLib.module.estimating import (  # noqa: E402
    Estimated,
    EstimationProcess,
    ImageMap,
    libraryProcess,
)
from SteatosisEstimatorLib.module.guessing import VIEW_ATTRIBUTE, guessView  # noqa: E402
from SteatosisEstimatorLib.module.installing import installerFor  # noqa: E402
from SteatosisEstimatorLib.module.models import ChosenModel, chooseModel  # noqa: E402
from SteatosisEstimatorLib.module.sampleData import SAMPLE_FOLDER, SAMPLES  # noqa: E402
from SteatosisEstimatorLib.module.selfTest import SelfTest  # noqa: E402
from SteatosisEstimatorLib.module.volumeFile import dicomBytes  # noqa: E402

needs_network = pytest.mark.skipif(
    bool(installerFor(chooseModel()).missing()), reason="the network's packages are not installed"
)
FOLDER = SAMPLE_FOLDER
FRAMES = 3  # of the clip, to be quick
HRI_SAMPLES = steatosis_double.FOLDER.parent / "HepatoRenalIndex" / "Resources" / "SampleData"


@pytest.fixture
def logic():
    started = runtime.start()
    made = _logic(started.scene)
    made._started = started
    yield made
    made.close()
    started.scene.Clear(0)


def _logic(scene):
    return ConsoleLogic(scene, lambda: slicer_double.Parameters(scene, steatosis_double.MODULE))


def _append(shares, share) -> None:
    if isinstance(shares, list):
        shares.append(share)


@pytest.fixture(scope="module")
def estimated():
    """A logic that has estimated the sample subject once."""
    if installerFor(chooseModel()).missing():
        pytest.skip("the network's packages are not installed")
    started = runtime.start()
    made = _logic(started.scene)
    made._started = started
    made.shares = []
    made.progressed.connect(lambda share, text: _append(made.shares, share))
    volumes = made.loadSample()
    show_volume(started.scene, volumes[View.LIVER_KIDNEY])
    parameters = made.parameters()
    parameters.clipFrames, parameters.explainedFrames = FRAMES, 2
    made.row = made.estimateVolumes({view.value: volume for view, volume in volumes.items()}, subject="A")
    made.shares = tuple(made.shares)
    yield made
    made.close()
    started.scene.Clear(0)


@needs_network
def test_the_scenario_of_a_user_passes(logic):
    steps = []
    assert SelfTest(logic, steps.append).run() == []
    assert len(steps) == 5


def test_the_estimate_of_nodes_is_that_of_the_files(estimated, tmp_path):
    """Pixels, calibration and scanner reach the engine through the node as they do through the file."""
    lines = [f"A,{image.view},{FOLDER / image.fileName}" for image in SAMPLES["fatty"]]
    cohort = tmp_path / "cohort.csv"
    cohort.write_text("\n".join(["subject,view,path", *lines]), encoding="utf-8")
    path = estimated.estimateCohort(cohort, tmp_path / "out")
    with path.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    for name in ("fat_percent", "fat_low", "fat_high", "p_fatty_5", "p_fatty_10"):
        assert estimated.row[name] == float(row[name]), name
    for name in ("grade", "flags", "message", "model_sha256", "reference", "views"):
        assert estimated.row[name] == row[name], name


def test_progress_rises_to_the_end(estimated):
    assert list(estimated.shares) == sorted(estimated.shares)
    assert estimated.shares[-1] == 1.0


def test_tables_lie_under_the_study_with_units_and_codes(estimated):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(estimated.scene)
    parameters = estimated.parameters()
    study_item = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(estimated.shown.sources[View.LIVER_KIDNEY].volume))
    for kind in tables.KINDS:
        table = getattr(parameters, kind.parameter)
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(table)) == study_item
        for name in kind.columns:
            assert table.GetColumnDescription(name)
    table = parameters.estimateTable
    assert table.GetColumnUnitLabel("fat_percent") == "%"
    assert "CodingSchemeDesignator:UCUM" in table.GetColumnProperty("fat_percent", "DICOM.UnitsCode")


def test_a_second_estimate_of_a_subject_replaces_its_rows_and_another_subject_gets_its_own(estimated):
    table = tables.newTable(estimated.scene, tables.VIEWS)
    rows = [dict(row) for row in estimated.shown.views]
    for subject in ("A", "B", "A"):
        tables.replaceRows(table, tables.VIEWS, subject, "model", [{**row, "subject": subject, "model": "model"} for row in rows])  # fmt: skip  # noqa: E501
    found = tables.rowsOf(table, tables.VIEWS)
    assert [row["subject"] for row in found] == ["B", "B", "A", "A"]
    assert found[0]["fat_percent"] == rows[0]["fat_percent"]
    estimated.scene.RemoveNode(table)


def test_the_regions_measured_lie_over_the_image_that_is_shown(estimated):
    estimated.refresh()
    shown = estimated.shown
    assert shown.view is View.LIVER_KIDNEY
    assert (shown.explanation, shown.mapFrames) == (REGIONS, (0,))
    node = estimated.parameters().overlay
    values = slicer.util.arrayFromVolume(node)[0]
    assert (values == LIVER).sum() > 5000
    composites = list(estimated.scene.GetNodesByClass("vtkMRMLSliceCompositeNode"))
    assert [composite.GetForegroundVolumeID() for composite in composites] == [node.GetID()]
    estimated.parameters().showOverlay = False
    estimated.refresh()
    assert composites[0].GetForegroundVolumeID() is None
    estimated.parameters().showOverlay = True
    composites[0].SetForegroundVolumeID(estimated.shown.sources[View.HR].volume.GetID())
    estimated.refresh()
    assert composites[0].GetForegroundVolumeID() != node.GetID()  # the user's own choice stays
    composites[0].SetForegroundVolumeID(None)
    estimated.refresh()
    assert composites[0].GetForegroundVolumeID() == node.GetID()


def test_the_layer_and_the_curve_follow_the_frame_of_the_clip(estimated):
    clip = estimated.shown.sources[View.HR]
    show_volume(estimated.scene, clip.volume)
    estimated.refresh()
    explained = estimated.shown.mapFrames
    assert len(explained) == estimated.parameters().explainedFrames < clip.frameCount
    pictures = []
    (composite,) = estimated.scene.GetNodesByClass("vtkMRMLSliceCompositeNode")
    for frame in range(clip.frameCount):
        clip.browser.SetSelectedItemNumber(frame)
        estimated.refresh()
        assert (composite.GetForegroundVolumeID() is not None) == (frame in explained)
        if frame in explained:
            pictures.append(slicer.util.arrayFromVolume(estimated.parameters().overlay).copy())
    assert not np.array_equal(pictures[0], pictures[-1])
    chart = framesPlot.findChart(estimated.scene, framesPlot.FAT_FRAMES)
    table = chart.GetNthPlotSeriesNode(0).GetTableNode().GetTable()
    values = [table.GetValueByName(i, "value").ToDouble() for i in range(table.GetNumberOfRows())]
    assert values == [row["fat_percent"] for row in estimated.shown.frames if row["view"] == "hr"]
    assert "biopsy" in chart.GetTitle()
    clip.browser.SetSelectedItemNumber(0)
    show_volume(estimated.scene, estimated.shown.sources[View.LIVER_KIDNEY].volume)
    estimated.refresh()


@pytest.mark.parametrize("change", ["subject", "frames", "model", "pixels", "spacing"])
def test_a_number_is_shown_only_while_it_is_that_of_what_is_chosen(estimated, change, tmp_path):
    parameters, known = estimated.parameters(), estimated.shown.estimate
    volume = estimated.shown.sources[View.LIVER_KIDNEY].volume
    pixels = slicer.util.arrayFromVolume(volume)
    before = pixels.copy()
    assert known is not None
    if change == "subject":
        parameters.subject = "B"
    elif change == "frames":
        parameters.clipFrames = FRAMES + 1
    elif change == "model":
        parameters.modelFolder = str(tmp_path)
    elif change == "pixels":
        pixels[:, 100:110] = 255 - pixels[:, 100:110]
    else:
        volume.SetAttribute("HepatoRenalIndex.UserSpacing", "0.5")
    estimated.refresh()
    assert estimated.shown.estimate is None
    parameters.subject, parameters.clipFrames, parameters.modelFolder = "A", FRAMES, ""
    pixels[:] = before
    volume.SetAttribute("HepatoRenalIndex.UserSpacing", None)
    estimated.refresh()
    assert estimated.shown.estimate == known


def test_a_scene_that_is_opened_again_shows_its_estimate(estimated, tmp_path):
    known, shown = estimated.shown.estimate, estimated.shown
    study.save_mrb(estimated.scene, tmp_path / "case.mrb")
    started = runtime.start()
    study.load_mrb(started.scene, tmp_path / "case.mrb")
    opened = _logic(started.scene)
    opened.refresh()
    assert opened.shown.estimate == known
    assert opened.shown.views == shown.views
    assert opened.shown.frames == shown.frames
    assert opened.shown.mapFrames
    started.scene.Clear(0)


def test_the_file_for_the_engine_is_the_image_with_its_calibration_and_scanner(logic, tmp_path):
    for name in ("clip", "curved"):
        volume = logic.loadFile(HRI_SAMPLES / f"{name}.dcm")
        written = tmp_path / f"{name}.dcm"
        written.write_bytes(dicomBytes(findSource(volume)))
        with open_ultrasound(HRI_SAMPLES / f"{name}.dcm") as original, open_ultrasound(written) as copy:
            assert copy.frame_count == original.frame_count
            for frame in {0, original.frame_count - 1}:
                one, other = original.frame(frame), copy.frame(frame)
                np.testing.assert_array_equal(one.pixels, other.pixels)
                spacings = [
                    [
                        v
                        for r in image.regions
                        if r.spatial_format == 1
                        for v in (r.delta_x_mm, r.delta_y_mm, r.x0, r.y1)
                    ]
                    for image in (one, other)
                ]
                assert spacings[0] == pytest.approx(spacings[1])
                assert other.provenance.manufacturer == one.provenance.manufacturer


def test_a_pixel_size_that_the_user_gave_goes_along(logic, tmp_path):
    volume = logic.loadSample()[View.LIVER_KIDNEY]
    volume.SetAttribute("HepatoRenalIndex.UserSpacing", "0.25")
    written = tmp_path / "image.dcm"
    written.write_bytes(dicomBytes(findSource(volume)))
    with open_ultrasound(written) as file:
        (region,) = file.frame(0).regions
    assert (region.delta_x_mm, region.delta_y_mm) == pytest.approx((0.25, 0.25))


def test_a_color_image_keeps_its_colors(logic, tmp_path):
    """What is colored is no tissue brightness; the engine sees the same as the file reader does."""
    pixels = np.zeros((1, 60, 81, 3), np.uint8)
    pixels[..., :] = np.random.default_rng(1).integers(0, 255, (1, 60, 81, 1))
    pixels[0, 10:20, 10:30] = (200, 20, 20)
    volume = logic.scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "doppler")
    slicer.util.updateVolumeFromArray(volume, pixels)
    written = tmp_path / "image.dcm"
    written.write_bytes(dicomBytes(findSource(volume)))
    with open_ultrasound(written) as file:
        image = file.frame(0)
    assert image.color[10:20, 10:30].all()
    assert not image.color[30:].any()
    np.testing.assert_array_equal(image.pixels[30:], pixels[0, 30:, :, 0])


def test_a_volume_of_several_slices_is_one_sentence(logic):
    volume = logic.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    slicer.util.updateVolumeFromArray(volume, np.zeros((5, 40, 40), np.int16))
    logic.assign("liver-kidney", volume)
    logic.refresh()
    assert "slices" in logic.whyNotEstimable()
    with pytest.raises(InputError, match="slices"):
        logic.startEstimating()


def test_missing_views_and_unknown_models_are_sentences(logic, tmp_path):
    volumes = logic.loadSample()
    assert "Choose an image or clip" in logic.whyNotEstimable()
    with pytest.raises(InputError, match="Choose an image"):
        logic.estimateVolumes({"liver": volumes[View.HR]})
    with pytest.raises(InputError, match="no view"):
        logic.estimateVolumes({"spleen": volumes[View.HR]})
    with pytest.raises(InputError, match="There is no model"):
        logic.estimateVolumes({"hr": volumes[View.HR]}, model="Nothing")
    with pytest.raises(InputError, match="bundle"):
        logic.estimateVolumes({"hr": volumes[View.HR]}, model=tmp_path)
    logic.setModel()
    with pytest.raises(InputError, match="two views"):
        logic.estimateVolumes({"hr": volumes[View.HR], "liver-kidney": volumes[View.HR]})


def test_images_changed_while_they_were_estimated_give_no_number(logic, monkeypatch):
    volumes = logic.loadSample()
    heard = []
    logic.runEnded.connect(heard.append)

    def start(subject, images, settings, blocking):
        slicer.util.arrayFromVolume(volumes[View.HR])[:] = 0
        logic._onEstimated(Estimated({"estimates": [{"model": "LiverKidneyFat"}]}, (), ""))

    monkeypatch.setattr(logic.process, "start", start)
    logic.assign("hr", volumes[View.HR])
    logic.startEstimating()
    assert "changed" in heard[0]
    assert logic.parameters().estimateTable is None


def test_signed_maps_are_kept_frame_by_frame_and_of_other_estimates_not_shown(logic):
    volume = logic.loadSample()[View.LIVER_KIDNEY]
    source = findSource(volume)
    rows, columns = slicer.util.arrayFromVolume(volume).shape[1:]
    values = np.linspace(-1, 1, rows * columns, dtype=np.float32).reshape(rows, columns)
    overlay.keepMaps(logic.scene, source, [ImageMap("shap", "p_fatty_5", View.LIVER_KIDNEY, 0, values)], "one")
    assert overlay.findMaps(logic.scene, source, "other") is None
    node = overlay.updateOverlay(logic.scene, None, source, overlay.findMaps(logic.scene, source, "one"), 0)
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(node)[0], values)
    display = node.GetDisplayNode()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (-1, 1)
    color = [0.0] * 4
    opacity = []
    for index in (0, 127, 255):
        display.GetColorNode().GetColor(index, color)
        opacity.append(color[3])
    assert opacity == [1, 0, 1]
    overlay.keepMaps(logic.scene, source, [], "two")
    assert overlay.sequencesOf(logic.scene, source) == []


def test_names_of_the_sample_tell_its_views():
    """The Sample Data module loads it by these names, without the module."""
    for image in SAMPLES["fatty"]:
        assert guess_view([image.nodeName]) is View(image.view)


def test_sample_data_is_whole_and_small():
    images = SAMPLES["fatty"]
    paths = [FOLDER / image.fileName for image in images]
    assert {path.name for path in FOLDER.iterdir()} == {path.name for path in paths}
    assert sum(path.stat().st_size for path in paths) < 2_000_000
    for path, image in zip(paths, images, strict=True):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == image.sha256


def test_cancel_stops_the_process_and_keeps_nothing(logic):
    import os
    import subprocess

    started = []

    def launch(arguments, blocking, logCallback, completedCallback, updateEnvironment, useStartupEnvironment, cwd):
        assert not blocking
        environment = {**os.environ, **updateEnvironment}
        started.append(subprocess.Popen(arguments, env=environment, cwd=cwd, stdout=subprocess.DEVNULL))
        return started[0]

    canceled = ConsoleLogic(logic.scene, logic.parameters, None, EstimationProcess(libraryProcess(launch)))
    heard = []
    canceled.runEnded.connect(heard.append)
    canceled.assign("hr", logic.loadSample()[View.HR])
    canceled.startEstimating()
    assert "running" in canceled.whyNotEstimable()
    with pytest.raises(InputError, match="running"):
        canceled.startEstimating()
    canceled.cancel()
    assert started[0].wait(30) != 0
    assert canceled.whyNotEstimable() == ""
    assert heard == []
    assert canceled.parameters().estimateTable is None


def test_the_view_is_told_by_the_header_in_the_dicom_database_before_the_name(logic):
    volume = logic.loadSample()[View.HR]
    other = logic.loadSample()[View.LIVER_KIDNEY]
    source = findSource(volume)
    source.keeper.RemoveAttribute(VIEW_ATTRIBUTE)
    volume.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    asked = []

    def value(uid, tag):
        asked.append(uid)
        return "Hepatic veins at the IVC" if tag == "0008,103E" else ""

    logic.dicomDatabase = lambda: SimpleNamespace(isOpen=True, instanceValue=value, fileForInstance=lambda uid: "")
    logic.scene.RemoveNode(other)
    logic.guessViews()
    assert logic.parameters().hepaticVeins is volume
    assert set(asked) == {"1.2.3"}
    logic.assign("liver-kidney", volume)  # the user knows better, and it is remembered
    assert guessView(source) is View.LIVER_KIDNEY


@pytest.mark.parametrize(
    ("recipe", "variant", "views", "given", "missing"),
    [
        ("vgg19-clkl", "combined", ("liver", "kidney-liver"), ("liver",), "all of these"),
        ("vgg19-clkl", "combined", ("liver", "kidney-liver"), ("liver", "liver-kidney"), ""),
        ("cnn5-clip", "ar-hr", ("ar", "hr"), ("hr",), "all of these"),
        ("cnn5-clip", "ar-hr", ("ar", "hr"), ("ar", "hr"), ""),
        ("resnet50-sparse", "multi-view", ("hepatic-veins", "liver-kidney"), ("hepatic-veins",), ""),
        ("resnet50-sparse", "multi-view", ("hepatic-veins", "liver-kidney"), ("liver",), "Choose an image"),
        ("liver-kidney-default", "four-signs", ("liver-kidney",), ("hr",), ""),
    ],
)
def test_what_is_missing_is_what_the_recipe_misses(recipe, variant, views, given, missing):
    card = replace(chooseModel().card, recipe=recipe, variant=variant, views=tuple(View(view) for view in views))
    sentence = ChosenModel("model", card).whyNot([View(view) for view in given])
    assert missing in sentence
    assert bool(missing) == bool(sentence)
