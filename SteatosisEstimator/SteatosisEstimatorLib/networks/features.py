"""Features of a frozen network, computed once per image and kept on disk."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from HepatoRenalIndexLib.files.writing import write_bytes

from .backbones import Backbone

BATCH = 16


@dataclass(frozen=True)
class FrozenFeatures:
    """The backbone on ``device`` and the folder of its features.

    A file holds the features of one frame and all its augmentations, and is written whole: after a kill the work goes
    on with the first frame that is missing.
    """

    backbone: Backbone
    folder: Path
    device: torch.device

    def of(self, key: Any, images: Callable[[], np.ndarray]) -> np.ndarray:
        """float32 ``(n, features)`` of the images ``(n, 3, rows, columns)``, which are asked for only when needed.

        ``key`` is plain values that decide the images: digest of the pixels, crop, augmentation, scaling.
        """
        path = self.folder / f"{self._digest(key)}.npy"
        if path.is_file():
            return np.load(path, allow_pickle=False)
        features = run_network(self.backbone.network, images(), self.device)
        buffer = io.BytesIO()
        np.save(buffer, features, allow_pickle=False)
        write_bytes(path, buffer.getvalue())
        return features

    def _digest(self, key: Any) -> str:
        whole = json.dumps([key, self.backbone.name, self.backbone.part, self.backbone.digest], sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()


def frozen_features(backbone: Backbone, folder: Path, device: torch.device) -> FrozenFeatures:
    """The features of a backbone, kept in ``folder``."""
    backbone.network.to(device)
    return FrozenFeatures(backbone, folder, device)


def run_network(network: torch.nn.Module, images: np.ndarray, device: torch.device) -> np.ndarray:
    """The outputs of a network in evaluation mode, float32 ``(n, features)``, in batches."""
    network.eval()
    outputs = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(np.ascontiguousarray(images[start : start + BATCH])).to(device)
            outputs.append(network(batch).float().cpu().numpy())
    return np.concatenate(outputs)


def as_color(gray: np.ndarray) -> np.ndarray:
    """The gray images ``(n, rows, columns)`` as float32 ``(n, 3, rows, columns)``, without a copy."""
    gray = np.asarray(gray, dtype=np.float32)
    return np.broadcast_to(gray[:, None], (len(gray), 3, *gray.shape[1:]))
