"""Features of a frame against phantoms whose fat, gain, geometry and masks are known."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from HepatoRenalIndexLib.geometry.scan import ProbeShape
from HepatoRenalIndexLib.imaging.image import Provenance, UltrasoundImage
from HepatoRenalIndexLib.measurement.organs import OrganMasks
from HepatoRenalIndexLib.pipeline.measure import MeasurementSettings
from HepatoRenalIndexLib.simulation.parameters import PhantomParameters, ScanParameters
from HepatoRenalIndexLib.simulation.phantom import Phantom, simulate
from scipy import ndimage
from SteatosisEstimatorLib.features.attenuation import weighted_median
from SteatosisEstimatorLib.features.border import border_ratio
from SteatosisEstimatorLib.features.catalog import FEATURES
from SteatosisEstimatorLib.features.measure import FrameFeatures, mean_features, measure_features, median_features
from SteatosisEstimatorLib.features.tissue import SMOOTHING, frame_tissue, group_quantile

SECTOR = ScanParameters()
CURVED = ScanParameters(
    shape=ProbeShape.CURVED, near_radius_mm=50, angle_min=-0.55, angle_max=0.55, depth_mm=170, spacing_mm=0.42
)
# Texture rises with gain as with fat; the walls of the simulated portal veins are less than 1% of the liver.
NOT_SIMULATED = ("speckle_ratio", "wall_height")


@cache
def phantom(fat: float, scan: ScanParameters = SECTOR, gain: float = 0.0, dynamic_range: float = 60.0) -> Phantom:
    base = PhantomParameters(scan=scan, seed=3, speckle_seed=5)
    return simulate(
        replace(
            base,
            acoustics=replace(base.acoustics, fat_fraction=fat),
            receiver=replace(base.receiver, gain_db=gain, dynamic_range_db=dynamic_range),
        )
    )


def measure(truth: Phantom, **given) -> FrameFeatures:
    spacing = MeasurementSettings(user_spacing_mm=truth.spacing_mm[::-1])
    return measure_features(truth.image, None, given.pop("settings", spacing), given.pop("masks", truth.masks))


@pytest.mark.parametrize("scan", [SECTOR, CURVED], ids=["sector", "curved"])
def test_every_feature_goes_with_fat_as_the_literature_says(scan):
    lean, fatty = measure(phantom(0.01, scan)).values, measure(phantom(0.30, scan)).values
    wrong = [
        name
        for name, feature in FEATURES.items()
        if name not in NOT_SIMULATED and not feature.direction * (fatty[name] - lean[name]) > 0
    ]
    assert not wrong


def test_bright_walls_in_the_parenchyma_are_seen_and_their_blurring_too():
    truth = phantom(0.05)
    rows, columns = np.indices(truth.image.pixels.shape)
    walls = truth.masks.liver & ((rows + columns) % 60 < 3)
    found = []
    for height in (0, 15, 45):
        pixels = np.minimum(truth.image.pixels + height * walls, 255).astype(np.uint8)
        image = replace(truth.image, pixels=pixels)
        settings = MeasurementSettings(user_spacing_mm=truth.spacing_mm[::-1])
        found.append(measure_features(image, None, settings, truth.masks).values)
    for name in ("wall_height", "wall_skewness"):
        assert np.all(np.diff([values[name] for values in found]) > 0), name


def test_contrast_rises_step_by_step_with_fat():
    steps = [measure(phantom(fat)).values["organ_contrast"] for fat in (0.01, 0.05, 0.15, 0.30)]
    assert np.all(np.diff(steps) > 0)


def test_a_mirrored_image_gives_the_same():
    truth = phantom(0.15)
    mirrored = replace(truth.image, pixels=np.ascontiguousarray(truth.image.pixels[:, ::-1]))
    masks = OrganMasks(truth.masks.liver[:, ::-1].copy(), truth.masks.right_kidney[:, ::-1].copy())
    straight = measure(truth).values
    turned = measure_features(mirrored, None, MeasurementSettings(user_spacing_mm=truth.spacing_mm[::-1]), masks).values
    for name in FEATURES:
        assert turned[name] == pytest.approx(straight[name], abs=0.05 * max(1.0, abs(straight[name]))), name


def test_differences_in_speckle_do_not_depend_on_gain_or_dynamic_range():
    plain = measure(phantom(0.15)).values
    other = measure(phantom(0.15, SECTOR, 4.0, 75.0)).values
    assert other["organ_contrast"] == pytest.approx(plain["organ_contrast"], rel=0.1)
    assert abs(other["organ_ratio"] / plain["organ_ratio"] - 1) > 0.1  # gray levels are no ratio scale
    assert other["attenuation_slope_speckle"] == pytest.approx(plain["attenuation_slope_speckle"], abs=0.06)


def test_an_image_of_half_the_size_measures_nearly_the_same():
    truth = phantom(0.15)
    rows, columns = truth.image.pixels.shape
    half = truth.image.pixels[: rows // 2 * 2, : columns // 2 * 2].reshape(rows // 2, 2, columns // 2, 2).mean((1, 3))
    image = UltrasoundImage(np.rint(half).astype(np.uint8), Provenance("half"))
    masks = OrganMasks(truth.masks.liver[::2, ::2].copy(), truth.masks.right_kidney[::2, ::2].copy())
    settings = MeasurementSettings(user_spacing_mm=tuple(2 * s for s in truth.spacing_mm[::-1]))
    small, large = measure_features(image, None, settings, masks).values, measure(truth).values
    for name in ("organ_ratio", "window_ratio", "attenuation_slope", "deep_ratio", "border_ratio"):
        assert small[name] == pytest.approx(large[name], abs=0.05), name


def test_without_a_pixel_size_lengths_come_from_the_scan():
    truth = phantom(0.15, replace(SECTOR, depth_mm=165))
    blank = np.where(truth.geometry.mask, truth.image.pixels, 0).astype(np.uint8)  # no ruler left to read
    found = measure_features(UltrasoundImage(blank, Provenance("x")), None, MeasurementSettings(), truth.masks)
    assert "uncalibrated" in found.flags
    known = measure(truth).values
    assert found.values["organ_ratio"] == pytest.approx(known["organ_ratio"], abs=0.05)
    assert found.values["attenuation_slope"] == pytest.approx(known["attenuation_slope"], abs=0.03)


def test_an_image_without_a_kidney_has_no_features_but_a_sentence():
    truth = phantom(0.15)
    found = measure(truth, masks=OrganMasks(truth.masks.liver, np.zeros_like(truth.masks.liver)))
    assert found.values == {}
    assert "No right kidney was found" in found.message


def test_a_black_image_is_refused():
    image = UltrasoundImage(np.zeros((200, 300), np.uint8), Provenance("x"))
    organ = np.zeros((200, 300), bool)
    organ[50:100, 50:100] = True
    found = measure_features(image, None, masks=OrganMasks(organ, np.roll(organ, 80, axis=1)))
    assert found.values == {} and "black" in found.message


def test_a_tiny_liver_gives_numbers_or_nothing_but_never_a_crash():
    truth = phantom(0.15)
    rows, columns = np.nonzero(truth.masks.liver)
    liver = np.zeros_like(truth.masks.liver)
    y, x = int(np.median(rows)), int(np.median(columns))
    liver[y - 17 : y + 18, x - 17 : x + 18] = truth.masks.liver[y - 17 : y + 18, x - 17 : x + 18]
    found = measure(truth, masks=OrganMasks(liver, truth.masks.right_kidney))
    assert found.message or all(isinstance(value, float) for value in found.values.values())


def test_quantiles_of_groups_are_those_of_each_group_alone():
    rng = np.random.default_rng(0)
    values, groups = rng.normal(size=501), rng.integers(0, 7, 501)
    groups[groups == 3] = 4
    median, size = group_quantile(values, groups, 7, 0.5)
    assert np.isnan(median[3]) and size[3] == 0
    for group in (0, 1, 2, 4, 5, 6):
        own = np.sort(values[groups == group])
        assert median[group] in own and size[group] == own.size
        assert abs(np.searchsorted(own, median[group]) - (own.size - 1) / 2) <= 0.5


def test_the_weighted_median_is_where_half_of_the_weight_is_reached():
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 1.0])) == 2.0
    assert weighted_median(np.array([3.0, 1.0]), np.array([1.0, 1.0])) == 2.0
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.array([5.0, 1.0, 1.0])) == 3.0


def test_medians_pass_over_frames_without_a_value():
    rows = [{"organ_ratio": 1.0, "log_hri": np.nan}, {}, {"organ_ratio": 3.0, "log_hri": 2.0}]
    assert median_features(rows) == {"log_hri": 2.0, "organ_ratio": 2.0}
    assert median_features([{}, {}]) == {}
    assert mean_features([{"log_hri": 1.0}, {"log_hri": 2.0}]) == {"log_hri": 1.5}


def test_speckle_is_measured_after_smoothing_and_apart_from_slow_changes():
    truth = phantom(0.15)
    rng = np.random.default_rng(0)
    side = round(15 / truth.spacing_mm[0])
    slow = np.linspace(60, 140, truth.image.rows)[:, None]
    noise = rng.normal(0, 20, truth.image.pixels.shape)
    pixels = np.clip(np.rint(slow + noise), 0, 255).astype(np.uint8)
    image = replace(truth.image, pixels=np.where(truth.geometry.mask, pixels, 0).astype(np.uint8))
    tissue = frame_tissue(image, truth.geometry, truth.masks, truth.calibration)
    expected = 20 / (2 * np.sqrt(np.pi) * side / SMOOTHING)  # white noise under a Gaussian
    assert tissue.speckle == pytest.approx(expected, rel=0.05)


def test_the_border_is_that_of_the_diaphragm_and_not_of_the_kidney():
    truth = phantom(0.15)
    white = np.where(truth.masks.right_kidney, 255, truth.image.pixels).astype(np.uint8)
    inner = ndimage.binary_erosion(
        truth.masks.right_kidney, iterations=8
    )  # the smoothing spills a little over the edge
    values = [
        border_ratio(frame_tissue(image, truth.geometry, truth.masks, truth.calibration), 0.95)
        for image in (truth.image, replace(truth.image, pixels=np.where(inner, white, truth.image.pixels)))
    ]
    assert values[0] == pytest.approx(values[1], abs=0.01)
