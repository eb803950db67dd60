"""Maps of what an estimate rests on, of networks and of models that measure."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from drawn_cohort import write_drawn_cohort
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.measurement.organs import OrganMasks
from HepatoRenalIndexLib.measurement.roi import Roi
from SteatosisEstimatorLib.cohort.reading import read_cohort
from SteatosisEstimatorLib.cohort.vocabulary import View
from SteatosisEstimatorLib.estimation import explained
from SteatosisEstimatorLib.estimation.explained import explain_subject, region_map
from SteatosisEstimatorLib.recipes.base import Job, settings_from


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    return read_cohort(write_drawn_cohort(folder, fat=(12.0,), views=("ar", "hr"))).subjects[0]


@pytest.fixture(scope="module")
def estimator():
    """A network of two branches."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("monai", reason="MONAI is not installed")
    from SteatosisEstimatorLib.networks.cnn5 import ClipNetwork
    from SteatosisEstimatorLib.recipes.cnn5_clip.model import Cnn5Model
    from SteatosisEstimatorLib.recipes.cnn5_clip.settings import Cnn5Settings

    values = {"crop_px": 140, "size": 48, "filters": [4, 4], "dense_units": 8}
    settings = settings_from(Cnn5Settings(), values)
    torch.manual_seed(3)
    network = ClipNetwork(2, settings.size, settings.filters, settings.kernel, settings.dense_units).eval()
    for parameter in network.parameters():
        parameter.data.abs_()  # brightness is evidence for fat everywhere
    return SimpleNamespace(model=SimpleNamespace(fitted=Cnn5Model("ar-hr", settings, network, {})))


def test_a_network_has_a_map_over_the_source_of_every_view(estimator, subject, tmp_path):
    prediction = estimator.model.fitted.predict(subject, Job(tmp_path))
    for method in ("grad-cam", "shap"):
        maps = explain_subject(estimator, subject, prediction, method, device="cpu")
        assert [one.view for one in maps] == [View.AR, View.HR]
        for one in maps:
            assert (one.method, one.quantity, one.index) == (method, "fat_percent", 0)
            assert one.values.shape == (150, 200)
            assert one.values.dtype == np.float32
            assert np.abs(one.values).max() in (0, pytest.approx(1))
            assert not one.values[:8, :40].any()  # outside of the scan
            assert one.values.any()


def test_a_method_that_the_network_does_not_allow_is_one_sentence(estimator, subject, tmp_path):
    prediction = estimator.model.fitted.predict(subject, Job(tmp_path))
    with pytest.raises(InputError, match="choose grad-cam"):
        explain_subject(estimator, subject, prediction, "cam")
    with pytest.raises(InputError, match="no explanation"):
        explain_subject(estimator, subject, prediction, "eyes")


def test_regions_are_organs_with_their_edges_and_the_borders_of_the_rois():
    liver, kidney = np.zeros((60, 80), bool), np.zeros((60, 80), bool)
    liver[10:30, 10:70], kidney[35:50, 20:60] = True, True
    roi = SimpleNamespace(roi=Roi(20, 14, 10, 10))
    result = SimpleNamespace(
        image=SimpleNamespace(pixels=np.zeros((60, 80), np.uint8)),
        masks=OrganMasks(liver, kidney),
        measurement=SimpleNamespace(liver=roi, kidney=SimpleNamespace(roi=Roi(30, 37, 8, 8))),
    )
    values = region_map(result)
    assert values.dtype == np.float32
    assert values[20, 60] == explained.LIVER
    assert values[10, 60] == values[11, 60] == explained.LIVER_EDGE
    assert values[45, 50] == explained.KIDNEY
    assert values[35, 50] == explained.KIDNEY_EDGE
    assert values[14, 25] == values[23, 29] == explained.LIVER_ROI
    assert values[18, 25] == explained.LIVER  # what is measured stays free
    assert values[37, 33] == explained.KIDNEY_ROI
    assert values[0, 0] == explained.NO_REGION
    unmeasured = SimpleNamespace(image=result.image, masks=result.masks, measurement=None)
    assert not np.isin(region_map(unmeasured), (explained.LIVER_ROI, explained.KIDNEY_ROI)).any()
