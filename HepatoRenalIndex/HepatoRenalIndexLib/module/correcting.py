"""What the user does to a measurement beside dragging and painting: by hand, back to automatic, undo, calibrate."""

from __future__ import annotations

from dataclasses import replace

from slicer.i18n import tr as _

from ..imaging.image import InputError
from ..measurement.hri import roi_size_px
from ..measurement.roi import Roi
from . import calibrating
from .caseNodes import ensureCase, fileBesideInput, findCase
from .frameState import FrameState, RoiState
from .logic import Shown
from .measuring import calibrateAlone
from .running import RunningLogic, stateOrEmpty
from .source import Source, findSource, isAlive

ORGANS = ("liver", "kidney")
_START_X = {"liver": 0.6, "kidney": 0.4}  # of the image's width: where an ROI waits to be dragged to its place


class CorrectingLogic(RunningLogic):
    """Adds the user's corrections. Every one is a step that can be undone."""

    def outlineByHand(self) -> None:
        """Give the input empty segments to paint; what is there already stays."""
        source = self._requireSource()
        case = ensureCase(self.scene, source, withRois=False)
        self._followNodes(self.parameters(), case)
        self.refresh()

    def placeByHand(self) -> None:
        """Put both ROIs into the middle of the image, where they have no place yet, to be dragged onto the tissue."""
        source = self._requireSource()
        case = ensureCase(self.scene, source, withSegmentation=False)
        self._followNodes(self.parameters(), case)
        frame = source.frame
        state = case.state(frame)
        image = source.image(frame, self.dicomDatabase())
        width, height = self._roiSize(source, image)
        placed = {
            organ: RoiState(Roi.centered(image.columns * _START_X[organ], image.rows / 2, width, height), manual=True)
            for organ in ORGANS
            if getattr(state, organ).roi is None
        }
        case.setState(frame, replace(state, **placed))
        self.refresh()

    def setAutomatic(self, *organs: str) -> None:
        """Let ROIs of the frame shown be placed automatically again, locked ones too."""
        case = findCase(self._requireSource())
        for organ, node in (("liver", case.liverRoi), ("kidney", case.kidneyRoi)):
            if organ in organs and node is not None:
                node.SetLocked(False)
                node.RemoveAllControlPoints()
        self.refresh()

    def setLocked(self, organ: str, locked: bool) -> None:
        """A locked ROI cannot be dragged and is not moved by automatic placement."""
        case = findCase(self._requireSource())
        node = case.liverRoi if organ == "liver" else case.kidneyRoi
        if node is not None:
            node.SetLocked(locked)
            self.refresh()

    def undo(self) -> None:
        """Take back the last step of the input."""
        self._putBack(self.history.undo)

    def redo(self) -> None:
        """Do the step again that was taken back."""
        self._putBack(self.history.redo)

    def _putBack(self, step) -> None:
        source = self._requireSource()
        case = findCase(source)
        states = step(lambda frame: stateOrEmpty(case, frame))
        for frame, state in states.items():
            case.setState(frame, _writable(state, source))
        self.shown = Shown()
        self._baseline = None
        self._waiting = [frame for frame in states if frame != source.frame]
        self.refresh()

    # Calibration

    def calibrateFromLine(self) -> float:
        """Take the spacing from the line that the user drew over the depth ruler; returns mm per pixel."""
        source = self._requireSource()
        parameters = self.parameters()
        line = parameters.rulerLine if isAlive(parameters.rulerLine) else None
        spacing = calibrating.spacingFromLine(line, source.volume, parameters.rulerLength)
        parameters.userSpacing = round(spacing, 6)
        self.refresh()
        return spacing

    def ensureRulerLine(self):
        """The line to draw over the ruler, made empty; it has no part in the measurement itself."""
        source = self._requireSource()
        parameters = self.parameters()
        line = parameters.rulerLine if isAlive(parameters.rulerLine) else None
        if line is None:
            line = self.scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", _("Depth ruler"))
            line.CreateDefaultDisplayNodes()
            # Its length in mm would be that of the pixel size that is about to be corrected.
            line.GetDisplayNode().SetPropertiesLabelVisibility(False)
            parameters.rulerLine = line
            fileBesideInput(self.scene, source, [line])
        return line

    def fixNodeSpacing(self) -> None:
        """Give the nodes of the input the spacing that the measurement uses. Only at the user's wish."""
        source = self._requireSource()
        calibration = self.shown.calibration
        if calibration is None or not calibration.calibrated:
            raise InputError(_("The pixel size is not known yet; measure or calibrate first."))
        calibrating.fixNodeSpacing(findCase(source), calibration)
        self.shown = Shown()
        self._baseline = None
        self.refresh()

    def _requireSource(self) -> Source:
        source = findSource(self.parameters().inputVolume)
        if source is None:
            raise InputError(_("Choose an ultrasound image or clip first."))
        return source

    def _roiSize(self, source: Source, image) -> tuple[int, int]:
        """Width and height in pixels of an ROI in this image."""
        settings = self.settings()
        calibration, geometry = calibrateAlone(image, settings, source.storedCalibration())
        width, height = roi_size_px(calibration, geometry, settings.roi_mm)
        return min(width, image.columns // 2), min(height, image.rows // 2)


def _writable(state: FrameState, source: Source) -> FrameState:
    """The state with empty masks in place of none, so that undoing the first segmentation empties it."""
    if state.masks is not None:
        return state
    import numpy as np

    from ..measurement.organs import OrganMasks

    columns, rows, _slices = source.volume.GetImageData().GetDimensions()
    nothing = np.zeros((rows, columns), bool)
    return replace(state, masks=OrganMasks(nothing, nothing))
