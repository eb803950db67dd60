"""The module's .ui file and source against the application's API; see module_contract of the other module."""

from __future__ import annotations

import pytest
import steatosis_double
from module_contract import *  # noqa: F403


@pytest.fixture(scope="module")
def module():
    return steatosis_double.MODULE
