"""Every bad input ends in one sentence that says what was expected and what came."""

import math
import random
import re
from functools import partial

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf
import xarray as xr

import batchlab as bl

layers, optimizers = keras.layers, keras.optimizers

X = np.arange(12.0).reshape(6, 2)
Y = np.array([0, 1, 0, 1, 0, 1])
CENTERS = [[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]


def error_of(call):
    """Return the error that a call ends in, which must be one sentence."""
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    message = str(caught.value)
    assert type(caught.value) in (ValueError, TypeError)
    assert "\n" not in message
    assert message.endswith(".")
    assert len(message) <= 300
    return caught.value


def assert_refused(call, kind, expected, received):
    """Check the kind of error, and that its sentence says what was expected and what came."""
    error = error_of(call)
    assert type(error) is kind, error
    assert re.search(f"{expected}.*{received}", str(error)), error


def case(kind, expected, received, *values, id=None):
    # Without addresses, which differ between the processes that tests are shared out to.
    shown = re.sub(r" at 0x[0-9a-f]+", "", repr(values))[:60]
    return pytest.param(*values, kind, expected, received, id=id or shown)


def fit(problem, build=bl.mlp, **settings):
    return bl.fit(build, problem, **{"batch_size": 16, "epochs": 1, **settings})


# Numbers that fit takes


@pytest.mark.parametrize(
    ("value", "kind", "received"),
    [
        (0, ValueError, "0"),
        (-1, ValueError, "-1"),
        (61, ValueError, "61"),  # n_train + 1
        (10**12, ValueError, "1000000000000"),
        (2.5, TypeError, r"2\.5"),
        (16.0, TypeError, r"16\.0"),
        (True, TypeError, "True"),
        ("8", TypeError, "'8'"),
        ("all", TypeError, "'all'"),
        (None, TypeError, "None"),
        (math.nan, TypeError, "nan"),
        (math.inf, TypeError, "inf"),
        ([8, 8], TypeError, r"\[8, 8\]"),
        ([], TypeError, r"\[\]"),
    ],
)
def test_batch_size(small, value, kind, received):
    expected = r"batch_size: expected 'full' or a whole number from 1 to 60, .* received "
    assert_refused(lambda: fit(small, batch_size=value), kind, expected, f"{received}\\.$")


@pytest.mark.parametrize("name", ["epochs", "replicates", "seed", "threads"])
@pytest.mark.parametrize(
    ("value", "kind", "received"),
    [
        (-1, ValueError, "-1"),
        (2.0, TypeError, r"2\.0"),
        (True, TypeError, "True"),
        ("3", TypeError, "'3'"),
        (math.nan, TypeError, "nan"),
        ([1], TypeError, r"\[1\]"),
    ],
)
def test_whole_numbers(small, name, value, kind, received):
    expected = f"{name}: expected a whole number"
    assert_refused(lambda: fit(small, **{name: value}), kind, expected, f"received {received}")


@pytest.mark.parametrize(
    ("settings", "expected", "received"),
    [
        ({"epochs": 0}, "epochs: .* at least 1", "0"),
        ({"replicates": 0}, "replicates: .* from 1 to ", "0"),
        ({"threads": 0}, "threads: .* at least 1", "0"),
        ({"seed": 2**32}, "seed: .* from 0 to 4294967295", "4294967296"),
        ({"seed": 2**40}, "seed: .* from 0 to 4294967295", "1099511627776"),
        # The last of the replicates has the largest seed.
        ({"seed": 2**32 - 2, "replicates": 3}, "seed: .* to 4294967293", "4294967294"),
        ({"replicates": 2**32 + 1}, "replicates: .* to 4294967296", "4294967297"),
    ],
)
def test_bounds(small, settings, expected, received):
    assert_refused(lambda: fit(small, **settings), ValueError, expected, f"received {received}\\.")


@pytest.mark.parametrize("name", ["replicates", "seed", "batch_size"])
def test_none_is_not_a_number(small, name):
    assert_refused(lambda: fit(small, **{name: None}), TypeError, f"{name}: expected", "None")


@pytest.mark.parametrize("rate", [0.0, -0.1, math.nan, math.inf])
@pytest.mark.parametrize("given", ["at construction", "later"])
def test_learning_rate(small, rate, given):
    if given == "later":
        optimizer = optimizers.Adam()
        optimizer.learning_rate = rate
    else:
        optimizer = optimizers.SGD(rate)
    expected, received = "learning_rate: expected a positive number", f"received {rate}\\."
    assert_refused(lambda: fit(small, optimizer=optimizer), ValueError, expected, received)


def test_a_rate_that_diverges_is_no_error(small):
    history = fit(small, epochs=3, replicates=4, optimizer=optimizers.SGD(1e30, momentum=0.9))
    assert bl.diverged(history).all()


# Names and objects that fit takes


@pytest.mark.parametrize("value", ["tpu", "GPU", "cuda:0", 0, ["cpu"]])
def test_device(small, value):
    expected = "device: expected one of 'cpu', 'gpu', None"
    assert_refused(
        lambda: fit(small, device=value), ValueError, expected, re.escape(f"received {value!r}.")
    )


def test_a_gpu_that_is_absent(small, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    assert_refused(
        lambda: fit(small, device="gpu"),
        ValueError,
        "device: expected a GPU for device='gpu'",
        "sees none",
    )


@pytest.mark.parametrize("value", ["adam", "sgd", 0.01, {"learning_rate": 0.1}, optimizers.Adam])
def test_optimizer(small, value):
    assert_refused(
        lambda: fit(small, optimizer=value),
        TypeError,
        r"optimizer: expected a Keras optimizer such as .* or None",
        f"received {re.escape(repr(value))}",
    )


@pytest.mark.parametrize("value", ["categorical_crossentropy", 1, keras.losses.Hinge])
def test_loss(small, value):
    assert_refused(
        lambda: fit(small, loss=value),
        TypeError,
        "loss: expected a Keras loss such as .* or None",
        f"received {re.escape(repr(value))}",
    )


@pytest.mark.parametrize("value", ["all", None, True, ["final"]])
def test_keep_weights(small, value):
    expected = "keep_weights: expected one of 'final', 'epochs', 'none'"
    assert_refused(
        lambda: fit(small, keep_weights=value),
        ValueError,
        expected,
        re.escape(f"received {value!r}."),
    )


@pytest.mark.parametrize("value", ["blobs", None, 3])
def test_problem(value):
    expected = "problem: expected a batchlab Problem"
    assert_refused(lambda: fit(value), TypeError, expected, f"received {value!r}")


# Models that do not fit the problem


def sequential(*stack, inputs=(2,)):
    return keras.Sequential([keras.Input(inputs), *stack])


def two_inputs(problem):
    first, second = keras.Input((2,)), keras.Input((2,))
    return keras.Model([first, second], layers.Dense(3)(layers.Add()([first, second])))


def two_outputs(problem):
    inputs = keras.Input((2,))
    return keras.Model(inputs, [layers.Dense(3)(inputs), layers.Dense(3)(inputs)])


def frozen(problem):
    model = bl.mlp(problem)
    model.trainable = False
    return model


@pytest.mark.parametrize(
    ("build", "kind", "expected", "received"),
    [
        case(TypeError, "a function problem -> keras.Model", "'mlp'", "mlp"),
        case(TypeError, "a function problem -> keras.Model", "None", None),
        case(TypeError, "to return a keras.Model", "None", lambda problem: None, id="None"),
        case(
            TypeError,
            "to return a keras.Model",
            "Dense",
            lambda problem: layers.Dense(3),
            id="a layer",
        ),
        case(
            ValueError,
            "with trainable weights",
            "none",
            lambda problem: sequential(layers.Flatten()),
            id="no weights",
        ),
        case(ValueError, "with trainable weights", "none", frozen, id="frozen"),
        case(
            ValueError,
            r"for samples of shape \(2,\)",
            r"\(1,\)",
            lambda problem: sequential(layers.Dense(3), inputs=(1,)),
            id="more features than the model takes",
        ),
        case(
            ValueError,
            r"for samples of shape \(2,\)",
            r"\(5,\)",
            lambda problem: sequential(layers.Dense(3), inputs=(5,)),
            id="fewer features than the model takes",
        ),
        case(
            ValueError,
            r"for samples of shape \(2,\)",
            r"\(2, 2\)",
            lambda problem: sequential(layers.Flatten(), layers.Dense(3), inputs=(2, 2)),
            id="images",
        ),
        case(
            ValueError,
            "each of the 3 classes",
            r"\(2,\)",
            lambda problem: sequential(layers.Dense(2)),
            id="too few outputs",
        ),
        case(
            ValueError,
            "each of the 3 classes",
            r"\(4,\)",
            lambda problem: sequential(layers.Dense(4)),
            id="too many outputs",
        ),
        case(
            ValueError,
            "each of the 3 classes",
            r"\(1,\)",
            lambda problem: sequential(layers.Dense(1)),
            id="one output",
        ),
        case(ValueError, "one input and one output", "", two_inputs, id="two inputs"),
        case(ValueError, "one input and one output", "", two_outputs, id="two outputs"),
    ],
)
def test_build(small, build, kind, expected, received):
    assert_refused(lambda: fit(small, build), kind, f"build: expected .*{expected}", received)


def test_a_model_is_not_a_function_that_builds_one(small):
    assert_refused(
        lambda: fit(small, bl.mlp(small)),
        TypeError,
        "build: expected a function problem -> keras.Model",
        "received <Sequential",
    )


@pytest.mark.parametrize(
    ("settings", "kind", "expected", "received"),
    [
        case(TypeError, "hidden_units: expected a list", "received 50", {"hidden_units": 50}),
        case(TypeError, "hidden_units: expected a list", "received '50'", {"hidden_units": "50"}),
        case(TypeError, "hidden_units: expected a list", "received None", {"hidden_units": None}),
        case(ValueError, "hidden_units: .* at least 1", "received 0", {"hidden_units": [8, 0]}),
        case(TypeError, "hidden_units: .* whole", "received 2.5", {"hidden_units": [2.5]}),
        case(TypeError, "hidden_units: .* whole", "received True", {"hidden_units": [True]}),
        case(TypeError, "hidden_units: .* whole", "received '8'", {"hidden_units": ["8"]}),
        case(
            ValueError,
            "dtype: expected one of 'float64', 'float32'",
            "'float16'",
            {"dtype": "float16"},
        ),
        case(
            ValueError,
            "dtype: expected one of 'float64', 'float32'",
            "received None",
            {"dtype": None},
        ),
        case(ValueError, "activation: expected a name", "'bump'", {"activation": "bump"}),
        case(ValueError, "activation: expected a name", "received 3", {"activation": 3}),
    ],
)
def test_mlp(small, settings, kind, expected, received):
    assert_refused(lambda: bl.mlp(small, **settings), kind, expected, received)


# Data


@pytest.mark.parametrize(
    ("settings", "kind", "expected", "received"),
    [
        case(ValueError, "n_samples: .* at least 2", "received 0", {"n_samples": 0}),
        case(ValueError, "n_samples: .* at least 2", "received 1", {"n_samples": 1}),
        case(TypeError, "n_samples: .* whole", "received 2.5", {"n_samples": 2.5}),
        case(TypeError, "n_samples: .* whole", "received '9'", {"n_samples": "9"}),
        case(TypeError, "n_samples: .* whole", "received True", {"n_samples": True}),
        case(ValueError, "n_train: .* from 1 to 999", "received 0", {"n_train": 0}),
        case(ValueError, "n_train: .* from 1 to 999", "received 1000", {"n_train": 1000}),
        case(ValueError, "n_train: .* from 1 to 9", "received 500", {"n_samples": 10}),
        case(TypeError, "n_train: .* whole", "received None", {"n_train": None}),
        case(ValueError, "y_train: expected every class 0 to 2", "none of class 0", {"n_train": 1}),
        case(ValueError, "centers: .* from 2 to 1000", "received 1", {"centers": 1}),
        case(ValueError, "centers: .* from 2 to 1000", "received 1001", {"centers": 1001}),
        case(TypeError, "centers: .* whole", "received '3'", {"centers": "3"}),
        case(TypeError, "centers: .* whole", "received True", {"centers": True}),
        case(ValueError, "centers: .* at least 2", "received 1", {"centers": [[0, 0]]}),
        case(ValueError, "centers: expected .* one", r"shape \(0,\)", {"centers": []}),
        case(ValueError, "centers: expected shape", r"shape \(2,\)", {"centers": [1, 2]}),
        case(
            ValueError,
            r"centers: expected shape \(n_classes, n_features\)",
            r"shape \(2, 1, 1\)",
            {"centers": [[[1]], [[2]]]},
        ),
        case(
            TypeError, "centers: .* same length", r"\[\[0, 0\], \[1\]\]", {"centers": [[0, 0], [1]]}
        ),
        case(
            TypeError, "centers: .* numbers", r"\[\['a'\], \['b'\]\]", {"centers": [["a"], ["b"]]}
        ),
        case(ValueError, "centers: .* finite", "1 NaN", {"centers": [[0, math.nan], [1, 1]]}),
        case(ValueError, "n_features: .* at least 1", "received 0", {"n_features": 0}),
        case(TypeError, "n_features: .* whole", "received None", {"n_features": None}),
        case(ValueError, "cluster_std: .* positive", "received 0", {"cluster_std": 0}),
        case(ValueError, "cluster_std: .* positive", "received -1", {"cluster_std": -1.0}),
        case(ValueError, "cluster_std: .* positive", "received nan", {"cluster_std": math.nan}),
        case(ValueError, "cluster_std: .* positive", "received inf", {"cluster_std": math.inf}),
        case(TypeError, "cluster_std: .* positive", "received '2'", {"cluster_std": "2"}),
        case(TypeError, "cluster_std: .* positive", "received True", {"cluster_std": True}),
        case(ValueError, "cluster_std: .* of the 3 classes", "received 2", {"cluster_std": [1, 2]}),
        case(ValueError, "cluster_std: .* of the 3 classes", "received 0", {"cluster_std": []}),
        case(ValueError, "cluster_std: .* positive", "received -3", {"cluster_std": [1, 2, -3]}),
        case(TypeError, "cluster_std: .* positive", r"\[1\]", {"cluster_std": [[1], [2, 3]]}),
        case(ValueError, "random_state: .* from 0 to", "received -1", {"random_state": -1}),
        case(ValueError, "random_state: .* to 4294967295", "4294967296", {"random_state": 2**32}),
        case(TypeError, "random_state: .* whole", "received None", {"random_state": None}),
        case(TypeError, "random_state: .* whole", "received True", {"random_state": True}),
    ],
)
def test_blobs(settings, kind, expected, received):
    assert_refused(lambda: bl.blobs(**settings), kind, expected, received)


def with_value(value):
    return np.where(X == 3.0, value, X)


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize(
    ("values", "kind", "expected", "received"),
    [
        case(ValueError, "at least one sample", r"shape \(0,\)", []),
        case(ValueError, "at least one sample", r"shape \(0, 2\)", np.empty((0, 2))),
        case(ValueError, r"shape \(n_samples, n_features\)", r"shape \(6,\)", Y, id="flat"),
        case(ValueError, r"shape \(n_samples, n_features\)", r"shape \(\)", 3.0),
        case(ValueError, "finite numbers", "1 NaN or infinite", with_value(math.nan), id="NaN"),
        case(ValueError, "finite numbers", "1 NaN or infinite", with_value(math.inf), id="inf"),
        case(ValueError, "finite numbers", "1 NaN or infinite", with_value(-math.inf), id="-inf"),
        case(
            ValueError,
            "finite numbers",
            "1 NaN or infinite",
            with_value(np.longdouble("1e400")),
            id="infinite in float64",
        ),
        case(TypeError, "rows of numbers", "'a', 'b'", [["a", "b"]] * 6),
        case(TypeError, "rows of numbers", "'1.5'", [["1.5"]] * 6),
        case(TypeError, "rows of numbers", "None", None),
        case(TypeError, "rows of numbers", "None", [[1.0, None]] * 6),
        case(TypeError, "rows of numbers", "j", X * 1j, id="complex"),
        case(TypeError, "all of the same length", r"\[\[1, 2\], \[3\]\]", [[1, 2], [3]]),
        case(
            TypeError,
            "all of the same length",
            "array",
            [np.zeros((2, 2)), np.zeros((2, 3))],
            id="images of two sizes",
        ),
        case(
            TypeError,
            "all of the same length",
            "array",
            [np.zeros((2, 2)), np.zeros((3, 2))],
            id="images of two heights",
        ),
    ],
)
def test_features(part, values, kind, expected, received):
    given = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y, f"x_{part}": values}
    assert_refused(
        lambda: bl.from_arrays(*given.values()),
        kind,
        f"x_{part}: expected .*{expected}",
        f"received .*{received}",
    )


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize(
    ("labels", "kind", "expected", "received"),
    [
        case(ValueError, "at least one label", r"shape \(0,\)", []),
        case(ValueError, r"shape \(n_samples,\)", r"shape \(6, 2\)", np.eye(2)[Y], id="one-hot"),
        case(ValueError, r"shape \(n_samples,\)", r"shape \(6, 1\)", Y[:, None], id="a column"),
        case(ValueError, r"shape \(n_samples,\)", r"shape \(\)", 1),
        case(TypeError, "whole numbers", "'a'", list("ababab")),
        case(TypeError, "whole numbers", "float64 such as 0.5", [0, 0.5, 1, 0, 1, 0]),
        case(TypeError, "whole numbers", "float64 such as nan", [0, 1, math.nan, 0, 1, 0]),
        case(TypeError, "whole numbers", "float64 such as inf", [0, 1, math.inf, 0, 1, 0]),
        case(TypeError, "whole numbers", r"float64 such as 1e\+300", [0, 1e300, 0, 1, 0, 1]),
        case(TypeError, "whole numbers", "object such as None", [None] * 6),
        case(TypeError, "whole numbers", r"\[\[0\], \[1, 2\]\]", [[0], [1, 2]]),
    ],
)
def test_labels(part, labels, kind, expected, received):
    given = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y, f"y_{part}": labels}
    assert_refused(
        lambda: bl.from_arrays(*given.values()),
        kind,
        f"y_{part}: expected .*{expected}",
        f"received .*{received}",
    )


