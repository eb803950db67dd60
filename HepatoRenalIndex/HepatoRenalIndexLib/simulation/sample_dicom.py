"""Write phantoms as DICOM ultrasound objects (PS3.3 A.6 US Image, A.7 US Multi-frame)."""

from __future__ import annotations

import io
import uuid
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from ..geometry.scan import ProbeShape
from .phantom import Phantom

FRAME_TIME_MS = 40.0

# the names of all objects derive from this one, under the root 2.25 (PS3.5 B.2)
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "phantom.liverultrasound")
_TRANSDUCERS = {
    ProbeShape.SECTOR: "SECTOR_PHASED",
    ProbeShape.CURVED: "CURVED LINEAR",
    ProbeShape.LINEAR: "LINEAR",
}
_CENTIMETERS, _SECONDS, _NO_UNIT = 3, 4, 0


class Encoding(str, Enum):  # noqa: UP042 as every enumeration of the library
    """How the pixels are stored."""

    MONOCHROME = "monochrome"
    MONOCHROME_RLE = "monochrome_rle"
    MONOCHROME_JPEG_LS = "monochrome_jpeg_ls"
    YBR_JPEG = "ybr_jpeg"  # YBR_FULL_422, JPEG baseline


def uid_of(name: str) -> str:
    """A UID that is always the same for a name."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, name).int}"


@dataclass(frozen=True)
class SeriesLabels:
    """What a DICOM object of a phantom is called. ``study`` decides the study's UID, by default ``patient``."""

    patient: str
    study: str = ""
    study_description: str = "Simulated liver and right kidney"
    series_description: str = ""
    series_number: int = 1


def _identity(dataset: Dataset, name: str, phantom: Phantom, frames: int, labels: SeriesLabels) -> None:
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = UltrasoundMultiFrameImageStorage if frames > 1 else UltrasoundImageStorage
    dataset.SOPInstanceUID = uid_of(f"instance/{name}")
    dataset.ImageType = ["DERIVED", "PRIMARY", "ABDOMINAL", "0001"]
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = "20260101"
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = "120000"
    dataset.AccessionNumber = ""
    dataset.Modality = "US"
    dataset.Manufacturer = "LiverUltrasound"
    dataset.ManufacturerModelName = "Simulator"
    dataset.ReferringPhysicianName = ""
    dataset.StudyDescription = labels.study_description
    if labels.series_description:
        dataset.SeriesDescription = labels.series_description
    dataset.PatientName = f"Phantom^{labels.patient.replace('_', ' ').title()}"
    dataset.PatientID = f"PHANTOM-{labels.patient.upper()}"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.QualityControlSubject = "YES"  # (0010,0200): a phantom
    dataset.BodyPartExamined = "ABDOMEN"
    dataset.TransducerType = _TRANSDUCERS[phantom.geometry.shape]
    dataset.StudyInstanceUID = uid_of(f"study/{labels.study or labels.patient}")
    dataset.SeriesInstanceUID = uid_of(f"series/{name}")
    dataset.StudyID = "1"
    dataset.SeriesNumber = labels.series_number
    dataset.InstanceNumber = 1
    dataset.PatientOrientation = ""


def _region(spatial_format: int, data_type: int, box: tuple[int, int, int, int]) -> Dataset:
    region = Dataset()
    region.RegionSpatialFormat = spatial_format
    region.RegionDataType = data_type
    region.RegionFlags = 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = box[0], box[1]
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = box[2], box[3]
    return region


def _regions(phantom: Phantom) -> list[Dataset]:
    """The 2D region; before it the ECG strip where there is one, so that the first region is not the right one."""
    geometry, scan = phantom.geometry, phantom.parameters.scan
    rows, columns = geometry.mask.shape
    regions = []
    x0, y0, x1, y1 = geometry.bounds
    if phantom.parameters.display.ecg:
        strip = _region(4, 10, (0, max(y1 + 1, round(0.9 * rows)), columns - 1, rows - 1))  # waveform, ECG trace
        strip.PhysicalUnitsXDirection, strip.PhysicalUnitsYDirection = _SECONDS, _NO_UNIT
        strip.PhysicalDeltaX, strip.PhysicalDeltaY = 0.008, 1.0
        regions.append(strip)
    image = _region(1, 1, (x0, y0, x1, y1))  # 2D, tissue
    image.PhysicalUnitsXDirection = image.PhysicalUnitsYDirection = _CENTIMETERS
    image.PhysicalDeltaX = phantom.spacing_mm[1] / 10
    image.PhysicalDeltaY = phantom.spacing_mm[0] / 10
    image.ReferencePixelX0 = round(scan.center_x) - x0
    image.ReferencePixelY0 = round(scan.top_y) - y0
    image.TransducerFrequency = round(scan.frequency_mhz * 1000)  # kHz
    regions.append(image)
    return regions


def _jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(buffer, "JPEG", quality=95, subsampling="4:2:2")
    return buffer.getvalue()


def write_dicom(path: Path, name: str, phantoms: list[Phantom], encoding: Encoding) -> None:
    """Write the frames of the case ``name`` as one DICOM file. Raises ``OSError`` if it cannot be written."""
    write_frames(path, name, phantoms[0], np.stack([phantom.image.pixels for phantom in phantoms]), encoding)


def write_frames(
    path: Path | BinaryIO,
    name: str,
    first: Phantom,
    frames: np.ndarray,
    encoding: Encoding,
    labels: SeriesLabels | None = None,
    frame_time_ms: float = FRAME_TIME_MS,
) -> None:
    """:func:`write_dicom` for ``frames``, uint8 ``(count, rows, columns)``, of which ``first`` is the first's phantom.

    ``name`` decides the UIDs of object and series, ``labels`` (by default ``name``) the patient and the study.
    """
    dataset = Dataset()
    _identity(dataset, name, first, len(frames), labels or SeriesLabels(name))
    dataset.SequenceOfUltrasoundRegions = _regions(first)
    dataset.UltrasoundColorDataPresent = 0
    dataset.Rows, dataset.Columns = frames.shape[1:]
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
    dataset.LossyImageCompression = "00"
    if len(frames) > 1:
        dataset.NumberOfFrames = len(frames)
        dataset.FrameIncrementPointer = 0x00181063  # Frame Time
        dataset.FrameTime = str(round(frame_time_ms, 4))
        dataset.CineRate = round(1000 / frame_time_ms)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    # pydicom's own implementation identity would change with its version
    dataset.file_meta.ImplementationClassUID = UID(uid_of("implementation"))
    dataset.file_meta.ImplementationVersionName = "LIVERULTRASOUND"
    if encoding is Encoding.YBR_JPEG:
        dataset.SamplesPerPixel = 3
        dataset.PhotometricInterpretation = "YBR_FULL_422"
        dataset.PlanarConfiguration = 0
        streams = [_jpeg(frame) for frame in frames]
        dataset.LossyImageCompression = "01"
        dataset.LossyImageCompressionMethod = "ISO_10918_1"
        dataset.LossyImageCompressionRatio = f"{3 * frames.size / sum(map(len, streams)):.2f}"
        dataset.PixelData = encapsulate(streams)
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    else:
        dataset.SamplesPerPixel = 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.PixelData = frames.tobytes() + b"\0" * (frames.size % 2)
        dataset["PixelData"].VR = "OB"
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        if encoding is Encoding.MONOCHROME_RLE:
            dataset.compress(RLELossless, generate_instance_uid=False)
        elif encoding is Encoding.MONOCHROME_JPEG_LS:
            dataset.compress(JPEGLSLossless, generate_instance_uid=False)
    dataset.save_as(path, enforce_file_format=True)
