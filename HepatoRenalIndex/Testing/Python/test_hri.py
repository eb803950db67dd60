"""The index of two given ROIs and its quality flags."""

from dataclasses import replace

import numpy as np
import pytest
from HepatoRenalIndexLib.geometry.scan import ProbeShape, ScanGeometry
from HepatoRenalIndexLib.geometry.spacing import Calibration, SpacingSource
from HepatoRenalIndexLib.imaging.image import Provenance, UltrasoundImage, UltrasoundRegion
from HepatoRenalIndexLib.measurement.hri import MeasurementError, measure_hri, roi_size_px
from HepatoRenalIndexLib.measurement.organs import OrganMasks, largest_object
from HepatoRenalIndexLib.measurement.roi import Roi

SHAPE = (300, 400)
LIVER_ROI, KIDNEY_ROI = Roi(200, 100, 30, 30), Roi(150, 150, 30, 30)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]
GEOMETRY = ScanGeometry(
    ProbeShape.SECTOR,
    (np.hypot(X - 200, Y) < 290) & (np.abs(np.arctan2(X - 200, Y)) < 0.7),
    apex=(200.0, 0.0),
    far_radius=290.0,
    angle_min=-0.7,
    angle_max=0.7,
)
HALF_MM = Calibration(SpacingSource.USER, 0.5, 0.5)


def image(**changes):
    pixels = np.full(SHAPE, 60, np.uint8)
    pixels[LIVER_ROI.slices] = 95
    pixels[LIVER_ROI.slices][::3] = 110  # mean 100, median 95
    pixels[KIDNEY_ROI.slices] = 80
    return replace(UltrasoundImage(pixels, Provenance("case.png")), **changes)


def painted(roi, value, rows=slice(None)):
    pixels = image().pixels.copy()
    pixels[roi.slices][rows] = value
    return image(pixels=pixels)


def measure(source=None, calibration=HALF_MM, geometry=GEOMETRY, **options):
    return measure_hri(source or image(), LIVER_ROI, KIDNEY_ROI, geometry, calibration, roi_mm=15.0, **options)


def codes(measurement):
    return [flag.code for flag in measurement.flags]


def test_the_index_is_the_ratio_of_the_mean_gray_levels():
    measurement = measure()
    assert measurement.liver.mean == 100
    assert measurement.kidney.mean == 80
    assert measurement.hri == 1.25
    assert measurement.liver.median == 95
    assert measurement.liver.sd == pytest.approx(np.sqrt(50), rel=1e-3)
    assert measurement.liver.pixel_count == 900
    assert measurement.flags == ()


def test_depth_is_measured_along_the_beam_in_mm():
    measurement = measure()
    x, y = KIDNEY_ROI.center
    assert measurement.kidney.depth_mm == pytest.approx(np.hypot(x - 200, y) * 0.5)
    assert measurement.distance_mm == pytest.approx(np.hypot(50, 50) * 0.5)


def test_without_calibration_nothing_is_claimed_in_mm():
    measurement = measure(calibration=Calibration(SpacingSource.NONE))
    assert measurement.roi_mm is None
    assert measurement.liver.depth_mm is None
    assert measurement.distance_mm is None
    assert codes(measurement) == ["uncalibrated"]


def test_the_roi_size_in_pixels_follows_the_spacing_of_each_axis():
    assert roi_size_px(Calibration(SpacingSource.REGION, 0.5, 0.25), GEOMETRY, 15.0) == (30, 60)
    width, height = roi_size_px(Calibration(SpacingSource.NONE), GEOMETRY, 15.0)
    assert width == height == round(0.09 * 290)


@pytest.mark.parametrize(
    ("roi", "value", "rows", "code"),
    [
        (LIVER_ROI, 255, slice(0, 3), "near_saturation"),
        (KIDNEY_ROI, 0, slice(0, 3), "clipped_black"),
        (LIVER_ROI, 30, slice(0, 10), "inhomogeneous"),
    ],
)
def test_pixels_that_falsify_the_mean_are_flagged_with_the_roi_they_are_in(roi, value, rows, code):
    measurement = measure(painted(roi, value, rows))
    assert code in codes(measurement)
    reason = next(flag.reason for flag in measurement.flags if flag.code == code)
    assert ("liver" if roi is LIVER_ROI else "kidney") in reason


def test_colored_pixels_in_an_roi_are_flagged_and_beside_the_scan_are_not():
    color = np.zeros(SHAPE, bool)
    color[0:20, 0:20] = True
    assert "color" not in codes(measure(image(color=color)))
    color[LIVER_ROI.slices][:5] = True
    assert "color" in codes(measure(image(color=color)))


