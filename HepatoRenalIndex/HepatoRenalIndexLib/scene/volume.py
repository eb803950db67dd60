"""Image and volume node.

The image lies as Slicer lays a 2D ultrasound image: one axial slice, IJK to RAS ``diag(-width, -height, 1)`` with
the origin at the center of the upper left pixel, so that the Red view shows it upright. Array index ``[0, y, x]``.
"""

from __future__ import annotations

import numpy as np

from ..geometry.spacing import Calibration, SpacingSource
from ..imaging.gray import color_mask, luma, scale_to_8_bit, significant_bits
from ..imaging.image import InputError, Provenance, UltrasoundImage

SLICE_THICKNESS_MM = 1.0
SPACING_SOURCE_ATTRIBUTE = "HepatoRenalIndex.SpacingSource"
SPACING_CONFLICT_ATTRIBUTE = "HepatoRenalIndex.SpacingConflict"


def add_volume(scene, image: UltrasoundImage, calibration: Calibration | None, name: str):
    """Add a ``vtkMRMLScalarVolumeNode`` of the image to the scene, its window fixed to the gray levels 0..255.

    Uncalibrated pixels become 1 mm, as Slicer does, and the node's attribute ``HepatoRenalIndex.SpacingSource``
    says ``none``.
    """
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    update_volume(volume, image, calibration)
    volume.CreateDefaultDisplayNodes()
    display = volume.GetDisplayNode()
    gray = scene.GetFirstNode("Grey", "vtkMRMLColorTableNode")
    if gray is not None:
        display.SetAndObserveColorNodeID(gray.GetID())
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(0, 255)
    display.SetInterpolate(True)
    return volume


def update_volume(volume, image: UltrasoundImage, calibration: Calibration | None) -> None:
    """Set pixels and spacing of a scalar volume node, in a scene or not."""
    volume.SetAndObserveImageData(image_data(image.pixels))
    set_calibration(volume, calibration)


def set_calibration(volume, calibration: Calibration | None) -> None:
    """Give a one-slice volume the spacing, its source and the origin of the image convention above."""
    calibration = calibration or Calibration(SpacingSource.NONE)
    width = calibration.x_mm if calibration.calibrated else 1.0
    height = calibration.y_mm if calibration.calibrated else 1.0
    volume.SetIJKToRASDirections(-1, 0, 0, 0, -1, 0, 0, 0, 1)
    volume.SetSpacing(width, height, SLICE_THICKNESS_MM)
    volume.SetOrigin(0, 0, 0)
    volume.SetAttribute(SPACING_SOURCE_ATTRIBUTE, calibration.source.value)
    volume.SetAttribute(SPACING_CONFLICT_ATTRIBUTE, "1" if calibration.conflict else None)


def image_data(pixels: np.ndarray):
    """``vtkImageData`` of one slice with a copy of the uint8 array ``(rows, columns)``."""
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    data = vtk.vtkImageData()
    data.SetDimensions(pixels.shape[1], pixels.shape[0], 1)
    scalars = numpy_to_vtk(np.ascontiguousarray(pixels, np.uint8).ravel(), deep=True)
    scalars.SetName("Pixels")
    data.GetPointData().SetScalars(scalars)
    return data


def calibration_from_volume_node(volume) -> Calibration | None:
    """The calibration that :func:`add_volume` wrote; ``None`` for a volume of other origin.

    Slicer's own readers give an ultrasound image a spacing of 1 mm when the header has none or several regions: the
    spacing of such a node says nothing, its header has to be read.
    """
    try:
        source = SpacingSource(volume.GetAttribute(SPACING_SOURCE_ATTRIBUTE) or "")
    except ValueError:
        return None
    if source is SpacingSource.NONE:
        return Calibration(source)
    width, height, _ = volume.GetSpacing()
    return Calibration(source, width, height, conflict=volume.GetAttribute(SPACING_CONFLICT_ATTRIBUTE) == "1")


def pixels_from_volume_node(volume) -> np.ndarray:
    """View of the pixels of a one-slice volume, ``(rows, columns)`` or ``(rows, columns, 3)``, uint8 or uint16.

    Raises ``InputError`` for a volume without pixels, with several slices, or of another type.
    """
    from vtk.util.numpy_support import vtk_to_numpy

    data = volume.GetImageData()
    scalars = data.GetPointData().GetScalars() if data is not None else None
    if scalars is None or scalars.GetNumberOfTuples() == 0:
        raise InputError("The volume has no pixels: load the image again.")
    columns, rows, slices = data.GetDimensions()
    if slices != 1:
        raise InputError(
            f"The volume has {slices} slices, but one ultrasound image is measured at a time: "
            "load the clip as a sequence, or choose a single frame."
        )
    values = vtk_to_numpy(scalars)
    if values.dtype not in (np.uint8, np.uint16):
        raise InputError(f"The volume's pixels are {values.dtype}, but 8 or 16 bit unsigned gray levels are needed.")
    components = scalars.GetNumberOfComponents()
    if components == 1:
        return values.reshape(rows, columns)
    if components in (3, 4):
        return values.reshape(rows, columns, components)[:, :, :3]
    raise InputError(f"The volume has {components} values per pixel, but gray (1) or color (3) is needed.")


def image_from_volume_node(volume, *, source: str = "volume", frame: int = 0, frame_count: int = 1) -> UltrasoundImage:
    """The image in a scalar or color volume node of one slice; see :func:`pixels_from_volume_node` for the errors.

    Color and 16 bits are reduced as by the file readers (``imaging.gray``). The spacing of the node is not taken over
    (:func:`calibration_from_volume_node`), nor is its window, which must not change a brightness.
    """
    pixels = pixels_from_volume_node(volume)
    notes: tuple[str, ...] = ()
    if pixels.dtype == np.uint16:
        bits = significant_bits(pixels, 16)
        pixels = scale_to_8_bit(pixels, bits)
        notes = (f"The {bits}-bit gray values were scaled to 8 bits.",)
    provenance = Provenance(source, frame, frame_count, file_format="volume")
    if pixels.ndim == 2:
        return UltrasoundImage(pixels.copy(), provenance, notes=notes)
    gray = luma(pixels)
    color, tint = color_mask(pixels, gray)
    return UltrasoundImage(gray, provenance, color=color, notes=notes + tint)
