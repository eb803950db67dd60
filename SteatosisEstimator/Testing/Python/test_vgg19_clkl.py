"""VGG19 on liver and kidney-liver images (Kim et al. 2021)."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from HepatoRenalIndexLib.imaging.image import InputError
from PIL import Image
from SteatosisEstimatorLib.cohort.cohort import Cohort, CohortImage, Subject
from SteatosisEstimatorLib.cohort.reading import read_cohort
from SteatosisEstimatorLib.cohort.vocabulary import View
from SteatosisEstimatorLib.frames.choosing import choose_frames
from SteatosisEstimatorLib.recipes.base import Job, RecipeError, settings_from
from SteatosisEstimatorLib.recipes.registry import get_recipe
from SteatosisEstimatorLib.recipes.vgg19_clkl.fitting import TrainingRows
from SteatosisEstimatorLib.recipes.vgg19_clkl.images import PreparedImage, augment, augmentations, fit_min_max
from SteatosisEstimatorLib.recipes.vgg19_clkl.model import feature_key
from SteatosisEstimatorLib.recipes.vgg19_clkl.settings import VARIANTS, Vgg19Settings
from SteatosisEstimatorLib.simulation.writing import write_cohort

pytestmark = pytest.mark.usefixtures("one_thread")
RECIPE = get_recipe("vgg19-clkl")
TINY = {
    "image_size": 32,
    "rotation_step": 90,
    "epochs_classification": 6,
    "epochs_regression": 4,
    "checkpoint_every": 2,
}
SMALL = settings_from(Vgg19Settings(), TINY)


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    return write_cohort(
        tmp_path_factory.mktemp("images"), 8, ["liver", "kidney-liver"], seed=1, frames=1, size=(120, 160)
    )


@pytest.fixture(scope="module")
def cohort(csv) -> Cohort:
    return read_cohort(csv)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def job(work):
    return Job(work, seed=7, device="cpu", backbone_weights="none")


@pytest.fixture(scope="module")
def model(cohort, job):
    return RECIPE.fit(cohort.take(range(7)), "combined", SMALL, job)


def test_the_defaults_are_those_of_the_paper():
    settings = Vgg19Settings()
    assert (settings.image_size, settings.batch_size, settings.hidden_nodes, settings.folds) == (224, 64, 10, 5)
    assert (settings.learning_rate, settings.momentum) == (1e-4, 0.9)
    assert (settings.epochs_classification, settings.epochs_regression) == (1000, 500)
    augmented = augmentations(settings)
    assert len(augmented) == 39
    assert augmented[0] == (0, "")
    assert sorted({angle for angle, _ in augmented}) == list(range(0, 181, 15))


def test_turned_and_mirrored_images_keep_their_pixels():
    image = np.random.default_rng(0).random((32, 32)).astype(np.float32)
    np.testing.assert_allclose(augment(image, 90, ""), np.rot90(image), atol=1e-6)
    np.testing.assert_array_equal(augment(image, 0, "x"), image[:, ::-1])
    np.testing.assert_array_equal(augment(image, 0, "y"), image[::-1])
    turned = augment(image, 45, "")
    assert turned[0, 0] == 0  # from beyond the image
    assert turned.min() >= 0
    assert turned.max() <= 1


def _image(values) -> PreparedImage:
    return PreparedImage("liver", "a.png", 0, np.asarray(values, dtype=np.float32))


def test_the_scaling_is_that_of_the_training_images_alone():
    training = [_image([[10, 20], [30, 50]]), _image([[10, 40], [30, 210]])]
    whole, each = (fit_min_max(training, scaling) for scaling in ("global", "pixel"))
    np.testing.assert_allclose(whole.apply(np.array([[10.0, 110.0], [210.0, 250.0]])), [[0, 0.5], [1, 1.2]])
    np.testing.assert_allclose(each.apply(np.array([[99.0, 30.0], [99.0, 130.0]])), [[0, 0.5], [0, 0.5]])


def test_an_image_left_out_of_the_training_does_not_change_its_scaling(model, cohort, job, tmp_path):
    (image,) = cohort.subjects[7].of_view(View.LIVER)
    pixels = np.array(Image.open(image.path))
    pixels[50:90, 60:100] = 255
    Image.fromarray(pixels).save(tmp_path / "bright.png")
    bright = replace(cohort.subjects[7], images=(replace(image, path=tmp_path / "bright.png"),))
    planted = Cohort((*cohort.subjects[:7], bright))
    fitted = [
        TrainingRows(part, VARIANTS["liver"], SMALL, job).scalers[0] for part in (planted.take(range(7)), planted)
    ]
    assert fitted[0].digest == model.scalers[0].digest
    assert fitted[0].high < fitted[1].high == 255
    keys = [feature_key(_image(np.ones((32, 32))), scaler, [(0, "")]) for scaler in fitted]
    assert keys[0] != keys[1]  # features of one scaling are not taken for those of another


def test_scanners_and_fatty_livers_are_balanced_between_folds():
    image = CohortImage(View.LIVER, None, "a")
    subjects = [Subject(f"s{i}", (image,), 10.0 * (i % 2), "GE" if i % 4 < 2 else "PHILIPS") for i in range(80)]
    folds = RECIPE.folds(Cohort(tuple(subjects)), Vgg19Settings(), seed=3)
    assert len(folds) == 5
    for fold in folds:
        tested = [subjects[i] for i in fold.test]
        assert sum(s.scanner == "GE" for s in tested) == 8
        assert sum(s.fat_percent > 5 for s in tested if s.scanner == "GE") == 4


def test_variants_are_usable_where_the_views_are(cohort):
    assert RECIPE.usable(cohort.subjects[0]) == tuple(RECIPE.variants)
    one = cohort.subjects[0]
    alone = replace(one, images=one.of_view(View.KIDNEY_LIVER))
    as_other = replace(alone, images=tuple(replace(i, view=View.LIVER_KIDNEY) for i in alone.images))
    assert RECIPE.usable(alone) == RECIPE.usable(as_other) == ("kidney-liver",)


def test_both_views_make_the_estimate_together(model, cohort, job):
    prediction = model.predict(cohort.subjects[7], job)
    assert 0 < prediction.outcome.p_fatty_5 < 1
    assert prediction.outcome.p_fatty_10 is None
    assert prediction.outcome.fat_percent is not None
    assert [view.view for view in prediction.views] == [View.LIVER, View.KIDNEY_LIVER]
    assert sum(view.weight for view in prediction.views) == pytest.approx(1)
    assert prediction.flags == ("random_backbone",)
    assert len(prediction.frames) == 1


def test_another_view_of_the_kidney_stands_in_with_a_flag(model, cohort, job):
    subject = cohort.subjects[7]
    named = {View.KIDNEY_LIVER: View.HR}
    renamed = replace(subject, images=tuple(replace(i, view=named.get(i.view, i.view)) for i in subject.images))
    prediction = model.predict(renamed, job)
    assert prediction.outcome == model.predict(subject, job).outcome
    assert "hr_as_kidney-liver" in prediction.flags


def test_a_subject_without_the_liver_view_is_told_so(model, cohort, job):
    subject = cohort.subjects[7]
    with pytest.raises(InputError, match=r"^Subject S008 has no view liver, which the model needs\.$"):
        model.predict(replace(subject, images=subject.of_view(View.KIDNEY_LIVER)), job)


def test_several_frames_are_averaged(model, cohort, job):
    first, second = cohort.subjects[6:8]
    both = replace(first, images=first.images + tuple(replace(image, line=0) for image in second.images))
    prediction = model.predict(both, job)
    single = [model.predict(subject, job).outcome.p_fatty_5 for subject in (first, second)]
    assert [frame.outcome.p_fatty_5 for frame in prediction.frames] == pytest.approx(single)
    assert prediction.outcome.p_fatty_5 == pytest.approx(np.mean(single))


def test_a_saved_model_estimates_the_same(model, cohort, job, tmp_path):
    values = json.loads(json.dumps(model.save(tmp_path)))
    loaded = RECIPE.load(tmp_path, values)
    assert loaded.predict(cohort.subjects[7], job) == model.predict(cohort.subjects[7], job)
    assert values["random_backbone"] is True
    with pytest.raises(RecipeError, match="weights do not fit its values"):
        RECIPE.load(tmp_path, values | {"settings": values["settings"] | {"hidden_nodes": 12}})


def test_what_is_explained_is_what_is_estimated(model, cohort, job):
    subject = cohort.subjects[7]
    target = model.explanation_target({view: choose_frames(subject, view, 1)[0] for view in subject.views})
    output = target.network(*(entry.tensor for entry in target.inputs))
    assert target.quantity == "p_fatty_5"
    assert torch.sigmoid(output).item() == pytest.approx(model.predict(subject, job).outcome.p_fatty_5, abs=1e-6)
    shapes = {}
    for entry in target.inputs:
        hook = target.network.get_submodule(entry.layer).register_forward_hook(
            lambda module, given, result, name=entry.layer: shapes.update({name: result.shape})
        )
        target.network(*(one.tensor for one in target.inputs))
        hook.remove()
    assert set(shapes.values()) == {(1, 512, 2, 2)}


KILLED = f"""
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from SteatosisEstimatorLib.cohort.reading import read_cohort
from SteatosisEstimatorLib.recipes.base import Job, settings_from
from SteatosisEstimatorLib.recipes.registry import get_recipe
def progress(share, text):
    if text == "training the regression" and share > 0.89:
        os.kill(os.getpid(), signal.SIGKILL)
