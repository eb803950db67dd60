"""The sections of the module's panel. Each connects its controls to the logic and shows what the logic knows."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from ..imaging.image import InputError
from . import calibrating, layout
from .console import ConsoleLogic
from .installing import Installer
from .source import findSource, isAlive


def setEnabled(control, isEnabled: bool) -> None:
    """Enable or disable a control that the user may have used last."""
    if not isEnabled and control.focus:
        control.clearFocus()  # it would go on to the next control, and the panel would scroll there
    control.setEnabled(isEnabled)


class Panel:
    """A section. ``ui`` has the controls by their names, ``tell(sentence)`` shows a sentence to the user."""

    def __init__(self, ui, logic: ConsoleLogic, tell: Callable[[str], None]):
        self.ui = ui
        self.logic = logic
        self.tell = tell
        self._purposes: dict[str, str] = {}  # tooltips of the .ui file

    def enable(self, button, reason: str) -> None:
        """Enable a button, or with a ``reason`` disable it and let its tooltip say what is missing."""
        purpose = self._purposes.setdefault(button.objectName, button.toolTip)
        setEnabled(button, not reason)
        button.setToolTip(reason or purpose)

    def attempt(self, action: Callable, *arguments):
        """Do what the user asked for; what is wrong with the input becomes a sentence, never a traceback."""
        self.tell("")
        try:
            return action(*arguments)
        except InputError as error:
            self.tell(str(error))
        except Exception:  # a mistake of the module's: told with what helps to find it
            details = traceback.format_exc()
            sentence = _("Something unexpected happened; please report it with the details.")
            self.tell(sentence)
            slicer.util.errorDisplay(sentence, detailedText=details)
        return None

    def update(self) -> None:
        """Show the present state."""

    def disconnect(self) -> None:
        """Let go of the signals of the logic."""


class RunPanel(Panel):
    """A section with the button that starts the work of the module out of process, its progress, log and Cancel."""

    def __init__(self, ui, logic, tell):
        super().__init__(ui, logic, tell)
        ui.applyButton.connect("clicked()", self.onApply)
        ui.cancelButton.connect("clicked()", self.onCancel)
        logic.progressed.connect(self._onProgress)
        logic.logged.connect(self._onLog)
        logic.runEnded.connect(self._onEnded)

    def disconnect(self) -> None:
        self.logic.progressed.disconnect(self._onProgress)
        self.logic.logged.disconnect(self._onLog)
        self.logic.runEnded.disconnect(self._onEnded)

    def onApply(self) -> None:
        self.ui.logTextEdit.clear()
        self.attempt(self._start)
        self.update()

    def _start(self) -> None:
        """Check, install what is missing, start; ``InputError`` tells what stands in the way."""
        raise NotImplementedError

    def _done(self) -> str:
        """The sentence after a run without a mistake."""
        raise NotImplementedError

    def onCancel(self) -> None:
        self.logic.cancel()
        self.ui.progressBar.setValue(0)
        self.tell(_("Canceled; nothing was changed."))
        self.update()

    def _onProgress(self, share: float, text: str) -> None:
        self.ui.progressBar.setValue(round(100 * share))
        if text:
            self.tell(text)
            self._onLog(text)

    def _onLog(self, text: str) -> None:
        self.ui.logTextEdit.appendPlainText(text)

    def _onEnded(self, sentence: str) -> None:
        self.ui.progressBar.setValue(0 if sentence else 100)
        self.tell(sentence or self._done())
        self.update()


class InputsPanel(Panel):
    """Image, clip and calibration. ``show(volume)`` shows a volume in the slice view."""

    def __init__(self, ui, logic, tell, show: Callable):
        super().__init__(ui, logic, tell)
        self._show = show
        self._browser, self._shownOnce = None, False
        self._folder = ""
        ui.loadFileButton.connect("clicked()", self.onLoadFile)
        ui.fixSpacingButton.connect("clicked()", lambda: self.attempt(self._fixSpacing))
        ui.calibrateButton.connect("clicked()", lambda: self.attempt(logic.calibrateFromLine))
        ui.rulerPlaceWidget.setPlaceMultipleMarkups(slicer.qSlicerMarkupsPlaceWidget.ForcePlaceSingleMarkup)
        ui.rulerPlaceWidget.setButtonsVisible(False)  # but for those that draw the line and take it away
        ui.rulerPlaceWidget.placeButton().show()
        ui.rulerPlaceWidget.deleteButton().show()
        ui.calibrationGroupBox.connect("toggled(bool)", self._onCalibrationOpened)

    def onLoadFile(self) -> None:
        path = qt.QFileDialog.getOpenFileName(
            slicer.util.mainWindow(), _("Load ultrasound file"), self._folder, _("Ultrasound images (*)")
        )
        if path:
            self._folder = str(Path(path).parent)  # the next file probably lies beside it
            self.attempt(self._load, path)

    def _load(self, path: str) -> None:
        volume = self.logic.loadFile(path)
        self.logic.parameters().inputVolume = volume
        self._show(volume)

    def _fixSpacing(self) -> None:
        self.logic.fixNodeSpacing()
        layout.fitImage()  # of another size now, it would lie in a corner or reach beyond the view

    def _onCalibrationOpened(self, isOpen: bool) -> None:
        if isOpen:
            self._updateRulerLine()
        line = self.logic.parameters().rulerLine
        if isAlive(line) and line.GetDisplayNode() is not None:
            line.GetDisplayNode().SetVisibility(isOpen)

    def _updateRulerLine(self) -> None:
        """Have a line to place as soon as there is an image and the user wants to calibrate."""
        if findSource(self.logic.parameters().inputVolume) is None:
            return
        line = self.logic.ensureRulerLine()
        if self.ui.rulerPlaceWidget.currentNode() is not line:
            self.ui.rulerPlaceWidget.setCurrentNode(line)

    def update(self) -> None:
        ui, shown = self.ui, self.logic.shown
        isClip = shown.source is not None and shown.source.isClip
        browser = shown.source.browser if isClip else None
        if browser is not self._browser or not self._shownOnce:
            self._browser, self._shownOnce = browser, True
            for widget in (ui.sequencePlayWidget, ui.sequenceSeekWidget):
                widget.setMRMLSequenceBrowserNode(browser)
                widget.setVisible(isClip)
        calibration = shown.calibration
        text = calibrating.describeCalibration(calibration)
        notes = " ".join(calibration.notes) if calibration is not None else ""
        ui.calibrationLabel.setText(f"{text} {notes}".strip())
        differs = shown.source is not None and calibrating.nodeSpacingDiffers(shown.source.volume, calibration)
        setEnabled(ui.fixSpacingButton, differs)  # hidden it would pass its focus on
        ui.fixSpacingButton.setVisible(differs)
        if not ui.calibrationGroupBox.collapsed:
            self._updateRulerLine()
        line = self.logic.parameters().rulerLine
        hasLine = isAlive(line) and line.GetNumberOfDefinedControlPoints() >= 2
        reason = ""
        if shown.source is None:
            reason = _("Choose an ultrasound image or clip first.")
        elif not hasLine:
            reason = _("Draw a line over the depth ruler first: press the button above, then click two of its marks.")
        self.enable(ui.calibrateButton, reason)


class MeasurePanel(RunPanel):
    """Measuring with the network, and the ways to do without it."""

    def __init__(self, ui, logic, tell, installer: Installer, show: Callable):
        super().__init__(ui, logic, tell)
        self._installer = installer
        self._show = show
        self._inputId = ""
        ui.outlineByHandButton.connect("clicked()", lambda: self.attempt(self._outlineByHand))
        ui.placeByHandButton.connect("clicked()", lambda: self.attempt(self._placeByHand))

    def _outlineByHand(self) -> None:
        self.logic.outlineByHand()
        self.tell(_("Paint liver and right kidney with the tools under Correct."))

    def _placeByHand(self) -> None:
        self.logic.placeByHand()
        self.tell(_("Drag the two ROIs onto the liver and the cortex of the right kidney."))

    def _start(self) -> None:
        reason = self.logic.whyNotMeasurable()
        if reason:
            raise InputError(reason)
        self.tell(_("Preparing..."))
        self._installer.ensure()
        self._show(self.logic.parameters().inputVolume)
        self.logic.startMeasuring()
        self.tell(_("Measuring..."))

    def _onProgress(self, share: float, text: str) -> None:
        super()._onProgress(share, text)
        if not text and share >= 1:
            self.tell(_("Measured."))

    def _done(self) -> str:
        return self.logic.outcome or _("Measured.")

    def update(self) -> None:
        ui = self.ui
        hasInput = findSource(self.logic.parameters().inputVolume) is not None
        running = self.logic.process.isRunning
        shown = self.logic.shown
        unreadable = shown.message if shown.image is None else ""
        self.enable(ui.applyButton, self.logic.whyNotMeasurable() or unreadable)
        self.enable(ui.cancelButton, "" if running else _("No measurement is running."))
        source = shown.source
        ui.wholeClipCheckBox.setVisible(source is not None and source.isClip)
        self._followInput("" if source is None else source.volume.GetID())
        for button in (ui.outlineByHandButton, ui.placeByHandButton):
            self.enable(button, "" if hasInput else _("Choose an ultrasound image or clip first."))

    def _followInput(self, identifier: str) -> None:
        """What was told of another input does not hold for this one."""
        isOther, self._inputId = identifier != self._inputId, identifier
        if isOther and not self.logic.process.isRunning:
            self.ui.progressBar.setValue(0)
            self.tell(self.logic.shown.message)


class CorrectPanel(Panel):
    """Outlines in the embedded Segment Editor, ROIs, undo."""

    def __init__(self, ui, logic, tell, segmentEditor):
        super().__init__(ui, logic, tell)
        self.segmentEditor = segmentEditor
        self._edited: tuple = ()
        self._rois = {
            "liver": (ui.liverRoiLabel, ui.liverLockCheckBox, ui.liverAutomaticButton, _("Liver ROI: {state}")),
            "kidney": (ui.kidneyRoiLabel, ui.kidneyLockCheckBox, ui.kidneyAutomaticButton, _("Kidney ROI: {state}")),
        }
        for organ, (_label, lock, automatic, _text) in self._rois.items():
            lock.connect("clicked(bool)", lambda isLocked, organ=organ: self.attempt(logic.setLocked, organ, isLocked))
            automatic.connect("clicked()", lambda organ=organ: self.attempt(logic.setAutomatic, organ))
        ui.undoButton.connect("clicked()", lambda: self.attempt(logic.undo))
        ui.redoButton.connect("clicked()", lambda: self.attempt(logic.redo))

    def update(self) -> None:
        shown = self.logic.shown
        for organ, (label, lock, automatic, text) in self._rois.items():
            roi = getattr(shown.state, organ) if shown.state is not None else None
            exists = roi is not None and roi.roi is not None
            state = _("none") if not exists else _("by hand") if roi.manual else _("automatic")
            label.setText(text.format(state=state))
            setEnabled(lock, exists)
            lock.setChecked(exists and roi.locked)
            self.enable(automatic, "" if exists and roi.fixed else _("The ROI was not moved by hand."))
        history = self.logic.history
        self.enable(self.ui.undoButton, "" if history.canUndo else _("There is nothing to take back."))
        self.enable(self.ui.redoButton, "" if history.canRedo else _("Nothing was taken back."))
        self._updateSegmentEditor()

    def _updateSegmentEditor(self) -> None:
        """Let the editor work on the input's segmentation; set only what differs, so that no effect is interrupted."""
        parameters = self.logic.parameters()
        segmentation = parameters.segmentation if isAlive(parameters.segmentation) else None
        volume = parameters.inputVolume if isAlive(parameters.inputVolume) else None
        editor = self.segmentEditor
        if editor.segmentationNode() is not segmentation:
            editor.setSegmentationNode(segmentation)
        if segmentation is not None and editor.sourceVolumeNode() is not volume:
            editor.setSourceVolumeNode(volume)
        edited = segmentation, self.logic.shown.frame
        if edited != self._edited:
            # The editor forgets its undo steps: they would bring the outlines of another frame into this one.
            self._edited = edited
            editor.setUndoEnabled(True)
        self.ui.segmentEditorFrame.setEnabled(segmentation is not None)