@pytest.mark.parametrize(
    ("changed", "kind", "expected", "received"),
    [
        case(
            ValueError,
            "x_train: expected at least 2 samples",
            "received 1",
            {"x_train": X[:1], "y_train": Y[:1]},
            id="one row",
        ),
        case(
            ValueError,
            "y_train: expected at least 2 classes",
            "received only the label 0",
            {"y_train": Y * 0, "y_test": Y * 0},
            id="one class",
        ),
        case(
            ValueError,
            "y_train: expected every class 0 to 1 among the training",
            "none of class 1",
            {"y_train": Y * 0},
            id="one class in training",
        ),
        case(
            ValueError,
            "y_train: expected every class 0 to 2 among the training",
            "none of class 2",
            {"y_test": Y * 2},
            id="class missing from training",
        ),
        case(
            ValueError,
            "y_train: expected the labels 0 to 1 without a gap",
            r"received \[0, 2\]",
            {"y_train": Y * 2, "y_test": Y * 2},
            id="skipped label",
        ),
        case(
            ValueError,
            "y_train: expected the labels 0 to 2 without a gap",
            r"received \[-1, 0, 1\]",
            {"y_train": Y - 1},
            id="negative label",
        ),
        case(
            ValueError,
            "y_train: expected the labels 0 to 1 without a gap",
            r"received \[1, 2\]",
            {"y_train": Y + 1, "y_test": Y + 1},
            id="labels from 1",
        ),
        case(
            ValueError,
            "y_train: expected the labels 0 to 7 without a gap",
            r"received \[0, 1, 1000000000000000, .*…",
            {"y_train": np.arange(10**15, 10**15 + 6)},
            id="long labels",
        ),
        case(
            ValueError,
            "x_train, y_train: expected the same length",
            "5 samples and 6 labels",
            {"x_train": X[:5]},
            id="fewer samples than labels",
        ),
        case(
            ValueError,
            "x_test, y_test: expected the same length",
            "6 samples and 5 labels",
            {"y_test": Y[:5]},
            id="fewer labels than samples",
        ),
        case(
            ValueError,
            r"x_test: expected samples of shape \(2,\) as in x_train",
            r"received \(3,\)",
            {"x_test": np.zeros((6, 3))},
            id="other features",
        ),
        case(
            ValueError,
            "x_train: expected samples that differ",
            "6 equal ones",
            {"x_train": np.ones((6, 2))},
            id="equal rows",
        ),
        case(TypeError, "name: expected a string", "received 3", {"name": 3}),
    ],
)
def test_from_arrays(changed, kind, expected, received):
    given = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y, **changed}
    assert_refused(lambda: bl.from_arrays(**given), kind, expected, received)


