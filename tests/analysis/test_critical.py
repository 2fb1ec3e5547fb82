"""Updates to a target with the rate tuned anew, the critical batch size, and its figure."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import batchlab as bl
from batchlab.analysis.critical import fitted_updates
from batchlab.recommendation.updates_to_target import _expected

SIZES = np.array([1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
RATES = [0.02, 0.04, 0.08, 0.16, 0.32]


def made_up(updates, sizes=SIZES):
    """Return times of updates of shape (batch sizes, replicates)."""
    sizes = np.asarray(sizes)
    updates = np.asarray(updates, float)
    dims = "batch_size", "replicate"
    return xr.Dataset(
        {"update": (dims, updates), "sample": (dims, updates * sizes[:, None])},
        {"batch_size": sizes, "replicate": np.arange(updates.shape[1])},
        {"problem": "made up", "target": 0.5, "metric": "train_loss"},
    )


def planted(seed, *, s_min=100, b_noise=12, replicates=24, sizes=SIZES):
    """Return times whose replicates are slow or fast at all batch sizes, and by chance at each."""
    generator = np.random.default_rng(seed)
    sizes = np.asarray(sizes)
    means = s_min * (1 + b_noise / sizes) if s_min else b_noise / sizes
    own = generator.gamma(10, 1 / 10, (1, replicates))
    by_chance = generator.gamma(10, 1 / 10, (len(sizes), replicates))
    return made_up(means[:, None] * own * by_chance, sizes)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def problem():
    return bl.blobs(256, n_train=128)


@pytest.fixture(scope="module")
def times(problem):
    return bl.updates_to_target(
        bl.mlp,
        problem,
        0.6,
        batch_size=[4, 32, "full"],
        learning_rate=RATES,
        optimizer=bl.named_optimizer("SGD", 0.01),
        replicates=8,
        tuning_replicates=8,
        resolution=0.05,
    )


# The fit


def test_a_curve_without_noise_is_found_exactly():
    updates = np.repeat(100 * (1 + 20 / SIZES)[:, None], 5, axis=1)
    found = bl.critical_batch_size(made_up(updates))
    assert found.index.tolist() == ["s_min", "b_noise", "e_min"]
    for name in ("fitted", "low", "high"):
        np.testing.assert_allclose(found[name], [100, 20, 2000])
    np.testing.assert_allclose(fitted_updates(found, SIZES), updates[:, 0])
    np.testing.assert_allclose(bl.target_table(made_up(updates))["error"], 0, atol=1e-12)


def test_the_fit_is_the_least_squares_of_relative_errors():
    times = planted(3)
    means = times["update"].mean("replicate").to_numpy()
    expected = np.polyfit(1 / SIZES, means, 1, w=1 / means)
    found = bl.critical_batch_size(times)["fitted"]
    np.testing.assert_allclose(found[["e_min", "s_min"]], expected)
    assert found["b_noise"] == pytest.approx(expected[0] / expected[1])


def test_intervals_cover_what_was_planted():
    seeds, hits, truth = 150, np.zeros(3), [100, 12, 1200]
    for seed in range(seeds):
        found = bl.critical_batch_size(planted(seed))
        hits += ((found["low"] <= truth) & (found["high"] >= truth)).to_numpy()
    print(f"coverage of s_min, b_noise, e_min: {hits / seeds}")
    assert (hits / seeds >= 0.88).all()
    assert hits[1] / seeds >= 0.9
    assert (hits / seeds <= 0.99).all()


def test_replicates_that_are_paired_leave_b_noise_sharp():
    """What makes a replicate slow at all batch sizes does not blur where the curve bends."""
    own = np.random.default_rng(0).gamma(10, 1 / 10, 24)
    found = bl.critical_batch_size(made_up(100 * (1 + 12 / SIZES)[:, None] * own))
    np.testing.assert_allclose(found.loc["b_noise"], 12)
    assert found.loc["s_min", "low"] < 95 < 105 < found.loc["s_min", "high"]


def test_perfect_scaling_to_the_end_has_no_s_min():
    found = bl.critical_batch_size(planted(1, s_min=0, b_noise=10_000))
    assert found.loc["s_min", "low"] < 0 < found.loc["s_min", "high"]
    assert found.loc["b_noise", "high"] == np.inf
    assert found.loc["b_noise", "low"] > SIZES.max()
    steeper = made_up(np.repeat((1e4 / SIZES**1.1)[:, None], 4, axis=1))
    found = bl.critical_batch_size(steeper)
    assert found.loc["s_min", "fitted"] < 0
    assert (found.loc["b_noise"] == np.inf).all()


def test_more_updates_for_larger_batches_is_no_noise_at_all():
    found = bl.critical_batch_size(made_up(np.repeat((100 + SIZES / 8.0)[:, None], 4, axis=1)))
    assert (found.loc["b_noise"] == 0).all()
    assert found.loc["e_min", "fitted"] < 0


def test_a_curve_of_another_shape_is_told_by_its_errors():
    table = bl.target_table(made_up(np.repeat((1000 / SIZES**0.5)[:, None], 4, axis=1)))
    assert table["error"].abs().max() > 0.2
    well = bl.target_table(planted(2))
    assert well["error"].abs().max() < 0.15


def test_a_batch_size_with_a_replicate_that_never_arrived_is_left_out():
    times = planted(4)
    lost = times.copy(deep=True)
    lost["update"][3, 5] = np.nan
    expected = bl.critical_batch_size(times.isel(batch_size=[0, 1, 2, 4, 5, 6, 7, 8, 9]))
    pd.testing.assert_frame_equal(bl.critical_batch_size(lost), expected)
    assert bl.target_table(lost).loc[8, "reached"] == 23
    assert 8 not in bl.savings(lost).index
    assert bl.savings(lost).loc[16, "perfect"] == 4 / 16


def test_the_order_of_batch_sizes_and_dimensions_is_all_one():
    times = planted(5)
    other = times.isel(batch_size=slice(None, None, -1)).transpose()
    pd.testing.assert_frame_equal(bl.critical_batch_size(times), bl.critical_batch_size(other))
    pd.testing.assert_frame_equal(bl.savings(times), bl.savings(other))


def test_too_little_to_fit():
    one = planted(6).isel(batch_size=[0])
    assert bl.critical_batch_size(one).isna().all(axis=None)
    alone = bl.critical_batch_size(planted(6).isel(replicate=[0]))
    assert alone["fitted"].notna().all()
    assert alone[["low", "high"]].isna().all(axis=None)
    nobody = planted(6).where(False)
    assert bl.critical_batch_size(nobody).isna().all(axis=None)
    assert len(bl.savings(nobody)) == 0
    assert bl.stops_helping(bl.savings(nobody)).isna().all()


def test_what_is_no_result_is_refused(history):
    with pytest.raises(
        ValueError, match=r"^times: expected a dataset of updates by batch_size and"
    ):
        bl.critical_batch_size(history)


# Savings


def test_savings_are_ratios_of_means():
    times = planted(7)
    found = bl.savings(times)
    updates, samples = (times[name].mean("replicate").to_numpy() for name in ("update", "sample"))
    np.testing.assert_allclose(found["updates"].iloc[1:], updates[1:] / updates[:-1])
    np.testing.assert_allclose(found["samples"], samples / samples[0])
    np.testing.assert_array_equal(found["perfect"], [1] + [0.5] * 9)
    assert (found["updates"].iloc[0], found["perfect"].iloc[0]) == (1, 1)
    assert (found["updates_low"] <= found["updates"]).all()
    assert (found["updates"] <= found["updates_high"]).all()


def test_where_more_batch_stops_helping():
    exact = np.repeat((100 * (1 + 16 / SIZES))[:, None], 6, axis=1)
    exact[7:] = exact[6]  # from 128 on nothing is saved
    ends = bl.stops_helping(bl.savings(made_up(exact)), cost=1.8)
    assert ends.to_dict() == {"perfect_up_to": 1, "affordable_up_to": 8, "saving_up_to": 64}
    perfect = made_up(np.repeat((1024 / SIZES)[:, None], 6, axis=1))
    assert (bl.stops_helping(bl.savings(perfect)) == 512).all()


@pytest.mark.parametrize("cost", [0, -1, np.inf, "2"])
def test_a_cost_that_is_none(cost):
    with pytest.raises((TypeError, ValueError), match=r"^cost: expected a positive number, rec"):
        bl.stops_helping(bl.savings(planted(0)), cost=cost)


# The noise scale on the way


def test_the_noise_scale_of_the_way_is_that_of_the_theory():
    scale = np.array([[2.0, 8.0, 4.0, 100.0], [6.0, 6.0, 6.0, 6.0]])
    noise = xr.Dataset(
        {"noise_scale": (("replicate", "update"), scale)}, {"update": [0, 10, 20, 40]}
    )
    reached = xr.DataArray([25.0, 40.0], dims="replicate")
    found = bl.noise_to_target(noise, reached, batch_size=4)
    way = np.array([10 / (1 + 2 / 4), 10 / (1 + 8 / 4), 5 / (1 + 4 / 4)])
    first = (way * [2, 8, 4]).sum() / way.sum()
    assert found["mean"].to_dict() == pytest.approx(
        {"start": 4, "course": (first + 6) / 2, "target": 5}
    )
    lost = bl.noise_to_target(noise, reached.where([True, False]), batch_size=4)
    assert lost["mean"].to_dict() == pytest.approx({"start": 2, "course": first, "target": 4})
    nobody = bl.noise_to_target(noise, reached.where(False), batch_size=4)
    assert nobody.isna().all(axis=None)
    with pytest.raises(ValueError, match=r"^reached: expected a number for each of the 2 replicat"):
        bl.noise_to_target(noise, reached[:1], batch_size=4)


# Updates to a target


def test_what_is_expected_of_a_larger_batch_is_less_and_less():
    """Updates fall at most as 1 / b, rates rise at most as b, and never the other way."""
    assert _expected(4, [(1, 1000.0)], sign=-1) == pytest.approx(1000 / 4**0.7)
    assert _expected(4, [(1, 0.01)], sign=1) == pytest.approx(0.01 * 4**0.7)
    halved = [(8, 200.0), (16, 200.0 / 2**0.5)]
    assert _expected(32, halved, sign=-1) == pytest.approx(halved[1][1] / 2**0.2)
    assert _expected(32, [(8, 200.0), (16, 250.0)], sign=-1) == 250
    assert _expected(32, [(8, 400.0), (16, 50.0)], sign=-1) == 25


@pytest.mark.parametrize("resolution", [0.02, 0.1, 1.5])
@pytest.mark.parametrize("updates", [1, 2, 49, 5000])
def test_no_target_is_passed_unseen_between_two_records(updates, resolution):
    places = np.array(bl.record_places(updates, resolution))
    gaps = np.diff(places, prepend=0)
    assert (places[0], places[-1]) == (1, updates)
    assert (gaps >= 1).all()
    assert ((gaps == 1) | (gaps <= resolution * (places - gaps))).all()


def test_times_are_those_of_fit_at_the_chosen_rate(times, problem):
    assert times["update"].dims == ("batch_size", "replicate")
    assert times["batch_size"].to_numpy().tolist() == [4, 32, 128]
    np.testing.assert_array_equal(times["seed"], np.arange(8, 16))
    for size in (4, 128):
        one = times.sel(batch_size=size)
        history = bl.fit(
            bl.mlp,
            problem,
            batch_size=size,
            updates=int(one["update"].max()),
            records=bl.record_places(int(one["update"].max()), 0.05),
            optimizer=bl.named_optimizer("SGD", one["learning_rate"].item()),
            replicates=8,
            seed=8,
        )
        expected = bl.time_to_target(history, 0.6, metric="train_loss", held=False)
        np.testing.assert_array_equal(one["update"], expected["update"])
        np.testing.assert_array_equal(one["sample"], expected["sample"])
        np.testing.assert_allclose(one["epoch"], expected["epoch"])


def test_gaps_are_one_update_or_within_the_resolution(times):
    gap, update = times["gap"].to_numpy(), times["update"].to_numpy()
    assert ((gap == 1) | (gap <= 0.05 * (update - gap))).all()


def test_the_chosen_rate_is_the_best_tried_and_its_neighbours_are_worse(times):
    means = times["tuning_updates"].to_numpy()
    for row, size in zip(means, times["batch_size"], strict=True):
        best = np.nanargmin(row)
        assert times["learning_rate"].sel(batch_size=size) == RATES[best]
        assert times["at_edge"].sel(batch_size=size) == (best in (0, len(RATES) - 1))
        assert not np.isnan(row[max(best - 1, 0) : best + 2]).any()


def test_larger_batches_take_fewer_updates_and_larger_rates(times):
    updates = times["update"].mean("replicate").to_numpy()
    assert updates[0] > 1.5 * updates[1] > updates[2]
    rates = times["learning_rate"].to_numpy()
    assert rates[0] < rates[2]
    table = bl.target_table(times)
    assert (table["reached"] == 8).all()
    np.testing.assert_allclose(table["updates"], updates)
    assert times.attrs["target"] == 0.6
    assert times.attrs["problem"] == "blobs"


def test_a_target_that_nobody_reaches_is_no_error(problem):
    found = bl.updates_to_target(
        bl.mlp,
        problem,
        1e-6,
        batch_size=[64, 128],
        learning_rate=[0.05],
        replicates=2,
        tuning_replicates=2,
        most_updates=40,
    )
    assert found["update"].isnull().all()
    assert found["gap"].isnull().all()
    assert (found["tuning_updates"] == np.inf).all()
    assert found["at_edge"].all()
    assert bl.plot_critical(found)[0].get_legend() is None
    assert bl.target_table(found)["reached"].tolist() == [0, 0]


def test_an_accuracy_can_be_the_target(problem):
    found = bl.updates_to_target(
        bl.mlp,
        problem,
        0.7,
        metric="val_accuracy",
        batch_size=[128],
        learning_rate=[0.05, 0.2],
        replicates=3,
        tuning_replicates=2,
    )
    assert found["update"].notnull().all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"target": -1}, "target: expected a positive number, received -1."),
        ({"metric": "loss"}, "metric: expected one of 'train_accuracy', 'val_accuracy', 'train_"),
        ({"batch_size": 32}, "batch_size: expected a sequence of values, received 32."),
        ({"batch_size": []}, "batch_size: expected a sequence of values, received []."),
        ({"batch_size": [129]}, "batch_size: expected 'full' or a whole number from 1 to 128"),
        ({"learning_rate": 0.1}, "learning_rate: expected a sequence of values, received 0.1."),
        ({"learning_rate": [0]}, "learning_rate: expected a positive number, received 0."),
        ({"replicates": 0}, "replicates: expected a whole number at least 1, received 0."),
        ({"tuning_replicates": 1.5}, "tuning_replicates: expected a whole number at least 1, re"),
        ({"seed": 2**32 - 3}, "seed: expected a whole number from 0 to 4294967292, received 429"),
        ({"resolution": 0}, "resolution: expected a positive number, received 0."),
        ({"most_updates": 0}, "most_updates: expected a whole number at least 1, received 0."),
        ({"optimizer": "SGD"}, "optimizer: expected"),
        ({"problem": "blobs"}, "problem: expected a batchlab Problem, received 'blobs'."),
    ],
)
def test_bad_arguments_are_one_sentence(problem, given, message):
    arguments = {"problem": problem, "target": 0.5, "batch_size": [128], "learning_rate": [0.1]}
    arguments |= {"replicates": 2, "tuning_replicates": 2} | given
    problem, target = arguments.pop("problem"), arguments.pop("target")
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(message)}") as caught:
        bl.updates_to_target(bl.mlp, problem, target, **arguments)
    assert "\n" not in str(caught.value)


# The figure


def labels_of(ax):
    return ax.get_legend_handles_labels()[1]


def test_the_figure_shows_points_curve_and_where_it_bends():
    times = planted(8)
    fit = bl.critical_batch_size(times)
    axes = bl.plot_critical(times, fit)
    assert [ax.get_ylabel() for ax in axes] == ["updates of the weights", "samples seen"]
    for ax, name, cost in zip(axes, ("update", "sample"), (1, SIZES), strict=True):
        assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
        perfect, curve, bend, points = ax.lines[:4]
        means = times[name].mean("replicate")
        np.testing.assert_allclose(points.get_ydata(), means)
        shrinking = 1 / SIZES if name == "update" else np.ones(len(SIZES))
        np.testing.assert_allclose(perfect.get_ydata(), means[0].item() * shrinking)
        there = np.interp(np.log(SIZES), np.log(curve.get_xdata()), np.log(curve.get_ydata()))
        np.testing.assert_allclose(np.exp(there), fitted_updates(fit, SIZES) * cost, rtol=0.01)
        assert bend.get_xdata()[0] == fit.loc["b_noise", "fitted"]
    fitted, low, high = fit.loc["b_noise"]
    labels = labels_of(axes[0])
    assert f"b_noise {fitted:.3g} (95 % interval {low:.3g} to {high:.3g})" in labels
    assert "mean of 24 replicates, 95 % interval" in labels
    (legend,) = axes[0].figure.legends
    assert legend.get_title().get_text() == "made up, training loss 0.5 first reached"


def test_the_figure_says_which_part_and_which_metric_reached_the_target():
    told = {"metric": "val_mean_absolute_error", "held_out": "validation"}
    axes = bl.plot_critical(planted(8).assign_attrs(told))
    title = axes[0].figure.legends[0].get_title().get_text()
    assert title == "made up, validation mean absolute error 0.5 first reached"


def test_seconds_are_updates_by_what_one_takes():
    times = planted(9)
    seconds = pd.DataFrame({"update": SIZES * 3.0}, index=SIZES)
    axes = bl.plot_critical(times, seconds=seconds)
    assert axes[2].get_ylabel().startswith("seconds per replicate")
    expected = times["update"].mean("replicate") * SIZES * 3e-6
    np.testing.assert_allclose(axes[2].lines[3].get_ydata(), expected)
    with pytest.raises(
        ValueError, match=r"^seconds: expected a row for every batch size, received"
    ):
        bl.plot_critical(times, seconds=seconds.iloc[1:])


def test_who_does_not_arrive_is_hollow_or_a_cross():
    times = planted(10)
    times["update"][1, :3] = np.nan
    times["sample"][1, :3] = np.nan
    times["update"][4] = np.nan
    times["sample"][4] = np.nan
    ax = bl.plot_critical(times)[0]
    labels = labels_of(ax)
    assert "mean of those that reach it, not all" in labels
    assert "no replicate reaches it" in labels
    hollow = next(line for line in ax.lines if line.get_markerfacecolor() == "white")
    np.testing.assert_array_equal(hollow.get_xdata(), [2])
    cross = next(line for line in ax.lines if line.get_marker() == "x")
    np.testing.assert_array_equal(cross.get_xdata(), [16])
    assert 2 not in [round(x, 9) for x in ax.lines[3].get_xdata()]


def test_a_bend_beyond_the_batch_sizes_is_told_and_not_drawn():
    ax = bl.plot_critical(made_up(np.repeat((1e4 / SIZES**1.1)[:, None], 4, axis=1)))[0]
    assert "b_noise inf: not drawn" in labels_of(ax)


def test_a_figure_on_given_axes_and_without_anything_to_show():
    _, axes = plt.subplots(1, 2)
    found = bl.plot_critical(planted(11).where(False), axes=axes)
    assert found.tolist() == axes.tolist()
    assert labels_of(axes[0]) == ["no replicate reaches it"]
    axes[0].figure.canvas.draw()
    with pytest.raises(ValueError, match=r"^panels, axes: expected at least one panel and axes"):
        bl.plot_critical(planted(11), axes=axes[:1])
