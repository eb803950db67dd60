"""The phantom simulator against physics, statistics and its own declared truth."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest
from HepatoRenalIndexLib.geometry.scan import ProbeShape
from HepatoRenalIndexLib.measurement.roi import Roi
from HepatoRenalIndexLib.simulation.anatomy import paint
from HepatoRenalIndexLib.simulation.compression import GrayMap, gray_level
from HepatoRenalIndexLib.simulation.layout import make_layout
from HepatoRenalIndexLib.simulation.parameters import (
    AcousticParameters,
    AnatomyParameters,
    Content,
    DisplayParameters,
    LiverParameters,
    PhantomParameters,
    ReceiverParameters,
    ScanParameters,
)
from HepatoRenalIndexLib.simulation.phantom import simulate
from HepatoRenalIndexLib.simulation.physics import make_echo
from HepatoRenalIndexLib.simulation.randomize import random_parameters
from HepatoRenalIndexLib.simulation.tissues import Tissue, steatosis_attenuation
from HepatoRenalIndexLib.simulation.training import outlined_masks, simulate_for_training

SHAPES = (ProbeShape.SECTOR, ProbeShape.CURVED, ProbeShape.LINEAR)
SMALL = (240, 320)
NO_GRAPHICS = DisplayParameters(text=0, ruler="none", gray_bar="none", logo=False)


def _random(seed: int, **kwargs) -> PhantomParameters:
    return random_parameters(np.random.default_rng(seed), size=SMALL, **kwargs)


def _homogeneous(shape: ProbeShape, fat_fraction: float = 0.0, **receiver) -> PhantomParameters:
    """Nothing but liver parenchyma under a thin skin, and a receiver that adds nothing."""
    scan = {
        ProbeShape.SECTOR: ScanParameters(frequency_mhz=2.0, depth_mm=150.0),
        ProbeShape.CURVED: ScanParameters(
            ProbeShape.CURVED, near_radius_mm=50.0, angle_min=-0.5, angle_max=0.5, frequency_mhz=2.0, depth_mm=150.0
        ),
        ProbeShape.LINEAR: ScanParameters(
            ProbeShape.LINEAR, spacing_mm=0.25, angle_min=0.0, angle_max=0.0, depth_mm=100.0, frequency_mhz=3.0
        ),
    }[shape]
    liver = LiverParameters(
        x=0.0, y=0.0, half_width=900.0, half_height=900.0, border_roughness_mm=0.0, coarseness_db=0.0,
        hepatic_veins=0, portal_veins=0,
    )  # fmt: skip
    anatomy = AnatomyParameters(
        Content.NO_KIDNEY, skin_mm=0.1, fat_mm=0.1, muscle_mm=0.1, liver=liver, lung_curtain=9.0, warp_mm=0.0
    )
    settings = {
        "dynamic_range_db": 120.0, "gain_db": 0.0, "tgc_db_cm_mhz": 0.0, "focal_gain_db": 0.0, "noise_db": -300.0,
        "clutter_db": -300.0, "contact_loss_db": (0.0, 0.0), "looks": 1, "smoothing_px": 0.0,
    }  # fmt: skip
    return PhantomParameters(
        scan=scan,
        anatomy=anatomy,
        acoustics=AcousticParameters(fat_fraction=fat_fraction, specular_db=0.0),
        receiver=ReceiverParameters(**{**settings, **receiver}),
        display=NO_GRAPHICS,
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_masks_lie_within_the_scan_and_apart(shape, seed):
    phantom = simulate(_random(seed, shape=shape, content=Content.LIVER_KIDNEY))
    scan, masks = phantom.geometry.mask, phantom.masks
    assert not (masks.liver & masks.right_kidney).any()
    assert not ((masks.liver | masks.right_kidney | phantom.cortex) & ~scan).any()
    assert masks.right_kidney[phantom.cortex].all()
    assert (phantom.tissue[~scan] == Tissue.OUTSIDE).all()
    assert (phantom.tissue[scan] != Tissue.OUTSIDE).all()
    assert phantom.noise_free[~scan].max(initial=0) == 0


def test_organs_are_large_enough_to_be_measured_in_nearly_every_view():
    shown = 0
    for seed in range(20):
        masks = simulate(_random(seed, content=Content.LIVER_KIDNEY)).masks
        shown += masks.liver.mean() > 0.02 and masks.right_kidney.mean() > 0.01
    assert shown >= 18


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_parameters_give_the_same_pixels(shape):
    parameters = _random(4, shape=shape)
    first, again = simulate(parameters), simulate(parameters)
    assert np.array_equal(first.image.pixels, again.image.pixels)
    assert np.array_equal(first.masks.labels(), again.masks.labels())
    other = simulate(parameters.with_speckle(parameters.speckle_seed + 1))
    assert not np.array_equal(first.image.pixels, other.image.pixels)
    assert np.array_equal(first.expected, other.expected)
    assert np.array_equal(first.tissue, other.tissue)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_declared_geometry_is_that_of_the_pixels(shape):
    parameters = _homogeneous(shape)
    phantom = simulate(parameters)
    geometry, scan = phantom.geometry, parameters.scan
    lit = phantom.expected > 0
    assert (lit == geometry.mask).mean() > 0.999
    depth_mm = geometry.depth_map() * phantom.spacing_mm[1]
    assert depth_mm[lit].max() == pytest.approx(scan.depth_mm, abs=scan.spacing_mm)
    assert depth_mm[lit].min() == pytest.approx(0.0, abs=scan.spacing_mm)
    rows, columns = np.nonzero(lit)
    angles = geometry.angle_at(columns, rows)
    if shape is not ProbeShape.LINEAR:
        assert angles.min() >= scan.angle_min - 1e-6
        assert angles.max() <= scan.angle_max + 1e-6
        assert np.ptp(angles) > 0.98 * (scan.angle_max - scan.angle_min)
    else:
        assert (np.ptp(columns) + 1) * scan.spacing_mm == pytest.approx(scan.width_mm, abs=2 * scan.spacing_mm)


def test_spacing_is_what_the_depth_ruler_shows():
    scan = ScanParameters(spacing_mm=0.4, aspect=1.1, top_y=12.0, depth_mm=160.0)
    display = replace(NO_GRAPHICS, ruler="column", ruler_side="right")
    phantom = simulate(replace(_homogeneous(ProbeShape.SECTOR), scan=scan, display=display))
    drawn = phantom.graphics[:, int(0.92 * 640) + 1]
    ticks = np.flatnonzero(drawn)
    assert ticks.size == 17
    assert np.diff(ticks).mean() * phantom.spacing_mm[0] == pytest.approx(10.0, abs=0.03)


@pytest.mark.parametrize("aspect", [0.9, 1.15])
def test_depth_along_the_beam_is_in_mm_whatever_the_pixel_aspect(aspect):
    parameters = _homogeneous(ProbeShape.CURVED)
    phantom = simulate(replace(parameters, scan=replace(parameters.scan, aspect=aspect)))
    x_mm = (np.arange(640) - 320.0) * phantom.spacing_mm[1]
    y_mm = (np.arange(480) - 20.0) * phantom.spacing_mm[0]
    truth = np.hypot(x_mm[None], y_mm[:, None] + 50.0) - 50.0
    measured = phantom.geometry.depth_map() * phantom.spacing_mm[1]
    assert np.abs(truth - measured).max() < 0.01


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fat_fraction", [0.0, 0.25])
def test_attenuation_is_recovered_from_the_pixels_of_a_homogeneous_phantom(shape, fat_fraction):
    parameters = _homogeneous(shape, fat_fraction)
    phantom = simulate(parameters)
    depth_cm = phantom.geometry.depth_map() * phantom.spacing_mm[1] / 10
    used = phantom.geometry.mask & (depth_cm > 2) & (depth_cm < 8)
    db_per_gray = parameters.receiver.dynamic_range_db / 255
    slope = np.polyfit(depth_cm[used], phantom.image.pixels[used] * db_per_gray, 1)[0]
    attenuation = -slope / (2 * parameters.scan.frequency_mhz)
    assert attenuation == pytest.approx(steatosis_attenuation(fat_fraction), rel=0.03)
    assert phantom.attenuation_db_cm_mhz[Tissue.LIVER] == pytest.approx(steatosis_attenuation(fat_fraction), rel=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_envelope_of_homogeneous_tissue_is_rayleigh_distributed(shape):
    parameters = _homogeneous(shape)
    layout = make_layout(parameters.scan)
    anatomy = paint(parameters, layout, np.random.default_rng(0))
    echo = make_echo(parameters, layout, anatomy, np.random.default_rng(0))
    level = echo.envelopes[0] / 10 ** (echo.scene_db / 20)
    inner = level[30:-30, layout.padding : -layout.padding]
    assert inner.mean() / inner.std() == pytest.approx(1.91, abs=0.06)
    assert (inner**2).mean() == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("seed", [11, 12])
def test_speckle_averages_to_the_expected_brightness(seed):
    parameters = _random(seed, content=Content.LIVER_KIDNEY)
    count = 30
    total = np.zeros(SMALL)
    for speckle_seed in range(count):
        phantom = simulate(parameters.with_speckle(speckle_seed))
        total += phantom.image.pixels
    error = total / count - phantom.expected
    for mask in (phantom.masks.liver, phantom.masks.right_kidney):
        assert abs(error[mask & ~phantom.graphics].mean()) < 0.5
    spread = phantom.image.pixels.astype(float) - phantom.expected
    used = phantom.geometry.mask & ~phantom.graphics
    assert error[used].std() < 1.5 * spread[used].std() / np.sqrt(count) + 0.3


def test_the_mean_gray_level_of_speckle_includes_clipping():
    receiver = ReceiverParameters(dynamic_range_db=45.0, gamma=0.8, s_curve=0.3)
    intensity = np.random.default_rng(5).exponential(size=400_000)
    for level in (-30.0, -12.0, 0.0, 12.0, 33.0):
        drawn = gray_level(level + 10 * np.log10(intensity), receiver).mean()
        assert GrayMap(receiver).expected(np.array([level], np.float32))[0] == pytest.approx(drawn, abs=0.2)


def test_noise_free_hri_is_what_many_frames_measure():
    parameters = _random(21, shape=ProbeShape.CURVED, content=Content.LIVER_KIDNEY)
    liver = replace(parameters.anatomy.liver, hepatic_veins=0, portal_veins=0, cysts=0, gallbladder=False)
    parameters = replace(
        parameters,
        anatomy=replace(parameters.anatomy, liver=liver, ribs=0, lung_curtain=1.5),
        receiver=replace(parameters.receiver, contact_loss_db=(0.0, 0.0)),
        display=NO_GRAPHICS,
    )
    phantom = simulate(parameters)

    def roi_in(mask):
        rows, columns = np.nonzero(mask)
        return Roi.centered(float(np.median(columns)), float(np.median(rows)), 24, 24)

    rois = roi_in(phantom.masks.liver), roi_in(phantom.masks.right_kidney)
    means = np.zeros(2)
    for seed in range(30):
        pixels = simulate(parameters.with_speckle(seed)).image.pixels
        means += [roi.values(pixels).mean() for roi in rois]
    assert means[0] / means[1] == pytest.approx(phantom.noise_free_hri(*rois), rel=0.03)


def test_vessels_are_absent_from_the_noise_free_image():
    parameters = replace(_random(6, shape=ProbeShape.CURVED, content=Content.LIVER_KIDNEY), display=NO_GRAPHICS)
    anatomy = replace(parameters.anatomy, lung_curtain=1.5, ribs=0)
    anatomy = replace(anatomy, liver=replace(anatomy.liver, hepatic_veins=9, portal_veins=9))
    phantom = simulate(replace(parameters, anatomy=anatomy))
    vessel = (phantom.tissue == Tissue.VESSEL) & phantom.visible
    assert vessel.sum() > 50
    assert phantom.expected[vessel].mean() < 0.8 * phantom.noise_free[vessel].mean()


def test_fat_makes_the_liver_brighter_and_raises_the_true_hri():
    base = _random(8, shape=ProbeShape.CURVED, content=Content.LIVER_KIDNEY)
    base = replace(base, anatomy=replace(base.anatomy, ribs=0, bowel_gas=False))
    hri = []
    for fat_fraction in (0.0, 0.08, 0.25):
        acoustics = replace(base.acoustics, fat_fraction=fat_fraction, cortex_db=-1.0)
        tgc = replace(base.receiver, tgc_db_cm_mhz=steatosis_attenuation(fat_fraction))
        hri.append(simulate(replace(base, acoustics=acoustics, receiver=tgc)).true_hri)
    assert hri[1] > 1.1 * hri[0]
    assert hri[2] > hri[1]


@pytest.mark.parametrize("content", list(Content))
def test_each_content_shows_the_organs_it_names(content):
    phantom = simulate(_random(14, content=content, shape=ProbeShape.CURVED))
    assert phantom.masks.liver.any() == (content in (Content.LIVER_KIDNEY, Content.NO_KIDNEY))
    assert phantom.masks.right_kidney.any() == (content in (Content.LIVER_KIDNEY, Content.NO_LIVER))
    assert np.isnan(phantom.true_hri) == (content is not Content.LIVER_KIDNEY)


def test_mirroring_moves_the_kidney_to_the_other_side():
    base = replace(_random(9, shape=ProbeShape.SECTOR, content=Content.LIVER_KIDNEY), display=NO_GRAPHICS)
    base = replace(base, anatomy=replace(base.anatomy, kidney=replace(base.anatomy.kidney, x=-35.0)))
    sides = []
    for mirrored in (False, True):
        phantom = simulate(replace(base, anatomy=replace(base.anatomy, mirrored=mirrored)))
        sides.append(np.nonzero(phantom.masks.right_kidney)[1].mean() - base.scan.center_x)
    assert sides[0] < 0 < sides[1]


def test_a_rib_casts_a_shadow_along_the_beam():
    parameters = _homogeneous(ProbeShape.CURVED)
    anatomy = replace(parameters.anatomy, muscle_mm=12.0, ribs=1)
    phantom = simulate(replace(parameters, anatomy=anatomy, seed=3))
    below = phantom.masks.liver & (phantom.geometry.depth_map() * phantom.spacing_mm[1] > 40)
    dark = below & phantom.shadow
    assert dark.any()
    depth = phantom.geometry.depth_map()
    band = below & (np.abs(depth - 150) < 15)
    assert phantom.expected[band & dark].mean() < phantom.expected[band & ~dark].mean() - 15
    # the shadow keeps to its beams
    rows, columns = np.nonzero(dark)
    near, far = depth[rows, columns] < 150, depth[rows, columns] > 250
    angles = phantom.geometry.angle_at(columns, rows)
    assert angles[near].mean() == pytest.approx(angles[far].mean(), abs=0.02)


def test_outlines_leave_out_what_cannot_be_seen():
    parameters = _random(8, shape=ProbeShape.CURVED, content=Content.LIVER_KIDNEY)
    lost = replace(parameters.receiver, contact_loss_db=(0.0, 90.0), contact_width=(0.1, 0.6))
    phantom = simulate(replace(parameters, receiver=lost, anatomy=replace(parameters.anatomy, mirrored=True)))
    outlined = outlined_masks(phantom)
    assert not (outlined.right_kidney & ~phantom.masks.right_kidney).any()
    assert outlined.right_kidney.sum() < 0.9 * phantom.masks.right_kidney.sum()


def test_training_examples_are_the_same_in_a_pool_of_processes():
    example = partial(simulate_for_training, size=SMALL)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        pooled = list(pool.map(example, [np.random.default_rng(seed) for seed in range(5)]))
    for seed, (pixels, labels, geometry) in enumerate(pooled):
        assert pixels.dtype == labels.dtype == np.uint8
        assert pixels.shape == labels.shape == geometry.mask.shape == SMALL
        assert set(np.unique(labels)) <= {0, 1, 2}
        again = example(np.random.default_rng(seed))
        assert np.array_equal(pixels, again[0]) and np.array_equal(labels, again[1])


@pytest.mark.parametrize(
    ("change", "word"),
    [({"spacing_mm": 0.0}, "spacing_mm"), ({"depth_mm": -1.0}, "depth_mm"), ({"angle_max": -1.0}, "angle")],
)
def test_an_impossible_scan_is_refused_by_name(change, word):
    with pytest.raises(ValueError, match=word):
        ScanParameters(**change)


def test_a_scan_beside_the_image_is_refused():
    with pytest.raises(ValueError, match="outside the image"):
        simulate(PhantomParameters(scan=ScanParameters(center_x=5000.0)))
