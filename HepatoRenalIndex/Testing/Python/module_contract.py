"""What holds for every scripted module, without a desktop: its .ui file and its source against the application's API.

A test file takes these tests over with ``from module_contract import *`` and says with a fixture ``module`` which
module (``slicer_double.Module``) they are about.
"""

from __future__ import annotations

import ast
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from desktop_double import API_FILE, Api
from slicer_double import Module

needs_api = pytest.mark.skipif(not API_FILE.is_file(), reason="the list of the application's widget classes is absent")
# What the application's parameterNodeWrapper can bind to a control (slicer/parameterNodeWrapper/guiConnectors.py).
BINDINGS = {
    "qMRMLNodeComboBox": r"vtkMRML\w+Node",
    "QCheckBox": "bool",
    "QComboBox": r"Annotated\[str, Choice\(.*",
    "QDoubleSpinBox": r"Annotated\[float, WithinRange\(.*",
    "QSpinBox": r"Annotated\[int, WithinRange\(.*",
    "QLineEdit": "str",
}


def _widgets(module: Module) -> list[ElementTree.Element]:
    return list(ElementTree.parse(module.ui_file).iter("widget"))


def _properties(element) -> dict[str, str]:
    return {child.get("name"): "".join(child.itertext()).strip() for child in element.findall("property")}


def _room(module: Module) -> list[Path]:
    return sorted((module.folder / f"{module.name}Lib" / "module").glob("*.py"))


def _sources(module: Module) -> list[Path]:
    return [module.folder / f"{module.name}.py", *_room(module)]


def _nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def _parameters(module: Module) -> list[ast.AST]:
    return _nodes(module.folder / f"{module.name}Lib" / "module" / "parameters.py")


def test_every_control_has_a_tooltip(module):
    """Frames and the panel itself have nothing to explain."""
    missing = [e.get("name") for e in _widgets(module) if not _properties(e).get("toolTip")]
    assert missing == [module.name]


def test_no_section_is_a_form_layout(module):
    """Qt 6.4 writes outside the memory of a QFormLayout in which something that wraps its text is hidden."""
    layouts = ElementTree.parse(module.ui_file).iter("layout")
    assert [e.get("name") for e in layouts if e.get("class") == "QFormLayout"] == []


def test_names_in_the_ui_file_are_unique(module):
    names = [element.get("name") for element in _widgets(module)]
    assert len(names) == len(set(names))


def test_every_control_that_the_code_uses_is_in_the_ui_file(module):
    names = {element.get("name") for element in _widgets(module)}
    used = {name for path in _room(module) for name in re.findall(r"\bui\.(\w+)", path.read_text(encoding="utf-8"))}
    assert used
    assert used - names == set()


def test_the_ui_file_binds_parameters_that_exist(module):
    bound = {name for e in _widgets(module) if (name := _properties(e).get("SlicerParameterName"))}
    assert bound
    nodes = _parameters(module)
    declared = {node.target.id for node in nodes if isinstance(node, ast.AnnAssign)}
    assert bound <= declared
    assert declared == set(module.defaults) | set(module.nodes)  # and the tests' double has them all
    (listed,) = (
        node.value for node in nodes if isinstance(node, ast.Assign) and node.targets[0].id == "NODE_PARAMETERS"
    )
    assert ast.literal_eval(listed) == module.nodes


def test_every_control_is_bound_to_a_parameter_of_a_type_that_it_can_show(module):
    nodes = _parameters(module)
    declared = {node.target.id: ast.unparse(node.annotation) for node in nodes if isinstance(node, ast.AnnAssign)}
    bound = 0
    for element in _widgets(module):
        name = _properties(element).get("SlicerParameterName")
        if name:
            assert re.fullmatch(BINDINGS[element.get("class")], declared[name]), element.get("name")
            bound += 1
    assert bound > 10


@needs_api
def test_classes_properties_and_slots_of_the_ui_file_exist(module):
    api = Api()
    widgets = _widgets(module)
    for element in widgets:
        names, properties, _ = api.members(element.get("class"))
        wanted = set(_properties(element)) - {"SlicerParameterName", "geometry"}
        assert wanted <= properties, element.get("name")
        assert "objectName" in names
    classes = {element.get("name"): element.get("class") for element in widgets}
    for connection in ElementTree.parse(module.ui_file).iter("connection"):
        sender, receiver = connection.findtext("sender"), connection.findtext("receiver")
        assert connection.findtext("signal") in api.members(classes[sender])[2]
        assert connection.findtext("slot").partition("(")[0] in api.members(classes[receiver])[0]


@needs_api
def test_calls_of_the_application_have_the_arguments_that_it_takes(module):
    """Keyword arguments of slicer.util and slicer.packaging, against their signatures."""
    api = json.loads(API_FILE.read_text(encoding="utf-8"))
    checked = 0
    for path in _room(module):
        for node in _nodes(path):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            for package in ("slicer.util", "slicer.packaging"):
                if name.startswith(package + "."):
                    function = name.removeprefix(package + ".")
                    assert function in api[package], f"{path.name}:{node.lineno} {name}"
                    signature = api[package][function]
                    for keyword in node.keywords:
                        if keyword.arg and "**kwargs" not in signature:
                            assert keyword.arg in signature, f"{path.name}:{node.lineno} {name}({keyword.arg})"
                    checked += 1
    assert checked > 4


@needs_api
def test_classes_of_the_application_that_the_code_names_exist(module):
    """``qt.X``, ``ctk.X`` and ``slicer.qX`` with the attribute behind it."""
    classes = Api().classes
    checked = 0
    for path in _sources(module):
        for node in _nodes(path):
            if not isinstance(node, ast.Attribute) or not ast.unparse(node).startswith(("qt.", "ctk.", "slicer.q")):
                continue
            package, kind, *rest = ast.unparse(node).split(".")
            assert f"{package}.{kind}" in classes, f"{path.name}:{node.lineno}"
            assert not rest or rest[0] in classes[f"{package}.{kind}"]["names"], f"{path.name}:{node.lineno}"
            checked += 1
    assert checked > 4


def test_classes_of_the_scene_that_the_code_names_exist(module):
    """``slicer.vtkX`` with the method behind it: they are the same in slicer-core."""
    slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")
    missing = []
    for path in _sources(module):
        for node in _nodes(path):
            if not isinstance(node, ast.Attribute) or not ast.unparse(node).startswith("slicer.vtk"):
                continue
            found = slicer
            for name in ast.unparse(node).split("(")[0].split(".")[1:3]:
                found = getattr(found, name, None)
            if found is None:
                missing.append(f"{path.name}:{node.lineno} {ast.unparse(node)}")
    assert missing == []


def test_texts_can_be_translated(module):
    """Only literals are found by the translation tools; values are put in by name afterwards."""
    for path in _sources(module):
        for node in _nodes(path):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
                (text,) = node.args
                assert isinstance(text, ast.Constant), f"{path.name}:{node.lineno}"
                assert "{}" not in text.value, f"{path.name}:{node.lineno}"


def test_what_the_user_reads_can_be_translated(module):
    """Texts given to setText, setToolTip and the like, and the sentences of errors, go through _()."""
    wrong = []
    for path in _room(module):
        for node in _nodes(path):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func).rpartition(".")[2]
            if name in ("setText", "setToolTip", "InputError", "tell", "errorDisplay", "addItem"):
                texts = [argument for argument in node.args if isinstance(argument, ast.Constant | ast.JoinedStr)]
                wrong += [f"{path.name}:{node.lineno}" for text in texts if getattr(text, "value", "x") != ""]
    assert wrong == []
