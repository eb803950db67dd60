"""Hepatorenal index in 3D Slicer. All behavior is in HepatoRenalIndexLib; see docs/architecture.md."""

import functools
import sys

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

CONSOLE_CALLS = (
    "getParameterNode", "loadFile", "loadSample", "measureVolume", "measureFiles", "outlineByHand", "placeByHand",
    "setAutomatic", "setLocked", "undo", "redo", "calibrateFromLine", "fixNodeSpacing", "refreshAll",
)  # fmt: skip

#
# HepatoRenalIndex
#


class HepatoRenalIndex(ScriptedLoadableModule):
    """The module as the application lists it."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Hepatorenal Index")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Ultrasound")]
        self.parent.dependencies = ["Segmentations", "Markups", "Sequences", "Tables", "Plots", "SubjectHierarchy"]
        self.parent.contributors = ["LiverUltrasound contributors"]
        self.parent.helpText = _(
            "Measures the hepatorenal index, the brightness of the liver divided by that of the right renal cortex, "
            "on grayscale ultrasound: outlines both organs, places two ROIs, and follows every correction.<br><br>"
            "For research use only; not for diagnosis. See the "
            '<a href="https://github.com/LiverUltrasound/SlicerLiverUltrasound#readme">documentation</a>.'
        )
        self.parent.acknowledgementText = _(
            "The published ROI placement follows Cha et al., Ultrasonography 2021;40:565. The network was trained on "
            "images of Byra et al., IJCARS 2018;13:1895 (CC BY 4.0) and on simulated images."
        )
        slicer.app.connect("startupCompleted()", _onStartup)

    def setup(self) -> None:
        """Let the logic object that the application gives out have the calls of the module's logic.

        It is made in C++ and knows nothing of the module: ``slicer.modules.hepatorenalindex.logic()``.
        """
        self._logic = self.parent.logic()  # kept, and with it the calls
        for name in CONSOLE_CALLS:
            setattr(self._logic, name, functools.partial(_callLogic, name))


def _callLogic(name: str, *arguments, **options):
    return getattr(slicer.util.getModuleLogic("HepatoRenalIndex"), name)(*arguments, **options)


def _onStartup() -> None:
    """Sample data and views, as soon as the application's other modules are there."""
    from HepatoRenalIndexLib.module.layout import registerLayout
    from HepatoRenalIndexLib.module.sampleData import registerSampleData

    registerSampleData()
    registerLayout()


#
# HepatoRenalIndexWidget
#


class HepatoRenalIndexWidget(ScriptedLoadableModuleWidget):
    """The module's panel."""

    def __init__(self, parent=None) -> None:
        self.logic = None
        self.panel = None
        ScriptedLoadableModuleWidget.__init__(self, parent)

    def setup(self) -> None:
        """Make panel and logic, when the module is opened for the first time or reloaded."""
        from HepatoRenalIndexLib.module.moduleLogic import HepatoRenalIndexLogic
        from HepatoRenalIndexLib.module.sceneWidget import scheduleSoon
        from HepatoRenalIndexLib.module.widget import ModuleWidget

        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/HepatoRenalIndex.ui"))
        self.layout.addWidget(uiWidget)
        self.logic = HepatoRenalIndexLogic(scheduleSoon)
        self.panel = ModuleWidget(uiWidget, self.logic, self._isEntered)
        self.ui = self.panel.ui
        if self._isEntered():
            self.panel.enter()

    def _isEntered(self) -> bool:
        """Whether the module is open; a panel outside of the module selector always is."""
        return getattr(self.parent, "isEntered", True)

    def enter(self) -> None:
        """The user opened the module."""
        if self.panel is not None:
            self.panel.enter()

    def exit(self) -> None:
        """The user opened another module."""
        if self.panel is not None:
            self.panel.exit()

    def cleanup(self) -> None:
        """The application closes, or the module is reloaded."""
        if self.panel is not None:
            self.panel.cleanup()

    def onReload(self) -> None:
        """Reload the library as well: forgotten here, it is imported anew, as is the library that is built on it."""
        libraries = "HepatoRenalIndexLib", "SteatosisEstimatorLib"
        for name in [name for name in sys.modules if name.split(".")[0] in libraries]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)


