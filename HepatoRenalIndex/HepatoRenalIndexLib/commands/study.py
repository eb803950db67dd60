"""``liver-ultrasound study``: a reader study from its images to the table of its answers."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from ..imaging.image import InputError
from ..measurement.registry import DEFAULT_PLACEMENT, PLACEMENTS
from ..pipeline.measure import MeasurementSettings
from ..study.algorithm import read_by_algorithm
from ..study.collect import study_answers
from ..study.create import DEFAULT_INTERVAL_DAYS, DEFAULT_ROI_MM, Patients, StudyOptions, create_study, read_patients
from ..study.definition import open_study
from ..study.exporting import export_answers
from ..study.files import check_session
from ..study.importing import ENTRIES, import_table, read_mapping
from ..study.merging import merge
from .agreement import print_left_out
from .measure import add_model_arguments, frames_argument, progress_bar, seed_argument, spacing_argument

EPILOG = """\
files of a study, described in docs/reader-study.md:
  STUDY/study.json                            the images, their checksums, ROI size, seed
  STUDY/sessions/reader-A_session-01.jsonl    every answer of a reader in a session, one per line

The readers mark the images in 3D Slicer, module Hepatorenal Index, section Reader study.
"""
IMPORT_EPILOG = f"""\
columns of the table, one row per image, reader and session:
  image, or patient and frame  file of the image; pNN_fK.png for patient NN, frame K
  reader                       name of the reader
  session                      whole number, 1 without it
  liver_x, liver_y, kidney_x, kidney_y
                               upper left corners of the ROIs in pixels
  roi_px                       side of the ROIs in pixels
  liver_mean, kidney_mean      optional: compared with what the image gives there; empty for no answer

A table with other columns needs a mapping, {{column}} standing for what the column holds:
  --map reader={{observer}} --map image=study/{{case:03}}.dcm --map session=1 --map origin=center
or a JSON file of such entries with --mapping. Entries: {", ".join(ENTRIES)}.
"""
EXPORT_EPILOG = """\
columns of the table, one row per image, reader and session:
  image, patient               number of the image in the study, pseudonym of the patient
  reader, session              "algorithm" is the automatic measurement
  status                       ok, skipped or excluded; the columns below are empty unless ok
  liver_x, liver_y, kidney_x, kidney_y, roi_px
                               upper left corners and width of the ROIs in pixels
  liver_mean, kidney_mean      mean gray level of the ROIs
  hri                          liver_mean / kidney_mean
  time                         when the answer was given, UTC
  reason                       why the image was skipped or the answer excluded
