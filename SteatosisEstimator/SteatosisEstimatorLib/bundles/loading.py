"""Find and load a bundle. It may come from anywhere: nothing in it is run, unpickled or followed out of its folder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from HepatoRenalIndexLib.files.resources import resource_folder
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.inference.bundle_files import (
    BundleError,
    Weights,
    bundle_folder,
    inside,
    read_json,
    safetensors_path,
)

from ..recipes.base import FittedModel
from ..recipes.registry import get_recipe
from .card import ModelCard
from .configs import CARD_KEY
from .writing import CALIBRATION_FILE, DOMAIN_FILE, MODEL_FILE, REQUIRED_FILES, TRAINING_IMAGES_FILE, file_digest

__all__ = ["BundleError", "LoadedModel", "available_models", "find_bundle", "load_model", "read_card"]

DEFAULT_MODEL = "LiverKidneyFat"
LARGEST_WEIGHTS = 4 * 2**30
_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class LoadedModel:
    """A bundle in use. ``sha256`` is the digest of the digests of all files that an estimate depends on.

    ``calibration`` and ``domain`` are the plain values that training wrote; ``training_images`` the shortened digests
    of the images that were trained on.
    """

    card: ModelCard
    sha256: str
    fitted: FittedModel
    calibration: dict[str, Any]
    domain: dict[str, Any]
    training_images: frozenset[str]


def available_models() -> tuple[str, ...]:
    """Names of the models that come with the software, the default first."""
    folder = resource_folder("Models", _PACKAGE)
    names = [path.name for path in sorted(folder.iterdir()) if _is_model(path)] if folder else []
    return tuple(sorted(names, key=lambda name: (name != DEFAULT_MODEL, name)))


def find_bundle(model: str | Path | None = None) -> Path:
    """The folder of a model: the name of one that comes with the software, or a path; the default for ``None``."""
    shipped = available_models()
    if model is None or str(model) in shipped:
        name = DEFAULT_MODEL if model is None else str(model)
        if name not in shipped:
            raise BundleError(f"The model {name} is missing from the installation; name a bundle's folder.")
        return resource_folder("Models", _PACKAGE) / name
    path = Path(model)
    if not path.exists():
        raise BundleError(
            f"There is no model {path.name!r}; give the folder of a bundle or one of {', '.join(shipped) or '(none)'}."
        )
    return bundle_folder(path)


def read_card(model: str | Path | None = None) -> ModelCard:
    """The card of a model, without its weights being read."""
    values = read_json(find_bundle(model) / "configs" / "metadata.json").get(CARD_KEY)
    if not isinstance(values, dict):
        raise BundleError("The bundle is no model of liver fat: its metadata.json has no model card; choose another.")
    return ModelCard.from_values(values)


def load_model(model: str | Path | None) -> LoadedModel:
    """Load a model; :class:`BundleError` with one sentence for anything missing, damaged or unsafe."""
    folder = find_bundle(model)
    card = read_card(folder)
    sha256 = _check_files(folder, card)
    description = read_json(folder / MODEL_FILE)
    if description.get("recipe") != card.recipe or description.get("variant") != card.variant:
        raise BundleError("The bundle's model.json and metadata.json name different recipes; copy the bundle again.")
    values = description.get("values")
    if not isinstance(values, dict):
        raise BundleError("The bundle's model.json has no values; copy the bundle again.")
    known = read_json(folder / TRAINING_IMAGES_FILE).get("sha256_16", [])
    return LoadedModel(
        card=card,
        sha256=sha256,
        fitted=_load_fitted(card, folder, values),
        calibration=read_json(folder / CALIBRATION_FILE),
        domain=read_json(folder / DOMAIN_FILE),
        training_images=frozenset(entry for entry in known if isinstance(entry, str)),
    )


def _load_fitted(card: ModelCard, folder: Path, values: dict[str, Any]) -> FittedModel:
    recipe = get_recipe(card.recipe)
    try:
        return recipe.load(folder / "models", values)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, OSError, IndexError) as error:
        raise BundleError(
            f"The bundle's values or weights do not fit the recipe {card.recipe} of this version; train it again."
        ) from error


def _check_files(folder: Path, card: ModelCard) -> str:
    """Hold every file against its digest; returns the digest of all."""
    files = card.files or {}
    for name in REQUIRED_FILES:
        if name not in files:
            raise BundleError(f"The bundle's metadata.json does not name {name}; train the model again.")
    present = {path for path in (folder / "models").rglob("*") if not path.is_dir()}
    if any(path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()) for path in present):
        raise BundleError("The bundle names a weights file outside its own folder; copy the file into the bundle.")
    total = 0
    for name, digest in files.items():
        path = inside(folder, name) if name.startswith("configs/") else safetensors_path(folder, Weights(name, digest))
        try:
            total += path.stat().st_size
            if total > LARGEST_WEIGHTS:
                raise BundleError("The bundle is larger than 4 GB; no model of this software is.")
            if file_digest(path) != digest:
                raise BundleError(
                    f"The bundle's {name} does not have the SHA-256 that metadata.json names: the file is damaged or "
                    "was changed; copy the bundle again."
                )
        except OSError as error:
            raise BundleError(f"The bundle's {name} is missing or cannot be read; copy the bundle again.") from error
    unknown = sorted(path.name for path in present if path.relative_to(folder).as_posix() not in files)
    if unknown:
        raise BundleError(
            f"The bundle holds {unknown[0]}, which its metadata.json does not name; only listed safetensors files may "
            "lie among the weights."
        )
    listing = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(listing.encode()).hexdigest()


def _is_model(folder: Path) -> bool:
    try:
        return isinstance(read_json(folder / "configs" / "metadata.json").get(CARD_KEY), dict)
    except BundleError:
        return False
