"""One sentence for whatever went wrong with a file, that says nothing of its content."""

from __future__ import annotations

from pathlib import Path

from .image import InputError


def error_sentence(error: Exception, doing: str = "Measuring") -> str:
    """What to tell the user. A mistake of ours is told in a way that helps to find it and says nothing of the image."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError):
        return f"The file cannot be read ({error.strerror or type(error).__name__}); check it and its permissions."
    if isinstance(error, ModuleNotFoundError):
        return f"The Python package {error.name} is missing; install it."
    if isinstance(error, MemoryError):
        return "The file is too large for the memory of this computer."
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}"
    return f"{doing} failed unexpectedly ({type(error).__name__} in {where}); please report this line."
