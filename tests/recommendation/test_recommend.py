"""A recommendation: against what is planted in the data, within its budget, and as it is asked."""

import dataclasses
import math
import random
import re
import time

import keras
import numpy as np
import planted
import pytest
import tensorflow as tf
import xarray as xr
from sklearn.datasets import load_diabetes, load_digits, load_wine

import batchlab as bl
from batchlab.costs.update_clock import KerasClock, update_clock
from batchlab.recommendation import recommend
from batchlab.recommendation.stopwatch import OutOfTime, Stopwatch
from batchlab.recommendation.verdict import verdict
from batchlab.recommendation.weigh import weigh

LONG = 1e4
RATES = [0.03, 0.1, 0.3]


def recommended(build, problem, **settings):
    """Return a recommendation by updates, in which time runs out for nothing."""
    settings = {"seconds": LONG, "budget": "update"} | settings
    return bl.recommend(build, problem, **settings, progress=False)


@pytest.fixture(autouse=True)
def measured_once(monkeypatch):
    """Leave out the repetitions with other seeds, which only add replicates."""
    monkeypatch.setattr(recommend, "BLOCKS", 1)


@pytest.fixture(scope="module")
def wine():
    return bl.problem_from(load_wine())


# Against what is planted


def test_the_interval_holds_the_planted_critical_batch_size(record_property):
    seeds, hold = range(25), {}
    for empty_to_full in (1, 3):
        true = planted.true_critical_batch_size(empty_to_full=empty_to_full)
        found = []
        for seed in seeds:
            study, _ = recommended(
                planted.line,
                planted.problem(seed, empty_to_full=empty_to_full, n_validation=256),
                target=planted.TARGET,
                optimizer=keras.optimizers.SGD(0.1),
                batch_size=planted.SIZES,
                learning_rate=planted.RATES,
                replicates=16,
                # The interval is over the replicates that measure, at the rates that were chosen:
                # with as few to choose by, every other miss is a rate that is not the best.
                tuning_replicates=48,
                seed=1000 * seed,
            )
            found.append(bl.critical_batch_size(study).loc["b_noise"])
        hold[empty_to_full] = sum(one["low"] <= true <= one["high"] for one in found)
        fitted = np.mean([one["fitted"] for one in found])
        record_property(
            f"planted critical batch size {true:.1f}",
            f"{hold[empty_to_full]} of {len(seeds)} intervals hold it, the mean is {fitted:.1f}",
        )
        assert fitted == pytest.approx(true, rel=0.08)
    assert sum(hold.values()) >= 0.9 * len(hold) * len(seeds)


def starts_anywhere(problem):
    """Return the planted line from starts that differ, as no batch size does here."""
    line = planted.line(problem)
    start = keras.random.uniform(line.layers[0].kernel.shape, 0.5, 2.0, dtype="float64")
    line.layers[0].kernel.assign(start)
    return line


def test_no_difference_is_found_where_there_is_none(record_property):
    seeds, told, varied = range(10), 0, 0
    for seed in seeds:
        study, text = recommended(
            starts_anywhere,
            planted.without_difference(seed),
            target=1e-2,
            optimizer=keras.optimizers.SGD(0.1),
            batch_size=[1, 8, 64],
            learning_rate=[0.02, 0.04, 0.08, 0.16],
            replicates=16,
            tuning_replicates=4,
            seed=1000 * seed,
        )
        updates = study["update"]
        assert 3 <= updates.min()
        assert updates.max() <= 20
        varied += bool((updates.std("replicate") > 0).all())
        told += text.startswith("No detectable difference between the batch sizes 1, 8 and 64: ")
    record_property("planted no difference", f"none is detected in {told} of {len(seeds)}")
    assert told >= 0.9 * len(seeds)
    assert varied == len(seeds)


# Within the budget


def stopped_after(trainings, monkeypatch):
    """Let time run out after so many trainings, whatever they take."""
    left = iter(range(trainings))

    def check(watch, batch_size, updates):
        if next(left, None) is None:
            raise OutOfTime

    monkeypatch.setattr(Stopwatch, "check", check)


@pytest.mark.parametrize(
    ("trainings", "settings", "expected"),
    [
        (0, {}, "not even a first look at one batch size ended in time"),
        (1, {"learning_rate": [1e6]}, "training had not lowered val_loss by then"),
        (3, {"target": 0.5}, "the target, val_loss 0.5, is known, but no batch size was measured"),
    ],
)
def test_a_budget_that_is_too_small_is_told(wine, monkeypatch, trainings, settings, expected):
    stopped_after(trainings, monkeypatch)
    settings = {"learning_rate": RATES, "batch_size": [8, 32], "replicates": 2} | settings
    study, text = recommended(bl.mlp, wine, seconds=30, tuning_replicates=2, **settings)
    assert text.startswith(f"The budget of 30 seconds is too small to tell: {expected}")
    assert text.splitlines()[-1].startswith("Took ")
    assert "update" not in study
    assert verdict(study) == text


