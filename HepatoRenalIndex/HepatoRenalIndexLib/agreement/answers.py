"""Answers of a reader study: who measured what on which image, from a CSV file."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..imaging.image import InputError
from .csv_input import CsvTable, Row, read_csv

QUANTITIES = ("liver", "kidney", "hri")
ALGORITHM = "algorithm"  # the reader name under which the automatic measurement stands in a table
# A table gives brightness with some decimals; an index further than this from liver / kidney is another one.
HRI_TOLERANCE = 0.01


EXCLUSION_COLUMNS = ("image", "reader", "session", "reason")


@dataclass(frozen=True)
class Exclusion:
    """An answer that was left out. Empty names are not known; ``reason`` goes on after them, without a full stop."""

    reason: str
    image: str = ""
    reader: str = ""
    session: str = ""

    def __str__(self) -> str:
        named = (f"image {self.image}", self.image), (f"reader {self.reader}", self.reader)
        names = [text for text, name in (*named, (f"session {self.session}", self.session)) if name]
        about = ", ".join(names)
        sentence = f"{about[0].upper()}{about[1:]}: {self.reason}" if names else self.reason
        return sentence.removesuffix(".") + "."

    def row(self) -> dict[str, str]:
        """The row of ``excluded.csv``, with ``EXCLUSION_COLUMNS``."""
        return {name: getattr(self, name) for name in EXCLUSION_COLUMNS}


@dataclass(frozen=True)
class Box:
    """An ROI: upper left corner and size, in pixels of the source image.

    Where pixels are not square, in pixel widths: ``y`` and ``height`` are scaled by the pixel's aspect.
    """

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Answer:
    """One reader's measurement of one image in one session.

    ``image`` names the image uniquely; ``patient`` groups images that depend on each other. Brightness in gray levels.
    """

    image: str
    patient: str
    reader: str
    session: str
    liver: float
    kidney: float
    hri: float
    liver_box: Box | None = None
    kidney_box: Box | None = None


@dataclass(frozen=True)
class AnswerTable:
    """Answers, at most one per image, reader and session.

    ``exclusions`` are the answers that were left out, ``remarks`` sentences on what else a report must say of the
    answers (a session that began too soon). ``asked`` maps the images that readers were asked to measure to their
    patients, where that is known: an image that nobody measured is then missing and not unknown.
    """

    answers: tuple[Answer, ...]
    exclusions: tuple[Exclusion, ...] = ()
    remarks: tuple[str, ...] = ()
    asked: Mapping[str, str] = field(default_factory=dict)

    @property
    def excluded(self) -> tuple[str, ...]:
        """What was left out and why, in sentences."""
        return tuple(str(exclusion) for exclusion in self.exclusions)

    @property
    def images(self) -> tuple[str, ...]:
        """Every image that somebody measured or should have, sorted."""
        return tuple(sorted({answer.image for answer in self.answers} | set(self.asked), key=natural_key))

    @property
    def readers(self) -> tuple[str, ...]:
        """All readers but the algorithm, sorted."""
        return tuple(sorted({a.reader for a in self.answers} - {ALGORITHM}, key=natural_key))

    @property
    def has_algorithm(self) -> bool:
        return any(answer.reader == ALGORITHM for answer in self.answers)

    def sessions(self, reader: str) -> tuple[str, ...]:
        """The sessions of one reader, in order."""
        return tuple(sorted({a.session for a in self.answers if a.reader == reader}, key=natural_key))

    def patients(self) -> np.ndarray:
        """Patient of every image, in the order of :attr:`images`."""
        patient_of = {**self.asked, **{answer.image: answer.patient for answer in self.answers}}
        return np.array([patient_of[image] for image in self.images])

    def values(self, reader: str, session: str, quantity: str) -> np.ndarray:
        """One quantity for every image, in the order of :attr:`images`; NaN where there is no answer."""
        found = {a.image: getattr(a, quantity) for a in self.answers if (a.reader, a.session) == (reader, session)}
        return np.array([found.get(image, math.nan) for image in self.images])

    def boxes(self, reader: str, session: str, organ: str) -> list[Box | None]:
        """The ROI in ``"liver"`` or ``"kidney"`` for every image, in the order of :attr:`images`."""
        found = {
            a.image: getattr(a, f"{organ}_box") for a in self.answers if (a.reader, a.session) == (reader, session)
        }
        return [found.get(image) for image in self.images]


def natural_key(text: str) -> tuple:
    """Sort key under which ``p2`` comes before ``p10``."""
    parts: list[str] = [""]
    for character in text:
        if character.isdigit() != parts[-1].isdigit() and parts[-1]:
            parts.append("")
        parts[-1] += character
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)


def table_of(
    answers: Iterable[Answer],
    exclusions: Iterable[Exclusion] = (),
    remarks: Iterable[str] = (),
    asked: Mapping[str, str] | None = None,
) -> AnswerTable:
    """A table without impossible, double or conflicting answers; each one left out is named in ``exclusions``."""
    excluded = list(exclusions)
    kept: dict[tuple[str, str, str], Answer] = {}
    conflicting: set[tuple[str, str, str]] = set()
    patient_of: dict[str, str] = {}
    for answer in answers:
        key = (answer.image, answer.reader, answer.session)
        reason = _impossible(answer)
        if reason is None and patient_of.setdefault(answer.image, answer.patient) != answer.patient:
            reason = "the same image stands under two patients"
        if reason is not None:
            excluded.append(_excluded(answer, reason))
        elif key not in kept:
            kept[key] = answer
        elif kept[key] == answer:
            excluded.append(_excluded(answer, "the same answer was given twice; it counts once"))
        else:
            conflicting.add(key)
    for key in sorted(conflicting, key=lambda k: tuple(natural_key(part) for part in k)):
        excluded.append(_excluded(kept.pop(key), "two different answers; none of them counts"))
    return AnswerTable(tuple(kept.values()), tuple(excluded), tuple(remarks), asked or {})


def read_answers(path: str | os.PathLike) -> AnswerTable:
    """Read a CSV file of answers, one row per image, reader and session.

    Columns: ``reader``; ``image``, or ``patient`` and ``frame``; ``liver_mean`` and ``kidney_mean``; optional ``hri``,
    ``session`` (default 1), ``patient`` (default: every image is a patient), and the ROIs ``liver_x, liver_y,
    kidney_x, kidney_y, roi_px`` (upper left corners and side, pixels). Other columns are ignored. The automatic
    measurement stands under the reader ``algorithm``, in capitals or not. Rows with an empty brightness are missing
    answers. Raises :class:`InputError` for a file that is no such table.
    """
    source = read_csv(path)
    _require_columns(source)
    answers, excluded = [], []
    for line, row in source.rows:
        try:
            answer = _answer(row)
        except ValueError as error:
            if _image(row) and row["reader"]:
                names = (_image(row), row["reader"], row.get("session") or "1")
                excluded.append(Exclusion(f"line {line}: {error}", *names))
            else:
                excluded.append(Exclusion(f"Line {line}: {error}"))
            continue
        if answer is not None:
            answers.append(answer)
    table = table_of(answers, excluded)
    if not table.answers:
        why = f" Left out: {table.excluded[0]}" if table.excluded else ""
        raise InputError(f"{source.name} holds no usable answer; give one row per image, reader and session.{why}")
    return table


def _require_columns(table: CsvTable) -> None:
    missing = sorted({"reader", "liver_mean", "kidney_mean"} - table.columns)
    if "image" not in table.columns and not {"patient", "frame"} <= table.columns:
        missing.append("image (or patient and frame)")
    if missing:
        raise InputError(
            f"{table.name} lacks the column {', '.join(missing)}; name the columns as in the documentation."
        )


def _answer(row: Row) -> Answer | None:
    """The answer of one row, ``None`` for a missing one; ``ValueError`` with a reason for an unreadable one."""
    image = _image(row)
    if not row["reader"] or not image:
        raise ValueError("reader and image must not be empty")
    if not row["liver_mean"] or not row["kidney_mean"]:
        return None
    liver, kidney = _number(row, "liver_mean"), _number(row, "kidney_mean")
    ratio = liver / kidney if kidney else math.nan
    return Answer(
        image=image,
        patient=row.get("patient") or image,
        reader=ALGORITHM if row["reader"].casefold() == ALGORITHM else row["reader"],
        session=row.get("session") or "1",
        liver=liver,
        kidney=kidney,
        hri=_number(row, "hri") if row.get("hri") else ratio,
        liver_box=_box(row, "liver"),
        kidney_box=_box(row, "kidney"),
    )


def _image(row: Row) -> str:
    """The name of the image, empty where the row has none."""
    if "image" in row:
        return row["image"]
    return f"{row['patient']}/{row['frame']}" if row["patient"] and row["frame"] else ""


def _number(row: Row, column: str) -> float:
    try:
        return float(row[column])
    except ValueError:
        raise ValueError(f"{column} is not a number") from None


def _box(row: Row, organ: str) -> Box | None:
    names = (f"{organ}_x", f"{organ}_y", "roi_px")
    if not all(row.get(name) for name in names):
        return None
    x, y, side = (_number(row, name) for name in names)
    if not (math.isfinite(x) and math.isfinite(y) and 0 < side < math.inf):
        raise ValueError(f"the {organ} ROI is impossible")
    return Box(x, y, side, side)


def _impossible(answer: Answer) -> str | None:
    for organ in ("liver", "kidney"):
        if not 0 < getattr(answer, organ) <= 255:
            return f"the {organ} brightness is not above 0 and at most 255"
    expected = answer.liver / answer.kidney
    if not abs(answer.hri - expected) <= HRI_TOLERANCE * expected:
        return "its index is not its liver brightness divided by its kidney brightness"
    return None


def _excluded(answer: Answer, reason: str) -> Exclusion:
    return Exclusion(reason, answer.image, answer.reader, answer.session)
