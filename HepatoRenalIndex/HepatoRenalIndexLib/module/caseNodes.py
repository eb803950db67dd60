"""The nodes that belong to an input: segmentation and ROIs, for a clip with a sequence of each in the clip's browser.

The input volume refers to them, so that each input has its own and finds them again after the scene was reopened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import slicer

from ..scene.rois import KIDNEY_ROI_NAME, LIVER_ROI_NAME, add_roi
from ..scene.segmentation import ORGAN_SEGMENTS, add_segmentation, find_segment, update_segmentation
from ..scene.study import add_study, file_under_study
from .frameState import FrameState, readState, writeState
from .source import Source, isAlive

SEGMENTATION_ROLE = "HepatoRenalIndex.segmentation"
LIVER_ROI_ROLE = "HepatoRenalIndex.liverRoi"
KIDNEY_ROI_ROLE = "HepatoRenalIndex.kidneyRoi"
HIDDEN_ATTRIBUTE = "HepatoRenalIndex.Hidden"  # of a display node, while another input is shown
ROLES = (SEGMENTATION_ROLE, LIVER_ROI_ROLE, KIDNEY_ROI_ROLE)


@dataclass(frozen=True)
class CaseNodes:
    """The three nodes of a source; None where one is missing or was deleted."""

    source: Source
    segmentation: Any = None
    liverRoi: Any = None
    kidneyRoi: Any = None

    @property
    def nodes(self) -> tuple:
        return self.segmentation, self.liverRoi, self.kidneyRoi

    @property
    def isEmpty(self) -> bool:
        return all(node is None for node in self.nodes)

    def state(self, frame: int) -> FrameState:
        """What the frame holds. Raises ``InputError`` for an ROI turned against the pixels."""
        return readState(*self._nodesOf(frame), self.source.frameVolume(frame))

    def setState(self, frame: int, state: FrameState) -> None:
        """Put a state into the frame: into the nodes shown, or into the sequences for another frame."""
        writeState(state, *self._nodesOf(frame), self.source.frameVolume(frame))
        if self.source.isClip and frame == self.source.frame:
            # The frame shown is also kept in its sequence at once; the browser would do so at its own time.
            for node in filter(None, self.nodes):
                sequence = self.source.browser.GetSequenceNode(node)
                if sequence is not None:
                    sequence.UpdateDataNodeAtValue(node, self.source.indexValue(frame), True)

    def _nodesOf(self, frame: int) -> tuple:
        if not self.source.isClip or frame == self.source.frame:
            return self.nodes
        found = []
        for node in self.nodes:
            sequence = self.source.browser.GetSequenceNode(node) if node is not None else None
            found.append(sequence.GetDataNodeAtValue(self.source.indexValue(frame), True) if sequence else None)
        return tuple(found)


def findCase(source: Source) -> CaseNodes:
    """The nodes that the input volume refers to."""
    return CaseNodes(source, *(source.volume.GetNodeReference(role) for role in ROLES))


def adoptCase(source: Source, segmentation=None, liverRoi=None, kidneyRoi=None) -> CaseNodes:
    """Let the input use nodes that the user already has, for example a segmentation drawn before."""
    for role, node in zip(ROLES, (segmentation, liverRoi, kidneyRoi), strict=True):
        if node is not None:
            source.volume.SetNodeReferenceID(role, node.GetID())
    return findCase(source)


def ensureCase(scene, source: Source, withSegmentation: bool = True, withRois: bool = True) -> CaseNodes:
    """The nodes of the source, those that are missing made, empty, and filed in the subject hierarchy."""
    case = findCase(source)
    made = []
    volume = source.volume
    if withSegmentation:
        if case.segmentation is None:
            node = add_segmentation(scene, None, volume, f"{source.name} organs")
            volume.SetNodeReferenceID(SEGMENTATION_ROLE, node.GetID())
            made.append(node)
        else:
            _addMissingSegments(case.segmentation)
    if withRois:
        for role, name, node in (
            (LIVER_ROI_ROLE, LIVER_ROI_NAME, case.liverRoi),
            (KIDNEY_ROI_ROLE, KIDNEY_ROI_NAME, case.kidneyRoi),
        ):
            if node is None:
                node = add_roi(scene, None, volume, name)
                volume.SetNodeReferenceID(role, node.GetID())
                made.append(node)
    if made:
        fileBesideInput(scene, source, made)
    case = findCase(source)
    if source.isClip:
        for node in filter(None, case.nodes):
            _ensureSequence(scene, source, node)
    return case


def _addMissingSegments(segmentation) -> None:
    """Give a segmentation the segments it lacks, empty, without touching those it has."""
    for organ in ORGAN_SEGMENTS:
        if find_segment(segmentation, organ) is None:
            segment = slicer.vtkSegment()
            segment.SetName(organ.name)
            segment.SetColor(*organ.color)
            segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), organ.terminology)
            segmentation.GetSegmentation().AddSegment(segment, organ.segment_id)


def _ensureSequence(scene, source: Source, node) -> None:
    """Let the clip's browser keep the node frame by frame; every frame starts empty."""
    browser = source.browser
    if browser.GetSequenceNode(node) is not None:
        return
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", node.GetName())
    sequence.SetIndexName(source.sequence.GetIndexName())
    sequence.SetIndexUnit(source.sequence.GetIndexUnit())
    sequence.SetIndexType(source.sequence.GetIndexType())
    shown = source.frame
    empty = _emptyCopy(scene, node, source)
    for frame in range(source.frameCount):
        sequence.SetDataNodeAtValue(node if frame == shown else empty, source.indexValue(frame))
    modified = browser.StartModify()
    browser.AddSynchronizedSequenceNode(sequence)
    browser.AddProxyNode(node, sequence, False)
    browser.SetOverwriteProxyName(sequence, False)
    browser.SetSaveChanges(sequence, True)
    browser.EndModify(modified)
    fileBesideInput(scene, source, [sequence])


