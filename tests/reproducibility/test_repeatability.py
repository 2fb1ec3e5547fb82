"""Two runs that differ in the last bit: how they are made, and what is said of them."""

import functools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import batchlab as bl
from batchlab.analysis.intervals import mean_interval, paired_ratio
from batchlab.costs.seconds import time_precisions
from batchlab.foundation.backend import keras
from batchlab.models.named import check_takes_dtype
from batchlab.models.networks import PRECISIONS
from batchlab.reproducibility.growth import growth_rates, spread_by_cause
from batchlab.reproducibility.twin_runs import Started, twin_runs

CHANGES = ("train_accuracy", "val_accuracy", "train_loss", "val_loss")


def tiny(problem, *, dtype="float64"):
    """Return the tutorial's model with few units."""
    return bl.mlp(problem, hidden_units=[6], dtype=dtype)


def seeded(build, problem, seed=3):
    keras.utils.set_random_seed(seed)
    return build(problem).get_weights()


# The same weights, and those beside them


def test_float64_weights_are_those_of_the_plain_build(small):
    plain = seeded(bl.mlp, small)
    for own, given in zip(seeded(Started(bl.mlp, "float64", False), small), plain, strict=True):
        assert own.dtype == "float64"
        np.testing.assert_array_equal(own, given)


def test_float32_weights_are_the_float64_ones_rounded(small):
    plain = seeded(bl.mlp, small)
    own = seeded(Started(bl.mlp, "float32", False), small)
    for weight, given in zip(own, plain, strict=True):
        assert weight.dtype == "float32"
        np.testing.assert_array_equal(weight, given.astype("float32"))
    # Keras itself draws others in float32.
    others = seeded(functools.partial(bl.mlp, dtype="float32"), small)
    assert not np.array_equal(own[0], others[0])


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_moved_weights_are_the_next_numbers_and_zeros_stay(small, dtype):
    own, moved = (seeded(Started(bl.mlp, dtype, flag), small) for flag in (False, True))
    ups = []
    for weight, neighbour in zip(own, moved, strict=True):
        assert neighbour.dtype == dtype
        above, below = (np.nextafter(weight, np.array(to, dtype)) for to in (np.inf, -np.inf))
        zero = weight == 0
        assert (neighbour[zero] == 0).all()
        assert ((neighbour == above) | (neighbour == below))[~zero].all()
        assert zero.all() or not zero.any()  # biases are zero at the start, kernels are not
        ups.append((neighbour > weight)[~zero])
    ups = np.concatenate(ups)
    assert 0.3 < ups.mean() < 0.7


def test_all_replicates_and_both_precisions_move_alike(small):
    ups = []
    for dtype in PRECISIONS:
        for seed in (0, 1):
            own, moved = (seeded(Started(bl.mlp, dtype, flag), small, seed) for flag in (0, 1))
            ups.append(moved[0] > own[0])
    assert (np.array(ups) == ups[0]).all()


# Twin runs

