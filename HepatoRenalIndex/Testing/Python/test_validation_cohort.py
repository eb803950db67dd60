"""The whole validation on a small simulated cohort, and the reading of the real one."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from HepatoRenalIndexLib.agreement.answers import read_answers
from HepatoRenalIndexLib.agreement.comparison import StudySettings, analyze
from HepatoRenalIndexLib.geometry.spacing import Calibration, SpacingSource
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.measurement.organs import ModelIdentity, OrganMasks
from HepatoRenalIndexLib.simulation.parameters import AcousticParameters, PhantomParameters
from HepatoRenalIndexLib.simulation.phantom import simulate
from HepatoRenalIndexLib.validation.cases import Case, MeasuredCohort, measure_cohort
from HepatoRenalIndexLib.validation.cohort import load_cohort
from HepatoRenalIndexLib.validation.report import write_validation
from HepatoRenalIndexLib.validation.run import ValidationOptions, run_validation
from HepatoRenalIndexLib.validation.segmentation import segmentation_overlaps
from HepatoRenalIndexLib.validation.tuning import SINGLE_VALUES
from PIL import Image

REAL_DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "byra2018"
FAT = {1: 0.0, 2: 0.02, 3: 0.03, 4: 0.12, 5: 0.2, 6: 0.3}
FRAMES = 2


def square(mask, side=30):
    """The upper left corner of a square well inside a mask."""
    inner = np.argwhere(mask)
    y, x = inner[len(inner) // 2]
    return int(x) - side // 2, int(y) - side // 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six simulated patients with two frames each, in the layout of the real data; one reader per frame is missing."""
    root = tmp_path_factory.mktemp("cohort")
    (root / "images").mkdir()
    (root / "outlines").mkdir()
    readers, patients = [], []
    for patient, fat in FAT.items():
        patients.append([patient, int(fat > 0.05), 100 * fat])
        for frame in range(FRAMES):
            phantom = simulate(
                PhantomParameters(acoustics=AcousticParameters(fat_fraction=fat), seed=patient, speckle_seed=frame)
            )
            name = f"p{patient:02d}_f{frame}"
            Image.fromarray(phantom.image.pixels).save(root / "images" / f"{name}.png")
            if frame == 0:
                np.savez(root / f"{name}.npz", liver=phantom.masks.liver, kidney=phantom.masks.right_kidney)
                outline = {organ: outline_of(mask) for organ, mask in outlined(phantom.masks)}
                (root / "outlines" / f"{name}.json").write_text(json.dumps(outline))
            lx, ly = square(phantom.masks.liver)
            kx, ky = square(phantom.cortex)
            for shift, reader in enumerate("AB"):
                boxes = [(lx + shift, ly), (kx, ky + shift)]
                liver, kidney = (phantom.image.pixels[y : y + 30, x : x + 30].mean() for x, y in boxes)
                readers.append([patient, frame, reader, 1, *boxes[0], *boxes[1], 30, liver, kidney, liver / kidney])
    write(root / "patients.csv", ["patient", "steatosis_class", "fat_percent_biopsy"], patients)
    header = "patient,frame,reader,session,liver_x,liver_y,kidney_x,kidney_y,roi_px,liver_mean,kidney_mean,hri"
    write(root / "reader_rois.csv", header.split(","), readers[:-1])
    return root


def outlined(masks):
    return (("liver", masks.liver), ("right_kidney", masks.right_kidney))


def outline_of(mask):
    """The convex hull is outline enough."""
    from scipy.spatial import ConvexHull

    points = np.argwhere(mask)[:, ::-1]
    return points[ConvexHull(points).vertices].tolist()


def write(path, header, rows):
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(header)
        writer.writerows(rows)


class KnownOrgans:
    """A segmenter that remembers the truth of each simulated patient but those that it must not have seen."""

    identity = ModelIdentity(name="known", version="1")

    def __init__(self, folder, fold=None):
        self.folder, self.fold = folder, fold
        self.seen = []

    def segment(self, image, geometry):
        patient = int(image.provenance.source[1:3])
        self.seen.append(patient)
        truth = np.load(self.folder / f"p{patient:02d}_f0.npz")
        if patient == 6:  # the kidney is missed
            return OrganMasks(truth["liver"] & geometry.mask, np.zeros_like(geometry.mask))
        return OrganMasks(truth["liver"] & geometry.mask, truth["kidney"] & geometry.mask & ~truth["liver"])


