"""Moons, and labels that are wrong."""

import dataclasses
import warnings

import numpy as np
import pytest
from sklearn.datasets import make_moons

import batchlab as bl

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
SENTENCE = r": expected [^\n]*, received [^\n]*\.$"


@pytest.fixture(scope="module")
def clean():
    return bl.blobs(400, n_train=300)


def same(first, second):
    return [np.array_equal(getattr(first, name), getattr(second, name)) for name in ARRAYS]


# Moons


def test_moons_are_scikit_learns():
    problem = bl.moons()
    x, y = make_moons(1000, noise=0.3, random_state=2)
    assert (problem.x_train.shape, problem.x_test.shape) == ((500, 2), (500, 2))
    assert (problem.n_train, problem.n_test, problem.n_classes) == (500, 500, 2)
    np.testing.assert_allclose(np.concatenate([problem.x_train, problem.x_test]), x, rtol=1e-6)
    np.testing.assert_array_equal(np.concatenate([problem.y_train, problem.y_test]), y)
    assert problem.name == "moons"
    assert problem.bayes_accuracy is None


def test_moons_of_other_numbers():
    problem = bl.moons(50, noise=0.1, n_train=40)
    assert (problem.x_train.shape, problem.x_test.shape) == ((40, 2), (10, 2))
    assert same(problem, bl.moons(50, noise=0.2, n_train=40)) == [False, True, False, True]


def test_the_same_seed_repeats_moons_and_another_differs():
    assert all(same(bl.moons(), bl.moons(random_state=2)))
    assert not any(same(bl.moons(), bl.moons(random_state=3)))


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"n_samples": 2}, ValueError),
        ({"n_samples": 10.0}, TypeError),
        ({"noise": 0}, ValueError),
        ({"noise": -0.1}, ValueError),
        ({"noise": np.nan}, ValueError),
        ({"noise": "x"}, TypeError),
        ({"noise": True}, TypeError),
        ({"n_train": 1}, ValueError),
        ({"n_train": 1000}, ValueError),
        ({"n_train": None}, TypeError),
        ({"random_state": -1}, ValueError),
        ({"random_state": 2**32}, ValueError),
        ({"random_state": None}, TypeError),
    ],
    ids=str,
)
def test_moons_refuse_other_numbers_in_one_sentence(given, error):
    (name,) = given
    with pytest.raises(error, match=f"^{name}{SENTENCE}"):
        bl.moons(**given)


def test_training_samples_of_one_moon_alone_are_refused_in_one_sentence():
    # Seeds whose first two samples are of one class: half of them.
    seeds = [
        seed
        for seed in range(20)
        if len(set(make_moons(10, noise=0.3, random_state=seed)[1][:2])) == 1
    ]
    assert seeds
    for seed in seeds:
        with pytest.raises(ValueError, match=f"^n_train{SENTENCE}"):
            bl.moons(10, n_train=2, random_state=seed)


# Labels that are wrong


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("problem", [bl.blobs(400, n_train=300), bl.moons()], ids=["3", "2"])
def test_exactly_so_many_labels_are_wrong(problem, share):
    noisy = bl.noisy_labels(problem, share=share)
    wrong = noisy.y_train != problem.y_train
    assert wrong.sum() == round(share * problem.n_train)
    assert set(noisy.y_train) <= set(range(problem.n_classes))
    assert noisy.n_classes == problem.n_classes


def test_samples_and_test_labels_stay_as_they_are(clean):
    before = [getattr(clean, name).copy() for name in ARRAYS]
    assert same(bl.noisy_labels(clean), clean) == [True, False, True, True]
    after = [getattr(clean, name) for name in ARRAYS]
    assert all(map(np.array_equal, before, after))


def test_wrong_labels_are_of_every_other_class(clean):
    noisy = bl.noisy_labels(clean, share=0.5)
    wrong = noisy.y_train != clean.y_train
    shifts = (noisy.y_train[wrong].astype(int) - clean.y_train[wrong]) % 3
    counts = np.bincount(shifts, minlength=3)
    assert counts[0] == 0
    assert abs(counts[1] - 75) < 4 * np.sqrt(150 / 4)


