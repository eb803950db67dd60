"""An outline adjusted at full resolution to the pixels along its limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .foreground import Foreground
from .outline import Outline, Side

_SAMPLES = 160  # edge positions sampled along each limit


def refine(outline: Outline, foreground: Foreground, aspect: float) -> Outline:
    """``outline`` fitted by iteratively reweighted least squares to the outermost lit pixels near its limits."""
    lit = foreground.lit
    for reach in (4.0 * foreground.scale, 2.0 * foreground.scale + 1.0):
        sides = [_side_points(side, outline, lit, aspect, reach) for side in (outline.left, outline.right)]
        if outline.apex is None:
            outline = _flat_fit(outline, sides, lit, aspect, reach)
        else:
            arcs = [_arc_points(outline, lit, aspect, reach, outward) for outward in (-1, 1)]
            outline = _sector_fit(outline, sides, arcs)
    return outline


def _lit_at(lit: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether the nearest pixels are lit, and whether the positions are in the image."""
    column, row = np.rint(x).astype(np.intp), np.rint(y).astype(np.intp)
    inside = (column >= 0) & (column < lit.shape[1]) & (row >= 0) & (row < lit.shape[0])
    value = lit[np.clip(row, 0, lit.shape[0] - 1), np.clip(column, 0, lit.shape[1] - 1)]
    return value & inside, inside


def _crossings(starts: np.ndarray, normals: np.ndarray, lit: np.ndarray, aspect: float, reach: float) -> np.ndarray:
    """Edge positions ``(n, 2)`` along lines through ``starts`` with outward ``normals``.

    The edge is where, coming from outside, the first lit pixel with lit ones behind it is met. Lines that start in lit
    pixels (clutter beyond the edge), that meet none or that leave the image tell nothing and are dropped.
    """
    offsets = np.arange(reach, -reach - 2.1, -0.5)
    position = starts[:, None, :] + offsets[None, :, None] * normals[:, None, :]
    value, inside = _lit_at(lit, position[..., 0], position[..., 1] / aspect)
    solid = value[:, :-4] & value[:, 2:-2] & (value[:, 3:-1] | value[:, 4:])
    first = solid.argmax(axis=1)
    good = inside.all(axis=1) & solid.any(axis=1) & (first > 1)
    edge = position[np.arange(len(starts)), first] + 0.25 * normals
    return edge[good]


def _side_points(side: Side, outline: Outline, lit: np.ndarray, aspect: float, reach: float) -> np.ndarray:
    direction = np.array([np.sin(side.angle), np.cos(side.angle)])
    if outline.apex is None:
        first, last = ((row - side.point[1]) / direction[1] for row in (outline.near, outline.far))
        base = side.point
    else:
        first, last, base = outline.near, outline.far, outline.apex
    margin = min(0.05 * (last - first), 3 * reach)
    along = np.linspace(first + margin, last - margin, _SAMPLES)
    starts = base + along[:, None] * direction
    return _crossings(starts, np.broadcast_to(side.normal, starts.shape), lit, aspect, reach)


def _arc_points(outline: Outline, lit: np.ndarray, aspect: float, reach: float, outward: int) -> np.ndarray:
    radius = outline.far if outward > 0 else outline.near
    if radius < 2 * reach:
        return np.empty((0, 2))
    margin = min(3 * reach / radius, 0.1 * (outline.right.angle - outline.left.angle))
    angles = np.linspace(outline.left.angle + margin, outline.right.angle - margin, _SAMPLES)
    rays = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return _crossings(outline.apex + radius * rays, outward * rays, lit, aspect, reach)


def _weights(residuals: np.ndarray) -> np.ndarray:
    """Tukey biweight; the scale follows the residuals within 0.7 to 3 pixels."""
    scale = np.clip(1.4826 * np.median(np.abs(residuals)), 0.7, 3.0) if residuals.size else 1.0
    ratio = residuals / (3.0 * scale)
    return np.where(np.abs(ratio) < 1, (1 - ratio**2) ** 2, 0.0)


