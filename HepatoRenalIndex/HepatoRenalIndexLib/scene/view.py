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
    fit_slice(red_slice_node(scene), volume)


def red_slice_node(scene):
    """The ``vtkMRMLSliceNode`` of the Red view, made if the scene has none."""
    node = _singleton(scene, "vtkMRMLSliceNode", VIEW_NAME)
    node.SetMappedInLayout(1)
    return node


def fit_slice(slice_node, volume) -> None:
    """Axial slice through the image, so that the whole image is seen in the view's present shape."""
    columns, rows, _ = volume.GetImageData().GetDimensions()
    width, height, _ = volume.GetSpacing()
    view = slice_node.GetDimensions()
    if min(view[:2]) <= 1:
        view = (*_WINDOW, 1)
        slice_node.SetDimensions(*view)
    scale = max(columns * width / view[0], rows * height / view[1]) * _MARGIN
    set_axial_slice(slice_node, volume, view[0] * scale, view[1] * scale)


def set_axial_slice(slice_node, volume, width_mm: float, height_mm: float) -> None:
    """Axial slice of that field of view, centered on the volume."""
    import vtk

    bounds = [0.0] * 6
    volume.GetRASBounds(bounds)
    slice_to_ras = vtk.vtkMatrix4x4()
    slice_to_ras.SetElement(0, 0, -1.0)  # the patient's right is on the left of the view
    for axis in range(3):
        slice_to_ras.SetElement(axis, 3, (bounds[2 * axis] + bounds[2 * axis + 1]) / 2)
    slice_node.SetFieldOfView(width_mm, height_mm, volume.GetSpacing()[2])
    slice_node.GetSliceToRAS().DeepCopy(slice_to_ras)
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