def test_the_same_seed_repeats_wrong_labels_and_another_differs(clean):
    first = bl.noisy_labels(clean, random_state=5)
    assert all(same(first, bl.noisy_labels(clean, random_state=5)))
    assert same(first, bl.noisy_labels(clean, random_state=6)) == [True, False, True, True]


def test_a_problem_with_wrong_labels_says_so_and_knows_no_ceiling(clean):
    noisy = bl.noisy_labels(clean, share=0.25)
    assert "25" in noisy.name and clean.name in noisy.name
    assert clean.bayes_accuracy is not None
    assert noisy.bayes_accuracy is None


def test_digits_with_wrong_labels_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        noisy = bl.noisy_labels(bl.digits(400, n_train=300))
    assert noisy.x_train.shape == (300, 64)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"share": 0}, ValueError),
        ({"share": 1}, ValueError),
        ({"share": -1}, ValueError),
        ({"share": 1.5}, ValueError),
        ({"share": np.nan}, ValueError),
        ({"share": "x"}, TypeError),
        ({"share": True}, TypeError),
        ({"share": None}, TypeError),
        ({"random_state": -1}, ValueError),
        ({"random_state": 0.5}, TypeError),
    ],
    ids=str,
)
def test_wrong_labels_refuse_other_numbers_in_one_sentence(clean, given, error):
    (name,) = given
    with pytest.raises(error, match=f"^{name}{SENTENCE}"):
        bl.noisy_labels(clean, **given)


@pytest.mark.parametrize("problem", [None, "blobs", np.zeros((3, 2)), bl.blobs], ids=type)
def test_only_a_problem_has_labels_to_be_wrong(problem):
    with pytest.raises(TypeError, match=f"^problem{SENTENCE}"):
        bl.noisy_labels(problem)


def outcomes_of(*, tested):
    """Return the classes, or the errors, of a problem whose class 2 has one training sample."""
    x = np.random.default_rng(0).normal(size=(40, 2))
    y = np.array([*[0] * 10, *[1] * 9, 2, *[0] * 10, *[1] * 9, tested])
    problem = bl.from_arrays(x[:20], y[:20], x[20:], y[20:])
    classes, errors = [], []
    for seed in range(30):
        try:
            found = bl.noisy_labels(problem, share=0.1, random_state=seed)
        except ValueError as error:
            errors.append(str(error))
        else:
            classes.append((found.n_classes, *sorted(set(found.y_train.tolist()))))
    return classes, errors


def test_wrong_labels_that_leave_a_class_without_a_sample_are_refused_in_one_sentence():
    classes, errors = outcomes_of(tested=2)
    assert set(classes) == {(3, 0, 1, 2)}
    assert errors
    assert all(error.endswith(".") and "\n" not in error for error in errors)


def test_the_last_class_is_not_forgotten_if_no_test_sample_is_of_it():
    classes, errors = outcomes_of(tested=1)
    assert set(classes) == {(3, 0, 1, 2)}
    assert errors


def test_wrong_labels_leave_the_rest_of_a_problem_as_it_is():
    given = bl.moons(20, n_train=12)
    x, y = given.x_test[:3], given.y_test[:3]
    names = ("left", "right")
    clean = dataclasses.replace(given, x_validation=x, y_validation=y, class_names=names)
    noisy = bl.noisy_labels(clean, share=0.25)
    assert (noisy.y_train != clean.y_train).sum() == 3
    assert not noisy.y_train.flags.writeable
    assert noisy.class_names == names
    np.testing.assert_array_equal(noisy.x_validation, x)
    np.testing.assert_array_equal(noisy.y_validation, y)


def test_a_regression_has_no_labels_to_be_wrong():
    x, y = np.arange(6.0)[:, None], np.arange(6.0)
    with pytest.raises(ValueError, match=r"^problem: expected one with classes for wrong labels, "):
        bl.noisy_labels(bl.from_arrays(x, y, x, y, task="regression"))


def test_targets_are_no_classes_to_be_separated():
    with pytest.raises(TypeError, match=r"^y: expected whole numbers as labels, received float64"):
        bl.linearly_separable(np.arange(6.0)[:, None], np.arange(6) / 4)
