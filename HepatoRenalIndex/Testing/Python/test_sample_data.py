"""The shipped sample data: readable, complete, and what the simulator makes."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from HepatoRenalIndexLib.geometry.calibration import calibrate
from HepatoRenalIndexLib.geometry.spacing import SpacingSource
from HepatoRenalIndexLib.imaging.reader import open_ultrasound
from HepatoRenalIndexLib.simulation.sample import CLIP_FRAMES, SAMPLE_NAMES, sample_phantom, write_sample_data
from PIL import Image
from pydicom import dcmread

FOLDER = Path(__file__).resolve().parents[2] / "Resources" / "SampleData"
TRUTH = json.loads((FOLDER / "truth.json").read_text(encoding="utf-8"))
CASES = {case["name"]: case for case in TRUTH["cases"]}

# Type 1 and 2 attributes of the Patient, General Study, General Series, General Equipment, General Image, Image Pixel,
# US Image and SOP Common modules (PS3.3 C.7, C.8.5.6, C.12.1)
REQUIRED = (
    "SOPClassUID", "SOPInstanceUID", "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID",
    "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber", "Modality", "SeriesInstanceUID",
    "SeriesNumber", "Manufacturer", "InstanceNumber", "PatientOrientation", "SamplesPerPixel",
    "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "PixelData", "ImageType", "LossyImageCompression",
)  # fmt: skip
REGION_REQUIRED = (
    "RegionSpatialFormat", "RegionDataType", "RegionFlags", "RegionLocationMinX0", "RegionLocationMinY0",
    "RegionLocationMaxX1", "RegionLocationMaxY1", "PhysicalUnitsXDirection", "PhysicalUnitsYDirection",
    "PhysicalDeltaX", "PhysicalDeltaY",
)  # fmt: skip


def _gray(dataset) -> np.ndarray:
    """Frames as uint8 (frames, rows, columns); the green channel of a color file, whose channels agree for gray."""
    pixels = dataset.pixel_array
    if dataset.SamplesPerPixel == 3:
        pixels = pixels[..., 1]
    return pixels.reshape(-1, dataset.Rows, dataset.Columns)


def test_the_sample_is_small_and_every_file_has_its_checksum():
    files = {path.name: path for path in FOLDER.iterdir() if path.name != "truth.json"}
    assert set(files) == set(TRUTH["sha256"])
    assert sum(path.stat().st_size for path in files.values()) < 3_000_000
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == TRUTH["sha256"][name]


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_a_sample_has_the_attributes_that_dicom_requires(name):
    dataset = dcmread(FOLDER / CASES[name]["file"])
    assert [attribute for attribute in REQUIRED if attribute not in dataset] == []
    frames = len(CASES[name]["frames"])
    multi = frames > 1
    assert dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1." + ("3.1" if multi else "6.1")
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert dataset.SOPInstanceUID.is_valid and dataset.SOPInstanceUID.startswith("2.25.")
    assert dataset.QualityControlSubject == "YES"
    assert str(dataset.PatientName).startswith("Phantom^")
    if multi:
        assert dataset.NumberOfFrames == frames == CLIP_FRAMES
        assert dataset.FrameIncrementPointer == 0x00181063 and dataset.FrameTime > 0
    for region in dataset.SequenceOfUltrasoundRegions:
        assert [attribute for attribute in REGION_REQUIRED if attribute not in region] == []


def test_the_samples_differ_in_pixel_format_and_compression():
    datasets = [dcmread(FOLDER / case["file"], stop_before_pixels=True) for case in CASES.values()]
    assert len({dataset.file_meta.TransferSyntaxUID for dataset in datasets}) == len(datasets)
    assert {dataset.PhotometricInterpretation for dataset in datasets} == {"MONOCHROME2", "YBR_FULL_422"}
    assert len({dataset.StudyInstanceUID for dataset in datasets}) == len(datasets)


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_the_2d_region_holds_the_spacing_and_the_organs(name):
    dataset = dcmread(FOLDER / CASES[name]["file"])
    region = next(item for item in dataset.SequenceOfUltrasoundRegions if item.RegionSpatialFormat == 1)
    assert region.PhysicalUnitsXDirection == region.PhysicalUnitsYDirection == 3
    assert region.PhysicalDeltaX * 10 == pytest.approx(CASES[name]["spacing_mm"]["x"], rel=1e-9)
    assert region.PhysicalDeltaY * 10 == pytest.approx(CASES[name]["spacing_mm"]["y"], rel=1e-9)
    rows, columns = np.nonzero(sample_phantom(name).masks.labels())
    assert region.RegionLocationMinX0 <= columns.min() and columns.max() <= region.RegionLocationMaxX1
    assert region.RegionLocationMinY0 <= rows.min() and rows.max() <= region.RegionLocationMaxY1


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_the_reader_gives_the_spacing_of_the_2d_region_and_the_simulated_pixels(name):
    phantom = sample_phantom(name)
    with open_ultrasound(FOLDER / CASES[name]["file"]) as file:
        assert file.frame_count == len(CASES[name]["frames"])
        image = file.frame(0)
    calibration = calibrate(image, phantom.geometry, area=phantom.masks.labels() > 0)
    assert calibration.source is SpacingSource.REGION
    assert (calibration.y_mm, calibration.x_mm) == pytest.approx(phantom.spacing_mm, rel=1e-9)
    assert not calibration.conflict
    for organ in (phantom.masks.liver, phantom.masks.right_kidney):
        if organ.any():
            assert image.pixels[organ].mean() == pytest.approx(phantom.image.pixels[organ].mean(), abs=0.5)


def test_one_sample_has_another_region_before_the_2d_one():
    formats = [r.RegionSpatialFormat for r in dcmread(FOLDER / "curved.dcm").SequenceOfUltrasoundRegions]
    assert formats == [4, 1]


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_simulating_again_gives_the_shipped_pixels_and_truth(name):
    case = CASES[name]
    shipped = _gray(dcmread(FOLDER / case["file"]))
    lossy = dcmread(FOLDER / case["file"], stop_before_pixels=True).LossyImageCompression == "01"
    for index in {0, len(case["frames"]) - 1}:
        phantom = sample_phantom(name, index)
        # fonts may be drawn differently by another FreeType, rounding may differ by processor
        used = phantom.geometry.mask & ~phantom.graphics
        difference = np.abs(shipped[index].astype(int) - phantom.image.pixels)[used]
        assert np.quantile(difference, 0.999) <= (12 if lossy else 1)
        assert difference.mean() < (2.5 if lossy else 0.01)
        frame = case["frames"][index]
        labels = np.asarray(Image.open(FOLDER / frame["labels"]))
        assert (labels != phantom.masks.labels()).mean() < 1e-4
        if frame["true_hri"] is None:
            assert np.isnan(phantom.true_hri)
        else:
            assert phantom.true_hri == pytest.approx(frame["true_hri"], abs=1e-3)


def test_frames_of_the_clip_differ_and_the_kidney_moves():
    frames = _gray(dcmread(FOLDER / "clip.dcm")).astype(int)
    assert all(np.abs(a - b).mean() > 1 for a, b in pairwise(frames))
    centers = []
    for frame in CASES["clip"]["frames"]:
        labels = np.asarray(Image.open(FOLDER / frame["labels"]))
        centers.append(np.nonzero(labels == 2)[0].mean() * CASES["clip"]["spacing_mm"]["y"])
    assert centers[-1] - centers[0] == pytest.approx(5.0, abs=1.0)


def test_writing_the_sample_leaves_complete_files_and_their_checksums(tmp_path):
    folder = tmp_path / "sample"
    truth = json.loads(write_sample_data(folder).read_text(encoding="utf-8"))
    assert {path.name for path in folder.iterdir()} == {*truth["sha256"], "truth.json"}
    for name, digest in truth["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert set(truth["sha256"]) == set(TRUTH["sha256"])
    # the file's identity is the same every time; its pixels are compared above
    for case in truth["cases"]:
        written, shipped = (dcmread(at / case["file"], stop_before_pixels=True) for at in (folder, FOLDER))
        written.pop("LossyImageCompressionRatio", None)
        shipped.pop("LossyImageCompressionRatio", None)
        assert written == shipped


def test_an_unknown_sample_or_frame_is_refused():
    with pytest.raises(KeyError):
        sample_phantom("heart")
    with pytest.raises(IndexError, match="frames"):
        sample_phantom("sector", 1)
