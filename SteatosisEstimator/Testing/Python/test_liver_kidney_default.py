"""The project's own estimator: its score against made-up features, and the whole way on simulated subjects."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.inference.bundle import fold_of_patient, load_fold_segmenter
from HepatoRenalIndexLib.simulation.parameters import (
    AnatomyParameters,
    Content,
    PhantomParameters,
    ReceiverParameters,
    ScanParameters,
)
from HepatoRenalIndexLib.simulation.phantom import simulate
from HepatoRenalIndexLib.statistics.correlation import spearman_value
from PIL import Image
from SteatosisEstimatorLib.cohort.cohort import Cohort, CohortImage, Subject
from SteatosisEstimatorLib.cohort.vocabulary import ReferenceKind, View
from SteatosisEstimatorLib.estimation.estimate import estimate_subject, open_model
from SteatosisEstimatorLib.features.catalog import FEATURES, Sign
from SteatosisEstimatorLib.features.held_out import HeldOutSegmenter, training_folds
from SteatosisEstimatorLib.frames.frame import pixel_digest
from SteatosisEstimatorLib.recipes.base import Job, RecipeError
from SteatosisEstimatorLib.recipes.liver_kidney_default.recipe import choose_signs
from SteatosisEstimatorLib.recipes.liver_kidney_default.score import SignScore, fit_score
from SteatosisEstimatorLib.recipes.liver_kidney_default.settings import ALL_SIGNS, THREE_SIGNS, VARIANTS
from SteatosisEstimatorLib.recipes.registry import get_recipe

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "byra2018"
NAMES = [name for names in THREE_SIGNS.values() for name in names]
RECIPE = get_recipe("liver-kidney-default")


def made_up(count: int = 30, noise: float = 0.5, seed: int = 0) -> tuple[list[dict[str, float]], np.ndarray]:
    """Features that follow the fat of ``count`` subjects in the direction of the literature."""
    rng = np.random.default_rng(seed)
    fat = np.sort(rng.uniform(0, 60, count))
    towards = np.log1p(fat)
    return [{n: FEATURES[n].direction * (t + noise * rng.normal()) for n in NAMES} for t in towards], fat


def fitted(**given) -> SignScore:
    rows, fat = made_up(**given)
    return fit_score(rows, fat, THREE_SIGNS, 0.5)


def test_more_of_any_feature_towards_fat_gives_more_fat():
    score, base = fitted(), made_up()[0][10]
    before = score.outcome(base)
    for name in NAMES:
        after = score.outcome({**base, name: base[name] + FEATURES[name].direction})
        assert after.fat_percent > before.fat_percent, name
        assert after.p_fatty_5 >= before.p_fatty_5 and after.p_fatty_10 > before.p_fatty_10


def test_new_subjects_are_estimated_in_the_right_order():
    score = fitted()
    rows, fat = made_up(seed=1)
    estimates = np.array([score.outcome(row).fat_percent for row in rows])
    assert spearman_value(estimates, fat) > 0.95
    assert np.abs(estimates - fat).mean() < 6


def test_probabilities_are_in_order_and_agree_with_the_estimate():
    score = fitted()
    for row in made_up(seed=2)[0]:
        outcome = score.outcome(row)
        assert 0 <= outcome.p_fatty_10 <= outcome.p_fatty_5 <= 1
        assert (outcome.fat_percent >= 5) == (outcome.p_fatty_5 >= 0.5)


def test_what_the_features_add_is_the_difference_from_an_average_subject():
    score = fitted()
    for row in made_up(seed=3)[0][::5]:
        parts = score.contributions(row)
        assert sum(parts.values()) == pytest.approx(score.outcome(row).fat_percent - score.fat_percent(0.0), abs=1e-9)


def test_a_sign_that_cannot_be_measured_is_left_out_of_the_mean():
    score, row = fitted(), made_up()[0][20]
    without = {**row, **dict.fromkeys(THREE_SIGNS[Sign.BORDER], np.nan)}
    values = [value for sign, value in score.sign_values(row).items() if sign is not Sign.BORDER]
    assert score.score(without) == pytest.approx(np.mean(values))
    assert sum(score.contributions(without).values()) == pytest.approx(
        score.outcome(without).fat_percent - score.fat_percent(0.0)
    )
    assert score.outcome({}).fat_percent is None


def test_an_absurd_feature_gives_a_percentage_still():
    score = fitted()
    for value in (-1e6, 1e6):
        outcome = score.outcome({name: FEATURES[name].direction * value for name in NAMES})
        assert 0 <= outcome.fat_percent <= 100 and 0 <= outcome.p_fatty_5 <= 1


def test_features_that_go_against_the_literature_teach_nothing():
    rows, fat = made_up()
    score = fit_score([{name: -value for name, value in row.items()} for row in rows], fat, THREE_SIGNS, 0.5)
    assert score.slope == 0


@pytest.mark.parametrize(
    ("rows", "fat", "words"),
    [
        (made_up()[0][:4], made_up()[1][:4], "at least 5 subjects"),
        (made_up()[0], np.full(30, 7.0), "the same fat percentage"),
        ([made_up()[0][0]] * 30, made_up()[1], "No feature varies"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_with_a_sentence(rows, fat, words):
    with pytest.raises(RecipeError, match=words):
        fit_score(rows, fat, THREE_SIGNS, 0.5)


def test_a_score_is_the_same_after_json():
    score = fitted()
    again = SignScore.from_json(json.loads(json.dumps(score.to_json())))
    row = made_up(seed=4)[0][3]
    assert again.outcome(row) == score.outcome(row)


@pytest.mark.parametrize("change", ["nan", "unknown", "negative", "unit", "nothing"])
def test_damaged_values_of_a_model_are_refused(change):
    values = fitted().to_json()
    feature = values["signs"]["attenuation"]["features"]["deep_ratio"]
    if change == "nan":
        values["slope"] = float("nan")
    elif change == "unknown":
        values["signs"]["attenuation"]["features"]["exec"] = feature
    elif change == "negative":
        feature["sd"] = -1.0
    elif change == "unit":
        values["signs"] = {"attenuation": {"sd": 1.0, "features": {"deep_ratio": {**feature, "unit": "mm"}}}}
    else:
        values = None
    with pytest.raises(RecipeError, match="train it again"):
        SignScore.from_json(values)


def test_signs_are_chosen_by_what_the_training_subjects_show():
    rows, fat = made_up()
    rng = np.random.default_rng(7)
    for row in rows:
        for sign in (Sign.ATTENUATION, Sign.BORDER, Sign.VESSELS):
            row.update({name: 20 * rng.normal() for name in ALL_SIGNS[sign]})
    assert set(choose_signs(rows, fat, ALL_SIGNS, 0.5)) == {Sign.CONTRAST}


# The whole way: images on disk, segmentation network, features, score


FAT = (1.0, 3.0, 6.0, 11.0, 18.0, 27.0)
FRAMES = (1, 1, 1, 2, 2, 2)  # of each subject


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Simulated liver/kidney images of subjects with known fat, one or two frames each; beside them the work folder."""
    folder = tmp_path_factory.mktemp("subjects")
    receiver = ReceiverParameters(noise_db=-60.0)
    scan = ScanParameters(rows=434, columns=636, center_x=318.0)
    for number, fat in enumerate(FAT):
        for frame in range(FRAMES[number]):
            base = PhantomParameters(scan=scan, receiver=receiver, seed=4, speckle_seed=10 * number + frame)
            truth = simulate(replace(base, acoustics=replace(base.acoustics, fat_fraction=fat / 100)))
            Image.fromarray(truth.image.pixels).save(folder / f"s{number}_{frame}.png")
    other = simulate(replace(PhantomParameters(scan=scan, seed=1), anatomy=AnatomyParameters(Content.SOFT_TISSUE)))
    Image.fromarray(other.image.pixels).save(folder / "muscle.png")
    Image.fromarray(np.zeros((434, 636), np.uint8)).save(folder / "black.png")
    return folder


