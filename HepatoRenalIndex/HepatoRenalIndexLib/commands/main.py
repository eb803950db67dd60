"""``liver-ultrasound``: the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .. import __version__

WRONG_USAGE = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0 when every frame was measured, 1 when some row is an error, 2 for wrong usage."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:  # also while the packages are loaded, which takes longer than the rest
        return INTERRUPTED


def _run(arguments: Sequence[str] | None) -> int:
    from ..imaging.image import InputError

    options = make_parser().parse_args(arguments)
    try:
        return options.run(options)
    except InputError as error:
        message = str(error)
    except OSError as error:
        # An input that cannot be read has become a row before it comes to this: what is left is mostly the output.
        message = (
            f"A file cannot be written or read ({error.strerror or 'unknown reason'}); check space and permission."
        )
    print(f"liver-ultrasound: {message}", file=sys.stderr)
    return WRONG_USAGE


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; ``run`` of what it returns is the command."""
    from . import agreement, benchmark, demo, measure, validate

    parser = argparse.ArgumentParser(
        prog="liver-ultrasound",
        description="Hepatorenal index (liver brightness / kidney brightness) from grayscale ultrasound. "
        "For research use only, not for diagnosis.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (measure, demo, agreement, benchmark, validate):
        command.add_parser(commands)
    return parser
