"""What a model is, what it was trained on, how good it was, and where it must not be trusted."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from HepatoRenalIndexLib.inference.bundle_files import BundleError

from ..cohort.cohort import Cohort
from ..cohort.vocabulary import ReferenceKind, View

NOT_PDFF = "biopsy (not PDFF)"
FATTY = 5.0  # percent


@dataclass(frozen=True)
class CohortFacts:
    """What a model was trained on, in numbers that identify nobody. Fat in percent of the reference."""

    subjects: int
    images: int
    fatty: int  # at least 5 percent
    fat_low: float
    fat_median: float
    fat_high: float
    scanners: dict[str, int]  # subjects on each; "" where the cohort does not say
    simulated: bool

    @classmethod
    def of(cls, cohort: Cohort) -> CohortFacts:
        """The facts of a cohort in which every subject has a reference."""
        fat = cohort.fat_percent()
        scanners, counts = np.unique(cohort.scanners().astype(str), return_counts=True)
        return cls(
            subjects=len(cohort),
            images=sum(len(subject.images) for subject in cohort.subjects),
            fatty=int((fat >= FATTY).sum()),
            fat_low=float(fat.min()),
            fat_median=float(np.median(fat)),
            fat_high=float(fat.max()),
            scanners={str(name): int(count) for name, count in zip(scanners, counts, strict=True)},
            simulated=cohort.simulated,
        )


@dataclass(frozen=True)
class CardFigure:
    """One out-of-fold figure of the model, judged on subjects that it had not seen; NaN limits without an interval."""

    metric: str
    value: float
    low: float
    high: float
    n: int
    method: str

    def __str__(self) -> str:
        if math.isfinite(self.low) and math.isfinite(self.high):
            return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"
        return f"{self.value:.3f}"


@dataclass(frozen=True)
class ModelCard:
    """The model card. ``backbone`` says where the weights of a pretrained network came from, ``""`` without one.

    ``files`` are all files that an estimate depends on, with the SHA-256 of each.
    """

    name: str
    version: str
    recipe: str
    variant: str
    title: str
    citation: str
    reference: ReferenceKind
    views: tuple[View, ...]
    settings: dict[str, Any]
    seed: int
    backbone: str
    trained_on: CohortFacts
    figures: tuple[CardFigure, ...] = ()
    limits: tuple[str, ...] = ()
    software: str = ""
    files: dict[str, str] | None = None

    def to_values(self) -> dict[str, Any]:
        """Plain values for JSON; not finite numbers become ``None``."""
        values = asdict(self)
        values["reference"] = self.reference.value
        values["views"] = [view.value for view in self.views]
        return finite(values)

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> ModelCard:
        """What :meth:`to_values` gave; :class:`BundleError` for anything else."""
        try:
            facts = _only(CohortFacts, values["trained_on"])
            numbers = {k: _number(facts[k]) for k in ("fat_low", "fat_median", "fat_high")}
            scanners = {str(name)[:100]: int(count) for name, count in dict(facts["scanners"]).items()}
            figures = tuple(
                CardFigure(
                    str(entry["metric"])[:100],
                    *(_number(entry[key]) for key in ("value", "low", "high")),
                    int(entry["n"]),
                    str(entry["method"])[:200],
                )
                for entry in values["figures"]
            )
            texts = {
                key: str(values[key])[:1000]
                for key in ("name", "version", "recipe", "variant", "title", "citation", "backbone", "software")
            }
            return cls(
                **texts,
                reference=ReferenceKind(values["reference"]),
                views=tuple(View(view) for view in values["views"]),
                settings=dict(values["settings"]),
                seed=int(values["seed"]),
                trained_on=CohortFacts(**{**facts, **numbers, "scanners": scanners}),
                figures=figures,
                limits=tuple(str(limit)[:2000] for limit in values["limits"]),
                files={str(name): str(digest).lower() for name, digest in dict(values["files"] or {}).items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleError(
                "The bundle's metadata.json has no model card of this software; train it again."
            ) from error

    def with_files(self, files: dict[str, str]) -> ModelCard:
        return replace(self, files=files)


def reference_words(reference: ReferenceKind) -> str:
    """The reference as results name it: a biopsy's share of hepatocytes is no proton density fat fraction."""
    return NOT_PDFF if reference is ReferenceKind.BIOPSY else reference.value


def finite(value: Any) -> Any:
    """Plain values in which numbers that JSON cannot hold are ``None``, tuples lists and NumPy numbers numbers."""
    if isinstance(value, dict):
        return {str(key): finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return finite(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _only(kind: type, values: dict[str, Any]) -> dict[str, Any]:
    return {entry.name: values[entry.name] for entry in fields(kind)}
