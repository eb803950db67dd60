"""Intraclass correlation coefficients.

Shrout PE, Fleiss JL. Psychol Bull 1979;86:420-428 (the six forms), and McGraw KO, Wong SP. Psychol Methods
1996;1:30-46 (their other names, and the confidence intervals, Table 7).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import stats


class IccForm(StrEnum):
    """The six forms, by their names of Shrout and Fleiss 1979."""

    ONE_WAY_SINGLE = "ICC(1,1)"
    TWO_WAY_RANDOM_SINGLE = "ICC(2,1)"
    TWO_WAY_MIXED_SINGLE = "ICC(3,1)"
    ONE_WAY_AVERAGE = "ICC(1,k)"
    TWO_WAY_RANDOM_AVERAGE = "ICC(2,k)"
    TWO_WAY_MIXED_AVERAGE = "ICC(3,k)"

    @property
    def mcgraw_wong(self) -> str:
        """The name of McGraw and Wong 1996: A = absolute agreement, C = consistency."""
        return {"1,1": "ICC(1)", "2,1": "ICC(A,1)", "3,1": "ICC(C,1)", "1,k": "ICC(k)", "2,k": "ICC(A,k)"}.get(
            self.value[4:7], "ICC(C,k)"
        )

    @property
    def words(self) -> str:
        """Model, definition and unit in words, as a methods section states them."""
        model, definition = {
            "1": ("one-way random", "absolute agreement"),
            "2": ("two-way random", "absolute agreement"),
            "3": ("two-way mixed", "consistency"),
        }[self.value[4]]
        return f"{model}, {definition}, {'single' if self.value[6] == '1' else 'average'} measurement"


@dataclass(frozen=True)
class MeanSquares:
    """Two-way analysis of variance of ``subjects`` x ``raters`` without replication."""

    subjects: int
    raters: int
    between_subjects: float  # BMS of Shrout and Fleiss
    within_subjects: float  # WMS
    between_raters: float  # JMS
    error: float  # EMS


@dataclass(frozen=True)
class IccResult:
    """One coefficient with its confidence interval. ``dropped`` subjects had missing ratings."""

    form: IccForm
    value: float
    low: float
    high: float
    subjects: int
    raters: int
    dropped: int = 0
    level: float = 0.95

    @property
    def word(self) -> str:
        return icc_word(self.value)


def mean_squares(ratings) -> MeanSquares:
    """Mean squares of a complete table of ratings, float ``(subjects, raters)``, both at least 2."""
    ratings = np.asarray(ratings, dtype=float)
    if ratings.ndim != 2 or ratings.shape[0] < 2 or ratings.shape[1] < 2:
        raise ValueError(f"at least two subjects and two raters are needed, got a table of shape {ratings.shape}")
    if not np.isfinite(ratings).all():
        raise ValueError("ratings must be finite; leave incomplete subjects out and count them")
    n, k = ratings.shape
    centered = ratings - ratings.mean()
    by_subject = centered.mean(axis=1)
    by_rater = centered.mean(axis=0)
    # residuals rather than differences of sums: no cancellation when agreement is nearly perfect
    within = ((centered - by_subject[:, None]) ** 2).sum()
    error = ((centered - by_subject[:, None] - by_rater[None, :]) ** 2).sum()
    return MeanSquares(
        subjects=n,
        raters=k,
        between_subjects=k * (by_subject**2).sum() / (n - 1),
        within_subjects=within / (n * (k - 1)),
        between_raters=n * (by_rater**2).sum() / (k - 1),
        error=error / ((n - 1) * (k - 1)),
    )


def icc_value(ratings, form: IccForm = IccForm.TWO_WAY_RANDOM_SINGLE) -> float:
    """The coefficient alone (quick, for resampling); NaN where all ratings are equal."""
    return _value(mean_squares(ratings), form)


def icc(ratings, form: IccForm = IccForm.TWO_WAY_RANDOM_SINGLE, level: float = 0.95) -> IccResult:
    """Coefficient and F-based confidence interval.

    ``ratings`` is float ``(subjects, raters)``; subjects with NaN are left out and counted in ``dropped``.
    The interval takes subjects as independent: with several frames per patient use the cluster bootstrap with
    :func:`icc_value`. Intervals of forms 1 and 3 are exact; those of form 2 use Satterthwaite's degrees of freedom.
    """
    ratings = np.asarray(ratings, dtype=float)
    if ratings.ndim != 2:
        raise ValueError(f"a table (subjects, raters) is needed, got shape {ratings.shape}")
    keep = np.isfinite(ratings).all(axis=1)
    squares = mean_squares(ratings[keep])
    low, high = _interval(squares, form, level)
    return IccResult(
        form, _value(squares, form), low, high, squares.subjects, squares.raters, int((~keep).sum()), level
    )


def icc_all(ratings, level: float = 0.95) -> dict[IccForm, IccResult]:
    """All six forms of one table, in the order of :class:`IccForm`."""
    return {form: icc(ratings, form, level) for form in IccForm}


def icc_word(value: float) -> str:
    """The scale of Cha et al., Ultrasonography 2021;40:565.

    0-0.50 poor, 0.51-0.70 moderate, 0.71-0.90 high, 0.91-1.0 excellent, of the value at two decimals; negative
    coefficients are poor.
    """
    if not np.isfinite(value):
        return "undefined"
    rounded = round(float(value), 2)
    for upper, word in ((0.50, "poor"), (0.70, "moderate"), (0.90, "high")):
        if rounded <= upper:
            return word
    return "excellent"


def _value(s: MeanSquares, form: IccForm) -> float:
    n, k = s.subjects, s.raters
    b, w, j, e = s.between_subjects, s.within_subjects, s.between_raters, s.error
    numerator, denominator = {
        IccForm.ONE_WAY_SINGLE: (b - w, b + (k - 1) * w),
        IccForm.ONE_WAY_AVERAGE: (b - w, b),
        IccForm.TWO_WAY_RANDOM_SINGLE: (b - e, b + (k - 1) * e + k * (j - e) / n),
        IccForm.TWO_WAY_RANDOM_AVERAGE: (b - e, b + (j - e) / n),
        IccForm.TWO_WAY_MIXED_SINGLE: (b - e, b + (k - 1) * e),
        IccForm.TWO_WAY_MIXED_AVERAGE: (b - e, b),
    }[form]
    return float(numerator / denominator) if denominator != 0 else float("nan")


def _interval(s: MeanSquares, form: IccForm, level: float) -> tuple[float, float]:
    """Confidence limits, McGraw and Wong 1996, Table 7."""
    n, k = s.subjects, s.raters
    upper_tail = 1 - (1 - level) / 2
    average = form.value.endswith("k)")
    if form in (IccForm.TWO_WAY_RANDOM_SINGLE, IccForm.TWO_WAY_RANDOM_AVERAGE):
        low, high = _interval_two_way_random(s, upper_tail)
    else:
        one_way = form in (IccForm.ONE_WAY_SINGLE, IccForm.ONE_WAY_AVERAGE)
        noise = s.within_subjects if one_way else s.error
        noise_df = n * (k - 1) if one_way else (n - 1) * (k - 1)
        if noise == 0:
            return (1.0, 1.0) if s.between_subjects > 0 else (float("nan"), float("nan"))
        observed = s.between_subjects / noise
        f_low = observed / stats.f.ppf(upper_tail, n - 1, noise_df)
        f_high = observed * stats.f.ppf(upper_tail, noise_df, n - 1)
        low, high = ((f - 1) / (f + k - 1) for f in (f_low, f_high))
    if average:
        low, high = (_spearman_brown(limit, k) for limit in (low, high))
    return float(low), float(high)


def _interval_two_way_random(s: MeanSquares, upper_tail: float) -> tuple[float, float]:
    """Limits of ICC(2,1); degrees of freedom after Satterthwaite."""
    n, k = s.subjects, s.raters
    b, j, e = s.between_subjects, s.between_raters, s.error
    rho = _value(s, IccForm.TWO_WAY_RANDOM_SINGLE)
    if not np.isfinite(rho):
        return float("nan"), float("nan")
    if e == 0 and j == 0:
        return 1.0, 1.0
    if rho < 1:
        a = k * rho / (n * (1 - rho))
        c = 1 + k * rho * (n - 1) / (n * (1 - rho))
        spread = (a * j) ** 2 / (k - 1) + (c * e) ** 2 / ((n - 1) * (k - 1))
        df = (a * j + c * e) ** 2 / spread if spread > 0 else float("nan")
    else:
        df = (n - 1) * (k - 1)
    f_low = stats.f.ppf(upper_tail, n - 1, df)
    f_high = stats.f.ppf(upper_tail, df, n - 1)
    other = k * j + (k * n - k - n) * e
    low = n * (b - f_low * e) / (f_low * other + n * b)
    high = n * (f_high * b - e) / (other + n * f_high * b)
    return low, high


def _spearman_brown(single: float, k: int) -> float:
    """Reliability of the mean of ``k`` measurements from that of one."""
    denominator = 1 + (k - 1) * single
    return k * single / denominator if denominator > 0 else float("-inf")
