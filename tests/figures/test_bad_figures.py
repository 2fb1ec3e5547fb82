"""What figures and tables refuse, each in a sentence."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from refusals import Y, assert_refused

import batchlab as bl

METRIC = "metric: expected one of 'accuracy', 'loss'"
FINAL = "metric: expected one of 'train_accuracy', 'val_accuracy', 'train_loss', 'val_loss'"
PART = "one of 'train', 'test', 'reported'"
BUDGET = "one of 'epoch', 'update', 'sample', 'second'"


@pytest.mark.parametrize(
    ("function", "settings", "expected", "received"),
    [
        ("plot_learning_curves", {"metric": "error"}, METRIC, "received 'error'"),
        ("plot_learning_curves", {"x": "step"}, f"x: expected {BUDGET}", "received 'step'"),
        ("plot_learning_curves", {"parts": ["train", "val"]}, f"parts: expected {PART}", "'val'"),
        ("plot_comparison", {"metric": "val_loss"}, METRIC, "received 'val_loss'"),
        ("plot_comparison", {"part": "both"}, f"part: expected {PART}", "received 'both'"),
        ("plot_comparison", {"budgets": ["epoch", "hour"]}, f"budgets: expected {BUDGET}", "hour"),
        ("plot_comparison", {"budgets": []}, "budgets, axes: expected at least one", "0 budgets"),
        ("plot_replicates", {"metric": "loss"}, FINAL, "received 'loss'"),
        ("evaluate_each", {"metric": "f1"}, FINAL, "received 'f1'"),
    ],
)
def test_figures_and_tables(history, function, settings, expected, received):
    given = history if function == "plot_learning_curves" else {"four": history}
    before = plt.get_fignums()
    assert_refused(lambda: getattr(bl, function)(given, **settings), ValueError, expected, received)
    assert plt.get_fignums() == before  # no empty figure is left behind


@pytest.mark.parametrize("plot", ["plot_comparison", "plot_replicates"])
def test_no_histories(plot):
    expected = "histories: expected at least one history"
    assert_refused(lambda: getattr(bl, plot)({}), ValueError, expected, "received none")


def test_fewer_axes_than_budgets(history):
    figure, ax = plt.subplots()
    assert_refused(
        lambda: bl.plot_comparison({"four": history}, budgets=["epoch", "update"], axes=[ax]),
        ValueError,
        "expected .* axes for each",
        "2 budgets and 1 axes",
    )
    plt.close(figure)


@pytest.mark.parametrize("shape", [(1,), (3,), (4, 4)])
def test_boundaries_that_cannot_be_drawn(shape):
    generator = np.random.default_rng(0)
    problem = bl.from_arrays(generator.normal(size=(6, *shape)), Y, np.ones((2, *shape)), [0, 1])
    expected, received = "problem: expected samples with 2 features", re.escape(f"received {shape}")
    before = plt.get_fignums()
    assert_refused(
        lambda: bl.plot_decision_boundary(lambda x: np.ones((len(x), 2)) / 2, problem),
        ValueError,
        expected,
        received,
    )
    assert plt.get_fignums() == before


def test_classes_by_one_feature_are_not_drawn():
    problem = bl.from_arrays(np.arange(6.0)[:, None], Y, np.ones((2, 1)), [0, 1])
    before = plt.get_fignums()
    expected = "problem: expected samples with 2 features or more to draw"
    assert_refused(lambda: bl.plot_problem(problem), ValueError, expected, "received 1")
    assert plt.get_fignums() == before


@pytest.mark.parametrize("outputs", [(2,), (4,), (1,), ()])
def test_decision_boundary_of_a_model_for_other_classes(small, outputs):
    assert_refused(
        lambda: bl.plot_decision_boundary(lambda x: np.ones((len(x), *outputs)), small),
        ValueError,
        r"model: expected it to return probabilities of shape \(40000, 3\)",
        re.escape(f"received shape {(40000, *outputs)}."),
    )


@pytest.mark.parametrize(("value", "kind"), [(1, ValueError), (0, ValueError), (9.5, TypeError)])
def test_decision_boundary_resolution(small, value, kind):
    assert_refused(
        lambda: bl.plot_decision_boundary(None, small, resolution=value),
        kind,
        "resolution: expected .* at least 2",
        f"received {value}",
    )


def test_locate_of_a_metric_that_is_not_final(history):
    expected = "published: expected any of train_accuracy, val_accuracy"
    assert_refused(lambda: bl.locate(history, accuracy=0.8), ValueError, expected, "'accuracy'")
