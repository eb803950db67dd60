"""What users install: the lock, the wheel, the Slicer package and the entry in the Extensions Index."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
MODULES = ("HepatoRenalIndex", "SteatosisEstimator")
PYTHONS = ("3.11", "3.12", "3.13")
# sys_platform, platform_machine, os_name, platform_system
PLATFORMS = {
    "Linux": ("linux", "x86_64", "posix", "Linux"),
    "Windows": ("win32", "AMD64", "nt", "Windows"),
    "macOS": ("darwin", "arm64", "posix", "Darwin"),
}


@cache
def _project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _wanted() -> list[Requirement]:
    """Everything pyproject.toml asks for: the project, its extras and the developer's tools."""
    project = _project()["project"]
    lists = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *_project()["dependency-groups"].values(),
    ]
    return [Requirement(text) for texts in lists for text in texts]


@cache
def _locked() -> list[tuple[str, Version, Marker | None, int]]:
    """``(name, version, marker, number of hashes)`` of every entry of the lock."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    entries = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        requirement = Requirement(line.split("--hash")[0].strip())
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        entries.append((requirement.name, Version(pin.version), requirement.marker, line.count("--hash=sha256:")))
    return entries


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_lock_holds_one_fitting_version_of_everything_that_is_asked_for(python, platform):
    sys_platform, machine, os_name, system = PLATFORMS[platform]
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": sys_platform,
        "platform_machine": machine,
        "os_name": os_name,
        "platform_system": system,
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    pinned: dict[str, list[Version]] = {}
    for name, version, marker, _ in _locked():
        if marker is None or marker.evaluate(environment):
            pinned.setdefault(canonicalize_name(name), []).append(version)
    assert [name for name, versions in pinned.items() if len(versions) > 1] == []
    for requirement in _wanted():
        if requirement.marker is None or requirement.marker.evaluate(environment):
            versions = pinned.get(canonicalize_name(requirement.name), [])
            assert versions and versions[0] in requirement.specifier, f"{requirement} is not met by {versions}"


def test_every_entry_of_the_locks_carries_a_hash():
    assert [name for name, _, _, hashes in _locked() if hashes == 0] == []
    assert "--hash=sha256:" in (ROOT / "bootstrap.lock").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["requirements.lock", "bootstrap.lock", "develop.py", "pyproject.toml", ".ci/run"])
def test_setting_up_names_no_package_index(name):
    """Packages come from the registry that the user's own configuration names."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|file:", text)


def _cmake_list(module: str, name: str) -> list[str]:
    text = (ROOT / module / "CMakeLists.txt").read_text(encoding="utf-8")
    (body,) = re.findall(rf"set\({name}\n(.*?)\n\s*\)", text, re.DOTALL)
    return [line.strip().replace("${MODULE_NAME}", module) for line in body.splitlines() if line.strip()]


def _tracked(module: str, folder: str = ".") -> set[str]:
    """Files below the module folder as they will be committed: without what git ignores."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder]
    done = subprocess.run(command, cwd=ROOT / module, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout, so that other files may lie about")
    return {line for line in done.stdout.splitlines() if (ROOT / module / line).is_file()}


@pytest.mark.parametrize("module", MODULES)
def test_cmake_installs_every_file_of_the_library(module):
    python = {name for name in _tracked(module, f"{module}Lib") if name.endswith(".py")}
    python |= {path.name for path in (ROOT / module).glob("*.py")}
    _assert_listed(module, "MODULE_PYTHON_SCRIPTS", python)


@pytest.mark.parametrize("module", MODULES)
def test_cmake_installs_every_resource(module):
    others = {name for name in _tracked(module, f"{module}Lib") if not name.endswith(".py")}
    _assert_listed(module, "MODULE_PYTHON_RESOURCES", _tracked(module, "Resources") | others)


def test_both_modules_work_from_the_one_folder_in_which_the_extension_installs_them(tmp_path):
    """All files of all modules go into qt-scripted-modules: two of the same name would be one of them."""
    listed = [
        (module, name)
        for module in MODULES
        for name in _cmake_list(module, "MODULE_PYTHON_SCRIPTS") + _cmake_list(module, "MODULE_PYTHON_RESOURCES")
    ]
    assert len({name for _module, name in listed}) == len(listed)
    for module, name in listed:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / module / name, tmp_path / name)
    program = """
