"""Weights of the networks that others trained: torchvision's on ImageNet, or a file of the user's."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from HepatoRenalIndexLib.imaging.image import InputError
from torchvision.models import ResNet50_Weights, VGG19_Weights

# Keras' ImageNet weights, which the papers used, are of the first training recipe, as torchvision's V1 are.
PUBLIC = {"vgg19": VGG19_Weights.IMAGENET1K_V1, "resnet50": ResNet50_Weights.IMAGENET1K_V1}
DOWNLOAD_TIMEOUT_S = 30
LARGEST_FILE = 4 * 2**30


class BackboneError(InputError):
    """Weights that are missing, damaged or of another network. One sentence: what is wrong, what to do."""


@dataclass(frozen=True)
class PublicFile:
    """The file of torchvision's weights; its name holds the first digits of its SHA-256."""

    url: str

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[1]

    @property
    def checksum(self) -> str:
        """The first digits of the SHA-256."""
        return re.search(r"-([0-9a-f]{8,})\.", self.name).group(1)

    @property
    def path(self) -> Path:
        """Where torchvision keeps it."""
        return Path(torch.hub.get_dir()) / "checkpoints" / self.name

    @property
    def folder_shown(self) -> str:
        """The folder without the name of the user."""
        folder = self.path.parent
        if folder.is_relative_to(Path.home()):
            return f"~/{folder.relative_to(Path.home()).as_posix()}"
        variable = "TORCH_HOME" if os.environ.get("TORCH_HOME") else "XDG_CACHE_HOME"
        return f"${variable}/{'hub' if variable == 'TORCH_HOME' else 'torch/hub'}/checkpoints"


def public_file(backbone: str) -> PublicFile:
    """The file of the ImageNet weights of ``vgg19`` or ``resnet50``."""
    return PublicFile(PUBLIC[backbone].url)


def normalization(backbone: str) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of red, green and blue (0..1) that the ImageNet weights were trained with."""
    transforms = PUBLIC[backbone].transforms()
    return list(transforms.mean), list(transforms.std)


def read_public(backbone: str, report: Callable[[str], None] = lambda text: None) -> dict[str, torch.Tensor]:
    """torchvision's ImageNet weights from where torchvision keeps them, downloaded if they are not there.

    Raises :class:`BackboneError` that names the file, its checksum and its place.
    """
    file = public_file(backbone)
    if file.path.is_file():
        _check(file)
    else:
        report(f"downloading {file.name}")
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_S)  # torch.hub has none: a silent firewall would hold it for ever
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # torch.hub prints the full path
            return PUBLIC[backbone].get_state_dict(
                progress=False, check_hash=True, weights_only=True, map_location="cpu"
            )
    except Exception as error:
        if file.path.is_file():
            raise _damaged(file) from error
        raise BackboneError(
            f"The ImageNet weights of {backbone} are not on this machine and could not be downloaded: put "
            f"{file.name} (its SHA-256 begins with {file.checksum}; from {file.url}) into {file.folder_shown}, or give "
            "other weights with --backbone-weights PATH, or random ones with --backbone-weights none."
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def read_file(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a .safetensors file or of a torch state dict; nothing in it is run."""
    from safetensors.torch import load_file

    name = path.name
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BackboneError(f"The backbone weights {name} are larger than 4 GB; give the weights of the backbone.")
        if path.suffix.lower() == ".safetensors":
            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise BackboneError(f"The backbone weights {name} cannot be read; check the path.") from error
    except BackboneError:
        raise
    except Exception as error:  # zip, pickle, safetensors and torch each have their own
        raise BackboneError(
            f"The backbone weights {name} are neither safetensors nor a plain torch state dict; convert them."
        ) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise BackboneError(f"The backbone weights {name} are not a state dict of tensors; convert them.")
    return {key.removeprefix("module."): value for key, value in state.items()}


def digest_of(state: dict[str, torch.Tensor]) -> str:
    """SHA-256 of names, shapes and values: the same weights have the same, whatever file they came in."""
    total = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        total.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def _check(file: PublicFile) -> None:
    """torch.hub checks what it downloads, but not what lies there already."""
    with file.path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if not found.startswith(file.checksum):
        raise _damaged(file)


def _damaged(file: PublicFile) -> BackboneError:
    return BackboneError(
        f"The file {file.name} in {file.folder_shown} is damaged: its SHA-256 must begin with {file.checksum}; "
        "remove it, and it is downloaded again."
    )
