"""The rooms of both libraries as docs/architecture.md draws them, held against every import of every file."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = {
    "HepatoRenalIndexLib": ROOT / "HepatoRenalIndex" / "HepatoRenalIndexLib",
    "SteatosisEstimatorLib": ROOT / "SteatosisEstimator" / "SteatosisEstimatorLib",
}
FILES = sorted(file for library in LIBRARIES.values() for file in library.rglob("*.py"))
ROOMS = {
    name: {path.name for path in library.iterdir() if (path / "__init__.py").is_file()}
    for name, library in LIBRARIES.items()
}
MAXIMUM_LINES = 400

# Never imported when a module of the library is imported, only when a function is called: they are slow to
# load, or missing where the library still has to work (Slicer without PyTorch, a shell without Slicer).
INSIDE_FUNCTIONS = {
    "torch",
    "monai",
    "ignite",
    "safetensors",
    "torchvision",
    "captum",
    "slicer",
    "vtk",
    "sklearn",
    "matplotlib",
    "gdcm",
    "tqdm",
    "SimpleITK",
}

# What is written in torch or in Slicer's application. Nothing else may import it outside a function.
WRITTEN_IN_THEM = (
    "HepatoRenalIndexLib.inference.icnet",
    "HepatoRenalIndexLib.training",
    "HepatoRenalIndexLib.module",
    "SteatosisEstimatorLib.networks",
    "SteatosisEstimatorLib.module",
)

UNSAFE_MODULES = {"pickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}
UNSAFE_CALLS = {"eval", "exec", "compile", "os.system", "os.popen"}

PACKAGE_OF = {
    "pillow": "PIL",
    "scikit-learn": "sklearn",
    "simpleitk": "SimpleITK",
    "pytorchutils": "PyTorchUtils",
    "sampledata": "SampleData",
}


def _names(cell: str) -> set[str]:
    """The names in a cell of the table; what stands in parentheses is a remark."""
    names = re.split("[,;]", re.sub(r"\(.*?\)", "", cell))
    return {name.strip() for name in names} - {"", "-"}


def _table(library: str) -> dict[str, tuple[set[str], set[str]]]:
    """Room -> ("Library.room" of both libraries, outside packages) that it may import, as the document says."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## `{library}`\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    table: dict[str, tuple[set[str], set[str]]] = {}
    for room, *cells in re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|(?: (.*?) \|)?", section, re.MULTILINE):
        inside, *others, outside = cells[: 3 if library == "SteatosisEstimatorLib" else 2]
        rooms = set(table) if inside == "everything below" else _names(inside)
        allowed = {f"{library}.{name}" for name in rooms | {room}}
        for cell in others:
            below = ROOMS["HepatoRenalIndexLib"] if cell == "all" else _names(cell)
            allowed |= {f"HepatoRenalIndexLib.{name}" for name in below}
        table[room] = allowed, {PACKAGE_OF.get(name.lower(), name.lower()) for name in _names(outside)}
    return table


TABLE = {library: _table(library) for library in LIBRARIES}


def _library(file: Path) -> str:
    """The library that a file belongs to."""
    return next(name for name, folder in LIBRARIES.items() if file.is_relative_to(folder))


def _name(file: Path) -> str:
    """Dotted name of a file, from its library on."""
    library = _library(file)
    return ".".join((library, *file.relative_to(LIBRARIES[library]).with_suffix("").parts))


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _is_lazy(node: ast.AST) -> bool:
    """Functions, and blocks that only a type checker reads."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return True
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def _imports(file: Path):
    """``(line, dotted module, whether importing the file imports it)`` of every import; relative ones resolved."""
    tree = _tree(file)
    package = tuple(_name(file).split("."))[:-1]
    inside = {id(node) for body in ast.walk(tree) if _is_lazy(body) for node in ast.walk(body)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            modules = [f"{module}.{alias.name}" for alias in node.names]  # the name may be a room or a file
        else:
            continue
        for module in modules:
            yield node.lineno, module, id(node) not in inside


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_table_of_rooms_and_the_folders_are_the_same(library):
    assert sorted(TABLE[library]) == sorted(ROOMS[library])


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_a_file_imports_only_what_its_room_may(file):
    library = _library(file)
    if file == LIBRARIES[library] / "__init__.py":
        allowed, outside = set(), set()
    else:
        allowed, outside = TABLE[library][file.relative_to(LIBRARIES[library]).parts[0]]
    wrong = []
    for line, module, _ in _imports(file):
        top, *rest = module.split(".")
        if top in LIBRARIES:
            # rest is empty or no room in "from .. import __version__"
            right = not rest or rest[0] not in ROOMS[top] or f"{top}.{rest[0]}" in allowed
        else:
            right = top in sys.stdlib_module_names | outside
        if not right:
            wrong.append(f"{file.name}:{line} imports {module}")
    assert not wrong


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_heavy_packages_are_imported_inside_functions_only(file):
    if _name(file).startswith(WRITTEN_IN_THEM):
        return
    heavy = INSIDE_FUNCTIONS | set(WRITTEN_IN_THEM)
    wrong = [
        f"{file.name}:{line} imports {module}"
        for line, module, when_imported in _imports(file)
        if when_imported and any(f"{module}.".startswith(f"{name}.") for name in heavy)
    ]
    assert not wrong


def test_every_module_imports_where_neither_torch_nor_slicer_is_installed():
    """In a new interpreter that refuses the heavy packages, as in a Slicer without the PyTorch extension."""
    modules = [name for name in map(_name, FILES) if not name.startswith(WRITTEN_IN_THEM)]
    modules = [name for name in modules if not name.endswith(".__main__")]
    program = f"""
import importlib, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {sorted(INSIDE_FUNCTIONS)!r}:
            raise ModuleNotFoundError(f"{{name}} is not installed here")
sys.meta_path.insert(0, Refuse())
sys.path[:0] = {[str(folder.parent) for folder in LIBRARIES.values()]!r}
for name in {modules!r}:
    importlib.import_module(name.removesuffix(".__init__"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_a_file_is_short_enough_to_read(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MAXIMUM_LINES


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_nothing_that_could_run_code_from_a_file_is_used(file):
    """No unpickling, no eval of text, no shell: a model or an image from elsewhere must stay data."""
    wrong = [f"{file.name}:{line} imports {module}" for line, module, _ in _imports(file) if module in UNSAFE_MODULES]
    for node in ast.walk(_tree(file)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if (
            called in UNSAFE_CALLS
            or keywords.get("shell") == "True"
            or keywords.get("allow_pickle") == "True"
            or (called == "torch.load" and keywords.get("weights_only") != "True")
        ):
            wrong.append(f"{file.name}:{node.lineno} calls {called}")
    assert not wrong
