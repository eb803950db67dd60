"""The validation data: images of one heartbeat per patient, biopsy, readers' ROIs and organ outlines.

The folder has the layout of the data of Byra et al. 2018 (doi 10.5281/zenodo.1009146) with outlines added:
``images/pNN_fK.png`` (patient NN, frame K), ``patients.csv`` (``patient, steatosis_class, fat_percent_biopsy``,
optional ``outline_quality``), ``reader_rois.csv`` (see :func:`agreement.answers.read_answers`) and
``outlines/pNN_fK.json`` (``liver`` and ``right_kidney``: polygons ``[[x, y], ...]`` in pixels).
"""

from __future__ import annotations

import csv
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..agreement.answers import AnswerTable, read_answers
from ..imaging.image import InputError, UltrasoundImage
from ..imaging.reader import open_ultrasound
from ..measurement.organs import LIVER_LABEL, RIGHT_KIDNEY_LABEL, OrganMasks

_IMAGE_NAME = re.compile(r"p(\d+)_f(\d+)\.png")


@dataclass(frozen=True)
class Patient:
    """``fatty`` is the class by biopsy, ``fat_percent`` the percentage of hepatocytes with fat."""

    number: int
    fatty: bool
    fat_percent: float
    outline_quality: str = ""


@dataclass(frozen=True)
class CohortFrame:
    """One image of one patient; ``outline`` is the file of its organ outlines, ``None`` where there is none."""

    patient: int
    frame: int
    path: Path
    outline: Path | None = None

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def key(self) -> str:
        """The name under which the readers' table knows the image."""
        return f"{self.patient}/{self.frame}"

    def image(self) -> UltrasoundImage:
        """The pixels as a measurement takes them."""
        return open_ultrasound(self.path, self.path.name).frame(0)

    def outlined_organs(self, shape: tuple[int, int]) -> OrganMasks | None:
        """Masks of the human outlines; where they overlap the kidney wins. ``None`` without an outline."""
        if self.outline is None:
            return None
        from ..training.dataset import rasterize

        try:
            outline = json.loads(self.outline.read_text(encoding="utf-8"))
            polygons = {LIVER_LABEL: outline["liver"], RIGHT_KIDNEY_LABEL: outline["right_kidney"]}
            return OrganMasks.from_labels(rasterize(polygons, shape))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self.outline.name} holds no readable outlines; copy the data folder again.") from error


@dataclass(frozen=True)
class Cohort:
    """Everything in the validation folder. ``frames`` are in order of patient and frame."""

    patients: dict[int, Patient]
    frames: tuple[CohortFrame, ...]
    readers: AnswerTable

    @property
    def first_frames(self) -> tuple[CohortFrame, ...]:
        """The first frame of every patient."""
        first: dict[int, CohortFrame] = {}
        for frame in self.frames:
            first.setdefault(frame.patient, frame)
        return tuple(first.values())


def load_cohort(folder: str | os.PathLike) -> Cohort:
    """Read the validation folder; :class:`InputError` says what of it is missing or wrong."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder.name} is no folder; give the folder of the validation data.")
    patients = _read_patients(folder / "patients.csv")
    frames = []
    for path in sorted((folder / "images").glob("*.png")):
        match = _IMAGE_NAME.fullmatch(path.name)
        if match and int(match[1]) in patients:
            outline = folder / "outlines" / f"{path.stem}.json"
            frames.append(CohortFrame(int(match[1]), int(match[2]), path, outline if outline.is_file() else None))
    if not frames:
        raise InputError(f"{folder.name} holds no images/pNN_fK.png of a patient in patients.csv.")
    frames.sort(key=lambda frame: (frame.patient, frame.frame))
    return Cohort(patients, tuple(frames), read_answers(folder / "reader_rois.csv"))


def _read_patients(path: Path) -> dict[int, Patient]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            rows = [
                Patient(
                    number=int(row["patient"]),
                    fatty=bool(int(row["steatosis_class"])),
                    fat_percent=float(row["fat_percent_biopsy"]),
                    outline_quality=row.get("outline_quality") or "",
                )
                for row in csv.DictReader(handle)
            ]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(
            "The validation folder has no readable patients.csv (columns patient, steatosis_class, fat_percent_biopsy)."
        ) from error
    return {patient.number: patient for patient in rows}
