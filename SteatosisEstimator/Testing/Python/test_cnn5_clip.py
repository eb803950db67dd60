"""The five-layer network on clips (Colantonio et al. 2021)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from SteatosisEstimatorLib.cohort.cohort import Cohort, CohortImage, Subject
from SteatosisEstimatorLib.cohort.reading import read_cohort
from SteatosisEstimatorLib.cohort.vocabulary import View
from SteatosisEstimatorLib.networks.cnn5 import ClipNetwork
from SteatosisEstimatorLib.recipes.base import Job, RecipeError, settings_from
from SteatosisEstimatorLib.recipes.cnn5_clip.clips import branch_frames
from SteatosisEstimatorLib.recipes.cnn5_clip.fitting import strata_of
from SteatosisEstimatorLib.recipes.cnn5_clip.settings import Cnn5Settings
from SteatosisEstimatorLib.recipes.registry import get_recipe
from SteatosisEstimatorLib.simulation.writing import write_cohort

pytestmark = pytest.mark.usefixtures("one_thread")
RECIPE = get_recipe("cnn5-clip")
SMALL = settings_from(
    Cnn5Settings(), {"crop_px": 100, "size": 32, "epochs": 3, "inner_folds": 2, "filters": [4, 4], "dense_units": 8}
)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Cohort:
    folder = tmp_path_factory.mktemp("clips")
    return read_cohort(write_cohort(folder, 6, ["ar", "hr"], seed=1, frames=2, size=(120, 160)))


@pytest.fixture(scope="module")
def model(cohort, tmp_path_factory):
    return RECIPE.fit(cohort, "ar-hr", SMALL, Job(tmp_path_factory.mktemp("work")))


def test_the_network_is_the_one_of_the_paper():
    network = ClipNetwork(1, 360, Cnn5Settings().filters, 3, 128)
    assert [layer.out_channels for layer in network.branches[0].convolutions] == [8, 16, 32, 64, 128]
    assert network.dense.in_features == 128 * 11 * 11  # 360 halved five times, rounded down
    assert network(torch.zeros(2, 1, 360, 360)).shape == (2, 1)


def test_two_branches_start_with_the_weights_of_the_single_ones():
    single, both = ClipNetwork(1, 32, (4, 4), 3, 8), ClipNetwork(2, 32, (4, 4), 3, 8)
    both.import_branch(1, single)
    image = torch.rand(3, 1, 32, 32)
    single.eval(), both.eval()
    assert torch.equal(both.branches[1](image), single.branches[0](image))
    assert not torch.equal(both.branches[0](image), single.branches[0](image))


def test_grades_follow_the_limits_of_the_paper():
    fat = np.array([0.0, 3.12, 3.13, 8.77, 8.78, 13.69, 13.7])
    assert strata_of(fat, Cnn5Settings()).tolist() == [0, 0, 1, 1, 2, 2, 3]


def test_the_held_out_subjects_have_the_classes_of_the_whole():
    fat = np.concatenate([np.full(111, 1.0), np.full(21, 5.0), np.full(6, 10.0), np.full(12, 20.0)])  # section 2
    image = CohortImage(View.AR, None, "a")
    whole = Cohort(tuple(Subject(str(i), (image,), float(value)) for i, value in enumerate(fat)))
    (fold,) = RECIPE.folds(whole, Cnn5Settings(), seed=4)
    grades = np.bincount(strata_of(fat[list(fold.test)], Cnn5Settings()), minlength=4)
    assert grades.tolist() == [7, 1, 1, 1]
    assert sorted(fold.train + fold.test) == list(range(150))


def test_several_test_sets_judge_every_subject_once(cohort):
    folds = RECIPE.folds(cohort, replace(SMALL, test_sets=3), seed=0)
    assert sorted(i for fold in folds for i in fold.test) == list(range(len(cohort)))


def test_a_subject_is_the_mean_over_its_pairs_of_frames(cohort, model, tmp_path):
    prediction = model.predict(cohort.subjects[0], Job(tmp_path))
    assert len(prediction.frames) == 2
    mean = np.mean([frame.outcome.fat_percent for frame in prediction.frames])
    assert prediction.outcome.fat_percent == pytest.approx(mean)
    assert [view.view for view in prediction.views] == [View.AR, View.HR]


def test_a_model_says_the_same_after_saving(cohort, model, tmp_path):
    loaded = RECIPE.load(tmp_path, model.save(tmp_path))
    assert loaded.predict(cohort.subjects[1], Job(tmp_path)) == model.predict(cohort.subjects[1], Job(tmp_path))


def test_the_validation_losses_of_all_folds_are_kept_for_the_papers_table(model):
    losses = model.details["validation_losses"]
    assert {name: len(values) for name, values in losses.items()} == {"ar": 2, "hr": 2, "ar-hr": 1}
    assert all(np.isfinite(value) for values in losses.values() for value in values)


def test_training_again_in_the_same_folder_gives_the_same_model(cohort, tmp_path):
    first = RECIPE.fit(cohort, "ar", SMALL, Job(tmp_path))
    again = RECIPE.fit(cohort, "ar", SMALL, Job(tmp_path))
    other = RECIPE.fit(cohort, "ar", SMALL, Job(tmp_path / "b", seed=1))
    assert first.details == again.details != other.details
    for one, two in zip(first.network.state_dict().values(), again.network.state_dict().values(), strict=True):
        assert torch.equal(one, two)


def test_frames_kept_on_disk_are_read_again_when_the_settings_change(cohort, tmp_path):
    small = branch_frames(cohort, "ar", SMALL, Job(tmp_path))
    large = branch_frames(cohort, "ar", replace(SMALL, size=48), Job(tmp_path))
    assert small.pixels.shape == (12, 32, 32)
    assert large.pixels.shape == (12, 48, 48)
    assert small.owner.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_a_liver_kidney_view_stands_in_for_hr_and_is_named(cohort, tmp_path):
    def renamed(subject):
        images = tuple(replace(image, view=View.LIVER_KIDNEY) for image in subject.of_view(View.HR))
        return replace(subject, images=images)

    others = replace(cohort, subjects=tuple(renamed(subject) for subject in cohort.subjects))
    assert RECIPE.usable(others.subjects[0]) == ("hr",)
    fitted = RECIPE.fit(others, "hr", SMALL, Job(tmp_path))
    assert fitted.predict(others.subjects[0], Job(tmp_path)).flags == ("liver-kidney_as_hr",)


def test_a_subject_without_the_view_is_refused_by_name(cohort, model, tmp_path):
    lame = replace(cohort.subjects[0], images=cohort.subjects[0].of_view(View.AR))
    with pytest.raises(RecipeError, match=rf"{lame.name} has no view hr"):
        model.predict(lame, Job(tmp_path))
    with pytest.raises(RecipeError, match=rf"{lame.name} has no view hr"):
        RECIPE.fit(replace(cohort, subjects=(lame, *cohort.subjects[1:])), "ar-hr", SMALL, Job(tmp_path))


def test_a_training_that_diverges_is_named(cohort, tmp_path):
    with pytest.raises(RecipeError, match="lower learning_rate"):
        RECIPE.fit(cohort, "ar", replace(SMALL, learning_rate=1e30), Job(tmp_path))


@pytest.mark.parametrize("wrong", [{"filters": [8, "a"]}, {"filters": 8}, {"grade_limits": [True]}, {"size": 2}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(RecipeError):
        settings_from(Cnn5Settings(), wrong)


def test_the_network_finds_what_the_images_differ_in(tmp_path):
    """Scans whose brightness is the fat fraction: after training the order is right on subjects not seen."""
    from PIL import Image

    rng = np.random.default_rng(0)
    rows = ["# reference: H-MRS", "subject,view,path,fat_percent"]
    y, x = np.mgrid[:120, :160]
    radius, angle = np.hypot(x - 80, y + 10), np.arctan2(x - 80, y + 10)
    scan = (radius > 20) & (radius < 125) & (abs(angle) < 0.6)
    for i, fat in enumerate(np.linspace(1, 30, 16)):
        for k in range(3):
            texture = rng.gamma(4, (40 + 4 * fat) / 4, scan.shape)
            Image.fromarray(np.where(scan, texture, 0).clip(0, 255).astype(np.uint8)).save(tmp_path / f"{i}_{k}.png")
            rows.append(f"s{i},ar,{i}_{k}.png,{fat}")
    (tmp_path / "cohort.csv").write_text("\n".join(rows))
    whole = read_cohort(tmp_path / "cohort.csv")
    test = [3, 8, 13]
    train = whole.take(i for i in range(16) if i not in test)
    settings = replace(SMALL, epochs=40, batch_size=8, patience=15, learning_rate=3e-3)
    model = RECIPE.fit(train, "ar", settings, Job(tmp_path / "work"))
    predicted = [model.predict(whole.subjects[i], Job(tmp_path)).outcome.fat_percent for i in test]
    assert predicted[0] < predicted[1] < predicted[2]
    assert np.abs(np.array(predicted) - whole.fat_percent()[test]).max() < 8