# Orders and trained models


@pytest.mark.parametrize(
    ("changed", "kind", "expected", "received"),
    [
        case(ValueError, "n_train: .* at least 1", "received 0", {"n_train": 0}),
        case(TypeError, "n_train: .* whole", "received 5.0", {"n_train": 5.0}),
        case(ValueError, "epochs: .* at least 1", "received 0", {"epochs": 0}),
        case(TypeError, "epochs: .* whole", "received None", {"epochs": None}),
        case(ValueError, "seed: .* from 0 to 4294967295", "received -1", {"seed": -1}),
        case(ValueError, "seed: .* from 0 to 4294967295", "4294967296", {"seed": 2**32}),
        case(TypeError, "seed: .* whole", "received True", {"seed": True}),
        case(ValueError, "replicate: .* from 0 to", "received -1", {"replicate": -1}),
        case(
            ValueError,
            "replicate: .* from 0 to 0",
            "received 1",
            {"seed": 2**32 - 1, "replicate": 1},
        ),
        case(TypeError, "replicate: .* whole", "received '0'", {"replicate": "0"}),
    ],
)
def test_shuffle_orders(changed, kind, expected, received):
    settings = {"n_train": 5, "epochs": 2, "seed": 0, "replicate": 0, **changed}
    assert_refused(lambda: bl.shuffle_orders(**settings), kind, expected, received)


