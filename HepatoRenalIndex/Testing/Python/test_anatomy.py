"""Shapes that can and cannot be a right kidney beside a liver."""

import numpy as np
import pytest
from HepatoRenalIndexLib.geometry.spacing import Calibration, SpacingSource
from HepatoRenalIndexLib.measurement.anatomy import implausible_kidney, kidney_shape
from HepatoRenalIndexLib.measurement.organs import OrganMasks

Y, X = np.mgrid[:400, :500]
HALF_MM = Calibration(SpacingSource.USER, 0.5, 0.5)


def ellipse(x, y, length, width, angle=0.0):
    u = (X - x) * np.cos(angle) + (Y - y) * np.sin(angle)
    v = (Y - y) * np.cos(angle) - (X - x) * np.sin(angle)
    return (2 * u / length) ** 2 + (2 * v / width) ** 2 < 1


LIVER = ellipse(260, 110, 360, 160)


def doubts(kidney, calibration=HALF_MM):
    return implausible_kidney(OrganMasks(LIVER & ~kidney, kidney), 30, calibration)


@pytest.mark.parametrize("angle", [0.0, 0.5, -1.2])
def test_the_axes_of_an_ellipse_are_recovered_at_any_angle(angle):
    shape = kidney_shape(ellipse(250, 200, 200, 90, angle))
    assert shape.length_px == pytest.approx(200, rel=0.02)
    assert shape.width_px == pytest.approx(90, rel=0.03)
    assert shape.ellipse_dice > 0.97


def test_pixels_that_are_not_square_do_not_change_the_shape_in_mm():
    flat = ellipse(250, 200, 200, 90)[::2]
    shape = kidney_shape(flat, aspect=2.0)
    assert shape.length_px == pytest.approx(200, rel=0.02)
    assert shape.width_px == pytest.approx(90, rel=0.04)


@pytest.mark.parametrize("angle", [0.0, 0.4, -0.4])
def test_an_ordinary_kidney_below_the_liver_raises_no_doubt(angle):
    assert doubts(ellipse(220, 250, 200, 95, angle)) == ()


def test_a_kidney_cut_by_the_border_of_the_scan_raises_no_doubt():
    assert doubts(ellipse(140, 250, 200, 95) & (X > 130)) == ()


def test_a_crescent_is_not_a_kidney():
    crescent = ellipse(220, 250, 220, 120) & ~ellipse(220, 225, 240, 120)
    assert "no ellipse" in doubts(crescent)[0]


def test_an_object_of_the_wrong_size_is_not_a_kidney():
    assert "mm" in doubts(ellipse(220, 225, 60, 30))[0]
    assert "mm" in doubts(ellipse(220, 290, 390, 180))[0]


def test_size_is_not_judged_without_calibration():
    assert doubts(ellipse(220, 215, 60, 40), Calibration(SpacingSource.NONE)) == ()


def test_an_object_far_from_the_liver_is_not_a_kidney_beside_it():
    assert "away" in doubts(ellipse(220, 330, 160, 80))[0]
