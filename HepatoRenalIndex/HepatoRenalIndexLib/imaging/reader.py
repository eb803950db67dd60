"""Open any file that may hold an ultrasound image."""

from __future__ import annotations

from pathlib import Path

from .image import InputError
from .ultrasound_file import UltrasoundFile

_RASTER = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
}
# Formats that users have at hand, named so that the sentence helps
_FOREIGN = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"GIF8": "a GIF image",
    b"BM": "a BMP image",
    b"\xff\x0a": "a JPEG XL image",
    b"RIFF": "an AVI video or WebP image",
    b"\x1aE\xdf\xa3": "a Matroska video",
    b"NRRD": "an NRRD volume",
}
_HEAD = 132  # preamble and prefix of DICOM


def file_type(path: str | Path) -> str:
    """ "DICOM", "PNG", "JPEG" or "TIFF" by content, or "" if it is none of them. `OSError` if it cannot be read."""
    with Path(path).open("rb") as file:
        return _type_of(file.read(_HEAD))


def _type_of(head: bytes) -> str:
    if head[128:132] == b"DICM":
        return "DICOM"
    for magic, name in _RASTER.items():
        if head.startswith(magic):
            return name
    return "DICOM" if _starts_a_dataset(head) else ""


def _starts_a_dataset(head: bytes) -> bool:
    """Whether the bytes start a DICOM data set without the preamble: an element of group 2 or 8 of sane length."""
    if len(head) < 12:
        return False
    for order in ("little", "big"):
        group, element = int.from_bytes(head[0:2], order), int.from_bytes(head[2:4], order)
        if group not in (0x0002, 0x0008) or element > 0x0070:
            continue
        explicit = head[4:6].isalpha() and head[4:6].isupper()
        if explicit or (order == "little" and int.from_bytes(head[4:8], order) <= 1024):
            return True
    return False


def open_ultrasound(path: str | Path, source: str | None = None) -> UltrasoundFile:
    """Open a DICOM, PNG, JPEG or TIFF file; its content decides which, not its name.

    ``source`` is what the provenance says, by default the file's name. Nothing is decoded before a frame is asked for.
    Raises `InputError` with one sentence for everything that is not an ultrasound image that can be read.
    """
    path = Path(path)
    source = path.name if source is None else source
    try:
        if path.is_dir():
            raise InputError("This is a folder, not a file.")
        if not path.exists():
            raise InputError("The file does not exist; check the path.")
        if not path.is_file():
            raise InputError("This is not a regular file; give an image file.")
        with path.open("rb") as file:
            head = file.read(_HEAD)
        kind = _type_of(head)
        if kind == "DICOM":
            from .dicom_file import DicomFile

            return DicomFile(path, source)
        if kind:
            from .raster import RasterFile

            return RasterFile(path, source)
    except OSError:
        raise InputError("The file cannot be read; check that it is there and that you may read it.") from None
    raise InputError(_what_it_is(head))


def _what_it_is(head: bytes) -> str:
    if not head:
        return "The file is empty; copy or export it again."
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            return f"The file is {name}; give a DICOM, PNG, JPEG or TIFF image."
    if all(byte in (9, 10, 13) or 32 <= byte < 127 for byte in head):
        return "The file is text, not an image; give a DICOM, PNG, JPEG or TIFF image."
    return "The file is not a DICOM, PNG, JPEG or TIFF image; give one of these."
