"""The rows of an estimation: subjects, views, frames, contributions."""

from __future__ import annotations

from typing import Any

from HepatoRenalIndexLib import __version__

from ..bundles.card import reference_words
from ..recipes.base import Outcome
from ..uncertainty.grades import GRADES
from .estimate import Estimate, Estimator

OUTCOMES = ("fat_percent", "p_fatty_5", "p_fatty_10")
ESTIMATE_COLUMNS = (
    *("subject", "status", "message", "fat_percent", "fat_low", "fat_high", "p_fatty_5", "p_fatty_10", "grade"),
    *("reference", "views", "flags", "model", "model_sha256", "version"),
    *(f"p_{grade}" for grade in GRADES),
    *("grade_cutoffs", "frames", "recipe", "variant"),
)
COLUMNS = {
    "estimates": ESTIMATE_COLUMNS,
    "views": ("subject", "view", "weight", "frames", *OUTCOMES),
    "frames": ("subject", "view", "source", "frame", *OUTCOMES, "message"),
    "contributions": ("subject", "name", "value", "unit", "adds_percent"),
}
Tables = dict[str, list[list[Any]]]  # name of the table -> rows


def estimate_tables(estimator: Estimator, estimate: Estimate) -> Tables:
    """All rows of a subject that was estimated."""
    name, prediction, card = estimate.subject, estimate.prediction, estimator.model.card
    views = list(dict.fromkeys(view.view.value for view in prediction.views))
    values = {
        "subject": name,
        "status": "ok",
        "message": " ".join(estimate.warnings),
        "fat_percent": _rounded(estimate.fat_percent, 2),
        "fat_low": _rounded(estimate.fat_low, 2),
        "fat_high": _rounded(estimate.fat_high, 2),
        "p_fatty_5": _rounded(estimate.p_fatty_5, 4),
        "p_fatty_10": _rounded(estimate.p_fatty_10, 4),
        "grade": estimate.grade,
        "reference": reference_words(estimate.reference),
        "views": ";".join(views),
        "flags": ";".join(estimate.flags),
        "model": estimate.model,
        "model_sha256": estimate.model_sha256,
        "version": __version__,
        **{f"p_{grade}": _rounded(estimate.grade_probabilities.get(grade), 4) for grade in GRADES},
        "grade_cutoffs": "" if estimator.cutoffs is None else "/".join(f"{v:g}" for v in estimator.cutoffs.percent),
        "frames": sum(view.frames for view in prediction.views),
        "recipe": card.recipe,
        "variant": card.variant,
    }
    return {
        "estimates": [[values[column] for column in ESTIMATE_COLUMNS]],
        "views": [[name, v.view.value, _rounded(v.weight, 4), v.frames, *_cells(v.outcome)] for v in prediction.views],
        "frames": [[name, f.view.value, f.source, f.index, *_cells(f.outcome), f.message] for f in prediction.frames],
        "contributions": [
            [name, c.name, _rounded(c.value, 4), c.unit, _rounded(c.adds, 3)] for c in prediction.contributions
        ],
    }


def error_tables(estimator: Estimator, subject: str, message: str) -> Tables:
    """The row of a subject that could not be estimated."""
    card = estimator.model.card
    values = {
        "subject": subject,
        "status": "error",
        "message": message,
        "reference": reference_words(card.reference),
        "model": card.name,
        "model_sha256": estimator.model.sha256,
        "version": __version__,
        "recipe": card.recipe,
        "variant": card.variant,
    }
    return {
        "estimates": [[values.get(column) for column in ESTIMATE_COLUMNS]],
        **{name: [] for name in COLUMNS if name != "estimates"},
    }


def _cells(outcome: Outcome) -> list[float | None]:
    return [_rounded(getattr(outcome, name), 4) for name in OUTCOMES]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)
