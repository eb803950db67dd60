"""Where the models and sample images that come with the library lie."""

from __future__ import annotations

from pathlib import Path


def resource_folder(name: str) -> Path | None:
    """The folder ``Resources/<name>``: beside the package in Slicer and in the source, inside it in the wheel."""
    here = Path(__file__).resolve()
    for base in (here.parents[2], here.parents[1]):
        folder = base / "Resources" / name
        if folder.is_dir():
            return folder
    return None
