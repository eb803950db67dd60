"""The whole job on one frame, on phantoms whose organs, spacing and index are known; the network is left out."""

from dataclasses import replace

import numpy as np
import pytest
from HepatoRenalIndexLib.geometry.scan import ProbeShape
from HepatoRenalIndexLib.geometry.spacing import SpacingSource
from HepatoRenalIndexLib.imaging.image import InputError, Provenance, UltrasoundImage, UltrasoundRegion
from HepatoRenalIndexLib.measurement.organs import ModelIdentity, OrganMasks
from HepatoRenalIndexLib.pipeline.measure import MeasurementSettings, measure_frame
from HepatoRenalIndexLib.simulation.sample import sample_phantom


@pytest.fixture(scope="module")
def phantom():
    phantom = sample_phantom("sector")
    y_mm, x_mm = phantom.spacing_mm
    rows, columns = phantom.image.pixels.shape
    region = UltrasoundRegion(0, 0, columns - 1, rows - 1, 1, 1, 0, x_mm, y_mm)
    return replace(phantom, image=replace(phantom.image, regions=(region,)))


class Known:
    """A segmenter that knows the masks."""

    identity = ModelIdentity("known", "1", "0" * 64, "cpu")

    def __init__(self, masks):
        self.masks = masks

    def segment(self, image, geometry):
        return self.masks


def measured(phantom, masks=None, image=None, **settings):
    masks = masks or phantom.masks
    return measure_frame(image or phantom.image, Known(masks), MeasurementSettings(**settings))


@pytest.mark.parametrize("placement", ["representative", "published"])
def test_the_index_at_the_rois_is_the_noise_free_one(phantom, placement):
    result = measured(phantom, placement=placement)
    assert result.status == "ok"
    truth = phantom.noise_free_hri(result.measurement.liver.roi, result.measurement.kidney.roi)
    assert result.measurement.hri == pytest.approx(truth, rel=0.05)
    assert result.model.name == "known"
    assert {"geometry", "segmentation", "calibration", "placement", "measurement"} <= set(result.seconds)


def test_the_rois_are_15_mm_by_the_region_of_the_header(phantom):
    result = measured(phantom)
    assert result.calibration.source is SpacingSource.REGION
    assert result.measurement.liver.roi.width * result.calibration.x_mm == pytest.approx(15.0, abs=0.3)
    assert result.measurement.roi_mm == 15.0


def test_depth_is_that_of_the_known_geometry(phantom):
    result = measured(phantom)
    x, y = result.measurement.kidney.roi.center
    truth = float(phantom.geometry.depth_at(x, y)) * phantom.spacing_mm[1]
    assert result.measurement.kidney.depth_mm == pytest.approx(truth, abs=1.5)
    assert result.geometry.shape is ProbeShape.SECTOR


def test_the_value_of_the_user_wins_and_a_contradiction_is_flagged(phantom):
    wrong = 1.5 * phantom.spacing_mm[0]
    result = measured(phantom, user_spacing_mm=wrong)
    assert result.calibration.source is SpacingSource.USER
    assert result.measurement.liver.roi.width == round(15 / wrong)
    assert "calibration_conflict" in [flag.code for flag in result.flags]


def test_masks_by_hand_replace_the_network(phantom):
    result = measure_frame(phantom.image, None, masks=phantom.masks)
    assert result.status == "ok"
    assert result.model.name == "manual"


@pytest.mark.parametrize(
    ("missing", "words"),
    [(("right_kidney",), "No right kidney"), (("liver",), "No liver"), (("liver", "right_kidney"), "No liver and no")],
)
def test_without_an_organ_there_is_a_sentence_and_no_number(phantom, missing, words):
    nothing = np.zeros(phantom.image.pixels.shape, bool)
    result = measured(phantom, replace(phantom.masks, **dict.fromkeys(missing, nothing)))
    assert result.status == "error"
    assert result.measurement is None
    assert result.message.startswith(words)
    assert result.masks is not None


def test_a_black_image_is_refused():
    image = UltrasoundImage(np.zeros((200, 300), np.uint8), Provenance("black.png"))
    result = measure_frame(image, Known(None))
    assert (result.status, result.measurement) == ("error", None)
    assert "black" in result.message


