"""Problems, their Bayes accuracy against brute force, and what from_arrays makes of arrays."""

import warnings
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.datasets import make_blobs
from sklearn.neighbors import KNeighborsClassifier

import batchlab as bl
from batchlab.problems.mixture import GaussianMixture

PARTS = ("x_train", "y_train", "x_test", "y_test")


@pytest.fixture(scope="module")
def unequal():
    """Classes of very different widths, one of them inside another, in three dimensions."""
    return bl.blobs(900, centers=4, n_features=3, cluster_std=[0.5, 6.0, 2.0, 3.0], n_train=400)


@pytest.fixture(scope="module")
def overlapping():
    """Three classes in the plane with unequal widths: the Bayes boundaries are circles."""
    return GaussianMixture(
        np.array([[0.0, 0.0], [2.0, 1.0], [-1.0, 3.0]]), np.array([1.0, 2.5, 0.6])
    )


def pdf_rule(distribution, x):
    """Return the class of the largest density, from SciPy's densities."""
    densities = [
        multivariate_normal(center, deviation**2).pdf(x)
        for center, deviation in zip(
            distribution.centers, distribution.standard_deviations, strict=True
        )
    ]
    return np.argmax(densities, axis=0)


def integrated_accuracy(distribution, *, steps=600):
    """Return the integral over the plane of the largest of the joint densities."""
    reach = 7 * distribution.standard_deviations.max()
    low, high = distribution.centers.min(0) - reach, distribution.centers.max(0) + reach
    across, up = np.linspace(low, high, steps).T
    points = np.stack(np.meshgrid(across, up), axis=-1)
    densities = [
        multivariate_normal(center, deviation**2).pdf(points)
        for center, deviation in zip(
            distribution.centers, distribution.standard_deviations, strict=True
        )
    ]
    cell = (across[1] - across[0]) * (up[1] - up[0])
    return np.max(densities, axis=0).sum() * cell / len(densities)


# The tutorial's problem


def test_blobs_are_the_tutorials(tutorial):
    x, y = make_blobs(n_samples=1000, centers=3, n_features=2, cluster_std=2, random_state=2)
    for name, expected in zip(PARTS, (x[:500], y[:500], x[500:], y[500:]), strict=True):
        np.testing.assert_array_equal(getattr(tutorial, name), expected, err_msg=name)
    assert (tutorial.n_classes, tutorial.n_train, tutorial.n_test) == (3, 500, 500)
    assert tutorial.feature_shape == (2,)
    assert tutorial.name == "blobs"
    assert (tutorial.x_train.dtype, tutorial.y_train.dtype) == ("float64", "int64")


def test_blobs_with_given_centres_and_widths():
    centers, widths = [[0.0, 1.0, 2.0], [5.0, 5.0, 5.0]], [0.5, 3.0]
    problem = bl.blobs(
        80, centers=centers, n_features=99, cluster_std=widths, random_state=4, n_train=50
    )
    x, y = make_blobs(80, centers=np.array(centers), cluster_std=widths, random_state=4)
    np.testing.assert_array_equal(np.vstack([problem.x_train, problem.x_test]), x)
    np.testing.assert_array_equal(np.hstack([problem.y_train, problem.y_test]), y)
    np.testing.assert_array_equal(problem.distribution.centers, centers)
    np.testing.assert_array_equal(problem.distribution.standard_deviations, widths)
    assert problem.n_train == 50


def test_another_random_state_is_another_problem(tutorial):
    assert not np.array_equal(bl.blobs(random_state=3).x_train, tutorial.x_train)
    np.testing.assert_array_equal(bl.blobs().x_train, tutorial.x_train)


def test_bayes_accuracy_of_the_tutorial(tutorial):
    assert tutorial.bayes_accuracy.train == pytest.approx(0.824, abs=1e-9)
    assert tutorial.bayes_accuracy.test == pytest.approx(0.840, abs=1e-9)


def test_with_equal_widths_the_bayes_rule_is_the_nearest_centre(tutorial):
    distances = np.linalg.norm(tutorial.x_test[:, None] - tutorial.distribution.centers, axis=2)
    nearest = distances.argmin(axis=1)
    np.testing.assert_array_equal(tutorial.distribution.predict(tutorial.x_test), nearest)
    assert tutorial.bayes_accuracy.test == np.mean(nearest == tutorial.y_test)