def subject(folder: Path, name: str, files, fat=None, view=View.LIVER_KIDNEY) -> Subject:
    return Subject(name, tuple(CohortImage(view, folder / file, file, i + 2) for i, file in enumerate(files)), fat)


@pytest.fixture(scope="module")
def cohort(folder) -> Cohort:
    subjects = [subject(folder, f"s{i}", [f"s{i}_{k}.png" for k in range(FRAMES[i])], fat) for i, fat in enumerate(FAT)]
    return Cohort(tuple(subjects), ReferenceKind.MRI_PDFF, simulated=True)


@pytest.fixture(scope="module")
def job(folder) -> Job:
    (folder / "work").mkdir()
    return Job(folder / "work", device="cpu")


@pytest.fixture(scope="module")
def model(cohort, job):
    return RECIPE.fit(cohort, RECIPE.variants[0], RECIPE.default_settings(), job)


def test_simulated_subjects_left_out_are_put_in_order(cohort, job):
    estimates = []
    for fold in RECIPE.folds(cohort, RECIPE.default_settings(), 0):
        trained = RECIPE.fit(cohort.take(fold.train), "three-signs", RECIPE.default_settings(), job.within(fold.name))
        estimates.append(trained.predict(cohort.subjects[fold.test[0]], job.within(fold.name)).outcome.fat_percent)
    assert spearman_value(np.array(estimates), np.array(FAT)) >= 0.9