recipe = get_recipe("vgg19-clkl")
job = Job(Path(sys.argv[2]), seed=7, device="cpu", backbone_weights="none", progress=progress)
cohort = read_cohort(sys.argv[1]).take(range(7))
recipe.fit(cohort, "combined", settings_from(recipe.default_settings(), {TINY!r}), job)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_training_goes_on_to_the_same_weights(csv, cohort, model, job, tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, csv, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len([path for path in kept if path.suffix == ".npy"]) == 14
    assert len([path for path in kept if path.name == "training.pt"]) == 2  # one over, one in its course
    resumed = RECIPE.fit(cohort.take(range(7)), "combined", SMALL, replace(job, work=tmp_path))
    for mine, other in zip(resumed.tasks, model.tasks, strict=True):
        for name, weight in other.head.state_dict().items():
            assert torch.equal(mine.head.state_dict()[name], weight)


def test_fine_tuning_trains_the_convolutions_of_each_branch(cohort, job, tmp_path):
    settings = replace(SMALL, rotation_last=0, flips=False, epochs_regression=1, learning_rate=1e-3)
    fatty = cohort.take(np.flatnonzero(cohort.fat_percent() >= 5)[:4])  # the regression alone, to be quick
    fitted = RECIPE.fit(fatty, "combined-finetuned", settings, job)
    start = fitted.backbone.network.state_dict()["features.34.weight"]
    weights = [branch.state_dict()["features.34.weight"] for task in fitted.tasks for branch in task.branches]
    assert len(weights) == 2
    assert all(not torch.equal(weight, start) for weight in weights)
    values = json.loads(json.dumps(fitted.save(tmp_path)))
    loaded = RECIPE.load(tmp_path, values)
    assert loaded.predict(cohort.subjects[7], job) == fitted.predict(cohort.subjects[7], job)


def test_without_augmentation_an_image_is_used_once(cohort, job):
    for name, count in (("combined", 9 * 3), ("combined-no-augmentation", 3)):
        rows = TrainingRows(cohort.take(range(3)), VARIANTS[name], SMALL, job)
        assert len(rows.rows) == count
        assert rows.fat_percent.tolist() == np.repeat(cohort.fat_percent()[:3], count // 3).tolist()


def test_a_cohort_of_fatty_livers_alone_has_no_classifier(cohort, job):
    fatty = cohort.take(np.flatnonzero(cohort.fat_percent() >= 5))
    prediction = RECIPE.fit(fatty, "liver", SMALL, job).predict(cohort.subjects[0], job)
    assert prediction.outcome.p_fatty_5 is None
    assert prediction.outcome.fat_percent is not None
    assert "no_classifier" in prediction.flags


def test_a_learning_rate_too_high_is_named(cohort, job):
    settings = replace(SMALL, learning_rate=9.0, target_scaled=False, epochs_regression=60)
    with pytest.raises(RecipeError, match="lower learning_rate"):
        RECIPE.fit(cohort, "kidney-liver", settings, job)


@pytest.mark.parametrize("wrong", [{"image_size": 8}, {"scaling": "x"}, {"folds": 1}, {"threshold_percent": 7}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(RecipeError):
        settings_from(Vgg19Settings(), wrong)
