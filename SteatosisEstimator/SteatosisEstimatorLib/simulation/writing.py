"""Write the simulated cohort: images, clips, the table of them, and the truth behind them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from HepatoRenalIndexLib.files.writing import write_bytes, write_text
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.simulation.parameters import PhantomParameters
from HepatoRenalIndexLib.simulation.phantom import Phantom, simulate
from HepatoRenalIndexLib.simulation.sample_dicom import Encoding, SeriesLabels, write_frames
from PIL import Image

from .frames import FRAME_RATE_HZ, frame_parameters
from .subjects import FatPercent, Subject, clinic_fat_percent, make_subjects
from .views import CLIP_VIEWS, VIEWS

COHORT_FILE = "cohort.csv"
TRUTH_FILE = "truth.csv"
# a fast cohort to try machinery on
SMALL_SIZE = (240, 320)

# part of every file's key: raise it when the simulator draws the same parameters differently
_SIMULATOR_VERSION = 1
_KEYS_FILE = "keys.json"
_COLUMNS = ("subject", "view", "path", "fat_percent", "scanner")
# the truth is a proton density fat fraction, which these measure; a biopsy's share of hepatocytes is another quantity
_REFERENCES = ("MRI-PDFF", "H-MRS")
_FORMATS = {"png": ".png", "dicom": ".dcm"}


def write_cohort(
    folder: Path | str,
    subjects: int | Sequence[Subject] = 60,
    views: Sequence[str] | None = None,
    *,
    seed: int = 0,
    frames: int = 8,
    frame_rate_hz: float = FRAME_RATE_HZ,
    size: tuple[int, int] | None = None,
    fat_percent: FatPercent = clinic_fat_percent,
    scanners: Sequence[str] | None = None,
    still_format: str = "png",
    clip_format: str = "dicom",
    reference: str = "MRI-PDFF",
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Simulate a cohort into ``folder``; returns the path of ``cohort.csv``.

    ``subjects`` is a number, drawn with ``seed``, ``fat_percent`` and ``scanners`` as in
    :func:`~.subjects.make_subjects`, or the subjects themselves. ``views`` defaults to all of
    :data:`~.views.VIEWS`; those of :data:`~.views.CLIP_VIEWS` have ``frames`` frames, ``frame_rate_hz`` per
    second (a few frames at a low rate show a whole breath).
    ``size`` is ``(rows, columns)`` of every image, by default each scanner's own; ``SMALL_SIZE`` is computed in about
    0.04 s a frame. ``"png"`` and ``"dicom"`` are the formats: a DICOM clip is one multi-frame file and one row, a PNG
    clip a folder with one file and one row per frame.

    ``cohort.csv`` begins with the lines ``# reference: MRI-PDFF`` (``reference``) and ``# simulated`` and has the
    columns ``subject, view, path, fat_percent, scanner``; paths are relative to it. ``truth.csv`` has a row per subject
    with what a reader of the images does not know. Everything is decided by the arguments: what an earlier, interrupted
    call with the same arguments wrote is kept, anything else of those names is replaced; ``cohort.csv`` appears when
    its images are there. ``progress`` is called with the number of views done and of all.

    Raises ``InputError`` for arguments that cannot be and ``OSError`` where the folder cannot be written.
    """
    names = list(VIEWS) if views is None else list(dict.fromkeys(views))
    if not names:
        raise InputError("A simulated cohort needs at least one view.")
    for kind in (still_format, clip_format):
        if kind not in _FORMATS:
            raise InputError(f"Simulated images are written as png or dicom, not as {kind!r}.")
    if reference not in _REFERENCES:
        raise InputError(f"The simulated reference is {' or '.join(_REFERENCES)}, not {reference!r}.")
    if size is not None and (len(size) != 2 or min(size) < 64):
        raise InputError("A simulated image has at least 64 rows and 64 columns.")
    people = make_subjects(subjects, seed, fat_percent, scanners) if isinstance(subjects, int) else list(subjects)
    if len({person.name for person in people}) != len(people):
        raise InputError("Two simulated subjects have the same name.")
    folder = Path(folder)
    cohort = folder / COHORT_FILE
    if cohort.exists() and not (folder / TRUTH_FILE).exists():
        raise InputError(f"{folder.name} holds a {COHORT_FILE} that was not simulated; choose another folder.")
    plan = []
    rows = []
    for person in people:
        for view in names:
            parameters = frame_parameters(person, view, frames, size, frame_rate_hz)
            kind = clip_format if view in CLIP_VIEWS else still_format
            paths = _paths(person.name, view, len(parameters), kind)
            plan.append((person, view, parameters, paths))
            rows += [
                (person.name, view, path.as_posix(), f"{person.fat_percent:.2f}", person.scanner.name) for path in paths
            ]
    table = f"# reference: {reference}\n# simulated: no patients\n" + _csv(_COLUMNS, rows)
    folder.mkdir(parents=True, exist_ok=True)
    if cohort.exists() and cohort.read_text(encoding="utf-8") != table:
        cohort.unlink()  # it would speak of images that are about to change
    for done, (person, view, parameters, paths) in enumerate(plan):
        _write_view(folder, person, view, parameters, paths, frame_rate_hz)
        if progress is not None:
            progress(done + 1, len(plan))
    write_text(folder / TRUTH_FILE, _truth(people))
    write_text(cohort, table)
    return cohort


