"""Predictions out of fold as JSON: what one fold gave outlives the process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from HepatoRenalIndexLib.files.writing import write_text

from ..cohort.vocabulary import View
from ..recipes.base import Contribution, FrameOutcome, Outcome, Prediction, ViewOutcome


@dataclass(frozen=True)
class HeldOut:
    """A subject judged by a model that had not seen it. ``prediction`` is ``None`` where ``message`` says why not."""

    subject: str
    fat_percent: float
    fold: str
    prediction: Prediction | None
    message: str = ""


@dataclass(frozen=True)
class FoldResult:
    """What one fold gave. ``details`` are the model's own figures; seconds are of training and per judged subject."""

    fold: str
    held_out: tuple[HeldOut, ...]
    details: dict[str, Any] = field(default_factory=dict)
    fit_seconds: float = 0.0
    predict_seconds: float = 0.0


def write_fold(path: Path, result: FoldResult) -> None:
    """Write a fold as a whole or not at all."""
    write_text(path, json.dumps(asdict(result), default=_plain))


def read_fold(path: Path) -> FoldResult | None:
    """What :func:`write_fold` wrote, ``None`` for anything else."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        held_out = tuple(
            HeldOut(**{**entry, "prediction": prediction_from(entry["prediction"])}) for entry in values["held_out"]
        )
        return FoldResult(**{**values, "held_out": held_out})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def prediction_from(values: dict[str, Any] | None) -> Prediction | None:
    """A :class:`Prediction` from the plain values of ``asdict``."""
    if values is None:
        return None
    return Prediction(
        subject=values["subject"],
        outcome=Outcome(**values["outcome"]),
        views=tuple(
            ViewOutcome(View(view["view"]), Outcome(**view["outcome"]), view["weight"], view["frames"])
            for view in values["views"]
        ),
        frames=tuple(
            FrameOutcome(View(f["view"]), f["source"], f["index"], Outcome(**f["outcome"]), f["message"])
            for f in values["frames"]
        ),
        contributions=tuple(Contribution(**entry) for entry in values["contributions"]),
        flags=tuple(values["flags"]),
    )


def _plain(value: Any) -> Any:
    """NumPy numbers that a recipe left in its prediction."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be kept as JSON")
