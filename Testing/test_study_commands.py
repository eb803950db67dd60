"""``liver-ultrasound study`` and ``agreement`` of a study, from arguments to files and exit code."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from HepatoRenalIndexLib.agreement.answers import read_answers
from HepatoRenalIndexLib.agreement.comparison import StudySettings, analyze
from HepatoRenalIndexLib.commands.main import main
from HepatoRenalIndexLib.simulation.parameters import Content
from HepatoRenalIndexLib.simulation.phantom import simulate
from HepatoRenalIndexLib.simulation.randomize import random_parameters
from HepatoRenalIndexLib.study.definition import open_study
from PIL import Image

PATIENT = r"(p\d+)_"


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """Six frames of three patients, and their outlines' centers in ``centers.json``."""
    folder = tmp_path_factory.mktemp("base") / "images"
    folder.mkdir()
    phantom = simulate(random_parameters(np.random.default_rng([5, 0]), Content.LIVER_KIDNEY, size=(300, 400)))
    for number in range(6):
        pixels = np.rint(phantom.image.pixels * (1 - 0.04 * number)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"p{number // 2 + 1:02}_f{number % 2}.png")
    means = [np.argwhere(mask).mean(axis=0) for mask in (phantom.masks.liver, phantom.masks.right_kidney)]
    (folder / "centers.json").write_text(json.dumps([mean.round().astype(int).tolist() for mean in means]))
    return folder


@pytest.fixture(scope="module")
def created(images) -> Path:
    """A study beside its images; used as a template only."""
    folder = images.parent / "study"
    assert _study("create", folder, images, "--roi-px", 20, "--patient-pattern", PATIENT) == 0
    return folder


@pytest.fixture
def study(created, images, tmp_path) -> Path:
    shutil.copytree(created, tmp_path / "study")
    shutil.copytree(images, tmp_path / images.name)
    return tmp_path / "study"


def _study(*arguments) -> int:
    return main(["study", *map(str, arguments)])


def _table(images: Path, path: Path, readers: str = "AB") -> Path:
    (ly, lx), (ky, kx) = json.loads((images / "centers.json").read_text())
    lines = ["patient,frame,reader,liver_x,liver_y,kidney_x,kidney_y,roi_px"]
    for patient in (1, 2, 3):
        for frame in (0, 1):
            for step, reader in enumerate(readers):
                x, y, u, v = lx - 10 + step, ly - 10, kx - 10, ky - 10 + step
                lines.append(f"{patient},{frame},{reader},{x},{y},{u},{v},20")
    path.write_text("\n".join(lines) + "\n")
    return path


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_study_goes_from_images_to_a_report(study, images, tmp_path, capsys):
    assert len(open_study(study).images) == 6
    assert _study("import", study, _table(images, tmp_path / "rois.csv")) == 0
    assert _study("algorithm", study) == 0
    said = capsys.readouterr().out
    assert "Reader A, session 1: 6 answers" in said
    assert "Images measured: 6, not measured: 0" in said
    assert _study("status", study) == 0
    said = capsys.readouterr().out
    assert "Reader algorithm, session 1: 6 answers, 0 skipped, finished, 0 excluded" in said
    out = tmp_path / "out"
    assert main(["agreement", str(study), "-o", str(out)]) == 0
    assert "algorithm against mean of readers A, B, session 1" in capsys.readouterr().out
    names = {path.name for path in out.iterdir()}
    assert {"agreement.csv", "excluded.csv", "report.html", "roi_overlap.csv"} <= names
    assert _rows(out / "excluded.csv") == []
    assert {row["quantity"] for row in _rows(out / "agreement.csv")} == {"liver", "kidney", "hri"}
    assert _study("export", study, "-o", tmp_path / "answers.csv") == 0
    again = analyze(read_answers(tmp_path / "answers.csv"), StudySettings(replicates=20))
    for row, other in zip(_rows(out / "agreement.csv"), again, strict=True):
        assert (row["comparison"], row["quantity"]) == (other.name, other.quantity)
        assert float(row["icc"]) == pytest.approx(other.icc.value, abs=1e-3)


def test_nothing_of_the_results_names_a_file_or_a_place(study, images, tmp_path):
    _study("import", study, _table(images, tmp_path / "rois.csv"))
    main(["agreement", str(study), "-o", str(tmp_path / "out")])
    for path in [*(study / "sessions").iterdir(), *(tmp_path / "out").glob("*.*")]:
        text = path.read_text(encoding="utf-8")
        assert "p01_f0" not in text, path.name
        assert str(tmp_path) not in text, path.name