def _csv(columns: Sequence[str], rows: Sequence[Sequence]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _paths(subject: str, view: str, frames: int, kind: str) -> list[Path]:
    """Paths of the files of one view, relative to the cohort's folder."""
    if kind == "png" and frames > 1:
        return [Path(subject, view, f"{index:03d}.png") for index in range(frames)]
    return [Path(subject, view + _FORMATS[kind])]


def _truth(people: Sequence[Subject]) -> str:
    columns = (
        "subject",
        "fat_percent",
        "liver_attenuation_db_cm_mhz",
        "liver_db",
        "cortex_db",
        "coarseness_db",
        "body_wall_mm",
        "gain_db",
        "scanner",
    )
    rows = [
        (
            p.name,
            f"{p.fat_percent:.2f}",
            f"{p.liver_attenuation:.3f}",
            f"{p.liver_db:.2f}",
            f"{p.cortex_db:.2f}",
            f"{p.coarseness_db:.2f}",
            f"{p.wall_mm:.1f}",
            f"{p.gain_db:.2f}",
            p.scanner.name,
        )
        for p in people
    ]
    return _csv(columns, rows)


def _write_view(
    folder: Path,
    subject: Subject,
    view: str,
    parameters: list[PhantomParameters],
    paths: list[Path],
    frame_rate_hz: float,
) -> None:
    """Simulate and write the files of one view, unless they are there, as the key file tells."""
    keys_path = folder / subject.name / _KEYS_FILE
    keys = _read_keys(keys_path)
    names = [path.as_posix() for path in paths]
    wanted = hashlib.sha256(f"{_SIMULATOR_VERSION} {names} {frame_rate_hz} {parameters}".encode()).hexdigest()
    known = keys.get(view, {})
    if known.get("parameters") == wanted and all(_digest(folder / path) == known.get(path.name) for path in paths):
        return
    (folder / paths[0]).parent.mkdir(parents=True, exist_ok=True)
    record = {"parameters": wanted}
    if len(paths) == len(parameters) and paths[0].suffix == ".png":
        for path, frame in zip(paths, parameters, strict=True):
            record[path.name] = _save(folder / path, _png(simulate(frame).image.pixels))
    else:
        first = simulate(parameters[0])
        pixels = np.stack([first.image.pixels, *(simulate(frame).image.pixels for frame in parameters[1:])])
        record[paths[0].name] = _save(folder / paths[0], _dicom(subject, view, first, pixels, frame_rate_hz))
    keys[view] = record
    write_text(keys_path, json.dumps(keys, indent=1) + "\n")


def _read_keys(path: Path) -> dict:
    try:
        keys = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return keys if isinstance(keys, dict) else {}


def _digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _save(path: Path, data: bytes) -> str:
    write_bytes(path, data)
    return hashlib.sha256(data).hexdigest()


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _dicom(subject: Subject, view: str, first: Phantom, pixels: np.ndarray, frame_rate_hz: float) -> bytes:
    """One DICOM file: the patient is the subject, the series the view."""
    buffer = io.BytesIO()
    labels = SeriesLabels(
        patient=subject.name,
        study=f"{subject.seed[0]}/{subject.name}",
        study_description="Simulated liver ultrasound",
        series_description=view,
        series_number=1 + list(VIEWS).index(view),
    )
    name = f"{subject.seed[0]}/{subject.name}/{view}"
    write_frames(buffer, name, first, pixels, Encoding.MONOCHROME_JPEG_LS, labels, 1000 / frame_rate_hz)
    return buffer.getvalue()
