"""A small reader study on simulated frames, for the tests of the room ``study``."""

from __future__ import annotations

import re
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from HepatoRenalIndexLib.simulation.parameters import Content
from HepatoRenalIndexLib.simulation.phantom import Phantom, simulate
from HepatoRenalIndexLib.simulation.randomize import random_parameters
from HepatoRenalIndexLib.study.create import Patients, StudyOptions, create_study
from HepatoRenalIndexLib.study.definition import ReaderStudy, StudyImage, open_study
from HepatoRenalIndexLib.study.session import ReadingSession
from PIL import Image

SPACING = 0.5  # mm, stated for all images
PATIENT = re.compile(r"(p\d+)_")


@cache
def phantom(seed: int = 0) -> Phantom:
    return simulate(random_parameters(np.random.default_rng([5, seed]), Content.LIVER_KIDNEY, size=(300, 400)))


def write_images(folder: Path, count: int = 8) -> Path:
    """``count`` different frames of ``count / 2`` patients: the phantom at different brightness."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = phantom().image.pixels
    for number in range(count):
        scaled = np.rint(pixels * (1 - 0.01 * number)).astype(np.uint8)
        Image.fromarray(scaled).save(folder / f"p{number // 2}_f{number % 2}.png")
    return folder


def make_study(base: Path, count: int = 8, **options) -> ReaderStudy:
    """A study of :func:`write_images` with ROIs of 20 pixels."""
    images = write_images(base / "images", count)
    options = StudyOptions(**{"roi_px": 20, "spacing_mm": SPACING, **options})
    return create_study(base / "study", [images], options, Patients(pattern=PATIENT))


@cache
def _template() -> TemporaryDirectory:
    folder = TemporaryDirectory()
    make_study(Path(folder.name))
    return folder


def copy_study(base: Path) -> ReaderStudy:
    """The study of :func:`make_study` with its defaults, made once and copied."""
    shutil.copytree(_template().name, base, dirs_exist_ok=True)
    return open_study(base / "study")


def spot(image: StudyImage, step: int = 0) -> tuple:
    """Two ROIs in the insonated area of an image, ``step`` pixels aside."""
    rows, columns = np.nonzero(image.geometry().mask)
    x, y = float(columns.mean()), float(rows.mean())
    return image.roi_at(x + 15 + step, y), image.roi_at(x - 25 + step, y)


def read(session: ReadingSession, count: int, step: int = 0) -> None:
    """Answer the next ``count`` images."""
    for _ in range(count):
        session.show()
        session.answer(*spot(session.image, step))
