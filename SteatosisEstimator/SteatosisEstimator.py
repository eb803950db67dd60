"""Liver fat in 3D Slicer. All behavior is in SteatosisEstimatorLib; see docs/architecture.md."""

import sys

import qt
import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

#
# SteatosisEstimator
#


class SteatosisEstimator(ScriptedLoadableModule):
    """The module as the application lists it."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Liver Fat Estimator")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Ultrasound")]
        # HepatoRenalIndex: its library is used, and its reader loads ultrasound files
        self.parent.dependencies = ["HepatoRenalIndex", "Sequences", "Tables", "Plots", "SubjectHierarchy"]
        self.parent.contributors = ["LiverUltrasound contributors"]
        self.parent.helpText = _(
            "Estimates the fat of the liver from one or several ultrasound views, with an interval, the contribution "
            "of each view, and a picture of what the model looked at.<br><br>"
            "For research use only; not for diagnosis. See the "
            '<a href="https://github.com/LiverUltrasound/SlicerLiverUltrasound#readme">documentation</a>.'
        )
        self.parent.acknowledgementText = _(
            "The systems follow Kim et al. 2021, Byra et al. 2021 (J Ultrasound Med) and Colantonio et al. 2021. The "
            "default model was trained on images of Byra et al., IJCARS 2018;13:1895 (CC BY 4.0)."
        )
        slicer.app.connect("startupCompleted()", _onStartup)


def _onStartup() -> None:
    """Sample data and views, as soon as the application's other modules are there."""
    from SteatosisEstimatorLib.module.layout import registerLayout
    from SteatosisEstimatorLib.module.sampleData import registerSampleData

    registerSampleData()
    registerLayout()


#
# SteatosisEstimatorWidget
#


class SteatosisEstimatorWidget(ScriptedLoadableModuleWidget):
    """The module's panel."""

    def __init__(self, parent=None) -> None:
        self.logic = None
        self.panel = None
        self._library = None  # that of the other module, as this panel imported it
        ScriptedLoadableModuleWidget.__init__(self, parent)

    def setup(self) -> None:
        """Make panel and logic, when the module is opened for the first time or reloaded."""
        from HepatoRenalIndexLib.module.sceneWidget import scheduleSoon
        from SteatosisEstimatorLib.module.moduleLogic import SteatosisEstimatorLogic
        from SteatosisEstimatorLib.module.widget import ModuleWidget

        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/SteatosisEstimator.ui"))
        self.layout.addWidget(uiWidget)
        self._library = sys.modules["HepatoRenalIndexLib"]
        self.logic = SteatosisEstimatorLogic(scheduleSoon)
        self.panel = ModuleWidget(uiWidget, self.logic, self._isEntered)
        if self._isEntered():
            self.panel.enter()

    def _isEntered(self) -> bool:
        """Whether the module is open; a panel outside of the module selector always is."""
        return getattr(self.parent, "isEntered", True)

    def enter(self) -> None:
        """The user opened the module."""
        if self.panel is None:
            return
        if sys.modules.get("HepatoRenalIndexLib") is self._library:
            self.panel.enter()
        else:
            # The other module was reloaded: the classes of its library that are used here are not its classes any more.
            qt.QTimer.singleShot(0, self.onReload)

    def exit(self) -> None:
        """The user opened another module."""
        if self.panel is not None:
            self.panel.exit()

    def cleanup(self) -> None:
        """The application closes, or the module is reloaded."""
        if self.panel is not None:
            self.panel.cleanup()

    def onReload(self) -> None:
        """Reload the library as well: forgotten here, it is imported anew with the module."""
        for name in [name for name in sys.modules if name.split(".")[0] == "SteatosisEstimatorLib"]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)


#
# SteatosisEstimatorLogic
#


def __getattr__(name: str):
    """The logic class, imported when it is asked for: the application starts without numpy, scipy and pydicom."""
    if name == "SteatosisEstimatorLogic":
        from SteatosisEstimatorLib.module.moduleLogic import SteatosisEstimatorLogic

        return SteatosisEstimatorLogic
    raise AttributeError(name)


#
# SteatosisEstimatorTest
#


class SteatosisEstimatorTest(ScriptedLoadableModuleTest):
    """Runs the scenario of the module in the application."""

    def setUp(self) -> None:
        """Start with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """Run everything; the parts with a network only where PyTorch is installed."""
        for test in (self.test_SteatosisEstimator, self.test_SteatosisEstimatorPanel):
            self.setUp()
            test()

    def test_SteatosisEstimator(self) -> None:
        """A sample subject assigned, estimated, explained, changed, deleted."""
        from SteatosisEstimatorLib.module.moduleLogic import SteatosisEstimatorLogic
        from SteatosisEstimatorLib.module.selfTest import SelfTest

        skipped = SelfTest(SteatosisEstimatorLogic(), self.delayDisplay).run()
        self.delayDisplay(_("Test passed") if not skipped else _("Test passed; left out: ") + ", ".join(skipped))

    def test_SteatosisEstimatorPanel(self) -> None:
        """The buttons of the panel, pressed one after the other."""
        from SteatosisEstimatorLib.module.panelTest import PanelTest

        if slicer.util.mainWindow() is None:
            self.skipTest("the application runs without its main window")
        slicer.util.selectModule("SteatosisEstimator")
        panel = slicer.util.getModuleWidget("SteatosisEstimator").panel
        PanelTest(panel, _processEvents, self.delayDisplay).run()
        self.delayDisplay(_("Test passed"))


def _processEvents() -> None:
    """Let the application do what waits, and what that leads to."""
    for _round in range(20):
        slicer.app.processEvents()