# The Bayes rule against brute force


def test_bayes_accuracy_is_that_of_the_largest_density(unequal):
    for part, accuracy in unequal.bayes_accuracy._asdict().items():
        x, y = getattr(unequal, f"x_{part}"), getattr(unequal, f"y_{part}")
        best = pdf_rule(unequal.distribution, x)
        np.testing.assert_array_equal(unequal.distribution.predict(x), best)
        assert accuracy == np.mean(best == y)
    nearest = np.linalg.norm(
        unequal.x_train[:, None] - unequal.distribution.centers, axis=2
    ).argmin(axis=1)
    assert unequal.bayes_accuracy.train > np.mean(nearest == unequal.y_train) + 0.02


def test_log_densities_are_scipys_up_to_one_constant(unequal):
    x = unequal.x_test[:50]
    ours = unequal.distribution.log_densities(x)
    theirs = np.column_stack(
        [
            multivariate_normal(center, deviation**2).logpdf(x)
            for center, deviation in zip(
                unequal.distribution.centers,
                unequal.distribution.standard_deviations,
                strict=True,
            )
        ]
    )
    assert np.ptp(ours - theirs) < 1e-9


@pytest.mark.parametrize("name", ["tutorial's", "overlapping"])
def test_the_rules_accuracy_is_the_integral_of_the_largest_density(name, tutorial, overlapping):
    distribution = tutorial.distribution if name == "tutorial's" else overlapping
    x, y = distribution.sample(200_000, seed=0)
    found, exact = np.mean(distribution.predict(x) == y), integrated_accuracy(distribution)
    assert abs(found - exact) < 4 * np.sqrt(exact * (1 - exact) / len(x))


def test_no_other_rule_beats_it_on_a_large_fresh_sample(overlapping):
    x, y = overlapping.sample(50_000, seed=1)
    best = overlapping.predict(x) == y
    generator = np.random.default_rng(2)
    nearly_as_good = 0
    for scale in np.geomspace(0.003, 3.0, 200):
        noise = generator.normal(size=(3, 4)) * scale
        other = GaussianMixture(
            overlapping.centers + noise[:, :2],
            overlapping.standard_deviations * np.exp(noise[:, 2] / 3),
        )
        hits = (other.log_densities(x) + noise[:, 3]).argmax(axis=1) == y
        gain = hits.mean() - best.mean()
        # The two rules differ in luck only where one is right and the other is wrong.
        assert gain <= 4 * np.sqrt(np.mean(hits != best) / len(x))
        nearly_as_good += gain > -0.002
    assert nearly_as_good > 20  # the family does come close


def test_nor_do_nearest_neighbours_which_can_learn_anything(overlapping):
    x, y = overlapping.sample(20_000, seed=3)
    fresh_x, fresh_y = overlapping.sample(20_000, seed=4)
    neighbours = KNeighborsClassifier(100).fit(x, y).predict(fresh_x) == fresh_y
    best = overlapping.predict(fresh_x) == fresh_y
    gain = neighbours.mean() - best.mean()
    assert -0.02 < gain <= 4 * np.sqrt(np.mean(neighbours != best) / len(best))


def test_samples_follow_the_distribution_and_their_seed(overlapping):
    x, y = overlapping.sample(60_000, seed=5)
    for label in range(3):
        chosen, deviation = x[y == label], overlapping.standard_deviations[label]
        assert abs(len(chosen) / len(x) - 1 / 3) < 4 * np.sqrt(2 / 9 / len(x))
        error = chosen.mean(axis=0) - overlapping.centers[label]
        assert (np.abs(error) < 4 * deviation / np.sqrt(len(chosen))).all()
        np.testing.assert_allclose(np.cov(chosen.T), deviation**2 * np.eye(2), atol=0.15)
    again, _ = overlapping.sample(60_000, seed=5)
    np.testing.assert_array_equal(x, again)
    assert not np.array_equal(x, overlapping.sample(60_000, seed=6)[0])


# Immutability


def test_a_problem_cannot_be_changed(tutorial):
    for name in PARTS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(tutorial, name)[0] = 0
        with pytest.raises(FrozenInstanceError):
            setattr(tutorial, name, None)
    for name in ("centers", "standard_deviations"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(tutorial.distribution, name)[0] = 0
        with pytest.raises(FrozenInstanceError):
            setattr(tutorial.distribution, name, None)


# The caller's own arrays


def arrays(n_train=6, n_test=4, shape=(2,)):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(n_train + n_test, *shape))
    y = np.arange(n_train + n_test) % 2
    return [x[:n_train], y[:n_train], x[n_train:], y[n_train:]]


