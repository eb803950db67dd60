"""The training recipe: folds, augmentation, negatives, the resumable loop, and what the shipped weights reach."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from HepatoRenalIndexLib.inference.bundle import default_bundle, load_segmenter  # noqa: E402
from HepatoRenalIndexLib.inference.preprocess import NetworkInput  # noqa: E402
from HepatoRenalIndexLib.training import recipe  # noqa: E402
from HepatoRenalIndexLib.training.__main__ import main  # noqa: E402
from HepatoRenalIndexLib.training.augment import Draw, augment  # noqa: E402
from HepatoRenalIndexLib.training.dataset import CANVAS, Canvas, rasterize, read_outlined, to_canvas  # noqa: E402
from HepatoRenalIndexLib.training.distractors import random_distractor, random_texture, without_organ  # noqa: E402
from HepatoRenalIndexLib.training.evaluate import agreement, summarize  # noqa: E402
from HepatoRenalIndexLib.training.folds import stratified_folds  # noqa: E402
from HepatoRenalIndexLib.training.sources import simulated_outlined  # noqa: E402
from HepatoRenalIndexLib.training.trainer import Source, Training, TrainSettings, train  # noqa: E402

OUTLINED = Path(__file__).resolve().parents[4] / "shared" / "data" / "byra2018"
needs_outlines = pytest.mark.skipif(not OUTLINED.is_dir(), reason="the validation data folder is absent")
TINY = TrainSettings(
    cycles=(8, 4),
    batch_size=4,
    rows=96,
    columns=128,
    learning_rate=5e-3,
    checkpoint_every=4,
    network={"_target_": "HepatoRenalIndexLib.inference.icnet.ICNet", "width": 0.125, "depths": [1, 1, 1, 1]},
)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def canvas() -> Canvas:
    return to_canvas(simulated_outlined(0, 5))


@pytest.fixture(scope="module")
def sources(canvas) -> list[Source]:
    return [Source("simulated", [canvas, to_canvas(simulated_outlined(4, 5))], 1.0)]


def test_no_patient_is_in_two_folds_and_classes_are_spread_evenly():
    classes = {patient: int(patient % 3 == 0) for patient in range(1, 44)}
    folds = stratified_folds(classes, 5, seed=1)
    assert sorted(patient for fold in folds for patient in fold) == sorted(classes)
    for label in (0, 1):
        counts = [Counter(classes[patient] for patient in fold)[label] for fold in folds]
        assert max(counts) - min(counts) <= 1
    assert folds == stratified_folds(classes, 5, seed=1)
    assert folds != stratified_folds(classes, 5, seed=2)


def test_more_folds_than_patients_are_refused():
    with pytest.raises(ValueError, match="cannot be split"):
        stratified_folds({1: 0, 2: 1}, 3)


def test_a_polygon_is_rasterized_where_it_lies():
    labels = rasterize({1: [[2, 3], [7, 3], [7, 6], [2, 6]], 2: [[5, 4], [9, 4], [9, 9], [5, 9]]}, (12, 12))
    assert labels[3, 2] == labels[6, 4] == 1
    assert labels[5, 6] == 2  # the later organ lies over the earlier
    assert labels[2, 2] == labels[7, 3] == 0


def test_a_canvas_has_labels_and_brightness_only_inside_the_insonated_area(canvas):
    assert canvas.image.shape == (CANVAS.rows, CANVAS.columns)
    assert not canvas.labels[canvas.mask == 0].any()
    assert set(np.unique(canvas.labels)) == {0, 1, 2}


def batch(canvas: Canvas, count: int):
    planes = (torch.from_numpy(np.stack([plane] * count)) for plane in (canvas.image, canvas.labels, canvas.mask))
    image, labels, mask = planes
    return image[:, None].float() / 255, labels, mask[:, None].float()


def test_augmentation_is_decided_by_its_seed(canvas):
    target = NetworkInput(96, 128)
    first, again, other = (augment(*batch(canvas, 4), target, Draw(seed, 4)) for seed in (3, 3, 4))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_augmented_targets_are_class_shares_and_inputs_are_standardized(canvas):
    inputs, targets = augment(*batch(canvas, 16), NetworkInput(144, 192), Draw(0, 16))
    assert inputs.shape == (16, 1, 144, 192) and targets.shape == (16, 3, 144, 192)
    assert torch.allclose(targets.sum(1), torch.ones(16, 144, 192), atol=1e-4)
    assert inputs.isfinite().all()
    assert (targets[:, 1].sum((1, 2)) > 0).float().mean() > 0.8  # most views keep some liver


def test_augmentation_moves_labels_with_the_picture():
    """A frame whose brightness is its label: after any change of view the bright pixels are the labeled ones."""
    labels = np.zeros((CANVAS.rows, CANVAS.columns), np.uint8)
    labels[100:240, 120:330] = 1
    picture = Canvas((labels * 200 + 5).astype(np.uint8), labels, np.ones_like(labels))
    inputs, targets = augment(*batch(picture, 24), NetworkInput(144, 192), Draw(1, 24))
    for image, target in zip(inputs[:, 0], targets[:, 1], strict=True):
        if 200 < (target > 0.5).sum() < 0.8 * target.numel():
            assert image[target > 0.95].median() > image[target < 0.05].median() + 0.5


def test_views_are_mirrored_about_half_of_the_time(canvas):
    labels = np.zeros((CANVAS.rows, CANVAS.columns), np.uint8)
    labels[100:200, 30:110] = 2
    picture = Canvas(labels * 50, labels, np.ones_like(labels))
    _, targets = augment(*batch(picture, 64), NetworkInput(96, 128), Draw(2, 64))
    kidney = targets[:, 2]
    column = (kidney * torch.arange(128)).sum((1, 2)) / kidney.sum((1, 2)).clamp(min=1)
    left = (column[kidney.sum((1, 2)) > 50] < 64).float().mean()
    assert 0.25 < left < 0.75


def test_a_distractor_has_texture_and_no_organ():
    distractor = random_distractor(np.random.default_rng(0))
    assert not distractor.labels.any()
    assert distractor.image.std() > 5


@pytest.mark.parametrize(("removed", "kept"), [(1, 2), (2, 1)])
def test_an_overwritten_organ_is_gone_from_picture_and_labels_and_the_other_stays(canvas, removed, kept):
    changed = without_organ(canvas, removed, random_texture(np.random.default_rng(0), canvas.image.shape))
    assert not (changed.labels == removed).any()
    assert np.array_equal(changed.labels == kept, canvas.labels == kept)
    organ = canvas.labels == removed
    assert (changed.image[organ] != canvas.image[organ]).mean() > 0.7
    assert not changed.image[canvas.mask == 0].any()


def test_a_few_steps_on_the_cpu_lower_the_loss(sources):
    training = Training(TrainSettings(**{**TINY.__dict__, "cycles": (16,)}))
    losses = [training.advance(sources) for _ in range(16)]
    assert np.mean(losses[-4:]) < 0.85 * np.mean(losses[:4])


def test_the_learning_rate_warms_up_and_falls_in_each_cycle():
    training = Training(TrainSettings(**{**TINY.__dict__, "cycles": (100, 50), "learning_rate": 1.0}))
    rates = []
    for training.step in range(150):
        rates.append(training.rate())
    assert rates[0] == pytest.approx(0.2) and max(rates) == rates[5] == rates[100] == 1.0
    assert rates[99] < 0.02 and rates[149] < 0.02
    assert np.all(np.diff(rates[5:100]) < 0)


def test_an_interrupted_training_ends_with_the_identical_state(sources, tmp_path):
    whole = train(TINY, sources, tmp_path / "whole", progress=False)
    interrupted = Training(TINY)
    for _ in range(7):
        interrupted.advance(sources)
        if interrupted.step == 4:
            interrupted.save(tmp_path / "cut")  # the steps after this checkpoint are lost
    resumed = train(TINY, sources, tmp_path / "cut", progress=False)
    assert resumed.read_bytes() == whole.read_bytes()
    records = [json.loads((tmp_path / name / "checkpoint.json").read_text()) for name in ("whole", "cut")]
    assert records[0] == records[1]
    states = [(tmp_path / name / records[0]["state"]).read_bytes() for name in ("whole", "cut")]
    assert states[0] == states[1]  # network, moving average and optimizer


def test_a_training_that_runs_out_of_time_keeps_its_weights_and_can_go_on(sources, tmp_path):
    train(TINY, sources, tmp_path, max_minutes=0.0, progress=False)
    assert json.loads((tmp_path / "checkpoint.json").read_text())["step"] == 1
    assert (tmp_path / "weights.safetensors").is_file()
    train(TINY, sources, tmp_path, progress=False)
    assert json.loads((tmp_path / "checkpoint.json").read_text())["step"] == TINY.iterations


def test_a_work_folder_of_another_training_is_refused(sources, tmp_path):
    train(TINY, sources, tmp_path, max_minutes=0.0, progress=False)
    with pytest.raises(ValueError, match="other settings"):
        Training(TrainSettings(**{**TINY.__dict__, "seed": 9})).resume(tmp_path)


def test_a_data_folder_without_patients_is_one_sentence_and_exit_code_one(tmp_path, capsys):
    assert main(["folds", "--data", str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err.startswith("error: nowhere has no readable patients.csv")


def test_wrong_usage_is_exit_code_two(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["fit"])
    assert caught.value.code == 2


def test_the_training_configuration_of_the_bundle_names_the_recipe_and_its_settings():
    from monai.bundle import ConfigParser

    parser = ConfigParser()
    parser.read_config(default_bundle() / "configs" / "train.json")
    for section, base in (("pretraining", recipe.PRETRAINING), ("fitting", recipe.FITTING)):
        changed = recipe.settings_from(base, parser.get(section))
        assert changed == base


def test_the_summary_gives_the_mean_with_an_interval_around_it():
    summary = summarize([0.9, 0.8, 0.85, 0.6, float("nan")])
    assert summary.mean == pytest.approx(0.7875)
    assert summary.low < summary.mean < summary.high
    assert (summary.smallest, summary.count, summary.under_070) == (0.6, 4, 0.25)


@pytest.mark.parametrize("index", range(2))
def test_the_shipped_weights_find_nothing_in_noise(index):
    from HepatoRenalIndexLib.geometry.scan import ProbeShape, ScanGeometry
    from HepatoRenalIndexLib.imaging.image import Provenance, UltrasoundImage

    pixels = np.random.default_rng(index).integers(0, 256, (434, 636), np.uint8)
    geometry = ScanGeometry(ProbeShape.UNKNOWN, np.ones(pixels.shape, bool))
    masks = load_segmenter(device="cpu").segment(UltrasoundImage(pixels, Provenance("noise")), geometry)
    assert not masks.right_kidney.any()


@needs_outlines
def test_outlines_are_read_with_both_organs_inside_the_scan():
    (case,) = read_outlined(OUTLINED, [1])
    assert {1, 2} <= set(np.unique(case.labels))
    assert case.geometry.mask[case.labels > 0].mean() > 0.99


@needs_outlines
def test_held_out_patients_are_outlined_as_well_as_the_model_card_says():
    from HepatoRenalIndexLib.inference.bundle import load_fold_segmenter

    folds = json.loads((default_bundle() / "configs" / "folds.json").read_text())["folds"]
    results = []
    for fold in (0, 3):
        segmenter = load_fold_segmenter(fold, device="cpu")
        results += [agreement(segmenter, case) for case in read_outlined(OUTLINED, folds[fold][:4])]
    assert np.mean([result.right_kidney for result in results]) > 0.78
    assert np.mean([result.liver for result in results]) > 0.70
