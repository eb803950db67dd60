"""Pictures of scenes: the slice view with outlines, ROIs and corner texts as PNG.

Drawing happens in a child process, because a process in which no GL library can be loaded dies in it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..imaging.image import InputError

NO_GL = (
    "The picture could not be drawn because no OpenGL library works here: "
    "install one (on Debian and Ubuntu libegl1 and libgl1-mesa-dri), or do without the picture."
)
NOT_STARTED = "The picture could not be drawn: the drawing process did not start, or took too long."
_SECONDS_TO_START = 120
_SECONDS_PER_PICTURE = 30


def render_scene(mrb: str | os.PathLike, png: str | os.PathLike) -> None:
    """Draw one ``.mrb`` scene. Raises ``InputError`` with one sentence if there is no picture."""
    message = render_scenes([(mrb, png)])[0]
    if message:
        raise InputError(message)


def render_scenes(jobs: Sequence[tuple[str | os.PathLike, str | os.PathLike]]) -> list[str]:
    """Draw ``.mrb`` scenes as PNG files, ``jobs`` are pairs ``(mrb, png)``; one process draws them all.

    Returns a sentence per job on why there is no picture, empty where there is one. Never raises, and never writes
    half a picture.
    """
    messages: list[str | None] = [None] * len(jobs)
    backends = _gl_backends()
    while backends and None in messages:
        waiting = [index for index, message in enumerate(messages) if message is None]
        child = _run_child([jobs[index] for index in waiting], backends[0])
        for position, message in child.done.items():
            messages[waiting[position]] = message
        if not child.started:
            return [NOT_STARTED if message is None else message for message in messages]
        if not child.ready:
            backends.pop(0)  # this way of drawing does not work here
        elif child.begun is not None and child.begun not in child.done:
            messages[waiting[child.begun]] = "The picture could not be drawn: the drawing process ended unexpectedly."
        elif not child.done:
            return [NOT_STARTED if message is None else message for message in messages]
    return [NO_GL if message is None else message for message in messages]


@dataclass
class _Child:
    """How far a child process came: see :mod:`render_process`."""

    started: bool = False
    ready: bool = False
    begun: int | None = None
    done: dict[int, str] = field(default_factory=dict)


def _gl_backends() -> list[dict[str, str | None]]:
    """Changes of the environment under which drawing may work, best first; ``None`` removes a variable."""
    if not sys.platform.startswith("linux"):
        return [{}]
    backends: list[dict[str, str | None]] = [
        {"VTK_DEFAULT_OPENGL_WINDOW": "vtkEGLRenderWindow", "DISPLAY": None},
        {"VTK_DEFAULT_OPENGL_WINDOW": "vtkOSOpenGLRenderWindow", "DISPLAY": None},
    ]
    if os.environ.get("DISPLAY"):
        backends.append({})
    return backends


def _run_child(jobs: Sequence[tuple], backend: dict[str, str | None]) -> _Child:
    environment = {**os.environ, **{name: value for name, value in backend.items() if value is not None}}
    for name, value in backend.items():
        if value is None:
            environment.pop(name, None)
    library = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (library, environment.get("PYTHONPATH"))))
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        # Temporary files of the child go with it, however it ends.
        environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder)
        listing = Path(folder) / "jobs.json"
        paths = [{"mrb": str(Path(mrb).resolve()), "png": str(Path(png).resolve())} for mrb, png in jobs]
        listing.write_text(json.dumps(paths), encoding="utf-8")
        command = [sys.executable, "-m", "HepatoRenalIndexLib.scene.render_process", str(listing)]
        timeout = _SECONDS_TO_START + _SECONDS_PER_PICTURE * len(jobs)
        try:
            output = subprocess.run(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                stdin=subprocess.DEVNULL,
                timeout=timeout,
                check=False,
            ).stdout
        except subprocess.TimeoutExpired as error:
            output = error.stdout or b""
        except OSError:
            output = b""
    child = _Child()
    for line in output.decode("utf-8", "replace").splitlines():
        try:
            message = json.loads(line)
        except ValueError:  # a library's own chatter
            continue
        if not isinstance(message, dict):
            continue
        child.started |= "started" in message
        child.ready |= "ready" in message
        child.begun = message.get("begun", child.begun)
        if "done" in message:
            child.done[message["done"]] = message["error"]
    return child
