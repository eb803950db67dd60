"""A file of records that only grows: one JSON object per line, each with the checksum of the one before it.

Every record carries ``n`` (its number), ``done`` (how many images have an answer or a skip so far), ``previous`` (the
checksum of the record before) and ``sha256`` (its own checksum, over all its other fields). A record that was changed,
taken out or put in therefore shows. Whoever computes all checksums anew leaves no trace in the file itself: note the
last checksum (:attr:`Journal.fingerprint`) elsewhere to show that too.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ..files.writing import flush_folder, flush_to_disk
from ..imaging.image import InputError
from .definition import canonical_json

START = "0" * 64  # ``previous`` of the first record
LARGEST_JOURNAL = 200 * 2**20
ANSWER, SKIP, REFUSED = "answer", "skip", "refused"  # types of the records that say something of an image
SESSION, NOTE, END = "session", "note", "end"

Record = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """Something wrong with a journal; ``image`` is the image whose record it is, ``None`` where that is not known."""

    sentence: str
    image: str | None = None


@dataclass(frozen=True)
class Journal:
    """A journal as read.

    ``records`` are all that can be trusted, the header first. ``last_word`` is the record that counts for every image:
    its last answer or skip. ``distrusted`` are images whose last word was changed or may be missing, with the reason.
    ``intact`` is the number of bytes up to the end of the last whole line; what follows was torn by a crash.
    """

    records: tuple[Record, ...]
    last_word: dict[str, Record]
    distrusted: dict[str, str]
    problems: tuple[Problem, ...]
    intact: int
    torn: int

    @property
    def header(self) -> Record:
        return self.records[0]

    @property
    def fingerprint(self) -> str:
        """Checksum of the last record, which stands for the whole file."""
        return self.records[-1]["sha256"]


def checksum(record: Record) -> str:
    """SHA-256 of a record without its own checksum."""
    return hashlib.sha256(canonical_json({k: v for k, v in record.items() if k != "sha256"})).hexdigest()


def line_of(record: Record) -> bytes:
    """A record as it stands in the file."""
    return json.dumps(record, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def is_begun(path: Path) -> bool:
    """Whether a file has a whole first line; without one a crash came before anything was said in it."""
    try:
        with path.open("rb") as file:
            return file.readline(LARGEST_JOURNAL).endswith(b"\n")
    except FileNotFoundError:
        return False
    except OSError as error:
        raise InputError(f"{path.name} cannot be read; check that it is there and may be read.") from error


def chained(last: Record | None, content: Record, done: int) -> Record:
    """The record that follows ``last`` (``None`` for the first one)."""
    record = {"n": last["n"] + 1 if last else 0, **content, "done": done, "previous": last["sha256"] if last else START}
    return record | {"sha256": checksum(record)}


class JournalWriter:
    """Appends records; each is on the disk before :meth:`append` returns."""

    def __init__(self, path: Path, last: Record | None, size: int):
        self._path = path
        self._last = last
        self._size = size

    @classmethod
    def create(cls, path: Path) -> JournalWriter:
        """A new file with nothing in it yet; it appears with the first record.

        What a crash left of a file that was not begun (see :func:`is_begun`) is removed.
        """
        if not is_begun(path):
            path.unlink(missing_ok=True)
        return cls(path, None, 0)

    @classmethod
    def resume(cls, path: Path, journal: Journal) -> JournalWriter:
        """Go on with a file; what a crash tore off at its end is removed, and a note says so."""
        writer = cls(path, journal.records[-1], journal.intact)
        if journal.torn:
            with path.open("r+b") as file:
                file.truncate(journal.intact)
                flush_to_disk(file)
            text = f"An incomplete last line of {journal.torn} bytes, left by an interruption, was removed."
            writer.append({"type": NOTE, "text": text}, writer.done)
        return writer

    @property
    def done(self) -> int:
        """How many images have an answer or a skip."""
        return self._last["done"] if self._last else 0

    def append(self, content: Record, done: int) -> Record:
        """Write one record; returns it as written. Raises :class:`InputError` if another program writes as well."""
        first = self._last is None
        record = chained(self._last, content, done)
        try:
            with self._path.open("xb" if first else "r+b") as file:
                if file.seek(0, os.SEEK_END) != self._size:
                    raise InputError("This session is open in another window or program; close it there and go on.")
                self._write(file, line_of(record))
            if first:
                flush_folder(self._path.parent)
        except FileExistsError as error:
            raise InputError("This session was just begun in another window or program; close it there.") from error
        except OSError as error:
            raise InputError(
                f"The answer could not be stored ({error.strerror or 'unknown reason'}); check space and permission "
                "of the study folder, then answer again."
            ) from error
        self._last = record
        return record

    def _write(self, file: BinaryIO, line: bytes) -> None:
        try:
            file.write(line)
            flush_to_disk(file)
        except OSError:
            with suppress(OSError):  # a full disk: leave no half of a line
                file.truncate(self._size)
            raise
        self._size += len(line)


def read_journal(path: Path) -> Journal:
    """Read and verify a file; :class:`InputError` if it is none or its header cannot be trusted."""
    name = path.name
    try:
        if path.stat().st_size > LARGEST_JOURNAL:
            raise InputError(f"{name} is far too large for the answers of one session.")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{name} cannot be read; check that it is there and may be read.") from error
    intact = data.rfind(b"\n") + 1
    return _Verifier(name).run(data[:intact].splitlines(), intact, len(data) - intact)


def _parse(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _is_sound(record: Record) -> bool:
    """Whether a record has the fields of every record and its own checksum is right."""
    fields = {"n": int, "done": int, "type": str, "previous": str}
    if not all(isinstance(record.get(name), kind) for name, kind in fields.items()):
        return False
    if record["type"] in (ANSWER, SKIP) and not isinstance(record.get("image"), str):
        return False
    try:
        return record.get("sha256") == checksum(record)
    except (ValueError, TypeError):  # NaN
        return False


class _Verifier:
    """Walks the chain. ``lost`` are numbers of records that were changed or are missing since the last sound one."""

    def __init__(self, name: str):
        self._name = name
        self._records: list[Record] = []
        self._problems: list[Problem] = []
        self._last_word: dict[str, Record] = {}
        self._distrusted: dict[str, str] = {}
        self._lost: list[Record | None] = []  # content where there is one

    def run(self, lines: list[bytes], intact: int, torn: int) -> Journal:
        seen: set[bytes] = set()
        for line in lines:
            if line in seen and line.strip():
                self._problem("A line stands in the file twice; it counts once.")
                continue
            seen.add(line)
            self._take(_parse(line))
        self._settle(None)
        if not self._records:
            raise InputError(f"{self._name} is no file of a reading session, or its first line was changed.")
        if torn:
            self._problem("The last line is incomplete, as an interruption leaves it; that answer does not count.")
        return Journal(tuple(self._records), self._last_word, self._distrusted, tuple(self._problems), intact, torn)

    def _take(self, record: Record | None) -> None:
        if not self._records:
            if record is None or not _is_sound(record) or record["n"] != 0 or record.get("type") != SESSION:
                raise InputError(f"{self._name} is no file of a reading session, or its first line was changed.")
            self._records.append(record)
            return
        if record is None or not _is_sound(record):
            self._lost.append(record)
            self._changed(record)
            return
        before = self._records[-1]
        if record["n"] == before["n"] + 1 and record["previous"] == before["sha256"]:
            self._lost.clear()  # the chain is whole: what stands between was put in
            self._keep(record)
            return
        expected = before["n"] + len(self._lost) + 1
        if record["n"] < expected:
            self._problem(f"Record {record['n']} was put in afterwards; it does not count.", record.get("image"))
            self._distrust(record.get("image"), "a record was put in afterwards")
            if record["n"] == before["n"]:  # which of the two is the original cannot be told
                self._distrust(before.get("image"), "two records claim to be the same one")
            return
        missing = record["n"] - expected
        if missing > 0:
            which = f"Record {expected} is" if missing == 1 else f"Records {expected} to {record['n'] - 1} are"
            self._problem(f"{which} missing from the file.")
            self._lost += [None] * missing
        elif not self._lost:  # the link is broken and no number is missing: the record before is not the original
            replaced = before
            if len(self._records) == 1:
                raise InputError(f"The first line of {self._name} was changed; bring back the original file.")
            self._forget(self._records.pop())
            self._lost.append(replaced)
            self._changed(replaced)
        self._settle(record)
        self._keep(record)

    def _keep(self, record: Record) -> None:
        self._records.append(record)
        if record.get("type") in (ANSWER, SKIP) and isinstance(record.get("image"), str):
            self._last_word[record["image"]] = record
            self._distrusted.pop(record["image"], None)

    def _settle(self, following: Record | None) -> None:
        """Distrust what the lost records may have said: their own images, and earlier ones they may have revised."""
        lost, self._lost = self._lost, []
        if not lost:
            return
        for record in lost:
            self._distrust(record.get("image") if record else None, "its record was changed")
        if following is None:
            return
        is_new = following.get("type") in (ANSWER, SKIP) and following.get("revises") is None
        gained = following["done"] - is_new - self._records[-1]["done"]
        if gained != len(lost):
            for image in self._last_word:
                self._distrust(image, "a later answer to it may have been taken out of the file")

    def _forget(self, record: Record) -> None:
        """Take back the last word of a record that turned out to be replaced, with what it had revised."""
        image = record.get("image")
        if isinstance(image, str):
            self._last_word.pop(image, None)

    def _changed(self, record: Record | None) -> None:
        number = record.get("n") if record else None
        image = record.get("image") if record else None
        which = f"Record {number}" if isinstance(number, int) else "A line"
        about = f" (image {image})" if isinstance(image, str) else ""
        self._problem(f"{which}{about} was changed after it was written; it does not count.", image)

    def _distrust(self, image: object, reason: str) -> None:
        if isinstance(image, str):
            self._distrusted[image] = reason

    def _problem(self, sentence: str, image: object = None) -> None:
        self._problems.append(Problem(sentence, image if isinstance(image, str) else None))
