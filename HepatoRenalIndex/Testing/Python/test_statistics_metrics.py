"""Metrics of classifiers, regressions, grades and intervals against scikit-learn, hand counts and simulated truth."""

import numpy as np
import pytest
from HepatoRenalIndexLib.statistics.classification import (
    METRICS,
    bootstrap_classification,
    classification_metrics,
    nearest_corner_metrics,
)
from HepatoRenalIndexLib.statistics.coverage import interval_coverage
from HepatoRenalIndexLib.statistics.ordinal import confusion_matrix, ordinal_agreement, weighted_kappa
from HepatoRenalIndexLib.statistics.regression import regression_metrics
from scipy import stats

GRADES = ("S0", "S1", "S2", "S3")


def cases(seed, n=90, shift=1.2):
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < 0.4
    return labels, np.round(rng.normal(size=n) + shift * labels, 1)


def test_metrics_at_a_threshold_equal_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    for seed in range(5):
        labels, scores = cases(seed)
        ours = classification_metrics(labels, scores, 0.5)
        positive = scores >= 0.5
        assert ours.accuracy.value == pytest.approx(metrics.accuracy_score(labels, positive))
        assert ours.precision.value == pytest.approx(metrics.precision_score(labels, positive))
        assert ours.recall.value == pytest.approx(metrics.recall_score(labels, positive))
        assert ours.specificity.value == pytest.approx(metrics.recall_score(~labels, ~positive))
        assert ours.f1 == pytest.approx(metrics.f1_score(labels, positive))
        counts = ours.true_negatives, ours.false_positives, ours.false_negatives, ours.true_positives
        assert counts == tuple(metrics.confusion_matrix(labels, positive).ravel())


def test_a_score_equal_to_the_threshold_is_positive():
    result = classification_metrics([True, False], [5.0, 4.9], 5.0)
    assert (result.true_positives, result.true_negatives) == (1, 1)


def test_proportions_of_nothing_are_undefined_and_not_zero():
    nobody_sick = classification_metrics([0, 0, 0], [1.0, 2.0, 3.0], 2.5)
    assert np.isnan(nobody_sick.recall.value) and nobody_sick.specificity.value == pytest.approx(2 / 3)
    nobody_positive = classification_metrics([0, 1, 0], [1.0, 2.0, 3.0], 9.0)
    assert np.isnan(nobody_positive.precision.value) and nobody_positive.f1 == 0
    assert np.isnan(classification_metrics([0, 0], [1.0, 2.0], 9.0).f1)


def test_the_point_nearest_the_corner_is_found_among_all_thresholds():
    for seed in range(5):
        labels, scores = cases(seed)
        best = nearest_corner_metrics(labels, scores)
        every = [classification_metrics(labels, scores, t) for t in np.unique(scores)]
        distance = [np.hypot(1 - m.recall.value, 1 - m.specificity.value) for m in every]
        assert np.hypot(1 - best.recall.value, 1 - best.specificity.value) == pytest.approx(min(distance))
    with pytest.raises(ValueError, match="both classes"):
        nearest_corner_metrics([1, 1, 1], [1.0, 2.0, 3.0])


def test_bootstrap_spread_of_the_metrics_is_that_of_new_patients():
    labels, scores = cases(1, 120)
    threshold = 0.6
    result = bootstrap_classification(labels, scores, range(120), seed=3, threshold=threshold, replicates=400)
    assert set(result) == {"auc", *METRICS}
    drawn = np.random.default_rng(3)
    # an independent resampling with the same statistic
    accuracy = [np.mean((scores[rows] >= threshold) == labels[rows]) for rows in drawn.integers(120, size=(400, 120))]
    assert result["accuracy"].replicates.std() == pytest.approx(np.std(accuracy), rel=0.02)
    p = result["accuracy"].estimate.value
    assert result["accuracy"].replicates.std() == pytest.approx(np.sqrt(p * (1 - p) / 120), rel=0.15)


def test_bootstrap_samples_are_the_same_for_every_metric_and_choose_their_own_threshold():
    labels, scores = cases(2, 60)
    result = bootstrap_classification(labels, scores, range(60), seed=5, replicates=100)
    again = bootstrap_classification(labels, scores, range(60), seed=5, replicates=100)
    assert np.array_equal(result["recall"].replicates, again["recall"].replicates)
    fixed = bootstrap_classification(labels, scores, range(60), seed=5, threshold=0.6, replicates=100)
    assert not np.array_equal(result["recall"].replicates, fixed["recall"].replicates)
    assert np.array_equal(result["auc"].replicates, fixed["auc"].replicates)
    with pytest.raises(ValueError, match="both classes"):
        bootstrap_classification([1, 1], [1.0, 2.0], range(2), seed=1)


