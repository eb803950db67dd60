"""What can be corrected in one frame: masks, ROIs, and who made them. Read from the nodes, and written back.

Who made it is told by the nodes themselves: an ROI node remembers where it was placed automatically, a segmentation
remembers the checksum of the masks that its model made. What differs from that is the work of the user, whoever wrote
the node, and saving, undoing and stepping through a clip keep it true.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass, replace

import numpy as np

from ..imaging.image import InputError
from ..measurement.organs import MANUAL, ModelIdentity, OrganMasks
from ..measurement.roi import Roi
from ..scene.rois import roi_from_node, update_roi
from ..scene.segmentation import masks_from_segmentation_node, update_segmentation

MODEL_ATTRIBUTE = "HepatoRenalIndex.Model"
AUTOMATIC_ATTRIBUTE = "HepatoRenalIndex.AutomaticRoi"
EDITED = " (edited)"


@dataclass(frozen=True)
class RoiState:
    """One ROI of a frame. ``manual``: placed or moved by the user. A locked ROI stays where it is, too."""

    roi: Roi | None = None
    manual: bool = False
    locked: bool = False

    @property
    def fixed(self) -> bool:
        """Whether automatic placement leaves it alone."""
        return self.roi is not None and (self.manual or self.locked)


@dataclass(frozen=True, eq=False)
class FrameState:
    """One frame. ``masks`` is None without a segmentation; ``model`` says who made the masks."""

    masks: OrganMasks | None = None
    liver: RoiState = RoiState()
    kidney: RoiState = RoiState()
    model: ModelIdentity = MANUAL

    def __eq__(self, other) -> bool:
        if not isinstance(other, FrameState):
            return NotImplemented
        return (self.liver, self.kidney, self.model) == (other.liver, other.kidney, other.model) and self.sameMasks(
            other
        )

    __hash__ = None

    def sameWork(self, other: FrameState) -> bool:
        """Whether the two differ in nothing but locks, which are no step of the history."""
        unlocked = [
            replace(state, liver=replace(state.liver, locked=False), kidney=replace(state.kidney, locked=False))
            for state in (self, other)
        ]
        return unlocked[0] == unlocked[1]

    def sameByHand(self, other: FrameState) -> bool:
        """Whether the outlines and the ROIs placed by hand are the same; automatic ones follow from them."""
        rois = [[state.liver, state.kidney] for state in (self, other)]
        byHand = [[roi.roi if roi.manual else None for roi in pair] for pair in rois]
        return byHand[0] == byHand[1] and self.sameMasks(other)

    def sameMasks(self, other: FrameState) -> bool:
        if self.masks is None or other.masks is None:
            return self.masks is other.masks
        return np.array_equal(self.masks.liver, other.masks.liver) and np.array_equal(
            self.masks.right_kidney, other.masks.right_kidney
        )

    @property
    def isEmpty(self) -> bool:
        """Whether there is nothing to measure: no organ and no ROI."""
        noMask = self.masks is None or not (self.masks.liver.any() or self.masks.right_kidney.any())
        return noMask and self.liver.roi is None and self.kidney.roi is None


def readState(segmentation, liverRoi, kidneyRoi, volume) -> FrameState:
    """The state that the nodes show on the grid of ``volume``; a missing node or segment is an empty one.

    Raises ``InputError`` for an ROI that is turned against the pixel rows.
    """
    masks = _readMasks(segmentation, volume)
    model = MANUAL
    if masks is not None:
        model, confidences, checksum = _storedModel(segmentation)
        if checksum == _checksum(masks):
            masks = OrganMasks(masks.liver, masks.right_kidney, *confidences)
        elif model != MANUAL and not model.name.endswith(EDITED):
            model = replace(model, name=model.name + EDITED)
    return FrameState(masks, _readRoi(liverRoi, volume), _readRoi(kidneyRoi, volume), model)


def writeState(state: FrameState, segmentation, liverRoi, kidneyRoi, volume) -> None:
    """Show the state in the nodes; only what differs is written. Locks belong to the user and stay as they are."""
    if segmentation is not None and state.masks is not None:
        if not state.sameMasks(FrameState(_readMasks(segmentation, volume))):
            update_segmentation(segmentation, state.masks, volume)
        _storeModel(segmentation, state)
    for node, wanted in ((liverRoi, state.liver), (kidneyRoi, state.kidney)):
        if node is not None:
            _writeRoi(node, wanted, volume)


def _writeRoi(node, wanted: RoiState, volume) -> None:
    automatic = _asText(wanted.roi) if wanted.roi is not None and not wanted.manual else None
    if automatic is not None and node.GetAttribute(AUTOMATIC_ATTRIBUTE) != automatic:
        node.SetAttribute(AUTOMATIC_ATTRIBUTE, automatic)
    elif automatic is None and node.GetAttribute(AUTOMATIC_ATTRIBUTE) == _asText(wanted.roi):
        node.SetAttribute(AUTOMATIC_ATTRIBUTE, None)
    try:
        same = roi_from_node(node, volume) == wanted.roi
    except InputError:
        same = False
    if not same:
        update_roi(node, wanted.roi, volume)


def _readRoi(node, volume) -> RoiState:
    if node is None:
        return RoiState()
    roi = roi_from_node(node, volume)
    manual = roi is not None and node.GetAttribute(AUTOMATIC_ATTRIBUTE) != _asText(roi)
    return RoiState(roi, manual, bool(node.GetLocked()))


def _asText(roi: Roi | None) -> str:
    return "" if roi is None else f"{roi.left} {roi.top} {roi.width} {roi.height}"


def _readMasks(segmentation, volume) -> OrganMasks | None:
    if segmentation is None:
        return None
    try:
        return masks_from_segmentation_node(segmentation, volume)
    except InputError:  # no segment of that name
        return None


def _storeModel(segmentation, state: FrameState) -> None:
    masks = state.masks
    stored = {
        "model": asdict(state.model),
        "confidences": [masks.liver_confidence, masks.right_kidney_confidence],
        "checksum": _checksum(masks),
    }
    text = json.dumps(stored)
    if segmentation.GetAttribute(MODEL_ATTRIBUTE) != text:
        segmentation.SetAttribute(MODEL_ATTRIBUTE, text)


def _storedModel(segmentation) -> tuple[ModelIdentity, tuple[float | None, float | None], int | None]:
    try:
        stored = json.loads(segmentation.GetAttribute(MODEL_ATTRIBUTE) or "")
        liver, kidney = stored["confidences"]
        return ModelIdentity(**stored["model"]), (liver, kidney), stored["checksum"]
    except (ValueError, TypeError, KeyError):
        return MANUAL, (None, None), None


def _checksum(masks: OrganMasks) -> int:
    labels = masks.labels()
    return zlib.crc32(labels.tobytes(), labels.shape[1])
