"""Grad-CAM, CAM and SHAP of a target, as maps over the source images.

- ``grad-cam``: Selvaraju et al. 2017, with MONAI. Where evidence for more fat lies; 0 elsewhere.
- ``cam``: Zhou et al. 2016, with MONAI; exact for networks that end in global average pooling and one linear layer.
- ``shap``: expected gradients (Erion et al. 2021, an estimate of Shapley values) against a black image, with Captum.
  Sums up to the output minus the output for black; positive where pixels raise the estimate, negative where they
  lower it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from HepatoRenalIndexLib.imaging.image import InputError

from ..cohort.vocabulary import View
from .target import ExplanationTarget

METHODS = ("grad-cam", "cam", "shap")


@dataclass(frozen=True)
class Explanation:
    """A map over one source image, float32 ``(rows, columns)``, 0 outside of what the network saw.

    ``grad-cam`` is 0 or positive. ``cam`` and ``shap`` are signed: positive raises ``quantity``. ``cam`` and
    ``grad-cam`` are in arbitrary units, ``shap`` in the units of the network's output, spread over the source's pixels
    so that the sum over the image is what the image adds.
    """

    method: str
    quantity: str
    view: View
    source: str
    index: int
    values: np.ndarray

    @property
    def scaled(self) -> np.ndarray:
        """The values divided by the largest magnitude, -1..1; all 0 for a map without evidence."""
        largest = float(np.abs(self.values).max(initial=0.0))
        return self.values / largest if largest > 0 else np.zeros_like(self.values)


def explain(
    target: ExplanationTarget, method: str = "grad-cam", samples: int = 32, seed: int = 0
) -> tuple[Explanation, ...]:
    """One map for each input of the target. ``samples`` and ``seed`` matter to ``shap`` alone.

    Raises :class:`InputError` for a method that the network does not allow, or whose package is missing.
    """
    if method == "grad-cam":
        maps = [_class_activation(target, position) for position in range(len(target.inputs))]
    elif method == "cam":
        maps = [_cam(target, position) for position in range(len(target.inputs))]
    elif method == "shap":
        maps = _shap(target, samples, seed)
    else:
        raise InputError(f"There is no explanation {method!r}; choose one of {', '.join(METHODS)}.")
    explanations = []
    for entry, values in zip(target.inputs, maps, strict=True):
        if method == "shap":  # a resized map keeps its sum
            values = values * (values.size / (entry.crop.width * entry.crop.height))
        laid = entry.crop.put_back(values, entry.frame.image.pixels.shape)
        laid[~entry.frame.geometry.mask] = 0  # the network saw black there
        place = entry.frame.view, entry.frame.source, entry.frame.index
        explanations.append(Explanation(method, target.quantity, *place, laid))
    return tuple(explanations)


def _class_activation(target: ExplanationTarget, position: int) -> np.ndarray:
    """Grad-CAM of one branch, the others held."""
    from monai.visualize import GradCAM

    network, prefix = _one_branch(target, position)
    method = GradCAM(network, target_layers=prefix + target.inputs[position].layer, postprocessing=_as_it_is)
    tensor = target.inputs[position].tensor.detach().clone().requires_grad_(True)
    return method(x=tensor, class_idx=0)[0, 0].detach().cpu().numpy()


def _cam(target: ExplanationTarget, position: int) -> np.ndarray:
    import torch
    from monai.visualize import CAM

    if not target.pooled_linear:
        raise InputError("A class activation map needs pooling and then one linear layer; choose grad-cam.")
    weights = torch.as_tensor(target.linear_weights, dtype=torch.float32).reshape(len(target.inputs), -1)[[position]]
    linear = torch.nn.Linear(weights.shape[1], 1, bias=False)
    linear.weight.data.copy_(weights)
    network, prefix = _one_branch(target, position)
    layer = prefix + target.inputs[position].layer
    method = CAM(network, target_layers=layer, fc_layers=lambda model: linear, postprocessing=_as_it_is)
    return method(x=target.inputs[position].tensor, class_idx=[0])[0, 0].detach().cpu().numpy()


def _shap(target: ExplanationTarget, samples: int, seed: int) -> list[np.ndarray]:
    import torch

    try:
        from captum.attr import GradientShap
    except ImportError:
        raise InputError("SHAP needs the package captum; install it, or choose grad-cam.") from None
    tensors = tuple(entry.tensor.detach() for entry in target.inputs)
    black = tuple(torch.full_like(tensor, float(tensor.min())) for tensor in tensors)
    network = target.network.eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state = np.random.get_state()  # noqa: NPY002 - Captum draws from numpy's global generator
        np.random.seed(seed)  # noqa: NPY002
        try:
            found = GradientShap(network).attribute(tensors, baselines=black, n_samples=samples, stdevs=0.0, target=0)
        finally:
            np.random.set_state(state)  # noqa: NPY002
    return [values[0].sum(dim=0).detach().cpu().numpy().astype(np.float32) for values in found]


def _one_branch(target: ExplanationTarget, position: int):
    """The network as a function of one of its inputs, and what stands before the names of its layers then."""
    import torch

    class OneBranch(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = target.network

        def forward(self, tensor):
            tensors = [entry.tensor for entry in target.inputs]
            tensors[position] = tensor
            return self.network(*tensors)

    return OneBranch().eval(), "network."


def _as_it_is(values):
    """In place of MONAI's own scaling, which would hide that a map is empty."""
    return values
