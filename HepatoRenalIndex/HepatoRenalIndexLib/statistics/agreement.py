"""Agreement of two methods: Bland-Altman analysis and Lin's concordance correlation coefficient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from .interval import Estimate, as_pairs


@dataclass(frozen=True)
class BlandAltman:
    """Agreement of ``first`` and ``second``; differences are ``first - second``.

    Bland JM, Altman DG. Lancet 1986;327:307-310 and Stat Methods Med Res 1999;8:135-160. ``slope`` is that of the
    least-squares line of the differences on the means of the two methods (proportional bias), ``slope_p`` its p value
    against zero. NaN where the means do not vary.
    """

    n: int
    bias: Estimate
    sd: float  # of the differences (n - 1)
    loa_low: Estimate  # bias - 1.96 sd
    loa_high: Estimate  # bias + 1.96 sd
    slope: Estimate
    intercept: float
    slope_p: float


def bland_altman(first, second, level: float = 0.95) -> BlandAltman:
    """Bias, limits of agreement (bias +- 1.96 SD) with the confidence interval of each, and proportional bias.

    ``first`` and ``second`` are finite vectors of one length, at least 3. The standard error of a limit is
    ``SD sqrt(1/n + 1.96^2 / (2 (n - 1)))`` (Bland and Altman 1999, section 2.2).
    """
    first, second = as_pairs(first, second)
    difference = first - second
    n = difference.size
    bias = float(difference.mean())
    sd = float(difference.std(ddof=1))
    z = stats.norm.ppf(0.975)
    t = stats.t.ppf(1 - (1 - level) / 2, n - 1)
    half = t * sd / np.sqrt(n)
    limit_half = t * sd * np.sqrt(1 / n + z**2 / (2 * (n - 1)))

    def around(value: float, width: float) -> Estimate:
        return Estimate(value, float(value - width), float(value + width), n, "t", level)

    slope, intercept, p = _proportional_bias((first + second) / 2, difference, level)
    return BlandAltman(
        n=n,
        bias=around(bias, half),
        sd=sd,
        loa_low=around(float(bias - z * sd), limit_half),
        loa_high=around(float(bias + z * sd), limit_half),
        slope=slope,
        intercept=intercept,
        slope_p=p,
    )


def _proportional_bias(mean: np.ndarray, difference: np.ndarray, level: float) -> tuple[Estimate, float, float]:
    n = mean.size
    if np.ptp(mean) == 0:
        nan = float("nan")
        return Estimate(nan, nan, nan, n, "t", level), nan, nan
    line = stats.linregress(mean, difference)
    half = stats.t.ppf(1 - (1 - level) / 2, n - 2) * line.stderr
    slope = Estimate(float(line.slope), float(line.slope - half), float(line.slope + half), n, "t", level)
    return slope, float(line.intercept), float(line.pvalue)


def concordance_value(first, second) -> float:
    """Lin's coefficient alone (quick, for resampling); NaN where neither vector varies and both are equal."""
    first = np.asarray(first, dtype=float)
    second = np.asarray(second, dtype=float)
    denominator = first.var() + second.var() + (first.mean() - second.mean()) ** 2
    if denominator == 0:
        return float("nan")
    covariance = ((first - first.mean()) * (second - second.mean())).mean()
    return float(2 * covariance / denominator)


def concordance(first, second, level: float = 0.95) -> Estimate:
    """Lin's concordance correlation coefficient with its confidence interval by Fisher's z.

    Lin LI. Biometrics 1989;45:255-268, with the variance as corrected in Biometrics 2000;56:324-325. Moments divide
    by n. The limits are NaN where the variance is not defined (no variation or no correlation).
    """
    first, second = as_pairs(first, second)
    n = first.size
    value = concordance_value(first, second)
    sd_first, sd_second = first.std(), second.std()
    nan = float("nan")
    if not np.isfinite(value) or sd_first == 0 or sd_second == 0:
        return Estimate(value, nan, nan, n, "Fisher z", level)
    if value >= 1:
        return Estimate(1.0, 1.0, 1.0, n, "Fisher z", level)
    r = float(np.corrcoef(first, second)[0, 1])
    if r == 0 or abs(value) >= 1:
        return Estimate(value, nan, nan, n, "Fisher z", level)
    u2 = (first.mean() - second.mean()) ** 2 / (sd_first * sd_second)
    variance = (
        (1 - r**2) * value**2 * (1 - value**2) / r**2
        + 2 * value**3 * (1 - value) * u2 / r
        - value**4 * u2**2 / (2 * r**2)
    ) / (n - 2)
    half = stats.norm.ppf(1 - (1 - level) / 2) * np.sqrt(max(variance, 0.0)) / (1 - value**2)
    z = np.arctanh(value)
    return Estimate(value, float(np.tanh(z - half)), float(np.tanh(z + half)), n, "Fisher z", level)
