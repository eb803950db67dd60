"""Training to a bundle, and estimates from it: intervals, doubts, bad input, going on after a stop."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import brightness_recipe
import numpy as np
import pytest
from brightness_recipe import BrightnessModel
from drawn_cohort import FAT, draw, write_drawn_cohort
from HepatoRenalIndexLib.imaging.image import InputError
from PIL import Image
from SteatosisEstimatorLib.cohort.cohort import CohortImage, Subject
from SteatosisEstimatorLib.cohort.reading import read_cohort
from SteatosisEstimatorLib.cohort.vocabulary import View
from SteatosisEstimatorLib.estimation import cohort_run, runs
from SteatosisEstimatorLib.estimation.calibration import ModelCalibration
from SteatosisEstimatorLib.estimation.domain import ModelDomain
from SteatosisEstimatorLib.estimation.doubts import sentence_of
from SteatosisEstimatorLib.estimation.estimate import estimate_subject, open_model
from SteatosisEstimatorLib.estimation.tables import ESTIMATE_COLUMNS
from SteatosisEstimatorLib.recipes.base import Outcome, RecipeError
from SteatosisEstimatorLib.uncertainty.grades import GradeCutoffs

brightness_recipe.install()
FIRST_COLUMNS = (
    *("subject", "status", "message", "fat_percent", "fat_low", "fat_high", "p_fatty_5", "p_fatty_10", "grade"),
    *("reference", "views", "flags", "model", "model_sha256", "version"),
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    return runs.train("brightness", write_drawn_cohort(folder), folder / "Brightness").bundle


@pytest.fixture(scope="module")
def new_cohort(tmp_path_factory) -> Path:
    """Subjects that were not trained on, named otherwise, without references."""
    folder = tmp_path_factory.mktemp("new")
    lines = ["subject,view,path"]
    for number, fat in enumerate((2.0, 12.0, 25.0)):
        for view in ("liver", "kidney-liver"):
            draw(folder / f"n{number}-{view}.png", 50 + 3 * fat, 500 + 10 * number + len(view))
            lines.append(f"n{number},{view},n{number}-{view}.png")
    (folder / "cohort.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "cohort.csv"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def estimate(cohort: Path, output: Path, model: Path):
    return runs.estimate(cohort, output, model)


# -------------------------------------------------------------------------------------------------- estimates


def test_estimates_have_the_promised_columns_first():
    assert ESTIMATE_COLUMNS[: len(FIRST_COLUMNS)] == FIRST_COLUMNS


def test_new_subjects_are_estimated_with_interval_probability_and_grade(new_cohort, bundle, tmp_path):
    summary = estimate(new_cohort, tmp_path / "out", bundle)
    assert (summary.ok, summary.errors) == (3, 0)
    found = rows(tmp_path / "out" / "estimates.csv")
    for row, fat in zip(found, (2.0, 12.0, 25.0), strict=True):
        assert row["status"] == "ok" and row["message"] == "" and row["flags"] == ""
        assert abs(float(row["fat_percent"]) - fat) < 5
        assert 0 <= float(row["fat_low"]) <= float(row["fat_percent"]) <= float(row["fat_high"]) <= 100
        assert float(row["p_fatty_10"]) <= float(row["p_fatty_5"])
        assert (
            row["reference"] == "MRI-PDFF" and row["views"] == "liver;kidney-liver" and len(row["model_sha256"]) == 64
        )
        assert sum(float(row[f"p_S{i}"]) for i in range(4)) == pytest.approx(1, abs=1e-3)
    assert found[0]["grade"] == "S0" and found[2]["grade"] in ("S2", "S3")
    assert float(found[0]["p_fatty_5"]) < 0.5 < float(found[2]["p_fatty_5"])
    views = rows(tmp_path / "out" / "views.csv")
    assert [row["view"] for row in views[:2]] == ["liver", "kidney-liver"] and views[0]["weight"] == "0.5"
    assert len(rows(tmp_path / "out" / "frames.csv")) == 6
    parts = [row for row in rows(tmp_path / "out" / "contributions.csv") if row["subject"] == "n1"]
    weights = open_model(bundle).model.fitted.weights
    assert weights[0] + sum(float(row["adds_percent"]) for row in parts) == pytest.approx(
        float(found[1]["fat_percent"]), abs=0.02
    )


def test_one_subject_can_be_estimated_without_files(new_cohort, bundle):
    estimator = open_model(bundle)
    subject = read_cohort(new_cohort).subjects[1]
    told = []
    found = estimate_subject(estimator, subject, progress=lambda share, text: told.append(share))
    assert found.subject == "n1" and found.model == "Brightness" and found.model_sha256 == estimator.model.sha256
    assert found.fat_low <= found.fat_percent <= found.fat_high
    assert found == estimate_subject(estimator, subject)
    with pytest.raises(InputError, match="has no view kidney-liver"):
        estimate_subject(estimator, replace(subject, images=subject.images[:1]))


def test_the_numbers_of_a_row_do_not_contradict_each_other(new_cohort, bundle):
    estimator = open_model(bundle)
    for subject in read_cohort(new_cohort).subjects:
        fat = estimate_subject(estimator, subject).fat_percent
        assert fat == round(fat, 2)
        cutoffs = GradeCutoffs(estimator.reference, (fat, 98.0, 99.0), (True, True, True), "test")
        assert estimate_subject(replace(estimator, cutoffs=cutoffs), subject).grade == "S1"
        cutoffs = GradeCutoffs(estimator.reference, (5.0, 10.0, 99.0), (True, True, True), "test")
        found = estimate_subject(replace(estimator, cutoffs=cutoffs), subject)
        assert found.grade_probabilities["S0"] == pytest.approx(1 - found.p_fatty_5)
        assert found.grade_probabilities["S1"] == pytest.approx(found.p_fatty_5 - found.p_fatty_10)


def test_a_subject_that_was_trained_on_is_flagged(bundle, tmp_path):
    path = write_drawn_cohort(tmp_path, FAT[:2])
    estimate(path, tmp_path / "out", bundle)
    row = rows(tmp_path / "out" / "estimates.csv")[0]
    assert "training_image" in row["flags"].split(";") and "was trained on an image of this subject" in row["message"]


def test_images_unlike_those_trained_on_are_flagged_in_words(new_cohort, bundle, tmp_path):
    shutil.copytree(new_cohort.parent, tmp_path / "odd")
    path = tmp_path / "odd" / "n1-liver.png"
    pixels = np.asarray(Image.open(path)).astype(float)
    Image.fromarray(np.where(pixels > 0, np.clip(pixels * 0.2 + 200, 0, 255), 0).astype(np.uint8)).save(path)
    estimate(tmp_path / "odd" / "cohort.csv", tmp_path / "out", bundle)
    found = rows(tmp_path / "out" / "estimates.csv")
    assert found[1]["flags"] == "outside_brightness" and found[1]["message"].startswith(
        "liver: The gray levels are unlike"
    )
    assert found[0]["flags"] == found[2]["flags"] == ""


def test_a_biopsy_model_says_that_it_is_no_pdff(tmp_path):
    path = write_drawn_cohort(tmp_path, remark="# reference: biopsy")
    runs.train("brightness", path, tmp_path / "model", "liver")
    summary = estimate(path, tmp_path / "out", tmp_path / "model")
    assert {row["reference"] for row in rows(tmp_path / "out" / "estimates.csv")} == {"biopsy (not PDFF)"}
    assert any("not a proton density fat" in sentence for sentence in summary.warnings)


def test_a_model_without_probabilities_takes_them_from_its_percentages(tmp_path):
    path = write_drawn_cohort(tmp_path)
    runs.train("brightness", path, tmp_path / "model", settings={"probabilities": False})
    values = json.loads((tmp_path / "model" / "configs" / "calibration.json").read_text(encoding="utf-8"))
    assert values["fatty"] == {}
    estimate(path, tmp_path / "out", tmp_path / "model")
    p5 = [float(row["p_fatty_5"]) for row in rows(tmp_path / "out" / "estimates.csv")]
    assert p5[0] < 0.3 and p5[-1] > 0.7


def test_a_models_own_probability_is_calibrated_and_used(new_cohort, bundle):
    estimator = open_model(bundle)
    found = estimate_subject(estimator, read_cohort(new_cohort).subjects[1])
    own = estimator.calibration.fatty[5].predict(found.prediction.outcome.p_fatty_5)
    assert found.p_fatty_5 == own != found.prediction.outcome.p_fatty_5
    assert found.p_fatty_5 != estimator.calibration.distribution(found.prediction.outcome).probability_at_least(5)


def test_a_reference_that_is_not_stated_gives_no_grade(tmp_path):
    path = write_drawn_cohort(tmp_path, remark="# of our clinic")
    runs.train("brightness", path, tmp_path / "model")
    estimate(path, tmp_path / "out", tmp_path / "model")
    assert {row["grade"] for row in rows(tmp_path / "out" / "estimates.csv")} == {""}
    runs.train("brightness", path, tmp_path / "stated", reference="H-MRS")
    estimate(path, tmp_path / "out", tmp_path / "stated")
    assert {row["grade_cutoffs"] for row in rows(tmp_path / "out" / "estimates.csv")} == {"3.12/8.77/13.69"}


def test_calibration_and_domain_survive_json(bundle):
    estimator = open_model(bundle)
    calibration, domain = estimator.calibration, estimator.domain
    again = ModelCalibration.from_json(json.loads(json.dumps(calibration.to_json())))
    outcome = Outcome(12.0, 0.6)
    for model in (calibration, again):
        distribution = model.distribution(outcome)
        assert distribution.interval(0.9) == calibration.distribution(outcome).interval(0.9)
        assert model.probability(outcome, 5, distribution) == calibration.probability(outcome, 5, distribution)
    assert ModelDomain.from_json(json.loads(json.dumps(domain.to_json()))).to_json() == domain.to_json()
    for damaged in ({}, {"fat": 3}, {"fat": None, "fatty": []}):
        with pytest.raises(InputError):
            ModelCalibration.from_json(damaged)
    with pytest.raises(InputError):
        ModelDomain.from_json({"views": {"spleen": {}}})


def test_too_few_subjects_to_calibrate_is_one_sentence(tmp_path):
    path = write_drawn_cohort(tmp_path, FAT[:2])
    with pytest.raises(RecipeError, match="2 subjects cannot be split into 4 folds"):
        runs.train("brightness", path, tmp_path / "model")


def test_flags_of_recipes_have_sentences():
    assert sentence_of("liver-kidney_as_hr").startswith("The view liver-kidney stands in for hr")
    assert "random weights" in sentence_of("random_backbone") and sentence_of("something_new") == ""
    assert "unsure about an organ" in sentence_of("low_confidence")  # of the measurement
    assert all("same for every image" in sentence_of(f"constant_{name}") for name in ("fat_percent", "p_fatty_10"))


# -------------------------------------------------------------------------------------------------- bad input


def test_bad_subjects_are_error_rows_and_the_others_are_estimated(new_cohort, bundle, tmp_path):
    folder = Path(shutil.copytree(new_cohort.parent, tmp_path / "mixed"))
    good = (folder / "n0-liver.png").read_bytes()
    (folder / "cut.png").write_bytes(good[: len(good) // 3])
    (folder / "text.dcm").write_text("not an image", encoding="utf-8")
    Image.fromarray(np.zeros((120, 160), np.uint8)).save(folder / "black.png")
    with (folder / "cohort.csv").open("a", encoding="utf-8") as file:
        for number, name in enumerate(("cut.png", "text.dcm", "missing.png", "black.png")):
            draw(folder / f"fine{number}.png", 90, 700 + number)
            file.write(f"{name[:3]},liver,{name}\n{name[:3]},kidney-liver,fine{number}.png\n")
        draw(folder / "alone.png", 90, 800)
        file.write(",liver,n0-liver.png\nalone,liver,alone.png\nspl,spleen,alone.png\n")
    summary = estimate(folder / "cohort.csv", tmp_path / "out", bundle)
    found = {row["subject"]: row for row in rows(tmp_path / "out" / "estimates.csv")}
    assert (summary.ok, summary.errors) == (sum(r["status"] == "ok" for r in found.values()), len(found) - summary.ok)
    assert found["n2"]["status"] == "ok"
    expected = {
        "cut": "cut.png",
        "tex": "text.dcm",
        "mis": "The file missing.png does not exist",
        "": "names no subject",
        "spl": "The view 'spleen' is not known",
        "alone": "has no view kidney-liver",
        "bla": "black.png",
    }
    for name, words in expected.items():
        assert found[name]["status"] == "error" and words in found[name]["message"], name
        assert found[name]["fat_percent"] == "" and found[name]["model"] == "Brightness"
        assert str(tmp_path) not in found[name]["message"]


def test_a_mistake_of_the_software_is_one_row_that_helps_to_find_it(new_cohort, bundle, tmp_path, monkeypatch):
    predict = BrightnessModel.predict

    def fail(self, subject, job):
        if subject.name == "n1":
            raise ZeroDivisionError
        return predict(self, subject, job)

    monkeypatch.setattr(BrightnessModel, "predict", fail)
    summary = estimate(new_cohort, tmp_path / "out", bundle)
    message = rows(tmp_path / "out" / "estimates.csv")[1]["message"]
    assert summary.errors == 1 and message.startswith("Estimating failed unexpectedly (ZeroDivisionError in test_estim")


def test_nothing_identifying_or_of_this_computer_is_written(new_cohort, bundle, tmp_path):
    folder = Path(shutil.copytree(new_cohort.parent, tmp_path / "patient_mueller"))
    text = (folder / "cohort.csv").read_text(encoding="utf-8")
    (folder / "cohort.csv").write_text(text.replace(",n0-", f",{folder}/n0-"), encoding="utf-8")
    estimate(folder / "cohort.csv", tmp_path / "out", bundle)
    for path in (tmp_path / "out").iterdir():
        assert "mueller" not in path.read_text(encoding="utf-8") and str(tmp_path) not in path.read_text(
            encoding="utf-8"
        )


def test_an_output_that_is_a_file_and_a_model_that_is_none_are_refused(new_cohort, bundle, tmp_path):
    with pytest.raises(InputError, match="is a file"):
        estimate(new_cohort, new_cohort, bundle)
    with pytest.raises(InputError, match="There is no model 'nothing'"):
        estimate(new_cohort, tmp_path / "out", tmp_path / "nothing")
    with pytest.raises(RecipeError, match="whole number of at least 1"):
        runs.estimate(new_cohort, tmp_path / "out", bundle, frames=0)


# ------------------------------------------------------------------------------------- going on after a stop


def test_a_stopped_run_goes_on_and_gives_the_same_rows(new_cohort, bundle, tmp_path, monkeypatch):
    estimate(new_cohort, tmp_path / "whole", bundle)
    real, calls = cohort_run.estimate_subject, []

    def interrupted(estimator, subject, *more, **named):
        calls.append(subject.name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(estimator, subject, *more, **named)

    monkeypatch.setattr(cohort_run, "estimate_subject", interrupted)
    with pytest.raises(KeyboardInterrupt):
        estimate(new_cohort, tmp_path / "out", bundle)
    assert [row["subject"] for row in rows(tmp_path / "out" / "estimates.csv")] == ["n0", "n1"]
    summary = estimate(new_cohort, tmp_path / "out", bundle)
    assert summary.resumed == 2 and calls == ["n0", "n1", "n2", "n2"]
    assert not (tmp_path / "out" / cohort_run.PARTIAL_NAME).exists()
    for name in ("estimates", "views", "frames", "contributions"):
        one, other = ((tmp_path / folder / f"{name}.csv").read_bytes() for folder in ("whole", "out"))
        assert one == other


def test_a_line_that_was_cut_off_is_estimated_again(new_cohort, bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "unlink", lambda self, missing_ok=False: None)
    estimate(new_cohort, tmp_path / "out", bundle)
    monkeypatch.undo()
    partial = tmp_path / "out" / cohort_run.PARTIAL_NAME
    partial.write_text(partial.read_text(encoding="utf-8")[:-50], encoding="utf-8")
    assert estimate(new_cohort, tmp_path / "out", bundle).resumed == 2


def test_a_new_run_that_is_killed_leaves_no_results_of_the_one_before(new_cohort, bundle, tmp_path, monkeypatch):
    estimate(new_cohort, tmp_path / "out", bundle)
    shutil.copytree(new_cohort.parent, tmp_path / "other")
    draw(tmp_path / "other" / "n1-liver.png", 90, 9)

    def killed(*_, **__):
        assert not list((tmp_path / "out").glob("*.csv"))
        raise SystemExit

    monkeypatch.setattr(cohort_run, "estimate_subject", killed)
    with pytest.raises(SystemExit):
        estimate(tmp_path / "other" / "cohort.csv", tmp_path / "out", bundle)


def test_a_run_that_is_killed_twice_keeps_what_the_first_one_did(new_cohort, bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "unlink", lambda self, missing_ok=False: None)
    estimate(new_cohort, tmp_path / "out", bundle)
    monkeypatch.undo()
    partial = tmp_path / "out" / cohort_run.PARTIAL_NAME
    lines = partial.read_text(encoding="utf-8").splitlines(keepends=True)
    partial.write_text("".join(lines[1:]), encoding="utf-8")

    def killed(*_, **__):
        assert partial.read_text(encoding="utf-8") == "".join(lines[1:])
        raise SystemExit

    monkeypatch.setattr(cohort_run, "estimate_subject", killed)
    with pytest.raises(SystemExit):
        estimate(new_cohort, tmp_path / "out", bundle)
    monkeypatch.undo()
    assert estimate(new_cohort, tmp_path / "out", bundle).resumed == 2


def test_results_never_replace_the_cohort(new_cohort, bundle, tmp_path):
    for name in ("views", "table"):
        path = Path(shutil.copytree(new_cohort.parent, tmp_path / name)) / f"{name}.csv"
        (path.parent / "cohort.csv").rename(path)
        with pytest.raises(RecipeError, match=f"would replace the cohort {name}.csv"):
            estimate(path, path.parent, bundle) if name == "views" else runs.evaluate("brightness", path, path.parent)


def test_simulated_data_are_named_beside_every_number(new_cohort, tmp_path):
    path = write_drawn_cohort(tmp_path / "simulated", remark="# reference: MRI-PDFF\n# simulated: no patients")
    runs.train("brightness", path, tmp_path / "model")
    summary = estimate(new_cohort, tmp_path / "out", tmp_path / "model")
    assert any("Trained on simulated images" in sentence for sentence in summary.warnings)
    for row in rows(tmp_path / "out" / "estimates.csv"):
        assert "simulated_training" in row["flags"].split(";") and "no estimate of a patient's fat" in row["message"]
    summary = estimate(path, tmp_path / "out", tmp_path / "model")
    assert cohort_run.SIMULATED_IMAGES in summary.warnings
    assert cohort_run.SIMULATED_IMAGES in json.loads((tmp_path / "out" / "run.json").read_text())["warnings"]


def test_a_graphics_card_that_is_not_there_is_said(new_cohort, bundle, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a graphics card")
    summary = runs.estimate(new_cohort, tmp_path / "out", bundle, device="cuda")
    assert any("CUDA was asked for" in sentence for sentence in summary.warnings)
    assert json.loads((tmp_path / "out" / "run.json").read_text())["device"] == "cpu (CUDA requested: not available)"


def test_another_model_or_cohort_takes_over_nothing(new_cohort, bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "unlink", lambda self, missing_ok=False: None)
    estimate(new_cohort, tmp_path / "out", bundle)
    monkeypatch.undo()
    shutil.copytree(new_cohort.parent, tmp_path / "other")
    draw(tmp_path / "other" / "n1-liver.png", 90, 9)
    assert estimate(tmp_path / "other" / "cohort.csv", tmp_path / "out", bundle).resumed == 0


def test_a_clip_is_thinned_on_request(bundle, tmp_path):
    from SteatosisEstimatorLib.simulation.writing import write_cohort

    path = write_cohort(tmp_path / "clip", 1, ["liver", "ar"], seed=3, frames=5, size=(120, 160))
    text = path.read_text(encoding="utf-8").replace(",ar,", ",kidney-liver,")
    path.write_text(text, encoding="utf-8")
    runs.estimate(path, tmp_path / "all", bundle)
    runs.estimate(path, tmp_path / "two", bundle, frames=2)
    counts = [[row["frames"] for row in rows(tmp_path / name / "views.csv")] for name in ("all", "two")]
    assert counts == [["1", "5"], ["1", "2"]]
    assert [row["frame"] for row in rows(tmp_path / "two" / "frames.csv")] == ["0", "0", "4"]


def test_a_subject_of_memory_can_be_estimated(bundle, tmp_path):
    """As the module makes subjects: without a cohort file."""
    images = tuple(
        CohortImage(view, draw(tmp_path / f"{view.value}.png", 110, 900 + i), f"{view.value}.png")
        for i, view in enumerate((View.LIVER, View.KIDNEY_LIVER))
    )
    assert estimate_subject(open_model(bundle), Subject("", images)).fat_percent > 5
