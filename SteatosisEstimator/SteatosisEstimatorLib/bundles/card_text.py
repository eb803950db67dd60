"""The model card for people: ``docs/README.md`` of a bundle, and what the module shows."""

from __future__ import annotations

import json

from HepatoRenalIndexLib.validation.markdown import table

from ..cohort.vocabulary import ReferenceKind
from .card import ModelCard, reference_words

RESEARCH_ONLY = "For research use only, not for diagnosis. Not a medical device."
SIMULATED = "Trained on simulated images: its figures are no clinical performance, and it must not be used on patients."


def warnings_of(card: ModelCard) -> tuple[str, ...]:
    """What must be said wherever the model's estimates or figures are shown."""
    sentences = []
    if card.trained_on.simulated:
        sentences.append(SIMULATED)
    if card.reference is ReferenceKind.BIOPSY:
        sentences.append(
            "The reference is biopsy: the estimate is a percentage of hepatocytes with fat, not a proton density fat "
            "fraction (PDFF), and cannot be compared with one."
        )
    if card.reference is ReferenceKind.NOT_STATED:
        sentences.append("The cohort did not say how its fat percentage was measured.")
    if card.backbone.startswith("random"):
        sentences.append("The backbone had random weights instead of ImageNet weights, which the recipe is made for.")
    return tuple(sentences)


def card_markdown(card: ModelCard) -> str:
    """The card as Markdown."""
    facts = card.trained_on
    scanners = ", ".join(f"{name or 'not stated'} ({count})" for name, count in sorted(facts.scanners.items()))
    rows = [
        ("recipe", f"{card.recipe}, variant {card.variant}: {card.title}"),
        ("source", card.citation),
        ("views", ", ".join(view.value for view in card.views)),
        ("estimates", card.reference.unit),
        ("reference", reference_words(card.reference)),
        ("backbone", card.backbone or "none used"),
        (
            "trained on",
            f"{facts.subjects} subjects, {facts.images} images or clips, {facts.fatty} with at least 5% fat",
        ),
        ("fat, lowest / median / highest", f"{facts.fat_low:g} / {facts.fat_median:g} / {facts.fat_high:g} %"),
        ("scanners (subjects)", scanners),
        ("seed", card.seed),
        ("software", card.software),
    ]
    figures = [(figure.metric, str(figure), figure.n, figure.method) for figure in card.figures]
    parts = [
        f"# {card.name}",
        "",
        "Liver fat from ultrasound, a [MONAI bundle](https://monai.readthedocs.io/en/stable/bundle_intro.html) of "
        f"LiverUltrasound. {RESEARCH_ONLY}",
        "",
        *(f"**{sentence}**\n" for sentence in warnings_of(card)),
        table(("", ""), rows),
        "## Figures",
        "",
        "Out of fold: every subject was judged by models that had not seen it. Intervals are 95%.",
        "",
        table(("figure", "value", "n", "method"), figures) if figures else "There are none.\n",
        "## Limits",
        "",
        *(f"- {limit}" for limit in card.limits),
        "",
        "## Settings",
        "",
        "```json",
        json.dumps(card.to_values()["settings"], indent=2),
        "```",
        "",
        "## Use",
        "",
        "```",
        "liver-ultrasound estimate COHORT.csv -o OUT --model .",
        "python -m monai.bundle run --config_file configs/inference.json --cohort COHORT.csv --output OUT",
        "python -m monai.bundle run --config_file configs/evaluate.json --cohort COHORT.csv --output OUT",
        "python -m monai.bundle run --config_file configs/train.json --cohort COHORT.csv --output BUNDLE",
        "```",
        "",
        "From this folder; MONAI's command line needs the package `fire`. `evaluate.json` and `train.json` repeat the "
        "cross-validation and the training of this model on a cohort, from the beginning.",
        "",
    ]
    return "\n".join(parts)
