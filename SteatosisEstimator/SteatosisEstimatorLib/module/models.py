"""The model that is chosen, its card, and what it takes."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from HepatoRenalIndexLib.imaging.image import InputError
from slicer.i18n import tr as _

from ..bundles.card import ModelCard
from ..bundles.card_text import warnings_of
from ..bundles.loading import DEFAULT_MODEL, available_models, find_bundle, read_card
from ..cohort.cohort import CohortImage, Subject
from ..cohort.vocabulary import ReferenceKind, View
from ..recipes.registry import get_recipe
from .vocabulary import usableViews, viewName


@dataclass(frozen=True)
class ChosenModel:
    """A model: ``name`` for programs (of a shipped one, or a path), its card, or ``problem`` why it cannot be read."""

    name: str
    card: ModelCard | None
    problem: str = ""

    @property
    def digest(self) -> str:
        """Changes with every file that an estimate depends on."""
        files = {} if self.card is None else self.card.files or {}
        return hashlib.sha256(json.dumps(sorted(files.items())).encode()).hexdigest()

    @property
    def views(self) -> tuple[View, ...]:
        return () if self.card is None else usableViews(self.card)

    def whyNot(self, views: Iterable[View]) -> str:
        """A sentence on which views are missing, empty if the model can estimate with ``views``."""
        if self.card is None:
            return self.problem
        views = tuple(views)
        usable = [view for view in views if view in self.views]
        if not usable:
            names = ", ".join(viewName(view) for view in self.views)
            return _("Choose an image or clip of a view that the model takes: {names}.").format(names=names)
        if len(self.card.views) > 1 and not self._isEnough(usable):
            names = ", ".join(viewName(view) for view in self.card.views)
            return _("The model needs all of these views: {names}.").format(names=names)
        return ""

    def _isEnough(self, views: list[View]) -> bool:
        """Asks the recipe. A model that averages views is content with one of them."""
        try:
            recipe = get_recipe(self.card.recipe)
        except InputError:
            return True  # the process says what is wrong with it
        images = tuple(CohortImage(view, Path(view.value), view.value) for view in views)
        possible = recipe.usable(Subject("", images))
        alone = [recipe.usable(Subject("", (image,))) for image in images]
        return self.card.variant in possible or (self.card.recipe == "resnet50-sparse" and any(alone))


def shippedModels() -> tuple[str, ...]:
    return available_models()


def chooseModel(name: str = "", folder: str = "") -> ChosenModel:
    """The bundle of ``folder``, else the shipped model ``name``, else the default."""
    wanted = folder or name or DEFAULT_MODEL
    try:
        find_bundle(wanted)
        return ChosenModel(str(Path(wanted).absolute()) if folder else wanted, read_card(wanted))
    except InputError as error:
        return ChosenModel(wanted, None, str(error))


def warningsOf(card: ModelCard) -> list[str]:
    """What has to be said beside every estimate, in the user's language."""
    sentences = []
    if card.trained_on.simulated:
        sentences.append(_("Trained on simulated images: not for patients, its figures are no clinical performance."))
    if card.reference is ReferenceKind.BIOPSY:
        sentences.append(
            _("Percent of liver cells with fat, as a biopsy counts them: not a proton density fat fraction (PDFF).")
        )
    if card.reference is ReferenceKind.NOT_STATED:
        sentences.append(_("The training data did not say how fat was measured."))
    if card.backbone.startswith("random"):
        sentences.append(_("The network began with random weights instead of those that the method is made for."))
    assert len(sentences) == len(warnings_of(card))
    return sentences


def cardHtml(card: ModelCard) -> str:
    """The card for the panel: what it was trained on, its figures, its limits."""
    facts = card.trained_on
    scanners = ", ".join(sorted(name or _("not stated") for name in facts.scanners))
    rows = [
        (_("Method"), f"{card.title} ({card.recipe}, {card.variant})"),
        (_("Source"), card.citation),
        (_("Views"), ", ".join(viewName(view) for view in card.views)),
        (_("Estimates"), card.reference.unit),
        (
            _("Trained on"),
            _("{subjects} subjects, {images} images or clips, fat {low} to {high} % (median {median} %)").format(
                subjects=facts.subjects,
                images=facts.images,
                low=f"{facts.fat_low:g}",
                high=f"{facts.fat_high:g}",
                median=f"{facts.fat_median:g}",
            ),
        ),
        (_("Scanners"), scanners),
        (_("Pretrained network"), card.backbone or _("none")),
    ]
    parts = [f"<h3>{html.escape(card.name)} {html.escape(card.version)}</h3>"]
    parts += [f"<p><b>{html.escape(sentence)}</b></p>" for sentence in warningsOf(card)]
    parts.append(_table(rows))
    parts.append("<p><b>" + html.escape(_("Figures on subjects that it had not seen (95% interval)")) + "</b></p>")
    parts.append(_table([(figureName(figure.metric), f"{figure} · n {figure.n}") for figure in card.figures]))
    parts.append("<p><b>" + html.escape(_("Limits")) + "</b></p><ul>")
    parts += [f"<li>{html.escape(limit)}</li>" for limit in card.limits]
    parts.append("</ul><p>" + html.escape(_("For research use only; not for diagnosis.")) + "</p>")
    return "".join(parts)


def figureName(metric: str) -> str:
    """A figure of the card in words; the name itself for one that is not known."""
    return {
        "auc_5": _("AUC, at least 5 % fat"),
        "auc_10": _("AUC, at least 10 % fat"),
        "spearman": _("Spearman correlation"),
        "pearson": _("Pearson correlation"),
        "rmse": _("RMSE (percentage points)"),
        "bland_altman_bias": _("Mean difference (percentage points)"),
        "r2": _("R²"),
        "grade_accuracy": _("Accuracy of the grade"),
        "interval_coverage_90": _("90% intervals that hold the reference"),
    }.get(metric, metric)


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = (
        f"<tr><td style='padding-right:6px'>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>"
        for name, value in rows
    )
    return "<table>" + "".join(cells) + "</table>"
