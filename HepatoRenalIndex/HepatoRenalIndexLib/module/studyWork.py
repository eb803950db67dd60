"""What is done with a study beside reading it: create it, let the algorithm read it, compare the answers."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from slicer.i18n import tr as _

from ..agreement.comparison import StudySettings
from ..agreement.report import DETAILS_NAME, EXCLUDED_NAME, PAIRS_NAME, REPORT_NAME
from ..imaging.image import InputError
from ..study.create import StudyOptions
from ..study.definition import is_study, open_study
from ..study.files import session_files
from . import agreementPlots
from .process import JobProcess
from .signal import Signal
from .source import isAlive
from .studyVolumes import writeVolumes

OUTPUT_NAME = "agreement"  # folder of the results in the folder of a study
_WORK = "study_job"

Pair = tuple[str, str]  # name of a comparison, and quantity


class StudyWork:
    """Each task runs in a process of its own; ``ended(sentence)`` tells its end, with an empty sentence on success.

    Example for the Python console of Slicer::

        study = slicer.util.getModuleLogic("HepatoRenalIndex").study
        study.create("/data/study", ["/data/images"])
        study.readByAlgorithm("/data/study")
        folder = study.compare("/data/study")          # or a CSV file of answers
        print(study.pairs)                             # what was compared
        study.plot(study.pairs[0])
        print((folder / "agreement.csv").read_text())
    """

    def __init__(self, scene, parameters, process: JobProcess | None = None):
        self.scene = scene
        self.parameters = parameters
        self.progressed, self.logged, self.ended = Signal(), Signal(), Signal()
        self.changed = Signal()  # a task was started or canceled
        self.message = ""  # what the last task did
        self.pairs: list[Pair] = []
        self.reportPath: Path | None = None
        self._details: dict[Pair, agreementPlots.Row] = {}
        self._values: dict[Pair, list[agreementPlots.Row]] = {}
        self._table = None
        self._output: Path | None = None
        self._done = ""
        self._leftOut = ""
        self._process = process or JobProcess()
        self._process.progressed.connect(self.progressed.emit)
        self._process.logged.connect(self.logged.emit)
        self._process.succeeded.connect(self._onSucceeded)
        self._process.failed.connect(self._onFailed)

    @property
    def isRunning(self) -> bool:
        return self._process.isRunning

    @property
    def tableNode(self):
        """The table of all comparisons, None before they were made."""
        return self._table if isAlive(self._table) else None

    def whyBusy(self) -> str:
        """A sentence while a task runs, else empty."""
        return _("Something is being done with the study; wait for its end or cancel it.") if self.isRunning else ""

    def create(
        self,
        folder: str | Path,
        images: Sequence[str | Path] | None,
        options: StudyOptions | None = None,
        patients: str | Path = "",
        blocking: bool = True,
    ) -> Path:
        """Make a study of files and folders, or with ``images`` None of the images that are loaded.

        ``patients`` is a CSV file with the columns image, patient and optionally frame. Returns the study folder.
        """
        self._requireIdle()
        folder = _folder(folder)
        options = options or StudyOptions()
        if is_study(folder):
            raise InputError(_("The folder holds a study already; choose another folder for a new one."))
        if images is None:
            images, patients, options = writeVolumes(self.scene, folder, options)
        elif not any(str(path) for path in images):
            raise InputError(_("Choose the folder of the images first."))
        job = {
            "do": "create",
            "folder": str(folder),
            "images": [str(Path(path).absolute()) for path in images],
            "options": asdict(options),
            "patients": str(Path(patients).absolute()) if str(patients) else None,
        }
        self._run(job, _("The study was created."), blocking)
        return folder

    def readByAlgorithm(self, folder: str | Path, blocking: bool = True) -> None:
        """Let the algorithm read the study, with the module's placement, device and model.

        It goes on where it was stopped. The packages of the network must be installed.
        """
        parameters = self.parameters()
        job = {
            "do": "algorithm",
            "folder": str(_folder(folder)),
            "images": parameters.studyImages or None,
            "placement": parameters.placement,
            "device": parameters.device,
            "model": parameters.modelFolder or None,
        }
        self._run(job, _("The algorithm has read the study."), blocking)

    def compare(
        self,
        source: str | Path,
        output: str | Path | None = None,
        replicates: int = StudySettings.replicates,
        blocking: bool = True,
    ) -> Path:
        """Compare readers, sessions and algorithm of a study folder or of a CSV file of answers.

        Writes tables, plots and ``report.html`` into ``output``, by default the folder ``agreement`` beside the
        answers, and puts the table and the plots into the scene. ``replicates`` of the bootstrap over patients decide
        how precise its intervals are. Returns the output folder.
        """
        source = _folder(source)
        output = Path(output).absolute() if output else (source.parent if source.is_file() else source) / OUTPUT_NAME
        job = {
            "do": "agreement",
            "source": str(source),
            "images": self.parameters().studyImages or None,
            "output": str(output),
            "replicates": replicates,
        }
        self._run(job, _("The answers were compared; the report lies in the study folder."), blocking)
        return output

    def cancel(self) -> None:
        """Stop what is running; no answer is lost."""
        self._process.cancel()
        self.changed.emit()

    def forget(self) -> None:
        """The scene is being closed and table and plots go with it, or they are those of another study."""
        self._table = None
        self.pairs, self._details, self._values = [], {}, {}
        self.reportPath = None

    def plot(self, pair: Pair) -> None:
        """Let the plots show one comparison and quantity of :attr:`pairs`."""
        if pair not in self._values:
            raise InputError(_("There is no such comparison; compute the agreement first."))
        agreementPlots.updatePlots(self.scene, self._values[pair], self._details[pair])

    def _requireIdle(self) -> None:
        reason = self.whyBusy()
        if reason:
            raise InputError(reason)

    def _run(self, job: dict, done: str, blocking: bool) -> None:
        self._requireIdle()
        sentences = []
        self.ended.connect(sentences.append)
        self._output = Path(job["output"]) if job["do"] == "agreement" else None
        self._done, self._leftOut, self.message = done, "", ""
        try:
            self._process.start(_WORK, job, blocking=blocking)
        finally:
            self.ended.disconnect(sentences.append)
            self.changed.emit()
        if sentences and sentences[0]:
            raise InputError(sentences[0])

    def _onFailed(self, sentence: str) -> None:
        self.ended.emit(sentence)

    def _onSucceeded(self, folder: Path) -> None:
        output, self._output = self._output, None
        sentence = ""
        if output is not None:
            try:
                self._take(output)
            except (OSError, KeyError, ValueError, IndexError):
                sentence = _("The results of the comparison cannot be read; compute it again.")
        self.message = " ".join(filter(None, (self._done, self._leftOut)))
        self.ended.emit(sentence)

    def _take(self, output: Path) -> None:
        """Bring the results into the scene."""
        rows = _rows(output / DETAILS_NAME)
        values: dict[Pair, list[agreementPlots.Row]] = {}
        for row in _rows(output / PAIRS_NAME):
            values.setdefault((row["comparison"], row["quantity"]), []).append(row)
        self._details = {(row["comparison"], row["quantity"]): row for row in rows}
        self._values = values
        self.pairs = list(values)
        self.reportPath = output / REPORT_NAME
        excluded = len(_rows(output / EXCLUDED_NAME))
        if excluded:
            self._leftOut = _("Left out: {count}; the report says why.").format(count=excluded)
        self._table = agreementPlots.updateTable(self.scene, rows)
        shown = next((pair for pair in self.pairs if pair[1] == "hri"), None)
        if shown is not None:
            self.plot(shown)


def describeStudy(folder: str | Path) -> str:
    """What a folder holds, in one or a few lines; empty without a folder."""
    if not str(folder):
        return ""
    if not is_study(folder):
        return _("There is no study in this folder yet; make one below, or choose another folder.")
    try:
        study = open_study(folder)
    except InputError as error:
        return str(error)
    size = _("{size} mm").format(size=f"{study.roi_mm:g}") if study.roi_mm else _("{size} px").format(size=study.roi_px)
    text = _("{count} images of {patients} patients, ROIs of {size}, {blind}.")
    lines = [
        text.format(
            count=len(study.images),
            patients=len({image.patient for image in study.images}),
            size=size,
            blind=_("brightness and HRI hidden") if study.blind else _("brightness and HRI shown"),
        )
    ]
    if study.refused:
        lines.append(_("{count} images could not be taken; see study.json.").format(count=len(study.refused)))
    files, problems = session_files(study)
    for file in files:
        done = len(file.journal.last_word)
        line = _("Reader {reader}, session {session}: {done} of {count}")
        lines.append(line.format(reader=file.reader, session=file.session, done=done, count=len(study.images)))
    lines += [problem.sentence for problem in problems]
    return "\n".join(lines)


def _folder(path: str | Path) -> Path:
    if not str(path):
        raise InputError(_("Choose a study folder first."))
    return Path(path).absolute()


def _rows(path: Path) -> list[agreementPlots.Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
