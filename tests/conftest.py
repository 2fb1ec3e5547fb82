"""Fixtures and the oracle: Keras's own fit on the same weights and orders."""

import itertools

import matplotlib
import numpy as np
import pytest

import batchlab as bl
from batchlab._tensorflow import floatx, keras, tf

matplotlib.use("Agg")

KERAS_METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")

# The longest files start first, else a core would wait for the last of them at the end.
LONGEST = [
    "arithmetic",
    "notebooks",
    "parallel",
    "training",
    "memory",
    "training_equals_keras",
    "faults",
]
LONGEST += ["examples", "sweeps", "schedules", "repeatability", "across_problems", "execution"]
LONGEST += ["cli"]


def pytest_collection_modifyitems(items):
    """Put the longest files in front; xdist hands files out in the order of their tests."""
    place = {f"test_{name}": number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONGEST)))


def keras_history(build, problem, *, make_optimizer, batch_size, epochs, seed=0, updates_a_call=1):
    """Return what keras.Model.fit reports for each epoch, and the trained model.

    `batch_size` may be a function of the epoch: each stretch of epochs of one size is a fit.
    `updates_a_call` is Keras's `steps_per_execution`.
    """
    sizes = [batch_size(epoch) if callable(batch_size) else batch_size for epoch in range(epochs)]
    with floatx("float64"):
        keras.utils.set_random_seed(seed)
        model = build(problem)
        model.compile(
            make_optimizer(),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            steps_per_execution=updates_a_call,
        )
        orders = bl.shuffle_orders(problem.n_train, epochs, seed=seed, replicate=0)
        parts = []
        for size, stretch in itertools.groupby(range(epochs), sizes.__getitem__):
            own = orders[list(stretch)]
            history = model.fit(
                batches(problem.x_train[own], problem.y_train[own], size),
                steps_per_epoch=-(-problem.n_train // size),
                epochs=len(own),
                validation_data=(problem.x_test, problem.y_test),
                validation_batch_size=size,
                shuffle=False,
                verbose=0,
            ).history
            assert {len(values) for values in history.values()} == {len(own)}
            parts.append(history)
    return {name: np.concatenate([part[name] for part in parts]) for name in KERAS_METRICS}, model


def batches(x, y, size):
    """Return the batches of several epochs, the axis in front, in order; none spans two."""
    of_one = tf.data.Dataset.from_tensor_slices
    return of_one((x, y)).flat_map(lambda *epoch: of_one(epoch).batch(size))


@pytest.fixture(scope="session")
def tutorial():
    """The tutorial's problem."""
    return bl.blobs()


@pytest.fixture(scope="session")
def small():
    """A problem on which an epoch takes no time: 60 training samples of 3 classes."""
    return bl.blobs(100, n_train=60)


@pytest.fixture(scope="session")
def history(small):
    """Four replicates, ten epochs."""
    return bl.fit(bl.mlp, small, batch_size=16, epochs=10, replicates=4)


def pytest_terminal_summary(terminalreporter):
    """Print what tests have measured, which xdist's workers cannot."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in report.user_properties if report.when == "call" else ():
                terminalreporter.write_line(f"{name}: {value}")
