"""Simple drawings of ultrasound screens with a known scan outline, for the tests of the scan geometry and the ruler."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage


@dataclass(frozen=True)
class Scan:
    """What is drawn: ``apex``, ``near``, ``far``, ``angles`` (degrees) of a sector, or the ``box`` (x0, y0, x1, y1)."""

    rows: int
    columns: int
    kind: str  # "sector", "curved" or "linear"
    apex: tuple[float, float] = (0.0, 0.0)
    near: float = 0.0
    far: float = 0.0
    angles: tuple[float, float] = (0.0, 0.0)
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    steering: float = 0.0  # degrees
    aspect: float = 1.0

    def mask(self) -> np.ndarray:
        y, x = np.mgrid[: self.rows, : self.columns].astype(float)
        if self.kind == "linear":
            x0, y0, x1, y1 = self.box
            shift = (y - y0) * self.aspect * np.tan(np.radians(self.steering))
            return (x >= x0 + shift) & (x <= x1 + shift) & (y >= y0) & (y <= y1)
        radius, angle = self.polar(x, y)
        low, high = np.radians(self.angles)
        return (radius >= self.near) & (radius <= self.far) & (angle >= low) & (angle <= high)

    def polar(self, x, y):
        dx, dy = x - self.apex[0], (y - self.apex[1]) * self.aspect
        return np.hypot(dx, dy), np.arctan2(dx, dy)


def speckle(shape: tuple[int, int], rng: np.random.Generator, grain: float = 1.2) -> np.ndarray:
    """Log-compressed speckle around 0, SD about 18 gray levels."""
    field = ndimage.gaussian_filter(rng.standard_normal((2, *shape)), (0, grain, grain * 1.6))
    envelope = np.hypot(*field)
    log = 20 * np.log10(envelope / envelope.mean() + 1e-3)
    return 3.0 * np.clip(log, -30, 12)


def paint(scan: Scan, rng: np.random.Generator, *, level: float = 90.0, dark: str = "", depth_loss: float = 0.0):
    """Tissue of ``scan`` as uint8. ``dark`` in "left", "right", "deep" blackens that part gradually."""
    y, x = np.mgrid[: scan.rows, : scan.columns].astype(float)
    mask = scan.mask()
    if scan.kind == "linear":
        x0, y0, x1, y1 = scan.box
        depth, lateral = (y - y0) / (y1 - y0), (x - x0) / (x1 - x0)
    else:
        radius, angle = scan.polar(x, y)
        low, high = np.radians(scan.angles)
        depth, lateral = (radius - scan.near) / (scan.far - scan.near), (angle - low) / (high - low)
    gray = level + speckle(mask.shape, rng) - depth_loss * depth
    gray += 25 * ndimage.gaussian_filter(rng.standard_normal(mask.shape), 25) * 60
    if dark == "left":
        gray -= 250 * np.clip(0.35 - lateral, 0, 1) * np.clip(depth * 3, 0, 1)
    elif dark == "right":
        gray -= 250 * np.clip(lateral - 0.65, 0, 1) * np.clip(depth * 3, 0, 1)
    elif dark == "deep":
        gray -= 300 * np.clip(depth - 0.6, 0, 1)
    return np.where(mask, np.clip(gray, 0, 255), 0).astype(np.uint8)


def clutter(pixels: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Text, title bar, gray bar, ECG (also across the lower part of the scan) and a logo."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    rows, columns = pixels.shape
    for _ in range(int(rng.integers(4, 14))):
        words = " ".join(rng.choice(["MI 1.2", "C5-1", "Abd", "12 cm", "FR 30Hz", "Gn 52", "HR 65", "2D"], 3))
        x, y = rng.integers(2, columns - 60), rng.integers(2, rows - 14)
        if not mask[max(0, y - 12) : y + 24, max(0, x - 12) : x + 130].any():
            draw.text((x, y), words, fill=int(rng.integers(120, 256)))
    if rng.random() < 0.5 and not mask[: rows // 15].any():
        draw.rectangle((0, 0, columns, rows // 20), fill=int(rng.integers(30, 120)))
    bar = (int(columns * 0.955), rows // 12, int(columns * 0.985), rows // 3)
    if not mask[bar[1] - 4 : bar[3] + 4, bar[0] - 4 : bar[2] + 4].any():
        for y in range(bar[1], bar[3]):
            draw.line((bar[0], y, bar[2], y), fill=int(255 * (bar[3] - y) / (bar[3] - bar[1])))
    x = np.arange(0, int(columns * rng.uniform(0.2, 0.9)))
    base = rows * rng.uniform(0.82, 0.95)
    trace = base - 3 * np.sin(x / 9.0) - rows * 0.12 * np.exp(-(((x % 90) - 45) ** 2) / 8.0)
    draw.line(list(zip(x.tolist(), trace.tolist(), strict=True)), fill=int(rng.integers(130, 220)), width=1)
    return np.asarray(image)


def random_scan(rng: np.random.Generator, kind: str, clipped: bool = False) -> Scan:
    """A screen with a scan as scanners lay it out; ``clipped`` lets the image border cut sides or bottom off."""
    rows, columns = [(434, 636), (480, 640), (600, 800), (768, 1024)][rng.integers(4)]
    if kind == "linear":
        width, height = columns * rng.uniform(0.35, 0.8), rows * rng.uniform(0.45, 0.8)
        x0, y0 = rng.uniform(0.05, 0.92) * (columns - width) + 3, rows * rng.uniform(0.06, 0.12)
        if clipped:
            height = rows - y0 + 20
        return Scan(rows, columns, kind, box=(x0, y0, x0 + width, y0 + height))
    half = rng.uniform(26, 40) if kind == "curved" else rng.uniform(35, 50)
    depth = rows * rng.uniform(0.7, 0.84)
    ratio = rng.uniform(0.2, 0.55) if kind == "curved" else rng.uniform(0.0, 0.05)
    far = depth / (1 - ratio * np.cos(np.radians(half)))
    near = far * ratio
    top = rows * rng.uniform(0.04, 0.1)
    apex_y = top - near * np.cos(np.radians(half))
    spread = far * np.sin(np.radians(half))
    scale = min(1.0, 0.48 * columns / spread)
    near, far, spread = near * scale, far * scale, spread * scale
    apex_y = top - near * np.cos(np.radians(half))
    free = columns / 2 - spread
    apex_x = columns / 2 + rng.uniform(-0.9, 0.9) * free
    scan = Scan(rows, columns, kind, (apex_x, apex_y), near, far, (-half, half))
    if not clipped:
        return scan
    which = rng.integers(3)
    # A third of the sides stays in sight.
    most = columns / 2 / (np.sin(np.radians(half)) * (near + 0.35 * (far - near)))
    if which == 0:  # both sides cut
        zoom = min(columns / 2 / spread * rng.uniform(1.08, 1.3), most)
        return replace(
            scan, apex=(columns / 2, top - near * zoom * np.cos(np.radians(half))), near=near * zoom, far=far * zoom
        )
    if which == 1:  # one side cut
        shift = spread * rng.uniform(0.1, 0.35) * rng.choice([-1, 1])
        edge = spread if shift < 0 else columns - spread
        return replace(scan, apex=(edge + shift, apex_y))
    zoom = min(rng.uniform(1.05, 1.25) * (rows - top) / (far - near), most)  # bottom cut
    return replace(
        scan, apex=(columns / 2, top - near * zoom * np.cos(np.radians(half))), near=near * zoom, far=far * zoom
    )
