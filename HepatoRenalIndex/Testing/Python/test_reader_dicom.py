"""DICOM ultrasound files of every stored form are read with exactly the brightness they hold."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from HepatoRenalIndexLib.imaging import decoding
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.imaging.reader import open_ultrasound
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "us_dicom"
ROWS, COLUMNS = 60, 80


def speckle(shape=(ROWS, COLUMNS), seed=0) -> np.ndarray:
    """A dark frame with a bright textured sector, as B-mode frames are."""
    rng = np.random.default_rng(seed)
    image = np.zeros(shape, np.uint8)
    image[8:-8, 10:-10] = rng.integers(20, 200, (shape[0] - 16, shape[1] - 20))
    return image


def gray_rgb(image: np.ndarray) -> np.ndarray:
    return np.repeat(image[..., None], 3, axis=-1)


def with_flow(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """RGB of ``image`` with a red and a blue flow area, and the mask of these."""
    rgb, mask = gray_rgb(image), np.zeros(image.shape, bool)
    rgb[20:30, 30:40], rgb[32:40, 30:40] = (180, 30, 10), (20, 60, 200)
    mask[20:30, 30:40] = mask[32:40, 30:40] = True
    return rgb, mask


def make(samples, photometric="MONOCHROME2", syntax=ExplicitVRLittleEndian, frames=None, **header) -> Dataset:
    """An ultrasound object around ``samples`` of shape ``([frames,] rows, columns[, 3])``."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.6.1")
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.Modality, dataset.Manufacturer, dataset.ManufacturerModelName = "US", "ACME", "Scan 1"
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "SECRET42"
    shape = samples.shape if frames is None else samples.shape[1:]
    dataset.Rows, dataset.Columns = shape[:2]
    dataset.SamplesPerPixel = 3 if len(shape) == 3 else 1
    if dataset.SamplesPerPixel == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = dataset.BitsStored = 8 * samples.dtype.itemsize
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, 0
    if frames is not None:
        dataset.NumberOfFrames = frames
    dataset.PixelData = samples.tobytes()
    dataset["PixelData"].VR = "OB" if samples.dtype.itemsize == 1 else "OW"
    for keyword, value in header.items():
        setattr(dataset, keyword, value)
    return dataset


def save(dataset: Dataset, path: Path) -> Path:
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax == ExplicitVRBigEndian:
        dataset["PixelData"].VR = "OB" if dataset.BitsAllocated == 8 else "OW"
    dataset.save_as(path, enforce_file_format=True)
    return path


def read(path: Path, index: int = 0):
    with open_ultrasound(path) as file:
        return file.frame(index)


def jpeg(array: np.ndarray, kind: str = "JPEG", **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def encapsulated(frames: list[bytes], like: np.ndarray, photometric: str, syntax, **header) -> Dataset:
    dataset = make(like, photometric, syntax, **header)
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    if len(frames) > 1:
        dataset.NumberOfFrames = len(frames)
    return dataset


NATIVE = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda uid: uid.name)
def test_uncompressed_gray_comes_back_as_stored(tmp_path, syntax):
    image = speckle()
    result = read(save(make(image, syntax=syntax), tmp_path / "a.dcm"))
    assert np.array_equal(result.pixels, image)
    assert result.color is None
    assert result.provenance.transfer_syntax == syntax.name


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless], ids=lambda uid: uid.name)
def test_lossless_compression_of_gray_and_color_comes_back_as_stored(tmp_path, syntax):
    image = speckle()
    rgb, mask = with_flow(image)
    if syntax == JPEG2000Lossless:
        gray = encapsulated([jpeg(image, "JPEG2000", no_jp2=True)], image, "MONOCHROME2", syntax)
        color = encapsulated([jpeg(rgb, "JPEG2000", no_jp2=True, mct=1)], rgb, "YBR_RCT", syntax)
    else:
        gray, color = make(image), make(rgb, "RGB")
        gray.compress(syntax)
        color.compress(syntax)
    assert np.array_equal(read(save(gray, tmp_path / "g.dcm")).pixels, image)
    result = read(save(color, tmp_path / "c.dcm"))
    assert np.array_equal(result.pixels[~mask], image[~mask])
    assert np.array_equal(result.color, mask)


def gdcm_lossless_jpeg(dataset: Dataset, path: Path) -> Path:
    gdcm = pytest.importorskip("gdcm", reason="GDCM's Python package writes the lossless JPEG")
    raw = path.with_suffix(".raw.dcm")
    save(dataset, raw)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(raw))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return path


