"""Labeled frames for training and validation.

The real data are those of Byra et al. 2018 (doi 10.5281/zenodo.1009146, CC BY 4.0) with outlines of liver and right
kidney on frame 0 of each patient: ``images/pNN_fK.png``, ``outlines/pNN_f0.json``, ``patients.csv``.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from ..geometry.detect import detect_scan_geometry
from ..geometry.scan import ScanGeometry
from ..imaging.image import InputError
from ..inference.preprocess import Letterbox, NetworkInput
from ..measurement.organs import LIVER_LABEL, RIGHT_KIDNEY_LABEL

# Frames are held in memory a little larger than the network's input: a cropped scan still has detail.
CANVAS = NetworkInput(rows=336, columns=448)
# Frames of one heartbeat whose speckle-free picture correlates this well with frame 0 share its outlines.
SAME_VIEW = 0.985


@dataclass(frozen=True)
class Outlined:
    """One frame with organ labels, in source geometry: uint8 ``pixels`` and ``labels`` (0, 1 liver, 2 right kidney)."""

    name: str
    pixels: np.ndarray
    labels: np.ndarray
    geometry: ScanGeometry
    patient: int | None = None


@dataclass(frozen=True)
class Canvas:
    """One frame at the size that training works on, uint8 ``(CANVAS.rows, CANVAS.columns)`` each.

    ``image`` is black outside ``mask`` (0 or 1), the insonated area; ``labels`` as in :class:`Outlined`.
    """

    image: np.ndarray
    labels: np.ndarray
    mask: np.ndarray


def rasterize(polygons: dict[int, list[list[float]]], shape: tuple[int, int]) -> np.ndarray:
    """uint8 label image ``shape`` of polygons ``{label: [[x, y], ...]}``; a later label lies over an earlier one."""
    canvas = Image.new("L", (shape[1], shape[0]), 0)
    draw = ImageDraw.Draw(canvas)
    for label, points in polygons.items():
        draw.polygon([(float(x), float(y)) for x, y in points], fill=label)
    return np.asarray(canvas, np.uint8)


def read_classes(data: Path) -> dict[int, int]:
    """Steatosis class (0 normal, 1 fatty) of every patient in ``patients.csv``."""
    try:
        with (data / "patients.csv").open(newline="", encoding="utf-8") as handle:
            return {int(row["patient"]): int(row["steatosis_class"]) for row in csv.DictReader(handle)}
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{data.name} has no readable patients.csv; point at the folder of the outlined images."
        ) from error


def read_outlined(data: Path, patients: list[int] | None = None, other_frames: bool = False) -> list[Outlined]:
    """The outlined frames of ``patients`` (``None`` for all), in order of patient and frame.

    With ``other_frames`` the frames of the same heartbeat that show the same view join in, with the outlines of
    frame 0. They belong to their patient in every split.
    """
    cases = []
    for patient in sorted(read_classes(data)) if patients is None else patients:
        path = data / "outlines" / f"p{patient:02d}_f0.json"
        try:
            outline = json.loads(path.read_text(encoding="utf-8"))
            pixels = _gray(data / "images" / f"p{patient:02d}_f0.png")
            polygons = {LIVER_LABEL: outline["liver"], RIGHT_KIDNEY_LABEL: outline["right_kidney"]}
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"Frame 0 of patient {patient} or its outline is missing or unreadable.") from error
        labels = rasterize(polygons, pixels.shape)
        first = Outlined(f"p{patient:02d}_f0", pixels, labels, detect_scan_geometry(pixels), patient)
        cases.append(first)
        if other_frames:
            cases += _same_view(data, first)
    return cases


def _same_view(data: Path, first: Outlined) -> list[Outlined]:
    mask = first.geometry.mask
    reference = ndimage.gaussian_filter(first.pixels.astype(np.float32), 3)[mask]
    found = []
    for frame in range(1, 10):
        path = data / "images" / f"p{first.patient:02d}_f{frame}.png"
        if not path.is_file():
            continue
        pixels = _gray(path)
        if pixels.shape != first.pixels.shape or np.array_equal(pixels, first.pixels):
            continue
        smooth = ndimage.gaussian_filter(pixels.astype(np.float32), 3)[mask]
        if np.corrcoef(reference, smooth)[0, 1] >= SAME_VIEW:
            found.append(
                Outlined(f"p{first.patient:02d}_f{frame}", pixels, first.labels, first.geometry, first.patient)
            )
    return found


def _gray(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


def to_canvas(case: Outlined) -> Canvas:
    """Bring a frame to the working size exactly as it would be brought to the network's input."""
    box = Letterbox.fit(case.geometry, CANVAS)
    crop = np.s_[box.y0 : box.y0 + box.height, box.x0 : box.x0 + box.width]
    inside = case.geometry.mask[crop]
    planes = (
        (np.where(inside, case.pixels[crop], 0), Image.Resampling.BILINEAR),  # Pillow's filter covers the scaled area
        (np.where(inside, case.labels[crop], 0), Image.Resampling.NEAREST),
        (inside, Image.Resampling.NEAREST),
    )
    arrays = []
    for plane, resampling in planes:
        full = np.zeros((CANVAS.rows, CANVAS.columns), np.uint8)
        resized = Image.fromarray(plane.astype(np.uint8)).resize((box.columns, box.rows), resampling)
        full[box.top : box.top + box.rows, box.left : box.left + box.columns] = np.asarray(resized)
        arrays.append(full)
    return Canvas(*arrays)
