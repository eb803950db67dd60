"""Comparison of models on the same subjects: Meng's test and Welch's, against published examples and simulation."""

import numpy as np
import pytest
from HepatoRenalIndexLib.statistics.dependent_correlation import compare_correlations, meng_test
from HepatoRenalIndexLib.statistics.welch import welch_comparisons
from scipy import stats


def test_meng_equals_the_example_of_its_paper():
    # Meng, Rosenthal and Rubin 1992, p. 173: Z = 1.68, 95 % interval -0.13 to 1.67
    result = meng_test(0.63, -0.03, -0.19, 15)
    assert result.z == pytest.approx(1.68, abs=0.005)
    assert (result.difference.low, result.difference.high) == pytest.approx((-0.13, 1.67), abs=0.005)


def test_meng_equals_a_published_output_of_the_cocor_package():
    result = meng_test(0.8065821, 0.2383, 0.2255, 177)
    assert result.z == pytest.approx(8.3907, abs=0.001)
    assert (result.difference.low, result.difference.high) == pytest.approx((0.6700, 1.0784), abs=1e-4)


def three_variables(rng, n, first, second, between):
    covariance = np.array([[1, first, second], [first, 1, between], [second, between, 1]])
    return rng.multivariate_normal(np.zeros(3), covariance, n).T


@pytest.mark.parametrize("kind", ["pearson", "spearman"])
def test_meng_rejects_equal_correlations_as_often_as_promised(kind):
    rng = np.random.default_rng(1)
    p = [compare_correlations(*three_variables(rng, 60, 0.7, 0.7, 0.6), kind=kind).p for _ in range(1200)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.025)


def test_meng_agrees_with_a_permutation_of_the_two_predictors():
    rng = np.random.default_rng(1)
    truth, first, second = three_variables(rng, 400, 0.72, 0.66, 0.5)
    first, second = stats.zscore(first), stats.zscore(second)
    observed = compare_correlations(truth, first, second)
    difference = observed.first - observed.second
    drawn = []
    for swap in rng.random((1500, 400)) < 0.5:  # under the null hypothesis the predictors are exchangeable
        a, b = np.where(swap, second, first), np.where(swap, first, second)
        drawn.append(np.corrcoef(truth, a)[0, 1] - np.corrcoef(truth, b)[0, 1])
    assert observed.p == pytest.approx(np.mean(np.abs(drawn) >= abs(difference)), abs=0.05)


def test_meng_finds_no_difference_between_copies_and_refuses_what_it_cannot_compare():
    rng = np.random.default_rng(3)
    truth, first, _ = three_variables(rng, 30, 0.6, 0.5, 0.4)
    copy = compare_correlations(truth, first, 3 * first + 1)
    assert copy.difference.value == pytest.approx(0, abs=1e-9)
    ranks = compare_correlations(truth, first, np.exp(first), kind="spearman")
    assert (ranks.z, ranks.p) == (0, 1)
    assert np.isnan(compare_correlations(truth, first, np.ones(30)).p)
    assert np.isnan(compare_correlations(truth, truth, first).p)
    with pytest.raises(ValueError, match="at least 4"):
        meng_test(0.5, 0.4, 0.3, 3)
    with pytest.raises(ValueError, match="between -1 and 1"):
        meng_test(1.5, 0.4, 0.3, 30)
    with pytest.raises(ValueError, match="unknown correlation"):
        compare_correlations(truth, first, first, kind="kendall")


# A published example of Welch's test: t = -2.46, 25.0 degrees of freedom, p = 0.021
FIRST = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4]
SECOND = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 20.5, 24.4]


def test_welch_equals_a_published_example_and_its_own_formula():
    (result,) = welch_comparisons({"a": FIRST, "b": SECOND})
    assert (result.t, result.df, result.p) == pytest.approx((-2.46, 25.0, 0.021), abs=0.02)
    errors = [np.var(sample, ddof=1) / len(sample) for sample in (FIRST, SECOND)]
    assert result.t == pytest.approx((np.mean(FIRST) - np.mean(SECOND)) / np.sqrt(sum(errors)))
    assert result.df == pytest.approx(sum(errors) ** 2 / sum(e**2 / 14 for e in errors))
    assert result.difference.low < result.difference.value < result.difference.high < 0


def test_bonferroni_multiplies_by_the_comparisons_made_and_stops_at_one():
    samples = {"a": FIRST, "b": SECOND, "c": np.add(FIRST, 0.1)}
    every = welch_comparisons(samples)
    assert [(c.first, c.second) for c in every] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert every[0].p_corrected == pytest.approx(3 * every[0].p)
    assert every[1].p_corrected == 1
    (alone,) = welch_comparisons(samples, [("a", "b")])
    assert alone.p_corrected == alone.p


def test_welch_without_spread_does_not_invent_a_p_value():
    (equal,) = welch_comparisons({"a": [1.0, 1.0], "b": [1.0, 1.0]})
    assert np.isnan(equal.p)
    (apart,) = welch_comparisons({"a": [1.0, 1.0], "b": [2.0, 2.0]})
    assert apart.p == 0 and apart.t == -np.inf


def test_samples_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="'b' needs at least 2 values"):
        welch_comparisons({"a": [1, 2], "b": [1]})
    with pytest.raises(ValueError, match="at least two samples"):
        welch_comparisons({"a": [1, 2]})
    with pytest.raises(ValueError, match="no sample 'c'"):
        welch_comparisons({"a": [1, 2], "b": [2, 3]}, [("a", "c")])
    with pytest.raises(ValueError, match="not finite"):
        welch_comparisons({"a": [1, np.nan], "b": [2, 3]})