"""


def add_parser(commands) -> None:
    parser = commands.add_parser(
        "study",
        help="make and run a reader study",
        description="A reader study: readers mark a liver and a kidney ROI on the same images, blinded and in random "
        "order; the algorithm reads them as well.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_create(actions)
    algorithm = _add(actions, "algorithm", "let the algorithm read the images", run_algorithm)
    algorithm.add_argument(
        "--placement",
        default=DEFAULT_PLACEMENT,
        metavar="NAME",
        help=f"how the ROIs are placed: {' or '.join(PLACEMENTS)}",
    )
    algorithm.add_argument("--session", type=int, default=1, metavar="N", help="number of the session (default: 1)")
    add_model_arguments(algorithm)
    _add_import(actions)
    merging = _add(actions, "merge", "bring in the answers of other sites", run_merge)
    merging.add_argument("sources", nargs="+", type=Path, metavar="SOURCE", help="study folders or .jsonl files")
    _add(actions, "status", "say how far every reader is, and what is wrong", run_status)
    export = _add(actions, "export", "write all answers as a CSV table", run_export, EXPORT_EPILOG)
    export.add_argument("-o", "--output", required=True, type=Path, metavar="CSV", help="file for the table")
    export.add_argument("--with-files", action="store_true", help="add the file of each image; it may name the patient")


def _add(actions, name: str, text: str, run, epilog: str | None = None) -> argparse.ArgumentParser:
    description = text[0].upper() + text[1:] + "."
    raw = argparse.RawDescriptionHelpFormatter
    parser = actions.add_parser(name, help=text, description=description, epilog=epilog, formatter_class=raw)
    parser.add_argument("study", type=Path, metavar="STUDY", help="folder of the study")
    if name != "create":
        parser.add_argument("--images", type=Path, metavar="DIR", help="where the images lie, if they were moved")
    parser.set_defaults(run=run)
    return parser


def _add_create(actions) -> None:
    parser = _add(actions, "create", "make a study of images", run_create)
    parser.add_argument("input", nargs="+", type=Path, metavar="INPUT", help="images, or folders with all they hold")
    parser.add_argument("--name", default="", help="name of the study (default: that of its folder)")
    parser.add_argument(
        "--seed", type=seed_argument, default=0, metavar="N", help="seed of the order of the images (default: 0)"
    )
    parser.add_argument(
        "--roi-mm", type=float, default=DEFAULT_ROI_MM, metavar="MM", help="side of the ROIs (default: 15)"
    )
    parser.add_argument("--roi-px", type=int, metavar="N", help="side of the ROIs in pixels of every image instead")
    parser.add_argument("--unblinded", action="store_true", help="show the readers brightness and index")
    parser.add_argument(
        "--interval-days",
        type=float,
        default=DEFAULT_INTERVAL_DAYS,
        metavar="DAYS",
        help="shortest time between two sessions of a reader (default: 28)",
    )
    parser.add_argument(
        "--frames",
        type=frames_argument,
        default="first",
        metavar="WHICH",
        help="frames of a clip: first, all, or the number of one, counted from 0 (default: first)",
    )
    parser.add_argument("--spacing", type=spacing_argument, metavar="MM", help="size of a pixel in mm, for all images")
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument(
        "--patients",
        type=Path,
        metavar="CSV",
        help="table with the columns image, patient and optionally frame; without it every file is a patient",
    )
    whose.add_argument(
        "--patient-pattern",
        metavar="REGEX",
        help=r"regular expression whose first group is the patient in the path of the file, for example '(p\d+)_'",
    )
    parser.add_argument(
        "--show-unrecognized",
        action="store_true",
        help="take images in whose insonated area is not recognized; burned-in text is then shown",
    )


def _add_import(actions) -> None:
    parser = _add(actions, "import", "bring in a table of ROIs from elsewhere", run_import, IMPORT_EPILOG)
    parser.add_argument("table", type=Path, metavar="CSV", help="table with one row per image, reader and session")
    parser.add_argument("--mapping", type=Path, metavar="JSON", help="file that says where the values stand")
    parser.add_argument(
        "--map", action="append", default=[], metavar="ENTRY=TEXT", help="one entry of the mapping; may be repeated"
    )


def run_create(arguments: argparse.Namespace) -> int:
    options = StudyOptions(
        name=arguments.name,
        seed=arguments.seed,
        roi_mm=arguments.roi_mm,
        roi_px=arguments.roi_px,
        blind=not arguments.unblinded,
        interval_days=arguments.interval_days,
        frames=arguments.frames,
        spacing_mm=arguments.spacing,
        show_unrecognized=arguments.show_unrecognized,
    )
    with progress_bar() as progress:
        study = create_study(arguments.study, arguments.input, options, _patients(arguments), progress)
    for refusal in study.refused:
        frame = "" if refusal.frame is None else f", frame {refusal.frame}"
        print(f"Left out: {refusal.path}{frame}: {refusal.reason}")
    patients = len({image.patient for image in study.images})
    print(f"Study {study.name}: {len(study.images)} images of {patients} patients, {len(study.refused)} left out")
    return 1 if study.refused else 0


def run_algorithm(arguments: argparse.Namespace) -> int:
    from ..inference.bundle import load_segmenter

    study = open_study(arguments.study, arguments.images)
    MeasurementSettings(placement=arguments.placement)  # wrong usage is told before the network is loaded
    check_session(arguments.session)
    segmenter = load_segmenter(arguments.model, arguments.device)
    with progress_bar() as progress:
        summary = read_by_algorithm(
            study,
            lambda image: segmenter,
            segmenter.identity,
            placement=arguments.placement,
            session=arguments.session,
            progress=progress,
        )
    print(f"Images measured: {summary.answered}, not measured: {summary.skipped}")
    if summary.resumed:
        print(f"Images taken over from an earlier run: {summary.resumed}")
    return 0


def run_import(arguments: argparse.Namespace) -> int:
    study = open_study(arguments.study, arguments.images)
    mapping = read_mapping(arguments.mapping) if arguments.mapping else {}
    for entry in arguments.map:
        key, sign, text = entry.partition("=")
        if not sign:
            raise InputError(f"{entry} is no entry of a mapping; write it as ENTRY=TEXT.")
        mapping[key.strip()] = text.strip()
    with progress_bar() as progress:
        summary = import_table(study, arguments.table, mapping, progress)
    print_left_out(summary.refused, "the files of the sessions")
    for (reader, session), count in sorted(summary.answers.items()):
        print(f"Reader {reader}, session {session}: {count} answers")
    return 1 if summary.refused else 0


def run_merge(arguments: argparse.Namespace) -> int:
    summary = merge(open_study(arguments.study, arguments.images), arguments.sources)
    for label in summary.taken:
        print(f"Taken: {label}")
    for label in summary.known:
        print(f"Here already: {label}")
    for problem in summary.problems:
        print(f"liver-ultrasound: {problem}", file=sys.stderr)
    return 1 if summary.problems else 0


def run_status(arguments: argparse.Namespace) -> int:
    study = open_study(arguments.study, arguments.images)
    with progress_bar() as progress:
        answers = study_answers(study, progress)
    size = f"{study.roi_px} px" if study.roi_px is not None else f"{study.roi_mm:g} mm"
    patients = len({image.patient for image in study.images})
    print(f"Study {study.name}: {len(study.images)} images of {patients} patients, ROIs of {size}")
    for status in answers.sessions:
        left = status.images - status.answered - status.skipped
        state = "finished" if status.finished else f"{left} without"
        print(
            f"Reader {status.reader}, session {status.session}: {status.answered} answers, {status.skipped} skipped, "
            f"{state}, {status.excluded} excluded; checksum {status.fingerprint[:16]}"
        )
    for remark in answers.table.remarks:
        print(remark)
    print_left_out(answers.table.excluded, "excluded.csv of the command agreement")
    return 1 if answers.table.exclusions else 0


def run_export(arguments: argparse.Namespace) -> int:
    study = open_study(arguments.study, arguments.images)
    with progress_bar() as progress:
        answers = study_answers(study, progress)
    count = export_answers(study, answers, arguments.output, with_files=arguments.with_files)
    print(f"Answers: {count}, skipped: {len(answers.skipped)}, excluded: {len(answers.table.exclusions)}")
    print(f"Table: {arguments.output}")
    return 0


def _patients(arguments: argparse.Namespace) -> Patients:
    if arguments.patients:
        return read_patients(arguments.patients)
    if not arguments.patient_pattern:
        return Patients()
    try:
        pattern = re.compile(arguments.patient_pattern)
    except re.error as error:
        raise InputError(f"The pattern of the patients is no regular expression ({error.msg}).") from error
    if not pattern.groups:
        raise InputError("The pattern of the patients needs a group in parentheses around the patient.")
    return Patients(pattern=pattern)
