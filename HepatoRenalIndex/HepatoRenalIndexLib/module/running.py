"""Measuring with the network: out of process, and all of it put into the scene in one step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from slicer.i18n import tr as _

from ..imaging.image import InputError
from . import resultTable
from .caseNodes import CaseNodes, ensureCase
from .frameState import FrameState, RoiState
from .logic import MeasurementLogic, Shown
from .segmenting import SegmentationProcess, SegmentedFrame
from .signal import Signal
from .source import Source, findSource


class RunningLogic(MeasurementLogic):
    """Adds the network. Signals: ``logged(text)``, ``runEnded(sentence)`` with an empty sentence on success."""

    def __init__(
        self,
        scene,
        parameters: Callable,
        schedule: Callable | None = None,
        process: SegmentationProcess | None = None,
    ):
        super().__init__(scene, parameters, schedule)
        self.logged, self.runEnded = Signal(), Signal()
        self.process = process or SegmentationProcess()
        self.process.progressed.connect(self.progressed.emit)
        self.process.logged.connect(self.logged.emit)
        self.process.succeeded.connect(self._onSegmented)
        self.process.failed.connect(self._onFailed)
        self._run: tuple[Source, list[int]] | None = None
        self.outcome = ""  # a sentence on the last run, where there is more to say than that it measured

    def _forget(self) -> None:
        self.cancel()
        super()._forget()

    def whyNotMeasurable(self) -> str:
        """A sentence on what is missing to measure, empty if nothing is."""
        if findSource(self.parameters().inputVolume) is None:
            return _("Choose an ultrasound image or clip first.")
        if self.process.isRunning:
            return _("A measurement is running.")
        return ""

    def startMeasuring(self, blocking: bool = False) -> None:
        """Segment and measure the input. Raises ``InputError`` when that cannot be started.

        ``runEnded`` tells the end, before this returns if ``blocking``.
        """
        reason = self.whyNotMeasurable()
        if reason:
            raise InputError(reason)
        self.refresh()  # a new input brings its own spacing
        parameters = self.parameters()
        source = findSource(parameters.inputVolume)
        whole = parameters.wholeClip and source.isClip
        frames = list(range(source.frameCount)) if whole else [source.frame]
        images = [source.image(frame, self.dicomDatabase()) for frame in frames]
        settings = self.settings()
        known = source.storedCalibration()
        if settings.user_spacing_mm is None and known is not None and known.calibrated and not images[0].regions:
            settings = replace(settings, user_spacing_mm=(known.x_mm, known.y_mm))
        self._run = source, frames
        self.process.start(images, settings, parameters.device, parameters.modelFolder, blocking)

    def cancel(self) -> None:
        """Stop a running measurement; nothing of it is kept."""
        self._run = None
        self.process.cancel()

    def _onFailed(self, sentence: str) -> None:
        self._run = None
        self.runEnded.emit(sentence)

    def _onSegmented(self, found: list[SegmentedFrame]) -> None:
        run, self._run = self._run, None
        sentence = _("The results could not be shown; the Python console has the details.")
        try:
            self._show(run, found)
            self.outcome = self._outcomeOf(run[0], found)
            sentence = ""
        except InputError as error:
            sentence = str(error)
        finally:
            self.runEnded.emit(sentence)

    def _show(self, run: tuple[Source, list[int]] | None, found: list[SegmentedFrame]) -> None:
        """Put what was found into the scene. Raises ``InputError`` where the input is no longer what was measured."""
        source = None if run is None else findSource(run[0].volume)
        if source is None or source.frameCount <= max(run[1]):
            raise InputError(_("The image was removed or changed while it was measured."))
        frames = run[1]
        case = ensureCase(self.scene, source)
        before = {}
        for frame, segmented in zip(frames, found, strict=True):
            before[frame] = stateOrEmpty(case, frame)
            case.setState(frame, _measuredState(before[frame], segmented))
        self._record(source, before)
        parameters = self.parameters()
        resultTable.setRows(self._ensureTable(parameters, source), [segmented.row for segmented in found])
        if parameters.inputVolume is source.volume:
            self._followNodes(parameters, case)
            self.shown = Shown()
            self._baseline = None
            # A locked ROI is not where the process placed one; a known spacing was passed on as if the user gave it.
            renamed = source.storedCalibration() is not None
            self._waiting = [
                frame
                for frame in frames
                if frame != source.frame and (renamed or before[frame].liver.locked or before[frame].kidney.locked)
            ]
            self.refresh()

    def _outcomeOf(self, source: Source, found: list[SegmentedFrame]) -> str:
        failed = [segmented.row["message"] for segmented in found if segmented.row["status"] != "ok"]
        if len(found) > 1 and failed:
            text = _("{count} of the {all} frames could not be measured: {message}")
            return text.format(count=len(failed), all=len(found), message=failed[0])
        if not self.shown.isOf(source, source.frame):  # the user went on to another image
            return "".join(failed) or _("{name} was measured.").format(name=source.name)
        if self.shown.result is not None:
            return self.shown.message  # a locked ROI may stand for what was not found
        return "".join(failed)


def stateOrEmpty(case: CaseNodes, frame: int) -> FrameState:
    """What a frame holds, nothing where it cannot be told."""
    try:
        return case.state(frame)
    except InputError:  # an ROI turned against the pixels
        return FrameState()


def _measuredState(before: FrameState, segmented: SegmentedFrame) -> FrameState:
    """The state after measuring: everything new but locked ROIs."""
    rois = [
        kept if kept.locked and kept.roi is not None else RoiState(roi, locked=kept.locked)
        for kept, roi in ((before.liver, segmented.liverRoi), (before.kidney, segmented.kidneyRoi))
    ]
    return FrameState(segmented.masks, *rois, segmented.model)
