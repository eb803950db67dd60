"""CSV tables that spreadsheet programs open as data only."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

# A cell that begins so is a formula to a spreadsheet program (OWASP "CSV injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def guarded(text: str) -> str:
    """A text cell; one that a spreadsheet would run as a formula gets a leading ``'``."""
    text = text.replace("\0", "")
    return f"'{text}" if text.startswith(_FORMULA) else text


def unguarded(text: str) -> str:
    """What :func:`guarded` was given."""
    return text[1:] if text.startswith(tuple(f"'{sign}" for sign in _FORMULA)) else text


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]], header: bool = True) -> str:
    """Rows as CSV (RFC 4180: commas, CRLF). ``str`` cells are guarded; ``None`` and NaN are empty; floats in full."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    if header:
        writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return buffer.getvalue()


def _cell(value: object) -> str:
    if value is None or value != value:  # NaN
        return ""
    return guarded(value) if isinstance(value, str) else str(value)
