"""Pretrained networks: where their weights come from, and features computed once."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from SteatosisEstimatorLib.networks.backbones import load_backbone, restore_backbone, trainable_copy
from SteatosisEstimatorLib.networks.features import as_color, frozen_features, run_network
from SteatosisEstimatorLib.networks.heads import BranchedNetwork, DenseHead, Descent, train_head
from SteatosisEstimatorLib.networks.pretrained import BackboneError, public_file
from SteatosisEstimatorLib.networks.training import train
from torch.utils.data import TensorDataset
from torchvision import models

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def vgg():
    return load_backbone("vgg19", "pool5", "none", seed=3)


@pytest.fixture(scope="module")
def resnet():
    return load_backbone("resnet50", "pool", "none", seed=3)


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No connection, and an empty folder for what torchvision downloads."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints"


@pytest.mark.parametrize(
    ("name", "part", "file"), [("vgg19", "pool5", "vgg19-dcbb9e9d.pth"), ("resnet50", "pool", "resnet50-0676ba61.pth")]
)
def test_without_connection_the_file_its_checksum_and_its_place_are_named(offline, tmp_path, capfd, name, part, file):
    with pytest.raises(BackboneError) as caught:
        load_backbone(name, part, None)
    sentence = str(caught.value)
    assert file in sentence
    assert f"SHA-256 begins with {file[-12:-4]}" in sentence
    assert "$TORCH_HOME/hub/checkpoints" in sentence
    assert "--backbone-weights" in sentence
    assert str(tmp_path) not in sentence + "".join(capfd.readouterr())


def test_a_damaged_file_is_told_from_a_missing_one(offline):
    offline.mkdir(parents=True)
    (offline / public_file("vgg19").name).write_bytes(b"half a download")
    with pytest.raises(BackboneError, match=r"vgg19-dcbb9e9d\.pth .* is damaged: its SHA-256 must begin with dcbb9e9d"):
        load_backbone("vgg19", "pool5", None)


def test_random_weights_are_those_of_the_seed_and_say_so(resnet):
    again, other = (load_backbone("resnet50", "pool", "none", seed=seed) for seed in (3, 4))
    assert again.digest == resnet.digest != other.digest
    assert resnet.random
    assert resnet.origin == "random from seed 3"


def test_weights_of_a_file_give_the_same_features_in_either_format(resnet, tmp_path):
    state = resnet.network.state_dict() | {"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}
    save_file(state, tmp_path / "w.safetensors")
    torch.save({"state_dict": {f"module.{name}": value for name, value in state.items()}}, tmp_path / "w.pth")
    for file in ("w.safetensors", "w.pth"):
        loaded = load_backbone("resnet50", "pool", str(tmp_path / file))
        assert loaded.digest == resnet.digest
        assert not loaded.random
        assert loaded.origin == f"file {file}"


def test_weights_of_another_network_are_refused(resnet, tmp_path):
    save_file(resnet.network.state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(BackboneError, match=r"do not fit vgg19 of torchvision: features\.0\.bias is missing"):
        load_backbone("vgg19", "pool5", str(tmp_path / "w.safetensors"))


def test_weights_that_are_no_numbers_are_refused(resnet):
    state = resnet.network.state_dict()
    state = state | {"conv1.weight": torch.full_like(state["conv1.weight"], float("nan"))}
    with pytest.raises(BackboneError, match="not finite"):
        restore_backbone("resnet50", "pool", state, "a file", random=False)


class _Touch:
    """Unpickled carelessly, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_code_in_a_weights_file_is_not_run(tmp_path):
    torch.save({"conv1.weight": _Touch(tmp_path / "ran")}, tmp_path / "w.pth")
    with pytest.raises(BackboneError, match="neither safetensors nor a plain torch state dict"):
        load_backbone("resnet50", "pool", str(tmp_path / "w.pth"))
    assert not (tmp_path / "ran").exists()


def test_a_missing_file_is_named_without_its_folder(tmp_path):
    with pytest.raises(BackboneError, match=r"backbone weights mine\.pth cannot be read") as caught:
        load_backbone("resnet50", "pool", str(tmp_path / "mine.pth"))
    assert str(tmp_path) not in str(caught.value)


def test_features_are_those_of_torchvision(vgg, resnet):
    images = torch.rand(2, 3, 64, 64)
    with torch.device("meta"):
        whole_resnet, whole_vgg = models.resnet50(), models.vgg19()
    whole_resnet.fc = torch.nn.Identity()
    whole_resnet.load_state_dict(resnet.network.state_dict(), assign=True)
    whole_vgg.features.load_state_dict(
        {k.removeprefix("features."): v for k, v in vgg.network.state_dict().items()}, assign=True
    )
    with torch.no_grad():
        assert torch.equal(whole_resnet.eval()(images), resnet.network(images))
        assert torch.equal(whole_vgg.features.eval()(images).flatten(1), vgg.network(images))
    assert resnet.network(images).shape == (2, 2048)
    assert vgg.network(images).shape == (2, 512 * 2 * 2)
    assert vgg.normalization == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def test_features_are_computed_once(vgg, tmp_path):
    images = as_color(np.random.default_rng(0).random((3, 32, 32)))
    asked = []

    def make():
        asked.append(True)
        return images

    store = frozen_features(vgg, tmp_path, CPU)
    first = store.of({"pixels": "a"}, make)
    again = frozen_features(vgg, tmp_path, CPU).of({"pixels": "a"}, make)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, run_network(vgg.network, images, CPU))
    assert len(asked) == 1
    store.of({"pixels": "b"}, make)
    frozen_features(load_backbone("vgg19", "pool5", "none", seed=4), tmp_path, CPU).of({"pixels": "a"}, make)
    assert len(asked) == 3
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("loss", [torch.nn.BCEWithLogitsLoss(), torch.nn.MSELoss()])
def test_training_the_head_alone_is_training_the_network_with_frozen_layers(vgg, tmp_path, loss):
    """Same images, order and start: the weights differ by rounding, and moved by a thousand times more."""
    rng = np.random.default_rng(1)
    pixels = np.asarray(as_color(rng.random((16, 32, 32))))
    targets = (rng.random(16) > 0.5).astype(np.float32)
    descent = Descent(1e-2, 0.9, epochs=4, batch_size=8, seed=5, checkpoint_every=100)

    whole = BranchedNetwork([trainable_copy(vgg.network).requires_grad_(False)], DenseHead(512, 10, seed=2))
    data = TensorDataset(torch.from_numpy(pixels.copy()), torch.from_numpy(targets)[:, None])
    train(whole, data, loss, descent.optimizer(whole), descent.plan(), tmp_path / "whole")

    head, start = DenseHead(512, 10, seed=2), DenseHead(512, 10, seed=2)
    train_head(head, run_network(vgg.network, pixels, CPU), targets, loss, descent, tmp_path / "head", CPU)

    for name, weight in head.named_parameters():
        plain = whole.head.get_parameter(name)
        moved = (plain - start.get_parameter(name)).abs().max()
        assert moved > 1e-3
        assert (weight - plain).abs().max() < 1e-3 * moved
    assert all(torch.equal(a, b) for a, b in zip(whole.branches[0].parameters(), vgg.network.parameters(), strict=True))


def test_recipes_are_known_without_torch_being_loaded():
    program = """
import sys
from SteatosisEstimatorLib.recipes.registry import get_recipe
for name in ("vgg19-clkl", "resnet50-sparse"):
    get_recipe(name).default_settings()
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
