"""A slice view drawn without a window, by the displayable managers that draw it in Slicer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .runtime import Runtime
from .view import red_slice_node, set_axial_slice

# Corner -> vtkCornerAnnotation's index
CORNERS = {"lower_left": 0, "lower_right": 1, "upper_left": 2, "upper_right": 3}
_DISPLAYABLE_MANAGERS = ("vtkMRMLSegmentationsDisplayableManager2D", "vtkMRMLMarkupsDisplayableManager")
_LONG_SIDE = 1100  # pixels of the drawn image's longer side
_BAND = 70  # pixels above and below the image for the corner texts
_MINIMUM_WIDTH = 900  # pixels, for the texts
_LABEL_SIZE, _LABEL_GAP = 17, 5  # pixels


class SliceView:
    """An offscreen Red view of a scene. Made without a GL library it ends the process."""

    def __init__(self, runtime: Runtime):
        import slicer
        import vtk

        self._window = vtk.vtkRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)
        self._window.SetNumberOfLayers(2)
        self._renderer, text_renderer = vtk.vtkRenderer(), vtk.vtkRenderer()
        text_renderer.SetLayer(1)
        for renderer in (self._renderer, text_renderer):
            renderer.GetActiveCamera().ParallelProjectionOn()
            self._window.AddRenderer(renderer)
        self._interactor = vtk.vtkGenericRenderWindowInteractor()
        self._interactor.SetRenderWindow(self._window)
        self._interactor.EnableRenderOff()
        self._interactor.Initialize()

        self._window.Render()  # here, not in the first picture, it shows whether there is a GL library

        # The image comes before the displayable managers' actors, else it would cover them.
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        image_actor = vtk.vtkActor2D()
        image_actor.SetMapper(self._mapper)
        image_actor.GetProperty().SetDisplayLocationToBackground()
        self._renderer.AddViewProp(image_actor)

        self._annotation = vtk.vtkCornerAnnotation()
        self._annotation.SetMaximumFontSize(19)
        self._annotation.SetMinimumFontSize(10)
        self._annotation.SetNonlinearFontScaleFactor(1)
        self._annotation.GetTextProperty().ShadowOn()
        text_renderer.AddViewProp(self._annotation)

        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(runtime.application_logic)
        for name in _DISPLAYABLE_MANAGERS:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self._managers = slicer.vtkMRMLDisplayableManagerGroup()
        self._managers.Initialize(factory, self._renderer)
        self._logic = slicer.vtkMRMLSliceLogic()
        self._logic.SetMRMLApplicationLogic(runtime.application_logic)
        runtime.application_logic.GetSliceLogics().AddItem(self._logic)
        self._logic.SetMRMLScene(runtime.scene)
        self._scene = runtime.scene
        self._text_renderer = text_renderer
        self._labels: list = []

    def write(self, volume, texts: Mapping[str, str], path: Path) -> None:
        """Draw the volume with all that lies over it and write a PNG file. ``texts`` are keyed by ``CORNERS``.

        ROI nodes lose their handles and get their names above the box, where they hide nothing that is measured.
        """
        import vtk

        self._fit(volume)
        self._label_rois()
        for corner, index in CORNERS.items():
            self._annotation.SetText(index, texts.get(corner, ""))
        self._logic.UpdatePipeline()
        self._mapper.SetInputConnection(self._logic.GetImageDataConnection())
        self._window.Render()
        grabber = vtk.vtkWindowToImageFilter()
        grabber.SetInput(self._window)
        grabber.ReadFrontBufferOff()
        grabber.SetInputBufferTypeToRGB()
        writer = vtk.vtkPNGWriter()
        writer.SetInputConnection(grabber.GetOutputPort())
        writer.SetFileName(str(path))
        writer.Write()

    def _label_rois(self) -> None:
        import vtk

        for label in self._labels:
            self._text_renderer.RemoveViewProp(label)
        self._labels.clear()
        ras_to_view = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(red_slice_node(self._scene).GetXYToRAS(), ras_to_view)
        for node in self._scene.GetNodesByClass("vtkMRMLMarkupsROINode"):
            display = node.GetDisplayNode()
            if display is None or node.GetNumberOfControlPoints() == 0:
                continue
            display.SetHandlesInteractive(False)
            display.SetPropertiesLabelVisibility(False)
            display.SetGlyphScale(0.1)
            bounds = [0.0] * 6
            node.GetRASBounds(bounds)
            x, y, _, _ = ras_to_view.MultiplyPoint(((bounds[0] + bounds[1]) / 2, bounds[3], 0.0, 1.0))
            label = vtk.vtkTextActor()
            label.SetInput(node.GetName())
            label.SetPosition(x, y + _LABEL_GAP)
            properties = label.GetTextProperty()
            properties.SetFontSize(_LABEL_SIZE)
            properties.SetJustificationToCentered()
            properties.SetColor(*display.GetSelectedColor())
            properties.ShadowOn()
            self._text_renderer.AddViewProp(label)
            self._labels.append(label)

    def _fit(self, volume) -> None:
        """Size window and slice so that the image is whole, upright, and has a band for text above and below."""
        columns, rows, _ = volume.GetImageData().GetDimensions()
        width, height, _ = volume.GetSpacing()
        millimeters_per_pixel = max(columns * width, rows * height) / _LONG_SIDE
        drawn = round(columns * width / millimeters_per_pixel), round(rows * height / millimeters_per_pixel)
        size = max(_MINIMUM_WIDTH, drawn[0]), drawn[1] + 2 * _BAND
        self._window.SetSize(*size)
        node = red_slice_node(self._scene)
        node.SetDimensions(*size, 1)
        set_axial_slice(node, volume, size[0] * millimeters_per_pixel, size[1] * millimeters_per_pixel)
        if self._logic.GetSliceNode() is not node:
            self._logic.SetSliceNode(node)
            self._managers.SetMRMLDisplayableNode(node)
        self._logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
        self._logic.ResizeSliceNode(*size)
