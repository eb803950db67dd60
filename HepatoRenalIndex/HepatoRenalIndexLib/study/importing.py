"""ROI tables from elsewhere: the rows of a CSV file become answers of the study, measured anew on its images.

A mapping says where each value stands. Every entry is a text with columns in braces, ``{column}``, or
``{column:02}`` for a number with leading zeros; what is not in braces is taken as it is.

=============  ===========================================================  =======================================
entry          meaning                                                      default
=============  ===========================================================  =======================================
image          file of the image: path below the images' folder, name,      ``{image}``; ``p{patient:02}_f{frame}``
               name without extension, or the study's own number            for a table without that column
frame          frame of a clip, counted from 0                              ``{frame}`` beside ``{image}``
reader         who measured                                                 ``{reader}``
session        number of the session                                        ``{session}``, or 1
liver_x ...    left and upper edge of the ROIs in pixels: ``liver_x``,      the columns of that name
               ``liver_y``, ``kidney_x``, ``kidney_y``
roi_px         side of the ROIs in pixels                                   ``{roi_px}``
liver_mean     brightness, to be compared with what the image gives;        the columns of that name, where there
kidney_mean    empty where the reader gave no answer                        are any
origin         ``corner`` or ``center``: what the positions name            ``corner``
=============  ===========================================================  =======================================
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..agreement.answers import ALGORITHM
from ..agreement.csv_input import CsvTable, Row, read_csv
from ..files.writing import write_bytes
from ..imaging.image import InputError
from ..measurement.roi import Roi
from .definition import ReaderStudy, StudyImage
from .files import IMPORTED, begin_folder, check_reader, check_session, header, is_algorithm, read_session, session_path
from .journal import ANSWER, END, REFUSED, Record, chained, is_begun, line_of
from .reading import answer_record, measure_rois, reading_from

SAME_BRIGHTNESS = 0.5  # gray levels between the table and the image
POSITIONS = ("liver_x", "liver_y", "kidney_x", "kidney_y")
ENTRIES = ("image", "frame", "reader", "session", *POSITIONS, "roi_px", "liver_mean", "kidney_mean", "origin")
_COLUMN = re.compile(r"\{([^{}:]+)(?::0(\d))?\}")

Progress = Callable[[float, int, str], None]


@dataclass(frozen=True)
class ImportSummary:
    """``answers`` per (reader, session), and a sentence for every row that was refused."""

    answers: dict[tuple[str, int], int]
    refused: tuple[str, ...]


def read_mapping(path: str | os.PathLike) -> dict[str, str]:
    """A mapping from a JSON file: an object of texts with the entries above."""
    path = Path(path)
    try:
        mapping = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path.name} cannot be read; check that the file exists and may be read.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is not a JSON file; see the documentation of the mapping.") from error
    if not isinstance(mapping, dict) or not all(isinstance(value, str) for value in mapping.values()):
        raise InputError(f'{path.name} must be an object of texts, for example {{"reader": "{{observer}}"}}.')
    return mapping


def import_table(
    study: ReaderStudy,
    table: str | os.PathLike,
    mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> ImportSummary:
    """Bring the rows of a CSV file into the study, one file per reader and session.

    ROIs of another size, outside the insonated area, of unknown images, twice or contradicting each other, or whose
    brightness is not that of the image, are refused by name, also in the files. The same table may be brought in
    again. Raises :class:`InputError` for a file that is no such table, or if a reader and session have answers already.
    """
    source = read_csv(table)
    templates = _templates(source, mapping or {})
    found = _Rows(study, templates)
    for line, row in source.rows:
        found.add(line, row)
    if not found.sessions:
        raise InputError(f"{source.name} holds no row with a reader and a session; check the mapping.")
    for reader, session in found.sessions:
        _require_free(study, reader, session, source.sha256)
    found.measure(progress)
    begin_folder(study)
    for (reader, session), contents in found.sessions.items():
        head = header(study, reader, session, IMPORTED, table=source.sha256, mapping=templates)
        write_bytes(session_path(study, reader, session), _lines(head, contents), durable=True)
    answers = {key: sum(c["type"] == ANSWER for c in contents) for key, contents in found.sessions.items()}
    return ImportSummary(answers, tuple(found.refused))


@dataclass
class _Marked:
    """ROIs of a row, and the brightness that the table states."""

    line: int
    rois: tuple[Roi, Roi]
    stated: tuple[float | None, float | None]


class _Rows:
    """The rows by reader and session, first as ROIs, then as contents of records."""

    def __init__(self, study: ReaderStudy, templates: Mapping[str, str]):
        self.sessions: dict[tuple[str, int], list[Record]] = {}
        self.refused: list[str] = []
        self._study = study
        self._templates = templates
        self._index = _image_index(study)
        self._marked: dict[StudyImage, dict[tuple[str, int], list[_Marked]]] = {}

    def add(self, line: int, row: Row) -> None:
        key = self._reader(line, row)
        self.sessions.setdefault(key, [])
        image = None
        try:
            image = self._image(row)
            marked = self._marks(line, row)
        except ValueError as error:
            self._refuse(key, line, image, str(error))
            return
        if marked is not None:
            self._marked.setdefault(image, {}).setdefault(key, []).append(marked)

    def measure(self, progress: Progress | None) -> None:
        """Measure all ROIs, image by image."""
        for done, (image, by_session) in enumerate(self._marked.items()):
            if progress is not None:
                progress(done, len(self._marked), f"image {image.id}")
            try:
                source = self._study.load(image)
            except InputError as error:
                for key, marks in by_session.items():
                    for mark in marks:
                        self._refuse(key, mark.line, image, str(error))
                continue
            for key, marks in by_session.items():
                mark = self._only(key, image, marks)
                if mark is None:
                    continue
                try:
                    measured = measure_rois(source, image, *mark.rois)
                    _compare(mark, measured.liver.mean, measured.kidney.mean)
                except ValueError as error:
                    self._refuse(key, mark.line, image, str(error))
                    continue
                self.sessions[key].append(answer_record(reading_from(image.id, measured), image))

    def _only(self, key: tuple[str, int], image: StudyImage, marks: list[_Marked]) -> _Marked | None:
        """The one answer of a session to an image; ``None`` if there are several that contradict each other."""
        for other in marks[1:]:
            if other.rois != marks[0].rois:
                for mark in marks:
                    self._refuse(key, mark.line, image, "two different answers to one image; none of them counts")
                return None
            self._refuse(key, other.line, image, "the same answer was given twice; it counts once")
        return marks[0]

    def _refuse(self, key: tuple[str, int], line: int, image: StudyImage | None, reason: str) -> None:
        reason = f"line {line} of the table: {reason.removesuffix('.')}"
        self.sessions[key].append({"type": REFUSED, "image": image.id if image else None, "reason": reason})
        about = f" (image {image.id})" if image else ""
        self.refused.append(f"Reader {key[0]}, session {key[1]}{about}, {reason}.")

    def _reader(self, line: int, row: Row) -> tuple[str, int]:
        try:
            reader = _filled(self._templates["reader"], row)
            session = _filled(self._templates["session"], row)
            if not session.isdecimal():
                raise InputError("Sessions are whole numbers; map them (--map session=...).")
            return (ALGORITHM if is_algorithm(reader) else check_reader(reader)), check_session(int(session))
        except ValueError as error:
            raise InputError(f"Line {line} of the table: {error}") from error

    def _image(self, row: Row) -> StudyImage:
        name = _filled(self._templates["image"], row).replace("\\", "/")
        frame = _filled(self._templates["frame"], row) if "frame" in self._templates else ""
        found = self._index.get(name, ())
        if frame:
            if not frame.isdecimal():
                raise ValueError("the frame is not a whole number")
            found = [image for image in found if image is None or image.frame == int(frame)]
        if not any(found):
            raise ValueError("the study holds no such image")
        if len(found) > 1:
            raise ValueError("the name may mean several images; map the path and the frame")
        return found[0]

    def _marks(self, line: int, row: Row) -> _Marked | None:
        """The ROIs of a row, ``None`` where the reader gave no answer."""
        stated = []
        for name in ("liver_mean", "kidney_mean"):
            text = _filled(self._templates[name], row) if name in self._templates else ""
            if name in self._templates and not text:
                return None
            stated.append(_number(name, text) if text else None)
        texts = {name: _filled(self._templates[name], row) for name in (*POSITIONS, "roi_px")}
        if not any(texts[name] for name in POSITIONS):
            return None
        values = {name: _number(name, text) for name, text in texts.items()}
        side = values["roi_px"]
        if side != int(side) or not 1 <= side <= 10_000 or any(abs(values[name]) > 1e6 for name in POSITIONS):
            raise ValueError("the ROI is impossible")
        rois = []
        for organ in ("liver", "kidney"):
            x, y = values[f"{organ}_x"], values[f"{organ}_y"]
            centered = self._templates["origin"] == "center"
            rois.append(
                Roi.centered(x, y, int(side), int(side)) if centered else Roi(round(x), round(y), int(side), int(side))
            )
        return _Marked(line, tuple(rois), tuple(stated))


def _templates(table: CsvTable, mapping: Mapping[str, str]) -> dict[str, str]:
    """The whole mapping: what the user gave, and the defaults for the rest."""
    if unknown := sorted(set(mapping) - set(ENTRIES)):
        raise InputError(f"The mapping knows no entry {', '.join(unknown)}; there are {', '.join(ENTRIES)}.")
    templates = {key: f"{{{key}}}" for key in ("reader", "session", *POSITIONS, "roi_px")}
    if "session" not in table.columns:
        templates["session"] = "1"
    templates["origin"] = "corner"
    templates |= {key: f"{{{key}}}" for key in ("liver_mean", "kidney_mean") if key in table.columns}
    if "image" in table.columns or "image" in mapping:
        templates["image"] = "{image}"
        if "frame" in table.columns and "image" not in mapping:
            templates["frame"] = "{frame}"
    else:
        templates["image"] = "p{patient:02}_f{frame}"
    templates |= mapping
    if templates["origin"] not in ("corner", "center"):
        raise InputError("The entry origin of the mapping is corner or center.")
    wanted = {found.group(1) for template in templates.values() for found in _COLUMN.finditer(template)}
    if missing := sorted(wanted - table.columns):
        raise InputError(
            f"{table.name} lacks the column {', '.join(missing)}; say with a mapping where the values stand."
        )
    return templates


def _filled(template: str, row: Row) -> str:
    def value(found: re.Match[str]) -> str:
        text = row.get(found.group(1), "")
        return text.zfill(int(found.group(2))) if found.group(2) else text

    return _COLUMN.sub(value, template).strip()


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name} is not a number") from None
    if value != value or abs(value) == float("inf"):
        raise ValueError(f"{name} is not a number")
    return value


def _compare(mark: _Marked, *measured: float) -> None:
    for organ, stated, value in zip(("liver", "kidney"), mark.stated, measured, strict=True):
        if stated is not None and not abs(stated - value) <= SAME_BRIGHTNESS:
            raise ValueError(f"the table states a {organ} brightness of {stated:g}, the image has {value:.2f} there")


def _image_index(study: ReaderStudy) -> dict[str, list[StudyImage | None]]:
    """All names under which a table may know an image; ``None`` is a file that was not taken into the study."""
    index: dict[str, list[StudyImage | None]] = {}
    for image in study.images:
        for name in _names(image.path) | {image.id}:
            index.setdefault(name, []).append(image)
    taken = [f"/{image.path}" for image in study.images]
    for path in {refusal.path for refusal in study.refused}:
        if not any(other.endswith(f"/{path}") for other in taken):  # not a clip of which one frame was refused
            for name in _names(path):
                index.setdefault(name, []).append(None)
    return index


def _names(path: str) -> set[str]:
    """A path, and what a table may give in its place: without folders, without extension."""
    pure = PurePosixPath(path)
    return {path, pure.name, pure.stem, pure.with_suffix("").as_posix()}


def _require_free(study: ReaderStudy, reader: str, session: int, digest: str) -> None:
    path = session_path(study, reader, session)
    if is_begun(path) and read_session(study, path).journal.header.get("table") != digest:
        raise InputError(
            f"Reader {reader} has answers in session {session} already; give the readers or sessions of the table "
            "other names (--map)."
        )


def _lines(head: Record, contents: list[Record]) -> bytes:
    """A whole file: header, answers in the order of the images, refused rows, end."""
    order = sorted(contents, key=lambda c: (c["type"] == REFUSED, c["image"] or ""))
    records = [chained(None, head, 0)]
    done = 0
    for content in order:
        done += content["type"] == ANSWER
        more = {"revises": None} if content["type"] == ANSWER else {}
        records.append(chained(records[-1], {**content, **more}, done))
    records.append(chained(records[-1], {"type": END}, done))
    return b"".join(line_of(record) for record in records)
