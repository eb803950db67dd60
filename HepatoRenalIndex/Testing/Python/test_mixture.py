"""The mixture on the histogram against scikit-learn's on the pixels."""

import numpy as np
import pytest
from HepatoRenalIndexLib.measurement.mixture import fit_histogram_mixture, gray_histogram

CASES = {
    "well separated": ((0.3, 40, 6), (0.5, 110, 9), (0.2, 200, 12)),
    "overlapping": ((0.2, 60, 15), (0.6, 90, 14), (0.2, 120, 20)),
    "clipped at black": ((0.5, 3, 6), (0.3, 50, 12), (0.2, 120, 15)),
    "saturated": ((0.2, 90, 20), (0.4, 180, 25), (0.4, 254, 6)),
    "rare bright class": ((0.1, 30, 8), (0.88, 80, 15), (0.02, 220, 10)),
}


def draw(classes, n=8000, seed=0):
    rng = np.random.default_rng(seed)
    values = [rng.normal(mean, sd, round(weight * n)) for weight, mean, sd in classes]
    return np.clip(np.rint(np.concatenate(values)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", CASES)
def test_the_histogram_mixture_is_that_of_scikit_learn(name):
    mixture_module = pytest.importorskip("sklearn.mixture")
    pixels = draw(CASES[name])
    start = fit_histogram_mixture(gray_histogram(pixels), max_iterations=0)
    ours = fit_histogram_mixture(gray_histogram(pixels), max_iterations=500, tolerance=1e-7)

    reference = mixture_module.GaussianMixture(
        3,
        tol=1e-7,
        max_iter=500,
        reg_covar=1 / 12,
        weights_init=start.weights,
        means_init=start.means[:, None],
        precisions_init=1 / start.variances[:, None, None],
        random_state=0,
    ).fit(pixels[:, None].astype(float))

    order = reference.means_.ravel().argsort()
    assert ours.iterations == reference.n_iter_
    np.testing.assert_allclose(ours.means, reference.means_.ravel()[order], rtol=1e-9)
    np.testing.assert_allclose(ours.variances, reference.covariances_.ravel()[order], rtol=1e-8)
    np.testing.assert_allclose(ours.weights, reference.weights_[order], rtol=1e-8)
    assert ours.log_likelihood == pytest.approx(reference.lower_bound_, abs=1e-10)
    rank = np.empty(3, int)
    rank[order] = np.arange(3)
    every_level = reference.predict(np.arange(256.0)[:, None])
    np.testing.assert_array_equal(ours.class_of_level, rank[every_level] + 1)


def test_classes_are_found_where_they_were_drawn():
    mixture = fit_histogram_mixture(gray_histogram(draw(CASES["well separated"])))
    np.testing.assert_allclose(mixture.means, [40, 110, 200], atol=1.0)
    np.testing.assert_allclose(np.sqrt(mixture.variances), [6, 9, 12], rtol=0.1)
    np.testing.assert_allclose(mixture.weights, [0.3, 0.5, 0.2], atol=0.01)
    assert mixture.converged


def test_the_order_of_the_pixels_does_not_matter():
    pixels = draw(CASES["overlapping"])
    shuffled = np.random.default_rng(1).permutation(pixels)
    a, b = (fit_histogram_mixture(gray_histogram(values)) for values in (pixels, shuffled))
    np.testing.assert_array_equal(a.means, b.means)


@pytest.mark.parametrize("levels", [[7], [0, 255], [10, 11], [0]])
def test_tissue_of_one_or_two_gray_levels_still_gives_three_finite_classes(levels):
    mixture = fit_histogram_mixture(gray_histogram(np.array(levels * 50, np.uint8)))
    for values in (mixture.means, mixture.variances, mixture.weights):
        assert np.isfinite(values).all()
    assert set(np.unique(mixture.class_of_level)) <= {1, 2, 3}


def test_no_pixels_are_refused():
    with pytest.raises(ValueError, match="no pixels"):
        fit_histogram_mixture(np.zeros(256))
