"""The oracle: Keras's own fit on the same weights and orders."""

import itertools

import numpy as np
import pytest

import batchlab as bl
from batchlab.foundation.backend import floatx, keras, tf

KERAS_METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")


def keras_history(
    build,
    problem,
    *,
    make_optimizer,
    batch_size,
    epochs,
    seed=0,
    updates_a_call=1,
    make_loss=None,
    dtype="float64",
    compiled="auto",
):
    """Return what keras.Model.fit reports for each epoch, and the trained model.

    `batch_size` may be a function of the epoch: each stretch of epochs of one size is a fit.
    `updates_a_call` is Keras's `steps_per_execution`. `make_loss` is None for `fit`'s own.
    `compiled` is Keras's `jit_compile`: compiled by XLA, dropout drops what it drops in `fit`.
    """
    sizes = [batch_size(epoch) if callable(batch_size) else batch_size for epoch in range(epochs)]
    sizes = [problem.n_train if size == "full" else size for size in sizes]
    _, *held_out = problem.held_out
    with floatx(dtype):
        keras.utils.set_random_seed(seed)
        model = build(problem)
        # A loss is in the float type of the moment in which it is made.
        compile_for(
            model,
            problem,
            optimizer=make_optimizer(),
            steps_per_execution=updates_a_call,
            jit_compile=compiled,
            **({"loss": make_loss()} if make_loss else {}),
        )
        orders = bl.shuffle_orders(problem.n_train, epochs, seed=seed, replicate=0)
        parts = []
        for size, stretch in itertools.groupby(range(epochs), sizes.__getitem__):
            own = orders[list(stretch)]
            history = model.fit(
                batches(problem.x_train[own], problem.y_train[own], size),
                steps_per_epoch=-(-problem.n_train // size),
                epochs=len(own),
                validation_data=tuple(held_out),
                validation_batch_size=size,
                shuffle=False,
                verbose=0,
            ).history
            assert {len(values) for values in history.values()} == {len(own)}
            parts.append(history)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, model


def compile_for(model, problem, **settings):
    """Compile a model with the loss and the score that `fit` takes for a problem."""
    if problem.task == "regression":
        loss, score = "mean_squared_error", "mean_absolute_error"
    else:
        one = model(problem.x_train[:1]).shape[-1] == 1
        loss, score = f"{'binary' if one else 'sparse_categorical'}_crossentropy", "accuracy"
    model.compile(**{"loss": loss, "metrics": [score], **settings})


def assert_evaluated_as_recorded(build, problem, history):
    """Check each trained model, evaluated by Keras, against the last numbers of the history."""
    for replicate in range(history.sizes["replicate"]):
        with floatx("float64"):
            trained = bl.trained_model(build, problem, history, replicate=replicate)
            compile_for(trained, problem, run_eagerly=True)  # which traces nothing
            _, *held_out = problem.held_out
            for part, samples in {
                "val": held_out,
                "train": (problem.x_train, problem.y_train),
            }.items():
                found = trained.evaluate(*samples, verbose=0, return_dict=True)
                recorded = {name: history[f"{part}_{name}"][replicate, -1].item() for name in found}
                assert found == pytest.approx(recorded, rel=1e-9)


def batches(x, y, size):
    """Return the batches of several epochs, the axis in front, in order; none spans two."""
    of_one = tf.data.Dataset.from_tensor_slices
    return of_one((x, y)).flat_map(lambda *epoch: of_one(epoch).batch(size))