def test_regression_metrics_equal_scikit_learn_and_scipy():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(0)
    true = rng.exponential(8, 50)
    predicted = 0.7 * true + rng.normal(2, 3, 50)
    ours = regression_metrics(true, predicted)
    assert ours.r2 == pytest.approx(metrics.r2_score(true, predicted))
    assert ours.rmse == pytest.approx(metrics.root_mean_squared_error(true, predicted))
    assert ours.mean_absolute_error == pytest.approx(metrics.mean_absolute_error(true, predicted))
    assert ours.pearson.p == pytest.approx(stats.pearsonr(true, predicted).pvalue)
    assert ours.spearman.estimate.value == pytest.approx(stats.spearmanr(true, predicted).statistic)
    # bias and SD together make the RMSE
    assert ours.rmse**2 == pytest.approx(ours.mean_error**2 + ours.error_sd**2 * 49 / 50)


def test_errors_are_predicted_minus_true():
    result = regression_metrics([1, 2, 3, 4], [2, 3, 4, 7])
    assert result.mean_error == 1.5
    assert result.error_sd == pytest.approx(1.0)
    assert regression_metrics([1, 2, 3, 4], [9, 9, 9, 0]).r2 < 0


def test_regression_without_spread_is_undefined_and_too_few_subjects_are_refused():
    result = regression_metrics([5, 5, 5, 5], [4, 5, 6, 7])
    assert np.isnan(result.r2) and np.isnan(result.pearson.estimate.value) and result.rmse == pytest.approx(1.5**0.5)
    with pytest.raises(ValueError, match="at least 4 pairs"):
        regression_metrics([1, 2], [1, 2])


def test_kappa_equals_published_examples():
    # Fleiss JL, Cohen J, Everitt BS 1969, Table 1: 0.429, variance 0.002885 for 200 subjects
    table = np.array([[0.53, 0.05, 0.02], [0.11, 0.14, 0.05], [0.01, 0.06, 0.03]]) * 200
    kappa = weighted_kappa(table, "none")
    assert kappa.value == pytest.approx(0.429, abs=0.0005)
    assert ((kappa.high - kappa.value) / 1.959964) ** 2 == pytest.approx(0.002885, abs=5e-7)


def test_weighted_kappa_equals_scikit_learn_and_its_interval_the_bootstrap():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(4)
    true = rng.integers(4, size=150)
    predicted = np.clip(true + rng.choice([-1, 0, 0, 0, 1, 2], size=150), 0, 3)
    for weights, name in (("none", None), ("linear", "linear"), ("quadratic", "quadratic")):
        ours = weighted_kappa(confusion_matrix(true, predicted, range(4)), weights)
        assert ours.value == pytest.approx(metrics.cohen_kappa_score(true, predicted, weights=name))
        drawn = []
        for rows in rng.integers(150, size=(800, 150)):
            matrix = np.zeros((4, 4), int)
            np.add.at(matrix, (true[rows], predicted[rows]), 1)
            drawn.append(weighted_kappa(matrix, weights).value)
        assert (ours.high - ours.low) / (2 * 1.96) == pytest.approx(np.std(drawn), rel=0.12)


def test_grades_are_counted_with_true_rows_and_a_missing_grade_is_undefined():
    result = ordinal_agreement(["S0", "S0", "S1", "S3"], ["S0", "S1", "S1", "S1"], GRADES)
    assert result.matrix.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    assert result.accuracy.value == 0.5 and result.within_one.value == 0.75
    assert [p.value for p in result.per_class] == pytest.approx([0.5, 1.0, np.nan, 0.0], nan_ok=True)
    assert result.kappa_quadratic.value > result.kappa.value > 0


def test_kappa_of_a_single_class_is_undefined_and_unknown_grades_are_refused():
    assert np.isnan(ordinal_agreement(["S0", "S0"], ["S0", "S0"], GRADES).kappa.value)
    with pytest.raises(ValueError, match="'S4' is not one of the classes"):
        ordinal_agreement(["S4"], ["S0"], GRADES)
    with pytest.raises(ValueError, match="one length"):
        ordinal_agreement([], [], GRADES)


def test_coverage_counts_misses_on_either_side():
    result = interval_coverage([0, 0, 0, 0], [1, 1, 1, 3], [0.0, 1.0, 1.2, -0.1], nominal=0.9)
    assert (result.covered.value, result.below, result.above) == (0.5, 1, 1)
    assert (result.mean_width, result.median_width) == (1.5, 1.0)
    assert not interval_coverage(np.zeros(40), np.ones(40), np.repeat([0.5, 2], 20)).as_promised


def test_coverage_of_right_and_of_too_narrow_intervals_is_told_apart():
    rng = np.random.default_rng(6)
    truth = rng.normal(size=400)
    right = interval_coverage(np.full(400, -1.645), np.full(400, 1.645), truth, 0.9)
    narrow = interval_coverage(np.full(400, -1.0), np.full(400, 1.0), truth, 0.9)
    assert right.as_promised and not narrow.as_promised


def test_intervals_upside_down_or_undefined_are_refused():
    with pytest.raises(ValueError, match="above its upper limit"):
        interval_coverage([2.0], [1.0], [1.5])
    with pytest.raises(ValueError, match="must be numbers"):
        interval_coverage([np.nan], [1.0], [0.5])
