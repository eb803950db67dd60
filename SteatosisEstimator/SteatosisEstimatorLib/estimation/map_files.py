"""Maps of what estimates rest on as files: a picture and the numbers for each frame."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from HepatoRenalIndexLib.files.csv_table import csv_text
from HepatoRenalIndexLib.files.writing import write_bytes, write_text
from HepatoRenalIndexLib.pipeline.outputs import write_png

from ..explanation.picture import overlay
from .explained import KIDNEY_EDGE, KIDNEY_ROI, LIVER_EDGE, LIVER_ROI, REGIONS, FrameMap

COLUMNS = ("view", "source", "frame", "method", "quantity", "picture", "values")
INDEX_NAME = "maps.csv"
# RGB of what is drawn of the regions: outlines, which hide no gray levels
REGION_COLORS = {
    LIVER_EDGE: (242, 140, 51),
    KIDNEY_EDGE: (51, 153, 242),
    LIVER_ROI: (255, 230, 51),
    KIDNEY_ROI: (51, 242, 242),
}


def write_maps(folder: Path, maps: Sequence[FrameMap]) -> None:
    """Write ``maps.csv`` and for each map a PNG (over the image) and a NumPy file (float32, as in ``FrameMap``).

    Raises ``OSError`` where the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, one in enumerate(maps):
        name = f"{number:03d}_{one.view.value}"
        write_png(folder / f"{name}.png", map_picture(one))
        numbers = io.BytesIO()
        np.save(numbers, one.values, allow_pickle=False)
        write_bytes(folder / f"{name}.npy", numbers.getvalue())
        rows.append((one.view.value, one.source, one.index, one.method, one.quantity, f"{name}.png", f"{name}.npy"))
    write_text(folder / INDEX_NAME, csv_text(COLUMNS, rows))


def map_picture(one: FrameMap) -> np.ndarray:
    """uint8 RGB ``(rows, columns, 3)``: the map over its image, nothing beside the scan that could name a patient."""
    if one.method != REGIONS:
        return overlay(one.pixels, one.values)
    picture = np.repeat(one.pixels[..., None], 3, axis=2)
    for value, color in REGION_COLORS.items():
        picture[one.values == value] = color
    return picture
