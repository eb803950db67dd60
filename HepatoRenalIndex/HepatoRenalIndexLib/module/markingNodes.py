"""The nodes of a reading session: the image, a point in the middle of each ROI, and the ROI itself.

They are apart from everything that is measured: under neutral names, hidden from the lists of nodes, never saved with
the scene, and lying where no outline or ROI of the measuring part is seen.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import slicer
import vtk

from ..geometry.spacing import Calibration, SpacingSource
from ..imaging.image import Provenance, UltrasoundImage
from ..measurement.roi import Roi
from ..scene.rois import KIDNEY_ROI_NAME, LIVER_ROI_NAME, ROI_COLORS, add_roi, update_roi
from ..scene.volume import add_volume, update_volume
from ..study.session import ShownImage
from .observing import NodeObservers
from .source import isAlive

ORGANS = ("liver", "kidney")
STUDY_ATTRIBUTE = "HepatoRenalIndex.Study"
IMAGE_NAME = "Study image"
_ROI_NAMES = {"liver": LIVER_ROI_NAME, "kidney": KIDNEY_ROI_NAME}
_POINT_NAMES = {"liver": "Liver", "kidney": "Kidney"}
# Everything else lies in the plane of slice position 0: what belongs to the study lies far above it.
_SLICE_POSITION_MM = 5000.0


class MarkingNodes:
    """Shows one image of a study at a time with its two ROIs.

    A ROI is moved by its point and has the size of the study: it can be neither resized nor turned. ``onMoved()`` is
    called when a point was placed, moved or deleted.
    """

    def __init__(self, scene, onMoved: Callable[[], None]):
        self._scene = scene
        self._onMoved = onMoved
        self._observers = NodeObservers()
        self._volume = None
        self._points: dict = {}
        self._boxes: dict = {}
        self._last: dict[str, Roi | None] = {}
        self._roiAt: Callable[[float, float], Roi] | None = None
        self._writing = False

    @property
    def volume(self):
        """The volume shown, None without one."""
        return self._volume if isAlive(self._volume) else None

    def point(self, organ: str):
        """The node whose point is the middle of the ROI."""
        return self._points[organ]

    @property
    def areComplete(self) -> bool:
        """Whether all nodes are in the scene."""
        nodes = (self._volume, *self._points.values(), *self._boxes.values())
        return len(nodes) == 5 and all(isAlive(node) for node in nodes)

    def show(self, image: ShownImage, roiAt: Callable[[float, float], Roi]) -> None:
        """Show an image, with the ROIs of an earlier answer to it. ``roiAt(x, y)`` is the ROI about a pixel."""
        self._roiAt = roiAt
        if not self.areComplete:
            self.remove()
            self._make(image)
        else:
            update_volume(self._volume, _neutral(image), _calibration(image))
        self._volume.SetOrigin(0, 0, _SLICE_POSITION_MM)
        self._volume.GetDisplayNode().SetWindowLevelMinMax(0, 255)  # every image begins as it is
        said = image.reading
        for organ in ORGANS:
            self.place(organ, getattr(said, organ) if said is not None else None)

    def remove(self) -> None:
        """Take all nodes away."""
        nodes = [node for node in (*self._boxes.values(), *self._points.values(), self._volume) if isAlive(node)]
        displays = [node.GetDisplayNode() for node in nodes]
        self.forget()
        for node in (*nodes, *displays):
            if isAlive(node):
                self._scene.RemoveNode(node)

    def forget(self) -> None:
        """Let go of the nodes, which somebody else removes."""
        self._observers.clear()
        self._volume, self._points, self._boxes = None, {}, {}

    def roi(self, organ: str) -> Roi | None:
        """The ROI of an organ, None as long as it was not placed. It always lies in the image."""
        point = self._points.get(organ)
        if not isAlive(point) or point.GetNumberOfDefinedControlPoints() == 0:
            return None
        position = [0.0] * 3
        point.GetNthControlPointPositionWorld(0, position)
        x, y = (_worldToIjk(self._volume) @ (*position, 1.0))[:2]
        return self._roiAt(float(x), float(y))

    def place(self, organ: str, roi: Roi | None) -> None:
        """Put a ROI of the study's size there, or take it away."""
        point = self._points[organ]
        self._writing = True
        try:
            with slicer.util.NodeModify(point):
                point.RemoveAllControlPoints()
                if roi is not None:
                    world = np.linalg.inv(_worldToIjk(self._volume)) @ (*roi.center, 0.0, 1.0)
                    point.AddControlPointWorld(*(float(v) for v in world[:3]))
        finally:
            self._writing = False
        self._follow(organ)

    def _make(self, image: ShownImage) -> None:
        self._volume = add_volume(self._scene, _neutral(image), _calibration(image), IMAGE_NAME)
        self._volume.SetOrigin(0, 0, _SLICE_POSITION_MM)
        self._keepApart(self._volume)
        wanted = []
        for organ in ORGANS:
            color = ROI_COLORS[_ROI_NAMES[organ]]
            box = add_roi(self._scene, None, self._volume, _ROI_NAMES[organ])
            box.SetLocked(True)
            box.GetDisplayNode().SetHandlesInteractive(False)
            box.GetDisplayNode().SetGlyphScale(0.1)
            box.GetDisplayNode().SetPropertiesLabelVisibility(False)  # it lies over the tissue in the ROI
            point = self._makePoint(_POINT_NAMES[organ], color)
            self._boxes[organ], self._points[organ] = box, point
            self._keepApart(box)
            self._keepApart(point)
            for event in (point.PointPositionDefinedEvent, point.PointModifiedEvent, point.PointRemovedEvent,
                          point.PointEndInteractionEvent):  # fmt: skip
                wanted.append((point, event, self._onPoint))
        self._observers.observe(wanted)

    def _makePoint(self, name: str, color):
        point = self._scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
        point.SetMaximumNumberOfControlPoints(1)
        point.SetControlPointLabelFormat("%N")
        point.CreateDefaultDisplayNodes()
        display = point.GetDisplayNode()
        for setColor in (display.SetColor, display.SetSelectedColor, display.SetActiveColor):
            setColor(*color)
        display.SetPointLabelsVisibility(False)
        display.SetPropertiesLabelVisibility(False)
        display.SetGlyphType(display.Cross2D)
        display.SetUseGlyphScale(True)
        display.SetGlyphScale(3.0)
        return point

    def _keepApart(self, node) -> None:
        node.SetAttribute(STUDY_ATTRIBUTE, "1")
        node.SetHideFromEditors(True)
        for part in (node, node.GetDisplayNode()):
            part.SetSaveWithScene(False)
        # The application lists a new node in the subject hierarchy before it can be hidden.
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene)
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.RemoveItem(item, False)

    def _onPoint(self, caller=None, event=None) -> None:
        if self._writing or not self.areComplete:
            return
        organ = next((organ for organ, point in self._points.items() if point is caller), None)
        if organ is None or self.roi(organ) == self._last.get(organ):  # the pointer moves before the point is placed
            return
        self._follow(organ)
        self._onMoved()

    def _follow(self, organ: str) -> None:
        """Let the ROI lie about its point."""
        self._last[organ] = self.roi(organ)
        update_roi(self._boxes[organ], self._last[organ], self._volume)


def isStudyNode(node) -> bool:
    """Whether a node belongs to a reading session, so that nothing else may use it."""
    return node is not None and node.GetAttribute(STUDY_ATTRIBUTE) is not None


def _neutral(image: ShownImage) -> UltrasoundImage:
    return UltrasoundImage(image.pixels, Provenance(IMAGE_NAME, 0, 1, file_format="study"))


def _calibration(image: ShownImage) -> Calibration | None:
    return None if image.spacing_mm is None else Calibration(SpacingSource.USER, *image.spacing_mm)


def _worldToIjk(volume) -> np.ndarray:
    matrix = vtk.vtkMatrix4x4()
    volume.GetRASToIJKMatrix(matrix)
    return np.array([[matrix.GetElement(i, j) for j in range(4)] for i in range(4)])
