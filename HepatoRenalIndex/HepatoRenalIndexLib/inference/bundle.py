"""MONAI bundles for liver and right kidney segmentation.

A bundle is a folder as the MONAI bundle specification lays it out. What this library needs of it:

- ``configs/metadata.json``: ``name``, ``version``; ``network_data_format`` with one input ``image`` of one channel and
  a fixed ``spatial_shape``, and one output ``pred`` of three channels (background, liver, right kidney);
  ``weights``: ``{"file": "models/....safetensors", "sha256": "..."}``;
- ``configs/inference.json``: ``network_def`` (plain values only, see ``network.py``), ``preprocessing``
  (``normalization``, and ``views`` where several are averaged: see ``views.py``) and ``postprocessing``
  (``activation``, ``threshold``, ``minimum_area_share``, ``minimum_confidence``);
- the weights file: safetensors, its digest checked before it is read. Pickled weights are refused: they can run code.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files.resources import resource_folder
from ..measurement.result import ModelIdentity
from .bundle_files import Weights, bundle_folder, parse_weights, read_json, verified_bytes
from .device import choose_device
from .network import BundleError, build_network
from .preprocess import NORMALIZATIONS, MaskRules, NetworkInput
from .segmenter import BundleSegmenter
from .views import View

__all__ = ["BundleError", "default_bundle", "fold_of_patient", "load_fold_segmenter", "load_segmenter"]

DEFAULT_NAME = "LiverKidneyICNet"
CLASSES = 3
LARGEST_SIDE = 2048
MOST_VIEWS = 16


@dataclass(frozen=True)
class BundleContract:
    """What a bundle's two configuration files say, checked."""

    folder: Path
    name: str
    version: str
    network_def: dict
    network_input: NetworkInput
    rules: MaskRules
    views: tuple[View, ...]
    weights: Weights
    fold_weights: tuple[Weights, ...]


def default_bundle() -> Path:
    """Folder of the bundle that comes with the library."""
    models = resource_folder("Models")
    if models is None or not (models / DEFAULT_NAME).is_dir():
        raise BundleError(f"The segmentation model {DEFAULT_NAME} is missing from the installation; install it again.")
    return models / DEFAULT_NAME


def load_segmenter(bundle_dir: str | Path | None = None, device: str = "auto") -> BundleSegmenter:
    """The segmenter of a bundle.

    Args:
        bundle_dir: a bundle's folder; ``None`` for the one that comes with the library.
        device: ``auto``, ``cpu`` or ``cuda``; ``segmenter.identity.device`` says what it became.

    Raises :class:`BundleError` with one sentence for anything missing, damaged or unsafe.
    """
    contract = read_contract(bundle_dir)
    return _segmenter(contract, contract.weights, "", device)


def load_fold_segmenter(fold: int, bundle_dir: str | Path | None = None, device: str = "auto") -> BundleSegmenter:
    """The segmenter that never saw the patients of ``fold``: for cross-validation."""
    contract = read_contract(bundle_dir)
    if not 0 <= fold < len(contract.fold_weights):
        raise BundleError(
            f"The bundle has {len(contract.fold_weights)} cross-validation folds; there is no fold {fold}."
        )
    return _segmenter(contract, contract.fold_weights[fold], f"-fold{fold}", device)


def fold_of_patient(patient: int, bundle_dir: str | Path | None = None) -> int:
    """The fold in which ``patient`` was held out (``configs/folds.json``); ``KeyError`` for a patient of no fold."""
    folds = read_json(_folder(bundle_dir) / "configs" / "folds.json")
    for fold, patients in enumerate(folds.get("folds", [])):
        if patient in patients:
            return fold
    raise KeyError(f"patient {patient} is in no cross-validation fold")


def read_contract(bundle_dir: str | Path | None = None) -> BundleContract:
    """Read and check a bundle's configuration."""
    folder = _folder(bundle_dir)
    metadata = read_json(folder / "configs" / "metadata.json")
    inference = read_json(folder / "configs" / "inference.json")
    pre, post = _section(inference, "preprocessing"), _section(inference, "postprocessing")
    activation = post.get("activation", "softmax")
    if activation not in ("softmax", "sigmoid"):
        raise BundleError("The bundle's postprocessing.activation must be softmax or sigmoid.")
    folds = metadata.get("fold_weights", [])
    if not isinstance(folds, list):
        raise BundleError("The bundle's metadata.json has fold_weights that is not a list.")
    return BundleContract(
        folder=folder,
        name=str(metadata.get("name", folder.name))[:100],
        version=str(metadata.get("version", ""))[:40],
        network_def=inference.get("network_def"),
        network_input=_network_input(metadata, pre),
        rules=MaskRules(
            threshold=_share(post, "threshold", 0.5),
            minimum_area_share=_share(post, "minimum_area_share", 0.0),
            minimum_confidence=_share(post, "minimum_confidence", 0.0),
            activation=activation,
        ),
        views=_views(pre),
        weights=parse_weights(metadata.get("weights")),
        fold_weights=tuple(parse_weights(entry) for entry in folds),
    )


