"""Monochrome DICOM samples become 8-bit gray, 0 black.

8-bit samples are the brightness that the scanner displayed and stay as they are. Deeper samples become the brightness
that a viewer displays: Rescale Slope and Intercept, then the first window (PS3.3 C.11.2.1.2) if the header has one,
otherwise a linear scaling through zero by the bits that the samples use, which leaves ratios of brightnesses alone.
MONOCHROME1 (0 is white) is inverted at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .gray import scale_to_8_bit, significant_bits
from .image import InputError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from .decoding import PixelLayout

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")


def eight_bit_samples(samples: np.ndarray, layout: PixelLayout) -> np.ndarray:
    """Color samples as uint8; deeper ones are scaled linearly."""
    if layout.signed:
        raise InputError("Color samples are labeled as signed, which DICOM forbids; export the image again.")
    if layout.bits_stored == 8:
        return samples.astype(np.uint8)
    return scale_to_8_bit(samples, layout.bits_stored)


class MonochromeScale:
    """How the samples of one file become gray; the same for every frame of a clip."""

    def __init__(self, dataset: Dataset, layout: PixelLayout, first: np.ndarray):
        """``first`` are the samples of the frame that is read first; they show how many bits are in use."""
        self._inverted = layout.photometric == "MONOCHROME1"
        self._stored_bits = layout.bits_stored
        self._window = None
        self._rescale = (1.0, 0.0)
        notes = []
        window = _window(dataset)
        if layout.bits_stored <= 8:
            self._bits = layout.bits_stored
            if window and (window[0] < 120 or window[0] > 136 or window[1] < 240 or window[1] > 272):
                notes.append("The display window of the header was not applied; brightness is as stored.")
        else:
            if "VOILUTSequence" in dataset or "ModalityLUTSequence" in dataset:
                raise InputError("The gray values need a lookup table of the header; export the image with 8 bits.")
            self._window, self._rescale = window, _rescale(dataset)
            self._bits = self._stored_bits if self._inverted else significant_bits(first, self._stored_bits)
            if window:
                notes.append(f"The {layout.bits_stored}-bit gray values were shown through the window of the header.")
            else:
                notes.append(f"The {self._bits}-bit gray values were scaled to 8 bits.")
        self._notes = tuple(notes)

    def apply(self, samples: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
        """uint8 pixels of ``(rows, columns)`` samples, and notes on what was done."""
        if self._window is not None:
            pixels = self._through_window(samples)
        elif samples.min() < 0:
            raise InputError("The gray values are signed and have no window; export the image with 8 bits.")
        else:
            # A later frame may be the first to use more bits; ratios within a frame stay right.
            pixels = scale_to_8_bit(samples, max(self._bits, significant_bits(samples, self._stored_bits)))
        return (255 - pixels if self._inverted else pixels), self._notes

    def _through_window(self, samples: np.ndarray) -> np.ndarray:
        center, width, function = self._window
        slope, intercept = self._rescale
        values = samples.astype(np.float32) * slope + intercept
        if function == "SIGMOID":
            shown = 1.0 / (1.0 + np.exp(-4.0 * (values - center) / width))
        elif function == "LINEAR_EXACT":
            shown = (values - center) / width + 0.5
        else:
            shown = (values - (center - 0.5)) / max(width - 1.0, 1e-6) + 0.5
        return np.rint(np.clip(shown, 0.0, 1.0) * 255.0).astype(np.uint8)


def _window(dataset: Dataset) -> tuple[float, float, str] | None:
    """Center, width and function of the first window; None without a usable one."""
    try:
        center, width = _first(dataset.get("WindowCenter")), _first(dataset.get("WindowWidth"))
        function = str(dataset.get("VOILUTFunction") or "LINEAR").strip().upper()
    except Exception:  # damaged values say nothing
        return None
    if center is None or width is None or not np.isfinite([center, width]).all() or width < 1:
        return None
    return center, width, function


def _rescale(dataset: Dataset) -> tuple[float, float]:
    try:
        slope, intercept = _first(dataset.get("RescaleSlope")), _first(dataset.get("RescaleIntercept"))
    except Exception:
        raise InputError("Rescale Slope or Intercept of the header is damaged; export the image again.") from None
    slope, intercept = 1.0 if slope is None else slope, intercept or 0.0
    if not np.isfinite([slope, intercept]).all() or slope <= 0:
        raise InputError("Rescale Slope or Intercept of the header is unusable; export the image again.")
    return slope, intercept


def _first(value: object) -> float | None:
    if value is None or value == "":
        return None
    if isinstance(value, str | int | float):
        return float(value)
    return float(value[0]) if len(value) else None  # several values
