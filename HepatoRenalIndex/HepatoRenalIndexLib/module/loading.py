"""Ultrasound files into the scene with their calibration kept, and the sample data that comes with the module."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from ..imaging.image import InputError, UltrasoundImage
from ..imaging.reader import open_ultrasound
from ..scene.volume import add_volume, update_volume
from .header import Header, storeHeader

SAMPLE_FOLDER = Path(__file__).resolve().parents[2] / "Resources" / "SampleData"
ICON_FOLDER = SAMPLE_FOLDER.parent / "Icons"
SAMPLE_CATEGORY = "LiverUltrasound"
LARGEST_CLIP_PIXELS = 400_000_000
SAMPLE_SHA256 = {
    "sector": "3310f1913b4dbc23024dc39451713c4dc82a0d771c7cca1e0a86274d876a4ec4",
    "curved": "6e7381025ddb07d0a3e5eafb2d40b245160b03007f6698571db03154a7ac26e4",
    "clip": "44b69b7a4ea43e09d477e4ed881c400e744a0fe54b989ae42bbcb4d713e052cf",
    "no_kidney": "f1b6c6b2e10c93a816636a8e99460a1a8636e73667feb1841edb0ca008581f96",
}


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
        volume = add_volume(scene, first, None, name)
        spacing = _nominalSpacing(first)
        _setSpacing(volume, spacing)
        # The spacing says nothing that a measurement may rely on: it is read from the header.
        volume.SetAttribute("HepatoRenalIndex.SpacingSource", None)
        storeHeader(volume, Header.ofImage(first))
        if file.frame_count > 1:
            _addFrames(scene, volume, file, spacing, name)
    return volume


def _addFrames(scene, volume, file, spacing: tuple[float, float], name: str) -> None:
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
    sequence.SetIndexName("frame")
    sequence.SetIndexUnit("")
    sequence.SetIndexType(sequence.NumericIndex)
    for index in range(file.frame_count):
        frame = scene.CreateNodeByClass("vtkMRMLScalarVolumeNode")
        frame.UnRegister(None)
        update_volume(frame, file.frame(index), None)
        _setSpacing(frame, spacing)
        frame.SetAttribute("HepatoRenalIndex.SpacingSource", None)
        frame.SetAttribute("HepatoRenalIndex.Header", volume.GetAttribute("HepatoRenalIndex.Header"))
        sequence.SetDataNodeAtValue(frame, str(index))
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", f"{name} browser")
    modified = browser.StartModify()
    browser.AddSynchronizedSequenceNode(sequence)
    browser.AddProxyNode(volume, sequence, False)
    browser.SetOverwriteProxyName(sequence, False)
    browser.SetPlaybackRateFps(10)
    browser.SetSelectedItemNumber(0)
    browser.EndModify(modified)


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


def sampleCases() -> list[dict]:
    """The shipped cases: ``name``, ``file``, ``sha256`` and ``title``."""
    try:
        truth = json.loads((SAMPLE_FOLDER / "truth.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    titles = {
        "sector": _("HRI sector probe"),
        "curved": _("HRI curved probe"),
        "clip": _("HRI clip"),
        "no_kidney": _("HRI no kidney"),
    }
    cases = []
    for case in truth["cases"]:
        path = SAMPLE_FOLDER / case["file"]
        if path.is_file():
            name = case["name"]
            title, checksum = titles.get(name, name), SAMPLE_SHA256.get(name, "")
            cases.append({"name": name, "file": path, "sha256": checksum, "title": title})
    return cases


def loadSample(scene, name: str):
    """Load a shipped case by its name, after its checksum was found right; returns the volume node."""
    for case in sampleCases():
        if case["name"] == name:
            if hashlib.sha256(case["file"].read_bytes()).hexdigest() != case["sha256"]:
                raise InputError(_("The sample data was changed or damaged; install the extension again."))
            return loadUltrasoundFile(scene, case["file"], f"HRI sample {name}")
    raise InputError(_("There is no sample of that name."))


def registerSampleData(shown: Callable | None = None) -> None:
    """Offer the shipped cases in the Sample Data module; ``shown(volume)`` is called after one was loaded."""
    import SampleData

    logic = SampleData.SampleDataLogic
    if hasattr(logic, "registerCustomSampleDataCategory"):
        logic.registerCustomSampleDataCategory(SAMPLE_CATEGORY, title=_("Liver Ultrasound"))

    def load(source):
        name = next(case["name"] for case in sampleCases() if case["title"] == source.sampleName)
        with slicer.util.tryWithErrorDisplay(_("The sample could not be loaded."), waitCursor=True):
            volume = loadSample(slicer.mrmlScene, name)
            if shown is not None:
                shown(volume)

    for case in sampleCases():
        thumbnail = ICON_FOLDER / f"Sample_{case['name']}.png"
        logic.registerCustomSampleDataSource(
            category=SAMPLE_CATEGORY,
            sampleName=case["title"],
            uris=case["file"].as_uri(),
            fileNames=case["file"].name,
            nodeNames=f"HRI sample {case['name']}",
            checksums=f"SHA256:{case['sha256']}",
            customDownloader=load,
            thumbnailFileName=str(thumbnail) if thumbnail.is_file() else None,
        )
