"""Runs that are no grid: trained, and timed in turns."""

import numpy as np
import pytest

import batchlab as bl
from batchlab.foundation.backend import keras


def runs_of(problem):
    return {
        "small": {"batch_size": 8, "optimizer": keras.optimizers.Adam(0.01)},
        "grows": {"batch_size": bl.growing_batch(problem, 8, factor=4, at=[1])},
        "full": {"batch_size": "full"},
    }


def test_each_run_is_what_fit_returns(small):
    histories = bl.fit_each(bl.mlp, small, runs_of(small), epochs=3, replicates=2)
    assert list(histories) == ["small", "grows", "full"]
    for name, run in runs_of(small).items():
        own = bl.fit(bl.mlp, small, epochs=3, replicates=2, **run)
        assert np.array_equal(histories[name]["val_loss"], own["val_loss"])


def test_a_run_has_the_last_word(small):
    runs = {"a": {"epochs": 2}, "b": {}}
    histories = bl.fit_each(bl.mlp, small, runs, batch_size=30, epochs=4)
    assert [history.sizes["epoch"] for history in histories.values()] == [2, 4]


def test_whole_trainings_are_timed(small):
    table = bl.time_runs(bl.mlp, small, runs_of(small), epochs=3, replicates=2, repeats=3)
    assert table.index.tolist() == ["small", "grows", "full"]
    assert table["updates"].tolist() == [24, 12, 3]
    assert (table["low"] <= table["seconds"]).all()
    assert (table["seconds"] <= table["high"]).all()
    assert (table["low"] > 0).all()


def test_seconds_of_updates_are_those_of_trainings(small, monkeypatch):
    """With a clock of our own: a training takes a second for each update of its replicates."""
    taken = lambda training, starts: float(training._run.budget.updates * 2)  # noqa: E731
    monkeypatch.setattr("batchlab.costs.seconds._seconds", taken)
    sizes = [8, 30, 60]
    table = bl.time_updates(bl.mlp, small, batch_size=sizes, epochs=3, replicates=2, repeats=2)
    assert table["update"].tolist() == [1e6] * 3
    assert table["updates_per_epoch"].tolist() == [8, 2, 1]
    np.testing.assert_allclose(table["sample"], 1e9 * np.array([8, 2, 1]) / 60)
    runs = {str(size): {"batch_size": size} for size in sizes}
    table = bl.time_runs(bl.mlp, small, runs, epochs=3, replicates=2, repeats=2)
    assert table["seconds"].tolist() == [24, 6, 3]
    assert table["low"].tolist() == table["high"].tolist() == [24, 6, 3]


@pytest.mark.parametrize(
    ("runs", "sentence"),
    [
        ([8, 16], r"expected a mapping of names to arguments, received \[8, 16\]"),
        ({}, "expected at least one, received none"),
        ({"a": 8}, "expected a mapping of arguments such as .* for 'a', received 8"),
    ],
)
def test_what_are_no_runs_is_said(small, runs, sentence):
    for call in (bl.fit_each, bl.time_runs):
        with pytest.raises((TypeError, ValueError), match=f"^runs: {sentence}"):
            call(bl.mlp, small, runs, epochs=2)


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        ({}, "of 'a', received nothing"),
        ({"optimizer": None}, "of 'a', received optimizer"),
        ({"batch_size": 8, "epochs": 2}, "of 'a', received batch_size, epochs"),
        ({"batch_size": [8, 16]}, "expected one run of 'a', received 2"),
        ({"batch_size": 61}, "batch_size: expected 'full' or a whole number from 1 to 60"),
    ],
)
def test_what_cannot_be_timed_is_said(small, run, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        bl.time_runs(bl.mlp, small, {"a": run}, epochs=2)
    with pytest.raises(ValueError, match="repeats: expected a whole number at least 2"):
        bl.time_runs(bl.mlp, small, {"a": {"batch_size": 8}}, epochs=2, repeats=1)


def test_runs_at_names_and_settings():
    runs = bl.runs_at([500, 1], [0.01, 0.001], momentum=0.5)
    assert list(runs) == ["500 at 0.01", "1 at 0.001"]
    optimizer = runs["1 at 0.001"]["optimizer"]
    assert (runs["1 at 0.001"]["batch_size"], optimizer.momentum) == (1, 0.5)
    assert float(optimizer.learning_rate) == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("sizes", "rates", "sentence"),
    [
        ([8, 32], [0.01], "rates: expected one for each of the 2 batch sizes, received 1."),
        ([8, 8], [0.01, 0.01], "expected runs that differ, received one several times"),
        ([8], [-1.0], "rates: expected a positive number, received -1.0"),
    ],
)
def test_runs_at_refuses_what_are_no_pairs(sizes, rates, sentence):
    with pytest.raises(ValueError, match=sentence):
        bl.runs_at(sizes, rates)