RUNS = {
    "one": {"batch_size": 1, "optimizer": keras.optimizers.SGD(0.01)},
    "full": {"batch_size": "full"},
}
SETTINGS = {"epochs": 3, "records": 3, "replicates": 2, "seed": 5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def twins(small, folder):
    return twin_runs(tiny, small, RUNS, **SETTINGS, store=folder)


def test_twins_are_labelled(twins, small):
    dims = ("run", "dtype", "replicate", "sample")
    assert twins["distance"].dims == dims
    assert twins["start"].dims == dims[:3]
    assert {name: twins[f"{name}_change"].dims for name in CHANGES} == dict.fromkeys(CHANGES, dims)
    assert set(twins.data_vars) == {"distance", "start", *(f"{name}_change" for name in CHANGES)}
    assert twins["run"].to_numpy().tolist() == list(RUNS)
    assert twins["dtype"].to_numpy().tolist() == ["float64", "float32"]
    assert twins["seed"].to_numpy().tolist() == [5, 6]
    assert twins["sample"].to_numpy().tolist() == [60, 120, 180]
    assert twins["epoch"].to_numpy().tolist() == [1, 2, 3]
    about = {"problem": small.name, "n_train": 60, "n_test": 40, "replicates": 2}
    assert about.items() <= twins.attrs.items()


def test_twins_are_the_differences_of_runs_trained_by_fit(twins, small):
    for run, arguments in RUNS.items():
        for dtype in PRECISIONS:
            own, moved = (
                bl.fit(
                    Started(tiny, dtype, flag),
                    small,
                    **arguments,
                    **{**SETTINGS, "records": None},
                    keep_weights="epochs",
                )
                for flag in (False, True)
            )
            found = twins.sel(run=run, dtype=dtype)
            apart = np.linalg.norm(moved["epoch_weights"] - own["epoch_weights"], axis=-1)
            norm = np.linalg.norm(own["epoch_weights"], axis=-1)
            np.testing.assert_allclose(found["distance"], apart / norm, rtol=1e-6)
            start = own["initial_weights"].to_numpy()
            apart = np.linalg.norm(moved["initial_weights"] - start, axis=-1)
            np.testing.assert_allclose(
                found["start"], apart / np.linalg.norm(start, axis=-1), rtol=1e-6
            )
            for name in CHANGES:
                np.testing.assert_array_equal(found[f"{name}_change"], moved[name] - own[name])
    assert (twins["distance"] > 0).all()


def test_twins_start_a_rounding_error_apart(twins):
    for dtype in PRECISIONS:
        step = np.finfo(dtype).eps
        start = twins["start"].sel(dtype=dtype)
        assert ((start > step / 4) & (start < step)).all()


def test_stored_twins_are_not_trained_again(twins, small, folder, monkeypatch):
    files = sorted(folder.iterdir())
    assert len(files) == 8  # by run, precision, and whether it was moved
    before = [path.stat().st_mtime_ns for path in files]

    def trained(*_, **__):
        raise RuntimeError("trained again")

    monkeypatch.setattr("batchlab.engine.training.train_replicates", trained)
    again = twin_runs(tiny, small, RUNS, **SETTINGS, store=folder)
    assert again.identical(twins)
    assert [path.stat().st_mtime_ns for path in sorted(folder.iterdir())] == before
    with pytest.raises(RuntimeError, match="trained again"):
        twin_runs(tiny, small, RUNS, **{**SETTINGS, "seed": 6}, store=folder)


def test_records_need_not_end_with_an_update_of_every_run(small):
    runs = {name: {"batch_size": size} for name, size in (("some", 32), ("full", "full"))}
    twins = twin_runs(tiny, small, runs, epochs=3, records=4, replicates=2)
    assert twins["epoch"].to_numpy().tolist() == [0.75, 1.5, 2.25, 3]
    assert twins["distance"].notnull().all()
    assert growth_rates(twins).index.get_level_values("run").unique().tolist() == ["some", "full"]


def test_twins_are_no_numbers_once_they_have_diverged(small):
    runs = {"too fast": {"batch_size": 20, "optimizer": keras.optimizers.SGD(1e30)}}
    twins = twin_runs(tiny, small, runs, epochs=4, records=4, replicates=2)
    distance = twins["distance"].sel(dtype="float64")
    assert distance.isel(sample=slice(1, None)).isnull().all()
    assert twins["start"].notnull().all()
    table = growth_rates(twins)
    assert table[["start", "end", "rate", "apart", "accuracy_changed"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"runs": {}}, ValueError, "runs: expected at least one, received none"),
        ({"runs": [1]}, TypeError, "runs: expected a mapping"),
        ({"build": lambda problem: None}, TypeError, "build: expected a function that takes"),
        ({"epochs": 0}, ValueError, "epochs: expected"),
    ],
)
def test_what_cannot_be_two_runs_is_refused(small, arguments, error, match):
    with pytest.raises(error, match=match):
        twin_runs(**{"build": tiny, "problem": small, "runs": RUNS, "epochs": 2, **arguments})


# Growth


