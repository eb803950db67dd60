"""``python -m SteatosisEstimatorLib.simulation FOLDER`` writes a simulated cohort."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from HepatoRenalIndexLib.imaging.image import InputError

from .frames import FRAME_RATE_HZ
from .scanners import SCANNERS
from .views import VIEWS
from .writing import SMALL_SIZE, write_cohort


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code, 2 after one sentence of error."""
    parser = argparse.ArgumentParser(
        prog="python -m SteatosisEstimatorLib.simulation",
        description="Write a cohort of simulated subjects with known liver fat: images, clips and cohort.csv.",
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--subjects", type=int, default=60)
    parser.add_argument("--views", nargs="+", choices=list(VIEWS), metavar="VIEW", help="default: all of the papers")
    parser.add_argument("--scanners", nargs="+", choices=list(SCANNERS), metavar="SCANNER", help="default: all")
    parser.add_argument("--frames", type=int, default=8, help="frames of each clip")
    parser.add_argument("--frame-rate", type=float, default=FRAME_RATE_HZ, help="frames per second of each clip")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small", action="store_true", help="small images, quickly computed")
    given = parser.parse_args(arguments)
    try:
        cohort = write_cohort(
            given.folder,
            given.subjects,
            given.views,
            seed=given.seed,
            frames=given.frames,
            frame_rate_hz=given.frame_rate,
            size=SMALL_SIZE if given.small else None,
            scanners=given.scanners,
        )
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"The cohort cannot be written: {error.strerror}.", file=sys.stderr)
        return 2
    print(f"Wrote {cohort.name} of {given.subjects} simulated subjects.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
