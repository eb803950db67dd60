"""The panel of a plot: data ranges, the pixels that they map to, frame, ticks and labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .drawing import Dots, Line, Rectangle, Shape, Text

WIDTH, HEIGHT = 380, 320  # of one panel
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 30, 44
POINT, FRAME = "#2471a3", "#888888"


@dataclass(frozen=True)
class Axes:
    """Data ranges of a panel and the pixels they map to; ``offset`` moves the panel to the right."""

    x: tuple[float, float]
    y: tuple[float, float]
    offset: int = 0

    def px(self, value: float) -> float:
        share = (value - self.x[0]) / (self.x[1] - self.x[0])
        return self.offset + LEFT + share * (WIDTH - LEFT - RIGHT)

    def py(self, value: float) -> float:
        share = (value - self.y[0]) / (self.y[1] - self.y[0])
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def frame(self, title: str, x_label: str, y_label: str) -> list[Shape]:
        """The box of the panel with ticks and labels."""
        left, right = self.px(self.x[0]), self.px(self.x[1])
        top, bottom = self.py(self.y[1]), self.py(self.y[0])
        shapes: list[Shape] = [
            Rectangle(left, top, right - left, bottom - top, stroke=FRAME),
            Text((left + right) / 2, TOP - 10, title, bold=True),
            Text((left + right) / 2, HEIGHT - 8, x_label),
            Text(self.offset + 14, (top + bottom) / 2, y_label, upward=True),
        ]
        for value in ticks(*self.x):
            x = self.px(value)
            shapes += [Line(x, bottom, x, bottom + 4, FRAME), Text(x, bottom + 15, f"{value:g}")]
        for value in ticks(*self.y):
            y = self.py(value)
            shapes += [Line(left - 4, y, left, y, FRAME), Text(left - 6, y + 4, f"{value:g}", "end")]
        return shapes

    def line(
        self, start: tuple[float, float], end: tuple[float, float], color: str = "#000000", dashes: tuple = ()
    ) -> Line:
        """A straight line between two points of the data."""
        (x1, y1), (x2, y2) = ((self.px(x), self.py(y)) for x, y in (start, end))
        return Line(x1, y1, x2, y2, color, dashes)

    def dots(self, x: np.ndarray, y: np.ndarray) -> Dots:
        """A dot for every pair of values."""
        places = tuple((self.px(float(a)), self.py(float(b))) for a, b in zip(x, y, strict=True))
        return Dots(places, 2, POINT, 0.55)

    def band(self, low: float, high: float) -> Rectangle | None:
        """A gray band over the whole width; None where a limit is not finite."""
        if not (math.isfinite(low) and math.isfinite(high)):
            return None
        left, right = self.px(self.x[0]), self.px(self.x[1])
        top, bottom = self.py(high), self.py(low)
        return Rectangle(left, top, right - left, bottom - top, fill="#000000", opacity=0.1)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) from ``low`` to ``high``."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    first = math.ceil(low / step)
    return [round(index * step, 10) for index in range(first, math.floor(high / step) + 1)]


def padded(values: np.ndarray) -> tuple[float, float]:
    """The range of the values with a margin of 5 percent on either side."""
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low) or max(abs(high), 1.0) * 0.05
    return low - margin, high + margin
