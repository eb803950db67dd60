"""ROC, correlation, bootstrap and overlap against independent implementations and simulated truth."""

import numpy as np
import pytest
from HepatoRenalIndexLib.statistics.bootstrap import cluster_bootstrap, cluster_rows
from HepatoRenalIndexLib.statistics.correlation import bootstrap_correlation, pearson, spearman
from HepatoRenalIndexLib.statistics.overlap import dice, jaccard, surface_distance
from HepatoRenalIndexLib.statistics.roc import (
    auc_bootstrap,
    auc_delong,
    auc_value,
    compare_auc,
    nearest_corner_point,
    proportion,
    roc_curve,
    youden_point,
)
from scipy import stats


def scores_of_two_classes(rng, n=60, shift=1.0, decimals=1):
    labels = rng.random(n) < 0.4
    return labels, np.round(rng.normal(size=n) + shift * labels, decimals)


def test_auc_and_curve_with_ties_equal_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    for seed in range(10):
        labels, scores = scores_of_two_classes(np.random.default_rng(seed))
        assert auc_value(labels, scores) == pytest.approx(metrics.roc_auc_score(labels, scores))
        fpr, tpr, thresholds = metrics.roc_curve(labels, scores, drop_intermediate=False)
        curve = roc_curve(labels, scores)
        assert np.allclose(curve.sensitivity, tpr)
        assert np.allclose(1 - curve.specificity, fpr)
        assert np.array_equal(curve.thresholds[1:], thresholds[1:])


def test_delong_variance_equals_its_direct_sums():
    labels, scores = scores_of_two_classes(np.random.default_rng(1), n=40)
    x, y = scores[labels], scores[~labels]
    kernel = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    area = kernel.mean()
    v10 = sum((row.mean() - area) ** 2 for row in kernel) / (x.size - 1)
    v01 = sum((column.mean() - area) ** 2 for column in kernel.T) / (y.size - 1)
    half = 1.959964 * np.sqrt(v10 / x.size + v01 / y.size)
    result = auc_delong(labels, scores)
    assert result.value == pytest.approx(area)
    assert (result.low, result.high) == pytest.approx((area - half, min(area + half, 1)), abs=1e-6)


def test_delong_and_bootstrap_intervals_hold_the_true_area():
    rng = np.random.default_rng(2)
    truth = stats.norm.cdf(1 / np.sqrt(2))
    held = [0, 0]
    for _ in range(150):
        labels = np.arange(80) < 35
        scores = rng.normal(size=80) + labels
        intervals = auc_delong(labels, scores), auc_bootstrap(labels, scores, range(80), rng, replicates=200)
        for i, interval in enumerate(intervals):
            held[i] += interval.low <= truth <= interval.high
    assert all(0.88 < count / 150 <= 0.99 for count in held)


def test_a_perfect_order_of_few_cases_does_not_prove_a_perfect_test():
    perfect = auc_delong([0] * 20 + [1] * 10, range(30))
    assert (perfect.value, perfect.high) == (1, 1)
    assert perfect.low == pytest.approx(0.025 ** (1 / 10))  # ten successes of ten
    reversed_order = auc_delong([1] * 10 + [0] * 20, range(30))
    assert (reversed_order.value, reversed_order.low) == (0, 0)
    assert reversed_order.high == pytest.approx(1 - 0.025 ** (1 / 10))
    assert auc_delong([0, 0, 1], [1, 2, 3]).low < 0.05


def test_delong_comparison_sees_a_better_score_and_not_a_copy():
    rng = np.random.default_rng(3)
    labels = np.arange(200) < 100
    good = rng.normal(size=200) + 2 * labels
    poor = good + 3 * rng.normal(size=200)
    better = compare_auc(labels, good, poor)
    assert better.p < 0.001 and better.difference.low > 0
    assert compare_auc(labels, good, 2 * good).difference.value == 0
    assert compare_auc(labels, good, 2 * good).p == 1


