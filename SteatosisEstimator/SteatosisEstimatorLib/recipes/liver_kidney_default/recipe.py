"""The recipe ``liver-kidney-default`` as the registry knows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.statistics.correlation import spearman_value

from ...cohort.cohort import Cohort, Subject
from ...cohort.vocabulary import View
from ...features.catalog import Sign
from ..base import Fold, Job, RecipeError, check_variant, leave_one_out, own_folds, settings_from
from .measuring import SubjectMeasurer, subject_features, view_features
from .model import NAME, SignModel
from .score import SignScore, fit_score
from .settings import VARIANTS, VIEWS, SignSettings


class LiverKidneyDefault:
    """Three sonographic signs of a fatty liver, measured beside the right kidney and equally weighted."""

    name = NAME
    title = "Three signs of a fatty liver (contrast to the kidney, attenuation, deep border), equally weighted"
    citation = (
        "LiverUltrasound; the signs after Saadeh et al., Gastroenterology 2002;123:745 and Hamaguchi et al., "
        "Am J Gastroenterol 2007;102:2708; the hepatorenal index after Cha et al., Ultrasonography 2021;40:565"
    )
    variants = tuple(VARIANTS)
    views = VIEWS
    uses_backbone = False
    limits = (
        "Brightness is that of the display. Percentages do not transfer to scanners, probes and presets that were not "
        "trained on; the order of subjects does to a degree (Spearman 0.65 with the fat of 199 simulated frames, each "
        "of another scanner, gain and gray map; the hepatorenal index alone 0.52).",
        "Which features there are, and which signs, was settled with the 40 patients of Byra et al. 2018 in sight. "
        "Other sensible sets of them gave an AUC of 0.955 to 0.976 and a Spearman correlation of 0.81 to 0.91 there.",
        "Probabilities suppose that fatty livers are as frequent as among the subjects trained on.",
        "What attenuates but is no fat (fibrosis, a thick abdominal wall, shadow) and a kidney that is not normal "
        "change the estimate.",
    )

    def default_settings(self) -> SignSettings:
        return SignSettings()

    def usable(self, subject: Subject) -> tuple[str, ...]:
        """Every variant, if the subject has a view of liver and right kidney."""
        return self.variants if subject.of_view(*VIEWS) else ()

    def folds(self, cohort: Cohort, settings: SignSettings, seed: int) -> list[Fold]:
        """The folds of the cohort's own, or one for every subject."""
        return own_folds(cohort) or leave_one_out(cohort)

    def fit(self, cohort: Cohort, variant: str, settings: SignSettings, job: Job) -> SignModel:
        """Train on the subjects that can be measured; ``left_out`` of the model counts the others."""
        check_variant(self, variant)
        signs, cohort = VARIANTS[variant], cohort.require_labels()
        measurer = SubjectMeasurer(settings.most_frames)
        rows, fat, seen = [], [], set()
        for i, subject in enumerate(cohort.subjects):
            part = job.within("measuring", i / len(cohort), (i + 1) / len(cohort))
            try:
                measured = measurer.measure(subject, part)
            except InputError as error:
                raise RecipeError(f"liver-kidney-default cannot be trained: {error}") from error
            features = subject_features(measured)
            if features:
                rows.append(features)
                fat.append(subject.fat_percent)
                seen |= {view for view, images in measured.items() if view_features(images)}
        target = np.array(fat, dtype=float)
        if variant == "chosen-signs":
            signs = choose_signs(rows, target, signs, settings.offset)
        score = fit_score(rows, target, signs, settings.offset)
        job.progress(1.0, "trained")
        views = tuple(view for view in VIEWS if view in seen)
        return SignModel(variant, settings, score, views, len(rows), len(cohort) - len(rows), measurer)

    def load(self, folder: Path, values: dict[str, Any]) -> SignModel:
        """Raises :class:`RecipeError` for values that :meth:`SignModel.save` did not give."""
        variant = values.get("variant")
        if variant not in VARIANTS:
            raise RecipeError("The model's variant is not one of liver-kidney-default; train it again.")
        settings = settings_from(SignSettings(), values.get("settings", {}))
        counts = [int(values[key]) for key in ("trained_on", "left_out")]
        views = tuple(View(name) for name in values["views"])
        if not views or not set(views) <= set(VIEWS):
            raise RecipeError("The model's views are not of liver-kidney-default; train it again.")
        score = SignScore.from_json(values.get("score"))
        return SignModel(variant, settings, score, views, *counts, SubjectMeasurer(settings.most_frames))


def choose_signs(
    rows: Sequence[Mapping[str, float]], fat_percent: np.ndarray, signs: Mapping[Sign, Sequence[str]], offset: float
) -> dict[Sign, Sequence[str]]:
    """The set of signs whose score goes best with fat among the training subjects, by Spearman's rank correlation."""
    best, chosen = -np.inf, dict(signs)
    for count in range(1, len(signs) + 1):
        for names in combinations(signs, count):
            subset = {name: signs[name] for name in names}
            try:
                fitted = fit_score(rows, fat_percent, subset, offset)
            except RecipeError:  # none of these could be measured
                continue
            score = np.array([fitted.score(row) for row in rows])
            known = np.isfinite(score)
            worth = spearman_value(score[known], fat_percent[known])
            if worth > best:
                best, chosen = worth, subset
    return chosen


RECIPE = LiverKidneyDefault()
