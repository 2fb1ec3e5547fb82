"""A trained model, evaluated by Keras, gives the last numbers of its history, whatever it is of."""

import functools

import numpy as np
import pytest
from oracle import assert_evaluated_as_recorded

import batchlab as bl
from batchlab.foundation.backend import keras

layers = {name: getattr(keras.layers, name) for name in dir(keras.layers)}


def of(name, *arguments, **settings):
    """Return a layer in float64 by its name."""
    return layers[name](*arguments, **settings, dtype="float64")


@functools.lru_cache(None)
def problem(task="classification", n_classes=3):
    generator = np.random.default_rng(0)
    x = np.rint(generator.normal(2, 1.5, size=(55, 6))).clip(0, 6)  # words as well
    y = np.arange(55) % n_classes
    if task == "regression":
        y = x[:, :2].sum(axis=1) + generator.normal(size=55)
    return bl.from_arrays(x[:40], y[:40], x[40:], y[40:], task=task)


def sequential(*hidden, outputs=3, last="softmax"):
    """Return a builder of these layers, each made anew, and one for the outputs."""

    def build(problem):
        made = [make() for make in hidden]
        inputs = keras.Input(problem.feature_shape, dtype="float64")
        return keras.Sequential([inputs, *made, of("Dense", outputs, activation=last)])

    return build


def dense(units=4, **settings):
    return lambda: of("Dense", units, **{"activation": "tanh"} | settings)


def series():
    return of("Reshape", (6, 1))


def skipping(problem):
    inputs = keras.Input(problem.feature_shape, dtype="float64")
    hidden = of("Dense", 6, activation="tanh")(inputs)
    joined = of("Concatenate")([of("Add")([inputs, hidden]), hidden])
    return keras.Model(inputs, of("Dense", 3, activation="softmax")(joined))


def normalized(problem):
    scale = of("Normalization")
    scale.adapt(problem.x_train)
    return sequential(lambda: scale, dense())(problem)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(dtype="float64")
        self.hidden = of("Dense", 4, activation="tanh")
        self.dropout = of("Dropout", 0.3)
        self.out = of("Dense", 3, activation="softmax")

    def call(self, inputs, training=False):
        return self.out(self.dropout(self.hidden(inputs), training=training))


def partly_frozen(problem):
    model = sequential(dense(), dense())(problem)
    model.layers[0].trainable = False
    return model


MODELS = {
    "softmax regression": sequential(),
    "dense": sequential(dense(), dense(1)),
    "batch normalization": sequential(dense(), lambda: of("BatchNormalization")),
    "layer normalization": sequential(dense(), lambda: of("LayerNormalization")),
    "dropout and noise": sequential(
        dense(), lambda: of("Dropout", 0.3), lambda: of("GaussianNoise", 0.1)
    ),
    "convolution": sequential(
        series, lambda: of("Conv1D", 2, 3, activation="tanh"), lambda: of("GlobalMaxPooling1D")
    ),
    "recurrent": sequential(series, lambda: of("GRU", 2)),
    "regularizers": sequential(
        dense(kernel_regularizer="l2", bias_regularizer="l1", activity_regularizer="l2")
    ),
    "constraints": sequential(dense(kernel_constraint=keras.constraints.MaxNorm(0.5))),
    "spectral normalization": sequential(lambda: of("SpectralNormalization", dense()())),
    "embedding": sequential(lambda: of("Embedding", 7, 2), lambda: of("Flatten")),
    "adapted normalization": normalized,
    "functional with a skip": skipping,
    "subclassed": lambda problem: Subclassed(),
    "partly frozen": partly_frozen,
}


@pytest.mark.parametrize("name", MODELS)
def test_a_trained_model_evaluates_to_the_last_numbers_of_its_history(name):
    build = MODELS[name]
    replicates = 2 if name in ("dense", "dropout and noise") else 1  # which compile twice as long
    history = bl.fit(build, problem(), batch_size=15, epochs=2, seed=1, replicates=replicates)
    assert_evaluated_as_recorded(build, problem(), history)


@pytest.mark.parametrize("outputs", [1, 2])
def test_so_does_one_of_two_classes(outputs):
    build = sequential(dense(), outputs=outputs, last="sigmoid" if outputs == 1 else "softmax")
    history = bl.fit(build, problem(n_classes=2), batch_size=15, epochs=2)
    assert_evaluated_as_recorded(build, problem(n_classes=2), history)


def test_so_does_one_of_a_regression():
    build, own = sequential(dense(), outputs=1, last=None), problem("regression")
    history = bl.fit(build, own, batch_size=15, epochs=2)
    assert_evaluated_as_recorded(build, own, history)


def random_beside_weights(problem):
    """Return a model that projects its samples as drawn when it was built."""
    matrix = np.random.normal(size=(6, 4))  # noqa: NPY002 (as a model of a user's would draw)
    return sequential(lambda: of("Lambda", lambda x: keras.ops.matmul(x, matrix)))(problem)


def test_what_is_random_in_a_model_beside_its_weights_is_as_it_was_trained():
    run = {"batch_size": 15, "epochs": 2, "seed": 3}
    history = bl.fit(random_beside_weights, problem(), **run)
    assert_evaluated_as_recorded(random_beside_weights, problem(), history)
    seeded = bl.fit(random_beside_weights, problem(), **run, weight_seeds=[8], order_seeds=[1])
    assert_evaluated_as_recorded(random_beside_weights, problem(), seeded)


def test_replicates_that_differ_in_more_than_variables_are_refused():
    expected = "build: expected models that differ in their weights alone, received"
    with pytest.raises(ValueError, match=expected):
        bl.fit(random_beside_weights, problem(), batch_size=15, epochs=1, replicates=2)
    # One that draws anew in each call is the same one.
    drawing = sequential(
        lambda: of("Lambda", lambda x: x + keras.random.normal((6,), dtype="float64"))
    )
    bl.fit(drawing, problem(), batch_size=15, epochs=1, replicates=2)
