"""Read a cohort from CSV.

Columns: ``subject, view, path, fat_percent`` and optionally ``scanner`` and ``fold``; one row an image or clip, paths
relative to the file. Lines that start with ``#`` are remarks, and ``# reference: MRI-PDFF`` (or ``H-MRS``, ``biopsy``)
says once how the fat percentage was measured. ``# simulated`` says that the images are no patients'.
"""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from .cohort import Cohort, CohortError, CohortImage, CohortProblem, Subject
from .vocabulary import ReferenceKind, View

REQUIRED = ("subject", "view", "path")
LARGEST_CSV = 100 * 2**20
_SIMULATED = re.compile(r"#\s*simulated\b", re.IGNORECASE)
_REFERENCE = re.compile(r"#\s*reference\s*[:=]\s*(.*?)[\s,;]*$", re.IGNORECASE)
# Other ways in which the methods are written
_REFERENCE_NAMES = {
    "mripdff": ReferenceKind.MRI_PDFF,
    "pdff": ReferenceKind.MRI_PDFF,
    "hmrs": ReferenceKind.H_MRS,
    "1hmrs": ReferenceKind.H_MRS,
    "mrs": ReferenceKind.H_MRS,
    "biopsy": ReferenceKind.BIOPSY,
    "histology": ReferenceKind.BIOPSY,
    "notstated": ReferenceKind.NOT_STATED,
}


def parse_reference(text: str) -> ReferenceKind:
    """The reference method that a text names; :class:`CohortError` for another."""
    kind = _REFERENCE_NAMES.get(re.sub(r"[^a-z0-9]", "", text.lower()))
    if kind is None:
        raise CohortError(f"The reference {_short(text)!r} is not known; write MRI-PDFF, H-MRS or biopsy.")
    return kind


@dataclass(frozen=True)
class _Row:
    line: int
    subject: str
    image: CohortImage
    fat_percent: float | None
    scanner: str
    fold: int | None


def read_cohort(path: str | Path, reference: ReferenceKind | None = None) -> Cohort:
    """The cohort in a CSV file.

    ``reference`` is used where the file does not state one; a contradiction is an error. A row in trouble becomes one
    of :attr:`Cohort.problems` and its subject is left out whole, so that no subject is judged by a part of its images;
    :meth:`Cohort.require_labels` makes errors of them. Raises :class:`CohortError` for a file that is no cohort.
    """
    path = Path(path)
    stated, simulated, header, lines = _read_lines(path)
    if stated is not None and reference is not None and stated is not reference:
        raise CohortError(
            f"The cohort states the reference {stated.value}, not {reference.value}; correct one of them."
        )
    rows: list[_Row] = []
    problems: list[CohortProblem] = []
    seen: dict[tuple[str, str], int] = {}
    for number, values in lines:
        cells = {name: cell.strip() for name, cell in zip(header, values, strict=False)}
        try:
            row = _row(number, cells, path.parent)
            known = seen.setdefault((str(row.image.path), row.image.view.value), number)
            if known != number:
                raise CohortError(f"{row.image.source} is in line {known} already; remove one of the rows.")
            rows.append(row)
        except CohortError as error:
            problems.append(CohortProblem(cells.get("subject", ""), number, str(error)))
    subjects, contradictions = _subjects(rows)
    problems += contradictions
    bad = {problem.subject for problem in problems}
    return Cohort(
        subjects=tuple(subject for subject in subjects if subject.name not in bad),
        reference=stated or reference or ReferenceKind.NOT_STATED,
        problems=tuple(sorted(problems, key=lambda problem: problem.line)),
        simulated=simulated,
    )


