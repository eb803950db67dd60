"""The picture beside each measurement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from HepatoRenalIndexLib.geometry.scan import ProbeShape, ScanGeometry
from HepatoRenalIndexLib.imaging.image import Provenance, UltrasoundImage, UltrasoundRegion
from HepatoRenalIndexLib.imaging.reader import open_ultrasound
from HepatoRenalIndexLib.measurement.organs import OrganMasks
from HepatoRenalIndexLib.measurement.result import FrameResult
from HepatoRenalIndexLib.pipeline.measure import measure_frame
from HepatoRenalIndexLib.pipeline.overlay import KIDNEY_COLOR, LIVER_COLOR, draw_overlay, without_annotations
from HepatoRenalIndexLib.simulation.sample import SAMPLE_NAMES, sample_phantom

SAMPLES = Path(__file__).resolve().parents[2] / "Resources" / "SampleData"


@pytest.fixture(scope="module")
def measured() -> FrameResult:
    phantom = sample_phantom("sector")
    result = measure_frame(phantom.image, None, masks=phantom.masks)
    assert result.status == "ok"
    return result


def test_the_image_has_its_own_size_and_the_legend_is_below_it(measured):
    picture = draw_overlay(measured)
    rows, columns = measured.image.pixels.shape
    assert picture.shape[1] == columns
    assert picture.shape[0] > rows
    far_from_lines = measured.image.pixels[380:, 600:]
    np.testing.assert_array_equal(picture[380:rows, 600:], np.stack([far_from_lines] * 3, axis=-1))


def test_the_outlines_are_the_borders_of_the_masks(measured):
    picture = draw_overlay(replace(measured, measurement=None))[: measured.image.rows]
    for mask, color in ((measured.masks.liver, LIVER_COLOR), (measured.masks.right_kidney, KIDNEY_COLOR)):
        drawn = (picture == color).all(axis=-1)
        assert drawn.any()
        assert not (drawn & ~mask).any()
        inside = mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
        assert not (drawn[1:-1, 1:-1] & inside).any()


def test_the_pixels_that_were_measured_stay_visible_inside_their_frame(measured):
    bare = draw_overlay(replace(measured, masks=None))
    for roi, color in (
        (measured.measurement.liver.roi, LIVER_COLOR),
        (measured.measurement.kidney.roi, KIDNEY_COLOR),
    ):
        np.testing.assert_array_equal(bare[roi.slices][..., 0], roi.values(measured.image.pixels))
        for y, x in ((roi.top - 1, roi.left), (roi.top + roi.height, roi.left), (roi.top, roi.left + roi.width)):
            assert tuple(bare[y, x]) == color


def test_a_small_image_is_enlarged_by_a_whole_factor():
    pixels = np.random.default_rng(0).integers(0, 255, (60, 100), np.uint8)
    picture = draw_overlay(FrameResult(UltrasoundImage(pixels, Provenance("small.png")), "error", "No kidney."))
    assert picture.shape[1] == 500
    assert picture.shape[0] > 300


@pytest.mark.parametrize("name", SAMPLE_NAMES)
@pytest.mark.parametrize("regions", [True, False], ids=["with regions", "pixels alone"])
def test_nothing_written_beside_the_scan_is_left(name, regions):
    """Of the shipped files, compressed as they are; also where no header says where the tissue is."""
    phantom = sample_phantom(name)
    with open_ultrasound(SAMPLES / f"{name}.dcm") as file:
        image = file.frame(0)
    if not regions:
        image = replace(image, regions=())
    left = without_annotations(measure_frame(image, None, masks=phantom.masks)).image.pixels
    beside = phantom.graphics & ~phantom.geometry.mask & (image.pixels > 60)
    assert np.count_nonzero(beside) > 100
    assert np.count_nonzero(left[beside]) < 0.02 * np.count_nonzero(beside)  # marks that touch the scan's border


def test_tissue_is_kept(measured):
    kept = without_annotations(measured).image.pixels
    organs = measured.masks.liver | measured.masks.right_kidney
    assert np.mean(kept[organs] == measured.image.pixels[organs]) > 0.98


def _unrecognized(regions=()) -> FrameResult:
    pixels = np.full((100, 120), 200, np.uint8)
    liver, kidney = np.zeros((2, 100, 120), bool)
    liver[20:50, 20:100] = True
    kidney[60:80, 30:70] = True
    geometry = ScanGeometry(ProbeShape.UNKNOWN, np.ones((100, 120), bool))
    image = UltrasoundImage(pixels, Provenance("x.png"), regions=regions)
    return FrameResult(image, "error", geometry=geometry, masks=OrganMasks(liver, kidney))


def test_where_no_scan_was_recognized_only_the_organs_are_shown():
    result = _unrecognized()
    kept = without_annotations(result).image.pixels > 0
    np.testing.assert_array_equal(kept, result.masks.liver | result.masks.right_kidney)


def test_nothing_outside_the_tissue_regions_of_the_header_is_shown():
    region = UltrasoundRegion(0, 0, 119, 40, spatial_format=1, data_type=1, flags=0, delta_x_mm=0.5, delta_y_mm=0.5)
    doppler = replace(region, y0=60, y1=99, spatial_format=3, data_type=3)
    kept = without_annotations(_unrecognized((region, doppler))).image.pixels
    assert kept[41:].max() == 0
    assert kept[30, 30] == 200
