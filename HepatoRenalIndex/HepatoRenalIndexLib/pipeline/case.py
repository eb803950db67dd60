"""The folder of one source file: label image, overlay, Slicer scene and a picture of its slice view."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..imaging.image import InputError
from ..measurement.result import FrameResult
from .outputs import write_png
from .overlay import draw_overlay, without_annotations

LABELS_NAME = "labels.png"
OVERLAY_NAME = "overlay.png"
VIEW_NAME = "view.png"
PICTURE_NAMES = (LABELS_NAME, OVERLAY_NAME, VIEW_NAME)
# A scene holds the frames of a clip up to this many pixels (about 200 frames of 800 x 600), beyond that every second,
# third, ... frame, so that the memory it takes does not grow with the length of the clip.
SCENE_PIXELS = 100_000_000
VIEWS_AT_A_TIME = 25


class CaseFrames:
    """The frames of one source on their way into its folder, stripped of what no file needs.

    ``annotations`` keeps what lies outside the insonated area, burned-in text included.
    """

    def __init__(self, frame_count: int, annotations: bool = False):
        self.results: list[FrameResult] = []
        self.left_out = 0
        self._annotations = annotations
        self._frame_count = frame_count
        self._seen = 0

    def add(self, result: FrameResult) -> None:
        """Take a frame in, or leave it out when the clip is long."""
        step = max(1, -(-self._frame_count * result.image.pixels.size // SCENE_PIXELS))
        self._seen += 1
        if (self._seen - 1) % step:
            self.left_out += 1
            return
        self.results.append(_slim(result if self._annotations else without_annotations(result)))

    @property
    def shown(self) -> int | None:
        """Index of the frame for label image and overlay: the first measured one, else the first with an organ."""
        for wanted in (lambda result: result.status == "ok", _has_organ):
            for index, result in enumerate(self.results):
                if wanted(result):
                    return index
        return None


def _has_organ(result: FrameResult) -> bool:
    return result.masks is not None and bool(result.masks.liver.any() or result.masks.right_kidney.any())


def _slim(result: FrameResult) -> FrameResult:
    """Without the maps of the placement and the masks of color and scan: 3 bytes per pixel are left of some 30."""
    nothing = np.zeros((0, 0), np.uint8)
    placement, geometry = result.placement, result.geometry
    if placement is not None:
        liver, kidney = (
            replace(choice, class_map=nothing, cost_map=nothing.astype(np.float32))
            for choice in (placement.liver, placement.kidney)
        )
        placement = replace(placement, liver=liver, kidney=kidney)
    if geometry is not None:
        geometry = replace(geometry, mask=nothing.astype(bool))
    return replace(result, placement=placement, geometry=geometry, image=replace(result.image, color=None))


class CaseWriter:
    """Writes the folders of the cases, one after the other, with one Slicer scene for all of them.

    Slice views are drawn by a process of their own, for several cases at a time: call :meth:`draw_views` at the end.
    ``problems`` are sentences on what could not be written although it was wanted.
    """

    def __init__(self, output: Path, with_scene: bool = True):
        self.problems: list[str] = []
        self._output = output
        self._runtime = None
        self._views: list[tuple[Path, Path]] = []
        if with_scene:
            from ..scene import runtime

            try:
                self._runtime = runtime.start(own_scene=True)
            except InputError as error:
                self._report(str(error))
        # The Python of the running application has no process of its own to draw in.
        self._draws = self._runtime is not None and not self._runtime.desktop

    def clear(self, name: str) -> None:
        """Remove what an earlier run wrote into ``<output>/<name>/``."""
        for path in self._files(name):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # not there, or holds files of somebody else
            (self._output / name).rmdir()

    def _files(self, name: str) -> tuple[Path, Path, Path, Path]:
        """Label image, overlay, scene and slice view of a case."""
        folder = self._output / name
        return folder / LABELS_NAME, folder / OVERLAY_NAME, folder / f"{name}.mrb", folder / VIEW_NAME

    def write(self, name: str, frames: CaseFrames) -> None:
        """Write ``<output>/<name>/``; nothing if no frame shows an organ."""
        labels, overlay, scene, view = self._files(name)
        shown = frames.shown
        if shown is None:
            return
        labels.parent.mkdir(exist_ok=True)
        result = frames.results[shown]
        write_png(labels, result.masks.labels())
        write_png(overlay, draw_overlay(result))
        if self._runtime is not None and self._write_scene(scene, name, frames.results, shown) and self._draws:
            self._views.append((scene, view))
            if len(self._views) >= VIEWS_AT_A_TIME:
                self.draw_views()

    def _write_scene(self, path: Path, name: str, results: list[FrameResult], shown: int) -> bool:
        from ..scene import study

        try:
            study.build_case_scene(self._runtime.scene, name, results, shown)
            study.save_mrb(self._runtime.scene, path)
        except InputError as error:
            self._report(f"{name}: {error}")
            return False
        finally:
            study.clear(self._runtime.scene)
        return True

    def draw_views(self) -> None:
        """Draw the slice views of the scenes written since the last call."""
        if not self._views:
            return
        from ..scene.render import NO_GL, render_scenes

        messages = render_scenes(self._views)
        self._views.clear()
        for message in filter(None, messages):
            self._report(message)
        self._draws = NO_GL not in messages  # it will not work for the next ones either

    def _report(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)
