"""A stand-in for the application's widgets, made from the list of what its widget classes really have.

Every attribute, method, property and signal that the module uses on a widget must be in the list, so that the code of
the panel can be run, button by button, where there is no desktop. Widgets only remember what they are told.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sys
import types
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import slicer_double

MODULE = Path(__file__).resolve().parents[2]
API_FILE = MODULE.parents[1] / "shared" / "data" / "slicer_desktop_api.json"
UI_FILE = MODULE / "Resources" / "UI" / "HepatoRenalIndex.ui"


class Api:
    """The list: class name with package -> names, properties, signals."""

    def __init__(self):
        self.classes = json.loads(API_FILE.read_text(encoding="utf-8"))["widgets"]

    def find(self, name: str) -> tuple[str, dict]:
        for package in ("qt", "ctk", "slicer"):
            if f"{package}.{name}" in self.classes:
                return f"{package}.{name}", self.classes[f"{package}.{name}"]
        raise AttributeError(f"the application has no widget class {name}")

    def members(self, name: str) -> tuple[set[str], set[str], set[str]]:
        """All names, properties and signals of a widget class, those of QWidget included."""
        _, entry = self.find(name)
        base = self.classes["qt.QWidget"]
        names = set(entry["names"]) | set(base["names"])
        properties = set(entry.get("properties") or ()) | set(base["properties"])
        signals = set(entry.get("signals") or ()) | set(base["signals"])
        return names | properties, properties, signals


class Widget:
    """A widget of the class ``kind``. ``fire(signal, ...)`` does what the user's action would."""

    def __init__(self, api: Api, kind: str, name: str = ""):
        self.__dict__.update(_api=api, _kind=kind, _values={"objectName": name, "enabled": True}, _slots={})
        self.__dict__["_names"], self.__dict__["_properties"], self.__dict__["_signals"] = api.members(kind)

    def connect(self, signal: str, slot) -> None:
        assert signal in self._signals, f"{self._kind} has no signal {signal}"
        self._slots.setdefault(signal, []).append(slot)

    def fire(self, signal: str, *arguments) -> None:
        if signal.startswith("clicked"):
            self._values["focus"] = True
        for slot in self._slots.get(signal, ()):
            slot(*arguments)

    def click(self) -> None:
        """As with the mouse; a check box changes its state first."""
        if self._values["enabled"]:
            checked = not self._values.get("checked", False)
            if self._kind == "QCheckBox":
                self._values["checked"] = checked
            self.fire("clicked()")
            self.fire("clicked(bool)", checked)

    def value(self, name: str):
        """What was last set."""
        return self._values.get(name)

    def __getattr__(self, name: str):
        if name not in self._names:
            raise AttributeError(f"{self._kind} has no {name}")
        if name in self._properties:
            return self._values.get(name, "" if "ath" in name or name == "text" else None)
        return lambda *arguments: self._call(name, arguments)

    def __setattr__(self, name: str, value) -> None:
        assert name in self._properties, f"{self._kind} has no property {name}"
        self._values[name] = value

    def _call(self, name: str, arguments):
        if name in ("setEnabled", "setVisible") and not arguments[0]:
            assert not self._values.get("focus"), f"the panel scrolls away from {self._values['objectName']}"
        if name == "clearFocus":
            self._values["focus"] = False
        if name.startswith("set") and arguments:
            self._values[name[3].lower() + name[4:]] = arguments[0]
            return None
        if name == "layout":
            return Widget(self._api, "QVBoxLayout")
        if name == "horizontalHeader":  # the list does not have its class
            return self._values.setdefault(name, Header())
        if name.endswith("Button") and not arguments:  # a part of the widget
            return self._values.setdefault(name, Widget(self._api, "QToolButton", name))
        return self._values.get(name)


class Header:
    """Where the columns of a table view stand."""

    def __init__(self):
        self.order: list[int] = list(range(200))

    def setMaximumSectionSize(self, width: int) -> None:
        pass

    def visualIndex(self, column: int) -> int:
        return self.order.index(column)

    def moveSection(self, start: int, end: int) -> None:
        self.order.insert(end, self.order.pop(start))


def ui_widgets(api: Api, ui_file: Path = UI_FILE) -> dict[str, Widget]:
    """The widgets of the ``.ui`` file by their names."""
    found = {}
    for element in ElementTree.parse(ui_file).iter("widget"):
        widget = found[element.get("name")] = Widget(api, element.get("class"), element.get("name"))
        for tooltip in element.findall("property[@name='toolTip']"):
            widget.toolTip = "".join(tooltip.itertext()).strip()
    return found


