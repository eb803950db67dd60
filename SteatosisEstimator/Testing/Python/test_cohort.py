"""Cohorts from CSV: what spreadsheets write is read, what is wrong is named by its line."""

from __future__ import annotations

import numpy as np
import pytest
from SteatosisEstimatorLib.cohort.cohort import Cohort, CohortError, CohortImage, Subject, joined
from SteatosisEstimatorLib.cohort.reading import parse_reference, read_cohort
from SteatosisEstimatorLib.cohort.vocabulary import ReferenceKind, View

HEADER = "subject,view,path,fat_percent,scanner,fold\n"


@pytest.fixture
def write(tmp_path):
    """Writes a table beside images named a.png to f.png; returns its path."""

    def _write(text: str | bytes):
        for name in "abcdef":
            (tmp_path / f"{name}.png").write_bytes(b"")
        path = tmp_path / "cohort.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return path

    return _write


def problems_of(path) -> list[str]:
    return [str(problem) for problem in read_cohort(path).problems]


def test_rows_of_a_subject_are_put_together_in_the_order_of_the_file(write):
    cohort = read_cohort(
        write(
            "# reference: MRI-PDFF\n"
            + HEADER
            + "p2,kidney-liver,b.png,7.5,GE,1\np1,liver,a.png,3,,\np2,liver,c.png,,,\n"
        )
    )
    assert cohort.names == ("p2", "p1")
    assert cohort.reference is ReferenceKind.MRI_PDFF
    assert cohort.subjects[0].views == (View.LIVER, View.KIDNEY_LIVER)
    assert cohort.subjects[0].fat_percent == 7.5 and cohort.subjects[0].fold == 1
    assert [image.line for image in cohort.subjects[0].images] == [3, 5]
    assert list(cohort.scanners()) == ["GE", ""]
    assert not cohort.simulated


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheets_write_is_read(write, delimiter, mark, ends):
    rows = [
        ["# reference: biopsy"],
        ["Subject", "View", "Path", "Fat_percent"],
        ["p1", "Liver_Kidney", "a.png", "12.5%"],
    ]
    text = ends.join(delimiter.join(row) for row in rows) + ends
    cohort = read_cohort(write(mark + text.encode()))
    assert cohort.problems == () and cohort.reference is ReferenceKind.BIOPSY
    assert cohort.subjects[0].fat_percent == 12.5 and cohort.subjects[0].views == (View.LIVER_KIDNEY,)


def test_a_decimal_comma_in_a_table_with_semicolons_is_a_decimal_comma(write):
    cohort = read_cohort(write("subject;view;path;fat_percent\np1;liver;a.png;12,5\np2;liver;b.png;3,25\n"))
    assert list(cohort.fat_percent()) == [12.5, 3.25]


def test_remarks_with_quotes_commas_and_semicolons_do_not_disturb(write):
    remarks = '# the "first, table; of many\n#reference = 1H-MRS, ;\n# Simulated by us\n'
    cohort = read_cohort(
        write(remarks + HEADER + 'p1,liver,a.png,3,,\n# p9 was left out, "he moved\n\np2,liver,b.png,4,,\n')
    )
    assert cohort.problems == () and len(cohort) == 2
    assert cohort.reference is ReferenceKind.H_MRS and cohort.simulated
    assert cohort.subjects[1].images[0].line == 8


def test_a_remark_in_quotes_does_not_decide_the_separator(write):
    cohort = read_cohort(
        write('"# of 3 clinics, 40 patients, 1 scanner"\nsubject;view;path;fat_percent\np1;liver;a.png;3\n')
    )
    assert len(cohort) == 1


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("p1,liver,missing.png,3,,", "Line 3: The file missing.png does not exist"),
        ("p1,spleen,b.png,3,,", "Line 3: The view 'spleen' is not known; it is one of liver, kidney-liver"),
        ("p1,liver,,3,,", "Line 3: The row has no path"),
        (",liver,b.png,3,,", "Line 3: The row names no subject"),
        ("p1,liver,b.png,many,,", "Line 3: The fat_percent 'many' is not a number"),
        ("p1,liver,b.png,140,,", "Line 3: The fat_percent 140 is not between 0 and 100"),
        ("p1,liver,b.png,inf,,", "Line 3: The fat_percent inf is not between 0 and 100"),
        ("p1,liver,b.png,3,,two", "Line 3: The fold 'two' is not a whole number"),
        ("p1,liver,a.png,3,,", "Line 3: a.png is in line 2 already"),
        ("p0,liver,b.png,4,,", "Line 3: subject p0 has two values of fat_percent: 3.0 in line 2 and 4.0 here"),
        ("p0,liver,b.png,3,,2", "Line 3: subject p0 is in two folds: 1 in line 2 and 2 here"),
        ("p0,liver,b.png,3,Philips,1", "Line 3: subject p0 is on two scanners: GE in line 2 and Philips here"),
    ],
)
def test_a_bad_row_is_named_by_its_line(write, row, words):
    found = problems_of(write(HEADER + "p0,liver,a.png,3,GE,1\n" + row + "\n"))
    assert len(found) == 1 and found[0].startswith(words)