#
# HepatoRenalIndexLogic
#


def __getattr__(name: str):
    """The logic class, imported when it is asked for: the application starts without numpy, scipy and pydicom."""
    if name == "HepatoRenalIndexLogic":
        from HepatoRenalIndexLib.module.moduleLogic import HepatoRenalIndexLogic

        return HepatoRenalIndexLogic
    raise AttributeError(name)


#
# HepatoRenalIndexFileReader
#


class HepatoRenalIndexFileReader:
    """Ultrasound files in the application's own ways to load: Add Data, drag and drop, Sample Data.

    The readers of the application stay the first choice for every file.
    """

    def __init__(self, parent):
        self.parent = parent

    def description(self) -> str:
        """What the Add Data window calls it."""
        return _("Ultrasound with its calibration")

    def fileType(self) -> str:
        """Name for :func:`slicer.util.loadNodeFromFile`."""
        return "LiverUltrasoundFile"

    def extensions(self) -> list[str]:
        """Name filters of what can be read."""
        kinds = ("dcm", "dicom", "png", "jpg", "jpeg", "tif", "tiff")
        return [f"{self.description()} (*.{kind})" for kind in kinds]

    def canLoadFileConfidence(self, filePath: str) -> float:
        """Less than any other reader that knows the kind of file has."""
        return 0.1 if self.parent.supportedNameFilters(filePath) else 0.0

    def load(self, properties) -> bool:
        """Load one file and show it. What is wrong with it is told with the application's own messages."""
        from HepatoRenalIndexLib.imaging.image import InputError
        from HepatoRenalIndexLib.module.loading import loadUltrasoundFile
        from HepatoRenalIndexLib.module.views import showVolume

        try:
            volume = loadUltrasoundFile(slicer.mrmlScene, properties["fileName"], properties.get("name"))
        except InputError as error:
            self.parent.userMessages().AddMessage(vtk.vtkCommand.ErrorEvent, str(error))
            return False
        if properties.get("show", True):
            showVolume(volume)
        self.parent.loadedNodes = [volume.GetID()]
        return True


#
# HepatoRenalIndexTest
#


class HepatoRenalIndexTest(ScriptedLoadableModuleTest):
    """Runs the scenario of the module in the application."""

    def setUp(self) -> None:
        """Start with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """Run everything; the parts with the network only where PyTorch is installed."""
        for test in (self.test_HepatoRenalIndex, self.test_HepatoRenalIndexPanel):
            self.setUp()
            test()

    def test_HepatoRenalIndex(self) -> None:
        """A sample case measured, corrected, undone, deleted, closed."""
        from HepatoRenalIndexLib.module.moduleLogic import HepatoRenalIndexLogic
        from HepatoRenalIndexLib.module.selfTest import SelfTest

        skipped = SelfTest(HepatoRenalIndexLogic(), self.delayDisplay).run()
        self.delayDisplay(_("Test passed") if not skipped else _("Test passed; left out: ") + ", ".join(skipped))

    def test_HepatoRenalIndexPanel(self) -> None:
        """The buttons of the panel, pressed one after the other."""
        from HepatoRenalIndexLib.module.panelTest import PanelTest

        if slicer.util.mainWindow() is None:
            self.skipTest("the application runs without its main window")
        slicer.util.selectModule("HepatoRenalIndex")
        panel = slicer.util.getModuleWidget("HepatoRenalIndex").panel
        PanelTest(panel, _processEvents, self.delayDisplay).run()
        self.delayDisplay(_("Test passed"))


def _processEvents() -> None:
    """Let the application do what waits, and what that leads to."""
    for _round in range(20):
        slicer.app.processEvents()
