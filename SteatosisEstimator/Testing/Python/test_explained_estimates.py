"""Maps of what an estimate rests on, of networks and of models that measure."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from drawn_cohort import write_drawn_cohort
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.measurement.organs import OrganMasks
from HepatoRenalIndexLib.measurement.roi import Roi
from PIL import Image
from SteatosisEstimatorLib.cohort.reading import read_cohort
from SteatosisEstimatorLib.cohort.vocabulary import View
from SteatosisEstimatorLib.estimation import explained
from SteatosisEstimatorLib.estimation.explained import REGIONS, FrameMap, explain_subject, region_map
from SteatosisEstimatorLib.estimation.map_files import map_picture, write_maps
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


def test_maps_are_written_as_pictures_and_numbers(tmp_path):
    pixels = np.full((20, 30), 90, np.uint8)
    warm, regions = np.zeros((2, 20, 30), np.float32)
    warm[5:10, 5:10], regions[12, 3:20] = 1, explained.LIVER_EDGE
    maps = [
        FrameMap("grad-cam", "p_fatty_5", View.HR, "a.dcm", 4, warm, pixels),
        FrameMap(REGIONS, "", View.LIVER_KIDNEY, "b.dcm", 0, regions, pixels),
    ]
    write_maps(tmp_path / "maps" / "A", maps)
    with (tmp_path / "maps" / "A" / "maps.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["view"], row["source"], row["frame"], row["method"]) for row in rows] == [
        ("hr", "a.dcm", "4", "grad-cam"),
        ("liver-kidney", "b.dcm", "0", "regions"),
    ]
    for row, one in zip(rows, maps, strict=True):
        values = np.load(tmp_path / "maps" / "A" / row["values"], allow_pickle=False)
        np.testing.assert_array_equal(values, one.values)
        with Image.open(tmp_path / "maps" / "A" / row["picture"]) as picture:
            np.testing.assert_array_equal(np.asarray(picture), map_picture(one))
    gray = map_picture(maps[0])
    assert (gray[0, 0] == 90).all()
    assert gray[7, 7, 0] > gray[7, 7, 2]
    assert tuple(map_picture(maps[1])[12, 5]) != (90, 90, 90)


def test_the_command_writes_what_every_estimate_rests_on(tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from SteatosisEstimatorLib.commands.main import main

    image = Path(__file__).resolve().parents[2] / "Resources" / "SampleData" / "fatty-liver-kidney.dcm"
    cohort = tmp_path / "cohort.csv"
    cohort.write_text(f"subject,view,path\n../A,liver-kidney,{image}\n", encoding="utf-8")
    assert main(["estimate", str(cohort), "-o", str(tmp_path / "out"), "--explain", "grad-cam", "--device", "cpu"]) == 0
    (folder,) = (tmp_path / "out" / "maps").iterdir()
    assert ".." not in folder.name
    assert sorted(path.suffix for path in folder.iterdir()) == [".csv", ".npy", ".png"]
    assert "regions" in (folder / "maps.csv").read_text(encoding="utf-8")