def _segmenter(contract: BundleContract, weights: Weights, suffix: str, device: str) -> BundleSegmenter:
    import torch

    state = _read_weights(contract.folder, weights)
    network = build_network(contract.network_def)
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise BundleError("The bundle's weights do not fit its network_def; they belong to another network.") from error
    network.eval()
    if hasattr(network, "fold_batch_normalization"):
        network.fold_batch_normalization()
    target, description = choose_device(device)
    size = contract.network_input.rows, contract.network_input.columns
    try:
        network.to(target)
        with torch.inference_mode():
            output = network(torch.zeros(1, 1, *size, device=target))
    except RuntimeError as error:
        raise BundleError(f"The bundle's network does not take its declared input of 1x{size[0]}x{size[1]}.") from error
    if not isinstance(output, torch.Tensor) or tuple(output.shape) != (1, CLASSES, *size):
        raise BundleError(
            f"The bundle's network must return {CLASSES} channels (background, liver, kidney) at its input's size."
        )
    identity = ModelIdentity(contract.name + suffix, contract.version, weights.sha256, description)
    return BundleSegmenter(network, target, identity, contract.network_input, contract.rules, contract.views)


def _read_weights(folder: Path, weights: Weights) -> dict:
    """The tensors of a weights file as float32, after its digest was found right."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    data = verified_bytes(folder, weights)
    try:
        tensors = load(data)
    except SafetensorError as error:
        raise BundleError(
            f"The bundle's weights {Path(weights.file).name} are not a valid safetensors file; copy the bundle again."
        ) from error
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    if not all(tensor.isfinite().all() for tensor in state.values()):
        raise BundleError(f"The bundle's weights {Path(weights.file).name} contain values that are not finite numbers.")
    return state


def _network_input(metadata: dict, preprocessing: dict) -> NetworkInput:
    formats = _section(metadata, "network_data_format")
    image = _section(_section(formats, "inputs"), "image")
    pred = _section(_section(formats, "outputs"), "pred")
    if image.get("num_channels") != 1 or pred.get("num_channels") != CLASSES:
        raise BundleError(
            "The bundle's network_data_format must have one input channel and three output channels "
            "(background, liver, right kidney)."
        )
    shape = image.get("spatial_shape")
    if not _is_shape(shape):
        raise BundleError(
            f"The bundle's input image spatial_shape must be two whole numbers from 16 to {LARGEST_SIDE}."
        )
    normalization = preprocessing.get("normalization")
    if normalization not in NORMALIZATIONS:
        raise BundleError(f"The bundle's preprocessing.normalization must be one of {', '.join(NORMALIZATIONS)}.")
    return NetworkInput(shape[0], shape[1], normalization)


def _views(preprocessing: dict) -> tuple[View, ...]:
    """The views to average over; none where the bundle names none."""
    entries = preprocessing.get("views", [])
    if not isinstance(entries, list) or len(entries) > MOST_VIEWS:
        raise BundleError(f"The bundle's preprocessing.views must be a list of at most {MOST_VIEWS} views.")
    views = []
    for entry in entries:
        entry = entry if isinstance(entry, dict) else {}
        rotation, mirrored = entry.get("rotation", 0.0), entry.get("mirrored", False)
        turnable = isinstance(rotation, int | float) and not isinstance(rotation, bool) and abs(rotation) <= 45
        if not _is_shape(entry.get("spatial_shape")) or not turnable or not isinstance(mirrored, bool):
            raise BundleError(
                f"Each of the bundle's preprocessing.views must have a spatial_shape of two whole numbers from 16 to "
                f"{LARGEST_SIDE}, a rotation from -45 to 45 degrees and mirrored true or false."
            )
        views.append(View(*entry["spatial_shape"], float(rotation), mirrored))
    return tuple(views)


def _is_shape(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(type(side) is int and 16 <= side <= LARGEST_SIDE for side in value)
    )


def _section(parent: dict, key: str) -> dict:
    value = parent.get(key)
    if not isinstance(value, dict):
        raise BundleError(f"The bundle's configuration has no section {key}; see its contract in the documentation.")
    return value


def _share(section: dict, key: str, default: float) -> float:
    value = section.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise BundleError(f"The bundle's postprocessing.{key} must be a number from 0 to below 1.")
    return float(value)


def _folder(bundle_dir: str | Path | None) -> Path:
    return default_bundle() if bundle_dir is None else bundle_folder(bundle_dir)