def test_a_subject_is_told_with_views_frames_and_contributions(model, cohort, job):
    prediction = model.predict(cohort.subjects[5], job)
    assert [(view.view, view.weight, view.frames) for view in prediction.views] == [(View.LIVER_KIDNEY, 1.0, 2)]
    assert [frame.source for frame in prediction.frames] == ["s5_0.png", "s5_1.png"]
    assert all(frame.outcome.fat_percent is not None for frame in prediction.frames)
    assert {part.name for part in prediction.contributions} == set(NAMES)
    total = sum(part.adds for part in prediction.contributions)
    assert total == pytest.approx(prediction.outcome.fat_percent - model.score.fat_percent(0.0))


def test_a_mirrored_subject_is_estimated_alike(model, cohort, folder, job):
    files = []
    for frame in range(2):
        with Image.open(folder / f"s4_{frame}.png") as picture:
            picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / f"m4_{frame}.png")
        files.append(f"m4_{frame}.png")
    straight = model.predict(cohort.subjects[4], job).outcome
    turned = model.predict(subject(folder, "mirrored", files), job).outcome
    assert turned.fat_percent == pytest.approx(straight.fat_percent, abs=3.0)


def test_the_same_images_in_another_view_of_both_organs_give_the_same(model, cohort, folder, job):
    other = subject(folder, "s3", ["s3_0.png", "s3_1.png"], view=View.HR)
    prediction = model.predict(other, job)
    assert prediction.outcome == model.predict(cohort.subjects[3], job).outcome
    assert prediction.flags[0] == "hr_as_liver-kidney"


def test_views_without_a_kidney_are_named_and_not_used(model, cohort, folder, job):
    more = CohortImage(View.LIVER, folder / "s0_0.png", "s0_0.png", 9)
    mixed = replace(cohort.subjects[3], images=(*cohort.subjects[3].images, more))
    prediction = model.predict(mixed, job)
    assert "views_not_used" in prediction.flags
    assert prediction.outcome == model.predict(cohort.subjects[3], job).outcome


def test_a_subject_without_a_view_of_both_organs_is_an_error(model, folder, job):
    with pytest.raises(InputError, match="no view of liver and right kidney"):
        model.predict(subject(folder, "x", ["s0_0.png"], view=View.AR), job)


def test_a_refused_frame_has_its_reason_and_the_others_are_estimated(model, cohort, folder, job):
    prediction = model.predict(subject(folder, "s3", ["s3_0.png", "muscle.png"]), job)
    assert "frames_refused" in prediction.flags
    assert "No liver" in prediction.frames[1].message and prediction.frames[1].outcome.fat_percent is None
    assert prediction.outcome.fat_percent is not None


def test_a_subject_without_any_usable_frame_is_an_error_that_says_why(model, folder, job):
    with pytest.raises(InputError, match="The only frame of subject x was refused: No liver"):
        model.predict(subject(folder, "x", ["muscle.png"]), job)


