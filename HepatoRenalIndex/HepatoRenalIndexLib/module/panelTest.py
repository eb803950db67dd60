"""The buttons of the panel, pressed one after the other, inside the application and in the project's own tests."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from ..study.create import StudyOptions, create_study
from . import views
from .caseNodes import findCase
from .readingView import INTERACTION_NODE
from .sampleData import SAMPLE_FOLDER
from .selfTest import sampleMasks
from .source import findSource
from .widget import ModuleWidget


class PanelTest:
    """Works on the panel of the opened module. ``settle()`` lets the application do what waits to be done.

    ``say(text)`` tells the step; a check that fails raises ``AssertionError``.
    """

    def __init__(self, panel: ModuleWidget, settle: Callable[[], object], say: Callable[[str], object]):
        self._panel = panel
        self._logic = panel.logic
        self._ui = panel.ui
        self._settle = settle
        self._say = say

    def run(self) -> None:
        self.choose()
        self.placeByHand()
        self.correct()
        self.outlineByHand()
        self.look()
        self.keep()
        self.readStudy()
        self.closeScene()

    def _click(self, button) -> None:
        assert button.enabled, button.objectName
        button.click()
        self._settle()

    def choose(self) -> None:
        """Without an image the buttons say what is missing; with one they can be pressed."""
        self._say(_("Panel: input"))
        self._settle()  # the scene was closed, perhaps while the panel showed an image
        assert not self._ui.applyButton.enabled
        assert self._ui.applyButton.toolTip
        volume = self._logic.loadSample("sector")
        views.showVolume(volume)
        self._settle()
        if views.compositeNode() is not None:  # what is loaded and shown is chosen by itself
            assert self._logic.parameters().inputVolume is volume
        self._logic.parameters().inputVolume = volume
        self._settle()
        assert self._ui.applyButton.enabled
        assert self._ui.calibrationLabel.text

    def placeByHand(self) -> None:
        """Two ROIs of the user's own have a number."""
        self._say(_("Panel: ROIs by hand"))
        self._click(self._ui.placeByHandButton)
        assert self._logic.shown.result.measurement is not None, self._logic.shown.message
        assert f"{self._logic.shown.result.measurement.hri:.2f}" in self._ui.hriLabel.text
        assert self._logic.parameters().resultTable.GetNumberOfRows() == 1

    def correct(self) -> None:
        """Dragged, undone, done again, locked: the number follows."""
        self._say(_("Panel: corrections"))
        before = self._ui.hriLabel.text
        roi = self._logic.parameters().liverRoi
        x, y, z = roi.GetCenter()
        roi.SetCenter(x + 9.0, y + 9.0, z)
        self._settle()
        moved = self._ui.hriLabel.text
        assert moved != before
        self._click(self._ui.undoButton)
        assert self._ui.hriLabel.text == before
        self._click(self._ui.redoButton)
        assert self._ui.hriLabel.text == moved
        for isLocked in (True, False):
            self._click(self._ui.liverLockCheckBox)
            assert bool(roi.GetLocked()) is isLocked

    def outlineByHand(self) -> None:
        """The Segment Editor works on the outlines, and what is painted is measured."""
        self._say(_("Panel: outlines"))
        self._click(self._ui.outlineByHandButton)
        parameters = self._logic.parameters()
        editor = self._panel.segmentEditor
        assert editor.segmentationNode() is parameters.segmentation
        assert editor.sourceVolumeNode() is parameters.inputVolume
        editor.setActiveEffectByName("Paint")
        self._settle()
        editor.setActiveEffect(None)
        case = findCase(findSource(parameters.inputVolume))
        case.setState(0, replace(case.state(0), masks=sampleMasks("sector")))
        self._settle()
        for button in (self._ui.liverAutomaticButton, self._ui.kidneyAutomaticButton):
            self._click(button)
        state = self._logic.shown.state
        assert not state.liver.manual
        assert not state.kidney.manual
        assert self._logic.shown.result.measurement is not None, self._logic.shown.message

    def look(self) -> None:
        """Layouts, plots and the class map."""
        self._say(_("Panel: views"))
        parameters = self._logic.parameters()
        if slicer.app.layoutManager() is not None:
            self._click(self._ui.plotsButton)
            self._click(self._ui.imageOnlyButton)
        for visible in (True, False):
            parameters.showClassMap = visible
            self._settle()
        assert parameters.classMap is not None

    def keep(self) -> None:
        """Pictures of both kinds."""
        self._say(_("Panel: pictures"))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "picture.png"
            for keepAnnotations in (False, True) if slicer.app.layoutManager() is not None else (False,):
                views.savePicture(self._logic.shown, path, keepAnnotations)
                assert path.stat().st_size > 1000
                path.unlink()

    def readStudy(self) -> None:
        """A reading session: its buttons, the place mode, and the views as they were before."""
        self._say(_("Panel: reading session"))
        marking, parameters, ui = self._logic.marking, self._logic.parameters(), self._ui
        interaction = slicer.mrmlScene.GetNodeByID(INTERACTION_NODE)
        shown, look = parameters.inputVolume, _slices()
        with tempfile.TemporaryDirectory() as folder:
            create_study(folder, [SAMPLE_FOLDER / "clip.dcm"], StudyOptions(frames="all"))
            parameters.studyFolder, parameters.studyReader = folder, "A"
            self._settle()
            self._click(ui.startReadingButton)
            assert marking.isRunning, ui.studyStatusLabel.text
            assert interaction.GetCurrentInteractionMode() == interaction.Place
            assert not ui.readingNextButton.enabled
            for organ, (x, y) in {"liver": (240, 125), "kidney": (215, 177)}.items():
                marking.place(organ, x, y)
                self._settle()
            assert interaction.GetCurrentInteractionMode() != interaction.Place
            self._click(ui.readingNextButton)
            assert (marking.session.position, marking.session.done) == (1, 1)
            ui.skipReasonComboBox.setCurrentText("shadow")
            self._click(ui.skipButton)
            self._click(ui.readingBackButton)
            assert ui.readingNextButton.enabled, "a skipped image can be passed again"
            self._click(ui.placeLiverButton)
            assert marking.missing[0] == "liver"
            self._click(ui.stopReadingButton)
            assert not marking.isRunning
            assert interaction.GetCurrentInteractionMode() != interaction.Place
            parameters.studyFolder = ""
            self._settle()
        if slicer.app.layoutManager() is not None:
            assert views.compositeNode().GetBackgroundVolumeID() == shown.GetID()
            assert _slices() == look, "the slice views look where they looked"

    def closeScene(self) -> None:
        """Everything is gone, and the module can be used again."""
        self._say(_("Panel: closing the scene"))
        slicer.mrmlScene.Clear()
        self._settle()
        assert findSource(self._logic.parameters().inputVolume) is None
        assert not self._ui.applyButton.enabled
        assert not self._ui.saveCsvButton.enabled


def _slices() -> list[tuple]:
    """Where the slice views look."""
    nodes = slicer.mrmlScene.GetNodesByClass("vtkMRMLSliceNode")
    return [(node.GetName(), node.GetOrientation(), round(node.GetSliceOffset(), 3)) for node in nodes]
