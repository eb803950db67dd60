"""What the scanner draws around the scan: text, ruler, gray bar, ECG, probe mark."""

from __future__ import annotations

import string

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..geometry.scan import ProbeShape, ScanGeometry
from .parameters import DisplayParameters, PhantomParameters

_WORDS = string.ascii_uppercase + string.digits


def _font(size: int):
    """Pillow's own font; its built-in bitmap font where Pillow lacks FreeType."""
    try:
        return ImageFont.load_default(size)
    except (ImportError, OSError):
        return ImageFont.load_default()


def _word(rng: np.random.Generator, low: int, high: int) -> str:
    return "".join(rng.choice(list(_WORDS), rng.integers(low, high)))


def draw_display(pixels: np.ndarray, geometry: ScanGeometry, parameters: PhantomParameters) -> np.ndarray:
    """A copy of the uint8 ``pixels`` with the scanner's graphics on it."""
    display = parameters.display
    rng = np.random.default_rng([display.seed, 11])
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    rows, columns = pixels.shape
    scale = max(8, round(columns / 50))
    ink = int(rng.integers(150, 256))
    font = _font(scale)
    if display.gray_bar != "none":
        _gray_bar(draw, rng, display, rows, columns)
    if display.ruler == "edge":
        _edge_ruler(draw, geometry, parameters, ink, font)
    elif display.ruler == "column":
        _column_ruler(draw, parameters, ink, font)
    if display.logo:
        _logo(draw, rng, geometry, parameters, ink, scale)
    if display.ecg:
        _ecg(draw, rng, rows, columns, int(rng.integers(90, 220)))
    _text(image, rng, display, geometry, ink, scale)
    _calipers(draw, rng, display, geometry, ink, scale)
    return np.asarray(image)


def _gray_bar(draw, rng, display: DisplayParameters, rows: int, columns: int) -> None:
    width = max(4, int(columns * rng.uniform(0.012, 0.03)))
    height = int(rows * rng.uniform(0.2, 0.55))
    x = int(columns * rng.uniform(0.0, 0.03)) + 1
    left = columns - x - width if display.gray_bar == "right" else x
    top = int(rows * rng.uniform(0.04, 0.2))
    high, low = int(rng.integers(190, 256)), int(rng.integers(0, 30))
    for row in range(height):
        level = high + (low - high) * row // height
        draw.line([(left, top + row), (left + width - 1, top + row)], fill=level)


