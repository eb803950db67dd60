"""The sections of the module's panel: inputs, model, estimate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import qt
import slicer
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.module.panels import Panel, RunPanel
from slicer.i18n import tr as _

from .installing import installerFor
from .models import cardHtml, shippedModels
from .resultText import modelHtml, resultSentence
from .vocabulary import PARAMETER_OF_VIEW


class InputsPanel(Panel):
    """Images and clips of the views. ``show(volume)`` shows a volume in the slice view."""

    def __init__(self, ui, logic, tell, show: Callable):
        super().__init__(ui, logic, tell)
        self._show = show
        self._folder = ""
        ui.loadFilesButton.connect("clicked()", self.onLoadFiles)
        ui.guessButton.connect("clicked()", lambda: self.attempt(self._guess))
        for name in PARAMETER_OF_VIEW.values():
            selector = getattr(ui, f"{name}Selector")
            selector.connect(
                "nodeAboutToBeRemoved(vtkMRMLNode*)",
                lambda node, selector=selector: self._onRemoved(node, selector),
            )

    @staticmethod
    def _onRemoved(node, selector) -> None:
        """A view whose image is deleted has none: by itself the list goes on to the next image in the scene."""
        if selector.currentNode() is node:
            selector.setCurrentNode(None)

    def onLoadFiles(self) -> None:
        paths = qt.QFileDialog.getOpenFileNames(
            slicer.util.mainWindow(), _("Load ultrasound files"), self._folder, _("Ultrasound images (*)")
        )
        if paths:
            self._folder = str(Path(paths[0]).parent)  # the next files probably lie beside them
            self.attempt(self._load, paths)

    def _load(self, paths) -> None:
        unknown = []
        for path in paths:
            volume = self.logic.loadFile(path)
            if volume.GetID() not in {source.volume.GetID() for source in self.logic.assigned().values()}:
                unknown.append(volume.GetName())
            self._show(volume)
        if unknown:
            names = ", ".join(unknown)
            self.tell(_("Loaded, but without a view of its own; choose one above for: {names}.").format(names=names))

    def _guess(self) -> None:
        count = self.logic.guessViews()
        if count:
            self.tell(_("{count} images were assigned; check that each shows its view.").format(count=count))
        else:
            self.tell(_("No further image tells its view; choose it in the list."))

    def update(self) -> None:
        ui, shown = self.ui, self.logic.shown
        assigned = self.logic.assigned()
        showsAll = self.logic.parameters().allViews or shown.model.card is None
        for view, name in PARAMETER_OF_VIEW.items():
            visible = showsAll or view in shown.model.views
            for widget in (getattr(ui, f"{name}Label"), getattr(ui, f"{name}Selector")):
                widget.setVisible(visible)
        unused = [view for view in assigned if view not in shown.model.views]
        text = shown.problem
        if not text and unused and shown.model.card is not None:
            text = _("Views that the model leaves aside: {count}.").format(count=len(unused))
        ui.inputLabel.setText(text)
        ui.inputLabel.setVisible(bool(text))  # empty, it would leave a gap


class ModelPanel(Panel):
    """Which model, and its card."""

    def __init__(self, ui, logic, tell):
        super().__init__(ui, logic, tell)
        self._cardShown = None
        for name in shippedModels():
            ui.modelComboBox.addItem(name)
        ui.modelComboBox.connect("currentTextChanged(QString)", self._onChosen)
        ui.modelFolderLineEdit.connect("currentPathChanged(QString)", self._onFolder)

    def _onChosen(self, name: str) -> None:
        parameters = self.logic.parameters()
        if name and name != (parameters.modelName or shippedModels()[0]):
            parameters.modelName = name

    def _onFolder(self, path: str) -> None:
        if self.logic.parameters().modelFolder != path:
            self.logic.parameters().modelFolder = path

    def update(self) -> None:
        ui, parameters, model = self.ui, self.logic.parameters(), self.logic.shown.model
        names = shippedModels()
        wanted = parameters.modelName or (names[0] if names else "")
        if wanted in names and ui.modelComboBox.currentText != wanted:
            ui.modelComboBox.setCurrentText(wanted)
        if ui.modelFolderLineEdit.currentPath != parameters.modelFolder:
            ui.modelFolderLineEdit.setCurrentPath(parameters.modelFolder)
        reason = _("Your own model, chosen under Advanced, is used.") if parameters.modelFolder else ""
        self.enable(ui.modelComboBox, reason)
        if model == self._cardShown:
            return
        self._cardShown = model
        ui.modelLabel.setText(model.problem if model.card is None else modelHtml(model.card))
        ui.cardTextBrowser.setHtml("" if model.card is None else cardHtml(model.card))


class EstimatePanel(RunPanel):
    """Estimating, out of process. ``ensure(model)`` installs what the model needs, ``show(volume)`` shows a volume."""

    def __init__(self, ui, logic, tell, show: Callable, ensure: Callable | None = None):
        super().__init__(ui, logic, tell)
        self._show = show
        self._told = None  # the estimate that progress and message tell of
        self._isWaiting = False  # for the end of a run
        self._ensure = ensure or (lambda model: installerFor(model).ensure())

    def _start(self) -> None:
        reason = self.logic.whyNotEstimable()
        if reason:
            raise InputError(reason)
        self.tell(_("Preparing..."))
        self._ensure(self.logic.model())
        self.tell(_("Estimating..."))
        self.logic.startEstimating()
        self._isWaiting = self.logic.process.isRunning
        shown = self.logic.shown
        self._show(shown.sources[shown.view].volume)

    def _done(self) -> str:
        self._told = self.logic.shown.estimate
        return resultSentence(self.logic.shown)

    def onCancel(self) -> None:
        self._isWaiting = False
        super().onCancel()

    def _onEnded(self, sentence: str) -> None:
        self._isWaiting = False
        super()._onEnded(sentence)

    def _forgetOld(self) -> None:
        """What was told does not hold for other images or settings, nor when the scene was closed during a run."""
        if self.logic.process.isRunning:
            return
        if self._isWaiting or (self._told is not None and self._told != self.logic.shown.estimate):
            self._isWaiting, self._told = False, None
            self.ui.progressBar.setValue(0)
            self.tell("")

    def update(self) -> None:
        self._forgetOld()
        self.enable(self.ui.applyButton, self.logic.whyNotEstimable())
        running = self.logic.process.isRunning
        self.enable(self.ui.cancelButton, "" if running else _("No estimate is running."))
