"""The tables of the papers, and the same figures of this run beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .metrics import MetricRow, find


@dataclass(frozen=True)
class PublishedFigure:
    """A figure of a paper: its table, row and column; ``metric`` of ``variant`` is the same figure here.

    ``spread`` is the SD that the paper gives beside it; ``value`` is ``None`` where only a drawing shows it.
    """

    table: str
    row: str
    column: str
    variant: str
    metric: str
    value: float | None
    spread: float | None = None


@dataclass(frozen=True)
class TableRow:
    """A published figure with the one of this run; ``found`` is ``None`` where the variant was not run."""

    published: PublishedFigure
    found: MetricRow | None


@dataclass(frozen=True)
class Protocol:
    """How the paper of a recipe reports. ``bootstrap``: means and SDs over bootstrap samples (Byra et al. 2021)."""

    figures: tuple[PublishedFigure, ...]
    bootstrap: bool = False
    cutoffs: str = ""  # name of the grade cut-offs of the paper; those of the reference otherwise


def _vgg19() -> tuple[PublishedFigure, ...]:
    table = "Kim et al. 2021, Figures 3, 4 and 7"
    rows = {
        "combined": "liver and kidney-liver, no fine-tuning, augmentation",
        "liver": "liver",
        "kidney-liver": "kidney-liver",
        "combined-finetuned": "liver and kidney-liver, fine-tuning",
        "combined-no-augmentation": "liver and kidney-liver, no augmentation",
    }
    known = {"accuracy_5": 0.801, "precision_5": 0.862, "specificity_5": 0.805, "auc_5": 0.87, "r2": 0.633}
    columns = {
        "accuracy_5": "accuracy",
        "precision_5": "precision",
        "sensitivity_5": "recall",
        "specificity_5": "specificity",
        "f1_5": "F1 score",
        "auc_5": "AUC",
        "r2": "R2 (published: of one fold)",
    }
    return tuple(
        PublishedFigure(table, words, column, variant, metric, known.get(metric) if variant == "combined" else None)
        for variant, words in rows.items()
        for metric, column in columns.items()
    )


_VIEWS = {
    "hepatic-veins": "Hepatic veins",
    "right-portal-vein": "Right portal vein",
    "right-posterior-portal-vein": "Right posterior portal vein",
    "liver-kidney": "Liver/kidney",
    "multi-view": "Averaged multiview model",
}
# AUC, accuracy, sensitivity, specificity, each mean and SD, in the order of _VIEWS
_TABLE_1 = (
    (0.85, 0.03, 0.80, 0.04, 0.80, 0.05, 0.82, 0.06),
    (0.83, 0.04, 0.68, 0.09, 0.66, 0.11, 0.82, 0.09),
    (0.90, 0.03, 0.81, 0.03, 0.79, 0.04, 0.94, 0.05),
    (0.76, 0.04, 0.81, 0.06, 0.83, 0.07, 0.65, 0.08),
    (0.91, 0.03, 0.81, 0.04, 0.80, 0.05, 0.88, 0.05),
)
_TABLE_2 = (
    (0.83, 0.03, 0.79, 0.03, 0.81, 0.05, 0.76, 0.05),
    (0.77, 0.03, 0.75, 0.03, 0.70, 0.04, 0.82, 0.05),
    (0.79, 0.03, 0.73, 0.03, 0.73, 0.05, 0.75, 0.05),
    (0.77, 0.03, 0.72, 0.03, 0.69, 0.05, 0.76, 0.05),
    (0.86, 0.03, 0.85, 0.02, 0.83, 0.03, 0.88, 0.04),
)
_TABLE_3 = ((0.75, 0.72), (0.54, 0.51), (0.78, 0.77), (0.58, 0.61), (0.81, 0.78))


def _resnet50() -> tuple[PublishedFigure, ...]:
    figures = []
    for number, threshold, values in ((1, 5, _TABLE_1), (2, 10, _TABLE_2)):
        table = f"Byra et al. 2021, Table {number}: fat fraction at least {threshold}%"
        for (variant, words), row in zip(_VIEWS.items(), values, strict=True):
            for i, name in enumerate(("auc", "accuracy", "sensitivity", "specificity")):
                column = "AUC" if name == "auc" else name
                metric = f"{name}_{threshold}_bootstrap"
                figures.append(PublishedFigure(table, words, column, variant, metric, row[2 * i], row[2 * i + 1]))
    table = "Byra et al. 2021, Table 3: quantification"
    for (variant, words), (spearman, pearson) in zip(_VIEWS.items(), _TABLE_3, strict=True):
        figures.append(PublishedFigure(table, words, "Spearman", variant, "spearman", spearman))
        figures.append(PublishedFigure(table, words, "Pearson", variant, "pearson", pearson))
    return tuple(figures)


def _cnn5() -> tuple[PublishedFigure, ...]:
    losses = {"ar": (1.3274, 3.0840, 2.2256, 2.6277), "hr": (3.5108, 2.9160, 3.1472, 2.1721)}
    table = "Colantonio et al. 2021, Table 2: validation loss"
    figures = [
        PublishedFigure(table, f"{branch.upper()} CNN", f"set {i}", branch, f"validation_loss_{branch}_set{i}", value)
        for branch, values in losses.items()
        for i, value in enumerate(values, 1)
    ]
    table = "Colantonio et al. 2021, Table 3: frames of the test subjects"
    names = {"ar": "AR CNN", "hr": "HR CNN", "ar-hr": "AR & HR CNN"}
    published = {"ar": (1.1127, 0.7701), "hr": (1.4476, 1.1757), "ar-hr": (1.3197, 1.1068)}
    for variant, (rmse, spread) in published.items():
        figures.append(PublishedFigure(table, names[variant], "RMSE", variant, "frame_rmse", rmse))
        for column, metric in (("signed", "frame_error_sd"), ("absolute", "frame_absolute_error_sd")):
            words = f"error SD ({column} errors)"
            figures.append(PublishedFigure(table, names[variant], words, variant, metric, spread))
    table = "Colantonio et al. 2021, Section 3"
    figures.append(PublishedFigure(table, "AR CNN", "Pearson, frames", "ar", "frame_pearson", 0.983))
    for variant, words in names.items():
        figures.append(PublishedFigure(table, words, "RMSE, subjects", variant, "rmse", None))
        figures.append(PublishedFigure(table, words, "class accuracy, subjects", variant, "grade_accuracy", 0.90))
    return tuple(figures)


def _default(variant: str) -> tuple[PublishedFigure, ...]:
    table = "Byra et al. 2018, 55 patients: comparable on their images only"
    return (
        PublishedFigure(table, "CNN (Inception-ResNet-v2)", "AUC", variant, "auc_5", 0.977),
        PublishedFigure(table, "CNN (Inception-ResNet-v2)", "Spearman", variant, "spearman", 0.78),
        PublishedFigure(table, "hepatorenal index, physician", "AUC", variant, "auc_5", 0.959),
        PublishedFigure(table, "hepatorenal index, physician", "Spearman", variant, "spearman", 0.80),
    )


def protocol_of(recipe: str, first_variant: str) -> Protocol:
    """How the paper of the recipe reports; the project's own stands beside the figures published on its data."""
    if recipe == "vgg19-clkl":
        return Protocol(_vgg19())
    if recipe == "resnet50-sparse":
        return Protocol(_resnet50(), bootstrap=True)
    if recipe == "cnn5-clip":
        return Protocol(_cnn5(), cutoffs="karlas2014")
    return Protocol(_default(first_variant))


def filled_table(protocol: Protocol, rows: Sequence[MetricRow]) -> list[TableRow]:
    """Every published figure with that of this run."""
    return [TableRow(figure, find(rows, figure.variant, figure.metric)) for figure in protocol.figures]


def tables_of(rows: Iterable[TableRow]) -> dict[str, list[TableRow]]:
    """Rows by the table that they belong to."""
    tables: dict[str, list[TableRow]] = {}
    for row in rows:
        tables.setdefault(row.published.table, []).append(row)
    return tables
