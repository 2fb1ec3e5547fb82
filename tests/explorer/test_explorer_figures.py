"""What the explorer draws: traces and layouts that plotly takes, and what is in them."""

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from batchlab.explorer.answer import Answer
from batchlab.explorer.boundary import (
    boundary_caption,
    boundary_layout,
    boundary_maps,
    boundary_traces,
)
from batchlab.explorer.computing import Explorer
from batchlab.explorer.curves import (
    COLORS,
    HIGHEST_LOSS,
    caption,
    curve_traces,
    curves_layout,
    following,
    legend,
)
from batchlab.explorer.setting import Setting
from batchlab.figures.curves import ACCURACY_LABEL, BUDGETS

SMALL = Setting(batch_size=16, hidden_units=8, n_samples=120, n_train=60, epochs=6, replicates=3)


@pytest.fixture(scope="module")
def explorer():
    return Explorer()


@pytest.fixture(scope="module")
def answer(explorer):
    return explorer.answer(SMALL)


@pytest.fixture(scope="module")
def lost(explorer):
    return explorer.answer(
        SMALL.changed(batch_size=2, hidden_units=50, learning_rate=100.0, epochs=12)
    )


def named(traces, begin):
    (found,) = [trace for trace in traces if trace.get("name", "").startswith(begin)]
    return found


def test_curves_are_the_means_of_the_history(answer):
    traces = curve_traces(answer)
    for name, metric in (("training set", "train_accuracy"), ("test set", "val_accuracy")):
        trace = named(traces, name)
        np.testing.assert_allclose(trace["y"], answer.history[metric].mean("replicate"))
        assert list(trace["x"]) == [1, 2, 3, 4, 5, 6]
    loss = named(curve_traces(answer, "loss"), "test set")
    np.testing.assert_allclose(loss["y"], answer.history["val_loss"].mean("replicate"))


def test_the_band_holds_the_mean(answer):
    band, mean = curve_traces(answer)[1:3]
    high, low = band["y"][:6], band["y"][6:][::-1]
    assert (low <= mean["y"]).all() and (mean["y"] <= high).all() and (low < high).any()


def test_ceilings_stand_at_the_accuracy_of_the_bayes_rule(answer):
    best = answer.problem.bayes_accuracy
    for part, height in (("training", best.train), ("test", best.test)):
        trace = named(curve_traces(answer), f"Bayes ceiling, {part} set: {height:.3f}")
        assert list(trace["y"]) == [height, height]
    assert not named_or_none(curve_traces(answer, "loss"), "Bayes")


def named_or_none(traces, begin):
    return [trace for trace in traces if trace.get("name", "").startswith(begin)]


def test_single_replicates_are_one_broken_line(answer):
    line = curve_traces(answer)[0]
    curves = line["y"].reshape(3, 7)
    np.testing.assert_array_equal(curves[:, :6], answer.history["train_accuracy"])
    assert np.isnan(curves[:, 6]).all()


def test_the_traces_are_equally_many_whatever_is_drawn(answer, lost):
    assert len(curve_traces(answer)) == len(curve_traces(lost)) == len(curve_traces(None))
    pinned = curve_traces(answer, pinned=True)
    assert len(pinned) == len(curve_traces(None, pinned=True))
    assert len(boundary_traces(answer, 0)) == len(boundary_traces(lost, 12))


def test_a_pinned_run_has_another_colour_and_its_name(answer):
    trace = named(curve_traces(answer, pinned=True), "pinned, test set")
    assert "batch size 16" in trace["name"] and "rate 0.01" in trace["name"]
    assert trace["line"]["color"] == COLORS["pinned"] not in (COLORS["train"], COLORS["test"])


def test_replicates_that_diverged_are_drawn_up_to_there(lost):
    traces = curve_traces(lost)
    crosses = named(traces, "3 of 3 replicates diverged here")
    assert list(crosses["x"]) == list(np.maximum(lost.ends, 1))
    low, high = curves_layout()["yaxis"]["range"]
    assert ((crosses["y"] > low) & (crosses["y"] < high)).all()
    assert not named(traces, "test set")["showlegend"]
    drawn = traces[0]["y"].reshape(3, 13)
    assert (np.isfinite(drawn).sum(axis=1) == lost.ends).all()


