"""``python -m SteatosisEstimatorLib.commands.validation_cohort DATA_DIR COHORT.csv``.

Writes the cohort of the images of Byra et al. 2018 (doi 10.5281/zenodo.1009146): one view of liver and kidney,
percent of hepatocytes with fat by biopsy. ``DATA_DIR`` holds ``patients.csv`` and ``images/pNN_fK.png``.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from HepatoRenalIndexLib.files.csv_table import csv_text
from HepatoRenalIndexLib.files.writing import write_text
from HepatoRenalIndexLib.imaging.image import InputError

from ..cohort.vocabulary import View

SCANNER = "GE Vivid E9"


def write_validation_cohort(data: Path, cohort: Path) -> int:
    """Write the table with paths relative to it; returns the number of patients. :class:`InputError` for other data."""
    try:
        with (data / "patients.csv").open(encoding="utf-8", newline="") as file:
            patients = [(int(row["patient"]), float(row["fat_percent_biopsy"])) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError):
        raise InputError(f"{data.name} has no patients.csv of the images of Byra et al. 2018.") from None
    rows = []
    for number, fat in patients:
        for image in sorted((data / "images").glob(f"p{number:02d}_f*.png")):
            path = Path(os.path.relpath(image.resolve(), cohort.resolve().parent)).as_posix()
            rows.append((f"p{number:02d}", View.LIVER_KIDNEY.value, path, fat, SCANNER))
    if not rows:
        raise InputError(f"{data.name} has no images p01_f0.png and so on of its patients.")
    columns = ("subject", "view", "path", "fat_percent", "scanner")
    write_text(cohort, "# reference: biopsy\r\n" + csv_text(columns, rows))
    return len({row[0] for row in rows})


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0, or 2 for wrong usage."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if len(given) != 2:
        print("usage: python -m SteatosisEstimatorLib.commands.validation_cohort DATA_DIR COHORT.csv", file=sys.stderr)
        return 2
    try:
        count = write_validation_cohort(Path(given[0]), Path(given[1]))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Patients: {count}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
