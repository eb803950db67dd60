"""The scenario of a user, run inside the application by the module's test and without it by the project's tests."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from slicer.i18n import tr as _

from ..cohort.vocabulary import View
from . import overlay, tables
from .console import ConsoleLogic
from .installing import installerFor

_FRAMES = 2  # of the clip, to be quick


class SelfTest:
    """Uses a logic as its panel does. ``say(text)`` tells the step; a check that fails raises ``AssertionError``."""

    def __init__(self, logic: ConsoleLogic, say: Callable[[str], object]):
        self._logic = logic
        self._say = say

    def run(self) -> list[str]:
        """Run all steps; returns what was left out."""
        skipped = []
        self.assign()
        if installerFor(self._logic.model()).missing():
            skipped.append(_("estimate (PyTorch is not installed)"))
        else:
            self.estimate()
            self.change()
            self.keep()
        self.deleteNodes()
        return skipped

    def assign(self) -> None:
        """Loaded images find their views; without one, a sentence says what is missing."""
        self._say(_("Views"))
        logic = self._logic
        logic.refresh()
        assert logic.model().card is not None, logic.model().problem
        assert logic.whyNotEstimable()
        volumes = logic.loadSample("fatty")
        assert logic.guessViews() == len(volumes)
        assert set(logic.assigned()) == {View.LIVER_KIDNEY, View.HR}
        logic.refresh()
        assert logic.whyNotEstimable() == ""
        assert logic.shown.estimate is None

    def estimate(self) -> None:
        """A number with its interval, a row for each view and frame, and what was measured over the image."""
        self._say(_("Estimate"))
        logic = self._logic
        logic.parameters().clipFrames = _FRAMES
        row = logic.estimateVolumes({view: source.volume for view, source in logic.assigned().items()}, subject="A")
        assert row["status"] == "ok", row["message"]
        assert 0 <= row["fat_low"] <= row["fat_percent"] <= row["fat_high"] <= 100
        assert row["p_fatty_10"] <= row["p_fatty_5"]
        assert "outside_scanner" in row["flags"]  # simulated images, and said to be unlike those trained on
        assert abs(sum(view["weight"] for view in logic.shown.views) - 1) < 0.01
        assert len(logic.shown.frames) == 1 + _FRAMES
        assert logic.shown.mapFrames
        assert logic.parameters().overlay is not None

    def change(self) -> None:
        """Another setting is another estimate; set back, the number is that of what is shown again."""
        self._say(_("Changes"))
        logic, parameters = self._logic, self._logic.parameters()
        known = logic.shown.estimate
        parameters.clipFrames = 1
        logic.refresh()
        assert logic.shown.estimate is None
        parameters.clipFrames = _FRAMES
        logic.refresh()
        assert logic.shown.estimate == known
        parameters.showOverlay = False
        logic.refresh()
        shown = [node.GetForegroundVolumeID() for node in logic.scene.GetNodesByClass("vtkMRMLSliceCompositeNode")]
        assert parameters.overlay.GetID() not in shown

    def keep(self) -> None:
        """The table goes into a CSV file."""
        self._say(_("Table"))
        table = self._logic.parameters().estimateTable
        assert len(tables.rowsOf(table, tables.ESTIMATES)) == 1
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "fat.csv"
            tables.saveCsv(table, tables.ESTIMATES, path)
            assert self._logic.shown.estimate["model_sha256"] in path.read_text(encoding="utf-8")

    def deleteNodes(self) -> None:
        """Nodes deleted by hand are no error, and no number stays without its images."""
        self._say(_("Deleted nodes"))
        logic = self._logic
        parameters = logic.parameters()
        for node in (parameters.overlay, parameters.viewTable, parameters.liverKidney):
            if node is not None:
                logic.scene.RemoveNode(node)
                logic.refresh()
        assert View.LIVER_KIDNEY not in logic.shown.sources
        assert logic.shown.estimate is None
        for source in tuple(logic.shown.sources.values()):
            maps = overlay.sequencesOf(logic.scene, source)
            for sequence in maps:
                logic.scene.RemoveNode(sequence)
            logic.scene.RemoveNode(source.volume)
        logic.refresh()
        assert not logic.shown.sources
        assert logic.whyNotEstimable()
