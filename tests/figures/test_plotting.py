"""Figures by their labels, limits and data."""

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.container import ErrorbarContainer
from sklearn.decomposition import PCA
from studies import as_regression, study_of

import batchlab as bl
from batchlab.figures import histories

COLORS = [color.lower() for color in histories.COLORS]


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture
def ax():
    return plt.subplots()[1]


@pytest.fixture(scope="module")
def lost(history):
    """Four replicates: number 1 diverges in epoch 5, number 3 in epoch 1."""
    return with_diverged(history, {1: 5, 3: 1})


@pytest.fixture(scope="module")
def quicker(history):
    """A second history, of larger batches: fewer updates, less time, other numbers."""
    other = history.copy(deep=True)
    for name in other.data_vars:
        other[name] = other[name] * 0.9
    other["update"] = other["update"] / 4
    other.attrs |= {
        "batch_size": 60,
        "updates": history.attrs["updates"] / 4,
        "training_seconds": history.attrs["training_seconds"] / 8,
    }
    return other


def with_diverged(history, first_epochs):
    history = history.copy(deep=True)
    for replicate, epoch in first_epochs.items():
        for name in ("loss", "train_loss", "val_loss"):
            history[name][replicate, epoch - 1 :] = np.nan
    return history


def line(ax, label):
    """Return the only line with this label."""
    (found,) = [one for one in ax.lines if one.get_label() == label]
    return found


def single_runs(ax):
    """Return the lines that the legend does not name, without the crosses."""
    return [
        one
        for one in ax.lines
        if one.get_label().startswith("_") and len(one.get_xdata()) and one.get_marker() == "None"
    ]


def crosses(ax):
    return [one for one in ax.lines if one.get_marker() == "x"]


def bands(ax):
    """Return the drawn outline of each interval, shape (points, 2)."""
    filled = [one for one in ax.collections if not isinstance(one, PathCollection)]
    return [path.vertices for one in filled for path in one.get_paths()]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def points(ax, label):
    (found,) = [one for one in ax.collections if one.get_label() == label]
    return np.asarray(found.get_offsets())


def drawn_contours(ax, color):
    """Return the vertices of the contour lines of one colour."""
    return np.vstack(
        [
            path.vertices
            for one in ax.collections
            if len(one.get_edgecolor()) and not len(one.get_facecolor())
            if to_hex(one.get_edgecolor()[0]) == to_hex(color)
            for path in one.get_paths()
        ]
    )


# Learning curves


@pytest.mark.parametrize(("metric", "symbol"), [("accuracy", "accuracy"), ("loss", "nats")])
def test_learning_curves_show_mean_interval_and_single_runs(history, metric, symbol):
    ax = bl.plot_learning_curves(history, metric=metric)
    for place, (label, name) in enumerate(
        {"training set": f"train_{metric}", "test set": f"val_{metric}"}.items()
    ):
        mean, low, high = bl.mean_interval(history[name].to_numpy())
        np.testing.assert_array_equal(line(ax, label).get_ydata(), mean)
        band = bands(ax)[place]
        for epoch in (1, 4, 10):
            heights = band[band[:, 0] == epoch, 1]
            bounds = low[epoch - 1], high[epoch - 1]
            np.testing.assert_allclose([heights.min(), heights.max()], bounds)
        singles = single_runs(ax)[4 * place : 4 * place + 4]
        np.testing.assert_array_equal([one.get_ydata() for one in singles], history[name])
        for one in singles:
            assert to_hex(one.get_color()) == to_hex(line(ax, label).get_color())
            assert one.get_linewidth() < line(ax, label).get_linewidth()
    assert len(single_runs(ax)) == 8
    assert symbol in ax.get_ylabel()


def test_learning_curves_say_what_they_show(history):
    ax = bl.plot_learning_curves(history)
    assert ax.get_title() == "blobs, batch size 16, learning rate 0.01"
    assert ax.get_xlabel() == "epochs (passes over the training set)"
    assert ax.get_legend().get_title().get_text() == (
        "mean of 4 replicates, 95 % interval, thin: single runs"
    )
    train, test = (history.attrs[f"bayes_{part}_accuracy"] for part in ("train", "test"))
    assert legend(ax) == [
        "training set",
        "test set",
        f"Bayes ceiling, training set: {train:.3f}",
        f"Bayes ceiling, test set: {test:.3f}",
    ]
    for label, height in zip(legend(ax)[2:], (train, test), strict=True):
        np.testing.assert_array_equal(line(ax, label).get_ydata(), [height, height])


