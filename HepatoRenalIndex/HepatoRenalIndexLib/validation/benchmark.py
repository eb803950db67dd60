"""How fast: stage times, the mixture and window search against plain code, and memory over many frames."""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..imaging.image import UltrasoundImage
from ..measurement.mixture import fit_histogram_mixture, gray_histogram
from ..measurement.organs import Segmenter
from ..measurement.windows import window_statistics
from ..pipeline.batch import BatchOptions, measure_files
from ..pipeline.measure import MeasurementSettings, measure_frame
from ..pipeline.outputs import write_png

PUBLISHED_SECONDS = 0.080  # Cha et al. 2021: mean per image with two Quadro P5000 GPUs
WARM_UP = 3


@dataclass(frozen=True)
class StageTime:
    """Seconds of one stage over all frames."""

    name: str
    median: float
    p95: float


@dataclass(frozen=True)
class StageTimes:
    """``total`` is from the decoded frame to the measurement; ``ratio`` is its median over the published 80 ms.

    ``cpu_seconds`` is the median processor time of a frame over all threads. ``other_load`` is the number of processes
    that wanted the processor before the run (load average of the last minute, NaN where unknown) for each core: from
    about 0.5 on, the wall times say more about the other processes.
    """

    stages: tuple[StageTime, ...]
    total: StageTime
    frames: int
    measured: int
    threads: int
    device: str
    cpu_seconds: float = float("nan")
    other_load: float = float("nan")

    @property
    def ratio(self) -> float:
        return self.total.median / PUBLISHED_SECONDS


@dataclass(frozen=True)
class SearchTimes:
    """Mixture and window search in one organ: seconds here and by scikit-learn with a plain sliding window.

    ``likelihood_gain`` is the mean log-likelihood per pixel of our mixture minus that of scikit-learn's (both stop
    early, from different starts), ``same_window`` whether our window is as good as the best of the plain search.
    """

    pixels: int
    windows: int
    ours_mixture: float
    ours_windows: float
    plain_mixture: float
    plain_windows: float
    likelihood_gain: float
    same_window: bool

    @property
    def ratio(self) -> float:
        """How many times faster."""
        return (self.plain_mixture + self.plain_windows) / (self.ours_mixture + self.ours_windows)


@dataclass(frozen=True)
class MemoryProfile:
    """Resident memory in MiB over a run: medians of the first hundred frames after warm-up and the last hundred."""

    frames: int
    first: float
    last: float
    largest: float

    @property
    def growth(self) -> float:
        return self.last - self.first


def time_stages(
    frames: Sequence[UltrasoundImage],
    segmenter: Segmenter,
    *,
    threads: int = 2,
    repeats: int = 3,
    placement: str | None = None,
) -> StageTimes:
    """Measure every frame ``repeats`` times with ``threads`` CPU threads for the network, after a short warm-up."""
    import torch

    settings = MeasurementSettings() if placement is None else MeasurementSettings(placement=placement)
    other_load = _load_per_core()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for frame in list(frames)[:WARM_UP]:
            measure_frame(frame, segmenter, settings)
        totals, cpu, stages, measured = [], [], {}, 0
        for _ in range(repeats):
            for frame in frames:
                start, cpu_start = time.perf_counter(), time.process_time()
                result = measure_frame(frame, segmenter, settings)
                totals.append(time.perf_counter() - start)
                cpu.append(time.process_time() - cpu_start)
                measured += result.measurement is not None
                for name, seconds in result.seconds.items():
                    stages.setdefault(name, []).append(seconds)
    finally:
        torch.set_num_threads(before)
    return StageTimes(
        stages=tuple(_stage(name, seconds) for name, seconds in stages.items()),
        total=_stage("total", totals),
        frames=len(totals),
        measured=measured,
        threads=threads,
        device=segmenter.identity.device,
        cpu_seconds=float(np.median(cpu)),
        other_load=other_load,
    )


