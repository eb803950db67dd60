"""Ultrasound files into the scene with their calibration kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

from slicer.i18n import tr as _

from ..imaging.image import InputError, UltrasoundImage
from ..imaging.reader import open_ultrasound
from ..scene.volume import add_volume, update_volume
from .header import Header, storeHeader
from .sampleData import SAMPLE_FOLDER, SAMPLES

LARGEST_CLIP_PIXELS = 400_000_000


def loadUltrasoundFile(scene, path: str | Path, name: str | None = None):
    """Load a DICOM, PNG, JPEG or TIFF file as a gray volume node, a clip with a browser; returns the volume node.

    Reads what the application cannot (for example JPEG-LS) and keeps all ultrasound regions of the header, so that the
    calibration is found when it is measured. Raises ``InputError`` with one sentence for anything unreadable.
    """
    path = Path(path)
    name = name or path.stem
    with open_ultrasound(path, path.name) as file:
        first = file.frame(0)
        if file.frame_count * first.pixels.size > LARGEST_CLIP_PIXELS:
            raise InputError(
                _("The clip is too long to be loaded as a whole; cut it, or measure the file as a folder.")
            )
        # All of them before the first comes into the scene: a damaged file leaves nothing behind.
        images = [first, *(file.frame(index) for index in range(1, file.frame_count))]
    volume = add_volume(scene, first, None, name)
    spacing = _nominalSpacing(first)
    _setSpacing(volume, spacing)
    # The spacing says nothing that a measurement may rely on: it is read from the header.
    volume.SetAttribute("HepatoRenalIndex.SpacingSource", None)
    keeper = _addFrames(scene, volume, images, spacing, name) if len(images) > 1 else volume
    storeHeader(keeper, Header.ofImage(first))
    return volume


def _addFrames(scene, volume, images: list[UltrasoundImage], spacing: tuple[float, float], name: str):
    """Show the frames in the volume by a browser; returns their sequence."""
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
    sequence.SetIndexName("frame")
    sequence.SetIndexUnit("")
    sequence.SetIndexType(sequence.NumericIndex)
    for index, image in enumerate(images):
        frame = scene.CreateNodeByClass("vtkMRMLScalarVolumeNode")
        frame.UnRegister(None)
        update_volume(frame, image, None)
        _setSpacing(frame, spacing)
        frame.SetAttribute("HepatoRenalIndex.SpacingSource", None)
        sequence.SetDataNodeAtValue(frame, str(index))
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", f"{name} browser")
    modified = browser.StartModify()
    browser.AddSynchronizedSequenceNode(sequence)
    browser.AddProxyNode(volume, sequence, False)
    browser.SetOverwriteProxyName(sequence, False)
    browser.SetPlaybackRateFps(10)
    browser.SetIndexDisplayFormat("%.0f")  # frames have whole numbers
    browser.SetSelectedItemNumber(0)
    browser.EndModify(modified)
    return sequence


def _nominalSpacing(image: UltrasoundImage) -> tuple[float, float]:
    """Width and height of a pixel for the node: those of the only 2D region, else of Pixel Spacing, else 1 mm."""
    spacings = {
        (region.delta_x_mm, region.delta_y_mm)
        for region in image.regions
        if region.spatial_format == 1 and min(region.delta_x_mm or 0, region.delta_y_mm or 0) > 0
    }
    if len(spacings) == 1:
        return spacings.pop()
    if image.pixel_spacing_mm is not None and min(image.pixel_spacing_mm) > 0:
        return image.pixel_spacing_mm[1], image.pixel_spacing_mm[0]
    return 1.0, 1.0


def _setSpacing(volume, spacing: tuple[float, float]) -> None:
    volume.SetSpacing(*spacing, 1.0)


def loadSample(scene, name: str):
    """Load a shipped case by its name, after its checksum was found right; returns the volume node."""
    sample = SAMPLES.get(name)
    if sample is None:
        raise InputError(_("There is no such sample; there are {names}.").format(names=", ".join(SAMPLES)))
    path = SAMPLE_FOLDER / sample.fileName
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sample.sha256:
        raise InputError(_("The sample data is missing or damaged; install the extension again."))
    return loadUltrasoundFile(scene, path, sample.nodeName)
