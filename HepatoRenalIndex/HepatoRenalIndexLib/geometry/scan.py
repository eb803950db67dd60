"""The insonated area of a frame: its outline, and depth along the beam.

Angles are in radians from straight down the image, positive to the right. Lengths are in pixels of the
source image scaled to be isotropic: ``aspect`` is the pixel height divided by the pixel width, 1.0 where
unknown, and a position ``(x, y)`` enters every formula as ``(x, y * aspect)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np


class ProbeShape(str, Enum):  # noqa: UP042 as every enumeration of the library
    """How the beams leave the transducer."""

    SECTOR = "sector"  # phased array: beams from (nearly) one point
    CURVED = "curved"  # curved array: beams from an arc of finite radius
    LINEAR = "linear"  # linear array: parallel beams
    UNKNOWN = "unknown"  # no geometry found: depth is measured straight down


@dataclass(frozen=True)
class ScanGeometry:
    """Scan geometry of one frame.

    ``mask`` is bool ``(rows, columns)``, True inside the insonated area (text, ECG, gray bar and rulers
    outside are False). For SECTOR and CURVED, ``apex`` is where the beams meet (it may lie above the image) and
    the area is ``near_radius <= r <= far_radius``, ``angle_min <= angle <= angle_max``. For LINEAR the beams leave
    the line ``y = top`` at ``angle_min == angle_max`` (the steering angle, usually 0). UNKNOWN behaves as LINEAR
    with ``top`` at the first row of the mask.
    """

    shape: ProbeShape
    mask: np.ndarray
    apex: tuple[float, float] = (0.0, 0.0)
    near_radius: float = 0.0
    far_radius: float = 0.0
    angle_min: float = 0.0
    angle_max: float = 0.0
    top: float = 0.0
    aspect: float = 1.0

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """``(x0, y0, x1, y1)`` of the mask, inclusive; the whole image if the mask is empty."""
        rows = np.flatnonzero(self.mask.any(axis=1))
        columns = np.flatnonzero(self.mask.any(axis=0))
        if rows.size == 0:
            return 0, 0, self.mask.shape[1] - 1, self.mask.shape[0] - 1
        return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])

    def depth_at(self, x, y):
        """Depth below the transducer surface along the beam through ``(x, y)``, in isotropic pixels (pixel widths).

        Takes scalars or arrays; negative above the transducer surface.
        """
        x = np.asarray(x, dtype=float)
        y = np.asarray(y, dtype=float) * self.aspect
        if self.shape in (ProbeShape.SECTOR, ProbeShape.CURVED):
            return np.hypot(x - self.apex[0], y - self.apex[1] * self.aspect) - self.near_radius
        return (y - self.top * self.aspect) / np.cos(self.angle_min)

    def angle_at(self, x, y):
        """Angle of the beam through ``(x, y)``, radians from straight down, positive to the right."""
        x = np.asarray(x, dtype=float)
        y = np.asarray(y, dtype=float) * self.aspect
        if self.shape in (ProbeShape.SECTOR, ProbeShape.CURVED):
            return np.arctan2(x - self.apex[0], y - self.apex[1] * self.aspect)
        return np.full(np.broadcast(x, y).shape, self.angle_min)

    def beam_at(self, x, y):
        """Where the beam through ``(x, y)`` leaves the transducer, 0..1 from the left to the right border of the scan.

        Angles share the scan evenly; parallel beams (LINEAR, UNKNOWN) do so sideways, over the width of the mask.
        """
        if self.shape in (ProbeShape.SECTOR, ProbeShape.CURVED):
            low, high = self.angle_min, self.angle_max
            position = self.angle_at(x, y)
        else:
            low, _, high, _ = self.bounds
            position = np.asarray(x) - np.tan(self.angle_min) * (np.asarray(y) - self.top) * self.aspect
        return (position - low) / max(high - low, 1e-9)

    def depth_map(self) -> np.ndarray:
        """Depth along the beam of every pixel, float32 ``(rows, columns)``, in isotropic pixels."""
        rows, columns = self.mask.shape
        depth = self.depth_at(np.arange(columns)[None, :], np.arange(rows)[:, None])
        return np.broadcast_to(depth, self.mask.shape).astype(np.float32)  # parallel beams: depth depends on y alone
