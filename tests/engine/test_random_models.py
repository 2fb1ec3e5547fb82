"""Random models, problems and batch sizes: what `fit` says of them is what Keras's own fit says.

``BATCHLAB_EXAMPLES=150 pytest -s tests/engine/test_random_models.py`` draws others, and so many.
"""

import functools
import math

import numpy as np
import pytest
from hypothesis import Phase, note, settings
from hypothesis import given as drawn_from
from hypothesis import strategies as st
from oracle import assert_evaluated_as_recorded, keras_history
from thrown import EXAMPLES, thrown

import batchlab as bl
from batchlab.engine import program
from batchlab.engine.summation import LONGEST_SUM, PARTS_UNROLLED
from batchlab.foundation.backend import keras
from batchlab.histories.metrics import metric_names

layers, optimizers = keras.layers, keras.optimizers

CUT, LOOPED = LONGEST_SUM + 1, LONGEST_SUM * PARTS_UNROLLED + 1  # the first batch sizes that are
# Task, shape of one target or number of classes, outputs of the model.
TASKS = {
    "a target": ("regression", (), 1),
    "one output": ("classification", 2, 1),
    "classes": ("classification", 4, 4),
    "two outputs": ("classification", 2, 2),
    "a column": ("regression", (1,), 1),
    "targets": ("regression", (3,), 3),
}
OPTIMIZERS = {
    "sgd": functools.partial(optimizers.SGD, 0.05),
    "momentum": functools.partial(optimizers.SGD, 0.02, momentum=0.9),
    "nesterov": functools.partial(optimizers.SGD, 0.02, momentum=0.9, nesterov=True),
    "adam": functools.partial(optimizers.Adam, 0.01),
    "adamw": functools.partial(optimizers.AdamW, 0.01, weight_decay=0.1),
    "rmsprop": functools.partial(optimizers.RMSprop, 0.01),
    "clipped": functools.partial(optimizers.SGD, 0.05, global_clipnorm=0.5),
}
BETWEEN = {
    "nothing": lambda dtype: [],
    "dropout": lambda dtype: [layers.Dropout(0.3, dtype=dtype)],
    "normalization": lambda dtype: [layers.BatchNormalization(dtype=dtype)],
}


DRAWN = [*BETWEEN] if EXAMPLES else ["nothing", "normalization"]  # dropout takes Keras long


@functools.lru_cache(None)
def problem(task, n_train, features=3, n_test=70):
    kind, targets, _ = TASKS[task]
    generator = np.random.default_rng(0)
    n_samples = n_train + n_test
    x = generator.normal(size=(n_samples, features))
    if kind == "regression":
        slopes = generator.normal(size=(features, *targets)) / math.sqrt(features)
        y = np.sin(x @ slopes) + 0.1 * generator.normal(size=(n_samples, *targets))
    else:
        y = np.arange(n_samples) % targets
        x[:, 0] += y
    x /= math.sqrt(features)
    return bl.from_arrays(x[:n_train], y[:n_train], x[n_train:], y[n_train:], task=kind)


def model(problem, *, outputs, hidden=(4,), between="nothing", dtype="float64"):
    dense = functools.partial(layers.Dense, dtype=dtype)
    last = None if problem.task == "regression" else "sigmoid" if outputs == 1 else "softmax"
    return keras.Sequential(
        [
            keras.Input(problem.feature_shape, dtype=dtype),
            *(dense(units, activation="tanh") for units in hidden),
            *BETWEEN[between](dtype),
            dense(outputs, activation=last),
        ]
    )


def assert_trained_as_keras_trains(
    task,
    n_train,
    batch_size,
    *,
    features=3,
    hidden=(4,),
    between="nothing",
    optimizer="momentum",
    dtype="float64",
    replicates=1,
    epochs=2,
):
    own = problem(task, n_train, features)
    make_optimizer, outputs = OPTIMIZERS[optimizer], TASKS[task][2]
    build = functools.partial(model, outputs=outputs, hidden=hidden, between=between, dtype=dtype)
    run = {"batch_size": batch_size, "epochs": epochs}
    history = bl.fit(build, own, **run, optimizer=make_optimizer(), replicates=replicates)
    last = replicates - 1
    expected, trained = keras_history(
        build,
        own,
        **run,
        make_optimizer=make_optimizer,
        seed=last,
        dtype=dtype,
        compiled=between == "dropout",
    )
    assert history.attrs["dtype"] == dtype
    exact = dtype == "float64"
    assert set(expected) == set(metric_names(own.task)[:4])
    for name, values in expected.items():
        if exact or "accuracy" not in name:  # a sample on the border is where it is by rounding
            rtol = 1e-9 if exact else 1e-3
            np.testing.assert_allclose(history[name][last], values, rtol=rtol, err_msg=name)
    if exact:
        ours = bl.trained_model(build, own, history, replicate=last)
        for mine, theirs in zip(ours.get_weights(), trained.get_weights(), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-7, atol=1e-10)
    return build, own, history


