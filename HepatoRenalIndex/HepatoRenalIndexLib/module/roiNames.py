"""Names of the ROIs, written beside them: Slicer writes them over the tissue that is measured."""

from __future__ import annotations

import numpy as np
import vtk

from . import layout
from .observing import NodeObservers
from .source import isAlive

GAP = 4  # pixels between a ROI and its name


class RoiNames:
    """Keeps the names below their boxes in the Red view, however large they are drawn."""

    def __init__(self):
        self._observers = NodeObservers()
        self._rois = []

    def show(self, rois) -> None:
        """Write the names of these ROI nodes beside them from now on."""
        self._rois = [roi for roi in rois if isAlive(roi)]
        sliceWidget = layout.sliceWidget()
        if sliceWidget is not None:
            self._observers.observe([(sliceWidget.mrmlSliceNode(), vtk.vtkCommand.ModifiedEvent, self._place)])
            self._place()

    def clear(self) -> None:
        """Follow the view no more."""
        self._observers.clear()
        self._rois = []

    def _place(self, caller=None, event=None) -> None:
        sliceNode = layout.sliceWidget().mrmlSliceNode()
        mmPerPixel = np.linalg.norm([sliceNode.GetXYToRAS().GetElement(row, 1) for row in range(3)])
        for roi in self._rois:
            if not isAlive(roi) or roi.GetDisplayNode() is None or mmPerPixel <= 0:
                continue
            text = roi.GetDisplayNode().GetTextProperty()
            text.SetJustificationToCentered()
            text.SetVerticalJustificationToTop()
            text.SetLineOffset(round(roi.GetSize()[1] / 2 / mmPerPixel) + GAP)
