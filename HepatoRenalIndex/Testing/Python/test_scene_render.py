"""The slice view as a picture, drawn in a child process."""

from __future__ import annotations

import numpy as np
import pytest
from HepatoRenalIndexLib.imaging.image import InputError
from HepatoRenalIndexLib.scene import render, rois, runtime, segmentation, study
from PIL import Image
from scene_case import SHAPE, make_error, make_result

pytest.importorskip("slicer", reason="slicer-core is not installed")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """A measured frame, and a clip that starts at a frame without a measurement."""
    folder = tmp_path_factory.mktemp("scenes")
    scene = runtime.start().scene
    for name, results in (("frame", [make_result()]), ("clip", [make_error(0, 2), make_result(1, 2)])):
        study.build_case_scene(scene, name, results)
        study.save_mrb(scene, folder / f"{name}.mrb")
        study.clear(scene)
    return folder


def test_drawing_leaves_nothing_among_the_temporary_files(scenes, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    for variable in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(variable, str(temporary))
    monkeypatch.setattr(render.tempfile, "tempdir", str(temporary))
    render.render_scenes([(scenes / "clip.mrb", tmp_path / "clip.png")])
    assert list(temporary.iterdir()) == []


def near(pixels: np.ndarray, color: tuple[float, float, float]) -> np.ndarray:
    """Where a picture has about that color (RGB 0..1)."""
    return (np.abs(pixels.astype(float) - np.array(color) * 255) < 40).all(axis=2)


def test_pictures_show_outlines_rois_and_texts_where_they_belong(scenes, tmp_path):
    jobs = [(scenes / "frame.mrb", tmp_path / "frame.png"), (scenes / "clip.mrb", tmp_path / "clip.png")]
    messages = render.render_scenes([*jobs, (scenes / "none.mrb", tmp_path / "none.png")])
    if messages[0] == render.NO_GL:
        pytest.skip("no OpenGL library works here")
    assert messages[:2] == ["", ""]
    assert "none.mrb could not be read" in messages[2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.png", "frame.png"]

    picture = np.asarray(Image.open(tmp_path / "frame.png").convert("RGB"))
    scale = 1100 / SHAPE[1]  # picture pixels per image pixel, across
    down = scale * 0.46 / 0.4512
    top = (picture.shape[0] - SHAPE[0] * down) / 2
    result = make_result()
    for name, statistics in (("Liver ROI", result.measurement.liver), ("Kidney ROI", result.measurement.kidney)):
        y, x = np.nonzero(near(picture, rois.ROI_COLORS[name]))
        roi = statistics.roi
        assert (x.min(), x.max()) == pytest.approx((roi.left * scale, (roi.left + roi.width) * scale), abs=4)
        assert y.max() == pytest.approx(top + (roi.top + roi.height) * down, abs=4)
    for organ, mask in (
        (segmentation.LIVER, result.masks.liver),
        (segmentation.RIGHT_KIDNEY, result.masks.right_kidney),
    ):
        y, x = np.nonzero(near(picture, organ.color))
        rows, columns = np.nonzero(mask)
        assert x.min() == pytest.approx(columns.min() * scale, abs=6)
        assert x.max() == pytest.approx((columns.max() + 1) * scale, abs=6)
        assert y.max() == pytest.approx(top + (rows.max() + 1) * down, abs=6)
    band = picture[: int(top) - 2]
    assert (band[:, :300] > 200).any(), "no text in the upper left corner"
    assert (band[:, -300:] > 200).any(), "no flags in the upper right corner"

    clip = np.asarray(Image.open(tmp_path / "clip.png").convert("RGB"))
    assert not near(clip, rois.ROI_COLORS["Liver ROI"]).any()


@pytest.mark.parametrize("backend", [{"VTK_DEFAULT_OPENGL_WINDOW": "vtkOSOpenGLRenderWindow", "DISPLAY": None}])
def test_without_a_gl_library_a_sentence_comes_instead_of_a_picture(scenes, tmp_path, monkeypatch, backend):
    backend = {**backend, "VTK_OSMESA_LIBRARY": "none", "LD_LIBRARY_PATH": str(tmp_path)}
    monkeypatch.setattr(render, "_gl_backends", lambda: [backend])
    messages = render.render_scenes([(scenes / "frame.mrb", tmp_path / "frame.png")] * 2)
    if messages[0] == "":
        pytest.skip("OSMesa is installed")
    assert messages == [render.NO_GL] * 2
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="no OpenGL library"):
        render.render_scene(scenes / "frame.mrb", tmp_path / "frame.png")


def test_a_child_that_cannot_start_is_no_matter_of_gl(scenes, tmp_path, monkeypatch):
    monkeypatch.setattr(render.sys, "executable", str(tmp_path / "no-python"))
    assert render.render_scenes([(scenes / "frame.mrb", tmp_path / "a.png")]) == [render.NOT_STARTED]


def test_a_child_that_dies_in_one_picture_draws_the_others(scenes, tmp_path, monkeypatch):
    good, bad = (scenes / "frame.mrb", tmp_path / "a.png"), (scenes / "clip.mrb", tmp_path / "b.png")
    real = render._run_child

    def dying(jobs, backend):
        """The real child, whose process ends when it comes to the bad job."""
        if bad not in jobs:
            return real(jobs, backend)
        position = list(jobs).index(bad)
        child = real(jobs[:position], backend) if position else render._Child(started=True, ready=True)
        child.begun = position
        return child

    if render.render_scenes([good]) != [""]:
        pytest.skip("no OpenGL library works here")
    monkeypatch.setattr(render, "_run_child", dying)
    messages = render.render_scenes([good, bad, (good[0], tmp_path / "c.png")])
    assert messages[0] == messages[2] == ""
    assert "ended unexpectedly" in messages[1]