def test_maps_are_shares_of_the_replicates(answer, lost):
    maps = boundary_maps(answer, 6)
    assert maps.shape == (3, 50, 50) and maps.dtype == "float32"
    np.testing.assert_allclose(maps.sum(axis=0), 1, rtol=1e-6)
    np.testing.assert_allclose(maps.reshape(3, -1).T, answer.shares(6), rtol=1e-6)
    assert not boundary_maps(lost, 12).any()
    assert "all replicates have diverged" in boundary_caption(lost, 12)


def test_samples_and_the_bayes_boundary_are_drawn(answer):
    traces = boundary_traces(answer, 6)
    for label in range(3):
        drawn = named(traces, f"class {label}, test")
        own = answer.problem.x_test[answer.problem.y_test == label]
        np.testing.assert_array_equal(np.column_stack([drawn["x"], drawn["y"]]), own)
    line = named(traces, "Bayes boundary")
    points = np.array([(x, y) for x, y in zip(line["x"], line["y"], strict=True) if x is not None])
    density = answer.problem.distribution
    beside = [
        density.predict(points + step)
        for step in np.array([[0.2, 0.2], [-0.2, -0.2], [0.2, -0.2], [-0.2, 0.2]])
    ]
    assert (np.ptp(beside, axis=0) > 0).mean() > 0.95, "the rule changes its class there"


def test_layouts_are_plain_and_their_ranges_fixed(answer):
    layout = curves_layout("accuracy", 40)
    assert json.loads(json.dumps(layout)) == layout
    assert layout["yaxis"] == curves_layout("accuracy", 80)["yaxis"]
    assert layout["yaxis"]["title"]["text"] == ACCURACY_LABEL
    assert layout["xaxis"]["title"]["text"] == BUDGETS["epoch"]
    plane = boundary_layout(*answer.grid[:2])
    assert json.loads(json.dumps(plane)) == plane


def test_plotly_takes_it_all(answer, lost):
    for one in (answer, lost):
        figure = go.Figure(curve_traces(one) + curve_traces(answer, pinned=True), curves_layout())
        assert len(figure.data) == 13
        plane = go.Figure(boundary_traces(one, 3), boundary_layout(*one.grid[:2]))
        assert [trace.type for trace in plane.data[:3]] == ["heatmap"] * 3


def test_the_legend_names_what_is_drawn(answer):
    entries = legend(curve_traces(answer) + curve_traces(None, pinned=True))
    assert [one["name"].split(",")[0] for one in entries] == [
        "training set",
        "test set",
        "Bayes ceiling",
        "Bayes ceiling",
    ]
    assert entries[1]["color"] == COLORS["test"]
    assert {one.get("symbol") for one in legend(boundary_traces(answer, 0))} >= {"circle", "square"}


def with_losses(answer, change):
    """Return an answer whose losses were changed by a function of their array."""
    history = answer.history.copy(deep=True)
    for name in ("loss", "val_loss", "train_loss"):
        history[name] = history[name].copy(data=change(history[name].to_numpy().copy()))
    return Answer(answer.setting, history, answer.problem)


@pytest.fixture
def calm(answer):
    """An answer whose losses are within the plain axis."""
    return with_losses(answer, lambda losses: losses / 10)


def diverging(*replicates, after=2, last=np.nan):
    """Return what makes replicates lose their finite loss after so many epochs."""

    def change(losses):
        losses[list(replicates), after:] = np.nan
        if after:
            losses[list(replicates), after - 1 : after] *= last
        return losses

    return change


def loss_axis(*traces):
    axis = following(curves_layout("loss"), [one for some in traces for one in some])["yaxis"]
    low, high = axis["range"]
    return axis["type"], *((10**low, 10**high) if axis["type"] == "log" else (low, high))


def heights_of(traces):
    drawn = np.concatenate([np.asarray(one["y"], float) for one in traces if "fill" not in one])
    return drawn[np.isfinite(drawn)]


def test_the_axis_of_the_loss_stays_where_the_curves_fit(calm):
    traces = curve_traces(calm, "loss")
    assert heights_of(traces).max() < HIGHEST_LOSS
    assert loss_axis(traces) == ("linear", 0, HIGHEST_LOSS)
    assert loss_axis(curve_traces(None, "loss")) == ("linear", 0, HIGHEST_LOSS)


