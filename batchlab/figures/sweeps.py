"""Figures against the settings of a sweep: final metrics, and time to target.

Imports neither TensorFlow nor Keras. Every function takes the axes to draw on, or None for new
ones, and returns the axes.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import xarray as xr
from matplotlib import patheffects
from matplotlib.axes import Axes

from batchlab.analysis.evaluate import diverged, final_values, late_variance
from batchlab.analysis.targets import time_to_target
from batchlab.figures.axes import is_wide, lines_of, panel_axes, scale, spell_out
from batchlab.figures.curves import (
    BUDGETS,
    band_caption,
    draw_ceilings,
    draw_points,
    mark,
    metric_label,
    part_label,
    split,
)
from batchlab.figures.style import axes_or_new
from batchlab.foundation.checks import choice
from batchlab.histories.metrics import chosen_metric
from batchlab.histories.records import record_dimension

QUANTITIES = ("mean", "unsettled")


def plot_against(
    study: xr.Dataset,
    *,
    metric: str | None = None,
    quantity: str = "mean",
    x: str = "batch_size",
    ax: Axes | None = None,
) -> Axes:
    """Draw a final metric, or how unsettled it is, against a setting that was swept.

    Parameters
    ----------
    study : xarray.Dataset
        From `batchlab.sweep`, over `x` and at most one other dimension, a line for each of its
        values.
    metric : {"train_accuracy", "val_accuracy", "train_loss", "val_loss"} or None
        None is val_accuracy, of a regression val_mean_absolute_error.
    quantity : {"mean", "unsettled"}
        The metric in the last record; or its standard deviation over the last quarter of the
        records, within a replicate. Both are means over the replicates, with their 95 % interval.
        A point is hollow where some replicates diverged, which are left out; where all did there
        is a cross at the foot.
    x : str
        A dimension of numbers; the axis is logarithmic for whole ones, such as batch sizes, and
        for those over a tenfold range.
    ax : matplotlib.axes.Axes or None

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `metric` or `quantity` is another, or the study is not over numbers `x` and at most one
        other dimension.

    Examples
    --------
    >>> import batchlab as bl
    >>> study = bl.sweep(bl.mlp, bl.blobs(), batch_size=[32, 500], epochs=5, replicates=5)
    >>> bl.plot_against(study).get_xscale()
    'log'
    """
    metric = chosen_metric(study, metric)
    choice("quantity", quantity, QUANTITIES)
    lines = list(lines_of(study, x))
    part, kind = split(metric)
    ax = axes_or_new(ax)
    caption = band_caption(study, single=False)
    drawn = []
    for place, (label, cells) in enumerate(lines):
        values = final_values(cells, metric)
        if quantity == "unsettled":
            values = cast(xr.DataArray, np.sqrt(late_variance(cells, metric)))
        lost = diverged(cells).sum("replicate").to_numpy()
        label = label or caption
        if lost.any():
            label += f" ({lost.sum()} of {lost.size * study.sizes['replicate']} diverged)"
        along = cells[x].to_numpy()
        drawn.append(draw_points(ax, along, values, lost > 0, label, place))
        mark(ax, along[lost == study.sizes["replicate"]], 0.03, "x", place)
    if quantity == "mean" and kind == "accuracy":
        draw_ceilings(ax, [study], [part])
    if diverged(study).any():
        ax.plot([], [], "o", color="grey", markerfacecolor="white", label="some diverged")
    scale(ax, along, x)
    means = np.concatenate([found["mean"].to_numpy() for found in drawn])
    if kind != "accuracy" and is_wide(means):
        ax.set_yscale("log")
    name = metric_label(kind, study)
    if quantity == "mean":
        label = f"{name}\n{part_label(part, study)}, last {record_dimension(study)}"
    else:
        name = "accuracy" if kind == "accuracy" else name
        label = (
            f"standard deviation of {name}\n"
            f"{part_label(part, study)}, over the last quarter of the {record_dimension(study)}s"
        )
    ax.set_ylabel(label)
    style: dict[str, Any] = {"fontsize": "small", "title_fontsize": "small"}
    if len(lines) > 1:  # which leave no room within
        style |= {"title": caption, "loc": "upper left", "bbox_to_anchor": (1, 1), "frameon": False}
    ax.legend(**style)
    return ax


def plot_time_to_target(
    study: xr.Dataset,
    target: float,
    *,
    metric: str | None = None,
    held: bool = True,
    budgets: Sequence[str] = tuple(BUDGETS),
    axes: Sequence[Axes] | None = None,
) -> np.ndarray:
    """Draw what it takes to reach a target and to stay there, against the batch size.

    The mean is over those replicates that hold the target to the end, or with ``held=False``
    reach it at all. Where some do not, the point is hollow and says how many do: it is a mean of
    the lucky ones, and too low. Where none does there is a cross at the top.

    Parameters
    ----------
    study : xarray.Dataset
        From `batchlab.sweep`, over batch_size and at most one other dimension, a line for each of
        its values.
    target : float
        As in `time_to_target`: a share of the samples classified right, or a loss or an error.
    metric : {"train_accuracy", "val_accuracy", "train_loss", "val_loss"} or None
        None is val_accuracy, of a regression val_mean_absolute_error.
    held : bool
        Whether the target is to be held to the end, as in `time_to_target`.
    budgets : sequence of {"epoch", "update", "sample", "second"}
        One panel each; both its axes are logarithmic.
    axes : sequence of matplotlib.axes.Axes or None
        At least as many as budgets.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (budgets,)

    Raises
    ------
    ValueError
        If `target` is not one of the metric, `metric` or one of `budgets` is another, the study is
        not over batch_size and at most one other dimension, or there are no budgets or fewer axes
        than budgets.

    Examples
    --------
    >>> import batchlab as bl
    >>> study = bl.sweep(bl.mlp, bl.blobs(), batch_size=[32, 500], epochs=50, replicates=5)
    >>> bl.plot_time_to_target(study, 0.75, budgets=["update"])[0].get_yscale()
    'log'
    """
    for budget in budgets:
        choice("budgets", budget, tuple(BUDGETS))
    metric = chosen_metric(study, metric)
    lines = [
        (label, time_to_target(cells, target, metric=metric, held=held))
        for label, cells in lines_of(study, "batch_size")
    ]
    replicates = study.sizes["replicate"]
    part, kind = split(metric)
    verb = "hold" if held else "reach"
    done = "reached and held to the end" if held else "first reached"
    caption = f"{part_label(part, study)}, {kind.replace('_', ' ')} {target:g} {done}"
    interval = f"mean of the replicates that {verb} it" + (", 95 % interval" * (replicates > 1))
    own = axes is None
    panels = panel_axes("budget", len(budgets), 2, (5.2, 3.7), axes)
    for ax, budget in zip(panels, budgets, strict=True):
        ax.set_yscale("log")
        for place, (label, times) in enumerate(lines):
            sizes, counts = (
                times["batch_size"].to_numpy(),
                times[budget].count("replicate").to_numpy(),
            )
            found = draw_points(
                ax, sizes, times[budget], counts < replicates, label or interval, place
            )
            mark(ax, sizes[counts == 0], 0.96, "x", place)
            if len(lines) == 1:
                heights = found["high"].fillna(found["mean"])
                _say_how_many(
                    ax, sizes, heights, counts, replicates, "not held" if held else "not reached"
                )
        scale(ax, sizes, "batch_size")
        ax.margins(y=0.2)
        spell_out(ax)
        ax.set_ylabel(BUDGETS[budget])
    _explain_marks(panels[0], lines, replicates, verb)
    style: dict[str, Any] = {"title": caption if len(lines) == 1 else f"{caption}; {interval}"}
    style |= {"fontsize": "small", "title_fontsize": "small"}
    if own:
        handles, labels = panels[0].get_legend_handles_labels()
        panels[0].figure.legend(
            handles, labels, loc="outside upper center", ncols=len(handles), **style
        )
    else:
        panels[0].legend(**style)
    return panels


def _say_how_many(
    ax: Axes,
    sizes: np.ndarray,
    heights: xr.DataArray,
    counts: np.ndarray,
    replicates: int,
    never: str,
) -> None:
    style: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "fontsize": "x-small"}
    for size, height, count in zip(sizes, heights.to_numpy(), counts, strict=True):
        if count == 0:
            at_the_top = ("data", "axes fraction")
            ax.annotate(never, (size, 0.96), (0, -6), xycoords=at_the_top, va="top", **style)
        elif count < replicates:
            note = ax.annotate(
                f"{count} of {replicates}", (size, height), (0, 5), va="bottom", **style
            )
            note.set_path_effects([patheffects.withStroke(linewidth=2.5, foreground="white")])


def _explain_marks(
    ax: Axes, lines: list[tuple[str | None, xr.Dataset]], replicates: int, verb: str
) -> None:
    """Add to the legend what hollow points and crosses are, if there are any."""
    counts = np.concatenate([times["epoch"].count("replicate").to_numpy() for _, times in lines])
    if ((counts > 0) & (counts < replicates)).any():
        ax.plot(
            [],
            [],
            "o",
            color="grey",
            markerfacecolor="white",
            label=f"not all replicates {verb} it",
        )
    if (counts == 0).any():
        ax.plot(
            [],
            [],
            "x",
            color="grey",
            label=f"no replicate {'holds' if verb == 'hold' else 'reaches'} it",
        )
