"""What `sweep` refuses, each in a sentence, before anything is trained."""

import math
import re

import keras
import numpy as np
import pytest
from refusals import assert_refused, case, error_of

import batchlab as bl

layers, optimizers = keras.layers, keras.optimizers


@pytest.fixture
def sweep(small, monkeypatch):
    """`sweep` of a small problem that must not train anything."""

    def trained(*_, **__):
        raise AssertionError("trained before it was refused")

    monkeypatch.setattr("batchlab.engine.training.Training.train", trained)
    monkeypatch.setattr("batchlab.engine.training.Training.trace", trained)
    monkeypatch.setattr("batchlab.training.sweep.train_elsewhere", trained)

    def call(**settings):
        given = {"build": bl.mlp, "problem": small, "batch_size": [16, 32], "epochs": 1}
        if {"updates", "samples"} & set(settings):
            del given["epochs"]
        given |= settings
        return bl.sweep(given.pop("build"), given.pop("problem"), **given)

    return call


@pytest.mark.parametrize(
    ("value", "kind", "received"),
    [
        (0, ValueError, "0"),
        (-1, ValueError, "-1"),
        (61, ValueError, "61"),
        (10**12, ValueError, "1000000000000"),
        (2.5, TypeError, r"2\.5"),
        (16.0, TypeError, r"16\.0"),
        (True, TypeError, "True"),
        ("8", TypeError, "'8'"),
        ("all", TypeError, "'all'"),
        (None, TypeError, "None"),
        (math.nan, TypeError, "nan"),
        (math.inf, TypeError, "inf"),
        ([8], TypeError, r"\[8\]"),
        (b"8", TypeError, "b'8'"),
    ],
)
def test_batch_sizes_of_a_sweep(sweep, value, kind, received):
    expected = "batch_size: expected 'full' or a whole number from 1 to 60, .* received "
    for several in ([value], [16, value], (value,)):
        assert_refused(lambda s=several: sweep(batch_size=s), kind, expected, f"{received}\\.$")
    if not isinstance(value, list):
        assert_refused(lambda: sweep(batch_size=value), kind, expected, f"{received}\\.$")


@pytest.mark.parametrize(
    ("values", "kind", "expected", "received"),
    [
        case(ValueError, "at least one value", "received none", []),
        case(ValueError, "different values", "received 16 twice", [16, 32, 16]),
        case(ValueError, "different values", "received 60 twice", ["full", 60]),
        case(ValueError, "different values", "received 16 twice", np.array([16, 16])),
        case(TypeError, "names for its values", "received 16", {16: 16}),
        case(TypeError, "a whole number", r"received array\(2\.5\)", np.array(2.5)),
    ],
)
def test_lists_of_batch_sizes(sweep, small, values, kind, expected, received):
    for problem in (small, {"a": small, "b": small}):
        if "full" in list(np.atleast_1d(values)) and problem is not small:
            continue  # which number "full" is differs between problems
        assert_refused(
            lambda p=problem: sweep(batch_size=values, problem=p),
            kind,
            f"batch_size: expected .*{expected}",
            received,
        )


def test_a_batch_size_beyond_the_smaller_of_two_problems(sweep, small):
    smaller = bl.blobs(80, n_train=20)
    assert_refused(
        lambda: sweep(problem={"a": small, "b": smaller}),
        ValueError,
        "batch_size: .* from 1 to 20",
        "received 32",
    )


@pytest.mark.parametrize("form", ["one", "list", "rule", "function"])
@pytest.mark.parametrize(
    ("rate", "kind"),
    [
        (0, ValueError),
        (0.0, ValueError),
        (-0.1, ValueError),
        (math.nan, ValueError),
        (math.inf, ValueError),
        (10**400, ValueError),
        ("0.1", TypeError),
        (True, TypeError),
        ([0.1], TypeError),
    ],
)
def test_learning_rates_of_a_sweep(sweep, rate, kind, form):
    if form == "one" and isinstance(rate, list):
        pytest.skip("a list of one rate is allowed")
    given = {
        "one": rate,
        "list": [0.1, rate],
        "rule": {"a": rate},
        "function": {"a": lambda _: rate},
    }
    assert_refused(
        lambda: sweep(learning_rate=given[form]),
        kind,
        "learning_rate: expected a positive number",
        re.escape(f"received {repr(rate)[:60]}"),
    )