@pytest.mark.parametrize(
    ("settings", "kind", "expected", "received"),
    [
        case(ValueError, "replicate: .* from 0 to 3", "received 4", {"replicate": 4}),
        case(ValueError, "replicate: .* from 0 to 3", "received -1", {"replicate": -1}),
        case(TypeError, "replicate: .* whole", "received None", {"replicate": None}),
        case(ValueError, "epoch: .* from 0 to 10", "received 11", {"epoch": 11}),
        case(TypeError, "epoch: .* whole", "received 2.0", {"epoch": 2.0}),
        case(
            ValueError,
            "history: expected epoch_weights, .* keep_weights='epochs'",
            "received the variables .*weights",
            {"epoch": 5},
        ),
    ],
)
def test_trained_model(small, history, settings, kind, expected, received):
    assert_refused(
        lambda: bl.trained_model(bl.mlp, small, history, **settings), kind, expected, received
    )


def test_trained_model_without_weights(small, history):
    assert_refused(
        lambda: bl.trained_model(bl.mlp, small, history.drop_vars("weights")),
        ValueError,
        "history: expected weights, .* keep_weights='final'",
        "received the variables loss",
    )


def test_trained_model_of_another_model(small, history):
    assert_refused(
        lambda: bl.trained_model(lambda p: bl.mlp(p, hidden_units=[8]), small, history),
        ValueError,
        "history: expected weights for the 51 parameters",
        "received 303",
    )