@pytest.mark.parametrize("name", ["black.png", "text.png"])
def test_a_file_without_an_ultrasound_image_is_an_error_that_names_it(model, folder, job, name):
    (folder / "text.png").write_text("no picture", encoding="utf-8")
    with pytest.raises(InputError, match=name):
        model.predict(subject(folder, "x", ["s3_0.png", name]), job)


def test_a_saved_model_predicts_the_same_after_loading(model, cohort, job, tmp_path):
    values = json.loads(json.dumps(model.save(tmp_path)))
    assert not list(tmp_path.iterdir())
    loaded = RECIPE.load(tmp_path, values)
    assert loaded.predict(cohort.subjects[2], job) == model.predict(cohort.subjects[2], job)


def test_the_cache_changes_nothing_but_the_time(model, cohort, job, tmp_path):
    fresh = Job(tmp_path, device="cpu")
    assert model.predict(cohort.subjects[5], fresh) == model.predict(cohort.subjects[5], job)
    for kept in fresh.cache.iterdir():
        kept.write_text("[{", encoding="utf-8")
    assert model.predict(cohort.subjects[5], fresh) == model.predict(cohort.subjects[5], job)


def test_every_variant_can_be_trained(cohort, job):
    assert RECIPE.usable(cohort.subjects[0]) == tuple(VARIANTS)
    for variant in VARIANTS:
        trained = RECIPE.fit(cohort, variant, RECIPE.default_settings(), job)
        assert 0 <= trained.predict(cohort.subjects[0], job).outcome.fat_percent <= 100
    with pytest.raises(RecipeError, match="no variant"):
        RECIPE.fit(cohort, "best", RECIPE.default_settings(), job)


def test_training_images_of_the_segmentation_are_outlined_by_a_network_that_never_saw_their_patient():
    if not REAL.is_dir():
        pytest.skip("the validation data folder is absent")
    from HepatoRenalIndexLib.geometry.detect import detect_scan_geometry
    from HepatoRenalIndexLib.imaging.reader import open_ultrasound

    with open_ultrasound(REAL / "images" / "p18_f0.png", "p18_f0.png") as file:
        image = file.frame(0)
    segmenter = HeldOutSegmenter("cpu")
    assert segmenter.fold_of(image) == fold_of_patient(18)
    geometry = detect_scan_geometry(image.pixels)
    expected = load_fold_segmenter(fold_of_patient(18), device="cpu").segment(image, geometry)
    assert np.array_equal(segmenter.segment(image, geometry).liver, expected.liver)
    changed = replace(image, pixels=np.maximum(image.pixels, 1))
    assert segmenter.fold_of(changed) is None


def test_every_image_of_every_patient_is_known_to_the_segmentation():
    if not REAL.is_dir():
        pytest.skip("the validation data folder is absent")
    folds = training_folds()
    for path in sorted((REAL / "images").glob("p*_f[05].png")):
        with Image.open(path) as picture:
            digest = pixel_digest(np.asarray(picture.convert("L")))
        assert folds[digest] == fold_of_patient(int(path.name[1:3]))


# The model that comes with the software


def test_the_shipped_model_says_what_it_is_and_how_good_out_of_fold():
    card = open_model().model.card
    assert (card.name, card.recipe, card.variant) == ("LiverKidneyFat", RECIPE.name, RECIPE.variants[0])
    assert card.reference is ReferenceKind.BIOPSY and card.trained_on.subjects == 40
    figures = {figure.metric: figure for figure in card.figures}
    assert figures["auc_5"].value >= 0.96 and figures["spearman"].value >= 0.80
    assert figures["auc_5"].low < figures["auc_5"].value and figures["spearman"].n == 40
    assert any("in sight" in limit for limit in card.limits)


def test_the_shipped_model_tells_a_lean_from_a_fatty_patient_and_knows_that_it_saw_them():
    if not REAL.is_dir():
        pytest.skip("the validation data folder is absent")
    estimator = open_model()
    lean, fatty = (
        estimate_subject(estimator, subject(REAL / "images", name, [f"{name}_f0.png"]), "cpu")
        for name in ("p08", "p36")
    )
    assert lean.fat_percent < 5 < 40 < fatty.fat_percent
    assert lean.p_fatty_5 < 0.5 < fatty.p_fatty_10
    assert "training_image" in lean.flags and "training_image" in fatty.flags