def test_lossless_jpeg_comes_back_as_stored(tmp_path):
    image = speckle()
    rgb, mask = with_flow(image)
    result = read(gdcm_lossless_jpeg(make(image), tmp_path / "g.dcm"))
    assert result.provenance.transfer_syntax == JPEGLosslessSV1.name
    assert np.array_equal(result.pixels, image)
    color = read(gdcm_lossless_jpeg(make(rgb, "RGB"), tmp_path / "c.dcm"))
    assert np.array_equal(color.pixels[~mask], image[~mask])
    assert np.array_equal(color.color, mask)


@pytest.mark.parametrize("shape", ["gray", "color"])
def test_simpleitk_decodes_lossless_jpeg_like_gdcm(tmp_path, monkeypatch, shape):
    pytest.importorskip("SimpleITK", reason="SimpleITK is bundled with desktop Slicer only")
    rgb, _ = with_flow(speckle())
    dataset = make(speckle()) if shape == "gray" else make(rgb, "RGB")
    path = gdcm_lossless_jpeg(dataset, tmp_path / "a.dcm")
    expected = read(path)
    monkeypatch.setattr(decoding, "_has_gdcm", lambda: False)
    assert np.array_equal(read(path).pixels, expected.pixels)


def test_jpeg_baseline_gray_is_close_and_not_colored(tmp_path):
    image = np.array(Image.fromarray(speckle()).resize((160, 120), Image.Resampling.BICUBIC))
    for name, samples, photometric in (("g", image, "MONOCHROME2"), ("c", gray_rgb(image), "YBR_FULL_422")):
        dataset = encapsulated([jpeg(samples, quality=90)], samples, photometric, JPEGBaseline8Bit)
        result = read(save(dataset, tmp_path / f"{name}.dcm"))
        assert np.abs(result.pixels.astype(int) - image).mean() < 3
        assert result.color is None or not result.color.any()


@pytest.mark.parametrize("label", ["RGB", "YBR_FULL", "YBR_FULL_422"])
@pytest.mark.parametrize("keep_rgb", [False, True])
def test_a_jpeg_with_the_wrong_color_label_gives_the_same_brightness(tmp_path, label, keep_rgb):
    image = np.array(Image.fromarray(speckle()).resize((160, 120), Image.Resampling.BICUBIC))
    rgb = gray_rgb(image)
    rgb[40:60, 60:80] = (180, 30, 10)
    data = jpeg(rgb, quality=95, keep_rgb=keep_rgb, subsampling=0)
    result = read(save(encapsulated([data], rgb, label, JPEGBaseline8Bit), tmp_path / "a.dcm"))
    assert np.abs(result.pixels[:30].astype(int) - image[:30]).mean() < 3
    assert result.color[42:58, 62:78].all()
    assert result.color.mean() < 0.05


@pytest.mark.parametrize("label", ["YBR_ICT", "RGB"])
def test_lossy_jpeg2000_is_close(tmp_path, label):
    rgb, mask = with_flow(speckle())
    data = jpeg(rgb, "JPEG2000", no_jp2=True, irreversible=True, mct=1)
    result = read(save(encapsulated([data], rgb, label, JPEG2000), tmp_path / "a.dcm"))
    assert np.abs(result.pixels[~mask].astype(int) - rgb[~mask][:, 0]).mean() < 2
    assert np.mean(result.color == mask) > 0.99


