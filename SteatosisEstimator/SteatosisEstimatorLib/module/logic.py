"""Views, model and estimate in step with the nodes: an estimate is shown only while it is that of what is chosen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import slicer
import vtk
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.module.calibrating import storedUserSpacing
from HepatoRenalIndexLib.module.caseNodes import fileBesideInput
from HepatoRenalIndexLib.module.markingNodes import isStudyNode
from HepatoRenalIndexLib.module.observing import NodeObservers
from HepatoRenalIndexLib.module.signal import Signal
from HepatoRenalIndexLib.module.source import Source, findSource, isAlive, isDerived
from HepatoRenalIndexLib.scene.volume import pixels_from_volume_node
from slicer.i18n import tr as _

from ..cohort.vocabulary import View
from . import framesPlot, overlay, tables
from .guessing import guessView, storeView
from .models import ChosenModel, chooseModel
from .tables import Row
from .vocabulary import PARAMETER_OF_VIEW

DEFAULT_SUBJECT = "subject"


@dataclass(frozen=True)
class Shown:
    """What is chosen and shown at present.

    ``sources`` are the images and clips of the views that the model takes; ``estimate`` is the row of the table for
    exactly these, this model and these settings, None where they were not estimated (yet); ``view`` is that of the
    image in the slice view, ``mapFrames`` are its frames with an explanation, by the method ``explanation``;
    ``mapIsEmpty`` where that of the frame shown has nothing in it.
    """

    model: ChosenModel
    sources: dict[View, Source] = field(default_factory=dict)
    problem: str = ""
    estimate: Row | None = None
    views: tuple[Row, ...] = ()
    frames: tuple[Row, ...] = ()
    contributions: tuple[Row, ...] = ()
    view: View | None = None
    frame: int = 0
    explanation: str = ""
    quantity: str = ""
    mapFrames: tuple[int, ...] = ()
    mapIsEmpty: bool = False


class EstimationLogic:
    """Assigns views, and keeps what is shown, plot and overlay in step with nodes and parameters.

    ``scene`` is a ``vtkMRMLScene``; ``parameters()`` gives the parameter node wrapper; ``schedule(call)`` calls back
    later in the main thread, or is None for a logic that is refreshed by hand. Signal: ``changed()`` after every
    refresh.
    """

    def __init__(self, scene, parameters: Callable, schedule: Callable | None = None):
        self.scene = scene
        self.parameters = parameters
        self.schedule = schedule
        self.dicomDatabase = lambda: getattr(slicer, "dicomDatabase", None)
        self.changed = Signal()
        self._model: tuple[tuple[str, str], ChosenModel] | None = None
        self.shown = Shown(ChosenModel("", None))
        self._sceneObservers, self._nodeObservers = NodeObservers(), NodeObservers()
        self._pending = False
        self._closed = False

    # Events

    def observe(self) -> None:
        """Follow the scene and the parameters from now on."""
        self._closed = False
        scene = self.scene
        self._sceneObservers.observe(
            [
                (scene, scene.StartCloseEvent, self._onSceneClose),
                (scene, scene.NodeAddedEvent, self.requestRefresh),
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
        self._forget()

    def _onSceneClose(self, caller=None, event=None) -> None:
        self._forget()

    def _forget(self) -> None:
        self._nodeObservers.clear()
        self.shown = Shown(self.shown.model)

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

    def _observeNodes(self, sources: dict[View, Source]) -> None:
        refresh = self.requestRefresh
        wanted = []
        for source in sources.values():
            wanted.append((source.volume, vtk.vtkCommand.ModifiedEvent, refresh))
            wanted.append((source.volume, slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent, refresh))
            if source.isClip:
                wanted.append((source.browser, vtk.vtkCommand.ModifiedEvent, refresh))
        for composite in self.scene.GetNodesByClass("vtkMRMLSliceCompositeNode"):
            wanted.append((composite, vtk.vtkCommand.ModifiedEvent, refresh))
        self._nodeObservers.observe(wanted)

    # What is chosen

    def model(self) -> ChosenModel:
        """The model that the parameters name; its card is read once."""
        parameters = self.parameters()
        key = parameters.modelName, parameters.modelFolder
        if self._model is None or self._model[0] != key:
            self._model = key, chooseModel(*key)
        return self._model[1]

    def assigned(self) -> dict[View, Source]:
        """All views that have an image or clip."""
        parameters = self.parameters()
        found = {view: findSource(getattr(parameters, name)) for view, name in PARAMETER_OF_VIEW.items()}
        return {view: source for view, source in found.items() if source is not None}

    def assign(self, view: View | str, volume) -> None:
        """Let a volume be the image or clip of a view, or with None take it away; it is remembered as that view."""
        view = View(view)
        setattr(self.parameters(), PARAMETER_OF_VIEW[view], volume)
        source = findSource(volume)
        if source is not None:
            storeView(source, view)

    def guessViews(self) -> int:
        """Assign the loaded volumes to the views that have none yet, by header and names; returns how many were."""
        parameters = self.parameters()
        taken = {id(source.volume) for source in self.assigned().values()}
        count = 0
        for volume in self.scene.GetNodesByClass("vtkMRMLScalarVolumeNode"):
            isOurs = isDerived(volume) or isStudyNode(volume)
            if id(volume) in taken or isOurs or volume.IsA("vtkMRMLLabelMapVolumeNode"):
                continue
            source = findSource(volume)
            image = volume.GetImageData()
            if source is None or image is None or image.GetDimensions()[2] != 1:
                continue
            view = guessView(source, self.dicomDatabase())
            if view is None or isAlive(getattr(parameters, PARAMETER_OF_VIEW[view])):
                continue
            setattr(parameters, PARAMETER_OF_VIEW[view], volume)
            count += 1
        return count

    def whyNotEstimable(self) -> str:
        """A sentence on what is missing to estimate, empty if nothing is."""
        model, assigned = self.model(), self.assigned()
        volumes = [source.volume for view, source in assigned.items() if view in model.views]
        if len({volume.GetID() for volume in volumes}) < len(volumes):
            return _("One volume is assigned to two views; choose another one for one of them.")
        return model.whyNot(assigned) or self.shown.problem

    @property
    def subject(self) -> str:
        return self.parameters().subject.strip() or DEFAULT_SUBJECT

    # Refreshing

    def _digest(self, model: ChosenModel, sources: dict[View, Source], subject: str | None = None) -> str:
        """What an estimate depends on. Raises ``InputError`` for a volume that is no ultrasound image."""
        parameters = self.parameters()
        database = self.dicomDatabase()
        parts = [subject or self.subject, model.digest, parameters.clipFrames, parameters.modelFolder != ""]
        parts += [[view.value, _sourceDigest(sources[view], database)] for view in PARAMETER_OF_VIEW if view in sources]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def refresh(self) -> None:
        """Bring what is shown, plot and overlay up to date with the nodes and parameters."""
        model, assigned = self.model(), self.assigned()
        sources = {view: source for view, source in assigned.items() if view in model.views}
        self._observeNodes(assigned)
        try:
            digest, problem = self._digest(model, sources) if sources else "", ""
        except InputError as error:
            digest, problem = "", str(error)
        self.shown = self._find(model, sources, digest, problem)
        self._refreshViews(digest)
        self.changed.emit()

    def _find(self, model: ChosenModel, sources: dict[View, Source], digest: str, problem: str) -> Shown:
        parameters, subject = self.parameters(), self.subject
        estimate, rows = None, dict.fromkeys(tables.KINDS, ())
        table = parameters.estimateTable
        if digest and isAlive(table) and model.card is not None and tables.isTable(table, tables.ESTIMATES):
            found = tables.rowsFor(table, tables.ESTIMATES, subject, model.card.name)
            estimate = next((row for row in found if row[tables.INPUT_COLUMN] == digest), None)
        if estimate is not None:
            for kind in tables.KINDS[1:]:
                node = getattr(parameters, kind.parameter)
                rows[kind] = tuple(tables.rowsFor(node, kind, subject, model.card.name) if isAlive(node) else ())
        view = self._shownView(sources)
        frame = 0 if view is None else sources[view].frame
        maps = overlay.findMaps(self.scene, sources[view], digest) if view is not None and digest else None
        return Shown(
            model,
            sources,
            problem,
            estimate,
            *(rows[kind] for kind in tables.KINDS[1:]),
            view=view,
            frame=frame,
            explanation="" if maps is None else maps.GetAttribute(overlay.METHOD_ATTRIBUTE),
            quantity="" if maps is None else maps.GetAttribute(overlay.QUANTITY_ATTRIBUTE) or "",
            mapFrames=() if maps is None else tuple(overlay.framesOf(maps)),
            mapIsEmpty=maps is not None and overlay.isEmpty(maps, frame),
        )

    def _shownView(self, sources: dict[View, Source]) -> View | None:
        """The view of the image in the slice views, else the first one."""
        shown = [c.GetBackgroundVolumeID() for c in self.scene.GetNodesByClass("vtkMRMLSliceCompositeNode")]
        for view, source in sources.items():
            if source.volume.GetID() in shown:
                return view
        return next(iter(sources), None)

    def _refreshViews(self, digest: str) -> None:
        shown, parameters = self.shown, self.parameters()
        source = shown.sources.get(shown.view)
        node = parameters.overlay if isAlive(parameters.overlay) else None
        updated = None
        if shown.mapFrames and shown.estimate is not None:
            maps = overlay.findMaps(self.scene, source, digest)
            updated = overlay.updateOverlay(self.scene, node, source, maps, shown.frame)
            if updated is not None and parameters.overlay is not updated:
                parameters.overlay = updated
                fileBesideInput(self.scene, source, [updated])
        visible = updated is not None and parameters.showOverlay
        overlay.showOverlay(self.scene, updated or node, source, visible, parameters.overlayOpacity)
        self._refreshPlot(source)

    def _refreshPlot(self, source: Source | None) -> None:
        shown = self.shown
        if shown.estimate is None or source is None:
            framesPlot.clearFramesPlot(self.scene)
            return
        key = "fat_percent" if shown.estimate["fat_percent"] is not None else "p_fatty_5"
        values = {
            int(row["frame"]): row[key]
            for row in shown.frames
            if row["view"] == shown.view.value and row[key] is not None and row["source"] == source.name
        }
        unit = shown.model.card.reference.unit if key == "fat_percent" else _("Probability of at least 5 % fat")
        framesPlot.updateFramesPlot(self.scene, dict(sorted(values.items())), shown.estimate[key], shown.frame, unit)


def _sourceDigest(source: Source, dicomDatabase) -> str:
    """Pixels of first, middle and last frame, and what is known of the calibration."""
    digest = hashlib.sha256()
    image = source.image(0, dicomDatabase)
    for frame in sorted({0, source.frameCount // 2, source.frameCount - 1}):
        pixels = pixels_from_volume_node(source.frameVolume(frame))
        digest.update(repr((pixels.shape, str(pixels.dtype))).encode())
        digest.update(pixels.tobytes())
    known = source.storedCalibration()
    spacing = None if known is None else (known.source.value, known.x_mm, known.y_mm)
    scanner = image.provenance.manufacturer, image.provenance.model
    rest = source.frameCount, image.regions, image.pixel_spacing_mm, storedUserSpacing(source.keeper), spacing, scanner
    digest.update(repr(rest).encode())
    return digest.hexdigest()
