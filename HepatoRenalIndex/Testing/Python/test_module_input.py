"""Images as the application loads them: too little calibration, inverted, in color, as clips of its own browser."""

from __future__ import annotations

import json

import numpy as np
import pytest
import slicer_double

slicer_double.install()
slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from HepatoRenalIndexLib.imaging.reader import open_ultrasound  # noqa: E402
from HepatoRenalIndexLib.module.calibrating import nodeSpacingDiffers  # noqa: E402
from HepatoRenalIndexLib.module.caseNodes import ensureCase  # noqa: E402
from HepatoRenalIndexLib.module.console import ConsoleLogic  # noqa: E402
from HepatoRenalIndexLib.module.frameState import FrameState  # noqa: E402
from HepatoRenalIndexLib.module.header import HEADER_ATTRIBUTE, INSTANCE_ATTRIBUTE, storedHeader  # noqa: E402
from HepatoRenalIndexLib.module.sampleData import SAMPLE_FOLDER  # noqa: E402
from HepatoRenalIndexLib.module.selfTest import sampleMasks  # noqa: E402
from HepatoRenalIndexLib.module.source import findSource  # noqa: E402
from HepatoRenalIndexLib.scene import runtime  # noqa: E402
from HepatoRenalIndexLib.scene.volume import image_data  # noqa: E402


class Database:
    """The DICOM database as far as it is asked: instance UID -> file."""

    isOpen = True

    def __init__(self, **files):
        self._files = files

    def fileForInstance(self, uid):
        return str(self._files.get(uid, ""))


@pytest.fixture(scope="module")
def started():
    return runtime.start()


@pytest.fixture
def logic(started):
    started.scene.Clear(0)
    made = ConsoleLogic(started.scene, lambda: slicer_double.Parameters(started.scene))
    yield made
    made.close()
    started.scene.Clear(0)


def as_slicer_loads(scene, pixels: np.ndarray, uid: str = "", kind: str = "vtkMRMLScalarVolumeNode"):
    """A volume of 1 mm pixels, rotated by 180 degrees, with the instance UID: what Slicer makes of many files."""
    volume = scene.AddNewNodeByClass(kind, "5: US")
    if pixels.ndim == 2:
        volume.SetAndObserveImageData(image_data(pixels))
    else:
        from vtk.util.numpy_support import numpy_to_vtk

        data = image_data(pixels[..., 0])
        data.GetPointData().SetScalars(numpy_to_vtk(pixels.reshape(-1, pixels.shape[2]), deep=True))
        volume.SetAndObserveImageData(data)
    volume.SetIJKToRASDirections(-1, 0, 0, 0, -1, 0, 0, 0, 1)
    if uid:
        volume.SetAttribute(INSTANCE_ATTRIBUTE, uid)
    return volume


def sample_pixels(name: str) -> np.ndarray:
    with open_ultrasound(SAMPLE_FOLDER / f"{name}.dcm") as file:
        return file.frame(0).pixels


def outline(logic, volume, name: str) -> None:
    """The true outlines, as if drawn by hand."""
    logic.parameters().inputVolume = volume
    case = ensureCase(logic.scene, findSource(volume), withRois=False)
    case.setState(0, FrameState(sampleMasks(name)))
    logic.refreshAll()


def test_the_region_that_slicer_dropped_is_found_through_the_instance_uid(logic):
    volume = as_slicer_loads(logic.scene, sample_pixels("curved"), "uid")
    logic.dicomDatabase = lambda: Database(uid=SAMPLE_FOLDER / "curved.dcm")
    outline(logic, volume, "curved")
    calibration = logic.shown.result.calibration
    assert (calibration.source.value, calibration.x_mm) == ("dicom_region", pytest.approx(0.33))
    assert logic.shown.result.measurement.roi_mm == 15.0
    assert volume.GetSpacing()[:2] == (1.0, 1.0)  # nothing without the user's consent
    assert nodeSpacingDiffers(volume, calibration)
    rois, number = logic.shown.state, logic.shown.result.measurement.hri
    logic.fixNodeSpacing()
    assert volume.GetSpacing()[:2] == pytest.approx((0.33, 0.33))
    assert logic.shown.state == rois
    assert logic.shown.result.measurement.hri == number
    assert not nodeSpacingDiffers(volume, logic.shown.result.calibration)
    assert logic.parameters().liverRoi.GetSize()[0] == pytest.approx(rois.liver.roi.width * 0.33)


def test_the_header_stays_with_the_node_without_anything_that_identifies(logic):
    volume = as_slicer_loads(logic.scene, sample_pixels("curved"), "uid")
    logic.dicomDatabase = lambda: Database(uid=SAMPLE_FOLDER / "curved.dcm")
    outline(logic, volume, "curved")
    stored = json.loads(volume.GetAttribute(HEADER_ATTRIBUTE))
    assert not {"patient", "path", "source", "uid"} & {key.lower() for key in stored}
    assert str(SAMPLE_FOLDER) not in volume.GetAttribute(HEADER_ATTRIBUTE)
    logic.dicomDatabase = lambda: None  # as on another computer
    logic.shown = type(logic.shown)()
    logic.refreshAll()
    assert logic.shown.result.calibration.source.value == "dicom_region"


