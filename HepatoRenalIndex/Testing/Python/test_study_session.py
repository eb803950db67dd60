"""A reading session: order, answers on the disk, back, skip, resume after a crash, interval between sessions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.imaging.reader import open_ultrasound
from HepatoRenalIndexLib.measurement.roi import Roi
from HepatoRenalIndexLib.study.definition import ChangedImageError, open_study
from HepatoRenalIndexLib.study.files import presentation_order, read_session, session_path
from HepatoRenalIndexLib.study.journal import read_journal
from HepatoRenalIndexLib.study.session import IntervalError, ReadingSession
from PIL import Image
from study_case import make_study, read, spot

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """One study for the tests that only read it or use readers of their own."""
    return make_study(tmp_path_factory.mktemp("study"))


def test_the_order_is_random_reproducible_and_differs_per_reader_and_session(base):
    def order(reader, session):
        return [image.id for image in presentation_order(base, reader, session)]

    everything = sorted(image.id for image in base.images)
    orders = [order("A", 1), order("A", 2), order("B", 1), order("B", 2)]
    assert order("A", 1) == orders[0]
    assert all(sorted(one) == everything for one in orders)
    assert len({tuple(one) for one in [*orders, everything]}) == 5


def test_the_order_depends_on_the_seed_and_is_the_same_on_every_computer(base, tmp_path):
    other = make_study(tmp_path, seed=7)
    assert [i.id for i in presentation_order(base, "A", 1)] != [i.id for i in presentation_order(other, "A", 1)]
    # Written down once: a change would break every study that is being read.
    expected = ["0004", "0008", "0002", "0003", "0001", "0006", "0007", "0005"]
    assert [i.id for i in presentation_order(base, "A", 1)] == expected


def test_every_image_takes_every_place_about_equally_often(base):
    places = np.array([[i.id for i in presentation_order(base, f"R{n}", 1)].index("0001") for n in range(400)])
    counts = np.bincount(places, minlength=8)
    assert counts.min() > 25  # 50 expected, SD 6.6
    assert counts.max() < 75


def test_the_reader_sees_the_sector_only_and_a_neutral_name(base):
    session = ReadingSession.open(base, "seer", 1)
    shown = session.show()
    with open_ultrasound(base.image_folder / session.image.path) as file:
        source = file.frame(0).pixels
    assert shown.name == "image 1 of 8"
    assert (shown.pixels[~shown.sector] == 0).all()
    assert (shown.pixels[shown.sector] == source[shown.sector]).all()
    assert session.image.path.split("_")[0] not in shown.name


def test_an_answer_is_measured_with_the_projects_own_code_on_the_source_pixels(base):
    session = ReadingSession.open(base, "measurer", 1)
    liver, kidney = spot(session.image)
    pixels = base.load(session.image).pixels
    expected = pixels[liver.slices].mean(), pixels[kidney.slices].mean()
    reading = session.answer(liver, kidney)
    assert (reading.liver_mean, reading.kidney_mean) == expected
    assert reading.hri == expected[0] / expected[1]
    assert session.progress == "image 2 of 8"


def test_every_answer_is_on_the_disk_before_the_call_returns(base):
    session = ReadingSession.open(base, "writer", 1)
    path = session_path(base, "writer", 1)
    for number in range(1, 4):
        read(session, 1)
        assert len(read_journal(path).last_word) == number


def test_a_session_opened_again_goes_on_at_the_same_image(base):
    session = ReadingSession.open(base, "resumer", 1)
    read(session, 3)
    again = ReadingSession.open(base, "resumer", 1)
    assert (again.progress, again.done, again.image) == ("image 4 of 8", 3, session.image)
    assert again.order == session.order


def test_going_back_revises_and_keeps_the_earlier_answer_in_the_file(base):
    session = ReadingSession.open(base, "reviser", 1)
    read(session, 3)
    assert session.back()
    earlier = session.reading()
    image = session.image
    session.answer(*spot(image, step=6))
    assert session.progress == "image 4 of 8"
    assert session.reading(image).liver != earlier.liver
    journal = read_journal(session_path(base, "reviser", 1))
    said = [record for record in journal.records if record.get("image") == image.id]
    assert [record["revises"] for record in said] == [None, said[0]["n"]]
    assert journal.last_word[image.id] == said[1]


def test_a_skip_needs_a_reason_and_can_be_taken_back(base):
    session = ReadingSession.open(base, "skipper", 1)
    with pytest.raises(InputError, match="why"):
        session.skip("  \n")
    image = session.image
    session.skip("no kidney\nin the image")
    assert session.reading(image).reason == "no kidney in the image"
    session.back()
    session.answer(*spot(image))
    assert not session.reading(image).skipped
    assert session.done == 1


def test_one_cannot_run_ahead_of_the_first_open_image(base):
    session = ReadingSession.open(base, "runner", 1)
    assert not session.back()
    assert not session.forward()
    assert not session.go_to(3)
    read(session, 2)
    assert session.go_to(0)
    assert session.forward()
    assert session.forward()
    assert not session.forward()
    assert session.progress == "image 3 of 8"


def test_a_finished_session_says_so_and_its_file_ends(base):
    session = ReadingSession.open(base, "finisher", 1)
    read(session, 8)
    assert session.finished
    assert session.position == 7
    kinds = [record["type"] for record in read_journal(session_path(base, "finisher", 1)).records]
    assert kinds == ["session", *["answer"] * 8, "end"]
    session.go_to(2)
    session.answer(*spot(session.image, step=4))
    assert read_journal(session_path(base, "finisher", 1)).problems == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda roi: Roi(roi.left, roi.top, roi.width - 1, roi.height), "19 x 20 pixels, not 20 x 20"),
        (lambda roi: Roi(0, 0, roi.width, roi.height), "outside the insonated area"),
        (lambda roi: Roi(-5, roi.top, roi.width, roi.height), "outside the image"),
    ],
    ids=["wrong size", "outside the sector", "outside the image"],
)
def test_an_impossible_roi_is_refused_and_nothing_is_stored(base, change, said):
    session = ReadingSession.open(base, "careless", 1)
    liver, kidney = spot(session.image)
    with pytest.raises(InputError, match=said):
        session.answer(change(liver), kidney)
    with pytest.raises(InputError, match=said):
        session.answer(liver, change(kidney))
    assert session.done == 0
    assert len(read_journal(session_path(base, "careless", 1)).records) == 1


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", "Jürgen", "x" * 33, "-a", "a.b", "con:1", "a\n"])
def test_a_name_that_could_be_a_path_or_a_person_is_no_reader(base, name):
    with pytest.raises(InputError, match="letters, digits"):
        ReadingSession.open(base, name, 1)


@pytest.mark.parametrize("session", [0, -1, 100, True, "1"])
def test_a_session_has_a_small_whole_number(base, session):
    with pytest.raises(InputError, match="1 to 99"):
        ReadingSession.open(base, "numbered", session)


def test_the_name_of_the_algorithm_is_no_readers(base):
    with pytest.raises(InputError, match="automatic"):
        ReadingSession.open(base, "Algorithm", 1)


def test_names_that_differ_by_case_only_are_refused(base):
    ReadingSession.open(base, "Case", 1)
    with pytest.raises(InputError, match="differ by more than case"):
        ReadingSession.open(base, "case", 2)


def test_a_second_session_must_wait_or_say_why_it_does_not(tmp_path):
    study = make_study(tmp_path, count=2)
    read(ReadingSession.open(study, "A", 1), 2)
    end = read_session(study, session_path(study, "A", 1)).last_time
    for days in (0, 27.9):
        with pytest.raises(IntervalError, match="28 days") as told:
            ReadingSession.open(study, "A", 2, clock=lambda d=days: end + timedelta(days=d))
        assert told.value.allowed_from == end + timedelta(days=28)
    assert not session_path(study, "A", 2).exists()
    ReadingSession.open(study, "A", 2, clock=lambda: end + timedelta(days=28.1))
    assert read_journal(session_path(study, "A", 2)).header["days_since_last_session"] == pytest.approx(28.1, abs=0.01)


def test_the_reason_for_a_short_interval_is_stored(tmp_path):
    study = make_study(tmp_path, count=2)
    read(ReadingSession.open(study, "A", 1), 2)
    with pytest.raises(IntervalError):
        ReadingSession.open(study, "A", 2, override="   ")
    ReadingSession.open(study, "A", 2, override="reader leaves the hospital")
    assert read_journal(session_path(study, "A", 2)).header["override"] == "reader leaves the hospital"
    ReadingSession.open(study, "B", 1)  # another reader need not wait


def test_a_session_waits_for_the_end_of_the_one_before(tmp_path):
    study = make_study(tmp_path, count=2)
    read(ReadingSession.open(study, "A", 1), 1)
    with pytest.raises(IntervalError, match="not finished"):
        ReadingSession.open(study, "A", 2, clock=lambda: datetime.now(UTC) + timedelta(days=100))


def test_times_are_utc(base):
    session = ReadingSession.open(base, "timed", 1)
    read(session, 1)
    record = read_journal(session_path(base, "timed", 1)).records[-1]
    moment = datetime.fromisoformat(record["time"])
    assert record["time"].endswith("Z")
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)


def test_a_changed_image_is_not_shown(tmp_path):
    study = make_study(tmp_path, count=2)
    session = ReadingSession.open(study, "A", 1)
    path = study.image_folder / session.image.path
    pixels = np.array(Image.open(path))
    pixels[150, 200] ^= 1
    Image.fromarray(pixels).save(path)
    with pytest.raises(ChangedImageError, match=session.image.id):
        session.show()
    with pytest.raises(InputError):
        session.answer(*spot(session.image))
    session.skip("the image was changed")  # the session can go on
    assert session.show().name == "image 2 of 2"


def test_a_session_open_twice_does_not_mix_its_answers(base):
    first = ReadingSession.open(base, "twice", 1)
    second = ReadingSession.open(base, "twice", 1)
    read(first, 1)
    with pytest.raises(InputError, match="another window"):
        read(second, 1)
    read(first, 1)
    assert read_journal(session_path(base, "twice", 1)).problems == ()


def test_a_full_disk_leaves_no_half_line_and_the_same_image(base, monkeypatch):
    session = ReadingSession.open(base, "full", 1)
    read(session, 1)
    before = session_path(base, "full", 1).read_bytes()

    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(InputError, match="No space left"):
            read(session, 1)
    assert session_path(base, "full", 1).read_bytes() == before
    assert session.progress == "image 2 of 8"
    read(session, 1)
    assert session.done == 2


READER = """
import sys
sys.path[:0] = [{library!r}, {here!r}]
from study_case import spot
from HepatoRenalIndexLib.study.definition import open_study
from HepatoRenalIndexLib.study.session import ReadingSession
session = ReadingSession.open(open_study({study!r}), "A", 1)
while not session.finished:
    session.show()
    print("SHOWN", session.position, flush=True)
    session.answer(*spot(session.image))
