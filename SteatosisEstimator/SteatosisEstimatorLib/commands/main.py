"""``liver-ultrasound`` with all commands: those of the hepatorenal index, and those of the liver fat models."""

from __future__ import annotations

from collections.abc import Sequence

from HepatoRenalIndexLib.commands import main as program


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    from . import estimate, evaluate, simulate, train

    more = (estimate, train, evaluate, simulate)
    return program.main(arguments, tuple(command.add_parser for command in more))
