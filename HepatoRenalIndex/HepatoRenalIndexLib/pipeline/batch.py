"""Many files in one call: the same from a shell, from Slicer's Python console and from a script.

from HepatoRenalIndexLib.pipeline.batch import measure_files
summary = measure_files(["/data/study"], "/data/out")
print(summary.measurements, summary.ok, summary.errors)
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .. import __version__
from ..files.writing import write_bytes
from ..imaging.discovery import InputFile, find_inputs
from ..imaging.image import InputError
from ..imaging.problem import error_sentence
from ..imaging.reader import open_ultrasound
from ..imaging.ultrasound_file import UltrasoundFile
from ..measurement.organs import Segmenter
from ..measurement.result import ModelIdentity
from .case import PICTURE_NAMES, CaseFrames, CaseWriter
from .measure import MeasurementSettings, measure_frame
from .outputs import (
    PARTIAL_NAME,
    MeasurementsFile,
    Row,
    case_names,
    error_row,
    prepare_folder,
    read_rows,
    result_row,
)

RUN_NAME = "run.json"

# (files done, files in all, name of the present file); the first has a fraction inside a clip
Progress = Callable[[float, int, str], None]


@dataclass(frozen=True)
class BatchOptions:
    """What a run may be told.

    ``frames`` is ``"all"``, ``"first"`` or the number of one frame, counted from 0. ``model`` is the folder of a MONAI
    bundle, ``None`` for the one that comes with the library; ``device`` is ``auto``, ``cpu`` or ``cuda``.
    ``annotations`` keeps what the scanner wrote beside the image (names, dates) in pictures and scenes.
    """

    settings: MeasurementSettings = field(default_factory=MeasurementSettings)
    frames: str | int = "all"
    device: str = "auto"
    model: Path | None = None
    scene: bool = True
    annotations: bool = False

    def __post_init__(self):
        if self.frames not in ("all", "first") and not (isinstance(self.frames, int) and self.frames >= 0):
            raise InputError("The frames to measure are all, first, or the number of one frame counted from 0.")


@dataclass(frozen=True)
class BatchSummary:
    """What a run did. ``ok`` and ``errors`` count rows; ``resumed`` counts files taken over from a stopped run."""

    measurements: Path
    ok: int
    errors: int
    resumed: int
    model: ModelIdentity
    problems: tuple[str, ...] = ()


def measure_files(
    inputs: Iterable[str | Path],
    output: str | Path,
    options: BatchOptions | None = None,
    progress: Progress | None = None,
    segmenter: Segmenter | None = None,
) -> BatchSummary:
    """Measure files and folders (with everything in them) and write ``measurements.csv`` and a folder for each case.

    A file that cannot be measured becomes a row with its reason; it never stops the others. A run that was stopped
    goes on where it was when it is started again with the same arguments. ``KeyboardInterrupt`` is passed on, after
    the rows so far were written. Raises ``InputError`` when nothing can be done at all: no input, output not writable,
    unusable model. ``segmenter`` takes the place of the one that the options name.
    """
    options = options or BatchOptions()
    output = Path(output)
    files = [file for file in find_inputs(inputs) if not is_result(file.path)]
    if all(file.error for file in files):
        nothing = (
            f"{files[0].source}: {files[0].error}" if files else "There is nothing to measure; give files or folders."
        )
        raise InputError(nothing)
    prepare_folder(output)
    if segmenter is None:
        from ..inference.bundle import load_segmenter

        segmenter = load_segmenter(options.model, options.device)

    run = _describe_run(files, options, segmenter.identity)
    known = _rows_of_stopped_run(output, run)
    write_bytes(output / RUN_NAME, run)
    writer = CaseWriter(output, options.scene)
    table = MeasurementsFile(output)
    counts: Counter[str] = Counter()
    cases = case_names([file.source for file in files], [path.name for path in output.iterdir() if path.is_file()])
    try:
        for index, (file, case) in enumerate(zip(files, cases, strict=True)):
            rows = known.get(file.source)
            if rows is None:
                tell = _teller(progress, index, len(files), file.source)
                rows = _measure_file(file, case, segmenter, options, writer, tell)
            else:
                counts["resumed"] += 1
            table.add(rows)
            counts.update(row["status"] for row in rows)
        writer.draw_views()
        if progress is not None:
            progress(len(files), len(files), "")
    except BaseException:
        table.interrupt()
        raise
    return BatchSummary(
        table.finish(), counts["ok"], counts["error"], counts["resumed"], segmenter.identity, tuple(writer.problems)
    )


def is_result(path: Path) -> bool:
    """Whether a file is a picture of an earlier run, of this or another output folder among the input."""
    return path.name in PICTURE_NAMES and (path.resolve().parent.parent / RUN_NAME).is_file()


def _describe_run(files: Sequence[InputFile], options: BatchOptions, model: ModelIdentity) -> bytes:
    """The run as JSON: what the results depend on, without the time or any absolute path."""
    inputs = [(file.source, *size_and_time(file.path)) for file in files]
    run = {
        "software": "LiverUltrasound",
        "version": __version__,
        "model": asdict(model),
        "settings": asdict(options.settings),
        "frames": options.frames,
        "scene": options.scene,
        "annotations": options.annotations,
        "files": len(files),
        "files_sha256": hashlib.sha256(json.dumps(inputs).encode()).hexdigest(),  # names, sizes and times
    }
    return json.dumps(run, indent=2).encode()


def size_and_time(path: Path) -> tuple[int, int]:
    """What tells that a file is another one than in a stopped run: size and time of change, zeros without a file."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _rows_of_stopped_run(output: Path, run: bytes) -> dict[str, list[Row]]:
    """Source -> rows that a run of the very same description left when it was stopped, where all of them are ok."""
    try:
        if (output / RUN_NAME).read_bytes() != run:
            return {}
        rows = read_rows(output / PARTIAL_NAME)
    except (OSError, ValueError):
        return {}
    by_source: dict[str, list[Row]] = {}
    for row in rows:
        by_source.setdefault(row["source"], []).append(row)
    if rows:
        del by_source[rows[-1]["source"]]  # the last one may not be complete
    return {source: rows for source, rows in by_source.items() if all(row["status"] == "ok" for row in rows)}


