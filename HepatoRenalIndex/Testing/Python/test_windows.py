import numpy as np
import pytest
from HepatoRenalIndexLib.measurement.windows import window_share, window_statistics


@pytest.mark.parametrize(("height", "width"), [(5, 5), (4, 7), (1, 1), (20, 30)])
def test_window_statistics_are_those_of_every_window_taken_one_by_one(height, width):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (height, width)).astype(float)
    found = window_statistics(pixels, height, width)
    np.testing.assert_allclose(found.mean, windows.mean((2, 3)), atol=1e-9)
    np.testing.assert_allclose(found.variance, windows.var((2, 3)), atol=1e-7)
    np.testing.assert_allclose(found.variation_about(90.0), ((windows - 90.0) ** 2).mean((2, 3)), atol=1e-6)


def test_window_share_is_one_only_where_the_whole_window_is_in_the_mask():
    mask = np.zeros((12, 12), bool)
    mask[2:8, 3:9] = True
    share = window_share(mask, 3, 3)
    expected = np.zeros_like(share, bool)
    expected[2:6, 3:7] = True
    np.testing.assert_array_equal(share > 1 - 1e-9, expected)
