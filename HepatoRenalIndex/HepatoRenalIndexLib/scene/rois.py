"""Pixel ROI and markups ROI node.

A node shows the rectangle's outer pixel borders: a ROI of 28 x 28 pixels of 0.5 mm measures 14 x 14 mm. In slice
direction it is as thick as the slice.
"""

from __future__ import annotations

import numpy as np

from ..imaging.image import InputError
from ..measurement.result import FrameResult
from ..measurement.roi import Roi

LIVER_ROI_NAME = "Liver ROI"
KIDNEY_ROI_NAME = "Kidney ROI"
ROI_COLORS = {LIVER_ROI_NAME: (1.0, 0.85, 0.1), KIDNEY_ROI_NAME: (0.2, 0.9, 1.0)}
# Cosine of the largest angle (about 1 degree) at which a box still counts as parallel to the pixel rows.
_PARALLEL = 0.9998


def frame_rois(result: FrameResult) -> tuple[Roi | None, Roi | None]:
    """Liver and kidney ROI of a frame, ``None`` where the frame was not measured."""
    if result.measurement is None:
        return None, None
    return result.measurement.liver.roi, result.measurement.kidney.roi


def add_roi(scene, roi: Roi | None, volume, name: str):
    """Add a ``vtkMRMLMarkupsROINode`` over the pixels of ``roi`` in ``volume``; without a position for ``None``."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", name)
    update_roi(node, roi, volume)
    node.CreateDefaultDisplayNodes()
    _style(node.GetDisplayNode(), ROI_COLORS.get(name, (1.0, 1.0, 1.0)))
    return node


def update_roi(node, roi: Roi | None, volume) -> None:
    """Put a markups ROI node, in a scene or not, over the pixels of ``roi``; take its position away for ``None``."""
    import slicer
    import vtk

    with slicer.util.NodeModify(node):
        if roi is None:
            node.RemoveAllControlPoints()
            return
        ijk_to_world = _ijk_to_world(volume)
        axes = ijk_to_world[:3, :3]
        spacing = np.linalg.norm(axes, axis=0)
        pose = np.eye(4)
        pose[:3, :3] = axes / spacing
        pose[:3, 3] = (ijk_to_world @ (*roi.center, 0.0, 1.0))[:3]
        matrix = vtk.vtkMatrix4x4()
        matrix.DeepCopy(pose.ravel())
        node.SetAndObserveObjectToNodeMatrix(matrix)
        node.SetSize(*(np.array([roi.width, roi.height, 1.0]) * spacing))


def roi_from_node(node, volume) -> Roi | None:
    """The rectangle of whole pixels nearest to a markups ROI node; ``None`` if the node has no position.

    Size and position are rounded apart, so that a ROI that is only moved keeps its size. It may lie outside the
    image (:meth:`Roi.inside`). Raises ``InputError`` for a box turned against the pixel rows.
    """
    if node.GetNumberOfControlPoints() == 0:
        return None
    ijk_to_world = _ijk_to_world(volume)
    box_to_ijk = np.linalg.inv(ijk_to_world) @ _array(node.GetObjectToWorldMatrix())
    size = np.array(node.GetSize())
    spacing = np.linalg.norm(ijk_to_world[:3, :3], axis=0)
    edges = np.abs(box_to_ijk[:3, :3] * size)  # extent in pixels, (pixel axis, box axis)
    extent = edges[:2].max(axis=1)
    if not np.isfinite(edges).all() or (extent <= 0).any():
        raise InputError(f'"{node.GetName()}" is empty: draw it again.')
    directions = np.abs(box_to_ijk[:3, :3] * spacing[:, None])  # unit vectors, one per column
    if (directions.max(axis=0) < _PARALLEL * np.linalg.norm(directions, axis=0)).any():
        raise InputError(f'"{node.GetName()}" is turned against the pixel rows: make it upright.')
    center = box_to_ijk[:2, 3]
    width, height = (max(1, round(float(edge))) for edge in extent)
    return Roi.centered(float(center[0]), float(center[1]), width, height)


def follow_lock(node) -> None:
    """Take the handles of a locked ROI away, and give them back: a lock alone does not stop them from moving it."""
    display, wanted = node.GetDisplayNode(), not node.GetLocked()
    if display is not None and bool(display.GetHandlesInteractive()) != wanted:
        display.SetHandlesInteractive(wanted)


def _style(display, color: tuple[float, float, float]) -> None:
    display.SetColor(*color)
    display.SetSelectedColor(*color)
    display.SetActiveColor(*color)
    display.SetVisibility3D(False)  # of a flat image, 3D views would show the names alone
    display.SetFillVisibility(False)
    display.SetOutlineVisibility(True)
    display.SetPropertiesLabelVisibility(True)  # the ROI's name in the view
    display.SetPointLabelsVisibility(False)
    display.SetTextScale(2.5)
    display.SetLineThickness(0.4)
    display.SetUseGlyphScale(True)
    display.SetGlyphScale(1.0)
    display.SetHandlesInteractive(True)
    display.SetTranslationHandleVisibility(True)
    display.SetScaleHandleVisibility(True)
    display.SetRotationHandleVisibility(False)  # pixels are counted in upright rectangles
    display.SetInteractionHandleScale(1.5)


def _ijk_to_world(volume) -> np.ndarray:
    """Matrix (4, 4) from pixel indices to world RAS, with the volume's linear parent transform."""
    import slicer
    import vtk

    ijk_to_ras, to_world = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(ijk_to_ras)
    if not slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(volume.GetParentTransformNode(), None, to_world):
        raise InputError("The volume is under a warping transform: harden or remove it.")
    return _array(to_world) @ _array(ijk_to_ras)


def _array(matrix) -> np.ndarray:
    return np.array([[matrix.GetElement(i, j) for j in range(4)] for i in range(4)])
