"""Weights on disk as safetensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from HepatoRenalIndexLib.files.writing import write_bytes
from HepatoRenalIndexLib.imaging.image import InputError
from safetensors import SafetensorError
from safetensors.torch import load, save


def write_tensors(path: Path, tensors: dict[str, torch.Tensor | np.ndarray]) -> None:
    """Write tensors and arrays as a whole or not at all."""
    plain = {name: torch.as_tensor(value).detach().cpu().contiguous() for name, value in tensors.items()}
    write_bytes(path, save(plain))


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file. :class:`InputError` for one that is missing, damaged, or holds what is no number.

    Whether it is the file that was written, by its SHA-256, is for the bundle to check before.
    """
    try:
        tensors = load(path.read_bytes())
    except OSError as error:
        raise InputError(f"The weights {path.name} are missing or cannot be read; copy the model again.") from error
    except SafetensorError as error:
        raise InputError(f"The weights {path.name} are not valid safetensors; copy the model again.") from error
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise InputError(f"The weights {path.name} contain values that are not finite numbers; train the model again.")
    return tensors


def part_of(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The tensors whose names begin with ``prefix``, named without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
