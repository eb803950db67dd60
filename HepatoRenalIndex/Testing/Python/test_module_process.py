"""The measuring process of the module: really started, really canceled."""

from __future__ import annotations

import csv
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import slicer_double

slicer_double.install()
slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from HepatoRenalIndexLib.commands.job import JOB_NAME  # noqa: E402
from HepatoRenalIndexLib.imaging.image import InputError  # noqa: E402
from HepatoRenalIndexLib.module.console import ConsoleLogic  # noqa: E402
from HepatoRenalIndexLib.module.installing import Installer  # noqa: E402
from HepatoRenalIndexLib.module.process import JobProcess  # noqa: E402
from HepatoRenalIndexLib.module.sampleData import SAMPLE_FOLDER, SAMPLES  # noqa: E402
from HepatoRenalIndexLib.scene import runtime  # noqa: E402

needs_network = pytest.mark.skipif(bool(Installer().missing()), reason="the network's packages are not installed")
SECONDS = 60


class Launcher:
    """As ``slicer.util.launchConsoleProcess`` without an event loop: :meth:`wait` calls back in this thread.

    ``through`` is a command line in front of the program, as the application's Python is started by a launcher.
    """

    def __init__(self, through: tuple[str, ...] = ()):
        self._through = through
        self._events: queue.Queue = queue.Queue()
        self.process: subprocess.Popen | None = None

    def __call__(self, arguments, blocking=True, logCallback=None, completedCallback=None, **options):
        assert not blocking
        assert options.pop("useStartupEnvironment") is False
        import os

        environment = {**os.environ, **options.pop("updateEnvironment")}
        self.process = subprocess.Popen(
            [*self._through, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            **options,
        )  # fmt: skip
        threading.Thread(target=self._read, args=(self.process, logCallback, completedCallback), daemon=True).start()
        return self.process

    def _read(self, process, logCallback, completedCallback) -> None:
        for line in process.stdout:
            self._events.put((logCallback, line.rstrip()))
        self._events.put((completedCallback, process.wait()))

    def wait(self, until) -> None:
        """Call back until ``until()`` is true."""
        end = time.monotonic() + SECONDS
        while not until():
            assert time.monotonic() < end, "took too long"
            try:
                callback, value = self._events.get(timeout=0.1)
            except queue.Empty:
                continue
            callback(value)


def _is_running(folder: Path) -> bool:
    """Whether a process was started for the job in this folder."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(folder).encode() in (entry / "cmdline").read_bytes():
                return True
        except OSError:
            continue
    return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
@pytest.mark.parametrize("through", [(), (sys.executable, "-c", "import subprocess,sys;subprocess.call(sys.argv[1:])")])
def test_cancel_ends_the_process_even_behind_a_launcher(through):
    launcher = Launcher(through)
    job = JobProcess(launcher)
    heard = []
    for signal in (job.succeeded, job.failed):
        signal.connect(heard.append)
    # A job whose frames never come: it waits for a file that is not there only after torch is imported.
    job.start("segment", {"frames": [], "settings": {}, "device": "cpu", "model": None})
    folder = job._folder
    end = time.monotonic() + SECONDS
    while not _is_running(folder):
        assert time.monotonic() < end
        time.sleep(0.02)
    job.cancel()
    assert not job.isRunning
    while _is_running(folder):
        assert time.monotonic() < end, "the process outlives its cancel"
        time.sleep(0.05)
    assert not folder.exists()
    assert heard == []


def test_a_process_that_dies_is_a_sentence():
    launcher = Launcher()
    job = JobProcess(launcher)
    sentences = []
    job.failed.connect(sentences.append)
    job.start("no_such_work", {})
    folder = job._folder
    launcher.wait(lambda: sentences)
    assert "ended unexpectedly" in sentences[0]
    assert not job.isRunning
    assert not folder.exists()


_OWN_PATHS = "import os,subprocess,sys;os.environ['PYTHONPATH']='/nowhere';sys.exit(subprocess.call(sys.argv[1:]))"


def test_the_libraries_are_found_behind_a_launcher_with_search_paths_of_its_own(tmp_path):
    library = tmp_path / "OtherLib" / "commands"
    library.mkdir(parents=True)
    (library / "work.py").write_text("import sys, HepatoRenalIndexLib; print(len(sys.argv), __name__)")
    launcher = Launcher((sys.executable, "-c", _OWN_PATHS))
    job = JobProcess(launcher, "OtherLib", [tmp_path])
    lines, ended = [], []
    job.logged.connect(lines.append)
    for signal in (job.succeeded, job.failed):
        signal.connect(ended.append)
    job.start("work", {})
    launcher.wait(lambda: ended)
    assert lines == ["2 __main__"]
    assert isinstance(ended[0], Path)


def test_a_wrong_model_is_a_sentence_of_the_library(tmp_path):
    launcher = Launcher()
    job = JobProcess(launcher)
    sentences = []
    job.failed.connect(sentences.append)
    model = tmp_path / "nothing"
    model.mkdir()
    settings = {"placement": "representative", "roi_mm": 15.0, "user_spacing_mm": None}
    files = {"frames.npz": _no_frames()}
    job.start("segment", {"frames": [], "settings": settings, "device": "cpu", "model": str(model)}, files)
    launcher.wait(lambda: sentences)
    assert "not a MONAI bundle" in sentences[0]


def _no_frames() -> bytes:
    import numpy as np
    from HepatoRenalIndexLib.commands.segment import packed

    return packed(pixels=np.zeros((0, 32, 32), np.uint8), color=np.zeros((0, 32, 32), bool))


def test_a_second_start_is_refused_while_one_runs():
    job = JobProcess(Launcher())
    job.start("segment", {"frames": [], "settings": {}, "device": "cpu", "model": None})
    with pytest.raises(InputError, match="running"):
        job.start("segment", {})
    job.cancel()


def test_a_job_that_cannot_be_started_is_a_sentence_and_leaves_nothing():
    def launch(arguments, **options):
        raise FileNotFoundError(2, "No such file")

    job = JobProcess(launch)
    with pytest.raises(InputError, match="could not be started"):
        job.start("segment", {})
    assert not job.isRunning


@pytest.fixture
def logic():
    started = runtime.start()
    scene = started.scene
    made = ConsoleLogic(scene, lambda: slicer_double.Parameters(scene))
    made._started = started
    yield made
    made.close()
    scene.Clear(0)


@needs_network
def test_a_clip_is_measured_out_of_process_with_progress(logic):
    shares = []
    logic.progressed.connect(lambda share, text: shares.append(share))
    volume = logic.loadSample("clip")
    rows = logic.measureVolume(volume)
    assert [row["status"] for row in rows] == ["ok"] * 12
    assert all(row["model_sha256"] for row in rows)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert logic.shown.result.measurement.hri == pytest.approx(float(rows[0]["hri"]), abs=1e-4)
    assert logic.shown.state.model.name == rows[0]["model"]
    assert not logic.shown.state.liver.manual


@needs_network
def test_a_folder_is_measured_from_the_console(logic, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    for name in ("sector", "no_kidney"):
        (source / f"{name}.dcm").write_bytes((SAMPLE_FOLDER / SAMPLES[name].fileName).read_bytes())
    path = logic.measureFiles([source], tmp_path / "out")
    with path.open(encoding="utf-8", newline="") as file:
        rows = {row["source"]: row for row in csv.DictReader(file)}
    assert rows["sector.dcm"]["status"] == "ok"
    assert (tmp_path / "out" / "sector" / "overlay.png").is_file()
    assert (rows["no_kidney.dcm"]["status"], rows["no_kidney.dcm"]["hri"]) == ("error", "")
    assert "right kidney" in rows["no_kidney.dcm"]["message"]


def test_a_job_that_cannot_write_says_so(tmp_path, capsys):
    from HepatoRenalIndexLib.commands.job import run_job

    (tmp_path / JOB_NAME).write_text("{}", encoding="utf-8")
    assert run_job([str(tmp_path)], lambda folder, job: (tmp_path / JOB_NAME / "study").mkdir()) == 1
    assert "check space and permission" in capsys.readouterr().out


def test_a_job_ends_by_itself_when_its_file_is_gone(tmp_path):
    """Also without any signal, as when the application has crashed."""
    (tmp_path / JOB_NAME).write_text("{}", encoding="utf-8")
    library = str(Path(__file__).resolve().parents[2])
    code = "import time;from HepatoRenalIndexLib.commands.job import run_job;run_job({!r},lambda f,j:time.sleep(60))"
    process = subprocess.Popen([sys.executable, "-c", code.format([str(tmp_path)])], cwd=library)
    time.sleep(0.3)
    assert process.poll() is None
    (tmp_path / JOB_NAME).unlink()
    assert process.wait(SECONDS) != 0
