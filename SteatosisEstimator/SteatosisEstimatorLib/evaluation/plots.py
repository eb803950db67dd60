"""ROC curves, scatter, Bland-Altman and confusion matrix of a variant, drawn as SVG without a plotting library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from HepatoRenalIndexLib.agreement.drawing import Dots, Drawing, Line, Rectangle, Shape, Text, drawing_of
from HepatoRenalIndexLib.agreement.plots import ticks
from HepatoRenalIndexLib.statistics.agreement import bland_altman
from HepatoRenalIndexLib.statistics.roc import auc_value, roc_curve

WIDTH, HEIGHT = 360, 320  # of one panel
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 30, 46
COLORS = ("#2471a3", "#c0392b", "#1e8449", "#b9770e", "#7d3c98", "#117a65", "#5d6d7e")
FRAME = "#888888"


@dataclass(frozen=True)
class Axes:
    """Data ranges of a panel and the pixels that they map to."""

    x: tuple[float, float]
    y: tuple[float, float]

    def px(self, value: float) -> float:
        return LEFT + (value - self.x[0]) / (self.x[1] - self.x[0]) * (WIDTH - LEFT - RIGHT)

    def py(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.y[0]) / (self.y[1] - self.y[0]) * (HEIGHT - TOP - BOTTOM)

    def line(self, start: tuple[float, float], end: tuple[float, float], color: str = "#000000", dashes=()) -> Line:
        """A straight line between two points of the data."""
        return Line(self.px(start[0]), self.py(start[1]), self.px(end[0]), self.py(end[1]), color, tuple(dashes))

    def dots(self, x: np.ndarray, y: np.ndarray, color: str, radius: float = 2.5) -> Dots:
        """A dot for every pair."""
        places = tuple((self.px(float(a)), self.py(float(b))) for a, b in zip(x, y, strict=True))
        return Dots(places, radius, color, 0.6)

    def frame(self, title: str, x_label: str, y_label: str) -> list[Shape]:
        """Box, ticks and labels."""
        left, right, top, bottom = self.px(self.x[0]), self.px(self.x[1]), self.py(self.y[1]), self.py(self.y[0])
        shapes: list[Shape] = [
            Rectangle(left, top, right - left, bottom - top, stroke=FRAME),
            Text((left + right) / 2, TOP - 10, title, bold=True),
            Text((left + right) / 2, HEIGHT - 8, x_label),
            Text(14, (top + bottom) / 2, y_label, upward=True),
        ]
        for value in ticks(*self.x):
            x = self.px(value)
            shapes += [Line(x, bottom, x, bottom + 4, FRAME), Text(x, bottom + 16, f"{value:g}")]
        for value in ticks(*self.y):
            y = self.py(value)
            shapes += [Line(left - 4, y, left, y, FRAME), Text(left - 6, y + 4, f"{value:g}", "end")]
        return shapes


def roc_plot(title: str, curves: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> Drawing | None:
    """ROC curves of several ``(name, labels, scores)`` in one panel; None where none has both classes."""
    axes = Axes((0.0, 1.0), (0.0, 1.0))
    shapes = [
        *axes.frame(title, "1 - specificity", "sensitivity"),
        axes.line((0, 0), (1, 1), "#bbbbbb", (3, 3)),
    ]
    drawn = 0
    for name, labels, scores in curves:
        if labels.size == 0 or labels.all() or not labels.any():
            continue
        color = COLORS[drawn % len(COLORS)]
        curve = roc_curve(labels, scores)
        points = list(zip(1 - curve.specificity, curve.sensitivity, strict=True))
        shapes += [axes.line(a, b, color) for a, b in pairwise(points)]
        y = HEIGHT - BOTTOM - 10 - 13 * drawn
        shapes.append(Line(LEFT + 108, y - 4, LEFT + 122, y - 4, color))
        shapes.append(Text(LEFT + 126, y, f"{name} {auc_value(labels, scores):.3f}", "start"))
        drawn += 1
    return drawing_of(WIDTH, HEIGHT, title, shapes) if drawn else None


def scatter_plot(name: str, true: np.ndarray, estimated: np.ndarray, unit: str) -> Drawing | None:
    """Estimates over the reference with the line of identity."""
    if true.size < 2:
        return None
    both = padded(np.concatenate([true, estimated]))
    axes = Axes(both, both)
    shapes = [
        *axes.frame(f"{name}, n = {true.size}", f"reference ({unit})", "estimate (%)"),
        axes.line((both[0], both[0]), (both[1], both[1])),
        axes.dots(true, estimated, COLORS[0]),
    ]
    return drawing_of(WIDTH, HEIGHT, f"Estimate over reference, {name}", shapes)


def bland_altman_plot(name: str, true: np.ndarray, estimated: np.ndarray) -> Drawing | None:
    """Estimate minus reference over the mean of both, with bias and limits of agreement."""
    if true.size < 3:
        return None
    found = bland_altman(estimated, true)
    mean, difference = (true + estimated) / 2, estimated - true
    lines = (("+1.96 SD", found.loa_high.value), ("bias", found.bias.value), ("-1.96 SD", found.loa_low.value))
    axes = Axes(padded(mean), padded(np.append(difference, [value for _, value in lines])))
    shapes = [
        *axes.frame(f"{name}: difference over mean", "mean of estimate and reference (%)", "estimate - reference"),
        axes.dots(mean, difference, COLORS[0]),
    ]
    for words, value in lines:
        shapes.append(axes.line((axes.x[0], value), (axes.x[1], value), dashes=() if words == "bias" else (5, 3)))
        shapes.append(Text(WIDTH - RIGHT - 4, axes.py(value) - 3, f"{words} {value:.1f}", "end"))
    return drawing_of(WIDTH, HEIGHT, f"Bland-Altman, {name}", shapes)


def matrix_plot(title: str, names: Sequence[str], matrix: np.ndarray) -> Drawing:
    """Counts, rows true and columns estimated."""
    matrix = np.asarray(matrix, dtype=float)
    side = (WIDTH - LEFT - RIGHT - 30) / len(names)
    height = (HEIGHT - TOP - BOTTOM) / len(names)
    most = max(float(matrix.max()), 1.0)
    shapes: list[Shape] = [
        Text(WIDTH / 2 + 20, TOP - 10, title, bold=True),
        Text(WIDTH / 2 + 20, HEIGHT - 8, "estimated"),
        Text(14, (TOP + HEIGHT - BOTTOM) / 2, "reference", upward=True),
    ]
    for i, name in enumerate(names):
        middle = TOP + (i + 0.5) * height
        shapes.append(Text(LEFT + 22, middle + 4, name, "end"))
        shapes.append(Text(LEFT + 30 + (i + 0.5) * side, HEIGHT - BOTTOM + 16, name))
        for j in range(len(names)):
            x, y = LEFT + 30 + j * side, TOP + i * height
            shapes.append(Rectangle(x, y, side, height, COLORS[0], FRAME, 0.6 * matrix[i, j] / most))
            shapes.append(Text(x + side / 2, y + height / 2 + 4, f"{matrix[i, j]:g}", bold=i == j))
    return drawing_of(WIDTH, HEIGHT, title, shapes)


def padded(values: np.ndarray) -> tuple[float, float]:
    """The range of the finite values with a margin."""
    values = values[np.isfinite(values)]
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low) or max(abs(high), 1.0) * 0.05
    return low - margin, high + margin if math.isfinite(high) else 1.0
