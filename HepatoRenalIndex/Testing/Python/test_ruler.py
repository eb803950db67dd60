"""The burned-in depth ruler: drawn rulers of known scale, rulers that mean nothing certain, and real screens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from HepatoRenalIndexLib.geometry.detect import detect_scan_geometry
from HepatoRenalIndexLib.geometry.ruler import detect_ruler
from PIL import Image, ImageDraw
from scan_drawing import Scan, clutter, paint

IMAGES = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "byra2018" / "images"
SECTOR = Scan(600, 800, "sector", (400.0, 30.0), 3.0, 520.0, (-42.0, 42.0))
CURVED = Scan(600, 800, "curved", (390.0, -70.0), 130.0, 620.0, (-32.0, 32.0))


def draw_ruler(
    scan: Scan,
    pixels: np.ndarray,
    *,
    mm_per_px: float,
    side: str = "",
    column: int = 760,
    tick_mm: float = 10.0,
    long_every: int = 5,
    labels: bool = True,
    label_factor: float = 1.0,
    shift: float = 0.0,
    dots: bool = False,
) -> np.ndarray:
    """Ticks along a ``side`` ("left", "right") of the scan or, without one, at ``column``."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    spacing = tick_mm / mm_per_px
    for k in range(int((scan.far - scan.near) / spacing) + 1):
        long = long_every and k % long_every == 0
        if side:
            hand = -1 if side == "left" else 1
            angle = np.radians(scan.angles[0 if side == "left" else 1])
            reach = scan.near + k * spacing + shift
            nx, ny = hand * np.cos(angle), -hand * np.sin(angle)
            x, y = scan.apex[0] + reach * np.sin(angle) + 5 * nx, scan.apex[1] + reach * np.cos(angle) + 5 * ny
            size = 10 if long else 5
            draw.line((x, y, x + size * nx, y + size * ny), fill=200)
            place = (x + 20 * nx - 6, y + 20 * ny - 6)
        else:
            x, y = column, scan.apex[1] + scan.near + k * spacing + shift
            size = (2 if long else 1) if dots else (12 if long else 6)
            if dots:
                draw.ellipse((x - size, y - size, x + size, y + size), fill=200)
            else:
                draw.line((x - size, y, x, y), fill=200)
            place = (x + 8, y - 6)
        if long and labels and k:
            draw.text(place, f"{k * tick_mm / 10 * label_factor:.0f}", fill=200)
    return np.asarray(image)


def found(scan: Scan, mm_per_px: float, seed: int = 0, **options):
    rng = np.random.default_rng(seed)
    pixels = clutter(paint(scan, rng), scan.mask(), rng)
    pixels = draw_ruler(scan, pixels, mm_per_px=mm_per_px, **options)
    return detect_ruler(pixels, detect_scan_geometry(pixels))


@pytest.mark.parametrize("mm_per_px", [0.25, 0.33, 0.47])
@pytest.mark.parametrize("side", ["left", "right", ""])
@pytest.mark.parametrize("scan", [SECTOR, CURVED], ids=["sector", "curved"])
def test_a_ruler_of_centimeters_is_read_to_one_percent(scan, side, mm_per_px):
    ruler = found(scan, mm_per_px, side=side)
    assert ruler is not None
    assert ruler.mm_per_px == pytest.approx(mm_per_px, rel=0.01)
    assert (ruler.tick_mm, ruler.long_every) == (10.0, 5)
    assert ruler.kind == ("side" if side else "column")


@pytest.mark.parametrize("seed", range(5))
def test_text_traces_and_gray_bars_do_not_disturb_it(seed):
    assert found(CURVED, 0.36, seed=seed).mm_per_px == pytest.approx(0.36, rel=0.01)


def test_dots_and_a_column_on_the_left_are_read_too():
    assert found(CURVED, 0.36, dots=True).mm_per_px == pytest.approx(0.36, rel=0.01)
    assert found(SECTOR, 0.36, column=30).mm_per_px == pytest.approx(0.36, rel=0.01)


def test_half_centimeters_with_long_marks_at_every_centimeter_are_read():
    ruler = found(SECTOR, 0.36, tick_mm=5.0, long_every=2)
    assert ruler.tick_mm == 5.0 and ruler.mm_per_px == pytest.approx(0.36, rel=0.01)


