"""PNG, JPEG and TIFF images as ultrasound files."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from .gray import color_mask, luma, scale_to_8_bit, significant_bits
from .image import InputError, Provenance, UltrasoundImage
from .ultrasound_file import MAX_FRAMES, UltrasoundFile, check_frame_size

FORMATS = ("PNG", "JPEG", "TIFF")

_NEW_SUBFILE_TYPE, _PHOTOMETRIC, _ORIENTATION = 254, 262, 274  # TIFF and Exif tags
_SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")


class RasterFile(UltrasoundFile):
    """One PNG or JPEG image, or the full-size pages of a TIFF file, or the frames of an animated PNG."""

    def __init__(self, path: Path, source: str):
        self._image = _call(lambda: Image.open(path, formats=FORMATS))
        try:
            self._format = "JPEG" if self._image.format == "MPO" else str(self._image.format)
            check_frame_size(self._image.height, self._image.width)
            self._pages = self._find_pages()
            super().__init__(source, len(self._pages))
        except BaseException:
            self._image.close()
            raise

    def close(self) -> None:
        self._image.close()

    def _find_pages(self) -> list[int]:
        """Page numbers of the frames: all but the reduced-size previews of a TIFF file."""
        if self._format == "JPEG":  # further pictures of a multi-picture JPEG are previews
            return [0]
        count = _call(lambda: getattr(self._image, "n_frames", 1))
        if self._format != "TIFF":
            return list(range(count))
        if count > MAX_FRAMES:
            raise InputError(f"The file claims {count} pages, more than the limit of {MAX_FRAMES}; it is damaged.")
        pages = []
        for page in range(count):
            _call(lambda page=page: self._image.seek(page))
            if not int(self._image.tag_v2.get(_NEW_SUBFILE_TYPE, 0) or 0) & 1:
                pages.append(page)
        return pages

    def _read(self, index: int) -> UltrasoundImage:
        _call(lambda: self._image.seek(self._pages[index]))
        check_frame_size(self._image.height, self._image.width)
        _call(self._image.load)
        pixels, color, notes = self._samples()
        if self._orientation() != 1:
            notes += ("The file asks viewers to rotate or mirror the image; it was read as stored.",)
        provenance = Provenance(source=self.source, frame=index, frame_count=self.frame_count, file_format=self._format)
        return UltrasoundImage(pixels, provenance, color=color, notes=notes)

    def _samples(self) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
        """Gray pixels, color mask and notes of the current page."""
        mode = self._image.mode
        if mode in ("1", "L"):
            return np.array(self._image.convert("L")), None, ()
        if mode in _SIXTEEN_BIT_MODES:
            return self._gray16()
        notes: tuple[str, ...] = ()
        if mode in ("LA", "La"):
            return np.array(self._image)[..., 0].copy(), None, ("Transparency was put aside.",)
        if mode == "F":
            raise InputError("The pixels are floating-point numbers; export the image with 8 or 16 bits per sample.")
        if mode in ("RGBA", "PA", "RGBa", "RGBX"):
            notes = ("Transparency was put aside.",) if mode != "RGBX" else ()
        rgb = np.array(_call(lambda: self._image.convert("RGB")))
        gray = luma(rgb)
        color, tint = color_mask(rgb, gray)
        return gray, color, notes + tint

    def _gray16(self) -> tuple[np.ndarray, None, tuple[str, ...]]:
        values = np.array(self._image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise InputError("The pixels have more than 16 bits; export the image with 8 or 16 bits per sample.")
        if self._format == "TIFF" and self._image.tag_v2.get(_PHOTOMETRIC) == 0:  # WhiteIsZero
            values = 65535 - values
            bits = 16
        else:
            bits = significant_bits(values, 16)
        return scale_to_8_bit(values, bits), None, (f"The {bits}-bit gray values were scaled to 8 bits.",)

    def _orientation(self) -> int:
        try:
            return int(self._image.getexif().get(_ORIENTATION, 1) or 1)
        except Exception:  # damaged Exif says nothing about the pixels
            return 1


def _call(action):
    """Run one step of Pillow; whatever goes wrong becomes one sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return action()
    except InputError:
        raise
    except Image.DecompressionBombError:
        raise InputError(
            "The header claims an image far larger than any ultrasound image; the file is damaged or hostile."
        ) from None
    except MemoryError:
        raise InputError("The image does not fit into memory; the file is damaged or far too large.") from None
    except Exception:
        raise InputError("The image file is damaged or truncated; copy or export it again.") from None
