"""Cohorts of drawn sector scans whose brightness rises with fat, for the tests of the machinery."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

ROWS, COLUMNS = 150, 200
FAT = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 11.0, 14.0, 18.0, 22.0, 27.0, 33.0)
VIEWS = ("liver", "kidney-liver")


def scan_pixels(level: float, seed: int) -> np.ndarray:
    """uint8 ``(150, 200)``: speckle about ``level`` in a sector, black around it."""
    y, x = np.mgrid[:ROWS, :COLUMNS].astype(float)
    radius, angle = np.hypot(x - 100, y + 20), np.degrees(np.arctan2(x - 100, y + 20))
    inside = (radius > 30) & (radius < 165) & (np.abs(angle) < 38)
    noise = np.random.default_rng(seed).normal(0, 12, (ROWS, COLUMNS))
    return np.where(inside, np.clip(level + noise, 8, 255), 0).astype(np.uint8)


def draw(path: Path, level: float, seed: int) -> Path:
    """A scan as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scan_pixels(level, seed)).save(path)
    return path


def write_drawn_cohort(
    folder: Path, fat: Sequence[float] = FAT, views: Sequence[str] = VIEWS, remark: str = "# reference: MRI-PDFF"
) -> Path:
    """``cohort.csv`` with a subject for every fat percentage and an image of every view."""
    lines = [remark, "subject,view,path,fat_percent,scanner"]
    for number, percent in enumerate(fat):
        for position, view in enumerate(views):
            seed = 10 * number + position
            level = 50 + 3 * percent + np.random.default_rng(1000 + seed).normal(0, 6)
            draw(folder / f"s{number:02d}" / f"{view}.png", level, seed)
            lines.append(f"s{number:02d},{view},s{number:02d}/{view}.png,{percent},{'AB'[number % 2]}")
    (folder / "cohort.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "cohort.csv"
