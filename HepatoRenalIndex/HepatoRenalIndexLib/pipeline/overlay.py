"""The picture beside each measurement: the image, the organs' outlines, both ROIs and the figures in words."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from ..geometry.scan import ProbeShape, ScanGeometry
from ..imaging.image import UltrasoundImage
from ..measurement.organs import OrganMasks
from ..measurement.result import FrameResult
from ..measurement.roi import Roi

Color = tuple[int, int, int]
LIVER_COLOR: Color = (255, 215, 70)
KIDNEY_COLOR: Color = (80, 220, 255)
TEXT_COLOR: Color = (235, 235, 235)
QUIET_COLOR: Color = (170, 170, 170)
FONT_SIZE = 15
LINE_HEIGHT = 21
PADDING = 8
NARROWEST = 480  # pixels; a smaller image is enlarged by a whole factor, so that its pixels stay square


def without_annotations(result: FrameResult) -> FrameResult:
    """The result with everything outside the insonated area black: burned-in text names patients.

    Where no area was recognized, only the organs are kept; where the header has tissue regions, only what lies in them.
    """
    kept = _insonated(result.geometry, result.masks, result.image) & result.image.in_tissue_regions()
    pixels = np.where(kept, result.image.pixels, 0).astype(np.uint8)
    return replace(result, image=replace(result.image, pixels=pixels))


def _insonated(geometry: ScanGeometry | None, masks: OrganMasks | None, image: UltrasoundImage) -> np.ndarray:
    if geometry is not None and geometry.shape is not ProbeShape.UNKNOWN:
        return geometry.mask
    if masks is None:
        return np.zeros(image.pixels.shape, bool)
    return ndimage.binary_fill_holes(masks.liver | masks.right_kidney)


def draw_overlay(result: FrameResult) -> np.ndarray:
    """RGB uint8 picture of one frame: the image in its own size, or a whole multiple of it, with a legend below.

    Nothing of the image is left out here; see :func:`without_annotations`.
    """
    image = result.image
    factor = max(1, -(-NARROWEST // image.columns))
    size = image.columns * factor, image.rows * factor
    picture = Image.fromarray(image.pixels).resize(size, Image.Resampling.BICUBIC).convert("RGB")
    if result.masks is not None:
        _draw_outline(picture, result.masks.liver, LIVER_COLOR)
        _draw_outline(picture, result.masks.right_kidney, KIDNEY_COLOR)
    if result.measurement is not None:
        draw = ImageDraw.Draw(picture)
        _draw_roi(draw, result.measurement.liver.roi, factor, LIVER_COLOR)
        _draw_roi(draw, result.measurement.kidney.roi, factor, KIDNEY_COLOR)
    return _with_legend(picture, _legend(result))


def _draw_outline(picture: Image.Image, mask: np.ndarray, color: Color) -> None:
    """A thin line: the border pixels of the mask, which belong to the organ."""
    large = np.asarray(Image.fromarray(mask).resize(picture.size, Image.Resampling.NEAREST))
    border = large & ~ndimage.binary_erosion(large)
    picture.paste(color, mask=Image.fromarray(border))


def _draw_roi(draw: ImageDraw.ImageDraw, roi: Roi, factor: int, color: Color) -> None:
    """A frame around the ROI's pixels, not over them, on a black line that sets it off."""
    left, top = roi.left * factor, roi.top * factor
    right, bottom = (roi.left + roi.width) * factor - 1, (roi.top + roi.height) * factor - 1
    draw.rectangle((left - 3, top - 3, right + 3, bottom + 3), outline=(0, 0, 0))
    draw.rectangle((left - 2, top - 2, right + 2, bottom + 2), outline=color, width=2)


@dataclass(frozen=True)
class _Line:
    text: str
    color: Color = TEXT_COLOR


def _legend(result: FrameResult) -> list[_Line]:
    provenance = result.image.provenance
    frame = f"   frame {provenance.frame + 1} of {provenance.frame_count}" if provenance.frame_count > 1 else ""
    measurement = result.measurement
    if measurement is None:
        return [_Line(f"No hepatorenal index{frame}"), _Line(result.message, QUIET_COLOR)]
    side = f"{measurement.roi_mm:g} mm" if measurement.roi_mm else f"{measurement.liver.roi.width} px, not calibrated"
    lines = [
        _Line(f"HRI = {measurement.hri:.2f}{frame}"),
        _Line(f"Liver {_brightness(measurement.liver)}", LIVER_COLOR),
        _Line(f"Right kidney {_brightness(measurement.kidney)}", KIDNEY_COLOR),
        _Line(f"ROI {side}; placement {result.placement.name if result.placement else 'by hand'}", QUIET_COLOR),
    ]
    if measurement.flags:
        codes = dict.fromkeys(flag.code for flag in measurement.flags)
        lines.append(_Line(f"Flags: {', '.join(codes)}", QUIET_COLOR))
    return [*lines, _Line("For research use only", QUIET_COLOR)]


def _brightness(statistics) -> str:
    depth = "" if statistics.depth_mm is None else f", depth {statistics.depth_mm:.0f} mm"
    return f"{statistics.mean:.2f} (SD {statistics.sd:.1f}){depth}"


def _with_legend(picture: Image.Image, lines: list[_Line]) -> np.ndarray:
    font = ImageFont.load_default(FONT_SIZE)
    lines = [
        _Line(part, line.color) for line in lines for part in _wrapped(line.text, font, picture.width - 2 * PADDING)
    ]
    canvas = Image.new("RGB", (picture.width, picture.height + len(lines) * LINE_HEIGHT + 2 * PADDING))
    canvas.paste(picture)
    draw = ImageDraw.Draw(canvas)
    for index, line in enumerate(lines):
        draw.text((PADDING, picture.height + PADDING + index * LINE_HEIGHT), line.text, line.color, font)
    return np.asarray(canvas)


def _wrapped(text: str, font, width: int) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
