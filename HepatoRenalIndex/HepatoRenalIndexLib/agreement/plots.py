"""Scatter and Bland-Altman plot of one comparison, side by side, drawn without any plotting library."""

from __future__ import annotations

import math

import numpy as np

from .axes import HEIGHT, WIDTH, Axes, padded
from .comparison import Comparison
from .drawing import Drawing, Shape, Text, drawing_of

NOTE = 96  # right of the Bland-Altman panel: the figures at its lines
UNITS = {"liver": "liver brightness (gray levels)", "kidney": "kidney brightness (gray levels)", "hri": "HRI"}
TREND = "#c0392b"


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
    both = padded(comparison.ratings)
    scatter = Axes(both, both)
    trend = [
        (x, comparison.bland_altman.intercept + comparison.bland_altman.slope.value * x)
        for x in (float(mean.min()), float(mean.max()))
    ]
    lines = (comparison.bias, comparison.loa_low, comparison.loa_high)
    shown = [getattr(estimate, end) for estimate in lines for end in ("low", "value", "high")]
    shown = [v for v in (*shown, 0.0, trend[0][1], trend[1][1]) if math.isfinite(v)]
    plot = Axes(padded(mean), padded(np.append(difference, shown)), WIDTH)
    one, other = comparison.raters
    return drawing_of(
        2 * WIDTH + NOTE,
        HEIGHT,
        f"{comparison.name}: {unit}",
        [
            *scatter.frame(unit, other, one),
            scatter.line((both[0], both[0]), (both[1], both[1])),
            scatter.dots(second, first),
            *plot.frame("difference over mean", "mean of the two", f"{one} minus {other}"),
            *(plot.band(estimate.low, estimate.high) for estimate in lines),
            plot.line((plot.x[0], 0.0), (plot.x[1], 0.0), "#bbbbbb"),
            plot.dots(mean, difference),
            *(
                plot.line((plot.x[0], e.value), (plot.x[1], e.value), dashes=(5, 3) if index else ())
                for index, e in enumerate(lines)
            ),
            plot.line(*trend, TREND, (2, 3)) if math.isfinite(trend[0][1]) else None,
            *_notes(plot, comparison),
        ],
    )


def _notes(axes: Axes, comparison: Comparison) -> list[Shape]:
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
