"""One case as a scene: nodes under their study, and the scene as an ``.mrb`` file."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..imaging.image import InputError
from ..measurement.result import FrameResult
from .clip import add_clip
from .rois import KIDNEY_ROI_NAME, LIVER_ROI_NAME, add_roi, frame_rois
from .segmentation import add_segmentation
from .table import add_table
from .view import show_volume
from .volume import add_volume

STUDY_NAME = "Hepatorenal index"


@dataclass(frozen=True)
class CaseNodes:
    """The nodes of a case. ``browser`` is the sequence browser of a clip, ``None`` for a single frame.

    ``subject_item`` and ``study_item`` are items of the subject hierarchy.
    """

    volume: Any
    segmentation: Any
    liver_roi: Any
    kidney_roi: Any
    table: Any
    browser: Any
    subject_item: int
    study_item: int


def build_case_scene(scene, case_name: str, results: Sequence[FrameResult], selected: int = 0) -> CaseNodes:
    """Add everything known of one source to the scene, and show it in the Red view.

    ``results`` are the frames of one source in their order; with more than one, a sequence browser steps through
    images, masks and ROIs together and starts at index ``selected``. ``case_name`` names the subject and the nodes;
    it is a study code, not a patient's name. Raises ``InputError`` without results.
    """
    if not results:
        raise InputError("There is nothing to put into a scene: no frame was read.")
    result = results[selected]
    volume = add_volume(scene, result.image, result.calibration, case_name)
    segmentation = add_segmentation(scene, result.masks, volume, f"{case_name} organs")
    rois = frame_rois(result)
    liver_roi = add_roi(scene, rois[0], volume, LIVER_ROI_NAME)
    kidney_roi = add_roi(scene, rois[1], volume, KIDNEY_ROI_NAME)
    table = add_table(scene, results, f"{case_name} HRI")
    nodes = [volume, segmentation, liver_roi, kidney_roi, table]
    browser = None
    if len(results) > 1:
        browser, sequences = add_clip(scene, results, selected, case_name, *nodes[:4])
        nodes += [browser, *sequences]
    subject_item, study_item = add_study(scene, case_name)
    file_under_study(scene, study_item, nodes)
    show_volume(scene, volume)
    return CaseNodes(volume, segmentation, liver_roi, kidney_roi, table, browser, subject_item, study_item)


def add_study(scene, case_name: str) -> tuple[int, int]:
    """New subject and study items of the subject hierarchy."""
    hierarchy = _hierarchy(scene)
    subject = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), case_name)
    return subject, hierarchy.CreateStudyItem(subject, STUDY_NAME)


def file_under_study(scene, study_item: int, nodes: Sequence) -> None:
    """Move the nodes under the study. The application makes an item for each node by itself, slicer-core does not."""
    hierarchy = _hierarchy(scene)
    for node in nodes:
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.SetItemParent(item, study_item)
        else:
            hierarchy.CreateItem(study_item, node)


def save_mrb(scene, path: str | os.PathLike) -> None:
    """Write the scene as an ``.mrb`` file; an older file is replaced at once or not at all.

    Raises ``InputError`` if the scene cannot be written.
    """
    path = Path(path).absolute()
    # Slicer makes its own working folder beside the file it writes: both go into a folder of ours, on the same disk.
    with _kept_working_folder(), tempfile.TemporaryDirectory(dir=path.parent, prefix=".scene-") as folder:
        written = Path(folder) / path.name
        if not scene.WriteToMRB(str(written)) or not written.is_file():
            raise InputError(f"The scene {path.name} could not be written: check free space and permissions.")
        written.replace(path)


def load_mrb(scene, path: str | os.PathLike) -> None:
    """Replace the content of the scene by that of an ``.mrb`` file. Raises ``InputError`` if it cannot be read."""
    import slicer

    path = Path(path)
    with _kept_working_folder(), tempfile.TemporaryDirectory(prefix="scene-") as folder:
        mrml = scene.UnpackSlicerDataBundle(str(path.resolve()), folder) if path.is_file() else ""
        scene.SetURL(mrml or "")
        if not mrml or not scene.Connect(slicer.vtkMRMLMessageCollection()):
            raise InputError(f"The scene {path.name} could not be read: it is damaged or not a Slicer scene.")


def clear(scene) -> None:
    """Empty a scene made by :func:`runtime.start`: all nodes, their files, undo steps and hierarchy items."""
    scene.Clear(0)


def _kept_working_folder():
    """Slicer packs and unpacks in the working folder, and leaves the process there when a bundle is damaged."""
    return contextlib.chdir(Path.cwd())


def _hierarchy(scene):
    import slicer

    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
