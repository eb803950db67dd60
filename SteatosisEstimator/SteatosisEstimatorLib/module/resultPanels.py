"""The sections with results, explanation, and what is rarely needed."""

from __future__ import annotations

from collections.abc import Callable

import qt
import slicer
from HepatoRenalIndexLib.module.panels import Panel
from HepatoRenalIndexLib.module.source import isAlive
from HepatoRenalIndexLib.module.views import showImageOnly
from slicer.i18n import tr as _

from . import framesPlot, layout, tables
from .installing import installerFor
from .resultText import explanationText, partsHtml, resultHtml, warningHtml
from .vocabulary import viewName

_WIDEST_COLUMN = 160  # pixels: sentences must not push the numbers out of sight


class ResultsPanel(Panel):
    """The number, why it may be doubtful, its parts, plot, tables."""

    def __init__(self, ui, logic, tell):
        super().__init__(ui, logic, tell)
        self._tableNode = None
        self._parts = ""
        for kind in tables.KINDS:
            ui.tableComboBox.addItem(kind.title)
        ui.tableComboBox.connect("currentIndexChanged(int)", lambda index: self._updateTable())
        ui.tableView.horizontalHeader().setMaximumSectionSize(_WIDEST_COLUMN)
        ui.plotsButton.connect("clicked()", lambda: self.attempt(layout.showImageAndCurve, logic.scene))
        ui.imageOnlyButton.connect("clicked()", lambda: self.attempt(showImageOnly))
        ui.saveCsvButton.connect("clicked()", self.onSaveCsv)

    @property
    def _kind(self) -> tables.TableKind:
        return tables.KINDS[max(self.ui.tableComboBox.currentIndex or 0, 0)]

    def onSaveCsv(self) -> None:
        path = qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), _("Save table"), "", _("Tables (*.csv)"))
        if path:
            self.attempt(self._saveCsv, path if path.lower().endswith(".csv") else path + ".csv")

    def _saveCsv(self, path: str) -> None:
        tables.saveCsv(getattr(self.logic.parameters(), self._kind.parameter), self._kind, path)
        self.tell(_("Table saved."))

    def update(self) -> None:
        ui, shown = self.ui, self.logic.shown
        ui.resultLabel.setText(resultHtml(shown))
        warning = warningHtml(shown)
        ui.warningLabel.setText(warning)
        ui.warningLabel.setVisible(bool(warning))
        self._updateParts(partsHtml(shown))
        reason = _("There is no curve of the image shown: estimate a clip, and choose it as Image under Explanation.")
        self.enable(ui.plotsButton, "" if framesPlot.hasCurve(self.logic.scene) else reason)
        self._updateTable()

    def _updateParts(self, parts: str) -> None:
        if parts != self._parts:  # set again, the text would be scrolled to its beginning
            self._parts = parts
            self.ui.partsTextBrowser.setHtml(parts)
        self.ui.partsGroupBox.setVisible(bool(parts))

    def _updateTable(self) -> None:
        table = getattr(self.logic.parameters(), self._kind.parameter)
        table = table if isAlive(table) else None
        if table is not self._tableNode:
            self._tableNode = table
            self.ui.tableView.setMRMLTableNode(table)
        hasRows = table is not None and table.GetNumberOfRows() > 0
        self.enable(self.ui.saveCsvButton, "" if hasRows else _("Estimate first: the table has no rows."))


