"""Batch sizes that change from epoch to epoch, and replicates that share weights or orders."""

import json

import numpy as np
import pytest
import xarray as xr
from oracle import KERAS_METRICS, keras_history

import batchlab as bl
from batchlab.engine.loop import METRICS
from batchlab.foundation.backend import keras

EPOCHS = 6


def grows(epoch):
    """7, 7, 20, 20, 60, 60 of 60 samples: the first leaves a smaller last batch."""
    return (7, 20, 60)[min(epoch // 2, 2)]


def shrinks(epoch):
    return (60, 16, 1)[epoch % 3]


def alternates(epoch):
    return (60, 16)[epoch % 2]


def equal(history, other):
    """Whether all metrics are equal to the last bit."""
    return all(np.array_equal(history[name], other[name]) for name in METRICS)


@pytest.fixture(scope="module")
def grown(small):
    return bl.fit(
        bl.mlp, small, batch_size=grows, epochs=EPOCHS, replicates=3, keep_weights="epochs"
    )


# Against Keras


@pytest.mark.parametrize(
    ("schedule", "make_optimizer"),
    [
        (shrinks, lambda: keras.optimizers.SGD(0.01, momentum=0.9)),
        (alternates, lambda: keras.optimizers.Adam(0.01)),
        (
            alternates,
            lambda: keras.optimizers.SGD(
                keras.optimizers.schedules.PiecewiseConstantDecay([10, 20], [0.05, 0.02, 0.01])
            ),
        ),
    ],
    ids=["momentum", "Adam", "rate decays too"],
)
def test_a_schedule_is_keras_fit_with_another_batch_size_each_epoch(
    small, schedule, make_optimizer
):
    expected, model = keras_history(
        bl.mlp, small, make_optimizer=make_optimizer, batch_size=schedule, epochs=EPOCHS, seed=1
    )
    history = bl.fit(
        bl.mlp,
        small,
        batch_size=schedule,
        epochs=EPOCHS,
        optimizer=make_optimizer(),
        replicates=2,
        seed=0,
    ).sel(replicate=1)
    for name in KERAS_METRICS:
        np.testing.assert_allclose(history[name], expected[name], rtol=0, atol=1e-9, err_msg=name)
    weights = np.concatenate([value.ravel() for value in model.get_weights()])
    np.testing.assert_allclose(history["weights"], weights, rtol=0, atol=1e-9)


def test_moving_statistics_go_on_from_one_size_to_the_next(small):
    def build(problem):
        layers = keras.layers
        return keras.Sequential(
            [
                keras.Input((2,), dtype="float64"),
                layers.Dense(8, activation="relu", dtype="float64"),
                layers.BatchNormalization(dtype="float64"),
                layers.Dense(3, activation="softmax", dtype="float64"),
            ]
        )

    expected, _ = keras_history(
        build,
        small,
        make_optimizer=lambda: keras.optimizers.SGD(0.01),
        batch_size=alternates,
        epochs=EPOCHS,
    )
    history = bl.fit(
        build,
        small,
        batch_size=alternates,
        epochs=EPOCHS,
        optimizer=keras.optimizers.SGD(0.01),
        replicates=2,
    ).sel(replicate=0)
    for name in KERAS_METRICS:
        np.testing.assert_allclose(history[name], expected[name], rtol=0, atol=1e-9, err_msg=name)


# Against itself


def test_epochs_before_the_first_change_are_those_without_a_schedule(small, grown):
    before = bl.fit(bl.mlp, small, batch_size=7, epochs=2, replicates=3)
    assert equal(grown.isel(epoch=slice(2)), before)
    after = bl.fit(bl.mlp, small, batch_size=7, epochs=3, replicates=3)
    assert not np.array_equal(grown["train_loss"].sel(epoch=3), after["train_loss"].sel(epoch=3))


def test_a_function_that_never_changes_its_mind_is_a_number(small):
    constant = bl.fit(bl.mlp, small, batch_size=16, epochs=3, replicates=2)
    function = bl.fit(bl.mlp, small, batch_size=lambda epoch: 16, epochs=3, replicates=2)
    for history in (constant, function):
        for name in ("compile_seconds", "training_seconds"):
            del history.attrs[name]
    xr.testing.assert_identical(constant, function)
    full = bl.fit(bl.mlp, small, batch_size=lambda epoch: "full", epochs=2)
    assert full.attrs["batch_size"] == 60


@pytest.mark.parametrize(("replicates", "threads"), [(2, 1), (3, 2), (9, 2)])
def test_numbers_depend_on_no_other_replicate_and_no_thread(small, grown, replicates, threads):
    history = bl.fit(
        bl.mlp, small, batch_size=grows, epochs=EPOCHS, replicates=replicates, threads=threads
    )
    common = min(replicates, 3)
    assert equal(history.isel(replicate=slice(common)), grown.isel(replicate=slice(common)))


def test_records_between_the_ends_of_epochs_change_no_number(small, grown):
    # 9, 9, 3, 3, 1 and 1 updates.
    ends = [9, 18, 21, 24, 25, 26]
    assert grown["update"].to_numpy().tolist() == ends
    assert grown["sample"].to_numpy().tolist() == [60 * epoch for epoch in range(1, 7)]
    assert grown["batch_size"].dims == ("epoch",)
    assert grown["batch_size"].to_numpy().tolist() == [7, 7, 20, 20, 60, 60]
    assert json.loads(grown.attrs["batch_size_schedule"]) == [7, 7, 20, 20, 60, 60]
    history = bl.fit(
        bl.mlp, small, batch_size=grows, updates=26, records=range(1, 27), replicates=3
    )
    for name in METRICS[2:]:
        at_ends = history[name].sel(update=ends).to_numpy()
        assert np.array_equal(at_ends, grown[name]), name
    sizes = [7] * 18 + [20] * 6 + [60] * 2
    assert history["batch_size"].to_numpy().tolist() == sizes
    samples = [7] * 8 + [4]
    counted = np.cumsum(samples * 2 + [20] * 6 + [60] * 2)
    assert history["sample"].to_numpy().tolist() == counted.tolist()


def test_weights_are_kept_and_are_the_models(small, grown):
    model = bl.trained_model(bl.mlp, small, grown, replicate=2, epoch=4)
    guess = model.predict(small.x_test, verbose=0).argmax(axis=1)
    accuracy = np.mean(guess == small.y_test)
    kept = grown["val_accuracy"].sel(replicate=2, epoch=4).item()
    assert accuracy == pytest.approx(kept, abs=1e-12)


def test_replicates_that_must_go_one_by_one_do_so_at_every_size(small):
    def build(problem):
        layers = [keras.Input((2,)), keras.layers.Dense(4, activation="relu")]
        layers += [keras.layers.Dropout(0.5), keras.layers.Dense(3, activation="softmax")]
        return keras.Sequential(layers)

    run = {"batch_size": alternates, "epochs": EPOCHS}
    three = bl.fit(build, small, replicates=3, **run)
    two = bl.fit(build, small, replicates=2, seed=1, **run)
    assert equal(three.isel(replicate=slice(1, 3)), two)


def test_figures_and_reports_say_from_where_to_where(small, grown):
    assert bl.plot_learning_curves(grown).get_title() == (
        "blobs, batch size 7 to 60, learning rate 0.01"
    )
    assert "batch size 7 to 60: 3 x 26 updates" in bl.run_report(grown)


# In sweeps


SCHEDULES = {"grows": grows, "stays": 20, "full": "full"}


@pytest.fixture(scope="module")
def study(small):
    return bl.sweep(bl.mlp, small, batch_size=SCHEDULES, epochs=EPOCHS, replicates=3)


def test_schedules_are_a_dimension_and_each_is_what_fit_returns(small, grown, study):
    assert study["val_loss"].dims == ("schedule", "replicate", "epoch")
    assert study["schedule"].to_numpy().tolist() == list(SCHEDULES)
    assert equal(study.sel(schedule="grows"), grown)
    for name in ("stays", "full"):
        own = bl.fit(bl.mlp, small, batch_size=SCHEDULES[name], epochs=EPOCHS, replicates=3)
        assert equal(study.sel(schedule=name), own)
    sizes = study["batch_size"].transpose("schedule", "epoch").to_numpy().tolist()
    assert sizes == [[7, 7, 20, 20, 60, 60], [20] * 6, [60] * 6]
    updates = study["update"].transpose("schedule", "epoch").isel(epoch=-1)
    assert updates.to_numpy().tolist() == [26, 18, 6]


def test_schedules_are_compared_and_drawn_like_other_cells(study):
    differences = bl.compare(study, schedule="stays")
    assert differences.index.tolist() == ["grows", "full"]
    assert bl.evaluate(study, metric="val_accuracy").index.tolist() == list(SCHEDULES)
    axes = bl.plot_panels(study)
    assert [ax.get_title() for ax in axes] == [f"schedule {name}" for name in SCHEDULES]


def test_schedules_are_found_again_in_a_store(small, study, tmp_path):
    run = {"batch_size": SCHEDULES, "epochs": EPOCHS, "replicates": 3, "store": tmp_path}
    assert equal(bl.sweep(bl.mlp, small, **run), study)
    kept = sorted(tmp_path.iterdir())
    assert len(kept) == 3
    times = [path.stat().st_mtime_ns for path in kept]
    assert equal(bl.sweep(bl.mlp, small, **run), study)
    assert [path.stat().st_mtime_ns for path in sorted(tmp_path.iterdir())] == times
    other = {**SCHEDULES, "grows": lambda epoch: (7, 20, 59)[min(epoch // 2, 2)]}
    bl.sweep(bl.mlp, small, **run | {"batch_size": other})
    assert len(list(tmp_path.iterdir())) == 4


def test_samples_can_be_held_fixed_under_a_schedule(small):
    study = bl.sweep(bl.mlp, small, batch_size={"grows": grows}, samples=200, records=4)
    seen = study.sel(schedule="grows")["samples_seen"].to_numpy()
    # Updates end at 7, 14, …, 56, 60 in each of two epochs, then at every twentieth sample.
    assert seen.tolist() == [56, 102, 160, 200]


# Histories side by side


def test_histories_side_by_side_are_a_study(small, grown):
    other = bl.fit(bl.mlp, small, batch_size=20, epochs=EPOCHS, replicates=3, keep_weights="epochs")
    study = bl.side_by_side({"grows": grown, "stays": other})
    assert study["val_loss"].dims == ("run", "replicate", "epoch")
    assert equal(study.sel(run="grows"), grown)
    assert equal(study.sel(run="stays"), other)
    assert np.array_equal(study["epoch_weights"].sel(run="stays"), other["epoch_weights"])
    assert study["batch_size"].sel(run="stays").to_numpy().tolist() == [20] * 6
    assert study["updates"].to_numpy().tolist() == [26, 18]
    assert other.attrs["batch_size"] == 20, "the history is left as it was"
    difference = bl.compare(study, run="stays", metric="train_loss").loc["grows", "mean"]
    own = grown["train_loss"].isel(epoch=-1) - other["train_loss"].isel(epoch=-1)
    assert difference == pytest.approx(float(own.mean()), abs=1e-12)
    alone = bl.side_by_side({"stays": other}, dimension="setting")
    assert alone["val_loss"].dims == ("setting", "replicate", "epoch")
    assert alone.attrs["batch_size"] == 20


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda h: {"a": h, "b": h.isel(replicate=[0, 1])}, "the same replicate in all"),
        (
            lambda h: {"a": h, "b": h.assign_coords(seed=h["seed"] + 1)},
            r"the same seed in all, received array\(\[0, 1, 2\]\) in the first and",
        ),
        (lambda h: {"a": h, "b": h.isel(epoch=slice(3))}, "the same epoch in all"),
        (lambda h: {"a": h, "b": h.isel(parameter=slice(3))}, "the same parameter in all"),
        (lambda h: {}, "expected at least one history"),
        (lambda h: [h, h], "expected a mapping of names to histories"),
    ],
)
def test_histories_that_cannot_stand_side_by_side_are_refused(grown, change, sentence):
    with pytest.raises((TypeError, ValueError), match=f"^histories: .*{sentence}"):
        bl.side_by_side(change(grown))


def test_a_dimension_has_a_name_of_its_own(grown):
    with pytest.raises(ValueError, match="received 'loss'"):
        bl.side_by_side({"a": grown}, dimension="loss")


# Shared weights, shared orders


def test_seeds_are_those_of_weights_and_orders_unless_said_otherwise(small, history):
    seeds = list(range(4))
    run = {"batch_size": 16, "epochs": 10, "replicates": 4}
    again = bl.fit(bl.mlp, small, weight_seeds=seeds, order_seeds=seeds, **run)
    assert equal(again, history)
    assert "seed" in history.coords
    assert again["weight_seed"].to_numpy().tolist() == seeds
    assert again["order_seed"].to_numpy().tolist() == seeds


def test_equal_seeds_share_weights_or_orders(small):
    run = {"batch_size": 16, "epochs": 3, "replicates": 4, "keep_weights": "epochs"}
    crossed = bl.fit(bl.mlp, small, weight_seeds=[5, 5, 9, 9], order_seeds=[1, 2, 1, 2], **run)
    start = crossed["initial_weights"].to_numpy()
    assert np.array_equal(start[0], start[1])
    assert np.array_equal(start[2], start[3])
    assert not np.array_equal(start[0], start[2])
    assert len(np.unique(crossed["val_loss"].isel(epoch=-1))) == 4
    # Each is the same however it is come by.
    for replicate, (weights, order) in enumerate([(5, 1), (5, 2), (9, 1), (9, 2)]):
        alone = bl.fit(
            bl.mlp,
            small,
            weight_seeds=[weights] * 2,
            order_seeds=[order] * 2,
            **run | {"replicates": 2},
        )
        for name in METRICS:
            both = alone[name].to_numpy()
            assert np.array_equal(both[0], both[1])
            assert np.array_equal(both[0], crossed[name].isel(replicate=replicate))


def test_the_order_means_nothing_to_the_full_batch(small):
    run = {"batch_size": "full", "epochs": 20, "replicates": 3}
    orders = bl.fit(bl.mlp, small, weight_seeds=[4] * 3, **run)
    assert np.ptp(orders["train_loss"].to_numpy(), axis=0).max() < 1e-12
    weights = bl.fit(bl.mlp, small, order_seeds=[4] * 3, **run)
    assert np.ptp(weights["train_loss"].isel(epoch=-1).to_numpy()) > 1e-3


def test_seeds_of_a_sweep_are_those_of_its_cells(small, tmp_path):
    seeds = {"weight_seeds": [3, 3, 8], "order_seeds": [1, 2, 3], "replicates": 3}
    run = {"epochs": 2, "store": tmp_path}
    study = bl.sweep(bl.mlp, small, batch_size=[16, 60], **seeds, **run)
    own = bl.fit(bl.mlp, small, batch_size=16, epochs=2, **seeds)
    assert equal(study.sel(batch_size=16), own)
    assert study["weight_seed"].to_numpy().tolist() == [3, 3, 8]
    bl.sweep(bl.mlp, small, batch_size=[16, 60], **seeds | {"order_seeds": [1, 2, 4]}, **run)
    assert len(list(tmp_path.iterdir())) == 4


# Made by the library


def test_a_growing_batch_grows_after_the_epochs_it_is_told(small):
    size = bl.growing_batch(small, 8, factor=2.5, at=[2, 3, 9])
    assert [size(epoch) for epoch in range(11)] == [8, 8, 20] + [50] * 6 + [60, 60]
    less = bl.growing_batch(small, "full", factor=0.1, at=[1, 2, 3])
    assert [less(epoch) for epoch in range(5)] == [60, 6, 1, 1, 1]


@pytest.mark.parametrize(
    ("batch_size", "at", "ends"), [(8, [2, 5], [16, 40]), (grows, [2, 4], [18, 24])]
)
def test_a_decaying_rate_changes_with_the_first_update_of_an_epoch(small, batch_size, at, ends):
    rate = bl.decaying_rate(small, 0.1, batch_size=batch_size, factor=4, at=at)
    values = np.array([float(rate(update)) for update in range(ends[1] + 2)])
    expected = [0.1] * ends[0] + [0.025] * (ends[1] - ends[0]) + [0.00625] * 2
    np.testing.assert_allclose(values, expected, rtol=1e-7)  # Keras gives them in float32


def test_training_with_a_decaying_rate_is_training_with_each_rate_in_turn(small):
    """The full batch without momentum keeps no state: its next step is that much shorter."""
    run = {"batch_size": "full", "replicates": 2, "keep_weights": "epochs"}
    sgd = keras.optimizers.SGD
    # Keras's schedules give rates in float32.
    early, late = float(np.float32(0.1)), float(np.float32(0.01))
    both, first = (
        bl.fit(
            bl.mlp,
            small,
            epochs=4,
            optimizer=sgd(bl.decaying_rate(small, 0.1, batch_size="full", factor=10, at=[epochs])),
            **run,
        )
        for epochs in (3, 4)
    )
    before, after = (both["epoch_weights"].sel(epoch=epoch) for epoch in (3, 4))
    np.testing.assert_allclose(before, first["epoch_weights"].sel(epoch=3), rtol=0, atol=1e-12)
    whole = first["epoch_weights"].sel(epoch=4) - before
    assert abs(whole).max() > 0.01
    np.testing.assert_allclose(after - before, whole * late / early, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"at": []}, "at: expected increasing numbers of epochs, received"),
        ({"at": [3, 3]}, "at: expected increasing numbers of epochs"),
        ({"at": [0, 3]}, "at: expected a whole number at least 1, received 0"),
        ({"at": 3}, "at: expected a sequence of epochs"),
        ({"factor": 0}, "factor: expected a positive number, received 0"),
        ({"batch_size": 61}, "batch_size: expected 'full' or a whole number from 1 to 60"),
    ],
)
def test_schedules_made_by_the_library_say_what_is_wrong(small, given, sentence):
    right = {"batch_size": 8, "factor": 2, "at": [3]}
    with pytest.raises((TypeError, ValueError), match=sentence):
        bl.growing_batch(small, **right | given)
    with pytest.raises((TypeError, ValueError), match=sentence):
        bl.decaying_rate(small, 0.1, **right | given)