def to_ybr(rgb: np.ndarray) -> np.ndarray:
    """Full-range YCbCr by the definition in PS3.3 C.7.6.3.1.2."""
    matrix = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    return np.clip(np.rint(rgb @ matrix.T + [0, 128, 128]), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_color_by_pixel_and_by_plane_gives_luma_and_the_mask_of_color(tmp_path, planar, photometric):
    image = speckle()
    rgb, mask = with_flow(image)
    samples = rgb if photometric == "RGB" else to_ybr(rgb)
    stored = make(samples, photometric, PlanarConfiguration=planar)
    if planar:
        stored.PixelData = np.ascontiguousarray(samples.transpose(2, 0, 1)).tobytes()
    result = read(save(stored, tmp_path / "a.dcm"))
    assert np.array_equal(result.pixels[~mask], image[~mask])
    assert np.array_equal(result.color, mask)
    assert result.pixels[25, 35] == round(0.299 * 180 + 0.587 * 30 + 0.114 * 10)


def test_subsampled_ybr_keeps_every_brightness(tmp_path):
    image = speckle()
    ybr = to_ybr(with_flow(image)[0])
    packed = np.empty((ROWS, COLUMNS // 2, 4), np.uint8)
    packed[..., 0], packed[..., 1] = ybr[:, 0::2, 0], ybr[:, 1::2, 0]
    packed[..., 2], packed[..., 3] = ybr[:, 0::2, 1], ybr[:, 0::2, 2]
    dataset = make(ybr, "YBR_FULL_422")
    dataset.PixelData = packed.tobytes()
    result = read(save(dataset, tmp_path / "a.dcm"))
    assert np.array_equal(result.pixels, ybr[..., 0])
    assert result.color[25, 35] and not result.color[10, 12]


def test_uncompressed_samples_with_the_wrong_color_label_are_noticed(tmp_path):
    image = speckle()
    result = read(save(make(to_ybr(gray_rgb(image)), "RGB"), tmp_path / "a.dcm"))
    assert np.array_equal(result.pixels, image)
    assert not result.color.any()
    assert "not RGB as labeled" in result.notes[0]


@pytest.mark.parametrize("bits", [8, 16])
def test_a_palette_is_looked_up(tmp_path, bits):
    indices = speckle()
    table = np.arange(256)[::-1].astype(np.uint8)
    dataset = make(indices, "PALETTE COLOR")
    for color in ("Red", "Green", "Blue"):
        setattr(dataset, f"{color}PaletteColorLookupTableDescriptor", [256, 0, bits])
        entries = table if bits == 8 else table.astype(np.uint16) * 257
        setattr(dataset, f"{color}PaletteColorLookupTableData", entries.tobytes())
    result = read(save(dataset, tmp_path / "a.dcm"))
    assert np.array_equal(result.pixels, 255 - indices)
    assert not result.color.any()


def test_a_palette_image_without_its_palette_is_refused(tmp_path):
    path = save(make(speckle(), "PALETTE COLOR"), tmp_path / "a.dcm")
    with pytest.raises(InputError, match="palette"):
        read(path)


def test_monochrome1_is_inverted(tmp_path):
    image = speckle()
    result = read(save(make(255 - image, "MONOCHROME1"), tmp_path / "a.dcm"))
    assert np.array_equal(result.pixels, image)


def test_sixteen_bit_samples_keep_the_ratio_of_brightnesses(tmp_path):
    image = speckle()
    for factor, bits in ((1, 16), (16, 16), (257, 16), (16, 12)):
        dataset = make(image.astype(np.uint16) * factor, BitsStored=bits, HighBit=bits - 1)
        result = read(save(dataset, tmp_path / "a.dcm"))
        assert np.abs(result.pixels.astype(int) - image).max() <= 1, factor
        assert "scaled to 8 bits" in result.notes[0]


def test_sixteen_bit_samples_are_shown_through_rescale_and_window(tmp_path):
    image = np.tile(np.linspace(0, 4095, COLUMNS).astype(np.uint16), (ROWS, 1))
    dataset = make(image, WindowCenter=1000, WindowWidth=1001, RescaleSlope=2, RescaleIntercept=-500)
    pixels = read(save(dataset, tmp_path / "a.dcm")).pixels
    expected = np.clip((image * 2.0 - 500 - 499.5) / 1000, 0, 1) * 255
    assert np.abs(pixels - expected).max() <= 0.51


def test_signed_samples_without_a_window_are_refused(tmp_path):
    image = speckle().astype(np.int16) - 100
    path = save(make(image, PixelRepresentation=1), tmp_path / "a.dcm")
    with pytest.raises(InputError, match="signed"):
        read(path)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, JPEGBaseline8Bit], ids=lambda uid: uid.name)
def test_every_frame_of_a_clip_is_its_own(tmp_path, syntax):
    clip = np.stack([np.full((ROWS, COLUMNS), 20 * n, np.uint8) for n in range(7)])
    if syntax == JPEGBaseline8Bit:
        dataset = encapsulated([jpeg(frame, quality=95) for frame in clip], clip[0], "MONOCHROME2", syntax)
    else:
        dataset = make(clip, frames=7)
        if syntax == RLELossless:
            dataset.compress(syntax)
    with open_ultrasound(save(dataset, tmp_path / "a.dcm"), "study/a.dcm") as file:
        assert file.frame_count == 7
        assert [int(np.median(image.pixels)) for image in file] == [20 * n for n in range(7)]
        assert file.frame(3).provenance.frame == 3
        assert file.frame(3).provenance.source == "study/a.dcm"
        with pytest.raises(InputError, match="0 to 6"):
            file.frame(7)


@pytest.mark.parametrize("compressed", [False, True])
def test_memory_stays_flat_over_a_thousand_frames(tmp_path, compressed):
    shape = (120, 160)
    path = tmp_path / "clip.dcm"
    if compressed:
        data = jpeg(speckle(shape), quality=80)
        save(encapsulated([data] * 1000, speckle(shape), "MONOCHROME2", JPEGBaseline8Bit), path)
    else:
        save(make(np.stack([speckle(shape)] * 1000), frames=1000), path)
    tracemalloc.start()
    with open_ultrasound(path) as file:
        for number, _ in enumerate(file):
            if number == 10:
                tracemalloc.reset_peak()
                early = tracemalloc.get_traced_memory()[0]
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert number == 999
    assert peak - early < 1_500_000  # all frames together are 19 MB


def test_regions_keep_sign_and_order_and_lengths_become_millimeters(tmp_path):
    tissue, trace, broken = Dataset(), Dataset(), Dataset()
    for region, spatial, kind, unit in ((tissue, 1, 1, 3), (trace, 3, 3, 4)):
        region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = spatial, kind, 2
        region.RegionLocationMinX0, region.RegionLocationMinY0 = 5, 6
        region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 70, 900
        region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = unit
        region.PhysicalDeltaX, region.PhysicalDeltaY = -0.05, 0.04
    broken.RegionSpatialFormat = 1
    dataset = make(speckle(), PixelSpacing=[0.4, 0.3], SequenceOfUltrasoundRegions=[tissue, broken, trace])
    result = read(save(dataset, tmp_path / "a.dcm"))
    first, second = result.regions
    assert (first.delta_x_mm, first.delta_y_mm) == pytest.approx((-0.5, 0.4))
    assert (first.x0, first.y0, first.x1, first.y1) == (5, 6, 70, 900)
    assert second.delta_x_mm is None and second.spatial_format == 3
    assert result.pixel_spacing_mm == (0.4, 0.3)
    assert any("region 2" in note for note in result.notes)


def test_only_manufacturer_and_model_leave_the_header(tmp_path, recwarn, caplog):
    dataset = make(speckle(), Manufacturer="AC\x07ME\n<b>" + "x" * 200, PatientBirthDate="not a date")
    path = save(dataset, tmp_path / "Doe_Jane.dcm")
    caplog.clear()
    recwarn.clear()
    with open_ultrasound(path, "case1") as file:
        text = repr(file.frame(0))
    assert "Doe" not in text and "SECRET42" not in text and str(tmp_path) not in text
    manufacturer = read(path).provenance.manufacturer
    assert manufacturer.isprintable() and len(manufacturer) <= 64
    assert not caplog.records and not [w for w in recwarn if "pydicom" in str(w.filename)]


@pytest.mark.skipif(not REAL.is_dir(), reason="the validation data folder is absent")
@pytest.mark.parametrize(
    ("name", "shape", "frames", "color"),
    [
        ("cornerstone3D__no-pixel-spacing", (600, 800), 1, (0.001, 0.01)),
        ("dcm4che__US-PAL-8-10x-echo", (430, 600), 10, (0.03, 0.10)),
        ("dcm4che__YBR_422", (555, 800), 1, (0.001, 0.01)),
        ("deid-data__GREYSCALE_IMAGE", (768, 1024), 1, None),
        ("dicomParser__IM00001.implicit_little_endian", (240, 320), 8, (0.1, 0.3)),
        ("fo-dicom__GH364", (768, 1024), 1, None),
        ("pydicom-data__JPGLosslessP14SV1_1s_1f_8b", (768, 1024), 1, None),
        ("pydicom-data__OBXXXX1A_rle_2frame", (600, 800), 2, (0.1, 0.5)),
        ("pydicom-data__US1_J2KI", (480, 640), 1, (0.04, 0.07)),
        ("pydicom__examples_jpeg2k", (480, 640), 1, (0.04, 0.07)),
        ("pydicom__examples_palette", (350, 800), 1, (0.1, 0.2)),
        ("pydicom__examples_rgb_color", (240, 320), 1, (0.04, 0.08)),
        ("pydicom__examples_ybr_color", (240, 320), 30, (0.001, 0.01)),
    ],
)
def test_real_files_of_many_vendors_are_read(name, shape, frames, color):
    with open_ultrasound(REAL / f"{name}.dcm") as file:
        assert file.frame_count == frames
        image = file.frame(frames - 1)
    assert image.pixels.shape == shape and image.pixels.max() > 100
    assert (image.color is None) == (color is None)
    if color:
        assert color[0] < image.color.mean() < color[1]


@pytest.mark.skipif(not REAL.is_dir(), reason="the validation data folder is absent")
def test_the_same_picture_is_the_same_uncompressed_and_in_lossless_jpeg2000():
    raw, packed = (read(REAL / f"{n}.dcm") for n in ("pydicom-data__US1_UNCR", "pydicom__examples_jpeg2k"))
    assert np.array_equal(raw.pixels, packed.pixels)
    assert np.array_equal(raw.color, packed.color)
    lossy = read(REAL / "pydicom-data__US1_J2KI.dcm")
    assert np.abs(raw.pixels.astype(int) - lossy.pixels).mean() < 3


@pytest.mark.skipif(not REAL.is_dir(), reason="the validation data folder is absent")
def test_a_real_jpeg_xl_clip_is_refused_by_name():
    with pytest.raises(InputError, match="JPEG XL"):
        open_ultrasound(REAL / "dcm4che__will-jxl.dcm")
