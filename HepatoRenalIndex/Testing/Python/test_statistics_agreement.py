"""Agreement statistics against published worked examples, direct sums and simulated truth."""

import itertools

import numpy as np
import pytest
from HepatoRenalIndexLib.statistics.agreement import bland_altman, concordance, concordance_value
from HepatoRenalIndexLib.statistics.icc import IccForm, icc, icc_all, icc_value, icc_word, mean_squares

# Shrout and Fleiss 1979, Table 2: six subjects, four judges
SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
# Bland and Altman 1986, Table: first peak expiratory flow by Wright meter and mini Wright meter, l/min
WRIGHT = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427], float)
MINI = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451], float)


@pytest.mark.parametrize(
    ("form", "value", "low", "high"),
    [
        ("ICC(1,1)", 0.17, -0.13, 0.72),
        ("ICC(2,1)", 0.29, 0.02, 0.76),
        ("ICC(3,1)", 0.71, 0.34, 0.95),
        ("ICC(1,k)", 0.44, -0.88, 0.91),
        ("ICC(2,k)", 0.62, 0.07, 0.93),
        ("ICC(3,k)", 0.91, 0.68, 0.99),
    ],
)
def test_icc_gives_the_figures_of_shrout_and_fleiss(form, value, low, high):
    result = icc_all(SHROUT_FLEISS)[IccForm(form)]
    assert (round(result.value, 2), round(result.low, 2), round(result.high, 2)) == (value, low, high)
    assert (result.subjects, result.raters) == (6, 4)


def test_icc_mean_squares_are_those_printed_by_shrout_and_fleiss():
    s = mean_squares(SHROUT_FLEISS)
    printed = (11.24, 6.26, 32.49, 1.02)
    assert np.allclose((s.between_subjects, s.within_subjects, s.between_raters, s.error), printed, atol=0.006)


def test_icc_equals_the_mean_squares_summed_cell_by_cell():
    ratings = np.random.default_rng(1).normal(size=(7, 3)) + np.arange(7)[:, None]
    n, k = ratings.shape
    grand = sum(ratings.ravel()) / (n * k)
    bms = k * sum((sum(row) / k - grand) ** 2 for row in ratings) / (n - 1)
    jms = n * sum((sum(column) / n - grand) ** 2 for column in ratings.T) / (k - 1)
    total = sum((ratings[i, j] - grand) ** 2 for i, j in itertools.product(range(n), range(k)))
    ems = (total - bms * (n - 1) - jms * (k - 1)) / ((n - 1) * (k - 1))
    assert icc_value(ratings) == pytest.approx((bms - ems) / (bms + (k - 1) * ems + k * (jms - ems) / n))


def test_consistency_ignores_a_constant_offset_of_a_rater_and_absolute_agreement_does_not():
    truth = np.random.default_rng(2).normal(size=30)
    ratings = np.stack([truth, truth + 2], axis=1)
    assert icc_value(ratings, IccForm.TWO_WAY_MIXED_SINGLE) == pytest.approx(1)
    assert icc_value(ratings, IccForm.TWO_WAY_RANDOM_SINGLE) < 0.5


def test_icc_intervals_hold_the_true_coefficient_about_as_often_as_they_claim():
    rng = np.random.default_rng(3)
    subject_sd, rater_sd, error_sd = 1.0, 0.3, 0.6
    absolute = subject_sd**2 / (subject_sd**2 + rater_sd**2 + error_sd**2)
    consistency = subject_sd**2 / (subject_sd**2 + error_sd**2)
    held = np.zeros((400, 2))
    for trial in range(400):
        ratings = subject_sd * rng.normal(size=(25, 1)) + rater_sd * rng.normal(size=(1, 6))
        ratings = ratings + error_sd * rng.normal(size=(25, 6))
        for column, (form, truth) in enumerate([("ICC(2,1)", absolute), ("ICC(3,1)", consistency)]):
            result = icc(ratings, IccForm(form))
            held[trial, column] = result.low <= truth <= result.high
    assert (held.mean(axis=0) > 0.92).all() and (held.mean(axis=0) < 0.985).all()


def test_a_subject_with_a_missing_rating_is_left_out_and_counted():
    ratings = np.vstack([SHROUT_FLEISS, [5, np.nan, 5, 5]])
    assert icc(ratings).dropped == 1
    assert icc(ratings).value == icc(SHROUT_FLEISS).value
    with pytest.raises(ValueError, match="finite"):
        icc_value(ratings)


def test_icc_of_equal_ratings_is_undefined_and_of_perfect_agreement_one():
    assert np.isnan(icc(np.ones((5, 2))).value)
    perfect = icc(np.repeat(np.arange(5.0)[:, None], 2, axis=1))
    assert (perfect.value, perfect.low, perfect.high) == (1, 1, 1)


