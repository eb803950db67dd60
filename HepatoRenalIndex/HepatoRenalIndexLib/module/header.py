"""What the DICOM header says of a volume node: calibration and provenance, kept as an attribute of the node.

Slicer's reader drops the ultrasound regions of a file that has several, so the header is read again through the
instance UID. The attribute holds nothing that identifies a patient; with it a saved scene keeps its calibration on a
computer without the DICOM database.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

import numpy as np
from slicer.i18n import tr as _

from ..imaging.image import InputError, UltrasoundImage, UltrasoundRegion
from ..imaging.reader import open_ultrasound

HEADER_ATTRIBUTE = "HepatoRenalIndex.Header"
INSTANCE_ATTRIBUTE = "DICOM.instanceUIDs"


@dataclass(frozen=True)
class Header:
    """The part of a file's header that a measurement needs. ``inverted``: the node shows MONOCHROME1 as stored."""

    rows: int
    columns: int
    frameCount: int = 1
    regions: tuple[UltrasoundRegion, ...] = ()
    pixelSpacing: tuple[float, float] | None = None
    fileFormat: str = "DICOM"
    transferSyntax: str = ""
    photometricInterpretation: str = ""
    manufacturer: str = ""
    model: str = ""
    notes: tuple[str, ...] = ()
    inverted: bool = False

    @classmethod
    def ofImage(cls, image: UltrasoundImage) -> Header:
        """The header of an image that one of the file readers made."""
        provenance = image.provenance
        return cls(
            image.rows,
            image.columns,
            provenance.frame_count,
            image.regions,
            image.pixel_spacing_mm,
            provenance.file_format,
            provenance.transfer_syntax,
            provenance.photometric_interpretation,
            provenance.manufacturer,
            provenance.model,
            image.notes,
        )

    def applyTo(self, image: UltrasoundImage) -> UltrasoundImage:
        """The image with what the header knows; an image of another size was cropped or resampled and stays as is."""
        if (image.rows, image.columns) != (self.rows, self.columns):
            note = _("The volume is not of the size that its header states; the header's calibration was left out.")
            return replace(image, notes=(*image.notes, note))
        provenance = replace(
            image.provenance,
            file_format=self.fileFormat,
            transfer_syntax=self.transferSyntax,
            photometric_interpretation=self.photometricInterpretation,
            manufacturer=self.manufacturer,
            model=self.model,
        )
        return replace(
            image,
            pixels=255 - image.pixels if self.inverted else image.pixels,
            provenance=provenance,
            regions=self.regions,
            pixel_spacing_mm=self.pixelSpacing,
            notes=self.notes + image.notes,
        )


def storeHeader(node, header: Header) -> None:
    node.SetAttribute(HEADER_ATTRIBUTE, json.dumps(asdict(header)))


def storedHeader(node) -> Header | None:
    """The header kept with the node, None where there is none (or a damaged one)."""
    text = node.GetAttribute(HEADER_ATTRIBUTE)
    if not text:
        return None
    try:
        values = json.loads(text)
        values["regions"] = tuple(UltrasoundRegion(**region) for region in values["regions"])
        values["notes"] = tuple(values["notes"])
        if values["pixelSpacing"] is not None:
            values["pixelSpacing"] = tuple(values["pixelSpacing"])
        return Header(**values)
    except (ValueError, TypeError, KeyError):
        return None


def readHeader(volume, dicomDatabase=None, shown: np.ndarray | None = None, keeper=None) -> Header | None:
    """The header of the node: the one kept with it, else of its file in the DICOM database.

    It is kept as an attribute of ``keeper``, for a clip its sequence, else of the node itself. ``shown`` are the
    pixels of the node's first frame, to see whether Slicer shows a MONOCHROME1 image as stored.
    Returns None for a node that did not come from DICOM or whose file is not to be had.
    """
    keeper = keeper or volume
    known = storedHeader(keeper) or storedHeader(volume)
    if known is not None:
        return known
    uid = (volume.GetAttribute(INSTANCE_ATTRIBUTE) or "").split(" ")[0]
    if not uid or dicomDatabase is None or not dicomDatabase.isOpen:
        return None
    path = dicomDatabase.fileForInstance(uid)
    if not path:
        return None
    try:
        with open_ultrasound(path, "dicom") as file:
            image = file.frame(0)
    except InputError:
        return None
    header = Header.ofImage(image)
    if header.photometricInterpretation == "MONOCHROME1" and shown is not None and shown.shape == image.pixels.shape:
        asStored = np.corrcoef(shown[::4, ::4].ravel(), image.pixels[::4, ::4].ravel())[0, 1] < 0
        header = replace(header, inverted=bool(asStored))
    storeHeader(keeper, header)
    return header
