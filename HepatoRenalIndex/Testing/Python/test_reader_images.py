"""PNG, JPEG and TIFF files, tinted displays, and the search for input files."""

from __future__ import annotations

import numpy as np
import pytest
from HepatoRenalIndexLib.imaging.discovery import find_inputs
from HepatoRenalIndexLib.imaging.gray import TINT_NOTE
from HepatoRenalIndexLib.imaging.reader import open_ultrasound
from PIL import Image

GRAY = np.random.default_rng(3).integers(0, 220, (64, 96), dtype=np.uint8)


def read(path, index=0):
    with open_ultrasound(path) as file:
        return file.frame(index)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA"])
def test_gray_images_of_every_mode_come_back_as_stored(tmp_path, kind, mode):
    path = tmp_path / "image.misnamed"
    Image.fromarray(GRAY).convert(mode).save(path, kind)
    result = read(path)
    assert np.array_equal(result.pixels, GRAY)
    assert result.color is None or not result.color.any()
    assert result.provenance.file_format == kind


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_images_are_scaled_and_say_so(tmp_path, kind):
    path = tmp_path / "image"
    Image.fromarray(GRAY.astype(np.uint16) * 257).save(path, kind)
    result = read(path)
    assert np.array_equal(result.pixels, GRAY)
    assert "16-bit" in result.notes[0]


def test_pages_of_a_tiff_are_frames(tmp_path):
    pages = [Image.fromarray(np.full((64, 96), 30 * n, np.uint8)) for n in range(4)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with open_ultrasound(tmp_path / "a.tif") as file:
        assert [int(image.pixels[0, 0]) for image in file] == [0, 30, 60, 90]


def test_a_tinted_display_is_gray_and_doppler_in_it_is_color(tmp_path):
    sepia = np.clip(GRAY[..., None] * np.array([1.1, 0.95, 0.6]), 0, 255).astype(np.uint8)
    Image.fromarray(sepia).save(tmp_path / "a.png")
    result = read(tmp_path / "a.png")
    assert result.notes == (TINT_NOTE,) and not result.color.any()
    sepia[10:20, 10:20] = (20, 60, 220)
    Image.fromarray(sepia).save(tmp_path / "a.png")
    assert read(tmp_path / "a.png").color.sum() == 100


def test_a_large_painted_area_is_not_a_tint(tmp_path):
    rgb = np.zeros((64, 96, 3), np.uint8)
    rgb[10:50, 10:80] = (57, 96, 150)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    result = read(tmp_path / "a.png")
    assert result.color[10:50, 10:80].all() and not result.notes


def test_folders_are_searched_in_order_without_litter(tmp_path):
    for name in ("b/IM1", "a/x.png", "a/y.dcm", ".hidden/z.png", "a/.z.png", "a/notes.txt", "Thumbs.db", "DICOMDIR"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(128) + b"DICM")
    (tmp_path / "b/unknown").write_bytes(b"nothing that is known")
    (tmp_path / "b/loop").symlink_to(tmp_path)
    assert [f.source for f in find_inputs([tmp_path])] == ["a/x.png", "a/y.dcm", "b/IM1"]
    direct = find_inputs([tmp_path / "a/notes.txt", tmp_path / "missing", tmp_path / ".hidden"])
    assert [f.source for f in direct] == ["notes.txt", "missing", "z.png"]
    assert not direct[0].error and "does not exist" in direct[1].error


def test_equal_names_from_several_inputs_stay_apart(tmp_path):
    for folder in ("one", "two", "three/one"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x.png").write_bytes(b"")
    files = find_inputs([tmp_path / "one", tmp_path / "two", tmp_path / "three/one/x.png", tmp_path / "one"])
    assert [f.source for f in files] == ["one/x.png", "two/x.png", "one/x.png (2)"]
    assert len({f.path for f in files}) == 3


def test_a_folder_without_images_is_one_row_with_a_sentence(tmp_path):
    (row,) = find_inputs([tmp_path])
    assert row.source == tmp_path.name and row.error