def test_the_title_has_no_rate_where_a_schedule_changes_it(history):
    scheduled = history.copy()
    del scheduled.attrs["learning_rate"]
    assert bl.plot_learning_curves(scheduled).get_title() == "blobs, batch size 16"


def test_curves_differ_in_colour_and_line_style(history):
    ax = bl.plot_learning_curves(history, parts=["train", "test", "reported"])
    lines = [line(ax, label) for label in ("training set", "test set", "reported by Keras's fit")]
    assert len({one.get_color() for one in lines}) == 3
    assert len({one.get_linestyle() for one in lines}) == 3
    np.testing.assert_array_equal(
        lines[2].get_ydata(), bl.mean_interval(history["accuracy"].to_numpy()).mean
    )
    assert "Bayes ceiling, reported by Keras's fit" not in " ".join(legend(ax))


def test_no_ceiling_over_losses_nor_where_it_is_unknown(history):
    assert legend(bl.plot_learning_curves(history, metric="loss")) == ["training set", "test set"]
    unknown = history.copy()
    del unknown.attrs["bayes_train_accuracy"], unknown.attrs["bayes_test_accuracy"]
    assert legend(bl.plot_learning_curves(unknown)) == ["training set", "test set"]


@pytest.mark.parametrize(
    ("x", "label"),
    [
        ("epoch", "epochs (passes over the training set)"),
        ("update", "updates of the weights"),
        ("sample", "samples seen"),
        ("second", "seconds per replicate (compiling left out)"),
    ],
)
def test_the_budget_along_the_horizontal_axis(history, x, label):
    epochs = np.arange(1, 11)
    expected = {
        "epoch": epochs,
        "update": epochs * 4,  # 60 samples in minibatches of 16
        "sample": epochs * 60,
        "second": epochs * history.attrs["training_seconds"] / 4 / 10,
    }[x]
    ax = bl.plot_learning_curves(history, x=x)
    assert ax.get_xlabel() == label
    for one in [line(ax, "test set"), *single_runs(ax)]:
        np.testing.assert_allclose(one.get_xdata(), expected)
    low, high = ax.get_xlim()
    assert low < expected[0]
    assert expected[-1] < high < 1.2 * expected[-1]


def test_one_replicate_has_no_band(history):
    ax = bl.plot_learning_curves(history.isel(replicate=[2]))
    ax.figure.canvas.draw()
    assert bands(ax) == []
    assert ax.get_legend().get_title().get_text() == "1 replicate, no interval"
    np.testing.assert_array_equal(
        line(ax, "test set").get_ydata(), history["val_accuracy"].isel(replicate=2)
    )


def test_given_axes_are_drawn_on_and_no_figure_is_made(history, ax):
    assert bl.plot_learning_curves(history, ax=ax) is ax
    assert ax.lines
    assert plt.get_fignums() == [ax.figure.number]


# Replicates that diverged


@pytest.mark.parametrize("metric", ["accuracy", "loss"])
def test_a_diverged_replicate_is_marked_counted_and_not_averaged(history, lost, metric):
    ax = bl.plot_learning_curves(lost, metric=metric, parts=["test"])
    assert legend(ax)[0] == "test set (2 of 4 diverged)"
    values = history[f"val_{metric}"].to_numpy()
    mean = bl.mean_interval(values[[0, 2]]).mean
    np.testing.assert_array_equal(line(ax, legend(ax)[0]).get_ydata(), mean)
    sound = [one.get_ydata() for one in single_runs(ax) if len(one.get_xdata()) == 10]
    np.testing.assert_array_equal(sound, values[[0, 2]])
    (broken,) = [one for one in single_runs(ax) if len(one.get_xdata()) == 4]
    np.testing.assert_array_equal(broken.get_ydata(), values[1, :4])
    assert len(crosses(ax)) == 2
    (cross,) = [one for one in crosses(ax) if one.get_xdata()[0] == 4]
    assert cross.get_ydata()[0] == values[1, 3]
    (foot,) = [one for one in crosses(ax) if one.get_xdata()[0] == 1]
    assert foot.get_ydata()[0] == 0.02
    assert foot.get_transform() == ax.get_xaxis_transform()


