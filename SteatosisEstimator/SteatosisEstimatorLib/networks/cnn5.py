"""The five-layer network of Colantonio et al. 2021, section 2.2, with one branch or two."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn


class ConvolutionBranch(nn.Module):
    """Batch normalization, then per entry of ``filters`` a padded convolution, ReLU and 2x2 max-pooling of stride 2.

    Takes float32 ``(batch, 1, size, size)``, gives ``(batch, filters[-1], size / 2^n, size / 2^n)``.
    """

    def __init__(self, filters: Sequence[int], kernel: int):
        super().__init__()
        self.normalization = nn.BatchNorm2d(1)
        widths = (1, *filters)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, kernel, padding=kernel // 2) for before, after in pairwise(widths)
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.normalization(image)
        for convolution in self.convolutions:
            features = nn.functional.max_pool2d(nn.functional.relu(convolution(features)), 2)
        return features


class ClipNetwork(nn.Module):
    """One or two branches, concatenated before a fully connected ReLU layer and a linear output: ``(batch, 1)``."""

    def __init__(self, branches: int, size: int, filters: Sequence[int], kernel: int, dense_units: int):
        super().__init__()
        self.branches = nn.ModuleList(ConvolutionBranch(filters, kernel) for _ in range(branches))
        side = size >> len(filters)
        if side < 1:
            raise ValueError(f"an image of {size} pixels is too small for {len(filters)} poolings")
        self.dense = nn.Linear(branches * filters[-1] * side * side, dense_units)
        self.output = nn.Linear(dense_units, 1)

    def forward(self, *images: torch.Tensor) -> torch.Tensor:
        features = [branch(image).flatten(1) for branch, image in zip(self.branches, images, strict=True)]
        return self.output(nn.functional.relu(self.dense(torch.cat(features, dim=1))))

    def import_branch(self, position: int, other: ClipNetwork) -> None:
        """Take the convolutions of a trained network of one branch, as the two-branch network of the paper does."""
        self.branches[position].load_state_dict(other.branches[0].state_dict())
