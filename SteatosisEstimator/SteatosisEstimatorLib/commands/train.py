"""``liver-ultrasound train``."""

from __future__ import annotations

import argparse
import sys

from ..bundles.card_text import warnings_of
from ..estimation import runs
from .shared import INPUT, add_training_arguments, share_bar, training_options

EPILOG = f"""\
{INPUT}

OUT becomes a MONAI bundle: the model, the errors it made on subjects that it had not seen, and its card
(OUT/docs/README.md). A training that was stopped goes on where it was when it is started again with the same arguments.
"""


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "train",
        help="train a liver fat model on a cohort",
        description="Train a recipe: out of fold for its figures and intervals, then on all subjects for the model.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_training_arguments(parser)
    parser.add_argument("--variant", metavar="NAME", help="variant of the recipe (default: the first that is possible)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Returns 0; what is wrong is raised as a sentence."""
    with share_bar() as progress:
        summary = runs.train(
            arguments.recipe,
            arguments.cohort,
            arguments.output,
            arguments.variant,
            progress=progress,
            **training_options(arguments),
        )
    card = summary.card
    print(f"Trained: {card.recipe}, variant {card.variant}, on {card.trained_on.subjects} subjects")
    print(f"Judged out of fold: {summary.judged} subjects, fat in {card.reference.unit}")
    for figure in card.figures:
        print(f"  {figure.metric:22} {figure}")
    for message in summary.messages:
        print(f"liver-ultrasound: not judged: {message}", file=sys.stderr)
    for sentence in warnings_of(card):
        print(sentence)
    print(f"Model: {summary.bundle}")
    return 0
