"""The estimate in words for the panel."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence

from slicer.i18n import tr as _

from ..bundles.card import ModelCard
from ..cohort.vocabulary import View
from ..explanation.maps import METHODS
from .logic import Shown
from .models import warningsOf
from .tables import Row
from .vocabulary import measurementName, viewName

_SENTENCE_END = re.compile(r"(?<=\.) (?=[A-Z]|[a-z-]+: )")  # the next sentence may begin with the view that it is about
_MORE_FAT, _LESS_FAT = "#c98a4b", "#6b8fb5"


def resultHtml(shown: Shown) -> str:
    """The number, its interval, probabilities and grade; what is missing without an estimate."""
    row, card = shown.estimate, shown.model.card
    if row is None or card is None:
        return _("Not estimated.")
    lines = []
    if row["fat_percent"] is not None:
        text = _("<b style='font-size:large'>Fat {fat} %</b> (90% interval {low} to {high} %)")
        lines.append(text.format(fat=_one(row["fat_percent"]), low=_one(row["fat_low"]), high=_one(row["fat_high"])))
        lines.append(html.escape(card.reference.unit))
    chances = [
        _("at least {limit} %: {chance} %").format(limit=limit, chance=f"{100 * row[name]:.0f}")
        for limit, name in ((5, "p_fatty_5"), (10, "p_fatty_10"))
        if row[name] is not None
    ]
    if chances:
        lines.append(_("Probability of fat of {chances}").format(chances=", ".join(chances)))
    if row["grade"]:
        grades = ", ".join(
            f"{name} {100 * row[f'p_{name}']:.0f} %"
            for name in ("S0", "S1", "S2", "S3")
            if row[f"p_{name}"] is not None
        )
        text = _("Grade <b>{grade}</b> ({grades}; limits {cutoffs} %)")
        lines.append(text.format(grade=row["grade"], grades=grades, cutoffs=html.escape(row["grade_cutoffs"])))
    lines.append(_("Subject {subject}, model {model}").format(subject=html.escape(row["subject"]), model=row["model"]))
    return "<br>".join(lines)


def resultSentence(shown: Shown) -> str:
    """The number in one line, for the end of a run."""
    row = shown.estimate
    if row is None:
        return _("Estimated. Other images were chosen meanwhile; the table under Results has the number.")
    if row["fat_percent"] is None:
        return _("Estimated; see Results.")
    text = _("Fat {fat} % (90% interval {low} to {high} %); see Results.")
    if row["message"]:
        text = _("Fat {fat} % (90% interval {low} to {high} %), doubtful; see Results.")
    return text.format(fat=_one(row["fat_percent"]), low=_one(row["fat_low"]), high=_one(row["fat_high"]))


def warningHtml(shown: Shown) -> str:
    """The reasons to doubt the number, empty for none."""
    if shown.estimate is None or not shown.estimate["message"]:
        return ""
    title = _("The images are outside of what the model was trained on, or doubtful; do not rely on the number:")
    if not any(flag.startswith("outside_") for flag in shown.estimate["flags"].split(";")):
        title = _("Reasons to doubt the number:")
    reasons = "<br>".join(f"• {html.escape(reason)}" for reason in _SENTENCE_END.split(shown.estimate["message"]))
    return f"<span style='color:#c00000'><b>⚠ {html.escape(title)}</b><br>{reasons}</span>"


def modelHtml(card: ModelCard) -> str:
    """What the number of a model means."""
    return "<br>".join(
        [
            _("Estimates {unit}.").format(unit=html.escape(card.reference.unit)),
            *(f"<b>{html.escape(sentence)}</b>" for sentence in warningsOf(card)),
        ]
    )


def partsHtml(shown: Shown) -> str:
    """What each view says and decides, and what each measurement adds."""
    if shown.estimate is None:
        return ""
    parts = [_viewsTable(shown.views)]
    if shown.contributions:
        title = _(
            "What each measurement adds to the estimate of an average subject of the training, percentage points:"
        )
        parts += [f"<p>{html.escape(title)}</p>", _contributionsTable(shown.contributions)]
    return "".join(parts)


def explanationText(shown: Shown, note: str) -> str:
    """What lies over the image, or why nothing does."""
    if shown.estimate is None:
        return ""
    if not shown.mapFrames:
        return note or _("There is no explanation of this image; choose one under Advanced and estimate again.")
    frames = ", ".join(str(frame) for frame in shown.mapFrames)
    if shown.frame not in shown.mapFrames:
        return _("This frame was not explained; frames that were: {frames}.").format(frames=frames)
    if shown.mapIsEmpty:
        return _("The map of this frame is empty: nothing in it moves the answer of the model.")
    if shown.explanation not in METHODS:
        return _(
            "This model has no Grad-CAM: it measures instead of looking. Drawn are what it measured: liver (orange), "
            "kidney (blue), and the two ROIs of the hepatorenal index (yellow, cyan)."
        )
    what = _("the probability of at least 5 % fat") if shown.quantity == "p_fatty_5" else _("the fat percentage")
    if shown.explanation == "grad-cam":
        text = _("Grad-CAM: the warmer the color, the more evidence for {what} the network found there.")
    else:
        text = _("Warm colors raise {what}, cold ones lower it.")
    return text.format(what=what)


def viewLabel(value: str) -> str:
    """The name of a view of a table row."""
    return viewName(View(value)) if value in {view.value for view in View} else value


def _viewsTable(rows: Sequence[Row]) -> str:
    header = (_("View"), _("Frames"), _("Alone"), _("Share"))
    body = [
        (
            html.escape(viewLabel(row["view"])),
            f"{row['frames'] or 0:.0f}",
            _alone(row),
            "" if row["weight"] is None else f"{100 * row['weight']:.0f} %",
        )
        for row in rows
    ]
    return _table(header, body)


def _alone(row: Row) -> str:
    if row["fat_percent"] is not None:
        return f"{_one(row['fat_percent'])} %"
    if row["p_fatty_5"] is not None:
        return _("P(5 %) {chance} %").format(chance=f"{100 * row['p_fatty_5']:.0f}")
    return "–"


def _contributionsTable(rows: Sequence[Row]) -> str:
    largest = max((abs(row["adds_percent"] or 0) for row in rows), default=0) or 1
    body = []
    for row in sorted(rows, key=lambda row: -abs(row["adds_percent"] or 0)):
        adds = row["adds_percent"] or 0
        spaces = "&nbsp;" * round(8 * abs(adds) / largest)
        bar = f"<span style='background-color:{_MORE_FAT if adds > 0 else _LESS_FAT}'>{spaces}</span>"
        name = html.escape(measurementName(row["name"]))
        body.append((name, html.escape(_measured(row)), f"{adds:+.1f}", bar))
    return _table((_("Measurement"), _("Value"), _("Adds"), ""), body)


def _measured(row: Row) -> str:
    """The value for people: a ratio instead of its logarithm."""
    if row["value"] is None:
        return ""
    return f"{math.exp(row['value']):.2f}" if row["unit"] == "ln" else f"{row['value']:.3g} {row['unit']}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are HTML."""
    space = {"th": "nowrap", "td": "normal"}

    def cells(values, kind):
        return "".join(
            f"<{kind} style='padding-right:6px; white-space:{space[kind]}' align='left'>{v}</{kind}>" for v in values
        )

    return f"<table><tr>{cells(header, 'th')}</tr>" + "".join(f"<tr>{cells(r, 'td')}</tr>" for r in rows) + "</table>"


def _one(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
