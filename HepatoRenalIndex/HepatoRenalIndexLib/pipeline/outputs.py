"""The files of a run: ``measurements.csv``, and a folder for each case. Nothing is ever half-written."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from .. import __version__
from ..files.csv_table import guarded, unguarded
from ..files.writing import write_bytes
from ..imaging.image import InputError
from ..measurement.columns import COLUMNS
from ..measurement.result import FrameResult

MEASUREMENTS_NAME = "measurements.csv"
PARTIAL_NAME = "measurements.partial.csv"
COLUMN_NAMES = [column.name for column in COLUMNS]
LONGEST_CASE_NAME = 80
# Names that Windows gives to devices, whatever their extension.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)

Row = dict[str, str]


def result_row(result: FrameResult) -> Row:
    """The row of a frame that was read."""
    return {column.name: column.text(result) for column in COLUMNS}


def error_row(source: str, message: str, frame: int | None = None) -> Row:
    """The row of a file or frame that could not be read; ``frame`` is empty where no frame could be told apart."""
    known = {"source": source, "frame": "" if frame is None else str(frame), "status": "error", "message": message}
    return {name: known.get(name, "") for name in COLUMN_NAMES} | {"version": __version__}


def csv_text(rows: Iterable[Row], header: bool = True) -> str:
    """Rows as CSV; numbers may begin with a minus sign, text that a spreadsheet would run gets a leading ``'``."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    if header:
        writer.writerow(COLUMN_NAMES)
    for row in rows:
        writer.writerow([guarded(row[column.name]) if column.kind is str else row[column.name] for column in COLUMNS])
    return buffer.getvalue()


def read_rows(path: Path) -> list[Row]:
    """The rows of a file that this module wrote; a last row that was cut off is left out."""
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    text = text[: text.rfind("\r\n") + 2] if "\r\n" in text else ""
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if rows.fieldnames != COLUMN_NAMES:
        return []
    whole = (row for row in rows if None not in row and None not in row.values())
    return [{name: unguarded(text) for name, text in row.items()} for row in whole]


class MeasurementsFile:
    """``measurements.csv`` of a run in the making.

    Rows go at once to ``measurements.partial.csv``, the rows of one source together, so that they outlive the process
    whatever happens to it; :meth:`finish` gives the file its name.
    """

    def __init__(self, folder: Path):
        self._partial = folder / PARTIAL_NAME
        self._final = folder / MEASUREMENTS_NAME
        self._file = self._partial.open("w", encoding="utf-8", newline="")
        self._write(csv_text([]))

    def add(self, rows: Sequence[Row]) -> None:
        self._write(csv_text(rows, header=False))

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()

    def finish(self) -> Path:
        """Close the file under its final name, in place of that of an earlier run."""
        self._file.close()
        self._partial.replace(self._final)
        return self._final

    def interrupt(self) -> Path:
        """Leave the rows so far under the final name, and the partial file for a later run to go on from."""
        self._file.close()
        write_bytes(self._final, self._partial.read_bytes())
        return self._final


def write_png(path: Path, array: np.ndarray) -> None:
    """Write uint8 ``(rows, columns)`` or ``(rows, columns, 3)`` as a PNG without any metadata."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG")
    write_bytes(path, buffer.getvalue())


def prepare_folder(folder: Path) -> None:
    """Make the output folder, or raise :class:`InputError` with a sentence."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"The output {folder.name} is a file; give the name of a folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"The output folder {folder.name} cannot be written ({error.strerror}); choose another one."
        ) from error


def case_names(sources: Sequence[str], occupied: Iterable[str] = ()) -> list[str]:
    """A folder name for each source: its stem, safe for every file system and unique also where case is ignored.

    ``occupied`` are names of files in the output folder, which may hold the input too.
    """
    taken = {name.casefold() for name in (MEASUREMENTS_NAME, PARTIAL_NAME, *occupied)}
    names = []
    for source in sources:
        stem = _safe(_stem(PurePosixPath(source).name))
        name, count = stem, 1
        while name.casefold() in taken:
            count += 1
            name = f"{stem}_{count}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _stem(name: str) -> str:
    """The name without its extension. The last number of a UID (``1.2.840.113``) is no extension."""
    stem, dot, extension = name.rpartition(".")
    return stem if dot and stem and not extension.isdigit() else name


def _safe(stem: str) -> str:
    name = re.sub(r"[^\w.-]+", "_", stem)[:LONGEST_CASE_NAME].strip("._ ")
    return f"{name}_" if _RESERVED.fullmatch(name) else name or "case"