def _sector_fit(outline: Outline, sides: list[np.ndarray], arcs: list[np.ndarray]) -> Outline:
    """Apex, two angles and two radii fitted together (Gauss-Newton on the distances of the edge points)."""
    left, right = sides
    near, far = arcs
    values = np.array([*outline.apex, outline.left.angle, outline.right.angle, outline.near, outline.far])
    start = values.copy()
    fixed = np.array([False, False, len(left) < 8, len(right) < 8, len(near) < 8, len(far) < 8])
    if fixed[2] and fixed[3]:
        return outline
    free = np.flatnonzero(~fixed)
    for _ in range(8):
        apex = values[:2]
        blocks, targets = [], []
        for column, hand, points in ((2, -1.0, left), (3, 1.0, right)):
            if fixed[column]:
                continue
            sine, cosine = np.sin(values[column]), np.cos(values[column])
            normal = hand * np.array([cosine, -sine])
            delta = points - apex
            jacobian = np.zeros((len(points), 6))
            jacobian[:, :2] = -normal
            jacobian[:, column] = -hand * (delta @ np.array([sine, cosine]))
            blocks.append(jacobian)
            targets.append(delta @ normal)
        for column, points in ((4, near), (5, far)):
            if fixed[column]:
                continue
            delta = points - apex
            radius = np.hypot(delta[:, 0], delta[:, 1])
            jacobian = np.zeros((len(points), 6))
            jacobian[:, :2] = -delta / radius[:, None]
            jacobian[:, column] = -1
            blocks.append(jacobian)
            targets.append(radius - values[column])
        weight = np.concatenate([_weights(target) for target in targets])
        jacobian, residual = np.concatenate(blocks)[:, free], np.concatenate(targets)
        weighted = jacobian * weight[:, None]
        normal_matrix = weighted.T @ jacobian + 1e-6 * np.eye(free.size)
        change = np.linalg.solve(normal_matrix, -weighted.T @ residual)
        values[free] += change
        if np.abs(change).max() < 1e-3:
            break
    if not np.isfinite(values).all() or np.abs(values[:2] - start[:2]).max() > 0.15 * outline.far:
        return outline
    apex = values[:2]
    new_sides = [
        Side(apex, hand * np.array([np.cos(angle), -np.sin(angle)]))
        for hand, angle in ((-1.0, values[2]), (1.0, values[3]))
    ]
    return replace(
        outline, left=new_sides[0], right=new_sides[1], near=float(max(0.0, values[4])), far=float(values[5]), apex=apex
    )


def _flat_fit(outline: Outline, sides: list[np.ndarray], lit: np.ndarray, aspect: float, reach: float) -> Outline:
    fitted = [_line_fit(side, points) for side, points in zip((outline.left, outline.right), sides, strict=True)]
    rows = []
    for row, outward in ((outline.near, -1), (outline.far, 1)):
        ends = [side.at_row(row) for side in fitted]
        margin = 0.05 * (ends[1] - ends[0])
        x = np.linspace(ends[0] + margin, ends[1] - margin, _SAMPLES)
        starts = np.stack([x, np.full_like(x, row)], axis=1)
        normals = np.tile(np.array([0.0, float(outward)]), (len(x), 1))
        points = _crossings(starts, normals, lit, aspect, reach)
        rows.append(_robust_mean(points[:, 1]) if len(points) >= 8 else row)
    return replace(outline, left=fitted[0], right=fitted[1], near=rows[0], far=rows[1])


def _line_fit(side: Side, points: np.ndarray) -> Side:
    if len(points) < 8:
        return side
    for _ in range(6):
        weight = _weights(side.distance(points))
        if weight.sum() < 4:
            return side
        middle = np.average(points, axis=0, weights=weight)
        delta = (points - middle) * np.sqrt(weight)[:, None]
        normal = np.linalg.eigh(delta.T @ delta)[1][:, 0]
        side = replace(side, point=middle, normal=normal if normal @ side.normal > 0 else -normal)
    return side


def _robust_mean(values: np.ndarray) -> float:
    center = float(np.median(values))
    for _ in range(4):
        weight = _weights(values - center)
        center = float(np.average(values, weights=weight)) if weight.sum() > 0 else center
    return center
