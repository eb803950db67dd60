"""A study of the images that are loaded: what lies in their insonated area, written into the study folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from ..files.writing import write_bytes, write_text
from ..imaging.dicom_writing import dicom_bytes
from ..imaging.image import InputError
from ..study.create import StudyOptions
from ..study.picture import find_sector, shown_pixels
from . import calibrating
from .markingNodes import isStudyNode
from .source import Source, findSource, isDerived

IMAGES_NAME, PATIENTS_NAME = "images", "patients.csv"


def writeVolumes(scene, folder: Path, options: StudyOptions) -> tuple[list[Path], Path, StudyOptions]:
    """Write the loaded images as DICOM files with neutral names, black outside the insonated area.

    They keep the size of their pixels; the gray levels are the same. Every volume is taken for a patient. Returns the
    files, the table of patients, and the options for them. Raises ``InputError`` where no image is loaded, and for an
    image that cannot be taken, which it names.
    """
    files, lines = {}, ["image,patient"]
    for number, source in enumerate(_sources(scene), 1):
        for frame in range(source.frameCount) if options.frames == "all" else [_frameNumber(options.frames)]:
            name = f"{len(files) + 1:04d}.dcm"
            try:
                files[name] = _deidentified(source, frame, options, f"P{number:03d}")
            except InputError as error:
                text = _('"{name}" cannot be taken into the study: {reason}')
                raise InputError(text.format(name=source.volume.GetName(), reason=error)) from error
            lines.append(f"{name},{number}")
    if not files:
        raise InputError(_("No ultrasound image is loaded; load images first, or choose a folder of files."))
    target, table = folder / IMAGES_NAME, folder / PATIENTS_NAME
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_bytes(target / name, content)
        write_text(table, "\n".join(lines) + "\n")
    except OSError as error:
        raise InputError(_("The study folder cannot be written; choose another one.")) from error
    return [target / name for name in files], table, replace(options, frames="first", spacing_mm=None)


def _deidentified(source: Source, frame: int, options: StudyOptions, subject: str) -> bytes:
    if frame >= source.frameCount:
        raise InputError(_("it has no frame {number}.").format(number=frame))
    image = source.image(frame, getattr(slicer, "dicomDatabase", None))
    geometry, calibration = find_sector(image, _knownSpacing(source), options.show_unrecognized)
    spacing = (calibration.x_mm, calibration.y_mm) if calibration.calibrated else None
    if spacing is None and options.roi_px is None:
        raise InputError(_("its pixel size is not known; calibrate it first."))
    return dicom_bytes(shown_pixels(image, geometry.mask), spacing, subject)


def _sources(scene) -> list[Source]:
    """The loaded images and clips, in the order of the scene."""
    found = []
    for volume in scene.GetNodesByClass("vtkMRMLScalarVolumeNode"):
        image = volume.GetImageData()
        isOurs = volume.IsA("vtkMRMLLabelMapVolumeNode") or isStudyNode(volume) or isDerived(volume)
        if image is not None and image.GetDimensions()[2] == 1 and not isOurs:
            found.append(findSource(volume))
    return found


def _frameNumber(wanted: str | int) -> int:
    return 0 if wanted == "first" else int(wanted)


def _knownSpacing(source: Source) -> float | None:
    """The pixel size that the user gave, or with which the library made the volume; None to look at the image."""
    given = calibrating.storedUserSpacing(source.keeper)
    if given:
        return given
    stored = source.storedCalibration()
    return stored.x_mm if stored is not None and stored.calibrated and abs(stored.aspect - 1) < 1e-3 else None
