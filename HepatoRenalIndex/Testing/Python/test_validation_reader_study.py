"""The whole reader study on validation data: created, read by people and by the algorithm, compared, reported."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from HepatoRenalIndexLib.agreement.comparison import StudySettings
from HepatoRenalIndexLib.imaging.reader import open_ultrasound
from HepatoRenalIndexLib.measurement.organs import OrganMasks
from HepatoRenalIndexLib.measurement.result import ModelIdentity
from HepatoRenalIndexLib.validation.cohort import load_cohort
from HepatoRenalIndexLib.validation.reader_study import complete_study, study_section
from PIL import Image
from study_case import phantom

SIDE = 18
PATIENTS = 4


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Four patients with two frames each, marked by readers A and B near the true cortex and liver."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "images").mkdir()
    pixels, masks = phantom().image.pixels, phantom().masks
    (ly, lx), (ky, kx) = (np.argwhere(mask).mean(axis=0).astype(int) for mask in (masks.liver, masks.right_kidney))
    rows = []
    rng = np.random.default_rng(0)
    for patient in range(1, PATIENTS + 1):
        for frame in range(2):
            path = folder / "images" / f"p{patient:02}_f{frame}.png"
            Image.fromarray(np.rint(pixels * (1 - 0.05 * patient - 0.01 * frame)).astype(np.uint8)).save(path)
            for reader in "AB":
                x, y, u, v = (int(n) for n in np.array([lx, ly, kx, ky]) - SIDE // 2 + rng.integers(-2, 3, 4))
                shown = open_ultrasound(path).frame(0).pixels
                liver, kidney = (shown[b : b + SIDE, a : a + SIDE].mean() for a, b in ((x, y), (u, v)))
                rows.append([patient, frame, reader, 1, x, y, u, v, SIDE, f"{liver:.3f}", f"{kidney:.3f}"])
    (folder / "patients.csv").write_text(
        "patient,steatosis_class,fat_percent_biopsy\n" + "".join(f"{p},{p % 2},{p}\n" for p in range(1, PATIENTS + 1))
    )
    header = "patient,frame,reader,session,liver_x,liver_y,kidney_x,kidney_y,roi_px,liver_mean,kidney_mean"
    lines = [header, *(",".join(map(str, row)) for row in rows)]
    (folder / "reader_rois.csv").write_text("\n".join(lines) + "\n")
    return folder


class Known:
    """The organs from which the frames were simulated, and which fold's patients asked for them."""

    identity = ModelIdentity("truth", "1", "0" * 64, "cpu")

    def __init__(self, fold: int):
        self.fold = fold
        self.calls = 0

    def segment(self, image, geometry) -> OrganMasks:
        self.calls += 1
        return phantom().masks


def test_the_whole_study_runs_on_the_data_folder_with_the_network_of_each_fold(data):
    networks: dict[int, Known] = {}
    complete = complete_study(
        data,
        load_cohort(data),
        Known.identity,
        lambda fold: networks.setdefault(fold, Known(fold)),
        lambda patient: patient % 3,
        StudySettings(replicates=50),
    )
    assert (complete.side, complete.images, complete.patients, complete.refused) == (SIDE, 8, PATIENTS, 0)
    assert complete.imported.answers == {("A", 1): 8, ("B", 1): 8}
    assert complete.algorithm.answered == 8
    assert complete.study.excluded == ()
    assert {fold: network.calls for fold, network in networks.items()} == {1: 4, 2: 2, 0: 2}
    names = {comparison.name for comparison in complete.study.comparisons}
    assert "between readers A, B, session 1" in names
    assert "algorithm against mean of readers A, B, session 1" in names
    boxes = {a.liver_box.width for a in complete.study.table.answers}
    assert boxes == {SIDE}  # the algorithm's too
    text = study_section(complete)
    assert "0.681, 0.579" in text
    assert "0.734" in text
    assert "ROIs of 18 pixels" in text
    assert str(data) not in text


def test_readers_without_rois_make_no_study(data, tmp_path):
    table = data / "reader_rois.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    (tmp_path / "images").symlink_to(data / "images")
    (tmp_path / "patients.csv").write_text((data / "patients.csv").read_text())
    names = ("patient", "frame", "reader", "liver_mean", "kidney_mean")
    lines = [",".join(names), *(",".join(row[name] for name in names) for row in rows)]
    (tmp_path / "reader_rois.csv").write_text("\n".join(lines))
    cohort = load_cohort(tmp_path)
    assert complete_study(tmp_path, cohort, Known.identity, Known, lambda p: 0, StudySettings()) is None
