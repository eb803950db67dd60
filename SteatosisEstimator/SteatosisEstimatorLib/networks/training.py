"""Train a network with MONAI's trainer so that it can be killed at any point and ends with the same weights.

Every random draw of an epoch comes from ``(seed, epoch)`` and a checkpoint is written whole after an epoch, so a run
that was stopped and called again goes on where it was.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from HepatoRenalIndexLib.files.writing import write_bytes
from ignite.engine import Events
from ignite.handlers import EarlyStopping
from ignite.metrics import Loss
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler, TensorDataset

CHECKPOINT = "training.pt"


@dataclass(frozen=True)
class TrainingPlan:
    """``patience`` epochs without a lower validation loss end the training, and the best weights are kept; ``None``
    trains all ``epochs`` and keeps the last. A checkpoint is written every ``checkpoint_every`` epochs.
    """

    epochs: int
    batch_size: int
    patience: int | None = None
    seed: int = 0
    checkpoint_every: int = 1


@dataclass(frozen=True)
class TrainingHistory:
    """Mean loss of each epoch; the validation losses are empty without validation. ``best_epoch`` counts from 1."""

    losses: tuple[float, ...]
    validation_losses: tuple[float, ...]
    best_epoch: int

    @property
    def best_validation_loss(self) -> float:
        """The validation loss of the weights that were kept; NaN without validation."""
        return self.validation_losses[self.best_epoch - 1] if self.validation_losses else float("nan")


class EpochSampler(Sampler[int]):
    """A permutation of the data that depends on seed and epoch alone."""

    def __init__(self, size: int, seed: int):
        self.size, self.seed, self.epoch = size, seed, 0

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        return iter(np.random.default_rng((self.seed, self.epoch)).permutation(self.size).tolist())


def train(
    network: torch.nn.Module,
    data: Dataset,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    optimizer: torch.optim.Optimizer,
    plan: TrainingPlan,
    folder: Path,
    validation: Dataset | None = None,
    device: torch.device | str = "cpu",
    progress: Callable[[float], None] = lambda share: None,
) -> TrainingHistory:
    """Train ``network`` in place, and leave the weights to be kept in it.

    An item of ``data`` is ``(input, ..., target)``, tensors without the batch; the network is called with the inputs.
    Drop-out and the like draw from torch's generator, which is left as it was. ``folder`` holds the checkpoint: called
    again after a kill with the same arguments, the training goes on.
    """
    if plan.patience is not None and validation is None:
        raise ValueError("early stopping needs validation data")
    with torch.random.fork_rng(devices=[] if torch.device(device).type == "cpu" else [device]):
        return _Run(network, data, loss, optimizer, plan, folder, validation, torch.device(device), progress).run()


class _Run:
    """MONAI's trainer and evaluator, and the state that a checkpoint holds."""

    def __init__(self, network, data, loss, optimizer, plan, folder, validation, device, progress):
        self.network, self.optimizer, self.plan, self.file = network.to(device), optimizer, plan, folder / CHECKPOINT
        self.progress = progress
        self.losses: list[float] = []
        self.validation_losses: list[float] = []
        self.best: dict[str, torch.Tensor] = {}
        self.best_epoch = 0
        self.sampler = EpochSampler(len(data), plan.seed)
        self.trainer = SupervisedTrainer(
            device=device,
            max_epochs=plan.epochs,
            train_data_loader=_loader(data, self.sampler, plan.batch_size),
            network=network,
            optimizer=optimizer,
            loss_function=loss,
            prepare_batch=_prepare,
            optim_set_to_none=True,
            decollate=False,
        )
        self.evaluator = self.stopper = None
        if validation is not None:
            self.evaluator = SupervisedEvaluator(
                device=device,
                val_data_loader=DataLoader(validation, plan.batch_size),
                network=network,
                prepare_batch=_prepare,
                key_val_metric={"loss": Loss(loss, output_transform=_predicted_and_label)},
            )
            self.evaluator.logger.disabled = True
        if plan.patience is not None:
            self.stopper = EarlyStopping(plan.patience, lambda engine: -engine.state.metrics["loss"], self.trainer)
            self.stopper.logger.disabled = True
        self.trainer.logger.disabled = True
        self.trainer.add_event_handler(Events.EPOCH_STARTED, self._start_epoch)
        self.trainer.add_event_handler(Events.ITERATION_COMPLETED, self._note_loss)
        self.trainer.add_event_handler(Events.EPOCH_COMPLETED, self._end_epoch)

    def run(self) -> TrainingHistory:
        done = self._resume()
        if not done:
            self.trainer.run()
            self._save(done=True)
        if self.best:
            self.network.load_state_dict(self.best)
        self.network.eval()
        return TrainingHistory(tuple(self.losses), tuple(self.validation_losses), self.best_epoch or len(self.losses))

    def _start_epoch(self, engine) -> None:
        self.sampler.epoch = engine.state.epoch
        torch.manual_seed(self.plan.seed * 1_000_003 + engine.state.epoch)
        self.summed, self.seen = 0.0, 0

    def _note_loss(self, engine) -> None:
        output = engine.state.output
        items = len(output["label"])
        self.summed += output["loss"].item() * items
        self.seen += items

    def _end_epoch(self, engine) -> None:
        epoch = engine.state.epoch
        self.losses.append(self.summed / self.seen)
        if self.evaluator is not None:
            self.evaluator.run()
            value = float(self.evaluator.state.metrics["loss"])
            if not self.validation_losses or value < min(self.validation_losses):
                self.best_epoch = epoch
                self.best = {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}
            self.validation_losses.append(value)
            if self.stopper is not None:
                self.stopper(self.evaluator)
        if epoch % self.plan.checkpoint_every == 0:
            self._save(done=False)
        self.progress(epoch / self.plan.epochs)

    def _save(self, done: bool) -> None:
        state = {
            "epoch": self.trainer.state.epoch,
            "done": done,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "best_epoch": self.best_epoch,
            "losses": self.losses,
            "validation_losses": self.validation_losses,
            "waited": self.stopper.counter if self.stopper else 0,
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(self.file, buffer.getvalue())

    def _resume(self) -> bool:
        """Take up the checkpoint, if there is one; whether the training was over."""
        if not self.file.is_file():
            return False
        state = torch.load(self.file, map_location="cpu", weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.losses, self.validation_losses = state["losses"], state["validation_losses"]
        if self.stopper is not None and self.validation_losses:
            self.stopper.counter = state["waited"]
            self.stopper.best_score = -min(self.validation_losses)
        self.trainer.state.epoch = state["epoch"]
        self.trainer.state.iteration = state["epoch"] * self.trainer.state.epoch_length
        return state["done"] or state["epoch"] >= self.plan.epochs


def _loader(data: Dataset, sampler: Sampler[int], batch_size: int) -> DataLoader:
    """Batches of the data; tensors in memory are indexed by the whole batch, which saves putting it together."""
    if isinstance(data, TensorDataset):
        return DataLoader(data, batch_size=None, sampler=BatchSampler(sampler, batch_size, drop_last=False))
    return DataLoader(data, batch_size, sampler=sampler)


def _prepare(batch: Sequence[torch.Tensor], device, non_blocking: bool = False, **kwargs):
    """Input, target and further inputs of a batch, as MONAI's engines take them."""
    first, *others, target = (tensor.to(device, non_blocking=non_blocking) for tensor in batch)
    return first, target, tuple(others), {}


def _predicted_and_label(output) -> tuple[torch.Tensor, torch.Tensor]:
    """Batches of prediction and target; MONAI's engines hand out lists of single items."""
    if isinstance(output, dict):
        return output["pred"], output["label"]
    return torch.stack([item["pred"] for item in output]), torch.stack([item["label"] for item in output])
