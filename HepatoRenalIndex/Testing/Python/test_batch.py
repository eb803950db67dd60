"""Folders of files: every file is a row, nothing identifying leaves, a stopped run goes on."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.imaging.reader import open_ultrasound
from HepatoRenalIndexLib.measurement.organs import OrganMasks
from HepatoRenalIndexLib.measurement.result import ModelIdentity
from HepatoRenalIndexLib.pipeline import case
from HepatoRenalIndexLib.pipeline.batch import BatchOptions, measure_files
from HepatoRenalIndexLib.pipeline.measure import MeasurementSettings
from HepatoRenalIndexLib.pipeline.outputs import read_rows
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[2] / "Resources" / "SampleData"
WITHOUT_SCENE = BatchOptions(scene=False)


class TrueMasks:
    """The masks that the sample images were simulated from, whatever their files are called."""

    identity = ModelIdentity("truth", "1", "0" * 64, "none")

    def __init__(self):
        truth = json.loads((SAMPLES / "truth.json").read_text())
        self.labels = {(case["rows"], case["columns"]): case["frames"] for case in truth["cases"]}
        self.calls = 0

    def segment(self, image, geometry) -> OrganMasks:
        self.calls += 1
        frames = self.labels[image.pixels.shape]
        with Image.open(SAMPLES / frames[image.provenance.frame]["labels"]) as picture:
            return OrganMasks.from_labels(np.asarray(picture))


@pytest.fixture
def study(tmp_path) -> Path:
    folder = tmp_path / "study"
    (folder / "b").mkdir(parents=True)
    shutil.copy(SAMPLES / "sector.dcm", folder / "sector.dcm")
    shutil.copy(SAMPLES / "curved.dcm", folder / "b" / "sector.dcm")
    (folder / "a_empty.dcm").touch()
    return folder


def test_a_row_for_every_file_and_a_folder_for_every_case(study, tmp_path):
    summary = measure_files([study], tmp_path / "out", WITHOUT_SCENE, segmenter=TrueMasks())
    rows = read_rows(summary.measurements)
    assert [(row["source"], row["frame"], row["status"]) for row in rows] == [
        ("a_empty.dcm", "", "error"),
        ("b/sector.dcm", "0", "ok"),
        ("sector.dcm", "0", "ok"),
    ]
    assert (summary.ok, summary.errors) == (2, 1)
    assert "empty" in rows[0]["message"]
    files = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert files == {
        "measurements.csv",
        "run.json",
        "sector/labels.png",
        "sector/overlay.png",
        "sector_2/labels.png",
        "sector_2/overlay.png",
    }


def test_the_label_image_is_the_segmentation_in_source_geometry(tmp_path):
    measure_files([SAMPLES / "curved.dcm"], tmp_path, WITHOUT_SCENE, segmenter=TrueMasks())
    with Image.open(tmp_path / "curved" / "labels.png") as found, Image.open(SAMPLES / "curved_labels.png") as truth:
        np.testing.assert_array_equal(np.asarray(found), np.asarray(truth))


def test_two_runs_give_the_same_table_and_pictures(study, tmp_path):
    for name in ("one", "two"):
        measure_files([study], tmp_path / name, WITHOUT_SCENE, segmenter=TrueMasks())
    for path in (tmp_path / "one").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes(), path.name


@pytest.mark.parametrize("place", [".", "out", ".."])
def test_results_inside_beside_and_above_the_input_are_not_measured_again(study, place):
    for _ in range(2):
        summary = measure_files([study], study / place, WITHOUT_SCENE, segmenter=TrueMasks())
        assert [row["source"] for row in read_rows(summary.measurements)] == [
            "a_empty.dcm",
            "b/sector.dcm",
            "sector.dcm",
        ]


def test_pictures_of_another_output_folder_below_the_input_are_not_measured(study):
    measure_files([study], study / "first", WITHOUT_SCENE, segmenter=TrueMasks())
    assert (study / "first" / "sector" / "overlay.png").is_file()
    summary = measure_files([study], study / "second", WITHOUT_SCENE, segmenter=TrueMasks())
    assert [row["source"] for row in read_rows(summary.measurements)] == ["a_empty.dcm", "b/sector.dcm", "sector.dcm"]


def test_an_input_without_extension_in_the_output_folder_keeps_its_name(study):
    shutil.copy(SAMPLES / "sector.dcm", study / "IM0001")
    measure_files([study / "IM0001"], study, WITHOUT_SCENE, segmenter=TrueMasks())
    assert (study / "IM0001").is_file()
    assert (study / "IM0001_2" / "overlay.png").is_file()


def test_a_clip_has_a_row_per_frame_in_order_and_one_folder(tmp_path):
    summary = measure_files([SAMPLES / "clip.dcm"], tmp_path, WITHOUT_SCENE, segmenter=TrueMasks())
    rows = read_rows(summary.measurements)
    assert [row["frame"] for row in rows] == [str(frame) for frame in range(12)]
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["clip"]


@pytest.mark.parametrize(("frames", "expected"), [("first", ["0"]), (5, ["5"])])
def test_one_frame_of_a_clip_can_be_chosen(tmp_path, frames, expected):
    options = BatchOptions(scene=False, frames=frames)
    summary = measure_files([SAMPLES / "clip.dcm"], tmp_path, options, segmenter=TrueMasks())
    assert [row["frame"] for row in read_rows(summary.measurements)] == expected
    with Image.open(tmp_path / "clip" / "labels.png") as found:
        truth = Image.open(SAMPLES / f"clip_{int(expected[0]):02d}_labels.png")
        np.testing.assert_array_equal(np.asarray(found), np.asarray(truth))


def test_a_frame_that_the_clip_lacks_is_an_error_row(tmp_path):
    options = BatchOptions(scene=False, frames=12)
    summary = measure_files([SAMPLES / "clip.dcm"], tmp_path, options, segmenter=TrueMasks())
    (row,) = read_rows(summary.measurements)
    assert row["status"] == "error"
    assert "12 frames" in row["message"]


def test_pictures_of_a_case_that_can_no_longer_be_measured_are_removed(study, tmp_path):
    out = tmp_path / "out"
    measure_files([study / "sector.dcm"], out, WITHOUT_SCENE, segmenter=TrueMasks())
    (study / "sector.dcm").write_bytes(b"")
    (study / "b" / "sector.dcm").rename(study / "other.dcm")
    measure_files([study / "sector.dcm", study / "other.dcm"], out, WITHOUT_SCENE, segmenter=TrueMasks())
    assert not (out / "sector" / "overlay.png").exists()
    assert (out / "other" / "overlay.png").exists()


def test_progress_counts_files_and_ends_at_all_of_them(study, tmp_path):
    told = []
    measure_files([study], tmp_path / "out", WITHOUT_SCENE, lambda *args: told.append(args), TrueMasks())
    done = [args[0] for args in told]
    assert done == sorted(done)
    assert told[-1][:2] == (3, 3)


class _StopsAt(TrueMasks):
    """Ctrl-C at one of the images."""

    def __init__(self, call: int):
        super().__init__()
        self.stop = call

    def segment(self, image, geometry):
        if self.calls == self.stop:
            raise KeyboardInterrupt
        return super().segment(image, geometry)


def test_a_stopped_run_leaves_what_it_measured_and_goes_on_from_there(study, tmp_path):
    out = tmp_path / "out"
    names = [f"{number}.dcm" for number in range(4)]
    for name in names:
        shutil.copy(SAMPLES / "sector.dcm", study / "b" / name)
    with pytest.raises(KeyboardInterrupt):
        measure_files([study / "b"], out, WITHOUT_SCENE, segmenter=_StopsAt(3))
    assert [row["source"] for row in read_rows(out / "measurements.csv")] == names[:3]
    again = TrueMasks()
    summary = measure_files([study / "b"], out, WITHOUT_SCENE, segmenter=again)
    assert [row["source"] for row in read_rows(summary.measurements)] == [*names, "sector.dcm"]
    assert (summary.resumed, again.calls) == (2, 3)  # the last row might have been cut: it is measured again
    assert not (out / "measurements.partial.csv").exists()
    fresh = measure_files([study / "b"], tmp_path / "fresh", WITHOUT_SCENE, segmenter=TrueMasks())
    assert fresh.measurements.read_bytes() == summary.measurements.read_bytes()


@pytest.mark.parametrize("change", ["settings", "file"])
def test_a_stopped_run_starts_anew_when_anything_changed(study, tmp_path, change):
    out = tmp_path / "out"
    for name in ("0.dcm", "1.dcm", "2.dcm"):
        shutil.copy(SAMPLES / "sector.dcm", study / "b" / name)
    with pytest.raises(KeyboardInterrupt):
        measure_files([study / "b"], out, WITHOUT_SCENE, segmenter=_StopsAt(2))
    options = WITHOUT_SCENE
    if change == "settings":
        options = BatchOptions(settings=MeasurementSettings(roi_mm=12.0), scene=False)
    else:
        shutil.copy(SAMPLES / "curved.dcm", study / "b" / "2.dcm")
    assert measure_files([study / "b"], out, options, segmenter=TrueMasks()).resumed == 0


def test_a_mistake_in_the_program_is_one_row_without_a_word_about_the_image(study, tmp_path):
    class Broken(TrueMasks):
        def segment(self, image, geometry):
            if image.rows == 434:
                raise KeyError("DOE^JANE")
            return super().segment(image, geometry)

    summary = measure_files([study], tmp_path / "out", WITHOUT_SCENE, segmenter=Broken())
    rows = read_rows(summary.measurements)
    assert [row["status"] for row in rows] == ["error", "ok", "error"]
    assert "KeyError in test_batch.py" in rows[2]["message"]
    assert "DOE" not in rows[2]["message"]


def test_nothing_to_measure_is_said_in_a_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "missing.dcm"):
        with pytest.raises(InputError, match=r"check the path"):
            measure_files([path], tmp_path / "out", WITHOUT_SCENE, segmenter=TrueMasks())
    assert not (tmp_path / "out").exists()


def test_a_missing_file_does_not_stop_the_others(study, tmp_path):
    inputs = [study / "missing.dcm", study / "sector.dcm"]
    rows = read_rows(measure_files(inputs, tmp_path / "out", WITHOUT_SCENE, segmenter=TrueMasks()).measurements)
    assert [(row["source"], row["status"]) for row in rows] == [("missing.dcm", "error"), ("sector.dcm", "ok")]


def _all_bytes(data: bytes) -> Iterator[bytes]:
    """The bytes themselves and those of everything packed in them, archives in archives included."""
    yield data
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield from _all_bytes(archive.read(name))


def test_nothing_that_identifies_a_patient_or_a_place_goes_into_any_file(tmp_path, capfd):
    """Scene included. The name is planted in header, private elements and path."""
    pytest.importorskip("slicer", reason="slicer-core is not installed: no scene to look into")
    folder = tmp_path / "Mustermann_Erika"
    folder.mkdir()
    for name in ("sector", "clip"):
        dataset = pydicom.dcmread(SAMPLES / f"{name}.dcm")
        dataset.PatientName = "MUSTERMANN^ERIKA"
        dataset.PatientID = "PID-4711-X"
        dataset.PatientBirthDate = "19640812"
        dataset.InstitutionName = "KLINIKUM MUSTERMANN"
        dataset.StudyDescription = "MUSTERMANN LIVER"
        dataset.ReferringPhysicianName = "MUSTERMANN^DOCTOR"
        dataset.add_new(0x00091010, "LO", "MUSTERMANN PRIVATE")
        dataset.save_as(folder / f"{name}.dcm")
    out = tmp_path / "out"
    summary = measure_files([folder], out, segmenter=TrueMasks())
    assert summary.errors == 0
    assert [problem for problem in summary.problems if "OpenGL" not in problem] == []  # machines without it pass, too
    written = [path for path in out.rglob("*") if path.is_file()]
    assert {"sector.mrb", "clip.mrb"} <= {path.name for path in written}
    forbidden = [b"mustermann", b"erika", b"pid-4711", b"19640812", str(tmp_path).encode().lower()]
    for path in written:
        for content in _all_bytes(path.read_bytes()):
            lower = content.lower()
            assert [word for word in forbidden if word in lower or word.decode().encode("utf-16-le") in lower] == []
    printed = "".join(capfd.readouterr()).lower().encode()
    assert [word for word in forbidden if word in printed] == []


def test_what_is_written_beside_the_scan_is_in_no_picture_unless_asked_for(tmp_path):
    source = open_ultrasound(SAMPLES / "sector.dcm").frame(0)
    text = np.zeros(source.pixels.shape, bool)
    text[370:] = True  # below the scan
    text &= source.pixels > 60
    assert text.any()
    pictures = {}
    for keep in (False, True):
        options = BatchOptions(scene=False, annotations=keep)
        measure_files([SAMPLES / "sector.dcm"], tmp_path / str(keep), options, segmenter=TrueMasks())
        with Image.open(tmp_path / str(keep) / "sector" / "overlay.png") as picture:
            pictures[keep] = np.asarray(picture.convert("L"))[: source.rows]
    assert pictures[True][text].min() > 60
    assert pictures[False][text].max() == 0


def test_a_long_clip_is_thinned_for_the_scene_and_measured_as_a_whole(tmp_path, monkeypatch):
    slicer = pytest.importorskip("slicer", reason="slicer-core is not installed: no scene to look into")
    monkeypatch.setattr(case, "SCENE_PIXELS", 5 * 360 * 480)
    summary = measure_files([SAMPLES / "clip.dcm"], tmp_path, segmenter=TrueMasks())
    assert summary.ok == 12
    from HepatoRenalIndexLib.scene import runtime, study

    scene = runtime.start().scene
    study.load_mrb(scene, tmp_path / "clip" / "clip.mrb")
    sequence = scene.GetFirstNodeByClass("vtkMRMLSequenceNode")
    assert isinstance(sequence, slicer.vtkMRMLSequenceNode)
    assert [sequence.GetNthIndexValue(index) for index in range(sequence.GetNumberOfDataNodes())] == [
        "0",
        "3",
        "6",
        "9",
    ]
