"""Grad-CAM, CAM and SHAP: they point at what decides, in the geometry of the source image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from HepatoRenalIndexLib.geometry.scan import ProbeShape, ScanGeometry
from HepatoRenalIndexLib.imaging.image import InputError, Provenance, UltrasoundImage
from SteatosisEstimatorLib.cohort.vocabulary import View
from SteatosisEstimatorLib.explanation.maps import explain
from SteatosisEstimatorLib.explanation.picture import overlay
from SteatosisEstimatorLib.explanation.target import ExplanationInput, ExplanationTarget
from SteatosisEstimatorLib.frames.crop import Crop, resize
from SteatosisEstimatorLib.frames.frame import Frame

ROWS, COLUMNS = 90, 120
CROP = Crop(20, 10, 100, 90)
BRIGHT = slice(30, 46), slice(64, 80)  # where the only echo lies, in the source image


class Pooled(torch.nn.Module):
    """One convolution, global average pooling, one linear layer."""

    def __init__(self):
        super().__init__()
        self.convolution = torch.nn.Conv2d(1, 2, 3, padding=1)
        self.linear = torch.nn.Linear(2, 1)
        with torch.no_grad():
            self.convolution.weight.zero_()
            self.convolution.weight[0, 0, 1, 1] = 1.0  # what is bright
            self.convolution.weight[1, 0, 1, 1] = -1.0  # what is dark
            self.convolution.bias.zero_()
            self.linear.weight.copy_(torch.tensor([[2.0, 0.5]]))

    def forward(self, image):
        return self.linear(torch.relu(self.convolution(image)).mean(dim=(2, 3)))


class TwoBranches(torch.nn.Module):
    """Three times the first branch minus the second."""

    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Conv2d(1, 1, 1, bias=False), torch.nn.Conv2d(1, 1, 1, bias=False)
        torch.nn.init.ones_(self.first.weight), torch.nn.init.ones_(self.second.weight)

    def forward(self, one, other):
        return (3 * self.first(one).mean(dim=(2, 3))) - self.second(other).mean(dim=(2, 3))


def _frame(view=View.LIVER) -> Frame:
    pixels = np.zeros((ROWS, COLUMNS), np.uint8)
    pixels[BRIGHT] = 200
    mask = np.zeros(pixels.shape, bool)
    mask[12:88, 22:98] = True
    image = UltrasoundImage(pixels, Provenance("a.png"))
    return Frame(view, "a.png", 0, 1, image, ScanGeometry(ProbeShape.LINEAR, mask))


def _input(layer: str, view=View.LIVER) -> ExplanationInput:
    frame = _frame(view)
    tensor = torch.from_numpy(resize(CROP.cut(frame.image.pixels), (40, 40)))[None, None] / 255
    return ExplanationInput(frame, CROP, tensor, layer)


@pytest.fixture
def target() -> ExplanationTarget:
    network = Pooled().eval()
    weights = network.linear.weight.detach().numpy()
    return ExplanationTarget(network, (_input("convolution"),), "fat_percent", True, weights)


@pytest.mark.parametrize("method", ["grad-cam", "cam", "shap"])
def test_a_map_lies_on_the_tissue_that_decides(target, method):
    (found,) = explain(target, method)
    assert found.values.shape == (ROWS, COLUMNS)
    assert found.values.dtype == np.float32
    row, column = np.unravel_index(found.values.argmax(), found.values.shape)
    assert BRIGHT[0].start <= row < BRIGHT[0].stop
    assert BRIGHT[1].start <= column < BRIGHT[1].stop
    inside = found.values[BRIGHT].sum()
    assert inside > 0.8 * np.abs(found.values).sum()


def test_shap_values_add_up_to_what_the_image_adds(target):
    (found,) = explain(target, "shap", samples=8)
    tensor = target.inputs[0].tensor
    with torch.no_grad():
        adds = float(target.network(tensor) - target.network(torch.zeros_like(tensor)))
    assert found.values.sum() == pytest.approx(adds, rel=0.02)


def test_shap_tells_for_from_against():
    target = ExplanationTarget(
        TwoBranches().eval(), (_input("first"), _input("second", View.KIDNEY_LIVER)), "fat_percent"
    )
    first, second = explain(target, "shap", samples=4)
    assert first.view is View.LIVER and second.view is View.KIDNEY_LIVER
    assert first.values.sum() == pytest.approx(-3 * second.values.sum(), rel=1e-3)
    assert second.values.min() < 0


def test_grad_cam_shows_nothing_where_the_evidence_is_against_fat():
    target = ExplanationTarget(
        TwoBranches().eval(), (_input("first"), _input("second", View.KIDNEY_LIVER)), "fat_percent"
    )
    first, second = explain(target, "grad-cam")
    assert first.values.max() > 0
    assert second.values.max() == 0
    assert (second.scaled == 0).all()


def test_explaining_twice_gives_the_same_map_and_leaves_the_generators_alone(target):
    torch.manual_seed(1)
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    (one,), (two,) = explain(target, "shap", seed=3), explain(target, "shap", seed=3)
    assert np.array_equal(one.values, two.values)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_nothing_lies_outside_of_the_scan(target):
    for method in ("grad-cam", "cam", "shap"):
        (found,) = explain(target, method)
        assert (found.values[~target.inputs[0].frame.geometry.mask] == 0).all()


def test_a_class_activation_map_of_another_network_is_refused():
    target = ExplanationTarget(TwoBranches().eval(), (_input("first"), _input("second")), "fat_percent")
    with pytest.raises(InputError, match="grad-cam"):
        explain(target, "cam")


def test_an_unknown_method_is_refused(target):
    with pytest.raises(InputError, match="grad-cam, cam, shap"):
        explain(target, "tea-leaves")


def test_the_overlay_colors_only_where_the_map_says_something(target):
    (found,) = explain(target, "cam")
    pixels = target.inputs[0].frame.image.pixels
    picture = overlay(pixels, found.scaled)
    empty = found.values == 0
    assert (picture[empty] == pixels[empty][:, None]).all()
    assert (np.ptp(picture[BRIGHT].reshape(-1, 3).astype(int), axis=1) > 30).mean() > 0.8
