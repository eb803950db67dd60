"""Training: features once per image, then one sparse linear model per view and output."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from HepatoRenalIndexLib.inference.device import choose_device

from ...cohort.cohort import Cohort
from ...cohort.vocabulary import View
from ..base import Job, RecipeError
from .images import augmentations, feature_key, network_input, view_images
from .model import ResNet50Model
from .settings import MULTI_VIEW, OUTPUTS, VARIANTS, ResNet50Settings
from .sparse import LinearOutput, ViewRows, fit_output

if TYPE_CHECKING:
    from ...networks.features import FrozenFeatures

FEWEST_SUBJECTS = 4


def fit_variant(cohort: Cohort, variant: str, settings: ResNet50Settings, job: Job) -> ResNet50Model:
    """One model per view and output, each on the subjects that have the view."""
    from ...networks.backbones import load_backbone
    from ...networks.features import frozen_features

    report = job.within("reading", 0.0, 0.02)
    backbone = load_backbone(
        "resnet50", "pool", job.backbone_weights, job.seed, lambda text: report.progress(0.0, text)
    )
    store = frozen_features(backbone, job.cache, choose_device(job.device)[0])
    wanted, outputs = VARIANTS[variant], {}
    for number, view in enumerate(wanted):
        part = job.within(view.value, 0.02 + 0.98 * number / len(wanted), 0.02 + 0.98 * (number + 1) / len(wanted))
        rows = view_rows(cohort, view, store, settings, part)
        have = 0 if rows is None else rows.fat_percent.size
        if have < FEWEST_SUBJECTS and variant == MULTI_VIEW:
            continue  # the mean is over the other views
        if have < FEWEST_SUBJECTS:
            raise RecipeError(
                f"{have} subjects have the view {view.value}; resnet50-sparse needs at least {FEWEST_SUBJECTS} of each."
            )
        outputs[view] = _fit_view(rows, settings, part)
    if not outputs:
        raise RecipeError(f"No view of resnet50-sparse is there of {FEWEST_SUBJECTS} subjects; give more subjects.")
    return ResNet50Model(variant, settings, backbone, outputs)


def view_rows(
    cohort: Cohort, view: View, store: FrozenFeatures, settings: ResNet50Settings, job: Job
) -> ViewRows | None:
    """The features of all augmented images of a view; ``None`` where no subject has it."""
    augmented = augmentations(settings)
    features, subject, fat = [], [], []
    for number, one in enumerate(cohort.subjects):
        images = view_images(one, view, settings.frames_trained, settings)
        for image in images:
            key = feature_key(image, augmented, settings)
            features.append(
                store.of(
                    key,
                    lambda i=image: network_input(i, augmented, settings.image_size, store.backbone.normalization),
                )
            )
            subject += [len(fat)] * len(augmented)
        if images:
            fat.append(one.fat_percent)
        job.progress(0.8 * (number + 1) / len(cohort), f"features of {view.value}, subject {number + 1}")
    if not fat:
        return None
    plain = np.arange(len(subject)) % len(augmented) == 0
    return ViewRows(np.concatenate(features), np.array(subject), ~plain, np.array(fat, dtype=float))


def _fit_view(rows: ViewRows, settings: ResNet50Settings, job: Job) -> dict[str, LinearOutput]:
    """The outputs of a view; each is kept in the cache by all that decides it, so that after a kill only the rest is
    fitted, and a view of ``multi-view`` is not fitted again when it is asked for alone.
    """
    values = json.dumps([asdict(settings), job.seed]).encode()
    arrays = (rows.features, rows.subject, rows.augmented, rows.fat_percent)
    identity = hashlib.sha256(values + b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()
    outputs = {}
    for number, name in enumerate(OUTPUTS):
        file = job.cache / f"{name}-{identity[:32]}.safetensors"
        if file.is_file():
            outputs[name] = _read(file)
        elif (fitted := fit_output(rows, name, settings, job.seed)) is not None:
            _write(file, fitted)
            outputs[name] = fitted
        job.progress(0.8 + 0.2 * (number + 1) / len(OUTPUTS), f"grid search of {name}")
    return outputs


def _write(file: Path, fitted: LinearOutput) -> None:
    from ...networks.tensors import write_tensors

    others = [fitted.intercept, fitted.chosen, np.nan_to_num(fitted.score), float(np.isnan(fitted.score))]
    write_tensors(file, {"coefficients": fitted.coefficients, "others": np.array(others)})


def _read(file: Path) -> LinearOutput:
    from ...networks.tensors import read_tensors

    tensors = read_tensors(file)
    intercept, chosen, score, no_score = tensors["others"].tolist()
    return LinearOutput(tensors["coefficients"].numpy(), intercept, chosen, float("nan") if no_score else score)
