"""A program that is kept serves no other model, problem or setting than it was made for."""

import contextlib
import inspect
import random

import numpy as np
import pytest

import batchlab as bl
from batchlab.engine import program
from batchlab.engine.identity import identity
from batchlab.engine.optimizers import settings_of
from batchlab.engine.weights import initial_variables
from batchlab.foundation.backend import keras, preserved_random_state, tracing_settings

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
    program.forget_programs()


@pytest.mark.parametrize("build", BUILDS)
def test_another_problem_is_trained_warm_as_cold(build):
    first, second = map(problem, SHIFTS)
    losses(build, first)
    warm = losses(build, second)
    program.forget_programs()
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
        program.forget_programs()
        np.testing.assert_array_equal(warm, losses(build, far))
    assert not np.array_equal(before, warm)


def test_a_sweep_over_problems_keeps_each_ones_own_numbers(tmp_path):
    problems = dict(zip("ab", map(problem, SHIFTS), strict=True))
    run = {"batch_size": [8], "epochs": 2, "replicates": 2}
    for store in (None, tmp_path, tmp_path):
        study = bl.sweep(adapted, problems, **run, store=store)
        for name, one in problems.items():
            program.forget_programs()
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


def lasting(value):
    return layers.Normalization(mean=value, variance=np.ones(2), dtype="float64")


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


DRAWN = {
    "an array": lambda: lasting(keras.random.normal((2,)).numpy()),
    "a number": lambda: layers.Rescaling(random.uniform(0.5, 2.0), dtype="float64"),
    "a rate": lambda: layers.Dropout(random.uniform(0.1, 0.9), dtype="float64"),
    "a function": lambda: layers.Activation(random.choice(["relu", "tanh"]), dtype="float64"),
    "a closure": lambda: (lambda by: layers.Lambda(lambda x: x * by))(keras.random.normal((2,))),
}


@pytest.mark.parametrize("drawn", DRAWN.values(), ids=DRAWN)
def test_a_constant_that_differs_between_replicates_is_refused(drawn):
    def build(problem):
        return sequential(problem, drawn())

    with pytest.raises(ValueError, match=r"^build: expected models that differ in their weights"):
        initial_variables(build, problem(0.0), range(6))


def test_so_it_is_between_the_first_and_the_second():
    def build(problem):
        return sequential(problem, DRAWN["a number"]())

    with pytest.raises(ValueError, match=r"that differ in 'rescaling\w*' for another seed"):
        losses(build, problem(0.0))


def test_what_only_starts_and_names_differ_in_is_no_constant():
    def build(problem):
        seed = random.randrange(1000)
        inner = layers.Dense(
            3,
            # What it adds to the loss is a tensor that Keras notes when the model is first called.
            activity_regularizer="l2",
            kernel_initializer=keras.initializers.HeUniform(seed=seed),
            name=f"inner_{seed}",
            dtype="float64",
        )
        last = layers.Dense(2, activation="softmax", dtype="float64")
        return keras.Sequential([inner, layers.Dropout(0.1, seed=seed, dtype="float64"), last])

    run = {"batch_size": 8, "epochs": 1}
    both = bl.fit(build, problem(0.0), replicates=2, **run)
    alone = bl.fit(build, problem(0.0), seed=1, **run)
    np.testing.assert_allclose(both["loss"][1], alone["loss"][0], rtol=1e-9)
    assert key(build, problem(0.0)) == key(build, problem(0.0)) is not None


# The key, tested by changing each thing that a layer holds