def time_search(pixels: np.ndarray, organ: np.ndarray, side: int, repeats: int = 5) -> SearchTimes:
    """Mixture over the pixels of ``organ``, and search of the window that varies least about its middle.

    Both ways look at the same pixels and the same candidate windows (inside the organ); the best of ``repeats``
    runs counts.
    """
    from sklearn.mixture import GaussianMixture

    values = pixels[organ]
    mixture, ours_mixture = _best(lambda: fit_histogram_mixture(gray_histogram(pixels[organ])), repeats)
    level = float(mixture.means[mixture.middle])
    inside = window_statistics(organ.astype(np.uint8), side, side).mean > 1 - 1e-9

    def ours():
        cost = np.where(inside, window_statistics(pixels, side, side).variation_about(level), np.inf)
        return np.unravel_index(cost.argmin(), cost.shape)

    reference = GaussianMixture(n_components=3, tol=1e-3, reg_covar=1 / 12, max_iter=100, random_state=0)
    samples = values.astype(float).reshape(-1, 1)
    plain, plain_mixture = _best(lambda: reference.fit(samples), repeats)
    (row, column), ours_windows = _best(ours, repeats)
    plain_cost, plain_windows = _best(lambda: _plain_search(pixels, inside, side, level), 1)
    return SearchTimes(
        pixels=int(values.size),
        windows=int(inside.sum()),
        ours_mixture=ours_mixture,
        ours_windows=ours_windows,
        plain_mixture=plain_mixture,
        plain_windows=plain_windows,
        likelihood_gain=float(mixture.log_likelihood - plain.score(samples)),
        same_window=math.isclose(_variation(pixels, row, column, side, level), plain_cost, rel_tol=1e-6, abs_tol=1e-6),
    )


def profile_memory(frames: Sequence[UltrasoundImage], segmenter: Segmenter, count: int = 1000) -> MemoryProfile | None:
    """Measure a folder of ``count`` files (the ``frames`` over and over) as ``measure`` does, without scenes.

    ``None`` where the operating system does not tell the resident memory.
    """
    used: list[float] = []

    def watch(done: float, total: int, name: str) -> None:
        now = resident_mib()
        if now is not None and done == int(done) and done < total:
            used.append(now)

    with tempfile.TemporaryDirectory(prefix="liver-ultrasound-") as temporary:
        folder = Path(temporary) / "frames"
        folder.mkdir()
        for index in range(count):
            write_png(folder / f"{index:05d}.png", frames[index % len(frames)].pixels)
        measure_files([folder], Path(temporary) / "out", BatchOptions(scene=False), watch, segmenter)
    return memory_profile(used) if used else None


def memory_profile(used: Sequence[float]) -> MemoryProfile:
    """Summary of the memory used after each frame. The first tenth fills caches and is left out."""
    window = min(100, max(len(used) // 3, 1))
    start = min(len(used) // 10, len(used) - window)
    return MemoryProfile(
        frames=len(used),
        first=float(np.median(used[start : start + window])),
        last=float(np.median(used[-window:])),
        largest=float(max(used)),
    )


def resident_mib() -> float | None:
    """Resident memory of this process in MiB, from /proc; ``None`` on systems without it."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize() / 2**20
    except (ImportError, OSError, ValueError, IndexError):
        return None


def _load_per_core() -> float:
    try:
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    except (AttributeError, OSError):  # Windows
        return float("nan")


def _plain_search(pixels: np.ndarray, inside: np.ndarray, side: int, level: float) -> float:
    """The window search as one would write it down: every candidate window, one after the other."""
    best = math.inf
    for y, x in zip(*np.nonzero(inside), strict=True):
        best = min(best, _variation(pixels, y, x, side, level))
    return best


def _variation(pixels: np.ndarray, top: int, left: int, side: int, level: float) -> float:
    window = pixels[top : top + side, left : left + side].astype(float)
    return float(((window - level) ** 2).mean())


def _best(run: Callable, repeats: int):
    """Result and least seconds of ``repeats`` runs."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - start)
    return result, min(seconds)


def _stage(name: str, seconds: Sequence[float]) -> StageTime:
    return StageTime(name, float(np.median(seconds)), float(np.percentile(seconds, 95)))
