"""Choice of a placement, phantoms, disagreements and the benchmark, against planted truth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from HepatoRenalIndexLib.agreement.answers import Answer, table_of
from HepatoRenalIndexLib.geometry.scan import ProbeShape
from HepatoRenalIndexLib.measurement.organs import ModelIdentity
from HepatoRenalIndexLib.measurement.registry import DEFAULT_PLACEMENT
from HepatoRenalIndexLib.measurement.result import HepatoRenalMeasurement, RoiStatistics
from HepatoRenalIndexLib.measurement.roi import Roi
from HepatoRenalIndexLib.simulation.phantom import simulate
from HepatoRenalIndexLib.simulation.training import outlined_masks
from HepatoRenalIndexLib.validation.benchmark import memory_profile, profile_memory, time_search, time_stages
from HepatoRenalIndexLib.validation.cases import Case
from HepatoRenalIndexLib.validation.cohort import Cohort, CohortFrame, Patient
from HepatoRenalIndexLib.validation.failures import disagreements
from HepatoRenalIndexLib.validation.hri import biopsy_accuracy, first_frame_values, patient_medians
from HepatoRenalIndexLib.validation.phantoms import (
    KNOWN,
    NETWORK,
    PhantomCase,
    PhantomSetting,
    measure_phantoms,
    phantom_settings,
    summarize_phantoms,
)
from HepatoRenalIndexLib.validation.report_benchmark import benchmark_text, write_benchmark
from HepatoRenalIndexLib.validation.run import Benchmark, benchmark_phantoms, search_benchmark
from HepatoRenalIndexLib.validation.selection import agreement_criterion, biopsy_criterion, nested_selection


def roi_of(mean):
    return RoiStatistics(Roi(0, 0, 3, 3), mean, 1.0, mean, 9, 0.0, 0.0, 10.0, None)


def case(patient, liver, kidney=50.0, frame=0, fold=0, outline=None):
    """A measured case; liver ``None`` for a refused one."""
    where = CohortFrame(patient, frame, Path(f"p{patient:02d}_f{frame}.png"), outline)
    if liver is None:
        return Case(where, fold, "planted", None, None, "refused")
    measurement = HepatoRenalMeasurement(liver / kidney, roi_of(liver), roi_of(kidney), None, 1.0, None)
    return Case(where, fold, "planted", measurement, None)


def reader_table(values, frames=1):
    """One reader who saw these indices, liver over a kidney of 50."""
    return table_of(
        Answer(f"{patient}/{frame}", str(patient), "A", "1", 50 * value, 50.0, value)
        for patient, value in values.items()
        for frame in range(frames)
    )


TRUTH = {patient: 1.0 + 0.05 * patient for patient in range(12)}
FOLDS = {patient: patient % 3 for patient in TRUTH}
RNG = np.random.default_rng(0)


def planted(noise):
    """Cases whose index is the truth and noise that may depend on the fold."""
    return [case(p, 50 * (v + noise(FOLDS[p], p)), fold=FOLDS[p]) for p, v in TRUTH.items()]


def test_the_left_out_patients_have_no_say_in_the_choice_of_the_placement():
    # "lucky" is perfect in fold 0 and useless elsewhere: where fold 0 is left out, "steady" must be chosen
    candidates = {
        "lucky": planted(lambda fold, p: 0.0 if fold == 0 else 0.9 * (-1) ** p),
        "steady": planted(lambda fold, p: 0.03 * (-1) ** p),
    }
    nested = nested_selection("icc", candidates, agreement_criterion(reader_table(TRUTH)))
    assert [choice.chosen for choice in nested.choices] == ["steady"] * 3
    only_fold_0 = {"lucky": candidates["lucky"], "steady": planted(lambda fold, p: 0.0 if fold else 2.0 * (-1) ** p)}
    nested = nested_selection("icc", only_fold_0, agreement_criterion(reader_table(TRUTH)))
    assert nested.choices[0].chosen == "steady"  # although it is far worse on the patients left out
    assert nested.cases[0].value("hri") == pytest.approx(TRUTH[0] + 2.0)
    assert [c.frame.patient for c in nested.cases] == list(TRUTH)


def test_a_placement_cannot_win_by_refusing_the_difficult_frames():
    everything = planted(lambda fold, p: 0.03 * (-1) ** p)
    picky = [c if c.frame.patient < 6 else case(c.frame.patient, None) for c in planted(lambda fold, p: 0.0)]
    cohort = Cohort({p: Patient(p, v > 1.3, 10 * v) for p, v in TRUTH.items()}, (), reader_table(TRUTH))
    for criterion in (agreement_criterion(cohort.readers), biopsy_criterion(cohort)):
        assert criterion(everything) > criterion(picky)


def test_accuracy_against_biopsy_takes_one_value_per_patient():
    cases = [case(p, 50 * (v + 0.4 * (frame == 0)), frame=frame) for p, v in TRUTH.items() for frame in range(3)]
    assert patient_medians(cases) == pytest.approx(TRUTH)
    assert first_frame_values(cases)[3] == pytest.approx(TRUTH[3] + 0.4)
    patients = {p: Patient(p, p >= 6, float(p)) for p in TRUTH}
    accuracy = biopsy_accuracy("planted", patient_medians(cases), patients, RNG, 200)
    assert (accuracy.patients, accuracy.auc.value, accuracy.spearman.value) == (12, 1.0, pytest.approx(1.0))
    assert biopsy_accuracy("one class", {p: TRUTH[p] for p in range(6)}, patients, RNG) is None


def test_a_disagreement_names_the_organ_whose_brightness_is_off():
    cases = [case(p, 50 * v) for p, v in TRUTH.items()]
    cases[4] = case(4, 50 * TRUTH[4], kidney=40.0)
    cases[7] = case(7, 50 * TRUTH[7] * 1.1)
    first, second, *rest = disagreements(cases, reader_table(TRUTH), ())
    assert (first.patient, first.kidney_ratio) == (4, pytest.approx(0.8))
    assert first.reason.startswith("kidney ROI 20% darker")
    assert (second.patient, second.liver_ratio) == (7, pytest.approx(1.1))
    assert second.reason.startswith("liver ROI 10% brighter")
    assert all(row.hri == pytest.approx(row.readers_hri) for row in rest)


def test_phantom_series_vary_only_what_they_say_and_cover_the_probes():
    settings = phantom_settings(bodies=2, seed=5)
    gains = [s.parameters for s in settings if s.series == "gain (dB)" and s.body == 0]
    assert [p.receiver.gain_db for p in gains] == [-9, -4.5, 0, 4.5, 9]
    assert len({p.anatomy for p in gains}) == len({p.scan for p in gains}) == 1
    probes = [s.parameters.scan.shape for s in settings if s.level in {"sector", "curved", "linear"}]
    assert set(probes) == set(ProbeShape) - {ProbeShape.UNKNOWN}
    assert settings == phantom_settings(bodies=2, seed=5) != phantom_settings(bodies=2, seed=6)


def phantom_case(level, hri, roi_truth, true_hri, flags=()):
    return PhantomCase(PhantomSetting("series", level, 0, None), KNOWN, hri, roi_truth, true_hri, 0.0, flags)


def test_phantom_summary_gives_bias_and_spread_of_each_truth_and_counts_refusals():
    nan = float("nan")
    cases = [
        phantom_case("low", 1.1, 1.0, 1.2),
        phantom_case("low", 1.3, 1.0, 1.2, ("shadow",)),
        phantom_case("low", nan, nan, 1.2),
        phantom_case("high", 1.0, 1.0, nan),
    ]
    low, high = summarize_phantoms(cases)
    assert (low.frames, low.refused, low.shadow_flagged) == (3, pytest.approx(1 / 3), 0.5)
    assert (low.roi_bias, low.roi_sd) == pytest.approx((0.2, np.sqrt(0.02)))
    assert (low.true_bias, low.true_sd) == pytest.approx((0.0, np.sqrt(0.02)))
    assert np.isnan(high.true_bias) and np.isnan(high.roi_sd)


class KnownOrgans:
    """A segmenter that knows the phantoms by their pixels."""

    identity = ModelIdentity(name="known", device="cpu")

    def __init__(self, phantoms):
        self.masks = {phantom.image.pixels.tobytes(): outlined_masks(phantom) for phantom in phantoms}

    def segment(self, image, geometry):
        return self.masks[image.pixels.tobytes()]


def test_a_measured_phantom_is_compared_with_the_noise_free_truth_of_its_own_rois():
    settings = [s for s in phantom_settings(2) if s.level in {"+0", "curved"}]
    segmenter = KnownOrgans([simulate(s.parameters) for s in settings])
    cases = measure_phantoms(settings, segmenter, DEFAULT_PLACEMENT)
    assert [c.masks for c in cases] == [KNOWN, NETWORK] * len(settings)
    for known, network in zip(cases[::2], cases[1::2], strict=True):
        assert not known.refused
        assert known.hri == network.hri
        assert known.hri == pytest.approx(known.roi_truth, rel=0.25)  # speckle of two ROIs
        assert known.hri != known.roi_truth


def test_the_mixture_and_the_window_are_those_of_the_plain_way():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    phantom = benchmark_phantoms(1)[0]
    result = search_benchmark(phantom)
    assert result.same_window
    assert abs(result.likelihood_gain) < 0.01
    assert result.ratio > 5
    assert result.pixels == phantom.masks.liver.sum()


def test_a_wrong_window_would_be_seen(monkeypatch):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from HepatoRenalIndexLib.validation import benchmark

    pixels = np.random.default_rng(0).integers(20, 90, (60, 80)).astype(np.uint8)
    organ = np.ones(pixels.shape, bool)
    assert time_search(pixels, organ, 9, repeats=1).same_window
    right = benchmark.window_statistics
    monkeypatch.setattr(benchmark, "window_statistics", lambda p, h, w: right(p[:, ::-1], h, w))
    assert not time_search(pixels, organ, 9, repeats=1).same_window


def test_stage_times_add_up_to_no_more_than_the_total_and_threads_are_given_back():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    phantoms = benchmark_phantoms(2)
    before = torch.get_num_threads()
    times = time_stages([p.image for p in phantoms], KnownOrgans(phantoms), threads=1, repeats=2)
    assert torch.get_num_threads() == before
    assert (times.frames, times.threads) == (4, 1)
    assert 0 < sum(stage.median for stage in times.stages) <= 1.2 * times.total.median
    assert 0 < times.cpu_seconds < 60
    assert times.ratio == pytest.approx(times.total.median / 0.08)


def test_a_leak_shows_as_growth_and_a_warm_up_does_not():
    flat = memory_profile([100.0] * 50 + [300.0] * 950)
    leak = memory_profile([300 + 0.1 * i for i in range(1000)])
    assert flat.growth == 0
    assert leak.growth == pytest.approx(80, abs=5)


def test_the_memory_run_measures_every_file_of_a_folder():
    phantoms = benchmark_phantoms(2)
    segmenter = KnownOrgans(phantoms)
    profile = profile_memory([p.image for p in phantoms], segmenter, count=6)
    if profile is None:
        pytest.skip("this system does not tell the resident memory")
    assert profile.frames == 6
    assert profile.largest >= profile.last > 20


def test_the_benchmark_report_holds_the_figures(tmp_path):
    phantoms = benchmark_phantoms(1)
    segmenter = KnownOrgans(phantoms)
    stages = time_stages([phantoms[0].image], segmenter, threads=1, repeats=1)
    result = Benchmark(segmenter.identity, stages, None, memory_profile([100.0] * 30))
    text = write_benchmark(result, "simulated", tmp_path).read_text()
    assert f"{1e3 * stages.total.median:.1f}" in text
    assert "(+0.0 MiB)" in text
    assert "scikit-learn is not installed" in text
    assert "The computer was busy" in benchmark_text(replace(result, stages=replace(stages, other_load=2.0)), "real")
    assert "was busy" not in benchmark_text(replace(result, stages=replace(stages, other_load=0.1)), "real")
    assert "total_over_published" in (tmp_path / "benchmark.csv").read_text()