class ExplanationPanel(Panel):
    """Which image is shown, and what lies over it. ``show(volume)`` shows a volume in the slice view."""

    def __init__(self, ui, logic, tell, show: Callable):
        super().__init__(ui, logic, tell)
        self._show = show
        self._views: tuple = ()
        self._browser, self._shownOnce, self._filling = None, False, False
        # "activated": the image that is chosen already may have been replaced in the slice view by another one
        ui.viewComboBox.connect("activated(int)", self._onChosen)

    def _onChosen(self, index: int) -> None:
        if not self._filling and 0 <= index < len(self._views):
            source = self.logic.shown.sources.get(self._views[index])
            if source is not None:
                self.attempt(self._show, source.volume)
                self.logic.requestRefresh()

    def update(self) -> None:
        ui, shown = self.ui, self.logic.shown
        self._fill(tuple(shown.sources))
        source = shown.sources.get(shown.view)
        browser = source.browser if source is not None and source.isClip else None
        if browser is not self._browser or not self._shownOnce:
            self._browser, self._shownOnce = browser, True
            for widget in (ui.sequencePlayWidget, ui.sequenceSeekWidget):
                widget.setMRMLSequenceBrowserNode(browser)
                widget.setVisible(browser is not None)
        text = explanationText(shown, self.logic.explanationNote)
        ui.explanationLabel.setText(text)
        ui.explanationLabel.setVisible(bool(text))
        reason = "" if shown.mapFrames else _("Estimate first: there is nothing to show over the image.")
        self.enable(ui.showOverlayCheckBox, reason)

    def _fill(self, views: tuple) -> None:
        self._filling = True
        try:
            if views != self._views:
                self._views = views
                self.ui.viewComboBox.clear()
                for view in views:
                    self.ui.viewComboBox.addItem(viewName(view))
            view = self.logic.shown.view
            if view in views and self.ui.viewComboBox.currentIndex != views.index(view):
                self.ui.viewComboBox.setCurrentIndex(views.index(view))
            self.enable(self.ui.viewComboBox, "" if views else _("Choose an image or clip first."))
        finally:
            self._filling = False


class CohortPanel(Panel):
    """Tables of many subjects."""

    def __init__(self, ui, logic, tell, ensure: Callable | None = None):
        def tellBoth(text: str) -> None:
            tell(text)
            ui.cohortStatusLabel.setText(text)  # the other place is out of sight from here

        super().__init__(ui, logic, tellBoth)
        self._ensure = ensure or (lambda model: installerFor(model).ensure())
        self._isEstimating = False  # and no training, which the console starts
        for widget in (ui.cohortLineEdit, ui.cohortOutputLineEdit):
            widget.connect("currentPathChanged(QString)", lambda path: self.update())
        ui.cohortButton.connect("clicked()", self.onEstimate)
        ui.cancelCohortButton.connect("clicked()", self.onCancel)
        logic.cohortEnded.connect(self._onEnded)
        logic.progressed.connect(self._onProgress)

    def disconnect(self) -> None:
        self.logic.progressed.disconnect(self._onProgress)
        self.logic.cohortEnded.disconnect(self._onEnded)

    def _onProgress(self, share: float, text: str) -> None:
        if self._isEstimating and text:
            told = _("{percent} %: {step}").format(percent=f"{100 * share:.0f}", step=text)
            self.ui.cohortStatusLabel.setText(told)

    def onEstimate(self) -> None:
        self.ui.logTextEdit.clear()
        self.attempt(self._estimate)
        self.update()

    def _estimate(self) -> None:
        self._ensure(self.logic.model())
        ui = self.ui
        self.logic.estimateCohort(ui.cohortLineEdit.currentPath, ui.cohortOutputLineEdit.currentPath, blocking=False)
        self._isEstimating = True
        self.tell(_("Estimating the table..."))

    def onCancel(self) -> None:
        self.logic.cancelCohort()
        self._isEstimating = False
        self.ui.progressBar.setValue(0)
        self.tell(_("Stopped; the next run goes on from here."))
        self.update()

    def _onEnded(self, sentence: str) -> None:
        done = _("The table is estimated; see estimates.csv among the results.")
        self.tell(sentence or (done if self._isEstimating else _("Finished; the log has the details.")))
        self._isEstimating = False
        self.update()

    def update(self) -> None:
        ui, running = self.ui, self.logic.isCohortRunning
        reason = ""
        if not ui.cohortLineEdit.currentPath or not ui.cohortOutputLineEdit.currentPath:
            reason = _("Choose the table and the folder for the results first.")
        elif self.logic.shown.model.card is None:
            reason = self.logic.shown.model.problem
        self.enable(ui.cohortButton, _("A table is being estimated.") if running else reason)
        self.enable(ui.cancelCohortButton, "" if running else _("No table is being estimated."))
