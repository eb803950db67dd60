"""The classes of the brightness mixture (low, middle, high) as a label layer over the image."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from ..measurement.mixture import fit_histogram_mixture, gray_histogram
from ..measurement.result import FrameResult
from ..scene.volume import image_data
from .frameState import FrameState

COLOR_NODE_NAME = "Hepatorenal index classes"
OPACITY = 0.45


def combinedClasses(shown) -> np.ndarray | None:
    """uint8 ``(rows, columns)``: 0 no tissue, 1 low, 2 middle, 3 high class of its organ; None without outlines.

    ``shown`` is the :class:`logic.Shown` of the frame.
    """
    result = shown.result
    if result is None or result.geometry is None:
        return None
    liver, kidney = (_classesOf(result, shown.state, organ) for organ in ("liver", "kidney"))
    return np.where(kidney > 0, kidney, liver).astype(np.uint8)


def _classesOf(result: FrameResult, state: FrameState, organ: str) -> np.ndarray:
    """The classes from which the ROI was chosen; of an ROI set by hand those of its whole organ, to choose by eye."""
    pixels = result.image.pixels
    if result.placement is not None and not getattr(state, organ).fixed:
        return getattr(result.placement, organ).class_map
    if state.masks is None:
        return np.zeros(pixels.shape, np.uint8)
    tissue = (state.masks.liver if organ == "liver" else state.masks.right_kidney) & result.geometry.mask
    if result.image.color is not None:
        tissue = tissue & ~result.image.color
    if not tissue.any():
        return np.zeros(pixels.shape, np.uint8)
    mixture = fit_histogram_mixture(gray_histogram(pixels[tissue]))
    return np.where(tissue, mixture.class_of_level[pixels], 0).astype(np.uint8)


def updateClassMap(scene, node, classes: np.ndarray | None, volume):
    """Show the classes on the grid of the volume in the label map node, made if it is None; returns the node."""
    if node is None:
        node = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", _("Mixture classes"))
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetAndObserveColorNodeID(_colors(scene).GetID())
    if classes is None:
        columns, rows, _slices = volume.GetImageData().GetDimensions()
        classes = np.zeros((rows, columns), np.uint8)
    ijkToRas = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(ijkToRas)
    with slicer.util.NodeModify(node):
        node.SetAndObserveImageData(image_data(classes))
        node.SetIJKToRASMatrix(ijkToRas)
        node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    return node


def showClassMap(scene, node, volume, visible: bool) -> None:
    """Put the classes over every slice view that shows the volume, or take them away."""
    for composite in scene.GetNodesByClass("vtkMRMLSliceCompositeNode"):
        ours = node is not None and composite.GetLabelVolumeID() == node.GetID()
        if visible and node is not None and volume is not None and composite.GetBackgroundVolumeID() == volume.GetID():
            composite.SetLabelVolumeID(node.GetID())
            composite.SetLabelOpacity(OPACITY)
        elif ours:
            composite.SetLabelVolumeID(None)


def _colors(scene):
    found = scene.GetFirstNode(COLOR_NODE_NAME, "vtkMRMLColorTableNode")
    if found is not None:
        return found
    colors = slicer.vtkMRMLColorTableNode()
    colors.SetName(COLOR_NODE_NAME)
    colors.SetTypeToUser()
    colors.SetNumberOfColors(4)
    colors.SetColor(0, _("none"), 0.0, 0.0, 0.0, 0.0)
    colors.SetColor(1, _("low"), 0.25, 0.35, 0.95, 1.0)
    colors.SetColor(2, _("middle"), 0.2, 0.8, 0.3, 1.0)
    colors.SetColor(3, _("high"), 0.95, 0.3, 0.25, 1.0)
    return scene.AddNode(colors)
