"""Draw the pictures of the tutorial: the sample images measured by the module's own logic, in a view without a window.

Run in the environment of the project: ``.venv/bin/python docs/make_pictures.py``. Needs an OpenGL library.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy import ndimage

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
if sys.platform.startswith("linux"):
    os.environ["VTK_DEFAULT_OPENGL_WINDOW"] = "vtkEGLRenderWindow"
    os.environ.pop("DISPLAY", None)
sys.path[:0] = [str(ROOT / "HepatoRenalIndex"), str(ROOT / "HepatoRenalIndex" / "Testing" / "Python")]

import slicer_double  # noqa: E402

slicer_double.install()

from HepatoRenalIndexLib.module import plots  # noqa: E402
from HepatoRenalIndexLib.module.console import ConsoleLogic  # noqa: E402
from HepatoRenalIndexLib.module.views import cornerText  # noqa: E402
from HepatoRenalIndexLib.pipeline.outputs import write_png  # noqa: E402
from HepatoRenalIndexLib.scene import runtime  # noqa: E402
from HepatoRenalIndexLib.scene.slice_view import SliceView  # noqa: E402
from HepatoRenalIndexLib.scene.view import show_volume  # noqa: E402
from HepatoRenalIndexLib.simulation.parameters import Content  # noqa: E402
from HepatoRenalIndexLib.simulation.phantom import simulate  # noqa: E402
from HepatoRenalIndexLib.simulation.randomize import random_parameters  # noqa: E402
from HepatoRenalIndexLib.study.create import StudyOptions, create_study  # noqa: E402


def main() -> None:
    """Measure the samples and draw every step of the tutorial."""
    started = runtime.start()
    scene = started.scene
    view = SliceView(started)
    logic = ConsoleLogic(scene, lambda: slicer_double.Parameters(scene))
    parameters = logic.parameters()

    def draw(name: str) -> None:
        logic.refreshAll()
        texts = {"upper_right": cornerText(logic.shown)}
        path = PICTURES / f"tutorial-{name}.jpg"
        with tempfile.TemporaryDirectory() as folder:
            drawn = Path(folder) / "view.png"
            view.write(parameters.inputVolume, texts, drawn)
            shrink(drawn, path)

    parameters.inputVolume = logic.loadSample("sector")
    show_volume(scene, parameters.inputVolume)
    draw("loaded")
    logic.measureVolume(parameters.inputVolume)
    draw("measured")
    parameters.showClassMap = True
    draw("classes")
    parameters.showClassMap = False
    x, y, z = parameters.liverRoi.GetCenter()
    parameters.liverRoi.SetCenter(x + 18.0, y + 22.0, z)
    draw("corrected")
    logic.close()
    scene.Clear(0)

    parameters = logic.parameters()
    logic.measureVolume(logic.loadSample("clip"))
    logic.shown.source.browser.SetSelectedItemNumber(4)
    logic.refreshAll()
    draw_charts(
        PICTURES / "tutorial-plots.png", [plots.findChart(scene, name) for name in (plots.HISTOGRAM, plots.FRAMES)]
    )
    logic.close()
    scene.Clear(0)
    _draw_study(view, logic)
    _draw_agreement(logic)
    logic.close()
    sys.stdout.flush()
    os._exit(0)  # some GL drivers crash while a process ends


def _draw_study(view: SliceView, logic: ConsoleLogic) -> None:
    """An image as a reader sees it."""
    marking = logic.marking
    with tempfile.TemporaryDirectory() as folder:
        create_study(
            folder, [ROOT / "HepatoRenalIndex" / "Resources" / "SampleData" / "clip.dcm"], StudyOptions(frames="all")
        )
        marking.start(folder, "A")
        marking.place("liver", 240, 125)
        marking.place("kidney", 213, 178)
        drawn = Path(folder) / "view.png"
        view.write(marking.volume, {"upper_left": marking.progress}, drawn)
        shrink(drawn, PICTURES / "tutorial-study.jpg")
        marking.stop()


def _draw_agreement(logic: ConsoleLogic) -> None:
    """The agreement of two readers of simulated images."""
    marking = logic.marking
    with tempfile.TemporaryDirectory() as folder:
        places = _simulated_study(Path(folder))
        for number, reader in enumerate("AB"):
            rng = np.random.default_rng(number)
            marking.start(folder, reader)
            while not marking.session.finished:
                for organ, (x, y) in places[marking.session.image.path].items():
                    dx, dy = rng.normal(0, 5, 2)
                    marking.place(organ, x + dx, y + dy)
                if marking.whyNotNext():
                    marking.skip("shadow or artifact")
                    continue
                marking.next()
            marking.stop()
        logic.study.compare(folder)
        charts = [plots.findChart(logic.scene, name) for name in (plots.SCATTER, plots.BLAND_ALTMAN)]
        draw_charts(PICTURES / "tutorial-agreement.png", charts)


def _simulated_study(folder: Path, count: int = 16) -> dict[str, dict[str, tuple[float, float]]]:
    """A study of phantoms; returns for each file the places of liver and renal cortex that are widest."""
    images, places = folder / "images", {}
    images.mkdir()
    for seed in range(count):
        phantom = simulate(random_parameters(np.random.default_rng([9, seed]), Content.LIVER_KIDNEY, size=(360, 480)))
        name = f"{seed:02d}.png"
        write_png(images / name, phantom.image.pixels)
        places[name] = {
            organ: _widest(mask & ~phantom.shadow & phantom.visible)
            for organ, mask in (("liver", phantom.masks.liver), ("kidney", phantom.cortex))
        }
    create_study(folder, [images], StudyOptions(roi_px=24, spacing_mm=0.5))
    return places


def _widest(mask: np.ndarray) -> tuple[float, float]:
    y, x = np.unravel_index(ndimage.distance_transform_edt(mask).argmax(), mask.shape)
    return float(x), float(y)


def shrink(drawn: Path, path: Path) -> None:
    from PIL import Image

    with Image.open(drawn) as picture:
        size = picture.width * 2 // 3, picture.height * 2 // 3
        picture.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(path, quality=90)


def draw_charts(path: Path, charts: list) -> None:
    """The charts beside each other, as the layout of the module shows them."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from vtk.util.numpy_support import vtk_to_numpy

    width = 4.5 if len(charts) > 1 else 6
    figure, axes = pyplot.subplots(
        1, len(charts), figsize=(width * len(charts), 3), squeeze=False, layout="constrained"
    )
    for axis, chart in zip(axes[0], charts, strict=True):
        for index in range(chart.GetNumberOfPlotSeriesNodes()):
            series = chart.GetNthPlotSeriesNode(index)
            table = series.GetTableNode().GetTable()
            x, y = (
                vtk_to_numpy(table.GetColumnByName(name)) for name in (series.GetXColumnName(), series.GetYColumnName())
            )
            line = {series.LineStyleNone: "none", series.LineStyleDash: "--"}.get(series.GetLineStyle(), "-")
            marker = "o" if series.GetMarkerStyle() == series.MarkerStyleCircle else ""
            size = series.GetMarkerSize() * 0.7
            axis.plot(x, y, color=series.GetColor(), ls=line, marker=marker, ms=size, lw=1.5, label=series.GetName())
        axis.set(title=chart.GetTitle(), xlabel=chart.GetXAxisTitle(), ylabel=chart.GetYAxisTitle())
        if chart.GetLegendVisibility():
            axis.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
