"""Packages for the network: asked for when they are needed, and every refusal or failure is one sentence."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
import types
from pathlib import Path

import pytest
import slicer_double

slicer_double.install()
slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from HepatoRenalIndexLib.imaging.image import InputError  # noqa: E402
from HepatoRenalIndexLib.module import installing  # noqa: E402

TORCH = "2.9.1+cpu"


class Desktop:
    """The parts of the application that install packages. What they are asked for is kept."""

    def __init__(self):
        self.asked: list[str] = []
        self.constraints = ""
        self.torch = TORCH  # installed version, empty for none, None for a broken installation
        self.agrees = True
        self.failure: Exception | None = None
        self.missing = ["monai"]

    # PyTorchUtilsLogic

    def torchInstalled(self) -> bool:
        if self.torch is None:
            raise TypeError("'NoneType' object is not iterable")
        return bool(self.torch)

    def installTorch(self, askConfirmation, torchVersionRequirement):
        assert askConfirmation
        self.asked.append(f"torch{torchVersionRequirement}")
        if self.failure is not None:
            raise self.failure
        self.torch = TORCH if self.agrees else ""
        return types.SimpleNamespace() if self.agrees else None

    # slicer.packaging

    def pip_check(self, requirement: str) -> bool:
        return tuple(int(part) for part in self.torch.split(".")[:2]) >= (2, 4)

    def pip_ensure(self, requirements, constraints=None, requester=None):
        self.asked += requirements
        self.constraints = Path(constraints).read_text(encoding="utf-8")
        if not self.agrees:
            raise RuntimeError("User declined package installation")
        if self.failure is not None:
            raise self.failure
        self.missing = []


@pytest.fixture
def desktop(monkeypatch):
    made = Desktop()
    packaging = types.ModuleType("slicer.packaging")
    packaging.pip_check, packaging.pip_ensure = made.pip_check, made.pip_ensure
    packaging.load_requirements = lambda path: [
        line for line in Path(path).read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    ]
    monkeypatch.setitem(sys.modules, "slicer.packaging", packaging)
    monkeypatch.setitem(slicer.__dict__, "packaging", packaging)
    monkeypatch.setitem(slicer.__dict__, "app", types.SimpleNamespace(testingEnabled=lambda: False))
    monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=lambda: made))
    monkeypatch.setattr(importlib.metadata, "version", lambda name: made.torch)
    monkeypatch.setattr(installing.Installer, "missing", lambda self: made.missing)
    monkeypatch.setattr(installing.Installer, "hasTorch", lambda self: bool(made.torch))
    return made


def _sentence() -> str:
    with pytest.raises(InputError) as refused:
        installing.Installer().ensure()
    text = str(refused.value)
    assert "\n" not in text
    return text


def test_what_is_missing_is_installed_without_touching_torch(desktop):
    installing.Installer().ensure()
    assert any(name.startswith("monai") for name in desktop.asked)
    assert not any(name.startswith("torch") for name in desktop.asked)
    assert desktop.constraints == f"torch=={TORCH}\n"


def test_torch_comes_from_its_extension(desktop):
    desktop.torch = ""
    installing.Installer().ensure()
    assert desktop.asked[0] == "torch>=2.4"


def test_the_extension_that_is_missing_is_named(desktop, monkeypatch):
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    desktop.torch = ""
    assert "Extensions Manager" in _sentence()


def test_a_torch_that_is_there_needs_no_extension(desktop, monkeypatch):
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    installing.Installer().ensure()
    assert desktop.missing == []


@pytest.mark.parametrize(("files", "whole"), [(["torch/__init__.py"], True), (None, False), ([], False)])
def test_an_interrupted_installation_of_torch_is_recognized(monkeypatch, files, whole):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(importlib.metadata, "files", lambda name: files)
    assert installing.Installer().hasTorch() is whole


@pytest.mark.parametrize(
    ("torch", "expected"), [(None, "incompletely"), ("2.2.2", "2.2.2 is too old"), ("", "was not installed")]
)
def test_a_torch_that_cannot_be_used_is_one_sentence(desktop, torch, expected):
    desktop.torch = torch
    desktop.agrees = False
    assert expected in _sentence()


def test_a_failed_or_refused_installation_is_one_sentence(desktop):
    desktop.failure = subprocess.CalledProcessError(1, ["pip"])
    assert "network connection" in _sentence()
    desktop.failure, desktop.agrees = None, False
    assert "agree" in _sentence()


def test_a_failed_installation_of_torch_says_why(desktop):
    desktop.torch = ""
    desktop.failure = OSError("[WinError 206] The filename or extension is too long\nTraceback")
    text = _sentence()
    assert "WinError 206" in text
    assert "Traceback" not in text
    desktop.failure = subprocess.CalledProcessError(1, "pip install")
    assert "network connection" in _sentence()
    assert "exit status" not in _sentence()
