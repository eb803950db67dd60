"""``study.json``: which images a reader study holds and how they are read.

The definition names every image by a neutral identifier and the SHA-256 of its pixels, so that answers of several sites
belong together only if they saw the very same images. Paths are relative; patients are pseudonyms.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from .. import __version__
from ..files.writing import write_bytes
from ..geometry.scan import ProbeShape, ScanGeometry
from ..geometry.spacing import Calibration, SpacingSource
from ..imaging.image import InputError, UltrasoundImage
from ..imaging.reader import open_ultrasound
from ..imaging.ultrasound_file import MAX_FRAME_PIXELS, MAX_FRAMES
from ..measurement.roi import Roi

STUDY_NAME = "study.json"
SESSIONS_NAME = "sessions"  # folder of the files of all readers and sessions
FORMAT, FORMAT_VERSION = "liver-ultrasound-study", 1
LARGEST_STUDY = 500 * 2**20  # bytes of study.json
_SCAN_NUMBERS = ("near_radius", "far_radius", "angle_min", "angle_max", "top", "aspect")


@dataclass(frozen=True)
class StudyImage:
    """One image of the study.

    ``id`` is neutral ("0001"). ``path`` is relative to the folder of the images, with "/" separators. ``sha256`` is
    :func:`pixel_digest`. ``patient`` is a pseudonym. Both ROIs are ``roi_width`` x ``roi_height`` pixels. ``scan`` and
    ``sector`` are the scan geometry without and its mask, as in the file; see :meth:`geometry`.
    """

    id: str
    path: str
    frame: int
    sha256: str
    patient: str
    rows: int
    columns: int
    calibration: Calibration
    roi_width: int
    roi_height: int
    scan: Mapping[str, Any] = field(repr=False, compare=False)
    sector: str = field(repr=False, compare=False)

    def geometry(self) -> ScanGeometry:
        """The scan geometry as found when the study was created; its mask is what readers are shown."""
        size = -(-self.rows * self.columns // 8)
        bits = zlib.decompressobj().decompress(base64.b64decode(self.sector, validate=True), size)
        mask = np.unpackbits(np.frombuffer(bits, np.uint8), count=self.rows * self.columns).astype(bool)
        numbers = {name: float(self.scan[name]) for name in _SCAN_NUMBERS}
        x, y = self.scan["apex"]
        return ScanGeometry(
            ProbeShape(self.scan["shape"]), mask.reshape(self.rows, self.columns), (float(x), float(y)), **numbers
        )

    def roi_at(self, x: float, y: float) -> Roi:
        """The ROI of the study's size whose center is nearest to ``(x, y)`` and that lies in the image."""
        roi = Roi.centered(x, y, self.roi_width, self.roi_height)
        left = min(max(roi.left, 0), self.columns - self.roi_width)
        top = min(max(roi.top, 0), self.rows - self.roi_height)
        return Roi(left, top, self.roi_width, self.roi_height)

    @classmethod
    def of(
        cls,
        identity: str,
        path: str,
        image: UltrasoundImage,
        geometry: ScanGeometry,
        calibration: Calibration,
        roi_size: tuple[int, int],
        patient: str,
    ) -> StudyImage:
        """The entry of an image that was read; ``roi_size`` is (width, height) in pixels."""
        scan = {name: float(getattr(geometry, name)) for name in _SCAN_NUMBERS}
        scan |= {"shape": geometry.shape.value, "apex": [float(v) for v in geometry.apex]}
        packed = zlib.compress(np.packbits(geometry.mask).tobytes(), 9)
        return cls(
            id=identity,
            path=path,
            frame=image.provenance.frame,
            sha256=pixel_digest(image.pixels),
            patient=patient,
            rows=image.rows,
            columns=image.columns,
            calibration=Calibration(calibration.source, calibration.x_mm, calibration.y_mm),
            roi_width=roi_size[0],
            roi_height=roi_size[1],
            scan=scan,
            sector=base64.b64encode(packed).decode("ascii"),
        )


