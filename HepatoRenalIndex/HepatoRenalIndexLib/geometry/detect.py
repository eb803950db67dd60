"""Scan geometry of a frame from its pixels alone."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull

from .faint import widen
from .foreground import Envelope, Foreground, find_envelope, find_foreground
from .outline import Outline, Side, flat_outline, sector_outline, side_candidates
from .refine import refine
from .scan import ProbeShape, ScanGeometry

# An outline must explain so much more of the envelope than it leaves outside.
_LOWEST_FLAT = 0.35
_LOWEST_SECTOR = 0.2
_SECTOR_RATIO = 0.12  # near to far radius; a smaller one is a phased array
_PARALLEL = np.radians(5.0)
_SMALLEST_STEERING = np.radians(2.0)  # scanners steer by five degrees and more; less is error of the fit
_SMALLEST_AREA = 0.01  # share of the image that must be tissue


def detect_scan_geometry(pixels: np.ndarray, *, color: np.ndarray | None = None, aspect: float = 1.0) -> ScanGeometry:
    """Find the insonated area of a frame.

    ``pixels`` is uint8 ``(rows, columns)``; ``color`` bool of the same shape, True where the source was colored (never
    taken as tissue when the outline is sought); ``aspect`` is pixel height divided by pixel width. The mask follows the
    fitted outline, so dark deep or lateral tissue is inside and text, traces, bars and rulers are not.

    Returns UNKNOWN with the hull of the tissue when no outline fits, and with an empty mask when there is no tissue.
    """
    foreground = find_foreground(pixels, color)
    if foreground.area.mean() < _SMALLEST_AREA:
        return ScanGeometry(ProbeShape.UNKNOWN, np.zeros(pixels.shape, dtype=bool), aspect=aspect)
    envelope = find_envelope(foreground, aspect)
    outline = _best_outline(foreground, envelope, aspect)
    if outline is None:
        return _unknown(foreground, aspect)
    outline = refine(outline, foreground, aspect)
    outline = widen(outline, pixels, foreground, aspect)
    return _as_geometry(outline, pixels.shape, aspect)


def _best_outline(foreground: Foreground, envelope: Envelope, aspect: float) -> Outline | None:
    """The outline that explains the envelope best, or None."""
    columns = foreground.shape[1]
    tolerance = 1.5 * foreground.scale * max(1.0, aspect)
    inner = sum(len(points) for points in (envelope.left, envelope.right, envelope.top, envelope.bottom))
    if inner < 24:
        return None
    height = np.ptp(envelope.every[:, 1])
    borders = {-1: -0.5, 1: columns - 0.5}
    sides = {}
    for hand, name in ((-1, "left"), (1, "right")):
        sides[hand] = side_candidates(getattr(envelope, name), hand, tolerance, height)
        if envelope.touches[name] > 0.3:
            sides[hand].append(Side(np.array([borders[hand], 0.0]), np.array([float(hand), 0.0])))
        # A linear scan whose side is dark reaches as far as its farthest tissue.
        extreme = hand * np.quantile(hand * envelope.every[:, 0], 0.99)
        sides[hand].append(Side(np.array([extreme, 0.0]), np.array([float(hand), 0.0])))
    found = []
    for left in sides[-1]:
        for right in sides[1]:
            found.append(sector_outline(left, right, envelope, tolerance))
            found.append(flat_outline(left, right, envelope, tolerance))
    found = [outline for outline in found if outline is not None and outline.score >= _lowest_score(outline)]
    return max(found, key=lambda outline: outline.score, default=None)


def _lowest_score(outline: Outline) -> float:
    """The score below which an outline is not believed: dark parts of a sector leave less of it to be seen."""
    return _LOWEST_FLAT if outline.apex is None else _LOWEST_SECTOR


def _unknown(foreground: Foreground, aspect: float) -> ScanGeometry:
    """No outline fits: the convex hull of the largest piece of tissue, or the whole image when tissue fills it."""
    rows = foreground.shape[0]
    labels, count = ndimage.label(ndimage.binary_closing(foreground.area, iterations=2))
    largest = labels == np.bincount(labels.ravel())[1:].argmax() + 1 if count else foreground.area
    mask = _hull(largest, foreground)
    if mask.mean() > 0.95:
        mask[:] = True
    top = float(np.flatnonzero(mask.any(axis=1))[0]) if mask.any() else 0.0
    return ScanGeometry(ProbeShape.UNKNOWN, mask, top=top, far_radius=float(rows - top) * aspect, aspect=aspect)


def _hull(area: np.ndarray, foreground: Foreground) -> np.ndarray:
    """Filled convex hull of a reduced bool image, at full resolution."""
    y, x = np.nonzero(area)
    half = foreground.scale / 2
    corners = np.concatenate(
        [
            np.stack([foreground.to_source(x) + dx, foreground.to_source(y) + dy], axis=1)
            for dx in (-half, half)
            for dy in (-half, half)
        ]
    )
    rows, columns = foreground.shape
    mask = np.ones((rows, columns), dtype=bool)
    for a, b, c in np.unique(np.round(ConvexHull(corners).equations, 9), axis=0):
        mask &= a * np.arange(columns)[None, :] + b * np.arange(rows)[:, None] + c <= 1e-6
    return mask


def _as_geometry(outline: Outline, shape: tuple[int, int], aspect: float) -> ScanGeometry:
    mask = rasterize(outline, shape, aspect)
    angle_min, angle_max = outline.left.angle, outline.right.angle
    if outline.apex is not None:
        kind = ProbeShape.SECTOR if outline.near < _SECTOR_RATIO * outline.far else ProbeShape.CURVED
        apex = (float(outline.apex[0]), float(outline.apex[1] / aspect))
        return ScanGeometry(kind, mask, apex, outline.near, outline.far, angle_min, angle_max, aspect=aspect)
    # Parallel sides share their direction with the beams; sides that open are a trapezoid around vertical beams.
    steering = (angle_min + angle_max) / 2 if abs(angle_max - angle_min) < _PARALLEL else 0.0
    if abs(steering) < _SMALLEST_STEERING:
        steering = 0.0
    return ScanGeometry(
        ProbeShape.LINEAR,
        mask,
        far_radius=float((outline.far - outline.near) / np.cos(steering)),
        angle_min=steering,
        angle_max=steering,
        top=float(outline.near / aspect),
        aspect=aspect,
    )


def rasterize(outline: Outline, shape: tuple[int, int], aspect: float) -> np.ndarray:
    """Bool ``shape``: pixels whose center lies within all four limits of ``outline``."""
    x = np.arange(shape[1], dtype=np.float32)[None, :]
    y = (np.arange(shape[0], dtype=np.float32) * np.float32(aspect))[:, None]
    if outline.apex is None:
        mask = np.broadcast_to((y >= outline.near) & (y <= outline.far), shape).copy()
    else:
        squared = (x - np.float32(outline.apex[0])) ** 2 + (y - np.float32(outline.apex[1])) ** 2
        mask = (squared >= outline.near**2) & (squared <= outline.far**2)
    for side in (outline.left, outline.right):
        # One limit per row: the side is a function of y because it is never horizontal.
        edge = side.at_row(y)
        mask &= x <= edge if side.normal[0] > 0 else x >= edge
    return mask
