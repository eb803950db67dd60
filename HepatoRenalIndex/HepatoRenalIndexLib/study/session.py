"""One reader in one session: image after image, every answer on the disk before the next image is shown."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from ..imaging.image import InputError, UltrasoundImage
from ..measurement.roi import Roi
from .definition import ReaderStudy, StudyImage, utc_text
from .files import (
    MARKED,
    begin_folder,
    check_reader,
    header,
    is_algorithm,
    now_text,
    one_line,
    presentation_order,
    read_session,
    session_files,
    session_path,
)
from .journal import END, SKIP, Journal, JournalWriter, Record, is_begun
from .picture import shown_pixels
from .reading import Reading, answer_record, measure_rois, reading_from, reading_of

# Why readers skip an image; any other sentence will do as well
SKIP_REASONS = (
    "no right kidney in the image",
    "no liver in the image",
    "renal cortex not visible",
    "shadow or artifact",
    "lesion or abnormal tissue",
    "poor image quality",
)


class IntervalError(InputError):
    """The session begins too soon after another one of the same reader. ``allowed_from`` says when it may."""

    def __init__(self, message: str, allowed_from: datetime | None):
        super().__init__(message)
        self.allowed_from = allowed_from


@dataclass(frozen=True)
class ShownImage:
    """What the reader sees. ``pixels`` is uint8 ``(rows, columns)`` in source geometry, black outside the bool
    ``sector``. ``name`` is neutral. ``reading`` is what the reader said before, if the image comes up again.
    """

    name: str
    pixels: np.ndarray
    sector: np.ndarray
    spacing_mm: tuple[float, float] | None  # width and height of a pixel
    roi_width: int
    roi_height: int
    reading: Reading | None


class ReadingSession:
    """The session of one reader, begun or gone on with by :meth:`open`.

    ``position`` (from 0) is the image on show in ``order``. Every method that stores returns only when the record is on
    the disk; if it raises :class:`InputError`, nothing was stored and the same image stays.
    """

    def __init__(self, study: ReaderStudy, reader: str, session: int, writer: JournalWriter, known: dict[str, Record]):
        self.study = study
        self.reader = reader
        self.session = session
        self.order = presentation_order(study, reader, session)
        self._writer = writer
        self._known = known
        self._ended = False
        self._loaded: tuple[str, UltrasoundImage] | None = None
        self.position = self._first_open()

    @classmethod
    def open(
        cls,
        study: ReaderStudy,
        reader: str,
        session: int,
        override: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> ReadingSession:
        """Begin the session, or go on with it where it stopped.

        ``override`` is the reason for which a session may begin before the study's interval has passed; it is stored.
        Raises :class:`IntervalError` without it, :class:`InputError` for an impossible name or a file that cannot be
        trusted.
        """
        check_reader(reader)
        if is_algorithm(reader):
            raise InputError("The name algorithm is kept for the automatic measurement; choose another name.")
        path = session_path(study, reader, session)
        if is_begun(path):
            return cls._resume(study, path, reader, session)
        note = one_line(override) if override.strip() else ""
        more = _check_interval(study, reader, session, clock(), note)
        begin_folder(study)
        writer = JournalWriter.create(path)
        writer.append(header(study, reader, session, MARKED, **more) | {"time": utc_text(clock())}, 0)
        return cls(study, reader, session, writer, {})

    @classmethod
    def _resume(cls, study: ReaderStudy, path: Path, reader: str, session: int) -> ReadingSession:
        file = read_session(study, path)
        if (file.reader, file.session) != (reader, session):
            raise InputError(f"{path.name} holds the answers of {file.label}; give the file its name back.")
        journal = file.journal
        if journal.header.get("how") != MARKED:
            raise InputError(f"The answers of {file.label} came from a table; choose another reader or session.")
        writer = JournalWriter.resume(path, journal)
        reading = cls(study, reader, session, writer, _usable(study, journal))
        reading._ended = any(record["type"] == END for record in journal.records)
        reading._end()
        return reading

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.order)

    @property
    def done(self) -> int:
        """Number of images with an answer or a skip."""
        return len(self._known)

    @property
    def finished(self) -> bool:
        return self.done == self.count

    @property
    def progress(self) -> str:
        """For example ``image 37 of 294``."""
        return f"image {self.position + 1} of {self.count}"

    @property
    def image(self) -> StudyImage:
        """The image on show."""
        return self.order[self.position]

    def reading(self, image: StudyImage | None = None) -> Reading | None:
        """What was said of an image (default: the one on show), ``None`` if nothing yet."""
        record = self._known.get((image or self.image).id)
        return None if record is None else reading_of(record)

    def show(self) -> ShownImage:
        """The image on show, de-identified; :class:`InputError` if it is not there or was changed."""
        image = self.image
        geometry = image.geometry()
        calibration = image.calibration
        return ShownImage(
            name=self.progress,
            pixels=shown_pixels(self._source(), geometry.mask),
            sector=geometry.mask,
            spacing_mm=(calibration.x_mm, calibration.y_mm) if calibration.calibrated else None,
            roi_width=image.roi_width,
            roi_height=image.roi_height,
            reading=self.reading(),
        )

    def measure(self, liver: Roi, kidney: Roi) -> Reading:
        """Measure two ROIs of the image on show without storing anything.

        Raises :class:`InputError` for ROIs of another size, outside the insonated area, or that give no index.
        """
        measured = measure_rois(self._source(), self.image, liver, kidney)
        return reading_from(self.image.id, measured)

    def answer(self, liver: Roi, kidney: Roi) -> Reading:
        """Store the answer to the image on show and go on. An earlier answer stays in the file, superseded."""
        reading = self.measure(liver, kidney)
        self._store(answer_record(reading, self.image))
        return reading

    def skip(self, reason: str) -> None:
        """Store that the reader does not measure the image on show, and why, and go on."""
        text = one_line(reason)
        if not text:
            raise InputError("Say in a few words why the image is skipped.")
        self._store({"type": SKIP, "image": self.image.id, "pixels": self.image.sha256, "reason": text})

    def back(self) -> bool:
        """Show the image before; ``False`` at the first one."""
        return self.go_to(self.position - 1)

    def forward(self) -> bool:
        """Show the next image without an answer to this one, as far as answers go."""
        return self.reading() is not None and self.go_to(self.position + 1)

    def go_to(self, position: int) -> bool:
        """Show an image that was answered or skipped, or the first open one."""
        allowed = 0 <= position < self.count and (
            position <= self._first_open() or self.order[position].id in self._known
        )
        if allowed:
            self.position = position
        return allowed

    def _store(self, content: Record) -> None:
        image = self.image.id
        before = self._known.get(image)
        content = {**content, "revises": before["n"] if before else None, "time": now_text()}
        record = self._writer.append(content, self.done + (before is None))
        self._known[image] = record
        self._end()
        self.position = self._first_open()

    def _end(self) -> None:
        """Say in the file that the session is finished, as soon as it is."""
        if self.finished and not self._ended:
            with suppress(InputError):  # the answer is stored; the end comes when the session is opened again
                self._writer.append({"type": END, "time": now_text()}, self.done)
                self._ended = True

    def _first_open(self) -> int:
        """The first image in order that was neither answered nor skipped; the last image if all were."""
        for position, image in enumerate(self.order):
            if image.id not in self._known:
                return position
        return len(self.order) - 1

    def _source(self) -> UltrasoundImage:
        if self._loaded is None or self._loaded[0] != self.image.id:
            self._loaded = (self.image.id, self.study.load(self.image))
        return self._loaded[1]


def _usable(study: ReaderStudy, journal: Journal) -> dict[str, Record]:
    """The records that count, by image; an image without one is shown again."""
    images = {image.id for image in study.images}
    known = {}
    for image, record in journal.last_word.items():
        if image in images and image not in journal.distrusted:
            with suppress(KeyError, TypeError, ValueError):
                reading_of(record)
                known[image] = record
    return known


def _check_interval(study: ReaderStudy, reader: str, session: int, now: datetime, override: str) -> Record:
    """What the header says of the reader's other sessions; :class:`IntervalError` if the last one is too recent."""
    others = []
    for file in session_files(study)[0]:
        if file.reader.casefold() != reader.casefold():
            continue
        if file.reader != reader:
            raise InputError(f"There is a reader {file.reader} already; names must differ by more than case.")
        if file.journal.header.get("how") == MARKED:  # of a table from elsewhere nobody knows when it was made
            others.append(file)
    if not others:
        return {}
    latest = max(file.last_time for file in others)
    unfinished = [f for f in others if len(f.journal.last_word) < len(study.images)]
    days = (now - latest) / timedelta(days=1)
    told: Record = {"days_since_last_session": round(days, 2)}
    allowed = latest + timedelta(days=study.interval_days)
    if now >= allowed and not unfinished:
        return told
    if override:
        return told | {"override": override}
    if unfinished:
        raise IntervalError(
            f"Session {unfinished[0].session} of reader {reader} is not finished; go on with it, or say why not.", None
        )
    raise IntervalError(
        f"Reader {reader} read {days:.1f} days ago; the study asks for {study.interval_days:g} days between sessions. "
        f"Session {session} may begin on {allowed.astimezone():%Y-%m-%d at %H:%M}, or at once with a reason, which is "
        "stored.",
        allowed,
    )
