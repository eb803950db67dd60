"""Files of a run: rows, names, and what happens when the process is stopped."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.pipeline.outputs import (
    COLUMN_NAMES,
    MeasurementsFile,
    case_names,
    csv_text,
    error_row,
    prepare_folder,
    read_rows,
    write_bytes,
    write_png,
)
from PIL import Image

CONTRACT = [
    "source",
    "frame",
    "status",
    "message",
    "rows",
    "columns",
    "spacing_mm",
    "spacing_source",
    "liver_mean",
    "liver_sd",
    "kidney_mean",
    "kidney_sd",
    "hri",
    "liver_x",
    "liver_y",
    "kidney_x",
    "kidney_y",
    "roi_mm",
    "roi_px",
    "liver_depth_mm",
    "kidney_depth_mm",
    "flags",
    "model",
    "model_sha256",
    "version",
]


def test_the_columns_begin_with_those_of_the_contract():
    assert COLUMN_NAMES[: len(CONTRACT)] == CONTRACT


def test_a_file_that_cannot_be_read_is_a_row_with_source_status_and_message_only():
    row = error_row("a/b.dcm", "The file is empty; copy it again.")
    filled = {name for name, text in row.items() if text}
    assert filled == {"source", "status", "message", "version"}
    assert row["status"] == "error"


@pytest.mark.parametrize("name", ["=1+1.png", "+1.png", "-2.png", "@SUM.png", "\tx.png", '=HYPERLINK("x")'])
def test_no_text_can_become_a_formula_in_a_spreadsheet(name):
    (line,) = list(csv.reader(io.StringIO(csv_text([error_row(name, "x")], header=False), newline="")))
    assert line[0] == f"'{name}"


def test_negative_numbers_stay_numbers():
    row = error_row("a.png", "x") | {"hri": "-0.5", "liver_depth_mm": "-3.0"}
    (line,) = list(csv.reader(io.StringIO(csv_text([row], header=False), newline="")))
    assert line[COLUMN_NAMES.index("hri")] == "-0.5"


def test_commas_quotes_newlines_and_accents_come_back_as_they_were(tmp_path):
    rows = [error_row('é, "x"\nß.png', "a\r\nb"), error_row("=x", "y")]
    path = tmp_path / "t.csv"
    write_bytes(path, csv_text(rows).encode())
    assert read_rows(path) == rows


def test_a_row_that_was_cut_off_is_left_out(tmp_path):
    whole = csv_text([error_row("a.png", "x"), error_row("b.png", "y")]).encode()
    path = tmp_path / "t.csv"
    for cut in range(1, 30):
        path.write_bytes(whole[:-cut])
        assert [row["source"] for row in read_rows(path)] == ["a.png"]


def test_rows_are_on_disk_before_the_run_ends_and_under_another_name(tmp_path):
    table = MeasurementsFile(tmp_path)
    table.add([error_row("a.png", "x")])
    assert [path.name for path in tmp_path.iterdir()] == ["measurements.partial.csv"]
    assert len(read_rows(tmp_path / "measurements.partial.csv")) == 1
    table.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["measurements.csv"]


def test_an_interrupted_table_is_complete_as_far_as_it_goes(tmp_path):
    table = MeasurementsFile(tmp_path)
    table.add([error_row("a.png", "x")])
    path = table.interrupt()
    assert path.name == "measurements.csv"
    assert read_rows(path) == read_rows(tmp_path / "measurements.partial.csv") != []


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "labels.png"
    write_bytes(path, b"old")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_bytes(path, b"new")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("labels.png", b"old")]


def test_png_files_hold_the_values_and_no_metadata(tmp_path):
    labels = np.array([[0, 1], [2, 0]], np.uint8)
    write_png(tmp_path / "l.png", labels)
    with Image.open(tmp_path / "l.png") as picture:
        assert picture.mode == "L"
        assert picture.info == {}
        np.testing.assert_array_equal(np.asarray(picture), labels)


def test_cases_are_named_after_the_stem_and_never_twice_even_where_case_is_ignored():
    names = case_names(["a/Liver.dcm", "b/liver.png", "b/LIVER.png", "liver_2.png"])
    assert names == ["Liver", "liver_2", "LIVER_3", "liver_2_2"]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("1.2.840.113619.7", "1.2.840.113619.7"),
        ("1.2.840.113619.dcm", "1.2.840.113619"),
        ("x/.hidden", "hidden"),
        ("CON.png", "CON_"),
        ("a b:c?.png", "a_b_c"),
        ("....png", "case"),
        ("=cmd|'.png", "cmd"),
        ("leber_ä.png", "leber_ä"),
        ("measurements.csv.png", "measurements.csv_2"),
    ],
)
def test_a_case_name_is_a_folder_name_on_every_system(source, name):
    assert case_names([source]) == [name]


def test_a_very_long_name_is_cut():
    assert len(case_names(["x" * 300 + ".png"])[0]) <= 80


def test_an_output_that_is_a_file_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(InputError, match="is a file; give the name of a folder"):
        prepare_folder(tmp_path / "out")
    with pytest.raises(InputError, match="cannot be written"):
        prepare_folder(tmp_path / "out" / "below")
