"""The configuration files of a bundle: MONAI's metadata, and what ``python -m monai.bundle run`` runs."""

from __future__ import annotations

from typing import Any

from HepatoRenalIndexLib import __version__

from .card import ModelCard

SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
CARD_KEY = "model_card"
_IMPORTS = ["$import SteatosisEstimatorLib.estimation.runs as runs"]


def metadata(card: ModelCard) -> dict[str, Any]:
    """``metadata.json``: what MONAI's schema asks for, and the model card."""
    from importlib.metadata import PackageNotFoundError, version

    def installed(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return ""

    output = {
        "type": "probabilities",
        "format": "classes",
        "num_channels": 3,
        "spatial_shape": [],
        "dtype": "float32",
        "value_range": [0, 100],
        "is_patch_data": False,
        "channel_def": {"0": "fat_percent", "1": "p_fatty_5", "2": "p_fatty_10"},
    }
    image = {
        "type": "image",
        "format": "magnitude",
        "modality": "US",
        "num_channels": 1,
        "spatial_shape": ["*", "*"],
        "dtype": "uint8",
        "value_range": [0, 255],
        "is_patch_data": False,
        "channel_def": {"0": "image"},
    }
    return {
        "schema": SCHEMA,
        "version": card.version,
        "changelog": {card.version: f"trained with LiverUltrasound {__version__}"},
        "monai_version": installed("monai"),
        "pytorch_version": installed("torch"),
        "numpy_version": installed("numpy"),
        "required_packages_version": {
            "safetensors": installed("safetensors"),
            "scikit-learn": installed("scikit-learn"),
        },
        "supported_apps": {},
        "name": card.name,
        "task": "Liver fat percentage from B-mode ultrasound",
        "description": f"{card.title}; {card.citation}",
        "authors": "LiverUltrasound users",
        "copyright": "",
        "data_type": "DICOM, PNG, JPEG or TIFF; images and clips of named views",
        "image_classes": "single channel, greyscale B-mode",
        "intended_use": "Research. Not a medical device.",
        "network_data_format": {
            "inputs": {view.value.replace("-", "_"): image for view in card.views},
            "outputs": {"pred": output},
        },
        "weights": [
            {"file": file, "sha256": digest}
            for file, digest in (card.files or {}).items()
            if file.endswith(".safetensors")
        ],
        CARD_KEY: card.to_values(),
    }


def run_configs(card: ModelCard) -> dict[str, dict[str, Any]]:
    """``train.json``, ``evaluate.json`` and ``inference.json``, by name without extension."""
    common = {"imports": _IMPORTS, "bundle_root": ".", "cohort": "cohort.csv", "device": "auto", "frames": None}
    fresh = {
        **common,
        "recipe": card.recipe,
        "settings": card.to_values()["settings"],
        "seed": card.seed,
        "backbone_weights": "none" if card.backbone.startswith("random") else None,
        "work": None,
    }
    arguments = "settings=@settings, seed=@seed, device=@device, backbone_weights=@backbone_weights, "
    arguments += "frames=@frames, work=@work"
    return {
        "train": {
            **fresh,
            "variant": card.variant,
            "output": "bundle",
            "run": [f"$runs.train(@recipe, @cohort, @output, variant=@variant, {arguments})"],
        },
        "evaluate": {
            **fresh,
            "variants": [card.variant],
            "output": "evaluation",
            "run": [f"$runs.evaluate(@recipe, @cohort, @output, variants=@variants, {arguments})"],
        },
        "inference": {
            **common,
            "output": "estimates",
            "run": ["$runs.estimate(@cohort, @output, model=@bundle_root, device=@device, frames=@frames)"],
        },
    }
