"""``liver-ultrasound``: the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .. import __version__

WRONG_USAGE = 2
INTERRUPTED = 130


AddParser = Callable[[Any], None]  # takes what ``ArgumentParser.add_subparsers`` returns


def main(arguments: Sequence[str] | None = None, more: Sequence[AddParser] = ()) -> int:
    """Run one command. Returns 0 when every frame was measured, 1 when some row is an error, 2 for wrong usage.

    ``more`` adds the commands of a library that builds on this one.
    """
    try:
        return _run(arguments, more)
    except KeyboardInterrupt:  # also while the packages are loaded, which takes longer than the rest
        return INTERRUPTED


def _run(arguments: Sequence[str] | None, more: Sequence[AddParser]) -> int:
    from ..imaging.image import InputError

    options = make_parser(more).parse_args(arguments)
    try:
        return options.run(options)
    except InputError as error:
        message = str(error)
    except ModuleNotFoundError as error:
        message = f"The Python package {error.name} is missing; install it, or all with liver-ultrasound[train]."
    except OSError as error:
        # An input that cannot be read has become a row before it comes to this: what is left is mostly the output.
        message = (
            f"A file cannot be written or read ({error.strerror or 'unknown reason'}); check space and permission."
        )
    print(f"liver-ultrasound: {message}", file=sys.stderr)
    return WRONG_USAGE


def make_parser(more: Sequence[AddParser] = ()) -> argparse.ArgumentParser:
    """The parser of all commands; ``run`` of what it returns is the command. ``more`` as in :func:`main`."""
    from . import agreement, benchmark, demo, measure, study, validate

    parser = argparse.ArgumentParser(
        prog="liver-ultrasound",
        description="Hepatorenal index (liver brightness / kidney brightness) and liver fat from grayscale "
        "ultrasound. For research use only, not for diagnosis.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (measure, demo, study, agreement, benchmark, validate):
        command.add_parser(commands)
    for add_parser in more:
        add_parser(commands)
    return parser