def test_all_replicates_diverged(history):
    ax = bl.plot_learning_curves(with_diverged(history, dict.fromkeys(range(4), 3)))
    ax.figure.canvas.draw()
    assert legend(ax)[:2] == ["training set (4 of 4 diverged)", "test set (4 of 4 diverged)"]
    assert len(line(ax, legend(ax)[0]).get_xdata()) == 0
    assert len(crosses(ax)) == 8
    assert bands(ax) == []


# Comparisons


def test_comparison_has_a_panel_for_each_budget_and_one_y_axis(history, quicker):
    axes = bl.plot_comparison({"sixteen": history, "sixty": quicker})
    assert axes.shape == (4,)
    assert [ax.get_xscale() for ax in axes] == ["linear", "log", "log", "log"]
    assert [ax.get_xlabel() for ax in axes] == list(histories.BUDGETS.values())
    for first, second in pairwise(axes):
        assert first.get_shared_y_axes().joined(first, second)
    axes[0].set_ylim(0.1, 0.2)
    assert axes[3].get_ylim() == (0.1, 0.2)
    ceiling = f"Bayes ceiling, test set: {history.attrs['bayes_test_accuracy']:.3f}"
    assert legend(axes[0]) == ["sixteen", "sixty", ceiling]
    assert "test set" in axes[0].get_ylabel()
    assert "single runs" not in axes[0].get_legend().get_title().get_text()


def test_comparison_draws_the_same_means_at_other_places(history, quicker):
    axes = bl.plot_comparison({"sixteen": history, "sixty": quicker}, part="train", metric="loss")
    for ax in axes:
        for name, one in {"sixteen": history, "sixty": quicker}.items():
            mean = bl.mean_interval(one["train_loss"].to_numpy()).mean
            np.testing.assert_array_equal(line(ax, name).get_ydata(), mean)
        assert single_runs(ax) == []
        assert len(bands(ax)) == 2
    epochs, updates, samples, seconds = (
        line(ax, "sixteen").get_xdata() / line(ax, "sixty").get_xdata() for ax in axes
    )
    np.testing.assert_allclose([epochs, samples], 1)
    np.testing.assert_allclose(updates, 4)
    np.testing.assert_allclose(seconds, 8)


def test_comparison_on_given_axes_and_budgets(history, quicker):
    figure, given = plt.subplots(1, 2)
    axes = bl.plot_comparison({"a": history}, budgets=["update", "second"], axes=given)
    assert list(axes) == list(given)
    assert plt.get_fignums() == [figure.number]
    assert [ax.get_xlabel() for ax in axes] == [
        histories.BUDGETS["update"],
        histories.BUDGETS["second"],
    ]


def test_comparison_counts_the_diverged(history, lost):
    axes = bl.plot_comparison({"sound": history, "lost": lost}, budgets=["epoch"])
    assert legend(axes[0])[:2] == ["sound", "lost (2 of 4 diverged)"]


def test_comparison_of_three_budgets_has_no_empty_panel(history):
    axes = bl.plot_comparison({"a": history}, budgets=["epoch", "update", "sample"])
    assert axes.shape == (3,)
    assert list(axes) == axes[0].figure.axes


def test_comparison_says_how_many_replicates_each_mean_is_of(history):
    def caption(*counts):
        some = {str(n): history.isel(replicate=slice(n)) for n in counts}
        return bl.plot_comparison(some)[0].get_legend().get_title().get_text()

    assert caption(4, 4) == "mean of 4 replicates, 95 % interval"
    assert caption(4, 1) == "mean of 1 or 4 replicates, 95 % interval"
    assert caption(1) == "1 replicate, no interval"


# Replicates


def error_bars(ax):
    """Return place, mean, low and high of each interval that holds data."""
    rows = []
    for container in ax.containers:
        if isinstance(container, ErrorbarContainer) and len(container.lines[0].get_xdata()):
            ((place,), (mean,)) = container.lines[0].get_data()
            if np.isfinite(mean):
                low, high = np.asarray(container.lines[2][0].get_segments()[0])[:, 1]
                rows.append((place, mean, low, high))
    return rows