def _emptyCopy(scene, node, source: Source):
    """A node of the same class as a frame without content has it."""
    empty = scene.CreateNodeByClass(node.GetClassName())
    empty.UnRegister(None)
    if node.IsA("vtkMRMLSegmentationNode"):
        update_segmentation(empty, None, source.volume)
    return empty


def showOnlyCase(scene, case: CaseNodes, before: tuple = ()) -> None:
    """Hide the outlines and ROIs of all other inputs: they would lie over this one, and could be dragged there.

    ``before`` are the nodes of the input shown before, which may be gone. What the user hid stays hidden.
    """
    volume = case.source.volume
    others = [other for other in scene.GetNodesByClass("vtkMRMLVolumeNode") if other is not volume]
    hidden = [node for node in before if isAlive(node)]
    for node in hidden + [other.GetNodeReference(role) for other in others for role in ROLES]:
        display = node.GetDisplayNode() if node is not None and node not in case.nodes else None
        if display is not None and display.GetVisibility():
            display.SetAttribute(HIDDEN_ATTRIBUTE, "1")
            display.SetVisibility(False)
    for node in filter(None, case.nodes):
        display = node.GetDisplayNode()
        if display is not None and display.GetAttribute(HIDDEN_ATTRIBUTE):
            display.RemoveAttribute(HIDDEN_ATTRIBUTE)
            display.SetVisibility(True)


def fileBesideInput(scene, source: Source, nodes) -> None:
    """File nodes in the subject hierarchy under the study of the input, or under a new one."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    study = studyOf(hierarchy, source)
    if not study:
        study = add_study(scene, source.name)[1]
        file_under_study(scene, study, [source.volume])
    file_under_study(scene, study, [node for node in nodes if node is not None])


def studyOf(hierarchy, source: Source) -> int:
    """The study item above the input (or its sequence) in the subject hierarchy, 0 if there is none."""
    constants = slicer.vtkMRMLSubjectHierarchyConstants
    for node in (source.volume, source.sequence):
        item = hierarchy.GetItemByDataNode(node) if node is not None else 0
        if item:
            study = hierarchy.GetItemAncestorAtLevel(item, constants.GetDICOMLevelStudy())
            if study:
                return study
    return 0
