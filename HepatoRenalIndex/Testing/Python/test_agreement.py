"""Reader studies from a CSV table: reading, comparisons, tables, plots and report."""

import csv
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from HepatoRenalIndexLib.agreement.answers import Answer, Box, natural_key, read_answers, table_of
from HepatoRenalIndexLib.agreement.axes import ticks
from HepatoRenalIndexLib.agreement.comparison import StudySettings, analyze, study_plan
from HepatoRenalIndexLib.agreement.plots import agreement_plot
from HepatoRenalIndexLib.agreement.report import analyze_table
from HepatoRenalIndexLib.agreement.tables import box_distance, box_jaccard, csv_text, overlap_rows
from HepatoRenalIndexLib.commands.main import main
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.statistics.icc import IccForm, icc

REAL_TABLE = Path(__file__).resolve().parents[4] / "shared" / "data" / "byra2018" / "reader_rois.csv"
HEADER = "patient,frame,reader,session,liver_x,liver_y,kidney_x,kidney_y,roi_px,liver_mean,kidney_mean,hri"
SETTINGS = StudySettings(replicates=200)


def study_lines(patients=12, frames=1, algorithm=True):
    """Readers A and B (session 1), C (sessions 1 and 2) and the algorithm, with errors of their own."""
    rng = np.random.default_rng(1)
    lines = [HEADER]
    columns = [("A", 1, 1), ("B", 1, 4), ("C", 1, 1), ("C", 2, 1)] + [("algorithm", 1, 1)] * algorithm
    for patient in range(1, patients + 1):
        level = rng.normal(0, 12)
        for frame in range(frames):
            for reader, session, spread in columns:
                liver = round(90 + level + rng.normal(0, spread), 3)
                kidney = round(60 + rng.normal(0, spread), 3)
                lines.append(f"{patient},{frame},{reader},{session},10,20,30,{40 + session},28,{liver},{kidney},")
    return lines