def _teller(progress: Progress | None, index: int, total: int, source: str) -> Callable[[float], None]:
    """What a file calls with the share of it that is done."""
    return lambda share: progress(index + share, total, source) if progress is not None else None


def _measure_file(
    file: InputFile,
    case: str,
    segmenter: Segmenter,
    options: BatchOptions,
    writer: CaseWriter,
    tell: Callable[[float], None],
) -> list[Row]:
    """The rows of one file; its folder is written on the way. What is wrong with a file ends here, as a row."""
    tell(0.0)
    writer.clear(case)
    if file.error:
        return [error_row(file.source, file.error)]
    try:
        with open_ultrasound(file.path, file.source) as clip:
            chosen = _chosen_frames(clip.frame_count, options.frames)
            kept = CaseFrames(len(chosen), options.annotations)
            rows = []
            for done, frame in enumerate(chosen):
                rows.append(_measure_one(clip, frame, segmenter, options.settings, kept))
                tell((done + 1) / (len(chosen) + 1))
    except Exception as error:
        return [error_row(file.source, error_sentence(error))]
    writer.write(case, kept)
    return rows


def _measure_one(
    clip: UltrasoundFile, frame: int, segmenter: Segmenter, settings: MeasurementSettings, kept: CaseFrames
) -> Row:
    try:
        result = measure_frame(clip.frame(frame), segmenter, settings)
        kept.add(result)
        return result_row(result)
    except Exception as error:
        return error_row(clip.source, error_sentence(error), frame)


def _chosen_frames(frame_count: int, frames: str | int) -> range:
    if frames == "all":
        return range(frame_count)
    first = 0 if frames == "first" else int(frames)
    if first >= frame_count:
        raise InputError(f"The file has {frame_count} frames, so there is no frame {first}; the first one is frame 0.")
    return range(first, first + 1)
