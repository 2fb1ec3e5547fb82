"""Figures of problems, histories and trained models. Draws what others computed.

Imports neither TensorFlow nor Keras. Every function takes the axes to draw on, or None for new
ones, and returns the axes.
"""

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.ticker import MaxNLocator

from batchlab._checks import choice, whole_number
from batchlab.data import Problem
from batchlab.evaluation import (
    FINAL_METRICS,
    diverged,
    evaluate,
    mean_interval,
    seconds_per_replicate,
)

# Okabe and Ito's palette, told apart by colour-blind readers; line styles and markers say it again.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
LINE_STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")

PARTS = {"train": "train_", "test": "val_", "reported": ""}
PART_LABELS = {"train": "training set", "test": "test set", "reported": "reported by Keras's fit"}
METRIC_LABELS = {
    "accuracy": "accuracy (share classified right)",
    "loss": "cross-entropy (nats per sample)",
}
BUDGETS = {
    "epoch": "epochs (passes over the training set)",
    "update": "updates of the weights",
    "sample": "samples seen",
    "second": "seconds per replicate (compiling left out)",
}


def plot_problem(problem: Problem, *, ax: Axes | None = None) -> Axes:
    """Draw the samples by class, and the Bayes boundary if the distribution is known.

    Parameters
    ----------
    problem : Problem
        With two features.
    ax : matplotlib.axes.Axes or None

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the problem has other than two features.
    """
    _check_plane(problem)
    ax = _axes(ax)
    for label in range(problem.n_classes):
        style = {"color": _cycled(COLORS, label), "marker": _cycled(MARKERS, label), "s": 16}
        train, test = problem.y_train == label, problem.y_test == label
        ax.scatter(*problem.x_train[train].T, label=f"class {label}, training", **style)
        ax.scatter(*problem.x_test[test].T, label=f"class {label}, test", **style | _HOLLOW(style))
    _draw_bayes_boundary(problem, ax)
    title = f"{problem.name}: {problem.n_train} training and {problem.n_test} test samples"
    if problem.bayes_accuracy is not None:
        train, test = problem.bayes_accuracy
        title += f"\nbest possible accuracy {train:.3f} (training), {test:.3f} (test)"
    ax.set(xlabel="feature 0", ylabel="feature 1", title=title)
    _legend_outside(ax)
    return ax


