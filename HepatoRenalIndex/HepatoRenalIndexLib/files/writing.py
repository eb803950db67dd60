"""Files written as a whole or not at all: an interruption leaves what was there before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO


def write_bytes(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file as a whole or not at all; ``durable`` returns only when it outlives a loss of power."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            if durable:
                flush_to_disk(file)
        temporary.replace(path)
        if durable:
            flush_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """:func:`write_bytes` of UTF-8 text; line ends stay as they are."""
    write_bytes(path, text.encode("utf-8"))


def flush_to_disk(file: IO) -> None:
    """Return only when what was written to an open file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Return only when the names of the files in a folder are on the disk; Windows does that by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
