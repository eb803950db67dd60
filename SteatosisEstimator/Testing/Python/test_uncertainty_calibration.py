"""Intervals and probabilities of the fat percentage: coverage in simulated studies, limits, and files."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from HepatoRenalIndexLib.imaging.image import InputError
from SteatosisEstimatorLib.uncertainty.calibration import FatCalibration, Scale, calibrate_fat
from SteatosisEstimatorLib.uncertainty.predictive import PredictiveDistribution
from SteatosisEstimatorLib.uncertainty.probability import (
    ProbabilityCalibration,
    calibrate_probability,
)

# Fat percentages like those of a surgical cohort: half below 10, a long tail to 80
SHAPE = [0, 1, 1, 2, 2, 2, 2, 3, 3, 5, 7, 10, 10, 15, 20, 20, 25, 30, 40, 50, 55, 70, 70, 75, 80]


def names(n):
    return [f"s{i:03d}" for i in range(n)]


class Study:
    """Subjects whose image says something of their fat, and a regression on it."""

    def __init__(self, rng, n, columns=2):
        self.fat = np.clip(rng.choice(SHAPE, n) + rng.normal(0, 1, n), 0, 100)
        signal = np.sqrt(self.fat) + rng.normal(0, 1.3, n)  # errors that grow with fat
        noise = rng.normal(size=(n, columns - 1))
        self.design = np.column_stack([np.ones(n), signal, noise])

    def fit(self):
        """Coefficients, and predictions of every subject by the regression without it (percent)."""
        inverse = np.linalg.inv(self.design.T @ self.design)
        coefficients = inverse @ self.design.T @ np.sqrt(self.fat)
        leverage = np.einsum("ij,jk,ik->i", self.design, inverse, self.design)
        error = np.sqrt(self.fat) - self.design @ coefficients
        without = np.sqrt(self.fat) - error / (1 - leverage)
        return coefficients, np.maximum(without, 0) ** 2


def new_subjects(rng, coefficients, count, columns):
    later = Study(rng, count, columns)
    return later.fat, np.maximum(later.design @ coefficients, 0) ** 2


@dataclass
class Later:
    """What was promised for new subjects of many studies, and how much fat they had."""

    fat: np.ndarray
    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    chances: np.ndarray  # (subjects, 3), of at least 5, 10 and 30 %


def many_studies(seed, n, columns, count=25, fit=lambda study: study.fit()):
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        study = Study(rng, n, columns)
        coefficients, predicted = fit(study)
        calibration = calibrate_fat(predicted, study.fat, names(n))
        for fat, estimate in zip(*new_subjects(rng, coefficients, 60, columns), strict=True):
            distribution = calibration.predict(estimate)
            chances = [distribution.probability_at_least(t) for t in (5, 10, 30)]
            rows.append((fat, estimate, *distribution.interval(0.9), *chances))
    table = np.array(rows)
    return Later(*table[:, :4].T, chances=table[:, 4:])


@pytest.fixture(scope="module")
def forty_subjects():
    return many_studies(1, 40, 2)


def check_coverage(later):
    covered = (later.low <= later.fat) & (later.fat <= later.high)
    lean = later.estimate < np.median(later.estimate)
    assert 0.885 < covered.mean() < 0.96
    assert covered[lean].mean() > 0.87 and covered[~lean].mean() > 0.87  # not only on the average of both
    width = later.high - later.low
    assert width[lean].mean() < width[~lean].mean()


def test_intervals_hold_the_truth_of_new_subjects_as_often_as_promised(forty_subjects):
    check_coverage(forty_subjects)


@pytest.mark.parametrize(("n", "columns"), [(40, 12), (25, 2)])
def test_intervals_are_honest_with_many_features_and_with_few_subjects(n, columns):
    check_coverage(many_studies(n + columns, n, columns, 20))


def test_probabilities_are_as_frequent_as_they_say(forty_subjects):
    for chances, threshold in zip(forty_subjects.chances.T, (5, 10, 30), strict=True):
        fatty = forty_subjects.fat >= threshold
        assert chances.mean() == pytest.approx(fatty.mean(), abs=0.03)
        for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1)):
            group = (chances >= low) & (chances < high)
            assert group.sum() > 40
            assert fatty[group].mean() == pytest.approx(chances[group].mean(), abs=0.12)


def seen_by_the_model(study):
    coefficients, _ = study.fit()
    return coefficients, np.maximum(study.design @ coefficients, 0) ** 2


def test_predictions_of_subjects_the_model_has_seen_promise_too_much():
    """What the calibration is for: with predictions in sample the intervals cover too little."""
    later = many_studies(1, 40, 16, 12, seen_by_the_model)
    assert np.mean((later.low <= later.fat) & (later.fat <= later.high)) < 0.82


def a_calibration(n=40, seed=0, scale=Scale.SQUARE_ROOT):
    study = Study(np.random.default_rng(seed), n)
    return calibrate_fat(study.fit()[1], study.fat, names(n), scale)


@pytest.mark.parametrize("scale", list(Scale))
def test_intervals_stay_within_what_a_liver_can_hold(scale):
    calibration = a_calibration(scale=scale)
    for estimate in (-30.0, 0.0, 0.4, 12.0, 99.0, 250.0):
        distribution = calibration.predict(estimate)
        for level in (0.5, 0.9, 0.99):
            low, high = distribution.interval(level)
            assert 0 <= low <= high <= 100
        chances = [distribution.probability_at_least(p) for p in (0.01, 1, 5, 5.5, 10, 50, 99, 100)]
        assert all(0 < chance < 1 for chance in chances)
        assert chances == sorted(chances, reverse=True)


def test_a_wider_level_and_a_higher_estimate_never_turn_back():
    calibration = a_calibration()
    at = [calibration.predict(e) for e in np.linspace(0, 80, 30)]
    assert np.all(np.diff([d.probability_at_least(5) for d in at]) >= 0)
    assert np.all(np.diff([d.interval()[0] for d in at]) >= 0) and np.all(np.diff([d.interval()[1] for d in at]) >= 0)
    widths = [np.subtract(*at[10].interval(level)[::-1]) for level in (0.5, 0.7, 0.8, 0.9, 0.95)]
    assert widths == sorted(widths)


def test_an_interval_takes_the_share_that_held_the_subjects_seen():
    cumulative = (np.arange(1, 20) - 0.5) / 19  # levels 1 to 19
    seen = np.arange(1, 20) / 40  # deviations 0.025 .. 0.475
    distribution = PredictiveDistribution(np.arange(1.0, 20.0), cumulative, seen)
    # the 10th of 19 deviations, 0.25: from P = 0.25 to 0.75
    assert distribution.interval(0.5) == (6.0, 15.0)
    assert distribution.interval(0.96) == (0.0, 100.0)  # no 20th
    assert distribution.median == 10
    assert distribution.probability_at_least(19) == pytest.approx(1.5 / 19)
    assert distribution.probability_above(19) == pytest.approx(0.5 / 19)
    assert distribution.probability_at_least(18.5) == distribution.probability_at_least(19)
    assert distribution.probability_at_least(0.5) == pytest.approx(1 - 0.5 / 19)
    assert distribution.deviation(10) == pytest.approx(0.5 / 19)
    assert distribution.deviation(10.5) == pytest.approx(0)
    assert distribution.deviation(30) == pytest.approx(0.5 - 0.5 / 19)


def test_an_interval_is_open_beyond_what_was_seen_and_never_a_single_value():
    rng = np.random.default_rng(12)
    fat = rng.uniform(2, 30, 40)
    calibration = calibrate_fat(fat * np.exp(rng.normal(0, 0.1, 40)), fat, names(40))
    low, high = calibration.predict(90).interval()
    assert low < fat.max() and high == 100
    low, high = calibration.predict(0).interval()
    assert low == 0 and high > fat.min()
    perfect = calibrate_fat(fat, fat, names(40))
    for estimate in np.linspace(0, 40, 60):
        low, high = perfect.predict(estimate).interval(0.3)
        assert low < high
    nearly_all_alike = calibrate_fat(rng.random(40), np.r_[np.zeros(39), 50], names(40))
    assert nearly_all_alike.predict(0.5).interval() == (0, 50)


def test_any_calibration_that_was_learned_can_be_read_again():
    for predicted, fat in (
        (np.linspace(5, 5 + 1e-7, 40), np.linspace(5, 9, 40)),
        (np.arange(40) * 2.0, np.arange(40) * 2.0),
        (np.linspace(3, 3.1, 40), np.repeat([0.0, 100.0], 20)),
    ):
        for scale in Scale:
            calibration = calibrate_fat(predicted, fat, names(40), scale)
            again = FatCalibration.from_json(json.loads(json.dumps(calibration.to_json())))
            assert again.predict(5).interval() == calibration.predict(5).interval()


def test_too_few_subjects_give_an_interval_that_says_so():
    assert a_calibration(8).predict(20).interval(0.9) == (0.0, 100.0)
    assert a_calibration(8).predict(20).interval(0.5) != (0.0, 100.0)


def test_on_the_subjects_themselves_mean_probability_and_share_agree_at_every_threshold():
    study = Study(np.random.default_rng(9), 60)
    predicted = study.fit()[1]
    calibration = calibrate_fat(predicted, study.fat, names(60))
    for threshold in (2, 5, 10, 33):
        chances = [calibration.predict(e).probability_at_least(threshold) for e in predicted]
        assert np.mean(chances) == pytest.approx(np.mean(study.fat >= threshold), abs=0.02)


def test_predictions_that_say_nothing_give_everybody_the_distribution_of_all():
    rng = np.random.default_rng(10)
    fat = np.clip(rng.choice(SHAPE, 40).astype(float), 0, 100)
    for predicted in (np.full(40, 12.0), -fat):  # constant, and upside down (all counted as 0)
        calibration = calibrate_fat(predicted, fat, names(40))
        chances = [calibration.predict(e).probability_at_least(5) for e in (0, 20, 90)]
        assert chances == pytest.approx([np.mean(fat >= 5)] * 3, abs=0.02)
    wrong_way = calibrate_fat(100 - fat, fat, names(40))
    assert wrong_way.slope == 0


def test_the_slope_is_that_of_a_proportional_odds_model():
    rng = np.random.default_rng(11)
    x = rng.uniform(0, 9, 1500)
    latent = 1.5 * x + rng.logistic(size=1500)
    fat = np.clip(np.round(latent) * 4, 0, 100)
    calibration = calibrate_fat(x**2, fat, names(1500))
    assert calibration.slope == pytest.approx(1.5, rel=0.08)
    distribution = calibration.predict(5.0**2)
    assert distribution.probability_at_least(30) == pytest.approx(1 / (1 + np.exp(-(7.5 - 7.5))), abs=0.05)


def test_a_calibration_comes_back_from_its_file_the_same():
    calibration = a_calibration()
    again = FatCalibration.from_json(json.loads(json.dumps(calibration.to_json())))
    assert np.array_equal(again.predict(17.0).cumulative, calibration.predict(17.0).cumulative)
    assert again.predict(17.0).interval() == calibration.predict(17.0).interval()
    assert again.subjects == 40 and "s001" not in json.dumps(calibration.to_json())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": "something"}, "holds no fat calibration"),
        ({"version": 2}, "another version"),
        ({"scale": "cubic"}, "unknown scale"),
        ({"slope": -1.0}, "contradicts itself"),
        ({"slope": None}, "no sensible number"),
        ({"levels": [5.0, 4.0]}, "contradicts itself"),
        ({"levels": [5.0, 400.0]}, "no sensible number"),
        ({"intercepts": [1.0]}, "contradicts itself"),
        ({"deviations": "1, 2, 3"}, "no usable deviations"),
        ({"deviations": [0.1, 0.2]}, "no usable deviations"),
        ({"deviations": [0.1, 0.2, float("nan")]}, "no sensible number"),
        ({"deviations": [0.1, 0.2, 0.7]}, "no sensible number"),
        ({"deviations": [0.1, 0.2, True]}, "no sensible number"),
        ({"deviations": [-0.1, 0.2, 0.3]}, "contradicts itself"),
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence(change, sentence):
    with pytest.raises(InputError, match=sentence):
        FatCalibration.from_json({**a_calibration().to_json(), **change})
    with pytest.raises(InputError, match="lacks deviations"):
        FatCalibration.from_json({k: v for k, v in a_calibration().to_json().items() if k != "deviations"})
    with pytest.raises(InputError, match="holds no"):
        FatCalibration.from_json([1, 2])


def test_subjects_that_cannot_calibrate_are_refused():
    with pytest.raises(InputError, match="Subject b comes twice"):
        calibrate_fat([1, 2, 3], [1, 2, 3], ["a", "b", "b"])
    with pytest.raises(InputError, match="outside 0 to 100"):
        calibrate_fat([1, 2, 3], [1, 2, 300], ["a", "b", "c"])
    with pytest.raises(InputError, match="no number"):
        calibrate_fat([1, 2, np.nan], [1, 2, 3], ["a", "b", "c"])
    with pytest.raises(InputError, match="at least 3"):
        calibrate_fat([1, 2], [1, 2], ["a", "b"])
    with pytest.raises(InputError, match="one prediction"):
        calibrate_fat([1, 2, 3], [1, 2], ["a", "b", "c"])
    with pytest.raises(InputError, match="same fat percentage"):
        calibrate_fat([1, 2, 3], [5, 5, 5], ["a", "b", "c"])
    with pytest.raises(InputError, match="no number"):
        a_calibration().predict(float("nan"))
    with pytest.raises(InputError, match="cannot be meant"):
        a_calibration().predict(5).probability_at_least(0)
    with pytest.raises(InputError, match="between 0 and 1"):
        a_calibration().predict(5).interval(90)


def overconfident(rng, n):
    """Probabilities that are too near to 0 and 1, and what happened."""
    logit = rng.normal(0, 1.5, n)
    fatty = rng.random(n) < 1 / (1 + np.exp(-logit))
    return 1 / (1 + np.exp(-3 * logit - 1)), fatty


def test_platt_equals_a_logistic_regression_on_weighted_targets():
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed")
    probability, fatty = overconfident(np.random.default_rng(3), 60)
    ours = calibrate_probability(probability, fatty, names(60))
    positives = fatty.sum()
    target = np.where(fatty, (positives + 1) / (positives + 2), 1 / (60 - positives + 2))
    logit = np.clip(np.log(probability / (1 - probability)), *np.log([1e-6, 1e6]))[:, None]
    model = linear.LogisticRegression(C=1e12, tol=1e-10, max_iter=10000)
    model.fit(np.vstack([logit, logit]), np.repeat([1, 0], 60), sample_weight=np.concatenate([target, 1 - target]))
    assert (ours.slope, ours.intercept) == pytest.approx([model.coef_[0, 0], model.intercept_[0]], abs=1e-3)


def test_calibrated_probabilities_are_better_for_new_subjects():
    rng = np.random.default_rng(5)
    before, after = [], []
    for _ in range(40):
        calibration = calibrate_probability(*overconfident(rng, 40), names(40))
        raw, fatty = overconfident(rng, 200)
        calibrated = np.array([calibration.predict(p) for p in raw])
        before.append(np.mean((raw - fatty) ** 2))
        after.append(np.mean((calibrated - fatty) ** 2))
        order = np.argsort(raw)
        assert np.all(np.diff(calibrated[order]) >= 0)
    assert np.mean(after) < 0.9 * np.mean(before)


def test_a_perfect_classifier_of_few_subjects_is_not_believed_to_be_certain():
    fatty = np.arange(20) >= 10
    calibration = calibrate_probability(np.where(fatty, 1.0, 0.0), fatty, names(20))
    assert 0.5 < calibration.predict(1.0) <= 1 - 0.5 / 21
    assert 0.5 / 21 <= calibration.predict(0.0) < 0.5


def test_a_classifier_worse_than_chance_says_the_prevalence_and_does_not_turn_round():
    fatty = np.arange(40) >= 30
    calibration = calibrate_probability(np.where(fatty, 0.2, 0.8), fatty, names(40))
    assert calibration.predict(0.1) == pytest.approx(calibration.predict(0.9))
    assert calibration.predict(0.5) == pytest.approx(0.25, abs=0.04)


def test_a_probability_calibration_comes_back_from_its_file_the_same():
    calibration = calibrate_probability(*overconfident(np.random.default_rng(6), 50), names(50))
    again = ProbabilityCalibration.from_json(json.loads(json.dumps(calibration.to_json())))
    assert [again.predict(p) for p in (0, 0.3, 1)] == [calibration.predict(p) for p in (0, 0.3, 1)]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"method": "beta"}, "unknown method"),
        ({"knots": [-1.0, 0.0]}, "not a rising curve"),
        ({"knots": [1.0, 0.0, 2.0]}, "not a rising curve"),
        ({"subjects": 0}, "not a rising curve"),
        ({"subjects": "many"}, "no sensible number"),
    ],
)
def test_a_damaged_probability_calibration_is_refused(change, sentence):
    calibration = calibrate_probability(*overconfident(np.random.default_rng(6), 50), names(50))
    with pytest.raises(InputError, match=sentence):
        ProbabilityCalibration.from_json({**calibration.to_json(), **change})


def test_probabilities_that_cannot_be_calibrated_are_refused():
    with pytest.raises(InputError, match="one side of the threshold"):
        calibrate_probability([0.1, 0.5, 0.9], [True, True, True], names(3))
    with pytest.raises(InputError, match="outside 0 to 1"):
        calibrate_probability([0.1, 0.5, 1.9], [True, False, True], names(3))
    calibration = calibrate_probability([0.1, 0.5, 0.9], [False, False, True], names(3))
    with pytest.raises(InputError, match="no probability"):
        calibration.predict(float("nan"))
