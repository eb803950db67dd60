"""``liver-ultrasound``: the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .. import __version__
from ..imaging.image import InputError
from . import agreement, benchmark, demo, measure, validate

WRONG_USAGE = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0 when every frame was measured, 1 when some row is an error, 2 for wrong usage."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except InputError as error:
        print(f"liver-ultrasound: {error}", file=sys.stderr)
        return WRONG_USAGE
    except OSError as error:
        # Unreadable input has become a row before it comes to this: what is left is the output.
        print(
            f"liver-ultrasound: the output cannot be written ({error.strerror or 'unknown reason'}).", file=sys.stderr
        )
        return WRONG_USAGE
    except KeyboardInterrupt:
        return INTERRUPTED


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; ``run`` of what it returns is the command."""
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
