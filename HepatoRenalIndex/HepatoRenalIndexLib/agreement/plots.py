"""Scatter and Bland-Altman plots as SVG, drawn without any plotting library."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

import numpy as np

from .comparison import Comparison

WIDTH, HEIGHT = 380, 320
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 30, 44
UNITS = {"liver": "liver brightness (gray levels)", "kidney": "kidney brightness (gray levels)", "hri": "HRI"}
POINT = "#2471a3"


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


def agreement_svg(comparison: Comparison) -> str:
    """Scatter about the line of identity and Bland-Altman plot of two raters, side by side, as one SVG document.

    Gray bands are the confidence intervals of bias and limits of agreement; the dotted line is the regression of the
    differences on the means. Raises ``ValueError`` for more or fewer than two raters.
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
    shown = [getattr(estimate, end) for estimate in _lines(comparison) for end in ("low", "value", "high")]
    shown = [v for v in (*shown, trend[0][1], trend[1][1]) if math.isfinite(v)]
    plot = _Axes(_padded(mean), _padded(np.append(difference, shown)), WIDTH)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {HEIGHT}" width="{2 * WIDTH}" '
        f'height="{HEIGHT}" font-family="sans-serif" font-size="11" role="img">',
        f"<title>{escape(comparison.name)}: {unit}</title>",
        f'<rect width="{2 * WIDTH}" height="{HEIGHT}" fill="white"/>',
        _frame(scatter, unit, comparison.raters[1], comparison.raters[0]),
        _segment(scatter, (both[0], both[0]), (both[1], both[1]), "black"),
        _points(scatter, second, first),
        _frame(plot, "difference over mean", "mean of the two", f"{comparison.raters[0]} minus {comparison.raters[1]}"),
        *(_band(plot, estimate.low, estimate.high) for estimate in _lines(comparison)),
        _points(plot, mean, difference),
        *(
            _segment(plot, (plot.x[0], e.value), (plot.x[1], e.value), "black", "" if i == 0 else "5 3")
            for i, e in enumerate(_lines(comparison))
        ),
        _segment(plot, *trend, "#c0392b", "2 3") if math.isfinite(trend[0][1]) else "",
        "</svg>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _lines(comparison: Comparison) -> tuple:
    return comparison.bias, comparison.loa_low, comparison.loa_high


def _padded(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low) or max(abs(high), 1.0) * 0.05
    return low - margin, high + margin


def _frame(axes: _Axes, title: str, x_label: str, y_label: str) -> str:
    left, right = axes.px(axes.x[0]), axes.px(axes.x[1])
    top, bottom = axes.py(axes.y[1]), axes.py(axes.y[0])
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    label_x = axes.offset + 14
    parts = [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" '
        'fill="none" stroke="#888"/>',
        f'<text x="{middle_x:.1f}" y="{TOP - 10}" text-anchor="middle" font-weight="bold">{escape(title)}</text>',
        f'<text x="{middle_x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>',
        f'<text x="{label_x}" y="{middle_y:.1f}" text-anchor="middle" '
        f'transform="rotate(-90 {label_x} {middle_y:.1f})">{escape(y_label)}</text>',
    ]
    for value in ticks(*axes.x):
        x = axes.px(value)
        parts.append(f'<line x1="{x:.1f}" y1="{bottom:.1f}" x2="{x:.1f}" y2="{bottom + 4:.1f}" stroke="#888"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 15:.1f}" text-anchor="middle">{value:g}</text>')
    for value in ticks(*axes.y):
        y = axes.py(value)
        parts.append(f'<line x1="{left - 4:.1f}" y1="{y:.1f}" x2="{left:.1f}" y2="{y:.1f}" stroke="#888"/>')
        parts.append(f'<text x="{left - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    return "\n".join(parts)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) from ``low`` to ``high``."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    first = math.ceil(low / step)
    return [round(index * step, 10) for index in range(first, math.floor(high / step) + 1)]


def _points(axes: _Axes, x: np.ndarray, y: np.ndarray) -> str:
    dots = "".join(f'<circle cx="{axes.px(a):.1f}" cy="{axes.py(b):.1f}" r="2"/>' for a, b in zip(x, y, strict=True))
    return f'<g fill="{POINT}" fill-opacity="0.55">{dots}</g>'


def _segment(axes: _Axes, start: tuple[float, float], end: tuple[float, float], color: str, dashes: str = "") -> str:
    (x1, y1), (x2, y2) = ((axes.px(x), axes.py(y)) for x, y in (start, end))
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" '
        f'stroke-dasharray="{dashes or "none"}"/>'
    )


def _band(axes: _Axes, low: float, high: float) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    left, right = axes.px(axes.x[0]), axes.px(axes.x[1])
    top, bottom = axes.py(high), axes.py(low)
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" fill="#000" '
        'fill-opacity="0.1"/>'
    )