def _edge_ruler(draw, geometry: ScanGeometry, parameters: PhantomParameters, ink: int, font) -> None:
    """Ticks every cm along the left or right scan border, longer and numbered every 5 cm."""
    scan = parameters.scan
    left = parameters.display.ruler_side == "left"
    side = -1 if left else 1
    angle = geometry.angle_min if left else geometry.angle_max
    minor = max(2, scan.columns // 200)
    for cm in range(int(scan.depth_mm / 10) + 1):
        depth = 10.0 * cm / scan.spacing_mm
        if geometry.shape is ProbeShape.LINEAR:
            foot = scan.center_x + side * scan.width_mm / 2 / scan.spacing_mm
            x = foot + depth * np.sin(angle)
            y = scan.top_y + depth * np.cos(angle) / scan.aspect
            nx, ny = side, 0.0
        else:
            reach = geometry.near_radius + depth
            x = geometry.apex[0] + reach * np.sin(angle)
            y = geometry.apex[1] + reach * np.cos(angle) / scan.aspect
            nx, ny = side * np.cos(angle), -side * np.sin(angle)
        gap = minor + 1
        length = minor * (3 if cm % 5 == 0 else 1)
        start = (x + nx * gap, y + ny * gap)
        end = (start[0] + nx * length, start[1] + ny * length)
        draw.line([start, end], fill=ink)
        if cm % 5 == 0 and cm:
            draw.text((end[0] + nx * 3, end[1] + ny * 3), str(cm), fill=ink, font=font, anchor="rs" if left else "ls")


def _column_ruler(draw, parameters: PhantomParameters, ink: int, font) -> None:
    """A vertical column of ticks or dots every cm, larger every 5 cm."""
    scan, display = parameters.scan, parameters.display
    left = display.ruler_side == "left"
    x = int(scan.columns * (0.06 if left else 0.92))
    small = max(1, scan.columns // 320)
    for cm in range(int(scan.depth_mm / 10) + 1):
        y = scan.top_y + 10.0 * cm / (scan.spacing_mm * scan.aspect)
        major = cm % 5 == 0
        if display.ruler_dots:
            size = small * (2 if major else 1) / 2
            draw.ellipse([x - size, y - size, x + size, y + size], fill=ink)
        else:
            length = small * (8 if major else 4)
            draw.line([(x, y), (x - length if left else x + length, y)], fill=ink)
        if major and cm:
            draw.text((x + (8 if left else -8), y), str(cm), fill=ink, font=font, anchor="lm" if left else "rm")


def _logo(draw, rng, geometry: ScanGeometry, parameters: PhantomParameters, ink: int, scale: int) -> None:
    """Probe orientation mark beside the transducer, on the side of the probe's notch."""
    x = parameters.scan.center_x + scale * rng.choice([-1, 1]) * rng.uniform(1.0, 2.5)
    y = max(parameters.scan.top_y - rng.uniform(0, 0.5) * scale, scale)
    kind = rng.integers(3)
    if kind == 0:
        draw.text((x, y), "V", fill=ink, font=_font(int(scale * 1.4)), anchor="mm")
    elif kind == 1:
        draw.ellipse([x - scale / 2, y - scale / 2, x + scale / 2, y + scale / 2], outline=ink, width=2)
    else:
        draw.polygon([(x, y - scale / 2), (x + scale / 2, y + scale / 2), (x - scale / 2, y + scale / 2)], fill=ink)


def _ecg(draw, rng, rows: int, columns: int, ink: int) -> None:
    start, end = sorted(rng.uniform(0.02, 0.95, 2) * columns)
    if end - start < 40:
        end = start + 40
    time = np.arange(start, end)
    beat = rng.uniform(60, 200)
    phase = ((time - start) / beat + rng.uniform()) % 1
    height = rng.uniform(10, 30)
    wave = (
        np.exp(-(((phase - 0.3) / 0.015) ** 2))
        - 0.25 * np.exp(-(((phase - 0.335) / 0.015) ** 2))
        + 0.22 * np.exp(-(((phase - 0.55) / 0.05) ** 2))
        + 0.12 * np.exp(-(((phase - 0.15) / 0.03) ** 2))
    )
    y = rows * rng.uniform(0.9, 0.97) - height * wave
    draw.line(list(zip(time.tolist(), y.tolist(), strict=True)), fill=ink)


def _calipers(draw, rng, display: DisplayParameters, geometry: ScanGeometry, ink: int, scale: int) -> None:
    """Crosses joined by a dotted line, inside the scan."""
    inside = np.flatnonzero(geometry.mask)
    columns = geometry.mask.shape[1]
    arm = scale / 3
    for _ in range(display.calipers):
        (y0, x0), (y1, x1) = (divmod(int(inside[rng.integers(inside.size)]), columns) for _ in range(2))
        for x, y in ((x0, y0), (x1, y1)):
            draw.line([(x - arm, y), (x + arm, y)], fill=ink)
            draw.line([(x, y - arm), (x, y + arm)], fill=ink)
        dots = max(2, int(np.hypot(x1 - x0, y1 - y0) / 5))
        for share in np.linspace(0, 1, dots):
            draw.point([(x0 + share * (x1 - x0), y0 + share * (y1 - y0))], fill=ink)


def _text(image, rng, display: DisplayParameters, geometry: ScanGeometry, ink: int, scale: int) -> None:
    """Random words where the surround is free."""
    draw = ImageDraw.Draw(image)
    rows, columns = geometry.mask.shape
    taken = geometry.mask | (np.asarray(image) != display.background)
    for _ in range(display.text):
        font = _font(max(int(scale * rng.uniform(0.7, 1.3)), 7))
        text = "\n".join(_word(rng, 2, 10) for _ in range(rng.integers(1, 5)))
        for _ in range(8):
            x, y = rng.uniform(0.01, 0.9) * columns, rng.uniform(0.01, 0.95) * rows
            left, top, right, bottom = draw.multiline_textbbox((x, y), text, font=font)
            window = slice(int(top), int(bottom) + 2), slice(max(int(left) - 1, 0), int(right) + 2)
            if right < columns and bottom < rows and not taken[window].any():
                draw.multiline_text((x, y), text, fill=ink, font=font)
                taken[window] = True
                break
