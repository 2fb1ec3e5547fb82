"""What figures of histories and of sweeps share: words, curves, points, ceilings, captions."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from batchlab.analysis.evaluate import diverged
from batchlab.analysis.intervals import Interval, error_bars, mean_interval, over_replicates
from batchlab.figures.style import COLORS, LINE_STYLES, MARKERS, cycled, literal
from batchlab.foundation.checks import choice
from batchlab.histories.metrics import score_of
from batchlab.histories.records import has_setting, held_out, record_dimension, setting, spent

PARTS = {"train": "train_", "test": "val_", "reported": ""}
PART_LABELS = {"train": "training set", "test": "test set", "reported": "reported by Keras's fit"}
ACCURACY_LABEL = "accuracy (share classified right)"
CROSS_ENTROPY_LABEL = "cross-entropy (nats per sample)"
CROSS_ENTROPIES = (
    "SparseCategoricalCrossentropy",
    "CategoricalCrossentropy",
    "BinaryCrossentropy",
)
BUDGETS = {
    "epoch": "epochs (passes over the training set)",
    "update": "updates of the weights",
    "sample": "samples seen",
    "second": "seconds per replicate (compiling left out)",
}
CEILING_STYLES = {"train": (0, (1, 1)), "test": (0, (4, 2))}


def split(metric: str) -> tuple[str, str]:
    """Return the part and the kind of a final metric: "val_loss" is ("test", "loss")."""
    part, kind = metric.split("_", 1)
    return ("test" if part == "val" else part), kind


def chosen_kind(history: xr.Dataset, metric: str | None) -> str:
    """Return what is drawn of each part: its score for None, or the loss.

    Raises
    ------
    ValueError
        If it is neither.
    """
    score = score_of(history)
    return choice("metric", score if metric is None else metric, (score, "loss"))


def part_label(part: str, *histories: xr.Dataset) -> str:
    """Return what a part of these histories is called: their "test" may be a validation set."""
    return f"{held_out(*histories)} set" if part == "test" else PART_LABELS[part]


def metric_label(kind: str, *histories: xr.Dataset) -> str:
    """Return what the score or the loss of these histories is called, with its unit."""
    if kind == "accuracy":
        return ACCURACY_LABEL
    scaled = any(_names_of_setting(history, "target_scales") for history in histories)
    if kind == "mean_absolute_error":
        return "mean absolute error" + " (standard deviations of the target)" * scaled
    losses = {_loss_label(name) for history in histories for name in _losses(history)}
    label = losses.pop() if len(losses) == 1 else "loss"
    if label == "mean squared error" and scaled:
        label += " (squared standard deviations of the target)"
    return label


def _losses(history: xr.Dataset) -> list[str]:
    """Return the names of the losses; that of its task where a history does not say."""
    regression = (
        "regression" in _names_of_setting(history, "task") or "val_mean_absolute_error" in history
    )
    usual = "MeanSquaredError" if regression else CROSS_ENTROPIES[0]
    return _names_of_setting(history, "loss_function") or [usual]


def _names_of_setting(history: xr.Dataset, name: str) -> list[str]:
    """Return the values of a setting as strings, none where there is no such setting."""
    if not has_setting(history, name):
        return []
    return [str(value) for value in np.ravel(setting(history, name))]


def _loss_label(name: str) -> str:
    """Return a loss's class in words: "MeanSquaredError" is "mean squared error"."""
    if name in CROSS_ENTROPIES:
        return CROSS_ENTROPY_LABEL
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name).split(" ")
    words = [word if word.isupper() else word.lower() for word in words]
    return literal(name if len(words) == 1 else " ".join(words))


