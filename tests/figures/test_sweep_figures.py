"""Figures of sweeps by their labels, limits and data."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import same_color
from matplotlib.patches import Rectangle
from studies import as_regression, cells_of, lose, study_of

import batchlab as bl
from batchlab.figures.axes import place_in_words
from batchlab.figures.curves import BUDGETS

SIZES = [4, 8, 32, 128, 450]


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture
def sizes():
    """Five batch sizes; replicates 1 and 2 of size 8 diverge, all of size 450."""
    study = study_of({"batch_size": SIZES})
    return lose(study, {(1, 1): 4, (1, 2): 6, **{(4, r): 3 for r in range(6)}})


@pytest.fixture
def rates():
    """Five batch sizes by three rates, all sound."""
    return study_of({"batch_size": SIZES, "learning_rate": [0.001, 0.01, 0.1]})


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


def line(ax, label):
    (found,) = [one for one in ax.lines if one.get_label() == label]
    return found


def drawn(figure):
    figure.canvas.draw()
    return figure


def intervals(ax, place=0):
    """Return places, means, lows and highs of the error bars of a line."""
    data, _, (bars,) = ax.containers[place]
    # Matplotlib keeps no segment where there is nothing to draw.
    segments = [one[:, 1] if len(one) else [np.nan, np.nan] for one in bars.get_segments()]
    return [np.asarray(values, float) for values in (*data.get_data(), *np.transpose(segments))]


# Panels


def test_panels_are_learning_curves_on_the_same_axes(sizes):
    axes = bl.plot_panels(sizes)
    drawn(axes[0].figure)
    assert axes.shape == (5,)
    assert [ax.get_title() for ax in axes] == [f"batch size {size}" for size in SIZES]
    for (_, cell), ax in list(zip(cells_of(sizes, ["batch_size"]), axes, strict=True))[:4]:
        sound = cell.isel(replicate=~bl.diverged(cell).to_numpy())
        for label, name in {"training set": "train_accuracy", "test set": "val_accuracy"}.items():
            expected = sound[name].mean("replicate")
            np.testing.assert_allclose(line(ax, label).get_ydata(), expected)
            np.testing.assert_array_equal(line(ax, label).get_xdata(), np.arange(1, 9))
    assert len({ax.get_ylim() for ax in axes}) == len({ax.get_xlim() for ax in axes}) == 1
    assert axes[0].get_xscale() == "linear"
    figure = axes[0].figure
    assert (figure.get_supxlabel(), figure.get_supylabel()) == (
        "epochs (passes over the training set)",
        "accuracy (share classified right)",
    )
    assert list(axes) == figure.axes
    columns = [ax.get_subplotspec().colspan.start for ax in axes]
    assert columns == [0, 1, 2, 3, 0]


def test_panels_have_one_legend(sizes):
    axes = bl.plot_panels(sizes)
    (legend,) = axes[0].figure.legends
    assert [ax.get_legend() for ax in axes] == [None] * 5
    assert texts(legend) == [
        "training set",
        "test set",
        "Bayes ceiling, training set: 0.900",
        "Bayes ceiling, test set: 0.950",
    ]
    assert legend.get_title().get_text() == "mean of 6 replicates, 95 % interval"
    for ax in axes:
        np.testing.assert_array_equal(line(ax, texts(legend)[3]).get_ydata(), [0.95, 0.95])
    single = bl.plot_panels(sizes, single=True, metric="loss")[0]
    (legend,) = single.figure.legends
    assert texts(legend) == ["training set", "test set"]
    assert legend.get_title().get_text().endswith("thin: single runs")
    assert len(single.lines) == 2 * 7  # six replicates and their mean


def test_panels_count_who_diverged(sizes):
    axes = bl.plot_panels(sizes)
    notes = [[text.get_text() for text in ax.texts] for ax in axes]
    assert notes == [[], ["2 of 6 diverged"], [], [], ["6 of 6 diverged"]]


def test_panels_along_updates_are_logarithmic_since_these_differ(sizes):
    axes = bl.plot_panels(sizes, x="update")
    assert {ax.get_xscale() for ax in axes} == {"log"}
    updates = np.ceil(500 / np.array(SIZES))
    for ax, each in zip(axes, updates, strict=True):
        assert ax.get_xlim() == axes[0].get_xlim()
        if len(line(ax, "test set").get_xdata()):
            np.testing.assert_allclose(line(ax, "test set").get_xdata(), each * np.arange(1, 9))
    low, high = axes[0].get_xlim()
    assert low < 2
    assert high > 8 * 125
    by_update = study_of({"batch_size": [4, 8]}, record="update")
    axes = bl.plot_panels(by_update)
    assert axes[0].get_xscale() == "linear"
    assert axes[0].figure.get_supxlabel() == BUDGETS["update"]


def test_panels_tell_the_seconds(sizes):
    axes = bl.plot_panels(sizes, seconds=True)
    for (_, cell), ax in zip(cells_of(sizes, ["batch_size"]), axes, strict=True):
        training, compiling = cell["training_seconds"].item(), cell["compile_seconds"].item()
        size = cell["batch_size"].item()
        assert ax.get_title() == (
            f"batch size {size}\ntraining {training:.2f} s, compiling {compiling:.2f} s"
        )
    title = axes[0].figure.legends[0].get_title().get_text()
    assert title.endswith("seconds are those of all 6 replicates together")


def test_a_loss_on_its_way_to_infinity_leaves_the_panel(sizes):
    sizes["val_loss"][1, 1, :4] = [1, 1e5, 1e50, 1.7e308]
    axes = bl.plot_panels(sizes, metric="loss", parts=["test"])
    assert axes[0].get_yscale() == "linear"
    assert axes[1].get_ylim()[1] < 2
    sizes["val_loss"][0, :, 0] = 100.0
    axes = bl.plot_panels(sizes, metric="loss", parts=["test"])
    assert {ax.get_yscale() for ax in axes} == {"log"}
    assert 100 < axes[1].get_ylim()[1] < 200


def test_panels_on_given_axes(sizes):
    figure, given = plt.subplots(2, 3)
    axes = bl.plot_panels(sizes, axes=given)
    assert list(axes) == list(given.flat[:5])
    assert plt.get_fignums() == [figure.number]
    assert len({ax.get_ylim() for ax in axes}) == 1
    assert axes[2].get_ylabel() == "accuracy (share classified right)"
    assert texts(axes[0].get_legend())[0] == "training set"


def test_panels_of_other_dimensions():
    axes = bl.plot_panels(study_of({"optimizer": ["Adam", "SGD"]}), parts=["reported"])
    assert [ax.get_title() for ax in axes] == ["optimizer Adam", "optimizer SGD"]
    assert place_in_words("learning_rate", 0.0125) == "learning rate 0.0125"


def test_ceilings_of_problems_that_differ():
    study = study_of({"problem": ["a", "b"]})
    study.attrs = {"n_train": 500}
    study["bayes_test_accuracy"] = "problem", [0.8, np.nan]
    axes = bl.plot_panels(study)
    assert texts(axes[0].figure.legends[0])[2:] == ["Bayes ceiling, test set: 0.800"]
    assert [len(ax.lines) for ax in axes] == [3, 2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda study: bl.plot_panels(study),
            "study: expected a sweep over one dimension, received batch_size, learning_rate; "
            "choose with .sel(learning_rate=…).",
        ),
        (
            lambda study: bl.plot_panels(study.isel(batch_size=0, learning_rate=0)),
            "study: expected a sweep over one dimension, received only replicate and epoch.",
        ),
        (
            lambda study: bl.plot_panels(study.isel(learning_rate=0), axes=[plt.gca()]),
            "cells, axes: expected at least one cell and axes for each, received 5 cells and 1",
        ),
        (
            lambda study: bl.plot_panels(study.isel(learning_rate=0), x="step"),
            "x: expected one of 'epoch', 'update', 'sample', 'second', received 'step'.",
        ),
        (
            lambda study: bl.plot_against(study, x="momentum"),
            "study: expected a sweep over momentum and at most one more, received batch_size, lea",
        ),
        (
            lambda study: bl.plot_against(study_of({"optimizer": ["SGD"]}), x="optimizer"),
            "x: expected a dimension of numbers, received optimizer of ['SGD'].",
        ),
        (
            lambda study: bl.plot_against(study.expand_dims(seeds=[1]).transpose("seeds", ...)),
            "study: expected a sweep over batch_size and at most one more, received seeds, batch",
        ),
        (
            lambda study: bl.plot_against(study, quantity="median"),
            "quantity: expected one of 'mean', 'unsettled', received 'median'.",
        ),
        (
            lambda study: bl.plot_time_to_target(study, 0.5, budgets=[]),
            "budgets, axes: expected at least one budget and axes for each, received 0 budgets",
        ),
        (
            lambda study: bl.plot_time_to_target(study, 80),
            "target: expected an accuracy between 0 and 1, received 80.",
        ),
        (
            lambda study: bl.plot_rates(study.isel(learning_rate=0)),
            "study: expected a sweep over batch_size and learning_rate, received batch_size.",
        ),
        (
            lambda study: bl.plot_rates(study, rules={"linear": [0.1]}),
            "rules: expected 5 rates for 'linear', one for each batch size, received [0.1].",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(rates, call, message):
    with pytest.raises(ValueError) as caught:
        call(rates)
    assert str(caught.value).startswith(message)


# Against a setting


@pytest.mark.parametrize("quantity", ["mean", "unsettled"])
@pytest.mark.parametrize("metric", ["val_accuracy", "train_loss"])
def test_against_shows_means_and_intervals(rates, metric, quantity):
    ax = bl.plot_against(rates, metric=metric, quantity=quantity)
    drawn(ax.figure)
    for place in range(3):
        cells = rates.isel(learning_rate=place)
        curves = cells[metric].to_numpy()
        values = curves[..., -1] if quantity == "mean" else curves[..., -2:].std(axis=-1)
        mean, low, high = bl.mean_interval(values.T)
        found = intervals(ax, place)
        np.testing.assert_array_equal(found[0], SIZES)
        np.testing.assert_allclose(found[1:], [mean, low, high])
    labels = texts(ax.get_legend())
    ceiling = ["Bayes ceiling, test set: 0.950"]
    assert labels == [
        *(ceiling if (metric, quantity) == ("val_accuracy", "mean") else []),
        *("learning rate 0.001", "learning rate 0.01", "learning rate 0.1"),
    ]
    assert ax.get_legend().get_title().get_text() == "mean of 6 replicates, 95 % interval"
    lines = [container[0] for container in ax.containers]
    assert len({one.get_linestyle() for one in lines}) == 3
    assert len({one.get_marker() for one in lines}) == 3


def test_against_batch_sizes_has_each_of_them_on_the_axis(rates):
    ax = bl.plot_against(rates.isel(learning_rate=1))
    drawn(ax.figure)
    assert ax.get_xscale() == "log"
    assert [label.get_text() for label in ax.get_xticklabels()] == [str(size) for size in SIZES]
    np.testing.assert_array_equal(ax.get_xticks(), SIZES)
    assert len(ax.get_xticks(minor=True)) == 0
    assert ax.get_xlabel() == "batch size (samples per update)"
    assert ax.get_ylabel() == "accuracy (share classified right)\ntest set, last epoch"
    assert texts(ax.get_legend())[1] == "mean of 6 replicates, 95 % interval"
    unsettled = bl.plot_against(rates.isel(learning_rate=1), quantity="unsettled")
    assert unsettled.get_ylabel() == (
        "standard deviation of accuracy\ntest set, over the last quarter of the epochs"
    )


def test_labels_of_sizes_that_are_almost_equal_do_not_overlap():
    ax = bl.plot_against(study_of({"batch_size": [4, 8, 480, 500]}))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["4", "8", "", "500"]


def test_sizes_are_drawn_in_order():
    study = study_of({"batch_size": [32, 4, 8]})
    ax = bl.plot_against(study)
    np.testing.assert_array_equal(intervals(ax)[0], [4, 8, 32])
    expected = study["val_accuracy"].isel(epoch=-1).mean("replicate").sel(batch_size=[4, 8, 32])
    np.testing.assert_allclose(intervals(ax)[1], expected)


def test_against_marks_who_diverged(sizes):
    ax = bl.plot_against(sizes)
    drawn(ax.figure)
    mean = intervals(ax)[1]
    expected = sizes["val_accuracy"][1, [0, 3, 4, 5], -1].mean()
    assert mean[1] == pytest.approx(expected.item())
    assert np.isnan(mean[4])
    (hollow,) = [
        one
        for one in ax.lines
        if same_color(one.get_markerfacecolor(), "white") and one.get_label()[0] == "_"
    ]
    np.testing.assert_array_equal(hollow.get_xdata(), [8, 450])
    (cross,) = [one for one in ax.lines if one.get_marker() == "x"]
    assert (cross.get_xdata().tolist(), cross.get_ydata().tolist()) == ([450], [0.03])
    assert cross.get_transform() == ax.get_xaxis_transform()
    assert "mean of 6 replicates, 95 % interval (8 of 30 diverged)" in texts(ax.get_legend())
    assert "some diverged" in texts(ax.get_legend())


def test_scales_follow_the_numbers(rates):
    assert bl.plot_against(rates, x="learning_rate").get_xscale() == "log"
    momentum = study_of({"momentum": [0.5, 0.9, 0.99]})
    ax = bl.plot_against(momentum, x="momentum")
    assert (ax.get_xscale(), ax.get_xlabel()) == ("linear", "momentum")
    rates["val_loss"][0, 0] = 100.0
    assert bl.plot_against(rates, metric="val_loss").get_yscale() == "log"
    assert bl.plot_against(rates, metric="train_loss").get_yscale() == "linear"


def test_one_replicate_has_points_without_bars():
    ax = bl.plot_against(study_of({"batch_size": SIZES}, replicates=1))
    drawn(ax.figure)
    _, mean, low, high = intervals(ax)
    np.testing.assert_array_equal(low, mean)
    np.testing.assert_array_equal(high, mean)
    assert "1 replicate, no interval" in texts(ax.get_legend())


# Time to target


@pytest.fixture
def reaching():
    """Size 4 holds 0.8 in all replicates, 8 in four, 32 in none, 128 and 450 in all."""
    study = study_of({"batch_size": SIZES})
    accuracy = study["val_accuracy"]
    accuracy[:] = 0.5
    since = np.array([[3, 4, 5, 6, 3, 4], [1, 2, 3, 4, 9, 9], [9] * 6, [2] * 6, [6] * 6])
    accuracy[:] = np.where(np.arange(1, 9) >= since[:, :, None], 0.9, 0.5)
    return study


def test_time_to_target_has_a_panel_for_each_budget(reaching):
    axes = bl.plot_time_to_target(reaching, 0.8)
    drawn(axes[0].figure)
    assert [ax.get_ylabel() for ax in axes] == list(BUDGETS.values())
    times = bl.time_to_target(reaching, 0.8)
    for ax, budget in zip(axes, BUDGETS, strict=True):
        assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
        for place, found in enumerate(np.transpose(intervals(ax))):
            expected = bl.mean_interval(times[budget][place].dropna("replicate").to_numpy())
            np.testing.assert_allclose(found[1:], expected)
    first = intervals(axes[0])
    np.testing.assert_allclose(first[1], [25 / 6, 2.5, np.nan, 2, 6])


def test_time_to_a_loss_is_drawn_too(reaching):
    (ax,) = bl.plot_time_to_target(
        reaching, 0.999, metric="val_loss", held=False, budgets=["epoch"]
    )
    assert ax.figure.legends[0].get_title().get_text() == "test set, loss 0.999 first reached"
    times = bl.time_to_target(reaching, 0.999, metric="val_loss", held=False)["epoch"]
    np.testing.assert_allclose(intervals(ax)[1], times.mean("replicate"))


def test_who_does_not_hold_the_target_is_told(reaching):
    ax = bl.plot_time_to_target(reaching, 0.8, budgets=["epoch"])[0]
    assert sorted((text.get_text(), text.xy[0]) for text in ax.texts) == [
        ("4 of 6", 8),
        ("not held", 32),
    ]
    (hollow,) = [
        one
        for one in ax.lines
        if same_color(one.get_markerfacecolor(), "white") and one.get_label()[0] == "_"
    ]
    np.testing.assert_array_equal(hollow.get_xdata(), [8, 32])
    (cross,) = [one for one in ax.lines if one.get_marker() == "x" and len(one.get_xdata())]
    assert (cross.get_xdata().tolist(), cross.get_ydata().tolist()) == ([32], [0.96])
    (legend,) = ax.figure.legends
    assert set(texts(legend)) == {
        "mean of the replicates that hold it, 95 % interval",
        "not all replicates hold it",
        "no replicate holds it",
    }
    assert legend.get_title().get_text() == ("test set, accuracy 0.8 reached and held to the end")
    sound = bl.plot_time_to_target(reaching.isel(batch_size=[0, 3]), 0.8, budgets=["epoch"])[0]
    assert sound.texts[:] == []
    assert len(texts(sound.figure.legends[0])) == 1


def test_ticks_of_times_are_numbers(reaching):
    ax = bl.plot_time_to_target(reaching, 0.8, budgets=["sample"])[0]
    drawn(ax.figure)
    low, high = ax.get_ylim()
    shown = [label.get_text() for label in ax.get_yticklabels()]
    ticks = dict(zip(ax.get_yticks(), shown, strict=True))
    assert ticks[1000.0] == "1,000"
    assert sum(low <= tick <= high for tick in ticks) >= 2


def test_time_to_target_of_several_lines_on_given_axes(rates):
    _, given = plt.subplots(1, 3)
    axes = bl.plot_time_to_target(
        rates, 0.3, metric="train_accuracy", budgets=["update", "second"], axes=given
    )
    drawn(axes[0].figure)
    assert list(axes) == list(given[:2])
    assert len(axes[0].containers) == 3
    labels = texts(axes[0].get_legend())
    assert {"learning rate 0.001", "learning rate 0.01", "learning rate 0.1"} <= set(labels)
    title = axes[0].get_legend().get_title().get_text()
    assert title.startswith("training set, accuracy 0.3 reached and held to the end; mean of the")
    assert axes[0].texts[:] == []


def test_no_cell_holds_the_target(rates):
    axes = bl.plot_time_to_target(rates.isel(learning_rate=0), 0.9999)
    drawn(axes[0].figure)
    assert [text.get_text() for text in axes[3].texts] == ["not held"] * 5


# Batch sizes by learning rates


def mesh_of(ax):
    (mesh,) = [one for one in ax.collections if hasattr(one, "get_coordinates")]
    return mesh


def test_rates_are_a_picture_of_the_means(rates):
    ax = bl.plot_rates(rates, metric="train_accuracy")
    drawn(ax.figure)
    mesh = mesh_of(ax)
    expected = rates["train_accuracy"].isel(epoch=-1).mean("replicate")
    np.testing.assert_allclose(
        np.asarray(mesh.get_array()).reshape(3, 5), expected.transpose("learning_rate", ...)
    )
    corners = mesh.get_coordinates()
    for place, size in enumerate(SIZES):
        assert corners[0, place, 0] < size < corners[0, place + 1, 0]
    for place, rate in enumerate([0.001, 0.01, 0.1]):
        below, above = corners[place, 0, 1], corners[place + 1, 0, 1]
        assert below * above == pytest.approx(rate**2)  # its middle on a logarithmic axis
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "batch size (samples per update)",
        "learning rate",
    )
    colorbar = ax.figure.axes[1]
    assert colorbar.get_ylabel() == (
        "accuracy (share classified right)\ntraining set, last epoch, mean of 6"
    )
    written = [text.get_text() for text in ax.texts]
    values = expected.transpose("learning_rate", ...).to_numpy().ravel()
    assert written == [f"{value:.2f}" for value in values]
    assert ax.get_legend() is None


def test_diverged_cells_are_hatched_with_their_count(rates):
    lost = {(0, 2, r): 3 for r in range(6)} | {(1, 2, 0): 2, (1, 2, 5): 2}
    ax = bl.plot_rates(lose(rates, lost))
    drawn(ax.figure)
    hatched = [one for one in ax.patches if isinstance(one, Rectangle) and one.get_hatch()]
    assert len(hatched) == 2
    for one, size in zip(hatched, (4, 8), strict=True):
        assert one.get_x() < size < one.get_x() + one.get_width()
        assert one.get_y() < 0.1 < one.get_y() + one.get_height()
    written = [text.get_text() for text in ax.texts][10:12]
    sound = rates["val_accuracy"][1, 2, 1:5, -1].mean().item()
    assert written == ["(6)", f"{sound:.2f} (2)"]
    assert texts(ax.get_legend()) == ["diverged (how many of 6)"]


def test_rates_with_the_best_and_rules(rates):
    best = bl.best_rates(rates)
    rules = {
        "linear": bl.scaled_rates(0.01, SIZES, base=8),
        "square root": bl.scaled_rates(0.01, SIZES, base=32, rule="square root"),
    }
    ax = bl.plot_rates(rates, best=best, rules=rules)
    drawn(ax.figure)
    found = intervals(ax)
    np.testing.assert_allclose(found, [SIZES, best["learning_rate"], best["low"], best["high"]])
    for name, expected in rules.items():
        np.testing.assert_array_equal(line(ax, name).get_data(), [SIZES, expected])
    assert line(ax, "linear").get_linestyle() != line(ax, "square root").get_linestyle()
    assert texts(ax.get_legend()) == ["linear", "square root", "best rate, 95 % interval"]
    # A rule that leaves what was tried does not stretch the picture.
    low, high = ax.get_ylim()
    assert rules["linear"].max() > high
    assert (low, high) == pytest.approx((10**-3.5, 10**-0.5))


def test_the_picture_has_no_numbers_in_many_cells():
    study = study_of({"batch_size": np.arange(1, 12), "learning_rate": np.geomspace(0.01, 1, 10)})
    assert bl.plot_rates(study).texts[:] == []
    assert len(bl.plot_rates(study.isel(batch_size=slice(10))).texts) == 100


def test_losses_beyond_ten_times_the_lowest_are_all_alike(rates):
    rates["val_loss"][:] = 0.5
    rates["val_loss"][0, 2] = 1e9
    rates["val_loss"][0, 1] = 50.0
    ax = bl.plot_rates(rates, metric="val_loss")
    drawn(ax.figure)
    norm = mesh_of(ax).norm
    assert (norm.vmin, norm.vmax) == (0.5, 5)
    written = [text.get_text() for text in ax.texts]
    assert (written[5], written[10], written[1]) == ("50", "1e9", "0.50")


@pytest.mark.parametrize("grid", [{"batch_size": [8], "learning_rate": [0.1]}])
def test_a_picture_of_one_cell(grid):
    study = study_of(grid)
    drawn(bl.plot_rates(study, best=bl.best_rates(study)).figure)
    lost = lose(study, {(0, 0, r): 1 for r in range(6)})
    ax = bl.plot_rates(lost, metric="val_loss", best=bl.best_rates(lost))
    drawn(ax.figure)
    assert [text.get_text() for text in ax.texts] == ["(6)"]


def test_figures_of_a_real_study(small):
    histories = [
        bl.fit(bl.mlp, small, batch_size=size, epochs=12, replicates=3) for size in (4, 16, 60)
    ]
    cells = [
        one.drop_vars("weights")
        .assign({name: one.attrs[name] for name in ("training_seconds", "compile_seconds")})
        .expand_dims(batch_size=[one.attrs["batch_size"]])
        for one in histories
    ]
    study = xr.concat(
        cells,
        "batch_size",
        data_vars="all",
        coords="different",
        compat="equals",
        combine_attrs="drop_conflicts",
    )
    for ax in (
        *bl.plot_panels(study, seconds=True),
        bl.plot_against(study),
        *bl.plot_time_to_target(study, 0.5),
    ):
        drawn(ax.figure)
    for size, history in zip((4, 16, 60), histories, strict=True):
        mine, its = bl.evaluate(study).loc[size], bl.evaluate(history)
        np.testing.assert_allclose(mine, its, rtol=1e-12)
        ax = bl.plot_learning_curves(study.sel(batch_size=size))
        assert ax.get_title() == f"blobs, batch size {size}, learning rate 0.01"
        times = bl.time_to_target(study, 0.5).sel(batch_size=size)
        np.testing.assert_allclose(
            times.to_array(), bl.time_to_target(history, 0.5).to_array(), rtol=1e-12
        )


def test_the_best_rate_of_a_single_replicate_is_marked(small):
    study = bl.sweep(bl.mlp, small, batch_size=[16, 60], learning_rate=[0.01, 0.1], epochs=2)
    best = bl.best_rates(study)
    ax = bl.plot_rates(study, best=best)
    (points,) = (container.lines[0] for container in ax.containers)
    np.testing.assert_array_equal(points.get_ydata(), best["learning_rate"])


# Regressions, and parts to choose by


@pytest.fixture
def errors(rates):
    """The same numbers as `rates`, of a regression with a validation part."""
    return as_regression(rates, held_out="validation", n_validation=50)


def test_errors_are_drawn_against_a_setting(errors, rates):
    ax = bl.plot_against(errors)
    assert ax.get_ylabel() == "mean absolute error\nvalidation set, last epoch"
    ours, theirs = intervals(ax), intervals(bl.plot_against(rates, metric="val_accuracy"))
    np.testing.assert_array_equal(ours, theirs)
    assert not any("ceiling" in text for text in texts(ax.get_legend()))
    ax = bl.plot_against(errors, metric="train_loss")
    assert ax.get_ylabel() == "mean squared error\ntraining set, last epoch"
    ax = bl.plot_against(errors, metric="val_loss", quantity="unsettled")
    assert ax.get_ylabel() == (
        "standard deviation of mean squared error\n"
        "validation set, over the last quarter of the epochs"
    )
    wide = errors.copy(deep=True)
    wide["val_mean_absolute_error"] *= wide["batch_size"] ** 2
    assert bl.plot_against(wide).get_yscale() == "log"


def test_scaled_targets_are_told_by_the_unit(errors):
    scaled = errors.assign_attrs(target_scales=[2.5])
    label = bl.plot_against(scaled).get_ylabel()
    assert label.startswith("mean absolute error (standard deviations of the target)\n")
    label = bl.plot_against(scaled, metric="val_loss").get_ylabel()
    assert label.startswith("mean squared error (squared standard deviations of the target)\n")


def test_panels_of_a_regression_show_its_errors(errors):
    study = errors.sel(learning_rate=0.1)
    axes = bl.plot_panels(study)
    assert axes[0].figure._supylabel.get_text() == "mean absolute error"
    for ax, (_, cell) in zip(axes, cells_of(study, ["batch_size"]), strict=True):
        for label, name in {"training set": "train", "validation set": "val"}.items():
            mean = cell[f"{name}_mean_absolute_error"].mean("replicate")
            np.testing.assert_allclose(line(ax, label).get_ydata(), mean)
    with pytest.raises(ValueError, match=r"^metric: expected one of 'mean_absolute_error', 'loss'"):
        bl.plot_panels(study, metric="accuracy")


def test_the_picture_of_errors_is_the_darker_the_higher(errors):
    ax = bl.plot_rates(errors, best=bl.best_rates(errors))
    (picture,) = [one for one in ax.collections if one.get_array() is not None][:1]
    means = errors["val_mean_absolute_error"].isel(epoch=-1).mean("replicate")
    expected = np.ravel(means.transpose("learning_rate", "batch_size"))
    np.testing.assert_allclose(np.ravel(picture.get_array()), expected)
    assert picture.get_cmap().name == "viridis_r"
    label = picture.colorbar.ax.get_ylabel()
    assert label == "mean absolute error\nvalidation set, last epoch, mean of 6"


def test_time_to_an_error_says_so(errors):
    axes = bl.plot_time_to_target(errors.sel(learning_rate=0.1), 0.9, held=False)
    title = axes[0].figure.legends[0].get_title().get_text()
    assert title == "validation set, mean absolute error 0.9 first reached"
    assert np.isfinite(intervals(axes[0])[1]).all()


def test_the_validation_part_of_a_classification_is_named(rates):
    chosen = rates.assign_attrs(held_out="validation")
    ax = bl.plot_against(chosen)
    assert ax.get_ylabel() == "accuracy (share classified right)\nvalidation set, last epoch"
    # The rule's accuracy is known on the test samples, and said to be.
    assert "Bayes ceiling, test set: 0.950" in texts(ax.get_legend())
    assert "test set" in bl.plot_against(rates).get_ylabel()


def test_problems_with_and_without_a_validation_part_are_both_named():
    study = study_of({"problem": ["a", "b"]})
    study = study.assign(held_out=("problem", ["validation", "nan"]))
    axes = bl.plot_panels(study)
    assert line(axes[0], "test or validation set").get_label()


@pytest.mark.parametrize(
    ("loss_function", "label"),
    [
        ("SparseCategoricalCrossentropy", "cross-entropy (nats per sample)"),
        ("CategoricalCrossentropy", "cross-entropy (nats per sample)"),
        ("BinaryCrossentropy", "cross-entropy (nats per sample)"),
        ("MeanSquaredError", "mean squared error"),
        ("MeanSquaredLogarithmicError", "mean squared logarithmic error"),
        ("KLDivergence", "KL divergence"),
        ("Poisson", "Poisson"),
    ],
)
def test_a_loss_is_called_what_it_is(sizes, loss_function, label):
    study = sizes.assign_attrs(loss_function=loss_function)
    found = bl.plot_against(study, metric="val_loss").get_ylabel()
    assert found == f"{label}\ntest set, last epoch"


def test_losses_that_differ_are_called_no_name_of_one():
    study = study_of({"loss_function": ["BinaryCrossentropy", "CategoricalCrossentropy"]})
    assert bl.plot_panels(study, metric="loss")[0].figure._supylabel.get_text() == (
        "cross-entropy (nats per sample)"
    )
    study["loss_function"] = ["Poisson", "CategoricalCrossentropy"]
    assert bl.plot_panels(study, metric="loss")[0].figure._supylabel.get_text() == "loss"
