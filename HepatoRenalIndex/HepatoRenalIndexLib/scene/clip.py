"""Frames of a clip as sequences that are browsed together."""

from __future__ import annotations

from collections.abc import Sequence

from ..measurement.result import FrameResult
from .rois import frame_rois, update_roi
from .segmentation import update_segmentation
from .volume import update_volume


def add_clip(
    scene, results: Sequence[FrameResult], selected: int, case_name: str, volume, segmentation, liver_roi, kidney_roi
):
    """Add a sequence for each of the four nodes and a browser that shows frame ``selected`` in them.

    Returns ``(browser, [sequences])``. Corrections to masks and ROIs are kept frame by frame; a frame without a
    measurement has empty segments and ROIs without a position.
    """
    nodes = [volume, segmentation, liver_roi, kidney_roi]
    labels = ["frames", "masks", "liver ROI", "kidney ROI"]
    sequences = [_add_sequence(scene, f"{case_name} {label}") for label in labels]
    _fill(sequences, results)

    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", f"{case_name} browser")
    state = browser.StartModify()
    for node, sequence in zip(nodes, sequences, strict=True):
        browser.AddSynchronizedSequenceNode(sequence)
        browser.AddProxyNode(node, sequence, False)
        browser.SetOverwriteProxyName(sequence, False)
        browser.SetSaveChanges(sequence, sequence is not sequences[0])
        browser.SetMissingItemMode(sequence, browser.MissingItemSetToDefault)
    browser.SetPlaybackRateFps(10)
    browser.SetSelectedItemNumber(selected)
    browser.EndModify(state)
    return browser, sequences


def _add_sequence(scene, name: str):
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
    sequence.SetIndexName("frame")
    sequence.SetIndexUnit("")
    sequence.SetIndexType(sequence.NumericIndex)
    return sequence


def _fill(sequences: list, results: Sequence[FrameResult]) -> None:
    import slicer

    # A clip has one geometry: a frame that failed before its calibration lies where its neighbors lie.
    known = next((result.calibration for result in results if result.calibration), None)
    for result in results:
        volume = slicer.vtkMRMLScalarVolumeNode()
        segmentation = slicer.vtkMRMLSegmentationNode()
        liver_roi, kidney_roi = slicer.vtkMRMLMarkupsROINode(), slicer.vtkMRMLMarkupsROINode()
        update_volume(volume, result.image, result.calibration or known)
        update_segmentation(segmentation, result.masks, volume)
        for node, roi in zip((liver_roi, kidney_roi), frame_rois(result), strict=True):
            update_roi(node, roi, volume)
        for node, sequence in zip((volume, segmentation, liver_roi, kidney_roi), sequences, strict=True):
            sequence.SetDataNodeAtValue(node, str(result.image.provenance.frame))
