"""Take the pictures of the tutorials in a desktop Slicer: its window after each step, with the simulated samples.

    Slicer --no-splash --additional-module-paths HepatoRenalIndex SteatosisEstimator \
        --python-script docs/make_screenshots.py

Needs PyTorch and MONAI in Slicer (the first *Measure* installs them). Slicer quits at the end.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import qt
import SampleData
import slicer
from HepatoRenalIndexLib.pipeline.outputs import write_png
from HepatoRenalIndexLib.simulation.parameters import Content
from HepatoRenalIndexLib.simulation.phantom import simulate
from HepatoRenalIndexLib.simulation.randomize import random_parameters
from scipy import ndimage

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
SAMPLES = ROOT / "HepatoRenalIndex" / "Resources" / "SampleData"
WINDOW, WIDTH, PATIENCE_S = (1500, 940), 1200, 600.0
LEAST_GRAY = 25


def main() -> None:
    """Every step of both tutorials."""
    window = slicer.util.mainWindow()
    window.resize(*WINDOW)
    for hide in (slicer.util.setPythonConsoleVisible, slicer.util.setDataProbeVisible):
        hide(False)
    slicer.util.setModuleHelpSectionVisible(False)
    slicer.util.setApplicationLogoVisible(False)
    _measure()
    _clip()
    _study()
    _agreement()
    _fat()


def settle(seconds: float = 0.7, until: Callable[[], bool] | None = None) -> None:
    """Let Slicer work for some time, or until something is true."""
    end = time.monotonic() + (PATIENCE_S if until else seconds)
    while time.monotonic() < end and not (until and until()):
        slicer.app.processEvents()
        time.sleep(0.01)
    if until is not None:
        if not until():
            raise RuntimeError("Slicer did not get that far.")
        settle(seconds)


def take(path: Path, section=None) -> None:
    """Write a picture of Slicer's window, with one section of the panel at the top."""
    settle()
    if section is not None:
        scroll = section.parentWidget()
        while not isinstance(scroll, qt.QScrollArea):
            scroll = scroll.parentWidget()
        scroll.verticalScrollBar().setValue(section.mapTo(scroll.widget(), qt.QPoint(0, 0)).y())
        settle()
    image = slicer.util.mainWindow().grab().toImage()
    kind = "PNG" if path.suffix == ".png" else "JPG"
    if not image.scaledToWidth(WIDTH, qt.Qt.SmoothTransformation).save(str(path), kind, 88):
        raise OSError(f"{path} could not be written.")


def _open(module: str, sample: str | None = None):
    """A module with an empty scene; the sample is chosen as the input, as it is when a user loads it."""
    slicer.mrmlScene.Clear(0)
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    slicer.util.selectModule(module)
    settle()
    if sample is not None:
        SampleData.downloadSample(sample)
        settle()
    return slicer.util.getModuleWidget(module)


def _press(ui, button: str) -> None:
    settle(until=lambda: getattr(ui, button).enabled)
    getattr(ui, button).click()
    settle(until=lambda: ui.applyButton.enabled)


def _measure() -> None:
    widget = _open("HepatoRenalIndex", "HRI sector probe")
    ui = widget.ui
    slicer.util.resetSliceViews()
    take(PICTURES / "tutorial-loaded.jpg")
    _press(ui, "applyButton")
    take(PICTURES / "tutorial-measured.jpg", ui.measureCollapsibleButton)
    take(ROOT / "Resources" / "Screenshots" / "Measurement.png", ui.measureCollapsibleButton)
    ui.classMapCheckBox.click()
    take(PICTURES / "tutorial-classes.jpg", ui.resultsCollapsibleButton)
    ui.classMapCheckBox.click()
    roi = widget.logic.parameters().liverRoi
    x, y, z = roi.GetCenter()
    roi.SetCenter(x + 18.0, y + 22.0, z)
    take(PICTURES / "tutorial-corrected.jpg", ui.correctCollapsibleButton)


def _clip() -> None:
    widget = _open("HepatoRenalIndex", "HRI clip")
    _press(widget.ui, "applyButton")
    widget.ui.plotsButton.click()
    widget.logic.shown.source.browser.SetSelectedItemNumber(4)
    take(PICTURES / "tutorial-plots.jpg", widget.ui.resultsCollapsibleButton)


