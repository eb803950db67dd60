"""The linear models as layers on the backbone, for explanations."""

from __future__ import annotations

import torch
from torch import nn

from .sparse import LinearOutput


class PooledLinear(nn.Module):
    """The mean over the inputs of a linear layer on the pooled features of each: ``(batch, 1)``."""

    def __init__(self, branches: list[nn.Module], outputs: list[LinearOutput]):
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.linear = nn.ModuleList(nn.Linear(output.coefficients.size, 1) for output in outputs)
        with torch.no_grad():
            for layer, output in zip(self.linear, outputs, strict=True):
                layer.weight.copy_(torch.from_numpy(output.coefficients)[None])
                layer.bias.fill_(output.intercept)

    def forward(self, *images: torch.Tensor) -> torch.Tensor:
        answers = [
            layer(branch(image)) for branch, layer, image in zip(self.branches, self.linear, images, strict=True)
        ]
        return torch.stack(answers).mean(dim=0)