def test_the_positions_lie_on_the_ruler():
    ruler = found(CURVED, 0.36)
    assert np.abs(ruler.tick_positions[:, 0] - 757).max() <= 4
    assert np.diff(np.sort(ruler.tick_positions[:, 1])) == pytest.approx(10 / 0.36, abs=1.1)


@pytest.mark.parametrize("factor", [1.5, 2.0, 3.0])
@pytest.mark.parametrize("side", ["left", ""])
def test_the_ruler_of_an_enlarged_image_is_read(side, factor):
    rng = np.random.default_rng(0)
    pixels = clutter(paint(SECTOR, rng), SECTOR.mask(), rng)
    image = Image.fromarray(draw_ruler(SECTOR, pixels, mm_per_px=0.33, side=side))
    enlarged = np.asarray(image.resize((round(image.width * factor), round(image.height * factor)), Image.BICUBIC))
    ruler = detect_ruler(enlarged, detect_scan_geometry(enlarged))
    assert ruler is not None
    assert ruler.mm_per_px == pytest.approx(0.33 / factor, rel=0.01)
    middle = ruler.tick_positions[len(ruler.tick_positions) // 2]
    x, y = middle.astype(int)
    assert enlarged[y - 8 : y + 9, x - 8 : x + 9].max() > 90


def test_a_screen_without_a_ruler_has_none():
    rng = np.random.default_rng(4)
    pixels = clutter(paint(SECTOR, rng), SECTOR.mask(), rng)
    assert detect_ruler(pixels, detect_scan_geometry(pixels)) is None


def test_marks_without_longer_ones_could_be_any_unit():
    assert found(CURVED, 0.36, long_every=0) is None


def test_a_depth_that_no_abdominal_scan_has_is_not_believed():
    # Ticks of 1 mm with longer ones at 5 mm: a superficial scan 40 mm deep.
    assert found(CURVED, 0.08, tick_mm=1.0, labels=False) is None


def test_a_ruler_that_does_not_begin_at_the_transducer_is_not_believed():
    assert found(CURVED, 0.36, shift=2.4 * 10 / 0.36, labels=False) is None


def test_labels_that_contradict_the_reading_forbid_it():
    assert found(SECTOR, 0.36) is not None
    assert found(SECTOR, 0.36, label_factor=100.0) is None


def test_lines_of_text_one_above_the_other_are_no_ruler():
    rng = np.random.default_rng(6)
    pixels = paint(CURVED, rng)
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for k, words in enumerate(["2D", "66%", "C 50", "P Low", "Res", "Gen", "HGen", "Gn 60", "C 61", "3/3/4"] * 2):
        draw.text((6, 30 + 26 * k), words, fill=220)
    pixels = np.asarray(image)
    assert detect_ruler(pixels, detect_scan_geometry(pixels)) is None


def test_a_black_image_has_no_ruler():
    black = np.zeros((200, 300), np.uint8)
    assert detect_ruler(black, detect_scan_geometry(black)) is None


@pytest.mark.skipif(not IMAGES.is_dir(), reason="the validation data folder is not beside the project")
def test_real_rulers_are_read_the_same_in_every_frame_of_a_patient():
    spacing: dict[str, list[float]] = {}
    paths = [path for frame in (0, 4, 9) for path in sorted(IMAGES.glob(f"*_f{frame}.png"))]
    for path in paths:
        pixels = np.asarray(Image.open(path))
        ruler = detect_ruler(pixels, detect_scan_geometry(pixels))
        if ruler is not None:
            spacing.setdefault(path.name[:3], []).append(ruler.mm_per_px)
    assert sum(map(len, spacing.values())) >= 0.97 * len(paths)
    assert len(spacing) == 40
    for patient, values in spacing.items():
        assert np.ptp(values) < 0.002, patient
        # Ticks of 1 cm counted by eye: about 22.4 px apart, 19 and 20 px in the two deeper scans.
        expected = {"p24": 0.529, "p52": 0.501}.get(patient, 0.446)
        assert values[0] == pytest.approx(expected, rel=0.01), patient
