"""The README says what the software does: columns, options, commands, files and links."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from HepatoRenalIndexLib.commands.main import make_parser
from HepatoRenalIndexLib.measurement.columns import COLUMNS
from HepatoRenalIndexLib.measurement.registry import PLACEMENTS
from SteatosisEstimatorLib.cohort.vocabulary import View
from SteatosisEstimatorLib.commands.main import fat_commands
from SteatosisEstimatorLib.estimation.tables import ESTIMATE_COLUMNS
from SteatosisEstimatorLib.recipes.registry import RECIPES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def columns_table() -> str:
    """The table of the README, from the columns themselves."""
    rows = [
        f"| `{column.name}` | {f'`{column.unit}`' if column.unit else ''} | {column.description} |"
        for column in COLUMNS
    ]
    return "\n".join(["| column | unit | meaning |", "|---|---|---|", *rows])


def test_the_table_of_columns_is_that_of_the_software():
    table = re.search(r"<!-- columns: begin -->\n(.*?)\n?<!-- columns: end -->", README, re.DOTALL).group(1)
    assert table == columns_table(), f"put this into README.md:\n{columns_table()}"


def _commands() -> dict:
    (subparsers,) = (
        action for action in make_parser(fat_commands())._actions if action.choices and "measure" in action.choices
    )
    return subparsers.choices


def test_every_command_and_every_option_of_measure_is_explained():
    for name in _commands():
        assert f"`liver-ultrasound {name}" in README
    options = [option for action in _commands()["measure"]._actions for option in action.option_strings]
    for option in options:
        if option.startswith("--") and option != "--help":
            assert f"{option} " in README or f"{option}`" in README, option


def test_the_placements_are_named():
    for name in PLACEMENTS:
        assert f"`{name}`" in README


def test_the_recipes_the_views_and_the_columns_of_an_estimate_are_named():
    for name in (*RECIPES, *(view.value for view in View), *ESTIMATE_COLUMNS):
        assert f"`{name}`" in README, name


def test_links_and_pictures_lead_to_files():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).is_file(), target


def test_the_python_examples_name_what_exists():
    """Every import of the examples works."""
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                module = __import__(node.module, fromlist=["_"])
                for alias in node.names:
                    assert hasattr(module, alias.name), f"{node.module}.{alias.name}"
