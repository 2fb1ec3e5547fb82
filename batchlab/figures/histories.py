"""Figures of histories: learning curves, several side by side, the replicates at the end.

Imports neither TensorFlow nor Keras. Every function takes the axes to draw on, or None for new
ones, and returns the axes.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from batchlab.analysis.evaluate import diverged, evaluate, final_values
from batchlab.analysis.intervals import error_bars
from batchlab.figures.axes import panel_axes
from batchlab.figures.curves import (
    BUDGETS,
    PARTS,
    band_caption,
    band_of,
    chosen_kind,
    draw_ceilings,
    draw_curves,
    metric_label,
    part_label,
    split,
)
from batchlab.figures.style import COLORS, axes_or_new, cycled, literal
from batchlab.foundation.checks import choice
from batchlab.histories.metrics import chosen_metric
from batchlab.histories.records import batch_size_in_words, has_setting, record_dimension, setting


def plot_learning_curves(
    history: xr.Dataset,
    *,
    metric: str | None = None,
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
    metric : {"accuracy", "loss"} or None
        None is the accuracy, of a regression mean_absolute_error.
    x : {"epoch", "update", "sample", "second"}
        The budget along the horizontal axis.
    parts : sequence of {"train", "test", "reported"}
        The training and the test set (or the validation set, if there is one) after each epoch;
        what Keras's fit reports during it.
    ax : matplotlib.axes.Axes or None

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `metric`, `x` or one of `parts` is another.

    Examples
    --------
    >>> import batchlab as bl
    >>> history = bl.fit(bl.mlp, bl.blobs(), batch_size=500, epochs=2, replicates=3)
    >>> bl.plot_learning_curves(history, x="update").get_title()
    'blobs, batch size 500, learning rate 0.01'
    """
    metric = chosen_kind(history, metric)
    choice("x", x, tuple(BUDGETS))
    for part in parts:
        choice("parts", part, tuple(PARTS))
    ax = axes_or_new(ax)
    for place, part in enumerate(parts):
        draw_curves(ax, history, metric, x, part, part_label(part, history), place)
    if metric == "accuracy":
        draw_ceilings(ax, [history], parts)
    about = (
        f"{literal(setting(history, 'problem').item())}, batch size {batch_size_in_words(history)}"
    )
    if has_setting(history, "learning_rate"):
        about += f", learning rate {setting(history, 'learning_rate').item():g}"
    ax.set(
        xlabel=BUDGETS[x],
        ylabel=metric_label(metric, history),
        title=about,
    )
    ax.xaxis.set_major_locator(MaxNLocator(integer=x != "second"))
    ax.legend(title=band_caption(history), fontsize="small", title_fontsize="small")
    return ax


def plot_comparison(
    histories: Mapping[str, xr.Dataset],
    *,
    metric: str | None = None,
    part: str = "test",
    budgets: Sequence[str] = tuple(BUDGETS),
    axes: Sequence[Axes] | None = None,
) -> np.ndarray:
    """Draw several histories on the same axes, once for each budget, all with one y-axis.

    Parameters
    ----------
    histories : mapping of str to xarray.Dataset
        By the name in the legend.
    metric : {"accuracy", "loss"} or None
        None is the accuracy, of a regression mean_absolute_error.
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

    Examples
    --------
    >>> import batchlab as bl
    >>> history = bl.fit(bl.mlp, bl.blobs(), batch_size=500, epochs=2, replicates=3)
    >>> axes = bl.plot_comparison({"full batch": history}, budgets=["epoch", "update"])
    >>> [ax.get_xlabel() for ax in axes]
    ['epochs (passes over the training set)', 'updates of the weights']
    """
    _check_histories(histories)
    kind = _common(chosen_kind, histories, metric)
    choice("part", part, tuple(PARTS))
    for budget in budgets:
        choice("budgets", budget, tuple(BUDGETS))
    panels = panel_axes("budget", len(budgets), 2, (5.6, 3.9), axes, sharey=True)
    each = histories.values()
    bands = {name: band_of(history, kind, part) for name, history in histories.items()}
    for ax, budget in zip(panels, budgets, strict=True):
        for place, (name, history) in enumerate(histories.items()):
            draw_curves(
                *(ax, history, kind, budget, part, literal(name), place),
                single=False,
                band=bands[name],
            )
        if kind == "accuracy":
            draw_ceilings(ax, each, [part])
        ax.set(xlabel=BUDGETS[budget], xscale="linear" if budget == "epoch" else "log")
        ax.set_ylabel("\n".join([metric_label(kind, *each), part_label(part, *each)]))
    panels[0].legend(
        title=band_caption(*each, single=False),
        fontsize="small",
        title_fontsize="small",
    )
    return panels


