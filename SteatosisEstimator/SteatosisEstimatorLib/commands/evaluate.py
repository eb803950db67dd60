"""``liver-ultrasound evaluate``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from HepatoRenalIndexLib.validation.markdown import number

from ..estimation import runs
from ..evaluation.metrics import MetricRow, find
from .shared import INPUT, add_training_arguments, share_bar, training_options

EPILOG = f"""\
{INPUT}

files written:
  OUT/report.html       everything below, with plots, in one file
  OUT/table.csv         the tables of the paper, filled in, the published figures beside
  OUT/metrics.csv       every figure: variant, metric, value, 95% interval, n, method
  OUT/comparisons.csv   differences between the variants
  OUT/predictions.csv   every subject, by a model that had not seen it
  OUT/frames.csv        every frame of them
  OUT/run.json          settings, versions, seconds
An evaluation that was stopped goes on where it was when it is started again with the same arguments.

exit code: 0 every subject was judged, 1 some could not be (predictions.csv says why), 2 wrong usage
"""


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="cross-validate a liver fat recipe on a cohort",
        description="Judge the variants of a recipe by its paper's protocol, every subject by a model that had not "
        "seen it, and report the paper's metrics.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_training_arguments(parser)
    parser.add_argument(
        "--variant",
        action="append",
        default=[],
        metavar="NAME",
        help="variant of the recipe; may be given several times (default: all that are possible)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Returns 0 when every subject was judged, 1 when some could not be."""
    with share_bar() as progress:
        summary = runs.evaluate(
            arguments.recipe,
            arguments.cohort,
            arguments.output,
            arguments.variant,
            progress=progress,
            **training_options(arguments),
        )
    for sentence in summary.warnings:
        print(sentence)
    for variant in summary.variants:
        print(f"{variant}: {', '.join(_main_figures(summary.metrics, variant))}")
    if summary.not_predicted:
        sentence = f"{summary.not_predicted} subjects could not be judged; see predictions.csv"
        print(f"liver-ultrasound: {sentence}", file=sys.stderr)
    print(f"Report: {summary.report}")
    return 1 if summary.not_predicted else 0


def _main_figures(metrics: Sequence[MetricRow], variant: str) -> Iterator[str]:
    for name, digits in (("subjects_judged", 0), ("auc_5", 3), ("spearman", 3), ("rmse", 2)):
        row = find(metrics, variant, name)
        if row is not None:
            yield f"{name} {number(row.value, digits)}"
