"""Pixel spacing of the input: what the user gives, what a drawn line says, and the spacing of the node itself."""

from __future__ import annotations

import numpy as np
import slicer
from slicer.i18n import tr as _

from ..geometry.calibration import LARGEST_MM, SMALLEST_MM
from ..geometry.spacing import Calibration, SpacingSource
from ..imaging.image import InputError
from .caseNodes import CaseNodes

USER_SPACING_ATTRIBUTE = "HepatoRenalIndex.UserSpacing"
_SAME = 0.002  # relative difference below which two spacings are the same
_SHORTEST_LINE = 20.0  # pixels; on a shorter line a click beside the mark is an error of more than 5 %


def storedUserSpacing(keeper) -> float:
    """The spacing in mm that the user gave for the input with this :attr:`Source.keeper`, 0 for none."""
    try:
        return float(keeper.GetAttribute(USER_SPACING_ATTRIBUTE) or 0)
    except ValueError:
        return 0.0


def storeUserSpacing(keeper, spacing: float) -> None:
    keeper.SetAttribute(USER_SPACING_ATTRIBUTE, f"{spacing:.6g}" if spacing > 0 else None)


def spacingFromLine(line, volume, lengthMm: float) -> float:
    """mm per pixel of an image with square pixels, from a line over ``lengthMm`` of its ruler.

    Raises ``InputError`` when the line is not there, too short to be exact, or gives an impossible spacing.
    """
    if line is None or line.GetNumberOfDefinedControlPoints() < 2:
        raise InputError(_("Click the two ends of a stretch of the depth ruler first."))
    rasToIjk = _worldToIjk(volume)
    ends = []
    for index in range(2):
        position = [0.0, 0.0, 0.0]
        line.GetNthControlPointPositionWorld(index, position)
        ends.append((rasToIjk @ (*position, 1.0))[:2])
    pixels = float(np.linalg.norm(ends[1] - ends[0]))
    if pixels < _SHORTEST_LINE:
        raise InputError(_("The line is too short to calibrate with; use a longer stretch of the ruler."))
    spacing = lengthMm / pixels
    if not SMALLEST_MM <= spacing <= LARGEST_MM:
        raise InputError(
            _("{length} mm over {pixels} pixels cannot be right; check the length.").format(
                length=f"{lengthMm:g}", pixels=f"{pixels:.0f}"
            )
        )
    return spacing


def nodeSpacingDiffers(volume, calibration: Calibration | None) -> bool:
    """Whether the node has another spacing than the calibration: lengths drawn in Slicer are then wrong."""
    if calibration is None or not calibration.calibrated:
        return False
    width, height, _thickness = volume.GetSpacing()
    return abs(width / calibration.x_mm - 1) > _SAME or abs(height / calibration.y_mm - 1) > _SAME


def fixNodeSpacing(case: CaseNodes, calibration: Calibration) -> None:
    """Give the input's nodes the calibrated spacing, and keep masks and ROIs on their pixels."""
    source = case.source
    states = {frame: case.state(frame) for frame in range(source.frameCount)} if not case.isEmpty else {}
    volumes = [source.volume]
    if source.isClip:
        volumes += [source.sequence.GetNthDataNode(frame) for frame in range(source.frameCount)]
    for volume in volumes:
        volume.SetSpacing(calibration.x_mm, calibration.y_mm, volume.GetSpacing()[2])
    for frame, state in states.items():
        case.setState(frame, state)


def describeCalibration(calibration: Calibration | None) -> str:
    """One line on the pixel size and where it comes from."""
    if calibration is None:
        return ""
    if not calibration.calibrated:
        return _("No pixel size known: ROIs are sized in pixels, not in mm.")
    size = f"{calibration.x_mm:.4g}"
    if abs(calibration.aspect - 1) > _SAME:
        size += f" x {calibration.y_mm:.4g}"
    return _("{size} mm per pixel, from {source}").format(size=size, source=sourceName(calibration.source))


def sourceName(source: SpacingSource) -> str:
    return {
        SpacingSource.USER: _("you"),
        SpacingSource.REGION: _("the DICOM ultrasound region"),
        SpacingSource.PIXEL_SPACING: _("DICOM Pixel Spacing"),
        SpacingSource.RULER: _("the depth ruler in the image"),
        SpacingSource.NONE: _("nowhere"),
    }[source]


def _worldToIjk(volume) -> np.ndarray:
    import vtk

    ijkToRas, toWorld = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(ijkToRas)
    slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(volume.GetParentTransformNode(), None, toWorld)
    product = vtk.vtkMatrix4x4()
    vtk.vtkMatrix4x4.Multiply4x4(toWorld, ijkToRas, product)
    product.Invert()
    return np.array([[product.GetElement(i, j) for j in range(4)] for i in range(4)])
