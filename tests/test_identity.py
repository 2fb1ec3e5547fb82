"""A program that is kept serves no other model, problem or setting than it was made for."""

import contextlib

import numpy as np
import pytest

import batchlab as bl
from batchlab import compiling
from batchlab._tensorflow import keras, preserved_random_state
from batchlab.identity import constants, identity
from batchlab.optimizers import settings_of

layers = keras.layers
SHIFTS = 0.0, 5.0


def problem(shift, *, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(40, 2)) * (1 + shift) + shift
    y = np.arange(40) % 2
    return bl.from_arrays(x[:24], y[:24], x[24:], y[24:])


def sequential(problem, *before):
    inputs = keras.Input(problem.feature_shape, dtype="float64")
    last = layers.Dense(2, activation="softmax", dtype="float64")
    return keras.Sequential([inputs, *before, last])


def adapted(problem):
    layer = layers.Normalization(dtype="float64")
    layer.adapt(problem.x_train)
    return sequential(problem, layer)


def nested(problem):
    return sequential(problem, adapted_alone(problem))


def adapted_alone(problem):
    layer = layers.Normalization(dtype="float64")
    layer.adapt(problem.x_train)
    return keras.Sequential([keras.Input(problem.feature_shape, dtype="float64"), layer])


def given(problem):
    mean, variance = problem.x_train.mean(axis=0), problem.x_train.var(axis=0)
    return sequential(problem, layers.Normalization(mean=mean, variance=variance, dtype="float64"))


def rescaled(problem):
    scale = float(1 / np.abs(problem.x_train).max())
    return sequential(problem, layers.Rescaling(scale, dtype="float64"))


def multiplied(problem):
    inputs = keras.Input(problem.feature_shape, dtype="float64")
    scaled = inputs * np.abs(problem.x_train).max(axis=0)
    outputs = layers.Dense(2, activation="softmax", dtype="float64")(scaled)
    return keras.Model(inputs, outputs)


def changed_afterwards(problem):
    model = sequential(problem, layers.Dense(3, dtype="float64"), layers.LeakyReLU(dtype="float64"))
    model.layers[1].negative_slope = 0.1 + float(problem.x_train.max() > 9)
    return model


BUILDS = [adapted, nested, given, rescaled, multiplied, changed_afterwards]


def losses(build, problem):
    history = bl.fit(build, problem, batch_size=8, epochs=2, replicates=2)
    return np.stack([history[name].to_numpy() for name in ("loss", "val_loss", "train_loss")])


@pytest.fixture(autouse=True)
def cold():
    """Begin without programs."""
    compiling.forget_programs()


@pytest.mark.parametrize("build", BUILDS)
def test_another_problem_is_trained_warm_as_cold(build):
    first, second = map(problem, SHIFTS)
    losses(build, first)
    warm = losses(build, second)
    compiling.forget_programs()
    np.testing.assert_array_equal(warm, losses(build, second))


@contextlib.contextmanager
def epsilon(value):
    before = keras.config.epsilon()
    keras.config.set_epsilon(value)
    try:
        yield
    finally:
        keras.config.set_epsilon(before)


def test_a_setting_of_keras_between_two_fits_is_heard():
    def build(problem):
        inputs = keras.Input(problem.feature_shape, dtype="float64")
        return keras.Sequential(
            [inputs, layers.Dense(1, activation="hard_sigmoid", dtype="float64")]
        )

    far = problem(1e3)  # where probabilities are cut off by it
    before = losses(build, far)
    with epsilon(0.3):
        warm = losses(build, far)
        compiling.forget_programs()
        np.testing.assert_array_equal(warm, losses(build, far))
    assert not np.array_equal(before, warm)


def test_a_sweep_over_problems_keeps_each_ones_own_numbers(tmp_path):
    problems = dict(zip("ab", map(problem, SHIFTS), strict=True))
    run = {"batch_size": [8], "epochs": 2, "replicates": 2}
    for store in (None, tmp_path, tmp_path):
        study = bl.sweep(adapted, problems, **run, store=store)
        for name, one in problems.items():
            compiling.forget_programs()
            alone = bl.fit(adapted, one, batch_size=8, epochs=2, replicates=2)
            found = study["val_loss"].sel(problem=name, batch_size=8)
            np.testing.assert_array_equal(found, alone["val_loss"])


def key(build, problem):
    with preserved_random_state():
        model = build(problem)
    return identity(model, keras.losses.SparseCategoricalCrossentropy(), settings_of(None))


@pytest.mark.parametrize("build", [*BUILDS, bl.mlp])
def test_the_key_is_that_of_the_model_and_of_no_other(build):
    first, second = map(problem, SHIFTS)
    if build is not multiplied:  # Keras counts its operations, so that it is another each time
        assert key(build, first) == key(build, first) is not None
    assert (key(build, first) == key(build, second)) == (build is bl.mlp)
    for name, other in (("epsilon", 0.1), ("image_data_format", "channels_first")):
        before = getattr(keras.config, name)()
        own = key(build, first)
        getattr(keras.config, f"set_{name}")(other)
        try:
            assert key(build, first) != own
        finally:
            getattr(keras.config, f"set_{name}")(before)


def test_constants_are_what_is_no_variable():
    first = problem(0.0)
    assert constants(bl.mlp(first)) == []
    model = adapted(first)
    assert len(constants(model)) >= 2
    assert constants(model) == constants(adapted(first))
    model.layers[0].mean = model.layers[0].mean + 1
    assert constants(model) != constants(adapted(first))


class Penalized(keras.Model):
    """A model that Keras builds at its first call, which leaves a loss behind."""

    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(2, activation="softmax", dtype="float64")

    def call(self, x):
        outputs = self.inner(x)
        self.add_loss(1e-3 * keras.ops.mean(outputs[:, 0]))
        return outputs


def test_a_loss_that_a_model_noted_at_its_first_call_is_no_constant():
    assert np.isfinite(losses(lambda _: Penalized(), problem(0.0))).all()


def test_a_constant_that_differs_between_replicates_is_refused():
    def build(problem):
        layer = layers.Normalization(
            mean=keras.random.normal((2,)).numpy(), variance=np.ones(2), dtype="float64"
        )
        return sequential(problem, layer)

    with pytest.raises(ValueError, match=r"^build: expected models that differ in their weights"):
        losses(build, problem(0.0))
