"""Cross-validation that cannot leak, its figures, tables and report."""

from __future__ import annotations

import csv
import math
import shutil
from dataclasses import replace

import brightness_recipe
import numpy as np
import pytest
from brightness_recipe import RECIPE, BrightnessSettings
from drawn_cohort import FAT, VIEWS, draw, write_drawn_cohort
from PIL import Image
from scipy import stats
from SteatosisEstimatorLib.cohort.cohort import CohortError
from SteatosisEstimatorLib.cohort.reading import read_cohort
from SteatosisEstimatorLib.estimation import runs
from SteatosisEstimatorLib.evaluation import metrics as metrics_of_a_variant
from SteatosisEstimatorLib.evaluation.checkpoints import FoldResult, HeldOut, read_fold, write_fold
from SteatosisEstimatorLib.evaluation.comparisons import compare_variants
from SteatosisEstimatorLib.evaluation.cross_validation import (
    CrossValidation,
    check_folds,
    cross_validate,
    subjects_for,
    usable_variants,
)
from SteatosisEstimatorLib.evaluation.images import image_digests, refuse_shared_images
from SteatosisEstimatorLib.evaluation.metrics import find, metric_rows
from SteatosisEstimatorLib.evaluation.published import filled_table, protocol_of
from SteatosisEstimatorLib.evaluation.run import checked_cohort
from SteatosisEstimatorLib.recipes.base import Fold, FrameOutcome, Job, Outcome, Prediction, RecipeError, ViewOutcome
from SteatosisEstimatorLib.recipes.registry import get_recipe
from SteatosisEstimatorLib.uncertainty.grades import PUBLISHED_CUTOFFS

brightness_recipe.install()


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write_drawn_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="module")
def evaluated(table, tmp_path_factory):
    out = tmp_path_factory.mktemp("evaluation")
    runs.evaluate("brightness", table, out)
    return out