@pytest.mark.parametrize(("last", "kind"), [(1.7, "linear"), (1e45, "log")])
def test_the_axis_of_the_loss_follows_the_curves(calm, last, kind):
    def change(losses):
        losses[:, -1] = last * np.array([0.5, 1, 1.5])
        return np.maximum(losses, 0.1)

    far = curve_traces(with_losses(calm, change), "loss")
    for traces in ((far,), (curve_traces(with_losses(calm, lambda one: one + 0.1), "loss"), far)):
        found, low, high = loss_axis(*traces)
        drawn = np.concatenate([heights_of(one) for one in traces])
        assert found == kind and drawn.max() > HIGHEST_LOSS
        assert low < drawn.min() and drawn.max() < high < 100 * drawn.max()
    bands = np.concatenate([one["y"] for one in far if "fill" in one])
    assert (bands > 0).all(), "a logarithmic axis has no place for it"


def test_an_accuracy_below_the_axis_lowers_its_foot(answer):
    history = answer.history.copy(deep=True)
    for lowest, foot in ((0.23, 0.2), (0.13, 0.1), (0.0, 0.0)):
        for name in ("train_accuracy", "val_accuracy"):
            history[name][:] = 0.5
        history["val_accuracy"][1, 0] = lowest
        traces = curve_traces(Answer(answer.setting, history, answer.problem))
        assert following(curves_layout(), traces)["yaxis"]["range"] == [foot, 1.0]


def test_a_loss_on_its_way_to_infinity_leaves_the_axis_and_it_is_said(calm):
    far = curve_traces(with_losses(calm, diverging(1, last=1e200)), "loss")
    assert loss_axis(far) == ("linear", 0, HIGHEST_LOSS)
    assert heights_of(far).max() < HIGHEST_LOSS
    assert named(far, "1 of 3 replicates diverged here")["name"].endswith(
        f", losses above {HIGHEST_LOSS} are not drawn"
    )
    near = curve_traces(with_losses(calm, diverging(1, last=1.0)), "loss")
    assert named(near, "1 of 3")["name"] == "1 of 3 replicates diverged here"


def test_without_a_sound_replicate_the_axis_follows_those_that_diverged(answer):
    far = with_losses(answer, diverging(0, 1, 2, last=1e200))
    found, low, high = loss_axis(curve_traces(far, "loss"))
    drawn = heights_of(curve_traces(far, "loss"))
    assert found == "log" and low < drawn.min() and 1e199 < drawn.max() < high
    nothing = curve_traces(with_losses(answer, diverging(0, 1, 2, after=0)), "loss")
    assert loss_axis(nothing) == ("linear", 0, HIGHEST_LOSS)
    assert (named(nothing, "3 of 3")["y"] > 0).all()


@pytest.mark.parametrize(
    ("lost", "after", "said"),
    [
        ((), 2, "line: mean of 3 replicates; band: its 95 % interval; thin: single replicates"),
        (
            (0,),
            2,
            "line: mean of the 2 replicates that did not diverge; band: its 95 % interval; "
            "thin: single replicates, each up to where it diverged",
        ),
        (
            (0, 2),
            2,
            "line: the one replicate that did not diverge, no interval; "
            "thin: single replicates, each up to where it diverged",
        ),
        ((0, 1, 2), 2, "thin: single replicates, each up to where it diverged"),
        ((0, 1, 2), 0, "no curves: nothing was finite after the first epoch"),
    ],
)
def test_the_caption_speaks_of_what_is_drawn(answer, lost, after, said):
    assert caption(with_losses(answer, diverging(*lost, after=after))) == said


def pinned_entry(pinned, shown, kind="accuracy"):
    entries = legend(curve_traces(shown, kind) + curve_traces(pinned, kind, pinned=True))
    (found,) = [one["name"] for one in entries if one["name"].startswith("pinned, test set")]
    return found


def test_the_legend_says_what_a_pinned_run_has_of_its_own(explorer, answer):
    same = "pinned, test set: batch size 16, SGD, momentum 0.9, rate 0.01"
    assert pinned_entry(answer, answer) == same
    assert pinned_entry(answer, explorer.answer(SMALL.changed(batch_size=7))) == same
    wider = explorer.answer(SMALL.changed(hidden_units=9, seed=2))
    assert pinned_entry(answer, wider) == f"{same}, 8 hidden units, first seed 0"
    other = explorer.answer(SMALL.changed(cluster_std=1.0))
    height = answer.problem.bayes_accuracy.test
    assert height != other.problem.bayes_accuracy.test
    assert pinned_entry(answer, other) == (
        f"{same}, overlap 2 (its Bayes ceiling, {height:.3f}, is not drawn)"
    )
    assert pinned_entry(answer, other, "loss") == f"{same}, overlap 2"