# Bad inputs


@pytest.mark.parametrize("given", [0, -1, 61, 2.5, None, "half", True])
def test_a_schedule_that_returns_no_batch_size_is_told_in_which_epoch(small, given):
    with pytest.raises((TypeError, ValueError)) as error:
        bl.fit(bl.mlp, small, batch_size=lambda epoch: given if epoch == 2 else 8, epochs=4)
    assert str(error.value) == (
        "batch_size: expected 'full' or a whole number from 1 to 60, the number of training "
        f"samples, received {given!r} in epoch 2 of a schedule."
    )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"batch_size": [grows, 8]}, "batch_size: expected names for schedules"),
        ({"batch_size": {}}, "batch_size: expected at least one value"),
        ({"batch_size": {8: grows}}, "batch_size: expected names for its values"),
        (
            {"batch_size": grows, "learning_rate": {"linear": lambda size: 0.001 * size}},
            "learning_rate: expected a number for a schedule of batch sizes",
        ),
        ({"batch_size": 8, "schedule": [1]}, "schedule: expected a setting whose name is not"),
    ],
)
def test_a_sweep_says_what_is_wrong_with_schedules(small, given, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        bl.sweep(bl.mlp, small, epochs=3, **given)


def test_a_schedule_for_more_epochs_than_anybody_trains_is_refused(small, monkeypatch):
    monkeypatch.setattr("batchlab.engine.batch_sizes.MOST_SCHEDULED_EPOCHS", 100)
    with pytest.raises(ValueError, match="more than 100 epochs"):
        bl.fit(bl.mlp, small, batch_size=grows, epochs=101)
    with pytest.raises(ValueError, match="more than 100 epochs"):
        bl.fit(bl.mlp, small, batch_size=grows, updates=10**12)


@pytest.mark.parametrize("name", ["weight_seeds", "order_seeds"])
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([1], "expected a seed for each of the 2 replicates, received 1"),
        ([1, 2, 3], "expected a seed for each of the 2 replicates, received 3"),
        ([1, -1], "expected a whole number from 0 to 4294967295, received -1"),
        ([1, 2.0], "expected a whole number from 0 to 4294967295, received 2.0"),
        ([1, True], "expected a whole number from 0 to 4294967295, received True"),
        (3, "expected a sequence of seeds, one for each replicate, received 3"),
        ("12", "expected a sequence of seeds, one for each replicate, received '12'"),
    ],
)
def test_seeds_that_are_none_are_refused(small, name, given, sentence):
    with pytest.raises((TypeError, ValueError), match=f"^{name}: {sentence}"):
        bl.fit(bl.mlp, small, batch_size=8, epochs=1, replicates=2, **{name: given})