def written(tmp_path, lines, name="study.csv"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def study(tmp_path):
    return written(tmp_path, study_lines())


def test_the_plan_holds_the_comparisons_of_the_published_study(study):
    names = [plan.name for plan in study_plan(read_answers(study))]
    assert names[0] == "within reader C, sessions 1 and 2"
    assert names[1] == "between readers A, B, C, session 1"
    assert "reader B against mean of the other readers, session 1" in names
    assert "algorithm against mean of readers A, B, C, session 1" in names
    assert len(names) == len(set(names)) == 1 + 1 + 3 + 3 + 1 + 3


def test_the_coefficient_is_that_of_the_columns_read_by_hand(study):
    comparisons = {(c.name, c.quantity): c for c in analyze(read_answers(study), SETTINGS)}
    with study.open() as handle:
        rows = list(csv.DictReader(handle))

    def column(reader, quantity):
        return [float(r[f"{quantity}_mean"]) for r in rows if (r["reader"], r["session"]) == (reader, "1")]

    mean = np.mean([column(reader, "liver") for reader in "ABC"], axis=0)
    expected = icc(np.stack([column("algorithm", "liver"), mean], axis=1))
    found = comparisons["algorithm against mean of readers A, B, C, session 1", "liver"]
    assert found.icc.value == pytest.approx(expected.value)
    assert (found.icc.low, found.icc.high, found.icc.method) == (expected.low, expected.high, "F")
    assert found.bias.value == pytest.approx(np.mean(column("algorithm", "liver") - mean))
    others = comparisons["reader B against mean of the other readers, session 1", "liver"]
    assert others.ratings[:, 1] == pytest.approx(np.mean([column(reader, "liver") for reader in "AC"], axis=0))
    hri = comparisons["reader A against reader B, session 1", "hri"]
    ratio = np.divide(column("A", "liver"), column("A", "kidney"))
    assert hri.ratings[:, 0] == pytest.approx(ratio)


def test_images_of_one_patient_are_resampled_together(tmp_path):
    table = read_answers(written(tmp_path, study_lines(patients=8, frames=3)))
    comparison = analyze(table, SETTINGS)[0]
    assert (len(comparison.images), comparison.patient_count) == (24, 8)
    assert comparison.icc.method == "cluster bootstrap, percentile"
    independent = comparison.all_forms[comparison.form]
    assert comparison.icc.high - comparison.icc.low != pytest.approx(independent.high - independent.low)


def test_a_skipped_image_is_missing_from_its_comparisons_only(tmp_path):
    lines = study_lines()
    index = next(i for i, line in enumerate(lines) if line.startswith("3,0,B,1"))
    lines[index] = "3,0,B,1,,,,,,,,"
    by_name = {c.name: c for c in analyze(read_answers(written(tmp_path, lines)), SETTINGS) if c.quantity == "hri"}
    assert by_name["reader A against reader B, session 1"].dropped == 1
    assert by_name["reader A against reader C, session 1"].dropped == 0


def test_double_conflicting_and_impossible_answers_are_named_and_never_averaged():
    good = Answer("7/0", "7", "A", "1", 80.0, 40.0, 2.0)
    answers = [
        good,
        good,
        Answer("8/0", "8", "A", "1", 80.0, 40.0, 2.0),
        Answer("8/0", "8", "A", "1", 90.0, 45.0, 2.0),
        Answer("9/0", "9", "A", "1", 80.0, 0.0, float("nan")),
        Answer("10/0", "10", "A", "1", 80.0, 40.0, 3.0),
        Answer("11/0", "11", "A", "1", 300.0, 40.0, 7.5),
        Answer("7/0", "12", "B", "1", 80.0, 40.0, 2.0),
    ]
    table = table_of(answers)
    assert table.answers == (good,)
    said = " ".join(table.excluded)
    assert "Image 7/0, reader A, session 1: the same answer was given twice" in said
    assert "Image 8/0, reader A, session 1: two different answers; none of them counts" in said
    assert "Image 9/0, reader A, session 1: the kidney brightness" in said
    assert "Image 10/0, reader A, session 1: its index is not" in said
    assert "Image 11/0, reader A, session 1: the liver brightness" in said
    assert "Image 7/0, reader B, session 1: the same image stands under two patients" in said


def test_a_row_that_is_no_answer_is_named_by_its_line(tmp_path):
    lines = study_lines()
    lines[1] = "1,0,A,1,10,20,30,40,28,bright,60,1.5"
    lines[2] = ",0,,1,10,20,30,40,28,80,60,"
    table = read_answers(written(tmp_path, lines))
    assert table.excluded == (
        "Image 1/0, reader A, session 1: line 2: liver_mean is not a number.",
        "Line 3: reader and image must not be empty.",
    )
    assert (table.exclusions[0].image, table.exclusions[0].reader, table.exclusions[0].session) == ("1/0", "A", "1")


def test_a_table_of_a_spreadsheet_program_reads_like_any_other(study, tmp_path):
    lines = [line.replace(",", ";").replace(".", ",").replace("algorithm", "Algorithm") for line in study_lines()]
    path = tmp_path / "excel.csv"
    path.write_bytes("\ufeff".encode() + "\r\n".join([*lines, ";" * 11, ""]).encode())
    assert read_answers(path) == read_answers(study)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "lacks the column"),
        (b"a,b\n1,2\n", "lacks the column image .or patient and frame., kidney_mean, liver_mean, reader|lacks"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "is not a CSV text file"),
        (b"reader,image,liver_mean,kidney_mean\0\n", "is not a CSV text file"),
        (b"reader,image,liver_mean,kidney_mean,liver_mean\nA,1,80,40,90\n", "has the column liver_mean twice"),
        (b"reader,image,liver_mean,kidney_mean\nA,1,x,y\n", "no usable answer.*line 2: liver_mean is not a number"),
        (b"reader,image,liver_mean,kidney_mean\nA,1,80,40\nB,1,80,40\n", "nothing to compare"),
    ],
)
def test_a_file_that_is_no_table_of_answers_is_refused_with_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=sentence) as raised:
        analyze_table(read_answers(path), tmp_path / "out")
    assert str(tmp_path) not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_the_command_writes_the_agreed_columns_and_a_report_that_loads_nothing(study, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["agreement", str(study), "-o", str(out), "--form", "ICC(3,1)"]) == 0
    with (out / "agreement.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert ",".join(rows[0]) == "comparison,quantity,form,n,icc,icc_low,icc_high,bias,loa_low,loa_high,ccc"
    assert {row["form"] for row in rows} == {"ICC(3,1)"}
    assert len(rows) == 3 * 12
    between = next(row for row in rows if row["comparison"].startswith("between"))
    assert between["icc"] and not between["bias"]
    html = (out / "report.html").read_text()
    assert html.count("<svg") == len(list((out / "plots").glob("*.svg"))) == 3 * 11
    assert {path.stem for path in (out / "plots").glob("*.png")} == {p.stem for p in (out / "plots").glob("*.svg")}
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")
    assert str(tmp_path) not in html
    assert "algorithm against mean of readers" in capsys.readouterr().out


def test_wrong_input_ends_with_exit_code_two(tmp_path, capsys):
    assert main(["agreement", str(tmp_path / "none.csv"), "-o", str(tmp_path / "out")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_names_in_the_table_cannot_run_in_the_report_or_in_a_spreadsheet(tmp_path):
    lines = [line.replace(",A,", ",=<script>,") for line in study_lines()]
    analyze_table(read_answers(written(tmp_path, lines)), tmp_path / "out", SETTINGS)
    assert "<script" not in (tmp_path / "out" / "report.html").read_text()
    assert csv_text(["a"], [{"a": "=1+1"}]).splitlines()[1] == "'=1+1"


def test_a_plot_is_well_formed_and_puts_points_where_they_belong(study):
    comparison = next(c for c in analyze(read_answers(study), SETTINGS) if c.bland_altman is not None)
    root = ElementTree.fromstring(agreement_plot(comparison).svg())
    circles = root.findall(".//{http://www.w3.org/2000/svg}circle")
    assert len(circles) == 2 * len(comparison.images)
    scatter = circles[: len(circles) // 2]
    x = [float(c.get("cx")) for c in scatter]
    y = [float(c.get("cy")) for c in scatter]
    assert np.argsort(x).tolist() == np.argsort(comparison.ratings[:, 1]).tolist()
    assert np.argsort(y)[::-1].tolist() == np.argsort(comparison.ratings[:, 0]).tolist()
    assert all(58 <= v <= 380 for v in x) and all(30 <= v <= 276 for v in y)


def test_ticks_are_round_numbers_within_the_range():
    assert ticks(0.62, 2.05) == [1.0, 1.5, 2.0]
    assert ticks(-11, 12) == [-10, -5, 0, 5, 10]


def test_roi_overlap_and_distance_of_squares():
    a, b = Box(0, 0, 10, 10), Box(5, 0, 10, 10)
    assert box_jaccard(a, b) == pytest.approx(50 / 150)
    assert box_distance(a, b) == 5
    assert box_jaccard(a, Box(20, 20, 10, 10)) == 0
    assert box_distance(a, Box(0, 0, 20, 20)) == pytest.approx(np.hypot(5, 5))
    assert box_jaccard(Box(0, 0, 10, 20), Box(0, 10, 10, 20)) == pytest.approx(1 / 3)


def test_roi_overlap_is_given_for_readers_in_a_session_and_sessions_of_a_reader(study):
    rows = overlap_rows(read_answers(study))
    names = {row["comparison"] for row in rows}
    assert "A session 1 and B session 1" in names and "C session 1 and C session 2" in names
    assert "A session 1 and C session 2" not in names
    within = next(r for r in rows if r["comparison"] == "C session 1 and C session 2" and r["organ"] == "kidney")
    assert within["median_distance_px"] == 1


def test_patients_sort_by_number():
    assert sorted(["p10", "p2", "10/0", "9/1"], key=natural_key) == ["9/1", "10/0", "p2", "p10"]


@pytest.mark.skipif(not REAL_TABLE.is_file(), reason="the real readers' table is not beside the project")
def test_the_real_readers_agree_as_their_values_say():
    table = read_answers(REAL_TABLE)
    by_name = {(c.name, c.quantity): c for c in analyze(table, StudySettings(replicates=50))}
    assert len(by_name) == 3 * 8
    within = by_name["within reader C, sessions 1 and 2", "hri"]
    assert (len(within.images), within.dropped, within.patient_count) == (396, 4, 40)
    with REAL_TABLE.open() as handle:
        values = {
            (r["session"], r["patient"], r["frame"]): float(r["hri"])
            for r in csv.DictReader(handle)
            if r["reader"] == "C"
        }
    both = [(v, values["2", p, f]) for (s, p, f), v in values.items() if s == "1" and ("2", p, f) in values]
    assert within.icc.value == pytest.approx(icc(both, IccForm.TWO_WAY_RANDOM_SINGLE).value)


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1.5", "x"])
def test_a_seed_that_cannot_be_is_told_by_the_parser(study, tmp_path, capsys, seed):
    with pytest.raises(SystemExit) as caught:
        main(["agreement", str(study), "-o", str(tmp_path / "out"), "--seed", seed])
    assert caught.value.code == 2 and "is not a whole number from 0 to 4294967295" in capsys.readouterr().err
