"""One frame of DICOM Pixel Data becomes an array of stored samples.

Decoders: pydicom with Pillow (JPEG, JPEG 2000), pyjpegls (JPEG-LS) and GDCM (lossless JPEG). Where GDCM's Python
package is missing, as inside desktop Slicer, SimpleITK decodes in its place.
"""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels import get_decoder
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from .codestream import Codestream, read_codestream
from .image import InputError

NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
_LOSSY_JPEG = (JPEGBaseline8Bit, JPEGExtended12Bit)
_LOSSLESS_JPEG = (JPEGLossless, JPEGLosslessSV1)
_JPEG_LS = (JPEGLSLossless, JPEGLSNearLossless)
_JPEG2000 = (JPEG2000, JPEG2000Lossless)
SUPPORTED = (*NATIVE, RLELossless, *_LOSSY_JPEG, *_LOSSLESS_JPEG, JPEGLSLossless, JPEGLSNearLossless, *_JPEG2000)

DAMAGED_FRAME = "The pixel data of frame {} is damaged or truncated; export the image again."


@dataclass(frozen=True)
class PixelLayout:
    """How Pixel Data (7FE0,0010) is stored; the Image Pixel Module, PS3.3 C.7.6.3."""

    transfer_syntax: UID
    rows: int
    columns: int
    frames: int
    samples: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    planar: int
    photometric: str
    value_representation: str = "OW"
    extended_offsets: tuple[bytes, bytes] | None = None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame when stored without compression."""
        samples = 2 if self.photometric == "YBR_FULL_422" else self.samples
        return self.rows * self.columns * samples * self.bits_allocated // 8

    def options(self) -> dict[str, object]:
        """The decoding options of pydicom."""
        options: dict[str, object] = {
            "rows": self.rows,
            "columns": self.columns,
            "number_of_frames": self.frames,
            "samples_per_pixel": self.samples,
            "bits_allocated": self.bits_allocated,
            "bits_stored": self.bits_stored,
            "pixel_representation": int(self.signed),
            "photometric_interpretation": self.photometric,
            "pixel_keyword": "PixelData",
            "pixel_vr": self.value_representation,
        }
        if self.samples > 1:
            options["planar_configuration"] = self.planar
        if self.extended_offsets:
            options["extended_offsets"] = self.extended_offsets
        return options


def check_transfer_syntax(syntax: UID) -> None:
    """Raise `InputError` for a compression that is not read."""
    if syntax in SUPPORTED:
        return
    name = syntax.name if syntax.name != str(syntax) else "unknown"
    if syntax.startswith(("1.2.840.10008.1.2.4.10", "1.2.840.10008.1.2.4.110")) and "MPEG" in name.upper():
        raise InputError(f"The clip is video-compressed ({name}); export it as JPEG or uncompressed DICOM.")
    if syntax in ("1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.111", "1.2.840.10008.1.2.4.112"):
        name = "JPEG XL"
    raise InputError(f"The compression of the pixel data ({name}) is not supported; export as JPEG or uncompressed.")


def decode_frame(file: BinaryIO, offset: int, layout: PixelLayout, index: int) -> tuple[np.ndarray, str]:
    """Stored samples of one frame and the photometric interpretation that they truly have.

    ``file`` holds the Pixel Data value at ``offset``. Returns ``(rows, columns)`` or ``(rows, columns, samples)``.
    """
    try:
        file.seek(offset)
        if layout.transfer_syntax in NATIVE or layout.transfer_syntax == RLELossless:
            return _with_pydicom(file, layout, index), layout.photometric
        data = get_frame(file, index, number_of_frames=layout.frames, extended_offsets=layout.extended_offsets)
        stream = _checked_codestream(data, layout)
        if layout.transfer_syntax in _LOSSY_JPEG and stream.bits == 8:
            return _with_pillow(data, layout)
        file.seek(offset)
        if layout.transfer_syntax in _LOSSLESS_JPEG and not _has_gdcm():
            return _with_simpleitk(data, layout), layout.photometric
        array = _with_pydicom(file, layout, index)
        photometric = layout.photometric
        undone = stream.transformed or photometric in ("YBR_ICT", "YBR_RCT")
        if layout.transfer_syntax in _JPEG2000 and layout.samples == 3 and undone:
            photometric = "RGB"  # the decoder has undone the transform
        return array, photometric
    except InputError:
        raise
    except Exception:  # decoders raise anything at all on damaged data
        raise InputError(DAMAGED_FRAME.format(index)) from None


def _checked_codestream(data: bytes, layout: PixelLayout) -> Codestream:
    stream = read_codestream(data)
    if stream is None:
        raise InputError("The compressed pixel data is damaged or of another kind than its header says; export again.")
    if (stream.rows, stream.columns, stream.samples) != (layout.rows, layout.columns, layout.samples):
        raise InputError(
            f"The header says {layout.columns} x {layout.rows} pixels with {layout.samples} sample(s), the compressed "
            f"image has {stream.columns} x {stream.rows} with {stream.samples}; export the image again."
        )
    # Their decoders take seconds to notice a missing end, or fill up in silence.
    if layout.transfer_syntax in (*_LOSSLESS_JPEG, *_JPEG_LS) and b"\xff\xd9" not in data[-64:]:
        raise InputError("The compressed pixel data is truncated; copy or export the file again.")
    if stream.bits > layout.bits_allocated:
        raise InputError("The compressed image has more bits than its header says; export the image again.")
    return stream


def _with_pydicom(file: BinaryIO, layout: PixelLayout, index: int) -> np.ndarray:
    decoder = get_decoder(layout.transfer_syntax)
    # One decoder only: trying a second one on a damaged frame gains nothing and can take seconds.
    plugin = next((name for name in ("pyjpegls", "pillow", "gdcm") if name in decoder.available_plugins), "")
    array, _ = decoder.as_array(file, index=index, raw=True, decoding_plugin=plugin, **layout.options())
    return array


def _with_pillow(data: bytes, layout: PixelLayout) -> tuple[np.ndarray, str]:
    """8-bit JPEG. The stream itself, not the DICOM header, tells whether its samples are YCbCr."""
    image = Image.open(io.BytesIO(data), formats=("JPEG",))
    if layout.samples == 1:
        return np.array(image), layout.photometric
    if image.info.get("adobe_transform") == 0:
        return np.array(image), "RGB"
    image.draft("YCbCr", image.size)  # the components as they are stored: Y is the brightness, unrounded
    try:
        samples = np.array(image)
    except OSError:
        # Components named R, G, B cannot be delivered as YCbCr.
        return np.array(Image.open(io.BytesIO(data), formats=("JPEG",)).convert("RGB")), "RGB"
    declared = "adobe_transform" in image.info or "jfif" in image.info or image.layer[0][1:3] != image.layer[1][1:3]
    if declared or layout.photometric != "RGB":
        return samples, "YBR_FULL"
    return samples, "RGB"


def _has_gdcm() -> bool:
    try:
        import gdcm  # noqa: F401
    except ImportError:
        return False
    return True


def _with_simpleitk(data: bytes, layout: PixelLayout) -> np.ndarray:
    """Lossless JPEG through SimpleITK, from a temporary file that holds this one frame and no patient data."""
    try:
        import SimpleITK
    except ImportError:
        raise InputError(
            "Lossless JPEG needs the Python package python-gdcm, or SimpleITK; install one, or export uncompressed."
        ) from None
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = layout.transfer_syntax
    dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = layout.rows, layout.columns, layout.samples
    dataset.BitsAllocated, dataset.BitsStored = layout.bits_allocated, layout.bits_stored
    dataset.HighBit, dataset.PixelRepresentation = layout.bits_stored - 1, int(layout.signed)
    # A neutral label, so that the samples come back as stored.
    dataset.PhotometricInterpretation = "RGB" if layout.samples == 3 else "MONOCHROME2"
    if layout.samples == 3:
        dataset.PlanarConfiguration = 0
    dataset.PixelData = encapsulate([data])
    dataset["PixelData"].VR = "OB"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.dcm"
        dataset.save_as(path, enforce_file_format=True)
        reader = SimpleITK.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(path))
        array = SimpleITK.GetArrayFromImage(reader.Execute())
    shape = (layout.rows, layout.columns) + ((layout.samples,) if layout.samples > 1 else ())
    return array.reshape(shape)
