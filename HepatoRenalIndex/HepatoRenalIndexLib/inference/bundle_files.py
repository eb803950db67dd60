"""Files of a MONAI bundle, read so that nothing in it can run code, reach outside its folder or be silently damaged."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .network import BundleError

PICKLED = {".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".bin", ".ts"}
LARGEST_JSON = 4 * 2**20


@dataclass(frozen=True)
class Weights:
    """One file of a bundle: its path in the folder, and the SHA-256 that its bytes must have."""

    file: str
    sha256: str


def parse_weights(entry: Any) -> Weights:
    """A file as ``metadata.json`` names it: ``{"file": ..., "sha256": ...}``."""
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("file", "sha256")):
        raise BundleError('The bundle\'s metadata.json must name its weights as {"file": ..., "sha256": ...}.')
    return Weights(entry["file"], entry["sha256"].lower())


def bundle_folder(path: str | Path) -> Path:
    """A folder with ``configs``, or :class:`BundleError`."""
    folder = Path(path)
    if folder.suffix.lower() in PICKLED and folder.is_file():
        raise BundleError(
            f"{folder.name} is a pickle file, which can run code; point at a MONAI bundle folder with safetensors."
        )
    if not (folder / "configs").is_dir():
        raise BundleError(
            f"{folder.name} is not a MONAI bundle: it has no folder configs; point at the bundle's own folder."
        )
    return folder


def safetensors_path(folder: Path, weights: Weights) -> Path:
    """The path of a weights file inside the bundle. Pickle files and other kinds are refused."""
    path = inside(folder, weights.file)
    if path.suffix.lower() in PICKLED:
        raise BundleError(
            f"The bundle's weights {path.name} are a pickle file, which can run code; convert them to safetensors."
        )
    if path.suffix.lower() != ".safetensors":
        raise BundleError(f"The bundle's weights {path.name} are not a .safetensors file; convert them.")
    return path


def verified_bytes(folder: Path, weights: Weights) -> bytes:
    """The bytes of a weights file, after its digest was found right."""
    path = safetensors_path(folder, weights)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"The bundle's weights {weights.file} are missing or cannot be read; copy the bundle again."
        ) from error
    if hashlib.sha256(data).hexdigest() != weights.sha256:
        raise BundleError(
            f"The bundle's weights {path.name} do not have the SHA-256 that metadata.json names: the file is damaged "
            "or was changed; copy the bundle again."
        )
    return data


def inside(folder: Path, name: str) -> Path:
    """The path of a file that a configuration names; never outside the bundle."""
    root = folder.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise BundleError("The bundle names a weights file outside its own folder; copy the file into the bundle.")
    return path


def read_json(path: Path) -> dict:
    """The JSON object in a configuration file, of at most 4 MB."""
    where = f"{path.parent.name}/{path.name}"
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise BundleError(f"The bundle's {where} is too large to be a configuration.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(f"The bundle's {where} is missing or cannot be read.") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"The bundle's {where} is not valid JSON.") from error
    if not isinstance(content, dict):
        raise BundleError(f"The bundle's {where} must hold one JSON object.")
    return content
