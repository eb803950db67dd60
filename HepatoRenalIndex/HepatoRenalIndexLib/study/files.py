"""The files of readers and sessions in a study folder: their names, headers, and the order of presentation."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .. import __version__
from ..agreement.answers import ALGORITHM
from ..files.writing import flush_folder
from ..imaging.image import InputError
from .definition import ReaderStudy, StudyImage, utc_text
from .journal import ANSWER, SESSION, SKIP, Journal, Problem, Record, read_journal

FORMAT, FORMAT_VERSION = "liver-ultrasound-reading", 1
LAST_SESSION = 99
LONGEST_TEXT = 300  # characters of a reason or note
_READER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
# How the answers came about
MARKED, MEASURED, IMPORTED = "marked", "algorithm", "import"


@dataclass(frozen=True)
class SessionFile:
    """One file of answers as read; it belongs to the study."""

    path: Path
    journal: Journal

    @property
    def reader(self) -> str:
        return self.journal.header["reader"]

    @property
    def session(self) -> int:
        return self.journal.header["session"]

    @property
    def label(self) -> str:
        return f"reader {self.reader}, session {self.session}"

    @property
    def last_time(self) -> datetime:
        """When the last answer or skip was given; the start of the session where none has a time."""
        kinds = (ANSWER, SKIP, SESSION)
        times = [record["time"] for record in self.journal.records if record["type"] in kinds and "time" in record]
        return parse_time(times[-1])


def check_reader(name: str) -> str:
    """The name if it can be a reader's; :class:`InputError` otherwise. It becomes part of a file's name."""
    if not _READER.fullmatch(name):
        raise InputError(
            "A reader is named by letters, digits, - and _ only, at most 32; do not use the full name of a person."
        )
    return name


def check_session(session: int) -> int:
    """The number if it can be a session's."""
    if isinstance(session, bool) or not isinstance(session, int) or not 1 <= session <= LAST_SESSION:
        raise InputError(f"Sessions are numbered from 1 to {LAST_SESSION}.")
    return session


def session_path(study: ReaderStudy, reader: str, session: int) -> Path:
    """The file of a reader and session."""
    return study.sessions_folder / f"reader-{check_reader(reader)}_session-{check_session(session):02d}.jsonl"


def header(study: ReaderStudy, reader: str, session: int, how: str, **more: object) -> Record:
    """The first record of a session's file; ``how`` is one of ``MARKED``, ``MEASURED``, ``IMPORTED``."""
    return {
        "type": SESSION,
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "software": __version__,
        "study": study.id,
        "reader": check_reader(reader),
        "session": check_session(session),
        "how": how,
        "time": now_text(),
        **more,
    }


def read_session(study: ReaderStudy, path: Path) -> SessionFile:
    """Read and verify one file; :class:`InputError` if it cannot be trusted or belongs to another study."""
    journal = read_journal(path)
    head = journal.header
    if head.get("format") != FORMAT or head.get("version") != FORMAT_VERSION:
        raise InputError(f"{path.name} is no file of a reading session of this version.")
    if head.get("study") != study.id:
        raise InputError(f"{path.name} belongs to another study; put it into the folder of that study.")
    try:
        check_reader(head["reader"])
        check_session(head["session"])
        file = SessionFile(path, journal)
        _ = file.last_time
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path.name} lacks reader, session or time, or they are impossible.") from error
    return file


def session_files(study: ReaderStudy) -> tuple[list[SessionFile], list[Problem]]:
    """All files of the study that can be read, by reader and session, and a sentence for each that cannot."""
    files, problems = [], []
    for path in sorted(study.sessions_folder.glob("*.jsonl")):
        try:
            files.append(read_session(study, path))
        except InputError as error:
            problems.append(Problem(str(error)))
    return sorted(files, key=lambda file: (file.reader.casefold(), file.session, file.path.name)), problems


def presentation_order(study: ReaderStudy, reader: str, session: int) -> tuple[StudyImage, ...]:
    """The images in the order in which this reader sees them in this session.

    Sorted by a SHA-256 of seed, reader, session and image: random, the same on every computer and version.
    """

    def key(image: StudyImage) -> str:
        return hashlib.sha256(f"{study.seed}|{reader}|{session}|{image.id}".encode("ascii")).hexdigest()

    return tuple(sorted(study.images, key=key))


def now_text() -> str:
    """The present moment in UTC."""
    return utc_text(datetime.now(UTC))


def parse_time(text: str) -> datetime:
    """The moment that :func:`utc_text` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def is_algorithm(reader: str) -> bool:
    """Whether the name stands for the automatic measurement."""
    return reader.casefold() == ALGORITHM


def one_line(text: str) -> str:
    """Text without line breaks and control characters, not too long."""
    return "".join(c if c.isprintable() else " " for c in text).strip()[:LONGEST_TEXT]


def begin_folder(study: ReaderStudy) -> None:
    """Make the folder of the sessions where it is missing."""
    if not study.sessions_folder.is_dir():
        try:
            study.sessions_folder.mkdir(parents=True, exist_ok=True)
            flush_folder(study.folder)
        except OSError as error:
            raise InputError("The study folder cannot be written; check space and permission.") from error