def test_a_doppler_box_is_flagged_though_no_roi_lies_in_it():
    color = np.zeros(SHAPE, bool)
    color[200:250, 180:260] = True
    assert codes(measure(image(color=color))) == ["color"]
    color[202:, :] = False  # a caliper line
    assert codes(measure(image(color=color))) == []


def test_an_roi_of_few_pixels_is_flagged():
    small = Roi(200, 100, 9, 9)
    measurement = measure_hri(image(), small, small, GEOMETRY, HALF_MM)
    assert codes(measurement).count("few_pixels") == 2


def test_a_shadow_over_the_kidney_beams_is_flagged():
    pixels = image().pixels.copy()
    angle = np.arctan2(X - 200, Y)
    x, y = KIDNEY_ROI.center
    pixels[np.abs(angle - np.arctan2(x - 200, y)) < 0.12] = 20
    measurement = measure(image(pixels=pixels))
    assert [flag.reason for flag in measurement.flags if flag.code == "shadow" and "kidney" in flag.reason]


def test_a_part_of_an_roi_outside_its_organ_or_the_scan_is_flagged():
    masks = OrganMasks(np.ones(SHAPE, bool), np.zeros(SHAPE, bool))
    assert codes(measure(masks=masks)) == ["roi_outside_organ", "organ_too_small"]
    clipped = replace(GEOMETRY, mask=GEOMETRY.mask & (X < 220))
    assert "roi_outside_scan" in codes(measure(geometry=clipped))


def test_an_organ_hardly_larger_than_the_roi_is_flagged():
    small = np.zeros(SHAPE, bool)
    small[LIVER_ROI.top - 5 : LIVER_ROI.top + 40, LIVER_ROI.left - 5 : LIVER_ROI.left + 45] = True
    masks = OrganMasks(small, np.ones(SHAPE, bool) & ~small)
    reasons = [flag.reason for flag in measure(masks=masks).flags if flag.code == "organ_too_small"]
    assert reasons == ["The liver in the image is only 2.5 ROIs large."]


def test_an_unsure_network_is_flagged():
    everything = np.ones(SHAPE, bool)
    masks = OrganMasks(everything, everything, liver_confidence=0.95, right_kidney_confidence=0.55)
    # and a kidney as large as the image
    assert codes(measure(masks=masks)) == ["low_confidence", "implausible_anatomy"]


def test_rois_far_apart_in_depth_are_flagged():
    measurement = measure_hri(image(), Roi(185, 20, 30, 30), Roi(185, 200, 30, 30), GEOMETRY, HALF_MM, roi_mm=15.0)
    assert {"depth_mismatch", "roi_distance"} <= set(codes(measurement))


def test_an_roi_outside_the_region_that_gave_the_spacing_is_flagged():
    region = UltrasoundRegion(0, 0, 190, 299, 1, 1, 0, 0.5, 0.5)
    calibration = Calibration(SpacingSource.REGION, 0.5, 0.5)
    assert "roi_outside_region" in codes(measure(image(regions=(region,)), calibration))
    whole = replace(region, x1=399)
    assert "roi_outside_region" not in codes(measure(image(regions=(region, whole)), calibration))


def test_contradicting_or_refused_spacings_are_flagged_in_their_words():
    conflict = replace(HALF_MM, notes=("0.5 mm against 0.6 mm.",), conflict=True)
    assert codes(measure(calibration=conflict)) == ["calibration_conflict"]
    refused = replace(HALF_MM, notes=("The region's delta is negative.",))
    assert measure(calibration=refused).flags[0].reason == "The region's delta is negative."


def test_a_black_kidney_or_an_roi_outside_the_image_is_not_a_number():
    with pytest.raises(MeasurementError, match="black"):
        measure(painted(KIDNEY_ROI, 0))
    with pytest.raises(MeasurementError, match="outside"):
        measure_hri(image(), Roi(390, 0, 30, 30), KIDNEY_ROI, GEOMETRY, HALF_MM)


def test_only_the_largest_object_of_an_organ_is_kept():
    mask = np.zeros((20, 20), bool)
    mask[2:10, 2:10] = True
    mask[15:18, 15:18] = True
    kept = largest_object(mask)
    assert kept[5, 5]
    assert not kept[16, 16]
    assert kept.sum() == 64


def test_labels_and_masks_are_the_same_thing():
    labels = np.random.default_rng(0).integers(0, 3, (8, 9), dtype=np.uint8)
    np.testing.assert_array_equal(OrganMasks.from_labels(labels).labels(), labels)