def test_operating_points_of_a_known_curve():
    # thresholds 4, 3, 2, 1 with sensitivity 1/2, 1/2, 1, 1 and specificity 1, 2/3, 2/3, 0
    labels = [1, 0, 1, 0, 0]
    scores = [4, 3, 2, 1, 1]
    curve = roc_curve(labels, scores)
    youden = youden_point(curve)
    assert (youden.threshold, youden.sensitivity.value, youden.specificity.value) == (2, 1, pytest.approx(2 / 3))
    assert nearest_corner_point(curve).threshold == 2


def test_youden_and_nearest_corner_are_different_criteria():
    # (sensitivity, specificity) runs through (0.6, 1.0) and (0.75, 0.8): Youden 0.60 and 0.55, distance 0.40 and 0.32
    positives = [3] * 60 + [2] * 15 + [1] * 25
    negatives = [2] * 20 + [1] * 80
    curve = roc_curve([1] * 100 + [0] * 100, positives + negatives)
    assert youden_point(curve).threshold == 3
    assert nearest_corner_point(curve).threshold == 2


def test_proportion_interval_is_clopper_pearson():
    # 16 of 19: beta quantiles
    result = proportion(16, 19)
    assert (result.low, result.high) == pytest.approx((stats.beta.ppf(0.025, 16, 4), stats.beta.ppf(0.975, 17, 3)))
    assert np.isnan(proportion(0, 0).value)


def test_a_curve_of_one_class_is_refused():
    with pytest.raises(ValueError, match="both classes"):
        roc_curve([1, 1], [1.0, 2.0])
    assert np.isnan(auc_value([1, 1], [1.0, 2.0]))


def test_correlations_equal_scipy_with_ties():
    rng = np.random.default_rng(4)
    a = np.round(rng.normal(size=40), 1)
    b = np.round(a + rng.normal(size=40), 1)
    for ours, theirs in ((pearson, stats.pearsonr), (spearman, stats.spearmanr)):
        result = ours(a, b)
        reference = theirs(a, b)
        assert result.estimate.value == pytest.approx(reference.statistic)
        assert result.p == pytest.approx(reference.pvalue)
    interval = stats.pearsonr(a, b).confidence_interval()
    assert (pearson(a, b).estimate.low, pearson(a, b).estimate.high) == pytest.approx((interval.low, interval.high))


def test_spearman_intervals_hold_the_true_correlation():
    rng = np.random.default_rng(5)
    r = 0.7
    truth = 6 / np.pi * np.arcsin(r / 2)  # of a bivariate normal
    held = 0
    for _ in range(400):
        a = rng.normal(size=40)
        interval = spearman(a, r * a + np.sqrt(1 - r**2) * rng.normal(size=40)).estimate
        held += interval.low <= truth <= interval.high
    assert 0.92 < held / 400 < 0.985


def test_correlation_with_a_constant_is_undefined():
    assert np.isnan(spearman([1, 1, 1, 1], [1, 2, 3, 4]).estimate.value)


def test_bootstrap_of_independent_rows_equals_scipy():
    rng = np.random.default_rng(6)
    values = rng.exponential(size=50)
    for method, name in (("percentile", "percentile"), ("bca", "BCa")):
        ours = cluster_bootstrap(lambda rows: values[rows].mean(), range(50), rng, 6000, method=method).estimate
        theirs = stats.bootstrap((values,), np.mean, n_resamples=6000, method=name, rng=rng).confidence_interval
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_cluster_bootstrap_is_honest_where_rows_of_a_patient_are_copies():
    rng = np.random.default_rng(7)
    patients = np.repeat(np.arange(40), 10)
    values = rng.normal(size=40)[patients]

    def width(clusters):
        estimate = cluster_bootstrap(lambda rows: values[rows].mean(), clusters, rng, 1000).estimate
        return estimate.high - estimate.low

    expected = 2 * 1.96 * values[::10].std() / np.sqrt(40)
    assert width(patients) == pytest.approx(expected, rel=0.1)
    assert width(range(400)) < 0.4 * expected  # what ignoring the patients would claim


