"""Several views of one frame: turned, mirrored and scaled copies whose probabilities are averaged.

What the network sees only by chance of one placement on its grid averages out. The views are part of a bundle's
``preprocessing``; without any, the frame is seen once, at the network's declared size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .preprocess import NetworkInput, prepare, restore


@dataclass(frozen=True)
class View:
    """One look at the frame: input size, turn about the input's center (degrees), and whether mirrored left-right."""

    rows: int
    columns: int
    rotation: float = 0.0
    mirrored: bool = False


def average_probabilities(network, device, pixels, geometry, target: NetworkInput, views: tuple[View, ...], activation):
    """Class probabilities of one frame, averaged over ``views``.

    Args:
        network: takes float ``(batch, 1, rows, columns)``, returns ``(batch, classes, rows, columns)``.
        device: torch device of the network.
        pixels: uint8 ``(rows, columns)``; ``geometry`` is of the same frame.
        target: names the normalization; its size is used where there are no ``views``.
        activation: ``softmax`` or ``sigmoid``.

    Returns ``(probabilities, letterbox)``: float32 ``(classes, height, width)`` over the crop the letterbox names.
    """
    import torch

    views = views or (View(target.rows, target.columns),)
    total, crop = 0.0, None
    for size in sorted({(view.rows, view.columns) for view in views}):
        chosen = [view for view in views if (view.rows, view.columns) == size]
        tensor, box = prepare(pixels, geometry, NetworkInput(*size, target.normalization))
        crop = crop or box  # every size shows the same part of the source
        with torch.inference_mode():
            batch = torch.cat([_turned(tensor, view) for view in chosen])
            output = network(batch.to(device)).float()
            shares = torch.softmax(output, 1) if activation == "softmax" else torch.sigmoid(output)
            straight = torch.cat([_straight(shares[i : i + 1], view) for i, view in enumerate(chosen)])
            total = total + restore(straight.mean(0), box) * (len(chosen) / len(views))
    return total, crop


def _turned(tensor, view: View):
    turned = _rotate(tensor, view.rotation)
    return turned.flip(-1) if view.mirrored else turned


def _straight(tensor, view: View):
    return _rotate(tensor.flip(-1) if view.mirrored else tensor, -view.rotation)


def _rotate(tensor, degrees: float):
    """``tensor`` ``(1, channels, rows, columns)`` turned about its center; what comes in from outside is its edge."""
    if not degrees:
        return tensor
    import torch
    from torch.nn import functional as F

    rows, columns = tensor.shape[-2:]
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    # In the units of affine_grid, which run from -1 to 1 along either axis.
    matrix = torch.tensor([[[cos, -sin * rows / columns, 0.0], [sin * columns / rows, cos, 0.0]]], device=tensor.device)
    grid = F.affine_grid(matrix, [1, 1, rows, columns], align_corners=False)
    return F.grid_sample(tensor, grid, padding_mode="border", align_corners=False)
