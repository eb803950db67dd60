"""Errors of predicted against true values, as regression papers report them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .correlation import Correlation, pearson, spearman
from .interval import as_pairs


@dataclass(frozen=True)
class RegressionMetrics:
    """Errors are predicted minus true, in the unit of the values; standard deviations divide by n - 1.

    ``r2`` is ``1 - residual / total sum of squares`` about the mean of the true values: below 0 where the mean would
    predict better, NaN where the true values do not vary. The correlations are of predicted with true values.
    """

    n: int
    r2: float
    rmse: float
    mean_error: float  # bias
    error_sd: float
    mean_absolute_error: float
    absolute_error_sd: float
    pearson: Correlation
    spearman: Correlation


def regression_metrics(true, predicted, level: float = 0.95) -> RegressionMetrics:
    """Metrics of ``predicted`` against ``true``, finite vectors of one length, at least 4 (``ValueError`` otherwise).

    "Error standard deviation" of Colantonio S et al. 2021 (Table 3) is ``error_sd`` where errors keep their sign; the
    paper does not say whether they do, ``absolute_error_sd`` is the other reading.
    """
    true, predicted = as_pairs(true, predicted, minimum=4)
    error = predicted - true
    total = float(((true - true.mean()) ** 2).sum())
    return RegressionMetrics(
        n=true.size,
        r2=1 - float((error**2).sum()) / total if total > 0 else float("nan"),
        rmse=float(np.sqrt((error**2).mean())),
        mean_error=float(error.mean()),
        error_sd=float(error.std(ddof=1)),
        mean_absolute_error=float(np.abs(error).mean()),
        absolute_error_sd=float(np.abs(error).std(ddof=1)),
        pearson=pearson(predicted, true, level),
        spearman=spearman(predicted, true, level),
    )
