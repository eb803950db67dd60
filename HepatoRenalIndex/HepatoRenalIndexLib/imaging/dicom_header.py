"""What is read of a DICOM header, and whether it describes an ultrasound image."""

from __future__ import annotations

import io
import logging
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from .decoding import NATIVE, PixelLayout, check_transfer_syntax
from .image import InputError
from .monochrome import MONOCHROME

DAMAGED_HEADER = "The DICOM header is damaged or truncated; export the image again."

# Nothing else of the header is ever read, so nothing that identifies a patient can get out.
_TAGS = [
    "SOPClassUID", "Modality", "Manufacturer", "ManufacturerModelName", "NumberOfFrames", "Rows", "Columns",
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PixelSpacing", "PixelAspectRatio", "WindowCenter", "WindowWidth", "VOILUTFunction",
    "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "VOILUTSequence", "SequenceOfUltrasoundRegions",
    "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData", "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData", "SegmentedBluePaletteColorLookupTableData",
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
]  # fmt: skip
# Ultrasound (retired and current, single and multi-frame) and Secondary Capture, which many archives make of it
_IMAGE_CLASSES = ("1.2.840.10008.5.1.4.1.1.3", "1.2.840.10008.5.1.4.1.1.6", "1.2.840.10008.5.1.4.1.1.7")
_ENHANCED_VOLUME = "1.2.840.10008.5.1.4.1.1.6.2"
_DIRECTORY = "1.2.840.10008.1.3.10"
_COLOR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_MAX_INFLATED = 2_000_000_000  # bytes of a deflated data set
_MAX_TEXT = 64  # characters of manufacturer and model


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom silent: its warnings quote header values."""
    logger = logging.getLogger("pydicom")  # its children take the level from it
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def read_header(file: BinaryIO) -> tuple[Dataset, UID, BinaryIO]:
    """The few elements that are used, the transfer syntax, and the stream that now stands at Pixel Data."""
    try:
        head = file.read(4096)
        file.seek(0)
        if head[128:132] == b"DICM" and DeflatedExplicitVRLittleEndian.encode() in head:
            inflated = _inflate(file, head)
            return _read_dataset(inflated), DeflatedExplicitVRLittleEndian, inflated
        dataset = _read_dataset(file)
        syntax = str(getattr(dataset, "file_meta", {}).get("TransferSyntaxUID") or "")
        if not syntax:  # no file meta header: pydicom has found the encoding by trying
            implicit, little = dataset.original_encoding
            syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        return dataset, UID(syntax), file
    except InputError:
        raise
    except Exception:  # a damaged header makes pydicom raise anything
        raise InputError(DAMAGED_HEADER) from None


def _read_dataset(file: BinaryIO) -> Dataset:
    return dcmread(file, stop_before_pixels=True, specific_tags=_TAGS, force=True)


def _inflate(file: BinaryIO, head: bytes) -> BinaryIO:
    """The deflated data set that follows the file meta header (PS3.5 A.5), unpacked up to a limit."""
    if head[132:138] != b"\x02\x00\x00\x00UL":
        raise InputError(DAMAGED_HEADER)
    file.seek(144 + int.from_bytes(head[140:144], "little"))
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    data = unpacker.decompress(file.read(), _MAX_INFLATED)
    if unpacker.unconsumed_tail:
        raise InputError("The deflated file unpacks to more than two gigabytes; export it without deflation.")
    return io.BytesIO(data)


def check_kind(dataset: Dataset) -> None:
    """Raise `InputError` unless the object is a two-dimensional ultrasound image."""
    sop_class = text(dataset, "SOPClassUID")
    modality = text(dataset, "Modality")
    if sop_class == _DIRECTORY:
        raise InputError("This is a DICOMDIR, a table of contents; give the image files or their folder.")
    if not sop_class and not modality and "Rows" not in dataset:
        raise InputError("The file is not a DICOM image, or its header is damaged; export the image again.")
    name = UID(sop_class).name if sop_class else ""
    if modality and modality != "US":
        raise InputError(f"The modality is {modality}, not ultrasound (US); give a B-mode ultrasound image.")
    if sop_class == _ENHANCED_VOLUME:
        raise InputError("This is a three-dimensional ultrasound volume; export a two-dimensional B-mode image.")
    known = any(sop_class == uid or sop_class.startswith(uid + ".") for uid in _IMAGE_CLASSES)
    if sop_class and not known:
        name = name if name != sop_class else "unknown kind"
        raise InputError(f"The DICOM object is not an ultrasound image ({name}); give a B-mode ultrasound image.")
    if not modality and (not sop_class or sop_class.startswith(_IMAGE_CLASSES[2])):
        raise InputError("The header does not say that this is ultrasound: Modality is missing; export it again.")


def find_pixel_data(file: BinaryIO, dataset: Dataset, syntax: UID) -> tuple[int, str, int | None]:
    """Offset of the Pixel Data value, its value representation and its length (None = encapsulated)."""
    order = "big" if syntax == ExplicitVRBigEndian else "little"
    head = file.read(8)
    tag = (int.from_bytes(head[0:2], order), int.from_bytes(head[2:4], order))
    if len(head) < 8 or tag != (0x7FE0, 0x0010):
        if "Rows" in dataset:
            raise InputError("The pixel data is missing, the file is truncated or not an image; export it again.")
        raise InputError("The DICOM file holds no image, or its header is truncated; export the image again.")
    if syntax == ImplicitVRLittleEndian:
        vr, length = "OW", int.from_bytes(head[4:8], order)
    else:
        vr, length = head[4:6].decode("latin-1"), int.from_bytes(file.read(4), order)
    encapsulated = length == 0xFFFFFFFF
    check_transfer_syntax(syntax)
    if encapsulated == (syntax in NATIVE):
        raise InputError("The header contradicts itself on whether the pixel data is compressed; export it again.")
    return file.tell(), vr if vr in ("OB", "OW") else "OW", None if encapsulated else length


def pixel_layout(dataset: Dataset, syntax: UID, vr: str) -> PixelLayout:
    """The Image Pixel Module, checked: every combination that comes back can be read."""
    photometric = text(dataset, "PhotometricInterpretation").upper()
    samples = _number(dataset, "SamplesPerPixel", 3 if photometric in _COLOR else 1)
    if photometric not in (*_COLOR, *MONOCHROME, "PALETTE COLOR"):
        raise InputError(
            f"The photometric interpretation {photometric or '(none)'} is not supported; export as RGB or MONOCHROME2."
        )
    allocated = _number(dataset, "BitsAllocated")
    stored = _number(dataset, "BitsStored", allocated)
    if samples != (3 if photometric in _COLOR else 1) or allocated not in (8, 16) or not 1 <= stored <= allocated:
        raise InputError(
            f"The pixel format ({photometric}, {samples} samples of {stored} in {allocated} bits) cannot be read; "
            "export with 8 or 16 bits per sample."
        )
    frames = dataset.get("NumberOfFrames")
    offsets = tuple(dataset.get(name) for name in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"))
    return PixelLayout(
        transfer_syntax=syntax,
        rows=_number(dataset, "Rows"),
        columns=_number(dataset, "Columns"),
        frames=_number(dataset, "NumberOfFrames") if frames not in (None, "") else 1,
        samples=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        signed=bool(_number(dataset, "PixelRepresentation", 0)),
        planar=_number(dataset, "PlanarConfiguration", 0),
        photometric=photometric,
        value_representation=vr,
        extended_offsets=offsets if all(offsets) else None,
    )


def _number(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    try:
        value = dataset.get(keyword)
        if value is None and default is not None:
            return default
        return int(value)
    except Exception:  # missing, several values, not a number
        raise InputError(f"The DICOM header has no usable {keyword}; export the image again.") from None


def text(dataset: Dataset, keyword: str) -> str:
    """A header text reduced to printable characters and a sensible length; empty if missing or damaged."""
    try:
        value = str(dataset.get(keyword) or "")
    except Exception:
        return ""
    printable = "".join(c if c.isprintable() else " " for c in value)
    return " ".join(printable.split())[:_MAX_TEXT]
