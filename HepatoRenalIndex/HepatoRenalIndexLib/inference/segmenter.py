"""Segmentation of one frame with a loaded network."""

from __future__ import annotations

from ..geometry.scan import ScanGeometry
from ..imaging.image import UltrasoundImage
from ..measurement.organs import OrganMasks
from ..measurement.result import ModelIdentity
from .preprocess import MaskRules, NetworkInput, masks_from_probabilities
from .views import View, average_probabilities


class BundleSegmenter:
    """A network of a bundle, ready to run. Made by :func:`bundle.load_segmenter`.

    Holds no state between frames; the number of torch threads is the caller's choice.
    """

    def __init__(
        self,
        network,
        device,
        identity: ModelIdentity,
        network_input: NetworkInput,
        rules: MaskRules,
        views: tuple[View, ...] = (),
    ):
        self.identity = identity
        self.network_input = network_input
        self.rules = rules
        self.views = views
        self._network = network
        self._device = device

    def probabilities(self, image: UltrasoundImage, geometry: ScanGeometry):
        """``(probabilities, letterbox)``: float32 ``(3, height, width)`` over the crop that the letterbox names."""
        return average_probabilities(
            self._network,
            self._device,
            image.pixels,
            geometry,
            self.network_input,
            self.views,
            self.rules.activation,
        )

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
