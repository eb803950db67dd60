"""ROC curves, scatter, Bland-Altman and confusion matrix of a variant, drawn as SVG without a plotting library."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from HepatoRenalIndexLib.agreement.axes import BOTTOM, FRAME, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axes, padded
from HepatoRenalIndexLib.agreement.drawing import Drawing, Line, Rectangle, Shape, Text, drawing_of
from HepatoRenalIndexLib.statistics.agreement import bland_altman
from HepatoRenalIndexLib.statistics.roc import auc_value, roc_curve

COLORS = ("#2471a3", "#c0392b", "#1e8449", "#b9770e", "#7d3c98", "#117a65", "#5d6d7e")


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
        axes.dots(true, estimated),
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
        axes.dots(mean, difference),
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