def growing(curve, *, replicates=4, epochs=None, start=1e-16, accuracy_change=0.0):
    """Return twins of one run and precision whose distances are `curve`, by replicate or not."""
    curve = np.asarray(curve, "float64")
    curve = curve if curve.ndim == 2 else np.tile(curve, (replicates, 1))
    epochs = np.arange(1, curve.shape[1] + 1) if epochs is None else epochs
    dims = ("run", "dtype", "replicate", "sample")
    values = np.broadcast_to(curve, (1, 1, *curve.shape))
    changes = np.broadcast_to(np.expand_dims(accuracy_change, -1), curve.shape)
    return xr.Dataset(
        {
            "distance": (dims, values),
            "start": (dims[:3], np.full((1, 1, len(curve)), start)),
            **{f"{name}_change": (dims, np.array(changes, float)[None, None]) for name in CHANGES},
        },
        {
            "run": ["made up"],
            "dtype": ["float64"],
            "replicate": np.arange(len(curve)),
            "sample": np.asarray(epochs) * 60,
            "epoch": ("sample", epochs),
        },
    )


def only(table):
    assert table.index.tolist() == [("made up", "float64")]
    return table.iloc[0]


EPOCHS = np.arange(1, 101)


def test_ten_powers_in_a_hundred_epochs():
    row = only(growth_rates(growing(1e-16 * 10 ** (EPOCHS / 10))))
    assert row["rate"] == pytest.approx(10)
    assert row["low"] == pytest.approx(10)
    assert row["high"] == pytest.approx(10)
    assert (row["apart"], row["accuracy_changed"], row["verdict"]) == (0, 0, "grows")
    assert row["start"] == pytest.approx(1e-16)
    assert row["end"] == pytest.approx(1e-6)


def test_rate_is_by_epochs_whatever_the_records():
    epochs = np.arange(5, 401, 5)
    row = only(growth_rates(growing(1e-16 * 10 ** (epochs / 100), epochs=epochs)))
    assert row["rate"] == pytest.approx(1)


def test_what_is_far_apart_tells_no_rate():
    curve = np.minimum(1e-16 * 10 ** (EPOCHS / 4), 0.7)
    row = only(growth_rates(growing(curve)))
    assert row["rate"] == pytest.approx(25)
    assert (row["apart"], row["verdict"]) == (1, "chaotic")
    assert row["end"] == pytest.approx(0.7)


def test_rate_comes_from_before_two_are_apart_for_the_first_time():
    curve = 1e-16 * 10 ** (EPOCHS / 10)
    curve[60:] = np.where(EPOCHS[60:] % 2, 0.5, 1e-12)  # apart, and by chance close again
    assert only(growth_rates(growing(curve)))["rate"] == pytest.approx(10)


def test_earlier_half_is_left_out():
    curve = np.where(EPOCHS <= 50, 1e-16 * 10 ** (EPOCHS / 5), 1e-6 * 10 ** ((EPOCHS - 50) / 50))
    assert only(growth_rates(growing(curve)))["rate"] == pytest.approx(2)


@pytest.mark.parametrize("distance", [1e-16, 3e-16, 7.3e-12, 0.003])
def test_what_stays_does_neither(distance):
    wobble = 1 + 0.1 * np.random.default_rng(0).standard_normal((12, 100))
    row = only(growth_rates(growing(distance * wobble)))
    assert abs(row["rate"]) < 0.2
    assert row["low"] < 0 < row["high"]
    assert row["verdict"] == "neither"


@pytest.mark.parametrize("distance", [1e-16, 3e-16, 7.3e-12, 0.003])
def test_what_does_not_change_at_all_does_neither(distance):
    row = only(growth_rates(growing(np.full(100, distance))))
    assert row["rate"] == pytest.approx(0, abs=1e-9)
    assert row["verdict"] == "neither"


def test_what_shrinks_forgets():
    row = only(growth_rates(growing(1e-8 * 10 ** (-EPOCHS / 20))))
    assert row["rate"] == pytest.approx(-5)
    assert row["verdict"] == "forgets"


@pytest.mark.parametrize(("far", "verdict"), [(1, "grows"), (2, "chaotic"), (3, "chaotic")])
def test_chaotic_is_when_half_of_the_replicates_end_apart(far, verdict):
    curves = np.tile(1e-16 * 10 ** (EPOCHS / 10), (4, 1))
    curves[:far, 80:] = 0.3
    row = only(growth_rates(growing(curves)))
    assert (row["apart"], row["verdict"]) == (far / 4, verdict)
    assert row["rate"] == pytest.approx(10)


