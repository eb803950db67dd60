"""``liver-ultrasound validate``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..validation.run import ValidationOptions, validate
from .measure import add_model_arguments, progress_bar, seed_argument


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "validate",
        help="compare with readers, outlines, biopsy and phantoms",
        description="Segmentation and index on the images of Byra et al. 2018, cross-validated by "
        "patient, and on simulated phantoms. Writes a report with tables and figures.",
    )
    parser.add_argument("data", type=Path, metavar="DATA_DIR", help="folder of the validation data")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("validation"), metavar="OUT", help="folder for the report"
    )
    parser.add_argument(
        "--seed", type=seed_argument, default=0, metavar="N", help="seed of every bootstrap and phantom (default: 0)"
    )
    add_model_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    options = ValidationOptions(model=arguments.model, device=arguments.device, seed=arguments.seed)
    with progress_bar() as progress:
        report = validate(arguments.data, arguments.output, options, progress)
    print(report.read_text(encoding="utf-8"))
    print(f"Report: {report}")
    return 0
