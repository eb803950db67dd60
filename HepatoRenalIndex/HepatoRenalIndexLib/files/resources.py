"""Where the models and sample images that come with the library lie."""

from __future__ import annotations

from pathlib import Path

_LIBRARY = Path(__file__).resolve().parents[1]


def resource_folder(name: str, package: Path = _LIBRARY) -> Path | None:
    """The folder ``Resources/<name>``: beside the ``package`` in Slicer and in the source, inside it in the wheel."""
    for base in (package.parent, package):
        folder = base / "Resources" / name
        if folder.is_dir():
            return folder
    return None
