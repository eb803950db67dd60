"""``liver-ultrasound measure``."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..geometry.calibration import LARGEST_MM, SMALLEST_MM
from ..measurement.cutoffs import PUBLISHED_CUTOFFS, cutoff_named
from ..measurement.registry import DEFAULT_PLACEMENT, PLACEMENTS
from ..pipeline.batch import BatchOptions, BatchSummary, Progress, measure_files
from ..pipeline.measure import MeasurementSettings

PROGRESS_DELAY = 2.0  # seconds; what is done sooner needs no bar

EPILOG = """\
files written:
  OUT/measurements.csv      one row per frame; status is ok or error, message says what is wrong
  OUT/<case>/overlay.png    the image with the organs' outlines and both ROIs
  OUT/<case>/labels.png     0 background, 1 liver, 2 right kidney
  OUT/<case>/<case>.mrb     scene for 3D Slicer: image, masks, ROIs, table
  OUT/<case>/view.png       slice view of that scene
  OUT/run.json              settings, model and version of the run
Of a clip, overlay and labels show the first frame that could be measured. A run that was stopped goes on where it
was when it is started again with the same arguments.

exit code: 0 every frame is ok, 1 some row is an error, 2 wrong usage
"""


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "measure",
        help="measure ultrasound files",
        description="Measure the hepatorenal index of every frame of ultrasound files: DICOM, PNG, JPEG or TIFF.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", nargs="+", type=Path, metavar="INPUT", help="files, or folders with all they hold")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT", help="folder for the results")
    parser.add_argument(
        "--spacing",
        type=spacing_argument,
        metavar="MM",
        help="size of a pixel in mm, for all files; without it the header or the ruler in the image gives it",
    )
    parser.add_argument("--roi-mm", type=float, default=15.0, metavar="MM", help="side of the two ROIs (default: 15)")
    parser.add_argument(
        "--placement",
        default=DEFAULT_PLACEMENT,
        metavar="NAME",
        help=f"how the ROIs are placed: {' or '.join(PLACEMENTS)} (default: {DEFAULT_PLACEMENT})",
    )
    parser.add_argument(
        "--frames",
        type=frames_argument,
        default="all",
        metavar="WHICH",
        help="frames of a clip: all, first, or the number of one, counted from 0 (default: all)",
    )
    parser.add_argument(
        "--cutoff",
        metavar="NAME",
        help=f"compare the index with a cut-off: {' or '.join(PUBLISHED_CUTOFFS)}, or a number with --cutoff-source; "
        "cut-offs do not transfer between devices",
    )
    parser.add_argument("--cutoff-source", default="", metavar="TEXT", help="study or protocol the number comes from")
    add_model_arguments(parser)
    parser.add_argument("--no-scene", action="store_true", help="write no Slicer scenes")
    parser.add_argument(
        "--keep-annotations",
        action="store_true",
        help="keep what is written beside the image in pictures and scenes; it may name the patient",
    )
    parser.set_defaults(run=run)


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of every command that segments."""
    parser.add_argument("--model", type=Path, metavar="BUNDLE", help="folder of another MONAI bundle for segmentation")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where the network runs (default: auto)"
    )


def run(arguments: argparse.Namespace) -> int:
    options = BatchOptions(
        settings=MeasurementSettings(
            placement=arguments.placement,
            roi_mm=arguments.roi_mm,
            user_spacing_mm=arguments.spacing,
            cutoff=cutoff_named(arguments.cutoff, arguments.cutoff_source) if arguments.cutoff else None,
        ),
        frames=arguments.frames,
        device=arguments.device,
        model=arguments.model,
        scene=not arguments.no_scene,
        annotations=arguments.keep_annotations,
    )
    try:
        with progress_bar() as progress:
            summary = measure_files(arguments.input, arguments.output, options, progress)
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from here.", file=sys.stderr)
        raise
    report(summary)
    return 1 if summary.errors else 0


def report(summary: BatchSummary) -> None:
    """Say what was done in a few lines."""
    model = " ".join(part for part in (summary.model.name, summary.model.version) if part)
    print(f"Frames measured: {summary.ok}, not measured: {summary.errors}")
    if summary.resumed:
        print(f"Files taken over from the stopped run: {summary.resumed}")
    print(f"Segmentation: {model} on {summary.model.device}")
    print(f"Results: {summary.measurements}")
    for problem in summary.problems:
        print(f"liver-ultrasound: {problem}", file=sys.stderr)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on the terminal as soon as the work takes longer than two seconds."""
    from tqdm import tqdm

    with tqdm(
        delay=PROGRESS_DELAY,
        mininterval=0.5,
        bar_format="{desc}{percentage:3.0f}%|{bar}| {elapsed}<{remaining}",
        leave=False,
        file=sys.stderr,
    ) as bar:

        def progress(done: float, total: int, name: str) -> None:
            bar.total = total
            bar.set_description(f"{name[-40:]} " if name else "", refresh=False)
            bar.update(done - bar.n)

        yield progress


def spacing_argument(text: str) -> float:
    """The size of a pixel that a user gave."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not SMALLEST_MM <= value <= LARGEST_MM:
        raise argparse.ArgumentTypeError(
            f"a pixel of {text} mm is not possible; give {SMALLEST_MM:g} to {LARGEST_MM:g} mm"
        )
    return value


def frames_argument(text: str) -> str | int:
    """Which frames of a clip a user wants: ``all``, ``first`` or a number."""
    if text in ("all", "first"):
        return text
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not all, first, or the number of a frame counted from 0")


def seed_argument(text: str) -> int:
    """What every random generator takes: a whole number of 32 bits."""
    if text.isascii() and text.isdigit() and int(text) < 2**32:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 to 4294967295")
