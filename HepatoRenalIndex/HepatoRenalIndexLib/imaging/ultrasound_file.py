"""An opened ultrasound file: a number of frames that are decoded one by one, on demand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from .image import InputError, UltrasoundImage

MIN_SIDE = 32  # pixels; smaller than any ultrasound display, larger than an icon
MAX_FRAME_PIXELS = 40_000_000  # about five times an 8-megapixel display; more is a damaged or hostile header
MAX_FRAMES = 100_000  # almost an hour at 30 frames per second


def check_frame_size(rows: int, columns: int) -> None:
    """Raise `InputError` unless ``rows`` x ``columns`` is a size that an ultrasound frame can have."""
    if rows < MIN_SIDE or columns < MIN_SIDE:
        raise InputError(
            f"The image is only {columns} x {rows} pixels; give the full-size image, at least {MIN_SIDE} x {MIN_SIDE}."
        )
    if rows * columns > MAX_FRAME_PIXELS:
        raise InputError(
            f"The header claims an image of {columns} x {rows} pixels, more than the limit of "
            f"{MAX_FRAME_PIXELS // 1_000_000} megapixels; the file is damaged or not an ultrasound image."
        )


class UltrasoundFile(ABC):
    """Frames of one file, decoded one at a time so that a long clip does not fill the memory.

    A context manager. Every failure to decode is an `InputError`. Not for use from two threads at once.
    """

    def __init__(self, source: str, frame_count: int):
        if frame_count < 1:
            raise InputError("The file holds no frame; export the image again.")
        if frame_count > MAX_FRAMES:
            raise InputError(
                f"The header claims {frame_count} frames, more than the limit of {MAX_FRAMES}; "
                "the file is damaged or the clip must be split."
            )
        self.source = source
        self.frame_count = frame_count

    @abstractmethod
    def _read(self, index: int) -> UltrasoundImage:
        """Decode the frame ``index`` (in range)."""

    @abstractmethod
    def close(self) -> None:
        """Release the file."""

    def frame(self, index: int) -> UltrasoundImage:
        """The zero-based frame ``index``; `InputError` if there is none or it cannot be decoded."""
        if not 0 <= index < self.frame_count:
            raise InputError(f"Frame {index} does not exist; the file has frames 0 to {self.frame_count - 1}.")
        return self._read(index)

    def __iter__(self) -> Iterator[UltrasoundImage]:
        return (self.frame(index) for index in range(self.frame_count))

    def __len__(self) -> int:
        return self.frame_count

    def __enter__(self) -> UltrasoundFile:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()