def test_what_is_left_out_is_printed_and_written_and_makes_the_exit_code_one(study, images, tmp_path, capsys):
    table = _table(images, tmp_path / "rois.csv")
    text = table.read_text().replace("1,0,A,", "9,0,A,", 1)
    table.write_text(text)
    assert _study("import", study, table) == 1
    assert "Left out: Reader A, session 1, line 2 of the table: the study holds no such image." in (
        capsys.readouterr().out
    )
    path = study / "sessions" / "reader-B_session-01.jsonl"
    path.write_text(path.read_text().replace('"hri":', '"hri":9', 1))
    assert _study("status", study) == 1
    out = tmp_path / "out"
    assert main(["agreement", str(study), "-o", str(out)]) == 0
    rows = _rows(out / "excluded.csv")
    assert [(row["image"], row["reader"], row["session"]) for row in rows] == [("", "A", "1"), ("0001", "B", "1")]
    assert "was changed" in rows[1]["reason"]
    assert {row["n"] for row in _rows(out / "agreement.csv")} == {"5"}
    assert rows[1]["reason"] in (out / "report.html").read_text(encoding="utf-8")


def test_a_mapping_comes_from_options_or_a_file(study, images, tmp_path, capsys):
    table = _table(images, tmp_path / "rois.csv", "A")
    table.write_text(table.read_text().replace("reader", "observer").replace("patient", "case"))
    assert _study("import", study, table) == 2
    assert "lacks the column" in capsys.readouterr().err
    (tmp_path / "map.json").write_text(json.dumps({"reader": "{observer}", "image": "p{case:02}_f{frame}"}))
    assert _study("import", study, table, "--mapping", tmp_path / "map.json", "--map", "session=2") == 0
    assert (study / "sessions" / "reader-A_session-02.jsonl").is_file()
    assert _study("import", study, table, "--map", "reader") == 2
    (tmp_path / "map.json").write_text("[1]")
    assert _study("import", study, table, "--mapping", tmp_path / "map.json") == 2


def test_answers_of_another_site_are_merged(study, images, tmp_path, capsys):
    site = tmp_path / "site"
    site.mkdir()
    (site / "study.json").write_bytes((study / "study.json").read_bytes())
    table = _table(images, tmp_path / "rois.csv", "C")
    assert _study("import", site, table, "--images", images) == 0
    assert _study("merge", study, site) == 0
    assert "Taken: reader C, session 1" in capsys.readouterr().out
    assert _study("merge", study, site) == 0
    assert "Here already: reader C, session 1" in capsys.readouterr().out
    (tmp_path / "bad.jsonl").write_text("no\n")
    assert _study("merge", study, tmp_path / "bad.jsonl") == 1


def test_what_cannot_be_taken_into_the_study_is_said(images, tmp_path, capsys):
    Image.fromarray(np.zeros((300, 400), np.uint8)).save(tmp_path / "black.png")
    inputs = (images, tmp_path / "black.png")
    assert _study("create", tmp_path / "study", *inputs, "--roi-px", 20) == 1
    assert "Left out: black.png, frame 0: The image is black" in capsys.readouterr().out
    assert len(open_study(tmp_path / "study").images) == 6


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "{new}", "{absent}"],
        ["create", "{study}", "{images}"],
        ["create", "{new}", "{images}", "--roi-mm", "1"],
        ["create", "{new}", "{images}", "--patient-pattern", "("],
        ["create", "{new}", "{images}", "--patient-pattern", "p"],
        ["create", "{new}", "{images}", "--patients", "{absent}"],
        ["status", "{absent}"],
        ["status", "{images}"],
        ["algorithm", "{study}", "--session", "0"],
        ["algorithm", "{study}", "--placement", "best"],
        ["import", "{study}", "{absent}"],
        ["merge", "{study}", "{absent}"],
        ["export", "{study}", "-o", "{absent}/x.csv"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_one_sentence_and_exit_code_two(study, images, tmp_path, capsys, arguments):
    capsys.readouterr()
    places = {"new": tmp_path / "new", "absent": tmp_path / "absent", "study": study, "images": images}
    code = _study(*(argument.format(**places) for argument in arguments))
    error = capsys.readouterr().err.strip().splitlines()
    if arguments[0] == "merge":
        assert code == 1
    else:
        assert code == 2
    assert len(error) == 1
    assert error[0].startswith("liver-ultrasound: ")
    assert str(tmp_path) not in error[0]
    assert not (tmp_path / "new").exists()


def test_an_agreement_of_a_study_without_enough_answers_is_one_sentence(study, tmp_path, capsys):
    assert main(["agreement", str(study), "-o", str(tmp_path / "out")]) == 2
    assert "nothing to compare" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
