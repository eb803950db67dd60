"""Child process of :mod:`render`: draws ``.mrb`` scenes as PNG files.

``python -m HepatoRenalIndexLib.scene.render_process JOBS``, where JOBS is a JSON file with a list of
``{"mrb": path, "png": path}``. JSON lines on the standard output say how far it came, whatever ends the process:
``{"started": true}``, ``{"ready": true}`` once drawing works, and per job ``{"begun": index}`` and
``{"done": index, "error": sentence or ""}``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ..imaging.image import InputError


def main(jobs_path: str) -> int:
    """Draw all jobs; returns the process's exit code."""
    from .runtime import start
    from .slice_view import SliceView

    jobs = json.loads(Path(jobs_path).read_text(encoding="utf-8"))
    runtime = start()
    _say(started=True)
    view = SliceView(runtime)
    _say(ready=True)
    for index, job in enumerate(jobs):
        _say(begun=index)
        try:
            _draw(runtime.scene, view, Path(job["mrb"]), Path(job["png"]))
            _say(done=index, error="")
        except InputError as error:
            _say(done=index, error=str(error))
        except Exception as error:
            _say(done=index, error=f"The picture could not be drawn ({type(error).__name__}).")
    sys.stdout.flush()
    # Some GL drivers crash while a process ends; all pictures are written by now.
    os._exit(0)


def _draw(scene, view, mrb: Path, png: Path) -> None:
    from .study import clear, load_mrb

    load_mrb(scene, mrb)
    try:
        volume = scene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
        if volume is None:
            raise InputError(f"The scene {mrb.name} has no image.")
        partial = png.with_name(f".{png.stem}.partial.png")
        view.write(volume, corner_texts(scene), partial)
        partial.replace(png)
    finally:
        clear(scene)


def corner_texts(scene) -> dict[str, str]:
    """Texts for the corners from the row of the shown frame in the scene's result table."""
    table = scene.GetFirstNodeByClass("vtkMRMLTableNode")
    if table is None:
        return {}
    browser = scene.GetFirstNodeByClass("vtkMRMLSequenceBrowserNode")
    row = browser.GetSelectedItemNumber() if browser is not None else 0

    def cell(name: str, decimals: int | None = None) -> str:
        column = table.GetTable().GetColumnByName(name)
        if column is None:
            return ""
        value = column.GetValue(row)
        if decimals is None:
            return str(value)
        return f"{value:.{decimals}f}" if value == value else ""

    measured = cell("hri", 2) != ""
    upper_left = (
        f"HRI {cell('hri', 2)}\n"
        f"Liver {cell('liver_mean', 1)} ± {cell('liver_sd', 1)}\n"
        f"Kidney {cell('kidney_mean', 1)} ± {cell('kidney_sd', 1)}"
        if measured
        else "No HRI: not measured"
    )
    flags = cell("flags").replace(";", "\n")
    spacing = cell("spacing_mm", 3)
    lower_left = f"{spacing} mm/pixel ({cell('spacing_source')})" if spacing else "No pixel spacing known"
    model = " ".join(filter(None, (cell("model"), cell("model_version"))))
    return {
        "upper_left": upper_left,
        "upper_right": flags,
        "lower_left": f"{lower_left}\nFrame {cell('frame', 0)}",
        "lower_right": f"Masks: {model}\nResearch use only",
    }


def _say(**message) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
