"""The module from the Python console: the same estimates on nodes and cohorts, and the training of models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.module import loading
from HepatoRenalIndexLib.module.process import JobProcess
from HepatoRenalIndexLib.module.signal import Signal
from HepatoRenalIndexLib.module.source import findSource
from slicer.i18n import tr as _

from ..cohort.vocabulary import View
from ..estimation.cohort_run import ESTIMATES_NAME
from . import sampleData
from .estimating import libraryProcess
from .guessing import storeView, viewOfFile
from .models import chooseModel
from .running import RunningLogic
from .tables import Row
from .vocabulary import PARAMETER_OF_VIEW


class ConsoleLogic(RunningLogic):
    """Everything the module can do, without its widgets.

    Example for the Python console of Slicer::

        logic = slicer.util.getModuleLogic("SteatosisEstimator")

        # Nodes: a volume, or the volume of a clip, for each view
        volumes = logic.loadSample("fatty")
        row = logic.estimateVolumes(volumes, subject="A")
        print(row["fat_percent"], row["fat_low"], row["fat_high"], row["grade"], row["message"])
        print(logic.shown.views, logic.shown.contributions)

        # A table of subjects (subject, view, path): writes estimates.csv and three more tables
        csv = logic.estimateCohort("/data/cohort.csv", "/data/results")

        # A model of your own (subject, view, path, fat_percent), and its figures out of fold
        logic.evaluateRecipe("liver-kidney-default", "/data/cohort.csv", "/data/evaluation")
        bundle = logic.trainModel("liver-kidney-default", "/data/cohort.csv", "/data/MyModel")
        row = logic.estimateVolumes(volumes, subject="A", model=bundle)

    Views are named as in cohorts: ``liver-kidney``, ``kidney-liver``, ``hr``, ``liver``, ``ar``, ``hepatic-veins``,
    ``right-portal-vein``, ``right-posterior-portal-vein``. All calls raise ``InputError`` with one sentence when
    something is wrong with what they are given. The packages of the model must be installed.
    """

    def __init__(self, scene, parameters, schedule=None, process=None, cohortProcess: JobProcess | None = None):
        super().__init__(scene, parameters, schedule, process)
        self.cohortEnded = Signal()  # a sentence, empty on success
        self._cohortProcess = cohortProcess or libraryProcess()
        self._cohortProcess.progressed.connect(self.progressed.emit)
        self._cohortProcess.logged.connect(self.logged.emit)
        self._cohortProcess.succeeded.connect(lambda folder: self.cohortEnded.emit(""))
        self._cohortProcess.failed.connect(self.cohortEnded.emit)

    # Nodes

    def loadFile(self, path: str | Path, name: str | None = None):
        """Load an ultrasound file with its calibration, and assign it to the view that its header or name tells.

        Returns the volume node. A view that has an image already keeps it.
        """
        volume = loading.loadUltrasoundFile(self.scene, path, name)
        view = viewOfFile(path)
        if view is not None:
            storeView(findSource(volume), view)
            if view not in self.assigned():
                self.assign(view, volume)
        return volume

    def loadSample(self, name: str = "fatty") -> dict[View, Any]:
        """Load the images of a shipped simulated subject; returns the volume node of each view."""
        volumes = {}
        for view, path, nodeName in sampleData.sampleFiles(name):
            volume = loading.loadUltrasoundFile(self.scene, path, nodeName)
            storeView(findSource(volume), view)
            volumes[view] = volume
        return volumes

    def estimateVolumes(
        self, volumes: Mapping[View | str, Any], subject: str = "", model: str | Path | None = None
    ) -> Row:
        """Estimate one subject from a volume node for each view; waits for the end.

        ``model`` is the name of one that comes with the software or the folder of a bundle; the default for ``None``.
        Returns the row of the table of estimates by column name. ``logic.shown`` has the rows of views, frames and
        measurements.
        """
        parameters = self.parameters()
        for view in PARAMETER_OF_VIEW:
            setattr(parameters, PARAMETER_OF_VIEW[view], None)
        for name, volume in volumes.items():
            self.assign(_view(name), volume)
        parameters.subject = subject
        self.setModel(model)
        messages = []
        self.runEnded.connect(messages.append)
        try:
            self.startEstimating(blocking=True)
        finally:
            self.runEnded.disconnect(messages.append)
        if not messages or messages[0]:
            raise InputError(messages[0] if messages else _("The estimate was canceled."))
        self.refresh()
        return dict(self.shown.estimate)

    def setModel(self, model: str | Path | None = None) -> None:
        """Choose a model by the name of one that comes with the software or by the folder of a bundle."""
        parameters = self.parameters()
        isFolder = model is not None and Path(model).is_dir()
        parameters.modelFolder = str(Path(model).absolute()) if isFolder else ""
        parameters.modelName = "" if isFolder or model is None else str(model)
        chosen = chooseModel(parameters.modelName, parameters.modelFolder)
        if chosen.card is None:
            raise InputError(chosen.problem)

    # Cohorts

    @property
    def isCohortRunning(self) -> bool:
        return self._cohortProcess.isRunning

    def estimateCohort(
        self, cohort, output, model: str | Path | None = None, blocking: bool = True, explain: str | None = None
    ) -> Path:
        """Estimate every subject of a CSV table, as ``liver-ultrasound estimate``, in a process of its own.

        A subject that cannot be estimated is a row that says why; a stopped run goes on when it is started again.
        With ``explain`` (``grad-cam``, ``cam``, ``shap``) the folder ``maps`` holds what each estimate rests on.
        Returns the path of ``estimates.csv``. Without ``blocking`` it comes back at once and ``cohortEnded`` tells the
        end.
        """
        parameters = self.parameters()
        if model is None:
            model = parameters.modelFolder or parameters.modelName or None
        arguments = {
            "cohort": _path(cohort),
            "output": _path(output),
            "model": None if model is None else _path(model) if Path(model).is_dir() else str(model),
            "device": parameters.device,
            "frames": parameters.clipFrames or None,
            "explain": explain,
        }
        self._startCohort("estimate", arguments, blocking)
        return Path(arguments["output"]) / ESTIMATES_NAME

    def trainModel(
        self,
        recipe: str,
        cohort,
        output,
        variant: str | None = None,
        settings: Mapping[str, Any] | None = None,
        blocking: bool = True,
        **options,
    ) -> Path:
        """Train a recipe on a CSV table and write the bundle ``output``, as ``liver-ultrasound train``.

        ``settings`` are parameters of the recipe other than its defaults; ``options`` are those of the command:
        ``reference``, ``seed``, ``device``, ``backbone_weights``, ``frames``, ``work``. A training that was stopped
        goes on when it is started again. Returns the folder of the bundle.
        """
        arguments = {
            "recipe": recipe,
            "cohort": _path(cohort),
            "output": _path(output),
            "variant": variant,
            "settings": dict(settings or {}),
            **_options(options),
        }
        self._startCohort("train", arguments, blocking)
        return Path(arguments["output"])

    def evaluateRecipe(
        self,
        recipe: str,
        cohort,
        output,
        variants: Iterable[str] = (),
        settings: Mapping[str, Any] | None = None,
        blocking: bool = True,
        **options,
    ) -> Path:
        """Cross-validate a recipe on a CSV table, as ``liver-ultrasound evaluate``; arguments as :meth:`trainModel`.

        Returns the folder with ``report.html`` and the tables.
        """
        arguments = {
            "recipe": recipe,
            "cohort": _path(cohort),
            "output": _path(output),
            "variants": list(variants),
            "settings": dict(settings or {}),
            **_options(options),
        }
        self._startCohort("evaluate", arguments, blocking)
        return Path(arguments["output"])

    def cancelCohort(self) -> None:
        """Stop working on a cohort; what was done so far is taken up again by the next run."""
        self._cohortProcess.cancel()

    def _startCohort(self, action: str, arguments: dict[str, Any], blocking: bool) -> None:
        messages = []
        self.cohortEnded.connect(messages.append)
        try:
            self._cohortProcess.start("cohort_job", {"action": action, "arguments": arguments}, blocking=blocking)
        finally:
            self.cohortEnded.disconnect(messages.append)
        if messages and messages[0]:
            raise InputError(messages[0])

    def close(self) -> None:
        self.cancelCohort()
        super().close()


_OPTIONS = ("reference", "seed", "device", "backbone_weights", "frames", "work")


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    for name in options:
        if name not in _OPTIONS:
            sentence = _("There is no option {name}; there are {names}.")
            raise InputError(sentence.format(name=name, names=", ".join(_OPTIONS)))
    paths = ("work", "backbone_weights")
    isPath = {name: name in paths and value not in (None, "none") for name, value in options.items()}
    return {name: _path(value) if isPath[name] else value for name, value in options.items()}


def _path(path) -> str:
    return str(Path(path).absolute())


def _view(name: View | str) -> View:
    try:
        return View(name)
    except ValueError:
        names = ", ".join(view.value for view in View)
        raise InputError(_("There is no view {name}; there are {names}.").format(name=name, names=names)) from None
