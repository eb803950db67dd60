"""Vessels, cysts and gallbladder inside the liver."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator

from .layout import Layout
from .parameters import PhantomParameters, VesselParameters
from .tissues import Tissue

# thickness of the wall of a random portal vein
_WALL_MM = 1.1


def stamp(layout: Layout, x: float, y: float, half_width: float, half_height: float):
    """An ellipse on the pixel grid: ``(index of its window, bool inside)``, ``None`` if off the grid. In mm."""
    columns = np.flatnonzero(np.abs(layout.x_mm - x) <= half_width)
    rows = np.flatnonzero(np.abs(layout.y_mm - y) <= half_height)
    if columns.size == 0 or rows.size == 0:
        return None
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    u = (layout.x_mm[window[1]] - x) / half_width
    v = (layout.y_mm[window[0]] - y) / half_height
    return window, (u * u)[None] + (v * v)[:, None] <= 1


def _course(rng: np.random.Generator, start, heading: float, length: float, radius: float) -> np.ndarray:
    """A winding, tapering vessel: rows of ``(x, y, radius)`` in mm."""
    steps = max(int(length / max(0.5 * radius, 0.6)), 3)
    turns = heading + rng.normal(0, 0.5) * np.linspace(0, 1, steps) + np.cumsum(rng.normal(0, 0.06, steps))
    advance = length / steps
    x = start[0] + np.cumsum(np.cos(turns)) * advance
    y = start[1] + np.cumsum(np.sin(turns)) * advance
    return np.column_stack([x, y, np.linspace(radius, 0.45 * radius, steps)])


def _tube(vessel: VesselParameters) -> np.ndarray:
    """A smooth tube through the vessel's points: rows of ``(x, y, radius)`` in mm, less than a radius apart."""
    points = np.asarray(vessel.points, float)
    path = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points[:, :2], axis=0).T))])
    steps = max(int(path[-1] / max(0.4 * points[:, 2].min(), 0.6)), 3)
    along = np.linspace(0, path[-1], steps)
    return PchipInterpolator(path, points, axis=0)(along)


def paint_vessels(
    parameters: PhantomParameters,
    layout: Layout,
    sign: float,
    liver: np.ndarray,
    tissue: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Hepatic veins (dark), portal veins (bright wall) and cysts, within the bool mask ``liver``."""
    a = parameters.anatomy
    ox, oy = a.offset_mm

    def draw(course: np.ndarray, grow: float, label: Tissue) -> None:
        for x, y, radius in course:
            spot = stamp(layout, (x + ox) * sign, y + oy, radius + grow, radius + grow)
            if spot is not None:
                window, inside = spot
                tissue[window][inside & liver[window]] = label

    def start() -> tuple[float, float]:
        # positions are drawn around the liver's own center so that breathing does not change them
        return (
            a.liver.x + rng.uniform(-0.75, 0.75) * a.liver.half_width,
            a.liver.y + rng.uniform(-0.6, 0.75) * a.liver.half_height,
        )

    courses = []
    for vessel in a.vessels:
        courses.append((vessel.wall_mm, _tube(vessel)))
    scale = min(a.kidney.half_length / 52.0, 1.2)
    for index in range(a.liver.portal_veins + a.liver.hepatic_veins):
        wall = _WALL_MM if index < a.liver.portal_veins else 0.0
        # most vessels cross the plane: short dark ovals; some run along it
        crossing = rng.random() < 0.7
        length = scale * (rng.uniform(1, 8) if crossing else rng.uniform(18, 50))
        radius = scale * (rng.uniform(0.8, 2.2) if crossing else rng.uniform(0.9, 2.8))
        course = _course(rng, start(), rng.uniform(0, 2 * np.pi), length, radius)
        courses.append((wall, course))
        if not crossing and rng.random() < 0.6:
            fork = course[len(course) // 2]
            ahead = np.arctan2(*(course[-1, 1::-1] - course[0, 1::-1]))
            turn = ahead + rng.choice([-1, 1]) * rng.uniform(0.4, 1.1)
            courses.append((wall, _course(rng, fork[:2], turn, 0.5 * length, 0.7 * fork[2])))
    for wall, course in courses:
        if wall:
            draw(course, wall, Tissue.VESSEL_WALL)
    for _, course in courses:
        draw(course, 0.0, Tissue.VESSEL)
    for _ in range(a.liver.cysts):
        x, y = start()
        draw(np.array([[x, y, rng.uniform(3, 10)]]), 0.0, Tissue.LIVER_CYST)


def paint_gallbladder(
    parameters: PhantomParameters,
    layout: Layout,
    sign: float,
    liver: np.ndarray,
    tissue: np.ndarray,
    plain: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """A gallbladder in the liver's lower part; its pixels leave the liver mask."""
    a = parameters.anatomy
    x = a.liver.x + rng.uniform(-0.3, 0.4) * a.liver.half_width + a.offset_mm[0]
    y = a.liver.y + rng.uniform(-0.1, 0.5) * a.liver.half_height + a.offset_mm[1]
    # pear shaped: circles that grow from the neck to the fundus
    length, heading = rng.uniform(15, 45), rng.uniform(-0.6, 2.2)
    steps = np.linspace(0, 1, 24)
    radii = rng.uniform(6, 13) * (0.45 + 0.55 * np.sin(np.pi * np.clip(0.1 + 0.6 * steps, 0, 1)))
    for grow, label in ((1.4, Tissue.GALLBLADDER_WALL), (0.0, Tissue.GALLBLADDER)):
        for step, radius in zip(steps, radii, strict=True):
            cx, cy = x + step * length * np.cos(heading), y + step * length * np.sin(heading)
            spot = stamp(layout, cx * sign, cy, radius + grow, radius + grow)
            if spot is not None:
                window, inside = spot
                inside &= liver[window]
                tissue[window][inside] = label
                plain[window][inside] = label
    liver &= tissue != Tissue.GALLBLADDER
    liver &= tissue != Tissue.GALLBLADDER_WALL
