"""The agreement report: plots as SVG and PNG, tables in the layout of the published study, files of earlier runs."""

import csv
import io

import numpy as np
import pytest
from HepatoRenalIndexLib.agreement.analysis import study_of
from HepatoRenalIndexLib.agreement.answers import Answer, table_of
from HepatoRenalIndexLib.agreement.comparison import StudySettings
from HepatoRenalIndexLib.agreement.drawing import Dots, Line, Rectangle, Text, drawing_of
from HepatoRenalIndexLib.agreement.html_report import report_html
from HepatoRenalIndexLib.agreement.layout import between_table, within_table
from HepatoRenalIndexLib.agreement.plots import agreement_plot
from HepatoRenalIndexLib.agreement.report import analyze_table, write_study
from HepatoRenalIndexLib.agreement.tables import PAIR_COLUMNS, csv_text, pair_rows
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.statistics.agreement import bland_altman
from HepatoRenalIndexLib.statistics.icc import icc
from PIL import Image

SETTINGS = StudySettings(replicates=50)
COLUMNS = (("Ann McB", "1"), ("Ann McB", "2"), ("Ben", "1"), ("Ben", "2"), ("algorithm", "1"))


def answers(columns=COLUMNS, patients=14):
    rng = np.random.default_rng(3)
    found = []
    for patient in range(patients):
        liver, kidney = rng.uniform(60, 130), rng.uniform(40, 90)
        for reader, session in columns:
            one, two = liver + rng.normal(0, 3), kidney + rng.normal(0, 3)
            found.append(Answer(f"i{patient}", f"p{patient}", reader, session, one, two, one / two))
    return found


@pytest.fixture(scope="module")
def study():
    return study_of(table_of(answers()), SETTINGS)


def test_a_reader_in_two_sessions_stands_as_in_table_2(study):
    table = within_table(study.comparisons)
    assert [group for group, _ in table.groups] == ["Reader Ann McB (n = 14)", "Reader Ben (n = 14)"]
    assert table.groups[0][1] == ("session 1", "session 2", "ICC (95% CI)")
    assert [row[0] for row in table.rows] == ["Liver", "Right kidney", "HRI"]
    first = study.table.values("Ann McB", "1", "liver")
    second = study.table.values("Ann McB", "2", "liver")
    expected = icc(np.stack([first, second], axis=1))
    liver = table.rows[0]
    assert liver[1] == f"{first.mean():.2f} ± {first.std(ddof=1):.2f}"
    assert liver[3].startswith(f"{expected.value:.3f} ({expected.low:.3f} to {expected.high:.3f}), ")


def test_what_too_few_images_leave_uncompared_is_said(study):
    few = [a for a in answers() if (a.reader, a.session) != ("Ben", "2") or a.image in ("i0", "i1", "i2")]
    found = study_of(table_of(few), SETTINGS)
    assert not any("Ben, sessions" in comparison.name for comparison in found.comparisons)
    said = "fewer than 5 images have all answers: within reader Ben, sessions 1 and 2."
    assert said in report_html(found) and "fewer than 5" not in report_html(study)


def test_a_single_reader_is_no_mean(study):
    rows = [answer for answer in answers() if (answer.reader, answer.session) in (("Ben", "1"), ("algorithm", "1"))]
    (raters,) = {comparison.raters for comparison in study_of(table_of(rows), SETTINGS).comparisons}
    assert raters == ("algorithm", "Ben")


def test_readers_by_session_and_the_algorithm_stand_as_in_table_3(study):
    table = between_table(study.comparisons)
    (readers, sessions), (algorithm, mean) = table.groups
    assert (readers, algorithm) == ("Between readers", "Between readers and algorithm")
    assert [heading.partition(",")[0] for heading in sessions] == ["Session 1", "Session 2"]
    assert mean[0].startswith("Algorithm against mean of readers Ann McB, Ben")
    values = [np.stack([study.table.values(r, "1", "hri") for r in ("Ann McB", "Ben")]).mean(axis=0)]
    values.append(study.table.values("algorithm", "1", "hri"))
    assert table.rows[2][3].startswith(f"{icc(np.stack(values, axis=1)).value:.3f} (")
    assert "higher than those between two readers" in table.notes[-1] and "counterpart" not in table.notes[-1]
    third = study_of(table_of(answers((*COLUMNS, ("Cy", "1")))), SETTINGS)
    assert "Their fair counterpart is each reader" in between_table(third.comparisons).notes[-1]


def test_one_session_and_no_algorithm_leave_their_parts_out():
    only = study_of(table_of(answers((("A", "1"), ("B", "1")))), SETTINGS)
    assert within_table(only.comparisons) is None
    assert [group for group, _ in between_table(only.comparisons).groups] == ["Between readers"]
    alone = study_of(table_of(answers((("A", "1"), ("A", "2")))), SETTINGS)
    assert between_table(alone.comparisons) is None
    assert "Agreement within readers" in report_html(alone)


def test_a_negative_coefficient_is_no_formula_in_a_spreadsheet(tmp_path):
    rows = []
    for i in range(8):
        values = {"A": 80.0 + i, "B": 90.0 - i}
        rows += [Answer(f"i{i}", f"p{i}", reader, "1", liver, 50.0, liver / 50) for reader, liver in values.items()]
    study = study_of(table_of(rows), SETTINGS)
    assert study.comparisons[0].icc.value < 0
    assert between_table(study.comparisons).rows[0][1].startswith("\N{MINUS SIGN}0.")
    write_study(study, tmp_path)
    assert "'" not in (tmp_path / "between_readers.csv").read_text(encoding="utf-8")


