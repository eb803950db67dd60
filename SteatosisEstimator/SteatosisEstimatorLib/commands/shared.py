"""Arguments that the commands of this library have in common."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from HepatoRenalIndexLib.commands.measure import progress_bar, seed_argument

from ..recipes.base import Progress
from ..recipes.registry import RECIPES

INPUT = """\
The cohort is a CSV table: subject, view, path, fat_percent and, where known, scanner and fold; one row an image or
clip, paths relative to the table. The line "# reference: MRI-PDFF" (or H-MRS, biopsy) says how fat was measured."""


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """What training and evaluation have in common."""
    parser.add_argument("recipe", metavar="RECIPE", help=f"one of {', '.join(RECIPES)}")
    parser.add_argument("cohort", type=Path, metavar="COHORT.csv", help="table of the subjects' images")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=_setting,
        metavar="NAME=VALUE",
        help="a parameter of the recipe other than its default, the value as JSON; may be given several times",
    )
    parser.add_argument(
        "--backbone-weights",
        metavar="PATH|none",
        help="weights of the pretrained network other than those of ImageNet; none: random ones",
    )
    parser.add_argument(
        "--reference", metavar="KIND", help="MRI-PDFF, H-MRS or biopsy, where the table does not say it"
    )
    parser.add_argument(
        "--seed", type=seed_argument, default=0, metavar="N", help="seed of folds and training (default: 0)"
    )
    parser.add_argument(
        "--work",
        type=Path,
        metavar="DIR",
        help="folder that keeps checkpoints and features; without it they lie beside the output until all is done",
    )
    add_run_arguments(parser)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """What every command of this library has."""
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT", help="folder for the results")
    parser.add_argument(
        "--frames",
        type=_frames,
        metavar="N",
        help="use at most N frames of a clip, evenly spaced (default: as many as the recipe takes)",
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where networks run (default: auto)"
    )


def training_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The values of :func:`add_training_arguments` as ``estimation.runs`` takes them."""
    return {
        "settings": dict(arguments.set),
        "reference": arguments.reference,
        "seed": arguments.seed,
        "device": arguments.device,
        "backbone_weights": arguments.backbone_weights,
        "frames": arguments.frames,
        "work": arguments.work,
    }


@contextmanager
def share_bar() -> Iterator[Progress]:
    """A bar on the terminal for progress that is told as a share of the whole, of work that can be stopped."""
    try:
        with progress_bar() as tell:
            yield lambda share, text: tell(min(max(share, 0.0), 1.0) * 1000, 1000, text)
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from here.", file=sys.stderr)
        raise


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise argparse.ArgumentTypeError(f"{text} is not NAME=VALUE")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value  # a word needs no quotes


def _frames(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of frames of at least 1")
    return int(text)
