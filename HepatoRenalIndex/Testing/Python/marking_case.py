"""A reader study on frames of the shipped clip, and a reader who marks it, for the tests of the module."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from HepatoRenalIndexLib.study.create import Patients, StudyOptions, create_study
from HepatoRenalIndexLib.study.definition import ReaderStudy

SAMPLES = Path(__file__).resolve().parents[2] / "Resources" / "SampleData"
FRAMES = 8
# Places in liver and renal cortex of the shipped clip, in pixels.
CENTERS = {"liver": (240.0, 125.0), "kidney": (215.0, 177.0)}


def make_study(folder: Path, frames: int = FRAMES, **options) -> ReaderStudy:
    """A study of frames of the shipped simulated clip, two of each patient."""
    patients = Patients(table={"clip.dcm": {frame: f"patient {frame // 2}" for frame in range(frames)}})
    options = {"interval_days": 0, **options}
    return create_study(folder, [SAMPLES / "clip.dcm"], StudyOptions(**options), patients)


def read(marking, reader: str, session: int, spread: float = 4.0) -> None:
    """Mark all images of the running session, near the right places."""
    rng = np.random.default_rng([ord(reader[0]), session])
    while not marking.session.finished:
        for organ, (x, y) in CENTERS.items():
            dx, dy = rng.normal(0, spread, 2)
            marking.place(organ, x + dx, y + dy)
        marking.next()
