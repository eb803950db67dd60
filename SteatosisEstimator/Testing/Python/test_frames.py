"""Frames of a cohort, and crops that go back to where they came from."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_cohort import draw, scan_pixels
from HepatoRenalIndexLib.imaging.image import InputError
from PIL import Image
from SteatosisEstimatorLib.cohort.cohort import CohortImage
from SteatosisEstimatorLib.cohort.reading import read_cohort
from SteatosisEstimatorLib.cohort.vocabulary import View
from SteatosisEstimatorLib.frames.crop import Crop, centered_crop, resize, scan_crop
from SteatosisEstimatorLib.frames.crop import scan_pixels as only_scan
from SteatosisEstimatorLib.frames.frame import evenly, frames_of, pixel_digest
from SteatosisEstimatorLib.simulation.writing import write_cohort


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A subject with a DICOM clip of six frames."""
    folder = tmp_path_factory.mktemp("clip")
    return read_cohort(write_cohort(folder, 1, ["ar"], seed=3, frames=6, size=(120, 160))).subjects[0]


def test_the_frames_of_a_clip_come_one_by_one_with_one_geometry(clip):
    frames = list(frames_of(clip.images[0]))
    assert [frame.index for frame in frames] == list(range(6)) and {frame.count for frame in frames} == {6}
    assert len({id(frame.geometry) for frame in frames}) == 1
    assert len({pixel_digest(frame.image.pixels) for frame in frames}) == 6


@pytest.mark.parametrize(("caller", "cohort", "expected"), [(3, None, [0, 2, 5]), (None, 2, [0, 5]), (3, 1, [3])])
def test_the_smaller_limit_thins_a_clip(clip, caller, cohort, expected):
    image = CohortImage(clip.images[0].view, clip.images[0].path, "clip", most_frames=cohort)
    assert [frame.index for frame in frames_of(image, caller)] == expected


def test_evenly_spaced_frames_have_both_ends_and_never_repeat():
    assert evenly(5, None) == [0, 1, 2, 3, 4] == evenly(5, 9)
    assert evenly(100, 4) == [0, 33, 66, 99]
    assert evenly(7, 1) == [3]
    assert all(len(set(evenly(n, m))) == min(n, m) for n in range(1, 40) for m in range(1, 40))
    with pytest.raises(ValueError, match="at least one frame"):
        evenly(5, 0)


def test_the_digest_is_of_the_pixels_and_not_of_the_file(tmp_path):
    first = CohortImage(View.LIVER, draw(tmp_path / "a.png", 80, 1), "a.png")
    again = CohortImage(View.LIVER, draw(tmp_path / "b.png", 80, 1), "b.png")
    other = CohortImage(View.LIVER, draw(tmp_path / "c.png", 80, 2), "c.png")
    digests = [pixel_digest(next(frames_of(image)).image.pixels) for image in (first, again, other)]
    assert digests[0] == digests[1] != digests[2]


def test_a_file_that_cannot_be_read_is_named_by_its_source_alone(tmp_path):
    (tmp_path / "secret").mkdir()
    path = tmp_path / "secret" / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(InputError) as caught:
        list(frames_of(CohortImage(View.LIVER, path, "broken.png")))
    assert str(caught.value).startswith("broken.png: ") and "secret" not in str(caught.value)


def test_blank_frames_of_a_clip_are_passed_over_and_an_image_without_a_scan_is_refused(tmp_path):
    black, scan = Image.fromarray(np.zeros((150, 200), np.uint8)), Image.fromarray(scan_pixels(120, 3))
    black.save(tmp_path / "clip.tif", save_all=True, append_images=[scan, black, scan, black])
    found = list(frames_of(CohortImage(View.AR, tmp_path / "clip.tif", "clip.tif")))
    assert [frame.index for frame in found] == [1, 3] and all(frame.geometry.mask.any() for frame in found)
    black.save(tmp_path / "black.png")
    with pytest.raises(InputError, match=r"black\.png: The image shows no scan"):
        list(frames_of(CohortImage(View.AR, tmp_path / "black.png", "black.png")))


@pytest.mark.parametrize("crop", [Crop(10, 5, 60, 45), Crop(-8, -3, 40, 30), Crop(150, 100, 230, 180)])
def test_what_was_cut_out_goes_back_to_where_it_was(crop):
    pixels = scan_pixels(120, 4)
    back = crop.put_back(crop.cut(pixels), pixels.shape)
    inside = np.zeros(pixels.shape, bool)
    inside[max(crop.y0, 0) : crop.y1, max(crop.x0, 0) : crop.x1] = True
    np.testing.assert_allclose(back[inside], pixels[inside], atol=1e-3)
    assert not back[~inside].any()


def test_a_small_map_over_a_crop_goes_back_to_the_right_place():
    crop = Crop(20, 40, 120, 140)
    small = np.zeros((10, 10), np.float32)
    small[2, 7] = 1.0  # its square: x 90..100, y 60..70
    back = crop.put_back(small, (150, 200))
    y, x = np.unravel_index(back.argmax(), back.shape)
    assert 90 <= x < 100 and 60 <= y < 70


def test_the_crop_holds_the_scan_and_the_centered_one_its_middle(tmp_path):
    frame = next(frames_of(CohortImage(View.LIVER, draw(tmp_path / "a.png", 90, 5), "a.png")))
    crop = scan_crop(frame.geometry)
    assert frame.geometry.mask.sum() == crop.cut(frame.geometry.mask.astype(np.uint8)).sum()
    middle = centered_crop(frame.geometry, 360, 360)
    assert (middle.width, middle.height) == (360, 360)
    assert abs((middle.x0 + middle.x1) - (crop.x0 + crop.x1)) <= 1


def test_annotations_beside_the_scan_are_black(tmp_path):
    frame = next(frames_of(CohortImage(View.LIVER, draw(tmp_path / "a.png", 90, 5), "a.png")))
    pixels = frame.image.pixels.copy()
    pixels[:10, :10] = 255
    assert not only_scan(pixels, frame.geometry)[:10, :10].any()
    assert only_scan(pixels, frame.geometry).dtype == np.uint8


def test_resizing_keeps_mean_range_and_place():
    pixels = scan_pixels(120, 6).astype(np.float32)
    small = resize(pixels, (75, 100))
    assert small.shape == (75, 100) and small.dtype == np.float32
    assert abs(small.mean() - pixels.mean()) < 0.5
    assert small.min() >= pixels.min() and small.max() <= pixels.max()
    step = np.repeat([0.0, 200.0], 50)[None].repeat(20, 0)
    assert resize(step, (20, 400))[0, 195] < 100 < resize(step, (20, 400))[0, 204]
