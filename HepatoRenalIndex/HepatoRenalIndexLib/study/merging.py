"""Answers of several sites in one study folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..files.writing import write_bytes
from ..imaging.image import InputError
from .definition import SESSIONS_NAME, ReaderStudy
from .files import SessionFile, begin_folder, read_session, session_path


@dataclass(frozen=True)
class MergeSummary:
    """Sentences: what came in, what was here already, and what could not be taken."""

    taken: tuple[str, ...]
    known: tuple[str, ...]
    problems: tuple[str, ...]


def merge(study: ReaderStudy, sources: Iterable[str | os.PathLike]) -> MergeSummary:
    """Bring in files of sessions, or all of those in study folders of other sites.

    Of two states of one session the longer one stays. Two files of one reader and session that contradict each other
    both stay, and the answers in which they differ are left out of every analysis by name. A file that cannot be
    trusted or belongs to another study is not taken. Raises :class:`InputError` if there is nothing to bring in.
    """
    taken, known, problems = [], [], []
    paths = [path for source in sources for path in _files(Path(source))]
    if not paths:
        raise InputError("There is no file of a session to bring in; give study folders or .jsonl files.")
    begin_folder(study)
    for path in paths:
        try:
            file = read_session(study, path)
        except InputError as error:
            problems.append(str(error))
            continue
        (taken if _take(study, file) else known).append(file.label)
        problems += [f"{file.label}: {problem.sentence}" for problem in file.journal.problems]
    return MergeSummary(tuple(taken), tuple(known), tuple(problems))


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    inside = source / SESSIONS_NAME
    return sorted((inside if inside.is_dir() else source).glob("*.jsonl"))


def _take(study: ReaderStudy, file: SessionFile) -> bool:
    """Whether the file brought anything new."""
    data = file.path.read_bytes()[: file.journal.intact]
    target = session_path(study, file.reader, file.session)
    number = 1
    while target.exists():
        own = target.read_bytes()
        if own.startswith(data):
            return False
        if data.startswith(own[: own.rfind(b"\n") + 1]):
            break  # the same session, further on
        number += 1
        target = session_path(study, file.reader, file.session).with_suffix(f".{number}.jsonl")
    write_bytes(target, data, durable=True)
    return True
