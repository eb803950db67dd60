"""``liver-ultrasound benchmark``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..validation.run import benchmark
from .measure import progress_bar


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "benchmark",
        help="time the measurement on this computer",
        description="Time of every stage from decoded frame to measurement, the mixture and window search against "
        "scikit-learn with a plain sliding window, and the memory over a long folder, all on the CPU.",
    )
    parser.add_argument("--data", type=Path, metavar="DATA_DIR", help="real images (the folder of the validation data)")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("benchmark"), metavar="OUT", help="folder for the report"
    )
    parser.add_argument("--model", type=Path, metavar="BUNDLE", help="folder of another MONAI bundle for segmentation")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="threads of the network (default: 2)")
    parser.add_argument(
        "--memory-frames",
        type=int,
        default=1000,
        metavar="N",
        help="frames of the memory run, 0 for none (default: 1000)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    with progress_bar() as progress:
        report = benchmark(
            arguments.output,
            data=arguments.data,
            model=arguments.model,
            threads=arguments.threads,
            memory_frames=arguments.memory_frames,
            progress=progress,
        )
    print(report.read_text(encoding="utf-8"))
    print(f"Report: {report}")
    return 0
