"""What the Red slice view shows of a case."""

from __future__ import annotations

VIEW_NAME = "Red"
_MARGIN = 1.05  # of the image, around it
_WINDOW = (900, 700)  # pixels, until a real view says its size


def show_volume(scene, volume) -> None:
    """Show the volume alone in the Red view, upright and whole."""
    layout = _singleton(scene, "vtkMRMLLayoutNode", "vtkMRMLLayoutNode")
    layout.SetViewArrangement(layout.SlicerLayoutOneUpRedSliceView)
    composite = _singleton(scene, "vtkMRMLSliceCompositeNode", VIEW_NAME)
    composite.SetBackgroundVolumeID(volume.GetID())
    composite.SetForegroundVolumeID(None)
    composite.SetLabelVolumeID(None)
    composite.SetLabelOpacity(1.0)
    slice_node = red_slice_node(scene)
    fit_slice(slice_node, volume)


def red_slice_node(scene):
    """The ``vtkMRMLSliceNode`` of the Red view, made if the scene has none."""
    node = _singleton(scene, "vtkMRMLSliceNode", VIEW_NAME)
    node.SetMappedInLayout(1)
    return node


def fit_slice(slice_node, volume) -> None:
    """Axial slice through the image, so that the whole image is seen in the view's present shape."""
    import vtk

    columns, rows, _ = volume.GetImageData().GetDimensions()
    width, height, thickness = volume.GetSpacing()
    view = slice_node.GetDimensions()
    if min(view[:2]) < 50:
        slice_node.SetDimensions(*_WINDOW, 1)
        view = slice_node.GetDimensions()
    scale = max(columns * width / view[0], rows * height / view[1]) * _MARGIN
    bounds = [0.0] * 6
    volume.GetRASBounds(bounds)
    center = ((bounds[2 * axis] + bounds[2 * axis + 1]) / 2 for axis in range(3))
    axial = vtk.vtkMatrix4x4()
    axial.SetElement(0, 0, -1.0)
    for axis, position in enumerate(center):
        axial.SetElement(axis, 3, position)
    slice_node.SetFieldOfView(view[0] * scale, view[1] * scale, thickness)
    slice_node.GetSliceToRAS().DeepCopy(axial)
    slice_node.UpdateMatrices()


def _singleton(scene, class_name: str, tag: str):
    node = scene.GetSingletonNode(tag, class_name)
    if node is None:
        node = scene.CreateNodeByClass(class_name)
        node.SetSingletonTag(tag)
        node.SetName(tag)
        if hasattr(node, "SetLayoutName"):
            node.SetLayoutName(tag)
        node = scene.AddNode(node)
    return node
