"""Organ masks and segmentation node.

Two segments, "Liver" and "Right kidney", coded in SNOMED CT with the codes of Slicer's own terminology files, so that
Segment Editor, DICOM SEG export and other extensions know what they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..imaging.image import InputError
from ..measurement.organs import OrganMasks

# (coding scheme, code, meaning), the parts of a terminology entry
Code = tuple[str, str, str]
_TERMINOLOGY = "Segmentation category and type - 3D Slicer General Anatomy list"
_REGION_TERMINOLOGY = "Anatomic codes - DICOM master list"
ANATOMICAL_STRUCTURE: Code = ("SCT", "123037004", "Anatomical Structure")


@dataclass(frozen=True)
class OrganSegment:
    """How an organ appears in a segmentation. ``color`` is RGB 0..1."""

    segment_id: str
    name: str
    color: tuple[float, float, float]
    type_code: Code
    modifier_code: Code = ("", "", "")

    @property
    def terminology(self) -> str:
        """Terminology entry as Slicer serializes it: context, category, type, modifier, and an empty region."""
        codes = ["^".join(code) for code in (ANATOMICAL_STRUCTURE, self.type_code, self.modifier_code)]
        return "~".join([_TERMINOLOGY, *codes, _REGION_TERMINOLOGY, "^^", "^^"])


# Slicer's own colors of liver and kidney are two browns: next to each other their outlines could not be told apart.
LIVER = OrganSegment("Liver", "Liver", (0.95, 0.55, 0.2), ("SCT", "10200004", "Liver"))
RIGHT_KIDNEY = OrganSegment(
    "RightKidney",
    "Right kidney",
    (0.2, 0.6, 0.95),
    ("SCT", "64033007", "Kidney"),
    ("SCT", "24028007", "Right"),
)
ORGAN_SEGMENTS = (LIVER, RIGHT_KIDNEY)


def add_segmentation(scene, masks: OrganMasks | None, volume, name: str):
    """Add a ``vtkMRMLSegmentationNode`` with both organs on the grid of ``volume`` to the scene.

    An organ without pixels is an empty segment, ready to be painted; so are both for ``masks`` ``None``.
    """
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    update_segmentation(segmentation, masks, volume)
    segmentation.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    segmentation.CreateDefaultDisplayNodes()
    display = segmentation.GetDisplayNode()
    # Outlines: a filled organ would tint the gray levels that are measured.
    display.SetVisibility2DFill(True)
    display.SetVisibility2DOutline(True)
    display.SetOpacity2DFill(0.04)
    display.SetOpacity2DOutline(1.0)
    display.SetSliceIntersectionThickness(2)
    display.SetVisibility3D(False)
    return segmentation


def update_segmentation(segmentation, masks: OrganMasks | None, volume) -> None:
    """Set both organs of a segmentation node, in a scene or not; other segments stay as they are.

    ``volume`` has the shape of the masks and becomes the reference geometry.
    """
    import slicer

    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    content = segmentation.GetSegmentation()
    content.SetSourceRepresentationName(
        slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    )
    if masks is None:
        nothing = np.zeros(_shape(volume), bool)
        masks = OrganMasks(nothing, nothing)
    for organ, mask in zip(ORGAN_SEGMENTS, (masks.liver, masks.right_kidney), strict=True):
        segment_id = find_segment(segmentation, organ) or _add_empty_segment(content, organ)
        labelmap = _oriented_image(mask, volume)
        slicer.vtkSlicerSegmentationsModuleLogic.SetBinaryLabelmapToSegment(
            labelmap, segmentation, segment_id, slicer.vtkSlicerSegmentationsModuleLogic.MODE_REPLACE
        )


def find_segment(segmentation, organ: OrganSegment) -> str | None:
    """Id of the organ's segment, found by our id, else SNOMED CT codes, else name; ``None`` if there is none."""
    content = segmentation.GetSegmentation()
    ids = [content.GetNthSegmentID(i) for i in range(content.GetNumberOfSegments())]
    if organ.segment_id in ids:
        return organ.segment_id
    for matches in (_has_codes, _has_name):
        for segment_id in ids:
            if matches(content.GetSegment(segment_id), organ):
                return segment_id
    return None


def masks_from_segmentation_node(segmentation, volume) -> OrganMasks:
    """The masks of both organs on the grid of ``volume``, whatever extent the segments were cropped to.

    A pixel in both segments counts as kidney. Raises ``InputError`` if an organ has no segment.
    """
    masks = []
    for organ in ORGAN_SEGMENTS:
        segment_id = find_segment(segmentation, organ)
        if segment_id is None:
            raise InputError(
                f'The segmentation has no segment "{organ.name}": add it, or rename the one that shows it.'
            )
        masks.append(_segment_mask(segmentation, segment_id, volume))
    liver, kidney = masks
    return OrganMasks(liver & ~kidney, kidney)


def _shape(volume) -> tuple[int, int]:
    columns, rows, _ = volume.GetImageData().GetDimensions()
    return rows, columns


def _add_empty_segment(content, organ: OrganSegment) -> str:
    import slicer

    segment = slicer.vtkSegment()
    segment.SetName(organ.name)
    segment.SetColor(*organ.color)
    segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), organ.terminology)
    content.AddSegment(segment, organ.segment_id)
    return organ.segment_id


def _has_codes(segment, organ: OrganSegment) -> bool:
    import slicer
    import vtk

    entry = vtk.reference("")
    if not segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), entry):
        return False
    parts = [part.split("^")[:2] for part in str(entry).split("~")]
    return len(parts) >= 4 and parts[2] == list(organ.type_code[:2]) and parts[3] == list(organ.modifier_code[:2])


def _has_name(segment, organ: OrganSegment) -> bool:
    return (segment.GetName() or "").strip().casefold() == organ.name.casefold()


def _oriented_image(mask: np.ndarray, volume):
    """The mask as ``vtkOrientedImageData`` in the geometry of the volume."""
    import slicer
    import vtk

    from .volume import image_data

    oriented = slicer.vtkOrientedImageData()
    oriented.ShallowCopy(image_data(mask))
    ijk_to_ras = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(ijk_to_ras)
    oriented.SetGeometryFromImageToWorldMatrix(ijk_to_ras)
    return oriented


def _segment_mask(segmentation, segment_id: str, volume) -> np.ndarray:
    """The segment resampled to the volume's grid, bool ``(rows, columns)``."""
    import slicer
    from vtk.util.numpy_support import vtk_to_numpy

    shape = _shape(volume)
    reference = _oriented_image(np.zeros(shape, bool), volume)
    labelmap = slicer.vtkOrientedImageData()
    if not segmentation.GetBinaryLabelmapRepresentation(segment_id, labelmap) or labelmap.IsEmpty():
        return np.zeros(shape, bool)
    resampled = slicer.vtkOrientedImageData()
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(labelmap, reference, resampled)
    values = vtk_to_numpy(resampled.GetPointData().GetScalars())
    return values.reshape(shape) != 0