import sys
sys.path.insert(0, sys.argv[1])
from HepatoRenalIndexLib.inference.bundle import default_bundle
from SteatosisEstimatorLib.bundles.loading import available_models, read_card
assert default_bundle().parents[2].samefile(sys.argv[1]), default_bundle()
assert available_models() == ("LiverKidneyFat",), available_models()
assert read_card().name == "LiverKidneyFat"
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _assert_listed(module: str, variable: str, files: set[str]) -> None:
    listed = _cmake_list(module, variable)
    assert sorted(files - set(listed)) == [], f"add these to {variable}"
    assert sorted(set(listed) - files) == [], f"remove these from {variable}"
    assert len(set(listed)) == len(listed)


def test_cmake_builds_every_module():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert re.findall(r"add_subdirectory\((\w+)\)", text) == list(MODULES)


def test_the_wheel_holds_the_libraries_the_models_and_the_samples(tmp_path):
    pytest.importorskip("hatchling", reason="the build backend is not installed")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for module in MODULES:
        python = {name for name in _tracked(module, f"{module}Lib") if name.endswith(".py")}
        resources = {name for name in _tracked(module, "Resources") if name.split("/")[1] in ("Models", "SampleData")}
        assert sorted(python - names) == []
        assert sorted({f"{module}Lib/{name}" for name in resources} - names) == []
    assert not [name for name in names if "Testing" in name]


def _cmake_text(name: str) -> str:
    """A variable as the Extensions Index reads it: one literal in quotes."""
    (value,) = re.findall(
        rf'^set\({name} "([^"]*)"\)$', (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    return value


def test_the_index_entry_keeps_to_its_schema():
    data = (ROOT / "LiverUltrasound.json").read_bytes()
    assert b"\r" not in data
    entry = json.loads(data)
    types = {
        "$schema": str,
        "category": str,
        "scm_url": str,
        "scm_revision": str,
        "scm_type": str,
        "build_dependencies": list,
        "dicom_support_rule": str,
        "build_subdirectory": str,
        "enabled": bool,
        "tier": int,
    }
    assert {"$schema", "category", "scm_url"} <= set(entry) <= set(types)
    assert all(isinstance(value, types[key]) for key, value in entry.items())
    assert entry["$schema"].endswith("/slicer-extension-catalog-entry-schema-v1.0.2.json#")
    assert entry["category"] in {"Ultrasound", "Quantification"}
    assert re.fullmatch(r"https://\S+\.git", entry["scm_url"])
    assert 1 <= entry.get("tier", 1) <= 5


def test_index_entry_and_cmake_agree():
    entry = json.loads((ROOT / "LiverUltrasound.json").read_text(encoding="utf-8"))
    assert _cmake_text("EXTENSION_DEPENDS").split() == entry["build_dependencies"]
    assert "project(LiverUltrasound)" in (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    repository = entry["scm_url"].removesuffix(".git")
    assert _cmake_text("EXTENSION_HOMEPAGE") == repository
    assert re.fullmatch(r"Slicer[-_]?LiverUltrasound", repository.rpartition("/")[2])


@pytest.mark.parametrize("name", ["EXTENSION_ICONURL", "EXTENSION_SCREENSHOTURLS"])
def test_pictures_of_the_index_entry_are_files_of_the_project(name):
    from PIL import Image

    for url in _cmake_text(name).split():
        path = ROOT / url.partition("/main/")[2]
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            if name == "EXTENSION_ICONURL":
                assert picture.size == (128, 128)


def test_the_description_says_what_it_is_not_for_and_names_the_patents():
    description = _cmake_text("EXTENSION_DESCRIPTION")
    assert "research use only" in description.lower()
    for patent in ("US20220237798A1", "US11455720", "US6656121"):
        assert patent in description


def test_model_files_and_the_checkout_stay_small():
    sizes = {
        f"{module}/{name}": (ROOT / module / name).stat().st_size for module in MODULES for name in _tracked(module)
    }
    assert sum(size for name, size in sizes.items() if "Resources/Models" in name) <= 20 * 2**20
    assert sum(sizes.values()) < 60 * 2**20


def test_the_version_is_the_same_everywhere():
    version = re.search(
        r'__version__ = "(.*)"', (ROOT / MODULES[0] / "HepatoRenalIndexLib" / "__init__.py").read_text()
    ).group(1)
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (\S+)$", citation, re.MULTILINE).group(1) == version
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
