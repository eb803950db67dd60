"""A reader study from a folder or list of images."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ..agreement.csv_input import read_csv
from ..agreement.report import EXCLUDED_NAME
from ..imaging.discovery import InputFile, find_inputs
from ..imaging.image import InputError, UltrasoundImage
from ..imaging.reader import open_ultrasound
from ..measurement.hri import roi_size_px
from ..pipeline.batch import is_result
from ..pipeline.measure import DARKEST_IMAGE, MeasurementSettings
from .definition import ReaderStudy, Refusal, StudyImage, is_study, utc_text, write_study
from .picture import find_sector

DEFAULT_ROI_MM = 15.0
DEFAULT_INTERVAL_DAYS = 28.0
SMALLEST_ROI_PX = 3

Progress = Callable[[float, int, str], None]


@dataclass(frozen=True)
class StudyOptions:
    """How the study is read; see :class:`ReaderStudy`. ``roi_px`` replaces ``roi_mm`` where it is set.

    ``frames`` of a clip: ``"first"``, ``"all"`` or the number of one, counted from 0; a table of patients that names
    frames decides instead. ``spacing_mm`` is the pixel size where neither header nor ruler is to be asked.
    """

    name: str = ""
    seed: int = 0
    roi_mm: float = DEFAULT_ROI_MM
    roi_px: int | None = None
    blind: bool = True
    interval_days: float = DEFAULT_INTERVAL_DAYS
    frames: str | int = "first"
    spacing_mm: float | None = None
    show_unrecognized: bool = False

    def __post_init__(self):
        MeasurementSettings(roi_mm=self.roi_mm)  # refuses an impossible size
        if self.roi_px is not None and not SMALLEST_ROI_PX <= self.roi_px <= 1000:
            raise InputError(f"An ROI of {self.roi_px} pixels is not possible; choose a side between 3 and 1000.")
        if not 0 <= self.interval_days <= 3650:
            raise InputError("The interval between sessions must be between 0 and 3650 days.")
        if self.frames not in ("all", "first") and not (isinstance(self.frames, int) and self.frames >= 0):
            raise InputError("The frames of a clip are all, first, or the number of one counted from 0.")


@dataclass(frozen=True)
class Patients:
    """Which patient an image shows.

    ``table`` maps a file (relative path, or name alone) to frame -> patient; frame ``None`` stands for every frame the
    options choose. ``pattern`` finds the patient in the relative path: what its first group matches. With neither,
    every file is a patient. The names go nowhere: the study numbers the patients.
    """

    table: Mapping[str, Mapping[int | None, str]] = field(default_factory=dict)
    pattern: re.Pattern[str] | None = None

    def of(self, source: str, alone: bool = True) -> Mapping[int | None, str] | None:
        """Frame -> patient of a file; ``None`` if it belongs to no known patient.

        ``alone`` says that no other file has its name: only then does the name without the path tell whose it is.
        """
        if self.table:
            name = source.rpartition("/")[2]
            return self.table.get(source) or (self.table.get(name) if alone else None)
        if self.pattern is not None:
            found = self.pattern.search(source)
            return {None: found.group(1)} if found and found.group(1) else None
        return {None: source}


def read_patients(path: str | os.PathLike) -> Patients:
    """The table of patients: a CSV file with the columns ``image``, ``patient`` and optionally ``frame``."""
    source = read_csv(path)
    if not {"image", "patient"} <= source.columns:
        raise InputError(f"{source.name} lacks the column image or patient; name the columns so.")
    table: dict[str, dict[int | None, str]] = {}
    for line, row in source.rows:
        image, patient, frame = row["image"], row["patient"], row.get("frame", "")
        if not image or not patient or (frame and not frame.isdecimal()):
            raise InputError(f"Line {line} of {source.name} needs an image, a patient and a whole frame.")
        frames = table.setdefault(image.replace("\\", "/"), {})
        if frames.setdefault(int(frame) if frame else None, patient) != patient:
            raise InputError(f"Line {line} of {source.name} gives an image a second patient; correct it.")
    if not table:
        raise InputError(f"{source.name} holds no image; give one row per image.")
    return Patients(table=table)


def create_study(
    folder: str | os.PathLike,
    inputs: Iterable[str | os.PathLike],
    options: StudyOptions | None = None,
    patients: Patients | None = None,
    progress: Progress | None = None,
) -> ReaderStudy:
    """Make a study of files and folders of images and write ``study.json`` to ``folder``.

    What cannot be measured is left out and stands in ``refused`` with a sentence. Raises :class:`InputError` if the
    folder already holds a study, or if no image is left.
    """
    folder, options, patients = Path(folder), options or StudyOptions(), patients or Patients()
    if is_study(folder):
        raise InputError(f"The folder {folder.name} holds a study already; choose another folder for a new one.")
    files = [file for file in find_inputs(Path(path) for path in inputs) if not _is_output(file.path)]
    if not files:
        raise InputError("There are no images; give files or folders.")
    root = _common_folder(files)
    collected = _Collection(options, root)
    names = Counter(file.path.name for file in files)
    for done, file in enumerate(files):
        if progress is not None:
            progress(done, len(files), file.source)
        collected.add(file, patients.of(file.source, names[file.path.name] == 1))
    if not collected.images:
        first = collected.refused[0]
        raise InputError(f"No image can be taken into the study; the first one, {first.path}: {first.reason}")
    folder.mkdir(parents=True, exist_ok=True)
    study = ReaderStudy(
        folder=folder,
        image_folder=root,
        name=options.name.strip() or folder.resolve().name,
        seed=options.seed,
        roi_mm=None if options.roi_px is not None else options.roi_mm,
        roi_px=options.roi_px,
        blind=options.blind,
        interval_days=float(options.interval_days),
        images=tuple(collected.images),
        created=utc_text(datetime.now(UTC)),
        refused=tuple(collected.refused),
    )
    write_study(study)
    if progress is not None:
        progress(len(files), len(files), "")
    return study


class _Collection:
    """The images so far, and the pseudonyms of their patients in the order in which they appear."""

    def __init__(self, options: StudyOptions, root: Path):
        self.images: list[StudyImage] = []
        self.refused: list[Refusal] = []
        self._options = options
        self._root = root
        self._pseudonyms: dict[str, str] = {}
        self._seen: dict[str, StudyImage] = {}

    def add(self, file: InputFile, patients: Mapping[int | None, str] | None) -> None:
        """Take the frames of a file, or note why not."""
        if file.error or patients is None:
            reason = file.error or "No patient is known for this file; give its path in the table of patients."
            self.refused.append(Refusal(file.source, None, reason))
            return
        path = file.path.resolve().relative_to(self._root).as_posix()
        try:
            with open_ultrasound(file.path, file.source) as clip:
                for frame, patient in _frames(clip.frame_count, patients, self._options.frames):
                    try:
                        self._take(clip.frame(frame), path, patient)
                    except InputError as error:
                        self.refused.append(Refusal(file.source, frame, str(error)))
        except InputError as error:
            self.refused.append(Refusal(file.source, None, str(error)))

    def _take(self, image: UltrasoundImage, path: str, patient: str) -> None:
        options = self._options
        if image.pixels.max() < DARKEST_IMAGE:
            raise InputError("The image is black; nothing can be measured in it.")
        geometry, calibration = find_sector(image, options.spacing_mm, options.show_unrecognized)
        if options.roi_px is not None:
            size = options.roi_px, options.roi_px
        elif calibration.calibrated:
            size = roi_size_px(calibration, geometry, options.roi_mm)
        else:
            raise InputError(
                "No pixel size is known, so the ROI has no size in mm; give the size of a pixel (on the command line "
                "with --spacing), or there with --roi-px the side of the ROI in pixels."
            )
        x0, y0, x1, y1 = geometry.bounds
        if min(size) < SMALLEST_ROI_PX or size[0] > (x1 - x0) / 2 or size[1] > (y1 - y0) / 2:
            raise InputError(
                f"An ROI of {size[0]} x {size[1]} pixels does not fit the insonated area; check ROI and pixel size."
            )
        pseudonym = self._pseudonyms.setdefault(patient, f"P{len(self._pseudonyms) + 1:03d}")
        identity = f"{len(self.images) + 1:04d}"
        entry = StudyImage.of(identity, path, image, geometry, calibration, size, pseudonym)
        same = self._seen.setdefault(entry.sha256, entry)
        if same.patient != pseudonym:  # one patient would count as two
            raise InputError(
                f"Its pixels are those of image {same.id}, of another patient; correct the patients or leave it out."
            )
        self.images.append(entry)


def _frames(count: int, patients: Mapping[int | None, str], chosen: str | int) -> Sequence[tuple[int, str]]:
    """Frame and patient of every image to take from a file."""
    named = sorted((frame, patient) for frame, patient in patients.items() if frame is not None)
    if named:
        return named
    if chosen == "all":
        return [(frame, patients[None]) for frame in range(count)]
    return [(0 if chosen == "first" else int(chosen), patients[None])]


def _is_output(path: Path) -> bool:
    """Whether a file is a picture that an earlier measurement or agreement report left among the images."""
    return is_result(path) or (path.parent.name == "plots" and (path.parent.parent / EXCLUDED_NAME).is_file())


def _common_folder(files: Sequence[InputFile]) -> Path:
    """The folder below which all images lie."""
    try:
        return Path(os.path.commonpath([file.path.resolve().parent for file in files]))
    except ValueError as error:  # several drives of Windows
        raise InputError("The images lie on different drives; copy them below one folder.") from error
