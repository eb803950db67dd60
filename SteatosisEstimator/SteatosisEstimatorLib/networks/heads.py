"""A small head on frozen features: the same training as that of the whole network with its other layers frozen.

With frozen layers the gradient of the first dense layer is a combination of the training features, so that its weights
stay at their start plus a combination of them. In an orthonormal basis ``Q`` of the features ``F = Z Q^T`` the head
sees ``Z`` (as many columns as there are rows) in place of ``F``: gradient descent, with or without momentum, takes the
same steps, and ``start + A Q^T`` are the weights that it would have reached on ``F``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset

from .training import TrainingPlan, train


class DenseHead(nn.Module):
    """Dense layer of ``hidden`` ReLU nodes and one output node, He and Xavier uniform weights from the seed.

    He et al. 2015 is made for a layer before ReLU, Xavier (Glorot and Bengio 2010) for one that saturates or is linear.
    """

    def __init__(self, features: int, hidden: int, seed: int):
        super().__init__()
        self.hidden, self.output = nn.Linear(features, hidden), nn.Linear(hidden, 1)
        generator = torch.Generator().manual_seed(seed)
        nn.init.kaiming_uniform_(self.hidden.weight, nonlinearity="relu", generator=generator)
        nn.init.xavier_uniform_(self.output.weight, generator=generator)
        nn.init.zeros_(self.hidden.bias)
        nn.init.zeros_(self.output.bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.output(torch.relu(self.hidden(features)))


class BranchedNetwork(nn.Module):
    """One feature extractor per image, their features concatenated before the head: ``(batch, 1)``."""

    def __init__(self, branches: list[nn.Module], head: DenseHead):
        super().__init__()
        self.branches, self.head = nn.ModuleList(branches), head

    def forward(self, *images: torch.Tensor) -> torch.Tensor:
        features = [branch(image) for branch, image in zip(self.branches, images, strict=True)]
        return self.head(torch.cat(features, dim=1))


@dataclass(frozen=True)
class Descent:
    """Stochastic gradient descent with Nesterov's momentum."""

    learning_rate: float
    momentum: float
    epochs: int
    batch_size: int
    seed: int
    checkpoint_every: int

    def optimizer(self, network: nn.Module) -> torch.optim.SGD:
        """For the weights of the network that can be trained."""
        weights = [weight for weight in network.parameters() if weight.requires_grad]
        return torch.optim.SGD(weights, self.learning_rate, self.momentum, nesterov=self.momentum > 0)

    def plan(self) -> TrainingPlan:
        return TrainingPlan(self.epochs, self.batch_size, seed=self.seed, checkpoint_every=self.checkpoint_every)


class _ReducedHead(nn.Module):
    """:class:`DenseHead` in the basis of its training features; ``start`` is what its first weights make of them."""

    def __init__(self, head: DenseHead, rows: int):
        super().__init__()
        self.hidden = nn.Linear(rows, head.hidden.out_features)
        self.output = nn.Linear(head.hidden.out_features, 1)
        nn.init.zeros_(self.hidden.weight)
        self.hidden.bias.data.copy_(head.hidden.bias.data)
        self.output.load_state_dict(head.output.state_dict())

    def forward(self, reduced: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        return self.output(torch.relu(self.hidden(reduced) + start))


def train_head(
    head: DenseHead,
    features: np.ndarray,
    targets: np.ndarray,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    descent: Descent,
    folder: Path,
    device: torch.device,
    progress: Callable[[float], None] = lambda share: None,
) -> None:
    """Train ``head`` in place on float32 ``features`` ``(rows, n)`` and ``targets`` ``(rows,)``; see the module.

    ``folder`` holds the checkpoint of just this training.
    """
    target = torch.from_numpy(np.ascontiguousarray(targets, dtype=np.float32))[:, None].to(device)
    values = torch.from_numpy(features).to(device)
    head.to(device)
    if values.shape[0] >= values.shape[1]:  # nothing to gain
        data = TensorDataset(values, target)
        train(head, data, loss, descent.optimizer(head), descent.plan(), folder, device=device, progress=progress)
        return
    basis, reduced = torch.linalg.qr(values.T)
    with torch.no_grad():
        start = nn.functional.linear(values, head.hidden.weight)
    data = TensorDataset(reduced.T.contiguous(), start, target)
    small = _ReducedHead(head, len(values)).to(device)
    train(small, data, loss, descent.optimizer(small), descent.plan(), folder, device=device, progress=progress)
    with torch.no_grad():
        head.hidden.weight += small.hidden.weight @ basis.T
        head.hidden.bias.copy_(small.hidden.bias)
    head.output.load_state_dict(small.output.state_dict())