@dataclass(frozen=True)
class Refusal:
    """An image that could not be taken into the study; ``path`` as given, ``reason`` one sentence."""

    path: str
    frame: int | None
    reason: str


@dataclass(frozen=True)
class ReaderStudy:
    """A reader study. ``folder`` holds ``study.json`` and ``sessions/``; ``image_folder`` the images.

    The ROIs are ``roi_mm`` wide, or ``roi_px`` pixels in every image where that is set. ``blind`` hides brightness and
    index from the readers. Sessions of one reader lie at least ``interval_days`` apart.
    """

    folder: Path
    image_folder: Path
    name: str
    seed: int
    roi_mm: float | None
    roi_px: int | None
    blind: bool
    interval_days: float
    images: tuple[StudyImage, ...]
    created: str
    refused: tuple[Refusal, ...] = ()

    @cached_property
    def id(self) -> str:
        """SHA-256 of all that decides the answers: the same for every copy of the study, whatever its paths."""
        core = {
            "format": FORMAT,
            "name": self.name,
            "seed": self.seed,
            "roi_mm": self.roi_mm,
            "roi_px": self.roi_px,
            "blind": self.blind,
            "interval_days": self.interval_days,
            "images": [{k: v for k, v in _image_json(i).items() if k != "path"} for i in self.images],
        }
        return hashlib.sha256(canonical_json(core)).hexdigest()

    @property
    def sessions_folder(self) -> Path:
        return self.folder / SESSIONS_NAME

    def image(self, identity: str) -> StudyImage | None:
        """The image of that identifier."""
        return next((image for image in self.images if image.id == identity), None)

    def load(self, image: StudyImage) -> UltrasoundImage:
        """The pixels of an image; :class:`InputError` if it is not there or not the one the study was made of."""
        try:
            with open_ultrasound(self.image_folder / image.path, image.id) as file:
                loaded = file.frame(image.frame)
        except InputError as error:
            raise InputError(f"Image {image.id} cannot be read: {error}") from error
        if pixel_digest(loaded.pixels) != image.sha256:
            raise ChangedImageError(
                f"The pixels of image {image.id} are not those the study was created with; bring back the original."
            )
        return loaded


class ChangedImageError(InputError):
    """The pixels of an image have another checksum than when the study was created."""


def pixel_digest(pixels: np.ndarray) -> str:
    """SHA-256 of the shape and the uint8 pixels ``(rows, columns)``, as hexadecimal text."""
    head = f"{pixels.shape[0]}x{pixels.shape[1]}:".encode("ascii")
    return hashlib.sha256(head + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def canonical_json(content: Any) -> bytes:
    """The one way in which a value is written when its checksum is taken."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def utc_text(moment: datetime) -> str:
    """A moment as ISO 8601 in UTC, to the millisecond: ``2026-05-04T09:30:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_study(study: ReaderStudy) -> None:
    """Write ``study.json`` as a whole or not at all."""
    content = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "software": __version__,
        "id": study.id,
        "name": study.name,
        "created": study.created,
        "seed": study.seed,
        "roi_mm": study.roi_mm,
        "roi_px": study.roi_px,
        "blind": study.blind,
        "interval_days": study.interval_days,
        "image_folder": _relative(study.image_folder, study.folder),
        "images": [_image_json(image) for image in study.images],
        "refused": [{"path": r.path, "frame": r.frame, "reason": r.reason} for r in study.refused],
    }
    try:
        study.sessions_folder.mkdir(parents=True, exist_ok=True)
        write_bytes(study.folder / STUDY_NAME, json.dumps(content, indent=1).encode("ascii"), durable=True)
    except OSError as error:
        raise InputError(f"The study folder {study.folder.name} cannot be written; choose another one.") from error


def is_study(folder: str | os.PathLike) -> bool:
    """Whether the folder holds a ``study.json``."""
    return (Path(folder) / STUDY_NAME).is_file()


