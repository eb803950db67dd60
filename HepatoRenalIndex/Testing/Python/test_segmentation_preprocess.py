"""The way of a frame into the network and of its probabilities back."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

torch = pytest.importorskip("torch")

from HepatoRenalIndexLib.geometry.scan import ProbeShape, ScanGeometry  # noqa: E402
from HepatoRenalIndexLib.imaging.image import Provenance, UltrasoundImage  # noqa: E402
from HepatoRenalIndexLib.inference.preprocess import (  # noqa: E402
    UNIT_RANGE,
    Letterbox,
    MaskRules,
    NetworkInput,
    fill_holes,
    masks_from_probabilities,
    prepare,
    restore,
)
from HepatoRenalIndexLib.inference.segmenter import BundleSegmenter  # noqa: E402
from HepatoRenalIndexLib.inference.views import View  # noqa: E402
from HepatoRenalIndexLib.measurement.result import ModelIdentity  # noqa: E402

NETWORK = NetworkInput(rows=96, columns=128)


def random_geometry(generator: np.random.Generator) -> ScanGeometry:
    rows, columns = generator.integers(60, 700, 2)
    x0, y0 = generator.integers(0, columns // 3), generator.integers(0, rows // 3)
    x1, y1 = generator.integers(columns // 2, columns), generator.integers(rows // 2, rows)
    mask = np.zeros((rows, columns), bool)
    mask[y0 : y1 + 1, x0 : x1 + 1] = True
    return ScanGeometry(ProbeShape.LINEAR, mask, aspect=float(generator.uniform(0.7, 1.4)))


def whole(rows: int, columns: int, aspect: float = 1.0) -> ScanGeometry:
    return ScanGeometry(ProbeShape.LINEAR, np.ones((rows, columns), bool), aspect=aspect)


@pytest.mark.parametrize("seed", range(20))
def test_a_position_survives_the_letterbox_and_back_for_any_geometry(seed):
    generator = np.random.default_rng(seed)
    geometry = random_geometry(generator)
    box = Letterbox.fit(geometry, NETWORK)
    x0, y0, x1, y1 = geometry.bounds
    x, y = generator.uniform(x0, x1, 50), generator.uniform(y0, y1, 50)
    u, v = box.to_network(x, y)
    assert u.min() >= -0.5 and u.max() <= NETWORK.columns - 0.5
    assert v.min() >= -0.5 and v.max() <= NETWORK.rows - 0.5
    back = box.to_source(u, v)
    assert np.allclose(back, (x, y), atol=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_a_blob_drawn_in_the_frame_comes_back_to_its_place_within_a_pixel(seed):
    """The network is replaced by the identity: its input's brightness is the liver's probability."""
    generator = np.random.default_rng(seed)
    geometry = random_geometry(generator)
    x0, y0, x1, y1 = geometry.bounds
    y, x = np.indices(geometry.mask.shape)
    center = generator.uniform(0.35, 0.65, 2) * (x1 - x0, y1 - y0) + (x0, y0)
    blob = ((x - center[0]) / (x1 - x0)) ** 2 + ((y - center[1]) / (y1 - y0)) ** 2 < 0.25**2
    tensor, box = prepare(np.where(blob, 255, 0).astype(np.uint8), geometry, NetworkInput(288, 384, UNIT_RANGE))
    liver = tensor[0]
    probabilities = restore(torch.cat([1 - liver, liver, torch.zeros_like(liver)]), box)
    found = masks_from_probabilities(probabilities, box, geometry, MaskRules()).liver
    scale = max(1.0, box.width / box.columns)
    for axis in (0, 1):
        expected, seen = np.flatnonzero(blob.any(axis)), np.flatnonzero(found.any(axis))
        assert abs(expected[0] - seen[0]) <= scale and abs(expected[-1] - seen[-1]) <= scale
    assert np.allclose(ndimage.center_of_mass(found), ndimage.center_of_mass(blob), atol=0.5)


def test_proportions_are_true_for_pixels_that_are_not_square():
    box = Letterbox.fit(whole(200, 200, aspect=0.5), NETWORK)
    assert (box.columns, box.rows) == (NETWORK.columns, NETWORK.columns // 2)
    assert (box.left, box.top) == (0, (NETWORK.rows - box.rows) // 2)


def test_what_lies_outside_the_insonated_area_does_not_reach_the_network():
    y, x = np.indices((150, 200))
    geometry = ScanGeometry(ProbeShape.SECTOR, (np.hypot(x - 100, y) < 130) & (np.abs(x - 100) < y))
    pixels = np.random.default_rng(0).integers(0, 256, (150, 200), np.uint8)
    overwritten = np.where(geometry.mask, pixels, 255).astype(np.uint8)
    assert torch.equal(prepare(pixels, geometry, NETWORK)[0], prepare(overwritten, geometry, NETWORK)[0])


def test_gain_does_not_change_the_input_of_a_network_that_standardizes():
    pixels = np.random.default_rng(0).integers(20, 120, (200, 300), dtype=np.uint8)
    quiet, loud = (prepare(values, whole(200, 300), NETWORK)[0] for values in (pixels, 2 * pixels))
    assert torch.allclose(quiet, loud, atol=1e-3)


def test_a_black_frame_gives_a_finite_input():
    assert prepare(np.zeros((100, 100), np.uint8), whole(100, 100), NETWORK)[0].abs().max() == 0


def test_an_organ_is_its_largest_object_with_holes_filled():
    probabilities = np.zeros((3, 60, 60), np.float32)
    probabilities[1, 5:40, 5:40] = 0.9
    probabilities[1, 15:20, 15:20] = 0.1  # a vessel
    probabilities[1, 50:55, 50:55] = 0.9  # a second, smaller object
    probabilities[0] = 1 - probabilities[1]
    geometry = whole(60, 60)
    masks = masks_from_probabilities(probabilities, Letterbox.fit(geometry, NETWORK), geometry, MaskRules())
    expected = np.zeros((60, 60), bool)
    expected[5:40, 5:40] = True
    assert np.array_equal(masks.liver, expected)
    assert not masks.right_kidney.any()
    assert masks.right_kidney_confidence == 0


@pytest.mark.parametrize("label", [1, 2])
def test_an_object_outside_the_insonated_area_does_not_displace_the_organ(label):
    mask = np.zeros((60, 60), bool)
    mask[:, :20] = mask[0, :] = True
    probabilities = np.zeros((3, 60, 60), np.float32)
    probabilities[label, 5:15, 5:15] = 0.9
    probabilities[label, 10:50, 25:55] = 0.9
    geometry = ScanGeometry(ProbeShape.UNKNOWN, mask)
    masks = masks_from_probabilities(probabilities, Letterbox.fit(geometry, NETWORK), geometry, MaskRules())
    assert (masks.labels() == label).sum() == 100


def test_a_kidney_inside_the_liver_stays_a_kidney():
    probabilities = np.zeros((3, 60, 60), np.float32)
    probabilities[1, 5:55, 5:55] = 0.9
    probabilities[:, 20:40, 20:40] = np.array([0.05, 0.05, 0.9])[:, None, None]
    geometry = whole(60, 60)
    masks = masks_from_probabilities(probabilities, Letterbox.fit(geometry, NETWORK), geometry, MaskRules())
    assert masks.right_kidney.sum() == 400
    assert masks.liver.sum() == 2500 - 400


@pytest.mark.parametrize(("rules", "kept"), [(MaskRules(0.5, 0.01, 0.6), True), (MaskRules(0.5, 0.05), False)])
def test_an_object_that_is_too_small_is_no_organ(rules, kept):
    probabilities = np.zeros((3, 100, 100), np.float32)
    probabilities[2, :15, :15] = 0.8
    geometry = whole(100, 100)
    masks = masks_from_probabilities(probabilities, Letterbox.fit(geometry, NETWORK), geometry, rules)
    assert masks.right_kidney.any() == kept


def test_an_object_that_is_too_uncertain_is_no_organ():
    probabilities = np.full((3, 50, 50), [[[0.3]], [[0.55]], [[0.15]]], np.float32)
    geometry = whole(50, 50)
    box = Letterbox.fit(geometry, NETWORK)
    masks = masks_from_probabilities(probabilities, box, geometry, MaskRules(minimum_confidence=0.6))
    assert not masks.liver.any()
    assert masks.liver_confidence == pytest.approx(0.55)


@pytest.mark.parametrize("seed", range(5))
def test_filling_holes_equals_scipy(seed):
    mask = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((80, 90)), 2) > 0
    assert np.array_equal(fill_holes(mask), ndimage.binary_fill_holes(mask))


def test_masks_never_leave_the_insonated_area_and_an_empty_area_gives_empty_masks():
    class AllLiver(torch.nn.Module):
        def forward(self, image):
            return torch.cat([image * 0, image * 0 + 9, image * 0], 1)

    segmenter = BundleSegmenter(AllLiver(), torch.device("cpu"), ModelIdentity(), NETWORK, MaskRules())
    y, x = np.indices((90, 120))
    mask = np.hypot(x - 60, y) < 80
    image = UltrasoundImage(np.full((90, 120), 90, np.uint8), Provenance("flat"))
    assert np.array_equal(segmenter.segment(image, ScanGeometry(ProbeShape.UNKNOWN, mask)).liver, mask)
    nothing = segmenter.segment(image, ScanGeometry(ProbeShape.UNKNOWN, np.zeros_like(mask)))
    assert not nothing.liver.any() and not nothing.right_kidney.any()
    with pytest.raises(ValueError, match="not of one frame"):
        segmenter.segment(image, whole(10, 10))


MIRROR_CLOSED = (View(72, 96, 8.0), View(72, 96, -8.0, True), View(96, 128, -8.0), View(96, 128, 8.0, True))


def test_views_that_mirror_each_other_make_the_masks_of_a_mirrored_frame_mirrored():
    torch.manual_seed(0)
    network = torch.nn.Conv2d(1, 3, 9, padding=4).eval()
    pixels = ndimage.gaussian_filter(np.random.default_rng(0).uniform(0, 255, (96, 128)), 4).astype(np.uint8)
    difference = {}
    for views in ((), MIRROR_CLOSED):
        segmenter = BundleSegmenter(network, torch.device("cpu"), ModelIdentity(), NETWORK, MaskRules(), views)
        left, right = (
            segmenter.probabilities(UltrasoundImage(np.ascontiguousarray(view), Provenance("x")), whole(96, 128))[0]
            for view in (pixels, pixels[:, ::-1])
        )
        difference[views] = np.abs(left - right[:, :, ::-1]).max()
    assert difference[MIRROR_CLOSED] < 1e-4 < 1e-3 < difference[()]


@pytest.mark.parametrize("view", [View(72, 96), View(72, 96, 8.0), View(96, 128, -20.0), View(72, 96, 30.0, True)])
def test_a_view_is_turned_back_to_where_the_frame_shows_it(view):
    class Bright(torch.nn.Module):
        """Liver where the input is bright."""

        def forward(self, x):
            return torch.cat([torch.zeros_like(x), (x - 1.0) * 20, torch.full_like(x, -50.0)], 1)

    y, x = np.indices((96, 128))
    blob = np.hypot((x - 80) / 2, y - 40) < 9
    image = UltrasoundImage(np.where(blob, 200, 20).astype(np.uint8), Provenance("x"))
    segmenter = BundleSegmenter(Bright(), torch.device("cpu"), ModelIdentity(), NETWORK, MaskRules(), (view,))
    found = segmenter.segment(image, whole(96, 128)).liver
    assert (found & blob).sum() / (found | blob).sum() > 0.9
