"""Draw the pictures of the tutorial: the sample images measured by the module's own logic, in a view without a window.

Run in the environment of the project: ``.venv/bin/python docs/make_pictures.py``. Needs an OpenGL library.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

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
from HepatoRenalIndexLib.scene import runtime  # noqa: E402
from HepatoRenalIndexLib.scene.slice_view import SliceView  # noqa: E402
from HepatoRenalIndexLib.scene.view import show_volume  # noqa: E402


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
            _shrink(drawn, path)

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
    _draw_charts([plots.findChart(scene, name) for name in (plots.HISTOGRAM, plots.FRAMES)])
    logic.close()
    sys.stdout.flush()
    os._exit(0)  # some GL drivers crash while a process ends


def _shrink(drawn: Path, path: Path) -> None:
    from PIL import Image

    with Image.open(drawn) as picture:
        size = picture.width * 2 // 3, picture.height * 2 // 3
        picture.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(path, quality=90)


def _draw_charts(charts: list) -> None:
    """The charts beside each other, as the layout of the module shows them."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from vtk.util.numpy_support import vtk_to_numpy

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3), layout="constrained")
    for axis, chart in zip(axes, charts, strict=True):
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
        axis.legend(frameon=False, fontsize=8)
    figure.savefig(PICTURES / "tutorial-plots.png", dpi=100)


if __name__ == "__main__":
    main()
