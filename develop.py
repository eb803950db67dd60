#!/usr/bin/env python3
"""Set up LiverUltrasound in this folder and use it: one command, nothing but Python 3.11 or newer beforehand.

    python3 develop.py demo           set up, then measure the sample images that come with the project
    python3 develop.py test           set up, then check style and run the tests
    python3 develop.py run ARGS...    set up, then run "liver-ultrasound ARGS..."

Setting up makes the virtual environment .venv beside this file and installs the exact packages of
requirements.lock, each checked against its SHA-256. It is skipped as long as the lock does not change.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PROGRAMS = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
PYTHON = PROGRAMS / ("python.exe" if os.name == "nt" else "python")
LOCK = ROOT / "requirements.lock"
UV_LOCK = ROOT / "bootstrap.lock"  # uv itself, for machines that do not have it
STAMP = ENVIRONMENT / "liver-ultrasound.stamp"


def fingerprint():
    """What the environment was made from; another one makes it new."""
    digest = hashlib.sha256(sys.version.encode())
    for path in (LOCK, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def call(*command):
    """Run a program in the project folder; an exit code other than 0 ends this script with the same code."""
    code = subprocess.call([str(part) for part in command], cwd=ROOT)
    if code:
        sys.exit(code)


def installer():
    """The command that installs packages into the environment: uv where it can be had (fast), else pip."""
    pip = (PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--quiet")
    uv = shutil.which("uv")
    if uv is None:
        subprocess.call([*map(str, pip), "--require-hashes", "-r", str(UV_LOCK)], cwd=ROOT)
        uv = shutil.which("uv", path=str(PROGRAMS))
    return (uv, "pip", "install", "--python", PYTHON, "--quiet") if uv else pip


def set_up():
    """Make the environment, unless it is there and made from the present lock."""
    wanted = fingerprint()
    if STAMP.is_file() and STAMP.read_text() == wanted and PYTHON.exists():
        return
    os.environ.setdefault("UV_SYSTEM_CERTS", "true")  # uv: trust the authorities that this computer trusts, as pip does
    print("Setting up .venv (some minutes and, on Linux, 7 GB of disk the first time) ...", flush=True)
    uv = shutil.which("uv")
    if uv:
        call(uv, "venv", "--quiet", "--clear", "--python", sys.executable, ENVIRONMENT)
    else:
        call(sys.executable, "-m", "venv", "--clear", ENVIRONMENT)
    install = installer()
    call(*install, "--require-hashes", "-r", LOCK)
    # The build backend is in the lock as well, so that nothing unpinned is fetched to build the project.
    call(*install, "--no-deps", "--no-build-isolation", "--editable", ROOT)
    STAMP.write_text(wanted)


def main(arguments):
    if sys.version_info < (3, 11):  # noqa: UP036 - whatever Python the user has starts this file
        sys.exit(f"LiverUltrasound needs Python 3.11 or newer, this is {sys.version.split()[0]}.")
    verb, *rest = arguments or ["help"]
    if verb not in ("demo", "test", "run"):
        print(__doc__)
        sys.exit(0 if verb in ("help", "-h", "--help") else 2)
    set_up()
    if verb == "test":
        call(PYTHON, "-m", "ruff", "check", ".")
        call(PYTHON, "-m", "ruff", "format", "--check", ".")
        call(PYTHON, "-m", "pytest", *rest)
    else:
        command = [str(PYTHON), "-m", "SteatosisEstimatorLib.commands", *(["demo"] if verb == "demo" else []), *rest]
        sys.exit(subprocess.call(command))  # in the user's folder: the paths in ARGS are relative to it


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
