"""The input: one volume node, or the frames of a clip that a sequence browser shows in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..geometry.spacing import Calibration
from ..imaging.image import UltrasoundImage
from ..scene.volume import calibration_from_volume_node, image_from_volume_node
from .header import readHeader

DERIVED_ATTRIBUTE = "LiverUltrasound.Derived"  # of a volume that the software computed: no image to be measured


@dataclass(frozen=True)
class Source:
    """An input and where its frames are. ``sequence`` and ``browser`` are None for a single image."""

    volume: Any
    sequence: Any = None
    browser: Any = None

    @property
    def isClip(self) -> bool:
        return self.sequence is not None

    @property
    def keeper(self):
        """The node whose attributes hold for all frames: with each, a browser overwrites those of the volume."""
        return self.sequence if self.isClip else self.volume

    @property
    def frameCount(self) -> int:
        return self.sequence.GetNumberOfDataNodes() if self.isClip else 1

    @property
    def frame(self) -> int:
        """Number of the frame shown, from 0."""
        if not self.isClip:
            return 0
        master = self.browser.GetMasterSequenceNode()
        value = master.GetNthIndexValue(self.browser.GetSelectedItemNumber())
        return max(0, self.sequence.GetItemNumberFromIndexValue(value, False))

    @property
    def name(self) -> str:
        """Name for tables: that of the node, with its id where an earlier volume has the same name.

        A browser may write the frame into the name of the volume: then it is that of the sequence.
        """
        named = self.volume
        if self.isClip and self.browser.GetOverwriteProxyName(self.sequence):
            named = self.sequence
        name = named.GetName() or self.volume.GetID()
        volumes = self.volume.GetScene().GetNodesByClass("vtkMRMLVolumeNode")
        first = next((node for node in volumes if node.GetName() == name), self.volume)
        return name if first is self.volume else f"{name} ({self.volume.GetID()})"

    def indexValue(self, frame: int) -> str:
        return self.sequence.GetNthIndexValue(frame)

    def frameVolume(self, frame: int):
        """The volume node that holds the frame: the one shown, or the one in the sequence."""
        return self.volume if not self.isClip or frame == self.frame else self.sequence.GetNthDataNode(frame)

    def image(self, frame: int, dicomDatabase=None) -> UltrasoundImage:
        """The frame with what is known of its header. Raises ``InputError`` for a volume that is no 2D image."""
        volume = self.frameVolume(frame)
        image = image_from_volume_node(volume, source=self.name, frame=frame, frame_count=self.frameCount)
        header = readHeader(self.volume, dicomDatabase, image.pixels, self.keeper)
        return image if header is None else header.applyTo(image)

    def storedCalibration(self) -> Calibration | None:
        """The calibration with which this library made the volume, None for a volume of other origin."""
        return calibration_from_volume_node(self.volume)


def findSource(volume) -> Source | None:
    """The source of an input volume; a browser over one frame only is no clip."""
    if not isAlive(volume):
        return None
    for browser in volume.GetScene().GetNodesByClass("vtkMRMLSequenceBrowserNode"):
        if not browser.IsProxyNodeID(volume.GetID()) or browser.GetMasterSequenceNode() is None:
            continue
        sequence = browser.GetSequenceNode(volume)
        if sequence is not None and sequence.GetNumberOfDataNodes() > 1:
            return Source(volume, sequence, browser)
    return Source(volume)


def isAlive(node) -> bool:
    """Whether a node is there and in a scene: a parameter node may still hold one that was deleted."""
    return node is not None and node.GetScene() is not None and node.GetID() is not None


def isDerived(volume) -> bool:
    """Whether the software computed the volume, for example to lie over an image."""
    return volume.GetAttribute(DERIVED_ATTRIBUTE) is not None


def withSource(calibration: Calibration, known: Calibration) -> Calibration:
    """A calibration that was passed on as a given number, under the name of where it came from."""
    return replace(calibration, source=known.source, conflict=known.conflict or calibration.conflict)
