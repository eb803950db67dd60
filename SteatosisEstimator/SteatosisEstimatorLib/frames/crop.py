"""Crop to the scan and resize, in a way that can be undone: explanations go back to the source image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from HepatoRenalIndexLib.geometry.scan import ScanGeometry


@dataclass(frozen=True)
class Crop:
    """A box of the source image, ``x0 <= x < x1``, ``y0 <= y < y1`` in pixels; it may reach beyond the image."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    def cut(self, pixels: np.ndarray) -> np.ndarray:
        """The pixels ``[y, x]`` in the box; what lies beyond the image is 0."""
        rows, columns = pixels.shape
        out = np.zeros((self.height, self.width), dtype=pixels.dtype)
        y0, y1, x0, x1 = max(self.y0, 0), min(self.y1, rows), max(self.x0, 0), min(self.x1, columns)
        if y1 > y0 and x1 > x0:
            out[y0 - self.y0 : y1 - self.y0, x0 - self.x0 : x1 - self.x0] = pixels[y0:y1, x0:x1]
        return out

    def put_back(self, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """A map of any size over the box, resized to it and laid into an image of ``shape``: float32, 0 outside."""
        laid = resize(np.asarray(values, dtype=np.float32), (self.height, self.width))
        rows, columns = shape
        out = np.zeros(shape, dtype=np.float32)
        y0, y1, x0, x1 = max(self.y0, 0), min(self.y1, rows), max(self.x0, 0), min(self.x1, columns)
        if y1 > y0 and x1 > x0:
            out[y0:y1, x0:x1] = laid[y0 - self.y0 : y1 - self.y0, x0 - self.x0 : x1 - self.x0]
        return out


def scan_crop(geometry: ScanGeometry) -> Crop:
    """The box around the scan."""
    x0, y0, x1, y1 = geometry.bounds
    return Crop(x0, y0, x1 + 1, y1 + 1)


def centered_crop(geometry: ScanGeometry, width: int, height: int) -> Crop:
    """The box of ``width`` x ``height`` pixels whose center is the center of the box around the scan."""
    scan = scan_crop(geometry)
    x0, y0 = (scan.x0 + scan.x1 - width) // 2, (scan.y0 + scan.y1 - height) // 2
    return Crop(x0, y0, x0 + width, y0 + height)


def scan_pixels(pixels: np.ndarray, geometry: ScanGeometry) -> np.ndarray:
    """The image with everything outside of the scan (text, ruler, gray bar) black."""
    return np.where(geometry.mask, pixels, 0).astype(pixels.dtype)


def resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bicubic, antialiased where it shrinks, to ``(rows, columns)``. float32 in the range of the input."""
    from PIL import Image

    source = np.asarray(pixels, dtype=np.float32)
    picture = Image.fromarray(source).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(picture, dtype=np.float32), source.min(), source.max())
