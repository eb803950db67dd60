"""A scene with the module's logic in it, and what a user does there: loads, measures, drags, paints, steps."""

from __future__ import annotations

import numpy as np
import slicer
import slicer_double
from HepatoRenalIndexLib.imaging.reader import open_ultrasound
from HepatoRenalIndexLib.measurement.organs import ModelIdentity, OrganMasks
from HepatoRenalIndexLib.module.console import ConsoleLogic
from HepatoRenalIndexLib.module.sampleData import SAMPLE_FOLDER
from HepatoRenalIndexLib.module.segmenting import SegmentedFrame
from HepatoRenalIndexLib.module.source import findSource
from HepatoRenalIndexLib.pipeline.measure import MeasurementSettings, measure_frame
from HepatoRenalIndexLib.pipeline.outputs import result_row

NETWORK = ModelIdentity("network", "1", "ab" * 32, "cpu")


class Session:
    """A scene with a logic that is scheduled as by an event loop."""

    def __init__(self, scene):
        self.scene = scene
        self.queue = slicer_double.Queue()
        self.logic = ConsoleLogic(scene, lambda: slicer_double.Parameters(scene), self.queue)
        self.logic.observe()
        self.settle()

    @property
    def parameters(self):
        return self.logic.parameters()

    @property
    def shown(self):
        return self.logic.shown

    @property
    def hri(self) -> float:
        return self.shown.result.measurement.hri

    def settle(self) -> int:
        return self.queue.run()

    def load(self, name: str):
        volume = self.logic.loadSample(name)
        self.parameters.inputVolume = volume
        self.settle()
        return volume

    def measure(self, masks: list[OrganMasks]) -> None:
        """As if the network had found these masks."""
        source = findSource(self.parameters.inputVolume)
        found = []
        for frame, mask in enumerate(masks):
            result = measure_frame(source.image(frame), None, MeasurementSettings(), mask)
            rois = (result.measurement.liver.roi, result.measurement.kidney.roi) if result.measurement else (None, None)
            found.append(SegmentedFrame(mask, NETWORK, *rois, result_row(result)))
        self.found = found
        self.logic._run = source, list(range(len(masks)))
        self.logic._onSegmented(found)
        self.settle()

    def drag(self, roi, dx: float, dy: float = 0.0) -> None:
        """Move an ROI in its own steps, as the mouse does."""
        roi.InvokeEvent(roi.PointStartInteractionEvent)
        for _ in range(3):
            x, y, z = roi.GetCenter()
            roi.SetCenter(x + dx / 3, y + dy / 3, z)
            self.settle()
        roi.InvokeEvent(roi.PointEndInteractionEvent)
        self.settle()

    def paint(self, segment_id: str, mask: np.ndarray, add: bool = True) -> None:
        """Add pixels to a segment, or take them away, as the Segment Editor does."""
        from HepatoRenalIndexLib.scene.segmentation import _oriented_image

        node = self.scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
        editor = slicer.vtkSlicerSegmentEditorLogic()
        editor.SetMRMLScene(self.scene)
        editor.SetSegmentEditorNode(node)
        node.SetAndObserveSegmentationNode(self.parameters.segmentation)
        node.SetAndObserveSourceVolumeNode(self.parameters.inputVolume)
        mode = editor.ModificationModeAdd if add else editor.ModificationModeRemove
        labelmap = _oriented_image(mask, self.parameters.inputVolume)
        editor.ModifySegmentByLabelmap(self.parameters.segmentation, segment_id, labelmap, mode, False, False)
        self.settle()


def clip_masks() -> list[OrganMasks]:
    masks = []
    for path in sorted(SAMPLE_FOLDER.glob("clip_*_labels.png")):
        with open_ultrasound(path) as picture:
            masks.append(OrganMasks.from_labels(picture.frame(0).pixels))
    return masks


def browse(session, frame: int) -> None:
    findSource(session.parameters.inputVolume).browser.SetSelectedItemNumber(frame)
    session.settle()