# Figures and tables


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


# What else a refusal must not do


class Wordy:
    """An object whose representation is long and has several lines."""

    def __repr__(self):
        return "several\n  lines " * 100


@pytest.mark.parametrize("value", [Wordy(), np.zeros((9, 9)), list(range(999))], ids=type)
def test_long_values_are_shown_short(small, value):
    for call in (
        lambda: fit(small, epochs=value),
        lambda: fit(small, keep_weights=value),
        lambda: fit(small, optimizer=value),
        lambda: fit(small, build=value),
        lambda: fit(small, build=lambda problem: value),
        lambda: bl.blobs(n_samples=value),
        lambda: bl.mlp(small, dtype=str(value)),
        lambda: bl.from_arrays([[value, "a"]], Y, X, Y),
        lambda: bl.from_arrays(X, Y, X, Y, name=value),
        lambda: bl.plot_learning_curves(xr.Dataset(), metric=value),
    ):
        assert "received" in str(error_of(call))


def next_random_numbers():
    return (
        random.random(),
        np.random.rand(),  # noqa: NPY002
        float(tf.random.uniform(())),
        float(keras.random.uniform(())),
    )


def failing(problem):
    raise ValueError("build: expected nothing, received a failure of its own.")


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 0},
        {"seed": -1},
        {"device": "tpu"},
        {"optimizer": "adam"},
        {"loss": "mse"},  # refused after the replicates were built
        {"build": lambda problem: sequential(layers.Dense(2)), "seed": 7},
        {"build": failing, "seed": 7},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_a_refusal_changes_nothing_global(small, settings):
    keras.utils.set_random_seed(5)
    expected = next_random_numbers()
    keras.utils.set_random_seed(5)
    error_of(lambda: fit(small, **settings))
    assert next_random_numbers() == expected
    assert keras.config.floatx() == "float32"


OPTIMIZERS = {
    "gradient_accumulation_steps": lambda: keras.optimizers.SGD(gradient_accumulation_steps=2),
    "use_ema": lambda: keras.optimizers.SGD(use_ema=True),
    "constants": lambda: keras.optimizers.ScheduleFreeAdamW(),
}


@pytest.mark.parametrize("expected", OPTIMIZERS)
def test_optimizer_that_cannot_be_used(small, expected):
    assert_refused(
        lambda: fit(small, optimizer=OPTIMIZERS[expected]()), ValueError, expected, "received"
    )


def test_optimizer_that_wraps_another(small):
    wrapped = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
    assert_refused(
        lambda: fit(small, optimizer=wrapped), TypeError, "optimizer: expected", "received"
    )


def test_learning_rate_that_is_a_function(small):
    optimizer = keras.optimizers.SGD(lambda: 0.1)
    assert_refused(
        lambda: fit(small, optimizer=optimizer), TypeError, "learning_rate: expected", "received"
    )


@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_loss_that_is_no_mean(small, reduction):
    loss = keras.losses.SparseCategoricalCrossentropy(reduction=reduction)
    assert_refused(
        lambda: fit(small, loss=loss), ValueError, "loss: expected", f"reduction='{reduction}'"
    )


def test_samples_beyond_the_type_of_the_model():
    problem = bl.from_arrays(X * 1e40, Y, X * 1e40, Y)
    assert_refused(
        lambda: fit(problem, build=partial(bl.mlp, dtype="float32"), batch_size=2),
        ValueError,
        "build: expected a model of a type that holds the samples",
        r"float32 for samples up to \d.*e\+41",
    )
    assert fit(problem, batch_size=2)["val_loss"].size


def test_model_in_mixed_float16(small):
    def build(problem):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, dtype="mixed_float16")])
        return model

    assert_refused(
        lambda: fit(small, build=build), ValueError, "build: expected", "received .*mixed_float16"
    )