# Every boundary of the engine, always: where sums over a batch are cut, where they go through a
# loop, a batch of all samples or all but one, and a last batch of 0, 1, 64 or 65 samples.
@pytest.mark.parametrize(
    ("n_train", "batch_size", "task", "given"),
    [
        (CUT + 15, CUT, "a target", {"hidden": (1,), "features": 1}),
        (2 * CUT, CUT, "one output", {"hidden": (1, 1), "optimizer": "adam"}),
        (2 * CUT + 1, CUT, "a target", {"between": "normalization"}),
        (2 * CUT - 1, CUT, "a column", {"hidden": ()}),
        (CUT + 15, CUT + 14, "a target", {}),
        (LOOPED - 1, LOOPED - 1, "a target", {"replicates": 2}),
        (LOOPED, LOOPED - 1, "one output", {"hidden": (1,)}),
        (LOOPED, "full", "targets", {"hidden": (1,)}),
        (LOOPED + CUT, LOOPED, "a column", {"replicates": 2, "between": "normalization"}),
        (LOOPED, CUT, "one output", {"dtype": "float32"}),
        (CUT, "full", "a target", {"features": LOOPED, "hidden": (1,)}),
        (LOOPED + 1, [CUT - 1, LOOPED], "one output", {"hidden": (1,)}),
    ],
)
def test_models_of_one_unit_at_every_boundary(n_train, batch_size, task, given):
    if isinstance(batch_size, list):
        given = {**given, "epochs": len(batch_size)}
        batch_size = batch_size.__getitem__
    assert_trained_as_keras_trains(task, n_train, batch_size, **given)


def test_models_of_one_unit_are_evaluated_in_blocks(monkeypatch):
    monkeypatch.setattr(program, "BLOCK_BYTES", 3 * 8 * CUT)  # of the widest layer, the features
    given = {"hidden": (1,), "replicates": 2}
    assert_trained_as_keras_trains("one output", 2 * CUT + 1, CUT, **given)


def test_layers_of_one_unit_in_what_is_trained_replicate_by_replicate():
    own = problem("a target", 2 * CUT)

    def build(problem):
        return keras.Sequential(
            [
                keras.Input(problem.feature_shape, dtype="float64"),
                layers.Reshape((3, 1), dtype="float64"),
                layers.Conv1D(1, 2, dtype="float64"),
                layers.GRU(1, dtype="float64"),
                layers.Dense(1, dtype="float64"),
            ]
        )

    run = {"batch_size": CUT, "epochs": 2}
    history = bl.fit(build, own, **run, replicates=2, optimizer=OPTIMIZERS["momentum"]())
    expected, _ = keras_history(build, own, **run, make_optimizer=OPTIMIZERS["momentum"], seed=1)
    for name, values in expected.items():
        np.testing.assert_allclose(history[name][1], values, rtol=1e-9, err_msg=name)


def test_one_output_is_swept_where_sums_are_cut():
    own = problem("a target", 2 * CUT)
    study = bl.sweep(bl.mlp, own, batch_size=[CUT - 1, CUT, "full"], epochs=2)
    for size in (CUT - 1, CUT, 2 * CUT):
        alone = bl.fit(bl.mlp, own, batch_size=size, epochs=2)
        swept = study["val_loss"].sel(batch_size=size)
        np.testing.assert_array_equal(swept.squeeze(), alone["val_loss"][0])


@st.composite
def runs(draw):
    """Return a training: of how many samples, in which batches, of which model."""
    n_train = draw(
        st.sampled_from([CUT + 1, CUT, CUT - 1, 9, 2 * CUT - 1, 2 * CUT, 3 * CUT])
        | st.sampled_from([LOOPED - 1, LOOPED, LOOPED + 1, LOOPED + CUT - 1, 2 * LOOPED])
        | st.integers(CUT, 3 * CUT)
    )
    edges = [1, 2, CUT - 1, CUT, CUT + 1, 2 * CUT, LOOPED - 1, LOOPED]
    near = [n_train // 2, n_train - CUT, n_train - CUT + 1, n_train - 1, n_train]
    # Keras takes its time for each update.
    size = st.sampled_from(
        ["full", *sorted({one for one in (*edges, *near) if n_train / 70 <= one <= n_train})]
    )
    sizes = draw(st.lists(size, min_size=1, max_size=2 if EXAMPLES else 1))
    return {
        "task": draw(st.sampled_from([*TASKS])),
        "n_train": n_train,
        "batch_size": sizes,
        "features": draw(st.sampled_from([3, 2, 1, CUT - 1, CUT, LOOPED])),
        "hidden": tuple(draw(st.lists(st.sampled_from([1, 2, 5, CUT]), max_size=3))),
        "between": draw(st.sampled_from(DRAWN)),
        "optimizer": draw(st.sampled_from([*OPTIMIZERS])),
        "dtype": draw(st.sampled_from(["float64", "float64", "float32"])),
        "replicates": draw(st.integers(1, 3)),
    }


def test_any_model_is_trained_as_keras_trains_it():
    # An example takes seconds: one that fails is not made smaller.
    @settings(thrown, max_examples=EXAMPLES or 4, phases=[Phase.generate])
    @drawn_from(runs())
    def throw(drawn):
        note(f"{drawn}")
        sizes = drawn.pop("batch_size")
        batch_size = sizes[0] if len(sizes) == 1 else sizes.__getitem__
        trained = assert_trained_as_keras_trains(batch_size=batch_size, **drawn)
        if drawn["dtype"] == "float64":
            assert_evaluated_as_recorded(*trained)

    throw()
