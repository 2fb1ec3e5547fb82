"""Keras's own runs, counted and timed."""

import random

import pytest

import batchlab as bl
from batchlab.costs.keras_runs import KerasRun, counted_updates, epoch_seconds
from batchlab.foundation.backend import keras


def test_updates_are_those_that_keras_makes(small):
    found = counted_updates(
        small,
        single={"batch_size": 1},
        partial={"batch_size": 16},
        too_large={"batch_size": 64},
        cut={"batch_size": 16, "steps_per_epoch": 3},
        run_out={"batch_size": 16, "steps_per_epoch": 9},
    )
    counted = {name: int(number) for name, number in found.items()}
    assert counted == {"single": 60, "partial": 4, "too_large": 1, "cut": 3, "run_out": 4}


def test_seconds_are_of_an_epoch_in_rounds_of_all_runs(small):
    runs = [KerasRun(small, batch_size=size, hidden_units=4) for size in (1, 60)]
    seconds = epoch_seconds(runs, rounds=2)
    assert seconds.shape == (2, 2)
    assert (seconds > 0).all()
    # Each has run an epoch to compile, one to be measured by, and as often in both rounds.
    for run, updates in zip(runs, (60, 1), strict=True):
        assert run.updates % updates == 0
        assert run.updates >= 4 * updates


def test_the_model_is_the_sources_and_nothing_of_the_caller_is_changed(small):
    keras.utils.set_random_seed(3)
    drawn = random.getstate()
    run = KerasRun(small, batch_size=16, optimizer=bl.named_optimizer("Adam", 0.001))
    run.fit()
    assert run.model.count_params() == 303
    assert isinstance(run.model.optimizer, keras.optimizers.Adam)
    assert random.getstate() == drawn


@pytest.mark.parametrize("size", [None, 32])
def test_keras_s_default_is_32(small, size):
    run = KerasRun(small, batch_size=size, hidden_units=2)
    run.fit()
    assert run.updates == 2


@pytest.mark.parametrize("limit", ["max_epochs", "max_steps_per_epoch"])
def test_a_limit_of_keras_is_refused(small, monkeypatch, limit):
    monkeypatch.setattr(keras.config, limit, lambda: 1)
    with pytest.raises(RuntimeError, match=f"as long as it is asked to, but KERAS_{limit.upper()}"):
        KerasRun(small, batch_size=8)
