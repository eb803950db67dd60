"""Simple drawings written as SVG and as PNG, so that a plot exists in both without any plotting library.

Coordinates are those of the SVG: x right, y down, in units of one screen pixel. Colors are ``#rrggbb``.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from PIL import Image, ImageColor, ImageDraw, ImageFont

FONT_SIZE = 11
PNG_SCALE = 2  # PNG pixels per unit
OVERSAMPLING = 2  # the PNG is drawn larger and reduced: smooth lines and letters


@dataclass(frozen=True)
class Line:
    """A straight line; ``dashes`` are lengths of strokes and gaps in turn, empty for a solid line."""

    x1: float
    y1: float
    x2: float
    y2: float
    color: str = "#000000"
    dashes: tuple[float, ...] = ()


@dataclass(frozen=True)
class Rectangle:
    """A rectangle with its upper left corner at ``x, y``; ``fill`` and ``stroke`` are colors or None."""

    x: float
    y: float
    width: float
    height: float
    fill: str | None = None
    stroke: str | None = None
    opacity: float = 1.0


@dataclass(frozen=True)
class Dots:
    """Filled circles of one color."""

    points: tuple[tuple[float, float], ...]
    radius: float
    color: str
    opacity: float = 1.0


@dataclass(frozen=True)
class Text:
    """A line of text: ``anchor`` (start, middle, end) lies at ``x`` on the base line ``y``.

    ``upward``: turned by 90 degrees, read from below.
    """

    x: float
    y: float
    text: str
    anchor: str = "middle"
    bold: bool = False
    upward: bool = False


Shape = Line | Rectangle | Dots | Text


@dataclass(frozen=True)
class Drawing:
    """Shapes on white, the later over the earlier. ``title`` describes the drawing to those who cannot see it."""

    width: int
    height: int
    title: str
    shapes: tuple[Shape, ...]

    def svg(self) -> str:
        """The drawing as one SVG document that needs nothing else."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
            f'height="{self.height}" font-family="sans-serif" font-size="{FONT_SIZE}" role="img">'
        )
        parts = [head, f"<title>{escape(self.title)}</title>"]
        parts.append(f'<rect width="{self.width}" height="{self.height}" fill="white"/>')
        return "\n".join([*parts, *(_svg(shape) for shape in self.shapes), "</svg>"]) + "\n"

    def png(self) -> bytes:
        """The same as a PNG file of twice the size in pixels."""
        scale = PNG_SCALE * OVERSAMPLING
        picture = Image.new("RGB", (self.width * scale, self.height * scale), "white")
        draw = ImageDraw.Draw(picture, "RGBA")  # blends what is not opaque
        for shape in self.shapes:
            _paint(picture, draw, shape, scale)
        picture = picture.resize((self.width * PNG_SCALE, self.height * PNG_SCALE), Image.Resampling.BOX)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        return buffer.getvalue()


def _svg(shape: Shape) -> str:
    if isinstance(shape, Line):
        dashes = f' stroke-dasharray="{" ".join(f"{d:g}" for d in shape.dashes)}"' if shape.dashes else ""
        return (
            f'<line x1="{shape.x1:.1f}" y1="{shape.y1:.1f}" x2="{shape.x2:.1f}" y2="{shape.y2:.1f}" '
            f'stroke="{shape.color}"{dashes}/>'
        )
    if isinstance(shape, Rectangle):
        return (
            f'<rect x="{shape.x:.1f}" y="{shape.y:.1f}" width="{shape.width:.1f}" height="{shape.height:.1f}" '
            f'fill="{shape.fill or "none"}" stroke="{shape.stroke or "none"}" fill-opacity="{shape.opacity:g}"/>'
        )
    if isinstance(shape, Dots):
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{shape.radius:g}"/>' for x, y in shape.points)
        return f'<g fill="{shape.color}" fill-opacity="{shape.opacity:g}">{dots}</g>'
    turned = f' transform="rotate(-90 {shape.x:.1f} {shape.y:.1f})"' if shape.upward else ""
    weight = ' font-weight="bold"' if shape.bold else ""
    return (
        f'<text x="{shape.x:.1f}" y="{shape.y:.1f}" text-anchor="{shape.anchor}"{weight}{turned}>'
        f"{escape(shape.text)}</text>"
    )


def _paint(picture: Image.Image, draw: ImageDraw.ImageDraw, shape: Shape, scale: int) -> None:
    if isinstance(shape, Line):
        for x1, y1, x2, y2 in _strokes(shape):
            draw.line([x1 * scale, y1 * scale, x2 * scale, y2 * scale], fill=shape.color, width=scale)
    elif isinstance(shape, Rectangle):
        corners = [shape.x, shape.y, shape.x + shape.width, shape.y + shape.height]
        fill = None if shape.fill is None else _blended(shape.fill, shape.opacity)
        draw.rectangle([v * scale for v in corners], fill=fill, outline=shape.stroke, width=scale)
    elif isinstance(shape, Dots):
        color, r = _blended(shape.color, shape.opacity), shape.radius
        for x, y in shape.points:
            draw.ellipse([(x - r) * scale, (y - r) * scale, (x + r) * scale, (y + r) * scale], fill=color)
    else:
        _write(picture, draw, shape, scale)


def _write(picture: Image.Image, draw: ImageDraw.ImageDraw, text: Text, scale: int) -> None:
    font = ImageFont.load_default(FONT_SIZE * scale)
    bold = scale // 4 if text.bold else 0
    if not text.upward:
        anchor = {"start": "ls", "middle": "ms", "end": "rs"}[text.anchor]
        draw.text((text.x * scale, text.y * scale), text.text, "black", font, anchor, stroke_width=bold)
        return
    left, top, right, bottom = (round(v) for v in font.getbbox(text.text, anchor="ls"))
    line = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(line).text((1 - left, 1 - top), text.text, 255, font, "ls", stroke_width=bold)
    line = line.rotate(90, expand=True)
    before = {"start": line.height, "middle": line.height / 2, "end": 0}[text.anchor]
    picture.paste((0, 0, 0), (round(text.x * scale + top - 1), round(text.y * scale - before)), line)


def _strokes(line: Line) -> Iterator[tuple[float, float, float, float]]:
    """The visible parts of a line."""
    length = math.hypot(line.x2 - line.x1, line.y2 - line.y1)
    if not line.dashes or length == 0:
        yield line.x1, line.y1, line.x2, line.y2
        return

    def point(at: float) -> tuple[float, float]:
        share = min(at / length, 1.0)
        return line.x1 + share * (line.x2 - line.x1), line.y1 + share * (line.y2 - line.y1)

    at, index = 0.0, 0
    while at < length:
        dash = line.dashes[index % len(line.dashes)]
        if index % 2 == 0:
            yield *point(at), *point(at + dash)
        at, index = at + dash, index + 1


def _blended(color: str, opacity: float) -> tuple[int, ...]:
    return (*ImageColor.getrgb(color)[:3], round(255 * opacity))


def drawing_of(width: int, height: int, title: str, shapes: Sequence[Shape | None]) -> Drawing:
    """A drawing of those shapes that are there."""
    return Drawing(width, height, title, tuple(shape for shape in shapes if shape is not None))
