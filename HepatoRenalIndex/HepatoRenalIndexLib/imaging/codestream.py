"""What a compressed frame says about itself, read from its own header.

Decoders trust the DICOM header for the size. A frame whose own size differs would come out sheared, or
would claim gigabytes, so both are compared before decoding.
"""

from __future__ import annotations

from dataclasses import dataclass

_STANDALONE = {0x01, *range(0xD0, 0xD9)}  # JPEG markers without a length
# Start-of-frame markers of JPEG (ITU-T T.81 B.1.1.3) without DHT, JPG and DAC; 0xF7 is JPEG-LS (T.87 C.1.1)
_START_OF_FRAME = (set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}) | {0xF7}


@dataclass(frozen=True)
class Codestream:
    """Size, samples per pixel and bits per sample; ``transformed`` = JPEG 2000 multiple component transform."""

    rows: int
    columns: int
    samples: int
    bits: int
    transformed: bool = False


def read_codestream(data: bytes) -> Codestream | None:
    """The frame header of a JPEG, lossless JPEG, JPEG-LS or JPEG 2000 frame; None if it has none."""
    try:
        if data[:2] == b"\xff\xd8":
            return _jpeg(data)
        if data[4:8] == b"jP  ":  # JP2 boxes, which DICOM forbids and some writers leave
            data = data[data.index(b"\xff\x4f\xff\x51") :]
        if data[:4] == b"\xff\x4f\xff\x51":
            return _jpeg2000(data)
    except (IndexError, ValueError):
        pass
    return None


def _u16(data: bytes, at: int) -> int:
    if at + 2 > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + 2], "big")


def _u32(data: bytes, at: int) -> int:
    return (_u16(data, at) << 16) | _u16(data, at + 2)


def _jpeg(data: bytes) -> Codestream | None:
    at = 2
    while True:
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _STANDALONE:
            at += 2
        elif marker in _START_OF_FRAME:
            return Codestream(
                rows=_u16(data, at + 5), columns=_u16(data, at + 7), samples=data[at + 9], bits=data[at + 4]
            )
        else:
            length = _u16(data, at + 2)
            if length < 2:
                return None
            at += 2 + length


def _jpeg2000(data: bytes) -> Codestream | None:
    """SIZ follows SOC directly (ITU-T T.800 A.5.1); COD comes later in the main header."""
    samples, bits = _u16(data, 40), (data[42] & 0x7F) + 1
    columns, rows = _u32(data, 8) - _u32(data, 16), _u32(data, 12) - _u32(data, 20)
    at = 4 + _u16(data, 4)
    while True:
        marker, length = _u16(data, at), _u16(data, at + 2)
        if marker == 0xFF52:  # COD: Scod, then progression order, layers (2 bytes), component transform
            return Codestream(rows, columns, samples, bits, transformed=data[at + 8] != 0)
        if marker == 0xFF90 or length < 2:  # first tile-part
            return None
        at += 2 + length
