"""Segmentation of one frame with a loaded network."""

from __future__ import annotations

from typing import Protocol

from ..geometry.scan import ScanGeometry
from ..imaging.image import UltrasoundImage
from ..measurement.organs import OrganMasks
from ..measurement.result import ModelIdentity
from .preprocess import MaskRules, NetworkInput, masks_from_probabilities, prepare, restore


class Segmenter(Protocol):
    """Anything that finds liver and right kidney in a frame and says what it is."""

    identity: ModelIdentity

    def segment(self, image: UltrasoundImage, geometry: ScanGeometry) -> OrganMasks:
        """Masks in source geometry, empty where an organ was not found."""
        ...


class BundleSegmenter:
    """A network of a bundle, ready to run. Made by :func:`bundle.load_segmenter`.

    Holds no state between frames; the number of torch threads is the caller's choice.
    """

    def __init__(self, network, device, identity: ModelIdentity, network_input: NetworkInput, rules: MaskRules):
        self.identity = identity
        self.network_input = network_input
        self.rules = rules
        self._network = network
        self._device = device

    def probabilities(self, image: UltrasoundImage, geometry: ScanGeometry):
        """``(probabilities, letterbox)``: float32 ``(3, height, width)`` over the crop that the letterbox names."""
        import torch

        tensor, box = prepare(image.pixels, geometry, self.network_input)
        with torch.inference_mode():
            if self.rules.average_mirrored:
                tensor = torch.cat([tensor, tensor.flip(-1)])
            output = self._network(tensor.to(self._device)).float()
            shares = torch.softmax(output, 1) if self.rules.activation == "softmax" else torch.sigmoid(output)
            mean = (shares[0] + shares[1].flip(-1)) / 2 if self.rules.average_mirrored else shares[0]
            return restore(mean, box), box

    def segment(self, image: UltrasoundImage, geometry: ScanGeometry) -> OrganMasks:
        """Liver and right kidney of one frame, in source geometry.

        A mask is empty where the organ was not found: nothing over the threshold, too small, or too uncertain by the
        bundle's rules. Raises ``ValueError`` if ``geometry`` is of another size than ``image``.
        """
        if geometry.mask.shape != image.pixels.shape:
            raise ValueError(
                f"scan geometry is {geometry.mask.shape}, the frame {image.pixels.shape}: not of one frame"
            )
        probabilities, box = self.probabilities(image, geometry)
        return masks_from_probabilities(probabilities, box, geometry, self.rules)
