"""Where the scan lies in the image, and the beam grid that covers it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry.scan import ProbeShape, ScanGeometry
from .parameters import ScanParameters


@dataclass(frozen=True)
class Layout:
    """Pixel grid and beam grid of a scan.

    The pixel grid is the scan's bounding box, which may extend beyond the image: ``origin`` is its upper left pixel
    ``(x, y)`` in the image. ``x_mm`` and ``y_mm`` are its axes from the middle of the transducer surface.
    ``depth_mm`` and ``beam`` (index along the beams, float) belong to its pixels. ``depths_mm`` is the beam
    grid's axis, ``beam_x``, ``beam_y`` its sample positions as nearest grid indices, ``lateral_mm`` the distance
    between beams at each depth, ``padding`` the extra beams beyond each scan border.
    """

    geometry: ScanGeometry
    origin: tuple[int, int]
    x_mm: np.ndarray
    y_mm: np.ndarray
    depth_mm: np.ndarray
    sample: np.ndarray  # float32 (2, rows, columns): fractional beam grid index (depth, beam) of each pixel
    inside: np.ndarray  # bool, pixels of the grid in the unclipped scan
    depths_mm: np.ndarray
    beam_x: np.ndarray
    beam_y: np.ndarray
    beam_angle: np.ndarray
    lateral_mm: np.ndarray
    padding: int

    @property
    def axial_mm(self) -> float:
        """Distance between samples along the beam."""
        return float(self.depths_mm[1] - self.depths_mm[0])

    def to_image(self, array: np.ndarray, fill=0) -> np.ndarray:
        """The image-sized array of a pixel grid array; ``fill`` outside the grid."""
        image = np.full(self.geometry.mask.shape, fill, array.dtype)
        rows, columns = image.shape
        x0, y0 = self.origin
        top, left = max(y0, 0), max(x0, 0)
        bottom, right = min(y0 + array.shape[0], rows), min(x0 + array.shape[1], columns)
        image[top:bottom, left:right] = array[top - y0 : bottom - y0, left - x0 : right - x0]
        return image


def _beams(scan: ScanParameters) -> tuple[np.ndarray, int]:
    """Lateral beam coordinate (rad, or mm for LINEAR) including padding beams, and the padding."""
    count = scan.beams or (224 if scan.shape is ProbeShape.SECTOR else 256)
    if scan.shape is ProbeShape.LINEAR:
        low, high = -scan.width_mm / 2, scan.width_mm / 2
    else:
        low, high = scan.angle_min, scan.angle_max
    padding = count // 12
    step = (high - low) / (count - 1)
    return low + step * np.arange(-padding, count + padding), padding


def make_layout(scan: ScanParameters) -> Layout:
    """Lay out the scan. Raises ``ValueError`` if none of it is in the image."""
    sx, sy = scan.spacing_mm, scan.spacing_mm * scan.aspect
    linear = scan.shape is ProbeShape.LINEAR
    radius = 0.0 if linear else scan.near_radius_mm
    lateral, padding = _beams(scan)
    wavelength = 1.54 / scan.frequency_mhz
    axial = min(sy, sx, scan.cycles * wavelength / 2 / 1.9)
    depths = np.arange(0.0, scan.depth_mm + 2 * axial, axial, dtype=np.float32)
    if linear:
        # all beams are steered by the same angle
        angle = np.full(lateral.size, scan.angle_min)
        bx = lateral[None] + depths[:, None] * np.sin(angle)
        by = np.broadcast_to(depths[:, None] * np.cos(angle), bx.shape)
        spacing = np.full(depths.size, (lateral[1] - lateral[0]) * np.cos(scan.angle_min))
    else:
        angle = lateral
        bx = (radius + depths[:, None]) * np.sin(angle)
        by = (radius + depths[:, None]) * np.cos(angle) - radius
        spacing = (radius + depths) * (lateral[1] - lateral[0])
    kept = slice(padding, lateral.size - padding)
    x0 = int(np.floor(bx[:, kept].min() / sx + scan.center_x)) - 1
    x1 = int(np.ceil(bx[:, kept].max() / sx + scan.center_x)) + 1
    y0 = int(np.floor(by[:, kept].min() / sy + scan.top_y)) - 1
    y1 = int(np.ceil(by[:, kept].max() / sy + scan.top_y)) + 1
    x_mm = ((np.arange(x0, x1 + 1) - scan.center_x) * sx).astype(np.float32)
    y_mm = ((np.arange(y0, y1 + 1) - scan.top_y) * sy).astype(np.float32)
    if linear:
        depth = np.broadcast_to(y_mm[:, None] / np.cos(scan.angle_min), (y_mm.size, x_mm.size)).astype(np.float32)
        coordinate = x_mm[None] - depth * np.float32(np.sin(scan.angle_min))
        low, high = -scan.width_mm / 2, scan.width_mm / 2
    else:
        depth = np.hypot(x_mm[None], y_mm[:, None] + np.float32(radius)) - np.float32(radius)
        coordinate = np.arctan2(x_mm[None], y_mm[:, None] + np.float32(radius))
        low, high = scan.angle_min, scan.angle_max
    inside = (depth >= 0) & (depth <= scan.depth_mm) & (coordinate >= low) & (coordinate <= high)
    step = lateral[1] - lateral[0]
    sample = np.stack([depth / np.float32(axial), (coordinate - np.float32(lateral[0])) / np.float32(step)])
    blank = ScanGeometry(
        shape=scan.shape,
        mask=np.zeros((scan.rows, scan.columns), bool),
        apex=(0.0, 0.0) if linear else (scan.center_x, scan.top_y - radius / sy),
        near_radius=radius / sx,
        far_radius=0.0 if linear else (radius + scan.depth_mm) / sx,
        angle_min=scan.angle_min,
        angle_max=scan.angle_min if linear else scan.angle_max,
        top=scan.top_y if linear else 0.0,
        aspect=scan.aspect,
    )
    layout = Layout(
        geometry=blank,
        origin=(x0, y0),
        x_mm=x_mm,
        y_mm=y_mm,
        depth_mm=depth,
        sample=sample,
        inside=inside,
        depths_mm=depths,
        beam_x=np.clip(np.rint(bx / sx + scan.center_x - x0), 0, x_mm.size - 1).astype(np.intp),
        beam_y=np.clip(np.rint(by / sy + scan.top_y - y0), 0, y_mm.size - 1).astype(np.intp),
        beam_angle=np.asarray(angle, np.float32),
        lateral_mm=spacing.astype(np.float32),
        padding=padding,
    )
    blank.mask[:] = layout.to_image(inside, False)
    if not blank.mask.any():
        raise ValueError("the scan lies outside the image; move center_x or top_y")
    return layout
