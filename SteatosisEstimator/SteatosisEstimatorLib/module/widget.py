"""The module's panel: one object that ties sections, parameter node, logic and the application together."""

from __future__ import annotations

from collections.abc import Callable

import slicer
from HepatoRenalIndexLib.module.sceneWidget import SceneWidget
from HepatoRenalIndexLib.module.views import ensureShown, showVolume

from . import layout
from .console import ConsoleLogic
from .panels import EstimatePanel, InputsPanel, ModelPanel
from .resultPanels import CohortPanel, ExplanationPanel, ResultsPanel
from .tables import INPUT_COLUMN


class ModuleWidget(SceneWidget):
    """The panel of the module. ``ensure(model)`` installs what a model needs, by default with the user's consent."""

    def __init__(self, uiWidget, logic: ConsoleLogic, isEntered, ensure: Callable | None = None):
        super().__init__(uiWidget, logic, isEntered)
        self._plotted = None
        tell = self.ui.statusLabel.setText
        self._estimatePanel = EstimatePanel(self.ui, logic, tell, ensureShown, ensure)
        self._cohortPanel = CohortPanel(self.ui, logic, tell, ensure)
        self._panels = [
            InputsPanel(self.ui, logic, tell, showVolume),
            ModelPanel(self.ui, logic, tell),
            self._estimatePanel,
            ResultsPanel(self.ui, logic, tell),
            ExplanationPanel(self.ui, logic, tell, showVolume),
            self._cohortPanel,
        ]
        self._follow()

    def enter(self) -> None:
        """The user opened the module."""
        super().enter()
        if not self.logic.assigned():
            self.logic.guessViews()

    def _updateViews(self) -> None:
        layout.connectPlotView(slicer.mrmlScene)
        shown = self.logic.shown
        plotted = shown.view, None if shown.estimate is None else shown.estimate[INPUT_COLUMN]
        if plotted != self._plotted:  # and not with every frame: the user may have enlarged a part
            self._plotted = plotted
            layout.fitPlot()
