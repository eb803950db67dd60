"""Which files the user means: files given directly and the image files below folders."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .reader import file_type

# What lies beside images and is none: tables, documents, scripts, archives, formats that are not read
_COMPANIONS = frozenset({
    ".avi", ".bat", ".bib", ".bmp", ".cfg", ".conf", ".csv", ".db", ".doc", ".docx", ".exe", ".gif", ".gz",
    ".htm", ".html", ".ini", ".json", ".jsonl", ".lnk", ".lock", ".log", ".md", ".mov", ".mp4", ".mrb", ".mrml",
    ".nii", ".npy", ".npz", ".nrrd", ".pdf", ".ppt", ".pptx", ".ps1", ".py", ".rst", ".rtf", ".sh", ".sha256",
    ".sql", ".sqlite", ".svg", ".tar", ".toml", ".tsv", ".txt", ".url", ".xls", ".xlsx", ".xml", ".yaml",
    ".yml", ".zip",
})  # fmt: skip
_IMAGES = frozenset([".dcm", ".dicom", ".ima", ".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff"])
_LITTER = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "$recycle.bin", "__macosx", "dicomdir"})


@dataclass(frozen=True)
class InputFile:
    """One file to read; ``error`` is a sentence if it is already clear that it cannot be read.

    ``source`` names it in every result: the path relative to the folder that was given, with "/" separators, or the
    name of a file that was given directly. It is unique among the files of one `find_inputs`.
    """

    path: Path
    source: str
    error: str = ""


def find_inputs(paths: Iterable[str | Path]) -> list[InputFile]:
    """The files behind ``paths`` (files and folders) in a fixed order: inputs as given, folders sorted by path.

    Folders are searched with everything below. Hidden files, litter of operating systems, DICOMDIR, documents and
    tables are passed over there; a file with an image extension is taken whatever it holds, any other file if its
    content is DICOM, PNG, JPEG or TIFF. A file given directly is always taken. A missing input, an unreadable folder
    and a folder without images give one entry with an ``error``. A file reached twice is taken once.
    """
    found: list[tuple[Path, InputFile]] = []  # the input it came from, the file
    seen: set[str] = set()
    for given in (Path(p) for p in paths):
        for file in _behind(given):
            identity = os.path.realpath(file.path)
            if identity not in seen:
                seen.add(identity)
                found.append((given, file))
    return _with_unique_sources(found)


def _behind(given: Path) -> list[InputFile]:
    name = _name(given)
    try:
        if given.is_dir():
            files, unreadable = _walk(given)
            if not files and not unreadable:
                return [InputFile(given, name, "The folder holds no DICOM, PNG, JPEG or TIFF file; check the path.")]
            return sorted(files + unreadable, key=lambda file: file.source.split("/"))
        if given.exists():
            return [InputFile(given, name)]
    except (OSError, ValueError):  # no permission, a name with a null character or too long
        return [InputFile(given, name, "The input cannot be read; check the path and your permission.")]
    return [InputFile(given, name, "The file or folder does not exist; check the path.")]


def _walk(folder: Path) -> tuple[list[InputFile], list[InputFile]]:
    """Image files below ``folder``, and the folders in it that cannot be listed."""
    files: list[InputFile] = []
    unreadable: list[InputFile] = []
    visited: set[str] = set()  # real paths, so that a link to a folder above does not go round for ever

    def refused(error: OSError) -> None:
        path = Path(error.filename)
        source = path.relative_to(folder).as_posix()
        unreadable.append(
            InputFile(path, _name(folder) if source == "." else source, "The folder cannot be read; check permission.")
        )

    for here, folders, names in os.walk(folder, followlinks=True, onerror=refused):
        real = os.path.realpath(here)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not _is_litter(name))
        for name in names:
            path = Path(here) / name
            if not _is_litter(name) and _is_candidate(path):
                files.append(InputFile(path, path.relative_to(folder).as_posix()))
    return files, unreadable


def _is_litter(name: str) -> bool:
    return name.startswith((".", "~$")) or name.lower() in _LITTER


def _is_candidate(path: Path) -> bool:
    extension = path.suffix.lower()
    if extension in _COMPANIONS:
        return False
    if extension in _IMAGES:
        return True
    try:
        # A device or pipe would block; a name like IM00001.1 tells nothing, so the content decides.
        return path.is_file() and bool(file_type(path))
    except OSError:
        return False


def _with_unique_sources(found: list[tuple[Path, InputFile]]) -> list[InputFile]:
    """Put the name of the input before sources that several inputs share, and a number where that is not enough."""
    counts: dict[str, int] = {}
    for _, file in found:
        counts[file.source] = counts.get(file.source, 0) + 1
    taken = {source for source, count in counts.items() if count == 1}
    files = []
    for given, file in found:
        source = file.source
        if counts[source] > 1:
            parent = _name(given) if given.is_dir() else _name(given.parent)
            stem = source = f"{parent}/{source}"
            number = 2
            while source in taken:
                source = f"{stem} ({number})"
                number += 1
            taken.add(source)
        files.append(InputFile(file.path, source, file.error))
    return files


def _name(path: Path) -> str:
    """The last part of a path, also of "." and "..": never more, since a full path may identify a patient."""
    return (path.resolve().name if path.name in ("", "..") else path.name) or "input"