def fold_of(patient):
    return patient % 2


@pytest.fixture(scope="module")
def validation(folder):
    options = ValidationOptions(replicates=100, bodies=0)
    return run_validation(load_cohort(folder), options, KnownOrgans(folder), lambda _: KnownOrgans(folder), fold_of)


def test_each_frame_is_segmented_once_by_the_network_of_its_fold(folder):
    loaded = {}

    def load(fold):
        loaded[fold] = KnownOrgans(folder, fold)
        return loaded[fold]

    measured = measure_cohort(load_cohort(folder), load, fold_of, ("representative", "published"))
    assert {fold: sorted(set(s.seen)) for fold, s in loaded.items()} == {0: [2, 4, 6], 1: [1, 3, 5]}
    assert all(len(s.seen) == 3 * FRAMES for s in loaded.values())
    assert set(measured.cases) == {"representative", "published"}


def test_a_missed_kidney_counts_as_refused_and_as_no_overlap(validation):
    coverage = validation.default.coverage
    assert (coverage.images, coverage.measured) == (12, 10)
    assert sum(coverage.reasons.values()) == 2
    assert "right kidney" in next(iter(coverage.reasons))
    kidney = {row.frame.patient: row for row in validation.overlaps if row.organ == "right_kidney"}
    assert kidney[6].jaccard == 0
    assert kidney[1].jaccard > 0.9
    assert validation.default.biopsy[0].unmeasured == 1


def test_surface_distances_are_in_millimeters_where_the_frame_is_calibrated(folder):
    frame = load_cohort(folder).frames[0]
    human = frame.outlined_organs((480, 640))
    lower = OrganMasks(np.roll(human.liver, 6, axis=0), np.roll(human.right_kidney, 6, axis=1))
    for calibration, unit in (
        (Calibration(SpacingSource.RULER, 0.25, 0.5), True),
        (Calibration(SpacingSource.NONE), False),
    ):
        case = Case(frame, 0, "planted", None, calibration)
        rows = {row.organ: row for row in segmentation_overlaps(MeasuredCohort({"planted": (case,)}, {frame: lower}))}
        assert rows["liver"].in_mm is unit
        assert rows["liver"].distance.hausdorff == pytest.approx(6 * (0.5 if unit else 1))
        assert rows["right_kidney"].distance.hausdorff == pytest.approx(6 * (0.25 if unit else 1))


def test_an_index_that_rises_with_fat_separates_the_classes(validation):
    accuracy = validation.default.biopsy[0]
    assert accuracy.auc.value == 1.0
    assert accuracy.spearman.value > 0.8
    assert accuracy.patients == 5


def test_agreement_leaves_out_frames_that_a_reader_or_the_algorithm_lacks(validation):
    comparison = validation.default.against_mean("hri")
    assert (len(comparison.images), comparison.dropped) == (10, 2)
    assert comparison.icc.value > 0.6
    assert "cluster bootstrap" in comparison.icc.method
    between = next(c for c in validation.readers if c.name.startswith("between") and c.quantity == "hri")
    assert (len(between.images), between.dropped) == (11, 1)


def test_parameters_of_the_placement_are_chosen_without_the_patients_they_are_judged_on(validation):
    tuning = validation.tuning
    assert [choice.fold for choice in tuning.selection.choices] == [0, 1]
    assert len(tuning.selection.choices[0].scores) == 27
    chosen = {choice.fold: choice.chosen for choice in tuning.selection.choices}
    assert all(case.placement == chosen[case.frame.patient % 2] for case in tuning.selection.cases)
    assert [case.frame.patient for case in tuning.selection.cases] == [1, 2, 3, 4, 5, 6]
    defaults = [effect for effect in tuning.effects if effect.default]
    assert len(defaults) == len(SINGLE_VALUES)  # one per parameter, and all of them the same measurement
    assert len({(effect.icc, effect.auc, effect.spearman) for effect in defaults}) == 1
    whole_job = {c.frame: c.value("hri") for c in validation.measured.cases["representative"]}
    by_default = tuning.default.against_mean("hri").ratings[:, 0]
    assert by_default == pytest.approx([v for f, v in whole_job.items() if f.frame == 0 and f.patient != 6])


