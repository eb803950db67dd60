"""Comparisons as Tables 2 and 3 of the published reader study: Cha et al., Ultrasonography 2021;40:565."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..statistics.interval import Estimate
from .answers import ALGORITHM, QUANTITIES, AnswerTable
from .comparison import Comparison

ROW_NAMES = {"liver": "Liver", "kidney": "Right kidney", "hri": "HRI"}
DIGITS = {"liver": 2, "kidney": 2, "hri": 3}
MISSING = "\N{EN DASH}"
_WITHIN, _BETWEEN, _ALGORITHM = "within reader ", "between readers ", f"{ALGORITHM} against "


@dataclass(frozen=True)
class GroupedTable:
    """A table with column headings in groups. ``groups`` are ``(heading, headings of its columns)``.

    ``rows`` start with the row's name; ``notes`` stand below the table.
    """

    title: str
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """One heading per column, as a CSV file needs them."""
        return ("", *(f"{group}: {name}" for group, names in self.groups for name in names))


def within_table(comparisons: Sequence[Comparison]) -> GroupedTable | None:
    """Agreement within each reader between sessions, as in Table 2; None where nobody has two sessions."""
    chosen = by_name(c for c in comparisons if c.name.startswith(_WITHIN))
    if not chosen:
        return None
    groups, cells = [], {quantity: [] for quantity in QUANTITIES}
    for name, found in chosen.items():
        any_one = next(iter(found.values()))
        heading = "R" + name.removeprefix("within r").partition(", sessions")[0]
        groups.append((f"{heading} (n = {len(any_one.images)})", (*any_one.raters, "ICC (95% CI)")))
        for quantity in QUANTITIES:
            c = found.get(quantity)
            cells[quantity] += [MISSING] * 3 if c is None else [*_spreads(c), coefficient(c)]
    return GroupedTable(
        "Agreement within readers",
        tuple(groups),
        _rows(cells),
        ("Values of the sessions are mean ± SD over the images that the reader measured in both.", *_notes()),
    )


def between_table(comparisons: Sequence[Comparison]) -> GroupedTable | None:
    """Agreement between readers by session, and of the algorithm with their mean, as in Table 3; None without both."""
    between = by_name(c for c in comparisons if c.name.startswith(_BETWEEN))
    algorithm = by_name(c for c in comparisons if c.name.startswith(_ALGORITHM))
    if not (between or algorithm):
        return None
    groups, cells = [], {quantity: [] for quantity in QUANTITIES}
    if between:
        headings = []
        for name, found in between.items():
            readers, _, session = name.removeprefix(_BETWEEN).rpartition(", session ")
            headings.append(f"Session {session}, readers {readers} (n = {_count(found)}): ICC (95% CI)")
            _append(cells, found)
        groups.append(("Between readers", tuple(headings)))
    notes = list(_notes())
    if algorithm:
        name, found = next(iter(algorithm.items()))
        heading = "Algorithm against " + name.removeprefix(_ALGORITHM)
        groups.append(("Between readers and algorithm", (f"{heading} (n = {_count(found)}): ICC (95% CI)",)))
        _append(cells, found)
        if "mean of readers" in name:
            notes.append(
                "The mean of several readers varies less by chance than one reader, so that coefficients against it "
                "are higher than those between two readers."
            )
            if any("against mean of the other readers" in c.name for c in comparisons):
                notes[-1] += " Their fair counterpart is each reader against the mean of the others (below)."
    return GroupedTable("Agreement between readers, and of the algorithm with them", tuple(groups), _rows(cells),
                        tuple(notes))  # fmt: skip


def answer_counts(table: AnswerTable) -> tuple[tuple[str, str, int, int, str, str, str], ...]:
    """Reader, session, images answered, images missing, and mean ± SD of each quantity."""
    rows = []
    readers = [*table.readers, *([ALGORITHM] if table.has_algorithm else [])]
    for reader in readers:
        for session in table.sessions(reader):
            values = {q: table.values(reader, session, q) for q in QUANTITIES}
            given = int(np.isfinite(values["hri"]).sum())
            spreads = (_spread(values[q][np.isfinite(values[q])], DIGITS[q]) for q in QUANTITIES)
            rows.append((reader, session, given, len(table.images) - given, *spreads))
    return tuple(rows)


def coefficient(comparison: Comparison) -> str:
    """``0.701 (0.638 to 0.755), moderate``; a dash where it is undefined."""
    icc: Estimate = comparison.icc
    if not np.isfinite(icc.value):
        return MISSING
    # a minus sign, for a hyphen at the start of a cell looks like a formula to a spreadsheet
    return f"{icc}, {comparison.word}".replace("-", "\N{MINUS SIGN}")


def _notes() -> tuple[str, ...]:
    return ("HRI, hepatorenal index; ICC, intraclass correlation coefficient; CI, confidence interval.",)


def by_name(comparisons: Iterable[Comparison]) -> dict[str, dict[str, Comparison]]:
    """Comparison name -> quantity -> comparison, in their order."""
    found: dict[str, dict[str, Comparison]] = {}
    for comparison in comparisons:
        found.setdefault(comparison.name, {})[comparison.quantity] = comparison
    return found


def _append(cells: dict[str, list[str]], found: dict[str, Comparison]) -> None:
    for quantity in QUANTITIES:
        cells[quantity].append(coefficient(found[quantity]) if quantity in found else MISSING)


def _rows(cells: dict[str, list[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple((ROW_NAMES[quantity], *cells[quantity]) for quantity in QUANTITIES)


def _count(found: dict[str, Comparison]) -> int:
    return len(next(iter(found.values())).images)


def _spreads(comparison: Comparison) -> list[str]:
    return [_spread(column, DIGITS[comparison.quantity]) for column in comparison.ratings.T]


def _spread(values: np.ndarray, digits: int) -> str:
    if values.size < 2:
        return MISSING
    return f"{values.mean():.{digits}f} ± {values.std(ddof=1):.{digits}f}"
