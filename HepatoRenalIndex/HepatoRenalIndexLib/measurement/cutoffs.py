"""Cut-offs of the index: never built in, always with their source.

A cut-off belongs to the scanner, settings and reference of the study that found it. None is applied unless the user
asks for it, and the result names the source beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..imaging.image import InputError

LOWEST, HIGHEST = 0.2, 10.0


@dataclass(frozen=True)
class Cutoff:
    """An index from which on a study calls a liver fatty, and where that was published or decided."""

    hri: float
    source: str

    def __post_init__(self):
        if not LOWEST <= self.hri <= HIGHEST:
            raise InputError(f"A cut-off of {self.hri:g} cannot be meant; give {LOWEST:g} to {HIGHEST:g}.")
        if not self.source.strip():
            raise InputError("A cut-off needs its source: the study or protocol that it comes from.")

    def reached_by(self, hri: float) -> bool:
        """Whether an index is at or above the cut-off."""
        return hri >= self.hri


PUBLISHED_CUTOFFS = {
    "jum2015": Cutoff(
        1.34,
        "J Ultrasound Med 2015;34:1051 (PMID 26014325): sensitivity 92 %, specificity 85 % for more than 5 % fat, "
        "computed from archived DICOM images",
    ),
}


def cutoff_named(text: str, source: str = "") -> Cutoff:
    """The cut-off of a published name, or of a number with its ``source``."""
    if text in PUBLISHED_CUTOFFS:
        return PUBLISHED_CUTOFFS[text]
    try:
        return Cutoff(float(text), source)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        names = ", ".join(PUBLISHED_CUTOFFS)
        raise InputError(f"There is no cut-off {text!r}; give a number with its source, or one of {names}.") from None