@pytest.fixture(scope="module")
def report(validation, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    write_validation(validation, out)
    return out


def test_the_report_has_every_table_and_figure_it_names_and_no_others(report):
    text = (report / "validation.md").read_text()
    named = set(re.findall(r"\]\((.+?\.png)\)", text)) | set(re.findall(r"- `(.+?\.csv)`", text))
    assert named | {"validation.md"} == {path.name for path in report.iterdir()}
    assert str(report.parent) not in text


def test_the_same_results_give_the_same_bytes(validation, report, tmp_path):
    write_validation(validation, tmp_path)
    again = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert again == {path.name: path.read_bytes() for path in report.iterdir()}


def test_cases_csv_has_a_row_for_every_frame_and_placement(validation, report):
    with (report / "cases.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 12 * len(validation.options.placements)
    refused = [row for row in rows if row["patient"] == "6"]
    assert all(row["hri"] == "" and row["message"] for row in refused)
    assert all(float(row["hri"]) > 0 for row in rows if row["patient"] != "6")


def test_the_study_table_gives_the_same_agreement_again(validation, report):
    again = analyze(read_answers(report / "study.csv"), StudySettings(replicates=100))
    hri = next(c for c in again if "mean of readers" in c.raters and c.quantity == "hri")
    assert hri.icc.value == pytest.approx(validation.default.against_mean("hri").icc.value, abs=1e-4)
    assert read_answers(report / "study.csv").boxes("algorithm", "1", "kidney")[0].width > 10


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda root: (root / "patients.csv").unlink(), "no readable patients.csv"),
        (lambda root: (root / "patients.csv").write_text("patient\n1\n"), "no readable patients.csv"),
        (lambda root: (root / "reader_rois.csv").unlink(), "cannot be read"),
        (lambda root: [path.unlink() for path in (root / "images").iterdir()], "holds no images"),
    ],
)
def test_an_incomplete_folder_is_refused_with_a_sentence(folder, tmp_path, spoil, sentence):
    copy = tmp_path / "cohort"
    shutil.copytree(folder, copy)
    spoil(copy)
    with pytest.raises(InputError, match=sentence) as raised:
        load_cohort(copy)
    assert str(tmp_path) not in str(raised.value)


def test_a_damaged_outline_is_named(folder, tmp_path):
    copy = tmp_path / "cohort"
    shutil.copytree(folder, copy)
    (copy / "outlines" / "p01_f0.json").write_text('{"liver": [[1]]}')
    frame = load_cohort(copy).frames[0]
    with pytest.raises(InputError, match=r"p01_f0\.json"):
        frame.outlined_organs((480, 640))


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the real validation images are not beside the project")
def test_the_real_cohort_is_read_whole_and_its_boxes_are_where_the_readers_put_them():
    cohort = load_cohort(REAL_DATA)
    assert (len(cohort.patients), len(cohort.frames), len(cohort.first_frames)) == (40, 400, 40)
    assert all(frame.outline is not None for frame in cohort.first_frames)
    table = read_answers(REAL_DATA / "reader_rois.csv")
    assert (len(table.answers), table.excluded, table.readers) == (1593, (), ("A", "B", "C"))
    by_key = {frame.key: frame for frame in cohort.frames}
    for answer in table.answers[::97]:
        pixels = by_key[answer.image].image().pixels
        for organ in ("liver", "kidney"):
            box = getattr(answer, f"{organ}_box")
            x, y, side = int(box.x), int(box.y), int(box.width)
            assert pixels[y : y + side, x : x + side].mean() == pytest.approx(getattr(answer, organ), abs=0.6)
