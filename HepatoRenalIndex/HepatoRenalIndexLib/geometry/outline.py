"""Hypotheses on the outline of the insonated area, judged by the envelope of the tissue.

The sides of a sector and of a linear scan are straight and no tissue lies beyond them, however dark parts of them are:
a side is the supporting line that most envelope points lie on. Two sides that meet make an annular sector, whose arcs
are the radii that most points lie on with little tissue beyond; parallel sides make a linear scan.

Positions here are isotropic source pixels, ``(x, y * aspect)``; angles in radians from straight down, positive right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .foreground import Envelope

_SIDE_ANGLES = np.radians(np.arange(-60.0, 84.0, 1.0))  # of the outward opening of a side
_CANDIDATES = 3  # sides tried per hand
_PARALLEL = np.radians(5.0)  # sides that open less are parallel
_MIN_OVERLAP = 0.12  # a side must be seen along this share of the tissue's height


@dataclass(frozen=True)
class Side:
    """A straight lateral limit: the points ``p`` with ``(p - point) . normal = 0``, ``normal`` pointing outward."""

    point: np.ndarray
    normal: np.ndarray
    support: float = 0.0

    @property
    def angle(self) -> float:
        """Direction of the side away from the transducer."""
        direction = np.array([-self.normal[1], self.normal[0]])
        if direction[1] < 0:
            direction = -direction
        return float(np.arctan2(direction[0], direction[1]))

    def at_row(self, y):
        """Where the side crosses row ``y`` (isotropic; scalar or array)."""
        return self.point[0] - (y - self.point[1]) * self.normal[1] / self.normal[0]

    def distance(self, points: np.ndarray) -> np.ndarray:
        return (points - self.point) @ self.normal


@dataclass(frozen=True)
class Outline:
    """One hypothesis. ``apex`` is None for parallel sides and flat scans, whose limits are rows ``near``, ``far``."""

    left: Side
    right: Side
    near: float  # radius or row
    far: float
    apex: np.ndarray | None = None
    score: float = 0.0


def side_candidates(points: np.ndarray, hand: int, tolerance: float, height: float) -> list[Side]:
    """Best supporting lines of the envelope ``points`` of one hand (-1 left, +1 right), the best first.

    A line scores one per point within ``tolerance`` and loses one per point beyond it. ``height`` is the vertical
    extent of the tissue; a line must be seen along a good part of it.
    """
    if len(points) < 8:
        return []
    center = points.mean(axis=0)
    normals = np.stack([hand * np.cos(_SIDE_ANGLES), -np.sin(_SIDE_ANGLES)])
    offsets = (points - center) @ normals  # (points, angles)
    step = tolerance / 1.5
    low = offsets.min() - 2 * step
    bins = ((offsets - low) / step).astype(np.intp)
    width = bins.max() + 3
    counts = np.zeros(width * _SIDE_ANGLES.size)
    flat = bins + np.arange(_SIDE_ANGLES.size) * width
    counts = np.bincount(flat.ravel(), minlength=counts.size).reshape(-1, width).astype(float)
    within = counts.copy()
    within[:, 1:] += counts[:, :-1]
    within[:, :-1] += counts[:, 1:]
    beyond = counts[:, ::-1].cumsum(axis=1)[:, ::-1]
    score = within
    score[:, :-2] -= beyond[:, 2:]
    found: list[Side] = []
    for _ in range(_CANDIDATES):
        angle, position = np.unravel_index(score.argmax(), score.shape)
        best = score[angle, position]
        normal = normals[:, angle]
        side = Side(center + normal * (low + (position + 0.5) * step), normal, float(best))
        near = np.abs(side.distance(points)) <= tolerance
        if best < 8 or np.ptp(points[near, 1]) < _MIN_OVERLAP * height:
            if best < 8:
                break
            score[angle, position] = -np.inf
            continue
        found.append(_refit(side, points, tolerance))
        # Neighbors in angle are the same line seen askew.
        score[max(0, angle - 8) : angle + 9] = -np.inf
    return found


def _refit(side: Side, points: np.ndarray, tolerance: float) -> Side:
    """The side refitted by total least squares to the points near it."""
    for _ in range(3):
        near = points[np.abs(side.distance(points)) <= tolerance]
        if len(near) < 6:
            return side
        middle = near.mean(axis=0)
        _, _, axes = np.linalg.svd(near - middle, full_matrices=False)
        normal = axes[1] if axes[1] @ side.normal > 0 else -axes[1]
        side = replace(side, point=middle, normal=normal)
    return side


def _extreme(values: np.ndarray, every: np.ndarray, tolerance: float, outward: int) -> float:
    """The limit that most ``values`` lie on with few of ``every`` beyond it (``outward`` +1 larger, -1 smaller).

    The outermost of ``every`` where the values agree on none.
    """
    values, every = outward * values, outward * every
    step = tolerance / 1.5
    low = every.min() - 2 * step
    size = int((every.max() - low) / step) + 4

    def histogram(v):
        return np.bincount(((v - low) / step).astype(np.intp), minlength=size).astype(float)

    counts = histogram(values)
    within = counts.copy()
    within[1:] += counts[:-1]
    within[:-1] += counts[1:]
    score = within
    score[:-2] -= histogram(every)[::-1].cumsum()[::-1][2:]
    if score.max() < 5:
        return outward * float(np.sort(every)[-min(3, every.size)])
    value = low + (int(score.argmax()) + 0.5) * step
    near = np.abs(values - value) <= tolerance
    return outward * float(np.median(values[near]) if near.any() else value)


def sector_outline(left: Side, right: Side, envelope: Envelope, tolerance: float) -> Outline | None:
    """The annular sector between two sides; None when they do not open downward."""
    opening = right.angle - left.angle
    if not _PARALLEL < opening < np.radians(170):
        return None
    apex = np.linalg.solve(
        np.stack([left.normal, right.normal]), [left.point @ left.normal, right.point @ right.normal]
    )
    if apex[1] > np.quantile(envelope.every[:, 1], 0.2):
        return None

    def radii(points, margin):
        inside = (left.distance(points) < -margin) & (right.distance(points) < -margin)
        return np.hypot(*(points[inside] - apex).T)

    # Points along the sides say how far the arcs lie at least, but not where.
    every = radii(envelope.every, -tolerance)
    if every.size == 0:
        return None
    near = _extreme(radii(envelope.top, 2 * tolerance), every, tolerance, -1)
    far = _extreme(radii(envelope.bottom, 2 * tolerance), every, tolerance, 1)
    return _scored(Outline(left, right, max(0.0, near), far, apex), envelope, tolerance)


def flat_outline(left: Side, right: Side, envelope: Envelope, tolerance: float) -> Outline | None:
    """The scan with flat top and bottom between two sides; None when they close downward or the top is not flat."""
    opening = right.angle - left.angle
    if len(envelope.top) < 8 or opening < -_PARALLEL:
        return None
    every = envelope.every[:, 1]
    near = _extreme(envelope.top[:, 1], every, tolerance, -1)
    far = _extreme(envelope.bottom[:, 1], every, tolerance, 1)
    if far - near < 8 * tolerance:
        return None
    outline = _scored(Outline(left, right, near, far), envelope, tolerance)
    if opening > _PARALLEL:
        # A virtual convex scan. The tip of a sector is flat too, but short, and arcs pass for flat along a part.
        ends = [side.at_row(near) for side in (left, right)]
        on_top = envelope.top[np.abs(envelope.top[:, 1] - near) <= tolerance, 0]
        if ends[1] - ends[0] < 0.25 * (far - near) or on_top.size == 0:
            return None
        if np.ptp(on_top) < 0.8 * (ends[1] - ends[0]):
            return None
    return outline


def limits(outline: Outline, points: np.ndarray) -> np.ndarray:
    """Signed distances ``(4, n)`` of ``points`` beyond the left, right, near and far limits (negative inside)."""
    if outline.apex is None:
        depth = points[:, 1]
    else:
        delta = points - outline.apex
        depth = np.hypot(delta[:, 0], delta[:, 1])
    return np.stack(
        [
            outline.left.distance(points),
            outline.right.distance(points),
            outline.near - depth,
            depth - outline.far,
        ]
    )


def _scored(outline: Outline, envelope: Envelope, tolerance: float) -> Outline:
    """``outline`` with its score: the share of envelope points it explains, less the share left outside it."""
    points = np.concatenate([envelope.left, envelope.right, envelope.top, envelope.bottom])
    explained = np.abs(limits(outline, points).max(axis=0)) <= tolerance
    outside = limits(outline, envelope.every).max(axis=0) > tolerance
    return replace(outline, score=float(explained.mean() - outside.mean()))
