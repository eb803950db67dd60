"""The module opened in a stand-in for the application; this folder's own drawings and cases are imported by name."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def scene():
    """A scene without the application."""
    from HepatoRenalIndexLib.scene import runtime

    started = runtime.start()
    yield started.scene
    started.scene.Clear(0)


@pytest.fixture
def application(scene):
    from desktop_double import API_FILE, Application

    if not API_FILE.is_file():
        pytest.skip("the list of the application's widget classes is absent")
    scene.Clear(0)
    with Application(scene) as running:
        yield running


@pytest.fixture
def main(application):
    """The module's main file, as the application imports it."""
    from desktop_double import MODULE, main_file

    return main_file(MODULE)


@pytest.fixture
def opened(application, main):
    """The module opened by the user: its widget object."""
    from desktop_double import opened_widget

    with opened_widget(application, main.HepatoRenalIndexWidget) as widget:
        yield widget


@pytest.fixture
def session(scene):
    """The module's logic on an empty scene, scheduled as by an event loop."""
    import slicer_double

    slicer_double.install()
    from module_session import Session

    scene.Clear(0)
    made = Session(scene)
    yield made
    made.logic.close()
    scene.Clear(0)


@pytest.fixture
def measured(session):
    """The sample of a sector probe, measured."""
    from HepatoRenalIndexLib.module.selfTest import sampleMasks

    session.load("sector")
    session.measure([sampleMasks("sector")])
    return session


@pytest.fixture
def clip(session):
    """The sample clip, all frames measured."""
    from module_session import clip_masks

    session.load("clip")
    session.measure(clip_masks())
    return session
