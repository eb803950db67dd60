"""What the module needs of the Slicer application and ``slicer-core`` lacks: translation and the parameter node.

Small and only as true as the tests of the module need it; the module's own test class runs on the real ones.
"""

from __future__ import annotations

import sys
import types

DEFAULTS = {
    "rulerLength": 50.0,
    "userSpacing": 0.0,
    "placement": "representative",
    "roiSize": 15.0,
    "wholeClip": True,
    "showClassMap": False,
    "showCornerText": True,
    "keepAnnotations": False,
    "device": "cpu",
    "modelFolder": "",
    "studyFolder": "",
    "studyImages": "",
    "studyReader": "",
    "studySession": 1,
}
NODES = ("inputVolume", "segmentation", "liverRoi", "kidneyRoi", "resultTable", "rulerLine", "classMap")


def install() -> None:
    """Make ``slicer.i18n`` importable, with texts that stay as they are."""
    if "slicer.i18n" not in sys.modules:
        translation = types.ModuleType("slicer.i18n")
        translation.tr = lambda text: text
        translation.translate = lambda context, text: text
        sys.modules["slicer.i18n"] = translation


class Parameters:
    """A parameter node wrapper: typed attributes kept in a scripted module node of the scene."""

    def __init__(self, scene):
        node = scene.GetSingletonNode("HepatoRenalIndex", "vtkMRMLScriptedModuleNode")
        if node is None:
            node = scene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            node.UnRegister(None)
            node.SetSingletonTag("HepatoRenalIndex")
            node.SetModuleName("HepatoRenalIndex")
            node = scene.AddNode(node)
        object.__setattr__(self, "parameterNode", node)

    def __getattr__(self, name):
        node = self.parameterNode
        if name in NODES:
            return node.GetNodeReference(name)
        if name not in DEFAULTS:
            raise AttributeError(name)
        default, text = DEFAULTS[name], node.GetParameter(name)
        if text == "":
            return default
        return text == "True" if isinstance(default, bool) else type(default)(text)

    def __setattr__(self, name, value):
        if name in NODES:
            self.parameterNode.SetNodeReferenceID(name, None if value is None else value.GetID())
        elif name in DEFAULTS:
            assert isinstance(value, type(DEFAULTS[name])), (name, value)
            self.parameterNode.SetParameter(name, str(value))
        else:
            raise AttributeError(name)


class Queue:
    """A scheduler: what was asked for is done when the test says so, as an event loop would."""

    def __init__(self):
        self.calls = []

    def __call__(self, call) -> None:
        self.calls.append(call)

    def run(self, most: int = 200) -> int:
        """Do what waits and what it leads to; returns how many calls there were, and fails for an endless loop."""
        done = 0
        while self.calls:
            assert done < most, "calls lead to calls without end"
            self.calls.pop(0)()
            done += 1
        return done
