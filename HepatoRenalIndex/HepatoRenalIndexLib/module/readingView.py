"""The application's views during a reading session: the image alone, and nothing that tells gray levels."""

from __future__ import annotations

from collections.abc import Callable

import slicer

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
        composites = self._scene.GetNodesByClass("vtkMRMLSliceCompositeNode")
        shown = [
            (
                composite,
                composite.GetBackgroundVolumeID(),
                composite.GetForegroundVolumeID(),
                composite.GetLabelVolumeID(),
            )
            for composite in composites
        ]

        def restore() -> None:
            if hideGrayLevels:
                _showDataProbe(True)
            if self._scene.IsClosing():
                return
            layout.setLayout(arrangement)
            for composite, *volumes in shown:
                background, foreground, label = (
                    name if self._scene.GetNodeByID(name or "") else None for name in volumes
                )
                composite.SetBackgroundVolumeID(background)
                composite.SetForegroundVolumeID(foreground)
                composite.SetLabelVolumeID(label)
            layout.fitImage()

        if hideGrayLevels:
            _showDataProbe(False)
        self._before = restore


def _showDataProbe(visible: bool) -> None:
    """Show or hide the application's panel that tells the values under the mouse pointer."""
    if slicer.util.mainWindow() is not None:
        slicer.util.setDataProbeVisible(visible)


def _layoutManager():
    application = getattr(slicer, "app", None)
    return application.layoutManager() if application is not None else None
