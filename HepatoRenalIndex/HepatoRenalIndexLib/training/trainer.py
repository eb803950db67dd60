"""The training loop: weighted mixture of canvases, cascade loss, moving average of the weights, resumable.

Every random draw of step ``i`` comes from ``(seed, i)``, so a run that was interrupted and resumed from its checkpoint
ends with the same weights as one that was not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from monai.losses import DiceCELoss
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from ..inference.icnet import cascade_loss
from ..inference.network import build_network
from ..inference.preprocess import NetworkInput
from .augment import Draw, augment
from .dataset import Canvas

NETWORK = {
    "_target_": "HepatoRenalIndexLib.inference.icnet.ICNet",
    "in_channels": 1,
    "out_channels": 3,
    "width": 0.375,
    "depths": [3, 4, 6, 3],
}
STEPS_PER_SEED = 10_000_019  # keeps the draws of different seeds apart


@dataclass(frozen=True)
class TrainSettings:
    """Everything that determines a training, apart from its images."""

    cycles: tuple[int, ...] = (500, 500)  # steps of each cosine cycle of the learning rate (warm restarts)
    batch_size: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warmup: float = 0.05  # share of the first cycle
    average: float = 0.99  # decay of the moving average of the weights
    seed: int = 0
    rows: int = 288
    columns: int = 384
    half_precision: bool = True  # bfloat16 arithmetic with float32 weights
    checkpoint_every: int = 100
    network: dict = field(default_factory=lambda: dict(NETWORK))

    @property
    def iterations(self) -> int:
        """Steps in all."""
        return sum(self.cycles)


@dataclass(frozen=True)
class Source:
    """A named pool of canvases from which each place of a batch is drawn with probability ``share``."""

    name: str
    canvases: Sequence[Canvas]
    share: float


class Training:
    """State of one training: network, optimizer, moving average and step."""

    def __init__(self, settings: TrainSettings, device: str = "cpu", initial: Path | None = None):
        self.settings = settings
        self.device = torch.device(device)
        torch.manual_seed(settings.seed)
        self.network = build_network(settings.network)
        if initial is not None:
            self.network.load_state_dict({name: value.float() for name, value in load_file(initial).items()})
        self.network.to(self.device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.criterion = DiceCELoss(softmax=True, batch=True, lambda_dice=1.0, lambda_ce=1.0)
        self.step = 0
        self.losses: list[float] = []

    def rate(self) -> float:
        """Learning rate of the current step: linear warm-up, then a half cosine to a hundredth in each cycle."""
        settings, start, cycle = self.settings, 0, 0
        while cycle + 1 < len(settings.cycles) and self.step >= start + settings.cycles[cycle]:
            start += settings.cycles[cycle]
            cycle += 1
        end = start + settings.cycles[cycle]
        if cycle == 0:
            start = max(1, round(settings.warmup * end))
            if self.step < start:
                return settings.learning_rate * (self.step + 1) / start
        progress = (self.step - start) / max(1, end - start)
        return settings.learning_rate * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * min(1.0, progress))))

    def advance(self, sources: Sequence[Source]) -> float:
        """One step; returns its loss."""
        settings = self.settings
        seed = settings.seed * STEPS_PER_SEED + self.step
        batch = draw_batch(sources, settings.batch_size, np.random.default_rng(seed))
        images, labels, masks = (torch.from_numpy(plane).to(self.device) for plane in batch)
        with torch.no_grad():
            inputs, targets = augment(
                images[:, None].float() / 255,
                labels,
                masks[:, None].float(),
                NetworkInput(settings.rows, settings.columns),
                Draw(seed, settings.batch_size, self.device),
            )
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=settings.half_precision):
            outputs = self.network(inputs)
        loss = cascade_loss(outputs, targets, self.criterion)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        decay = min(settings.average, self.step / (self.step + 10))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - decay)
                else:
                    self.average[name].copy_(value)
        value = loss.item()
        if not np.isfinite(value):
            raise FloatingPointError(f"the loss became {value} at step {self.step}; lower the learning rate")
        self.losses.append(value)
        return value

    def save(self, folder: Path) -> None:
        """Write the whole state to ``folder``: one safetensors file that the small JSON file beside it names.

        The JSON file is replaced last and in one operation, so an interruption leaves the previous state whole.
        """
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"network/{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"average/{name}": value for name, value in self.average.items()}
        for name, parameter in self.network.named_parameters():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer/{name}/{key}"] = value
        name = f"state-{self.step:07d}.safetensors"
        save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, folder / name)
        record = {"state": name, "step": self.step, "settings": asdict(self.settings), "losses": self.losses}
        temporary = folder / "checkpoint.json.tmp"
        temporary.write_text(json.dumps(record), encoding="utf-8")
        temporary.replace(folder / "checkpoint.json")
        for old in folder.glob("state-*.safetensors"):
            if old.name != name:
                old.unlink()

    def resume(self, folder: Path) -> bool:
        """Continue from ``folder``; False where there is no checkpoint. Other settings than the saved are refused."""
        path = folder / "checkpoint.json"
        if not path.is_file():
            return False
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["settings"] != json.loads(json.dumps(asdict(self.settings))):
            raise ValueError(f"{folder.name} holds a training with other settings; use another work folder")
        tensors = load_file(folder / record["state"])
        self.network.load_state_dict(
            {key.removeprefix("network/"): value for key, value in tensors.items() if key.startswith("network/")}
        )
        for name in self.average:
            self.average[name].copy_(tensors[f"average/{name}"])
        for name, parameter in self.network.named_parameters():
            state = {
                key: tensors[f"optimizer/{name}/{key}"].clone()
                for key in ("step", "exp_avg", "exp_avg_sq")
                if f"optimizer/{name}/{key}" in tensors
            }
            if state:
                self.optimizer.state[parameter] = {
                    key: value if key == "step" else value.to(parameter) for key, value in state.items()
                }
        self.step, self.losses = record["step"], record["losses"]
        return True

    def weights(self) -> dict[str, torch.Tensor]:
        """The moving average, float16 as it is shipped."""
        return {
            name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
            for name, value in self.average.items()
        }


def draw_batch(sources: Sequence[Source], count: int, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
    """``count`` canvases drawn from the sources: uint8 images, labels and masks ``(count, rows, columns)``."""
    shares = np.array([source.share for source in sources], float)
    pools = generator.choice(len(sources), count, p=shares / shares.sum())
    picked = [sources[pool].canvases[generator.integers(len(sources[pool].canvases))] for pool in pools]
    return tuple(np.stack([getattr(canvas, part) for canvas in picked]) for part in ("image", "labels", "mask"))


def train(
    settings: TrainSettings,
    sources: Sequence[Source],
    work: Path,
    *,
    device: str = "cpu",
    initial: Path | None = None,
    max_minutes: float | None = None,
    progress: bool = True,
) -> Path:
    """Train to the end, or until ``max_minutes`` have passed, and write ``work/weights.safetensors``.

    Resumes from ``work`` where a checkpoint lies there. Returns the weights' path; ``work/checkpoint.json`` says how
    many steps they have.
    """
    training = Training(settings, device, initial)
    training.resume(work)
    started = time.monotonic()
    with tqdm(total=settings.iterations, initial=training.step, disable=not progress, unit="step") as bar:
        while training.step < settings.iterations:
            loss = training.advance(sources)
            bar.update()
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            if training.step % settings.checkpoint_every == 0:
                training.save(work)
            if max_minutes is not None and time.monotonic() - started > 60 * max_minutes:
                break
    training.save(work)
    path = work / "weights.safetensors"
    temporary = work / "weights.safetensors.tmp"
    save_file(training.weights(), temporary)
    temporary.replace(path)
    return path
