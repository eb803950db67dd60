"""A reader study is made: what gets in, what is refused with a sentence, and what study.json keeps of it."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from HepatoRenalIndexLib.geometry.detect import detect_scan_geometry
from HepatoRenalIndexLib.geometry.spacing import SpacingSource
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.imaging.reader import open_ultrasound
from HepatoRenalIndexLib.study.create import Patients, StudyOptions, create_study, read_patients
from HepatoRenalIndexLib.study.definition import is_study, open_study, pixel_digest
from HepatoRenalIndexLib.study.picture import drawn_over
from HepatoRenalIndexLib.study.session import ReadingSession
from PIL import Image, ImageDraw
from scipy import ndimage
from study_case import SPACING, make_study, phantom, write_images

UNRECOGNIZED = "burned-in text cannot be hidden"


def _options(**more) -> StudyOptions:
    return StudyOptions(**{"roi_px": 20, "spacing_mm": SPACING, **more})


def _clip(path, frames) -> None:
    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(path, save_all=True, append_images=others)


def test_a_study_of_a_folder_is_read_back_as_it_was_written(tmp_path):
    study = make_study(tmp_path, name="Two sites", seed=5, blind=False, interval_days=7)
    again = open_study(study.folder)
    assert again.images == study.images
    assert [i.geometry().mask.sum() for i in again.images] == [i.geometry().mask.sum() for i in study.images]
    assert (again.id, again.name, again.seed, again.blind, again.interval_days) == (study.id, "Two sites", 5, False, 7)
    assert again.roi_mm is None
    assert again.roi_px == 20
    assert is_study(study.folder)
    assert not is_study(tmp_path)


def test_the_kept_scan_geometry_is_the_one_that_was_found(tmp_path):
    study = make_study(tmp_path, count=1)
    kept = study.images[0].geometry()
    pixels = study.load(study.images[0]).pixels
    found = detect_scan_geometry(pixels)
    assert (kept.mask == (found.mask & ~drawn_over(pixels, found.mask))).all()
    assert (kept.shape, kept.apex, kept.near_radius, kept.far_radius) == (
        found.shape,
        found.apex,
        found.near_radius,
        found.far_radius,
    )


def test_text_and_lines_drawn_over_the_tissue_are_hidden_and_the_tissue_is_not(tmp_path):
    image = phantom(3).image.pixels
    area = detect_scan_geometry(image).mask
    rows, columns = np.nonzero(area)
    x, y = int(columns.mean()) - 40, int(rows.mean())
    drawing = Image.fromarray(np.zeros_like(image))
    pen = ImageDraw.Draw(drawing)
    pen.text((x, y), "SMITH JOHN 1961", fill=255)
    pen.line((x, y + 40, x + 80, y + 60), fill=255)
    pen.line((x - 4, y + 30, x + 4, y + 30), fill=255)
    pen.line((x, y + 26, x, y + 34), fill=255)
    pen.text((5, 5), "SMITH JOHN", fill=255)
    ink = np.asarray(drawing) > 200
    Image.fromarray(np.where(ink, 255, image).astype(np.uint8)).save(tmp_path / "a.png")
    study = create_study(tmp_path / "study", [tmp_path / "a.png"], _options())
    shown = ReadingSession.open(study, "A", 1).show()
    assert shown.pixels[ink].max() == 0
    hidden = area & ~shown.sector
    assert hidden.sum() < 6 * ink.sum()
    assert hidden.sum() < 0.1 * area.sum()


def test_a_roi_cannot_lie_on_text(tmp_path):
    pixels = phantom(3).image.pixels
    drawing = Image.fromarray(pixels)
    rows, columns = np.nonzero(detect_scan_geometry(pixels).mask)
    x, y = int(columns.mean()), int(rows.mean())
    ImageDraw.Draw(drawing).text((x - 10, y - 5), "LIVER", fill=255)
    drawing.save(tmp_path / "a.png")
    study = create_study(tmp_path / "study", [tmp_path / "a.png"], _options())
    session = ReadingSession.open(study, "A", 1)
    with pytest.raises(InputError, match="outside the insonated area"):
        session.answer(session.image.roi_at(x, y), session.image.roi_at(x, y + 60))


def test_colored_overlay_is_hidden(tmp_path):
    pixels = phantom(3).image.pixels
    rgb = np.repeat(pixels[..., None], 3, axis=2)
    rows, columns = np.nonzero(detect_scan_geometry(pixels).mask)
    x, y = int(columns.mean()), int(rows.mean())
    rgb[y : y + 30, x : x + 30] = (30, 60, 200)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    study = create_study(tmp_path / "study", [tmp_path / "a.png"], _options())
    assert not ReadingSession.open(study, "A", 1).show().pixels[y : y + 30, x : x + 30].any()


def test_an_image_is_known_by_the_checksum_of_its_pixels(tmp_path):
    study = make_study(tmp_path, count=2)
    for image in study.images:
        with open_ultrasound(study.image_folder / image.path) as file:
            assert image.sha256 == pixel_digest(file.frame(0).pixels)
    assert pixel_digest(np.zeros((2, 8), np.uint8)) != pixel_digest(np.zeros((4, 4), np.uint8))


def test_the_roi_has_its_size_in_mm_in_every_image(tmp_path):
    study = make_study(tmp_path, count=2, roi_px=None, roi_mm=15.0)
    assert {(i.roi_width, i.roi_height) for i in study.images} == {(30, 30)}
    assert study.images[0].calibration.source is SpacingSource.USER


def test_without_a_pixel_size_there_is_no_roi_in_mm_but_one_in_pixels(tmp_path):
    pixels = phantom().image.pixels
    (tmp_path / "images").mkdir()
    sector = np.where(detect_scan_geometry(pixels).mask, pixels, 0).astype(np.uint8)  # without the ruler
    Image.fromarray(sector).save(tmp_path / "images" / "p.png")
    with pytest.raises(InputError, match="No pixel size is known"):
        create_study(tmp_path / "a", [tmp_path / "images"], StudyOptions())
    assert not (tmp_path / "a").exists()
    study = create_study(tmp_path / "b", [tmp_path / "images"], StudyOptions(roi_px=28))
    assert {(i.roi_width, i.calibration.source) for i in study.images} == {(28, SpacingSource.NONE)}


def test_what_cannot_be_measured_is_refused_by_name_and_the_rest_goes_on(tmp_path):
    images = write_images(tmp_path / "images", 2)
    Image.fromarray(np.zeros((300, 400), np.uint8)).save(images / "black.png")
    (images / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    noise = np.random.default_rng(0).integers(0, 255, (300, 400), dtype=np.uint8)
    Image.fromarray(noise).save(images / "noise.png")
    study = create_study(tmp_path / "study", [images, tmp_path / "absent.dcm"], _options())
    assert [image.path for image in study.images] == ["images/p0_f0.png", "images/p0_f1.png"]
    reasons = {refusal.path: refusal.reason for refusal in study.refused}
    assert set(reasons) == {"black.png", "broken.png", "noise.png", "absent.dcm"}
    assert "black" in reasons["black.png"]
    assert "damaged" in reasons["broken.png"]
    assert UNRECOGNIZED in reasons["noise.png"]
    assert "does not exist" in reasons["absent.dcm"]
    assert {r.path: r.reason for r in open_study(study.folder).refused} == reasons


def test_pictures_of_earlier_results_among_the_images_are_no_images(tmp_path):
    images = write_images(tmp_path / "images", 2)
    for marker, picture in (
        ("run.json", "case/overlay.png"),
        ("excluded.csv", "plots/01_hri.png"),
    ):
        folder = images / marker.partition(".")[0]
        (folder / picture).parent.mkdir(parents=True)
        (folder / marker).write_text("")
        shutil.copy(images / "p0_f0.png", folder / picture)
    study = create_study(tmp_path / "study", [images], _options())
    assert [image.path for image in study.images] == ["p0_f0.png", "p0_f1.png"]
    assert study.refused == ()


def test_a_study_without_any_image_is_not_made(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="No image can be taken"):
        create_study(tmp_path / "study", [tmp_path / "empty"], _options())
    with pytest.raises(InputError, match="no images"):
        create_study(tmp_path / "study", [], _options())
    assert not (tmp_path / "study").exists()


def test_a_study_is_never_made_over_another_one(tmp_path):
    study = make_study(tmp_path, count=2)
    before = (study.folder / "study.json").read_bytes()
    with pytest.raises(InputError, match="holds a study already"):
        create_study(study.folder, [tmp_path / "images"], _options())
    assert (study.folder / "study.json").read_bytes() == before


def test_an_unrecognized_area_is_taken_only_on_request(tmp_path):
    noise = np.random.default_rng(0).normal(100, 100, (300, 400))
    smooth = ndimage.gaussian_filter(noise, 2.0).clip(20, 255).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "cropped.png")
    with pytest.raises(InputError, match=UNRECOGNIZED):
        create_study(tmp_path / "a", [tmp_path / "cropped.png"], _options())
    study = create_study(tmp_path / "b", [tmp_path / "cropped.png"], _options(show_unrecognized=True))
    assert study.images[0].geometry().mask.all()


def test_the_frames_of_a_clip_are_chosen(tmp_path):
    pixels = phantom().image.pixels
    frames = [np.rint(pixels * (1 - 0.02 * n)).astype(np.uint8) for n in range(4)]
    _clip(tmp_path / "clip.tif", frames)

    def taken(name, **options):
        study = create_study(tmp_path / name, [tmp_path / "clip.tif"], _options(**options))
        assert len({image.patient for image in study.images}) == 1
        return [image.frame for image in study.images], [refusal.reason for refusal in study.refused]

    assert taken("first") == ([0], [])
    assert taken("all", frames="all") == ([0, 1, 2, 3], [])
    assert taken("third", frames=2) == ([2], [])
    with pytest.raises(InputError, match="frames 0 to 3"):
        taken("ninth", frames=9)


def test_patients_come_from_a_table_and_leave_as_numbers(tmp_path):
    images = write_images(tmp_path / "images", 4)
    table = tmp_path / "patients.csv"
    table.write_text("image,patient\np0_f0.png,Smith^John\np0_f1.png,Smith^John\np1_f0.png,4711\n")
    study = create_study(tmp_path / "study", [images], _options(), read_patients(table))
    assert [(i.path, i.patient) for i in study.images] == [
        ("p0_f0.png", "P001"),
        ("p0_f1.png", "P001"),
        ("p1_f0.png", "P002"),
    ]
    assert [r.path for r in study.refused] == ["p1_f1.png"]
    assert "No patient is known" in study.refused[0].reason
    assert not re.search("smith|4711", (study.folder / "study.json").read_text(), re.IGNORECASE)


def test_a_name_that_several_files_share_does_not_tell_whose_they_are(tmp_path):
    for folder, share in (("one", 1.0), ("two", 0.9)):
        (tmp_path / "images" / folder).mkdir(parents=True)
        pixels = np.rint(share * phantom().image.pixels).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / folder / "img.png")
    table = tmp_path / "patients.csv"
    table.write_text("image,patient\nimg.png,1\n")
    with pytest.raises(InputError, match="No patient is known"):
        create_study(tmp_path / "a", [tmp_path / "images"], _options(), read_patients(table))
    table.write_text("image,patient\none/img.png,1\ntwo\\img.png,2\n")
    study = create_study(tmp_path / "b", [tmp_path / "images"], _options(), read_patients(table))
    assert [image.patient for image in study.images] == ["P001", "P002"]


def test_one_image_is_never_two_patients(tmp_path):
    images = write_images(tmp_path / "images", 2)
    (images / "q_f0.png").write_bytes((images / "p0_f0.png").read_bytes())
    study = create_study(tmp_path / "study", [images], _options())
    assert [image.path for image in study.images] == ["p0_f0.png", "p0_f1.png"]
    assert [(r.path, r.reason.partition(",")[0]) for r in study.refused] == [
        ("q_f0.png", "Its pixels are those of image 0001")
    ]
    again = create_study(tmp_path / "again", [images], _options(), Patients(pattern=re.compile("(_)")))
    assert (len(again.images), again.refused) == (3, ())


def test_a_table_of_patients_chooses_frames_of_a_clip(tmp_path):
    pixels = phantom().image.pixels
    _clip(tmp_path / "clip.tif", [pixels, pixels // 2, pixels // 3])
    (tmp_path / "patients.csv").write_text("image,patient,frame\nclip.tif,1,0\nclip.tif,1,2\nclip.tif,1,7\n")
    patients = read_patients(tmp_path / "patients.csv")
    study = create_study(tmp_path / "study", [tmp_path / "clip.tif"], _options(), patients)
    assert [(i.frame, i.patient) for i in study.images] == [(0, "P001"), (2, "P001")]
    assert [(r.frame, "frames 0 to 2" in r.reason) for r in study.refused] == [(7, True)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lacks the column"),
        ("image,who\na,b\n", "lacks the column"),
        ("image,patient\n", "holds no image"),
        ("image,patient\na.png,\n", "Line 2"),
        ("image,patient,frame\na.png,1,x\n", "Line 2"),
        ("image,patient\na.png,1\na.png,2\n", "second patient"),
    ],
)
def test_an_unusable_table_of_patients_is_refused_with_a_sentence(tmp_path, text, said):
    (tmp_path / "patients.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_patients(tmp_path / "patients.csv")


def test_without_a_table_every_file_is_a_patient(tmp_path):
    write_images(tmp_path / "images", 3)
    study = create_study(tmp_path / "study", [tmp_path / "images"], _options(), Patients())
    assert [image.patient for image in study.images] == ["P001", "P002", "P003"]


@pytest.mark.parametrize(
    "options",
    [
        {"roi_mm": 1.0},
        {"roi_mm": float("nan")},
        {"roi_px": 0},
        {"interval_days": -1},
        {"interval_days": float("nan")},
        {"frames": "some"},
        {"frames": -1},
    ],
)
def test_impossible_options_are_refused(options):
    with pytest.raises(InputError):
        StudyOptions(**options)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(seed=99),
        lambda c: c.update(roi_px=25),
        lambda c: c["images"][0].update(patient="P009"),
        lambda c: c["images"][0].update(roi=[21, 21]),
        lambda c: c["images"].pop(),
        lambda c: c.update(blind=False),
        lambda c: c["images"][1].update(sector=c["images"][0]["sector"][:-8]),
    ],
    ids=["seed", "roi", "patient", "roi of an image", "image gone", "blind", "sector"],
)
def test_a_study_that_was_changed_by_hand_is_refused(tmp_path, change):
    study = make_study(tmp_path, count=2)
    path = study.folder / "study.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="changed after"):
        open_study(study.folder)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "[" * 100_000, '{"format": "liver-ultrasound-study", "version": 1}', '{"format": 1}', "1e999"],
)
def test_a_damaged_study_is_one_sentence(tmp_path, text):
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(InputError, match=r"study\.json"):
        open_study(tmp_path)


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "a/../../b.png", "C:/b.png", "a\\..\\..\\b.png"])
def test_a_study_never_leads_out_of_the_folder_of_its_images(tmp_path, path):
    study = make_study(tmp_path, count=1)
    content = json.loads((study.folder / "study.json").read_text())
    content["images"][0]["path"] = path
    (study.folder / "study.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="damaged"):
        open_study(study.folder)


def test_nothing_of_the_study_file_names_a_place_on_this_computer(tmp_path):
    study = make_study(tmp_path, count=2)
    assert str(tmp_path) not in (study.folder / "study.json").read_text()


def test_the_study_moves_with_its_images_or_is_told_where_they_are(tmp_path):
    study = make_study(tmp_path / "here", count=2)
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    shutil.rmtree(tmp_path / "here")
    moved = open_study(tmp_path / "there" / "study")
    assert moved.load(moved.images[0]).pixels.shape == (300, 400)
    shutil.move(tmp_path / "there" / "images", tmp_path / "elsewhere")
    lost = open_study(tmp_path / "there" / "study")
    with pytest.raises(InputError, match="cannot be read"):
        ReadingSession.open(lost, "A", 1).show()
    found = open_study(tmp_path / "there" / "study", tmp_path / "elsewhere")
    assert found.load(found.images[0]).pixels.shape == (300, 400)
    assert found.id == study.id  # the same study, wherever it lies