def test_wherever_time_runs_out_there_is_a_verdict(wine, monkeypatch):
    firsts = set()
    for trainings in (1, 4, 6, 7, 8, 9, 10, 12, 14, 20):
        with monkeypatch.context() as patched:
            stopped_after(trainings, patched)
            study, text = recommended(
                bl.mlp,
                wine,
                target=0.5,
                learning_rate=RATES,
                batch_size=[8, 32],
                replicates=2,
                tuning_replicates=2,
            )
        assert verdict(study) == text
        left_out = np.ravel(study.attrs.get("left_out", []))
        measured = study["batch_size"].values if "update" in study else []
        assert sorted([*left_out, *measured]) == [8, 32]
        firsts.add(len(measured))
    assert firsts == {0, 1, 2}
    assert "left_out" not in study.attrs


def test_a_hundredth_of_a_second_is_too_small(wine):
    begin = time.perf_counter()
    study, text = bl.recommend(bl.mlp, wine, seconds=0.01, progress=False)
    spent = time.perf_counter() - begin
    assert text.startswith("The budget of 0.01 seconds is too small to tell: not even a first look")
    assert 0.01 < study.attrs["spent"] <= spent


@pytest.mark.parametrize(("seconds", "budget"), [(2.5, "update"), (15, "second")])
def test_what_is_spent_is_about_the_budget(wine, seconds, budget):
    begin = time.perf_counter()
    study, text = bl.recommend(
        bl.mlp, wine, seconds=seconds, budget=budget, replicates=4, progress=False
    )
    spent = time.perf_counter() - begin
    assert 0 < study.attrs["spent"] <= spent
    assert f" of {seconds:g} seconds." in text
    if seconds == 15:
        assert study["second"].dims == ("batch_size", "replicate")
        assert study.sizes["round"] >= 2
        assert (study["update_seconds"] > 0).all()
        np.testing.assert_allclose(
            study["second"], study["update"] * study["update_seconds"].mean("round")
        )
        assert " of Keras's fit on this machine" in text or "to tell" in text


# What is measured


@pytest.fixture(scope="module")
def asked():
    """What the study below was asked for, but for the build and the problem."""
    return {
        "batch_size": [8, 32],
        "learning_rate": RATES,
        "replicates": 3,
        "tuning_replicates": 2,
        "most_updates": 400,
        "target": 0.3,
        "seed": 5,
    }


@pytest.fixture(scope="module")
def made(wine, asked):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(recommend, "BLOCKS", 1)
        return recommended(bl.mlp, wine, **asked)


def test_a_study_is_of_the_replicates_that_follow_those_chosen_with(made):
    study = made.study
    assert study["update"].sizes == {"batch_size": 2, "replicate": 3}
    assert study["batch_size"].to_numpy().tolist() == [8, 32]
    assert study["seed"].to_numpy().tolist() == [7, 8, 9]
    assert study["learning_rate"].isin(RATES).all()
    np.testing.assert_array_equal(study["sample"], study["update"] * study["batch_size"])
    assert study.attrs["target"] == 0.3
    assert study.attrs["metric"] == "val_loss"


def test_each_replicate_is_stopped_where_fit_first_reaches_the_target(made, wine):
    of_32 = made.study.sel(batch_size=32)
    history = bl.fit(
        bl.mlp,
        wine,
        batch_size=32,
        optimizer=keras.optimizers.SGD(float(of_32["learning_rate"]), momentum=0.9),
        updates=int(of_32["update"].max()),
        records=1,
        replicates=3,
        seed=7,
    )
    below = history["val_loss"] <= 0.3
    first = history["update"].to_numpy()[below.argmax("update").to_numpy()]
    # The records are each update up to 33, and then 3 % apart.
    np.testing.assert_allclose(of_32["update"], first, rtol=0.04)
    assert below.any("update").all()


def test_where_there_is_time_more_replicates_with_other_seeds_are_measured(
    made, wine, asked, monkeypatch
):
    monkeypatch.setattr(recommend, "BLOCKS", 4)
    study, _ = recommended(bl.mlp, wine, **asked)
    assert study["seed"].to_numpy().tolist() == list(range(7, 7 + study.sizes["replicate"]))
    assert study.sizes["replicate"] == 3 * 4
    np.testing.assert_array_equal(study["update"][:, :3], made.study["update"])


