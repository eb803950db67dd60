"""Linear models on pooled features as layers of the network, for explanations."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


class PooledLinear(nn.Module):
    """The mean over the inputs of a linear layer on the pooled features of each: ``(batch, 1)``.

    ``coefficients`` are ``(features,)`` of each branch.
    """

    def __init__(self, branches: list[nn.Module], coefficients: list[np.ndarray], intercepts: list[float]):
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.linear = nn.ModuleList(nn.Linear(weights.size, 1) for weights in coefficients)
        with torch.no_grad():
            for layer, weights, intercept in zip(self.linear, coefficients, intercepts, strict=True):
                layer.weight.copy_(torch.from_numpy(weights)[None])
                layer.bias.fill_(intercept)

    def forward(self, *images: torch.Tensor) -> torch.Tensor:
        answers = [
            layer(branch(image)) for branch, layer, image in zip(self.branches, self.linear, images, strict=True)
        ]
        return torch.stack(answers).mean(dim=0)