def test_icc_needs_two_subjects_and_two_raters():
    with pytest.raises(ValueError, match="two subjects and two raters"):
        icc(np.ones((5, 1)))


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (-0.2, "poor"),
        (0.5, "poor"),
        (0.51, "moderate"),
        (0.704, "moderate"),
        (0.706, "high"),
        (0.734, "high"),
        (0.9, "high"),
        (0.91, "excellent"),
        (1.0, "excellent"),
        (float("nan"), "undefined"),
    ],
)
def test_icc_words_follow_the_scale_of_cha_2021(value, word):
    assert icc_word(value) == word


def test_both_families_of_names_are_known():
    names = [form.mcgraw_wong for form in IccForm]
    assert names == ["ICC(1)", "ICC(A,1)", "ICC(C,1)", "ICC(k)", "ICC(A,k)", "ICC(C,k)"]
    assert IccForm.TWO_WAY_RANDOM_SINGLE.words == "two-way random, absolute agreement, single measurement"
    assert IccForm.TWO_WAY_MIXED_AVERAGE.words == "two-way mixed, consistency, average measurement"


def test_bland_altman_gives_the_figures_of_the_1986_paper():
    result = bland_altman(WRIGHT, MINI)
    assert (round(result.bias.value, 1), round(result.sd, 1)) == (-2.1, 38.8)
    assert (round(result.bias.low, 1), round(result.bias.high, 1)) == (-22.0, 17.8)
    # the paper takes 2 SD and the approximation 3 s^2 / n: limits -79.7 and 75.5, their intervals as below
    assert np.allclose([result.loa_low.value, result.loa_high.value], [-78.1, 73.9], atol=0.05)
    assert np.allclose([result.loa_low.low, result.loa_low.high], [-114.3, -45.1], atol=2)
    assert np.allclose([result.loa_high.low, result.loa_high.high], [40.9, 110.1], atol=2)


def test_bland_altman_limit_interval_holds_the_true_limit_as_often_as_it_claims():
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(500):
        low = bland_altman(rng.normal(size=40), np.zeros(40)).loa_low
        held += low.low <= -1.959964 <= low.high
    assert 0.92 < held / 500 < 0.98


def test_proportional_bias_is_found_with_its_slope():
    rng = np.random.default_rng(5)
    truth = rng.uniform(1, 3, 200)
    result = bland_altman(1.2 * truth, truth + rng.normal(scale=0.02, size=200))
    assert result.slope.low < 0.2 / 1.1 < result.slope.high
    assert result.slope_p < 1e-6
    same = bland_altman(truth + rng.normal(scale=0.1, size=200), truth + rng.normal(scale=0.1, size=200))
    assert same.slope_p > 0.01


def test_concordance_of_the_peak_flow_data_is_the_published_one():
    # the worked example of Steichen TJ, Cox NJ. Stata Technical Bulletin 1998;43:35-39
    assert round(concordance(WRIGHT, MINI).value, 3) == 0.943


def test_concordance_interval_holds_the_true_coefficient_about_as_often_as_it_claims():
    rng = np.random.default_rng(7)
    r, shift, scale = 0.8, 0.4, 1.2  # second = shift + scale * (r z1 + sqrt(1 - r^2) z2)
    truth = 2 * r * scale / (1 + scale**2 + shift**2)
    held = 0
    for _ in range(500):
        first, noise = rng.normal(size=(2, 60))
        result = concordance(first, shift + scale * (r * first + np.sqrt(1 - r**2) * noise))
        held += result.low <= truth <= result.high
    assert 0.92 < held / 500 < 0.98


def test_concordance_equals_its_definition_and_punishes_scale_and_shift():
    rng = np.random.default_rng(6)
    a = rng.normal(size=50)
    b = a + rng.normal(scale=0.3, size=50)
    mean_square_difference = sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) / 50
    independence = np.var(a) + np.var(b) + (a.mean() - b.mean()) ** 2
    assert concordance_value(a, b) == pytest.approx(1 - mean_square_difference / independence)
    assert concordance_value(a, 2 * a) < 0.85
    assert concordance_value(a, a + 1) < 0.75
    assert np.isnan(concordance_value([1, 1, 1], [1, 1, 1]))


def test_pairs_of_different_length_or_with_gaps_are_refused():
    with pytest.raises(ValueError, match="one length"):
        bland_altman([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="finite"):
        concordance([1, 2, np.nan], [1, 2, 3])
    with pytest.raises(ValueError, match="at least 3"):
        bland_altman([1, 2], [1, 2])
