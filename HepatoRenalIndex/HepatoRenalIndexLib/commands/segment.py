"""Segment and measure frames as a job (see :mod:`job`): ``python -m HepatoRenalIndexLib.commands.segment FOLDER``.

``job.json``: ``{"frames": [...], "settings": {...}, "device": ..., "model": ...}``, frames as :func:`describe_image`
describes them; ``frames.npz``: ``pixels`` uint8 and ``color`` bool, both ``(frames, rows, columns)``.

Results: ``results.json`` (for each frame its row of the table, ROIs and confidences; the model) and ``labels.npz``
(``labels`` uint8 of the same shape, 0 background, 1 liver, 2 right kidney).
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..files.writing import write_bytes
from ..imaging.image import Provenance, UltrasoundImage, UltrasoundRegion
from ..inference.bundle import load_segmenter
from ..measurement.result import FrameResult
from ..measurement.roi import Roi
from ..pipeline.measure import MeasurementSettings, measure_frame
from ..pipeline.outputs import result_row
from .job import run_job, say

FRAMES_NAME = "frames.npz"
LABELS_NAME = "labels.npz"
RESULTS_NAME = "results.json"


def segment(folder: Path, job: dict[str, Any]) -> None:
    """Measure all frames of the job and write its results."""
    with np.load(folder / FRAMES_NAME) as arrays:
        pixels, color = arrays["pixels"], arrays["color"]
    settings = MeasurementSettings(**job["settings"])
    say(progress=0.0, text="Loading the network")
    segmenter = load_segmenter(job["model"], job["device"])
    say(progress=0.0, text=f"Running on {segmenter.identity.device}")
    labels = np.zeros_like(pixels)
    frames = []
    for index, description in enumerate(job["frames"]):
        result = measure_frame(image_of(pixels[index], color[index], description), segmenter, settings)
        if result.masks is not None:
            labels[index] = result.masks.labels()
        frames.append(_describe(result))
        say(progress=(index + 1) / len(job["frames"]), text=f"Frame {index + 1} of {len(job['frames'])}")
    write_bytes(folder / LABELS_NAME, packed(labels=labels))
    results = {"model": asdict(segmenter.identity), "frames": frames}
    write_bytes(folder / RESULTS_NAME, json.dumps(results).encode())


def packed(**arrays: np.ndarray) -> bytes:
    """Arrays as the bytes of an ``.npz`` file."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def packed_frames(images: Sequence[UltrasoundImage]) -> bytes:
    """Pixels and colors of frames of one size as the bytes of ``frames.npz``."""
    nothing = np.zeros(images[0].pixels.shape, bool)
    color = [nothing if image.color is None else image.color for image in images]
    return packed(pixels=np.stack([image.pixels for image in images]), color=np.stack(color))


def describe_image(image: UltrasoundImage) -> dict[str, Any]:
    """What ``job.json`` says of a frame, beside its pixels."""
    return {
        "provenance": asdict(image.provenance),
        "regions": [asdict(region) for region in image.regions],
        "pixel_spacing_mm": image.pixel_spacing_mm,
        "notes": image.notes,
    }


def image_of(pixels: np.ndarray, color: np.ndarray, description: dict[str, Any]) -> UltrasoundImage:
    """The frame again."""
    spacing = description["pixel_spacing_mm"]
    return UltrasoundImage(
        pixels,
        Provenance(**description["provenance"]),
        color=color if color.any() else None,
        regions=tuple(UltrasoundRegion(**region) for region in description["regions"]),
        pixel_spacing_mm=None if spacing is None else tuple(spacing),
        notes=tuple(description["notes"]),
    )


def _describe(result: FrameResult) -> dict[str, Any]:
    measured, masks = result.measurement, result.masks
    return {
        "row": result_row(result),
        "liver_roi": None if measured is None else _corners(measured.liver.roi),
        "kidney_roi": None if measured is None else _corners(measured.kidney.roi),
        "confidences": [None, None] if masks is None else [masks.liver_confidence, masks.right_kidney_confidence],
    }


def _corners(roi: Roi) -> list[int]:
    return [roi.left, roi.top, roi.width, roi.height]


if __name__ == "__main__":
    raise SystemExit(run_job(sys.argv[1:], segment))
