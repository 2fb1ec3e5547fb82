"""Targets of losses, and the digits."""

import re
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from studies import as_regression, lose, study_of

import batchlab as bl
from batchlab.analysis.targets import check_target


def history_with(metric, values):
    history = study_of({}, replicates=len(values), records=len(values[0]))
    history[metric] = ("replicate", "epoch"), np.array(values)
    return history


# Losses as targets


@pytest.mark.parametrize("metric", ["train_loss", "val_loss"])
def test_a_loss_is_reached_at_the_target_or_below(metric):
    values = [
        [0.5, 2.0, 0.5, 0.4],
        [0.9, 0.5000001, 0.6, 0.7],
        [2.0, 3.0, 1.0, 0.5],
        [0.1, 0.1, 0.1, 2.0],
    ]
    history = history_with(metric, values)
    first = bl.time_to_target(history, 0.5, metric=metric, held=False)
    np.testing.assert_array_equal(first["epoch"], [1, np.nan, 4, 1])
    held = bl.time_to_target(history, 0.5, metric=metric)
    np.testing.assert_array_equal(held["epoch"], [3, np.nan, 4, np.nan])
    np.testing.assert_array_equal(held["sample"], np.array([3, np.nan, 4, np.nan]) * 500)


def test_a_loss_that_was_lost_is_not_reached():
    history = lose(history_with("train_loss", [[2.0, 0.1, 0.1], [2.0, 2.0, 0.1]]), {(1,): 1})
    found = bl.time_to_target(history, 0.5, metric="train_loss", held=False)["epoch"]
    np.testing.assert_array_equal(found, [2, np.nan])


def test_a_loss_has_targets_above_one():
    history = history_with("val_loss", [[3.0, 1.5]])
    assert bl.time_to_target(history, 2, metric="val_loss")["epoch"].item() == 2


@pytest.mark.parametrize("target", [0, -0.1, np.nan, np.inf])
def test_a_target_that_is_no_loss(target):
    history = history_with("val_loss", [[3.0, 1.5]])
    with pytest.raises(ValueError, match=r"^target: expected a positive number, received"):
        bl.time_to_target(history, target, metric="val_loss")


@pytest.mark.parametrize("target", ["0.5", None, True])
def test_a_target_that_is_no_number(target):
    with pytest.raises(TypeError, match=r"^target: expected a positive number, received"):
        check_target(target, "train_loss")


def test_the_metrics_that_have_targets_are_named():
    message = (
        "metric: expected one of 'train_accuracy', 'val_accuracy', 'train_loss', 'val_loss', "
        "received 'loss'."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_target(0.5, "loss")


# Errors as targets


def regression_with(values, **attributes):
    return as_regression(history_with("val_accuracy", values), **attributes)


def test_an_error_is_reached_at_the_target_or_below():
    history = regression_with([[3.0, 1.5, 2.0], [3.0, 1.6, 1.5], [1.0, 1.0, 1.50001]])
    held = bl.time_to_target(history, 1.5)["epoch"]
    np.testing.assert_array_equal(held, [np.nan, 3, np.nan])
    first = bl.time_to_target(history, 1.5, held=False)["epoch"]
    np.testing.assert_array_equal(first, [2, 3, 1])


@pytest.mark.parametrize(("target", "error"), [(0, ValueError), ("1", TypeError)])
def test_a_target_that_is_no_error(target, error):
    history = regression_with([[3.0, 1.5]])
    with pytest.raises(error, match=r"^target: expected a positive number, received"):
        bl.time_to_target(history, target)


def test_the_targets_of_a_regression_are_named():
    message = (
        "metric: expected one of 'train_mean_absolute_error', 'val_mean_absolute_error', "
        "'train_loss', 'val_loss', received 'val_accuracy'."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        bl.time_to_target(regression_with([[3.0]]), 0.5, metric="val_accuracy")
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_target(0.5, "val_accuracy", task="regression")


def test_the_table_of_first_times_says_what_reached_the_target():
    accuracies = history_with("val_accuracy", [[0.1, 0.6]])
    assert bl.first_reached({"a": accuracies}, 0.5).index.name == "test accuracy 0.5"
    chosen = accuracies.assign_attrs(held_out="validation")
    assert bl.first_reached({"a": chosen}, 0.5).index.name == "validation accuracy 0.5"
    errors = regression_with([[3.0, 1.5], [3.0, 3.0]])
    found = bl.first_reached({"a": errors}, 1.5)
    assert found.index.name == "test mean absolute error 1.5"
    assert found.loc["a", ["reached", "epochs"]].tolist() == ["1 of 2", 2]
    with pytest.raises(ValueError, match=r"^histories: expected all of one task, received class"):
        bl.first_reached({"a": accuracies, "b": errors}, 0.5)


# The digits


def test_digits_are_scikit_learns_in_another_order():
    problem = bl.digits()
    assert (problem.n_train, problem.n_test, problem.n_classes) == (1280, 517, 10)
    assert (problem.x_train.min(), problem.x_train.max()) == (0, 1)
    assert problem.name == "digits"
    images, labels = load_digits(return_X_y=True)
    found = np.concatenate([problem.x_train, problem.x_test]) * 16
    marked = np.column_stack([found, np.concatenate([problem.y_train, problem.y_test])])
    expected = np.column_stack([images, labels])
    assert not np.array_equal(marked, expected)
    np.testing.assert_array_equal(marked[np.lexsort(marked.T)], expected[np.lexsort(expected.T)])


def test_digits_repeat_and_depend_on_the_random_state():
    one, again, other = bl.digits(300, n_train=200), bl.digits(300, n_train=200), None
    np.testing.assert_array_equal(one.x_train, again.x_train)
    other = bl.digits(300, n_train=200, random_state=1)
    assert not np.array_equal(one.x_train, other.x_train)
    assert one.n_test == 100


def test_a_larger_part_of_the_digits_begins_as_a_smaller_one():
    np.testing.assert_array_equal(
        bl.digits(300, n_train=200).x_train, bl.digits(n_train=200).x_train
    )


def test_digits_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        problem = bl.digits(400, n_train=300)
    assert (problem.x_train == problem.x_train[0]).all(axis=0).any()  # of which others are warned


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_samples": 1798}, "n_samples: expected a whole number from 3 to 1797, received 1798."),
        ({"n_train": 1797}, "n_train: expected a whole number from 2 to 1796, received 1797."),
        ({"n_train": "all"}, "n_train: expected a whole number from 2 to 1796, received 'all'."),
        (
            {"n_train": 5},
            "n_train: expected every digit among the training samples, received 5 of them without "
            "a ",
        ),
        ({"random_state": -1}, "random_state: expected a whole number from 0 to 4294967295, rec"),
    ],
)
def test_digits_that_there_are_not(given, message):
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(message)}") as caught:
        bl.digits(**given)
    assert "\n" not in str(caught.value)


def test_digits_can_be_learned():
    history = bl.fit(
        bl.mlp,
        bl.digits(600, n_train=400),
        batch_size=20,
        epochs=20,
        optimizer=bl.named_optimizer("SGD", 0.2),
    )
    assert bl.evaluate(history).loc["val_accuracy", "mean"] > 0.85
