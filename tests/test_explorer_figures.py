"""What the explorer draws: traces and layouts that plotly takes, and what is in them."""

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from batchlab._curves import ACCURACY_LABEL, BUDGETS
from batchlab.explorer import Explorer
from batchlab.explorer_figures import COLORS, curve_traces, curves_layout, legend
from batchlab.explorer_maps import boundary_caption, boundary_layout, boundary_maps, boundary_traces
from batchlab.explorer_setting import Setting

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
