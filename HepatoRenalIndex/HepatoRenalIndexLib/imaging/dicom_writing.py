"""A gray image as a DICOM ultrasound object (PS3.3 A.6) that says the size of its pixels and nothing of a patient."""

from __future__ import annotations

import hashlib
import io

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage

_TWO_D, _TISSUE, _CENTIMETERS = 1, 1, 3  # PS3.3 C.8.5.5


def dicom_bytes(pixels: np.ndarray, spacing_mm: tuple[float, float] | None, subject: str) -> bytes:
    """A DICOM file of uint8 ``pixels`` ``(rows, columns)``.

    ``spacing_mm`` is width and height of a pixel, ``None`` where they are not known. ``subject`` is a pseudonym; it
    stands as Patient ID. The UIDs derive from the content: the same image gives the same file.
    """
    rows, columns = pixels.shape
    data = np.ascontiguousarray(pixels, np.uint8).tobytes()
    digest = hashlib.sha256(repr((subject, spacing_mm, rows, columns)).encode() + data).digest()

    dataset = Dataset()
    dataset.SOPClassUID = UltrasoundImageStorage
    dataset.SOPInstanceUID = _uid(digest, "instance")
    dataset.StudyInstanceUID = _uid(digest, "study")
    dataset.SeriesInstanceUID = _uid(digest, "series")
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.Modality = "US"
    dataset.PatientName = dataset.PatientBirthDate = dataset.PatientSex = ""
    dataset.StudyDate = dataset.StudyTime = dataset.StudyID = dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = dataset.Manufacturer = dataset.PatientOrientation = ""
    dataset.PatientID = subject
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
    if spacing_mm is not None:
        dataset.SequenceOfUltrasoundRegions = [_region(rows, columns, spacing_mm)]
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _region(rows: int, columns: int, spacing_mm: tuple[float, float]) -> Dataset:
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = _TWO_D, _TISSUE, 0
    region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = columns - 1, rows - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = _CENTIMETERS
    region.PhysicalDeltaX, region.PhysicalDeltaY = (size / 10 for size in spacing_mm)
    return region


def _uid(digest: bytes, part: str) -> str:
    """A UID of the root 2.25 (PS3.5 B.2)."""
    return f"2.25.{int.from_bytes(hashlib.sha256(digest + part.encode()).digest()[:16], 'big')}"
