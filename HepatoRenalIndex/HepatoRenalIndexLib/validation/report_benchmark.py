"""The benchmark report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..agreement.tables import csv_text
from ..files.writing import write_text
from .benchmark import PUBLISHED_SECONDS
from .markdown import number, table

if TYPE_CHECKING:
    from .run import Benchmark

REPORT_NAME = "benchmark.md"
BUSY = 0.5  # load for each core


def write_benchmark(benchmark: Benchmark, frames: str, out: Path) -> Path:
    """Write ``benchmark.md`` and ``benchmark.csv``; ``frames`` says in a word what was measured. Returns the report."""
    rows = _rows(benchmark)
    write_text(out / "benchmark.csv", csv_text(("figure", "value", "unit"), rows))
    path = out / REPORT_NAME
    write_text(path, benchmark_text(benchmark, frames))
    return path


def benchmark_text(benchmark: Benchmark, frames: str) -> str:
    """The report as Markdown."""
    stages = benchmark.stages
    text = (
        "# Benchmark\n\nReproduce with `liver-ultrasound benchmark -o OUT`.\n\n"
        f"Version {__version__}; model {benchmark.model.name} {benchmark.model.version} on {stages.device}; "
        f"{stages.threads} threads; {stages.frames} measurements of {frames} frames, {stages.measured} successful.\n\n"
        "## From the decoded frame to the measurement\n\n"
        + table(
            ("stage", "median (ms)", "95% quantile (ms)", "share of the total"),
            [
                (s.name, number(1e3 * s.median, 1), number(1e3 * s.p95, 1), f"{s.median / stages.total.median:.0%}")
                for s in (*stages.stages, stages.total)
            ],
        )
        + f"\nMedian over the published {1e3 * PUBLISHED_SECONDS:.0f} ms (two Quadro P5000 GPUs, another computer): "
        f"{number(stages.ratio, 2)}. Processor time of a frame: {number(1e3 * stages.cpu_seconds, 1)} ms.\n"
    )
    if stages.other_load > BUSY:
        text += (
            f"\n**The computer was busy** ({stages.other_load:.1f} waiting processes for each core before the run): "
            "the wall times are too long; repeat on an idle one.\n"
        )
    search = benchmark.search
    if search is None:
        text += "\nscikit-learn is not installed, so the mixture and window stage was not compared with it.\n"
    else:
        text += (
            f"\n## Mixture and window search\n\n{search.pixels} pixels, {search.windows} candidate windows.\n\n"
            + table(
                ("stage", "here (ms)", "plain (ms)", "ratio"),
                [
                    _search_row("mixture (scikit-learn GaussianMixture)", search.ours_mixture, search.plain_mixture),
                    _search_row("windows (NumPy, one after the other)", search.ours_windows, search.plain_windows),
                    _search_row(
                        "both",
                        search.ours_mixture + search.ours_windows,
                        search.plain_mixture + search.plain_windows,
                    ),
                ],
            )
            + f"\nSame window: {'yes' if search.same_window else 'no'}. Mean log-likelihood per pixel here minus "
            f"scikit-learn's: {search.likelihood_gain:+.4f}.\n"
        )
    memory = benchmark.memory
    if memory is not None:
        text += (
            f"\n## Memory over a folder of {memory.frames} files\n\n"
            f"Resident memory: {number(memory.first, 0)} MiB over the first hundred files after warm-up, "
            f"{number(memory.last, 0)} MiB over the last hundred ({memory.growth:+.1f} MiB), at most "
            f"{number(memory.largest, 0)} MiB.\n"
        )
    return text


def _search_row(name: str, ours: float, plain: float) -> tuple:
    return name, number(1e3 * ours, 2), number(1e3 * plain, 1), number(plain / ours, 1)


def _rows(benchmark: Benchmark) -> list[dict[str, object]]:
    stages, search, memory = benchmark.stages, benchmark.search, benchmark.memory
    rows: list[tuple[str, float, str]] = []
    for stage in (*stages.stages, stages.total):
        rows += [(f"{stage.name}_median", stage.median, "s"), (f"{stage.name}_p95", stage.p95, "s")]
    rows += [("total_over_published", stages.ratio, ""), ("cpu_median", stages.cpu_seconds, "s")]
    rows.append(("other_load_per_core", stages.other_load, ""))
    if search is not None:
        rows += [(name, getattr(search, name), "s") for name in ("ours_mixture", "ours_windows")]
        rows += [(name, getattr(search, name), "s") for name in ("plain_mixture", "plain_windows")]
        rows.append(("plain_over_ours", search.ratio, ""))
    if memory is not None:
        rows += [(f"memory_{name}", getattr(memory, name), "MiB") for name in ("first", "last", "growth", "largest")]
    return [dict(zip(("figure", "value", "unit"), row, strict=True)) for row in rows]
