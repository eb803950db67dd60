"""``liver-ultrasound estimate``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..bundles.loading import DEFAULT_MODEL, available_models
from ..estimation import runs
from ..explanation.maps import METHODS
from .shared import add_run_arguments, share_bar

EPILOG = """\
The cohort is a CSV table: subject, view, path; one row an image or clip, paths relative to the table.

files written:
  OUT/estimates.csv       one row per subject; status is ok or error, message says what is wrong
  OUT/views.csv           what each view says, and its share
  OUT/frames.csv          what each frame says; probabilities of views and frames are as the network or score gives
                          them, those of estimates.csv are calibrated on subjects that the model had not seen
  OUT/contributions.csv   what each measurement adds to the estimate of an average training subject, which is
                          fat_percent less their sum
  OUT/maps/SUBJECT/       with --explain: pictures (PNG) and values (NPY) over the images, and a list of them
  OUT/run.json            model, version, device and warnings of the run
A run that was stopped goes on where it was when it is started again with the same arguments.

exit code: 0 every subject is ok, 1 some row is an error, 2 wrong usage
"""


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "estimate",
        help="estimate liver fat",
        description="Estimate the liver fat of every subject, with an interval and warnings. For research use only.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("cohort", type=Path, metavar="COHORT.csv", help="table of the subjects' images")
    names = ", ".join(available_models()) or "none is installed"
    parser.add_argument(
        "--model",
        metavar="NAME|BUNDLE",
        help=f"a model that comes with the software ({names}) or the folder of a bundle (default: {DEFAULT_MODEL})",
    )
    parser.add_argument(
        "--explain",
        choices=METHODS,
        help="write what each estimate rests on into OUT/maps: of networks a map of this kind, of models that measure "
        "the regions measured",
    )
    add_run_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Returns 0 when every subject was estimated, 1 when some row is an error."""
    with share_bar() as progress:
        summary = runs.estimate(
            arguments.cohort,
            arguments.output,
            arguments.model,
            device=arguments.device,
            frames=arguments.frames,
            progress=progress,
            explain=arguments.explain,
        )
    print(f"Subjects estimated: {summary.ok}, not estimated: {summary.errors}")
    if summary.resumed:
        print(f"Subjects taken over from the stopped run: {summary.resumed}")
    for sentence in summary.warnings:
        print(sentence)
    print(f"Results: {summary.estimates}")
    return 1 if summary.errors else 0
