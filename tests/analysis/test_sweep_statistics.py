"""Tables of sweeps: against brute-force loops over cells and replicates, and by hand."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from studies import as_regression, cells_of, lose, study_of

import batchlab as bl
from batchlab.analysis.intervals import over_replicates
from batchlab.histories.records import grid_dimensions, record_dimension, setting, spent

FINAL = ["train_accuracy", "val_accuracy", "train_loss", "val_loss"]
BUDGETS = ["epoch", "update", "sample", "second"]
GRID = {"batch_size": [4, 32, 500], "optimizer": ["Adam", "SGD"]}


@pytest.fixture
def study():
    """Six cells; two replicates of (4, SGD) and all of (500, Adam) diverge."""
    return lose(
        study_of(GRID), {(0, 1, 2): 5, (0, 1, 4): 0, **{(2, 0, r): r % 8 for r in range(6)}}
    )


def as_history(cell):
    """Return a cell of a study as fit would have returned it."""
    history = cell.copy()
    for name in ("training_seconds", "compile_seconds"):
        history.attrs[name] = history[name].item()
    return history.drop_vars(["training_seconds", "compile_seconds", *GRID], errors="ignore")


# What a study is made of


@pytest.mark.parametrize("record", ["epoch", "update"])
def test_dimensions(record):
    study = study_of(GRID, record=record)
    assert record_dimension(study) == record
    assert grid_dimensions(study) == ("batch_size", "optimizer")
    assert grid_dimensions(study.transpose("optimizer", ...)) == ("optimizer", "batch_size")
    history = study.isel(batch_size=0, optimizer=1)
    assert (record_dimension(history), grid_dimensions(history)) == (record, ())


def test_weights_are_no_grid(history):
    assert "weights" in history
    assert grid_dimensions(history) == ()


def test_settings_are_found_wherever_they_are_kept(study):
    assert setting(study, "n_classes").item() == 4
    assert setting(study, "training_seconds").dims == ("batch_size", "optimizer")
    assert setting(study.isel(batch_size=1), "batch_size").item() == 32
    with pytest.raises(KeyError):
        setting(study, "dropout")


def test_seconds_are_those_of_a_replicate_shared_out_over_updates(study):
    seconds = spent(study, "second")
    for place, cell in cells_of(study, GRID):
        expected = cell["training_seconds"].item() / 6 * np.arange(1, 9) / 8
        np.testing.assert_allclose(seconds.isel(place), expected)
    np.testing.assert_allclose(bl.seconds_per_replicate(study), study["training_seconds"] / 6)


def test_seconds_where_updates_are_fixed():
    study = study_of({"batch_size": [5, 50]}, record="update")
    np.testing.assert_allclose(
        spent(study, "second").transpose("batch_size", "update")[1],
        study["training_seconds"][1].item() / 6 * np.arange(1, 9) / 8,
    )


def test_seconds_go_with_the_updates():
    history = study_of({}, records=3).assign_coords(update=("epoch", [1, 2, 10]))
    np.testing.assert_allclose(spent(history, "second"), np.array([0.1, 0.2, 1.0]) * 3.0 / 6)


# Evaluate


def test_evaluate_of_a_study_is_evaluate_of_each_cell(study):
    table = bl.evaluate(study)
    assert table.index.names == ["batch_size", "optimizer", "metric"]
    assert len(table) == 6 * 4
    assert table.index[5] == (4, "SGD", "val_accuracy")
    for (size, optimizer), rows in table.groupby(level=[0, 1], sort=False):
        cell = study.sel(batch_size=size, optimizer=optimizer)
        expected = bl.evaluate(as_history(cell))
        pd.testing.assert_frame_equal(rows.droplevel([0, 1]), expected, rtol=1e-12)
    assert table["diverged"].groupby(level=[0, 1], sort=False).first().tolist() == [
        *[0, 2, 0, 0, 6, 0]
    ]
    columns = ["mean", "low", "high", "std", "min", "max", "unsettled", "variance"]
    assert table.columns.tolist() == [*columns, "replicates", "diverged"]
    assert table.loc[(500, "Adam"), columns].isna().all(axis=None)
    assert table["replicates"].dtype == table["diverged"].dtype == int


def test_evaluate_of_one_metric(study):
    table = bl.evaluate(study, metric="val_loss")
    assert table.index.names == ["batch_size", "optimizer"]
    pd.testing.assert_frame_equal(table, bl.evaluate(study).xs("val_loss", level="metric"))
    line = bl.evaluate(study.isel(optimizer=0), metric="val_loss")
    assert line.index.tolist() == [4, 32, 500]
    assert line.index.name == "batch_size"
    history = bl.evaluate(as_history(study.isel(batch_size=1, optimizer=0)), metric="val_loss")
    assert history.index.tolist() == ["val_loss"]
    assert history.index.name == "metric"


def test_variance_is_the_mean_of_squares_and_unsettled_the_mean_of_roots(study):
    cell = study.isel(batch_size=0, optimizer=1)
    row = bl.evaluate(study).loc[(4, "SGD", "val_accuracy")]
    late = [np.array(cell["val_accuracy"][r, -2:]) for r in (0, 1, 3, 5)]
    variances = [((values - values.mean()) ** 2).mean() for values in late]
    assert row["variance"] == pytest.approx(np.mean(variances))
    assert row["unsettled"] == pytest.approx(np.mean(np.sqrt(variances)))
    assert row["variance"] > row["unsettled"] ** 2


def test_the_order_of_dimensions_does_not_matter(study):
    other = study.transpose("epoch", "optimizer", "replicate", "batch_size")
    table = bl.evaluate(other, target=0.5).swaplevel(0, 1).sort_index()
    pd.testing.assert_frame_equal(table, bl.evaluate(study, target=0.5).sort_index(), rtol=1e-12)


def test_diverged_reduces_the_records_only(study):
    lost = bl.diverged(study)
    assert lost.dims == ("batch_size", "optimizer", "replicate")
    expected = np.zeros((3, 2, 6), bool)
    expected[0, 1, [2, 4]] = expected[2, 0] = True
    np.testing.assert_array_equal(lost, expected)
    by_update = study_of(GRID, record="update")
    assert bl.diverged(by_update).dims == ("batch_size", "optimizer", "replicate")


def test_evaluate_where_updates_are_fixed():
    study = study_of(GRID, record="update")
    table = bl.evaluate(study)
    expected = study["train_loss"].isel(update=-1).mean("replicate").sel(batch_size=32)
    means = [table.loc[(32, name, "train_loss"), "mean"] for name in GRID["optimizer"]]
    np.testing.assert_allclose(means, expected)


def test_evaluate_of_one_float32_study_is_in_float64():
    study = study_of({"batch_size": [4]})
    study = study.assign({name: study[name].astype("float32") for name in FINAL})
    assert (bl.evaluate(study).dtypes[:8] == "float64").all()


def test_a_loss_whose_square_is_no_number():
    study = study_of({"batch_size": [4]})
    study["val_loss"][0, :, -2:] = np.array([[1e200, 2e200]])
    row = bl.evaluate(study).loc[(4, "val_loss")]
    assert row["mean"] == pytest.approx(2e200)
    assert (row["variance"], row["diverged"]) == (np.inf, 0)


# Time to target


def slow_times(cell, target, metric, held):
    """Return epoch, update, sample, second of each replicate by a loop."""
    rows = []
    for r in range(cell.sizes["replicate"]):
        values = cell[metric].isel(replicate=r).to_numpy()
        losses = [cell[n].isel(replicate=r).to_numpy() for n in ("loss", "train_loss", "val_loss")]
        row = [np.nan] * 4
        for k in range(len(values)):
            span = values[k:] if held else values[k : k + 1]
            alive = np.isfinite(losses) if held else np.isfinite(losses)[:, : k + 1]
            if (span >= target).all() and alive.all():
                updates = cell["update"].to_numpy()
                second = cell["training_seconds"].item() / cell.sizes["replicate"]
                second *= updates[k] / updates[-1]
                row = [*(cell[name].to_numpy()[k] for name in BUDGETS[:3]), second]
                break
        rows.append(row)
    return np.transpose(rows)


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("metric", ["val_accuracy", "train_accuracy"])
@pytest.mark.parametrize("record", ["epoch", "update"])
def test_time_to_target_is_a_loop_over_records(record, metric, held):
    lost = {(0, 1, 2): 5, (0, 1, 4): 0, (1, 1, 0): 7}
    study = lose(study_of(GRID, record=record), lost, value=np.inf)
    found = bl.time_to_target(study, 0.4, metric=metric, held=held)
    assert list(found) == BUDGETS
    known = 0
    for place, cell in cells_of(study, GRID):
        expected = slow_times(cell, 0.4, metric, held)
        for name, values in zip(BUDGETS, expected, strict=True):
            assert found[name].dims == ("batch_size", "optimizer", "replicate")
            np.testing.assert_allclose(found[name].isel(place), values)
        known += np.isfinite(expected).sum()
    assert 0 < known < found["epoch"].size * 4
    assert np.isnan(found["epoch"][0, 1, 4])


def history_with(accuracy):
    history = study_of({}, replicates=len(accuracy), records=len(accuracy[0]))
    history["val_accuracy"] = ("replicate", "epoch"), np.array(accuracy)
    return history


def test_a_target_is_held_from_where_it_is_never_left_again():
    history = history_with(
        [[0.9, 0.1, 0.9, 0.9], [0.9, 0.9, 0.9, 0.9], [0.1, 0.1, 0.1, 0.9], [0.9, 0.9, 0.9, 0.1]]
    )
    held = bl.time_to_target(history, 0.5)["epoch"].to_numpy()
    np.testing.assert_array_equal(held, [3, 1, 4, np.nan])
    first = bl.time_to_target(history, 0.5, held=False)["epoch"].to_numpy()
    np.testing.assert_array_equal(first, [1, 1, 4, 1])


def test_rounding_decides_nothing():
    history = history_with([[0.5, 0.82 - 1e-8]])
    assert bl.time_to_target(history, 0.82)["epoch"].item() == 2
    assert np.isnan(bl.time_to_target(history, 0.8201)["epoch"].item())


def test_first_reached_is_the_mean_of_first_times():
    history = history_with([[0.1, 0.6, 0.1, 0.1], [0.1, 0.1, 0.1, 0.6], [0.1] * 4])
    row = bl.first_reached({"a": history}, 0.5).loc["a"]
    assert row["reached"] == "2 of 3"
    assert row["epochs"] == 3
    assert row["samples"] == 3 * 500
    assert row["updates"] == 3 * np.ceil(500 / 32)
    assert row["seconds"] == pytest.approx(3.0 / 3 * 3 / 4)


def test_evaluate_says_when_a_target_is_held(study):
    table = bl.evaluate(study, target=0.4)
    for metric in ("train_accuracy", "val_accuracy"):
        times = bl.time_to_target(study, 0.4, metric=metric)
        for place, _ in cells_of(study, GRID):
            where = [GRID[name][at] for name, at in place.items()]
            row = table.loc[(*where, metric)]
            assert row["held"] == times["epoch"].isel(place).count()
            for name in BUDGETS:
                values = times[name].isel(place).dropna("replicate").to_numpy()
                expected = [*bl.mean_interval(values)]
                found = row[[name, f"{name}_low", f"{name}_high"]].astype(float)
                np.testing.assert_allclose(found, expected, rtol=1e-12)
    losses = table.xs("val_loss", level="metric").iloc[:, 10:]
    assert losses.columns[:4].tolist() == ["held", "epoch", "epoch_low", "epoch_high"]
    assert losses.isna().all(axis=None)
    alone = bl.evaluate(study, metric="val_accuracy", target=0.4)
    pd.testing.assert_frame_equal(alone, table.xs("val_accuracy", level="metric"))
    assert alone.loc[(500, "Adam"), "held"] == 0


@pytest.mark.parametrize("target", [0, 1, -0.1, 80, np.nan, "0.8", None])
def test_a_target_that_is_no_accuracy(study, target):
    with pytest.raises(ValueError, match=r"^target: expected an accuracy between 0 and 1, rec"):
        bl.time_to_target(study, target)
    with pytest.raises(ValueError, match=r"^target: expected an accuracy between 0 and 1, rec"):
        bl.first_reached({}, target)


def test_a_target_for_what_is_no_metric_after_an_epoch(study):
    with pytest.raises(ValueError, match=r"^metric: expected one of 'train_accuracy', 'val_acc"):
        bl.time_to_target(study, 0.5, metric="loss")


# Paired differences


def slow_difference(one, other, metric):
    """Return the differences of replicates that are sound in both, by a loop."""
    return np.array(
        [
            one[metric].isel(replicate=r, epoch=-1).item()
            - other[metric].isel(replicate=r, epoch=-1).item()
            for r in range(one.sizes["replicate"])
            if not bl.diverged(one)[r] and not bl.diverged(other)[r]
        ]
    )


def check_row(row, one, other, metric):
    expected = slow_difference(one, other, metric)
    found = row[["mean", "low", "high"]].astype(float)
    np.testing.assert_allclose(found, [*bl.mean_interval(expected)], rtol=1e-12)
    better = expected < 0 if metric.endswith("loss") else expected > 0
    worse = expected > 0 if metric.endswith("loss") else expected < 0
    assert row[["better", "worse", "pairs"]].tolist() == [better.sum(), worse.sum(), len(expected)]


@pytest.mark.parametrize("metric", ["val_accuracy", "train_loss"])
def test_compare_with_a_reference_along_one_dimension(study, metric):
    table = bl.compare(study, metric=metric, batch_size=32)
    assert table.index.names == ["batch_size", "optimizer"]
    assert table.index.tolist() == [(4, "Adam"), (4, "SGD"), (500, "Adam"), (500, "SGD")]
    for (size, optimizer), row in table.iterrows():
        one, other = (study.sel(batch_size=b, optimizer=optimizer) for b in (size, 32))
        check_row(row, one, other, metric)
    assert table.loc[(500, "Adam"), "pairs"] == 0
    assert table.loc[(4, "SGD"), "pairs"] == 4


def test_compare_with_one_cell(study):
    table = bl.compare(study, batch_size=4, optimizer="SGD")
    assert len(table) == 5
    assert (4, "SGD") not in table.index
    for (size, optimizer), row in table.iterrows():
        check_row(
            row,
            study.sel(batch_size=size, optimizer=optimizer),
            study.sel(batch_size=4, optimizer="SGD"),
            "val_accuracy",
        )


def test_compare_all_pairs(study):
    table = bl.compare(study)
    assert len(table) == 15
    assert table.index.names == [
        *("batch_size", "optimizer", "minus batch_size", "minus optimizer")
    ]
    assert table.index[0] == (4, "SGD", 4, "Adam")
    for (size, optimizer, other_size, other), row in table.iterrows():
        one = study.sel(batch_size=size, optimizer=optimizer)
        check_row(row, one, study.sel(batch_size=other_size, optimizer=other), "val_accuracy")


def test_compare_over_one_dimension(study):
    line = study.isel(optimizer=1)
    assert bl.compare(line, batch_size=32).index.tolist() == [4, 500]
    assert bl.compare(line, batch_size=32).index.name == "batch_size"
    assert bl.compare(line).index.tolist() == [(32, 4), (500, 4), (500, 32)]
    swept = study_of({"learning_rate": [0.01, 0.1]})
    assert bl.compare(swept, learning_rate=0.1).index.tolist() == [0.01]


def test_pairing_takes_out_what_the_seeds_share():
    study = study_of({"batch_size": [4, 32]}, replicates=30)
    shared = study["val_accuracy"].isel(batch_size=0)
    study["val_accuracy"][1] = shared + 0.01 + 0.001 * np.sin(np.arange(30))[:, None]
    row = bl.compare(study).iloc[0]
    assert row["mean"] == pytest.approx(0.01, abs=0.001)
    assert 0.009 < row["low"] < row["high"] < 0.011
    apart = bl.evaluate(study, metric="val_accuracy")
    assert apart["low"].iloc[1] < apart["mean"].iloc[0]  # the two intervals overlap
    assert (row["better"], row["worse"]) == (30, 0)


def test_a_lower_loss_and_a_higher_accuracy_are_better():
    study = study_of({"batch_size": [4, 32]})
    for name in ("val_loss", "val_accuracy"):
        study[name][1] = study[name][0] + np.array([1, 1, 1, 1, 1, -1])[:, None]
    counts = ["better", "worse"]
    assert bl.compare(study)[counts].to_numpy().tolist() == [[5, 1]]
    assert bl.compare(study, metric="val_loss")[counts].to_numpy().tolist() == [[1, 5]]


def test_equal_cells_are_neither_better_nor_worse():
    study = study_of({"batch_size": [4, 32]})
    study["val_accuracy"][1] = study["val_accuracy"][0]
    row = bl.compare(study).iloc[0]
    assert row.tolist() == [0, 0, 0, 0, 0, 6]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"epochs": 4}, "reference: expected any of batch_size, optimizer, received 'epochs'."),
        ({"batch_size": 5}, "batch_size: expected one of 4, 32, 500, received 5."),
        ({"optimizer": "Lion"}, "optimizer: expected one of 'Adam', 'SGD', received 'Lion'."),
        ({"metric": "f1"}, "metric: expected one of 'train_accuracy', 'val_accuracy'"),
    ],
)
def test_a_reference_that_is_not_there(study, reference, message):
    with pytest.raises(ValueError) as caught:
        bl.compare(study, **reference)
    assert str(caught.value).startswith(message)


def test_a_history_has_nothing_to_compare():
    with pytest.raises(ValueError, match=r"^study: expected one with cells.*single history\.$"):
        bl.compare(study_of({}))


# Intervals of many cells at once


def test_many_cells_at_once_are_as_each_alone():
    values = np.random.default_rng(5).normal(size=(7, 3, 11))
    values[1, 2, :4] = values[3, 0, 5] = values[6, 1] = np.nan
    values[5, 0, 1:] = np.nan
    found = over_replicates(xr.DataArray(values, dims=("a", "b", "replicate")))
    for place in np.ndindex(7, 3):
        row = values[place]
        expected = bl.mean_interval(row[~np.isnan(row)])
        for name, bound in zip(("mean", "low", "high"), expected, strict=True):
            np.testing.assert_allclose(found[name].values[place], bound, rtol=1e-12)


# Learning rates

RATES = [0.001, 0.01, 0.1, 1.0]


@pytest.fixture
def rated():
    """Batch size 8 is best at 0.1, unless its diverged replicates count; 64 at the edge."""
    study = study_of({"batch_size": [8, 64], "learning_rate": RATES}, replicates=12)
    noise = 0.002 * np.random.default_rng(1).normal(size=(2, 4, 12))
    means = np.array([[0.6, 0.7, 0.9, 0.5], [0.3, 0.4, 0.5, 0.8]])
    study["val_accuracy"][..., -1] = means[..., None] + noise
    study["val_loss"][..., -1] = 1 - study["val_accuracy"][..., -1]
    return study


def test_the_best_rate_has_the_best_mean(rated):
    for metric, sign in (("val_accuracy", 1), ("val_loss", -1)):
        table = bl.best_rates(rated, metric=metric)
        assert table.index.tolist() == [8, 64]
        assert table.index.name == "batch_size"
        assert table["learning_rate"].tolist() == [0.1, 1.0]
        assert table["low"].tolist() == table["high"].tolist() == [0.1, 1.0]
        assert table["at_edge"].tolist() == [False, True]
        means = (sign * rated[metric].isel(epoch=-1).mean("replicate")).max("learning_rate")
        np.testing.assert_allclose(table["mean"], sign * means)


def test_a_diverged_replicate_counts_as_the_worst_outcome(rated):
    lost = lose(rated, {(0, 2, r): 3 for r in range(6)})
    table = bl.best_rates(lost)
    # (6 · 0.9 + 6 · 1/4) / 12 = 0.575 is less than 0.7.
    assert table.loc[8, "learning_rate"] == 0.01
    assert bl.best_rates(lose(rated, {(0, 2, 0): 3})).loc[8, "learning_rate"] == 0.1
    mean = bl.best_rates(lose(rated, {(0, 2, 0): 3})).loc[8, "mean"]
    values = rated["val_accuracy"][0, 2, :, -1].to_numpy()
    assert mean == pytest.approx((values[1:].sum() + 0.25) / 12)


def test_a_diverged_replicate_has_an_infinite_loss(rated):
    table = bl.best_rates(lose(rated, {(0, 2, 0): 3}), metric="val_loss")
    assert table.loc[8, "learning_rate"] == 0.01
    # In a resample without it, as happens with (11/12)^12 = 0.35, the rate is the best still.
    assert (table.loc[8, "low"], table.loc[8, "high"]) == (0.01, 0.1)


@pytest.mark.parametrize("metric", ["val_accuracy", "val_loss"])
def test_no_rate_is_best_where_all_diverged(rated, metric):
    lost = lose(rated, {(0, k, r): 3 for k in range(4) for r in range(12)})
    table = bl.best_rates(lost, metric=metric)
    assert table.loc[8, ["learning_rate", "low", "high", "mean"]].isna().all()
    assert not table.loc[8, "at_edge"]
    assert table.loc[64, "learning_rate"] == 1.0


def test_the_interval_of_the_best_rate_is_a_loop_over_resamples():
    study = study_of({"batch_size": [8, 64], "learning_rate": RATES}, replicates=10, seed=3)
    table = bl.best_rates(study)
    generator = np.random.default_rng(0)
    values = study["val_accuracy"].isel(epoch=-1).to_numpy()
    chosen = []
    for drawn in generator.integers(10, size=(1999, 10)):
        chosen.append([RATES[np.argmax(cell[:, drawn].mean(axis=1))] for cell in values])
    for place, row in enumerate(table.itertuples()):
        ordered = np.sort(np.array(chosen)[:, place])
        assert (row.low, row.high) == (ordered[49], ordered[1949])
        assert row.low < row.high


def test_best_rates_of_one_batch_size_and_of_more_dimensions(rated):
    one = rated.isel(batch_size=0)
    assert bl.best_rates(one).index.tolist() == [8]
    two = xr.concat([rated, rated], pd.Index(["a", "b"], name="optimizer"))
    table = bl.best_rates(two.transpose("optimizer", ...))
    assert set(table.index.names) == {"optimizer", "batch_size"}
    assert len(table) == 4


def test_best_rates_need_rates(study):
    with pytest.raises(ValueError, match=r"^study: expected a dimension learning_rate, received b"):
        bl.best_rates(study)
    with pytest.raises(ValueError, match=r"^metric: expected one of"):
        bl.best_rates(study, metric="f1")


def test_scaled_rates():
    sizes = [8, 32, 128]
    np.testing.assert_allclose(bl.scaled_rates(0.01, sizes, base=32), [0.0025, 0.01, 0.04])
    found = bl.scaled_rates(0.01, sizes, base=32, rule="square root")
    np.testing.assert_allclose(found, [0.005, 0.01, 0.02])
    with pytest.raises(ValueError, match=r"^rule: expected one of 'linear', 'square root', rec"):
        bl.scaled_rates(0.01, sizes, base=32, rule="cubic")
    with pytest.raises(ValueError, match=r"^batch_sizes: expected a positive number, received 0"):
        bl.scaled_rates(0.01, [0, 8], base=32)


def test_statistics_and_figures_do_not_wait_for_tensorflow():
    code = (
        "import sys, batchlab as bl\n"
        "bl.compare, bl.evaluate, bl.best_rates, bl.time_to_target, bl.plot_panels, bl.plot_rates\n"
        "bl.plot_against\n"
        "print(*sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")


# What was spent


def test_samples_are_those_that_were_seen(small):
    study = bl.sweep(bl.mlp, small, batch_size=[7, 60], samples=300, records=20, replicates=3)
    times = bl.time_to_target(study, 0.01, held=False)
    # The first record of the full batch is at 15 samples, when it has seen all 60.
    assert study["sample"][0] == 15
    assert (times["sample"].sel(batch_size=60) == 60).all()
    assert (times["sample"].sel(batch_size=7) == 21).all()


def test_seconds_do_not_depend_on_the_records_at_hand(small):
    study = bl.sweep(bl.mlp, small, batch_size=[16, 60], epochs=6, replicates=3)
    whole = bl.time_to_target(study, 0.01, held=False)["second"]
    part = bl.time_to_target(study.sel(epoch=slice(1, 2)), 0.01, held=False)["second"]
    np.testing.assert_allclose(part, whole, rtol=1e-12)


# Rules


def test_rules_start_from_all_of_an_interval():
    best = pd.DataFrame({"learning_rate": 0.01, "low": 0.01, "high": 0.04}, index=[8, 32, 512])
    best.loc[512, "learning_rate"] = 0.3
    rules = bl.rate_rules(best, base=8)
    assert list(rules) == [
        "re-tuned",
        "linear from 0.01",
        "linear from 0.04",
        "square root from 0.01",
        "square root from 0.04",
    ]
    assert [rules["re-tuned"](size) for size in (8, 512)] == [0.01, 0.3]
    assert rules["linear from 0.04"](32) == pytest.approx(0.16)
    assert rules["square root from 0.01"](512) == pytest.approx(0.08)
    with pytest.raises(ValueError, match=r"^base: expected one of 8, 32, 512, received 16\.$"):
        bl.rate_rules(best, base=16)


@pytest.mark.parametrize(
    ("highs", "end", "worse"),
    [
        ([0.1, -0.1, -0.2], 32, [32, 128]),
        ([-0.1, 0.0, -0.2], 128, [8, 128]),
        ([-0.1, -0.1, 0.0], None, [8, 32]),
        ([-0.1, -0.1, -0.1], 8, [8, 32, 128]),
    ],
)
def test_a_rule_ends_where_it_is_worse_for_good(highs, end, worse):
    index = pd.MultiIndex.from_product([[8, 32, 128], ["rule"]], names=["batch_size", "rule"])
    row = bl.rule_ends(pd.DataFrame({"high": highs}, index=index)).loc["rule"]
    assert row["worse_at"] == worse
    assert (row["ends_at"] == end) if end else pd.isna(row["ends_at"])


def test_a_single_replicate_has_no_interval_of_the_best_rate(small):
    study = bl.sweep(bl.mlp, small, batch_size=[16], learning_rate=[0.01, 0.1], epochs=2)
    assert bl.best_rates(study)[["low", "high"]].isna().all(axis=None)


def test_compare_takes_values_that_stand_under_a_name(small):
    several = {"nesterov": [True, False], "hidden_units": [(3,), (4,)]}
    study = bl.sweep(bl.mlp, small, batch_size=60, epochs=1, replicates=2, **several)
    assert len(bl.compare(study, nesterov=True, hidden_units=(3,))) == 3
    told = r"^hidden_units: expected one of '\(3,\)', '\(4,\)', received"
    with pytest.raises(ValueError, match=told):
        bl.compare(study, hidden_units=(5,))


# Regressions


def test_differences_of_errors_count_the_lower_as_better():
    study = study_of({"batch_size": [8, 32]})
    errors, accuracies = bl.compare(as_regression(study)), bl.compare(study)
    assert accuracies["better"].item() != accuracies["worse"].item()
    switched = accuracies.rename(columns={"better": "worse", "worse": "better"})
    pd.testing.assert_frame_equal(errors, switched[errors.columns])
    pd.testing.assert_frame_equal(accuracies, bl.compare(study, metric="val_accuracy"))


def test_the_best_rate_of_a_regression_has_the_lowest_error_and_all_replicates():
    study = study_of({"batch_size": [8], "learning_rate": [0.01, 0.1, 1.0]})
    for place, level in enumerate([3.0, 2.0, 1.0]):
        study["val_accuracy"][:, place] = level + np.arange(6)[:, None] / 100
    study = as_regression(lose(study, {(0, 2, 4): 3}))
    row = bl.best_rates(study).loc[8]
    assert (row["learning_rate"], row["at_edge"]) == (0.1, False)
    assert row["mean"] == pytest.approx(2.025)
    worst = as_regression(
        lose(study_of({"learning_rate": [0.1]}), {(0, 1): 3}).assign(batch_size=8)
    )
    assert bl.best_rates(worst)["learning_rate"].isna().all()


@pytest.mark.parametrize("function", [bl.compare, bl.best_rates, bl.variance_split])
def test_statistics_of_a_regression_know_no_accuracy(function):
    study = as_regression(study_of({"batch_size": [8, 32], "learning_rate": [0.1, 1.0]}))
    with pytest.raises(ValueError, match=r"^metric: expected one of 'train_mean_absolute_error', "):
        function(study, metric="val_accuracy")