def test_a_subject_with_a_bad_row_is_left_out_whole_and_the_others_stay(write):
    cohort = read_cohort(write(HEADER + "p1,liver,a.png,3,,\np1,kidney-liver,no.png,3,,\np2,liver,b.png,4,,\n"))
    assert cohort.names == ("p2",)
    assert [problem.subject for problem in cohort.problems] == ["p1"]
    with pytest.raises(CohortError, match=r"Line 3: The file no\.png does not exist"):
        cohort.require_labels()


def test_a_subject_without_reference_is_named_when_labels_are_needed(write):
    cohort = read_cohort(write(HEADER + "p1,liver,a.png,3,,\np2,liver,b.png,NA,,\n"))
    assert np.isnan(cohort.fat_percent()[1])
    with pytest.raises(CohortError, match="Line 3: subject p2 has no fat_percent"):
        cohort.require_labels()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has no column subject, view, path"),
        (b"name,file\nx,a.png\n", "has no column subject, view, path"),
        (b"subject,view,path\n", "has no row below its header"),
        (b"subject,view,path,path\np1,liver,a.png,b.png\n", "has the column path twice"),
        (b"\x89PNG\r\n\x1a\n\x00\xff\xfe", "is not a text file in UTF-8"),
        ("subject,view,path\np1,liver,ä.png\n".encode("latin-1"), "is not a text file in UTF-8"),
        (b"# reference: by eye\nsubject,view,path\np1,liver,a.png\n", "The reference 'by eye' is not known"),
    ],
)
def test_a_file_that_is_no_cohort_is_one_sentence(write, content, words):
    with pytest.raises(CohortError, match=words):
        read_cohort(write(content))


def test_a_missing_table_is_one_sentence_without_its_folder(tmp_path):
    with pytest.raises(CohortError) as caught:
        read_cohort(tmp_path / "none.csv")
    assert "cannot be read" in str(caught.value) and str(tmp_path) not in str(caught.value)


def test_the_name_of_a_file_with_a_full_path_is_its_last_part_only(write, tmp_path):
    write("")
    cohort = read_cohort(write(HEADER + f"p1,liver,{tmp_path / 'a.png'},3,,\n"))
    assert cohort.subjects[0].images[0].source == "a.png"


def test_names_that_would_break_a_file_or_a_terminal_are_refused(write):
    found = problems_of(write(HEADER + '"p\x1b[2J",liver,a.png,3,,\n' + "x" * 300 + ",liver,b.png,3,,\n"))
    assert len(found) == 2 and all("control characters" in sentence for sentence in found)


def test_a_contradicting_reference_is_refused_and_an_unstated_one_taken(write):
    path = write("# reference: biopsy\n" + HEADER + "p1,liver,a.png,3,,\n")
    with pytest.raises(CohortError, match="states the reference biopsy, not H-MRS"):
        read_cohort(path, ReferenceKind.H_MRS)
    unstated = write(HEADER + "p1,liver,a.png,3,,\n")
    assert read_cohort(unstated).reference is ReferenceKind.NOT_STATED
    assert read_cohort(unstated, ReferenceKind.H_MRS).reference is ReferenceKind.H_MRS


@pytest.mark.parametrize(("text", "kind"), [("mri pdff", "MRI-PDFF"), ("1H-MRS", "H-MRS"), ("Histology", "biopsy")])
def test_reference_methods_are_known_by_their_usual_names(text, kind):
    assert parse_reference(text).value == kind


def test_clips_can_be_thinned_and_subjects_chosen():
    image = CohortImage(View.AR, None, "clip.dcm")
    cohort = Cohort((Subject("a", (image,), 1.0), Subject("b", (image,), 2.0)))
    assert cohort.take([1]).names == ("b",)
    assert cohort.with_most_frames(4).subjects[0].images[0].most_frames == 4


def test_many_problems_are_told_in_part():
    assert joined([f"{i}." for i in range(12)]).endswith("9. And 2 more problems.")


def test_paths_of_a_table_written_on_windows_are_found(write):
    path = write("subject,view,path\np1,liver,pictures\\a.png\n")
    (path.parent / "pictures").mkdir()
    (path.parent / "pictures" / "a.png").write_bytes(b"")
    cohort = read_cohort(path)
    assert cohort.problems == () and cohort.subjects[0].images[0].path.is_file()
    assert cohort.subjects[0].images[0].source == "pictures/a.png"
