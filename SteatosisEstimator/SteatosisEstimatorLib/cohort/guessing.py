"""Which view an image shows, guessed from what scanners and people write: descriptions, protocols, file names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .vocabulary import View

# Written in this order of trust: words that mean one view, then words that are part of several.
_PATTERNS: tuple[tuple[str, View], ...] = (
    (r"hepatic ?veins?|\bhv\b|liver ?veins?|venae hepaticae|\bivc\b", View.HEPATIC_VEINS),
    (r"right posterior portal( vein)?|post(erior)? (rt|right) portal|\brppv\b", View.RIGHT_POSTERIOR_PORTAL_VEIN),
    (r"(rt|right) portal( vein)?|\brpv\b|porta hepatis", View.RIGHT_PORTAL_VEIN),
    (r"kidney liver|renal hepatic|\bkl\b", View.KIDNEY_LIVER),
    (
        r"liver (and |rt |right )*kidney|hepato ?renal (index|view|recess|space|contrast)|\bhri\b|\blk\b|morison",
        View.LIVER_KIDNEY,
    ),
    (r"\bhr\b|hepato ?renal", View.HR),
    (r"\bar\b|attenuation( rate)?|oblique subcostal", View.AR),
    (r"(rt|right)? ?intercostal", View.LIVER),
    (r"\bliver\b|\bhepar\b|\bcl\b", View.LIVER),
)
_COMPILED = tuple((re.compile(pattern), view) for pattern, view in _PATTERNS)


def guess_view(texts: Iterable[str]) -> View | None:
    """The view that the first telling text names; ``None`` where none does.

    ``texts`` in the order of trust, such as View Name (0008,2127), Series Description (0008,103E), Protocol Name
    (0018,1030) and the name of the file. A text that names a view of the vocabulary is taken at its word; a text with
    liver and kidney in any order is a view of both.
    """
    for text in texts:
        words = " ".join(re.sub(r"[^a-z0-9]+", " ", str(text).lower()).split())
        if not words:
            continue
        exact = next((view for view in View if view.value.replace("-", " ") == words), None)
        if exact is not None:
            return exact
        for pattern, view in _COMPILED:
            if pattern.search(words):
                return _with_kidney(view, words)
    return None


def _with_kidney(view: View, words: str) -> View:
    """A text on the liver that also speaks of the kidney means a view of both."""
    if view is View.LIVER and re.search(r"\b(kidney|renal|ren)\b", words):
        return View.LIVER_KIDNEY
    return view