@pytest.mark.parametrize(
    ("settings", "kind", "expected", "received"),
    [
        case(ValueError, "learning_rate: .* at least one", "none", {"learning_rate": []}),
        case(ValueError, "learning_rate: .* at least one", "none", {"learning_rate": {}}),
        case(ValueError, "learning_rate: .* different", "0.1 twice", {"learning_rate": [0.1] * 2}),
        case(TypeError, "learning_rate: expected names", "received 1", {"learning_rate": {1: 0.1}}),
        # What is held fixed
        case(TypeError, "epochs, updates, samples: .* one", "received none", {"epochs": None}),
        case(
            TypeError,
            "epochs, updates, samples: .* one",
            "received epochs and updates",
            {"epochs": 1, "updates": 3},
        ),
        case(
            TypeError,
            "epochs, updates, samples: .* one",
            "received updates and samples",
            {"updates": 3, "samples": 3},
        ),
        case(TypeError, "records: .* with updates or samples", "with epochs", {"records": 3}),
        case(ValueError, "epochs: .* at least 1", "received 0", {"epochs": 0}),
        case(TypeError, "epochs: .* whole", r"received \[1, 2\]", {"epochs": [1, 2]}),
        case(ValueError, "updates: .* at least 1", "received 0", {"updates": 0}),
        case(TypeError, "updates: .* whole", "received 2.5", {"updates": 2.5}),
        case(ValueError, "samples: .* at least 1", "received 0", {"samples": 0}),
        case(ValueError, "samples: .* at least 1", "received -5", {"samples": -5}),
        case(TypeError, "samples: .* whole", "received True", {"samples": True}),
        case(TypeError, "samples: .* whole", "received '8'", {"samples": "8"}),
        case(TypeError, "samples: .* whole", "received nan", {"samples": math.nan}),
        case(ValueError, "records: .* from 1 to 9", "received 10", {"updates": 9, "records": 10}),
        case(ValueError, "records: .* of samples", r"\[5, 5\]", {"samples": 9, "records": [5, 5]}),
        case(ValueError, "records: .* of updates", r"\[5, 4\]", {"updates": 9, "records": [5, 4]}),
        case(ValueError, "records: .* from 1 to 9", "received 10", {"samples": 9, "records": [10]}),
        # Numbers
        case(ValueError, "replicates: .* from 1", "received 0", {"replicates": 0}),
        case(TypeError, "replicates: .* whole", r"received \[1, 2\]", {"replicates": [1, 2]}),
        case(ValueError, "seed: .* from 0 to 4294967295", "4294967296", {"seed": 2**32}),
        case(TypeError, "seed: .* whole", "received True", {"seed": True}),
        case(ValueError, "threads: .* at least 1", "received 0", {"threads": 0}),
        case(ValueError, "n_jobs: expected a number of processes", "0", {"n_jobs": 0}),
        case(TypeError, "n_jobs: .* whole", "received True", {"n_jobs": True}),
        case(TypeError, "n_jobs: .* whole", "received '2'", {"n_jobs": "2"}),
        case(TypeError, "n_jobs: .* whole", "received 2.0", {"n_jobs": 2.0}),
        case(TypeError, "n_jobs: .* whole", "received nan", {"n_jobs": math.nan}),
        case(ValueError, "n_jobs: .* from -1000000", "received 10{12}", {"n_jobs": 10**12}),
        # Names
        case(ValueError, "device: expected one of", "'tpu'", {"device": "tpu"}),
        case(ValueError, "keep_weights: expected one of", "'all'", {"keep_weights": "all"}),
        case(
            ValueError,
            "keep_weights: expected 'none' for models of several sizes",
            "'final' for models of 21 and 27 weights",
            {"keep_weights": "final", "hidden_units": [(3,), (4,)]},
        ),
        # Objects
        case(TypeError, "problem: expected a batchlab Problem", "received 3", {"problem": 3}),
        case(ValueError, "problem: .* at least one", "none", {"problem": {}}),
        case(TypeError, "problem: .* Problem", "'b'", {"problem": {"a": "b"}}),
        case(TypeError, "problem: .* Problem", "'b'", {"problem": {"a": "b"}, "samples": 9}),
        case(TypeError, "problem: expected names", "received 1", {"problem": {1: "b"}}),
        case(TypeError, "problem: expected one, or a mapping", r"\[\]", {"problem": []}),
        case(ValueError, "build: .* at least one", "none", {"build": {}}),
        case(TypeError, "build: expected one, or a mapping", "<function", {"build": [bl.mlp]}),
        case(TypeError, "build: expected a function", "'mlp'", {"build": "mlp"}),
        case(TypeError, "build: expected a function", "'b'", {"build": {"a": bl.mlp, "b": "b"}}),
        case(TypeError, "build: expected names", "received None", {"build": {None: bl.mlp}}),
        case(ValueError, "optimizer: .* at least one", "none", {"optimizer": {}}),
        case(TypeError, "optimizer: expected a Keras", "'adam'", {"optimizer": "adam"}),
        case(TypeError, "optimizer: expected a Keras", "'adam'", {"optimizer": {"a": "adam"}}),
        case(TypeError, "optimizer: expected one, or", "'adam'", {"optimizer": ["adam"]}),
        case(ValueError, "loss: .* at least one", "none", {"loss": {}}),
        case(TypeError, "loss: expected a Keras loss", "'mse'", {"loss": "mse"}),
        case(TypeError, "loss: expected a Keras loss", "'mse'", {"loss": {"a": None, "b": "mse"}}),
        case(TypeError, "store: expected the path", "received 3", {"store": 3}),
        case(TypeError, "store: expected the path", "received True", {"store": True}),
        case(TypeError, "store: expected the path", "received ''", {"store": ""}),
        case(TypeError, "store: expected the path", "received b'a'", {"store": b"a"}),
        # Further settings
        case(TypeError, "momentums: .* momentum", "received 'momentums'", {"momentums": [0.9]}),
        case(TypeError, "lr: expected a keyword of build or", "received 'lr'", {"lr": [0.1]}),
        case(TypeError, "momentum: expected a list", "received 0.9", {"momentum": 0.9}),
        case(TypeError, "activation: expected a list", "'relu'", {"activation": "relu"}),
        case(ValueError, "momentum: .* at least one", "none", {"momentum": []}),
        case(ValueError, "momentum: .* at least one", "none", {"momentum": {}}),
        case(ValueError, "momentum: .* different", "0.9 twice", {"momentum": [0.9, 0.9]}),
        case(ValueError, "momentum: .* SGD", "received 2.0", {"momentum": [0.9, 2.0]}),
        case(ValueError, "momentum: .* finite", "received 'a'", {"momentum": ["a"]}),
        case(ValueError, "momentum: .* finite", "received nan", {"momentum": [math.nan]}),
        case(ValueError, "weight_decay: .* finite", "received 'a'", {"weight_decay": ["a"]}),
        case(ValueError, "clipnorm: .* finite", "received inf", {"clipnorm": [math.inf]}),
        case(ValueError, "nesterov: .* finite", "received 'yes'", {"nesterov": ["yes"]}),
        case(TypeError, "momentum: expected names", "received 0", {"momentum": {0: 0.9}}),
        case(ValueError, "optimizer: .* use_ema", "use_ema=True", {"use_ema": [False, True]}),
        case(ValueError, "hidden_units: .* at least 1", "received 0", {"hidden_units": [(0,)]}),
        case(TypeError, "hidden_units: expected a list", "received 50", {"hidden_units": [50]}),
        case(ValueError, "activation: .* Keras", "'bump'", {"activation": ["relu", "bump"]}),
        case(
            ValueError,
            "optimizer: .* start from constants",
            "ScheduleFreeAdamW",
            {"optimizer": {"a": optimizers.SGD(), "b": optimizers.ScheduleFreeAdamW()}},
            id="an optimizer that cannot be used",
        ),
    ],
)
def test_sweep(sweep, settings, kind, expected, received):
    assert_refused(lambda: sweep(**settings), kind, expected, received)