GIVEN = {
    **dict.fromkeys(["kernel_size", "pool_size", "height", "width", "n", "axes"], 2),
    **dict.fromkeys(["filters", "units", "num_bins", "num_tokens", "num_heads", "key_dim"], 3),
    **dict.fromkeys(["head_dim", "num_query_heads", "num_key_value_heads", "max_number"], 4),
    **dict.fromkeys(["rate", "stddev", "factor", "scale", "height_factor", "width_factor"], 0.25),
    **dict.fromkeys(["input_dim", "output_dim"], 5),
    "activation": "relu",
    "output_size": 2,
    **{"equation": "ab,bc->ac", "output_shape": (3,), "dims": (2, 1), "target_shape": (2, 1)},
}
OF_LAYERS = {
    "Bidirectional": lambda: layers.Bidirectional(layers.GRU(2)),
    "Pipeline": lambda: layers.Pipeline([layers.Rescaling(2.0)]),
    "RNN": lambda: layers.RNN(layers.GRUCell(2)),
    "RandomPosterization": lambda: layers.RandomPosterization(4),
    "SpectralNormalization": lambda: layers.SpectralNormalization(layers.Dense(2)),
    "StackedRNNCells": lambda: layers.StackedRNNCells([layers.GRUCell(2)]),
    "TimeDistributed": lambda: layers.TimeDistributed(layers.Dense(2)),
    "Wrapper": lambda: layers.Wrapper(layers.Dense(2)),
}
# Of functions or files, for other backends, or for texts, which no problem has.
NOT_OF_NUMBERS = {
    *("FlaxLayer", "InputLayer", "JaxLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper"),
    *("IntegerLookup", "StringLookup", "TextVectorization"),
}


def made(name):
    """Return a new layer of a class, with whatever it must be given."""
    if name in OF_LAYERS:
        return OF_LAYERS[name]()
    signature = inspect.signature(getattr(layers, name).__init__)
    needed = [
        parameter.name
        for parameter in list(signature.parameters.values())[1:]
        if parameter.default is parameter.empty
        and parameter.kind == parameter.POSITIONAL_OR_KEYWORD
    ]
    needed += {"num_bins", "num_tokens"} & set(signature.parameters) - set(needed)
    return getattr(layers, name)(**{each: GIVEN[each] for each in needed})


LAYERS = sorted(
    name
    for name, found in vars(layers).items()
    if inspect.isclass(found)
    and issubclass(found, keras.Layer)
    and found.__name__ == name  # each once
    and name not in NOT_OF_NUMBERS
)


def key_of(layer, loss=None, optimizer=None):
    loss = loss or keras.losses.MeanSquaredError()
    return identity(keras.Sequential([layer]), loss, settings_of(optimizer))


def another(value):
    """Return another value of the same kind, or None for other than flags, numbers and arrays."""
    if isinstance(value, bool | np.bool_):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, list | tuple) and value and all(map(another, value)):
        return type(value)(map(another, value))
    if isinstance(value, np.ndarray) or keras.ops.is_tensor(value):
        return value + 1 if np.size(value) else None
    return None


@pytest.mark.parametrize("name", LAYERS)
def test_whatever_number_a_layer_holds_is_in_the_key(name):
    layer, own = made(name), key_of(made(name))
    assert own == key_of(layer) is not None
    notes = {*vars(keras.Layer()), "seed"} - {"_trainable", "autocast", "_supports_masking"}
    held = {
        key: value
        for key, value in vars(layer).items()
        if key not in notes and not key.startswith("_self_")  # TensorFlow's notes
    }
    changed = {key: another(value) for key, value in held.items()}
    changed = {key: value for key, value in changed.items() if value is not None}
    assert changed.keys() >= {"_trainable", "autocast", "_supports_masking"}
    for attribute, value in changed.items():
        vars(layer)[attribute] = value
        assert key_of(layer) != own, attribute
        vars(layer)[attribute] = held[attribute]
    assert key_of(layer) == own


@pytest.mark.parametrize("name", LAYERS)
def test_whatever_number_a_layer_is_given_is_in_the_key(name):
    layer = made(name)
    settings, own = layer.get_config(), key_of(layer)
    for setting, value in settings.items():
        other = another(value)
        if other is None or setting == "seed":
            continue
        try:
            layer = getattr(layers, name).from_config({**settings, setting: other})
        except (ValueError, TypeError, IndexError, NotImplementedError):  # it is one that none has
            continue
        assert (key_of(layer) != own) == (layer.get_config()[setting] != value), setting


def test_there_are_many_such_layers():
    assert len(LAYERS) > 100


