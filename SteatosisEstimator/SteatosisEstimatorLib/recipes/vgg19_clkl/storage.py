"""A trained variant on disk: all weights in one safetensors file, the rest as plain values."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..base import RecipeError, settings_from
from .images import MinMax
from .model import Task, Vgg19Model
from .settings import CLASSIFICATION, REGRESSION, VARIANTS, Vgg19Settings

WEIGHTS = "model.safetensors"


def save_model(model: Vgg19Model, folder: Path) -> dict[str, Any]:
    """Write the weights, the backbone's too, so that estimating needs no other file; returns the plain values."""
    from ...networks.tensors import write_tensors

    finetuned = VARIANTS[model.variant].finetuned
    tensors: dict[str, Any] = {}
    if not finetuned:
        tensors |= {f"backbone.{name}": value for name, value in model.backbone.network.state_dict().items()}
    for position, scaler in enumerate(model.scalers):
        tensors[f"scaler{position}.low"] = np.array(scaler.low)
        tensors[f"scaler{position}.high"] = np.array(scaler.high)
    for task in model.tasks:
        tensors |= {f"{task.kind}.head.{name}": value for name, value in task.head.state_dict().items()}
        tensors[f"{task.kind}.center"] = task.center
        for position, branch in enumerate(task.branches if finetuned else ()):
            tensors |= {f"{task.kind}.branch{position}.{name}": value for name, value in branch.state_dict().items()}
    write_tensors(folder / WEIGHTS, tensors)
    return {
        "variant": model.variant,
        "settings": asdict(model.settings),
        "backbone": model.backbone.origin,
        "backbone_sha256": model.backbone.digest,
        "random_backbone": model.backbone.random,
        "target_ranges": {task.kind: [task.low, task.high] for task in model.tasks},
    }


def load_model(folder: Path, values: dict[str, Any]) -> Vgg19Model:
    """What :func:`save_model` wrote. :class:`RecipeError` where weights and values do not fit each other."""
    from ...networks.backbones import restore_backbone, trainable_copy
    from ...networks.heads import DenseHead
    from ...networks.tensors import part_of, read_tensors

    variant = values.get("variant")
    if variant not in VARIANTS:
        raise RecipeError("The model's variant is not one of vgg19-clkl; train it again.")
    settings = settings_from(Vgg19Settings(), values.get("settings", {}))
    tensors = read_tensors(folder / WEIGHTS)
    finetuned, count = VARIANTS[variant].finetuned, len(VARIANTS[variant].branches)
    try:
        ranges = {str(kind): (float(low), float(high)) for kind, (low, high) in values["target_ranges"].items()}
        origin, is_random = str(values["backbone"]), bool(values["random_backbone"])
        scalers = tuple(
            MinMax(tensors[f"scaler{b}.low"].numpy(), tensors[f"scaler{b}.high"].numpy()) for b in range(count)
        )
        kinds = [kind for kind in (CLASSIFICATION, REGRESSION) if kind in ranges]
        first = f"{kinds[0]}.branch0." if finetuned else "backbone."
        backbone = restore_backbone("vgg19", settings.last_layer, part_of(tensors, first), origin, is_random)
        backbone = replace(backbone, digest=str(values["backbone_sha256"]))
        tasks = []
        for kind in kinds:
            branches = [backbone.network] * count
            if finetuned:
                branches = [trainable_copy(backbone.network).requires_grad_(False) for _ in range(count)]
                for b, branch in enumerate(branches):
                    branch.load_state_dict(part_of(tensors, f"{kind}.branch{b}."))
            center = tensors[f"{kind}.center"].numpy()
            head = DenseHead(center.size, settings.hidden_nodes, 0)
            head.load_state_dict(part_of(tensors, f"{kind}.head."))
            tasks.append(Task(kind, tuple(branches), head.eval(), center, *ranges[kind]))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise RecipeError("The model's weights do not fit its values; copy the model again.") from error
    return Vgg19Model(variant, settings, backbone, scalers, tuple(tasks))
