"""Training of networks: resumable after a kill, early stopping, the best weights kept."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from SteatosisEstimatorLib.networks.training import CHECKPOINT, TrainingPlan, train
from torch.utils.data import TensorDataset

PROGRAM = """
import sys, torch
from pathlib import Path
from torch.utils.data import TensorDataset
from SteatosisEstimatorLib.networks.training import TrainingPlan, train

def run(folder, kill_at=None):
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(120, 4, generator=generator)
    y = x @ torch.tensor([[1.0], [2.0], [0.0], [-1.0]]) + 0.3 * torch.randn(120, 1, generator=generator)
    torch.manual_seed(3)
    network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(8, 1))
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    def progress(share):
        if kill_at is not None and share >= kill_at:
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)
    data, validation = TensorDataset(x[:90], y[:90]), TensorDataset(x[90:], y[90:])
    plan = TrainingPlan(epochs=12, batch_size=25, patience=4, seed=5)
    loss = torch.nn.functional.mse_loss
    return network, train(network, data, loss, optimizer, plan, Path(folder), validation, progress=progress)
"""


def _program():
    names: dict = {}
    exec(PROGRAM, names)
    return names["run"]


def test_a_training_that_was_killed_ends_with_the_same_weights(tmp_path):
    run = _program()
    whole, history = run(tmp_path / "whole")
    killed = subprocess.run(
        [sys.executable, "-c", f"{PROGRAM}\nrun({str(tmp_path / 'killed')!r}, kill_at=0.4)"],
        env={"PYTHONPATH": ":".join(sys.path), "PATH": ""},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "killed" / CHECKPOINT).is_file()
    resumed, again = run(tmp_path / "killed")
    assert again == history
    for one, other in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_a_finished_training_is_not_trained_again(tmp_path):
    run = _program()
    run(tmp_path)
    before = (tmp_path / CHECKPOINT).stat().st_mtime_ns
    network, history = run(tmp_path)
    assert (tmp_path / CHECKPOINT).stat().st_mtime_ns == before
    assert not network.training
    assert len(history.losses) == 12


class _Constant(torch.nn.Module):
    """Rises by the gradient; its best validation loss is at once, its training loss falls on."""

    def __init__(self):
        super().__init__()
        self.value = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.value + 0 * x


def test_training_stops_without_progress_and_keeps_the_best_weights(tmp_path):
    network = _Constant()
    data = TensorDataset(torch.zeros(8, 1), torch.ones(8, 1))
    validation = TensorDataset(torch.zeros(4, 1), torch.full((4, 1), 0.3))
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    plan = TrainingPlan(epochs=50, batch_size=8, patience=3)
    history = train(network, data, torch.nn.functional.mse_loss, optimizer, plan, tmp_path, validation)
    assert len(history.validation_losses) == history.best_epoch + 3
    assert history.best_validation_loss == min(history.validation_losses)
    # steps towards 1 pass 0.2, 0.36 ...: 0.36 is nearest to 0.3
    assert float(network.value.detach()) == pytest.approx(0.36, abs=1e-6)


def test_early_stopping_without_validation_is_refused(tmp_path):
    network = _Constant()
    data = TensorDataset(torch.zeros(8, 1), torch.ones(8, 1))
    with pytest.raises(ValueError, match="validation"):
        train(network, data, torch.nn.functional.mse_loss, None, TrainingPlan(2, 4, patience=1), Path(tmp_path))
