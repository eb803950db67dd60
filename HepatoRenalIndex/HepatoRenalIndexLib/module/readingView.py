"""The application's views during a reading session: the image alone, and nothing that tells gray levels."""

from __future__ import annotations

from collections.abc import Callable

import slicer
import vtk

from . import layout, views
from .observing import NodeObservers

INTERACTION_NODE, SELECTION_NODE = "vtkMRMLInteractionNodeSingleton", "vtkMRMLSelectionNodeSingleton"


class ReadingView:
    """Shows the image of a session in the Red view, and afterwards what was shown before.

    Works without any view as well, as in automatic tests and scripts. ``onPlacingEnded()`` is called when the user ends
    placing, with or without having placed the point: a double click and the right button end it as well.
    """

    def __init__(self, scene, onPlacingEnded: Callable[[], None] | None = None):
        self._scene = scene
        self._onPlacingEnded = onPlacingEnded
        self._observers = NodeObservers()
        self._before: Callable[[], None] | None = None

    def show(self, volume, hideGrayLevels: bool) -> None:
        """Show the volume, alone, upright and whole. ``hideGrayLevels`` hides the values under the mouse pointer."""
        if _layoutManager() is None:
            return
        isFirst = self._before is None
        if isFirst:
            self._remember(hideGrayLevels)
        if isFirst or not views.isImageVisible():  # another layout may have been chosen meanwhile
            views.showImageOnly()
        views.showVolume(volume)
        layout.focusImage()

    def showAgain(self, volume, hideGrayLevels: bool) -> None:
        """Show the volume unless it is on show already, perhaps enlarged."""
        if _layoutManager() is None:
            return
        composite = views.compositeNode()
        if composite is None or not views.isImageVisible() or composite.GetBackgroundVolumeID() != volume.GetID():
            self.show(volume, hideGrayLevels)
        else:
            layout.focusImage()

    def leave(self) -> None:
        """Show what was shown before the session."""
        before, self._before = self._before, None
        self.stopPlacing()
        if before is not None:
            before()

    def startPlacing(self, node) -> None:
        """Let the next click in a view place the point of a markups node."""
        selection, interaction = (self._scene.GetNodeByID(name) for name in (SELECTION_NODE, INTERACTION_NODE))
        if selection is None or interaction is None:
            return
        selection.SetReferenceActivePlaceNodeClassName(node.GetClassName())
        selection.SetActivePlaceNodeID(node.GetID())
        interaction.SetPlaceModePersistence(0)
        interaction.SetCurrentInteractionMode(interaction.Place)
        self._observers.observe([(interaction, interaction.InteractionModeChangedEvent, self._onMode)])

    def stopPlacing(self) -> None:
        """Clicks place nothing any more."""
        self._observers.clear()
        interaction = self._scene.GetNodeByID(INTERACTION_NODE)
        if interaction is not None and interaction.GetCurrentInteractionMode() == interaction.Place:
            interaction.SetCurrentInteractionMode(interaction.ViewTransform)

    def _onMode(self, interaction, event=None) -> None:
        if interaction.GetCurrentInteractionMode() == interaction.ViewTransform and self._onPlacingEnded is not None:
            self._onPlacingEnded()

    def _remember(self, hideGrayLevels: bool) -> None:
        arrangement = _layoutManager().layoutLogic().GetLayoutNode().GetViewArrangement()
        restoreVolumes, restoreSlices = _rememberVolumes(self._scene), _rememberSlices(self._scene)
        restorePlacing = _rememberPlacing(self._scene)
        hadDataProbe = hideGrayLevels and _isDataProbeShown()

        def restore() -> None:
            if hadDataProbe:
                _showDataProbe(True)
            if self._scene.IsClosing():
                return
            restorePlacing()
            restoreVolumes()
            layout.setLayout(arrangement, restoreSlices)
            restoreSlices()

        if hideGrayLevels:
            _showDataProbe(False)
        self._before = restore


def _rememberVolumes(scene) -> Callable[[], None]:
    """What every slice view shows; returns what shows it again."""
    shown = [
        (node, node.GetBackgroundVolumeID(), node.GetForegroundVolumeID(), node.GetLabelVolumeID())
        for node in scene.GetNodesByClass("vtkMRMLSliceCompositeNode")
    ]

    def restore() -> None:
        for node, *volumes in shown:
            background, foreground, label = (name if scene.GetNodeByID(name or "") else None for name in volumes)
            node.SetBackgroundVolumeID(background)
            node.SetForegroundVolumeID(foreground)
            node.SetLabelVolumeID(label)

    return restore


def _rememberSlices(scene) -> Callable[[], None]:
    """Where every slice view looks and how large; returns what looks there again."""
    looks = []
    for node in scene.GetNodesByClass("vtkMRMLSliceNode"):
        matrix = vtk.vtkMatrix4x4()
        matrix.DeepCopy(node.GetSliceToRAS())
        looks.append((node, matrix, node.GetFieldOfView(), node.GetXYZOrigin(), node.GetDimensions()))

    def restore() -> None:
        for node, matrix, field, origin, size in looks:
            if node.GetScene() is None:
                continue
            node.GetSliceToRAS().DeepCopy(matrix)
            node.UpdateMatrices()
            now = node.GetDimensions()  # of a view of another size the same magnification
            node.SetFieldOfView(*(field[i] * now[i] / max(size[i], 1) for i in range(2)), field[2])
            node.SetXYZOrigin(*origin)

    return restore


def _rememberPlacing(scene) -> Callable[[], None]:
    """What a click in place mode would place; returns what chooses that again."""
    selection = scene.GetNodeByID(SELECTION_NODE)
    kind = None if selection is None else selection.GetActivePlaceNodeClassName()
    name = None if selection is None else selection.GetActivePlaceNodeID()

    def restore() -> None:
        if selection is not None:
            selection.SetReferenceActivePlaceNodeClassName(kind)
            selection.SetActivePlaceNodeID(name if scene.GetNodeByID(name or "") else None)

    return restore


def _dataProbe():
    """The application's panel that tells the values under the mouse pointer; None where there is none."""
    window = slicer.util.mainWindow()
    found = [] if window is None else slicer.util.findChildren(window, name="DataProbeCollapsibleWidget")
    return found[0] if found else None


def _isDataProbeShown() -> bool:
    probe = _dataProbe()
    return probe is not None and not probe.isHidden()


def _showDataProbe(isShown: bool) -> None:
    probe = _dataProbe()
    if probe is not None:
        probe.setVisible(isShown)


def _layoutManager():
    application = getattr(slicer, "app", None)
    return application.layoutManager() if application is not None else None
