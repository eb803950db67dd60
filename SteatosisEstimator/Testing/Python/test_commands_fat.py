"""``liver-ultrasound train``, ``evaluate`` and ``estimate``: as a user runs them, and killed on the way."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import brightness_recipe
import pytest
from drawn_cohort import FAT, write_drawn_cohort
from SteatosisEstimatorLib.bundles.loading import read_card
from SteatosisEstimatorLib.cohort.reading import read_cohort
from SteatosisEstimatorLib.commands import validation_cohort
from SteatosisEstimatorLib.commands.main import main
from SteatosisEstimatorLib.commands.shared import share_bar

brightness_recipe.install()
PROGRAM = [sys.executable, str(Path(__file__).with_name("brightness_recipe.py"))]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_drawn_cohort(tmp_path_factory.mktemp("cohort"), FAT[::2], ["liver"])


def test_all_commands_are_in_one_program(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    told = capsys.readouterr().out
    names = ("measure", "estimate", "train", "evaluate", "simulate-cohort")
    assert caught.value.code == 0 and all(name in told for name in names)


def test_train_estimate_and_evaluate_from_the_command_line(cohort, tmp_path, capsys):
    options = ["--set", "folds=3", "--seed", "4", "--variant", "liver"]
    assert main(["train", "brightness", str(cohort), "-o", str(tmp_path / "model"), *options]) == 0
    told = capsys.readouterr().out
    assert "variant liver, on 6 subjects" in told and "spearman" in told
    card = read_card(tmp_path / "model")
    assert card.seed == 4 and card.settings["folds"] == 3
    out = tmp_path / "estimates"
    assert main(["estimate", str(cohort), "-o", str(out), "--model", str(tmp_path / "model"), "--frames", "1"]) == 0
    assert "Subjects estimated: 6, not estimated: 0" in capsys.readouterr().out
    assert main(["evaluate", "brightness", str(cohort), "-o", str(tmp_path / "evaluation"), *options]) == 0
    assert "liver: subjects_judged 6" in capsys.readouterr().out
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["estimates", "evaluation", "model"]


def test_a_cohort_is_simulated_and_says_so(tmp_path, capsys):
    options = ["--subjects", "2", "--views", "liver", "--small"]
    assert main(["simulate-cohort", "-o", str(tmp_path / "cohort"), *options]) == 0
    cohort = read_cohort(tmp_path / "cohort" / "cohort.csv")
    assert len(cohort) == 2 and cohort.simulated and cohort.problems == ()
    assert main(["simulate-cohort", "-o", str(tmp_path / "cohort"), "--reference", "biopsy"]) == 2
    assert "MRI-PDFF or H-MRS" in capsys.readouterr().err


def test_the_published_images_become_a_cohort(tmp_path, capsys):
    data = Path(__file__).resolve().parents[4] / "shared" / "data" / "byra2018"
    if not data.is_dir():
        pytest.skip("the validation data folder is not here")
    assert validation_cohort.main([str(data), str(tmp_path / "cohort.csv")]) == 0
    cohort = read_cohort(tmp_path / "cohort.csv")
    assert len(cohort) == 40 and cohort.problems == () and cohort.reference.value == "biopsy"
    assert (cohort.fat_percent() >= 5).sum() == 28 and str(tmp_path) not in str(cohort.subjects[0].images[0].source)


def test_other_data_are_no_published_images(tmp_path, capsys):
    assert validation_cohort.main([str(tmp_path), str(tmp_path / "cohort.csv")]) == 2
    assert "has no patients.csv" in capsys.readouterr().err
    assert validation_cohort.main([str(tmp_path)]) == 2


def test_an_error_row_gives_the_exit_code_1(cohort, tmp_path, capsys):
    main(["train", "brightness", str(cohort), "-o", str(tmp_path / "model"), "--set", "folds=2"])
    table = tmp_path / "table.csv"
    table.write_text(
        f"subject,view,path\nok,liver,{cohort.parent}/s01/liver.png\nno,liver,none.png\n", encoding="utf-8"
    )
    assert main(["estimate", str(table), "-o", str(tmp_path / "out"), "--model", str(tmp_path / "model")]) == 1
    assert "estimated: 1, not estimated: 1" in capsys.readouterr().out


TRAIN = ["train", "brightness", "{cohort}", "-o", "{out}"]
EVALUATE = ["evaluate", "brightness", "{cohort}", "-o", "{out}"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "nothing", "{cohort}", "-o", "{out}"], "no recipe 'nothing'; choose one of liver-kidney-default"),
        (["train", "brightness", "{out}.csv", "-o", "{out}"], "The cohort cannot be read"),
        (["train", "brightness", "{cohort}", "-o", "{cohort}"], "is a file"),
        ([*TRAIN, "--variant", "all"], "has no variant 'all'"),
        ([*TRAIN, "--set", "speed=3"], "There is no setting 'speed'"),
        ([*TRAIN, "--set", "folds=many"], "setting folds must be like 4"),
        ([*TRAIN, "--reference", "eye"], "The reference 'eye' is not known"),
        ([*EVALUATE, "--reference", "biopsy"], "states the reference MRI-PDFF"),
        ([*EVALUATE, "--backbone-weights", "x.pth"], "no file of backbone weights"),
        ([*EVALUATE, "--variant", "both"], "Fewer than two subjects have the views"),
        (["estimate", "{cohort}", "-o", "{out}", "--model", "Nobody"], "There is no model 'Nobody'"),
    ],
)
def test_wrong_usage_is_one_sentence_and_the_exit_code_2(cohort, tmp_path, capsys, arguments, words):
    filled = [argument.format(cohort=cohort, out=tmp_path / "out") for argument in arguments]
    assert main(filled) == 2
    told = capsys.readouterr().err
    assert words in told and told.count("\n") == 1 and str(tmp_path) not in told
    assert not (tmp_path / "out" / "metrics.csv").exists() and not list(tmp_path.glob(".out*"))


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--frames", "0"], ["--frames", "some"], ["--set", "folds"], ["--device", "tpu"]),
        *(["--seed", "-1"], ["--seed", "4294967296"], ["--seed", "x"]),
    ],
)
def test_arguments_that_cannot_be_are_told_by_the_parser(cohort, tmp_path, arguments):
    with pytest.raises(SystemExit) as caught:
        main(["train", "brightness", str(cohort), "-o", str(tmp_path / "out"), *arguments])
    assert caught.value.code == 2


def test_a_missing_package_is_one_sentence(cohort, tmp_path, capsys, monkeypatch):
    def fail(*_):
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")

    monkeypatch.setattr(brightness_recipe.BrightnessRecipe, "fit", fail)
    assert (
        main(["train", "brightness", str(cohort), "-o", str(tmp_path / "out"), "--work", str(tmp_path / "work")]) == 2
    )
    told = capsys.readouterr().err.splitlines()[-1]
    assert (
        told
        == "liver-ultrasound: The Python package sklearn is missing; install it, or all with liver-ultrasound[train]."
    )


def test_a_share_of_the_work_moves_the_bar():
    with share_bar() as tell:
        for share in (0.0, 0.5, 0.4, 2.0):
            tell(share, "training")


def started(command: list[str]) -> subprocess.Popen:
    return subprocess.Popen(PROGRAM + command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def kill_when(process: subprocess.Popen, there) -> None:
    """SIGKILL as soon as ``there()``; fails when the process ends before."""
    deadline = time.monotonic() + 60
    while not there():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    process.communicate()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_killed_evaluation_and_a_killed_training_go_on_and_end_alike(cohort, tmp_path):
    """Killed for real after the second fold; the rest is done by a run of the same command."""
    slow = ["--set", "wait=0.4", "--set", "folds=3"]
    for kind, output in (("evaluate", "evaluation"), ("train", "model")):
        whole = tmp_path / f"whole-{output}"
        assert main([kind, "brightness", str(cohort), "-o", str(whole), *slow]) == 0
        work = tmp_path / f"work-{output}"
        again = [kind, "brightness", str(cohort), "-o", str(tmp_path / output), *slow, "--work", str(work)]
        kill_when(started(again), lambda work=work: len(list(work.glob("*/liver/fold*.json"))) >= 2)
        kept = {path: path.stat().st_mtime_ns for path in work.glob("*/liver/fold*.json")}
        assert not (tmp_path / output / "configs").exists() and not (tmp_path / output / "metrics.csv").exists()
        assert main(again) == 0
        assert all(path.stat().st_mtime_ns == time_ns for path, time_ns in kept.items())  # not done again
    for name in ("metrics.csv", "predictions.csv", "frames.csv", "table.csv", "report.html"):
        one, other = (tmp_path / folder / name for folder in ("whole-evaluation", "evaluation"))
        assert one.read_bytes() == other.read_bytes(), name
    for name in ("configs/model.json", "configs/calibration.json", "configs/domain.json", "models/model.safetensors"):
        one, other = (tmp_path / folder / name for folder in ("whole-model", "model"))
        assert one.read_bytes() == other.read_bytes(), name
