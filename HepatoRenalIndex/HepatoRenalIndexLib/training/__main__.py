"""``python -m HepatoRenalIndexLib.training``: the training recipe from a shell."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..imaging.image import InputError


def main(arguments: list[str] | None = None) -> int:
    """Run one step of the recipe. Returns the exit code: 0 done, 1 failed, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    from . import recipe
    from .export import write_json

    try:
        if options.step == "folds":
            print(recipe.write_folds(options.data, options.bundle))
        elif options.step in ("pretrain", "fit"):
            base = recipe.PRETRAINING if options.step == "pretrain" else recipe.FITTING
            changes = {name: getattr(options, name) for name in ("cycles", "batch_size", "learning_rate", "seed")}
            settings = recipe.settings_from(base, changes)
            common = {name: getattr(options, name) for name in ("device", "processes", "threads", "max_minutes")}
            if options.step == "pretrain":
                path = recipe.pretrain(options.work, options.simulated, settings, **common)
            else:
                path = recipe.fit(
                    options.data,
                    options.work,
                    options.fold,
                    options.simulated,
                    settings,
                    bundle=options.bundle,
                    **common,
                )
            print(f"weights written to {path.parent.name}/{path.name}")
        elif options.step == "install":
            recipe.install(options.work, options.bundle)
        else:
            figures = recipe.evaluate(options.data, options.bundle, options.phantoms, options.device, options.record)
            print(recipe.describe(figures))
            if options.output:
                write_json(options.output, figures)
    except (InputError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m HepatoRenalIndexLib.training", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    data = {"type": Path, "required": True, "help": "folder of the outlined images (images/, outlines/, patients.csv)"}
    work = {"type": Path, "required": True, "help": "folder for checkpoints and weights, outside the repository"}
    bundle = {"type": Path, "help": "bundle folder; default: the one of the library"}
    device = {"choices": ["cpu", "cuda"], "default": "cpu"}

    folds = steps.add_parser("folds", help="draw the cross-validation folds and store them in the bundle")
    folds.add_argument("--data", **data)
    folds.add_argument("--bundle", **bundle)

    for name, text in (
        ("pretrain", "train on simulated frames"),
        ("fit", "train on real outlines and simulated frames"),
    ):
        step = steps.add_parser(name, help=text)
        step.add_argument("--work", **work)
        if name == "fit":
            step.add_argument("--data", **data)
            step.add_argument("--bundle", **bundle)
            step.add_argument("--fold", type=int, choices=range(5), help="leave out this fold; default: train on all")
        step.add_argument("--simulated", type=int, default=1000, help="number of simulated frames (default 1000)")
        step.add_argument("--cycles", type=int, nargs="+", help="steps of each cycle of the learning rate")
        step.add_argument("--batch-size", type=int)
        step.add_argument("--learning-rate", type=float)
        step.add_argument("--seed", type=int)
        step.add_argument("--device", **device)
        step.add_argument("--processes", type=int, default=2, help="processes that simulate frames (default 2)")
        step.add_argument("--threads", type=int, help="torch threads")
        step.add_argument("--max-minutes", type=float, help="stop after this time; run again to go on")

    install = steps.add_parser("install", help="put the weights of a work folder into the bundle")
    install.add_argument("--work", **work)
    install.add_argument("--bundle", **bundle)

    evaluate = steps.add_parser(
        "evaluate", help="cross-validated Jaccard indices, and those on held-out simulated frames"
    )
    evaluate.add_argument("--data", **data)
    evaluate.add_argument("--bundle", **bundle)
    evaluate.add_argument("--phantoms", type=int, default=60, help="held-out simulated frames (default 60)")
    evaluate.add_argument("--device", **device)
    evaluate.add_argument("--record", action="store_true", help="write the figures into the bundle's metadata.json")
    evaluate.add_argument("--output", type=Path, help="JSON file for the figures of every patient")
    return parser


if __name__ == "__main__":
    sys.exit(main())
