"""Tables that users bring, as CSV."""

from __future__ import annotations

import csv
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..imaging.image import InputError

LARGEST_CSV = 200 * 2**20
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")

Row = dict[str, str]


@dataclass(frozen=True)
class CsvTable:
    """``rows`` are line number and cells by column, all without surrounding blanks; ``sha256`` is that of the file."""

    name: str
    columns: frozenset[str]
    rows: tuple[tuple[int, Row], ...]
    sha256: str


def read_csv(path: str | os.PathLike) -> CsvTable:
    """Read a CSV file in UTF-8; comma, semicolon or tab separate columns, rows without any value are passed over.

    Where semicolons or tabs separate columns, a number may have a decimal comma; it becomes a point.

    Raises :class:`InputError` for a file that is no such table, or that has a column twice.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_CSV:
            raise InputError(f"{path.name} is larger than 200 MB; give a table of one row per image.")
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path.name} cannot be read; check that the file exists and may be read.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not a CSV text file (UTF-8); export the table as CSV.") from error
    if "\0" in text:
        raise InputError(f"{path.name} is not a CSV text file; export the table as CSV.")
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    cell = str.strip if delimiter == "," else _with_point
    try:
        reader = csv.DictReader(text.splitlines(), delimiter=delimiter)
        columns = [name.strip() for name in reader.fieldnames or () if name.strip()]
        lines = [
            (reader.line_num, {k.strip(): cell(v or "") for k, v in row.items() if k is not None}) for row in reader
        ]
    except csv.Error as error:
        raise InputError(f"{path.name} is not a readable CSV table ({error}); export it again.") from error
    if doubled := sorted({name for name in columns if columns.count(name) > 1}):
        raise InputError(f"{path.name} has the column {', '.join(doubled)} twice; remove one.")
    rows = tuple((number, row) for number, row in lines if any(row.values()))
    return CsvTable(path.name, frozenset(columns), rows, hashlib.sha256(data).hexdigest())


def _with_point(text: str) -> str:
    text = text.strip()
    return text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text
