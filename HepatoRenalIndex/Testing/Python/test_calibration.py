"""Pixel spacing: order of the sources, refusal of bad headers, contradictions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from HepatoRenalIndexLib.geometry.calibration import calibrate
from HepatoRenalIndexLib.geometry.ruler import Ruler
from HepatoRenalIndexLib.geometry.scan import ProbeShape, ScanGeometry
from HepatoRenalIndexLib.geometry.spacing import SpacingSource
from HepatoRenalIndexLib.imaging.image import InputError, Provenance, UltrasoundImage, UltrasoundRegion

ROWS, COLUMNS = 480, 640


def region(x0=40, y0=20, x1=600, y1=460, delta=0.4, delta_y=None, spatial_format=1, data_type=1):
    return UltrasoundRegion(x0, y0, x1, y1, spatial_format, data_type, 0, delta, delta if delta_y is None else delta_y)


def image(*regions, pixel_spacing_mm=None, rows=ROWS, columns=COLUMNS):
    return UltrasoundImage(
        np.zeros((rows, columns), np.uint8),
        Provenance("case.dcm"),
        regions=tuple(regions),
        pixel_spacing_mm=pixel_spacing_mm,
    )


def scan(x0=50, y0=30, x1=590, y1=450, rows=ROWS, columns=COLUMNS):
    mask = np.zeros((rows, columns), bool)
    mask[y0:y1, x0:x1] = True
    return ScanGeometry(ProbeShape.LINEAR, mask, top=float(y0), far_radius=float(y1 - y0))


def organs(x0=200, y0=150, x1=400, y1=350, rows=ROWS, columns=COLUMNS):
    mask = np.zeros((rows, columns), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def ruler(mm_per_px):
    return Ruler(mm_per_px, np.zeros((0, 2)), 10 / mm_per_px, 10.0, 5, 3, 0.9, "column")


def test_without_any_source_the_image_stays_uncalibrated():
    result = calibrate(image(), scan(), area=organs(), ruler=None)
    assert result.source is SpacingSource.NONE and result.x_mm is None and not result.calibrated


def test_sources_are_taken_in_the_documented_order():
    every = image(region(delta=0.4), pixel_spacing_mm=(0.41, 0.41))
    common = {"area": organs(), "ruler": ruler(0.405)}
    assert calibrate(every, scan(), user_spacing_mm=0.395, **common).source is SpacingSource.USER
    assert calibrate(every, scan(), **common).source is SpacingSource.REGION
    assert calibrate(replace(every, regions=()), scan(), **common).source is SpacingSource.PIXEL_SPACING
    assert calibrate(image(), scan(), **common).source is SpacingSource.RULER


def test_the_region_that_contains_the_organs_is_used_not_the_first():
    dual = image(region(x0=0, x1=310, delta=0.3), region(x0=320, x1=639, delta=0.5))
    assert calibrate(dual, scan(), area=organs(x0=350, x1=600), ruler=None).x_mm == 0.5
    assert calibrate(dual, scan(), area=organs(x0=20, x1=300), ruler=None).x_mm == 0.3


def test_organs_in_two_regions_are_not_calibrated_by_either():
    dual = image(region(x0=0, x1=310, delta=0.3), region(x0=320, x1=639, delta=0.5))
    result = calibrate(dual, scan(), area=organs(x0=200, x1=450), ruler=None)
    assert result.source is SpacingSource.NONE
    assert any("contains the area" in note for note in result.notes)


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (region(delta=-0.4), "negative"),
        (region(delta=0.4, delta_y=-0.4), "negative"),
        (region(delta=0.0), "zero"),
        (region(delta=10.0), "absurd"),
        (region(delta=0.001), "absurd"),
        (region(delta=float("nan")), "not a number"),
        (region(delta=0.02), "mm deep"),
        (region(delta=1.9), "mm deep"),
        (region(delta=0.2, delta_y=0.5), "square"),
        (region(x1=700), "cropped or resized"),
        (region(y0=-9), "cropped or resized"),
        (region(data_type=3), "tissue"),
        (UltrasoundRegion(40, 20, 600, 460, 1, 1, 0, None, None), "length"),
    ],
)
def test_a_region_that_cannot_be_true_is_refused_with_a_reason(bad, word):
    result = calibrate(image(bad), scan(), area=organs(), ruler=None)
    assert result.source is SpacingSource.NONE
    assert any(word in note for note in result.notes), result.notes


def test_a_region_of_a_trace_does_not_calibrate_the_image():
    result = calibrate(image(region(spatial_format=4)), scan(), area=organs(), ruler=None)
    assert result.source is SpacingSource.NONE and result.notes


def test_a_region_may_end_one_pixel_outside_as_real_headers_do():
    assert calibrate(image(region(x1=COLUMNS)), scan(), area=organs(), ruler=None).x_mm == 0.4


def test_a_refused_region_leaves_the_place_to_the_next_source():
    result = calibrate(image(region(delta=-0.4)), scan(), area=organs(), ruler=ruler(0.45))
    assert result.source is SpacingSource.RULER and result.x_mm == 0.45
    assert any("negative" in note for note in result.notes)


def test_slightly_different_pixel_sides_are_kept_apart():
    result = calibrate(image(region(delta=0.4, delta_y=0.45)), scan(), area=organs(), ruler=None)
    assert (result.x_mm, result.y_mm) == (0.4, 0.45)
    assert result.aspect == pytest.approx(1.125)


def test_pixel_spacing_is_row_spacing_first():
    result = calibrate(image(pixel_spacing_mm=(0.45, 0.4)), scan(), area=organs(), ruler=None)
    assert (result.source, result.x_mm, result.y_mm) == (SpacingSource.PIXEL_SPACING, 0.4, 0.45)


def test_a_pixel_spacing_of_one_mm_is_taken_for_the_placeholder_it_is():
    small = image(pixel_spacing_mm=(1.0, 1.0))
    result = calibrate(small, scan(y0=100, y1=300), area=organs(), ruler=None)
    assert result.source is SpacingSource.NONE and result.notes


def test_contradicting_sources_are_flagged_with_both_figures_and_the_earlier_wins():
    result = calibrate(image(region(delta=0.4)), scan(), area=organs(), ruler=ruler(0.5))
    assert result.source is SpacingSource.REGION and result.x_mm == 0.4 and result.conflict
    assert any("0.4 mm" in note and "0.5 mm" in note for note in result.notes)


def test_sources_that_agree_within_five_percent_are_not_flagged():
    assert not calibrate(image(region(delta=0.4)), scan(), area=organs(), ruler=ruler(0.415)).conflict


def test_overlapping_regions_that_disagree_are_not_believed():
    result = calibrate(image(region(delta=0.4), region(x0=60, delta=0.5)), scan(), area=organs(), ruler=None)
    assert result.source is SpacingSource.NONE and any("different pixel sizes" in note for note in result.notes)


@pytest.mark.parametrize(
    "value", [0.0, -0.4, 15.0, 0.001, float("nan"), float("inf"), "x", (0.4,), (0.4, -0.4), (0.2, 0.9)]
)
def test_a_spacing_that_cannot_be_right_is_refused_with_a_sentence(value):
    with pytest.raises(InputError, match=r"\.$"):
        calibrate(image(), scan(), user_spacing_mm=value, ruler=None)


def test_the_user_may_give_width_and_height_of_a_pixel():
    result = calibrate(image(), scan(), user_spacing_mm=(0.4, 0.45), ruler=None)
    assert (result.source, result.x_mm, result.y_mm) == (SpacingSource.USER, 0.4, 0.45)


def test_regions_of_a_downsampled_frame_are_refused():
    # 240 x 320 pixels of a 480 x 640 screen, header unchanged, as in a published test file.
    frame = image(region(84, 31, 595, 414, delta=0.5105), rows=240, columns=320)
    result = calibrate(frame, scan(60, 20, 260, 210, 240, 320), ruler=None)
    assert result.source is SpacingSource.NONE and result.notes


def test_only_the_2d_region_of_three_counts():
    regions = (
        region(120, 60, 800, 518, delta=0.3305),
        UltrasoundRegion(176, 522, 622, 576, 4, 10, 3, None, None),
        UltrasoundRegion(743, 522, 743, 576, 4, 10, 3, None, None),
    )
    frame = image(*regions[::-1], rows=600, columns=800)
    result = calibrate(frame, scan(150, 70, 780, 500, 600, 800), ruler=None)
    assert result.x_mm == 0.3305 and result.source is SpacingSource.REGION