def test_replicates_are_shown_one_by_one(history, quicker):
    ax = bl.plot_replicates({"sixteen": history, "sixty": quicker}, metric="train_loss")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["sixteen", "sixty"]
    assert ax.get_ylabel() == "cross-entropy (nats per sample)\ntraining set, last epoch"
    dots = [one for one in ax.lines if one.get_marker() == "." and len(one.get_xdata())]
    for place, (one, source) in enumerate(zip(dots, (history, quicker), strict=True)):
        final = source["train_loss"].isel(epoch=-1).to_numpy()
        np.testing.assert_array_equal(one.get_ydata(), np.sort(final))
        assert (np.abs(one.get_xdata() - place) < 0.4).all()
    for bar, source in zip(error_bars(ax), (history, quicker), strict=True):
        row = bl.evaluate(source).loc["train_loss"]
        np.testing.assert_allclose(bar[1:], row[["mean", "low", "high"]].astype(float))
    assert ax.get_xlim() == (-0.5, 1.5)


def test_replicates_beside_what_was_published(history, quicker):
    ax = bl.plot_replicates({"sixteen": history, "sixty": quicker}, published={"sixty": 0.83})
    (star,) = [one for one in ax.lines if one.get_marker() == "*" and len(one.get_xdata())]
    assert star.get_ydata()[0] == 0.83
    assert abs(star.get_xdata()[0] - 1) < 0.5
    ceiling = f"Bayes ceiling, test set: {history.attrs['bayes_test_accuracy']:.3f}"
    assert legend(ax) == [
        ceiling,
        "a replicate",
        "published (one run)",
        "mean, 95 % interval of the mean",
    ]
    without = bl.plot_replicates({"sixteen": history})
    assert "published (one run)" not in legend(without)


def test_replicates_that_diverged_are_counted_and_left_out(history, lost):
    ax = bl.plot_replicates({"sound": history, "lost": lost})
    dots = [one for one in ax.lines if one.get_marker() == "." and len(one.get_xdata())]
    assert [len(one.get_xdata()) for one in dots] == [4, 2]
    (note,) = ax.texts
    assert note.get_text() == "2 of 4\ndiverged"
    assert note.xy[0] == 1


def test_one_or_no_sound_replicate(history):
    alone = history.isel(replicate=[0])
    none = with_diverged(history, dict.fromkeys(range(4), 2))
    ax = bl.plot_replicates({"alone": alone, "none": none})
    ax.figure.canvas.draw()
    ((place, mean, low, high),) = error_bars(ax)
    assert mean == low == high == float(alone["val_accuracy"][0, -1])
    assert place == pytest.approx(0.15)
    assert ax.texts[0].get_text() == "4 of 4\ndiverged"


# Regressions, and parts to choose by


@pytest.fixture
def errors():
    """The history of a regression that was measured on a validation part."""
    history = as_regression(study_of({}), held_out="validation", n_validation=9)
    return history.assign_attrs(batch_size=32, updates=128)


def test_learning_curves_of_a_regression_are_its_errors(errors):
    ax = bl.plot_learning_curves(errors)
    assert ax.get_ylabel() == "mean absolute error"
    assert legend(ax) == ["training set", "validation set"]
    mean = errors["val_mean_absolute_error"].mean("replicate")
    np.testing.assert_allclose(line(ax, "validation set").get_ydata(), mean)
    ax = bl.plot_learning_curves(errors, metric="loss", parts=["reported"])
    assert ax.get_ylabel() == "mean squared error"
    mean = errors["loss"].mean("replicate")
    np.testing.assert_allclose(line(ax, "reported by Keras's fit").get_ydata(), mean)


def test_without_a_metric_the_accuracy_is_drawn(history):
    for part, name in {"training set": "train_accuracy", "test set": "val_accuracy"}.items():
        drawn = line(bl.plot_learning_curves(history), part).get_ydata()
        np.testing.assert_array_equal(drawn, history[name].mean("replicate"))


def test_comparison_and_replicates_of_regressions(errors):
    axes = bl.plot_comparison({"a": errors}, budgets=["epoch"])
    assert axes[0].get_ylabel() == "mean absolute error\nvalidation set"
    ax = bl.plot_replicates({"a": errors})
    assert ax.get_ylabel() == "mean absolute error\nvalidation set, last epoch"
    final = np.sort(errors["val_mean_absolute_error"][:, -1])
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), final)


