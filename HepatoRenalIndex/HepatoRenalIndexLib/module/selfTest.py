"""The scenario of a user, run inside the application by the module's test and without it by the project's tests."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from slicer.i18n import tr as _

from ..imaging.reader import open_ultrasound
from ..measurement.organs import OrganMasks
from ..study.create import Patients, StudyOptions, create_study
from . import resultTable
from .caseNodes import ensureCase
from .console import ConsoleLogic
from .frameState import FrameState
from .installing import Installer
from .sampleData import SAMPLE_FOLDER, SAMPLES
from .source import findSource

_PATIENTS = {"clip.dcm": {frame: str(frame // 2) for frame in range(12)}}  # as if it showed six
_CLOSE = 0.15  # relative difference of the HRI from the simulated truth


class SelfTest:
    """Uses a logic as its panel does. ``say(text)`` tells the step; a check that fails raises ``AssertionError``."""

    def __init__(self, logic: ConsoleLogic, say: Callable[[str], object]):
        self._logic = logic
        self._say = say

    def run(self) -> list[str]:
        """Run all steps; returns what was left out."""
        skipped = []
        self.measureByHand()
        self.correct()
        self.keep()
        self.deleteNodes()
        self.readStudy()
        if Installer().missing():
            skipped.append(_("network (PyTorch is not installed)"))
        else:
            self.measureWithNetwork()
            self.measureClip()
        return skipped

    @property
    def _hri(self) -> float:
        result = self._logic.shown.result
        assert result is not None and result.measurement is not None, self._logic.shown.message
        return result.measurement.hri

    def measureByHand(self) -> None:
        """Outlines drawn by hand give an HRI without any network."""
        self._say(_("Outlines by hand"))
        logic = self._logic
        logic.parameters().inputVolume = logic.loadSample("sector")
        logic.refreshAll()
        assert logic.whyNotMeasurable() == ""
        logic.outlineByHand()
        source = findSource(logic.parameters().inputVolume)
        case = ensureCase(logic.scene, source, withRois=False)
        case.setState(0, FrameState(sampleMasks("sector")))
        logic.refreshAll()
        assert abs(self._hri / SAMPLES["sector"].truth - 1) < _CLOSE, self._hri
        assert logic.shown.result.calibration.source.value == "dicom_region"

    def correct(self) -> None:
        """A dragged ROI is manual and changes the HRI; undo and automatic bring the old one back."""
        self._say(_("Corrections"))
        logic = self._logic
        before = self._hri
        roi = logic.parameters().kidneyRoi
        x, y, z = roi.GetCenter()
        roi.SetCenter(x - 6.0, y, z)
        logic.refreshAll()
        assert self._hri != before
        assert logic.shown.state.kidney.manual
        assert "manual_roi" in [flag.code for flag in logic.shown.result.flags]
        logic.undo()
        assert self._hri == before
        logic.redo()
        assert self._hri != before
        logic.setAutomatic("kidney")
        assert self._hri == before

    def keep(self) -> None:
        """The table goes into a CSV file."""
        self._say(_("Table"))
        table = self._logic.parameters().resultTable
        assert len(resultTable.rowsOf(table)) == 1
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "hri.csv"
            resultTable.saveCsv(table, path)
            assert f"{self._hri:.4f}".rstrip("0") in path.read_text(encoding="utf-8")

    def deleteNodes(self) -> None:
        """Nodes deleted by hand are no error."""
        self._say(_("Deleted nodes"))
        logic = self._logic
        logic.scene.RemoveNode(logic.parameters().liverRoi)
        logic.refreshAll()
        assert self._hri > 0  # placed again
        logic.scene.RemoveNode(logic.parameters().segmentation)
        logic.refreshAll()
        logic.scene.RemoveNode(logic.parameters().inputVolume)
        logic.refreshAll()
        assert logic.shown.source is None

    def readStudy(self) -> None:
        """Two readers mark a study of the clip, one of them interrupted; their answers are compared."""
        self._say(_("Reader study"))
        marking = self._logic.marking
        with tempfile.TemporaryDirectory() as folder:
            study = create_study(
                folder, [SAMPLE_FOLDER / "clip.dcm"], StudyOptions(frames="all"), Patients(table=_PATIENTS)
            )
            for reader, shift in (("A", 0.0), ("B", 4.0)):
                marking.start(folder, reader)
                while not marking.session.finished:
                    x = shift + marking.session.position
                    marking.place("liver", 240 + x, 125)
                    marking.place("kidney", 215 + x, 177)
                    marking.next()
                    if marking.session.done == 1:
                        marking.stop()
                        marking.start(folder, reader)
                marking.stop()
            self._logic.study.compare(folder, replicates=50)
            assert self._logic.study.reportPath.is_file()
            assert self._logic.study.tableNode.GetNumberOfRows() == 3
            assert len(study.images) == len(_PATIENTS["clip.dcm"])

    def measureWithNetwork(self) -> None:
        """One image, measured out of process."""
        self._say(_("Network"))
        volume = self._logic.loadSample("curved")
        (row,) = self._logic.measureVolume(volume)
        assert row["status"] == "ok", row["message"]
        assert abs(float(row["hri"]) / SAMPLES["curved"].truth - 1) < _CLOSE, row["hri"]

    def measureClip(self) -> None:
        """A clip: a row per frame, stepping through it shows each frame's own ROIs."""
        self._say(_("Clip"))
        logic = self._logic
        volume = logic.loadSample("clip")
        rows = logic.measureVolume(volume)
        source = findSource(volume)
        assert len(rows) == source.frameCount
        for frame in (source.frameCount - 1, 0):
            source.browser.SetSelectedItemNumber(frame)
            logic.refreshAll()
            assert logic.shown.frame == frame
            assert f"{self._hri:.4f}" == f"{float(rows[frame]['hri']):.4f}"
        assert len(resultTable.hriOf(logic.parameters().resultTable, source.name)) == source.frameCount


def sampleMasks(name: str) -> OrganMasks:
    """The true masks of a shipped case of one frame."""
    with open_ultrasound(SAMPLE_FOLDER / f"{name}_labels.png") as picture:
        return OrganMasks.from_labels(picture.frame(0).pixels)
