"""Estimating what is assigned: out of process, and all of it put into the scene in one step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.module.caseNodes import fileBesideInput
from HepatoRenalIndexLib.module.signal import Signal
from HepatoRenalIndexLib.module.source import Source, isAlive
from slicer.i18n import tr as _

from ..cohort.vocabulary import View
from . import overlay, tables
from .estimating import Estimated, EstimationProcess
from .logic import EstimationLogic
from .vocabulary import NO_EXPLANATION
from .volumeFile import dicomBytes


@dataclass(frozen=True)
class _Run:
    """What is being estimated."""

    subject: str
    digest: str
    sources: dict[View, Source]


class RunningLogic(EstimationLogic):
    """Adds the process. Signals: ``progressed(share, text)``, ``logged(text)``, ``runEnded(sentence)``, empty on
    success. ``explanationNote`` says why the last estimate has no maps.
    """

    def __init__(
        self,
        scene,
        parameters: Callable,
        schedule: Callable | None = None,
        process: EstimationProcess | None = None,
    ):
        super().__init__(scene, parameters, schedule)
        self.progressed, self.logged, self.runEnded = Signal(), Signal(), Signal()
        self.process = process or EstimationProcess()
        self.process.progressed.connect(self.progressed.emit)
        self.process.logged.connect(self.logged.emit)
        self.process.succeeded.connect(self._onEstimated)
        self.process.failed.connect(self._onFailed)
        self.explanationNote = ""
        self._run: _Run | None = None

    def _forget(self) -> None:
        self.cancel()
        self.explanationNote = ""
        super()._forget()

    def whyNotEstimable(self) -> str:
        """A sentence on what is missing to estimate, empty if nothing is."""
        return _("An estimate is running.") if self.process.isRunning else super().whyNotEstimable()

    def startEstimating(self, blocking: bool = False) -> None:
        """Estimate the images assigned. Raises ``InputError`` when that cannot be started.

        ``runEnded`` tells the end, before this returns if ``blocking``.
        """
        self._model = None  # the bundle may have been written anew
        self.refresh()
        reason = self.whyNotEstimable()
        if reason:
            raise InputError(reason)
        parameters, model = self.parameters(), self.model()
        sources = {view: source for view, source in self.assigned().items() if view in model.views}
        digest = self._digest(model, sources)
        database = self.dicomDatabase()
        images = {view: (source.name, dicomBytes(source, database)) for view, source in sources.items()}
        explain = parameters.explanation
        settings = {
            "model": model.name,
            "device": parameters.device,
            "frames": parameters.clipFrames or None,
            "explain": None if explain == NO_EXPLANATION else explain,
            "maps": parameters.explainedFrames,
        }
        self._run = _Run(self.subject, digest, sources)
        self.process.start(self.subject, images, settings, blocking)

    def cancel(self) -> None:
        """Stop a running estimate; nothing of it is kept."""
        self._run = None
        self.process.cancel()

    def _onFailed(self, sentence: str) -> None:
        self._run = None
        self.runEnded.emit(sentence)

    def _onEstimated(self, found: Estimated) -> None:
        run, self._run = self._run, None
        sentence = _("The results could not be shown; the Python console has the details.")
        try:
            self._keep(run, found)
            sentence = ""
        except InputError as error:
            sentence = str(error)
        finally:
            self.runEnded.emit(sentence)

    def _keep(self, run: _Run | None, found: Estimated) -> None:
        """Put what was found into the scene. Raises ``InputError`` where the images are no longer those estimated."""
        alive = run is not None and all(isAlive(source.volume) for source in run.sources.values())
        if not alive or self._digest(self.model(), run.sources, run.subject) != run.digest:
            raise InputError(_("An image or a setting was changed while the fat was estimated; estimate again."))
        first = next(iter(run.sources.values()))
        model = found.rows["estimates"][0][tables.MODEL_COLUMN]
        rows = {**found.rows, "estimates": [{**found.rows["estimates"][0], tables.INPUT_COLUMN: run.digest}]}
        for kind in tables.KINDS:
            table = self._ensureTable(kind, first)
            tables.replaceRows(table, kind, run.subject, model, rows[kind.key])
        for view, source in run.sources.items():
            maps = [entry for entry in found.maps if entry.view is view]
            sequence = overlay.keepMaps(self.scene, source, maps, run.digest)
            if sequence is not None:
                fileBesideInput(self.scene, source, [sequence])
        self.explanationNote = found.note
        self.refresh()

    def _ensureTable(self, kind: tables.TableKind, source: Source):
        parameters = self.parameters()
        table = getattr(parameters, kind.parameter)
        if not isAlive(table) or not tables.isTable(table, kind):
            table = tables.newTable(self.scene, kind)
            setattr(parameters, kind.parameter, table)
            fileBesideInput(self.scene, source, [table])
        return table
