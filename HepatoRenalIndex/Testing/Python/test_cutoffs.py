"""Cut-offs are settings with a source."""

from dataclasses import replace

import pytest
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.measurement.columns import COLUMNS
from HepatoRenalIndexLib.measurement.cutoffs import PUBLISHED_CUTOFFS, Cutoff, cutoff_named
from HepatoRenalIndexLib.pipeline.measure import MeasurementSettings, measure_frame
from HepatoRenalIndexLib.simulation.sample import sample_phantom


def cells(result):
    return {column.name: column.text(result) for column in COLUMNS if "cutoff" in column.name}


@pytest.fixture(scope="module")
def phantom():
    return sample_phantom("sector")


def test_no_cutoff_is_applied_unless_asked_for(phantom):
    result = measure_frame(phantom.image, None, masks=phantom.masks)
    assert result.reaches_cutoff is None
    assert set(cells(result).values()) == {""}


def test_a_cutoff_names_its_source_beside_what_it_says(phantom):
    settings = MeasurementSettings(cutoff=Cutoff(1.2, "protocol of the ward"))
    result = measure_frame(phantom.image, None, settings, masks=phantom.masks)
    hri = result.measurement.hri
    assert cells(result) == {
        "cutoff": "1.2",
        "cutoff_source": "protocol of the ward",
        "reaches_cutoff": "yes" if hri >= 1.2 else "no",
    }
    for value, reached in ((hri, True), (hri + 1e-6, False)):
        assert replace(result, cutoff=Cutoff(value, "x")).reaches_cutoff is reached


def test_a_cutoff_is_a_published_name_or_a_number_with_its_source():
    assert cutoff_named("jum2015") is PUBLISHED_CUTOFFS["jum2015"]
    assert cutoff_named("1.49", "our study") == Cutoff(1.49, "our study")
    for text, source, says in (("1.49", "", "source"), ("fatty", "x", "jum2015"), ("-3", "x", "cannot be meant")):
        with pytest.raises(InputError, match=says):
            cutoff_named(text, source)
