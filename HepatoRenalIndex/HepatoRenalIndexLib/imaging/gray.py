"""Stored samples become 8-bit gray and a mask of the colored pixels.

Brightness of a colored sample is its luma by ITU-R BT.601, ``0.299 R + 0.587 G + 0.114 B``: the same Y that a
YBR or JPEG image stores, so a gray image has the same values whichever way it was stored.

A pixel counts as colored when its largest and smallest of R, G and B differ by more than `CHROMA_THRESHOLD`.
JPEG quantizes the chroma of a gray image to nothing, but lets that of colored text bleed by a few levels; Doppler
colors differ by 60 and more. A display that tints the whole B-mode (a "chroma map") is gray in one hue: there the
mask holds only what has another hue.
"""

from __future__ import annotations

import numpy as np

CHROMA_THRESHOLD = 32  # gray levels between the largest and the smallest of R, G, B
TINT_NOTE = "The gray scale is tinted (chroma map); brightness is the luma of the tinted pixels."

_TINT_RANGE = (32, 200)  # luma where a chroma map shows: black and white carry no hue, bright text is white
_TINT_SHARE = 0.85  # of the pixels in that range that must share one hue
_TINT_MINIMUM = 0.01  # of the image that must lie in that range to call anything a tint
_TINT_CHROMA = 0.12  # of the luma; a pale tint differs by less than what counts as a color
_TINT_LARGEST_LEVEL = 0.25  # a tinted B-mode is a ramp of many levels; a painted area has one
_HUE_TOLERANCE = np.deg2rad(35.0)
_LABEL_CHROMA = 24  # gray within this, when asking whether samples are RGB or YCbCr


def luma(rgb: np.ndarray) -> np.ndarray:
    """BT.601 luma, uint8 ``(rows, columns)``, of uint8 ``(rows, columns, 3)``; exact for R = G = B."""
    red, green, blue = (rgb[..., i].astype(np.uint32) for i in range(3))
    return ((299 * red + 587 * green + 114 * blue + 500) // 1000).astype(np.uint8)


def ycbcr_to_rgb(ycbcr: np.ndarray) -> np.ndarray:
    """Full-range YCbCr (DICOM YBR_FULL, PS3.3 C.7.6.3.1.2; JFIF) to RGB, both uint8 ``(rows, columns, 3)``."""
    y, cb, cr = (ycbcr[..., i].astype(np.float32) for i in range(3))
    cb -= 128
    cr -= 128
    rgb = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], axis=-1)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def looks_like_other_color_space(samples: np.ndarray, labeled_ycbcr: bool) -> bool:
    """Whether uint8 ``(rows, columns, 3)`` samples are RGB though labeled YCbCr, or the reverse.

    Ultrasound images are almost all gray: R = G = B, or Cb = Cr = 128. Where nearly nothing is gray under the
    label and nearly all is gray under the other reading, the label is wrong.
    """
    spread = samples.max(axis=-1).astype(np.int16) - samples.min(axis=-1)
    gray_as_rgb = float(np.mean(spread <= _LABEL_CHROMA))
    chroma = np.abs(samples[..., 1:].astype(np.int16) - 128).max(axis=-1)
    gray_as_ycbcr = float(np.mean(chroma <= _LABEL_CHROMA // 2))
    labeled, other = (gray_as_ycbcr, gray_as_rgb) if labeled_ycbcr else (gray_as_rgb, gray_as_ycbcr)
    return labeled < 0.2 and other > 0.8


def color_mask(rgb: np.ndarray, gray: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Bool mask ``(rows, columns)`` of the colored pixels, and a note if the whole image is tinted.

    ``rgb`` is uint8 ``(rows, columns, 3)``, ``gray`` its luma.
    """
    spread = rgb.max(axis=-1) - rgb.min(axis=-1)
    colored = spread > CHROMA_THRESHOLD
    visible = (gray >= _TINT_RANGE[0]) & (gray <= _TINT_RANGE[1])
    if np.count_nonzero(visible) < _TINT_MINIMUM * gray.size:
        return colored, ()
    # Most images are not tinted; the count of pixels with some chroma says so before any hue is computed.
    tintable = visible & (spread > np.maximum(_TINT_CHROMA * gray, 4))
    if np.count_nonzero(tintable) < _TINT_SHARE * np.count_nonzero(visible):
        return colored, ()
    if np.bincount(gray[tintable]).max() > _TINT_LARGEST_LEVEL * np.count_nonzero(tintable):
        return colored, ()
    hues = _hue(rgb[tintable])
    tint = np.angle(np.mean(np.exp(1j * hues)))
    if np.count_nonzero(_hue_distance(hues, tint) < _HUE_TOLERANCE) < _TINT_SHARE * np.count_nonzero(visible):
        return colored, ()
    colored[colored] = _hue_distance(_hue(rgb[colored]), tint) >= _HUE_TOLERANCE
    return colored, (TINT_NOTE,)


def scale_to_8_bit(values: np.ndarray, bits: int) -> np.ndarray:
    """Unsigned ``values`` of ``bits`` significant bits to uint8, linear: 0 stays 0, ``2**bits - 1`` becomes 255.

    Linear scaling through zero leaves every ratio of brightnesses as it was.
    """
    if bits == 8:
        return values.astype(np.uint8)
    return np.clip(np.rint(values.astype(np.float32) * (255.0 / (2**bits - 1))), 0, 255).astype(np.uint8)


def significant_bits(values: np.ndarray, stored_bits: int) -> int:
    """Bits that unsigned ``values`` use, rounded up to 8, 10, 12, 14 or 16 and at most ``stored_bits``.

    Many writers keep 8- or 12-bit values in a 16-bit sample; scaling these by 65535 would leave a black image.
    """
    needed = int(values.max()).bit_length()
    return next((bits for bits in (8, 10, 12, 14) if needed <= bits < stored_bits), stored_bits)


def _hue(rgb: np.ndarray) -> np.ndarray:
    """Angle in the Cb-Cr plane, radians, of uint8 ``(n, 3)``."""
    red, green, blue = rgb.astype(np.float32).T
    return np.arctan2(0.5 * red - 0.419 * green - 0.081 * blue, -0.169 * red - 0.331 * green + 0.5 * blue)


def _hue_distance(hues: np.ndarray, reference: float) -> np.ndarray:
    return np.abs(np.angle(np.exp(1j * (hues - reference))))