class Application:
    """Puts the stand-ins where the module imports them from, and takes them away again."""

    def __init__(self, scene, module: slicer_double.Module = slicer_double.HEPATORENAL_INDEX):
        self.api = Api()
        self.module = module
        self.scene = scene
        self.queue = slicer_double.Queue()
        self.errors: list[str] = []
        self.widgets: dict[str, Widget] = {}
        self._kept: list[tuple] = []

    def __enter__(self) -> Application:
        import slicer

        slicer_double.install()
        qt = types.ModuleType("qt")
        qt.QTimer = types.SimpleNamespace(singleShot=lambda delay, call: self.queue(call))
        qt.QFileDialog = types.SimpleNamespace(
            getOpenFileName=lambda *arguments: self.answer, getSaveFileName=lambda *arguments: self.answer
        )
        self.answer = ""
        self.opened: list[str] = []
        self.shortcuts: list[Widget] = []
        qt.QShortcut = self._shortcut
        qt.QKeySequence = lambda text: text
        qt.QUrl = types.SimpleNamespace(fromLocalFile=lambda path: path)
        qt.QDesktopServices = types.SimpleNamespace(openUrl=self.opened.append)
        parts = types.ModuleType("slicer.ScriptedLoadableModule")
        for kind in ("", "Widget", "Logic", "Test"):
            setattr(parts, f"ScriptedLoadableModule{kind}", _base(kind, self))
        wrapper = types.ModuleType("slicer.parameterNodeWrapper")
        wrapper.parameterNodeWrapper = lambda declared: lambda node: Wrapper(node, self.module)
        wrapper.Choice, wrapper.WithinRange = list, lambda low, high: (low, high)
        modules = {"qt": qt, "slicer.ScriptedLoadableModule": parts, "slicer.parameterNodeWrapper": wrapper}
        for name, module in modules.items():
            self._keep(sys.modules, name, module)
        self._keep(slicer.__dict__, "mrmlScene", self.scene)
        self._keep(slicer.__dict__, "app", types.SimpleNamespace(
            layoutManager=lambda: None, testingEnabled=lambda: True, connect=lambda signal, slot: None))  # fmt: skip
        for kind in ("qMRMLSegmentEditorWidget", "qSlicerMarkupsPlaceWidget", "qMRMLTableView"):
            maker = types.SimpleNamespace(ForcePlaceSingleMarkup=1, SelectRows=1)
            self._keep(slicer.__dict__, kind, _Maker(self.api, kind, maker))
        util = slicer.util.__dict__
        self._keep(util, "loadUI", lambda path: self._load())
        self._keep(util, "childWidgetVariables", lambda root: types.SimpleNamespace(**self.widgets))
        self._keep(util, "mainWindow", lambda: None)
        self._keep(util, "setDataProbeVisible", lambda visible: None)
        self._keep(util, "errorDisplay", lambda text, **rest: self.errors.append(rest.get("detailedText", text)))
        return self

    def _shortcut(self, parent) -> Widget:
        """A key of the main window; see :meth:`press`."""
        made = Widget(self.api, "QShortcut")
        made.__dict__["_signals"] = {"activated()", "activatedAmbiguously()"}  # the list has none of this class
        self.shortcuts.append(made)
        return made

    def press(self, key: str) -> int:
        """Press a key; returns how many shortcuts it set off. With two the application does nothing at all."""
        wanted = [shortcut for shortcut in self.shortcuts if shortcut.value("key") == key]
        for shortcut in wanted:
            shortcut.fire("activated()")
        return len(wanted)

    def _load(self) -> Widget:
        self.widgets = ui_widgets(self.api, self.module.ui_file)
        return self.widgets[self.module.name]

    def _keep(self, where: dict, name: str, value) -> None:
        self._kept.append((where, name, where.get(name)))
        where[name] = value

    def __exit__(self, *details) -> None:
        while self._kept:
            where, name, value = self._kept.pop()
            if value is None:
                where.pop(name, None)
            else:
                where[name] = value
        for name in [
            name
            for name in sys.modules
            if name.startswith(("HepatoRenalIndexLib.module", "SteatosisEstimatorLib.module"))
        ]:
            del sys.modules[name]


class _Maker:
    """A widget class: called it makes a widget, its attributes are its enumerations."""

    def __init__(self, api: Api, kind: str, enumerations):
        self._api, self._kind, self._enumerations = api, kind, enumerations

    def __call__(self) -> Widget:
        return Widget(self._api, self._kind)

    def __getattr__(self, name: str):
        assert name in self._api.members(self._kind)[0], f"{self._kind} has no {name}"
        return getattr(self._enumerations, name)


class Wrapper(slicer_double.Parameters):
    """A parameter node wrapper with the calls that bind it to a panel.

    As the application's, it keeps the nodes that it read when the parameter node was last modified.
    """

    def __init__(self, node, module: slicer_double.Module):
        super().__init__(node.GetScene(), module)
        object.__setattr__(self, "_read", {})
        self._readNodes()
        node.AddObserver("ModifiedEvent", self._readNodes)

    def _readNodes(self, caller=None, event=None) -> None:
        if "_module" in self.__dict__:  # else it was thrown away already
            for name in self._module.nodes:
                self._read[name] = self.parameterNode.GetNodeReference(name)

    def __getattr__(self, name):
        return self._read[name] if name in self._module.nodes else super().__getattr__(name)

    def connectGui(self, gui) -> int:
        return 1

    def disconnectGui(self, tag) -> None:
        assert tag == 1


def _base(kind: str, application: Application):
    """One of the four base classes of a scripted module."""

    class Base:
        def __init__(self, parent=None):
            self.parent = parent
            self.layout = Widget(application.api, "QVBoxLayout")

        def setup(self):
            pass

        def resourcePath(self, name):
            return str(application.module.folder / "Resources" / name)

        def getParameterNode(self):
            return slicer_double.Parameters(application.scene, application.module).parameterNode

    Base.__name__ = f"ScriptedLoadableModule{kind}"
    return Base


def main_file(folder: Path):
    """The main file of the module in this folder, as the application imports it."""
    specification = importlib.util.spec_from_file_location(folder.name, folder / f"{folder.name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@contextlib.contextmanager
def opened_widget(application: Application, widget_class) -> Iterator:
    """The module opened by the user: its widget object. Afterwards nothing may have gone wrong."""
    widget = widget_class(types.SimpleNamespace(isEntered=False))
    widget.setup()
    widget.parent.isEntered = True
    widget.enter()
    application.queue.run()
    yield widget
    widget.cleanup()
    application.queue.run()
    assert application.errors == [], application.errors[0]
