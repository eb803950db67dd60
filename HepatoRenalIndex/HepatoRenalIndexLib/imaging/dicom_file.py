"""DICOM ultrasound images and clips."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydicom.pixels import apply_color_lut

from .decoding import decode_frame
from .dicom_header import check_kind, find_pixel_data, pixel_layout, quiet, read_header, text
from .gray import color_mask, looks_like_other_color_space, luma, ycbcr_to_rgb
from .image import InputError, Provenance, UltrasoundImage
from .monochrome import MONOCHROME, MonochromeScale, eight_bit_samples
from .regions import read_pixel_spacing, read_regions, shows_tissue
from .ultrasound_file import UltrasoundFile, check_frame_size


class DicomFile(UltrasoundFile):
    """An ultrasound image or clip; the file stays open and its frames are decoded from it one at a time."""

    def __init__(self, path: Path, source: str):
        self._file: BinaryIO = path.open("rb")
        try:
            with quiet():
                self._open()
            super().__init__(source, self._layout.frames)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        self._file.close()

    def _open(self) -> None:
        dataset, syntax, self._file = read_header(self._file)
        check_kind(dataset)
        self._offset, vr, length = find_pixel_data(self._file, dataset, syntax)
        self._layout = pixel_layout(dataset, syntax, vr)
        check_frame_size(self._layout.rows, self._layout.columns)
        self._check_length(length)
        self.regions, notes = read_regions(dataset)
        if not shows_tissue(self.regions):
            raise InputError(
                "The image shows a Doppler spectrum or M-mode and no 2D image; give a B-mode image of liver and kidney."
            )
        self._pixel_spacing, spacing_notes = read_pixel_spacing(dataset)
        self._notes = notes + spacing_notes
        self._dataset = dataset
        self._manufacturer, self._model = text(dataset, "Manufacturer"), text(dataset, "ManufacturerModelName")
        self._scale: MonochromeScale | None = None

    def _check_length(self, length: int | None) -> None:
        if length is None:
            return
        here = self._file.seek(0, io.SEEK_END) - self._offset
        needed = self._layout.frame_bytes * self._layout.frames
        if min(length, here) < needed:
            raise InputError(
                f"The pixel data is truncated: {min(length, here)} of {needed} bytes are there; copy or export again."
            )

    def _read(self, index: int) -> UltrasoundImage:
        with quiet():
            samples, photometric = decode_frame(self._file, self._offset, self._layout, index)
            pixels, color, notes = self._to_gray(samples, photometric)
        return UltrasoundImage(
            pixels,
            self._provenance(index),
            color=color,
            regions=self.regions,
            pixel_spacing_mm=self._pixel_spacing,
            notes=self._notes + notes,
        )

    def _to_gray(self, samples: np.ndarray, photometric: str) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
        if photometric in MONOCHROME:
            if self._scale is None:
                self._scale = MonochromeScale(self._dataset, self._layout, samples)
            pixels, notes = self._scale.apply(samples)
            return pixels, None, notes
        notes = ()
        if photometric == "PALETTE COLOR":
            samples, photometric = self._look_up(samples), "RGB"
        else:
            samples = eight_bit_samples(samples, self._layout)
            is_ycbcr = photometric.startswith("YBR")
            if looks_like_other_color_space(samples, is_ycbcr):
                is_ycbcr = not is_ycbcr
                notes = (f"The samples are {'YCbCr' if is_ycbcr else 'RGB'}, not {photometric} as labeled.",)
            photometric = "YBR" if is_ycbcr else "RGB"
        if photometric == "RGB":
            rgb, pixels = samples, luma(samples)
        else:
            rgb, pixels = ycbcr_to_rgb(samples), samples[..., 0].copy()
        color, tint = color_mask(rgb, pixels)
        return pixels, color, notes + tint

    def _look_up(self, indices: np.ndarray) -> np.ndarray:
        try:
            rgb = apply_color_lut(indices, self._dataset)
        except Exception:  # any damage of the tables
            raise InputError("The color palette of the header is damaged or missing; export the image again.") from None
        if rgb.dtype != np.uint8:
            # 16-bit entries use the whole range, or hold 8-bit values as some writers leave them.
            rgb = (rgb >> 8 if rgb.max() > 255 else rgb).astype(np.uint8)
        return rgb

    def _provenance(self, index: int) -> Provenance:
        return Provenance(
            source=self.source,
            frame=index,
            frame_count=self.frame_count,
            file_format="DICOM",
            transfer_syntax=self._layout.transfer_syntax.name,
            photometric_interpretation=self._layout.photometric,
            manufacturer=self._manufacturer,
            model=self._model,
        )
