"""Small pieces of Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ..statistics.interval import Estimate


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; cells as :func:`cell` prints them."""
    lines = [_line(header), _line(["---"] * len(header))]
    lines += [_line([cell(value) for value in row]) for row in rows]
    return "\n".join(lines) + "\n"


def cell(value: object) -> str:
    """Text of a table cell: floats with three digits, estimates with their interval, a dash for what is not known."""
    if value is None:
        return "-"
    if isinstance(value, Estimate):
        return interval(value)
    if isinstance(value, float):
        return number(value)
    return str(value).replace("|", "/").replace("\n", " ")


def number(value: float, digits: int = 3) -> str:
    """A number with that many decimals; a dash where it is undefined."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def interval(estimate: Estimate | None, digits: int = 3) -> str:
    """``value (low to high)``."""
    if estimate is None or not math.isfinite(estimate.value):
        return "-"
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return number(estimate.value, digits)
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


def percent(share: float) -> str:
    """A share as a whole percentage, with a decimal where it would round to 0 or 100."""
    if not math.isfinite(share):
        return "-"
    rounded = f"{share:.0%}"
    return f"{share:.1%}" if rounded in ("0%", "100%") and share not in (0, 1) else rounded


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
