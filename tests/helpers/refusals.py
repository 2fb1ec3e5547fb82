"""Refusals: one sentence that says what was expected and what came."""

import re

import numpy as np
import pytest

import batchlab as bl
from batchlab.foundation.backend import keras

X = np.arange(12.0).reshape(6, 2)
Y = np.array([0, 1, 0, 1, 0, 1])
CENTERS = [[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]


def error_of(call):
    """Return the error that a call ends in, which must be one sentence."""
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    message = str(caught.value)
    assert type(caught.value) in (ValueError, TypeError)
    assert "\n" not in message
    assert message.endswith(".")
    assert len(message) <= 300
    return caught.value


def assert_refused(call, kind, expected, received):
    """Check the kind of error, and that its sentence says what was expected and what came."""
    error = error_of(call)
    assert type(error) is kind, error
    assert re.search(f"{expected}.*{received}", str(error)), error


def case(kind, expected, received, *values, id=None):
    # Without addresses, which differ between the processes that tests are shared out to.
    shown = re.sub(r" at 0x[0-9a-f]+", "", repr(values))[:60]
    return pytest.param(*values, kind, expected, received, id=id or shown)


def fit(problem, build=bl.mlp, **settings):
    return bl.fit(build, problem, **{"batch_size": 16, "epochs": 1, **settings})


def sequential(*stack, inputs=(2,)):
    return keras.Sequential([keras.Input(inputs), *stack])
