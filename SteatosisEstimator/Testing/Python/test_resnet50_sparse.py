"""Sparse linear models on ResNet-50 features of four views (Byra et al. 2021)."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from HepatoRenalIndexLib.imaging.image import InputError
from sklearn.metrics import roc_auc_score
from SteatosisEstimatorLib.cohort.cohort import Cohort
from SteatosisEstimatorLib.cohort.reading import read_cohort
from SteatosisEstimatorLib.cohort.vocabulary import View
from SteatosisEstimatorLib.explanation.maps import explain
from SteatosisEstimatorLib.frames.choosing import choose_frames
from SteatosisEstimatorLib.recipes.base import Job, RecipeError, settings_from
from SteatosisEstimatorLib.recipes.registry import get_recipe
from SteatosisEstimatorLib.recipes.resnet50_sparse.images import ScanImage, augmentations, network_input
from SteatosisEstimatorLib.recipes.resnet50_sparse.settings import FAT, FATTY_5, FATTY_10, ResNet50Settings
from SteatosisEstimatorLib.recipes.resnet50_sparse.sparse import ViewRows, balanced_weights, fit_output, inner_splits
from SteatosisEstimatorLib.simulation.writing import write_cohort

pytestmark = pytest.mark.usefixtures("one_thread")
RECIPE = get_recipe("resnet50-sparse")
VIEWS = ["hepatic-veins", "right-portal-vein", "right-posterior-portal-vein", "liver-kidney"]
SMALL = settings_from(
    ResNet50Settings(),
    {
        "image_size": 32,
        "shifts_px": [0, 4],
        "inner_folds": 2,
        "inverse_regularization": [1.0, 10.0],
        "lasso_penalty": [0.5, 2.0],
    },
)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Cohort:
    folder = tmp_path_factory.mktemp("images")
    return read_cohort(write_cohort(folder, 9, VIEWS, seed=1, frames=1, size=(120, 160)))


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return Job(tmp_path_factory.mktemp("work"), seed=7, device="cpu", backbone_weights="none")


@pytest.fixture(scope="module")
def model(cohort, job):
    return RECIPE.fit(cohort.take(range(8)), "multi-view", SMALL, job)


def _only(subject, *views):
    return replace(subject, images=subject.of_view(*views))


def _rows(subjects=40, copies=3, features=30, seed=0) -> ViewRows:
    """Fat that one of the features tells, in images of which the last of three are augmented."""
    rng = np.random.default_rng(seed)
    fat = rng.uniform(0, 30, subjects)
    values = rng.normal(50, 5, (subjects, copies, features))
    values[:, :, 4] = fat[:, None] * 2 + rng.normal(0, 2, (subjects, copies))
    owner = np.repeat(np.arange(subjects), copies)
    return ViewRows(values.reshape(-1, features), owner, np.arange(owner.size) % copies > 0, fat)


def test_images_are_shifted_before_the_crop_and_then_reflected():
    assert len(augmentations(ResNet50Settings())) == 10
    assert augmentations(ResNet50Settings())[0] == (0, False)
    pixels = np.zeros((32, 72), dtype=np.uint8)
    pixels[:, 40] = 200  # column 20 of the box of 32 columns
    image = ScanImage(View.LIVER_KIDNEY, "a.png", 0, pixels, 20)
    assert np.argmax(image.square(0, False, 32)[5]) == 20
    assert np.argmax(image.square(12, False, 32)[5]) == 8
    assert np.argmax(image.square(-8, True, 32)[5]) == 31 - 28


def test_colors_are_those_that_the_network_was_trained_with(model):
    image = ScanImage(View.LIVER_KIDNEY, "a.png", 0, np.full((40, 40), 255, dtype=np.uint8), 0)
    pixels = network_input(image, [(0, False)], 32, model.backbone.normalization)
    assert pixels.shape == (1, 3, 32, 32)
    np.testing.assert_allclose(pixels[0, :, 3, 3], (1 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225], 1e-5)


def test_rare_fat_fractions_weigh_more_and_every_subject_the_same():
    weights = balanced_weights(np.array([0, 0, 0, 2]))
    np.testing.assert_allclose(weights, [2 / 3, 2 / 3, 2 / 3, 2])
    rows = _rows(copies=1, features=6, seed=2)
    rows.features[7], rows.fat_percent[7] = rows.features.mean(axis=0), 30  # tells what the others deny
    copied = np.concatenate([np.arange(40), np.full(40, 7)])
    more = ViewRows(rows.features[copied], rows.subject[copied], np.arange(80) >= 40, rows.fat_percent)
    settings = replace(ResNet50Settings(), lasso_penalty=(0.1,))
    one, other = (fit_output(given, FAT, settings, 0) for given in (rows, more))
    # The scaling of the features counts rows, so that a trace of the copies remains: 6.5 percent fat if they counted.
    np.testing.assert_allclose(one.linear(rows.features), other.linear(rows.features), atol=0.5)


def test_no_subject_is_in_two_inner_folds_and_only_plain_images_are_judged():
    rows = _rows()
    splits = inner_splits(rows, (rows.fat_percent >= 5).astype(int), 4, 0, classes=True)
    assert len(splits) == 4
    for train, judged in splits:
        assert not set(rows.subject[train]) & set(rows.subject[judged])
        assert not rows.augmented[judged].any()
        assert rows.augmented[train].any()
        assert len(set(rows.fat_percent[rows.subject[judged]] >= 5)) == 2
    assert sorted(i for _, judged in splits for i in rows.subject[judged]) == list(range(40))


def test_the_feature_that_tells_the_fat_is_found():
    rows, unseen = _rows(), _rows(seed=1)
    lasso = fit_output(rows, FAT, ResNet50Settings(), 0)
    assert np.argmax(np.abs(lasso.coefficients)) == 4
    assert np.corrcoef(lasso.linear(unseen.features), unseen.fat_percent[unseen.subject])[0, 1] > 0.95
    for name, threshold in ((FATTY_5, 5), (FATTY_10, 10)):
        logistic = fit_output(rows, name, ResNet50Settings(), 0)
        assert np.argmax(np.abs(logistic.coefficients)) == 4
        assert roc_auc_score(unseen.fat_percent[unseen.subject] >= threshold, logistic.linear(unseen.features)) > 0.95
        assert 0.9 < logistic.score <= 1


def test_the_larger_class_is_not_favored():
    rows = _rows()
    nothing = replace(rows, features=np.ones_like(rows.features))
    assert (rows.fat_percent >= 5).mean() > 0.8
    assert fit_output(nothing, FATTY_5, ResNet50Settings(), 0).linear(nothing.features[:1]) == pytest.approx(
        0, abs=0.01
    )


def test_shrinking_more_uses_fewer_features():
    rows = _rows()
    used = [fit_output(rows, FAT, replace(ResNet50Settings(), lasso_penalty=(p,)), 0).used for p in (0.1, 1.0, 50.0)]
    assert used[0] > used[1] > used[2] == 0


def test_subjects_on_one_side_of_a_threshold_have_no_classifier():
    rows = replace(_rows(), fat_percent=np.linspace(6, 30, 40))
    assert fit_output(rows, FATTY_5, ResNet50Settings(), 0) is None
    assert fit_output(rows, FATTY_10, ResNet50Settings(), 0) is not None


def test_the_protocol_leaves_one_subject_out(cohort):
    folds = RECIPE.folds(cohort, SMALL, 0)
    assert [fold.test for fold in folds] == [(i,) for i in range(9)]
    given = replace(cohort, subjects=tuple(replace(s, fold=i % 3) for i, s in enumerate(cohort.subjects)))
    assert len(RECIPE.folds(given, SMALL, 0)) == 3


def test_variants_are_usable_where_the_views_are(cohort):
    assert all(RECIPE.usable(subject) == RECIPE.variants for subject in cohort.subjects)
    assert RECIPE.usable(_only(cohort.subjects[0], View.LIVER_KIDNEY)) == ("liver-kidney",)


def test_the_estimate_is_the_mean_over_the_views(model, cohort, job):
    prediction = model.predict(cohort.subjects[8], job)
    assert [view.view.value for view in prediction.views] == VIEWS
    for name in (FAT, FATTY_5, FATTY_10):
        parts = [getattr(view.outcome, name) for view in prediction.views]
        assert getattr(prediction.outcome, name) == pytest.approx(np.mean(parts))
    alone = RECIPE.fit(cohort.take(range(8)), "hepatic-veins", SMALL, job).predict(cohort.subjects[8], job)
    assert alone.outcome == prediction.views[0].outcome
    assert "random_backbone" in prediction.flags


def test_a_missing_view_is_flagged_and_the_others_answer(model, cohort, job):
    subject = cohort.subjects[8]
    whole = model.predict(subject, job)
    part = model.predict(_only(subject, View.RIGHT_PORTAL_VEIN, View.LIVER_KIDNEY), job)
    assert "missing_views" in part.flags
    assert "missing_views" not in whole.flags
    assert part.outcome.fat_percent == pytest.approx(np.mean([whole.views[i].outcome.fat_percent for i in (1, 3)]))
    assert [view.weight for view in part.views] == [0.5, 0.5]
    other = replace(subject, images=tuple(replace(i, view=View.LIVER) for i in subject.images[:1]))
    with pytest.raises(InputError, match=r"^Subject S009 has no view hepatic-veins or "):
        model.predict(other, job)


def test_subjects_without_a_view_train_the_others(cohort, job):
    few = [_only(s, *(View(v) for v in (VIEWS if i < 3 else VIEWS[1:]))) for i, s in enumerate(cohort.subjects)]
    assert RECIPE.fit(Cohort(tuple(few)), "multi-view", SMALL, job).views == tuple(View(v) for v in VIEWS[1:])
    with pytest.raises(RecipeError, match="3 subjects have the view hepatic-veins"):
        RECIPE.fit(Cohort(tuple(few)), "hepatic-veins", SMALL, job)


def test_a_saved_model_estimates_the_same(model, cohort, job, tmp_path):
    values = json.loads(json.dumps(model.save(tmp_path)))
    loaded = RECIPE.load(tmp_path, values)
    assert loaded.predict(cohort.subjects[8], job) == model.predict(cohort.subjects[8], job)
    values["linear"]["ar"] = values["linear"].pop("liver-kidney")
    with pytest.raises(RecipeError, match="weights do not fit its values"):
        RECIPE.load(tmp_path, values)


def test_an_interrupted_training_goes_on_to_the_same_model(model, cohort, job, tmp_path):
    class Stop(Exception):
        pass

    def stop(share, text):
        if share > 0.6:
            raise Stop

    own = replace(job, work=tmp_path, progress=stop)
    with pytest.raises(Stop):
        RECIPE.fit(cohort.take(range(8)), "multi-view", SMALL, own)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    assert len(kept) >= 16
    resumed = RECIPE.fit(cohort.take(range(8)), "multi-view", SMALL, replace(own, progress=job.progress))
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    for view, outputs in model.outputs.items():
        for name, output in outputs.items():
            np.testing.assert_array_equal(resumed.outputs[view][name].coefficients, output.coefficients)
            assert resumed.outputs[view][name].intercept == output.intercept


def test_the_class_activation_map_adds_up_to_the_estimate(model, cohort, job):
    subject = cohort.subjects[8]
    frames = {view: choose_frames(subject, view, 1)[0] for view in subject.views}
    target = model.explanation_target(frames)
    tensors = [entry.tensor for entry in target.inputs]
    logits = []
    for view in subject.views:
        p = next(one for one in model.predict(subject, job).views if one.view is view).outcome.p_fatty_5
        logits.append(np.log(p / (1 - p)))
    assert target.network(*tensors).item() == pytest.approx(np.mean(logits), rel=1e-3, abs=1e-3)

    maps = []
    for entry in target.inputs:
        hook = target.network.get_submodule(entry.layer).register_forward_hook(
            lambda module, given, result: maps.append(result.detach().numpy()[0])
        )
        target.network(*tensors)
        hook.remove()
    intercept = np.mean([model.outputs[view][FATTY_5].intercept for view in model.outputs])
    total = sum(np.tensordot(w, m, 1).mean() for w, m in zip(target.linear_weights, maps, strict=True)) + intercept
    assert target.network(*tensors).item() == pytest.approx(total, rel=1e-4, abs=1e-4)
    assert len(explain(target, "cam")) == 4
