"""VGG19 and ResNet-50 of torchvision as feature extractors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torchvision import models

from .pretrained import PUBLIC, BackboneError, digest_of, normalization, read_file, read_public

RANDOM = "none"  # the choice of weights that are random and said to be so
PARTS = {"vgg19": ("pool5", "fc2"), "resnet50": ("pool",)}


@dataclass(frozen=True)
class Backbone:
    """A network in evaluation mode: float32 ``(batch, 3, rows, columns)`` to features ``(batch, n)``.

    ``layer`` is the dotted name of its last spatial map, ``digest`` the SHA-256 of its weights, ``origin`` where they
    came from in words, ``random`` whether nobody trained them.
    """

    name: str
    part: str
    network: nn.Module
    layer: str
    digest: str
    origin: str
    random: bool

    @property
    def normalization(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation of the colors that the network was trained with."""
        return normalization(self.name)


class VggFeatures(nn.Module):
    """The convolutions of VGG19 up to its last pooling, flattened; for ``fc2`` also its two layers of 4096.

    The names of the weights are torchvision's.
    """

    def __init__(self, vgg: models.VGG, part: str):
        super().__init__()
        self.features = vgg.features
        self.avgpool = vgg.avgpool if part == "fc2" else nn.Identity()
        self.classifier = vgg.classifier[:6] if part == "fc2" else nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(images)), 1))


def load_backbone(
    name: str,
    part: str,
    choice: str | None,
    seed: int = 0,
    report: Callable[[str], None] = lambda text: None,
) -> Backbone:
    """The backbone with the weights of ``choice``: a file, ``"none"`` for random ones from the seed, ``None`` for
    torchvision's on ImageNet.

    Raises :class:`BackboneError` for weights that cannot be had or do not fit.
    """
    if choice == RANDOM:
        network = _build(name, part)
        _randomize(network, seed)
        return _backbone(name, part, network, f"random from seed {seed}", random=True)
    state = read_public(name, report) if choice is None else read_file(Path(choice))
    shown = f"ImageNet ({PUBLIC[name].url.rsplit('/', 1)[1]})" if choice is None else f"file {Path(choice).name}"
    return restore_backbone(name, part, state, shown, random=False)


def restore_backbone(name: str, part: str, state: dict[str, torch.Tensor], origin: str, random: bool) -> Backbone:
    """The backbone with the weights ``state``; those of torchvision's layers behind the part are left out."""
    network = _build(name, part)
    needed = network.state_dict()
    optional = {key for key in needed if key.endswith("num_batches_tracked")}
    missing = sorted(set(needed) - set(state) - optional)
    if missing or any(state[key].shape != needed[key].shape for key in needed if key in state):
        raise BackboneError(
            f"The backbone weights ({origin}) do not fit {name} of torchvision"
            + (f": {missing[0]} is missing" if missing else "")
            + "; give the weights of that network."
        )
    chosen = {key: state.get(key, torch.zeros((), dtype=torch.long)) for key in needed}
    chosen = {key: value.to(needed[key].dtype) for key, value in chosen.items()}
    if not all(bool(value.isfinite().all()) for value in chosen.values()):
        raise BackboneError(f"The backbone weights ({origin}) have values that are not finite; get the file again.")
    network.load_state_dict(chosen)
    return _backbone(name, part, network, origin, random)


def trainable_copy(network: nn.Module) -> nn.Module:
    """A copy of its own whose weights can be trained."""
    from copy import deepcopy

    return deepcopy(network).requires_grad_(True)


def _backbone(name: str, part: str, network: nn.Module, origin: str, random: bool) -> Backbone:
    layer = "features.35" if name == "vgg19" else "layer4"  # 35: the activation of the last convolution
    network.eval().requires_grad_(False)
    return Backbone(name, part, network, layer, digest_of(network.state_dict()), origin, random)


def _build(name: str, part: str) -> nn.Module:
    """The network with memory for its weights and nothing in it."""
    if part not in PARTS[name]:
        raise ValueError(f"{name} has the parts {', '.join(PARTS[name])}, not {part!r}")
    with torch.device("meta"):  # the layers of 4096 that most do not need have 123 million weights
        whole = models.vgg19(weights=None) if name == "vgg19" else models.resnet50(weights=None)
    if name == "vgg19":
        network: nn.Module = VggFeatures(whole, part)
    else:
        whole.fc = nn.Identity()
        network = whole
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False  # explanations read what stood before it
    return network.to_empty(device="cpu")


def _randomize(network: nn.Module, seed: int) -> None:
    """As torchvision initializes both networks (He et al. 2015), from the seed."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01, generator=generator)
            nn.init.zeros_(module.bias)
