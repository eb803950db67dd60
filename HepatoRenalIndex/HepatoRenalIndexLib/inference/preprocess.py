"""From a frame to the network's input, and from the network's output back to masks in source geometry.

Into the network: the frame is set to black outside the insonated area, cropped to that area's bounds, brought to
square pixels (``ScanGeometry.aspect``), scaled to fit the network's fixed size (letterbox, centered, black margins)
and normalized. Out of it: class probabilities are scaled back over the same crop, and each organ's mask is what lies
over the threshold inside the insonated area, its largest object (Cha et al. 2021) with holes filled.

What a network expects is read from its bundle (see ``bundle.py``), so these steps serve any network of that contract.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..geometry.scan import ScanGeometry
from ..measurement.organs import LIVER_LABEL, RIGHT_KIDNEY_LABEL, OrganMasks, largest_object

# Names of intensity normalizations that a bundle may ask for.
STANDARDIZE_IN_SCAN = "standardize_in_scan"  # mean 0, SD 1 over the insonated area: invariant to gain
UNIT_RANGE = "unit_range"  # gray level / 255
NORMALIZATIONS = (STANDARDIZE_IN_SCAN, UNIT_RANGE)
SMALLEST_SD = 0.02  # of the unit range: a flat image is not blown up to noise


@dataclass(frozen=True)
class NetworkInput:
    """What the network takes: ``rows`` and ``columns`` of its one channel, and the intensity normalization."""

    rows: int
    columns: int
    normalization: str = STANDARDIZE_IN_SCAN


@dataclass(frozen=True)
class MaskRules:
    """How the network's output becomes masks.

    ``activation`` (``softmax`` or ``sigmoid``) turns it into probabilities; an object that covers less
    than ``minimum_area_share`` of the insonated area, or whose mean probability is under ``minimum_confidence``, is no
    organ: its mask is left empty.
    """

    threshold: float = 0.5
    minimum_area_share: float = 0.0
    minimum_confidence: float = 0.0
    activation: str = "softmax"


@dataclass(frozen=True)
class Letterbox:
    """Where a crop of the source lies in the network's input.

    The source pixels ``x0 <= x < x0 + width``, ``y0 <= y < y0 + height`` fill the input's ``left <= u < left +
    columns``, ``top <= v < top + rows``; pixel areas correspond, so
    ``u + 0.5 = (x - x0 + 0.5) * columns / width + left``.
    """

    x0: int
    y0: int
    width: int
    height: int
    left: int
    top: int
    columns: int
    rows: int

    @classmethod
    def fit(cls, geometry: ScanGeometry, target: NetworkInput) -> Letterbox:
        """The largest centered placement of the insonated area's bounds that keeps true proportions."""
        x0, y0, x1, y1 = geometry.bounds
        width, height = x1 - x0 + 1, y1 - y0 + 1
        scale = min(target.columns / width, target.rows / (height * geometry.aspect))
        columns = min(max(1, round(width * scale)), target.columns)
        rows = min(max(1, round(height * geometry.aspect * scale)), target.rows)
        left, top = (target.columns - columns) // 2, (target.rows - rows) // 2
        return cls(x0, y0, width, height, left, top, columns, rows)

    def to_network(self, x, y):
        """Position ``(u, v)`` in the network's input of the source position ``(x, y)``."""
        u = (np.asarray(x, float) - self.x0 + 0.5) * self.columns / self.width + self.left - 0.5
        v = (np.asarray(y, float) - self.y0 + 0.5) * self.rows / self.height + self.top - 0.5
        return u, v

    def to_source(self, u, v):
        """Position ``(x, y)`` in the source of ``(u, v)`` in the network's input; the inverse of ``to_network``."""
        x = (np.asarray(u, float) - self.left + 0.5) * self.width / self.columns + self.x0 - 0.5
        y = (np.asarray(v, float) - self.top + 0.5) * self.height / self.rows + self.y0 - 0.5
        return x, y


def normalize(image, mask, normalization: str):
    """Normalize torch tensors ``(batch, 1, H, W)``: ``image`` in 0..1, black outside the bool ``mask``.

    Black stays the darkest value, so the outline of the insonated area remains visible to the network.
    """
    import torch

    if normalization == UNIT_RANGE:
        return image
    if normalization != STANDARDIZE_IN_SCAN:
        raise ValueError(f"unknown normalization {normalization!r}; known: {', '.join(NORMALIZATIONS)}")
    inside = mask.to(image.dtype)
    count = inside.sum((1, 2, 3), keepdim=True).clamp(min=1)
    mean = (image * inside).sum((1, 2, 3), keepdim=True) / count
    variance = ((image - mean).square() * inside).sum((1, 2, 3), keepdim=True) / count
    return (image - mean) / torch.clamp(variance.sqrt(), min=SMALLEST_SD)


