"""Models that do not fit a problem are refused in a sentence."""

import keras
import pytest
from refusals import assert_refused, case, fit, sequential

import batchlab as bl

layers = keras.layers


def two_inputs(problem):
    first, second = keras.Input((2,)), keras.Input((2,))
    return keras.Model([first, second], layers.Dense(3)(layers.Add()([first, second])))


def two_outputs(problem):
    inputs = keras.Input((2,))
    return keras.Model(inputs, [layers.Dense(3)(inputs), layers.Dense(3)(inputs)])


def frozen(problem):
    model = bl.mlp(problem)
    model.trainable = False
    return model


@pytest.mark.parametrize(
    ("build", "kind", "expected", "received"),
    [
        case(TypeError, "a function problem -> keras.Model", "'mlp'", "mlp"),
        case(TypeError, "a function problem -> keras.Model", "None", None),
        case(TypeError, "to return a keras.Model", "None", lambda problem: None, id="None"),
        case(
            TypeError,
            "to return a keras.Model",
            "Dense",
            lambda problem: layers.Dense(3),
            id="a layer",
        ),
        case(
            ValueError,
            "with trainable weights",
            "none",
            lambda problem: sequential(layers.Flatten()),
            id="no weights",
        ),
        case(ValueError, "with trainable weights", "none", frozen, id="frozen"),
        case(
            ValueError,
            r"for samples of shape \(2,\)",
            r"\(1,\)",
            lambda problem: sequential(layers.Dense(3), inputs=(1,)),
            id="more features than the model takes",
        ),
        case(
            ValueError,
            r"for samples of shape \(2,\)",
            r"\(5,\)",
            lambda problem: sequential(layers.Dense(3), inputs=(5,)),
            id="fewer features than the model takes",
        ),
        case(
            ValueError,
            r"for samples of shape \(2,\)",
            r"\(2, 2\)",
            lambda problem: sequential(layers.Flatten(), layers.Dense(3), inputs=(2, 2)),
            id="images",
        ),
        case(
            ValueError,
            "each of the 3 classes",
            r"\(2,\)",
            lambda problem: sequential(layers.Dense(2)),
            id="too few outputs",
        ),
        case(
            ValueError,
            "each of the 3 classes",
            r"\(4,\)",
            lambda problem: sequential(layers.Dense(4)),
            id="too many outputs",
        ),
        case(
            ValueError,
            "each of the 3 classes",
            r"\(1,\)",
            lambda problem: sequential(layers.Dense(1)),
            id="one output",
        ),
        case(ValueError, "one input and one output", "", two_inputs, id="two inputs"),
        case(ValueError, "one input and one output", "", two_outputs, id="two outputs"),
    ],
)
def test_build(small, build, kind, expected, received):
    assert_refused(lambda: fit(small, build), kind, f"build: expected .*{expected}", received)


def test_a_model_is_not_a_function_that_builds_one(small):
    assert_refused(
        lambda: fit(small, bl.mlp(small)),
        TypeError,
        "build: expected a function problem -> keras.Model",
        "received <Sequential",
    )


@pytest.mark.parametrize(
    ("settings", "kind", "expected", "received"),
    [
        case(TypeError, "hidden_units: expected a list", "received 50", {"hidden_units": 50}),
        case(TypeError, "hidden_units: expected a list", "received '50'", {"hidden_units": "50"}),
        case(TypeError, "hidden_units: expected a list", "received None", {"hidden_units": None}),
        case(ValueError, "hidden_units: .* at least 1", "received 0", {"hidden_units": [8, 0]}),
        case(TypeError, "hidden_units: .* whole", "received 2.5", {"hidden_units": [2.5]}),
        case(TypeError, "hidden_units: .* whole", "received True", {"hidden_units": [True]}),
        case(TypeError, "hidden_units: .* whole", "received '8'", {"hidden_units": ["8"]}),
        case(
            ValueError,
            "dtype: expected one of 'float64', 'float32'",
            "'float16'",
            {"dtype": "float16"},
        ),
        case(
            ValueError,
            "dtype: expected one of 'float64', 'float32'",
            "received None",
            {"dtype": None},
        ),
        case(ValueError, "activation: expected a name", "'bump'", {"activation": "bump"}),
        case(ValueError, "activation: expected a name", "received 3", {"activation": 3}),
    ],
)
def test_mlp(small, settings, kind, expected, received):
    assert_refused(lambda: bl.mlp(small, **settings), kind, expected, received)