def test_the_values_behind_every_comparison_are_written(study):
    text = csv_text(PAIR_COLUMNS, pair_rows(study.comparisons))
    rows = [row for row in csv.DictReader(text.splitlines()) if row["quantity"] == "hri"]
    chosen = [row for row in rows if row["comparison"] == "within reader Ben, sessions 1 and 2"]
    pair = next(c for c in study.comparisons if (c.name, c.quantity) == (chosen[0]["comparison"], "hri"))
    assert [row["image"] for row in chosen] == list(pair.images)
    assert [float(row["first"]) for row in chosen] == pytest.approx(pair.ratings[:, 0], rel=1e-5)
    differences = [float(row["difference"]) for row in chosen]
    assert np.mean(differences) == pytest.approx(pair.bias.value, abs=1e-5) and pair.bias.value != 0


def test_the_report_counts_answers_and_missing_ones():
    rows = [a for a in answers() if not (a.reader == "Ben" and a.session == "2" and a.image in ("i1", "i2"))]
    html = report_html(study_of(table_of(rows), SETTINGS))
    assert "<td>Ben</td><td>2</td><td>12</td><td>2</td>" in html
    assert "<td>Ben</td><td>1</td><td>14</td><td>0</td>" in html


def test_files_of_an_earlier_run_do_not_stay_among_the_new_ones(study, tmp_path):
    write_study(study, tmp_path)
    (tmp_path / "plots" / "notes.txt").write_text("mine")
    with (tmp_path / "within_readers.csv").open(encoding="utf-8") as handle:
        assert next(csv.reader(handle))[1] == "Reader Ann McB (n = 14): session 1"
    assert (tmp_path / "pairs.csv").is_file()
    before = len(list((tmp_path / "plots").glob("*.png")))
    analyze_table(table_of(answers((("A", "1"), ("B", "1")))), tmp_path, SETTINGS)
    assert len(list((tmp_path / "plots").glob("*.png"))) == 3 < before
    assert (tmp_path / "plots" / "notes.txt").is_file()
    assert not (tmp_path / "within_readers.csv").exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(study, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InputError, match=r"The output folder out cannot be written .*choose another one") as raised:
        write_study(study, tmp_path / "out")
    assert str(tmp_path) not in str(raised.value)


def _pixels(drawing):
    return np.asarray(Image.open(io.BytesIO(drawing.png())).convert("RGB")).astype(int)


def test_svg_and_png_show_the_same_shapes():
    drawing = drawing_of(
        100, 50, "<t>", [Rectangle(10, 10, 20, 10, fill="#ff0000"), None, Dots(((70.0, 30.0),), 5, "#0000ff")]
    )
    pixels = _pixels(drawing)
    assert pixels.shape == (100, 200, 3)
    assert pixels[30, 40].tolist() == [255, 0, 0] and pixels[60, 140].tolist() == [0, 0, 255]
    assert pixels[2, 2].tolist() == [255, 255, 255]
    svg = drawing.svg()
    assert "&lt;t&gt;" in svg and 'cx="70.0" cy="30.0"' in svg and 'x="10.0" y="10.0" width="20.0"' in svg


def test_dashes_leave_gaps_and_upward_text_stands_where_the_svg_has_it():
    pixels = _pixels(drawing_of(100, 60, "t", [Line(0, 30, 100, 30, dashes=(5, 3)), Text(20, 28, "HRI", upward=True)]))
    line = pixels[60, :, 0] < 128
    assert line.mean() == pytest.approx(5 / 8, abs=0.05)
    dark = np.argwhere(pixels[:58, :, 0] < 128)
    assert dark[:, 1].min() > 20 * 2 - 24 and dark[:, 1].max() <= 20 * 2 + 1  # left of its base line
    assert abs(dark[:, 0].mean() - 28 * 2) < 8 or dark[:, 0].max() <= 58


def test_half_transparent_dots_add_up():
    pixels = _pixels(drawing_of(40, 40, "t", [Dots(((10.0, 10.0), (10.0, 10.0), (30.0, 30.0)), 4, "#000000", 0.5)]))
    assert pixels[20, 20, 0] == pytest.approx(64, abs=3)
    assert pixels[60, 60, 0] == pytest.approx(128, abs=3)


def test_the_figures_beside_the_lines_do_not_overlap_where_the_lines_are_close(study):
    pair = next(c for c in study.comparisons if c.bland_altman is not None)
    notes = [s for s in agreement_plot(pair).shapes if isinstance(s, Text) and s.anchor == "start"]
    heights = sorted(s.y for s in notes)
    assert len(notes) == 6 and min(np.diff(heights)) > 10


def test_proportional_bias_of_several_images_per_patient_resamples_patients():
    """Copies of an image add nothing: the interval stays as wide as with one image per patient."""
    once = answers(patients=12)
    copies = [
        Answer(f"{a.image}-{n}", a.patient, a.reader, a.session, a.liver, a.kidney, a.hri)
        for a in once
        for n in range(6)
    ]
    single, copied = (study_of(table_of(rows), StudySettings(replicates=150)) for rows in (once, copies))
    one, many = (next(c for c in s.comparisons if c.bland_altman is not None) for s in (single, copied))
    assert many.bland_altman.slope.value == pytest.approx(one.bland_altman.slope.value)
    assert many.bland_altman.slope.method == "cluster bootstrap, percentile"
    assert np.isnan(many.bland_altman.slope_p) and np.isfinite(one.bland_altman.slope_p)
    widths = [c.bland_altman.slope.high - c.bland_altman.slope.low for c in (one, many)]
    naive = bland_altman(*many.ratings.T).slope
    assert widths[1] > 1.5 * (naive.high - naive.low)
    assert widths[1] == pytest.approx(widths[0], rel=0.5)