def test_equal_runs_have_no_rate():
    row = only(growth_rates(growing(np.zeros(100), start=0.0)))
    assert np.isnan(row["rate"])
    assert (row["start"], row["end"], row["apart"], row["verdict"]) == (0, 0, 0, "neither")


def test_records_at_which_two_are_equal_are_left_out():
    curve = 1e-16 * 10 ** (EPOCHS / 10)
    curve[[55, 70, 90]] = 0
    assert only(growth_rates(growing(curve)))["rate"] == pytest.approx(10)


def test_replicate_that_diverged_counts_nowhere():
    curves = np.tile(1e-16 * 10 ** (EPOCHS / 10), (4, 1))
    curves[3] = np.where(EPOCHS < 60, 1e-10 * 10 ** (EPOCHS / 30), np.nan)
    changes = [0, 0.1, 0.1, np.nan]
    twins = growing(curves, accuracy_change=changes)
    twins["start"][0, 0, 3] = 1e-3
    row = only(growth_rates(twins))
    expected = only(growth_rates(twins.isel(replicate=slice(3))))
    pd.testing.assert_series_equal(row, expected)
    assert row["rate"] == pytest.approx(10)
    assert row["accuracy_changed"] == pytest.approx(2 / 3)


def test_fewer_than_three_records_tell_no_rate():
    for records, told in ((1, False), (4, False), (5, True), (6, True)):
        epochs = np.arange(1, records + 1)
        row = only(growth_rates(growing(1e-16 * 10 ** (epochs / 10), epochs=epochs)))
        assert np.isnan(row["rate"]) != told  # three are in the later half of five
        if told:
            assert row["rate"] == pytest.approx(10)


def test_one_replicate_has_a_rate_and_no_interval():
    row = only(growth_rates(growing(1e-16 * 10 ** (EPOCHS / 10), replicates=1)))
    assert row["rate"] == pytest.approx(10)
    assert np.isnan([row["low"], row["high"]]).all()


def test_runs_keep_their_order_and_interval_is_of_the_mean():
    slopes = np.random.default_rng(1).normal(3, 0.5, size=8)
    curves = 1e-16 * 10 ** (slopes[:, None] * EPOCHS / 100)
    made = growing(curves)
    settings = {"data_vars": "all", "coords": "minimal", "compat": "override", "join": "override"}
    parts = [made.assign_coords(run=[name]) for name in ("z", "a", "m")]
    table = growth_rates(xr.concat(parts, "run", **settings))
    assert table.index.get_level_values("run").tolist() == ["z", "a", "m"]
    expected = mean_interval(slopes)
    for row in table.itertuples():
        np.testing.assert_allclose([row.rate, row.low, row.high], expected, rtol=1e-6)


def test_differences_in_the_last_bit_grow_in_small_batches_and_not_in_a_full_one(small):
    runs = {
        "one": {"batch_size": 1, "optimizer": keras.optimizers.SGD(0.1, momentum=0.9)},
        "full": {"batch_size": "full", "optimizer": keras.optimizers.SGD(0.01)},
    }
    table = growth_rates(twin_runs(tiny, small, runs, epochs=12, records=24, replicates=6))
    one, full = (table.loc[(name, "float32")] for name in runs)
    assert one["end"] > 1000 * one["start"]
    assert one["rate"] > 0
    assert full["end"] < 10 * full["start"]
    assert full["apart"] == 0
    assert table.loc[("full", "float64"), "end"] < 1e-14


# Causes


def crossed(weights, orders, runs=("made up",)):
    """Return runs whose accuracy is a sum of what weights and orders do."""
    first, second = len(weights), len(orders)
    values = np.add.outer(weights, orders).ravel()
    seeds = bl.crossed_seeds(first, second)
    dims = ("run", "replicate", "epoch")
    return xr.Dataset(
        {
            name: (dims, np.tile(values, (len(runs), 1))[..., None])
            for name in (*CHANGES, "loss", "accuracy")
        },
        {
            "run": list(runs),
            "replicate": np.arange(first * second),
            "epoch": [1],
            "weight_seed": ("replicate", seeds["weight_seeds"]),
            "order_seed": ("replicate", seeds["order_seeds"]),
        },
    )


