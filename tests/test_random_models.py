"""Models and tasks of any width, at batch sizes on both sides of every boundary, beside Keras.

``BATCHLAB_EXAMPLES=500 pytest tests/test_random_models.py`` throws others, and so many.
"""

import os
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import given as drawn_from
from hypothesis import strategies as st

import batchlab as bl
from batchlab._tensorflow import floatx, keras
from batchlab.summation import LONGEST_SUM, PARTS_UNROLLED

EXAMPLES = int(os.environ.get("BATCHLAB_EXAMPLES", 0))
SEVERAL = LONGEST_SUM * PARTS_UNROLLED  # longer sums go through a loop
# Outputs, and classes; no class is a regression.
TASKS = {
    "several classes": (3, 3),
    "two classes, two outputs": (2, 2),
    "two classes, one output": (1, 2),
    "one target": (1, None),
    "two targets": (2, None),
}


def made_up(task, n_train, features, n_test=70):
    outputs, classes = TASKS[task]
    generator = np.random.default_rng(n_train)
    x = generator.normal(size=(n_train + n_test, features))
    y = np.sin(x @ generator.normal(size=(features, outputs)))
    if classes:
        y = np.arange(len(x)) % classes
    elif outputs == 1:
        y = y[:, 0]
    parts = x[:n_train], y[:n_train], x[n_train:], y[n_train:]
    return bl.from_arrays(*parts, task="classification" if classes else "regression")


def perceptron(problem, *, outputs, widths):
    dense = partial(keras.layers.Dense, dtype="float64")
    last = "linear" if problem.n_classes is None else "sigmoid" if outputs == 1 else "softmax"
    return keras.Sequential(
        [
            keras.Input(problem.feature_shape, dtype="float64"),
            *(dense(width, activation="tanh") for width in widths),
            dense(outputs, activation=last),
        ]
    )


def of_keras(build, problem, batch_size, epochs, optimizer, outputs):
    """Return the loss and the score that Keras's fit reports, by epoch, with those of the test."""
    regression = problem.n_classes is None
    kinds = {True: "mean_squared_error", False: "sparse_categorical_crossentropy"}
    loss = "binary_crossentropy" if outputs == 1 and not regression else kinds[regression]
    with floatx("float64"):
        keras.utils.set_random_seed(3)
        model = build(problem)
        score = "mean_absolute_error" if regression else "accuracy"
        model.compile(type(optimizer)(0.01), loss, metrics=[score])
        found = []
        for order in bl.shuffle_orders(problem.n_train, epochs, seed=3, replicate=0):
            found.append(
                model.fit(
                    problem.x_train[order],
                    problem.y_train[order],
                    batch_size=batch_size,
                    validation_data=(problem.x_test, problem.y_test),
                    shuffle=False,
                    verbose=0,
                ).history
            )
    return {name: [row[name][0] for row in found] for name in found[0]}


def check_like_keras(
    task, n_train, batch_size, *, widths=(3,), features=2, replicates=1, adam=False
):
    problem, outputs = made_up(task, n_train, features), TASKS[task][0]
    build = partial(perceptron, outputs=outputs, widths=widths)
    optimizer = (keras.optimizers.Adam if adam else keras.optimizers.SGD)(0.01)
    run = {"batch_size": batch_size, "epochs": 2}
    history = bl.fit(build, problem, **run, replicates=replicates, seed=3, optimizer=optimizer)
    for name, values in of_keras(build, problem, *run.values(), optimizer, outputs).items():
        found = history[name].isel(replicate=0)
        np.testing.assert_allclose(found, values, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("task", ["one target", "two classes, one output"])
@pytest.mark.parametrize("batch_size", [LONGEST_SUM, LONGEST_SUM + 1, 129, 130])
def test_one_output_is_trained_as_keras_trains_it(task, batch_size):
    check_like_keras(task, 130, batch_size)


@pytest.mark.parametrize("replicates", [1, 2])
@pytest.mark.parametrize("batch_size", [SEVERAL, SEVERAL + 1, SEVERAL + 2])
def test_one_output_in_batches_as_long_as_the_longest_sum_that_is_written_out(
    batch_size, replicates
):
    check_like_keras("one target", SEVERAL + 2, batch_size, replicates=replicates)


def test_a_layer_of_one_unit_in_what_is_trained_replicate_by_replicate():
    problem = made_up("one target", 100, 3)

    def build(problem):
        layers = keras.layers
        return keras.Sequential(
            [
                keras.Input(problem.feature_shape, dtype="float64"),
                layers.Reshape((3, 1), dtype="float64"),
                layers.Conv1D(1, 2, dtype="float64"),
                layers.GRU(1, dtype="float64"),
                layers.Dropout(0.5, dtype="float64"),
                layers.Dense(1, dtype="float64"),
            ]
        )

    run = {"epochs": 2, "replicates": 2}
    full = bl.fit(build, problem, batch_size="full", **run)
    assert np.isfinite(full["val_loss"]).all()
    whole = bl.fit(build, problem, batch_size=100, **run)
    np.testing.assert_array_equal(full["val_loss"], whole["val_loss"])


def test_one_output_is_swept_and_recommended():
    problem = made_up("one target", 150, 2)
    study = bl.sweep(bl.mlp, problem, batch_size=[16, 65, "full"], epochs=2, replicates=2)
    assert np.isfinite(study["val_loss"]).all()
    binary = made_up("two classes, one output", 150, 2)
    build = partial(perceptron, outputs=1, widths=(3,))
    schedule = bl.fit(build, binary, batch_size=lambda epoch: (64, 65, 150)[epoch], epochs=3)
    assert np.isfinite(schedule["val_loss"]).all()


@st.composite
def models(draw):
    n_train = draw(st.sampled_from([66, 130, SEVERAL + 2]))
    boundaries = {1, LONGEST_SUM, LONGEST_SUM + 1, SEVERAL, SEVERAL + 1, n_train - 1, n_train}
    few = 1 if n_train < 200 else LONGEST_SUM  # Keras takes its time for an update
    sizes = sorted(size for size in boundaries if few <= size <= n_train)
    return {
        "task": draw(st.sampled_from([*TASKS])),
        "n_train": n_train,
        "batch_size": draw(st.sampled_from(sizes)),
        "widths": draw(st.lists(st.sampled_from([1, 2, 65]), max_size=3)),
        "features": draw(st.sampled_from([1, 2, 65])),
        "replicates": draw(st.sampled_from([1, 2])),
        "adam": draw(st.booleans()),
    }


@settings(
    max_examples=EXAMPLES or 10,
    derandomize=not EXAMPLES,  # the same in each run, so that nobody's change fails by chance
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@drawn_from(models())
def test_any_model_is_trained_as_keras_trains_it(drawn):
    note(str(drawn))
    check_like_keras(**drawn)
