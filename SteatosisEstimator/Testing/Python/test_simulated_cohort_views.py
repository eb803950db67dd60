"""What the simulated views show, and how it changes with the fat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from HepatoRenalIndexLib.geometry.detect import detect_scan_geometry
from HepatoRenalIndexLib.simulation.parameters import Content
from HepatoRenalIndexLib.simulation.phantom import Phantom, simulate
from HepatoRenalIndexLib.simulation.tissues import Tissue
from scipy.stats import spearmanr
from SteatosisEstimatorLib.cohort.vocabulary import View
from SteatosisEstimatorLib.simulation import fat
from SteatosisEstimatorLib.simulation.frames import frame_parameters
from SteatosisEstimatorLib.simulation.scanners import SCANNERS
from SteatosisEstimatorLib.simulation.subjects import (
    Subject,
    clinic_fat_percent,
    make_subjects,
    uniform_fat_percent,
)
from SteatosisEstimatorLib.simulation.views import CLIP_VIEWS, VIEWS

SIZE = (160, 200)
FAT_PERCENT = (3.0, 10.0, 25.0, 40.0)


def _with_fat(subject: Subject, percent: float) -> Subject:
    """The same body with another fat fraction, at its mean relation."""
    fraction = percent / 100
    return replace(
        subject,
        fat_fraction=fraction,
        liver_db=fat.backscatter_db(fraction),
        liver_attenuation=fat.attenuation_db_cm_mhz(fraction),
        vessel_fill_db=fat.vessel_fill_db(fraction),
    )


def _frame(subject: Subject, view: str) -> Phantom:
    return simulate(frame_parameters(subject, view, size=SIZE)[0])


@pytest.fixture(scope="module")
def by_fat() -> dict[str, list[Phantom]]:
    subject = make_subjects(1, 5, [10.0], ["curved-a"])[0]
    views = ("liver-kidney", "hepatic-veins", "right-portal-vein", "ar")
    return {view: [_frame(_with_fat(subject, percent), view) for percent in FAT_PERCENT] for view in views}


def _rises(values: list[float]) -> bool:
    return all(np.diff(values) > 0)


def test_the_relations_are_those_cited():
    assert fat.attenuation_db_cm_mhz(0.10) == pytest.approx(0.621)
    assert fat.backscatter_db(0.033) == pytest.approx(10 * np.log10(2))
    fractions = np.linspace(0, 0.5, 51)
    for relation in (fat.attenuation_db_cm_mhz, fat.backscatter_db, fat.vessel_fill_db):
        assert _rises([relation(fraction) for fraction in fractions])


def test_fat_brightens_the_liver_against_the_kidney(by_fat):
    assert _rises([phantom.true_hri for phantom in by_fat["liver-kidney"]])


def test_fat_weakens_the_echo_with_depth(by_fat):
    slopes = []
    for phantom in by_fat["ar"]:
        liver = phantom.masks.liver & (phantom.tissue == Tissue.LIVER)
        depth = phantom.geometry.depth_map()[liver] * phantom.spacing_mm[1] / 10
        slopes.append(-np.polyfit(depth, phantom.noise_free[liver], 1)[0])
    assert _rises(slopes)
    for phantom in by_fat["ar"]:
        fraction = phantom.parameters.acoustics.fat_fraction
        rate = phantom.attenuation_db_cm_mhz[Tissue.LIVER]
        assert rate == pytest.approx(fat.attenuation_db_cm_mhz(fraction), abs=1e-5)


@pytest.mark.parametrize("view", ["hepatic-veins", "right-portal-vein"])
def test_fat_blurs_the_vessels(by_fat, view):
    """The larger vessels of the view lose their contrast to the parenchyma at their depth."""
    contrasts = []
    for phantom in by_fat[view]:
        bins = np.maximum(phantom.geometry.depth_map() * phantom.spacing_mm[1] / 10, 0).astype(int)
        gaps = []
        for depth in np.unique(bins):
            vessel = (bins == depth) & phantom.masks.liver & (phantom.tissue == Tissue.VESSEL)
            tissue = (bins == depth) & phantom.masks.liver & (phantom.tissue == Tissue.LIVER)
            if vessel.sum() > 30 and tissue.sum() > 30:
                gaps.append(phantom.expected[tissue].mean() - phantom.expected[vessel].mean())
        contrasts.append(-np.mean(gaps))
    assert _rises(contrasts)


def test_fat_takes_the_brightness_of_portal_walls(by_fat):
    contrasts = []
    for phantom in by_fat["right-portal-vein"]:
        wall = phantom.expected[phantom.tissue == Tissue.VESSEL_WALL].mean()
        liver = phantom.expected[phantom.masks.liver & (phantom.tissue == Tissue.LIVER)].mean()
        contrasts.append(liver - wall)
    assert _rises(contrasts)


@pytest.mark.parametrize("view", list(VIEWS))
def test_a_view_shows_what_its_name_says_on_every_scanner(view):
    for index, subject in enumerate(make_subjects(8, 21)):
        phantom = _frame(subject, view)
        scan = phantom.geometry.mask.sum()
        assert phantom.masks.liver.sum() > 0.25 * scan, index
        has_kidney = phantom.masks.right_kidney.sum() > 0.06 * scan
        assert has_kidney == View(view).shows_kidney, index
        has_diaphragm = (phantom.tissue == Tissue.DIAPHRAGM).sum() > 0.003 * scan
        assert has_diaphragm or View(view).shows_kidney, index
        vessels = (phantom.tissue == Tissue.VESSEL) & phantom.masks.liver
        if view in ("hepatic-veins", "right-portal-vein"):
            assert vessels.sum() > 0.02 * scan, index
        elif view == "right-posterior-portal-vein":
            assert vessels.sum() > 0.01 * scan, index


def test_the_scan_is_found_in_the_images_of_every_scanner():
    for subject in make_subjects(len(SCANNERS), 2, [6.0] * len(SCANNERS)):
        phantom = simulate(frame_parameters(subject, "ar", size=(240, 320))[0])
        found = detect_scan_geometry(phantom.image.pixels).mask
        truth = phantom.geometry.mask
        assert (found & truth).sum() > 0.97 * (found | truth).sum(), subject.scanner.name


@pytest.mark.parametrize("view", ["ar", "hepatic-veins", "right-portal-vein"])
def test_behind_the_diaphragm_of_a_subcostal_view_is_only_lung(view):
    phantom = _frame(make_subjects(1, 6, [4.0], ["curved-a"])[0], view)
    assert (phantom.tissue == Tissue.LUNG).any()
    assert not (phantom.tissue == Tissue.RETROPERITONEUM).any()


def test_a_mirrored_scanner_shows_the_kidney_on_the_other_side():
    sides = {}
    for name in ("curved-a", "curved-b"):
        mask = _frame(make_subjects(1, 5, [8.0], [name])[0], "liver-kidney").masks.right_kidney
        sides[name] = np.nonzero(mask)[1].mean() < mask.shape[1] / 2
    assert sides["curved-a"] != sides["curved-b"]


def test_the_views_of_a_subject_share_body_and_scanner_but_not_the_plane():
    subject = make_subjects(1, 8)[0]
    frames = [frame_parameters(subject, view)[0] for view in VIEWS]
    # fat is spread unevenly, a little
    fractions = [frame.acoustics.fat_fraction for frame in frames]
    assert np.mean(fractions) == pytest.approx(subject.fat_fraction, rel=0.15)
    assert 0.02 < np.std(fractions) / subject.fat_fraction < 0.25
    assert np.ptp([frame.acoustics.liver_db for frame in frames]) < 2
    assert len({frame.acoustics.cortex_db for frame in frames}) == 1
    assert len({frame.anatomy.liver.coarseness_db for frame in frames}) == 1
    assert len({frame.receiver.dynamic_range_db for frame in frames}) == 1
    assert np.ptp([frame.anatomy.fat_mm for frame in frames]) < 0.25 * subject.fat_mm
    assert len({frame.seed for frame in frames}) == len(frames)
    assert len({subject.view_rng(view).random() for view in VIEWS}) == len(VIEWS)
    assert 0.3 < np.std([frame.receiver.gain_db for frame in frames]) < 6


def test_a_clip_breathes_without_changing_the_subject():
    subject = make_subjects(1, 8)[0]
    for view in CLIP_VIEWS:
        clip = frame_parameters(subject, view, 224, SIZE)
        assert len(clip) == 224
        offsets = np.array([frame.anatomy.offset_mm for frame in clip])
        assert 2.5 < np.ptp(offsets[:, 1]) < 10
        assert np.abs(np.diff(offsets, axis=0)).max() < 0.5
        assert len({frame.seed for frame in clip}) == 1
        still = replace(clip[99], anatomy=clip[0].anatomy, speckle_phase=clip[0].speckle_phase)
        assert still == clip[0]
        assert frame_parameters(subject, view, 1, SIZE)[0].anatomy.content == clip[0].anatomy.content
    assert len(frame_parameters(subject, "liver", 224, SIZE)) == 1


def test_neighbors_in_a_clip_look_alike_and_a_breath_apart_they_do_not():
    subject = make_subjects(1, 8, [5.0])[0]
    clip = frame_parameters(subject, "hr", 41, SIZE)
    first, second, last = (simulate(clip[index]).image.pixels.astype(float) for index in (0, 1, 40))
    inside = simulate(clip[0]).geometry.mask
    near = np.corrcoef(first[inside], second[inside])[0, 1]
    far = np.corrcoef(first[inside], last[inside])[0, 1]
    assert near > 0.95
    assert far < near - 0.1


def test_the_clinic_has_the_published_shares_of_fatty_livers():
    percent = np.array([subject.fat_percent for subject in make_subjects(500, 1)])
    assert percent.min() >= 1
    assert percent.max() <= 40
    assert np.mean(percent < 5) == pytest.approx(0.31, abs=0.01)
    assert np.mean(percent < 10) == pytest.approx(0.509, abs=0.01)
    assert np.mean(percent > 30) == pytest.approx(0.029, abs=0.01)


def test_any_scanner_sees_the_whole_range_of_fat():
    subjects = make_subjects(40, 1, uniform_fat_percent)
    for name in SCANNERS:
        percent = sorted(subject.fat_percent for subject in subjects if subject.scanner.name == name)
        assert len(percent) == 10
        assert max(np.diff([1.0, *percent, 40.0])) < 8


def test_a_larger_cohort_begins_with_the_same_subjects():
    assert make_subjects(3, 9) == make_subjects(7, 9)[:3]
    assert make_subjects(3, 9) != make_subjects(3, 10)
    assert [subject.fat_percent for subject in make_subjects(2, 0, [5, 12.5])] == [5, 12.5]


def test_no_body_measure_gives_the_fat_away():
    """Livers of the same fat differ, and neither the wall nor the gain tells the fat."""
    subjects = make_subjects(300, 4)
    percent = [subject.fat_percent for subject in subjects]
    for name, low, high in (
        ("fat_mm", 0.1, 0.6),
        ("gain_db", -0.6, 0.0),
        ("cortex_db", -0.15, 0.15),
        ("liver_db", 0.6, 0.95),
        ("liver_attenuation", 0.6, 0.95),
    ):
        correlation = spearmanr(percent, [getattr(subject, name) for subject in subjects]).statistic
        assert low < correlation < high, name


def test_the_distribution_functions_end_at_1_and_40_percent():
    for function in (clinic_fat_percent, uniform_fat_percent):
        assert function(0.0) == pytest.approx(1)
        assert function(1.0) == pytest.approx(40)


def test_contents_follow_the_view():
    subject = make_subjects(1, 3)[0]
    for view in VIEWS:
        content = frame_parameters(subject, view)[0].anatomy.content
        assert content is (Content.LIVER_KIDNEY if View(view).shows_kidney else Content.NO_KIDNEY)