def prepare(pixels: np.ndarray, geometry: ScanGeometry, target: NetworkInput):
    """The network's input for one frame.

    Args:
        pixels: uint8 ``(rows, columns)`` in source geometry.
        geometry: of the same frame.
        target: what the network takes.

    Returns ``(tensor, letterbox)``: float32 ``(1, 1, target.rows, target.columns)`` and where the crop lies in it.
    """
    import torch
    from torch.nn import functional as F

    box = Letterbox.fit(geometry, target)
    crop = np.s_[box.y0 : box.y0 + box.height, box.x0 : box.x0 + box.width]
    inside = geometry.mask[crop]
    stack = np.stack([np.where(inside, pixels[crop], np.uint8(0)), inside * np.uint8(255)])
    planes = torch.from_numpy(stack).unsqueeze(0).float() / 255
    planes = F.interpolate(planes, (box.rows, box.columns), mode="bilinear", align_corners=False, antialias=True)
    right, bottom = target.columns - box.columns - box.left, target.rows - box.rows - box.top
    planes = F.pad(planes, (box.left, right, box.top, bottom))
    return normalize(planes[:, :1], planes[:, 1:] > 0.5, target.normalization), box


def restore(probabilities, box: Letterbox) -> np.ndarray:
    """Class probabilities over the crop in source pixels.

    Args:
        probabilities: torch tensor ``(classes, H, W)`` at the network's size.
        box: what :func:`prepare` returned.

    Returns float32 ``(classes, box.height, box.width)``.
    """
    from torch.nn import functional as F

    inner = probabilities[None, :, box.top : box.top + box.rows, box.left : box.left + box.columns]
    resized = F.interpolate(inner.float(), (box.height, box.width), mode="bilinear", align_corners=False)
    return resized[0].cpu().numpy()


def masks_from_probabilities(
    probabilities: np.ndarray, box: Letterbox, geometry: ScanGeometry, rules: MaskRules
) -> OrganMasks:
    """Organ masks in source geometry.

    Args:
        probabilities: float ``(3, box.height, box.width)`` of background, liver, right kidney, as :func:`restore`
            returns them.
        box: where they lie in the source.
        geometry: of the frame; masks never leave its insonated area.
        rules: threshold, smallest size and smallest mean probability.
    """
    crop = np.s_[box.y0 : box.y0 + box.height, box.x0 : box.x0 + box.width]
    inside = geometry.mask[crop]
    smallest = rules.minimum_area_share * np.count_nonzero(inside)
    liver, kidney = probabilities[LIVER_LABEL], probabilities[RIGHT_KIDNEY_LABEL]
    candidates = {
        LIVER_LABEL: (liver > rules.threshold) & (liver >= kidney) & inside,
        RIGHT_KIDNEY_LABEL: (kidney > rules.threshold) & (kidney > liver) & inside,
    }
    objects = {label: largest_object(candidate) for label, candidate in candidates.items()}
    full, confidence = {}, {}
    for label, organ in objects.items():
        other = objects[LIVER_LABEL + RIGHT_KIDNEY_LABEL - label]
        filled = fill_holes(organ) & inside & ~other
        full[label] = np.zeros(geometry.mask.shape, bool)
        area = np.count_nonzero(filled)
        confidence[label] = float(probabilities[label][filled].mean()) if area else 0.0
        if area and area >= smallest and confidence[label] >= rules.minimum_confidence:
            full[label][crop] = filled
    return OrganMasks(
        full[LIVER_LABEL], full[RIGHT_KIDNEY_LABEL], confidence[LIVER_LABEL], confidence[RIGHT_KIDNEY_LABEL]
    )


def fill_holes(mask: np.ndarray) -> np.ndarray:
    """A bool mask with the background that does not reach the border filled (many times faster than
    ``scipy.ndimage.binary_fill_holes``, which dilates step by step)."""
    labeled, count = ndimage.label(~mask)
    if count <= 1:
        return mask
    outside = np.zeros(count + 1, bool)
    for edge in (labeled[0], labeled[-1], labeled[:, 0], labeled[:, -1]):
        outside[edge] = True
    outside[0] = False
    return ~outside[labeled]