# Budgets of fit


@pytest.mark.parametrize(
    ("settings", "kind", "expected", "received"),
    [
        case(TypeError, "epochs, updates: expected one of them", "received none", {}),
        case(
            TypeError,
            "epochs, updates: expected one of them",
            "received epochs and updates",
            {"epochs": 3, "updates": 3},
        ),
        case(ValueError, "updates: .* at least 1", "received 0", {"updates": 0}),
        case(ValueError, "updates: .* at least 1", "received -1", {"updates": -1}),
        case(TypeError, "updates: .* whole", "received 2.5", {"updates": 2.5}),
        case(TypeError, "updates: .* whole", "received True", {"updates": True}),
        case(TypeError, "updates: .* whole", "received '8'", {"updates": "8"}),
        case(TypeError, "updates: .* whole", "received nan", {"updates": math.nan}),
        case(TypeError, "updates: .* whole", "received inf", {"updates": math.inf}),
        case(TypeError, "updates: .* whole", r"received \[5\]", {"updates": [5]}),
        case(ValueError, "records: .* from 1 to 9", "received 0", {"records": 0}),
        case(ValueError, "records: .* from 1 to 9", "received -1", {"records": -1}),
        case(ValueError, "records: .* from 1 to 9", "received 10", {"records": 10}),
        case(ValueError, "records: .* from 1 to 9", "received 10{12}", {"records": 10**12}),
        case(TypeError, "records: .* whole", "received 2.5", {"records": 2.5}),
        case(TypeError, "records: .* whole", "received True", {"records": True}),
        case(TypeError, "records: .* whole", "received '8'", {"records": "8"}),
        case(TypeError, "records: .* whole", "received nan", {"records": math.nan}),
        case(ValueError, "records: .* increasing", r"received \[\]", {"records": []}),
        case(ValueError, "records: .* increasing", r"received \[3, 3\]", {"records": [3, 3]}),
        case(ValueError, "records: .* increasing", r"received \[4, 3\]", {"records": [4, 3]}),
        case(ValueError, "records: .* from 1 to 9", "received 0", {"records": [0, 3]}),
        case(ValueError, "records: .* from 1 to 9", "received 10", {"records": [3, 10]}),
        case(TypeError, "records: .* whole", "received 2.5", {"records": [2.5]}),
        case(TypeError, "records: .* whole", "received True", {"records": [True]}),
        case(TypeError, "records: .* whole", "received '1'", {"records": ["1", "2"]}),
        case(TypeError, "records: .* whole", "received None", {"records": [None]}),
        case(TypeError, "records: .* whole", r"received \[1\]", {"records": [[1], [2, 3]]}),
        case(
            ValueError,
            "records: .* from 1 to 8",  # 2 epochs of 4 updates
            "received 9",
            {"epochs": 2, "records": [9]},
        ),
    ],
)
def test_budget(small, settings, kind, expected, received):
    if set(settings) == {"records"}:
        settings = {"updates": 9, **settings}
    assert_refused(
        lambda: bl.fit(bl.mlp, small, batch_size=16, **settings), kind, expected, received
    )


# Sweeps


@pytest.fixture
def sweep(small, monkeypatch):
    """`sweep` of a small problem that must not train anything."""

    def trained(*_, **__):
        raise AssertionError("trained before it was refused")

    monkeypatch.setattr("batchlab.engine.training.Training.train", trained)
    monkeypatch.setattr("batchlab.engine.training.Training.trace", trained)
    monkeypatch.setattr("batchlab.training.sweep.train_elsewhere", trained)

    def call(**settings):
        given = {"build": bl.mlp, "problem": small, "batch_size": [16, 32], "epochs": 1}
        if {"updates", "samples"} & set(settings):
            del given["epochs"]
        given |= settings
        return bl.sweep(given.pop("build"), given.pop("problem"), **given)

    return call


@pytest.mark.parametrize(
    ("value", "kind", "received"),
    [
        (0, ValueError, "0"),
        (-1, ValueError, "-1"),
        (61, ValueError, "61"),
        (10**12, ValueError, "1000000000000"),
        (2.5, TypeError, r"2\.5"),
        (16.0, TypeError, r"16\.0"),
        (True, TypeError, "True"),
        ("8", TypeError, "'8'"),
        ("all", TypeError, "'all'"),
        (None, TypeError, "None"),
        (math.nan, TypeError, "nan"),
        (math.inf, TypeError, "inf"),
        ([8], TypeError, r"\[8\]"),
        (b"8", TypeError, "b'8'"),
    ],
)
def test_batch_sizes_of_a_sweep(sweep, value, kind, received):
    expected = "batch_size: expected 'full' or a whole number from 1 to 60, .* received "
    for several in ([value], [16, value], (value,)):
        assert_refused(lambda s=several: sweep(batch_size=s), kind, expected, f"{received}\\.$")
    if not isinstance(value, list):
        assert_refused(lambda: sweep(batch_size=value), kind, expected, f"{received}\\.$")


@pytest.mark.parametrize(
    ("values", "kind", "expected", "received"),
    [
        case(ValueError, "at least one value", "received none", []),
        case(ValueError, "different values", "received 16 twice", [16, 32, 16]),
        case(ValueError, "different values", "received 60 twice", ["full", 60]),
        case(ValueError, "different values", "received 16 twice", np.array([16, 16])),
        case(TypeError, "names for its values", "received 16", {16: 16}),
        case(TypeError, "a whole number", r"received array\(2\.5\)", np.array(2.5)),
    ],
)
def test_lists_of_batch_sizes(sweep, small, values, kind, expected, received):
    for problem in (small, {"a": small, "b": small}):
        if "full" in list(np.atleast_1d(values)) and problem is not small:
            continue  # which number "full" is differs between problems
        assert_refused(
            lambda p=problem: sweep(batch_size=values, problem=p),
            kind,
            f"batch_size: expected .*{expected}",
            received,
        )


