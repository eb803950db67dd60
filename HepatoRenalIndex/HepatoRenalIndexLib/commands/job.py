"""Work in a process of its own for a program that must stay responsive, for example Slicer.

``python -m HepatoRenalIndexLib.commands.<work> FOLDER``, where FOLDER holds ``job.json``. On the standard output the
process prints JSON lines: ``{"progress": 0..1, "text": ...}`` and at the end ``{"done": true}`` or
``{"error": sentence}``; other lines are a library's chatter. The process ends as soon as ``job.json`` disappears: that
is how it is canceled, whatever launcher stands between it and the program that started it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..imaging.image import InputError

JOB_NAME = "job.json"
CANCELED = 3  # exit code
_WATCH_SECONDS = 0.2


def run_job(arguments: list[str], work: Callable[[Path, dict[str, Any]], None]) -> int:
    """Do ``work(folder, job)`` for the folder named; returns the exit code."""
    folder = Path(arguments[0])
    job = json.loads((folder / JOB_NAME).read_text(encoding="utf-8"))
    threading.Thread(target=_end_when_canceled, args=(folder / JOB_NAME,), daemon=True).start()
    try:
        work(folder, job)
    except InputError as error:
        say(error=str(error))
        return 1
    except ImportError as error:
        say(error=f"The Python package {error.name} is missing or broken; install it again.")
        return 1
    except OSError as error:
        reason = error.strerror or "unknown reason"
        say(error=f"A file cannot be written or read ({reason}); check space and permission.")
        return 1
    except MemoryError:
        say(error="There is not enough memory for this; measure fewer frames at a time.")
        return 1
    say(done=True)
    return 0


def say(**message) -> None:
    """Tell the program that waits."""
    print(json.dumps(message), flush=True)


def _end_when_canceled(job: Path) -> None:
    while job.exists():
        time.sleep(_WATCH_SECONDS)
    os._exit(CANCELED)
