"""Whatever is wrong with a file, the reader says so in one sentence, soon, and without naming folders."""

from __future__ import annotations

import io
import re
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.imaging.reader import open_ultrasound
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
IMAGE = np.random.default_rng(1).integers(0, 255, (64, 96), dtype=np.uint8)


def dicom(syntax=ExplicitVRLittleEndian, frames: list[bytes] | None = None, preamble=True, **header) -> bytes:
    """A monochrome ultrasound object as bytes; an attribute given as None is left out."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    values = {
        "SOPClassUID": UID(ULTRASOUND),
        "SOPInstanceUID": UID("1.2.3"),
        "Modality": "US",
        "Rows": IMAGE.shape[0],
        "Columns": IMAGE.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        "PixelData": encapsulate(frames) if frames else IMAGE.tobytes(),
    }
    for keyword, value in (values | header).items():
        if value is not None:
            setattr(dataset, keyword, value)
    if "PixelData" in dataset:
        dataset["PixelData"].VR = "OB"
    dataset.file_meta.MediaStorageSOPClassUID = UID(values["SOPClassUID"])
    dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    if syntax == RLELossless and not frames:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.compress(RLELossless)
    if syntax == JPEGLSLossless and not frames:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.compress(JPEGLSLossless)
    buffer = io.BytesIO()
    if preamble:
        dataset.save_as(buffer, enforce_file_format=True)
    else:
        del dataset.file_meta
        dataset.save_as(buffer, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
    return buffer.getvalue()


def encoded(kind: str, image: np.ndarray = IMAGE, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


def complaint(tmp_path: Path, content: bytes, name: str = "input") -> str:
    """The sentence with which reading the content ends."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as error, open_ultrasound(path) as file:
        for _ in file:
            pass
    message = str(error.value)
    assert re.fullmatch(r"[A-Z][^\n]*[.]", message), message
    assert str(tmp_path) not in message and len(message) < 250
    return message


def region(spatial_format: int, data_type: int) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = spatial_format, data_type, 0
    item.RegionLocationMinX0 = item.RegionLocationMinY0 = 0
    item.RegionLocationMaxX1 = item.RegionLocationMaxY1 = 60
    return item


