"""``liver-ultrasound agreement``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..agreement.answers import AnswerTable, read_answers
from ..agreement.comparison import StudySettings
from ..agreement.report import analyze_table
from ..statistics.icc import IccForm
from ..study.collect import study_answers
from ..study.definition import open_study
from .measure import progress_bar, seed_argument

MOST_LEFT_OUT = 20  # that are said one by one

EPILOG = """\
STUDY is the folder of a study (liver-ultrasound study). CSV is a table instead.

columns of the table, one row per image, reader and session:
  reader                       name of the reader; "algorithm" for the automatic measurement
  image, or patient and frame  which image
  liver_mean, kidney_mean      brightness of the two ROIs; empty where the reader skipped the image
  session                      optional, 1 without it
  patient                      optional; images of one patient are resampled together
  hri                          optional, checked against liver_mean / kidney_mean
  liver_x, liver_y, kidney_x, kidney_y, roi_px
                               optional: upper left corners and side of the ROIs, for their overlap

files written:
  OUT/agreement.csv      one row per comparison and quantity
  OUT/agreement_details.csv
                         the same with all intervals, proportional bias and missing answers
  OUT/icc_forms.csv      all six forms of the intraclass correlation
  OUT/within_readers.csv, OUT/between_readers.csv
                         the tables of Cha et al. 2021 (Tables 2 and 3)
  OUT/roi_overlap.csv    overlap and distance of the readers' ROIs, where the table has them
  OUT/pairs.csv          both values of every image in every comparison of two
  OUT/excluded.csv       every answer left out: image, reader, session, reason
  OUT/report.html        tables and plots in one file
  OUT/plots/*.svg, *.png each plot as a file
"""


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "agreement",
        help="compare readers with each other and with the algorithm",
        description="Agreement within and between readers and of the algorithm with their mean: intraclass "
        "correlation, Bland-Altman, Lin's concordance, for liver, kidney and hepatorenal index.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", type=Path, metavar="STUDY_OR_CSV", help="folder of a study, or table of answers")
    parser.add_argument("--images", type=Path, metavar="DIR", help="where the study's images lie, if they were moved")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT", help="folder for the results")
    default = IccForm.TWO_WAY_RANDOM_SINGLE
    parser.add_argument(
        "--form",
        choices=[form.value for form in IccForm],
        default=default.value,
        metavar="FORM",
        help=f"intraclass correlation: {', '.join(form.value for form in IccForm)} (default: {default.value})",
    )
    parser.add_argument(
        "--seed", type=seed_argument, default=0, metavar="N", help="seed of the bootstrap over patients (default: 0)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    settings = StudySettings(form=IccForm(arguments.form), seed=arguments.seed)
    study = analyze_table(_table(arguments), arguments.output, settings)
    for comparison in study.comparisons:
        if comparison.quantity == "hri":
            print(f"{comparison.name}: {comparison.form.value} of the HRI {comparison.icc} {comparison.word}")
    for remark in study.table.remarks:
        print(remark)
    print_left_out(study.excluded, "excluded.csv")
    print(f"Report: {arguments.output / 'report.html'}")
    return 0


def _table(arguments: argparse.Namespace) -> AnswerTable:
    if not arguments.source.is_dir():
        return read_answers(arguments.source)
    with progress_bar() as progress:
        return study_answers(open_study(arguments.source, arguments.images), progress).table


def print_left_out(sentences: Sequence[str], where: str) -> None:
    """A line for each of the first sentences, and how many more there are ``where`` all of them stand."""
    for sentence in sentences[:MOST_LEFT_OUT]:
        print(f"Left out: {sentence}")
    if len(sentences) > MOST_LEFT_OUT:
        print(f"Left out: {len(sentences) - MOST_LEFT_OUT} more; all stand in {where}.")
