"""Placements on drawn organs whose right answer is known."""

import numpy as np
import pytest
from HepatoRenalIndexLib.measurement.organs import OrganMasks
from HepatoRenalIndexLib.measurement.placement import PlacementError, PlacementInput
from HepatoRenalIndexLib.measurement.published import normalized_distance
from HepatoRenalIndexLib.measurement.registry import DEFAULT_PLACEMENT, PLACEMENTS

ROWS, COLUMNS = 400, 520
ROI = 30
Y, X = np.mgrid[:ROWS, :COLUMNS]
KIDNEY = ((X - 220) / 110) ** 2 + ((Y - 280) / 60) ** 2 < 1
SINUS = ((X - 220) / 55) ** 2 + ((Y - 280) / 25) ** 2 < 1
LIVER = (((X - 280) / 200) ** 2 + ((Y - 130) / 110) ** 2 < 1) & ~KIDNEY


def draw(liver=100.0, cortex=70.0, sinus=180.0, vessels=(), noise=0.15, seed=0):
    """Liver, kidney with a bright sinus, and dark vessels ``(x, y, radius)``, with multiplicative noise."""
    rng = np.random.default_rng(seed)
    level = np.full((ROWS, COLUMNS), 40.0)
    level[LIVER] = liver
    level[KIDNEY] = cortex
    level[SINUS] = sinus
    for x, y, radius in vessels:
        level[(X - x) ** 2 + (Y - y) ** 2 < radius**2] = 12.0
    return np.clip(level * rng.normal(1.0, noise, level.shape), 0, 255).astype(np.uint8)


def place(name, pixels, liver=LIVER, kidney=KIDNEY, valid=None, roi=ROI):
    valid = np.ones(pixels.shape, bool) if valid is None else valid
    return PLACEMENTS[name](PlacementInput(pixels, OrganMasks(liver, kidney), valid, Y.astype(np.float32), roi, roi))


def ratio(result, pixels):
    return result.liver.roi.values(pixels).mean() / result.kidney.roi.values(pixels).mean()


@pytest.mark.parametrize("name", PLACEMENTS)
def test_every_placement_finds_the_ratio_of_homogeneous_organs(name):
    pixels = draw(vessels=[(200, 100, 14), (330, 160, 18), (300, 90, 9)])
    result = place(name, pixels)
    assert ratio(result, pixels) == pytest.approx(100 / 70, rel=0.05)
    assert result.name == name


@pytest.mark.parametrize("name", PLACEMENTS)
def test_rois_lie_in_their_organ_and_avoid_vessels_and_sinus(name):
    vessels = [(200, 100, 14), (330, 160, 18)]
    result = place(name, draw(vessels=vessels))
    assert result.liver.roi.values(LIVER).all()
    assert result.kidney.roi.values(KIDNEY).mean() >= 0.95
    assert result.kidney.roi.values(SINUS).mean() < 0.1
    for x, y, radius in vessels:
        assert result.liver.roi.values((X - x) ** 2 + (Y - y) ** 2 < radius**2).mean() < 0.05


@pytest.mark.parametrize("name", PLACEMENTS)
def test_the_same_image_gives_the_same_rois_and_its_mirror_the_mirrored_index(name):
    pixels = draw()
    first, again = place(name, pixels), place(name, pixels)
    assert first.liver.roi == again.liver.roi
    assert first.kidney.roi == again.kidney.roi
    mirrored = place(name, pixels[:, ::-1], LIVER[:, ::-1], KIDNEY[:, ::-1])
    assert ratio(mirrored, pixels[:, ::-1]) == pytest.approx(ratio(first, pixels), rel=0.02)


@pytest.mark.parametrize("name", PLACEMENTS)
def test_a_smooth_place_half_outside_the_liver_is_not_chosen(name):
    pixels = draw()
    pixels[:, 60:110] = 100
    result = place(name, pixels, liver=LIVER & (X > 95))
    assert result.liver.roi.values(LIVER & (X > 95)).all()


@pytest.mark.parametrize("name", PLACEMENTS)
def test_invalid_pixels_are_never_chosen_while_there_are_others(name):
    valid = np.ones((ROWS, COLUMNS), bool)
    valid[:, 240:] = False
    result = place(name, draw(), valid=valid)
    assert result.liver.roi.values(valid).all()
    assert result.kidney.roi.values(valid).mean() >= 0.95


