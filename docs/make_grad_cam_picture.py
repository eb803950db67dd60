"""Draw the picture of Grad-CAM in the tutorial on liver fat: a small network, trained for it on a simulated cohort.

Run in the environment of the project: ``.venv/bin/python docs/make_grad_cam_picture.py``. Takes some minutes and needs
an OpenGL library. The other pictures of the tutorials are taken in Slicer: see ``make_screenshots.py``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "pictures" / "steatosis-grad-cam.jpg"
if sys.platform.startswith("linux"):
    os.environ["VTK_DEFAULT_OPENGL_WINDOW"] = "vtkEGLRenderWindow"
    os.environ.pop("DISPLAY", None)
for folder in ("HepatoRenalIndex", "HepatoRenalIndex/Testing/Python", "SteatosisEstimator"):
    sys.path.insert(0, str(ROOT / folder))
sys.path.insert(0, str(ROOT / "SteatosisEstimator" / "Testing" / "Python"))

import slicer_double  # noqa: E402

slicer_double.install()

import steatosis_double  # noqa: E402
from HepatoRenalIndexLib.scene import runtime  # noqa: E402
from HepatoRenalIndexLib.scene.slice_view import SliceView  # noqa: E402
from HepatoRenalIndexLib.scene.view import show_volume  # noqa: E402
from PIL import Image  # noqa: E402
from SteatosisEstimatorLib.module.console import ConsoleLogic  # noqa: E402
from SteatosisEstimatorLib.simulation.writing import write_cohort  # noqa: E402

SUBJECTS, SIZE = 32, (240, 320)
SETTINGS = {"crop_px": 200, "size": 96, "epochs": 25, "inner_folds": 2, "test_sets": 4, "filters": [8, 16, 32, 32]}


def main() -> None:
    """Train, estimate a new subject, and draw its map."""
    started = runtime.start()
    scene, view = started.scene, SliceView(started)
    logic = ConsoleLogic(scene, lambda: slicer_double.Parameters(scene, steatosis_double.MODULE))
    with tempfile.TemporaryDirectory() as folder:
        cohort = write_cohort(Path(folder) / "cohort", SUBJECTS, ["ar", "hr"], seed=5, frames=2, size=SIZE)
        model = logic.trainModel("cnn5-clip", cohort, Path(folder) / "SimulatedCnn", settings=SETTINGS)
        new = write_cohort(Path(folder) / "new", 3, ["ar", "hr"], seed=77, frames=2, size=SIZE)
        views = {name: logic.loadFile(new.parent / "S003" / f"{name}.dcm") for name in ("ar", "hr")}
        row = logic.estimateVolumes(views, subject="simulated", model=model)
        print({name: row[name] for name in ("fat_percent", "fat_low", "fat_high", "grade")})
        show_volume(scene, views["hr"])
        logic.refresh()
        drawn = Path(folder) / "view.png"
        view.write(views["hr"], {}, drawn)
        with Image.open(drawn) as picture:
            size = picture.width * 2 // 3, picture.height * 2 // 3
            picture.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(PICTURE, quality=90)
    sys.stdout.flush()
    os._exit(0)  # some GL drivers crash while a process ends


if __name__ == "__main__":
    main()
