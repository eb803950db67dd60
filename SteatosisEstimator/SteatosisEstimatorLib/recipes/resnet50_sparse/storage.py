"""A trained variant on disk: all weights in one safetensors file, the rest as plain values."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...cohort.vocabulary import View
from ..base import RecipeError, settings_from
from .model import ResNet50Model
from .settings import OUTPUTS, VARIANTS, ResNet50Settings
from .sparse import LinearOutput

WEIGHTS = "model.safetensors"


def save_model(model: ResNet50Model, folder: Path) -> dict[str, Any]:
    """Write the weights, the backbone's too, so that estimating needs no other file; returns the plain values."""
    from ...networks.tensors import write_tensors

    tensors = {f"backbone.{name}": value for name, value in model.backbone.network.state_dict().items()}
    linear: dict[str, dict[str, dict[str, float | None]]] = {}
    for view, outputs in model.outputs.items():
        linear[view.value] = {}
        for name, output in outputs.items():
            tensors[f"{view.value}.{name}"] = output.coefficients
            linear[view.value][name] = {
                "intercept": output.intercept,
                "regularization": output.chosen,
                "inner_score": None if math.isnan(output.score) else output.score,
                "features_used": output.used,
            }
    write_tensors(folder / WEIGHTS, tensors)
    return {
        "variant": model.variant,
        "settings": asdict(model.settings),
        "backbone": model.backbone.origin,
        "backbone_sha256": model.backbone.digest,
        "random_backbone": model.backbone.random,
        "linear": linear,
    }


def load_model(folder: Path, values: dict[str, Any]) -> ResNet50Model:
    """What :func:`save_model` wrote. :class:`RecipeError` where weights and values do not fit each other."""
    from ...networks.backbones import restore_backbone
    from ...networks.tensors import part_of, read_tensors

    variant = values.get("variant")
    if variant not in VARIANTS:
        raise RecipeError("The model's variant is not one of resnet50-sparse; train it again.")
    settings = settings_from(ResNet50Settings(), values.get("settings", {}))
    tensors = read_tensors(folder / WEIGHTS)
    try:
        origin, is_random = str(values["backbone"]), bool(values["random_backbone"])
        backbone = restore_backbone("resnet50", "pool", part_of(tensors, "backbone."), origin, is_random)
        outputs: dict[View, dict[str, LinearOutput]] = {}
        for view, named in values["linear"].items():
            outputs[View(view)] = {
                name: LinearOutput(
                    tensors[f"{view}.{name}"].double().numpy(),
                    float(named[name]["intercept"]),
                    float(named[name]["regularization"]),
                    float("nan") if named[name]["inner_score"] is None else float(named[name]["inner_score"]),
                )
                for name in OUTPUTS
                if name in named
            }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecipeError("The model's weights do not fit its values; copy the model again.") from error
    return ResNet50Model(variant, settings, backbone, outputs)