def test_the_published_kidney_roi_is_in_the_outer_half_and_the_liver_roi_at_similar_depth():
    result = place("published", draw())
    x, y = result.kidney.roi.center
    assert normalized_distance(KIDNEY)[round(y), round(x)] >= 0.5
    deep_liver = LIVER | ((np.abs(X - 430) < 60) & (np.abs(Y - 280) < 90))
    result = place("published", draw(), liver=deep_liver & ~KIDNEY)
    assert abs(result.liver.roi.center[1] - result.kidney.roi.center[1]) <= ROI / 2 + 1


def test_the_representative_rois_face_the_probe_and_the_liver_roi_is_the_shallower():
    beside = LIVER | ((np.abs(X - 430) < 60) & (np.abs(Y - 250) < 120))
    pixels = draw()
    pixels[beside & ~KIDNEY & (Y > 225)] = 100  # deep liver without any noise: the smoothest place of all
    result = place("representative", pixels, liver=beside & ~KIDNEY)
    assert result.kidney.roi.center[1] < 280
    assert 0.5 * ROI <= result.kidney.roi.center[1] - result.liver.roi.center[1] <= 3 * ROI


def test_the_representative_rois_are_no_further_apart_than_readers_place_them():
    pixels = draw()
    kidney = ((X - 110) / 70) ** 2 + ((Y - 290) / 50) ** 2 < 1
    pixels[kidney] = 70
    pixels[LIVER & (X < 240) & ~kidney] = draw(liver=96.0)[LIVER & (X < 240) & ~kidney]
    pixels[LIVER & (X > 330)] = 100  # far from the kidney, the smoothest place of all
    result = place("representative", pixels, liver=LIVER & ~kidney, kidney=kidney)
    (lx, ly), (kx, ky) = result.liver.roi.center, result.kidney.roi.center
    assert np.hypot(lx - kx, ly - ky) <= 3.5 * ROI


def test_a_shadow_over_half_the_liver_does_not_draw_the_representative_roi_into_it():
    pixels = draw()
    pixels[:, 330:] //= 4
    result = place("representative", pixels)
    assert result.liver.roi.left + ROI <= 335


@pytest.mark.parametrize("name", PLACEMENTS)
def test_a_place_comes_with_its_class_map_cost_map_and_candidate_count(name):
    pixels = draw()
    result = place(name, pixels)
    for choice, organ in ((result.liver, LIVER), (result.kidney, KIDNEY)):
        assert choice.candidate_count == np.isfinite(choice.cost_map).sum() > 0
        assert set(np.unique(choice.class_map)) == {0, 1, 2, 3}
        assert not choice.class_map[~organ].any()
        row, column = np.unravel_index(np.nanargmin(choice.cost_map), choice.cost_map.shape)
        assert (column, row) == (choice.roi.left + (ROI - 1) // 2, choice.roi.top + (ROI - 1) // 2)


@pytest.mark.parametrize("name", PLACEMENTS)
@pytest.mark.parametrize("organ", ["liver", "kidney"])
def test_an_organ_too_small_for_the_roi_is_refused_by_name(name, organ):
    small = (np.abs(X - 220) < 8) & (np.abs(Y - 280) < 8)
    with pytest.raises(PlacementError, match=organ):
        place(name, draw(), **{organ: small})


@pytest.mark.parametrize("name", PLACEMENTS)
def test_organs_at_the_edge_of_the_image_keep_the_rois_inside_it(name):
    kidney = KIDNEY & (X < 200)
    cut = slice(None), slice(110, 420)
    pixels = draw()[cut]
    result = PLACEMENTS[name](
        PlacementInput(
            pixels, OrganMasks(LIVER[cut], kidney[cut]), np.ones(pixels.shape, bool), Y[cut].astype(np.float32), 30, 30
        )
    )
    assert result.liver.roi.inside(pixels.shape)
    assert result.kidney.roi.inside(pixels.shape)


def test_the_default_placement_is_registered():
    assert DEFAULT_PLACEMENT in PLACEMENTS
