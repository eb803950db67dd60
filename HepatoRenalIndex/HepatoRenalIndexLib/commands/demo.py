"""``liver-ultrasound demo``: the whole job on the sample images, whose true index is known."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from statistics import median

from ..files.resources import resource_folder
from ..imaging.image import InputError
from ..measurement.roi import Roi
from ..pipeline.batch import BatchOptions, measure_files
from ..simulation.sample import sample_phantom
from .measure import add_model_arguments, progress_bar, report


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "demo",
        help="measure the sample images and compare with the known truth",
        description="Measure the simulated images that come with the software, whose index is known exactly.",
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("demo-output"), metavar="OUT", help="folder for the results"
    )
    parser.add_argument("--no-scene", action="store_true", help="write no Slicer scenes")
    add_model_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Returns 0 when every sample with both organs was measured and the one without a kidney was refused, else 1."""
    folder = sample_folder()
    cases = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["cases"]
    options = BatchOptions(device=arguments.device, model=arguments.model, scene=not arguments.no_scene)
    with progress_bar() as progress:
        summary = measure_files([folder / case["file"] for case in cases], arguments.output, options, progress)
    with summary.measurements.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    as_expected = [_tell(case, [row for row in rows if row["source"] == case["file"]]) for case in cases]
    print()
    report(summary)
    print(f"Pictures: {arguments.output}/<case>/overlay.png")
    return 0 if all(as_expected) else 1


def _tell(case: dict, rows: list[dict[str, str]]) -> bool:
    """Print what was measured of a sample beside its truth; whether it was measured, or refused, as it should be."""
    truths = [frame["true_hri"] for frame in case["frames"]]
    measured = [float(row["hri"]) for row in rows if row["status"] == "ok"]
    if not measured:
        print(f"{case['name']:10} not measured: {rows[0]['message']}")
        return None in truths
    if None in truths:
        print(f"{case['name']:10} HRI {median(measured):.2f}, though it has no index at all")
        return False
    frames = f" (medians of {len(measured)} frames)" if len(rows) > 1 else ""
    at_rois = median(_noise_free(case["name"], row) for row in rows if row["status"] == "ok")
    print(
        f"{case['name']:10} HRI {median(measured):.2f}   true at these ROIs {at_rois:.2f}, "
        f"of the organs at equal depth {median(truths):.2f}{frames}"
    )
    return len(measured) == len(rows)


def _noise_free(name: str, row: dict[str, str]) -> float:
    """The index that the sample has at the measured ROIs without speckle and vessels."""
    liver, kidney = (
        Roi(*(int(row[f"{organ}_roi_{part}"]) for part in ("left", "top", "width", "height")))
        for organ in ("liver", "kidney")
    )
    return sample_phantom(name, int(row["frame"])).noise_free_hri(liver, kidney)


def sample_folder() -> Path:
    """Folder of the sample images that come with the library."""
    folder = resource_folder("SampleData")
    if folder is None or not (folder / "truth.json").is_file():
        raise InputError("The sample images are missing from the installation; install it again.")
    return folder