def test_a_batch_size_beyond_the_smaller_of_two_problems(sweep, small):
    smaller = bl.blobs(80, n_train=20)
    assert_refused(
        lambda: sweep(problem={"a": small, "b": smaller}),
        ValueError,
        "batch_size: .* from 1 to 20",
        "received 32",
    )


@pytest.mark.parametrize("form", ["one", "list", "rule", "function"])
@pytest.mark.parametrize(
    ("rate", "kind"),
    [
        (0, ValueError),
        (0.0, ValueError),
        (-0.1, ValueError),
        (math.nan, ValueError),
        (math.inf, ValueError),
        (10**400, ValueError),
        ("0.1", TypeError),
        (True, TypeError),
        ([0.1], TypeError),
    ],
)
def test_learning_rates_of_a_sweep(sweep, rate, kind, form):
    if form == "one" and isinstance(rate, list):
        pytest.skip("a list of one rate is allowed")
    given = {
        "one": rate,
        "list": [0.1, rate],
        "rule": {"a": rate},
        "function": {"a": lambda _: rate},
    }
    assert_refused(
        lambda: sweep(learning_rate=given[form]),
        kind,
        "learning_rate: expected a positive number",
        re.escape(f"received {repr(rate)[:60]}"),
    )


@pytest.mark.parametrize(
    ("settings", "kind", "expected", "received"),
    [
        case(ValueError, "learning_rate: .* at least one", "none", {"learning_rate": []}),
        case(ValueError, "learning_rate: .* at least one", "none", {"learning_rate": {}}),
        case(ValueError, "learning_rate: .* different", "0.1 twice", {"learning_rate": [0.1] * 2}),
        case(TypeError, "learning_rate: expected names", "received 1", {"learning_rate": {1: 0.1}}),
        # What is held fixed
        case(TypeError, "epochs, updates, samples: .* one", "received none", {"epochs": None}),
        case(
            TypeError,
            "epochs, updates, samples: .* one",
            "received epochs and updates",
            {"epochs": 1, "updates": 3},
        ),
        case(
            TypeError,
            "epochs, updates, samples: .* one",
            "received updates and samples",
            {"updates": 3, "samples": 3},
        ),
        case(TypeError, "records: .* with updates or samples", "with epochs", {"records": 3}),
        case(ValueError, "epochs: .* at least 1", "received 0", {"epochs": 0}),
        case(TypeError, "epochs: .* whole", r"received \[1, 2\]", {"epochs": [1, 2]}),
        case(ValueError, "updates: .* at least 1", "received 0", {"updates": 0}),
        case(TypeError, "updates: .* whole", "received 2.5", {"updates": 2.5}),
        case(ValueError, "samples: .* at least 1", "received 0", {"samples": 0}),
        case(ValueError, "samples: .* at least 1", "received -5", {"samples": -5}),
        case(TypeError, "samples: .* whole", "received True", {"samples": True}),
        case(TypeError, "samples: .* whole", "received '8'", {"samples": "8"}),
        case(TypeError, "samples: .* whole", "received nan", {"samples": math.nan}),
        case(ValueError, "records: .* from 1 to 9", "received 10", {"updates": 9, "records": 10}),
        case(ValueError, "records: .* of samples", r"\[5, 5\]", {"samples": 9, "records": [5, 5]}),
        case(ValueError, "records: .* of updates", r"\[5, 4\]", {"updates": 9, "records": [5, 4]}),
        case(ValueError, "records: .* from 1 to 9", "received 10", {"samples": 9, "records": [10]}),
        # Numbers
        case(ValueError, "replicates: .* from 1", "received 0", {"replicates": 0}),
        case(TypeError, "replicates: .* whole", r"received \[1, 2\]", {"replicates": [1, 2]}),
        case(ValueError, "seed: .* from 0 to 4294967295", "4294967296", {"seed": 2**32}),
        case(TypeError, "seed: .* whole", "received True", {"seed": True}),
        case(ValueError, "threads: .* at least 1", "received 0", {"threads": 0}),
        case(ValueError, "n_jobs: expected a number of processes", "0", {"n_jobs": 0}),
        case(TypeError, "n_jobs: .* whole", "received True", {"n_jobs": True}),
        case(TypeError, "n_jobs: .* whole", "received '2'", {"n_jobs": "2"}),
        case(TypeError, "n_jobs: .* whole", "received 2.0", {"n_jobs": 2.0}),
        case(TypeError, "n_jobs: .* whole", "received nan", {"n_jobs": math.nan}),
        case(ValueError, "n_jobs: .* from -1000000", "received 10{12}", {"n_jobs": 10**12}),
        # Names
        case(ValueError, "device: expected one of", "'tpu'", {"device": "tpu"}),
        case(ValueError, "keep_weights: expected one of", "'all'", {"keep_weights": "all"}),
        case(
            ValueError,
            "keep_weights: expected 'none' for models of several sizes",
            "'final' for models of 21 and 27 weights",
            {"keep_weights": "final", "hidden_units": [(3,), (4,)]},
        ),
        # Objects
        case(TypeError, "problem: expected a batchlab Problem", "received 3", {"problem": 3}),
        case(ValueError, "problem: .* at least one", "none", {"problem": {}}),
        case(TypeError, "problem: .* Problem", "'b'", {"problem": {"a": "b"}}),
        case(TypeError, "problem: .* Problem", "'b'", {"problem": {"a": "b"}, "samples": 9}),
        case(TypeError, "problem: expected names", "received 1", {"problem": {1: "b"}}),
        case(TypeError, "problem: expected one, or a mapping", r"\[\]", {"problem": []}),
        case(ValueError, "build: .* at least one", "none", {"build": {}}),
        case(TypeError, "build: expected one, or a mapping", "<function", {"build": [bl.mlp]}),
        case(TypeError, "build: expected a function", "'mlp'", {"build": "mlp"}),
        case(TypeError, "build: expected a function", "'b'", {"build": {"a": bl.mlp, "b": "b"}}),
        case(TypeError, "build: expected names", "received None", {"build": {None: bl.mlp}}),
        case(ValueError, "optimizer: .* at least one", "none", {"optimizer": {}}),
        case(TypeError, "optimizer: expected a Keras", "'adam'", {"optimizer": "adam"}),
        case(TypeError, "optimizer: expected a Keras", "'adam'", {"optimizer": {"a": "adam"}}),
        case(TypeError, "optimizer: expected one, or", "'adam'", {"optimizer": ["adam"]}),
        case(ValueError, "loss: .* at least one", "none", {"loss": {}}),
        case(TypeError, "loss: expected a Keras loss", "'mse'", {"loss": "mse"}),
        case(TypeError, "loss: expected a Keras loss", "'mse'", {"loss": {"a": None, "b": "mse"}}),
        case(TypeError, "store: expected the path", "received 3", {"store": 3}),
        case(TypeError, "store: expected the path", "received True", {"store": True}),
        case(TypeError, "store: expected the path", "received ''", {"store": ""}),
        case(TypeError, "store: expected the path", "received b'a'", {"store": b"a"}),
        # Further settings
        case(TypeError, "momentums: .* momentum", "received 'momentums'", {"momentums": [0.9]}),
        case(TypeError, "lr: expected a keyword of build or", "received 'lr'", {"lr": [0.1]}),
        case(TypeError, "momentum: expected a list", "received 0.9", {"momentum": 0.9}),
        case(TypeError, "activation: expected a list", "'relu'", {"activation": "relu"}),
        case(ValueError, "momentum: .* at least one", "none", {"momentum": []}),
        case(ValueError, "momentum: .* at least one", "none", {"momentum": {}}),
        case(ValueError, "momentum: .* different", "0.9 twice", {"momentum": [0.9, 0.9]}),
        case(ValueError, "momentum: .* SGD", "received 2.0", {"momentum": [0.9, 2.0]}),
        case(ValueError, "momentum: .* finite", "received 'a'", {"momentum": ["a"]}),
        case(ValueError, "momentum: .* finite", "received nan", {"momentum": [math.nan]}),
        case(ValueError, "weight_decay: .* finite", "received 'a'", {"weight_decay": ["a"]}),
        case(ValueError, "clipnorm: .* finite", "received inf", {"clipnorm": [math.inf]}),
        case(ValueError, "nesterov: .* finite", "received 'yes'", {"nesterov": ["yes"]}),
        case(TypeError, "momentum: expected names", "received 0", {"momentum": {0: 0.9}}),
        case(ValueError, "optimizer: .* use_ema", "use_ema=True", {"use_ema": [False, True]}),
        case(ValueError, "hidden_units: .* at least 1", "received 0", {"hidden_units": [(0,)]}),
        case(TypeError, "hidden_units: expected a list", "received 50", {"hidden_units": [50]}),
        case(ValueError, "activation: .* Keras", "'bump'", {"activation": ["relu", "bump"]}),
        case(
            ValueError,
            "optimizer: .* start from constants",
            "ScheduleFreeAdamW",
            {"optimizer": {"a": optimizers.SGD(), "b": optimizers.ScheduleFreeAdamW()}},
            id="an optimizer that cannot be used",
        ),
    ],
)
def test_sweep(sweep, settings, kind, expected, received):
    assert_refused(lambda: sweep(**settings), kind, expected, received)


