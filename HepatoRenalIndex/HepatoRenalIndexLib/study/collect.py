"""All answers of a study as one table: what can be trusted, and by name what cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import numpy as np

from ..agreement.answers import Answer, AnswerTable, Box, Exclusion, table_of
from ..imaging.image import InputError, UltrasoundImage
from ..measurement.roi import Roi
from .definition import ChangedImageError, ReaderStudy, StudyImage
from .files import IMPORTED, MARKED, SessionFile, parse_time, session_files
from .journal import ANSWER, NOTE, REFUSED, SKIP, Record
from .reading import Reading, check_rois, reading_of

SAME_MEAN = 1e-6  # gray levels; a mean computed again from the same pixels is the same number

Progress = Callable[[float, int, str], None]


@dataclass(frozen=True)
class SkippedImage:
    """A reader did not measure an image, and why."""

    image: str
    reader: str
    session: str
    reason: str
    time: str


@dataclass(frozen=True)
class SessionStatus:
    """How far a reader is in a session; see :attr:`Journal.fingerprint`."""

    reader: str
    session: int
    how: str
    answered: int
    skipped: int
    images: int
    fingerprint: str
    excluded: int

    @property
    def finished(self) -> bool:
        return self.answered + self.skipped >= self.images


@dataclass(frozen=True)
class StudyAnswers:
    """``times`` has the moment of every answer of the table by image, reader and session (UTC, empty if unknown)."""

    table: AnswerTable
    skipped: tuple[SkippedImage, ...]
    sessions: tuple[SessionStatus, ...]
    times: dict[tuple[str, str, str], str]


def study_answers(study: ReaderStudy, progress: Progress | None = None) -> StudyAnswers:
    """Collect the answers of all readers and sessions, each held against the study and the pixels of its image.

    An answer is left out, and named, if its record was changed, its image is unknown or has other pixels now, its ROI
    has another size or lies outside the insonated area, its brightness is not that of its ROIs, or two files of one
    session contradict each other. Images that are not there cannot be held against; a remark says so.
    """
    files, problems = session_files(study)
    collected = _Collected(study)
    collected.exclusions += [Exclusion(problem.sentence) for problem in problems]
    for file in files:
        collected.add(file)
    collected.settle_copies()
    collected.check_images(progress)
    sessions = tuple(_status(study, file, collected.exclusions) for file in files)
    remarks = (*_remarks(study, files, sessions), *collected.remarks)
    asked = {image.id: image.patient for image in study.images}
    table = table_of((item.answer for item in collected.items), collected.exclusions, remarks, asked)
    return StudyAnswers(table, tuple(collected.skipped), sessions, collected.times)


@dataclass(frozen=True)
class _Item:
    answer: Answer
    reading: Reading


class _Collected:
    def __init__(self, study: ReaderStudy):
        self._study = study
        self._images = {image.id: image for image in study.images}
        self.items: list[_Item] = []
        self.exclusions: list[Exclusion] = []
        self.skipped: list[SkippedImage] = []
        self.remarks: list[str] = []
        self.times: dict[tuple[str, str, str], str] = {}

    def add(self, file: SessionFile) -> None:
        """What one file says."""
        names = file.reader, str(file.session)
        journal = file.journal
        told = {problem.image for problem in journal.problems}
        for problem in journal.problems:
            reason = problem.sentence if problem.image else f"{file.label}: {problem.sentence}"
            self._exclude(reason, problem.image or "", names if problem.image else ("", ""))
        for image, reason in journal.distrusted.items():
            if image not in told:
                self._exclude(reason, image, names)
        for record in journal.records:
            if record["type"] == REFUSED:
                self._exclude(str(record.get("reason", "refused")), str(record.get("image") or ""), names)
        for image, record in journal.last_word.items():
            if image not in journal.distrusted:
                self._take(image, record, names)

    def _take(self, image: str, record: Record, names: tuple[str, str]) -> None:
        entry = self._images.get(image)
        if entry is None:
            self._exclude("the study holds no such image", image, names)
            return
        if record.get("pixels") != entry.sha256:
            self._exclude("the answer was given to other pixels (another checksum)", image, names)
            return
        try:
            reading = reading_of(record)
            if record["type"] == SKIP:
                self.skipped.append(SkippedImage(image, *names, reading.reason, record["time"]))
                return
            answer = table_answer(entry, reading, *names)
        except (KeyError, TypeError, ValueError):
            self._exclude("the record lacks something or holds impossible values", image, names)
            return
        self.items.append(_Item(answer, reading))
        self.times[image, *names] = str(record.get("time", ""))

    def settle_copies(self) -> None:
        """Of several files of one session keep what they agree in; where they do not, nothing counts."""
        self.skipped = list({(s.image, s.reader, s.session): s for s in self.skipped}.values())
        said: dict[tuple[str, str, str], list[_Item | None]] = {}
        for item in self.items:
            said.setdefault((item.answer.image, item.answer.reader, item.answer.session), []).append(item)
        for skip in list(self.skipped):
            if items := said.get((skip.image, skip.reader, skip.session)):
                items.append(None)
                self.skipped.remove(skip)
        self.items = []
        for (image, *names), items in said.items():
            if all(item is not None and item.answer == items[0].answer for item in items):
                self.items.append(items[0])
            else:
                self._exclude("two files of the session give different answers; none of them counts", image, names)

    def check_images(self, progress: Progress | None) -> None:
        """Hold every answer against the insonated area and the pixels of its image."""
        of_image: dict[str, list[_Item]] = {}
        for item in self.items:
            of_image.setdefault(item.answer.image, []).append(item)
        kept: list[_Item] = []
        absent = 0
        for done, (identity, items) in enumerate(of_image.items()):
            if progress is not None:
                progress(done, len(of_image), f"image {identity}")
            image = self._images[identity]
            source = None
            try:
                source = self._study.load(image)
            except ChangedImageError:
                reason = "the pixels of the image are not those the study was created with (checksum)"
                for item in items:
                    self._exclude(reason, identity, (item.answer.reader, item.answer.session))
                continue
            except InputError:
                absent += 1
            sector = image.geometry().mask
            for item in items:
                reason = _objection(image, item.reading, sector, source)
                if reason:
                    self._exclude(reason, identity, (item.answer.reader, item.answer.session))
                else:
                    kept.append(item)
        self.items = kept
        if absent:
            self.remarks.append(
                f"{absent} of {len(of_image)} measured images cannot be read in the folder of the images, so their "
                "answers could not be held against the pixels."
            )

    def _exclude(self, reason: str, image: str, names: Sequence[str]) -> None:
        self.exclusions.append(Exclusion(reason, image, *names))


def table_answer(image: StudyImage, reading: Reading, reader: str, session: str) -> Answer:
    """A reading as a row of the table."""
    values = [float(value) for value in (reading.liver_mean, reading.kidney_mean, reading.hri)]
    aspect = image.calibration.aspect
    boxes = [Box(roi.left, roi.top * aspect, roi.width, roi.height * aspect) for roi in (reading.liver, reading.kidney)]
    return Answer(image.id, image.patient, reader, session, *values, *boxes)


def _objection(image: StudyImage, reading: Reading, sector: np.ndarray, source: UltrasoundImage | None) -> str | None:
    """Why an answer cannot be right, or ``None``."""
    try:
        check_rois(image, reading.liver, reading.kidney, sector)
    except InputError as error:
        return str(error)
    if source is None:
        return None
    for organ, roi, mean in (
        ("liver", reading.liver, reading.liver_mean),
        ("kidney", reading.kidney, reading.kidney_mean),
    ):
        measured = _mean(source, roi)
        if not abs(measured - mean) <= SAME_MEAN:
            return f"the {organ} brightness is given as {mean:.3f}, but the ROI has {measured:.3f}"
    return None


def _mean(source: UltrasoundImage, roi: Roi) -> float:
    return float(roi.values(source.pixels).mean())


def _status(study: ReaderStudy, file: SessionFile, exclusions: Iterable[Exclusion]) -> SessionStatus:
    journal = file.journal
    kinds = Counter(record["type"] for record in journal.last_word.values())
    names = file.reader, str(file.session)
    return SessionStatus(
        reader=file.reader,
        session=file.session,
        how=str(journal.header.get("how", "")),
        answered=kinds[ANSWER],
        skipped=kinds[SKIP],
        images=len(study.images),
        fingerprint=journal.fingerprint,
        excluded=sum((e.reader, e.session) == names for e in exclusions),
    )


def _remarks(study: ReaderStudy, files: Sequence[SessionFile], sessions: Sequence[SessionStatus]) -> list[str]:
    """What a report must say of the sessions."""
    remarks = []
    for file, status in zip(files, sessions, strict=True):
        label = f"Reader {file.reader}, session {file.session}"
        if not status.finished:
            given = status.answered + status.skipped
            remarks.append(
                f"{label}: the table has answers to {given} of {status.images} images."
                if status.how == IMPORTED
                else f"{label}: not finished, {given} of {status.images} images so far."
            )
        reasons = Counter(r["reason"] for r in file.journal.last_word.values() if r["type"] == SKIP)
        if reasons:
            said = "; ".join(f"{reason.removesuffix('.')} ({count})" for reason, count in sorted(reasons.items()))
            remarks.append(f"{label}: {status.skipped} skipped: {said}.")
        if override := file.journal.header.get("override"):
            remarks.append(
                f"{label}: begun before the interval had passed or another session was finished; reason given: "
                f"{override}."
            )
        remarks += [f"{label}: {r.get('text', '')}" for r in file.journal.records if r["type"] == NOTE]
    return remarks + _short_intervals(study, files)


def _short_intervals(study: ReaderStudy, files: Sequence[SessionFile]) -> list[str]:
    """Sessions of one reader that lie closer than the study asks for, without a reason in the file."""
    remarks = []
    marked = [file for file in files if file.journal.header.get("how") == MARKED]
    for reader in sorted({file.reader for file in marked}):
        own = sorted(
            (file for file in marked if file.reader == reader), key=lambda f: parse_time(f.journal.header["time"])
        )
        for before, after in pairwise(own):
            if before.session == after.session or after.journal.header.get("override"):
                continue
            days = (parse_time(after.journal.header["time"]) - before.last_time) / timedelta(days=1)
            if days < study.interval_days:
                remarks.append(
                    f"Reader {reader}: {days:.1f} days between session {before.session} and {after.session}, fewer "
                    f"than the {study.interval_days:g} of the study, without a reason."
                )
    return remarks
