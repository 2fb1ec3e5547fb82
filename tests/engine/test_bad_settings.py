"""What `fit` refuses, each in a sentence: numbers, names, budgets; and what a refusal leaves."""

import math
import random
import re
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
import xarray as xr
from refusals import X, Y, assert_refused, case, error_of, fit, sequential

import batchlab as bl

layers, optimizers = keras.layers, keras.optimizers


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
