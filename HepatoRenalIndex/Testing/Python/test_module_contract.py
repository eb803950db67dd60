"""The module's .ui file and source against the application's API; see module_contract."""

from __future__ import annotations

import pytest
from module_contract import *  # noqa: F403
from slicer_double import HEPATORENAL_INDEX


@pytest.fixture(scope="module")
def module():
    return HEPATORENAL_INDEX