def test_a_cropped_volume_does_not_take_the_calibration_of_its_file(logic):
    volume = as_slicer_loads(logic.scene, sample_pixels("curved")[:500], "uid")
    logic.dicomDatabase = lambda: Database(uid=SAMPLE_FOLDER / "curved.dcm")
    logic.parameters().inputVolume = volume
    logic.placeByHand()
    assert logic.shown.result.calibration.source.value != "dicom_region"


def test_a_monochrome1_image_that_slicer_shows_as_stored_is_turned_to_brightness(logic, tmp_path):
    pydicom = pytest.importorskip("pydicom")
    dataset = pydicom.dcmread(SAMPLE_FOLDER / "sector.dcm")
    pixels = sample_pixels("sector")
    dataset.PhotometricInterpretation = "MONOCHROME1"
    dataset.SamplesPerPixel, dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 1, 8, 8, 7
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.PixelData = (255 - pixels).tobytes()
    if "PlanarConfiguration" in dataset:
        del dataset.PlanarConfiguration
    dataset.save_as(tmp_path / "mono1.dcm")
    logic.dicomDatabase = lambda: Database(uid=tmp_path / "mono1.dcm")
    volume = as_slicer_loads(logic.scene, 255 - pixels, "uid")
    outline(logic, volume, "sector")
    assert storedHeader(volume).inverted
    inverted = logic.shown.result.measurement.hri
    outline(logic, as_slicer_loads(logic.scene, pixels), "sector")
    logic.parameters().userSpacing = 0.45
    logic.refreshAll()
    assert inverted == pytest.approx(logic.shown.result.measurement.hri, rel=0.01)


@pytest.mark.parametrize("kind", ["vtkMRMLScalarVolumeNode", "vtkMRMLVectorVolumeNode"])
def test_gray_and_color_volumes_have_the_same_index(logic, kind):
    pixels = sample_pixels("sector")
    if "Vector" in kind:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    outline(logic, as_slicer_loads(logic.scene, pixels, kind=kind), "sector")
    assert logic.shown.result.measurement.hri == pytest.approx(1.4661, abs=0.02)


def test_colored_tissue_in_an_roi_is_flagged(logic):
    pixels = np.repeat(sample_pixels("sector")[..., None], 3, axis=2)
    volume = as_slicer_loads(logic.scene, pixels, kind="vtkMRMLVectorVolumeNode")
    outline(logic, volume, "sector")
    roi = logic.shown.result.measurement.liver.roi
    logic.setLocked("liver", True)
    pixels[roi.top : roi.top + 10, roi.left : roi.left + roi.width] = (220, 40, 20)
    volume.SetAndObserveImageData(as_slicer_loads(logic.scene, pixels, kind="vtkMRMLVectorVolumeNode").GetImageData())
    logic.refreshAll()
    assert "color" in [flag.code for flag in logic.shown.result.flags]


def test_frames_whose_index_is_a_time_are_told_apart(logic):
    """Slicer's reader indexes clips by seconds where the header has a frame time."""
    scene = logic.scene
    with open_ultrasound(SAMPLE_FOLDER / "clip.dcm") as file:
        frames = [file.frame(index).pixels for index in range(4)]
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "7: US")
    sequence.SetIndexName("time")
    sequence.SetIndexUnit("s")
    for index, pixels in enumerate(frames):
        volume = as_slicer_loads(scene, pixels, "uid")
        sequence.SetDataNodeAtValue(volume, f"{index * 0.033:.3f}")
        scene.RemoveNode(volume)
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "browser")
    browser.AddSynchronizedSequenceNode(sequence)
    logic.parameters().inputVolume = proxy = browser.GetProxyNode(sequence)
    logic.dicomDatabase = lambda: Database(uid=SAMPLE_FOLDER / "clip.dcm")
    for frame in (2, 0, 3):
        browser.SetSelectedItemNumber(frame)
        logic.placeByHand()
        logic.dicomDatabase = lambda: None  # the header stays with the clip, though each frame has its own attributes
        assert logic.shown.result.calibration.source.value == "dicom_region"
        assert logic.shown.frame == frame
        assert np.array_equal(logic.shown.image.pixels, frames[frame])
    source = findSource(proxy)
    assert source.frameCount == 4
    assert source.browser is browser
    browser.SetSelectedItemNumber(1)
    logic.refreshAll()
    assert logic.shown.state.isEmpty  # nothing was placed in this frame
    browser.SetOverwriteProxyName(sequence, True)
    for frame in (1, 2):
        browser.SetSelectedItemNumber(frame)
        assert proxy.GetName() != "7: US"
        assert findSource(proxy).name == "7: US"
