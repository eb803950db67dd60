"""A volume node, or the clip that a browser shows in it, as a DICOM file for the estimating process.

DICOM, because the engine reads files: with it the calibration and the scanner of the header go along, and nothing of
the patient does.
"""

from __future__ import annotations

import io
import uuid

import numpy as np
from HepatoRenalIndexLib.imaging.gray import scale_to_8_bit, significant_bits
from HepatoRenalIndexLib.imaging.image import InputError, UltrasoundImage, UltrasoundRegion
from HepatoRenalIndexLib.module.calibrating import storedUserSpacing
from HepatoRenalIndexLib.module.source import Source
from HepatoRenalIndexLib.scene.volume import pixels_from_volume_node
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage, UltrasoundMultiFrameImageStorage
from slicer.i18n import tr as _

_CENTIMETERS = 3  # Physical Units X/Y Direction (0018,6024)
_TISSUE_2D = (1, 1)  # Region Spatial Format, Region Data Type
LARGEST_BYTES = 2**32 - 2  # of Pixel Data without compression


def dicomBytes(source: Source, dicomDatabase=None) -> bytes:
    """All frames of the source. Raises ``InputError`` for a volume that is no 2D image, or a clip that is too long."""
    first = source.image(0, dicomDatabase)
    isColor = pixels_from_volume_node(source.frameVolume(0)).ndim == 3
    size = first.pixels.size * (3 if isColor else 1) * source.frameCount
    if size > LARGEST_BYTES:
        raise InputError(_("The clip {name} is too long; cut it.").format(name=source.name))
    frames = io.BytesIO()
    for index in range(source.frameCount):
        pixels = _color(source, index) if isColor else source.image(index, dicomDatabase).pixels
        if pixels.shape[:2] != first.pixels.shape:
            raise InputError(_("The frames of {name} are not all of one size.").format(name=source.name))
        frames.write(np.ascontiguousarray(pixels).tobytes())
    if size % 2:
        frames.write(b"\0")
    dataset = _header(first, source.frameCount, isColor)
    dataset.SequenceOfUltrasoundRegions = [_regionItem(region) for region in _regions(source, first)]
    if first.pixel_spacing_mm is not None and min(first.pixel_spacing_mm) > 0:
        dataset.PixelSpacing = [f"{value:.10g}" for value in first.pixel_spacing_mm]
    dataset.PixelData = frames.getbuffer().tobytes()
    dataset["PixelData"].VR = "OB"
    written = io.BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    return written.getvalue()


def _color(source: Source, frame: int) -> np.ndarray:
    """The colors as they are: where they are no gray, the engine leaves them out as it does with a file."""
    pixels = pixels_from_volume_node(source.frameVolume(frame))
    if pixels.dtype == np.uint16:
        pixels = scale_to_8_bit(pixels, significant_bits(pixels, 16))
    return pixels.astype(np.uint8)


def _regions(source: Source, image: UltrasoundImage) -> tuple[UltrasoundRegion, ...]:
    """Those of the header; a spacing that the user gave (or with which the library made the volume) goes before."""
    given = storedUserSpacing(source.keeper)
    stored = source.storedCalibration()
    spacing = None
    if given > 0:
        spacing = given, given
    elif stored is not None and stored.calibrated and not image.regions:
        spacing = stored.x_mm, stored.y_mm
    if spacing is None:
        return image.regions
    whole = (0, 0, image.columns - 1, image.rows - 1)
    return (UltrasoundRegion(*whole, *_TISSUE_2D, 0, *spacing),)


def _regionItem(region: UltrasoundRegion) -> Dataset:
    item = Dataset()
    item.RegionLocationMinX0, item.RegionLocationMinY0 = max(region.x0, 0), max(region.y0, 0)
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = max(region.x1, 0), max(region.y1, 0)
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = (
        region.spatial_format,
        region.data_type,
        region.flags,
    )
    for axis, delta in (("X", region.delta_x_mm), ("Y", region.delta_y_mm)):
        setattr(item, f"PhysicalUnits{axis}Direction", _CENTIMETERS if delta is not None else 0)
        setattr(item, f"PhysicalDelta{axis}", delta / 10 if delta is not None else 1.0)
    return item


def _header(image: UltrasoundImage, frameCount: int, isColor: bool) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.SOPClassUID = UltrasoundMultiFrameImageStorage if frameCount > 1 else UltrasoundImageStorage
    dataset.SOPInstanceUID = f"2.25.{uuid.uuid4().int}"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.Modality = "US"
    dataset.Manufacturer = image.provenance.manufacturer[:64]
    dataset.ManufacturerModelName = image.provenance.model[:64]
    dataset.Rows, dataset.Columns = image.rows, image.columns
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.SamplesPerPixel = 3 if isColor else 1
    dataset.PhotometricInterpretation = "RGB" if isColor else "MONOCHROME2"
    if isColor:
        dataset.PlanarConfiguration = 0
    if frameCount > 1:
        dataset.NumberOfFrames = frameCount
        dataset.FrameTime = "40"
        dataset.FrameIncrementPointer = 0x00181063
    return dataset
