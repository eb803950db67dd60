"""The buttons of the panel, pressed one after the other, inside the application and in the project's own tests."""

from __future__ import annotations

from collections.abc import Callable

import slicer
from HepatoRenalIndexLib.module.views import showVolume
from slicer.i18n import tr as _

from . import tables
from .installing import installerFor
from .widget import ModuleWidget


class PanelTest:
    """Works on the panel of the opened module. ``settle()`` lets the application do what waits to be done.

    ``say(text)`` tells the step; a check that fails raises ``AssertionError``.
    """

    def __init__(self, panel: ModuleWidget, settle: Callable[[], object], say: Callable[[str], object]):
        self._logic = panel.logic
        self._ui = panel.ui
        self._settle = settle
        self._say = say

    def run(self) -> None:
        self.choose()
        if not installerFor(self._logic.model()).missing():
            self.estimate()
            self.look()
        self.deleteImage()
        self.closeScene()

    def _click(self, button) -> None:
        assert button.enabled, button.objectName
        button.click()
        self._settle()

    def choose(self) -> None:
        """Without an image the button says what is missing; with those of a subject it can be pressed."""
        self._say(_("Panel: views"))
        assert not self._ui.applyButton.enabled
        assert self._ui.applyButton.toolTip
        self._logic.loadSample("fatty")
        self._settle()
        self._click(self._ui.guessButton)
        assert self._logic.parameters().liverKidney is not None
        assert self._ui.applyButton.enabled
        assert self._ui.modelLabel.text

    def estimate(self) -> None:
        """The number, its doubts and its parts are in the panel."""
        self._say(_("Panel: estimate"))
        volumes = {view: source.volume for view, source in self._logic.assigned().items()}
        row = self._logic.estimateVolumes(volumes, subject="A")
        self._settle()
        assert f"{row['fat_percent']:.1f}" in self._ui.resultLabel.text
        assert self._ui.warningLabel.text
        assert self._ui.saveCsvButton.enabled

    def look(self) -> None:
        """Layouts, and the layer over the image."""
        self._say(_("Panel: views of the result"))
        showVolume(self._logic.parameters().hr)
        self._logic.requestRefresh()
        self._settle()
        assert self._ui.plotsButton.enabled
        if slicer.app.layoutManager() is not None:
            self._click(self._ui.plotsButton)
            self._click(self._ui.imageOnlyButton)
        for _step in range(2):
            self._click(self._ui.showOverlayCheckBox)
        assert self._ui.explanationLabel.text
        table = self._logic.parameters().estimateTable
        assert tables.isTable(table, tables.ESTIMATES)

    def deleteImage(self) -> None:
        """The view of an image that is deleted does not take another one of the scene."""
        self._say(_("Panel: deleting an image"))
        slicer.mrmlScene.RemoveNode(self._logic.parameters().liverKidney)
        self._settle()
        assert self._logic.parameters().liverKidney is None
        assert self._logic.parameters().hr is not None

    def closeScene(self) -> None:
        """Everything is gone, and the module can be used again."""
        self._say(_("Panel: closing the scene"))
        slicer.mrmlScene.Clear()
        self._settle()
        assert not self._logic.assigned()
        assert not self._ui.applyButton.enabled
        assert not self._ui.saveCsvButton.enabled
