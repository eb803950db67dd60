"""The simulated cohort on disk: what is written, that it repeats itself, and that nothing half-written stays."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.simulation import phantom
from PIL import Image
from SteatosisEstimatorLib.cohort.reading import read_cohort
from SteatosisEstimatorLib.cohort.vocabulary import ReferenceKind, View
from SteatosisEstimatorLib.simulation import writing
from SteatosisEstimatorLib.simulation.scanners import SCANNERS
from SteatosisEstimatorLib.simulation.subjects import make_subjects
from SteatosisEstimatorLib.simulation.views import VIEWS
from SteatosisEstimatorLib.simulation.writing import COHORT_FILE, write_cohort

SIZE = (96, 128)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    write_cohort(folder, 4, seed=3, frames=3, size=SIZE)
    return folder


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_there_is_a_simulated_view_for_every_view_of_a_cohort():
    assert set(VIEWS) == {view.value for view in View}


def test_the_cohort_reader_takes_a_simulated_cohort(folder):
    cohort = read_cohort(folder / COHORT_FILE)
    assert cohort.reference is ReferenceKind.MRI_PDFF and cohort.simulated
    assert not cohort.problems
    assert cohort.names == ("S001", "S002", "S003", "S004")
    assert [subject.scanner for subject in cohort.subjects] == list(SCANNERS)
    for subject, truth in zip(cohort.subjects, make_subjects(4, 3), strict=True):
        assert set(subject.views) == set(View)
        assert subject.fat_percent == pytest.approx(truth.fat_percent, abs=0.005)


def test_stills_are_pictures_and_clips_are_dicom_with_a_calibrated_region(folder):
    with Image.open(folder / "S002" / "liver.png") as image:
        assert image.size == SIZE[::-1]
        assert image.mode == "L"
    clip = pydicom.dcmread(folder / "S002" / "ar.dcm")
    assert clip.NumberOfFrames == 3
    assert float(clip.FrameTime) == pytest.approx(1000 / 30, abs=0.01)
    assert clip.SeriesDescription == "ar"
    assert clip.PatientID == "PHANTOM-S002"
    assert clip.SequenceOfUltrasoundRegions[-1].PhysicalDeltaX > 0
    frames = clip.pixel_array.astype(float)
    assert np.abs(frames[2] - frames[0]).mean() > 0.4


def test_the_views_of_a_subject_are_one_study_and_its_views_are_series(folder):
    ar, hr = (pydicom.dcmread(folder / "S001" / name) for name in ("ar.dcm", "hr.dcm"))
    other = pydicom.dcmread(folder / "S003" / "ar.dcm")
    assert ar.StudyInstanceUID == hr.StudyInstanceUID != other.StudyInstanceUID
    assert ar.SeriesInstanceUID != hr.SeriesInstanceUID
    assert ar.SOPInstanceUID != hr.SOPInstanceUID


def test_the_same_seed_writes_the_same_bytes_and_another_seed_does_not(folder, tmp_path):
    views = ("liver", "hr")
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        write_cohort(tmp_path / name, 2, views, seed=seed, frames=2, size=SIZE)
    first = _digests(tmp_path / "a")
    assert first == _digests(tmp_path / "b")
    other = _digests(tmp_path / "c")
    assert first["S001/liver.png"] != other["S001/liver.png"]
    assert first["S001/hr.dcm"] != other["S001/hr.dcm"]
    # fewer subjects and fewer views change nothing in the images that are left
    assert first["S001/liver.png"] == _digests(folder)["S001/liver.png"]


def test_an_interrupted_cohort_is_resumed_and_damaged_images_are_replaced(tmp_path, monkeypatch):
    plain = write_cohort(tmp_path / "plain", 2, ("liver", "ar"), frames=2, size=SIZE).parent
    counted = []

    def interrupt(parameters):
        counted.append(parameters)
        if len(counted) == 5:
            raise KeyboardInterrupt
        return phantom.simulate(parameters)

    broken = tmp_path / "broken"
    with monkeypatch.context() as patch:
        patch.setattr(writing, "simulate", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_cohort(broken, 2, ("liver", "ar"), frames=2, size=SIZE)
    assert not (broken / COHORT_FILE).exists()
    assert not list(broken.rglob(".*"))
    (broken / "S001" / "liver.png").write_bytes(b"damaged")
    counted.clear()
    counted.extend([None] * 10)
    with monkeypatch.context() as patch:
        patch.setattr(writing, "simulate", interrupt)
        write_cohort(broken, 2, ("liver", "ar"), frames=2, size=SIZE)
    assert len(counted) - 10 == 1 + 2  # the damaged still and the clip that was cut short
    assert _digests(broken) == _digests(plain)


def test_a_clip_as_pictures_has_a_row_for_every_frame(tmp_path):
    cohort = write_cohort(tmp_path, 1, ("ar",), frames=3, size=SIZE, clip_format="png")
    lines = cohort.read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[2] for line in lines[3:]] == [f"S001/ar/00{index}.png" for index in range(3)]
    assert all((tmp_path / line.split(",")[2]).is_file() for line in lines[3:])


def test_stills_can_be_dicom(tmp_path):
    write_cohort(tmp_path, 1, ("liver-kidney",), size=SIZE, still_format="dicom", reference="H-MRS")
    still = pydicom.dcmread(tmp_path / "S001" / "liver-kidney.dcm")
    assert still.pixel_array.shape == SIZE
    assert still.SeriesDescription == "liver-kidney"
    assert (tmp_path / COHORT_FILE).read_text(encoding="utf-8").startswith("# reference: H-MRS\n")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"subjects": 0}, "subject"),
        ({"views": ("spleen",)}, "spleen"),
        ({"views": ()}, "view"),
        ({"frames": 0}, "frame"),
        ({"frame_rate_hz": 0}, "frame rate"),
        ({"size": (20, 20)}, "64"),
        ({"scanners": ("sonar",)}, "sonar"),
        ({"scanners": ()}, "scanner"),
        ({"fat_percent": [3.0, 70.0]}, "70"),
        ({"fat_percent": [3.0]}, "1 fat fractions"),
        ({"still_format": "gif"}, "gif"),
        ({"reference": "biopsy"}, "biopsy"),
    ],
)
def test_a_cohort_that_cannot_be_is_refused_in_one_sentence(tmp_path, arguments, word):
    with pytest.raises(InputError, match=word):
        write_cohort(tmp_path / "none", **{"subjects": 2, "size": SIZE, **arguments})
    assert not (tmp_path / "none" / COHORT_FILE).exists()


def test_a_cohort_of_someone_else_is_never_replaced(tmp_path):
    own = tmp_path / COHORT_FILE
    own.write_text("subject,view,path,fat_percent\n", encoding="utf-8")
    with pytest.raises(InputError, match="not simulated"):
        write_cohort(tmp_path, 1, ("liver",), size=SIZE)
    assert own.read_text(encoding="utf-8") == "subject,view,path,fat_percent\n"


def test_other_arguments_replace_a_simulated_cohort(tmp_path, monkeypatch):
    write_cohort(tmp_path, 2, ("liver",), size=SIZE)
    before = _digests(tmp_path)

    def interrupt(parameters):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(writing, "simulate", interrupt)
        write_cohort(tmp_path, 1, ("liver",), seed=1, size=SIZE)
    assert not (tmp_path / COHORT_FILE).exists()  # it no longer speaks of these images
    write_cohort(tmp_path, 1, ("liver",), seed=1, size=SIZE)
    after = _digests(tmp_path)
    assert after["S001/liver.png"] != before["S001/liver.png"]
    assert read_cohort(tmp_path / COHORT_FILE).names == ("S001",)