def test_the_test_samples_change_nothing(made, wine, asked):
    garbage = dataclasses.replace(
        wine, x_test=1e3 * np.ones_like(wine.x_test), y_test=np.zeros_like(wine.y_test)
    )
    study, _ = recommended(bl.mlp, garbage, **asked)
    xr.testing.assert_identical(study.drop_attrs(), made.study.drop_attrs())


def test_the_same_seed_repeats_and_another_differs(made, wine, asked):
    again, _ = recommended(bl.mlp, wine, **asked)
    xr.testing.assert_identical(again.drop_attrs(), made.study.drop_attrs())
    other, _ = recommended(bl.mlp, wine, **asked | {"seed": 50})
    assert not np.array_equal(other["update"], made.study["update"])


def test_a_study_is_written_and_read_and_says_the_same(made, tmp_path):
    path = tmp_path / "study.nc"
    made.study.to_netcdf(path, engine="h5netcdf")
    read = xr.load_dataset(path, engine="h5netcdf")
    assert weigh(read).equals(weigh(made.study))
    assert weigh(read, budget="sample").equals(weigh(made.study, budget="sample"))
    assert verdict(read) == made.verdict


def test_a_study_of_nothing_is_written_and_read_too(wine, tmp_path):
    study, text = bl.recommend(bl.mlp, wine, seconds=0.01, progress=False)
    study.to_netcdf(tmp_path / "study.nc", engine="h5netcdf")
    assert verdict(xr.load_dataset(tmp_path / "study.nc", engine="h5netcdf")) == text


def test_batches_too_large_for_memory_are_left_out_and_told(wine, asked):
    one, two = bl.memory_needed(bl.mlp, wine, batch_size=[1, 2])["total"]
    memory = one + 20 * (two - one)
    study, text = recommended(bl.mlp, wine, **asked, memory=float(memory))
    assert study["batch_size"].to_numpy().tolist() == [8]
    assert "Too large for memory: 32." in text
    assert "the largest batch that fits is 21." in text
    np.testing.assert_allclose(study["memory"], one + 7 * (two - one))


# The test samples, once


def test_scores_on_test_are_those_of_the_models_where_they_were_stopped(made, wine):
    found = bl.scores_on_test(bl.mlp, wine, made.study, batch_size=8)
    of_8 = made.study.sel(batch_size=8)
    accuracies, losses = [], []
    for replicate, stop in enumerate(of_8["update"].to_numpy().astype(int)):
        history = bl.fit(
            bl.mlp,
            wine,
            batch_size=8,
            optimizer=keras.optimizers.SGD(float(of_8["learning_rate"]), momentum=0.9),
            updates=int(stop),
            replicates=3,
            seed=7,
        )
        model = bl.trained_model(bl.mlp, wine, history, replicate=replicate)
        chances = model.predict(wine.x_test, verbose=0)
        accuracies.append((chances.argmax(axis=1) == wine.y_test).mean())
        losses.append(-np.log(chances[np.arange(len(chances)), wine.y_test]).mean())
    assert found.index.tolist() == ["test accuracy", "test loss"]
    for name, values in (("test accuracy", accuracies), ("test loss", losses)):
        row = found.loc[name]
        expected = bl.over_replicates(xr.DataArray(values, dims="replicate"))
        np.testing.assert_allclose(
            row[["mean", "low", "high"]].to_list(),
            [float(expected[end]) for end in ("mean", "low", "high")],
            rtol=1e-5,
        )
    assert found["replicates"].tolist() == [3, 3]


def test_scores_on_test_are_those_of_the_least_cost_if_not_told_otherwise(made, wine):
    table = weigh(made.study)
    least = table.index[table["found"] == "least"][0]
    assert bl.scores_on_test(bl.mlp, wine, made.study).equals(
        bl.scores_on_test(bl.mlp, wine, made.study, batch_size=int(least))
    )


def test_scores_on_test_of_a_batch_size_that_did_not_arrive_are_refused(made, wine):
    study = made.study.copy(deep=True)
    study["update"].loc[{"batch_size": 8, "replicate": 1}] = np.nan
    expected = r"^batch_size: expected one at which all replicates reach the target, 32, received "
    for size in (8, 16):
        with pytest.raises(ValueError, match=expected + rf"{size}\.$"):
            bl.scores_on_test(bl.mlp, wine, study, batch_size=size)
    study["update"][:] = np.nan
    with pytest.raises(ValueError, match=r"reach the target, received None\.$"):
        bl.scores_on_test(bl.mlp, wine, study)


