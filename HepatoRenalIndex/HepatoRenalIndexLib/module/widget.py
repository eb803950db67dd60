"""The module's panel: one object that ties sections, parameter node, logic and the application together."""

from __future__ import annotations

import slicer
import vtk

from . import views
from .console import ConsoleLogic
from .installing import Installer
from .markingNodes import isStudyNode
from .observing import NodeObservers
from .panels import CorrectPanel, InputsPanel, MeasurePanel
from .resultPanels import AdvancedPanel, ResultsPanel
from .roiNames import RoiNames
from .sceneWidget import SceneWidget, scheduleSoon
from .source import isAlive
from .studyPanels import AgreementPanel, ReadingPanel, StudyPanel

EDITOR_TAG = "HepatoRenalIndexSegmentEditor"
UNDO_STATES = 10


class ModuleWidget(SceneWidget):
    """The panel of the module, with the embedded Segment Editor and reading sessions."""

    def __init__(self, uiWidget, logic: ConsoleLogic, isEntered, installer: Installer | None = None):
        super().__init__(uiWidget, logic, isEntered)
        self._message = ""
        self._cornerText = views.CornerText()
        self._roiNames = RoiNames()
        self._viewObservers = NodeObservers()
        self._lastChosen = ""
        self.segmentEditor = self._makeSegmentEditor()
        installer = installer or Installer()
        tell = self.ui.statusLabel.setText
        self._measurePanel = MeasurePanel(self.ui, logic, tell, installer, views.ensureShown)
        self._advancedPanel = AdvancedPanel(self.ui, logic, self.ui.folderStatusLabel.setText, installer)
        self._correctPanel = CorrectPanel(self.ui, logic, tell, self.segmentEditor)
        tellReader = self.ui.studyStatusLabel.setText
        self._readingPanel = ReadingPanel(self.ui, logic, tellReader)
        self._studyPanels = [
            StudyPanel(self.ui, logic, tellReader),
            self._readingPanel,
            AgreementPanel(self.ui, logic, tellReader, installer, views.showImageAndAgreement),
        ]
        self._isMarking = False
        self._panels = [
            InputsPanel(self.ui, logic, tell, views.showVolume),
            self._measurePanel,
            self._correctPanel,
            ResultsPanel(self.ui, logic, tell),
            self._advancedPanel,
            *self._studyPanels,
        ]
        self._follow()
        logic.marking.changed.connect(self._onMarking)

    def _makeSegmentEditor(self):
        editor = slicer.qMRMLSegmentEditorWidget()
        editor.setMaximumNumberOfUndoStates(UNDO_STATES)
        # Before the scene, so that the selections made when it is set go into this node.
        editor.setMRMLSegmentEditorNode(_editorNode())
        editor.setMRMLScene(slicer.mrmlScene)
        editor.setSegmentationNodeSelectorVisible(False)
        editor.setSourceVolumeNodeSelectorVisible(False)
        editor.setSwitchToSegmentationsButtonVisible(False)
        editor.setShow3DButtonVisible(False)
        editor.setAutoShowSourceVolumeNode(False)
        editor.setEffectNameOrder(["Paint", "Draw", "Erase", "Scissors", "Islands", "Smoothing"])
        editor.unorderedEffectsVisible = False
        self.ui.segmentEditorFrame.layout().addWidget(editor)
        return editor

    # Life of the panel

    def enter(self) -> None:
        """The user opened the module."""
        self.segmentEditor.setMRMLSegmentEditorNode(_editorNode())
        self.segmentEditor.setupViewObservations()
        if not self.logic.marking.isRunning:
            self.segmentEditor.installKeyboardShortcuts()
        super().enter()
        self._chooseInput()
        self._viewObservers.observe(
            (composite, vtk.vtkCommand.ModifiedEvent, self._onViewChanged) for composite in _compositeNodes()
        )
        self.logic.marking.resume()
        self._readingPanel.update()

    def exit(self) -> None:
        """The user went to another module: nothing of the panel may act on its own, the results stay up to date."""
        self.logic.marking.rest()
        self._readingPanel.removeShortcuts()
        self._stopEditing()
        super().exit()

    def _stopEditing(self) -> None:
        self.segmentEditor.setActiveEffect(None)
        self.segmentEditor.uninstallKeyboardShortcuts()
        self.segmentEditor.removeViewObservations()
        if self.ui.rulerPlaceWidget.placeModeEnabled:
            self.ui.rulerPlaceWidget.setPlaceModeEnabled(False)

    def cleanup(self) -> None:
        """The module is reloaded or the application closes."""
        self.logic.marking.changed.disconnect(self._onMarking)
        super().cleanup()
        self._viewObservers.clear()
        self._roiNames.clear()
        self._cornerText.remove()
        self._stopEditing()
        self.segmentEditor.setMRMLSegmentEditorNode(None)

    def _onSceneStartClose(self, caller=None, event=None) -> None:
        super()._onSceneStartClose(caller, event)
        self._viewObservers.clear()
        self._roiNames.clear()
        self._lastChosen = ""
        self.segmentEditor.setActiveEffect(None)
        self.segmentEditor.setSegmentationNode(None)
        self.segmentEditor.removeViewObservations()
        self._cornerText.remove()

    def _onViewChanged(self, caller=None, event=None) -> None:
        """Another image is shown, perhaps one that was just loaded: complete only after the present event."""
        scheduleSoon(self._followView)

    def _followView(self) -> None:
        if not self._sceneTags or slicer.mrmlScene.IsBatchProcessing():
            return
        if self._isEntered():
            self._chooseInput()
        self._updateCornerText()

    def _chooseInput(self) -> None:
        """Take the volume that is shown when nothing was chosen yet."""
        parameters = self.logic.parameters()
        if parameters.inputVolume is not None:
            return
        for composite in _compositeNodes():
            volume = slicer.mrmlScene.GetNodeByID(composite.GetBackgroundVolumeID() or "")
            if volume is None or isStudyNode(volume):
                continue
            if volume.IsA("vtkMRMLScalarVolumeNode") and _isTwoDimensional(volume):
                parameters.inputVolume = volume
                return

    def _onMarking(self) -> None:
        """A reading session began or ended: keys and corner text are for the one or the other."""
        isMarking = self.logic.marking.isRunning
        if isMarking == self._isMarking:
            return
        self._isMarking = isMarking
        self.segmentEditor.setActiveEffect(None)
        if self._isEntered():
            if isMarking:
                self.segmentEditor.uninstallKeyboardShortcuts()
            else:
                self.segmentEditor.installKeyboardShortcuts()
        self.update()

    def _updateViews(self) -> None:
        views.connectPlotViews(slicer.mrmlScene)
        self._showChosen()
        self._updateCornerText()
        parameters = self.logic.parameters()
        self._roiNames.show((parameters.liverRoi, parameters.kidneyRoi))
        if self.logic.shown.message != self._message:  # a sentence that holds no longer goes away
            self._message = self.logic.shown.message
            self.ui.statusLabel.setText(self._message)

    def _showChosen(self) -> None:
        """Show another input as soon as it is chosen: its outlines and its number belong to no other image."""
        volume = self.logic.parameters().inputVolume
        identifier = volume.GetID() if isAlive(volume) else ""
        if identifier == self._lastChosen or not self._isEntered() or self.logic.marking.isRunning:
            return
        self._lastChosen = identifier
        if identifier:
            views.ensureShown(volume)
            self.logic.requestRefresh()  # the layer of the classes goes with the image

    def _updateCornerText(self) -> None:
        parameters = self.logic.parameters()
        isWanted = parameters.showCornerText and not self.logic.marking.isRunning
        isOfImage = isWanted and views.isShown(parameters.inputVolume)
        self._cornerText.show(views.cornerText(self.logic.shown) if isOfImage else "")


def _compositeNodes() -> list:
    """What the slice views show."""
    return slicer.mrmlScene.GetNodesByClass("vtkMRMLSliceCompositeNode")


def _isTwoDimensional(volume) -> bool:
    image = volume.GetImageData()
    return image is not None and image.GetDimensions()[2] == 1


def _editorNode():
    """The parameters of the embedded Segment Editor, apart from those of the Segment Editor module."""
    scene = slicer.mrmlScene
    node = scene.GetSingletonNode(EDITOR_TAG, "vtkMRMLSegmentEditorNode")
    if node is None:
        node = scene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
        node.UnRegister(None)
        node.SetSingletonTag(EDITOR_TAG)
        node.SetHideFromEditors(True)
        node = scene.AddNode(node)
    return node
