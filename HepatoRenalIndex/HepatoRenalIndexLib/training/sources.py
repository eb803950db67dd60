"""What a network is trained on: pools of canvases and how often each is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from ..measurement.organs import LIVER_LABEL, RIGHT_KIDNEY_LABEL
from .dataset import CANVAS, Canvas, Outlined, to_canvas
from .distractors import random_distractor, random_texture, without_organ
from .trainer import Source

DISTRACTORS = 240
WITHOUT_ORGAN = 160


def negative_sources(canvases: Sequence[Canvas], seed: int) -> list[Source]:
    """Frames without organs, and ``canvases`` with one of the two organs overwritten."""
    generator = np.random.default_rng([seed, 1])
    shape = (CANVAS.rows, CANVAS.columns)
    nothing = [random_distractor(generator) for _ in range(DISTRACTORS)]
    single = []
    for index in range(WITHOUT_ORGAN):
        canvas = canvases[generator.integers(len(canvases))]
        removed = (LIVER_LABEL, RIGHT_KIDNEY_LABEL)[index % 2]
        single.append(without_organ(canvas, removed, random_texture(generator, shape)))
    return [Source("distractors", nothing, 0.06), Source("one organ", single, 0.10)]


def simulated_canvases(count: int, seed: int, processes: int = 2, cache: Path | None = None) -> list[Canvas]:
    """``count`` simulated liver/kidney frames of all probe shapes; ``cache`` is an .npz file to keep them in."""
    if cache is not None and cache.is_file():
        with np.load(cache, allow_pickle=False) as stored:
            planes = [stored[part] for part in ("image", "labels", "mask")]
        if len(planes[0]) >= count:
            return [Canvas(*parts) for parts in zip(*(plane[:count] for plane in planes), strict=True)]
    with ProcessPoolExecutor(processes) as pool:
        canvases = list(pool.map(partial(_simulated, seed), range(count), chunksize=8))
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        arrays = {part: np.stack([getattr(c, part) for c in canvases]) for part in ("image", "labels", "mask")}
        temporary = cache.with_suffix(".tmp.npz")
        np.savez_compressed(temporary, **arrays)
        temporary.replace(cache)
    return canvases


def simulated_outlined(index: int, seed: int) -> Outlined:
    """Simulated frame number ``index`` of a ``seed``: any probe shape, mirrored or not, some without an organ."""
    from ..simulation.training import simulate_for_training

    pixels, labels, geometry = simulate_for_training(np.random.default_rng([seed, index]))
    return Outlined(f"simulated {index}", pixels, labels, geometry)


def _simulated(seed: int, index: int) -> Canvas:
    return to_canvas(simulated_outlined(index, seed))
