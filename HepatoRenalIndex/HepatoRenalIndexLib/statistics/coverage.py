"""How often intervals hold the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .interval import Estimate
from .roc import proportion


@dataclass(frozen=True)
class Coverage:
    """Share of intervals that hold the true value, against the ``nominal`` one; a limit counts as inside.

    ``covered`` has a Clopper-Pearson interval, right when the intervals belong to different patients. ``below`` and
    ``above`` count true values under the lower and over the upper limit. Widths are in the unit of the values.
    """

    nominal: float
    covered: Estimate
    below: int
    above: int
    mean_width: float
    median_width: float

    @property
    def as_promised(self) -> bool:
        """Whether the nominal coverage is compatible with what was seen."""
        return self.covered.low <= self.nominal <= self.covered.high


def interval_coverage(low, high, true, nominal: float = 0.9, level: float = 0.95) -> Coverage:
    """Coverage of the intervals ``low`` to ``high`` of the values ``true``: vectors of one length, not empty.

    Limits may be infinite. Raises ``ValueError`` for NaN, a lower limit above the upper one and a ``nominal`` that is
    no share.
    """
    low, high, true = (np.asarray(values, dtype=float) for values in (low, high, true))
    if low.ndim != 1 or low.shape != high.shape or low.shape != true.shape or low.size == 0:
        raise ValueError(f"three vectors of one length are needed, got {low.shape}, {high.shape} and {true.shape}")
    if np.isnan(low).any() or np.isnan(high).any() or not np.isfinite(true).all():
        raise ValueError("limits and values must be numbers; leave cases without an interval out and count them")
    if (low > high).any():
        raise ValueError("a lower limit lies above its upper limit")
    if not 0 < nominal < 1:
        raise ValueError(f"the nominal coverage must lie between 0 and 1, got {nominal}")
    inside = (low <= true) & (true <= high)
    width = high - low
    return Coverage(
        nominal=float(nominal),
        covered=proportion(int(inside.sum()), true.size, level),
        below=int((true < low).sum()),
        above=int((true > high).sum()),
        mean_width=float(width.mean()),
        median_width=float(np.median(width)),
    )
