"""``liver-ultrasound simulate-cohort``."""

from __future__ import annotations

import argparse
from pathlib import Path

from HepatoRenalIndexLib.commands.measure import progress_bar, seed_argument

from ..simulation.scanners import SCANNERS
from ..simulation.views import VIEWS
from ..simulation.writing import SMALL_SIZE, write_cohort


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "simulate-cohort",
        help="write simulated subjects with known liver fat",
        description="Write a cohort of simulated subjects: images and clips of named views, and OUT/cohort.csv for "
        "train, evaluate and estimate. It shows that the machinery works and says nothing of patients.",
    )
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT", help="folder for the cohort")
    parser.add_argument("--subjects", type=int, default=60, metavar="N", help="number of subjects (default: 60)")
    for name, known in (("views", VIEWS), ("scanners", SCANNERS)):
        words = f"of {', '.join(known)} (default: all)"
        parser.add_argument(f"--{name}", nargs="+", choices=list(known), metavar="NAME", help=words)
    parser.add_argument("--frames", type=int, default=8, metavar="N", help="frames of each clip (default: 8)")
    parser.add_argument("--reference", default="MRI-PDFF", metavar="KIND", help="MRI-PDFF (default) or H-MRS")
    parser.add_argument("--seed", type=seed_argument, default=0, metavar="N", help="seed of the subjects (default: 0)")
    parser.add_argument("--small", action="store_true", help="small images, quickly computed")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Returns 0; what is wrong is raised as a sentence."""
    with progress_bar() as tell:
        cohort = write_cohort(
            arguments.output,
            arguments.subjects,
            arguments.views,
            seed=arguments.seed,
            frames=arguments.frames,
            size=SMALL_SIZE if arguments.small else None,
            scanners=arguments.scanners,
            reference=arguments.reference,
            progress=lambda done, total: tell(done, total, "simulating"),
        )
    print(f"Simulated subjects: {arguments.subjects}")
    print(f"Cohort: {cohort}")
    return 0
