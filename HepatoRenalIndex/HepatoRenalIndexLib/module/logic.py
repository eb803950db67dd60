"""Results in step with nodes and parameters: whatever changes, the input is measured again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import slicer
import vtk
from slicer.i18n import tr as _

from ..geometry.spacing import Calibration
from ..imaging.image import InputError, UltrasoundImage
from ..measurement.result import FrameResult
from ..pipeline.measure import MeasurementSettings
from ..scene.rois import follow_lock
from . import calibrating, classMap, plots, resultTable
from .caseNodes import CaseNodes, adoptCase, ensureCase, fileBesideInput, findCase, showOnlyCase
from .frameState import FrameState
from .history import History
from .measuring import calibrateAlone, measureState
from .observing import NodeObservers
from .signal import Signal
from .source import Source, findSource, isAlive

NAME_ATTRIBUTE = "HepatoRenalIndex.Name"  # id of the input, and its name in the table
_NO_HISTORY = History()


@dataclass(frozen=True)
class Shown:
    """What is shown and measured at present.

    ``message`` is a sentence on what hinders measuring, empty if nothing. ``quick``: measured while an ROI was being
    dragged, with the geometry of before.
    """

    source: Source | None = None
    frame: int = 0
    image: UltrasoundImage | None = None
    state: FrameState | None = None
    settings: MeasurementSettings | None = None
    result: FrameResult | None = None
    message: str = ""
    quick: bool = False
    alone: Calibration | None = None  # of an image in which organs are missing

    @property
    def calibration(self) -> Calibration | None:
        """The pixel size of the image shown, as far as it is known."""
        known = None if self.result is None else self.result.calibration
        return known or self.alone

    def isOf(self, source: Source, frame: int) -> bool:
        return self.source is not None and self.source.volume is source.volume and self.frame == frame


class MeasurementLogic:
    """Keeps table, plots and overlay in step with the input's nodes and the parameters.

    Nothing is computed while nodes are being changed: an event only asks ``schedule`` for a call of :meth:`refresh`.
    What the logic itself writes leads to no second computation, because :meth:`refresh` compares the state of the nodes
    with the state that was measured.

    ``scene`` is a ``vtkMRMLScene``; ``parameters()`` gives the parameter node wrapper; ``schedule(call)`` calls back
    later in the main thread, or is None for a logic that is refreshed by hand. Signals: ``changed()`` after every
    refresh, ``progressed(share, text)``.
    """

    def __init__(self, scene, parameters: Callable, schedule: Callable | None = None):
        self.scene = scene
        self.parameters = parameters
        self.schedule = schedule
        self.dicomDatabase = lambda: getattr(slicer, "dicomDatabase", None)
        self.shown = Shown()
        self.changed, self.progressed = Signal(), Signal()
        self._sceneObservers, self._nodeObservers = NodeObservers(), NodeObservers()
        self._histories: dict[str, History] = {}
        self._baseline: FrameState | None = None  # what the next step of the history began with
        self._pending = False
        self._closed = False
        self._interacting = False
        self._waiting: list[int] = []  # frames of the clip that are measured again, one per refresh
        self._inputId: str | None = None
        self._lastNodes: tuple = ()  # of the input that was shown last

    # Events

    def observe(self) -> None:
        """Follow the scene and the parameters from now on."""
        self._closed = False
        scene = self.scene
        self._sceneObservers.observe(
            [
                (scene, scene.StartCloseEvent, self._onSceneClose),
                (scene, scene.NodeRemovedEvent, self.requestRefresh),
                (scene, scene.EndImportEvent, self.requestRefresh),
                (self.parameters().parameterNode, vtk.vtkCommand.ModifiedEvent, self.requestRefresh),
            ]
        )
        self.requestRefresh()

    def close(self) -> None:
        """Let go of everything: the module is reloaded, or the application closes."""
        self._closed = True
        self._sceneObservers.clear()
        self._nodeObservers.clear()
        self._forget()

    def _onSceneClose(self, caller=None, event=None) -> None:
        self._nodeObservers.clear()
        self._forget()

    def _forget(self) -> None:
        self.shown = Shown()
        self._histories.clear()
        self._baseline = None
        self._waiting = []
        self._interacting = False
        self._inputId = None
        self._lastNodes = ()

    def requestRefresh(self, caller=None, event=None) -> None:
        """Something changed: refresh soon, once for all that changes until then."""
        if self._pending or self.schedule is None or self.scene.IsClosing():
            return
        self._pending = True
        self.schedule(self._onScheduled)

    def _onScheduled(self) -> None:
        self._pending = False
        if not self._closed and not self.scene.IsClosing() and not self.scene.IsImporting():
            self.refresh()

    def _observeNodes(self, parameters, source: Source, case: CaseNodes) -> None:
        """Observe the nodes of the case; those of an earlier input no more."""
        refresh = self.requestRefresh
        wanted = [
            (source.volume, vtk.vtkCommand.ModifiedEvent, refresh),
            (source.volume, slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent, refresh),
        ]
        if source.isClip:
            wanted.append((source.browser, vtk.vtkCommand.ModifiedEvent, refresh))
        if case.segmentation is not None:
            events = slicer.vtkSegmentation
            for event in (events.SourceRepresentationModified, events.SegmentAdded, events.SegmentRemoved,
                          events.SegmentModified):  # fmt: skip
                wanted.append((case.segmentation, event, refresh))
        for roi in filter(None, (case.liverRoi, case.kidneyRoi)):
            for event in (vtk.vtkCommand.ModifiedEvent, roi.PointModifiedEvent, roi.LockModifiedEvent,
                          roi.PointPositionDefinedEvent, roi.PointRemovedEvent):  # fmt: skip
                wanted.append((roi, event, refresh))
            wanted.append((roi, roi.PointStartInteractionEvent, self._onStartInteraction))
            wanted.append((roi, roi.PointEndInteractionEvent, self._onEndInteraction))
        line = parameters.rulerLine
        if isAlive(line):
            for event in (line.PointPositionDefinedEvent, line.PointPositionUndefinedEvent, line.PointRemovedEvent):
                wanted.append((line, event, refresh))
        self._nodeObservers.observe(wanted)

    def _onStartInteraction(self, caller=None, event=None) -> None:
        self._interacting = True

    def _onEndInteraction(self, caller=None, event=None) -> None:
        self._interacting = False
        self.requestRefresh()

    # Refreshing

    def refresh(self) -> None:
        """Bring results, table, plots and overlay up to date with the nodes and parameters."""
        parameters = self.parameters()
        source = findSource(parameters.inputVolume)
        if source is None:
            self._nodeObservers.clear()
            self.shown, self._inputId, self._waiting = Shown(), None, []
            self.changed.emit()
            return
        case = self._followParameters(parameters, source)
        self._followName(parameters, source)
        self._observeNodes(parameters, source, case)
        try:
            self._refreshShown(parameters, source, case)
            self._measureWaiting(parameters, source, case)
        except InputError as error:
            self.shown = Shown(source, source.frame, message=str(error))
            # The number of before is not the number of what is shown now.
            if isAlive(parameters.resultTable):
                resultTable.removeRows(parameters.resultTable, source.name, [source.frame])
        self._refreshViews(parameters, source)
        self.changed.emit()

    def refreshAll(self) -> None:
        """Refresh until no frame waits to be measured again: for consoles and tests."""
        self.refresh()
        while self._waiting:
            self.refresh()

    def settings(self) -> MeasurementSettings:
        parameters = self.parameters()
        return MeasurementSettings(parameters.placement, parameters.roiSize, parameters.userSpacing or None)

    def _followParameters(self, parameters, source: Source) -> CaseNodes:
        """Keep parameters and input in step, whichever of them changed. Returns the nodes of the input."""
        volume = source.volume
        case = findCase(source)
        if volume.GetID() != self._inputId:
            self._inputId = volume.GetID()
            showOnlyCase(self.scene, case, self._lastNodes)
            self._waiting = []
            self.shown = Shown()
            parameters.userSpacing = calibrating.storedUserSpacing(source.keeper)
        else:
            calibrating.storeUserSpacing(source.keeper, parameters.userSpacing)
            chosen = (parameters.segmentation, parameters.liverRoi, parameters.kidneyRoi)
            new = [
                node if isAlive(node) and node is not known else None
                for node, known in zip(chosen, case.nodes, strict=True)
            ]
            if any(node is not None for node in new):
                adoptCase(source, *new)
                case = ensureCase(self.scene, source, withSegmentation=new[0] is not None, withRois=False)
        self._followNodes(parameters, case)
        self._lastNodes = case.nodes
        return case

    @staticmethod
    def _followName(parameters, source: Source) -> None:
        """Let the rows of an input have its name: with the former one it would count twice."""
        table, kept = parameters.resultTable, source.keeper.GetAttribute(NAME_ATTRIBUTE) or ""
        identifier, _separator, former = kept.partition(" ")
        isOwn = identifier == source.volume.GetID()  # the attribute of a copied volume is that of the other
        if isOwn and former != source.name and isAlive(table) and resultTable.isResultTable(table):
            resultTable.renameSource(table, former, source.name)
        if kept != (wanted := f"{source.volume.GetID()} {source.name}"):
            source.keeper.SetAttribute(NAME_ATTRIBUTE, wanted)

    @staticmethod
    def _followNodes(parameters, case: CaseNodes) -> None:
        for name, node in zip(("segmentation", "liverRoi", "kidneyRoi"), case.nodes, strict=True):
            if getattr(parameters, name) is not node:
                setattr(parameters, name, node)

    def _refreshShown(self, parameters, source: Source, case: CaseNodes) -> None:
        frame, settings, before = source.frame, self.settings(), self.shown
        same = before.isOf(source, frame)
        image = self._readImage(source, frame)
        state = case.state(frame)
        for roi in filter(None, (case.liverRoi, case.kidneyRoi)):
            follow_lock(roi)
        if case.liverRoi is None and case.kidneyRoi is None:
            self._interacting = False  # deleted while it was dragged
        if same and self._baseline is not None and not self._interacting and not state.sameWork(self._baseline):
            self._record(source, {frame: self._baseline}, {frame: state})
        if source.isClip and before.settings not in (None, settings):
            self._waiting = [other for other in range(source.frameCount) if other != frame]
        known = same and before.image is image and before.settings == settings and before.state == state
        if not known or (before.quick and not self._interacting):
            self._measureShown(parameters, case, image, state, settings)
        if not self._interacting or self._baseline is None or not same:
            self._baseline = self.shown.state

    def _readImage(self, source: Source, frame: int) -> UltrasoundImage:
        """The image shown; the one of before where nothing of it changed."""
        image, before = source.image(frame, self.dicomDatabase()), self.shown.image
        if before is not None and self.shown.isOf(source, frame) and _sameImage(image, before):
            return before
        return image

    def _measureShown(self, parameters, case: CaseNodes, image, state: FrameState, settings) -> None:
        source, before, frame = case.source, self.shown, case.source.frame
        if state.isEmpty:
            alone, _geometry = calibrateAlone(image, settings, source.storedCalibration())
            self.shown = Shown(source, frame, image, state, settings, alone=alone)
            if isAlive(parameters.resultTable):
                resultTable.removeRows(parameters.resultTable, source.name, [frame])
            return
        previous = None
        if self._interacting and before.isOf(source, frame) and before.image is image:
            hasRois = state.liver.roi is not None and state.kidney.roi is not None
            if hasRois and before.settings == settings and before.state.sameMasks(state):
                previous = before.result
        result = measureState(image, state, settings, source.storedCalibration(), previous)
        state = self._writePlaced(parameters, case, frame, state, result)
        alone = None
        if result.calibration is None:
            alone, _geometry = calibrateAlone(image, settings, source.storedCalibration())
        self.shown = Shown(source, frame, image, state, settings, result, result.message, previous is not None, alone)
        resultTable.setRows(self._ensureTable(parameters, source), [resultTable.rowOf(result)])

    def _writePlaced(self, parameters, case: CaseNodes, frame: int, state: FrameState, result: FrameResult):
        """Move the automatic ROIs to where they belong now, away without a measurement. Returns the state then."""
        placed = {}
        for organ in ("liver", "kidney"):
            roi = getattr(state, organ)
            if not roi.fixed:
                measured = None if result.measurement is None else getattr(result.measurement, organ).roi
                placed[organ] = replace(roi, roi=measured, manual=False)
        wanted = replace(state, **placed)
        if wanted == state:
            return state
        if any(roi.roi is not None for roi in placed.values()) and (case.liverRoi is None or case.kidneyRoi is None):
            case = ensureCase(self.scene, case.source, withSegmentation=False)
            self._followNodes(parameters, case)
            self._observeNodes(parameters, case.source, case)
        case.setState(frame, wanted)
        return case.state(frame)

    def _ensureTable(self, parameters, source: Source):
        table = parameters.resultTable
        if isAlive(table) and resultTable.isResultTable(table):
            return table
        if isAlive(table) and table.GetNumberOfColumns() == 0:
            resultTable.initialize(table)
        else:
            table = resultTable.newTable(self.scene, "HRI")
            parameters.resultTable = table
        fileBesideInput(self.scene, source, [table])
        return table

    def _measureWaiting(self, parameters, source: Source, case: CaseNodes) -> None:
        """Measure one more frame of the clip whose result is out of date."""
        if not self._waiting:
            return
        frame = self._waiting.pop(0)
        if frame < source.frameCount and frame != source.frame:
            self._measureHidden(parameters, case, frame)
        if self._waiting:
            done = 1 - len(self._waiting) / source.frameCount
            self.progressed.emit(done, _("Measuring the other frames of the clip"))
            self.requestRefresh()
        else:
            self.progressed.emit(1.0, "")

    def _measureHidden(self, parameters, case: CaseNodes, frame: int) -> None:
        """Measure a frame that is not shown."""
        source, state = case.source, case.state(frame)
        if state.isEmpty:
            if isAlive(parameters.resultTable):
                resultTable.removeRows(parameters.resultTable, source.name, [frame])
            return
        image = source.image(frame, self.dicomDatabase())
        result = measureState(image, state, self.settings(), source.storedCalibration())
        self._writePlaced(parameters, case, frame, state, result)
        resultTable.setRows(self._ensureTable(parameters, source), [resultTable.rowOf(result)])

    def _refreshViews(self, parameters, source: Source) -> None:
        shown, table = self.shown, parameters.resultTable
        if shown.result is not None or plots.findChart(self.scene, plots.HISTOGRAM) is not None:
            plots.updateHistogram(self.scene, shown.result)
        if source.isClip and isAlive(table) and resultTable.isResultTable(table):
            plots.updateFramesPlot(self.scene, resultTable.hriOf(table, source.name), shown.frame)
        node = parameters.classMap if isAlive(parameters.classMap) else None
        if parameters.showClassMap:
            node = classMap.updateClassMap(self.scene, node, classMap.combinedClasses(shown), source.volume)
            if parameters.classMap is not node:
                parameters.classMap = node
                fileBesideInput(self.scene, source, [node])
        classMap.showClassMap(self.scene, node, source.volume, parameters.showClassMap)

    # History

    def _record(self, source: Source, before: dict[int, FrameState], now: dict[int, FrameState] | None = None) -> None:
        self._histories.setdefault(source.volume.GetID(), History()).record(before, now)

    @property
    def history(self) -> History:
        return self._histories.get(self._inputId or "", _NO_HISTORY)


def _sameImage(one: UltrasoundImage, other: UltrasoundImage) -> bool:
    if (one.provenance, one.regions, one.pixel_spacing_mm) != (other.provenance, other.regions, other.pixel_spacing_mm):
        return False
    return one.pixels.shape == other.pixels.shape and bool((one.pixels == other.pixels).all())