OTHERS = {
    "an activation": lambda layer: setattr(layer, "activation", keras.activations.tanh),
    "a rule": lambda layer: setattr(layer.kernel, "regularizer", keras.regularizers.L2(0.1)),
    "a rule's number": lambda layer: setattr(layer.bias_regularizer, "l2", 0.3),
    "a limit": lambda layer: setattr(layer.kernel, "constraint", keras.constraints.MaxNorm(1)),
    "a limit's number": lambda layer: setattr(layer.bias.constraint, "max_value", 9),
    "what it penalizes": lambda layer: setattr(layer, "activity_regularizer", "l1"),
    "what is trained": lambda layer: setattr(layer, "trainable", False),
    "its arithmetic": lambda layer: setattr(layer, "dtype_policy", keras.DTypePolicy("bfloat16")),
    "an array in a list": lambda layer: setattr(layer, "held", [{"deep": np.ones(2)}]),
    "a function of one's own": lambda layer: setattr(layer, "call", lambda x: x),
}


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_what_is_set_after_a_layer_is_made_is_in_the_key(change):
    def build():
        rules = {"bias_regularizer": keras.regularizers.L2(0.1)}
        layer = layers.Dense(2, bias_constraint=keras.constraints.MaxNorm(2), **rules)
        layer.build((None, 2))
        return layer

    layer = build()
    own = key_of(layer)
    assert own == key_of(build()) is not None
    change(layer)
    assert key_of(layer) != own


def test_what_may_change_later_or_is_not_known_is_not_kept():
    for value in (lambda x: x, keras.Variable(1.0), object(), made):
        layer = layers.Dense(2)
        vars(layer)["held"] = value
        assert key_of(layer) is None


@pytest.mark.parametrize(
    "loss",
    [
        keras.losses.CategoricalFocalCrossentropy(alpha=[0.2, 0.8]),
        keras.losses.CategoricalFocalCrossentropy(gamma=3.0),
        keras.losses.CategoricalFocalCrossentropy(from_logits=True),
        keras.losses.CategoricalFocalCrossentropy(dtype="float64"),
        keras.losses.CategoricalCrossentropy(),
    ],
)
def test_so_is_a_loss(loss):
    assert key_of(layers.Dense(2), loss) == key_of(layers.Dense(2), loss)
    other = keras.losses.CategoricalFocalCrossentropy()
    assert key_of(layers.Dense(2), loss) != key_of(layers.Dense(2), other)


OPTIMIZERS = sorted(
    name
    for name, found in vars(keras.optimizers).items()
    if inspect.isclass(found)
    and "learning_rate" in inspect.signature(found).parameters
    and name != "Optimizer"
)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_so_is_every_number_of_an_optimizer_but_its_rate(name):
    def key_with(**settings):
        return key_of(layers.Dense(2), optimizer=getattr(keras.optimizers, name)(**settings))

    own, tried = key_with(), 0
    assert own == key_with(learning_rate=0.123) is not None
    for setting, parameter in inspect.signature(getattr(keras.optimizers, name)).parameters.items():
        value = parameter.default
        if setting == "learning_rate" or isinstance(value, str) or value is parameter.empty:
            continue
        other = another(value / 2 if isinstance(value, float) else value)
        other = 0.5 if setting in ("weight_decay", "clipnorm", "clipvalue") else other
        with contextlib.suppress(
            ValueError
        ):  # numbers below one alone, or options that are refused
            assert key_with(**{setting: other}) != own or other is None, setting
            tried += other is not None
    assert tried


def test_an_optimizer_picks_by_names_that_are_in_the_key():
    def named(name):
        layer = layers.Dense(2, name=name)
        layer.build((None, 2))
        return layer

    muon = keras.optimizers.Muon(exclude_layers=["out"])
    assert key_of(named("out_2"), optimizer=muon) != key_of(named("in"), optimizer=muon)
    assert key_of(named("in"), optimizer=muon) == key_of(named("inner"), optimizer=muon)
    decayed = keras.optimizers.AdamW()
    own = key_of(named("in"), optimizer=decayed)
    decayed.exclude_from_weight_decay(var_names=["bias"])
    assert key_of(named("in"), optimizer=decayed) != own


def test_every_setting_of_keras_that_tracing_may_read_is_known():
    """A new one of Keras's must be put into the key or here."""
    without_effect = {
        *("backend", "is_nnx_enabled", "max_epochs", "max_steps_per_epoch"),
        *("is_interactive_logging_enabled", "is_traceback_filtering_enabled"),
    }
    readable = {
        name
        for name, found in vars(keras.config).items()
        if inspect.isfunction(found) and not name.startswith(("set_", "enable_", "disable_"))
    }
    known = {
        "is_flash_attention_enabled" if n == "flash_attention" else n for n in tracing_settings()
    }
    assert readable == known - {"tensor_float_32"} | without_effect