@pytest.mark.parametrize("plot", [bl.plot_comparison, bl.plot_replicates])
def test_a_regression_and_a_classification_have_no_score_in_common(plot, errors, history):
    before = plt.get_fignums()
    with pytest.raises(ValueError, match=r"^metric: expected one of .*received '(val_)?mean_abs"):
        plot({"a": errors, "b": history})
    assert plt.get_fignums() == before


# Problems


def test_problem_of_five_classes():
    problem = bl.blobs(200, centers=5, n_train=120)
    ax = bl.plot_problem(problem)
    ax.figure.canvas.draw()
    kinds = [f"class {label}, {part}" for label in range(5) for part in ("training", "test")]
    assert legend(ax) == [*kinds, "Bayes boundary"]
    for label in range(5):
        expected = problem.x_train[problem.y_train == label]
        np.testing.assert_array_equal(points(ax, f"class {label}, training"), expected)
        expected = problem.x_test[problem.y_test == label]
        np.testing.assert_array_equal(points(ax, f"class {label}, test"), expected)
    filled = [one for one in ax.collections if one.get_label().endswith(", training")]
    hollow = [one for one in ax.collections if one.get_label().endswith(", test")]
    assert [to_hex(one.get_facecolor()[0]) for one in filled] == COLORS[:5]
    assert [to_hex(one.get_edgecolor()[0]) for one in hollow] == COLORS[:5]
    assert all(len(one.get_facecolor()) == 0 for one in hollow)
    shapes = {one.get_paths()[0].vertices.tobytes() for one in filled}
    assert len(shapes) == 5  # the marker says what the colour says
    best = problem.bayes_accuracy
    assert ax.get_title() == (
        "blobs: 120 training and 80 test samples\n"
        f"best possible accuracy {best.train:.3f} (training), {best.test:.3f} (test)"
    )
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("feature 0", "feature 1")


def test_bayes_boundary_is_where_the_densities_are_equal(ax):
    problem = bl.blobs(300, centers=[[-3.0, 0.0], [5.0, 0.0]], n_train=200)
    assert bl.plot_problem(problem, ax=ax) is ax
    vertices = drawn_contours(ax, "dimgray")
    cell = np.ptp(problem.x_train[:, 0]) / 300
    np.testing.assert_allclose(vertices[:, 0], 1.0, atol=cell)  # midway between the centres
    low, high = np.vstack([problem.x_train, problem.x_test]).min(0)[1], problem.x_train.max(0)[1]
    assert vertices[:, 1].min() < low
    assert vertices[:, 1].max() > high


def test_no_boundary_is_drawn_twice():
    # Else its dashes would fill each other.
    ax = bl.plot_problem(bl.blobs(centers=5))
    vertices = drawn_contours(ax, "dimgray").round(9)
    assert len(vertices) > 400
    assert len(np.unique(vertices, axis=0)) > 0.99 * len(vertices)


def test_a_problem_of_unknown_distribution_has_no_boundary(small):
    given = [small.x_train, small.y_train, small.x_test, small.y_test]
    ax = bl.plot_problem(bl.from_arrays(*given, name="mine"))
    assert "Bayes boundary" not in legend(ax)
    assert ax.get_title() == "mine: 60 training and 40 test samples"


def test_names_of_classes_stand_in_the_legends(small):
    named = replace(small, class_names=("cat", "dog", "cow"))
    ax = bl.plot_problem(named)
    assert {"cat, training", "dog, test", "cow, test"} < set(legend(ax))
    assert "cow, test" in legend(bl.plot_decision_boundary(half_planes, named))


def test_the_validation_part_is_drawn_with_a_marker_of_its_own(small):
    x, y = np.array([[90.0, 0.0], [1.0, 2.0]]), np.array([1, 0])
    ax = bl.plot_problem(replace(small, x_validation=x, y_validation=y))
    ax.figure.canvas.draw()
    np.testing.assert_array_equal(points(ax, "class 1, validation"), x[:1])
    np.testing.assert_array_equal(points(ax, "class 0, validation"), x[1:])
    assert ax.get_title().startswith("blobs: 60 training, 2 validation and 40 test samples\n")
    shapes = {
        one.get_paths()[0].vertices.tobytes() for one in ax.collections if "1, " in one.get_label()
    }
    assert len(shapes) == 2  # training and test samples share theirs, one filled, one hollow
    assert drawn_contours(ax, "dimgray")[:, 0].max() <= ax.get_xlim()[1]