# Other models and problems


def few_convolutions(problem):
    return bl.convnet(problem, filters=(4,), dtype="float32")


def mlp_in_single_precision(problem):
    return bl.mlp(problem, dtype="float32")


@pytest.mark.parametrize("build", [few_convolutions, mlp_in_single_precision])
def test_models_in_single_precision_are_recommended_for(build):
    shape = [8, 8, 1] if build is few_convolutions else None
    problem = bl.problem_from(load_digits(), sample_shape=shape, dtype="float32")
    study, text = recommended(
        build,
        problem,
        target=2.0,
        batch_size=[16, 64],
        learning_rate=[0.1, 0.3],
        replicates=2,
        tuning_replicates=2,
        most_updates=400,
    )
    assert study["update"].notnull().all()
    assert study["update"].max() < 400
    assert "nan" not in text


def test_a_target_that_nothing_reaches_is_told(wine):
    study, text = recommended(
        bl.mlp,
        wine,
        target=1e-9,
        batch_size=[8, 32],
        learning_rate=RATES,
        replicates=2,
        tuning_replicates=2,
        most_updates=50,
    )
    assert text.startswith("Nothing to compare: no batch size brought all replicates to val_loss ")
    assert study["update"].isnull().all()


def test_the_first_look_tries_more_than_the_lowest_of_a_few_rates(wine):
    study, _ = recommended(
        bl.mlp,
        wine,
        batch_size=[32],
        learning_rate=[1e-6, 0.01, 0.1],
        replicates=2,
        tuning_replicates=2,
        most_updates=200,
    )
    assert study.attrs["best"] < 0.5 * study.attrs["start"]


def test_a_regression_is_recommended_for_and_tested():
    problem = bl.problem_from(load_diabetes())
    study, text = recommended(
        bl.mlp,
        problem,
        metric="val_mean_absolute_error",
        batch_size=[16, "full"],
        learning_rate=[0.001, 0.003, 0.01],
        replicates=2,
        tuning_replicates=2,
        most_updates=200,
    )
    assert study["batch_size"].to_numpy().tolist() == [16, problem.n_train]
    assert "val_mean_absolute_error" in text
    assert study.attrs["start"] > study.attrs["target"] > study.attrs["best"]
    arrived = weigh(study).query("found != 'not reached'").index
    scores = bl.scores_on_test(bl.mlp, problem, study, batch_size=int(arrived[0]))
    assert scores.index.tolist() == ["test mean absolute error", "test loss"]


def one_output(problem):
    """Return a model that XLA trains one replicate at a time."""
    return keras.Sequential(
        [
            keras.Input(problem.feature_shape, dtype="float64"),
            keras.layers.Dense(4, activation="tanh", dtype="float64"),
            keras.layers.Dropout(0.1, dtype="float64"),
            keras.layers.Dense(1, activation="sigmoid", dtype="float64"),
        ]
    )


def test_one_output_is_recommended_for_where_sums_are_cut():
    x = np.random.default_rng(0).normal(size=(300, 3))
    y = (x.sum(axis=1) > 0).astype(int)
    parts = {"x_validation": x[150:230], "y_validation": y[150:230]}
    study, _ = recommended(
        one_output,
        bl.from_arrays(x[:150], y[:150], x[230:], y[230:], **parts),
        batch_size=[64, 65, "full"],
        learning_rate=[0.03, 0.1],
        replicates=2,
        tuning_replicates=2,
        most_updates=60,
    )
    assert study["batch_size"].to_numpy().tolist() == [64, 65, 150]
    assert study.attrs["start"] > study.attrs["best"]


# Bad inputs


def without_validation():
    problem = bl.blobs(100, n_train=60)
    return dataclasses.replace(problem, x_validation=None, y_validation=None)


SCHEDULE = keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9))


def breaks(problem):
    raise ValueError("this model does not want to be built.")


