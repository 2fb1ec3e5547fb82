"""The engine against its oracle, keras.Model.fit, to 1e-9 in every one of ten epochs."""

import numpy as np
import pytest
from oracle import KERAS_METRICS, keras_history

import batchlab as bl
from batchlab.foundation.backend import keras

EPOCHS = 10
optimizers, layers = keras.optimizers, keras.layers


def assert_equal_to_keras(build, problem, make_optimizer, batch_size, **settings):
    expected, model = keras_history(
        build,
        problem,
        make_optimizer=make_optimizer,
        batch_size=batch_size,
        epochs=EPOCHS,
        updates_a_call=10 if batch_size == 1 else 1,
    )
    history = bl.fit(
        build, problem, batch_size=batch_size, epochs=EPOCHS, optimizer=make_optimizer(), **settings
    )
    for name in KERAS_METRICS:
        np.testing.assert_allclose(history[name][0], expected[name], rtol=1e-9, err_msg=name)
    trained = bl.trained_model(build, problem, history)
    for ours, theirs in zip(trained.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-10)


def sgd():
    return optimizers.SGD(0.01, momentum=0.9)


def without_decay_of_biases():
    optimizer = optimizers.AdamW(0.01, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


@pytest.mark.parametrize(
    "make_optimizer",
    [
        pytest.param(lambda: optimizers.SGD(0.01), id="sgd"),
        pytest.param(sgd, id="momentum"),
        pytest.param(lambda: optimizers.SGD(0.01, momentum=0.9, nesterov=True), id="nesterov"),
        pytest.param(lambda: optimizers.SGD(0.01, weight_decay=0.01), id="weight decay"),
        pytest.param(lambda: optimizers.Adam(), id="adam"),
        pytest.param(lambda: optimizers.Adam(amsgrad=True, clipvalue=0.1), id="amsgrad, clipvalue"),
        pytest.param(lambda: optimizers.AdamW(0.002, weight_decay=0.01), id="adamw"),
        pytest.param(lambda: optimizers.RMSprop(), id="rmsprop"),
        pytest.param(lambda: optimizers.Adagrad(0.01), id="adagrad"),
        pytest.param(lambda: optimizers.Nadam(), id="nadam"),
        pytest.param(lambda: optimizers.Lion(), id="lion"),
        pytest.param(lambda: optimizers.SGD(0.05, clipnorm=0.1), id="clipnorm"),
        pytest.param(lambda: optimizers.SGD(0.05, global_clipnorm=0.1), id="global clipnorm"),
        pytest.param(lambda: optimizers.Lamb(), id="lamb"),
        pytest.param(lambda: optimizers.SGD(0.01, loss_scale_factor=1024.0), id="loss scale"),
        pytest.param(lambda: without_decay_of_biases(), id="excluded from weight decay"),
        pytest.param(
            lambda: optimizers.SGD(optimizers.schedules.ExponentialDecay(0.05, 40, 0.7)),
            id="exponential decay",
        ),
        pytest.param(
            lambda: optimizers.Adam(optimizers.schedules.CosineDecay(0.01, 100, warmup_steps=20)),
            id="cosine decay",
        ),
    ],
)
def test_optimizers(tutorial, make_optimizer):
    assert_equal_to_keras(bl.mlp, tutorial, make_optimizer, 32)


@pytest.mark.parametrize("batch_size", [7, 499, 500])
def test_batch_sizes(tutorial, batch_size):
    assert_equal_to_keras(bl.mlp, tutorial, sgd, batch_size)


def test_batch_size_one(tutorial):
    # The tutorial's rate for it; at 0.01 the run is chaotic and no two programs could agree.
    assert_equal_to_keras(
        bl.mlp, tutorial, lambda: optimizers.SGD(0.001, momentum=0.9), batch_size=1
    )


def two_hidden_layers(problem):
    return bl.mlp(problem, hidden_units=[16, 8])


def batch_normalization(problem):
    return keras.Sequential(
        [
            keras.Input(problem.feature_shape, dtype="float64"),
            layers.Dense(16, dtype="float64"),
            layers.BatchNormalization(dtype="float64"),
            layers.Activation("relu", dtype="float64"),
            layers.Dense(problem.n_classes, activation="softmax", dtype="float64"),
        ]
    )


def regularized(problem):
    inputs = keras.Input(problem.feature_shape, dtype="float64")
    hidden = layers.Dense(
        16,
        activation="relu",
        kernel_regularizer=keras.regularizers.L2(0.01),
        bias_regularizer="l1",
        kernel_constraint=keras.constraints.MaxNorm(0.5),
        dtype="float64",
    )(inputs)
    outputs = layers.Dense(problem.n_classes, activation="softmax", dtype="float64")(hidden)
    return keras.Model(inputs, outputs)


def activity_regularized(problem):
    return keras.Sequential(
        [
            keras.Input(problem.feature_shape, dtype="float64"),
            layers.Dense(16, activation="relu", activity_regularizer="l2", dtype="float64"),
            layers.Dense(problem.n_classes, activation="softmax", dtype="float64"),
        ]
    )


class Subclassed(keras.Model):
    def __init__(self, n_classes):
        super().__init__(dtype="float64")
        self.hidden = layers.Dense(16, activation="tanh", dtype="float64")
        self.out = layers.Dense(n_classes, activation="softmax", dtype="float64")

    def call(self, inputs):
        return self.out(self.hidden(inputs))


def subclassed(problem):
    return Subclassed(problem.n_classes)


def frozen(problem):
    model = bl.mlp(problem)
    model.layers[0].trainable = False
    return model


@pytest.mark.parametrize(
    "build",
    [
        two_hidden_layers,
        batch_normalization,
        regularized,
        activity_regularized,
        subclassed,
        frozen,
    ],
)
def test_models(tutorial, build):
    assert_equal_to_keras(build, tutorial, sgd, 32)


def images(n_train=64, n_test=32):
    generator = np.random.default_rng(0)
    y = np.arange(n_train + n_test) % 2
    x = generator.normal(size=(n_train + n_test, 6, 6, 1))
    x[y == 1, 2:4, 2:4] += 1.0
    return bl.from_arrays(x[:n_train], y[:n_train], x[n_train:], y[n_train:], name="squares")


def convolutional(problem):
    return keras.Sequential(
        [
            keras.Input(problem.feature_shape, dtype="float64"),
            layers.Conv2D(4, 3, activation="relu", dtype="float64"),
            layers.MaxPooling2D(2, dtype="float64"),
            layers.Flatten(dtype="float64"),
            layers.Dense(problem.n_classes, activation="softmax", dtype="float64"),
        ]
    )


def test_convolutional_model():
    assert_equal_to_keras(convolutional, images(), sgd, 12, replicates=2)


def recurrent(problem):
    return keras.Sequential(
        [
            keras.Input(problem.feature_shape, dtype="float64"),
            layers.GRU(4, dtype="float64"),
            layers.Dense(problem.n_classes, activation="softmax", dtype="float64"),
        ]
    )


def test_recurrent_model_whose_replicates_xla_cannot_run_at_once():
    problem = images()
    series = bl.from_arrays(
        problem.x_train[..., 0], problem.y_train, problem.x_test[..., 0], problem.y_test
    )
    assert_equal_to_keras(recurrent, series, sgd, 12, replicates=2)


def test_replicates_of_a_convolutional_model_are_runs_of_their_own():
    together = bl.fit(convolutional, images(), batch_size=12, epochs=3, replicates=3)
    alone = bl.fit(convolutional, images(), batch_size=12, epochs=3, seed=2)
    np.testing.assert_array_equal(together["val_loss"][2], alone["val_loss"][0])


def test_each_of_several_replicates_equals_keras(tutorial):
    history = bl.fit(bl.mlp, tutorial, batch_size=32, epochs=EPOCHS, replicates=5, seed=7)
    for replicate in (0, 4):
        expected, _ = keras_history(
            bl.mlp,
            tutorial,
            make_optimizer=sgd,
            batch_size=32,
            epochs=EPOCHS,
            seed=7 + replicate,
        )
        for name in KERAS_METRICS:
            np.testing.assert_allclose(history[name][replicate], expected[name], rtol=1e-9)


def test_binary_model_with_one_output():
    problem = bl.blobs(200, centers=[[-2, 0], [2, 0]], n_train=100, cluster_std=1.0)

    def one_output(problem):
        return keras.Sequential(
            [
                keras.Input(problem.feature_shape, dtype="float64"),
                layers.Dense(8, activation="relu", dtype="float64"),
                layers.Dense(1, activation="sigmoid", dtype="float64"),
            ]
        )

    history = bl.fit(one_output, problem, batch_size=10, epochs=20)
    model = bl.trained_model(one_output, problem, history)
    model.compile(loss="binary_crossentropy", metrics=["accuracy"])
    loss, accuracy = model.evaluate(problem.x_test, problem.y_test, verbose=0)
    assert loss == pytest.approx(float(history["val_loss"][0, -1]), rel=1e-5)
    assert accuracy == pytest.approx(float(history["val_accuracy"][0, -1]), rel=1e-5)
    assert accuracy > 0.9


def test_train_metrics_are_keras_evaluate_on_the_training_set(tutorial):
    history = bl.fit(bl.mlp, tutorial, batch_size=32, epochs=5)
    model = bl.trained_model(bl.mlp, tutorial, history)
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    loss, accuracy = model.evaluate(tutorial.x_train, tutorial.y_train, verbose=0)
    assert loss == pytest.approx(float(history["train_loss"][0, -1]), rel=1e-6)
    assert accuracy == pytest.approx(float(history["train_accuracy"][0, -1]), rel=1e-6)
