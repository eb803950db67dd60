"""What an estimate rests on, as a colored layer over the image: kept for every frame explained, one frame shown.

The maps of an image or clip are a sequence node that refers to its volume; the frame that is shown is copied into one
volume, which lies over the image in the slice views.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import slicer
import vtk
from HepatoRenalIndexLib.module.source import DERIVED_ATTRIBUTE, Source
from slicer.i18n import tr as _
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from ..estimation.explained import (
    KIDNEY,
    KIDNEY_EDGE,
    KIDNEY_ROI,
    LIVER,
    LIVER_EDGE,
    LIVER_ROI,
    NO_REGION,
    REGIONS,
)
from .estimating import ImageMap

VOLUME_ROLE = "SteatosisEstimator.volume"  # sequence of maps -> the volume that they explain
INPUT_ATTRIBUTE = "SteatosisEstimator.Input"  # of which estimate they are, as in the table
METHOD_ATTRIBUTE, QUANTITY_ATTRIBUTE = "SteatosisEstimator.Method", "SteatosisEstimator.Quantity"
_COLOR_NAMES = {REGIONS: "Liver fat regions", "grad-cam": "Liver fat evidence"}
_SIGNED_COLORS = "Liver fat evidence for and against"
_SHOWN_FROM = 0.2  # share of the largest magnitude below which nothing is drawn: slice views know no half opacity
# Positions 0..1 of the magnitude and RGB: evidence for fat is warm, against it cold
_FOR = ((0.0, (0.35, 0.0, 0.0)), (0.35, (0.9, 0.2, 0.0)), (0.7, (1.0, 0.65, 0.0)), (1.0, (1.0, 1.0, 0.5)))
_AGAINST = ((0.0, (0.0, 0.05, 0.4)), (0.35, (0.0, 0.35, 0.85)), (0.7, (0.25, 0.7, 1.0)), (1.0, (0.75, 0.95, 1.0)))
_REGION_COLORS = {  # red, green, blue, opacity: outlines, which hide no gray levels
    NO_REGION: (0.0, 0.0, 0.0, 0.0),
    LIVER: (0.95, 0.55, 0.2, 0.0),
    LIVER_EDGE: (0.95, 0.55, 0.2, 1.0),
    KIDNEY: (0.2, 0.6, 0.95, 0.0),
    KIDNEY_EDGE: (0.2, 0.6, 0.95, 1.0),
    LIVER_ROI: (1.0, 0.9, 0.2, 1.0),
    KIDNEY_ROI: (0.2, 0.95, 0.95, 1.0),
}


def keepMaps(scene, source: Source, maps: Sequence[ImageMap], inputDigest: str):
    """Keep the maps of a source in the place of those of before; returns the new sequence node, None without maps."""
    for sequence in sequencesOf(scene, source):
        scene.RemoveNode(sequence)
    if not maps:
        return None
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", _("{name} explanation").format(name=source.name))
    sequence.SetIndexName("frame")
    sequence.SetIndexUnit("")
    sequence.SetIndexType(sequence.NumericIndex)
    sequence.SetAttribute(INPUT_ATTRIBUTE, inputDigest)
    sequence.SetAttribute(METHOD_ATTRIBUTE, maps[0].method)
    sequence.SetAttribute(QUANTITY_ATTRIBUTE, maps[0].quantity)
    sequence.SetNodeReferenceID(VOLUME_ROLE, source.volume.GetID())
    for entry in maps:
        volume = slicer.vtkMRMLScalarVolumeNode()
        _setValues(volume, entry.values, source.volume)
        sequence.SetDataNodeAtValue(volume, str(entry.frame))
    return sequence


def findMaps(scene, source: Source, inputDigest: str):
    """The sequence node with the maps of that very estimate, None where there is none."""
    for sequence in sequencesOf(scene, source):
        if sequence.GetAttribute(INPUT_ATTRIBUTE) == inputDigest:
            return sequence
    return None


def framesOf(sequence) -> list[int]:
    """The frames that have a map."""
    return [int(float(sequence.GetNthIndexValue(i))) for i in range(sequence.GetNumberOfDataNodes())]


def isEmpty(sequence, frame: int) -> bool:
    """Whether the map of a frame is 0 everywhere: nothing in the image moves the answer of the network."""
    if frame not in framesOf(sequence):
        return False
    volume = sequence.GetNthDataNode(framesOf(sequence).index(frame))
    return not vtk_to_numpy(volume.GetImageData().GetPointData().GetScalars()).any()


def updateOverlay(scene, node, source: Source, sequence, frame: int):
    """Put the map of a frame into the volume ``node``, made if it is None; returns it, or None without such a map."""
    if frame not in framesOf(sequence):
        return None
    stored = sequence.GetNthDataNode(framesOf(sequence).index(frame))
    if node is None:
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", _("Liver fat explanation"))
        node.SetAttribute(DERIVED_ATTRIBUTE, "1")
        node.CreateDefaultDisplayNodes()
    method = sequence.GetAttribute(METHOD_ATTRIBUTE)
    with slicer.util.NodeModify(node):
        if node.GetImageData() is None or not _sameImage(node, stored):
            data = vtk.vtkImageData()
            data.DeepCopy(stored.GetImageData())
            node.SetAndObserveImageData(data)
        node.CopyOrientation(source.volume)
        node.SetAndObserveTransformNodeID(source.volume.GetTransformNodeID())
    _display(scene, node.GetDisplayNode(), method)
    return node


def showOverlay(scene, node, source: Source | None, visible: bool, opacity: float) -> None:
    """Lay the volume over every slice view that shows the source, or take it away.

    A foreground that the user chose stays as it is.
    """
    identifier = None if node is None else node.GetID()
    for composite in scene.GetNodesByClass("vtkMRMLSliceCompositeNode"):
        foreground = composite.GetForegroundVolumeID()
        isOurs = identifier is not None and foreground == identifier
        isSource = source is not None and composite.GetBackgroundVolumeID() == source.volume.GetID()
        if visible and identifier is not None and isSource and (isOurs or not foreground):
            if not isOurs:
                composite.SetForegroundVolumeID(identifier)
            if composite.GetForegroundOpacity() != opacity:
                composite.SetForegroundOpacity(opacity)
        elif isOurs:
            composite.SetForegroundVolumeID(None)


def sequencesOf(scene, source: Source) -> list:
    """All sequences of maps over the source, also those of estimates that are out of date."""
    return [
        sequence
        for sequence in scene.GetNodesByClass("vtkMRMLSequenceNode")
        if sequence.GetAttribute(INPUT_ATTRIBUTE) and sequence.GetNodeReference(VOLUME_ROLE) is source.volume
    ]


def _setValues(volume, values: np.ndarray, like) -> None:
    data = vtk.vtkImageData()
    data.SetDimensions(values.shape[1], values.shape[0], 1)
    scalars = numpy_to_vtk(np.ascontiguousarray(values, np.float32).ravel(), deep=True)
    scalars.SetName("Explanation")
    data.GetPointData().SetScalars(scalars)
    volume.SetAndObserveImageData(data)
    volume.CopyOrientation(like)


def _sameImage(node, stored) -> bool:
    one, other = node.GetImageData(), stored.GetImageData()
    if one.GetDimensions() != other.GetDimensions():
        return False
    arrays = [vtk_to_numpy(data.GetPointData().GetScalars()) for data in (one, other)]
    return bool((arrays[0] == arrays[1]).all())


def _display(scene, display, method: str) -> None:
    colors = _colors(scene, method)
    if display.GetColorNodeID() == colors.GetID():
        return
    with slicer.util.NodeModify(display):
        display.SetAndObserveColorNodeID(colors.GetID())
        display.SetAutoWindowLevel(False)
        if method == REGIONS:
            display.SetWindowLevelMinMax(0, max(_REGION_COLORS))
        else:
            display.SetWindowLevelMinMax(0.0 if method == "grad-cam" else -1.0, 1.0)
        display.SetInterpolate(method != REGIONS)


def _colors(scene, method: str):
    """The color node of a method, made once in a scene."""
    name = _COLOR_NAMES.get(method, _SIGNED_COLORS)
    found = scene.GetFirstNode(name, "vtkMRMLColorTableNode")
    if found is not None:
        return found
    colors = slicer.vtkMRMLColorTableNode()
    colors.SetName(name)
    colors.SetTypeToUser()
    if method == REGIONS:
        colors.SetNumberOfColors(len(_REGION_COLORS))
        names = (_("nothing"), _("liver"), _("edge of the liver"), _("kidney"), _("edge of the kidney"), _("liver ROI"),
                 _("kidney ROI"))  # fmt: skip
        for value, name in zip(_REGION_COLORS, names, strict=True):
            colors.SetColor(value, name, *_REGION_COLORS[value])
    else:
        colors.SetNumberOfColors(256)
        for index in range(256):
            value = index / 255 if method == "grad-cam" else index / 127.5 - 1
            colors.SetColor(index, f"{value:.2f}", *_ramp(abs(value), _FOR if value >= 0 else _AGAINST))
    return scene.AddNode(colors)


def _ramp(magnitude: float, points) -> tuple[float, float, float, float]:
    places = [place for place, _color in points]
    channels = [float(np.interp(magnitude, places, [color[i] for _place, color in points])) for i in range(3)]
    return (*channels, 1.0 if magnitude >= _SHOWN_FROM else 0.0)