def with_momentum(problem, *, momentum=0.5):
    return bl.mlp(problem)


def test_a_setting_that_both_have(sweep):
    for build in (with_momentum, {"a": bl.mlp, "b": with_momentum}):
        assert_refused(
            lambda b=build: sweep(build=b, momentum=[0.5]),
            TypeError,
            "momentum: expected a setting of one",
            "build and the optimizer both",
        )


def test_a_setting_that_only_one_of_several_has(sweep):
    given = {"sgd": optimizers.SGD(), "adam": optimizers.Adam()}
    assert_refused(
        lambda: sweep(optimizer=given, momentum=[0.5]),
        TypeError,
        "momentum: expected a keyword",
        "received 'momentum'",
    )


@pytest.mark.parametrize("name", ["epoch", "accuracy", "replicate", "weights", "rule"])
def test_a_setting_whose_name_is_taken(sweep, name):
    own = {"bl": bl}
    exec(f"def build(problem, *, {name}=1):\n    return bl.mlp(problem)", own)
    assert_refused(
        lambda: sweep(build=own["build"], **{name: [1, 2]}),
        ValueError,
        f"{name}: expected a setting whose name",
        f"received '{name}'",
    )


def test_a_refused_sweep_leaves_no_folder(sweep, tmp_path):
    error_of(lambda: sweep(batch_size=[16, 0], store=tmp_path / "cells"))
    assert not (tmp_path / "cells").exists()