def problem_of(n_features, *, targets=(), n_classes=None, **more):
    """Return a problem of random samples, a regression without classes."""
    generator = np.random.default_rng(4)
    x = generator.normal(size=(50, n_features)) * np.arange(1, n_features + 1)
    y = generator.normal(size=(50, *targets)) if n_classes is None else np.arange(50) % n_classes
    parts = np.split(np.arange(50), [30, 40])
    train, validation, test = ((x[part], y[part]) for part in parts)
    named = dict(zip(("x_validation", "y_validation"), validation, strict=True))
    task = "classification" if n_classes else "regression"
    return replace(bl.from_arrays(*train, *test, task=task, name="mine"), **named, **more)


def test_a_regression_by_one_feature_is_drawn_against_it():
    problem = problem_of(1)
    ax = bl.plot_problem(problem)
    ax.figure.canvas.draw()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("feature 0", "target")
    assert legend(ax) == ["training", "validation", "test"]
    for part, x, y in (
        ("training", problem.x_train, problem.y_train),
        ("validation", problem.x_validation, problem.y_validation),
        ("test", problem.x_test, problem.y_test),
    ):
        np.testing.assert_array_equal(points(ax, part), np.column_stack([x, y]))
    assert ax.get_title() == "mine: 30 training, 10 validation and 10 test samples"


def test_a_regression_in_the_plane_has_its_targets_as_colours():
    problem = problem_of(2, targets=(3,), target_scales=(2.0, 2.0, 2.0))
    ax = bl.plot_problem(problem)
    ax.figure.canvas.draw()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("feature 0", "feature 1")
    np.testing.assert_array_equal(points(ax, "test"), problem.x_test)
    drawn = {one.get_label(): one for one in ax.collections if one.get_array() is not None}
    np.testing.assert_array_equal(drawn["training"].get_array(), problem.y_train[:, 0])
    assert len({one.get_clim() for one in drawn.values()}) == 1
    assert len({one.get_paths()[0].vertices.tobytes() for one in drawn.values()}) == 3
    labels = [other.get_ylabel() for other in ax.figure.axes]
    assert "target 0 of 3 (standard deviations)" in labels


@pytest.mark.parametrize("n_classes", [None, 3])
def test_more_features_are_drawn_along_two_principal_components(n_classes):
    problem = problem_of(5, n_classes=n_classes)
    ax = bl.plot_problem(problem)
    ax.figure.canvas.draw()
    components = PCA(2).fit(problem.x_train)
    expected = components.transform(problem.x_test)
    label = "test"
    if n_classes:
        label, expected = "class 1, test", expected[problem.y_test == 1]
    np.testing.assert_allclose(points(ax, label), expected)
    share = components.explained_variance_ratio_[1]
    assert ax.get_ylabel() == f"principal component 2 ({share:.0%} of the variance)"
    assert "Bayes boundary" not in legend(ax)


def test_images_are_drawn_along_principal_components():
    problem = problem_of(4, n_classes=2)
    images = replace(
        problem,
        x_train=problem.x_train.reshape(-1, 2, 2),
        x_validation=problem.x_validation.reshape(-1, 2, 2),
        x_test=problem.x_test.reshape(-1, 2, 2),
    )
    flat, square = bl.plot_problem(problem), bl.plot_problem(images)
    label = "class 0, validation"
    np.testing.assert_allclose(points(square, label), points(flat, label))


def test_a_regression_has_no_decision_boundary():
    sentence = r"^problem: expected one with classes for decision boundaries, received a regr"
    before = plt.get_fignums()
    with pytest.raises(ValueError, match=sentence):
        bl.plot_decision_boundary(half_planes, problem_of(2))
    with pytest.raises(ValueError, match=sentence):
        bl.animate_boundary(None, problem_of(2))
    with pytest.raises(ValueError, match=sentence):
        bl.decision_boundaries(None, problem_of(2), {})
    assert plt.get_fignums() == before


# Decision boundaries


def half_planes(samples):
    """Believe in class 0 left of x = 2; there surely, on the right with 0.8."""
    left = samples[:, 0] < 2.0
    return np.where(left[:, None], [1.0, 0.0, 0.0], [0.1, 0.8, 0.1])


