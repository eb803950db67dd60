"""Views told by what scanners and people write."""

from __future__ import annotations

import pytest
from SteatosisEstimatorLib.cohort.guessing import guess_view
from SteatosisEstimatorLib.cohort.vocabulary import View


@pytest.mark.parametrize("view", View, ids=lambda view: view.value)
def test_a_view_of_the_vocabulary_is_taken_at_its_word(view):
    for text in (view.value, view.value.upper(), view.value.replace("-", "_"), f" {view.value.replace('-', ' ')} "):
        assert guess_view([text]) is view


@pytest.mark.parametrize(
    ("text", "view"),
    [
        ("Abd Liver/Rt Kidney SAG", View.LIVER_KIDNEY),
        ("RUQ liver and right kidney", View.LIVER_KIDNEY),
        ("Kidney Liver", View.KIDNEY_LIVER),
        ("Morison's pouch", View.LIVER_KIDNEY),
        ("HRI clip 2", View.LIVER_KIDNEY),
        ("Hepatorenal index", View.LIVER_KIDNEY),
        ("Hepato-Renal ratio", View.HR),
        ("Attenuation rate", View.AR),
        ("AR_003", View.AR),
        ("Hepatic Veins / IVC", View.HEPATIC_VEINS),
        ("RT PORTAL VEIN", View.RIGHT_PORTAL_VEIN),
        ("Right posterior portal vein trans", View.RIGHT_POSTERIOR_PORTAL_VEIN),
        ("Liver intercostal", View.LIVER),
        ("liver intercostal with renal cortex", View.LIVER_KIDNEY),
        ("LIVER", View.LIVER),
    ],
)
def test_words_of_scanners_and_people_tell_the_view(text, view):
    assert guess_view([text]) is view


@pytest.mark.parametrize(
    "text", ["", "  ", "Abdomen", "IM000123", "Oliver 3", "arm", "Spleen long axis", "US 2D", "Thrush"]
)
def test_what_tells_nothing_is_not_guessed(text):
    assert guess_view([text]) is None


def test_the_first_text_that_tells_something_counts():
    assert guess_view(["", "Abdomen", "hepatic veins", "liver-kidney.dcm"]) is View.HEPATIC_VEINS
    assert guess_view([]) is None
