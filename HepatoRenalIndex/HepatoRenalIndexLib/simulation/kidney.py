"""Shape and inner structure of the kidney."""

from __future__ import annotations

import numpy as np

from .parameters import KidneyParameters
from .tissues import Tissue


class KidneyShape:
    """Position of every pixel relative to the kidney.

    ``along`` and ``across`` (mm) are the coordinates along the long axis (positive towards the cranial pole) and
    perpendicular to it (positive towards the transducer); ``relative`` is 0 in the center and 1 on the surface.
    """

    def __init__(self, k: KidneyParameters, rng: np.random.Generator, x: np.ndarray, y: np.ndarray):
        cosine, sine = np.float32(np.cos(k.tilt)), np.float32(np.sin(k.tilt))
        dx, dy = x - np.float32(k.x), y - np.float32(k.y)
        self.along = dx * cosine + dy * sine
        self.across = dx * sine - dy * cosine
        u, v = self.along / np.float32(k.half_length), self.across / np.float32(k.half_thickness)
        radius = np.sqrt(u * u + v * v)
        # the outline's waves as harmonics of the unit vector, cheaper than of the angle
        z = (u + np.complex64(1j) * v) / np.maximum(radius, np.float32(1e-3))
        amplitude = rng.normal(0, 1, 4) * k.lobulation * np.array([0.7, 0.6, 0.5, 0.3])
        phase = rng.uniform(0, 2 * np.pi, 4)
        outline = np.ones(x.shape, np.float32)
        power = z
        for order in range(4):  # harmonics 2..5
            power = power * z
            outline += np.float32(amplitude[order]) * (power * np.complex64(np.exp(1j * phase[order]))).real
        self.relative = (radius / outline).astype(np.float32)
        self._rng = rng


def paint_kidney(
    k: KidneyParameters,
    shape: KidneyShape,
    kidney: np.ndarray,
    tissue: np.ndarray,
    echo_db: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Cortex, medullary pyramids and sinus inside the bool mask ``kidney``; the sinus fades towards its rim."""
    rows, columns = np.flatnonzero(kidney.any(1)), np.flatnonzero(kidney.any(0))
    if rows.size == 0:
        return
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    inside = kidney[window]
    u = shape.along[window] / k.half_length
    v = shape.across[window] / k.half_thickness
    angle = np.arctan2(v, u)
    relative = shape.relative[window]
    # the sinus lies a little towards the deep side, with an irregular border
    border = 1 + sum(rng.normal(0, 0.09) * np.sin(order * angle + rng.uniform(0, 2 * np.pi)) for order in range(3, 9))
    off = rng.uniform(0.0, 0.15)
    reach = np.hypot(u / (1.45 * k.sinus), (v + off) / (0.95 * k.sinus)) / border
    sinus = reach < 1
    labels = np.full(inside.shape, Tissue.CORTEX, np.uint8)
    if k.pyramids:
        start = rng.uniform(0, 2 * np.pi)
        wave = np.cos(k.pyramids * angle + 0.8 * np.sin(2 * angle + start) + start)
        outer = rng.uniform(0.66, 0.76)
        # columns of cortex between the pyramids widen towards the surface's side of the pyramid base
        pyramid = (wave > 0.0) & (relative < outer - 0.08 * (1 - wave)) & (relative > 0.3)
        labels[pyramid] = Tissue.MEDULLA
    labels[sinus] = Tissue.SINUS
    sinus &= inside
    fade = np.clip((reach - 0.45) / 0.55, 0, 1) * 4.0
    echo_db[window][sinus] += 1.0 - fade[sinus]
    tissue[window][inside] = labels[inside]
