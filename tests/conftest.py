"""Fixtures and the oracle: Keras's own fit on the same weights and orders."""

import matplotlib
import numpy as np
import pytest

import batchlab as bl
from batchlab._tensorflow import floatx, keras

matplotlib.use("Agg")

KERAS_METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")


def keras_history(build, problem, *, make_optimizer, batch_size, epochs, seed=0):
    """Return what keras.Model.fit reports for each epoch, and the trained model.

    `batch_size` may be a function of the epoch.
    """
    sizes = [batch_size(epoch) if callable(batch_size) else batch_size for epoch in range(epochs)]
    with floatx("float64"):
        keras.utils.set_random_seed(seed)
        model = build(problem)
        model.compile(make_optimizer(), "sparse_categorical_crossentropy", metrics=["accuracy"])
        orders = bl.shuffle_orders(problem.n_train, epochs, seed=seed, replicate=0)
        rows = [
            model.fit(
                problem.x_train[order],
                problem.y_train[order],
                batch_size=size,
                validation_data=(problem.x_test, problem.y_test),
                shuffle=False,
                verbose=0,
            ).history
            for order, size in zip(orders, sizes, strict=True)
        ]
    return {name: np.array([row[name][0] for row in rows]) for name in KERAS_METRICS}, model


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