def draw_curves(
    ax: Axes,
    history: xr.Dataset,
    metric: str,
    x: str,
    part: str,
    label: str,
    place: int,
    *,
    single: bool = True,
    count: bool = True,
    band: Interval | None = None,
) -> None:
    """Draw the mean and its interval, the sound replicates if asked for, and those that diverged.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    history : xarray.Dataset
        One history, or one cell of a study.
    metric, x, part : str
        A kind such as `chosen_kind` returns; keys of `BUDGETS` and of `PARTS`.
    label : str
        In the legend.
    place : int
        Which colour and line style.
    single : bool
        Whether sound replicates are drawn one by one.
    count : bool
        Whether the label says how many replicates diverged.
    band : Interval or None
        From `band_of`, where it is drawn several times; None is to compute it.
    """
    style: dict[str, Any] = {
        "color": cycled(COLORS, place),
        "linestyle": cycled(LINE_STYLES, place),
    }
    along = spent(history, x).to_numpy()
    order = "replicate", record_dimension(history)
    curves = history[PARTS[part] + metric].transpose(*order).to_numpy()
    losses = history[PARTS[part] + "loss"].transpose(*order).to_numpy()
    lost = diverged(history).to_numpy()
    sound = curves[~lost]
    if single:
        ax.plot(along, sound.T, color=style["color"], alpha=0.18, linewidth=0.6)
    for curve, finite in zip(curves[lost], np.isfinite(losses[lost]), strict=True):
        end = len(finite) if finite.all() else finite.argmin()
        ax.plot(along[:end], curve[:end], color=style["color"], alpha=0.5, linewidth=0.8)
        if end:
            ax.plot(along[end - 1], curve[end - 1], "x", color=style["color"])
        else:  # lost in the first record: nothing to stand on but the axis
            at_the_foot = ax.get_xaxis_transform()
            ax.plot(along[0], 0.02, "x", color=style["color"], transform=at_the_foot)
    if count and lost.any():
        label += f" ({lost.sum()} of {lost.size} diverged)"
    if len(sound):
        mean, low, high = mean_interval(sound) if band is None else band
        ax.plot(along, mean, linewidth=1.8, label=label, **style)
        ax.fill_between(along, low, high, color=style["color"], alpha=0.3, linewidth=0)
    else:
        ax.plot([], [], label=label, **style)


def band_of(history: xr.Dataset, metric: str, part: str) -> Interval:
    """Return the mean of a curve over the sound replicates and its interval, at each record."""
    order = "replicate", record_dimension(history)
    curves = history[PARTS[part] + metric].transpose(*order).to_numpy()
    return mean_interval(curves[~diverged(history).to_numpy()])


def draw_points(
    ax: Axes, along: np.ndarray, values: xr.DataArray, hollow: np.ndarray, label: str, place: int
) -> xr.Dataset:
    """Draw the means over the replicates with their intervals, and return them.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    along : ndarray of shape (points,)
    values : xarray.DataArray, dimensions replicate and another of as many points
        NaN is no value.
    hollow : ndarray of bool, shape (points,)
        Which points are drawn hollow.
    label : str
        In the legend.
    place : int
        Which colour, line style and marker.

    Returns
    -------
    xarray.Dataset
        From `over_replicates`.
    """
    found = over_replicates(values)
    mean = found["mean"].to_numpy()
    color, marker = cycled(COLORS, place), cycled(MARKERS, place)
    interval = Interval(mean, found["low"].to_numpy(), found["high"].to_numpy())
    draw_intervals(ax, along, interval, label, place)
    if hollow.any():
        ax.plot(
            along[hollow],
            mean[hollow],
            marker,
            color=color,
            markerfacecolor="white",
            zorder=3,
        )
    return found


def draw_intervals(ax: Axes, along: np.ndarray, interval: Interval, label: str, place: int) -> None:
    """Draw means with their intervals, in the colour, line style and marker of a place."""
    ax.errorbar(
        along,
        interval.mean,
        error_bars(*interval),
        color=cycled(COLORS, place),
        linestyle=cycled(LINE_STYLES, place),
        marker=cycled(MARKERS, place),
        capsize=3,
        label=label,
    )


def mark(ax: Axes, along: np.ndarray, height: float, marker: str, place: int) -> None:
    """Mark places that have no value at a height of the axes."""
    if len(along):
        heights = np.full(len(along), height)
        ax.plot(
            along,
            heights,
            marker,
            color=cycled(COLORS, place),
            transform=ax.get_xaxis_transform(),
            zorder=3,
        )


def draw_ceilings(ax: Axes, histories: Iterable[xr.Dataset], parts: Sequence[str]) -> None:
    """Draw the accuracies of the Bayes rule on these parts, where they are known."""
    histories = list(histories)
    for part in parts:
        name = f"bayes_{part}_accuracy"
        known = [np.ravel(setting(one, name)) for one in histories if has_setting(one, name)]
        accuracies = np.unique(np.concatenate(known)) if known else np.empty(0)
        for accuracy in accuracies[~np.isnan(accuracies)]:
            draw_ceiling(ax, accuracy, part)


def draw_ceiling(ax: Axes, accuracy: float, part: str) -> None:
    """Draw the accuracy of the Bayes rule on a part."""
    label = f"Bayes ceiling, {PART_LABELS[part]}: {accuracy:.3f}"
    ax.axhline(accuracy, color="dimgray", linewidth=1, linestyle=CEILING_STYLES[part], label=label)


def band_caption(*histories: xr.Dataset | xr.DataArray, single: bool = True) -> str:
    """Return what line and band are, for the title of a legend."""
    counts = sorted({history.sizes["replicate"] for history in histories})
    if counts == [1]:
        return "1 replicate, no interval"
    runs = ", thin: single runs" if single else ""
    return f"mean of {' or '.join(map(str, counts))} replicates, 95 % interval{runs}"