def with_momentum(problem, *, momentum=0.5):
    return bl.mlp(problem)


def test_a_setting_that_both_have(sweep):
    for build in (with_momentum, {"a": bl.mlp, "b": with_momentum}):
        assert_refused(
            lambda b=build: sweep(build=b, momentum=[0.5]),
            TypeError,
            "momentum: expected a setting of one",
            "build and the optimizer both",
        )


def test_a_setting_that_only_one_of_several_has(sweep):
    given = {"sgd": optimizers.SGD(), "adam": optimizers.Adam()}
    assert_refused(
        lambda: sweep(optimizer=given, momentum=[0.5]),
        TypeError,
        "momentum: expected a keyword",
        "received 'momentum'",
    )


@pytest.mark.parametrize("name", ["epoch", "accuracy", "replicate", "weights", "rule"])
def test_a_setting_whose_name_is_taken(sweep, name):
    own = {"bl": bl}
    exec(f"def build(problem, *, {name}=1):\n    return bl.mlp(problem)", own)
    assert_refused(
        lambda: sweep(build=own["build"], **{name: [1, 2]}),
        ValueError,
        f"{name}: expected a setting whose name",
        f"received '{name}'",
    )


def test_a_refused_sweep_leaves_no_folder(sweep, tmp_path):
    error_of(lambda: sweep(batch_size=[16, 0], store=tmp_path / "cells"))
    assert not (tmp_path / "cells").exists()
