"""The sections with results, and with what is rarely needed."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

from ..imaging.image import InputError
from . import resultTable, views
from .installing import Installer
from .panels import Panel
from .source import isAlive

FIRST_COLUMNS = ("source", "frame", "hri", "liver_mean", "kidney_mean", "flags")


class ResultsPanel(Panel):
    """The number, why it may be doubtful, plots, table, files."""

    def __init__(self, ui, logic, tell):
        super().__init__(ui, logic, tell)
        self._tableNode = None
        self._arranged = True
        ui.plotsButton.connect("clicked()", lambda: self.attempt(views.showImageAndPlots, logic.scene))
        ui.imageOnlyButton.connect("clicked()", lambda: self.attempt(views.showImageOnly))
        ui.saveCsvButton.connect("clicked()", self.onSaveCsv)
        ui.savePictureButton.connect("clicked()", self.onSavePicture)
        ui.tableView.connect("selectionChanged()", self._updateSummary)

    def onSaveCsv(self) -> None:
        path = self._askForFile(_("Save table"), _("Tables (*.csv)"), ".csv")
        if path:
            self.attempt(self._saveCsv, path)

    def _saveCsv(self, path: str) -> None:
        try:
            resultTable.saveCsv(self.logic.parameters().resultTable, path)
        except OSError as error:
            text = _("The table could not be written ({reason}); choose another folder.")
            raise InputError(text.format(reason=error.strerror)) from error
        self.tell(_("Table saved."))

    def onSavePicture(self) -> None:
        path = self._askForFile(_("Save picture"), _("Pictures (*.png)"), ".png")
        if path:
            self.attempt(self._savePicture, path)

    def _savePicture(self, path: str) -> None:
        views.savePicture(self.logic.shown, path, self.logic.parameters().keepAnnotations)
        self.tell(_("Picture saved."))

    @staticmethod
    def _askForFile(title: str, kinds: str, extension: str) -> str:
        path = qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), title, "", kinds)
        return path if not path or path.lower().endswith(extension) else path + extension

    def update(self) -> None:
        ui, shown = self.ui, self.logic.shown
        result = shown.result
        measurement = result.measurement if result is not None else None
        ui.hriLabel.setText(_number(measurement))
        reasons = [flag.reason for flag in measurement.flags] if measurement is not None else [shown.message]
        ui.flagsLabel.setText("\n".join(filter(None, reasons)))
        table = self.logic.parameters().resultTable
        table = table if isAlive(table) else None
        if table is not self._tableNode:
            self._tableNode = table
            ui.tableView.setMRMLTableNode(table)
            self._arranged = False
        self._arrangeColumns(table)
        hasRows = table is not None and resultTable.isResultTable(table) and table.GetNumberOfRows() > 0
        self.enable(ui.saveCsvButton, "" if hasRows else _("Measure first: the table has no rows."))
        self.enable(ui.savePictureButton, "" if result is not None else _("Measure first."))
        self._updateSummary()

    def _arrangeColumns(self, table) -> None:
        """Let what matters stand first in the view, which shows but a few of the many columns; the table stays."""
        if self._arranged or table is None or not resultTable.isResultTable(table):
            return
        self._arranged = True
        names = [table.GetColumnName(index) for index in range(table.GetNumberOfColumns())]
        header = self.ui.tableView.horizontalHeader()
        for place, name in enumerate(name for name in FIRST_COLUMNS if name in names):
            header.moveSection(header.visualIndex(names.index(name)), place)

    def _updateSummary(self) -> None:
        table = self.logic.parameters().resultTable
        rows = self._selectedRows()
        source = self.logic.shown.source
        text = _("{count} measurements: median HRI {median}, IQR {iqr}, IQR/median {ratio} %")
        if len(rows) > 1:
            text = _("{count} selected measurements: median HRI {median}, IQR {iqr}, IQR/median {ratio} %")
        elif source is not None and source.isClip and isAlive(table):
            rows = resultTable.indicesOf(table, source.name)
            text = _("{count} frames of the clip: median HRI {median}, IQR {iqr}, IQR/median {ratio} %")
        else:
            rows = None
        summary = resultTable.summarize(table, rows) if isAlive(table) else None
        self.ui.summaryLabel.setText(_summary(summary, text))

    def _selectedRows(self) -> list[int]:
        """Rows of the table node that are selected. The view may show the column titles as a first row of its own."""
        selection, table = self.ui.tableView.selectionModel(), self.logic.parameters().resultTable
        if selection is None or not isAlive(table):
            return []
        first = 0 if table.GetUseColumnTitleAsColumnHeader() else 1
        return sorted({index.row() - first for index in selection.selectedIndexes} - {-1})


def _number(measurement) -> str:
    if measurement is None:
        return _("HRI: not measured")
    liver, kidney = measurement.liver, measurement.kidney
    text = _("<b style='font-size:large'>HRI {hri}</b><br>Liver {liver} ± {liverSd}, kidney {kidney} ± {kidneySd}")
    return text.format(
        hri=f"{measurement.hri:.2f}",
        liver=f"{liver.mean:.1f}",
        liverSd=f"{liver.sd:.1f}",
        kidney=f"{kidney.mean:.1f}",
        kidneySd=f"{kidney.sd:.1f}",
    )


def _summary(summary, text: str) -> str:
    if summary is None or summary.count < 2:
        return ""
    return text.format(
        count=summary.count,
        median=f"{summary.median:.2f}",
        iqr=f"{summary.interquartileRange:.2f}",
        ratio=f"{100 * summary.relativeRange:.0f}",
    )


class AdvancedPanel(Panel):
    """The model, and folders of files."""

    def __init__(self, ui, logic, tell, installer: Installer):
        super().__init__(ui, logic, tell)
        self._installer = installer
        self._counts = ""  # what the run tells at its end
        ui.modelFolderLineEdit.connect("currentPathChanged(QString)", self._onModelChanged)
        ui.inputFolderLineEdit.connect("currentPathChanged(QString)", lambda path: self.update())
        ui.outputFolderLineEdit.connect("currentPathChanged(QString)", lambda path: self.update())
        ui.measureFolderButton.connect("clicked()", self.onMeasureFolder)
        ui.cancelFolderButton.connect("clicked()", self.onCancelFolder)
        logic.batchProgressed.connect(self._onProgress)
        logic.batchEnded.connect(self._onEnded)

    def disconnect(self) -> None:
        self.logic.batchProgressed.disconnect(self._onProgress)
        self.logic.batchEnded.disconnect(self._onEnded)

    def _onModelChanged(self, path: str) -> None:
        if self.logic.parameters().modelFolder != path:
            self.logic.parameters().modelFolder = path

    def onMeasureFolder(self) -> None:
        self.ui.logTextEdit.clear()
        self.attempt(self._measureFolder)
        self.update()

    def _measureFolder(self) -> None:
        self.tell(_("Preparing..."))
        self._installer.ensure()
        self.logic.measureFiles([self.ui.inputFolderLineEdit.currentPath], self.ui.outputFolderLineEdit.currentPath,
                                blocking=False)  # fmt: skip
        self.tell(_("Loading the network"))

    def _onProgress(self, share: float, text: str) -> None:
        self.ui.folderProgressBar.setValue(round(100 * share))
        if text:
            self._counts = text
            self.tell(text)

    def onCancelFolder(self) -> None:
        self.logic.cancelBatch()
        self.ui.folderProgressBar.setValue(0)
        self.tell(_("Stopped; the next run goes on from here."))
        self.update()

    def _onEnded(self, sentence: str) -> None:
        self.ui.folderProgressBar.setValue(0 if sentence else 100)
        done = _("{counts}. See measurements.csv among the results.").format(counts=self._counts)
        self.tell(sentence or done)
        self.update()

    def update(self) -> None:
        ui = self.ui
        if ui.modelFolderLineEdit.currentPath != self.logic.parameters().modelFolder:
            ui.modelFolderLineEdit.setCurrentPath(self.logic.parameters().modelFolder)
        hasFolders = bool(ui.inputFolderLineEdit.currentPath and ui.outputFolderLineEdit.currentPath)
        running = self.logic.isBatchRunning
        reason = "" if hasFolders else _("Choose both folders first.")
        self.enable(ui.measureFolderButton, _("A folder is being measured.") if running else reason)
        self.enable(ui.cancelFolderButton, "" if running else _("No folder is being measured."))