def plot_learning_curves(
    history: xr.Dataset,
    *,
    metric: str = "accuracy",
    x: str = "epoch",
    parts: Sequence[str] = ("train", "test"),
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean over the replicates, its 95 % interval and the single replicates.

    Replicates that diverged are drawn up to where they did, a cross at the end, are counted in the
    legend, and do not enter the mean.

    Parameters
    ----------
    history : xarray.Dataset
        From `batchlab.fit`.
    metric : {"accuracy", "loss"}
    x : {"epoch", "update", "sample", "second"}
        The budget along the horizontal axis.
    parts : sequence of {"train", "test", "reported"}
        The training and the test set after each epoch; what Keras's fit reports during it.
    ax : matplotlib.axes.Axes or None

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `metric`, `x` or one of `parts` is another.
    """
    choice("metric", metric, tuple(METRIC_LABELS))
    choice("x", x, tuple(BUDGETS))
    for part in parts:
        choice("parts", part, tuple(PARTS))
    ax = _axes(ax)
    for place, part in enumerate(parts):
        _draw_curves(ax, history, metric, x, part, PART_LABELS[part], place)
    if metric == "accuracy":
        _draw_ceilings(ax, history, parts)
    settings = history.attrs
    rate = f", learning rate {settings['learning_rate']:g}" if "learning_rate" in settings else ""
    ax.set(
        xlabel=BUDGETS[x],
        ylabel=METRIC_LABELS[metric],
        title=f"{settings['problem']}, batch size {settings['batch_size']}{rate}",
    )
    ax.xaxis.set_major_locator(MaxNLocator(integer=x != "second"))
    ax.legend(title=_band_caption(history), fontsize="small", title_fontsize="small")
    return ax


def plot_comparison(
    histories: Mapping[str, xr.Dataset],
    *,
    metric: str = "accuracy",
    part: str = "test",
    budgets: Sequence[str] = tuple(BUDGETS),
    axes: Sequence[Axes] | None = None,
) -> np.ndarray:
    """Draw several histories on the same axes, once for each budget, all with one y-axis.

    Parameters
    ----------
    histories : mapping of str to xarray.Dataset
        By the name in the legend.
    metric : {"accuracy", "loss"}
    part : {"train", "test", "reported"}
    budgets : sequence of {"epoch", "update", "sample", "second"}
        One panel each, on a logarithmic axis except for epochs.
    axes : sequence of matplotlib.axes.Axes or None
        As many as budgets.

    Returns
    -------
    ndarray of matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `metric`, `part` or one of `budgets` is another, there are no histories or budgets, or
        fewer axes than budgets.
    """
    _check_histories(histories)
    choice("metric", metric, tuple(METRIC_LABELS))
    choice("part", part, tuple(PARTS))
    for budget in budgets:
        choice("budgets", budget, tuple(BUDGETS))
    if not 0 < len(budgets) <= (len(budgets) if axes is None else np.size(axes)):
        raise ValueError(
            "budgets, axes: expected at least one budget and axes for each, received "
            f"{len(budgets)} budgets and {'no' if axes is None else np.size(axes)} axes."
        )
    if axes is None:
        columns = min(len(budgets), 2)
        rows = -(-len(budgets) // columns)
        size = (5.6 * columns, 3.9 * rows)
        _, axes = plt.subplots(
            rows, columns, figsize=size, sharey=True, squeeze=False, layout="constrained"
        )
        for spare in axes.flat[len(budgets) :]:
            spare.remove()
    axes = np.ravel(axes)[: len(budgets)]
    for ax, budget in zip(axes, budgets, strict=True):
        for place, (name, history) in enumerate(histories.items()):
            _draw_curves(ax, history, metric, budget, part, name, place, single=False)
        if metric == "accuracy":
            _draw_ceilings(ax, history, [part])
        ax.set(xlabel=BUDGETS[budget], xscale="linear" if budget == "epoch" else "log")
        ax.set_ylabel(f"{METRIC_LABELS[metric]}\n{PART_LABELS[part]}")
        ax.label_outer() if len(budgets) == 1 else None
    axes[0].legend(
        title=_band_caption(*histories.values(), single=False),
        fontsize="small",
        title_fontsize="small",
    )
    return axes


def plot_replicates(
    histories: Mapping[str, xr.Dataset],
    *,
    metric: str = "val_accuracy",
    published: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw each replicate's final metric, the mean with its 95 % interval, and what was published.

    Parameters
    ----------
    histories : mapping of str to xarray.Dataset
        By the name along the horizontal axis.
    metric : {"train_accuracy", "val_accuracy", "train_loss", "val_loss"}
    published : mapping of str to float or None
        A published value for any of the names.
    ax : matplotlib.axes.Axes or None

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `metric` is another or there are no histories.
    """
    _check_histories(histories)
    choice("metric", metric, FINAL_METRICS)
    ax = _axes(ax)
    for place, (name, history) in enumerate(histories.items()):
        color = _cycled(COLORS, place)
        lost = diverged(history).to_numpy()
        final = history[metric].isel(epoch=-1).to_numpy()[~lost]
        across = place + np.linspace(-0.25, 0.05, max(len(final), 2))[: len(final)]
        ax.plot(across, np.sort(final), ".", color=color, alpha=0.6)
        row = evaluate(history).loc[metric]
        reach = [[row["mean"] - row["low"]], [row["high"] - row["mean"]]]
        ax.errorbar(
            place + 0.15, row["mean"], np.nan_to_num(reach), fmt="D", color=color, capsize=5
        )
        if published and name in published:
            ax.plot(place + 0.28, published[name], "k*", markersize=11)
        if lost.any():
            note = f"{lost.sum()} of {lost.size}\ndiverged"
            ax.annotate(note, (place, 0.02), xycoords=("data", "axes fraction"), ha="center")
    if metric.endswith("accuracy"):
        _draw_ceilings(ax, history, ["test" if metric.startswith("val") else "train"])
    ax.plot([], [], ".", color="grey", label="a replicate")
    ax.errorbar(
        [], [], [], fmt="D", color="grey", capsize=5, label="mean, 95 % interval of the mean"
    )
    if published:
        ax.plot([], [], "k*", markersize=11, linestyle="none", label="published (one run)")
    ax.set_xticks(range(len(histories)), list(histories))
    part, kind = metric.split("_")
    ax.set_ylabel(
        f"{METRIC_LABELS[kind]}\n{PART_LABELS['test' if part == 'val' else part]}, last epoch"
    )
    ax.set_xlim(-0.5, len(histories) - 0.5)
    ax.legend(fontsize="small")
    return ax


def plot_decision_boundary(
    model: Callable, problem: Problem, *, ax: Axes | None = None, resolution: int = 200
) -> Axes:
    """Draw what a trained model believes: its class by colour, the more certain the deeper.

    Parameters
    ----------
    model : callable
        Samples (n, 2) -> class probabilities (n, n_classes), or (n, 1) for two classes; a Keras
        model such as `batchlab.trained_model` returns.
    problem : Problem
        With two features; its test samples are drawn, and the Bayes boundary if it is known.
    ax : matplotlib.axes.Axes or None
    resolution : int
        Points along each axis.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the problem has other than two features, or the model returns other than probabilities
        of its classes.
    """
    _check_plane(problem)
    resolution = whole_number("resolution", resolution, minimum=2)
    across, up, points = _grid(problem, resolution)
    probabilities = np.asarray(model(points))
    if problem.n_classes == 2 and probabilities.shape == (len(points), 1):
        probabilities = np.hstack([1 - probabilities, probabilities])
    expected = len(points), problem.n_classes
    if probabilities.shape != expected:
        raise ValueError(
            f"model: expected it to return probabilities of shape {expected}, received shape "
            f"{probabilities.shape}."
        )
    ax = _axes(ax)
    believed = probabilities.argmax(axis=1).reshape(resolution, resolution)
    certainty = probabilities.max(axis=1).reshape(resolution, resolution)
    colors = ListedColormap([_cycled(COLORS, label) for label in range(problem.n_classes)])
    ax.imshow(
        colors(believed),
        alpha=0.65 * (certainty - 1 / problem.n_classes) / (1 - 1 / problem.n_classes),
        extent=(across[0], across[-1], up[0], up[-1]),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
    )
    _draw_boundary(ax, across, up, believed, colors="black", linestyles="-")
    ax.plot([], [], "-", color="black", label="the model's boundary")
    _draw_bayes_boundary(problem, ax)
    for label in range(problem.n_classes):
        style = {"color": _cycled(COLORS, label), "marker": _cycled(MARKERS, label), "s": 14}
        chosen = problem.x_test[problem.y_test == label]
        ax.scatter(
            *chosen.T, label=f"class {label}, test", edgecolors="white", linewidths=0.4, **style
        )
    ax.set(xlabel="feature 0", ylabel="feature 1")
    ax.set_title("class that the model believes in; the paler the less certain")
    _legend_outside(ax)
    return ax


def _HOLLOW(style: dict) -> dict:
    return {"facecolors": "none", "edgecolors": style["color"], "linewidths": 0.8}


def _axes(ax: Axes | None) -> Axes:
    return plt.subplots(figsize=(7.5, 4.5), layout="constrained")[1] if ax is None else ax


def _cycled(values: Sequence, place: int):
    return values[place % len(values)]


def _check_plane(problem: Problem) -> None:
    if problem.feature_shape != (2,):
        raise ValueError(
            f"problem: expected samples with 2 features to draw, received {problem.feature_shape}."
        )


def _check_histories(histories: Mapping[str, xr.Dataset]) -> None:
    if not histories:
        raise ValueError("histories: expected at least one history, received none.")


def _legend_outside(ax: Axes) -> None:
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small", frameon=False)


def _grid(problem: Problem, resolution: int = 400):
    samples = np.vstack([problem.x_train, problem.x_test])
    low, high = samples.min(axis=0), samples.max(axis=0)
    margin = 0.05 * (high - low)
    across, up = np.linspace(low - margin, high + margin, resolution).T
    return across, up, np.column_stack([values.ravel() for values in np.meshgrid(across, up)])


def _draw_bayes_boundary(problem: Problem, ax: Axes) -> None:
    if problem.distribution is None:
        return
    across, up, points = _grid(problem)
    best = problem.distribution.predict(points).reshape(len(up), len(across))
    _draw_boundary(ax, across, up, best, colors="dimgray", linestyles="--")
    ax.plot([], [], "--", color="dimgray", label="Bayes boundary")


def _draw_boundary(ax: Axes, across, up, classes, **style) -> None:
    for label in range(classes.max()):
        # Classes that had their turn are masked: a line drawn twice would fill its own dashes.
        inside = np.ma.masked_where(classes < label, (classes == label).astype(float))
        if 0 < inside.sum() < inside.count():
            ax.contour(across, up, inside, levels=[0.5], linewidths=1.2, **style)


def _budget(history: xr.Dataset, x: str) -> np.ndarray:
    if x == "second":
        return history["epoch"].to_numpy() * seconds_per_replicate(history) / history.sizes["epoch"]
    return history[x].to_numpy()


def _draw_curves(
    ax: Axes,
    history: xr.Dataset,
    metric: str,
    x: str,
    part: str,
    label: str,
    place: int,
    *,
    single: bool = True,
) -> None:
    style = {"color": _cycled(COLORS, place), "linestyle": _cycled(LINE_STYLES, place)}
    along = _budget(history, x)
    curves = history[PARTS[part] + metric].transpose("replicate", "epoch").to_numpy()
    losses = history[PARTS[part] + "loss"].transpose("replicate", "epoch").to_numpy()
    lost = diverged(history).to_numpy()
    sound = curves[~lost]
    if single:
        ax.plot(along, sound.T, color=style["color"], alpha=0.18, linewidth=0.6)
    for curve, finite in zip(curves[lost], np.isfinite(losses[lost]), strict=True):
        end = len(finite) if finite.all() else finite.argmin()
        ax.plot(along[:end], curve[:end], color=style["color"], alpha=0.5, linewidth=0.8)
        ax.plot(along[max(end - 1, 0)], curve[max(end - 1, 0)], "x", color=style["color"])
    if lost.any():
        label += f" ({lost.sum()} of {lost.size} diverged)"
    if len(sound):
        mean, low, high = mean_interval(sound)
        ax.plot(along, mean, linewidth=1.8, label=label, **style)
        ax.fill_between(along, low, high, color=style["color"], alpha=0.3, linewidth=0)
    else:
        ax.plot([], [], label=label, **style)


def _draw_ceilings(ax: Axes, history: xr.Dataset, parts: Sequence[str]) -> None:
    styles = {"train": (0, (1, 1)), "test": (0, (4, 2))}
    for part in parts:
        accuracy = history.attrs.get(f"bayes_{part}_accuracy")
        if accuracy is not None:
            label = f"Bayes ceiling, {PART_LABELS[part]}: {accuracy:.3f}"
            ax.axhline(accuracy, color="dimgray", linewidth=1, linestyle=styles[part], label=label)


def _band_caption(*histories: xr.Dataset, single: bool = True) -> str:
    counts = sorted({history.sizes["replicate"] for history in histories})
    if counts == [1]:
        return "1 replicate, no interval"
    runs = ", thin: single runs" if single else ""
    return f"mean of {' or '.join(map(str, counts))} replicates, 95 % interval{runs}"
