"""Answers of a study as a table: import, algorithm, merge, export, agreement; nothing doubtful is averaged in."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from HepatoRenalIndexLib.agreement.answers import Answer, Box, read_answers, table_of
from HepatoRenalIndexLib.agreement.comparison import StudySettings, analyze
from HepatoRenalIndexLib.agreement.report import analyze_table
from HepatoRenalIndexLib.geometry.spacing import Calibration, SpacingSource
from HepatoRenalIndexLib.imaging.dicom_writing import dicom_bytes
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.measurement.organs import OrganMasks
from HepatoRenalIndexLib.measurement.result import ModelIdentity
from HepatoRenalIndexLib.measurement.roi import Roi
from HepatoRenalIndexLib.study.algorithm import read_by_algorithm
from HepatoRenalIndexLib.study.collect import study_answers, table_answer
from HepatoRenalIndexLib.study.create import Patients, StudyOptions, create_study
from HepatoRenalIndexLib.study.definition import open_study
from HepatoRenalIndexLib.study.exporting import export_answers
from HepatoRenalIndexLib.study.files import session_path
from HepatoRenalIndexLib.study.importing import import_table
from HepatoRenalIndexLib.study.journal import chained, line_of, read_journal
from HepatoRenalIndexLib.study.merging import merge
from HepatoRenalIndexLib.study.reading import Reading
from HepatoRenalIndexLib.study.session import ReadingSession
from PIL import Image
from study_case import copy_study, make_study, phantom, read, spot

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "byra2018"
FAST = StudySettings(replicates=50)
HEADER = "patient,frame,reader,session,liver_x,liver_y,kidney_x,kidney_y,roi_px,liver_mean,kidney_mean"


@pytest.fixture
def study(tmp_path):
    return copy_study(tmp_path)


def _read_all(study, reader, step=0, session=1):
    reading = ReadingSession.open(study, reader, session)
    read(reading, reading.count, step)
    return session_path(study, reader, session)


def _tamper(path, number, **change):
    records = [json.loads(line) for line in path.read_text().splitlines()]
    records[number] |= change
    path.write_bytes(b"".join(line_of(record) for record in records))
    return records[number]["image"]


def _forge(path, change) -> str:
    """Rewrite the whole chain with the first answer changed, as one would who knows how the checksums are made."""
    records = [json.loads(line) for line in path.read_text().splitlines()]
    forged = []
    for record in records:
        content = {k: v for k, v in record.items() if k not in ("n", "done", "previous", "sha256")}
        if record["n"] == 1:
            change(content)
        forged.append(chained(forged[-1] if forged else None, content, record["done"]))
    path.write_bytes(b"".join(line_of(record) for record in forged))
    assert read_journal(path).problems == ()
    return forged[1]["image"]


def _only_exclusion(study):
    table = study_answers(study).table
    (exclusion,) = table.exclusions
    assert len(table.answers) == 7
    assert exclusion.image not in {answer.image for answer in table.answers}
    return exclusion


class TrueMasks:
    """The organs from which the frames were simulated."""

    identity = ModelIdentity("truth", "1", "0" * 64, "cpu")

    def segment(self, image, geometry) -> OrganMasks:
        return phantom().masks


def test_what_readers_marked_is_what_the_table_holds(study):
    session = ReadingSession.open(study, "A", 1)
    readings = {}
    while not session.finished:
        image = session.image
        readings[image.id] = session.answer(*spot(image))
    answers = study_answers(study)
    assert answers.table.exclusions == ()
    assert {a.image: (a.liver, a.kidney, a.hri) for a in answers.table.answers} == {
        image: (r.liver_mean, r.kidney_mean, r.hri) for image, r in readings.items()
    }
    assert {a.patient for a in answers.table.answers} == {"P001", "P002", "P003", "P004"}
    assert answers.sessions[0].finished


def test_images_nobody_measured_are_counted_as_missing(study):
    read(ReadingSession.open(study, "A", 1), 6)
    session = ReadingSession.open(study, "B", 1)
    read(session, 7)
    session.skip("no liver in the image")
    answers = study_answers(study)
    assert len(answers.table.images) == 8
    (between, *_) = analyze(answers.table, FAST)
    assert len(between.images) + between.dropped == 8
    assert [skip.reason for skip in answers.skipped] == ["no liver in the image"]
    remarks = " ".join(answers.table.remarks)
    assert "Reader A, session 1: not finished, 6 of 8 images so far." in remarks
    assert "Reader B, session 1: 1 skipped: no liver in the image (1)." in remarks


def test_three_sessions_of_a_reader_are_compared_by_twos_and_all_at_once():
    rng = np.random.default_rng(0)
    answers = []
    for image in range(8):
        for session in "123":
            liver, kidney = 60 + image + rng.normal(), 50 + rng.normal()
            answers.append(Answer(str(image), str(image), "A", session, liver, kidney, liver / kidney))
    found = [c for c in analyze(table_of(answers), FAST) if c.quantity == "liver"]
    assert [c.name for c in found] == [
        "within reader A, sessions 1 and 2",
        "within reader A, sessions 2 and 3",
        "reader A over sessions 1, 2, 3",
    ]
    assert found[2].ratings.shape == (8, 3)
    assert found[2].bland_altman is None


def test_a_changed_record_is_named_and_left_out(study):
    path = _read_all(study, "A")
    image = _tamper(path, 4, hri=9.0)
    exclusion = _only_exclusion(study)
    assert (exclusion.image, exclusion.reader, exclusion.session) == (image, "A", "1")
    assert "was changed" in exclusion.reason


def test_a_forged_brightness_is_found_in_the_pixels_even_with_all_checksums_made_anew(study):
    def change(content):
        content["liver_mean"] += 5
        content["hri"] = content["liver_mean"] / content["kidney_mean"]

    image = _forge(_read_all(study, "A"), change)
    exclusion = _only_exclusion(study)
    assert exclusion.image == image
    assert "liver brightness" in exclusion.reason


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(liver=[c["liver"][0], c["liver"][1], 30, 30]), "30 x 30 pixels, not 20 x 20"),
        (lambda c: c.update(kidney=[0, 0, 20, 20]), "outside the insonated area"),
        (lambda c: c.update(pixels="0" * 64), "other pixels"),
        (lambda c: c.update(image="0999"), "no such image"),
        (lambda c: c.update(hri="high"), "impossible values"),
        (lambda c: c.update(liver=[1, 2]), "impossible values"),
        (lambda c: c.update(liver=["a", 2, 3, 4]), "impossible values"),
        (lambda c: c.pop("kidney_mean"), "impossible values"),
        (lambda c: c.update(hri=c["hri"] * 2), "index"),
    ],
    ids=["size", "sector", "checksum", "unknown", "text", "short roi", "text roi", "missing", "index"],
)
def test_an_impossible_answer_is_named_and_left_out(study, change, said):
    image = _forge(_read_all(study, "A"), change)
    exclusion = _only_exclusion(study)
    assert exclusion.image == image
    assert said in exclusion.reason


def test_answers_to_an_image_that_changed_since_are_left_out_for_every_reader(study):
    for reader in ("A", "B"):
        _read_all(study, reader)
    image = study.images[3]
    pixels = np.array(Image.open(study.image_folder / image.path))
    pixels[0, 0] ^= 1
    Image.fromarray(pixels).save(study.image_folder / image.path)
    table = study_answers(study).table
    assert [(e.image, e.reader) for e in table.exclusions] == [("0004", "A"), ("0004", "B")]
    assert "checksum" in table.exclusions[0].reason
    assert len(table.answers) == 14


def test_answers_whose_images_are_not_at_hand_count_with_a_remark(study):
    _read_all(study, "A")
    shutil.rmtree(study.image_folder)
    table = study_answers(study).table
    assert len(table.answers) == 8
    assert "8 of 8 measured images cannot be read in the folder" in " ".join(table.remarks)


def test_a_file_of_another_study_is_named_and_left_out(study, tmp_path):
    other = make_study(tmp_path / "other", seed=3)
    path = _read_all(other, "B")
    _read_all(study, "A")
    shutil.copy(path, study.sessions_folder)
    table = study_answers(study).table
    assert table.readers == ("A",)
    assert "belongs to another study" in table.excluded[0]


def test_garbage_in_the_folder_of_the_sessions_is_named(study):
    _read_all(study, "A")
    (study.sessions_folder / "notes.jsonl").write_bytes(b"\x00\x01")
    table = study_answers(study).table
    assert len(table.answers) == 8
    assert "notes.jsonl" in table.excluded[0]


def test_a_short_interval_without_a_reason_is_said(study):
    """Sessions of two sites put together: neither knew of the other."""
    _read_all(study, "A")
    first = session_path(study, "A", 1)
    hidden = first.with_suffix(".hidden")
    first.rename(hidden)
    _read_all(study, "A", step=3, session=2)
    hidden.rename(first)
    assert "fewer than the 28 of the study, without a reason" in " ".join(study_answers(study).table.remarks)


# The algorithm as a reader


def test_the_algorithm_reads_the_study_into_the_same_format(study):
    summary = read_by_algorithm(study, lambda image: TrueMasks(), TrueMasks.identity)
    assert (summary.answered, summary.skipped) == (8, 0)
    table = study_answers(study).table
    assert table.has_algorithm
    assert table.readers == ()
    assert table.exclusions == ()
    journal = read_journal(session_path(study, "algorithm", 1))
    assert journal.header["model"] == {"name": "truth", "version": "1", "sha256": "0" * 64}
    assert {tuple(r["liver"][2:]) for r in journal.records if r["type"] == "answer"} == {(20, 20)}


def test_what_the_algorithm_refuses_is_a_skip_with_the_reason(study):
    class Blind(TrueMasks):
        def segment(self, image, geometry):
            nothing = np.zeros(image.pixels.shape, bool)
            return OrganMasks(phantom().masks.liver, nothing)

    blind = {"0002", "0005"}
    summary = read_by_algorithm(study, lambda image: (Blind if image.id in blind else TrueMasks)(), TrueMasks.identity)
    assert (summary.answered, summary.skipped) == (6, 2)
    skipped = study_answers(study).skipped
    assert {skip.image for skip in skipped} == blind
    assert all("no right kidney" in skip.reason.lower() for skip in skipped)


def test_the_algorithm_goes_on_where_it_was_stopped_and_refuses_another_model(study):
    calls = []

    def stopping(image):
        calls.append(image.id)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return TrueMasks()

    with pytest.raises(KeyboardInterrupt):
        read_by_algorithm(study, stopping, TrueMasks.identity)
    with pytest.raises(InputError, match="another model"):
        read_by_algorithm(study, lambda image: TrueMasks(), ModelIdentity("other", "1", "1" * 64))
    summary = read_by_algorithm(study, lambda image: TrueMasks(), TrueMasks.identity)
    assert (summary.answered, summary.resumed) == (8, 3)
    assert read_by_algorithm(study, lambda image: 1 / 0, TrueMasks.identity).resumed == 8
    read_by_algorithm(study, lambda image: TrueMasks(), ModelIdentity("other", "1", "1" * 64), session=2)


def test_the_algorithm_reads_images_without_a_pixel_size_in_the_studys_pixels(tmp_path):
    (tmp_path / "images").mkdir()
    case = phantom()
    sector = make_study(tmp_path / "s", count=1).images[0].geometry().mask
    Image.fromarray(np.where(sector, case.image.pixels, 0).astype(np.uint8)).save(tmp_path / "images" / "a.png")
    study = create_study(tmp_path / "study", [tmp_path / "images"], StudyOptions(roi_px=24))
    assert not study.images[0].calibration.calibrated
    assert read_by_algorithm(study, lambda image: TrueMasks(), TrueMasks.identity).answered == 1
    assert study_answers(study).table.answers[0].liver_box.width == 24


@pytest.mark.parametrize(
    ("options", "size"), [({"roi_mm": 15.0}, (34, 43)), ({"roi_px": 24}, (24, 24))], ids=["in mm", "in pixels"]
)
def test_the_algorithm_reads_pixels_that_are_not_square_with_the_studys_rois(tmp_path, options, size):
    x_mm, y_mm = phantom().spacing_mm[0], phantom().spacing_mm[0] / 1.25

    def stretched(array):
        return np.asarray(Image.fromarray(array).resize((400, 375), Image.Resampling.NEAREST))

    class Tall(TrueMasks):
        def segment(self, image, geometry):
            return OrganMasks(stretched(phantom().masks.liver), stretched(phantom().masks.right_kidney))

    (tmp_path / "images").mkdir()
    picture = dicom_bytes(stretched(phantom().image.pixels), (x_mm, y_mm), "P001")
    (tmp_path / "images" / "a.dcm").write_bytes(picture)
    study = create_study(tmp_path / "study", [tmp_path / "images"], StudyOptions(**options))
    assert (study.images[0].roi_width, study.images[0].roi_height) == size
    assert read_by_algorithm(study, lambda image: Tall(), Tall.identity).answered == 1
    (answer,) = study_answers(study).table.answers
    assert (answer.liver_box.width, answer.liver_box.height) == pytest.approx((size[0], size[1] / 1.25))


# Tables from elsewhere


def _rows(study, reader="A", session=1, step=0):
    """Rows as another program would write them."""
    rows = []
    for image in study.images:
        liver, kidney = spot(image, step)
        pixels = study.load(image).pixels
        patient, frame = image.path.removesuffix(".png").removeprefix("p").split("_f")
        means = (f"{pixels[roi.slices].mean():.3f}" for roi in (liver, kidney))
        rows.append([patient, frame, reader, session, liver.left, liver.top, kidney.left, kidney.top, 20, *means])
    return rows


def _table(path, rows, header=HEADER):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def test_a_table_with_the_default_columns_is_measured_anew_on_the_images(tmp_path):
    images = tmp_path / "images"
    shutil.copytree(copy_study(tmp_path / "s").image_folder, images)
    for path in list(images.iterdir()):
        path.rename(images / path.name.replace("p", "p0", 1))  # p00_f1.png
    study = create_study(tmp_path / "study", [images], StudyOptions(roi_px=20))
    summary = import_table(study, _table(tmp_path / "t.csv", [*_rows(study), *_rows(study, "B", 1, 5)]))
    assert summary.answers == {("A", 1): 8, ("B", 1): 8}
    assert summary.refused == ()
    table = study_answers(study).table
    assert table.exclusions == ()
    assert len(table.answers) == 16


MAP = {"image": "p{patient}_f{frame}"}


def test_a_table_with_other_columns_needs_a_mapping(study, tmp_path):
    header = "file;observer;lx;ly;kx;ky"
    rows = []
    for image in study.images:
        liver, kidney = spot(image)
        centers = [*liver.center, *kidney.center]
        rows.append(";".join(map(str, [image.path, "Mueller", *centers])))
    path = tmp_path / "t.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    with pytest.raises(InputError, match="lacks the column"):
        import_table(study, path)
    mapping = {"image": "{file}", "reader": "{observer}", "session": "2", "roi_px": "20", "origin": "center"}
    mapping |= {"liver_x": "{lx}", "liver_y": "{ly}", "kidney_x": "{kx}", "kidney_y": "{ky}"}
    assert import_table(study, path, mapping).answers == {("Mueller", 2): 8}
    by_image = {answer.image: answer for answer in study_answers(study).table.answers}
    liver, _ = spot(study.images[0])
    assert (by_image["0001"].liver_box.x, by_image["0001"].liver_box.y) == (liver.left, liver.top)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (0, "99", "no such image"),
        (4, "0", "outside"),
        (4, "-50", "outside"),
        (8, "28", "28 x 28 pixels, not 20 x 20"),
        (8, "20.5", "impossible"),
        (4, "left", "liver_x is not a number"),
        (4, "nan", "liver_x is not a number"),
        (4, "1e300", "impossible"),
        (9, "12.5", "states a liver brightness of 12.5"),
    ],
)
def test_a_bad_row_is_named_and_left_out_also_of_the_report(study, tmp_path, column, value, said):
    rows = _rows(study)
    rows[2][column] = value
    summary = import_table(study, _table(tmp_path / "t.csv", rows), MAP)
    assert summary.answers == {("A", 1): 7}
    assert len(summary.refused) == 1
    assert "line 4 of the table" in summary.refused[0]
    assert said in summary.refused[0]
    exclusion = _only_exclusion(study)
    assert exclusion.reader == "A"
    assert said in exclusion.reason


def test_the_name_of_a_file_that_was_not_taken_is_never_read_as_the_number_of_another_image(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for number, share in ((1, 1.0), (2, 0.0), (3, 0.9)):
        pixels = np.rint(share * phantom().image.pixels).astype(np.uint8)
        Image.fromarray(pixels).save(images / f"{number:04d}.png")
    study = create_study(tmp_path / "study", [images], StudyOptions(roi_px=20))
    assert [(image.id, image.path) for image in study.images] == [("0001", "0001.png"), ("0002", "0003.png")]
    liver, kidney = spot(study.images[0])
    ends = f"{liver.left},{liver.top},{kidney.left},{kidney.top},20"
    header = "image,reader,liver_x,liver_y,kidney_x,kidney_y,roi_px"
    rows = [[number, "A", ends] for number in ("0001", "0002", "0003")]
    summary = import_table(study, _table(tmp_path / "t.csv", rows, header))
    assert summary.answers == {("A", 1): 2}
    (refused,) = summary.refused
    assert "line 3" in refused and "may mean several images" in refused
    assert {answer.image for answer in study_answers(study).table.answers} == {"0001", "0002"}


def test_a_row_without_brightness_is_a_missing_answer(study, tmp_path):
    rows = _rows(study)
    rows[2][9] = ""
    summary = import_table(study, _table(tmp_path / "t.csv", rows), MAP)
    assert (summary.answers, summary.refused) == ({("A", 1): 7}, ())


def test_a_row_that_is_there_twice_counts_once_and_contradicting_ones_not_at_all(study, tmp_path):
    rows = _rows(study)
    other = list(rows[5])
    other[4] += 3
    other[9] = ""  # another place, its brightness not stated
    header = HEADER.replace(",liver_mean,kidney_mean", "")
    table = _table(tmp_path / "t.csv", [row[:9] for row in [*rows, rows[1], other]], header)
    summary = import_table(study, table, MAP)
    assert summary.answers == {("A", 1): 7}
    assert sum("given twice" in sentence for sentence in summary.refused) == 1
    assert sum("two different answers" in sentence for sentence in summary.refused) == 2
    assert "0006" not in {answer.image for answer in study_answers(study).table.answers}


def test_a_table_does_not_overwrite_answers_but_may_come_again(study, tmp_path):
    table = _table(tmp_path / "t.csv", _rows(study))
    import_table(study, table, MAP)
    assert import_table(study, table, MAP).answers == {("A", 1): 8}
    with pytest.raises(InputError, match="has answers in session 1 already"):
        import_table(study, _table(tmp_path / "u.csv", _rows(study, step=2)), MAP)


@pytest.mark.parametrize(
    ("rows", "header", "mapping", "said"),
    [
        ([], HEADER, MAP, "no row"),
        ([["0", "0", "Dr. A", 1, 1, 1, 1, 1, 20, 1, 1]], HEADER, MAP, "Line 2.*letters, digits"),
        ([["0", "0", "A", "first", 1, 1, 1, 1, 20, 1, 1]], HEADER, MAP, "whole numbers"),
        ([["0", "0", "A", "1000", 1, 1, 1, 1, 20, 1, 1]], HEADER, MAP, "1 to 99"),
        ([["A"]], "reader", {}, "lacks the column"),
        ([["A"]], "reader", {"colour": "{reader}"}, "no entry colour"),
        ([["A"]], "reader", {"origin": "middle"}, "corner or center"),
    ],
)
def test_an_unusable_table_or_mapping_is_one_sentence_and_writes_nothing(study, tmp_path, rows, header, mapping, said):
    with pytest.raises(InputError, match=said):
        import_table(study, _table(tmp_path / "t.csv", rows, header), mapping)
    assert list(study.sessions_folder.iterdir()) == []


def test_nobody_marks_on_in_a_session_that_came_from_a_table(study, tmp_path):
    import_table(study, _table(tmp_path / "t.csv", _rows(study)[:4]), MAP)
    before = session_path(study, "A", 1).read_bytes()
    with pytest.raises(InputError, match="came from a table"):
        ReadingSession.open(study, "A", 1)
    assert session_path(study, "A", 1).read_bytes() == before


def test_a_table_may_hold_the_algorithm_too(study, tmp_path):
    import_table(study, _table(tmp_path / "t.csv", _rows(study, "algorithm")), MAP)
    assert study_answers(study).table.has_algorithm


# Several sites


def test_files_of_another_site_come_in_and_longer_states_replace_shorter_ones(study, tmp_path):
    site = tmp_path / "site"
    shutil.copytree(study.folder, site / "study")
    shutil.copytree(study.image_folder, site / "images")
    there = open_study(site / "study")
    session = ReadingSession.open(there, "B", 1)
    read(session, 3)
    assert merge(study, [site / "study"]).taken == ("reader B, session 1",)
    read(session, 5)
    assert merge(study, [site / "study"]).taken == ("reader B, session 1",)
    assert merge(study, [session_path(there, "B", 1)]).known == ("reader B, session 1",)
    assert len(list(study.sessions_folder.iterdir())) == 1
    assert len(study_answers(study).table.answers) == 8


def test_two_states_of_one_session_that_contradict_each_other_exclude_what_differs(study, tmp_path):
    path = _read_all(study, "A")
    other = tmp_path / "other.jsonl"
    shutil.copy(path, other)
    image = _forge(other, lambda c: c.update(liver=[c["liver"][0] + 1, *c["liver"][1:]]))
    before = path.read_bytes()
    merge(study, [other])
    assert path.read_bytes() == before
    assert len(list(study.sessions_folder.iterdir())) == 2
    table = study_answers(study).table
    assert "two files of the session" in table.excluded[0]
    assert image not in {answer.image for answer in table.answers}
    assert len(table.answers) == 7
    assert any(exclusion.image == image for exclusion in table.exclusions)


def test_a_skip_in_two_files_of_a_session_counts_once_and_none_where_one_of_them_has_an_answer(study):
    reading = ReadingSession.open(study, "A", 1)
    reading.skip("poor image quality")
    read(reading, 7)
    path = session_path(study, "A", 1)
    copy = path.with_suffix(".2.jsonl")
    shutil.copy(path, copy)
    answers = study_answers(study)
    assert (len(answers.table.answers), len(answers.skipped), answers.table.exclusions) == (7, 1, ())
    given = next(r for r in read_journal(path).records if r["type"] == "answer")
    fields = {name: given[name] for name in ("type", "liver", "kidney", "liver_mean", "kidney_mean", "hri", "flags")}
    image = _forge(copy, lambda content: content.update(fields))
    answers = study_answers(study)
    assert (len(answers.table.answers), answers.skipped) == (7, ())
    assert [exclusion.image for exclusion in answers.table.exclusions] == [image]


def test_what_cannot_be_trusted_or_belongs_elsewhere_is_not_taken(study, tmp_path):
    other = make_study(tmp_path / "other", seed=3)
    path = _read_all(other, "B")
    (tmp_path / "bad.jsonl").write_text("nothing\n")
    summary = merge(study, [path, tmp_path / "bad.jsonl"])
    assert summary.taken == ()
    assert "another study" in summary.problems[0]
    assert "first line" in summary.problems[1]
    assert list(study.sessions_folder.iterdir()) == []
    with pytest.raises(InputError, match="no file of a session"):
        merge(study, [tmp_path / "other" / "images"])


# Out again


def test_the_exported_table_gives_the_same_agreement_as_the_study(study, tmp_path):
    for reader, step in (("A", 0), ("B", 4)):
        _read_all(study, reader, step)
    _tamper(session_path(study, "A", 1), 3, hri=2.0)
    answers = study_answers(study)
    assert export_answers(study, answers, tmp_path / "answers.csv") == 15
    again = read_answers(tmp_path / "answers.csv")
    for one, other in zip(analyze(answers.table, FAST), analyze(again, FAST), strict=True):
        assert one.icc.value == pytest.approx(other.icc.value, abs=1e-4)
        assert one.images == other.images
    with (tmp_path / "answers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted({row["status"] for row in rows}) == ["excluded", "ok"]
    assert "png" not in (tmp_path / "answers.csv").read_text()
    export_answers(study, answers, tmp_path / "named.csv", with_files=True)
    assert "p0_f0.png" in (tmp_path / "named.csv").read_text()


def test_the_report_and_a_table_name_everything_left_out(study, tmp_path):
    for reader, step in (("A", 0), ("B", 4)):
        _read_all(study, reader, step)
    image = _tamper(session_path(study, "B", 1), 2, kidney_mean=1.0)
    analyze_table(study_answers(study).table, tmp_path / "out", FAST)
    with (tmp_path / "out" / "excluded.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["image"], row["reader"], row["session"]) == (image, "B", "1")
    assert f"Image {image}, reader B, session 1" in (tmp_path / "out" / "report.html").read_text()


def test_pixels_that_are_not_square_give_boxes_in_pixel_widths(study):
    image = replace(study.images[0], calibration=Calibration(SpacingSource.USER, 0.5, 0.25))
    answer = table_answer(image, Reading("0001", Roi(10, 40, 20, 40), Roi(0, 0, 20, 40), 60.0, 50.0, 1.2), "A", "1")
    assert answer.liver_box == Box(10, 20, 20, 20)


@pytest.mark.skipif(not REAL.is_dir(), reason="the validation data folder is not here")
def test_the_real_readers_table_comes_into_a_study_of_the_real_images(tmp_path):
    """Five patients: every ROI lies in the found sector, and the images give the brightness that the table states."""
    wanted = {"1", "3", "4", "5", "7"}
    files = sorted(path for path in (REAL / "images").iterdir() if str(int(path.name[1:3])) in wanted)
    patients = Patients(pattern=re.compile(r"(p\d+)_"))
    study = create_study(tmp_path / "study", files, StudyOptions(roi_px=28), patients)
    lines = (REAL / "reader_rois.csv").read_text().splitlines()
    rows = [line for line in lines if line.split(",")[0] in wanted]
    table = tmp_path / "readers.csv"
    table.write_text("\n".join([lines[0], *rows]) + "\n")
    summary = import_table(study, table)
    assert summary.refused == ()
    assert sum(summary.answers.values()) == len(rows)
    ours, theirs = study_answers(study).table, read_answers(table)
    assert ours.exclusions == ()
    assert len(set(ours.patients())) == len(wanted)
    for reader, session in (("A", "1"), ("B", "1"), ("C", "1"), ("C", "2")):
        here = np.sort(ours.values(reader, session, "hri"))
        there = np.sort(theirs.values(reader, session, "hri"))
        assert np.allclose(here, there, atol=2e-5, equal_nan=True)