def test_spread_by_cause_is_what_it_was_made_to_be():
    generator = np.random.default_rng(2)
    weights, orders = generator.normal(0, 0.3, 40), generator.normal(0, 0.1, 40)
    pairs = generator.normal(0.8, 0.05, size=(2, 4000))
    twins = growing(np.full((4000, 3), 1e-9), accuracy_change=pairs[1] - pairs[0])
    table = spread_by_cause(crossed(weights, orders), twins)
    assert table.index.names == ["run", "cause"]
    causes = ["weights", "order", "both", "last bit, float64"]
    assert table.index.tolist() == [("made up", cause) for cause in causes]
    assert table.columns.tolist() == ["std", "low", "high"]
    found = table.loc["made up"]
    assert found.loc["weights", "std"] == pytest.approx(weights.std(ddof=1), rel=1e-6)
    assert found.loc["order", "std"] == pytest.approx(orders.std(ddof=1), rel=1e-6)
    assert found.loc["both", "std"] == pytest.approx(0, abs=1e-6)
    rounding = found.loc["last bit, float64"]
    assert rounding["std"] == pytest.approx(0.05, rel=0.03)
    assert rounding["low"] < 0.05 < rounding["high"]
    assert rounding["high"] - rounding["low"] < 0.005


def test_interval_of_the_rounding_holds_the_true_spread_as_often_as_it_says():
    generator = np.random.default_rng(3)
    held = 0
    for _ in range(100):
        pairs = generator.normal(0, 2.0, size=(2, 40))
        twins = growing(np.full((40, 2), 1e-9), accuracy_change=pairs[1] - pairs[0])
        made = crossed(generator.normal(size=3), generator.normal(size=3))
        row = spread_by_cause(made, twins).loc[("made up", "last bit, float64")]
        held += row["low"] <= 2.0 <= row["high"]
    assert 83 <= held <= 100  # 95 %, less what a bootstrap over 40 pairs falls short of


def test_only_the_last_record_counts_and_equal_runs_spread_nothing():
    twins = growing(np.full((4, 3), 1e-9))
    twins["val_loss_change"][..., :2] = 5.0
    table = spread_by_cause(crossed([0.0, 1.0], [0.0, 2.0]), twins, metric="val_loss")
    assert table.loc[("made up", "last bit, float64")].tolist() == [0, 0, 0]


def test_spread_of_other_runs_or_metrics_is_refused():
    twins, made = growing(np.full((4, 3), 1e-9)), crossed([0.0, 1.0], [0.0, 2.0])
    with pytest.raises(ValueError, match=r"crossed: expected the runs of twins, \['made up'\]"):
        spread_by_cause(made.assign_coords(run=["other"]), twins)
    with pytest.raises(ValueError, match="received None"):
        spread_by_cause(made.isel(run=0, drop=True), twins)
    with pytest.raises(ValueError, match="metric: expected"):
        spread_by_cause(made, twins, metric="accuracy")


def test_twins_of_a_regression_are_told_by_their_errors():
    def of_errors(made):
        names = [name for name in made.data_vars if "accuracy" in str(name)]
        return made.rename_vars({n: n.replace("accuracy", "mean_absolute_error") for n in names})

    twins = growing(np.full((4, 3), 1e-9), accuracy_change=[0.0, 0.1, 0.2, 0.3])
    made = crossed([0.0, 1.0], [0.0, 2.0])
    found = growth_rates(of_errors(twins))
    assert found["mean_absolute_error_changed"].item() == 0.75
    told = of_errors(made).assign_attrs(task="regression", held_out="validation")
    table = spread_by_cause(told, of_errors(twins))
    np.testing.assert_array_equal(table, spread_by_cause(made, twins))
    label = bl.plot_spread_by_cause(table).get_ylabel()
    assert label == "standard deviation\nmean absolute error, validation set"
    label = bl.plot_spread_by_cause(table, metric="train_loss").get_ylabel()
    assert label == "standard deviation\nmean squared error, training set"
    plt.close("all")


