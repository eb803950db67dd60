"""A job of the library in a process of its own, with progress, log and a Cancel that stops it."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from ..commands.job import JOB_NAME
from ..imaging.image import InputError
from .signal import Signal

_MODULE_FOLDER = Path(__file__).resolve().parents[2]  # holds HepatoRenalIndexLib
_LONGEST_LINE = 400
# Runs a module as "python -m" does. The folders of the libraries come as arguments: the launcher of the application's
# Python may put search paths of its own in the place of those in the environment.
_START = (
    "import runpy, sys; module, folder, *paths = sys.argv[1:]; sys.path[:0] = paths; sys.argv[1:] = [folder]; "
    "runpy.run_module(module, run_name='__main__', alter_sys=True)"
)


def pythonProgram() -> str:
    """The Python of this application, or outside of it that of the running interpreter."""
    if getattr(slicer, "app", None) is None:
        return sys.executable
    found = shutil.which("PythonSlicer")
    if not found:
        raise InputError(_("The program PythonSlicer of this Slicer was not found; install Slicer again."))
    return found


class JobProcess:
    """One job at a time: the module ``<library>.commands.<work>``, run by Python, in a folder of its own.

    ``library`` is this one or another package, found in one of ``folders``.

    ``launch`` has the signature of ``slicer.util.launchConsoleProcess``, which calls back in the main thread. Signals:
    ``progressed(share, text)`` and ``logged(text)``; at the end ``succeeded(folder)``, while the job's folder still
    exists, or ``failed(sentence)``; none of both after a cancel.
    """

    def __init__(
        self, launch: Callable | None = None, library: str = "HepatoRenalIndexLib", folders: Sequence[Path] = ()
    ):
        self._library = library
        self._folders = [str(folder) for folder in (*folders, _MODULE_FOLDER)]
        self._launch = launch or slicer.util.launchConsoleProcess
        self._process = None
        self._run = 0  # what a canceled run still says is not listened to
        self._folder: Path | None = None
        self._error = ""
        self.progressed, self.logged, self.succeeded, self.failed = Signal(), Signal(), Signal(), Signal()

    @property
    def isRunning(self) -> bool:
        return self._folder is not None

    def start(self, work: str, job: Mapping[str, Any], files: Mapping[str, bytes] = {}, blocking: bool = False) -> None:
        """Start, and come back at once, or with ``blocking`` at the end of the process.

        ``files`` are put beside ``job.json``. Raises ``InputError`` if the process cannot be started.
        """
        if self.isRunning:
            raise InputError(_("It is running already; wait for its end or cancel it."))
        self._run += 1
        self._error = ""
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="hepatorenal-"))
            for name, content in files.items():
                (self._folder / name).write_bytes(content)
            (self._folder / JOB_NAME).write_text(json.dumps(job), encoding="utf-8")
            module = f"{self._library}.commands.{work}"
            command = [pythonProgram(), "-c", _START, module, str(self._folder), *self._folders]
            self._start(command, blocking)
        except OSError as error:
            self._clear()
            raise InputError(
                _("The process could not be started ({reason}); check the free disk space.").format(
                    reason=error.strerror or type(error).__name__
                )
            ) from error
        except BaseException:
            self._clear()
            raise

    def _start(self, command: list[str], blocking: bool) -> None:
        run = self._run
        options = {
            "useStartupEnvironment": False,  # the same Python packages as the application
            "updateEnvironment": {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
            "cwd": str(_MODULE_FOLDER),
        }
        if blocking:
            self._process = self._launch(command, blocking=True, **options)
            for line in self._process.stdout:
                self._onLine(run, line.rstrip())
            self._onFinished(run, self._process.wait())
            return
        self._process = self._launch(
            command,
            blocking=False,
            logCallback=lambda line: self._onLine(run, line),
            completedCallback=lambda code: self._onFinished(run, code),
            **options,
        )

    def cancel(self) -> None:
        """Stop the process and forget its work; nothing happens where none is running."""
        self._run += 1
        process, self._process = self._process, None
        # Without its job file the process ends by itself, even where only a launcher in between can be killed.
        self._clear()
        if process is not None and process.poll() is None:
            process.kill()

    def _onLine(self, run: int, line: str) -> None:
        if run != self._run:
            return
        try:
            message = json.loads(line)
            share, error, text = message.get("progress"), message.get("error"), str(message.get("text", ""))
        except (ValueError, AttributeError):
            self.logged.emit(line[:_LONGEST_LINE])
            return
        if error:
            self._error = str(error)
        elif share is not None:
            self.progressed.emit(float(share), text)

    def _onFinished(self, run: int, returnCode: int) -> None:
        if run != self._run:
            return
        self._process = None
        folder, self._folder = self._folder, None
        try:
            if returnCode == 0:
                self.succeeded.emit(folder)
            else:
                self.failed.emit(self._error or _("The process ended unexpectedly; see the log."))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _clear(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            (folder / JOB_NAME).unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