def plot_replicates(
    histories: Mapping[str, xr.Dataset],
    *,
    metric: str | None = None,
    published: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw each replicate's final metric, the mean with its 95 % interval, and what was published.

    Parameters
    ----------
    histories : mapping of str to xarray.Dataset
        By the name along the horizontal axis.
    metric : {"train_accuracy", "val_accuracy", "train_loss", "val_loss"} or None
        None is val_accuracy, of a regression val_mean_absolute_error.
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

    Examples
    --------
    >>> import batchlab as bl
    >>> history = bl.fit(bl.mlp, bl.blobs(), batch_size=500, epochs=2, replicates=3)
    >>> ax = bl.plot_replicates({"full batch": history}, published={"full batch": 0.83})
    >>> [text.get_text() for text in ax.get_legend().get_texts()][:3]
    ['Bayes ceiling, test set: 0.840', 'a replicate', 'published (one run)']
    """
    _check_histories(histories)
    metric = _common(chosen_metric, histories, metric)
    ax = axes_or_new(ax)
    for place, (name, history) in enumerate(histories.items()):
        color = cycled(COLORS, place)
        lost = diverged(history).to_numpy()
        final = final_values(history, metric).dropna("replicate").to_numpy()
        across = place + np.linspace(-0.25, 0.05, max(len(final), 2))[: len(final)]
        ax.plot(across, np.sort(final), ".", color=color, alpha=0.6)
        row = evaluate(history, metric=metric).loc[metric]
        reach = error_bars(*(np.array([row[name]]) for name in ("mean", "low", "high")))
        ax.errorbar(place + 0.15, row["mean"], reach, fmt="D", color=color, capsize=5)
        if published and name in published:
            ax.plot(place + 0.28, published[name], "k*", markersize=11)
        if lost.any():
            note = f"{lost.sum()} of {lost.size}\ndiverged"
            ax.annotate(note, (place, 0.02), xycoords=("data", "axes fraction"), ha="center")
    part, kind = split(metric)
    if kind == "accuracy":
        draw_ceilings(ax, histories.values(), [part])
    ax.plot([], [], ".", color="grey", label="a replicate")
    ax.errorbar(
        [], [], [], fmt="D", color="grey", capsize=5, label="mean, 95 % interval of the mean"
    )
    if published:
        ax.plot([], [], "k*", markersize=11, linestyle="none", label="published (one run)")
    ax.set_xticks(range(len(histories)), [literal(name) for name in histories])
    record = record_dimension(next(iter(histories.values())))
    each = histories.values()
    ax.set_ylabel(f"{metric_label(kind, *each)}\n{part_label(part, *each)}, last {record}")
    ax.set_xlim(-0.5, len(histories) - 0.5)
    ax.legend(fontsize="small")
    return ax


def _check_histories(histories: Mapping[str, xr.Dataset]) -> None:
    if not histories:
        raise ValueError("histories: expected at least one history, received none.")


def _common(
    choose: Callable[[xr.Dataset, str | None], str],
    histories: Mapping[str, xr.Dataset],
    metric: str | None,
) -> str:
    """Return the metric that all histories have, None being that of the first."""
    first, *others = histories.values()
    chosen = choose(first, metric)
    for history in others:
        choose(history, chosen)
    return chosen