def _read_lines(path: Path) -> tuple[ReferenceKind | None, bool, list[str], list[tuple[int, list[str]]]]:
    try:
        if path.stat().st_size > LARGEST_CSV:
            raise CohortError("The cohort is larger than 100 MB; give a CSV table of the images.")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise CohortError("The cohort is not a text file in UTF-8; save the table as CSV (UTF-8).") from None
    except OSError:
        raise CohortError("The cohort cannot be read; check the path and your permission.") from None
    stated, simulated, header, lines = None, False, None, []
    first = next((line for line in text.splitlines() if line.strip(' "') and line.lstrip(' "')[:1] != "#"), "")
    delimiter = max(",;\t", key=first.count)  # spreadsheets of many countries write semicolons
    try:
        for number, values in _numbered(text, delimiter):
            if values and values[0].lstrip().startswith("#"):
                remark = delimiter.join(values).strip()
                simulated = simulated or bool(_SIMULATED.match(remark))
                found = _REFERENCE.match(remark)
                if found:
                    stated = parse_reference(found.group(1))
            elif any(value.strip() for value in values):
                if header is None:
                    header = [value.strip().lower() for value in values]
                else:
                    lines.append((number, values))
    except csv.Error as error:
        raise CohortError(f"The cohort is not a CSV table ({error}).") from None
    missing = [name for name in REQUIRED if name not in (header or [])]
    if missing:
        raise CohortError(
            f"The cohort has no column {', '.join(missing)}; its first line must name subject, view, path, fat_percent."
        )
    doubled = {name for name in header if name and header.count(name) > 1}
    if doubled:
        raise CohortError(f"The cohort has the column {', '.join(sorted(doubled))} twice; remove one.")
    if not lines:
        raise CohortError("The cohort has no row below its header.")
    return stated, simulated, header, lines


def _numbered(text: str, delimiter: str):
    """``(line number, cells)`` of every record; a remark is one record whatever quotes it holds."""
    reader = csv.reader(
        (line if not line.startswith("#") else line.replace('"', "'") for line in text.splitlines(keepends=True)),
        delimiter=delimiter,
    )
    before = 0
    for values in reader:
        yield before + 1, values
        before = reader.line_num


def _row(line: int, cells: dict[str, str], folder: Path) -> _Row:
    subject = cells.get("subject", "")
    if not subject:
        raise CohortError("The row names no subject.")
    if any(ord(character) < 32 for character in subject) or len(subject) > 200:
        raise CohortError("The subject's name is too long or has control characters; give a short name.")
    try:
        view = View(cells.get("view", "").lower().replace("_", "-").replace(" ", "-"))
    except ValueError:
        names = ", ".join(v.value for v in View)
        raise CohortError(f"The view {_short(cells.get('view', ''))!r} is not known; it is one of {names}.") from None
    image = _image(view, cells.get("path", ""), folder, line)
    return _Row(line, subject, image, _fat(cells), cells.get("scanner", ""), _fold(cells.get("fold", "")))


def _image(view: View, text: str, folder: Path, line: int) -> CohortImage:
    if not text:
        raise CohortError("The row has no path.")
    file = folder / text
    there = _is_file(file)
    if not there and "\\" in text:  # a table written on Windows
        file = folder / text.replace("\\", "/")
        there = _is_file(file)
    absolute = PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
    source = PureWindowsPath(text).name if absolute else text.replace("\\", "/")
    if not there:
        raise CohortError(f"The file {_short(source)} does not exist; check the path.")
    return CohortImage(view, file, source, line)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, a null character
        return False


def _fat(cells: dict[str, str]) -> float | None:
    text = cells.get("fat_percent", "").removesuffix("%").strip()
    if not text or text.lower() in ("na", "nan", "none", "-"):
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise CohortError(f"The fat_percent {_short(text)!r} is not a number.") from None
    if not (math.isfinite(value) and 0 <= value <= 100):
        raise CohortError(f"The fat_percent {_short(text)} is not between 0 and 100.")
    return value


def _fold(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise CohortError(f"The fold {_short(text)!r} is not a whole number.")
    return int(text)


def _subjects(rows: list[_Row]) -> tuple[list[Subject], list[CohortProblem]]:
    """Rows of one subject put together; what they contradict each other in is a problem."""
    by_name: dict[str, list[_Row]] = {}
    for row in rows:
        by_name.setdefault(row.subject, []).append(row)
    subjects, problems = [], []
    for name, own in by_name.items():
        values: dict[str, object] = {}
        for what, words in (
            ("fat_percent", "has two values of fat_percent"),
            ("scanner", "is on two scanners"),
            ("fold", "is in two folds"),
        ):
            given = [(getattr(row, what), row.line) for row in own if getattr(row, what) not in (None, "")]
            values[what] = given[0][0] if given else None
            for value, line in given[1:]:
                if value != given[0][0]:
                    sentence = f"subject {name} {words}: {given[0][0]} in line {given[0][1]} and {value} here."
                    problems.append(CohortProblem(name, line, sentence))
                    break
        images = tuple(row.image for row in own)
        subjects.append(Subject(name, images, values["fat_percent"], values["scanner"] or "", values["fold"]))
    return subjects, problems


def _short(text: str, most: int = 60) -> str:
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= most else text[: most - 1] + "…"
