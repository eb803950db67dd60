"""ROI placement: the interface that every named placement implements, and their registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .mixture import HistogramMixture
from .organs import OrganMasks
from .roi import Roi


class PlacementError(ValueError):
    """No ROI can be placed. The message is one sentence for the user."""


@dataclass(frozen=True)
class PlacementInput:
    """What a placement may look at, all arrays ``(rows, columns)`` in source geometry.

    ``valid`` is True where a pixel may belong to an ROI (insonated, not colored); ``depth`` is the depth along
    the beam in pixel widths; ``roi_width`` and ``roi_height`` are in pixels.
    """

    pixels: np.ndarray
    masks: OrganMasks
    valid: np.ndarray
    depth: np.ndarray
    roi_width: int
    roi_height: int


@dataclass(frozen=True)
class RoiChoice:
    """One placed ROI, with the instruments that show why it is there.

    ``class_map`` is uint8: 0 outside the candidate tissue, 1 darkest, 2 middle, 3 brightest mixture class.
    ``cost_map`` is float32, the cost of a window centered at each pixel, NaN where no window may be.
    """

    roi: Roi
    candidate_count: int
    mixture: HistogramMixture
    class_map: np.ndarray
    cost_map: np.ndarray


@dataclass(frozen=True)
class PlacementResult:
    """Both ROIs of one frame by the placement called ``name``."""

    name: str
    liver: RoiChoice
    kidney: RoiChoice


Placement = Callable[[PlacementInput], PlacementResult]
