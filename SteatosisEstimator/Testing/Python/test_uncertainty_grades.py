"""Steatosis grades: published cut-offs with their edges, and probabilities of the grades."""

import numpy as np
import pytest
from HepatoRenalIndexLib.imaging.image import InputError
from SteatosisEstimatorLib.cohort.vocabulary import ReferenceKind
from SteatosisEstimatorLib.uncertainty.grades import (
    GRADES,
    PUBLISHED_CUTOFFS,
    GradeCutoffs,
    default_cutoffs,
)
from SteatosisEstimatorLib.uncertainty.predictive import PredictiveDistribution


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        # H-MRS: S0 <= 3.12 < S1 <= 8.77 < S2 <= 13.69 < S3
        (ReferenceKind.H_MRS, {0: "S0", 3.12: "S0", 3.13: "S1", 8.77: "S1", 8.78: "S2", 13.69: "S2", 13.7: "S3"}),
        # NASH CRN: < 5 %, 5-33 %, > 33-66 %, > 66 %
        (ReferenceKind.BIOPSY, {4.9: "S0", 5: "S1", 33: "S1", 33.1: "S2", 66: "S2", 66.1: "S3", 100: "S3"}),
        # PDFF: < 6.4, 6.4-17.4, 17.4-22.1, >= 22.1
        (ReferenceKind.MRI_PDFF, {6.39: "S0", 6.4: "S1", 17.3: "S1", 17.4: "S2", 22.0: "S2", 22.1: "S3"}),
    ],
)
def test_grades_follow_the_published_cutoffs_with_their_edges(reference, expected):
    cutoffs = default_cutoffs(reference)
    assert {fat: cutoffs.grade(fat) for fat in expected} == expected
    assert cutoffs.source and cutoffs.reference is reference


def test_a_reference_that_is_not_stated_has_no_grades():
    assert default_cutoffs(ReferenceKind.NOT_STATED) is None


def test_probabilities_of_the_grades_sum_to_one_and_follow_the_distribution():
    levels = np.array([1.0, 2.0, 4.0, 6.0, 7.0, 9.0, 10.0, 20.0, 30.0])
    distribution = PredictiveDistribution(levels, (np.arange(9) + 1.5) / 10, np.linspace(0.1, 0.4, 9))
    chances = default_cutoffs(ReferenceKind.H_MRS).probabilities(distribution)
    assert list(chances) == list(GRADES) and sum(chances.values()) == pytest.approx(1)
    assert list(chances.values()) == pytest.approx([0.25, 0.3, 0.2, 0.25])


def test_probabilities_of_the_grades_do_not_contradict_those_of_5_and_10_percent():
    levels = np.array([1.0, 2.0, 4.0, 6.0, 7.0, 9.0, 10.0, 20.0, 30.0])
    distribution = PredictiveDistribution(levels, (np.arange(9) + 1.5) / 10, np.linspace(0.1, 0.4, 9))
    for five, ten in ((0.9, 0.8), (0.2, 0.1), (0.6, 0.5)):
        for reference in (ReferenceKind.BIOPSY, ReferenceKind.H_MRS, ReferenceKind.MRI_PDFF):
            cutoffs = default_cutoffs(reference)
            chances = list(cutoffs.probabilities(distribution, {5: five, 10: ten}).values())
            assert sum(chances) == pytest.approx(1) and min(chances) >= 0
            for cut, reached in zip(cutoffs.percent, 1 - np.cumsum(chances)[:3], strict=True):
                assert cut > 5 or reached >= five - 1e-9
                assert cut < 5 or reached <= five + 1e-9
                assert cut > 10 or reached >= ten - 1e-9
                assert cut < 10 or reached <= ten + 1e-9
    at_five = default_cutoffs(ReferenceKind.BIOPSY).probabilities(distribution, {5: 0.9, 10: 0.8})
    assert at_five["S0"] == pytest.approx(1 - 0.9)


def test_every_reference_method_has_the_cutoffs_of_its_own():
    assert default_cutoffs(ReferenceKind.NOT_STATED) is None
    for cutoffs in PUBLISHED_CUTOFFS.values():
        assert default_cutoffs(cutoffs.reference) is cutoffs


def test_cutoffs_out_of_order_or_without_a_source_are_refused():
    with pytest.raises(InputError, match="must rise"):
        GradeCutoffs(ReferenceKind.BIOPSY, (5.0, 4.0, 66.0), (True, False, False), "protocol")
    with pytest.raises(InputError, match="need their source"):
        GradeCutoffs(ReferenceKind.BIOPSY, (5.0, 33.0, 66.0), (True, False, False), " ")
    with pytest.raises(InputError, match="no fat percentage"):
        default_cutoffs(ReferenceKind.BIOPSY).grade(float("nan"))
