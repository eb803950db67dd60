"""Write a trained model as a MONAI bundle, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from HepatoRenalIndexLib.files.writing import write_text
from HepatoRenalIndexLib.inference.bundle_files import BundleError

from ..recipes.base import FittedModel
from .card import ModelCard, finite
from .card_text import card_markdown
from .configs import metadata, run_configs

MODEL_FILE = "configs/model.json"
CALIBRATION_FILE = "configs/calibration.json"
DOMAIN_FILE = "configs/domain.json"
TRAINING_IMAGES_FILE = "configs/training_images.json"
REQUIRED_FILES = (MODEL_FILE, CALIBRATION_FILE, DOMAIN_FILE)


def write_bundle(
    output: Path,
    model: FittedModel,
    card: ModelCard,
    calibration: dict[str, Any],
    domain: dict[str, Any],
    training_images: list[str],
) -> ModelCard:
    """Write the bundle in place of an older bundle; returns the card with the digests of the files.

    ``calibration`` and ``domain`` are plain values of the room ``uncertainty``; ``training_images`` are shortened
    digests of the images that were trained on, by which an estimate knows them again. Raises :class:`BundleError` where
    the folder holds something else, ``OSError`` where it cannot be written.
    """
    check_output(output)
    temporary = output.parent / f".{output.name}.{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        for name in ("configs", "docs", "models"):
            (temporary / name).mkdir(parents=True)
        values = model.save(temporary / "models")
        write_json(
            temporary / MODEL_FILE,
            {"recipe": card.recipe, "variant": card.variant, "seed": card.seed, "values": values},
        )
        write_json(temporary / CALIBRATION_FILE, calibration)
        write_json(temporary / DOMAIN_FILE, domain)
        write_json(temporary / TRAINING_IMAGES_FILE, {"sha256_16": sorted(set(training_images))})
        _check_weights(temporary / "models")
        card = card.with_files(_digests(temporary))
        for name, content in {"metadata": metadata(card), **run_configs(card)}.items():
            write_json(temporary / "configs" / f"{name}.json", content)
        write_text(temporary / "docs" / "README.md", card_markdown(card))
        _put_in_place(temporary, output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return card


def check_output(output: Path) -> None:
    """:class:`BundleError` where a bundle may not be written: anything but a new name, an empty folder or a bundle."""
    if output.is_file():
        raise BundleError(f"The output {output.name} is a file; give the name of a folder for the bundle.")
    if output.is_dir() and any(output.iterdir()) and not (output / "configs" / "metadata.json").is_file():
        raise BundleError(f"The folder {output.name} holds something else than a bundle; choose another name.")
    output.parent.mkdir(parents=True, exist_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Plain values as JSON; what is not finite becomes null."""
    write_text(path, json.dumps(finite(content), indent=2, allow_nan=False) + "\n")


def _check_weights(models: Path) -> None:
    wrong = [path.name for path in models.rglob("*") if path.is_file() and path.suffix != ".safetensors"]
    for path in models.rglob("*.safetensors"):
        path.chmod(0o644)  # written for the owner alone, they could not be installed for others
    if wrong:
        raise BundleError(f"The recipe wrote {wrong[0]} among its weights; only .safetensors files can be kept.")


def _digests(bundle: Path) -> dict[str, str]:
    files = [*REQUIRED_FILES, TRAINING_IMAGES_FILE]
    files += [
        f"models/{path.relative_to(bundle / 'models').as_posix()}"
        for path in (bundle / "models").rglob("*.safetensors")
    ]
    return {name: file_digest(bundle / name) for name in sorted(files)}


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _put_in_place(temporary: Path, output: Path) -> None:
    old = output.parent / f".{output.name}.{os.getpid()}.old"
    if output.is_dir():
        output.rename(old)
    try:
        temporary.rename(output)
    except OSError:
        if old.is_dir():
            old.rename(output)
        raise
    shutil.rmtree(old, ignore_errors=True)