def open_study(folder: str | os.PathLike, images: str | os.PathLike | None = None) -> ReaderStudy:
    """Read the study in ``folder``; ``images`` says where the images lie if not where ``study.json`` says.

    Raises :class:`InputError` if there is no study or ``study.json`` is damaged or was changed by hand.
    """
    folder = Path(folder)
    path = folder / STUDY_NAME
    try:
        if path.stat().st_size > LARGEST_STUDY:
            raise InputError(f"{STUDY_NAME} is far too large; bring back the original file.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"The folder {folder.name or 'given'} holds no readable {STUDY_NAME}; give the folder of a study."
        ) from error
    except (ValueError, RecursionError) as error:
        raise _damaged() from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{STUDY_NAME} is not a reader study of LiverUltrasound; give the folder of a study.")
    if content.get("version") != FORMAT_VERSION:
        raise InputError(f"{STUDY_NAME} was written by another version; read it with that version.")
    try:
        study = _study(content, folder, images)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, zlib.error) as error:
        raise _damaged() from error
    if study.id != content.get("id"):
        raise InputError(f"{STUDY_NAME} was changed after the study was created; bring back the original file.")
    return study


def _study(content: dict[str, Any], folder: Path, images: str | os.PathLike | None) -> ReaderStudy:
    refused = [Refusal(str(r["path"]), r["frame"], str(r["reason"])) for r in content["refused"]]
    return ReaderStudy(
        folder=folder,
        image_folder=Path(images) if images is not None else folder / content["image_folder"],
        name=str(content["name"]),
        seed=int(content["seed"]),
        roi_mm=content["roi_mm"],
        roi_px=content["roi_px"],
        blind=bool(content["blind"]),
        interval_days=float(content["interval_days"]),
        images=tuple(_image(entry) for entry in content["images"]),
        created=str(content["created"]),
        refused=tuple(refused),
    )


def _image_json(image: StudyImage) -> dict[str, Any]:
    calibration = image.calibration
    return {
        "id": image.id,
        "path": image.path,
        "frame": image.frame,
        "sha256": image.sha256,
        "patient": image.patient,
        "rows": image.rows,
        "columns": image.columns,
        "calibration": {"source": calibration.source.value, "x_mm": calibration.x_mm, "y_mm": calibration.y_mm},
        "roi": [image.roi_width, image.roi_height],
        "scan": dict(image.scan),
        "sector": image.sector,
    }


def _image(entry: dict[str, Any]) -> StudyImage:
    path, foreign = PurePosixPath(entry["path"]), PureWindowsPath(entry["path"])
    rows, columns = int(entry["rows"]), int(entry["columns"])
    width, height = (int(v) for v in entry["roi"])
    if path.is_absolute() or foreign.drive or ".." in foreign.parts:
        raise ValueError("a path that leads out of the folder of the images")
    if rows < 1 or columns < 1 or rows * columns > MAX_FRAME_PIXELS:
        raise ValueError("impossible image")
    if not 0 < width <= columns or not 0 < height <= rows or not 0 <= int(entry["frame"]) < MAX_FRAMES:
        raise ValueError("impossible ROI or frame")
    spacing = entry["calibration"]
    return StudyImage(
        id=str(entry["id"]),
        path=entry["path"],
        frame=int(entry["frame"]),
        sha256=str(entry["sha256"]),
        patient=str(entry["patient"]),
        rows=rows,
        columns=columns,
        calibration=Calibration(SpacingSource(spacing["source"]), spacing["x_mm"], spacing["y_mm"]),
        roi_width=width,
        roi_height=height,
        scan=dict(entry["scan"]),
        sector=str(entry["sector"]),
    )


def _relative(target: Path, start: Path) -> str:
    try:
        return Path(os.path.relpath(target.resolve(), start.resolve())).as_posix()
    except ValueError as error:  # another drive of Windows
        raise InputError("The study folder must lie on the same drive as the images; choose another folder.") from error


def _damaged() -> InputError:
    return InputError(f"{STUDY_NAME} is damaged; bring back the original file.")
