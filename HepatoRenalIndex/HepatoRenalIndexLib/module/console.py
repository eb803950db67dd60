"""The module from the Python console: the same measurements on nodes, files and folders."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from slicer.i18n import tr as _

from ..imaging.image import InputError
from ..pipeline.measure import MeasurementSettings
from ..pipeline.outputs import MEASUREMENTS_NAME, Row
from . import loading, resultTable
from .correcting import CorrectingLogic
from .marking import MarkingLogic
from .process import JobProcess
from .segmenting import describeSettings
from .signal import Signal
from .studyWork import StudyWork


class ConsoleLogic(CorrectingLogic):
    """Everything the module can do, without its widgets.

    Example for the Python console of Slicer::

        logic = slicer.util.getModuleLogic("HepatoRenalIndex")

        # A node: a volume, or the volume of a clip
        volume = logic.loadSample("sector")
        rows = logic.measureVolume(volume)
        print(rows[0]["hri"], rows[0]["flags"])

        # Files and folders, with everything in them
        csv = logic.measureFiles(["/data/study"], "/data/results")

        # After a correction: a ROI moved by 5 mm to the right of the view
        parameters = logic.getParameterNode()
        x, y, z = parameters.liverRoi.GetCenter()
        parameters.liverRoi.SetCenter(x - 5, y, z)
        logic.refreshAll()
        print(logic.shown.result.measurement.hri)

    Reader studies are under ``logic.marking`` (:class:`MarkingLogic`: a reader's session) and ``logic.study``
    (:class:`StudyWork`: create a study, let the algorithm read it, compare the answers)::

        logic.study.create("/data/study", ["/data/images"])
        logic.marking.start("/data/study", "A", 1)
        logic.marking.place("liver", 320, 180)
        logic.marking.place("kidney", 240, 190)
        logic.marking.next()
        print(logic.study.compare("/data/study"))
    """

    def __init__(self, scene, parameters, schedule=None, process=None, batchProcess: JobProcess | None = None):
        super().__init__(scene, parameters, schedule, process)
        self.marking = MarkingLogic(scene, schedule)
        self.study = StudyWork(scene, parameters)
        self.study.logged.connect(self.logged.emit)
        self.batchProgressed = Signal()  # share of the files, name of the present one
        self.batchEnded = Signal()  # a sentence, empty on success
        self._batchProcess = batchProcess or JobProcess()
        self._batchProcess.progressed.connect(self.batchProgressed.emit)
        self._batchProcess.logged.connect(self.logged.emit)
        self._batchProcess.succeeded.connect(lambda folder: self.batchEnded.emit(""))
        self._batchProcess.failed.connect(self.batchEnded.emit)

    def loadFile(self, path: str | Path, name: str | None = None):
        """Load an ultrasound file with its calibration; returns the volume node. See :mod:`loading`."""
        return loading.loadUltrasoundFile(self.scene, path, name)

    def loadSample(self, name: str):
        """Load a shipped simulated case: ``sector``, ``curved``, ``clip`` or ``no_kidney``."""
        return loading.loadSample(self.scene, name)

    def measureVolume(self, volume, wholeClip: bool = True) -> list[Row]:
        """Segment and measure a volume node, all frames of a clip or the one shown; waits for the end.

        Returns the rows of the result table for it, as texts by column name. Raises ``InputError`` with one sentence
        when it cannot be measured. The packages of the network must be installed.
        """
        parameters = self.parameters()
        parameters.inputVolume = volume
        parameters.wholeClip = wholeClip
        messages = []
        self.runEnded.connect(messages.append)
        try:
            self.startMeasuring(blocking=True)
        finally:
            self.runEnded.disconnect(messages.append)
        if not messages or messages[0]:
            raise InputError(messages[0] if messages else _("The measurement was canceled."))
        self.refreshAll()
        source = self.shown.source
        return [row for row in resultTable.rowsOf(parameters.resultTable) if row["source"] == source.name]

    # Files and folders

    @property
    def isBatchRunning(self) -> bool:
        return self._batchProcess.isRunning

    def measureFiles(self, inputs: Iterable[str | Path], output: str | Path, blocking: bool = True) -> Path:
        """Measure files and folders, as the command ``liver-ultrasound measure`` does, in a process of its own.

        Writes ``measurements.csv`` and, for each file, its masks and a picture into ``output``; a file that cannot be
        measured has a row that says why. Settings are those of the module. Without ``blocking`` it returns at once, and
        ``batchEnded`` tells the end. Returns the path of the CSV file.
        """
        inputs = [str(Path(path).absolute()) for path in inputs]
        output = Path(output).absolute()
        if not inputs:
            raise InputError(_("Choose a folder with ultrasound files first."))
        parameters = self.parameters()
        # A spacing that the user gave belongs to one input; files have their own.
        settings = MeasurementSettings(parameters.placement, parameters.roiSize)
        job = {
            "inputs": inputs,
            "output": str(output),
            "settings": describeSettings(settings),
            "device": parameters.device,
            "model": parameters.modelFolder or None,
            "annotations": parameters.keepAnnotations,
        }
        messages = []
        self.batchEnded.connect(messages.append)
        try:
            self._batchProcess.start("folders", job, blocking=blocking)
        finally:
            self.batchEnded.disconnect(messages.append)
        if messages and messages[0]:
            raise InputError(messages[0])
        return output / MEASUREMENTS_NAME

    def cancelBatch(self) -> None:
        """Stop measuring files; what was measured so far is taken up again by the next run."""
        self._batchProcess.cancel()

    def close(self) -> None:
        self.cancelBatch()
        self.study.cancel()
        self.marking.stop()
        super().close()

    def _onSceneClose(self, caller=None, event=None) -> None:
        self.marking.abandon()
        self.study.forget()
        super()._onSceneClose(caller, event)