def test_spread_by_cause_of_trained_runs(twins, small):
    histories = bl.fit_each(tiny, small, RUNS, epochs=3, **bl.crossed_seeds(2, 2))
    for metric in CHANGES:
        table = spread_by_cause(bl.side_by_side(histories), twins, metric=metric)
        causes = ["weights", "order", "both", "last bit, float64", "last bit, float32"]
        assert table.index.tolist() == [(run, cause) for run in RUNS for cause in causes]
        change = twins[f"{metric}_change"].isel(sample=-1)
        for run in RUNS:
            for dtype in PRECISIONS:
                expected = np.sqrt((change.sel(run=run, dtype=dtype) ** 2).mean() / 2).item()
                std = table.loc[(run, f"last bit, {dtype}"), "std"]
                assert std == pytest.approx(expected, rel=1e-6, abs=1e-13)


# Seconds


def test_precisions_are_timed_in_both(small):
    table = time_precisions(tiny, small, RUNS, epochs=4, replicates=2, repeats=3)
    assert table.index.name == "run"
    assert table.index.tolist() == list(RUNS)
    assert table.columns.tolist() == ["float64", "float32", "ratio", "low", "high"]
    assert (table > 0).all(axis=None)
    assert (table["low"] <= table["ratio"]).all()
    assert (table["ratio"] <= table["high"]).all()


def test_precisions_are_timed_with_models_of_their_own(small, monkeypatch):
    """Each run in float64, then in float32; made-up seconds show which is which."""
    seen = []

    def seconds(training, starts):
        dtype = training.model.trainable_variables[0].dtype
        assert {values.dtype.name for values in starts[0]} == {dtype}
        seen.append((training.train(starts, show_progress=False).attrs["batch_size"], dtype))
        return {"float64": 6.0, "float32": 2.0}[dtype]

    monkeypatch.setattr("batchlab.costs.seconds._seconds", seconds)
    table = time_precisions(tiny, small, RUNS, epochs=1, replicates=2, repeats=2)
    assert seen == 2 * [(size, dtype) for size in (1, 60) for dtype in PRECISIONS]
    assert table["float64"].tolist() == [3, 3]  # of one replicate
    assert table["float32"].tolist() == [1, 1]
    np.testing.assert_allclose(table[["ratio", "low", "high"]], 3)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"build": lambda problem: None}, TypeError, "build: expected a function that takes"),
        ({"repeats": 1}, ValueError, "repeats: expected"),
        ({"runs": {}}, ValueError, "runs: expected at least one"),
        ({"runs": {"a": {"batch_size": [1, 2]}}}, TypeError, "expected one run of 'a'"),
        ({"runs": {"a": {"epochs": 2}}}, TypeError, "expected a batch_size"),
    ],
)
def test_what_cannot_be_timed_is_refused(small, arguments, error, match):
    with pytest.raises(error, match=match):
        time_precisions(**{"build": tiny, "problem": small, "runs": RUNS, "epochs": 1, **arguments})


def test_paired_ratio_is_the_geometric_mean_and_the_same_both_ways_round():
    generator = np.random.default_rng(0)
    below = generator.lognormal(size=(20, 3))
    above = below * generator.lognormal(1, 0.2, size=(20, 3))
    ratio, low, high = paired_ratio(above, below)
    np.testing.assert_allclose(ratio, np.exp(np.log(above / below).mean(axis=0)), rtol=1e-12)
    assert ((low < ratio) & (ratio < high)).all()
    back = paired_ratio(below, above)
    np.testing.assert_allclose(back.mean, 1 / ratio, rtol=1e-12)
    np.testing.assert_allclose([back.low, back.high], [1 / high, 1 / low], rtol=0.02)


def test_paired_ratio_does_not_see_a_machine_that_is_slow_for_both():
    generator = np.random.default_rng(0)
    busy = generator.lognormal(0, 2, size=30)
    np.testing.assert_allclose(paired_ratio(3 * busy, busy), 3, rtol=1e-12)


def test_build_without_a_dtype_is_refused_in_one_sentence():
    def plain(problem):
        raise AssertionError

    check_takes_dtype(bl.mlp)
    check_takes_dtype(functools.partial(bl.mlp, hidden_units=(4,)))
    for given in (plain, None, "mlp"):
        with pytest.raises(TypeError) as caught:
            check_takes_dtype(given)
        message = str(caught.value)
        assert message.startswith(
            "build: expected a function that takes a problem and a dtype, received "
        )
        assert message.endswith(".")
        assert "\n" not in message
