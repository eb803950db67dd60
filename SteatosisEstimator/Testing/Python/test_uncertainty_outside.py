"""Images unlike the training images are told apart: drawn scans, simulated scanners, real files."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from HepatoRenalIndexLib.geometry.calibration import calibrate
from HepatoRenalIndexLib.geometry.detect import detect_scan_geometry
from HepatoRenalIndexLib.geometry.scan import ProbeShape, ScanGeometry
from HepatoRenalIndexLib.geometry.spacing import Calibration, SpacingSource
from HepatoRenalIndexLib.imaging.image import InputError, Provenance, UltrasoundImage
from HepatoRenalIndexLib.imaging.reader import open_ultrasound
from HepatoRenalIndexLib.simulation.parameters import Content
from HepatoRenalIndexLib.simulation.phantom import simulate
from HepatoRenalIndexLib.simulation.randomize import random_parameters
from scipy import ndimage
from SteatosisEstimatorLib.uncertainty.brightness_domain import INSIDE, learn_brightness
from SteatosisEstimatorLib.uncertainty.description import describe, summarize
from SteatosisEstimatorLib.uncertainty.outside import OutsideWarning, TrainingDomain, learn_domain

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the validation data folder is not beside the project")

Y, X = np.mgrid[:200, :240]
RULER = Calibration(SpacingSource.RULER, 0.8, 0.8)


def curved(depth_px=170.0, half_angle=0.6, shape=ProbeShape.CURVED):
    apex, near = (119.5, -30.0), 40.0
    r, angle = np.hypot(X - apex[0], Y - apex[1]), np.arctan2(X - apex[0], Y - apex[1])
    mask = (r >= near) & (r <= near + depth_px) & (np.abs(angle) <= half_angle)
    return ScanGeometry(shape, mask, apex, near, near + depth_px, -half_angle, half_angle)


def drawn(rng, geometry=None, mean=90.0, spread=20.0, slope=-30.0, scanner=("Maker Ltd", "Scan 5"), calibration=RULER):
    """Description of a drawn scan: noise about a brightness that falls with depth, and differs between subjects."""
    geometry = geometry or curved()
    depth = geometry.depth_map() / (geometry.far_radius - geometry.near_radius)
    level = mean + rng.normal(0, 5) + (slope + rng.normal(0, 4)) * (depth - 0.5)
    noise = ndimage.gaussian_filter(rng.normal(0, 1, X.shape), 1.2)
    pixels = np.where(geometry.mask, level + spread * rng.uniform(0.9, 1.1) * noise / noise.std(), 0)
    image = UltrasoundImage(
        np.clip(pixels, 0, 255).astype(np.uint8), Provenance("a", manufacturer=scanner[0], model=scanner[1])
    )
    return describe(image, geometry, calibration)


@pytest.fixture(scope="module")
def domain():
    rng = np.random.default_rng(0)
    return learn_domain([drawn(rng) for _ in range(40)], [str(i) for i in range(40)])


def codes(domain, *descriptions):
    return {warning.code for warning in domain.check(descriptions)}


def test_the_description_measures_what_was_drawn():
    rng = np.random.default_rng(1)
    geometry = curved()
    found = drawn(rng, geometry, mean=100, spread=12, slope=-40)
    assert found.depth_mm == pytest.approx(170 * 0.8, rel=0.02)
    assert found.opening_angle == pytest.approx(np.degrees(1.2))
    assert found.width_mm is None and found.pixel_spacing_mm == 0.8 and found.scanner == "Maker Ltd Scan 5"
    assert found.brightness.depth_slope == pytest.approx(-40, abs=10)
    assert found.brightness.mean == pytest.approx(found.brightness.median, abs=8)
    assert found.brightness.quantile_05 < found.brightness.median < found.brightness.quantile_95
    assert found.brightness.black_share < 0.01 and found.brightness.saturated_share == 0


def test_black_saturated_and_colored_pixels_are_counted_apart():
    geometry = curved()
    pixels = np.where(geometry.mask, 100, 0).astype(np.uint8)
    pixels[:100][geometry.mask[:100]] = 255
    color = np.zeros(pixels.shape, bool)
    image = UltrasoundImage(pixels, Provenance("a"))
    share = geometry.mask[:100].sum() / geometry.mask.sum()
    assert describe(image, geometry, RULER).brightness.saturated_share == pytest.approx(share)
    color[:100] = True
    assert describe(replace(image, color=color), geometry, RULER).brightness.saturated_share == 0


def test_depth_counts_in_millimeters_also_where_pixels_are_not_square():
    geometry = replace(curved(), aspect=1.25)
    tall = describe(
        UltrasoundImage(np.full(X.shape, 90, np.uint8), Provenance("a")), geometry, replace(RULER, y_mm=1.0)
    )
    expected = geometry.depth_map()[geometry.mask].max() * 0.8
    assert tall.depth_mm == pytest.approx(expected)


def test_images_of_the_same_kind_pass(domain):
    rng = np.random.default_rng(2)
    warned = [bool(domain.check([drawn(rng)])) for _ in range(100)]
    assert np.mean(warned) < 0.15


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"mean": 150}, "brightness"),
        ({"mean": 40}, "brightness"),
        ({"spread": 45}, "brightness"),
        ({"slope": 60}, "brightness"),
        ({"geometry": curved(shape=ProbeShape.SECTOR)}, "probe_shape"),
        ({"geometry": curved(half_angle=0.3)}, "opening_angle"),
        ({"geometry": curved(depth_px=110)}, "scan_depth"),
        ({"calibration": Calibration(SpacingSource.RULER, 1.4, 1.4)}, "pixel_spacing"),
        ({"calibration": Calibration(SpacingSource.NONE)}, "scale_unknown"),
        ({"scanner": ("Maker Ltd", "Scan 7")}, "scanner"),
        ({"scanner": ("Other", "Echo 5")}, "scanner"),
    ],
)
def test_what_is_changed_is_what_the_warning_names(domain, change, code):
    rng = np.random.default_rng(3)
    found = domain.check([drawn(rng, **change)])
    assert code in {warning.code for warning in found}
    for warning in found:
        assert warning.sentence.endswith(".") and warning.sentence.count(". ") == 0


def test_names_of_a_scanner_may_lack_the_maker_and_an_unnamed_one_is_not_doubted(domain):
    rng = np.random.default_rng(4)
    for scanner in (("", "Scan 5"), ("MAKER", "SCAN 5"), ("Maker Medical Systems", "Scan 5"), ("", "")):
        assert "scanner" not in codes(domain, drawn(rng, scanner=scanner))
    assert "scanner" in codes(domain, drawn(rng, scanner=("Maker", "Scan 55")))
    extra = learn_domain(
        [drawn(rng, scanner=("", "")) for _ in range(12)], [str(i) for i in range(12)], ["GE Vivid E9"]
    )
    assert extra.scanners == ("GE Vivid E9",)
    assert "scanner" not in codes(extra, drawn(rng, scanner=("GE Vingmed Ultrasound", "Vivid E9")))
    assert "scanner" in codes(extra, drawn(rng, scanner=("GE Vingmed Ultrasound", "Vivid E95")))


def test_linear_scans_are_compared_by_width():
    rng = np.random.default_rng(5)

    def linear(columns):
        mask = (np.abs(X - 119.5) < columns / 2) & (Y > 10) & (Y < 150)
        return ScanGeometry(ProbeShape.LINEAR, mask, far_radius=140.0, top=10.0)

    narrow = learn_domain([drawn(rng, linear(60)) for _ in range(5)], list("abcde"))
    assert narrow.brightness is None  # five subjects say nothing of the spread
    assert codes(narrow, drawn(rng, linear(60))) == set()
    assert codes(narrow, drawn(rng, linear(120))) == {"scan_width"}


def test_an_image_without_a_scan_is_one_warning(domain):
    nothing = ScanGeometry(ProbeShape.UNKNOWN, np.zeros(X.shape, bool))
    empty = describe(UltrasoundImage(np.zeros(X.shape, np.uint8), Provenance("a")), nothing, RULER)
    assert empty.brightness is None and codes(domain, empty) == {"no_scan"}
    with pytest.raises(InputError, match="No training image shows a scan"):
        learn_domain([empty], ["a"])
    with pytest.raises(InputError, match="name of the subject"):
        learn_domain([empty], [])
    with pytest.raises(ValueError, match="no image"):
        domain.check([])
    with pytest.raises(ValueError, match="unknown warning"):
        OutsideWarning("strange", "It is strange.")


def test_a_clip_is_judged_by_its_typical_frame(domain):
    rng = np.random.default_rng(6)
    good = [drawn(rng) for _ in range(5)]
    odd = drawn(rng, mean=180)
    assert codes(domain, *good, odd) == set()
    assert codes(domain, *good[:1], odd, odd) == {"brightness"}
    assert summarize([good[0]]) == good[0]


def test_a_subject_with_many_frames_counts_once():
    rng = np.random.default_rng(7)
    descriptions = [drawn(rng) for _ in range(20)]
    bright = [drawn(rng, mean=170)] * 200
    learned = learn_domain(descriptions + bright, [str(i) for i in range(20)] + ["loud"] * 200)
    assert learned.subjects == 21
    assert "brightness" not in codes(learned, drawn(np.random.default_rng(8)))


def test_the_limit_passes_the_promised_share_of_new_subjects():
    rng = np.random.default_rng(9)
    passed = []
    for _ in range(4):
        learned = learn_brightness([drawn(rng).brightness for _ in range(40)])
        passed += [learned.judge(drawn(rng).brightness) is None for _ in range(40)]
    assert INSIDE - 0.06 < np.mean(passed) < 1


def test_the_domain_comes_back_from_its_file_the_same(domain):
    again = TrainingDomain.from_json(json.loads(json.dumps(domain.to_json())))
    odd = drawn(np.random.default_rng(10), mean=170, scanner=("Other", "1"))
    assert again.check([odd]) == domain.check([odd]) != ()
    small = learn_domain([odd], ["a"])
    assert TrainingDomain.from_json(small.to_json()) == small


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": "fat calibration"}, "holds no training domain"),
        ({"shapes": []}, "contradicts itself"),
        ({"shapes": ["round"]}, "contradicts itself"),
        ({"scanners": [5]}, "contradicts itself"),
        ({"ranges": {"depth_mm": [200.0, 100.0]}}, "contradicts itself"),
        ({"ranges": {"depth_mm": [100.0]}}, "no usable depth_mm"),
        ({"ranges": {"height": [1.0, 2.0]}}, "contradicts itself"),
        ({"ranges": [1, 2]}, "contradicts itself"),
        ({"subjects": "all"}, "no sensible number"),
        ({"brightness": {}}, "holds no brightness domain"),
    ],
)
def test_a_damaged_domain_is_refused(domain, change, sentence):
    with pytest.raises(InputError, match=sentence):
        TrainingDomain.from_json({**domain.to_json(), **change})


def test_a_damaged_brightness_domain_is_refused(domain):
    good = domain.to_json()["brightness"]
    for change in ({"center": [1.0]}, {"spread": [0.0] * 9}, {"precision": [0.0] * 81}, {"limit": None}):
        with pytest.raises(InputError, match="model"):
            TrainingDomain.from_json({**domain.to_json(), "brightness": {**good, **change}})


def described(image):
    geometry = detect_scan_geometry(image.pixels, color=image.color)
    return describe(image, geometry, calibrate(image, geometry))


def test_a_simulated_scanner_is_told_from_another():
    def phantoms(seed, count, receiver, shape):
        rng = np.random.default_rng(seed)
        for _ in range(count):
            drawn_at_random = random_parameters(rng, Content.LIVER_KIDNEY, shape, (240, 320))
            yield described(simulate(replace(drawn_at_random, receiver=receiver)).image)

    own = random_parameters(np.random.default_rng(0)).receiver
    other = replace(own, gamma=own.gamma * 0.5, dynamic_range_db=95.0, smoothing_px=1.8)
    training = list(phantoms(1, 24, own, ProbeShape.SECTOR))
    learned = learn_domain(training, [str(i) for i in range(24)])
    same = [codes(learned, d) & {"brightness"} for d in phantoms(2, 9, own, ProbeShape.SECTOR)]
    changed = [codes(learned, d) & {"brightness"} for d in phantoms(2, 9, other, ProbeShape.SECTOR)]
    probe = [codes(learned, d) & {"probe_shape", "opening_angle"} for d in phantoms(3, 4, own, ProbeShape.LINEAR)]
    assert sum(map(bool, same)) <= 2 and sum(map(bool, changed)) >= 7 and sum(map(bool, probe)) >= 3


@pytest.fixture(scope="module")
def real():
    with (DATA / "byra2018" / "patients.csv").open(encoding="utf-8") as file:
        patients = [int(row["patient"]) for row in csv.DictReader(file)]
    images = {}
    for patient in patients:
        with open_ultrasound(DATA / "byra2018" / "images" / f"p{patient:02d}_f0.png") as source:
            images[patient] = source.frame(0)
    return images, {patient: described(image) for patient, image in images.items()}


@needs_data
def test_real_images_of_patients_left_out_are_mostly_inside(real):
    _, found = real
    inside = 0
    for left_out in found:
        others = [patient for patient in found if patient != left_out]
        learned = learn_domain([found[p] for p in others], [str(p) for p in others], ["GE Vivid E9"])
        inside += not learned.check([found[left_out]])
    assert inside >= 0.9 * len(found)


@needs_data
@pytest.mark.parametrize(
    ("change", "least"),
    [
        (lambda p: 255 - p, 1.0),
        (lambda p: (255 * (p / 255) ** 0.6).round(), 0.9),
        (lambda p: (255 * (p / 255) ** 1.6).round(), 0.9),
        (lambda p: np.where(p > 15, np.clip(p.astype(int) + 40, 0, 255), p), 0.9),
        (lambda p: ndimage.gaussian_filter(p.astype(float), 2), 0.9),
        (lambda p: p[:, ::-1], 0.0),
    ],
    ids=["inverted", "gamma 0.6", "gamma 1.6", "gain", "smoothed", "mirrored"],
)
def test_real_images_with_another_gray_map_are_outside_and_mirrored_ones_inside(real, change, least):
    images, found = real
    learned = learn_domain(list(found.values()), [str(p) for p in found], ["GE Vivid E9"])
    some = list(images.values())[::4]
    altered = [replace(image, pixels=np.ascontiguousarray(change(image.pixels)).astype(np.uint8)) for image in some]
    outside = np.mean([bool(learned.check([described(image)])) for image in altered])
    assert outside >= least if least else outside <= 0.2


@needs_data
def test_files_of_other_scanners_are_outside(real):
    _, found = real
    learned = learn_domain(list(found.values()), [str(p) for p in found], ["GE Vivid E9"])
    read = 0
    for path in sorted((DATA / "us_dicom").glob("*.dcm")):
        try:
            with open_ultrasound(path) as source:
                image = source.frame(0)
        except InputError:
            continue
        read += 1
        assert learned.check([described(image)])
    assert read > 10
