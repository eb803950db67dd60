"""Files of answers show every change: what is changed, taken out, put in or repeated, and what follows from it."""

from __future__ import annotations

import json
from contextlib import suppress

import numpy as np
import pytest
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.study.journal import JournalWriter, chained, checksum, line_of, read_journal


def _answer(image: str, value: float = 1.0, revises: int | None = None) -> dict:
    return {"type": "answer", "image": image, "hri": value, "revises": revises}


@pytest.fixture
def path(tmp_path):
    """Images a to e answered (records 1 to 5), b revised (record 6), f answered (7)."""
    path = tmp_path / "reader-A_session-01.jsonl"
    writer = JournalWriter.create(path)
    writer.append({"type": "session"}, 0)
    for number, image in enumerate("abcde", 1):
        writer.append(_answer(image), number)
    writer.append(_answer("b", 2.0, revises=2), 5)
    writer.append(_answer("f"), 6)
    return path


def _lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _write(path, records) -> None:
    path.write_bytes(b"".join(line_of(record) for record in records))


def _trusted(journal) -> set[str]:
    return set(journal.last_word) - set(journal.distrusted)


def test_an_untouched_file_is_trusted_and_the_last_word_counts(path):
    journal = read_journal(path)
    assert (journal.problems, journal.distrusted, journal.torn) == ((), {}, 0)
    assert _trusted(journal) == set("abcdef")
    assert journal.last_word["b"]["hri"] == 2.0
    assert journal.fingerprint == _lines(path)[-1]["sha256"]


@pytest.mark.parametrize("number", [1, 3, 5, 7])
def test_a_changed_answer_is_named_and_only_it_is_distrusted(path, number):
    records = _lines(path)
    records[number]["hri"] = 1.5
    _write(path, records)
    journal = read_journal(path)
    image = records[number]["image"]
    assert _trusted(journal) == set("abcdef") - {image}
    assert [problem.image for problem in journal.problems] == [image]
    assert f"Record {number} (image {image}) was changed" in journal.problems[0].sentence


def test_a_changed_answer_with_its_checksum_computed_anew_is_found_by_the_record_after_it(path):
    records = _lines(path)
    records[3]["hri"] = 1.5
    records[3]["sha256"] = checksum(records[3])
    _write(path, records)
    journal = read_journal(path)
    assert _trusted(journal) == set("abdef")
    assert "Record 3 (image c)" in journal.problems[0].sentence


def test_a_changed_revision_does_not_bring_the_earlier_answer_back(path):
    records = _lines(path)
    records[6]["hri"] = 1.5
    _write(path, records)
    assert "b" not in _trusted(read_journal(path))


def test_a_revision_that_was_taken_out_makes_everything_before_it_doubtful(path):
    """Which image it revised is not known any more, so no earlier answer can be taken as the last word."""
    records = _lines(path)
    _write(path, records[:6] + records[7:])
    journal = read_journal(path)
    assert _trusted(journal) == {"f"}
    assert "Record 6 is missing" in journal.problems[0].sentence
    assert "taken out" in journal.distrusted["a"]


def test_a_first_answer_that_was_taken_out_leaves_the_others_alone(path):
    records = _lines(path)
    _write(path, records[:3] + records[5:])
    journal = read_journal(path)
    assert _trusted(journal) == set("abef")
    assert "Records 3 to 4 are missing" in journal.problems[0].sentence


def test_an_answer_that_was_put_in_does_not_count(path):
    records = _lines(path)
    forged = chained(records[2], _answer("x"), 3)
    _write(path, [*records[:3], forged, *records[3:]])
    journal = read_journal(path)
    assert journal.problems
    assert _trusted(journal) == set("abdef")  # two records claim the same place: neither counts


def test_a_forged_revision_of_a_known_image_does_not_count(path):
    records = _lines(path)
    forged = chained(records[4], _answer("a", 9.0, revises=1), 4)
    _write(path, [*records[:5], forged, *records[5:]])
    journal = read_journal(path)
    assert journal.last_word.get("a", {}).get("hri") != 9.0 or "a" in journal.distrusted
    assert any(problem.image == "a" for problem in journal.problems)


