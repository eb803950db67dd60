"""``liver-ultrasound`` as users call it, from arguments to files and exit code, with the network that is shipped."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from HepatoRenalIndexLib import __version__
from HepatoRenalIndexLib.commands.main import main
from HepatoRenalIndexLib.simulation.parameters import Content
from HepatoRenalIndexLib.simulation.phantom import simulate
from HepatoRenalIndexLib.simulation.randomize import random_parameters
from PIL import Image
from pydicom.uid import CTImageStorage

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "HepatoRenalIndex" / "Resources" / "SampleData"


def _rows(output: Path) -> list[dict[str, str]]:
    text = (output / "measurements.csv").read_bytes().decode("utf-8")
    assert text.count("\r\n") == text.count("\n")  # RFC 4180
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _png(path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(path)


def _measure(*arguments) -> int:
    return main(["measure", *map(str, arguments)])


def test_a_real_process_measures_a_file_and_exits_with_zero(tmp_path):
    command = [
        sys.executable,
        "-m",
        "HepatoRenalIndexLib.commands",
        "measure",
        "sector.dcm",
        "-o",
        str(tmp_path / "out"),
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "HepatoRenalIndex")}
    done = subprocess.run(command, cwd=SAMPLES, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Frames measured: 1, not measured: 0" in done.stdout
    assert "on cpu" in done.stdout or "on cuda" in done.stdout
    (row,) = _rows(tmp_path / "out")
    assert row["source"] == "sector.dcm"
    assert row["spacing_source"] == "dicom_region"
    assert float(row["spacing_mm"]) == pytest.approx(0.45)
    assert float(row["hri"]) == pytest.approx(float(row["liver_mean"]) / float(row["kidney_mean"]), abs=1e-3)
    assert row["version"] == __version__
    weights = SAMPLES.parent / "Models" / row["model"]
    assert row["model_sha256"] in json.loads((weights / "configs" / "metadata.json").read_text())["weights"]["sha256"]
    files = {path.name for path in (tmp_path / "out" / "sector").iterdir()}
    assert {"labels.png", "overlay.png"} <= files <= {"labels.png", "overlay.png", "sector.mrb", "view.png"}


def test_the_demo_finds_the_known_truth_and_refuses_the_sample_without_a_kidney(tmp_path, capsys):
    assert main(["demo", "--no-scene", "-o", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    truth = json.loads((SAMPLES / "truth.json").read_text())
    for case in truth["cases"]:
        (line,) = [line for line in printed.splitlines() if line.startswith(f"{case['name']} ")]
        assert ("true" in line) == (case["frames"][0]["true_hri"] is not None)
        assert ("not measured" in line) == (case["frames"][0]["true_hri"] is None)


def _bad_files(folder: Path) -> dict[str, str]:
    """Write one file of every kind that cannot be measured; name -> a word of the sentence that is expected."""
    sample = (SAMPLES / "sector.dcm").read_bytes()
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)
    (folder / "truncated.dcm").write_bytes(sample[: len(sample) // 2])
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    (folder / "truncated.png").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    (folder / "mislabeled.dcm").write_bytes(b"no image at all, only text\n" * 20)
    (folder / "empty.png").touch()
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (500_000).to_bytes(4, "big") * 2 + b"\x08\0\0\0\0"
    (folder / "huge.png").write_bytes(header + zlib.crc32(header[12:]).to_bytes(4, "big") + b"\0" * 100)
    (folder / "archive.dcm").write_bytes(b"PK\x03\x04" + b"\0" * 500)
    _png(folder / "black.png", np.zeros((300, 400), np.uint8))
    dataset = pydicom.dcmread(SAMPLES / "no_kidney.dcm")
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.Modality = "CT"
    dataset.save_as(folder / "ct.dcm")
    dataset = pydicom.dcmread(SAMPLES / "sector.dcm")
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"  # MPEG2
    dataset.save_as(folder / "codec.dcm")
    dataset = pydicom.dcmread(SAMPLES / "no_kidney.dcm")
    dataset.Rows = dataset.Columns = 65_000
    dataset.save_as(folder / "huge.dcm")
    dataset = pydicom.dcmread(SAMPLES / "sector.dcm")
    for region in dataset.SequenceOfUltrasoundRegions:
        region.RegionSpatialFormat, region.RegionDataType = 3, 3  # spectral, PW Doppler
    dataset.save_as(folder / "doppler.dcm")
    shutil.copy(SAMPLES / "no_kidney.dcm", folder / "no_kidney.dcm")
    phantom = simulate(random_parameters(np.random.default_rng(5), Content.NO_LIVER, size=(360, 480)))
    _png(folder / "no_liver.png", phantom.image.pixels)
    return {
        "truncated.dcm": "",
        "truncated.png": "",
        "mislabeled.dcm": "text",
        "empty.png": "empty",
        "huge.png": "",
        "archive.dcm": "",
        "black.png": "black",
        "ct.dcm": "",
        "codec.dcm": "",
        "huge.dcm": "",
        "doppler.dcm": "",
        "no_kidney.dcm": "kidney",
        "no_liver.png": "liver",
    }


def test_every_kind_of_bad_file_is_one_row_with_a_sentence_and_the_good_ones_are_measured(tmp_path, capfd):
    folder = tmp_path / "mixed"
    folder.mkdir()
    words = _bad_files(folder)
    shutil.copy(SAMPLES / "curved.dcm", folder / "good.dcm")
    shutil.copy(SAMPLES / "sector.dcm", folder / "zz_good.dcm")
    assert _measure(folder, "-o", tmp_path / "out", "--no-scene") == 1
    rows = {row["source"]: row for row in _rows(tmp_path / "out")}
    assert rows.keys() == words.keys() | {"good.dcm", "zz_good.dcm"}
    assert {name for name, row in rows.items() if row["status"] == "ok"} == {"good.dcm", "zz_good.dcm"}
    for name, word in words.items():
        message = rows[name]["message"]
        assert message.endswith(".") and len(message) > 20, f"{name}: {message}"
        assert word in message, f"{name}: {message}"
        assert "unexpectedly" not in message, f"{name}: {message}"
        assert not rows[name]["hri"]
    captured = capfd.readouterr()
    assert "Traceback" not in captured.err + captured.out
    leftovers = [path.name for path in (tmp_path / "out").rglob("*") if path.name.startswith(".")]
    assert leftovers == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.dcm", "-o", "out"], "does not exist"),
        (["sector.dcm", "-o", "a_file"], "is a file; give the name of a folder"),
        (["sector.dcm", "-o", "out", "--placement", "best"], "choose one of"),
        (["sector.dcm", "-o", "out", "--roi-mm", "200"], "ROI of 200 mm"),
        (["sector.dcm", "-o", "out", "--model", "nowhere"], "nowhere"),
    ],
)
def test_wrong_usage_is_exit_code_two_with_a_sentence(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    shutil.copy(SAMPLES / "sector.dcm", tmp_path)
    (tmp_path / "a_file").touch()
    assert main(["measure", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("liver-ultrasound: ")
    assert sentence in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out" / "measurements.csv").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["measure"],
        ["measure", "x.dcm"],
        ["measure", "x.dcm", "-o", "out", "--spacing", "0"],
        ["measure", "x.dcm", "-o", "out", "--spacing", "0.015"],  # finer than any ultrasound image
        ["measure", "x.dcm", "-o", "out", "--spacing", "-0.3"],
        ["measure", "x.dcm", "-o", "out", "--spacing", "nan"],
        ["measure", "x.dcm", "-o", "out", "--spacing", "wide"],
        ["measure", "x.dcm", "-o", "out", "--device", "gpu"],
        ["measure", "x.dcm", "-o", "out", "--frames", "-1"],
        ["measure", "x.dcm", "-o", "out", "--frames", "some"],
        ["meassure"],
    ],
)
def test_arguments_that_make_no_sense_are_exit_code_two(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: liver-ultrasound" in capsys.readouterr().err


def test_a_spacing_given_by_the_user_wins(tmp_path):
    assert _measure(SAMPLES / "sector.dcm", "-o", tmp_path, "--no-scene", "--spacing", "0.5") == 0
    (row,) = _rows(tmp_path)
    assert (row["spacing_mm"], row["spacing_source"], row["roi_px"]) == ("0.5", "user", "30")


def test_a_cutoff_stands_in_the_table_with_its_source(tmp_path):
    cutoff = ("--cutoff", "1.1", "--cutoff-source", "our protocol")
    assert _measure(SAMPLES / "sector.dcm", "-o", tmp_path, "--no-scene", *cutoff) == 0
    (row,) = _rows(tmp_path)
    assert (row["cutoff"], row["cutoff_source"]) == ("1.1", "our protocol")
    assert row["reaches_cutoff"] == ("yes" if float(row["hri"]) >= 1.1 else "no")


def test_a_cutoff_without_a_source_is_wrong_usage(tmp_path, capsys):
    assert main(["measure", str(SAMPLES / "sector.dcm"), "-o", str(tmp_path / "out"), "--cutoff", "1.1"]) == 2
    assert "source" in capsys.readouterr().err


def test_both_placements_can_be_named(tmp_path):
    found = {}
    for name in ("published", "representative"):
        assert _measure(SAMPLES / "sector.dcm", "-o", tmp_path / name, "--no-scene", "--placement", name) == 0
        (row,) = _rows(tmp_path / name)
        found[name] = row["placement"]
    assert found == {"published": "published", "representative": "representative"}


def test_version_and_help_are_exit_code_zero(capsys):
    for arguments in (
        ["--version"],
        ["--help"],
        *([name, "--help"] for name in ("measure", "demo", "benchmark", "validate")),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 0
    assert __version__ in capsys.readouterr().out
