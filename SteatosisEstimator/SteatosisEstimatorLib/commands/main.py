"""``liver-ultrasound`` with all commands: those of the hepatorenal index, and those of the liver fat models."""

from __future__ import annotations

from collections.abc import Sequence

from HepatoRenalIndexLib.commands import main as program


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    return program.main(arguments, fat_commands())


def fat_commands() -> tuple:
    """What adds the commands of this library to the parser of the program."""
    from . import estimate, evaluate, simulate, train

    return tuple(command.add_parser for command in (estimate, train, evaluate, simulate))
