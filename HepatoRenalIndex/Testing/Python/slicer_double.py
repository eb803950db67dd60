"""What the module needs of the Slicer application and ``slicer-core`` lacks: translation and the parameter node.

Small and only as true as the tests of the module need it; the module's own test class runs on the real ones.
"""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Module:
    """A scripted module: its folder, and what its parameter node declares."""

    folder: Path
    defaults: dict
    nodes: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def ui_file(self) -> Path:
        return self.folder / "Resources" / "UI" / f"{self.name}.ui"


HEPATORENAL_INDEX = Module(Path(__file__).resolve().parents[2], DEFAULTS, NODES)


def install() -> None:
    """Make ``slicer.i18n`` importable, with texts that stay as they are."""
    if "slicer.i18n" not in sys.modules:
        translation = types.ModuleType("slicer.i18n")
        translation.tr = lambda text: text
        translation.translate = lambda context, text: text
        sys.modules["slicer.i18n"] = translation


class Parameters:
    """A parameter node wrapper: typed attributes kept in a scripted module node of the scene."""

    def __init__(self, scene, module: Module = HEPATORENAL_INDEX):
        object.__setattr__(self, "_module", module)
        node = scene.GetSingletonNode(module.name, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = scene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            node.UnRegister(None)
            node.SetSingletonTag(module.name)
            node.SetModuleName(module.name)
            node = scene.AddNode(node)
        object.__setattr__(self, "parameterNode", node)

    def __getattr__(self, name):
        node, defaults = self.parameterNode, self._module.defaults
        if name in self._module.nodes:
            return node.GetNodeReference(name)
        if name not in defaults:
            raise AttributeError(name)
        default, text = defaults[name], node.GetParameter(name)
        if text == "":
            return default
        return text == "True" if isinstance(default, bool) else type(default)(text)

    def __setattr__(self, name, value):
        if name in self._module.nodes:
            self.parameterNode.SetNodeReferenceID(name, None if value is None else value.GetID())
        elif name in self._module.defaults:
            assert isinstance(value, type(self._module.defaults[name])), (name, value)
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