def rows(path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def result_of(fat, truth, probabilities=None, name="v", frames=1, folds=1) -> CrossValidation:
    held_out = []
    for i, (estimate, true) in enumerate(zip(fat, truth, strict=True)):
        p = None if probabilities is None else probabilities[i]
        view = ViewOutcome("liver", Outcome(estimate), 1.0, frames)
        own = tuple(FrameOutcome("liver", "a.png", k, Outcome(estimate + k)) for k in range(frames))
        held_out.append(
            HeldOut(f"s{i}", true, f"fold{i % folds}", Prediction(f"s{i}", Outcome(estimate, p), (view,), own))
        )
    parts = [FoldResult(f"fold{k}", tuple(h for h in held_out if h.fold == f"fold{k}")) for k in range(folds)]
    return CrossValidation(name, tuple(parts), tuple(held_out))


# ------------------------------------------------------------------------------------------------ leaks


def test_the_same_image_under_two_subjects_is_refused_with_its_rows(tmp_path):
    path = write_drawn_cohort(tmp_path)
    shutil.copy(tmp_path / "s02" / "liver.png", tmp_path / "s09" / "kidney-liver.png")
    with pytest.raises(CohortError, match="Lines 7 and 22: subjects s02 and s09 have the same image"):
        runs.evaluate("brightness", path, tmp_path / "out")
    with pytest.raises(CohortError, match="Lines 7 and 22"):
        runs.train("brightness", path, tmp_path / "model")
    assert not (tmp_path / "model").exists() and not (tmp_path / "out" / "metrics.csv").exists()


def test_the_same_image_twice_under_one_subject_is_no_leak(tmp_path):
    path = write_drawn_cohort(tmp_path)
    shutil.copy(tmp_path / "s02" / "liver.png", tmp_path / "s02" / "kidney-liver.png")
    runs.evaluate("brightness", path, tmp_path / "out", ["liver"])


def test_blank_frames_of_different_subjects_are_no_leak(tmp_path):
    path = write_drawn_cohort(tmp_path, FAT[:2], ["liver"])
    for name in ("s00", "s01"):
        Image.fromarray(np.zeros((150, 200), np.uint8)).save(tmp_path / name / "liver.png")
    cohort = read_cohort(path)
    refuse_shared_images(cohort, image_digests(cohort, tmp_path / "memory.json"))


def test_an_image_that_changed_is_read_again(tmp_path):
    cohort = read_cohort(write_drawn_cohort(tmp_path, FAT[:2], ["liver"]))
    first = image_digests(cohort, tmp_path / "memory.json")
    assert image_digests(cohort, tmp_path / "memory.json") == first
    draw(tmp_path / "s00" / "liver.png", 200, 77)
    again = image_digests(cohort, tmp_path / "memory.json")
    assert again["s00"] != first["s00"] and again["s01"] == first["s01"]


def test_folds_that_leak_are_refused(table):
    cohort = read_cohort(table)
    with pytest.raises(RecipeError, match="trains on subjects that it is judged by"):
        Fold("bad", (0, 1, 2), (2, 3))
    leaking = Fold("bad", (0, 1), (2, 3))
    object.__setattr__(leaking, "train", (0, 1, 2))
    with pytest.raises(RecipeError, match="Subject s02 is trained on and judged in bad"):
        check_folds(cohort, [leaking])
    with pytest.raises(RecipeError, match="Subject s03 is judged in the folds a and b"):
        check_folds(cohort, [Fold("a", (0, 1), (3,)), Fold("b", (0, 2), (3,))])
    with pytest.raises(RecipeError, match="no subject to train on"):
        check_folds(cohort, [Fold("a", (), (3,))])
    with pytest.raises(RecipeError, match="named differently"):
        check_folds(cohort, [Fold("a", (0,), (3,)), Fold("a", (0,), (4,))])
    twins = replace(cohort, subjects=(cohort.subjects[0], cohort.subjects[0], cohort.subjects[1]))
    with pytest.raises(RecipeError, match="same name"):
        check_folds(twins, [Fold("a", (0,), (1,))])


def test_a_subject_in_two_folds_of_the_cohort_is_refused(tmp_path):
    path = write_drawn_cohort(tmp_path, FAT[:4], ["liver", "kidney-liver"])
    lines = path.read_text(encoding="utf-8").splitlines()
    lines = [lines[0], lines[1] + ",fold"] + [f"{line},{i % 2}" for i, line in enumerate(lines[2:])]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(CohortError, match="Line 4: subject s00 is in two folds: 0 in line 3 and 1 here"):
        runs.evaluate("brightness", path, tmp_path / "out")


@pytest.mark.parametrize("name", ["brightness", "vgg19-clkl", "resnet50-sparse", "cnn5-clip", "liver-kidney-default"])
def test_every_recipe_keeps_the_folds_of_the_cohort(name, table):
    recipe, cohort = get_recipe(name), read_cohort(table)
    given = replace(cohort, subjects=tuple(replace(s, fold=7 + i % 3) for i, s in enumerate(cohort.subjects)))
    folds = recipe.folds(given, recipe.default_settings(), seed=0)
    assert [(fold.name, fold.test) for fold in folds] == [(f"fold{7 + k}", (k, k + 3, k + 6, k + 9)) for k in range(3)]
    some = replace(given, subjects=(*given.subjects[:5], replace(given.subjects[5], fold=None), *given.subjects[6:]))
    with pytest.raises(RecipeError, match="Subject s05 has no fold"):
        recipe.folds(some, recipe.default_settings(), seed=0)


def test_every_subject_is_judged_by_a_model_that_did_not_see_it(table, tmp_path, monkeypatch):
    cohort = read_cohort(table)
    seen = []
    fit = type(RECIPE).fit

    def watched(self, part, variant, settings, job):
        seen.append(set(part.names))
        return fit(self, part, variant, settings, job)

    monkeypatch.setattr(type(RECIPE), "fit", watched)
    result = cross_validate(RECIPE, cohort, "both", BrightnessSettings(), Job(tmp_path))
    assert len(result.held_out) == len(cohort)
    for fold, trained_on in zip(result.folds, seen, strict=True):
        assert not {entry.subject for entry in fold.held_out} & trained_on


# ------------------------------------------------------------------------------------- going on after a stop


def test_a_finished_fold_is_not_done_again_and_the_result_is_the_same(table, tmp_path, monkeypatch):
    cohort = read_cohort(table)
    whole = cross_validate(RECIPE, cohort, "both", BrightnessSettings(), Job(tmp_path / "a"))
    calls = []
    fit = type(RECIPE).fit

    def interrupted(self, part, variant, settings, job):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return fit(self, part, variant, settings, job)

    monkeypatch.setattr(type(RECIPE), "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(RECIPE, cohort, "both", BrightnessSettings(), Job(tmp_path / "b"))
    resumed = cross_validate(RECIPE, cohort, "both", BrightnessSettings(), Job(tmp_path / "b"))
    assert len(calls) == 5  # two folds kept, the third again, the fourth
    assert resumed.held_out == whole.held_out


def test_a_half_written_fold_is_done_again(tmp_path):
    result = result_of([1.0, 2.0], [1.0, 3.0], frames=2).folds[0]
    write_fold(tmp_path / "fold.json", result)
    text = (tmp_path / "fold.json").read_text(encoding="utf-8")
    (tmp_path / "fold.json").write_text(text[: len(text) // 2], encoding="utf-8")
    assert read_fold(tmp_path / "fold.json") is None


def test_other_settings_seeds_or_labels_do_not_take_over_kept_folds(table, tmp_path):
    work = tmp_path / "work"
    runs.evaluate("brightness", table, tmp_path / "a", work=work)
    runs.evaluate("brightness", table, tmp_path / "b", work=work, settings={"folds": 3})
    runs.evaluate("brightness", table, tmp_path / "c", work=work, seed=5)
    names = [{row["fold"] for row in rows(tmp_path / name / "predictions.csv")} for name in "ab"]
    assert [len(folds) for folds in names] == [4, 3]
    assert len([path for path in work.iterdir() if path.is_dir()]) == 3


def test_runs_of_one_work_folder_share_features_and_nothing_else(table, tmp_path):
    cohort, job = read_cohort(table), Job(tmp_path)
    jobs = [
        checked_cohort(RECIPE, cohort, settings, job)[1] for settings in (BrightnessSettings(3), BrightnessSettings(4))
    ]
    assert {one.within("fold0/fit").cache for one in jobs} == {tmp_path / "cache"}
    assert jobs[0].work != jobs[1].work


# ------------------------------------------------------------------------------------------------ variants


def test_variants_without_their_views_are_said_and_the_others_run(tmp_path):
    path = write_drawn_cohort(tmp_path, views=["liver"])
    assert usable_variants(RECIPE, read_cohort(path)) == ("liver",)
    runs.evaluate("brightness", path, tmp_path / "out")
    assert {row["variant"] for row in rows(tmp_path / "out" / "predictions.csv")} == {"liver"}
    assert "no subject has the views for it" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    with pytest.raises(RecipeError, match="Fewer than two subjects have the views that the variant both needs"):
        runs.evaluate("brightness", path, tmp_path / "out2", ["both"])
    with pytest.raises(RecipeError, match="has no variant 'all'"):
        runs.evaluate("brightness", path, tmp_path / "out2", ["all"])
    runs.evaluate("brightness", path, tmp_path / "chosen", ["liver"])
    assert "it was not asked for" in (tmp_path / "chosen" / "report.html").read_text(encoding="utf-8")


def test_subjects_without_the_views_are_left_out_and_counted(tmp_path):
    path = write_drawn_cohort(tmp_path)
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("s03,kidney")]
    path.write_text("\n".join(lines), encoding="utf-8")
    cohort = read_cohort(path)
    assert "s03" not in subjects_for(RECIPE, cohort, "both").names
    runs.evaluate("brightness", path, tmp_path / "out")
    metrics = {(row["variant"], row["metric"]): row for row in rows(tmp_path / "out" / "metrics.csv")}
    assert metrics["both", "subjects_without_the_views"]["value"] == "1"
    assert metrics["liver", "subjects_judged"]["value"] == "12"


def test_a_cohort_of_other_views_is_one_sentence(tmp_path):
    path = write_drawn_cohort(tmp_path, views=["ar"])
    with pytest.raises(RecipeError, match="no subject with the views that brightness needs; it takes liver, kidney"):
        runs.evaluate("brightness", path, tmp_path / "out")


# ------------------------------------------------------------------------------------------------- figures


def test_figures_are_those_of_scikit_learn_and_scipy(monkeypatch):
    monkeypatch.setattr(metrics_of_a_variant, "REPLICATES", 200)
    from sklearn import metrics

    rng = np.random.default_rng(3)
    truth = rng.gamma(2, 5, 60)
    fat = truth * 0.8 + rng.normal(0, 4, 60)
    p = 1 / (1 + np.exp(-(fat - 5) / 3))
    found = {row.metric: row for row in metric_rows(result_of(fat, truth, p), PUBLISHED_CUTOFFS["karlas2014"], True, 0)}
    labels, called = truth >= 5, p >= 0.5
    expected = {
        "auc_5": metrics.roc_auc_score(labels, p),
        "accuracy_5": metrics.accuracy_score(labels, called),
        "precision_5": metrics.precision_score(labels, called),
        "sensitivity_5": metrics.recall_score(labels, called),
        "specificity_5": metrics.recall_score(~labels, ~called),
        "f1_5": metrics.f1_score(labels, called),
        "auc_10": metrics.roc_auc_score(truth >= 10, fat),
        "r2": metrics.r2_score(truth, fat),
        "rmse": metrics.root_mean_squared_error(truth, fat),
        "mean_absolute_error": metrics.mean_absolute_error(truth, fat),
        "error_sd": (fat - truth).std(ddof=1),
        "pearson": stats.pearsonr(truth, fat)[0],
        "pearson_p": stats.pearsonr(truth, fat)[1],
        "spearman": stats.spearmanr(truth, fat)[0],
        "bland_altman_bias": (fat - truth).mean(),
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, rel=1e-6), name
    limits = np.array([3.12, 8.77, 13.69])
    classes = [np.searchsorted(limits, values, side="left") for values in (truth, fat)]
    assert found["grade_accuracy"].value == np.mean(classes[0] == classes[1])
    fpr, tpr, _ = metrics.roc_curve(labels, p)
    nearest = np.hypot(1 - tpr, fpr).argmin()
    assert found["sensitivity_5_corner"].value == pytest.approx(tpr[nearest])
    assert found["specificity_5_corner"].value == pytest.approx(1 - fpr[nearest])
    assert abs(found["auc_5_bootstrap"].value - expected["auc_5"]) < 0.02
    assert 0.7 < found["interval_coverage_90"].value <= 1


def test_frames_have_figures_of_their_own():
    truth, fat = [1.0, 5.0, 9.0, 20.0], [2.0, 5.0, 7.0, 15.0]
    found = {row.metric: row for row in metric_rows(result_of(fat, truth, frames=3, folds=2), None, False, 0)}
    errors = np.array([[f + k - t for k in range(3)] for f, t in zip(fat, truth, strict=True)])
    assert found["frame_rmse"].value == pytest.approx(np.sqrt((errors**2).mean()))
    assert found["frame_error_sd"].value == pytest.approx(errors.std(ddof=1))
    assert found["frame_rmse"].n == 12 and found["rmse"].n == 4
    assert found["fold_loss_fold0"].value == pytest.approx((errors[::2] ** 2).mean())
    assert "depend on each other" in found["frame_pearson"].method


def test_a_cohort_of_one_class_has_no_auc_and_says_why():
    found = metric_rows(result_of([6.0, 7, 8, 9], [6.0, 8, 7, 11]), None, False, 0)
    row = find(found, "v", "auc_5")
    assert math.isnan(row.value) and row.method == "subjects of one class only"


def test_a_cohort_of_one_percentage_is_judged_and_nothing_is_trained_on_it(tmp_path):
    found = metric_rows(result_of(range(6), [7.0] * 6), PUBLISHED_CUTOFFS["tang2013"], True, 0)
    assert find(found, "v", "rmse").value == pytest.approx(np.sqrt(np.mean((np.arange(6) - 7.0) ** 2)))
    assert math.isnan(find(found, "v", "spearman").value) and find(found, "v", "interval_coverage_90") is None
    path = write_drawn_cohort(tmp_path, [7.0] * 5)
    with pytest.raises(RecipeError, match="same fat percentage"):
        runs.train("brightness", path, tmp_path / "model")
    assert runs.evaluate("brightness", path, tmp_path / "out").not_predicted == 0


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_the_smallest_cohorts_give_figures_or_one_sentence(count, tmp_path):
    path = write_drawn_cohort(tmp_path, FAT[2 : 2 + count], VIEWS[:1])
    if count < 4:  # as many folds
        for run in (runs.train, runs.evaluate):
            with pytest.raises(RecipeError, match=r"^[A-Z0-9][^\n]*\.$"):
                run("brightness", path, tmp_path / "out")
    else:
        assert runs.train("brightness", path, tmp_path / "model").judged == count
        assert runs.evaluate("brightness", path, tmp_path / "out").not_predicted == 0


def test_validation_losses_of_a_model_stand_in_the_papers_table():
    result = result_of([1.0, 5, 9, 20], [2.0, 5, 7, 15], name="ar", frames=2)
    fold = replace(result.folds[0], details={"validation_losses": {"ar": [1.5, None, 2.5, 3.5]}})
    metrics = metric_rows(replace(result, folds=(fold,)), None, False, 0)
    table = filled_table(protocol_of("cnn5-clip", "ar-hr"), metrics)
    by_column = {(row.published.row, row.published.column): row for row in table}
    assert by_column["AR CNN", "set 3"].found.value == 2.5 and by_column["AR CNN", "set 3"].published.value == 2.2256
    assert math.isnan(by_column["AR CNN", "set 2"].found.value)
    assert by_column["HR CNN", "set 1"].found is None
    several = metric_rows(replace(result, folds=(fold, replace(fold, fold="other"))), None, False, 0)
    assert find(several, "ar", "validation_loss_ar_set1").value == 1.5
    assert "mean of 2 trainings" in find(several, "ar", "validation_loss_ar_set1").method
    assert by_column["AR CNN", "RMSE"].published.value == 1.1127 and by_column["AR CNN", "RMSE"].found is not None


@pytest.mark.parametrize("name", ["vgg19-clkl", "resnet50-sparse", "cnn5-clip"])
def test_the_papers_tables_are_of_variants_that_exist(name, monkeypatch):
    monkeypatch.setattr(metrics_of_a_variant, "REPLICATES", 20)
    recipe = get_recipe(name)
    protocol = protocol_of(name, recipe.variants[0])
    assert {figure.variant for figure in protocol.figures} <= set(recipe.variants)
    truth = np.linspace(0.5, 30, 24)
    fat = truth + np.random.default_rng(1).normal(0, 4, 24)
    known = {
        row.metric
        for variant in recipe.variants
        for row in metric_rows(
            result_of(fat, truth, 1 / (1 + np.exp(5 - fat)), variant, 2), None, protocol.bootstrap, 0
        )
    }
    wanted = {figure.metric for figure in protocol.figures if not figure.metric.startswith("validation_loss")}
    assert wanted - {"grade_accuracy"} <= known


def test_variants_are_compared_on_the_subjects_that_both_judged():
    rng = np.random.default_rng(4)
    truth = rng.gamma(2, 5, 50)
    good, poor = truth + rng.normal(0, 2, 50), truth + rng.normal(0, 12, 50)
    first, second = result_of(good, truth, name="good"), result_of(poor[:40], truth[:40], name="poor")
    found = {(row.metric, row.test): row for row in compare_variants([first, second], True, 0)}
    assert found["auc_5", "DeLong"].n == 40 and found["auc_5", "DeLong"].difference > 0
    assert found["spearman (Fisher's z)", "Meng"].p < 0.01
    assert found["auc_5_bootstrap", "Welch, Bonferroni"].p_corrected < 0.001
    three = compare_variants([first, second, result_of(poor, truth, name="third")], False, 0)
    meng = next(row for row in three if row.test == "Meng")
    assert meng.p_corrected == pytest.approx(min(3 * meng.p, 1))


# ----------------------------------------------------------------------------------------------- the report


def test_an_evaluation_writes_its_tables_and_one_report(evaluated):
    names = {path.name for path in evaluated.iterdir()}
    assert names == {
        "metrics.csv",
        "predictions.csv",
        "frames.csv",
        "table.csv",
        "comparisons.csv",
        "report.html",
        "run.json",
    }
    predictions = rows(evaluated / "predictions.csv")
    assert len(predictions) == 24 and {row["variant"] for row in predictions} == {"both", "liver"}
    metrics = {(row["variant"], row["metric"]): row for row in rows(evaluated / "metrics.csv")}
    assert float(metrics["both", "auc_5"]["value"]) > 0.9 and float(metrics["both", "spearman"]["value"]) > 0.8
    report = (evaluated / "report.html").read_text(encoding="utf-8")
    for words in ("MRI-PDFF", "12 subjects", "ROC, fat at least 5%", "Bland-Altman", "DeLong", "had not seen it"):
        assert words in report
    assert "src=" not in report and "href=" not in report and "<script" not in report
    assert report.count("<svg") >= 8


def test_the_report_of_biopsy_and_simulated_cohorts_says_so(tmp_path):
    path = write_drawn_cohort(tmp_path, remark="# reference: biopsy\n# simulated")
    summary = runs.evaluate("brightness", path, tmp_path / "out", ["liver"])
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for words in ("Simulated: not clinical performance", "It is not a proton density fat fraction"):
        assert words in report and any(words in sentence for sentence in summary.warnings)


def test_names_that_are_markup_or_formulas_do_no_harm(tmp_path):
    path = write_drawn_cohort(tmp_path)
    text = path.read_text(encoding="utf-8").replace("s00,", "=cmd(),").replace(",A", ",<script>alert(1)</script>")
    path.write_text(text, encoding="utf-8")
    runs.evaluate("brightness", path, tmp_path / "out", ["liver"])
    assert "<script>" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert rows(tmp_path / "out" / "predictions.csv")[0]["subject"] == "'=cmd()"


def test_bad_rows_stop_an_evaluation_with_their_lines(tmp_path):
    path = write_drawn_cohort(tmp_path)
    (tmp_path / "s01" / "liver.png").write_bytes(b"no picture")
    with pytest.raises(CohortError, match=r"Line 5: s01/liver\.png: "):
        runs.evaluate("brightness", path, tmp_path / "out")
    (tmp_path / "s01" / "liver.png").unlink()
    with pytest.raises(CohortError, match=r"Line 5: The file s01/liver\.png does not exist"):
        runs.evaluate("brightness", path, tmp_path / "out")
