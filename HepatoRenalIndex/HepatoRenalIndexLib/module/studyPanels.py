"""The section of the reader study: study folder, reading session, agreement."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

from ..imaging.image import InputError
from ..study.definition import is_study
from ..study.session import SKIP_REASONS, IntervalError
from .panels import Panel, setEnabled
from .studyWork import StudyOptions, describeStudy

_WIDEST_COLUMN = 150  # pixels: names of comparisons must not push the numbers out of sight


class StudyPanel(Panel):
    """Study folder and new studies."""

    def __init__(self, ui, logic, tell):
        super().__init__(ui, logic, tell)
        ui.studyFolderLineEdit.connect("currentPathChanged(QString)", self._onFolderChanged)
        ui.movedImagesLineEdit.connect("currentPathChanged(QString)", self._onImagesMoved)
        ui.studyImagesLineEdit.connect("currentPathChanged(QString)", lambda path: self.update())
        ui.studyVolumesCheckBox.connect("toggled(bool)", lambda isOn: self.update())
        ui.createStudyButton.connect("clicked()", self.onCreate)
        ui.cancelStudyButton.connect("clicked()", self.onCancel)
        logic.study.ended.connect(self._onEnded)
        logic.study.progressed.connect(self._onProgress)
        logic.study.changed.connect(self.update)
        self._described: tuple | None = None

    def disconnect(self) -> None:
        self.logic.study.ended.disconnect(self._onEnded)
        self.logic.study.progressed.disconnect(self._onProgress)
        self.logic.study.changed.disconnect(self.update)

    def _onFolderChanged(self, path: str) -> None:
        if self.logic.parameters().studyFolder != path:
            self.logic.parameters().studyFolder = path
            self.logic.study.forget()  # the numbers of another study
            self.logic.study.changed.emit()
        self._described = None
        self.update()

    def _onImagesMoved(self, path: str) -> None:
        if self.logic.parameters().studyImages != path:
            self.logic.parameters().studyImages = path

    def onCreate(self) -> None:
        self.attempt(self._create)
        self.update()
        self.ui.newStudyGroupBox.collapsed = True  # progress and sentence stand below it

    def _create(self) -> None:
        ui = self.ui
        options = StudyOptions(
            roi_mm=ui.studyRoiSpinBox.value,
            interval_days=ui.studyIntervalSpinBox.value,
            seed=ui.studySeedSpinBox.value,
            blind=ui.studyBlindCheckBox.checked,
            spacing_mm=ui.studySpacingSpinBox.value or None,
            frames="all" if ui.studyAllFramesCheckBox.checked else "first",
        )
        images = None if ui.studyVolumesCheckBox.checked else [ui.studyImagesLineEdit.currentPath]
        patients = ui.studyPatientsLineEdit.currentPath
        self.logic.study.create(ui.studyFolderLineEdit.currentPath, images, options, patients, blocking=False)
        ui.studyFolderLineEdit.addCurrentPathToHistory()
        self.tell(_("Reading the images..."))

    def onCancel(self) -> None:
        self.logic.study.cancel()
        self.ui.studyProgressBar.setValue(0)
        self.tell(_("Stopped; no answer is lost."))
        self._described = None
        self.update()

    def _onProgress(self, share: float, text: str) -> None:
        self.ui.studyProgressBar.setValue(round(100 * share))
        if text:
            self.tell(text)

    def _onEnded(self, sentence: str) -> None:
        self.ui.studyProgressBar.setValue(0 if sentence else 100)
        self.tell(sentence or self.logic.study.message)
        self._described = None
        self.update()

    def update(self) -> None:
        ui, study = self.ui, self.logic.study
        folder = self.logic.parameters().studyFolder
        if ui.studyFolderLineEdit.currentPath != folder:
            ui.studyFolderLineEdit.setCurrentPath(folder)
        moved = self.logic.parameters().studyImages
        if ui.movedImagesLineEdit.currentPath != moved:
            ui.movedImagesLineEdit.setCurrentPath(moved)
        self._describe(folder)
        ui.studyLabel.setVisible(not self.logic.marking.isRunning)  # the session has a progress of its own
        for control in (ui.studyImagesLineEdit, ui.studyPatientsLineEdit, ui.studySpacingSpinBox):
            setEnabled(control, not ui.studyVolumesCheckBox.checked)  # loaded images bring these along
        reason = study.whyBusy()
        if not reason and not folder:
            reason = _("Choose an empty folder for the study first.")
        if not reason and is_study(folder):
            reason = _("The folder holds a study already; choose another folder for a new one.")
        if not reason and not (ui.studyImagesLineEdit.currentPath or ui.studyVolumesCheckBox.checked):
            reason = _("Choose the folder of the images first.")
        setEnabled(ui.createStudyButton, not reason)
        ui.createStudyButton.setToolTip(reason or _("Read all images and write study.json into the study folder."))
        setEnabled(ui.cancelStudyButton, study.isRunning)  # a button that is hidden would pass its focus on
        for control in (ui.studyProgressBar, ui.cancelStudyButton):
            control.setVisible(study.isRunning)

    def _describe(self, folder: str) -> None:
        """Say what the folder holds; read again only when it may have changed."""
        session = self.logic.marking.session
        state = (folder, session is None, None if session is None else session.done)
        if state == self._described:
            return
        self._described = state
        self.ui.studyLabel.setText(describeStudy(folder))


class ReadingPanel(Panel):
    """A reading session: image after image, two ROIs each."""

    def __init__(self, ui, logic, tell):
        super().__init__(ui, logic, tell)
        self._shortcuts: list = []
        self._asksWhy = False
        ui.readerLineEdit.connect("textChanged(QString)", lambda text: self._onWhoChanged())
        ui.sessionSpinBox.connect("valueChanged(int)", lambda number: self._onWhoChanged())
        ui.startReadingButton.connect("clicked()", self.onStart)
        ui.stopReadingButton.connect("clicked()", lambda: self.attempt(logic.marking.stop))
        ui.placeLiverButton.connect("clicked()", lambda: self.attempt(logic.marking.placeAgain, "liver"))
        ui.placeKidneyButton.connect("clicked()", lambda: self.attempt(logic.marking.placeAgain, "kidney"))
        ui.readingNextButton.connect("clicked()", self.onNext)
        ui.readingBackButton.connect("clicked()", self.onBack)
        ui.skipButton.connect("clicked()", self.onSkip)
        ui.skipReasonComboBox.addItems([_reason(text) for text in SKIP_REASONS])
        logic.marking.changed.connect(self._onChanged)

    def disconnect(self) -> None:
        self.logic.marking.changed.disconnect(self._onChanged)
        self.removeShortcuts()

    def _onChanged(self) -> None:
        self.tell("")  # what was wrong before the last click
        self.update()

    def _onWhoChanged(self) -> None:
        self._asksWhy = False
        self.update()

    def onStart(self) -> None:
        self.attempt(self._start)
        self.update()

    def _start(self) -> None:
        chosen = self.logic.parameters()
        override = self.ui.overrideLineEdit.text if self._asksWhy else ""
        who = chosen.studyReader, chosen.studySession
        try:
            self.logic.marking.start(chosen.studyFolder, *who, override, chosen.studyImages)
        except IntervalError:
            self._asksWhy = True
            raise
        self.ui.studyFolderLineEdit.addCurrentPathToHistory()  # to be found again after the next start of Slicer
        self._asksWhy = False
        self.ui.overrideLineEdit.clear()

    def onNext(self) -> None:
        self.attempt(self.logic.marking.next)

    def onBack(self) -> None:
        self.attempt(self.logic.marking.back)

    def onSkip(self) -> None:
        chosen = self.ui.skipReasonComboBox.currentText
        reasons = {_reason(text): text for text in SKIP_REASONS}  # stored in one language, whatever the reader's
        self.attempt(self.logic.marking.skip, reasons.get(chosen, chosen))

    def update(self) -> None:
        self._updateStart()
        ui, marking = self.ui, self.logic.marking
        ui.readingFrame.setVisible(marking.isRunning)
        if not marking.isRunning:
            self.removeShortcuts()
            return
        self._addShortcuts()
        session = marking.session
        reason = marking.whyNotNext()
        text = _("<b>{progress}</b><br>{instruction}")
        ui.readingLabel.setText(text.format(progress=marking.progress, instruction=reason or _instruction(marking)))
        ui.readingProgressBar.setMaximum(session.count)
        ui.readingProgressBar.setValue(session.done)
        ui.readingValuesLabel.setText(_values(marking.measured()))
        ui.readingValuesLabel.setVisible(not session.study.blind)
        setEnabled(ui.readingNextButton, not reason)
        ui.readingNextButton.setToolTip(reason or _("Store the answer and show the next image (Space)."))
        setEnabled(ui.readingBackButton, session.position > 0)
        for button in (ui.placeLiverButton, ui.placeKidneyButton):
            setEnabled(button, not marking.message)

    def _updateStart(self) -> None:
        ui, parameters, marking = self.ui, self.logic.parameters(), self.logic.marking
        reason = ""
        if marking.isRunning:
            reason = _("A session is running; stop it first.")
        elif not parameters.studyFolder:
            reason = _("Choose a study folder first.")
        elif not parameters.studyReader.strip():
            reason = _("Give the short name of the reader first.")
        setEnabled(ui.startReadingButton, not reason)
        ui.startReadingButton.setToolTip(
            reason or _("Begin the session, or go on with it at the first image without an answer.")
        )
        setEnabled(ui.stopReadingButton, marking.isRunning)
        ui.overrideLineEdit.setVisible(self._asksWhy and not marking.isRunning)
        folders = ui.studyFolderLineEdit, ui.movedImagesLineEdit, ui.newStudyGroupBox
        for control in (*folders, ui.readerLineEdit, ui.sessionSpinBox):
            setEnabled(control, not marking.isRunning)

    def _addShortcuts(self) -> None:
        """Keys of the main window that act on the session, as long as it runs and the module is open."""
        if self._shortcuts or self.logic.marking.isResting:
            return
        for key, action in (("Space", self.onNext), ("Backspace", self.onBack)):
            shortcut = qt.QShortcut(slicer.util.mainWindow())
            shortcut.setKey(qt.QKeySequence(key))
            shortcut.setAutoRepeat(False)
            shortcut.connect("activated()", action)
            self._shortcuts.append(shortcut)

    def removeShortcuts(self) -> None:
        """The keys are the application's again."""
        shortcuts, self._shortcuts = self._shortcuts, []
        for shortcut in shortcuts:
            shortcut.setKey(qt.QKeySequence(""))  # it may live on until it is collected
            shortcut.setParent(None)