def test_cluster_rows_hold_every_row_once_with_its_own_label():
    labels = np.array(["b", "a", "b", "c", "a"])
    rows = cluster_rows(labels)
    assert [list(labels[r]) for r in rows] == [["a", "a"], ["b", "b"], ["c"]]
    assert sorted(np.concatenate(rows)) == [0, 1, 2, 3, 4]


def test_bootstrap_repeats_with_its_seed_and_counts_undefined_replicates():
    labels, scores = np.array([True, False, False, False]), np.array([3.0, 1.0, 2.0, 4.0])

    def run(seed):
        rng = np.random.default_rng(seed)
        return cluster_bootstrap(lambda rows: auc_value(labels[rows], scores[rows]), range(4), rng, 300)

    assert np.array_equal(run(1).replicates, run(1).replicates)
    assert not np.array_equal(run(1).replicates[:100], run(2).replicates[:100])
    assert run(1).undefined + run(1).replicates.size == 300
    assert run(1).undefined == pytest.approx(300 * 0.75**4, abs=30)


def test_bootstrap_correlation_brackets_the_estimate():
    rng = np.random.default_rng(8)
    a = rng.normal(size=40)
    b = a + rng.normal(size=40)
    estimate = bootstrap_correlation(a, b, range(40), rng, replicates=500)
    assert estimate.low < estimate.value < estimate.high
    assert estimate.value == pytest.approx(stats.spearmanr(a, b).statistic)


def disk(radius, center, shape=(120, 140)):
    y, x = np.ogrid[: shape[0], : shape[1]]
    return (x - center[0]) ** 2 + (y - center[1]) ** 2 <= radius**2


def test_overlap_of_squares_is_counted_in_pixels():
    first, second = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    first[:4, :4] = True
    second[2:6, :4] = True
    assert jaccard(first, second) == pytest.approx(8 / 24)
    assert dice(first, second) == pytest.approx(16 / 32)
    assert np.isnan(jaccard(np.zeros((3, 3), bool), np.zeros((3, 3), bool)))


def test_surface_distance_of_concentric_disks_is_the_difference_of_radii_in_mm():
    distance = surface_distance(disk(40, (70, 60)), disk(30, (70, 60)), spacing=(0.5, 0.5))
    assert distance.mean == pytest.approx(5, abs=0.15)
    assert distance.hausdorff95 == pytest.approx(5, abs=0.4)


def test_surface_distance_uses_row_and_column_spacing():
    tall = np.zeros((30, 30), bool)
    tall[5:20, 10:20] = True
    lower = np.roll(tall, 3, axis=0)
    distance = surface_distance(tall, lower, (2.0, 0.5))
    assert distance.hausdorff == pytest.approx(6)
    swapped = surface_distance(tall.T, lower.T, (0.5, 2.0))
    assert (distance.mean, distance.hausdorff95) == pytest.approx((swapped.mean, swapped.hausdorff95))
    with_island = tall.copy()
    with_island[12, 27] = True  # 8 columns from the nearest border pixel of tall
    distances = [surface_distance(*pair, (2.0, 0.5)).hausdorff for pair in ((tall, with_island), (with_island, tall))]
    assert distances == [4, 4]
    assert np.isnan(surface_distance(tall, np.zeros_like(tall)).mean)


def test_surface_distance_equals_monai():
    metrics = pytest.importorskip("monai.metrics", reason="MONAI is not installed")
    torch = pytest.importorskip("torch", reason="torch is not installed")
    first, second = disk(33, (66, 58)) & ~disk(20, (90, 40)), disk(30, (72, 61))
    batch = [torch.tensor(mask)[None, None] for mask in (first, second)]
    ours = surface_distance(first, second, (0.45, 0.45))
    hd95 = metrics.compute_hausdorff_distance(*batch, include_background=True, percentile=95, spacing=0.45)
    mean = metrics.compute_average_surface_distance(*batch, include_background=True, symmetric=True, spacing=0.45)
    assert ours.hausdorff95 == pytest.approx(float(hd95), abs=0.1)
    assert ours.mean == pytest.approx(float(mean), abs=0.05)