def test_from_arrays_gives_the_arrays_back():
    given = arrays()
    problem = bl.from_arrays(*given, name="mine")
    for name, expected in zip(PARTS, given, strict=True):
        np.testing.assert_array_equal(getattr(problem, name), expected, err_msg=name)
    assert (problem.name, problem.n_classes, problem.n_train, problem.n_test) == ("mine", 2, 6, 4)
    assert problem.distribution is None
    assert problem.bayes_accuracy is None


def test_from_arrays_copies_and_leaves_the_callers_arrays_writeable():
    given = arrays()
    before = [array.copy() for array in given]
    problem = bl.from_arrays(*given)
    for array in given:
        array[:] = 0
    for name, expected in zip(PARTS, before, strict=True):
        np.testing.assert_array_equal(getattr(problem, name), expected, err_msg=name)
        with pytest.raises(ValueError, match="read-only"):
            getattr(problem, name)[0] = 0


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3)])
def test_from_arrays_takes_images(shape):
    problem = bl.from_arrays(*arrays(shape=shape))
    assert problem.feature_shape == shape
    assert problem.x_train.shape == (6, *shape)


@pytest.mark.parametrize("kind", ["float32", "int8", "uint8", "bool"])
def test_features_of_any_number_type(kind):
    x_train, y_train, x_test, y_test = arrays()
    expected = (x_train > 0).astype(kind)
    problem = bl.from_arrays(expected, y_train, x_test, y_test)
    assert problem.x_train.dtype == "float64"
    np.testing.assert_array_equal(problem.x_train, expected)


@pytest.mark.parametrize("kind", [float, "float32", "uint8", list])
def test_labels_that_are_whole_in_any_type(kind):
    x_train, y_train, x_test, y_test = arrays()
    labels = y_train.tolist() if kind is list else y_train.astype(kind)
    problem = bl.from_arrays(x_train, labels, x_test, y_test)
    assert problem.y_train.dtype == "int64"
    np.testing.assert_array_equal(problem.y_train, y_train)


def test_constant_features_are_warned_of():
    given = arrays(shape=(3,))
    given[0][:, 1] = 7.0
    with pytest.warns(UserWarning, match=r"1 of 3 features are constant.* is feature 1\.") as seen:
        problem = bl.from_arrays(*given)
    assert len(seen) == 1
    assert seen[0].filename == __file__  # it points at the caller
    assert problem.feature_shape == (3,)


def test_constant_pixels_are_usual():
    given = arrays(shape=(4, 4))
    given[0][:, 0] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bl.from_arrays(*given)


# Linear separability


def separable_data(scale=1.0):
    generator = np.random.default_rng(7)
    x = generator.normal(size=(200, 3))
    margin = x @ [1.0, -2.0, 0.5] + 0.3
    kept = np.abs(margin) > 0.1
    return scale * x[kept], (margin[kept] > 0).astype(int)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_linearly_separable_data(scale):
    x, y = separable_data(scale)
    assert bl.linearly_separable(x, y) is True


def test_one_sample_on_the_wrong_side_is_enough():
    x, y = separable_data()
    deepest = np.argmax(x @ [1.0, -2.0, 0.5])
    y[deepest] = 1 - y[deepest]
    assert bl.linearly_separable(x, y) is False


def test_xor_is_not_separable_by_a_line():
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    assert not bl.linearly_separable(corners, np.array([0, 1, 1, 0]))
    assert bl.linearly_separable(corners, np.array([0, 1, 1, 1]))
    with_product = np.column_stack([corners, corners.prod(axis=1)])
    assert bl.linearly_separable(with_product, np.array([0, 1, 1, 0]))


def test_separability_of_several_classes(tutorial):
    far = bl.blobs(60, centers=[[0, 0], [50, 0], [0, 50], [50, 50]], n_train=40, cluster_std=1.0)
    assert bl.linearly_separable(far.x_train, far.y_train)
    assert not bl.linearly_separable(tutorial.x_train, tutorial.y_train)
    assert bl.linearly_separable(np.arange(4.0).reshape(4, 1, 1), np.array([0, 0, 1, 2]))
