"""Figures of histories: learning curves, several side by side, the replicates at the end.

Imports neither TensorFlow nor Keras. Every function takes the axes to draw on, or None for new
ones, and returns the axes.
"""

from collections.abc import Iterable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from batchlab._checks import choice
from batchlab._style import COLORS, LINE_STYLES, axes_or_new, cycled
from batchlab.evaluation import (
    FINAL_METRICS,
    diverged,
    evaluate,
    mean_interval,
    seconds_per_replicate,
)

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
    ax = axes_or_new(ax)
    for place, part in enumerate(parts):
        _draw_curves(ax, history, metric, x, part, PART_LABELS[part], place)
    if metric == "accuracy":
        _draw_ceilings(ax, [history], parts)
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
            _draw_ceilings(ax, histories.values(), [part])
        ax.set(xlabel=BUDGETS[budget], xscale="linear" if budget == "epoch" else "log")
        ax.set_ylabel(f"{METRIC_LABELS[metric]}\n{PART_LABELS[part]}")
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
    ax = axes_or_new(ax)
    for place, (name, history) in enumerate(histories.items()):
        color = cycled(COLORS, place)
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
        _draw_ceilings(ax, histories.values(), ["test" if metric.startswith("val") else "train"])
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


def _check_histories(histories: Mapping[str, xr.Dataset]) -> None:
    if not histories:
        raise ValueError("histories: expected at least one history, received none.")


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
    style = {"color": cycled(COLORS, place), "linestyle": cycled(LINE_STYLES, place)}
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
        if end:
            ax.plot(along[end - 1], curve[end - 1], "x", color=style["color"])
        else:  # lost in the first epoch: nothing to stand on but the axis
            at_the_foot = ax.get_xaxis_transform()
            ax.plot(along[0], 0.02, "x", color=style["color"], transform=at_the_foot)
    if lost.any():
        label += f" ({lost.sum()} of {lost.size} diverged)"
    if len(sound):
        mean, low, high = mean_interval(sound)
        ax.plot(along, mean, linewidth=1.8, label=label, **style)
        ax.fill_between(along, low, high, color=style["color"], alpha=0.3, linewidth=0)
    else:
        ax.plot([], [], label=label, **style)


def _draw_ceilings(ax: Axes, histories: Iterable[xr.Dataset], parts: Sequence[str]) -> None:
    styles = {"train": (0, (1, 1)), "test": (0, (4, 2))}
    known = [history.attrs for history in histories]
    for part in parts:
        name = f"bayes_{part}_accuracy"
        for accuracy in sorted({settings[name] for settings in known if name in settings}):
            label = f"Bayes ceiling, {PART_LABELS[part]}: {accuracy:.3f}"
            ax.axhline(accuracy, color="dimgray", linewidth=1, linestyle=styles[part], label=label)


def _band_caption(*histories: xr.Dataset, single: bool = True) -> str:
    counts = sorted({history.sizes["replicate"] for history in histories})
    if counts == [1]:
        return "1 replicate, no interval"
    runs = ", thin: single runs" if single else ""
    return f"mean of {' or '.join(map(str, counts))} replicates, 95 % interval{runs}"
