"""What the module shows in the application's views: layout with plots, corner text, pictures."""

from __future__ import annotations

from pathlib import Path

import slicer
from slicer.i18n import tr as _

from ..imaging.image import InputError
from ..pipeline.outputs import write_png
from ..pipeline.overlay import draw_overlay, without_annotations
from . import layout, plots
from .source import isAlive


def showVolume(volume) -> None:
    """Show the volume alone in the Red view, upright and whole."""
    slicer.util.setSliceViewerLayers(background=volume, foreground=None, label=None)
    sliceWidget = layout.sliceWidget()
    if sliceWidget is not None:
        sliceWidget.mrmlSliceNode().SetOrientation("Axial")
        layout.fitImage()


def compositeNode():
    """What the Red view shows, None where the application has no views."""
    sliceWidget = layout.sliceWidget()
    return sliceWidget.mrmlSliceCompositeNode() if sliceWidget is not None else None


def ensureShown(volume) -> None:
    """Show the volume, unless the Red view shows it already, perhaps enlarged."""
    if not isShown(volume):
        showVolume(volume)


def isShown(volume) -> bool:
    """Whether the Red view shows the volume."""
    composite = compositeNode()
    return composite is not None and isAlive(volume) and composite.GetBackgroundVolumeID() == volume.GetID()


def showImageOnly() -> None:
    """Show the Red view alone."""
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)


def isImageVisible() -> bool:
    """Whether the layout has the Red view."""
    sliceWidget = layout.sliceWidget()
    return sliceWidget is not None and sliceWidget.visible


def showImageAndPlots(scene) -> None:
    """Show the image above the plots. The plot views follow the charts from then on."""
    layout.registerLayout()
    layout.setLayout(layout.LAYOUT_ID)
    connectPlotViews(scene)


def showImageAndAgreement(scene) -> None:
    """Show the image above the two plots of a comparison of readers."""
    layout.registerLayout()
    layout.setLayout(layout.AGREEMENT_LAYOUT_ID)
    connectPlotViews(scene)


def connectPlotViews(scene) -> None:
    """Let the plot views of the layouts show the charts, where both exist."""
    charts = {
        layout.HISTOGRAM_VIEW: plots.HISTOGRAM,
        layout.FRAMES_VIEW: plots.FRAMES,
        layout.SCATTER_VIEW: plots.SCATTER,
        layout.BLAND_ALTMAN_VIEW: plots.BLAND_ALTMAN,
    }
    for view, chart in charts.items():
        viewNode = scene.GetSingletonNode(view, "vtkMRMLPlotViewNode")
        chartNode = plots.findChart(scene, chart)
        if viewNode is not None and chartNode is not None and viewNode.GetPlotChartNodeID() != chartNode.GetID():
            viewNode.SetPlotChartNodeID(chartNode.GetID())


def cornerText(shown) -> str:
    """The result in a few lines; empty without one."""
    result = shown.result
    if result is None:
        return ""
    if result.measurement is None:
        return _("No HRI")
    measurement = result.measurement
    lines = [
        _("HRI {hri}").format(hri=f"{measurement.hri:.2f}"),
        _("Liver {mean} (SD {sd})").format(mean=f"{measurement.liver.mean:.1f}", sd=f"{measurement.liver.sd:.1f}"),
        _("Kidney {mean} (SD {sd})").format(mean=f"{measurement.kidney.mean:.1f}", sd=f"{measurement.kidney.sd:.1f}"),
    ]
    lines += list(dict.fromkeys(flag.code.replace("_", " ") for flag in measurement.flags))
    return "\n".join([*lines, _("Research use only")])


class CornerText:
    """A text in the upper right corner of the Red view. (The application itself writes into the other corners.)"""

    def __init__(self):
        self._actor = None
        self._view = None

    def show(self, text: str) -> None:
        """Show the text, or nothing for an empty one."""
        sliceWidget = layout.sliceWidget()
        if sliceWidget is None:
            return
        view = sliceWidget.sliceView()
        if self._view != view:
            self.remove()
        if not text and self._actor is None:
            return
        if self._actor is None:
            self._attach(view)
        if self._actor.GetInput() != text:
            self._actor.SetInput(text)
            view.scheduleRender()

    def _attach(self, view) -> None:
        import vtk

        actor = vtk.vtkTextActor()
        properties = actor.GetTextProperty()
        properties.SetFontSize(16)
        properties.SetColor(1.0, 1.0, 0.6)
        properties.ShadowOn()
        properties.SetJustificationToRight()
        properties.SetVerticalJustificationToTop()
        position = actor.GetPositionCoordinate()
        position.SetCoordinateSystemToNormalizedViewport()
        position.SetValue(0.985, 0.94)
        view.renderWindow().GetRenderers().GetFirstRenderer().AddViewProp(actor)
        self._actor, self._view = actor, view

    def remove(self) -> None:
        """Take the text away, also when the module is reloaded."""
        actor, view, self._actor, self._view = self._actor, self._view, None, None
        if actor is not None:
            view.renderWindow().GetRenderers().GetFirstRenderer().RemoveViewProp(actor)
            view.scheduleRender()


def savePicture(shown, path: str | Path, keepAnnotations: bool) -> None:
    """Write a PNG: the image with outlines, ROIs and figures, or with ``keepAnnotations`` the slice view as it is.

    Without it, everything outside the insonated area is black: burned-in text names patients. Raises ``InputError``
    when there is nothing to show or the file cannot be written.
    """
    if shown.result is None:
        raise InputError(_("There is no measurement to save a picture of."))
    try:
        if keepAnnotations:
            _captureView(Path(path))
        else:
            write_png(Path(path), draw_overlay(without_annotations(shown.result)))
    except OSError as error:
        raise InputError(
            _("The picture could not be written ({reason}); choose another folder.").format(reason=error.strerror)
        ) from error


def _captureView(path: Path) -> None:
    import vtk

    view = layout.sliceWidget().sliceView()
    view.forceRender()
    grabber = vtk.vtkWindowToImageFilter()
    grabber.SetInput(view.renderWindow())
    grabber.SetInputBufferTypeToRGB()
    grabber.ReadFrontBufferOff()
    partial = path.with_name(f".{path.name}.partial.png")
    writer = vtk.vtkPNGWriter()
    writer.SetInputConnection(grabber.GetOutputPort())
    writer.SetFileName(str(partial))
    writer.Write()
    partial.replace(path)