def test_decision_boundary_is_where_the_models_belief_changes(small, ax):
    assert bl.plot_decision_boundary(half_planes, small, ax=ax) is ax
    vertices = drawn_contours(ax, "black")
    left, right, bottom, top = ax.images[0].get_extent()
    np.testing.assert_allclose(vertices[:, 0], 2.0, atol=(right - left) / 199)
    assert np.isclose(vertices[:, 1].min(), bottom)
    assert np.isclose(vertices[:, 1].max(), top)
    assert {"the model's boundary", "Bayes boundary"} < set(legend(ax))
    for label in range(3):
        expected = small.x_test[small.y_test == label]
        np.testing.assert_array_equal(points(ax, f"class {label}, test"), expected)


def test_decision_colours_are_the_believed_classes_and_pale_where_uncertain(small):
    ax = bl.plot_decision_boundary(half_planes, small, resolution=50)
    (image,) = ax.images
    left, right, *_ = image.get_extent()
    on_left = np.linspace(left, right, 50) < 2.0
    colors = np.asarray(image.get_array())[..., :3]
    np.testing.assert_allclose(colors[:, on_left] - to_rgb(COLORS[0]), 0, atol=1e-6)
    np.testing.assert_allclose(colors[:, ~on_left] - to_rgb(COLORS[1]), 0, atol=1e-6)
    strength = image.get_alpha()
    assert strength.shape == (50, 50)
    # From 1/3, which is no belief at all, to 1.
    np.testing.assert_allclose(strength[:, ~on_left] / strength[0, 0], (0.8 - 1 / 3) / (2 / 3))


def test_decision_boundary_follows_the_second_feature_upwards(small):
    def above(samples):
        return np.where(samples[:, 1:] > 0, [0.0, 0.0, 1.0], [1.0, 0.0, 0.0])

    ax = bl.plot_decision_boundary(above, small, resolution=50)
    (image,) = ax.images
    assert image.origin == "lower"
    colors = np.asarray(image.get_array())[..., :3]
    np.testing.assert_allclose(colors[0] - to_rgb(COLORS[0]), 0, atol=1e-6)
    np.testing.assert_allclose(colors[-1] - to_rgb(COLORS[2]), 0, atol=1e-6)
    np.testing.assert_allclose(drawn_contours(ax, "black")[:, 1], 0, atol=0.5)


def test_decision_boundary_of_a_model_with_one_output():
    problem = bl.blobs(100, centers=[[-3, 0], [3, 0]], n_train=60)
    ax = bl.plot_decision_boundary(lambda x: 1 / (1 + np.exp(-(x[:, :1] + 1.0))), problem)
    vertices = drawn_contours(ax, "black")
    left, right, *_ = ax.images[0].get_extent()
    np.testing.assert_allclose(vertices[:, 0], -1.0, atol=(right - left) / 199)
    colors = np.asarray(ax.images[0].get_array())[..., :3]
    np.testing.assert_allclose(colors[0, 0], to_rgb(COLORS[0]))  # on the left, towards 0
    np.testing.assert_allclose(colors[0, -1], to_rgb(COLORS[1]))


@pytest.mark.parametrize("label", [0, 2])
def test_a_model_that_believes_in_one_class_only_has_no_boundary(small, label):
    ax = bl.plot_decision_boundary(lambda x: np.tile(np.eye(3)[label], (len(x), 1)), small)
    ax.figure.canvas.draw()
    with pytest.raises(ValueError, match="at least one array"):
        drawn_contours(ax, "black")


def test_decision_boundary_of_a_trained_replicate(small, history):
    model = bl.trained_model(bl.mlp, small, history)
    ax = bl.plot_decision_boundary(model, small, resolution=40)
    across, up = (
        np.linspace(*ax.images[0].get_extent()[two], 40) for two in (slice(2), slice(2, 4))
    )
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    believed = np.asarray(model.predict(grid, verbose=0)).argmax(axis=1).reshape(40, 40)
    expected = np.array([to_rgb(color) for color in COLORS[:3]])[believed]
    np.testing.assert_allclose(np.asarray(ax.images[0].get_array())[..., :3], expected, atol=1e-6)


# What drawing needs


def test_drawing_does_not_wait_for_tensorflow():
    code = "import batchlab.figures.histories, sys; "
    code += "print(*sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")
