"""An optimizer by its name is the one that Keras's class makes, at full precision."""

import numpy as np
import pytest

import batchlab as bl
from batchlab.engine.optimizers import settings_of
from batchlab.foundation.backend import floatx, keras


@pytest.mark.parametrize("name", ["SGD", "sgd", "RMSprop", "Adam", "adamw", "NADAM", "Lion"])
def test_a_name_is_keras_class_at_full_precision(name):
    optimizer = bl.named_optimizer(name, 0.001)
    assert type(optimizer).__module__.startswith("keras.")
    assert type(optimizer).__name__.lower() == name.lower()
    assert float(optimizer.learning_rate) == 0.001
    assert keras.config.floatx() == "float32"
    with floatx("float64"):
        defaults = type(optimizer)(0.001, name=optimizer.name).get_config()
    assert optimizer.get_config() == defaults


@pytest.mark.parametrize("name", ["SGD", "RMSprop"])
def test_momentum_reaches_those_that_take_one(name):
    assert bl.named_optimizer(name, 0.01, momentum=0.9).get_config()["momentum"] == 0.9
    assert bl.named_optimizer(name, 0.01, momentum=np.int64(0)).get_config()["momentum"] == 0.0


def test_it_trains_as_the_object_does(small, history):
    settings = {"batch_size": 16, "epochs": 10, "replicates": 4}
    named = bl.fit(
        bl.mlp, small, optimizer=bl.named_optimizer("sgd", 0.01, momentum=0.9), **settings
    )
    np.testing.assert_array_equal(named["weights"], history["weights"])
    adam = keras.optimizers.Adam(0.003)
    expected = bl.fit(bl.mlp, small, optimizer=adam, **settings)
    named = bl.fit(bl.mlp, small, optimizer=bl.named_optimizer("Adam", 0.003), **settings)
    np.testing.assert_array_equal(named["weights"], expected["weights"])
    assert settings_of(bl.named_optimizer("Adam", 0.003)) == settings_of(adam)


@pytest.mark.parametrize(
    ("arguments", "momentum", "error", "match"),
    [
        (("SGDD", 0.01), 0.0, ValueError, "optimizer: expected the name .*SGD, .*received 'SGDD'"),
        (("optimizer", 0.01), 0.0, ValueError, "optimizer: expected the name of a Keras .*Adam, "),
        (("LossScaleOptimizer", 0.01), 0.0, ValueError, "optimizer: expected the name"),
        (("schedules", 0.01), 0.0, ValueError, "optimizer: expected the name"),
        ((None, 0.01), 0.0, ValueError, "optimizer: expected the name .* received None"),
        (("SGD", 0), 0.0, ValueError, "learning_rate: expected a positive number, received 0"),
        (("SGD", float("nan")), 0.0, ValueError, "learning_rate: .* received nan"),
        (("SGD", "0.01"), 0.0, TypeError, "learning_rate: .* received '0.01'"),
        (("SGD", True), 0.0, TypeError, "learning_rate: .* received True"),
        (("SGD", 0.01), 1.5, ValueError, "momentum: expected a number from 0 to 1, received 1.5"),
        (("SGD", 0.01), -0.1, ValueError, "momentum: .* received -0.1"),
        (("SGD", 0.01), float("nan"), ValueError, "momentum: .* received nan"),
        (("SGD", 0.01), "0.9", TypeError, "momentum: .* received '0.9'"),
        (("SGD", 0.01), True, TypeError, "momentum: .* received True"),
        (("Adam", 0.01), 0.9, ValueError, "momentum: expected 0 for Adam, which takes none"),
    ],
)
def test_what_it_cannot_make_is_refused_in_one_sentence(arguments, momentum, error, match):
    with pytest.raises(error, match=match) as caught:
        bl.named_optimizer(*arguments, momentum=momentum)
    assert "\n" not in str(caught.value)
