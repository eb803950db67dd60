"""The rooms of the library as docs/architecture.md draws them, held against every import of every file."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "HepatoRenalIndex" / "HepatoRenalIndexLib"
FILES = sorted(LIBRARY.rglob("*.py"))
ROOMS = sorted(path.name for path in LIBRARY.iterdir() if (path / "__init__.py").is_file())
MAXIMUM_LINES = 400

# Never imported when a module of the library is imported, only when a function is called: they are slow to
# load, or missing where the library still has to work (Slicer without PyTorch, a shell without Slicer).
INSIDE_FUNCTIONS = {
    "torch",
    "monai",
    "ignite",
    "safetensors",
    "slicer",
    "vtk",
    "sklearn",
    "matplotlib",
    "gdcm",
    "tqdm",
    "SimpleITK",
}

# What is written in torch or in Slicer's application. Nothing else may import it outside a function.
WRITTEN_IN_THEM = ("inference.icnet", "training", "module")

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


def _table() -> dict[str, tuple[set[str], set[str]]]:
    """Room -> (rooms, outside packages) that it may import, as docs/architecture.md says."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table: dict[str, tuple[set[str], set[str]]] = {}
    for room, inside, outside in re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|", text, re.MULTILINE):
        rooms = set(table) if inside == "everything below" else _names(inside)
        table[room] = rooms, {PACKAGE_OF.get(name.lower(), name.lower()) for name in _names(outside)}
    return table


TABLE = _table()


def _name(file: Path) -> str:
    """Dotted name of a file inside the library."""
    return ".".join(file.relative_to(LIBRARY).with_suffix("").parts)


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
    package = ("HepatoRenalIndexLib", *file.relative_to(LIBRARY).parts[:-1])
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


def test_the_table_of_rooms_and_the_folders_are_the_same():
    assert sorted(TABLE) == ROOMS


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_a_file_imports_only_what_its_room_may(file):
    if file == LIBRARY / "__init__.py":
        assert [module for _, module, _ in _imports(file)] == []
        return
    room = file.relative_to(LIBRARY).parts[0]
    rooms, outside = TABLE[room]
    wrong = []
    for line, module, _ in _imports(file):
        top, *rest = module.split(".")
        if top == "HepatoRenalIndexLib":  # rest is empty or no room in "from .. import __version__"
            allowed = not rest or rest[0] not in ROOMS or rest[0] in rooms | {room}
        else:
            allowed = top in sys.stdlib_module_names | outside
        if not allowed:
            wrong.append(f"{file.name}:{line} imports {module}")
    assert not wrong


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_heavy_packages_are_imported_inside_functions_only(file):
    if _name(file).startswith(WRITTEN_IN_THEM):
        return
    heavy = INSIDE_FUNCTIONS | {f"HepatoRenalIndexLib.{name}" for name in WRITTEN_IN_THEM}
    wrong = [
        f"{file.name}:{line} imports {module}"
        for line, module, when_imported in _imports(file)
        if when_imported and any(f"{module}.".startswith(f"{name}.") for name in heavy)
    ]
    assert not wrong


def test_every_module_imports_where_neither_torch_nor_slicer_is_installed():
    """In a new interpreter that refuses the heavy packages, as in a Slicer without the PyTorch extension."""
    names = [_name(file) for file in FILES if not _name(file).startswith((*WRITTEN_IN_THEM, "commands.__main__"))]
    modules = [f"HepatoRenalIndexLib.{name}" for name in names]
    program = f"""
import importlib, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {sorted(INSIDE_FUNCTIONS)!r}:
            raise ModuleNotFoundError(f"{{name}} is not installed here")
sys.meta_path.insert(0, Refuse())
sys.path.insert(0, {str(LIBRARY.parent)!r})
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
