"""A study of the images that are loaded: what lies in their insonated area, written into the study folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from slicer.i18n import tr as _

from ..files.writing import write_text
from ..geometry.spacing import Calibration
from ..imaging.image import InputError
from ..pipeline.outputs import write_png
from ..study.create import StudyOptions
from ..study.picture import find_sector, shown_pixels
from . import calibrating
from .markingNodes import isStudyNode
from .source import Source, findSource

IMAGES_NAME, PATIENTS_NAME = "images", "patients.csv"
_SAME = 0.001  # relative difference of pixel sizes that counts as none


def writeVolumes(scene, folder: Path, options: StudyOptions) -> tuple[list[Path], Path, StudyOptions]:
    """Write the loaded images as PNG files with neutral names, black outside the insonated area.

    Every volume is taken for a patient. Returns the files, the table of patients, and the options with the pixel size
    of the images. Raises ``InputError`` where no image is loaded, or where they have different pixel sizes.
    """
    taken, spacings = [], []
    for number, source in enumerate(_sources(scene), 1):
        frames = range(source.frameCount) if options.frames == "all" else [_frame(source, options.frames)]
        for frame in frames:
            image = source.image(frame)
            spacing = _knownSpacing(source)
            geometry, calibration = find_sector(image, spacing, options.show_unrecognized)
            taken.append((number, shown_pixels(image, geometry.mask)))
            spacings.append(_square(calibration))
    if not taken:
        raise InputError(_("No ultrasound image is loaded; load images first, or choose a folder of files."))
    if max(spacings) / min(spacings) - 1 > _SAME:
        raise InputError(_("The loaded images have different pixel sizes; make the study of their files instead."))
    target = folder / IMAGES_NAME
    try:
        target.mkdir(parents=True, exist_ok=True)
        paths, lines = [], ["image,patient"]
        for index, (number, pixels) in enumerate(taken, 1):
            path = target / f"{index:04d}.png"
            write_png(path, pixels)
            paths.append(path)
            lines.append(f"{path.name},{number}")
        table = folder / PATIENTS_NAME
        write_text(table, "\n".join(lines) + "\n")
    except OSError as error:
        raise InputError(_("The study folder cannot be written; choose another one.")) from error
    spacing = options.spacing_mm if options.roi_px is not None else spacings[0]
    return paths, table, replace(options, frames="first", spacing_mm=spacing)


def _sources(scene) -> list[Source]:
    """The loaded images and clips, in the order of the scene."""
    found = []
    for volume in scene.GetNodesByClass("vtkMRMLScalarVolumeNode"):
        image = volume.GetImageData()
        isLabels = volume.IsA("vtkMRMLLabelMapVolumeNode")
        if image is not None and image.GetDimensions()[2] == 1 and not isLabels and not isStudyNode(volume):
            found.append(findSource(volume))
    return found


def _frame(source: Source, wanted: str | int) -> int:
    return 0 if wanted == "first" else min(int(wanted), source.frameCount - 1)


def _knownSpacing(source: Source) -> float | None:
    given = calibrating.storedUserSpacing(source.keeper)
    stored = source.storedCalibration()
    if given:
        return given
    return _square(stored) if stored is not None and stored.calibrated else None


def _square(calibration: Calibration) -> float:
    if not calibration.calibrated:
        raise InputError(_("A loaded image has no known pixel size; calibrate it first."))
    if abs(calibration.aspect - 1) > _SAME:
        raise InputError(_("The pixels of a loaded image are not square; make the study of its file instead."))
    return calibration.x_mm