@pytest.mark.parametrize(
    ("settings", "kind", "expected"),
    [
        ({"seconds": 0}, ValueError, "seconds: expected a positive number, received 0"),
        ({"seconds": -1}, ValueError, "seconds: expected a positive number, received -1"),
        ({"seconds": math.nan}, ValueError, "seconds: expected a positive number, received nan"),
        ({"seconds": "60"}, TypeError, "seconds: expected a positive number, received '60'"),
        ({"seconds": None}, TypeError, "seconds: expected a positive number, received None"),
        ({"budget": "hour"}, ValueError, "budget: expected one of 'second', .* received 'hour'"),
        ({"clock": "wall"}, ValueError, "clock: expected one of 'keras', .* received 'wall'"),
        ({"metric": "loss"}, ValueError, "metric: expected one of 'val_loss', .* 'loss'"),
        ({"metric": "val_mean_absolute_error"}, ValueError, "metric: expected one of 'val_loss'"),
        ({"target": 0}, ValueError, "target: expected .* received 0"),
        ({"target": 1.5, "metric": "val_accuracy"}, ValueError, "target: .* received 1.5"),
        ({"target": "0.5"}, TypeError, "target: expected .* received '0.5'"),
        ({"batch_size": [0]}, ValueError, "batch_size: expected .* from 1 to 106, .* 0"),
        ({"batch_size": [107]}, ValueError, "batch_size: expected .* from 1 to 106, .* 107"),
        ({"batch_size": []}, (TypeError, ValueError), r"batch_size: expected .* received \[\]"),
        ({"batch_size": ["8"]}, TypeError, "batch_size: expected .* received '8'"),
        ({"learning_rate": [0]}, ValueError, "learning_rate: expected .* received 0"),
        ({"learning_rate": [0.1, -1]}, ValueError, "learning_rate: expected .* received -1"),
        ({"optimizer": SCHEDULE}, TypeError, "optimizer: expected one with a constant .* received"),
        ({"replicates": 1}, ValueError, "replicates: expected .* at least 2, received 1"),
        ({"tuning_replicates": 0}, ValueError, "tuning_replicates: expected .* received 0"),
        ({"most_updates": 0}, ValueError, "most_updates: expected .* at least 1, received 0"),
        ({"seed": -1}, ValueError, "seed: expected .* received -1"),
        ({"seed": 2**32 - 10}, ValueError, "seed: expected .* from 0 to .* received 4294967286"),
        ({"memory": 100.0}, ValueError, "memory: expected at least the .* bytes .* received 100"),
        ({"memory": -1}, ValueError, "memory: expected a positive number, received -1"),
        ({"memory": "4 GB"}, TypeError, "memory: expected a positive number, received '4 GB'"),
        ({"problem": 3}, TypeError, "problem: expected .* received"),
        ({"problem": without_validation()}, ValueError, "problem: expected one with validation"),
        ({"build": breaks}, ValueError, "this model does not want to be built"),
        ({"build": "mlp"}, TypeError, "build: expected .* received 'mlp'"),
        ({"device": "abacus"}, ValueError, "device: expected .* received 'abacus'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_inputs_end_in_one_sentence(wine, settings, kind, expected):
    settings = {"build": bl.mlp, "problem": wine, "seconds": 5} | settings
    build, problem = settings.pop("build"), settings.pop("problem")
    with pytest.raises(kind, match=f"^{expected}") as caught:
        bl.recommend(build, problem, progress=False, **settings)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert not re.search(r"\.\s+[A-Z]", message)


# Clocks


def large(problem):
    return bl.mlp(problem, hidden_units=(256, 256), dtype="float32")


def clock_of(build, problem, **settings):
    nothing = dict.fromkeys(["optimizer", "loss", "device"])
    return KerasClock(build, problem, **nothing | settings)


@pytest.mark.parametrize("clock", ["keras", "batchlab"])
def test_every_round_times_every_batch_size(wine, clock):
    rounds = update_clock(clock, bl.mlp, wine)([8, wine.n_train], 2)
    assert rounds.shape == (2, 2)
    assert (rounds > 0).all()


@pytest.mark.parametrize(
    "loss", [keras.losses.CategoricalCrossentropy, keras.losses.SparseCategoricalCrossentropy]
)
def test_losses_of_classes_are_timed(wine, loss):
    assert (clock_of(bl.mlp, wine, loss=loss()).rounds([32], 1) > 0).all()


def test_losses_of_a_regression_are_timed():
    problem = bl.problem_from(load_diabetes())
    clock = clock_of(bl.mlp, problem, loss=keras.losses.Huber())
    assert (clock.rounds([64, problem.n_train], 1) > 0).all()


def test_timing_leaves_the_callers_random_state_and_types_as_they_were(wine):
    keras.utils.set_random_seed(3)
    expected = random.random(), np.random.rand(), float(tf.random.uniform([]))  # noqa: NPY002
    keras.utils.set_random_seed(3)
    optimizer = keras.optimizers.SGD(0.05)
    before = keras.config.floatx()
    clock_of(large, wine, optimizer=optimizer).rounds([32], 1)
    clock_of(bl.mlp, wine, optimizer=optimizer).rounds([32], 1)
    after = random.random(), np.random.rand(), float(tf.random.uniform([]))  # noqa: NPY002
    assert after == expected
    assert keras.config.floatx() == before
    assert not optimizer.built
