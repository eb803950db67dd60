"""Where the automatic index is furthest from the readers, and which part of the chain is to blame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..agreement.answers import AnswerTable
from .cases import Case
from .segmentation import OrganOverlap


@dataclass(frozen=True)
class Disagreement:
    """One patient: medians over the frames that the algorithm and all readers measured.

    ``liver_ratio`` and ``kidney_ratio`` are automatic brightness over the readers' mean; the ratio of the indices is
    the first over the second. ``case`` is the frame to show: the outlined one, else that of the largest difference.
    Jaccard indices are of the outlined frame, NaN without one.
    """

    patient: int
    hri: float
    readers_hri: float
    liver_ratio: float
    kidney_ratio: float
    liver_jaccard: float
    kidney_jaccard: float
    case: Case

    @property
    def reason(self) -> str:
        """Which brightness differs, and whether segmentation or the place of the ROI is behind it."""
        liver, kidney = abs(np.log(self.liver_ratio)), abs(np.log(self.kidney_ratio))
        if liver > kidney:
            organ, ratio, overlap = "liver", self.liver_ratio, self.liver_jaccard
        else:
            organ, ratio, overlap = "kidney", self.kidney_ratio, self.kidney_jaccard
        side = "brighter" if ratio > 1 else "darker"
        cause = "its outline is poor" if overlap < 0.7 else "the ROI lies in other tissue than the readers'"
        return f"{organ} ROI {abs(ratio - 1):.0%} {side} than the readers'; {cause}"


def disagreements(
    cases: Sequence[Case], readers: AnswerTable, overlaps: Sequence[OrganOverlap]
) -> tuple[Disagreement, ...]:
    """Every patient, the largest relative difference of the index first."""
    jaccard = {(row.frame.patient, row.organ): row.jaccard for row in overlaps}
    means = {quantity: _reader_means(readers, quantity) for quantity in ("liver", "kidney", "hri")}
    by_patient: dict[int, list[Case]] = {}
    for case in cases:
        if case.measurement is not None and np.isfinite(means["hri"].get(case.frame.key, np.nan)):
            by_patient.setdefault(case.frame.patient, []).append(case)
    rows = [_patient_row(patient, own, means, jaccard) for patient, own in by_patient.items()]
    return tuple(sorted(rows, key=lambda row: -abs(np.log(row.hri / row.readers_hri))))


def _patient_row(patient: int, own: list[Case], means: dict, jaccard: dict) -> Disagreement:
    def median_ratio(quantity: str) -> float:
        return float(np.median([case.value(quantity) / means[quantity][case.frame.key] for case in own]))

    def to_show(case: Case) -> tuple[bool, float]:
        return case.frame.outline is not None, abs(np.log(case.value("hri") / means["hri"][case.frame.key]))

    return Disagreement(
        patient=patient,
        hri=float(np.median([case.value("hri") for case in own])),
        readers_hri=float(np.median([means["hri"][case.frame.key] for case in own])),
        liver_ratio=median_ratio("liver"),
        kidney_ratio=median_ratio("kidney"),
        liver_jaccard=jaccard.get((patient, "liver"), float("nan")),
        kidney_jaccard=jaccard.get((patient, "right_kidney"), float("nan")),
        case=max(own, key=to_show),
    )


def _reader_means(readers: AnswerTable, quantity: str) -> dict[str, float]:
    columns = [readers.values(reader, readers.sessions(reader)[0], quantity) for reader in readers.readers]
    return dict(zip(readers.images, np.stack(columns).mean(axis=0), strict=True))
