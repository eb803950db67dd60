"""What the panels of both modules do alike: follow the scene, the parameter node and the logic."""

from __future__ import annotations

import qt
import slicer


def scheduleSoon(call) -> None:
    """Call back in the main thread when the present event has been dealt with."""
    qt.QTimer.singleShot(0, call)


class SceneWidget:
    """Fills the panel of a module. ``uiWidget`` is the loaded ``.ui`` file, ``isEntered()`` whether it is open.

    A subclass makes its sections, sets ``_panels`` and then calls :meth:`_follow`.
    """

    def __init__(self, uiWidget, logic, isEntered):
        self.logic = logic
        self._isEntered = isEntered
        self._parameters = None
        self._guiTag = None
        self._updating = False
        self._panels = []
        self._sceneTags = []
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)

    def _follow(self) -> None:
        """Follow logic and scene from now on, until :meth:`cleanup`."""
        self.ui.tableView.setSelectionBehavior(slicer.qMRMLTableView.SelectRows)
        self.logic.changed.connect(self.update)
        scene = slicer.mrmlScene
        self._sceneTags = [
            scene.AddObserver(scene.StartCloseEvent, self._onSceneStartClose),
            scene.AddObserver(scene.EndCloseEvent, self._onSceneEndClose),
            scene.AddObserver(scene.EndImportEvent, self._onSceneEndClose),
        ]

    # Life of the panel

    def enter(self) -> None:
        """The user opened the module."""
        self._connectParameters()

    def exit(self) -> None:
        """The user went to another module."""
        self._disconnectParameters()

    def cleanup(self) -> None:
        """The module is reloaded or the application closes."""
        for tag in self._sceneTags:
            slicer.mrmlScene.RemoveObserver(tag)
        self._sceneTags = []
        self.logic.changed.disconnect(self.update)
        for panel in self._panels:
            panel.disconnect()
        self.logic.close()
        self._disconnectParameters()

    def _onSceneStartClose(self, caller=None, event=None) -> None:
        self._disconnectParameters()

    def _onSceneEndClose(self, caller=None, event=None) -> None:
        if self._isEntered():
            scheduleSoon(self._reenter)

    def _reenter(self) -> None:
        if self._sceneTags and self._isEntered():
            self.enter()

    # Parameters

    def _connectParameters(self) -> None:
        parameters = self.logic.parameters()
        if self._parameters is parameters:
            return
        self._disconnectParameters()
        self._parameters = parameters
        self._guiTag = parameters.connectGui(self.ui)
        self.logic.observe()

    def _disconnectParameters(self) -> None:
        if self._parameters is not None:
            self._parameters.disconnectGui(self._guiTag)
        self._parameters, self._guiTag = None, None

    def update(self) -> None:
        """Show what the logic knows: in the views always, in the panel when it is open."""
        if self._updating or not self._sceneTags:
            return
        self._updating = True
        try:
            if self._isEntered():
                for panel in self._panels:
                    panel.update()
            self._updateViews()
        finally:
            self._updating = False

    def _updateViews(self) -> None:
        """Show in the views what the logic knows."""