def test_a_line_that_is_there_twice_counts_once(path):
    records = _lines(path)
    _write(path, [*records[:4], records[3], *records[4:]])
    journal = read_journal(path)
    assert _trusted(journal) == set("abcdef")
    assert "twice" in journal.problems[0].sentence


def test_lines_that_changed_places_are_told(path):
    records = _lines(path)
    records[3], records[4] = records[4], records[3]
    _write(path, records)
    journal = read_journal(path)
    assert [problem.image for problem in journal.problems] == [None, "c"]
    assert _trusted(journal) == set("abdef")


def test_a_line_of_garbage_between_whole_records_harms_nothing(path):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:4], b"garbage\n", *lines[4:]]))
    journal = read_journal(path)
    assert _trusted(journal) == set("abcdef")
    assert len(journal.problems) == 1


def test_a_record_turned_into_garbage_is_a_missing_first_answer(path):
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4] = b"garbage\n"
    path.write_bytes(b"".join(lines))
    journal = read_journal(path)
    assert _trusted(journal) == set("abcef")


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"{}\n", b"[1]\n", b"not json\n", b'{"n":0,"type":"session"}\n', b"\xff\xfe\x00\n", b"[" * 100_000],
)
def test_a_file_without_a_sound_first_line_is_refused_with_a_sentence(tmp_path, content):
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match="first line"):
        read_journal(path)


def test_a_changed_first_line_makes_the_whole_file_untrusted(path):
    records = _lines(path)
    records[0]["reader"] = "B"
    records[0]["sha256"] = checksum(records[0])
    _write(path, records)
    with pytest.raises(InputError, match="first line"):
        read_journal(path)


def test_line_ends_of_another_system_change_nothing(path):
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_journal(path).problems == ()


def test_records_that_are_no_answers_of_this_format_are_never_trusted(path):
    records = _lines(path)
    odd = [{"type": "answer"}, {"type": 3}, {"type": "answer", "image": ["a"]}, {"n": "8"}]
    for content in odd:
        _write(path, [*records, chained(records[-1], {"type": "note", **content}, 6)])
        journal = read_journal(path)
        assert _trusted(journal) <= set("abcdef")


@pytest.mark.parametrize("seed", range(150))
def test_whatever_is_done_to_the_lines_no_other_answer_is_trusted(path, seed):
    """Bytes flipped; lines taken out, repeated, moved; or one forged and put in: nothing false comes through.

    The last line stays: that lines are missing at the end cannot show in the file itself. Nor can a file that was
    forged from some line to its end.
    """
    rng = np.random.default_rng(seed)
    true = read_journal(path).last_word
    lines = path.read_bytes().splitlines(keepends=True)
    for kind in [5] if rng.random() < 0.2 else rng.integers(0, 5, rng.integers(1, 4)):
        at = int(rng.integers(0, len(lines) - 1))
        if kind == 0:
            text = bytearray(lines[at])
            text[rng.integers(0, len(text))] ^= 1 << int(rng.integers(0, 8))
            lines[at] = bytes(text)
        elif kind == 1 and len(lines) > 2:
            del lines[at]
        elif kind == 2:
            lines.insert(int(rng.integers(0, len(lines) - 1)), lines[at])
        elif kind == 3:
            other = int(rng.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == 4:
            lines[at] = lines[at].replace(b'"hri":', b'"hri":1')
        else:
            with suppress(ValueError, KeyError, TypeError):
                before = json.loads(lines[at])
                forged = chained(before, _answer(str(rng.choice(list("abcdefx"))), 7.0), int(rng.integers(0, 8)))
                lines.insert(at + 1, line_of(forged))
    path.write_bytes(b"".join(lines))
    try:
        journal = read_journal(path)
    except InputError:
        return
    for image in _trusted(journal):
        assert journal.last_word[image]["hri"] == true[image]["hri"]


def test_not_a_number_in_a_record_is_no_crash(path):
    text = path.read_text().replace('"hri":2.0', '"hri":NaN')
    path.write_text(text)
    assert "b" not in _trusted(read_journal(path))
