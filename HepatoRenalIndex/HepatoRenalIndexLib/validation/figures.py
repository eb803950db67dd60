"""Figures of the validation report: PNG, the same bytes for the same results."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..agreement.comparison import Comparison
from ..files.writing import write_bytes
from ..measurement.organs import OrganMasks
from ..measurement.roi import Roi
from .cohort import Cohort, CohortFrame
from .hri import BiopsyAccuracy, PlacementReport
from .phantoms import PhantomSummary
from .segmentation import OrganOverlap

LIVER, KIDNEY, READER = "#ffd746", "#50dcff", "#ff5fa2"
FATTY, NORMAL = "#c0392b", "#2471a3"
MARGIN = 30  # pixels around the organs in pictures of a frame


def new_figure(columns: float, rows: float):
    """An empty figure of that size in inches, drawn without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(columns, rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure, path: Path) -> None:
    """PNG without date or software tag."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    write_bytes(path, buffer.getvalue())


def draw_worst(overlaps: Sequence[OrganOverlap], masks: dict[CohortFrame, OrganMasks], path: Path) -> None:
    """Frames side by side: predicted outlines solid, human ones dashed."""
    figure, panels = _panels(len(overlaps))
    for axes, row in zip(panels, overlaps, strict=True):
        predicted = masks[row.frame]
        human = row.frame.outlined_organs(predicted.liver.shape)
        show_frame(axes, row.frame.image().pixels, predicted, human)
        organ = row.organ.replace("_", " ")
        axes.set_title(f"{row.frame.name}: {organ} Jaccard {row.jaccard:.2f}", fontsize=9)
    save_figure(figure, path)


def draw_disagreements(
    rows: Sequence[tuple[CohortFrame, str, Sequence[tuple[Roi, str]]]], masks: dict[CohortFrame, OrganMasks], path: Path
) -> None:
    """Frames with ROIs: ``rows`` are (frame, title, (ROI, color) ...)."""
    figure, panels = _panels(len(rows))
    for axes, (frame, title, rois) in zip(panels, rows, strict=True):
        show_frame(axes, frame.image().pixels, masks.get(frame), None, [roi for roi, _ in rois])
        for roi, color in rois:
            _rectangle(axes, roi, color)
        axes.set_title(title, fontsize=8)
    save_figure(figure, path)


def show_frame(
    axes, pixels: np.ndarray, masks: OrganMasks | None, human: OrganMasks | None, rois: Sequence[Roi] = ()
) -> None:
    """The part of a frame around its organs and ROIs with their outlines; what is written beside the scan stays out."""
    shown = np.zeros(pixels.shape, bool)
    for organs, style in ((masks, "-"), (human, "--")):
        for mask, color in ((organs.liver, LIVER), (organs.right_kidney, KIDNEY)) if organs else ():
            shown |= mask
            if mask.any():
                axes.contour(mask, levels=[0.5], colors=[color], linewidths=1.0, linestyles=style)
    for roi in rois:
        shown[roi.slices] = True
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    axes.axis("off")
    if shown.any():
        rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
        axes.set_xlim(columns[0] - MARGIN, columns[-1] + MARGIN)
        axes.set_ylim(rows[-1] + MARGIN, rows[0] - MARGIN)


def draw_agreement(comparison: Comparison, cohort: Cohort, path: Path) -> None:
    """Scatter with the line of identity, and the Bland-Altman plot, one color per class by biopsy."""
    figure = new_figure(9.5, 4.2)
    scatter, plot = figure.subplots(1, 2)
    first, second = comparison.ratings.T
    fatty = np.array([cohort.patients[int(patient)].fatty for patient in comparison.patients])
    for mask, color, label in ((~fatty, NORMAL, "normal"), (fatty, FATTY, "fatty")):
        scatter.plot(second[mask], first[mask], ".", color=color, label=label, markersize=4)
        plot.plot((first + second)[mask] / 2, (first - second)[mask], ".", color=color, markersize=4)
    low, high = min(first.min(), second.min()), max(first.max(), second.max())
    scatter.plot([low, high], [low, high], "k-", linewidth=0.8)
    scatter.set(xlabel=f"{comparison.raters[1]}", ylabel=f"{comparison.raters[0]}", title=f"{comparison.quantity}")
    scatter.legend(frameon=False)
    for estimate, style in ((comparison.bias, "-"), (comparison.loa_low, "--"), (comparison.loa_high, "--")):
        plot.axhspan(estimate.low, estimate.high, color="0.85")
        plot.axhline(estimate.value, color="k", linestyle=style, linewidth=0.8)
    plot.set(xlabel="mean", ylabel="difference", title=f"{comparison.raters[0]} minus {comparison.raters[1]}")
    save_figure(figure, path)


def draw_biopsy(
    accuracies: Sequence[tuple[str, BiopsyAccuracy]], values: dict[int, float], cohort: Cohort, path: Path
) -> None:
    """ROC curves, and the index of every patient over the percentage of fat."""
    figure = new_figure(9.5, 4.2)
    roc, scatter = figure.subplots(1, 2)
    for label, accuracy in accuracies:
        curve = accuracy.curve
        roc.step(1 - curve.specificity, curve.sensitivity, where="post", label=f"{label}: {accuracy.auc.value:.3f}")
    roc.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    roc.set(xlabel="1 - specificity", ylabel="sensitivity", title="fatty against normal by biopsy")
    roc.legend(frameon=False, fontsize=8, loc="lower right")
    numbers = [n for n in sorted(cohort.patients) if np.isfinite(values.get(n, np.nan))]
    colors = [FATTY if cohort.patients[n].fatty else NORMAL for n in numbers]
    scatter.scatter([cohort.patients[n].fat_percent for n in numbers], [values[n] for n in numbers], c=colors, s=14)
    scatter.set(xlabel="hepatocytes with fat, biopsy (%)", ylabel="HRI, median of the patient's frames")
    save_figure(figure, path)


def draw_placements(reports: Sequence[PlacementReport], path: Path) -> None:
    """ICC, AUC and Spearman of every placement with their intervals."""
    figure = new_figure(9.5, 1.6 + 0.45 * len(reports))
    panels = figure.subplots(1, 3, sharey=True)
    for axes, title in zip(panels, ("ICC(2,1) with the readers' mean", "AUC, per patient", "Spearman"), strict=True):
        axes.set_title(title, fontsize=9)
        axes.grid(axis="x", color="0.9")
    for position, report in enumerate(reports):
        comparison = report.against_mean("hri")
        biopsy = report.biopsy[0] if report.biopsy else None
        estimates = (
            comparison.icc if comparison else None,
            biopsy.auc if biopsy else None,
            biopsy.spearman if biopsy else None,
        )
        for axes, estimate in zip(panels, estimates, strict=True):
            if estimate is not None:
                axes.plot([estimate.low, estimate.high], [position] * 2, color="0.4")
                axes.plot(estimate.value, position, "o", color=FATTY)
    panels[0].set_yticks(range(len(reports)), [report.name for report in reports])
    panels[0].set_ylim(len(reports) - 0.5, -0.5)
    save_figure(figure, path)


def draw_phantoms(summaries: Sequence[PhantomSummary], masks: str, path: Path) -> None:
    """Bias and SD against the noise-free truth at the ROIs, one panel per series."""
    chosen = [summary for summary in summaries if summary.masks == masks]
    series = list(dict.fromkeys(summary.series for summary in chosen))
    figure = new_figure(3.1 * len(series), 3.2)
    for axes, name in zip(figure.subplots(1, len(series), sharey=True, squeeze=False)[0], series, strict=True):
        rows = [summary for summary in chosen if summary.series == name]
        for offset, label, color in ((-0.1, "roi", NORMAL), (0.1, "true", FATTY)):
            bias = [getattr(row, f"{label}_bias") for row in rows]
            spread = [np.nan_to_num(getattr(row, f"{label}_sd")) for row in rows]
            axes.errorbar(np.arange(len(rows)) + offset, bias, spread, fmt="o", color=color, markersize=4, capsize=2)
        axes.axhline(0, color="k", linewidth=0.6)
        axes.set_xticks(range(len(rows)), [row.level for row in rows])
        axes.set_title(name, fontsize=9)
    figure.axes[0].set_ylabel("measured minus truth (blue: at the ROIs, red: of the frame)", fontsize=7)
    save_figure(figure, path)


def _panels(count: int):
    """A figure with ``count`` panels, three in a row."""
    columns = min(3, count)
    lines = -(-count // columns)
    figure = new_figure(3.8 * columns, 3.4 * lines)
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes in grid[count:]:
        axes.axis("off")
    return figure, grid[:count]


def _rectangle(axes, roi: Roi, color: str) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle((roi.left - 0.5, roi.top - 0.5), roi.width, roi.height, fill=False, color=color, linewidth=1.2)
    )