def test_a_kidney_that_the_network_doubts_and_that_has_no_kidney_shape_is_refused(phantom):
    y, x = np.indices(phantom.image.pixels.shape)
    kidney = phantom.masks.right_kidney & ((x // 40 + y // 40) % 2 == 0)
    doubted = OrganMasks(phantom.masks.liver, kidney, 0.95, 0.6)
    refused = measured(phantom, doubted)
    assert refused.measurement is None
    assert "No right kidney was recognized" in refused.message
    believed = replace(phantom.masks, liver_confidence=0.95, right_kidney_confidence=0.6)
    result = measured(phantom, believed)
    assert result.status == "ok"
    assert "low_confidence" in [flag.code for flag in result.flags]


def test_of_two_images_on_one_screen_the_one_with_the_organs_is_measured(phantom):
    rows, columns = phantom.image.pixels.shape
    empty = np.zeros((rows, columns), bool)
    blank = np.where(phantom.geometry.mask, 60, 0).astype(np.uint8)
    blank[::2] //= 2  # a scan without organs
    y_mm, x_mm = phantom.spacing_mm
    for order in (0, 1):
        halves = [phantom.image.pixels, blank][:: 1 - 2 * order]
        offset = order * columns
        regions = tuple(
            UltrasoundRegion(start, 0, start + columns - 1, rows - 1, 1, 1, 0, *delta)
            for start, delta in ((offset, (x_mm, y_mm)), (columns - offset, (2 * x_mm, 2 * y_mm)))
        )
        screen = UltrasoundImage(np.hstack(halves), Provenance("dual.dcm"), regions=regions)
        masks = OrganMasks(
            *(np.hstack([mask, empty][:: 1 - 2 * order]) for mask in (phantom.masks.liver, phantom.masks.right_kidney))
        )
        result = measure_frame(screen, None, masks=masks)
        assert result.status == "ok"
        assert result.calibration.x_mm == x_mm
        assert not (result.geometry.mask & ~np.hstack([~empty, empty][:: 1 - 2 * order])).any()


def test_settings_that_cannot_be_meant_are_refused_in_words():
    with pytest.raises(InputError, match="representative, published"):
        MeasurementSettings(placement="best")
    with pytest.raises(InputError, match="2 and 60 mm"):
        MeasurementSettings(roi_mm=0)


def test_pixels_that_are_not_square_make_no_contradiction_with_the_ruler_along_the_side(phantom):
    # every second row away: pixels twice as high as wide, as the region says
    y_mm, x_mm = phantom.spacing_mm
    taken = slice(None, None, 4), slice(None, None, 3)
    pixels = np.ascontiguousarray(np.kron(phantom.image.pixels, np.ones((3, 3), np.uint8))[taken])
    region = UltrasoundRegion(0, 0, pixels.shape[1] - 1, pixels.shape[0] - 1, 1, 1, 0, x_mm, y_mm * 4 / 3)
    masks = OrganMasks(
        *(np.kron(m, np.ones((3, 3), bool))[taken] for m in (phantom.masks.liver, phantom.masks.right_kidney))
    )
    result = measure_frame(UltrasoundImage(pixels, Provenance("flat.dcm"), regions=(region,)), None, masks=masks)
    assert result.status == "ok"
    assert result.geometry.aspect == pytest.approx(4 / 3)
    assert "calibration_conflict" not in [flag.code for flag in result.flags]
    roi = result.measurement.liver.roi
    assert (roi.width * x_mm, roi.height * y_mm * 4 / 3) == pytest.approx((15.0, 15.0), abs=0.4)


def test_color_is_named_as_a_reason_for_organs_that_were_not_found(phantom):
    nothing = np.zeros(phantom.image.pixels.shape, bool)
    colored = replace(phantom.image, color=phantom.masks.liver)
    result = measured(phantom, OrganMasks(nothing, nothing), image=colored)
    assert "colored" in result.message
    assert "colored" not in measured(phantom, OrganMasks(nothing, nothing)).message
