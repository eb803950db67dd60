"""Draw the pictures of the tutorial on liver fat: the simulated subject estimated by the module's own logic.

Run in the environment of the project: ``.venv/bin/python docs/make_steatosis_pictures.py``. Needs an OpenGL library.
The picture of Grad-CAM is of a small network that is trained for it on a simulated cohort; that takes some minutes.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
for folder in ("docs", "HepatoRenalIndex", "SteatosisEstimator", "SteatosisEstimator/Testing/Python"):
    sys.path.insert(0, str(ROOT / folder))

import make_pictures  # noqa: E402
import steatosis_double  # noqa: E402
from HepatoRenalIndexLib.scene import runtime  # noqa: E402
from HepatoRenalIndexLib.scene.slice_view import SliceView  # noqa: E402
from HepatoRenalIndexLib.scene.view import show_volume  # noqa: E402
from slicer_double import Parameters  # noqa: E402
from SteatosisEstimatorLib.cohort.vocabulary import View  # noqa: E402
from SteatosisEstimatorLib.module import framesPlot  # noqa: E402
from SteatosisEstimatorLib.module.console import ConsoleLogic  # noqa: E402
from SteatosisEstimatorLib.simulation.writing import write_cohort  # noqa: E402

SUBJECTS, SIZE = 32, (240, 320)
SETTINGS = {"crop_px": 200, "size": 96, "epochs": 25, "inner_folds": 2, "test_sets": 4, "filters": [8, 16, 32, 32]}


def main() -> None:
    """Estimate the sample and draw every step of the tutorial."""
    started = runtime.start()
    scene, view = started.scene, SliceView(started)
    logic = ConsoleLogic(scene, lambda: Parameters(scene, steatosis_double.MODULE))

    def draw(volume, name: str) -> None:
        show_volume(scene, volume)
        logic.refresh()
        with tempfile.TemporaryDirectory() as folder:
            drawn = Path(folder) / "view.png"
            view.write(volume, {}, drawn)
            make_pictures.shrink(drawn, make_pictures.PICTURES / f"steatosis-{name}.jpg")

    volumes = logic.loadSample("fatty")
    logic.estimateVolumes(volumes, subject="simulated")
    draw(volumes[View.LIVER_KIDNEY], "regions")
    show_volume(scene, volumes[View.HR])
    logic.shown.sources[View.HR].browser.SetSelectedItemNumber(2)
    logic.refresh()
    make_pictures.draw_charts(
        make_pictures.PICTURES / "steatosis-frames.png", [framesPlot.findChart(scene, framesPlot.FAT_FRAMES)]
    )

    with tempfile.TemporaryDirectory() as folder:
        cohort = write_cohort(Path(folder) / "cohort", SUBJECTS, ["ar", "hr"], seed=5, frames=2, size=SIZE)
        model = logic.trainModel("cnn5-clip", cohort, Path(folder) / "SimulatedCnn", settings=SETTINGS)
        new = write_cohort(Path(folder) / "new", 3, ["ar", "hr"], seed=77, frames=2, size=SIZE)
        for line in new.read_text(encoding="utf-8").splitlines()[2:]:
            print(line)
        views = {name: logic.loadFile(new.parent / "S003" / f"{name}.dcm") for name in ("ar", "hr")}
        row = logic.estimateVolumes(views, subject="simulated", model=model)
        print({name: row[name] for name in ("fat_percent", "fat_low", "fat_high", "grade")}, logic.shown.mapFrames)
        draw(views["hr"], "grad-cam")
    sys.stdout.flush()
    os._exit(0)  # some GL drivers crash while a process ends


if __name__ == "__main__":
    main()