class AgreementPanel(Panel):
    """The algorithm as a reader, agreement, its table, plots and report."""

    def __init__(self, ui, logic, tell, installer, showPlots):
        super().__init__(ui, logic, tell)
        self._installer = installer
        self._showPlots = showPlots
        self._tableNode = None
        self._comparisons: list[str] = []
        ui.algorithmReaderButton.connect("clicked()", self.onAlgorithm)
        ui.agreementButton.connect("clicked()", self.onAgreement)
        ui.agreementPlotsButton.connect("clicked()", self.onPlots)
        ui.openReportButton.connect("clicked()", self.onOpenReport)
        ui.comparisonComboBox.connect("currentIndexChanged(int)", self._onComparison)
        ui.agreementTableView.horizontalHeader().setMaximumSectionSize(_WIDEST_COLUMN)
        logic.study.ended.connect(self._onEnded)
        logic.study.changed.connect(self.update)

    def disconnect(self) -> None:
        self.logic.study.ended.disconnect(self._onEnded)
        self.logic.study.changed.disconnect(self.update)

    def onAlgorithm(self) -> None:
        self.attempt(self._readByAlgorithm)
        self.update()

    def _readByAlgorithm(self) -> None:
        self._installer.ensure()
        self.logic.study.readByAlgorithm(self.logic.parameters().studyFolder, blocking=False)
        self.tell(_("The algorithm reads the study..."))

    def onAgreement(self) -> None:
        self.attempt(self._compare)
        self.update()

    def _compare(self) -> None:
        self.logic.study.compare(self.logic.parameters().studyFolder, blocking=False)
        self.tell(_("Comparing the answers..."))

    def onPlots(self) -> None:
        self.attempt(self._plot)

    def _plot(self) -> None:
        self._onComparison(self.ui.comparisonComboBox.currentIndex)
        self._showPlots(self.logic.scene)

    def onOpenReport(self) -> None:
        self.attempt(self._openReport)

    def _openReport(self) -> None:
        report = self.logic.study.reportPath
        if report is None or not report.is_file():
            raise InputError(_("There is no report yet; compute the agreement first."))
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(report)))

    def _onComparison(self, index: int) -> None:
        study = self.logic.study
        if 0 <= index < len(study.pairs):
            study.plot(study.pairs[index])

    def _onEnded(self, sentence: str) -> None:
        self.update()

    def update(self) -> None:
        ui, study = self.ui, self.logic.study
        reason = study.whyBusy()
        if not reason and not self.logic.parameters().studyFolder:
            reason = _("Choose a study folder first.")
        for button, purpose in (
            (ui.algorithmReaderButton, _("Measure all images of the study automatically, as one more reader.")),
            (ui.agreementButton, _("Compare readers, sessions and algorithm, and write the report.")),
        ):
            setEnabled(button, not reason)
            button.setToolTip(reason or purpose)
        hasResult = bool(study.pairs)
        for button, purpose in (
            (ui.agreementPlotsButton, _("Show the plots below the image.")),
            (ui.openReportButton, _("Open the report in the browser; it lies in the study folder.")),
        ):
            setEnabled(button, hasResult)
            button.setToolTip(purpose if hasResult else _("Compute the agreement first."))
        self._updateResults()

    def _updateResults(self) -> None:
        ui, study = self.ui, self.logic.study
        table = study.tableNode
        if table is not self._tableNode:
            self._tableNode = table
            ui.agreementTableView.setMRMLTableNode(table)
        ui.agreementTableView.resizeRowsToContents()  # the names of the comparisons take two lines
        names = [f"{name}, {quantity}" for name, quantity in study.pairs]
        if names != self._comparisons:
            self._comparisons = names
            ui.comparisonComboBox.clear()
            ui.comparisonComboBox.addItems(names)
            index = next((i for i, (_name, quantity) in enumerate(study.pairs) if quantity == "hri"), -1)
            ui.comparisonComboBox.setCurrentIndex(index)


def _reason(text: str) -> str:
    """One of the usual reasons for a skip, in the language of the application."""
    return {
        "no right kidney in the image": _("no right kidney in the image"),
        "no liver in the image": _("no liver in the image"),
        "renal cortex not visible": _("renal cortex not visible"),
        "shadow or artifact": _("shadow or artifact"),
        "lesion or abnormal tissue": _("lesion or abnormal tissue"),
        "poor image quality": _("poor image quality"),
    }.get(text, text)


def _instruction(marking) -> str:
    """What the reader may do with an image on which nothing is missing."""
    if marking.session.finished and marking.isStored:
        return _("All images are read. Go back to correct answers, or press Stop.")
    if marking.isSkipped and marking.missing:
        return _("This image was skipped. Space goes on; to measure it after all, click the liver.")
    return _("Drag the crosses to move the ROIs (liver yellow, kidney blue). Space goes on to the next image.")


def _values(reading) -> str:
    if reading is None:
        return ""
    text = _("HRI {hri}: liver {liver}, kidney {kidney}")
    return text.format(hri=f"{reading.hri:.2f}", liver=f"{reading.liver_mean:.1f}", kidney=f"{reading.kidney_mean:.1f}")