@contextlib.contextmanager
def _studyFolder() -> Iterator[Path]:
    folder = Path(tempfile.gettempdir()) / "LiverStudy"  # a name to be seen
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _study() -> None:
    """An image as a reader sees it."""
    widget = _open("HepatoRenalIndex")
    ui = widget.ui
    with _studyFolder() as folder:
        ui.studyCollapsibleButton.collapsed = False
        ui.studyFolderLineEdit.currentPath = str(folder)
        ui.newStudyGroupBox.collapsed = False
        ui.studyImagesLineEdit.currentPath = str(SAMPLES / "clip.dcm")
        ui.studyAllFramesCheckBox.checked = True
        ui.createStudyButton.click()
        settle(until=lambda: (folder / "study.json").is_file())
        ui.readerLineEdit.text = "A"
        settle(until=lambda: ui.startReadingButton.enabled)
        ui.startReadingButton.click()
        settle(until=lambda: widget.logic.marking.session is not None)
        widget.logic.marking.place("liver", 240, 125)
        widget.logic.marking.place("kidney", 213, 178)
        take(PICTURES / "tutorial-study.jpg", widget.ui.studyCollapsibleButton)
        ui.stopReadingButton.click()
        settle()


def _agreement() -> None:
    """The agreement of two simulated readers of simulated images."""
    widget = _open("HepatoRenalIndex")
    ui, marking = widget.ui, widget.logic.marking
    with _studyFolder() as folder:
        places = _simulatedStudy(folder)
        for number, reader in enumerate("AB"):
            rng = np.random.default_rng(number)
            marking.start(folder, reader)
            while not marking.session.finished:
                for organ, (x, y) in places[marking.session.image.path].items():
                    dx, dy = rng.normal(0, 5, 2)
                    marking.place(organ, x + dx, y + dy)
                if marking.whyNotNext():
                    marking.skip("shadow or artifact")
                    continue
                marking.next()
            marking.stop()
        ui.studyFolderLineEdit.currentPath = str(folder)
        ui.agreementGroupBox.collapsed = False
        settle(until=lambda: ui.agreementButton.enabled)
        ui.agreementButton.click()
        settle(until=lambda: ui.agreementPlotsButton.enabled)
        ui.agreementPlotsButton.click()
        take(PICTURES / "tutorial-agreement.jpg", widget.ui.agreementGroupBox)


def _simulatedStudy(folder: Path, count: int = 16) -> dict[str, dict[str, tuple[int, int]]]:
    """A study of phantoms; returns for each file the places of liver and renal cortex that are widest."""
    from HepatoRenalIndexLib.study.create import StudyOptions, create_study

    images, places = folder / "images", {}
    images.mkdir()
    for seed in itertools.count():
        if len(places) == count:
            break
        phantom = simulate(random_parameters(np.random.default_rng([9, seed]), Content.LIVER_KIDNEY, size=(360, 480)))
        organs = {"liver": phantom.masks.liver & ~phantom.shadow & phantom.visible, "kidney": phantom.cortex}
        found = {organ: _widest(mask) for organ, mask in organs.items()}
        around = [phantom.image.pixels[y - 12 : y + 12, x - 12 : x + 12].mean() for x, y in found.values()]
        if min(around) > LEAST_GRAY:  # otherwise a gain that nobody would read at
            places[f"{seed:02d}.png"] = found
            write_png(images / f"{seed:02d}.png", phantom.image.pixels)
    create_study(folder, [images], StudyOptions(roi_px=24, spacing_mm=0.5))
    return places


def _widest(mask: np.ndarray) -> tuple[int, int]:
    y, x = np.unravel_index(ndimage.distance_transform_edt(mask).argmax(), mask.shape)
    return int(x), int(y)


def _fat() -> None:
    widget = _open("SteatosisEstimator", "Fatty liver, two views")
    ui = widget.panel.ui
    ui.guessButton.click()
    settle(until=lambda: ui.applyButton.enabled)
    _press(ui, "applyButton")
    take(PICTURES / "steatosis-regions.jpg", ui.estimateCollapsibleButton)
    ui.plotsButton.click()
    take(PICTURES / "steatosis-frames.jpg", ui.resultsCollapsibleButton)


if __name__ == "__main__":
    try:
        main()
    finally:
        sys.stdout.flush()
        qt.QTimer.singleShot(0, lambda: slicer.util.exit(slicer.util.EXIT_SUCCESS))
