"""develop.py: the one command that sets up and runs everything."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def copy(tmp_path) -> Path:
    for name in ("develop.py", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def _develop(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(folder / "develop.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--help"], 0), (["instal"], 2)])
def test_help_and_mistakes_install_nothing(copy, arguments, code):
    done = _develop(copy, *arguments)
    assert done.returncode == code
    assert "python3 develop.py demo" in done.stdout
    assert not (copy / ".venv").exists()


def _environment(copy: Path) -> Path:
    """An environment whose Python only says how it was called, and fails for the argument "fail"."""
    python = copy / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@"\ncase "$*" in *fail*) exit 7;; esac\n')
    python.chmod(0o755)
    script = runpy.run_path(str(copy / "develop.py"))
    script["STAMP"].write_text(script["fingerprint"]())
    return python


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for Python is a shell script")
def test_an_environment_that_is_up_to_date_is_used_as_it_is(copy):
    _environment(copy)
    done = _develop(copy, "run", "measure", "x.dcm", "-o", "out")
    assert done.stdout == "-m SteatosisEstimatorLib.commands measure x.dcm -o out\n"
    assert done.returncode == 0
    assert _develop(copy, "demo").stdout == "-m SteatosisEstimatorLib.commands demo\n"
    tests = _develop(copy, "test", "-k", "x").stdout.splitlines()
    assert tests == ["-m ruff check .", "-m ruff format --check .", "-m pytest -k x"]


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for Python is a shell script")
def test_the_exit_code_is_that_of_the_command(copy):
    _environment(copy)
    assert _develop(copy, "run", "fail").returncode == 7
    assert _develop(copy, "test", "fail").returncode == 7


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_another_lock_or_project_makes_a_new_environment(copy, name):
    script = runpy.run_path(str(copy / "develop.py"))
    before = script["fingerprint"]()
    with (copy / name).open("a") as file:
        file.write("\n# changed\n")
    assert script["fingerprint"]() != before
