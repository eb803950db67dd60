"""Scatter and Bland-Altman plot of one comparison, side by side, drawn without any plotting library."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .comparison import Comparison
from .drawing import Dots, Drawing, Line, Rectangle, Shape, Text, drawing_of

WIDTH, HEIGHT = 380, 320  # of one panel
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 30, 44
NOTE = 96  # right of the Bland-Altman panel: the figures at its lines
UNITS = {"liver": "liver brightness (gray levels)", "kidney": "kidney brightness (gray levels)", "hri": "HRI"}
POINT, FRAME, TREND = "#2471a3", "#888888", "#c0392b"


@dataclass(frozen=True)
class _Axes:
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


def agreement_plot(comparison: Comparison) -> Drawing:
    """Scatter about the line of identity and Bland-Altman plot of two raters.

    Gray bands are the confidence intervals of bias and limits of agreement; the dotted red line is the regression of
    the differences on the means. Raises ``ValueError`` for more or fewer than two raters.
    """
    if comparison.bland_altman is None:
        raise ValueError("only the agreement of two raters can be drawn")
    first, second = comparison.ratings.T
    mean, difference = (first + second) / 2, first - second
    unit = UNITS[comparison.quantity]
    both = _padded(comparison.ratings)
    scatter = _Axes(both, both)
    trend = [
        (x, comparison.bland_altman.intercept + comparison.bland_altman.slope.value * x)
        for x in (float(mean.min()), float(mean.max()))
    ]
    lines = (comparison.bias, comparison.loa_low, comparison.loa_high)
    shown = [getattr(estimate, end) for estimate in lines for end in ("low", "value", "high")]
    shown = [v for v in (*shown, 0.0, trend[0][1], trend[1][1]) if math.isfinite(v)]
    plot = _Axes(_padded(mean), _padded(np.append(difference, shown)), WIDTH)
    one, other = comparison.raters
    return drawing_of(
        2 * WIDTH + NOTE,
        HEIGHT,
        f"{comparison.name}: {unit}",
        [
            *_frame(scatter, unit, other, one),
            _line(scatter, (both[0], both[0]), (both[1], both[1])),
            _dots(scatter, second, first),
            *_frame(plot, "difference over mean", "mean of the two", f"{one} minus {other}"),
            *(_band(plot, estimate.low, estimate.high) for estimate in lines),
            _line(plot, (plot.x[0], 0.0), (plot.x[1], 0.0), "#bbbbbb"),
            _dots(plot, mean, difference),
            *(
                _line(plot, (plot.x[0], e.value), (plot.x[1], e.value), dashes=(5, 3) if index else ())
                for index, e in enumerate(lines)
            ),
            _line(plot, *trend, TREND, (2, 3)) if math.isfinite(trend[0][1]) else None,
            *_notes(plot, comparison),
        ],
    )


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) from ``low`` to ``high``."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    first = math.ceil(low / step)
    return [round(index * step, 10) for index in range(first, math.floor(high / step) + 1)]


def _padded(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low) or max(abs(high), 1.0) * 0.05
    return low - margin, high + margin


def _frame(axes: _Axes, title: str, x_label: str, y_label: str) -> list[Shape]:
    left, right = axes.px(axes.x[0]), axes.px(axes.x[1])
    top, bottom = axes.py(axes.y[1]), axes.py(axes.y[0])
    shapes: list[Shape] = [
        Rectangle(left, top, right - left, bottom - top, stroke=FRAME),
        Text((left + right) / 2, TOP - 10, title, bold=True),
        Text((left + right) / 2, HEIGHT - 8, x_label),
        Text(axes.offset + 14, (top + bottom) / 2, y_label, upward=True),
    ]
    for value in ticks(*axes.x):
        x = axes.px(value)
        shapes += [Line(x, bottom, x, bottom + 4, FRAME), Text(x, bottom + 15, f"{value:g}")]
    for value in ticks(*axes.y):
        y = axes.py(value)
        shapes += [Line(left - 4, y, left, y, FRAME), Text(left - 6, y + 4, f"{value:g}", "end")]
    return shapes


def _notes(axes: _Axes, comparison: Comparison) -> list[Shape]:
    """The figures of the three lines beside them, as in the plots of Cha et al. 2021; 26 units apart at least."""
    digits = 3 if comparison.quantity == "hri" else 1
    x = axes.px(axes.x[1]) + 6
    named = (("+1.96 SD", comparison.loa_high), ("mean", comparison.bias), ("-1.96 SD", comparison.loa_low))
    heights = [axes.py(estimate.value) for _, estimate in named]
    middle = heights[1]
    places = (min(heights[0], middle - 26), middle, max(heights[2], middle + 26))
    shapes: list[Shape] = []
    for (name, estimate), y in zip(named, places, strict=True):
        shapes += [Text(x, y - 2, name, "start"), Text(x, y + 10, f"{estimate.value:.{digits}f}", "start", bold=True)]
    return shapes


def _dots(axes: _Axes, x: np.ndarray, y: np.ndarray) -> Dots:
    places = tuple((axes.px(float(a)), axes.py(float(b))) for a, b in zip(x, y, strict=True))
    return Dots(places, 2, POINT, 0.55)


def _line(
    axes: _Axes, start: tuple[float, float], end: tuple[float, float], color: str = "#000000", dashes: tuple = ()
) -> Line:
    (x1, y1), (x2, y2) = ((axes.px(x), axes.py(y)) for x, y in (start, end))
    return Line(x1, y1, x2, y2, color, dashes)


def _band(axes: _Axes, low: float, high: float) -> Rectangle | None:
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    left, right = axes.px(axes.x[0]), axes.px(axes.x[1])
    top, bottom = axes.py(high), axes.py(low)
    return Rectangle(left, top, right - left, bottom - top, fill="#000000", opacity=0.1)