CT, SR, PDF = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.10008.5.1.4.1.1.104.1"
BAD_DICOM = {
    "a CT image": ({"Modality": "CT", "SOPClassUID": UID(CT)}, "CT"),
    "a CT image labeled as ultrasound": ({"SOPClassUID": UID(CT)}, "CT Image"),
    "a structured report": ({"Modality": "SR", "SOPClassUID": UID(SR), "PixelData": None}, "SR"),
    "a PDF in DICOM": ({"SOPClassUID": UID(PDF), "PixelData": None, "Rows": None}, "PDF"),
    "a DICOMDIR": ({"SOPClassUID": UID("1.2.840.10008.1.3.10"), "Modality": None}, "DICOMDIR"),
    "a volume": ({"SOPClassUID": UID("1.2.840.10008.5.1.4.1.1.6.2")}, "volume"),
    "no modality in a secondary capture": (
        {"SOPClassUID": UID("1.2.840.10008.5.1.4.1.1.7"), "Modality": None},
        "Modality",
    ),
    "spectral Doppler alone": ({"SequenceOfUltrasoundRegions": [region(3, 3)]}, "Doppler"),
    "M-mode alone": ({"SequenceOfUltrasoundRegions": [region(2, 1), region(5, 0)]}, "M-mode"),
    "no pixel data": ({"PixelData": None}, "missing"),
    "no rows": ({"Rows": None}, "Rows"),
    "no bits": ({"BitsAllocated": None}, "BitsAllocated"),
    "an unknown photometric interpretation": ({"PhotometricInterpretation": "HSV"}, "HSV"),
    "one bit per pixel": ({"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, "bits"),
    "more rows than there are pixels": ({"Rows": 640}, "truncated"),
    "more frames than there are pixels": ({"NumberOfFrames": 3}, "truncated"),
    "zero frames": ({"NumberOfFrames": 0}, "no frame"),
    "two billion frames": ({"NumberOfFrames": 2_000_000_000}, "frames|truncated"),
    "a huge size": ({"Rows": 65535, "Columns": 65535}, "limit"),
    "a tiny size": ({"Rows": 8, "Columns": 8, "PixelData": bytes(64)}, "8 x 8"),
    "H.264 video": ({"syntax": "1.2.840.10008.1.2.4.102", "frames": [b"1234"]}, "video"),
    "a JPEG of another size": ({"syntax": JPEGBaseline8Bit, "frames": [encoded("JPEG", IMAGE.T)]}, "64 x 96"),
    "a JPEG 2000 in a JPEG syntax": (
        {"syntax": JPEGBaseline8Bit, "frames": [encoded("JPEG2000", no_jp2=True)]},
        "damaged|kind",
    ),
    "a JPEG 2000 of another size": (
        {"syntax": JPEG2000Lossless, "frames": [encoded("JPEG2000", IMAGE.T, no_jp2=True)]},
        "64 x 96",
    ),
    "text in a JPEG syntax": ({"syntax": JPEGBaseline8Bit, "frames": [b"hello, world"]}, "damaged"),
    "half a JPEG": ({"syntax": JPEGBaseline8Bit, "frames": [encoded("JPEG")[:1500]]}, "damaged|truncated"),
    "half a JPEG 2000": (
        {"syntax": JPEG2000Lossless, "frames": [encoded("JPEG2000", no_jp2=True)[:2000]]},
        "damaged|truncated",
    ),
    "too few compressed frames": (
        {"syntax": JPEGBaseline8Bit, "frames": [encoded("JPEG")], "NumberOfFrames": 3},
        "damaged|truncated",
    ),
}


@pytest.mark.parametrize("case", BAD_DICOM)
def test_a_dicom_file_that_cannot_be_measured_is_refused(tmp_path, case):
    header, expected = BAD_DICOM[case]
    assert re.search(expected, complaint(tmp_path, dicom(**header)))


@pytest.mark.parametrize(
    ("uid", "expected"),
    [
        (b"1.2.840.10008.1.2.4.11", "unknown"),
        (b"1.2.840.10008.1.2.1\x00\x00\x00", "contradicts"),
    ],
)
def test_a_transfer_syntax_that_does_not_fit_the_pixels_is_refused(tmp_path, uid, expected):
    jpeg = dicom(JPEGBaseline8Bit, [encoded("JPEG")])
    assert re.search(expected, complaint(tmp_path, jpeg.replace(b"1.2.840.10008.1.2.4.50", uid, 1)))


def test_jpeg_xl_is_refused_by_name(tmp_path):
    video = dicom("1.2.840.10008.1.2.4.102", [b"\xff\x0a12"])
    content = video.replace(b"1.2.840.10008.1.2.4.102", b"1.2.840.10008.1.2.4.110", 1)
    assert "JPEG XL" in complaint(tmp_path, content)


def png_claiming(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    parts = [struct.pack(">I", 13), head, struct.pack(">I", zlib.crc32(head))]
    parts += [struct.pack(">I", len(data)), b"IDAT" + data, struct.pack(">I", zlib.crc32(b"IDAT" + data))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


BAD_FILES = {
    "empty": (b"", "empty"),
    "text": (b"patient,liver\n1,2\n" * 20, "text"),
    "noise": (np.random.default_rng(5).bytes(5000), "not a DICOM"),
    "a PDF": (b"%PDF-1.7\n" + bytes(200), "PDF"),
    "a ZIP archive": (b"PK\x03\x04" + bytes(200), "ZIP"),
    "a GIF": (encoded("GIF"), "GIF"),
    "a preamble alone": (bytes(128) + b"DICM", "damaged|truncated|not a DICOM"),
    "a PNG cut in half": (encoded("PNG")[:2000], "damaged"),
    "a JPEG cut in half": (encoded("JPEG")[:1500], "damaged"),
    "a TIFF cut in half": (encoded("TIFF")[:3000], "damaged"),
    "a PNG signature alone": (encoded("PNG")[:8], "damaged"),
    "a PNG that claims gigapixels": (png_claiming(60_000, 60_000), "larger|limit"),
    "a PNG above the limit": (png_claiming(10_000, 8_000), "limit"),
    "an icon": (encoded("PNG", IMAGE[:16, :16]), "16 x 16"),
    "floating-point TIFF": (encoded("TIFF", IMAGE.astype(np.float32)), "floating"),
    "32-bit TIFF": (encoded("TIFF", IMAGE.astype(np.int32) * 100_000), "16 bits"),
}


@pytest.mark.parametrize("name", ["input", "input.dcm", "input.png"])
@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_is_no_image_is_refused_whatever_its_name(tmp_path, case, name):
    content, expected = BAD_FILES[case]
    assert re.search(expected, complaint(tmp_path, content, name))


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        open_ultrasound(tmp_path / "nothing.dcm")
    with pytest.raises(InputError, match="folder"):
        open_ultrasound(tmp_path)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_dicom_file_without_preamble_is_read(tmp_path, syntax):
    path = tmp_path / "input"
    path.write_bytes(dicom(syntax, preamble=False))
    with open_ultrasound(path) as file:
        assert np.array_equal(file.frame(0).pixels, IMAGE)


def test_a_deflated_bomb_is_refused_before_it_unpacks(tmp_path, monkeypatch):
    from HepatoRenalIndexLib.imaging import dicom_header

    monkeypatch.setattr(dicom_header, "_MAX_INFLATED", 4000)
    assert "unpacks" in complaint(tmp_path, dicom(DeflatedExplicitVRLittleEndian))


def test_an_all_black_image_is_read(tmp_path):
    path = tmp_path / "input"
    path.write_bytes(dicom(PixelData=bytes(IMAGE.size)))
    with open_ultrasound(path) as file:
        assert not file.frame(0).pixels.any()


VALID = {
    "uncompressed": lambda: dicom(SequenceOfUltrasoundRegions=[region(1, 1)]),
    "implicit without preamble": lambda: dicom(ImplicitVRLittleEndian, preamble=False),
    "deflated": lambda: dicom(DeflatedExplicitVRLittleEndian),
    "RLE": lambda: dicom(RLELossless),
    "JPEG": lambda: dicom(JPEGBaseline8Bit, [encoded("JPEG")] * 2, NumberOfFrames=2),
    "JPEG-LS": lambda: dicom(JPEGLSLossless),
    "JPEG 2000": lambda: dicom(JPEG2000Lossless, [encoded("JPEG2000", no_jp2=True)]),
    "PNG": lambda: encoded("PNG"),
    "JPEG file": lambda: encoded("JPEG"),
    "TIFF": lambda: encoded("TIFF", compression="tiff_lzw"),
}


@pytest.mark.parametrize("kind", VALID)
def test_any_truncation_or_corruption_gives_an_image_or_a_sentence(tmp_path, kind):
    valid = VALID[kind]()
    rng = np.random.default_rng(7)
    path = tmp_path / "input"
    refused = 0
    start = time.monotonic()
    for trial in range(80):
        content = bytearray(valid)
        if trial % 2:
            del content[int(rng.integers(len(content))) :]
        else:
            # Mostly the header, where a byte means most
            end = min(len(content), 700) if trial % 4 else len(content)
            for at in rng.integers(0, end, int(rng.integers(1, 12))):
                content[at] = rng.integers(256)
        path.write_bytes(content)
        try:
            with open_ultrasound(path) as file:
                for index in range(min(file.frame_count, 3)):
                    file.frame(index)
        except InputError:
            refused += 1
    assert time.monotonic() - start < 30
    assert refused >= 20
