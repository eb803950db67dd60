"""A reading session in the scene: the reader places two ROIs on image after image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from slicer.i18n import tr as _

from ..imaging.image import InputError
from ..measurement.roi import Roi
from ..study.definition import open_study
from ..study.session import Reading, ReadingSession
from .markingNodes import ORGANS, MarkingNodes
from .readingView import ReadingView
from .signal import Signal


class MarkingLogic:
    """One reading session at a time.

    Nothing of it is kept in the scene: every answer is on the disk before the next image is shown, so that a session
    goes on where it stopped, whatever ended it. ``changed()`` is emitted when anything that the panel shows changed.

    Example for the Python console of Slicer::

        marking = slicer.util.getModuleLogic("HepatoRenalIndex").marking
        marking.start("/data/study", "A", 1)   # begins session 1 of reader A, or goes on with it
        marking.place("liver", 320, 180)       # middle of the ROI in pixels of the image, x to the right, y down
        marking.place("kidney", 240, 190)
        marking.next()                         # stores the answer and shows the next image
        marking.skip("poor image quality")
        print(marking.progress)
        marking.stop()                         # at any time; start() goes on here
    """

    def __init__(self, scene, schedule: Callable | None = None):
        self.scene = scene
        self.changed = Signal()
        self.session: ReadingSession | None = None
        self.message = ""  # what is wrong with the image on show
        self._schedule = schedule or (lambda call: call())
        self._nodes = MarkingNodes(scene, self._onMoved)
        self._view = ReadingView(scene, self._onMoved)
        self._resting = False
        self._pending = False

    @property
    def isRunning(self) -> bool:
        return self.session is not None

    @property
    def isResting(self) -> bool:
        """Whether the user looks at another module."""
        return self._resting

    @property
    def volume(self):
        """The volume node of the image on show, None without one."""
        return self._nodes.volume

    def start(
        self, folder: str | Path, reader: str, session: int = 1, override: str = "", images: str | Path = ""
    ) -> None:
        """Begin a session or go on with it, and show the first image without an answer.

        ``images`` is the folder of the images where they do not lie where the study says.

        Raises ``IntervalError`` if the study's interval between sessions has not passed and ``override`` gives no
        reason, and ``InputError`` with one sentence for everything else that is wrong.
        """
        if not str(folder):
            raise InputError(_("Choose the folder of a study first."))
        study = open_study(folder, images or None)
        opened = ReadingSession.open(study, reader.strip(), session, override)
        self.stop()
        self.session = opened
        self._show()

    def stop(self) -> None:
        """End or interrupt the session: its image and ROIs leave the scene, its answers stay on the disk."""
        running, self.session = self.session, None
        self.message = ""
        self._nodes.remove()
        if running is not None:
            self._view.leave()
            self.changed.emit()

    def abandon(self) -> None:
        """The scene is being closed and takes the nodes along; the answers stay on the disk."""
        self._nodes.forget()
        self.stop()

    # The image on show

    @property
    def progress(self) -> str:
        """For example ``Image 37 of 294``; empty without a session."""
        if self.session is None:
            return ""
        text = _("Image {number} of {count}")
        return text.format(number=self.session.position + 1, count=self.session.count)

    def roi(self, organ: str) -> Roi | None:
        """The ROI of ``"liver"`` or ``"kidney"`` on the image on show, None before it was placed."""
        return self._nodes.roi(organ) if self.isRunning and self._nodes.areComplete else None

    @property
    def missing(self) -> list[str]:
        """The organs whose ROI was not placed yet."""
        return [organ for organ in ORGANS if self.roi(organ) is None]

    def whyNotNext(self) -> str:
        """A sentence on what is missing before the reader can go on, empty if nothing is."""
        if self.session is None:
            return _("Start a session first.")
        if self.message:
            return self.message
        names = {"liver": _("Place the liver ROI first: click the liver."),
                 "kidney": _("Place the kidney ROI first: click the renal cortex.")}  # fmt: skip
        if self.isSkipped and len(self.missing) == len(ORGANS):
            return ""
        for organ in self.missing:
            return names[organ]
        try:
            self.session.measure(self.roi("liver"), self.roi("kidney"))
        except InputError as error:
            return str(error)
        return ""

    @property
    def isSkipped(self) -> bool:
        """Whether the reader came back to an image that was skipped before."""
        said = None if self.session is None else self.session.reading()
        return said is not None and said.skipped

    @property
    def isStored(self) -> bool:
        """Whether the ROIs lie as they were answered, or the image was skipped and has none."""
        said = None if self.session is None else self.session.reading()
        return said is not None and (said.liver, said.kidney) == (self.roi("liver"), self.roi("kidney"))

    def measured(self) -> Reading | None:
        """Brightness and index of the ROIs as they lie; None where the study is blind or they give no index."""
        if self.session is None or self.session.study.blind or self.message or self.missing:
            return None
        try:
            return self.session.measure(self.roi("liver"), self.roi("kidney"))
        except InputError:
            return None

    def place(self, organ: str, x: float, y: float) -> None:
        """Put the ROI of an organ about a pixel."""
        self._require()
        self._ensureShown()
        self._nodes.place(organ, self.session.image.roi_at(x, y))
        self._onMoved()

    def placeAgain(self, organ: str) -> None:
        """Take the ROI away; the next click in the view places it."""
        self._require()
        self._ensureShown()
        self._nodes.place(organ, None)
        self._view.startPlacing(self._nodes.point(organ))
        self.changed.emit()

    def next(self) -> None:
        """Store the answer, unless it is the one that is stored already, and show the next image.

        Raises ``InputError`` where a ROI is missing or lies where it cannot be measured; the image then stays.
        """
        session = self._require()
        self._ensureShown()
        reason = self.whyNotNext()
        if reason:
            raise InputError(reason)
        if self.isStored:
            session.forward()
        else:
            session.answer(self.roi("liver"), self.roi("kidney"))
        self._show()

    def skip(self, reason: str) -> None:
        """Store why the image is not measured, and show the next one."""
        self._require().skip(reason)
        self._show()

    def back(self) -> None:
        """Show the image before, with its ROIs as they were answered."""
        if self._require().back():
            self._show()

    def rest(self) -> None:
        """The user looks at another module: clicks place nothing until :meth:`resume`."""
        self._resting = True
        if self.isRunning:
            self._view.stopPlacing()

    def resume(self) -> None:
        """The user is back."""
        self._resting = False
        if self.isRunning:
            self._ensureShown()
            if self.volume is not None:
                self._view.showAgain(self.volume, self.session.study.blind)
            self._placeNext()

    def _require(self) -> ReadingSession:
        if self.session is None:
            raise InputError(_("Start a session first."))
        return self.session

    def _ensureShown(self) -> None:
        """Bring nodes back that somebody deleted."""
        if not self.message and not self._nodes.areComplete:
            self._show()

    def _show(self) -> None:
        session = self.session
        try:
            self._nodes.show(session.show(), session.image.roi_at)
            self.message = ""
        except InputError as error:
            # Never the ROIs of one image over another: without its image there is nothing to see.
            self._nodes.remove()
            self.message = str(error)
        else:
            self._view.show(self.volume, session.study.blind)
        self._placeNext()
        self.changed.emit()

    def _onMoved(self) -> None:
        if not self._pending:
            self._pending = True
            self._schedule(self._afterMove)  # not while the click is still being dealt with

    def _afterMove(self) -> None:
        self._pending = False
        if self.isRunning:
            self._placeNext()
            self.changed.emit()

    def _placeNext(self) -> None:
        """Let the next click place the ROI that is missing: the liver's, then the kidney's."""
        if self._resting or not self.isRunning:
            return
        # Without an image a click would make a point of its own.
        missing = self.missing if self._nodes.areComplete else []
        if missing:
            self._view.startPlacing(self._nodes.point(missing[0]))
        else:
            self._view.stopPlacing()