print("FINISHED", flush=True)
"""


def _reader_process(study) -> subprocess.Popen:
    program = READER.format(library=str(HERE.parents[1]), here=str(HERE), study=str(study.folder))
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)


def test_a_process_that_is_killed_again_and_again_loses_no_answer(tmp_path):
    """SIGKILL at different moments; every image that was followed by another one must be on the disk."""
    study = make_study(tmp_path, count=16)
    path = session_path(study, "A", 1)
    kept: dict[str, dict] = {}
    killed = 0
    for round_number in range(4):
        process = _reader_process(study)
        shown = -1
        for line in process.stdout:
            if line.startswith("FINISHED"):
                break
            shown = int(line.split()[1])
            if shown >= 3 * (round_number + 1) and killed == round_number:
                time.sleep(0.0007 * (round_number % 6))  # before, in, and after the writing of the answer
                process.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
                killed += 1
        process.wait()
        journal = read_journal(path)
        order = presentation_order(study, "A", 1)
        assert {image.id for image in order[:shown]} <= set(journal.last_word)  # all that came before what was shown
        assert all(journal.last_word[image] == record for image, record in kept.items())
        kept = dict(journal.last_word)
        if process.returncode == 0:
            break
    assert killed >= 3
    session = ReadingSession.open(open_study(study.folder), "A", 1)
    read(session, session.count - session.done)
    journal = read_journal(path)
    assert journal.distrusted == {}
    assert len(journal.last_word) == 16
    assert session.finished


@pytest.mark.parametrize("cut", [1, 7, 200])
def test_a_line_torn_by_a_loss_of_power_is_removed_with_a_note_and_the_image_comes_again(base, cut):
    reader = f"torn{cut}"
    session = ReadingSession.open(base, reader, 1)
    read(session, 3)
    path = session_path(base, reader, 1)
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(read_journal(path).last_word) == 2
    again = ReadingSession.open(base, reader, 1)
    assert again.progress == "image 3 of 8"
    journal = read_journal(path)
    assert journal.records[-1]["type"] == "note"
    assert "incomplete last line" in journal.records[-1]["text"]
    assert (journal.problems, journal.torn) == ((), 0)
    read(again, 6)
    assert again.finished


@pytest.mark.parametrize("left", [b"", b'{"n":0,"type":"sess', b"\0" * 300])
def test_a_crash_while_the_session_began_does_not_lock_it(base, left):
    reader = f"begun{len(left)}"
    base.sessions_folder.mkdir(exist_ok=True)
    path = session_path(base, reader, 1)
    path.write_bytes(left)
    session = ReadingSession.open(base, reader, 1)
    read(session, 1)
    assert read_journal(path).problems == ()
    assert ReadingSession.open(base, reader, 1).done == 1


def test_a_crash_before_the_end_was_written_ends_the_session_when_it_is_opened_again(base):
    session = ReadingSession.open(base, "ended", 1)
    read(session, 8)
    path = session_path(base, "ended", 1)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert ReadingSession.open(base, "ended", 1).finished
    assert read_journal(path).records[-1]["type"] == "end"


def test_an_image_whose_answer_was_changed_is_shown_again(base):
    session = ReadingSession.open(base, "again", 1)
    read(session, 4)
    path = session_path(base, "again", 1)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"hri":', b'"hri":1')
    path.write_bytes(b"".join(lines))
    again = ReadingSession.open(base, "again", 1)
    assert (again.progress, again.done) == ("image 2 of 8", 3)
    read(again, 1)
    assert again.progress == "image 5 of 8"
    assert read_journal(path).distrusted == {}


def test_zeros_that_a_crash_leaves_at_the_end_of_the_file_are_removed(base):
    session = ReadingSession.open(base, "zeros", 1)
    read(session, 2)
    path = session_path(base, "zeros", 1)
    path.write_bytes(path.read_bytes() + b"\0" * 512)
    again = ReadingSession.open(base, "zeros", 1)
    assert again.progress == "image 3 of 8"
    assert read_journal(path).problems == ()
