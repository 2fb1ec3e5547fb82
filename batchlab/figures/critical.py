"""The figure of the critical batch size: updates, samples and seconds to a target.

Imports neither TensorFlow nor Keras. Takes the axes to draw on, or None for new ones, and returns
the axes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes

from batchlab.analysis.critical import critical_batch_size, fitted_updates
from batchlab.analysis.intervals import error_bars, over_replicates
from batchlab.figures.axes import panel_axes, scale, spell_out
from batchlab.figures.curves import BUDGETS, split
from batchlab.figures.style import COLORS, literal
from batchlab.histories.records import held_out

# How far the axis goes beyond the points, as a factor; perfect scaling soon leaves it.
ROOM = 2.0


def plot_critical(
    times: xr.Dataset,
    fit: pd.DataFrame | None = None,
    *,
    seconds: pd.DataFrame | None = None,
    axes: Sequence[Axes] | None = None,
) -> np.ndarray:
    """Draw what a target takes against the batch size: updates, samples and, if known, seconds.

    The points are means over the replicates that reached the target, with their 95 % interval;
    hollow, and not in the fit, where some did not; a cross at the top where none did. The curve is
    S(b) = S_min (1 + b_noise / b), and the vertical line b_noise with its 95 % interval.

    Parameters
    ----------
    times : xarray.Dataset
        From `batchlab.updates_to_target`.
    fit : pandas.DataFrame or None
        From `critical_batch_size`; None is that of `times`.
    seconds : pandas.DataFrame or None
        From `batchlab.time_updates`, of these batch sizes; None leaves that panel out. The interval
        is that of the updates: an update takes its mean time.
    axes : sequence of matplotlib.axes.Axes or None
        At least two, or three with `seconds`.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (2,) or (3,)

    Raises
    ------
    ValueError
        If there are too few axes, or `times` or `seconds` are not such.

    Examples
    --------
    >>> import xarray as xr
    >>> import batchlab as bl
    >>> updates = xr.DataArray(
    ...     [[800, 840], [400, 420], [320, 336]],
    ...     {"batch_size": [8, 16, 32]},
    ...     ["batch_size", "replicate"],
    ... )
    >>> times = xr.Dataset({"update": updates, "sample": updates * updates["batch_size"]})
    >>> [ax.get_ylabel() for ax in bl.plot_critical(times)]
    ['updates of the weights', 'samples seen']
    """
    fit = critical_batch_size(times) if fit is None else fit
    sizes = times["batch_size"].to_numpy()
    values = {"update": times["update"], "sample": times["sample"]}
    per_update = {"update": np.ones(len(sizes)), "sample": sizes.astype("float64")}
    if seconds is not None:
        missing = np.setdiff1d(sizes, seconds.index)
        if missing.size:
            raise ValueError(
                "seconds: expected a row for every batch size, received none for "
                f"{', '.join(map(str, missing))}."
            )
        per_update["second"] = seconds.loc[sizes, "update"].to_numpy() / 1e6
        values["second"] = times["update"] * xr.DataArray(per_update["second"], dims="batch_size")
    own = axes is None
    panels = panel_axes("panel", len(values), 3, (5.0, 4.0), axes)
    counts = times["update"].count("replicate").to_numpy()
    for ax, budget in zip(panels, values, strict=True):
        ax.set_yscale("log")
        found = over_replicates(values[budget].transpose("batch_size", "replicate"))
        whole = counts == times.sizes["replicate"]
        _draw_perfect(ax, sizes, found["mean"].to_numpy(), whole, flat=budget == "sample")
        draw_fit(ax, fit, sizes, per_update[budget])
        draw_arrivals(ax, sizes, found, counts, times.sizes["replicate"])
        scale(ax, sizes, "batch_size")
        if counts.any():
            heights = (
                found["low"].fillna(found["mean"]).min(),
                found["high"].fillna(found["mean"]).max(),
            )
            ax.set_ylim(float(heights[0]) / ROOM, float(heights[1]) * ROOM)
            spell_out(ax)
        else:
            ax.yaxis.set_tick_params(which="both", left=False, labelleft=False)
        ax.set_ylabel(BUDGETS[budget])
    if "second" in per_update:
        panels[2].set_ylabel("seconds per replicate\n(evaluating and compiling left out)")
    title = _caption(times)
    style: dict[str, Any] = {"title": title, "fontsize": "small", "title_fontsize": "small"}
    if own:
        handles = panels[0].get_legend_handles_labels()
        columns = 2 if len(panels) == 2 else len(handles[0])
        panels[0].figure.legend(*handles, loc="outside upper center", ncols=columns, **style)
    else:
        panels[0].legend(**style)
    return panels


def _caption(times: xr.Dataset) -> str:
    told = [literal(times.attrs["problem"])] if "problem" in times.attrs else []
    if "target" in times.attrs:
        part, kind = split(str(times.attrs["metric"]))
        where = held_out(times) if part == "test" else "training"
        metric = kind.replace("_", " ")
        told.append(f"{where} {metric} {times.attrs['target']:g} first reached")
    return ", ".join(told)


def _draw_perfect(
    ax: Axes, sizes: np.ndarray, mean: np.ndarray, whole: np.ndarray, *, flat: bool
) -> None:
    """Draw what it would take if updates shrank in proportion, from the smallest batch on."""
    if whole.any():
        first = np.flatnonzero(whole)[sizes[whole].argmin()]
        shrinking = np.ones(len(sizes)) if flat else sizes[first] / sizes
        style: dict[str, Any] = {"color": "grey", "linestyle": ":", "linewidth": 1.5}
        ax.plot(sizes, mean[first] * shrinking, label="perfect scaling", **style)


def draw_fit(ax: Axes, fit: pd.DataFrame, sizes: np.ndarray, cost: np.ndarray) -> None:
    """Draw the fitted curve, and where its b_noise lies."""
    fitted, low, high = (float(fit[name].loc["b_noise"]) for name in ("fitted", "low", "high"))
    if np.isnan(fitted):
        return
    dense = np.geomspace(sizes.min(), sizes.max(), 100)
    order = sizes.argsort()
    cost = np.exp(np.interp(np.log(dense), np.log(sizes[order]), np.log(cost[order])))
    curve = fitted_updates(fit, dense) * cost
    style: dict[str, Any] = {"color": COLORS[1], "linestyle": "--"}
    ax.plot(dense, np.where(curve > 0, curve, np.nan), label="S_min (1 + b_noise / b)", **style)
    limits = sizes.min() / 2, sizes.max() * 2
    if low < limits[1]:  # also with no end
        ax.axvspan(
            max(low, limits[0]), min(high, limits[1]), color=COLORS[2], alpha=0.2, linewidth=0
        )
    if limits[0] < fitted < limits[1]:
        told = f"b_noise {fitted:.3g}"
        if not np.isnan(low):
            told += f" (95 % interval {low:.3g} to {high:.3g})"
        ax.axvline(fitted, color=COLORS[2], linestyle="-.", label=told)
    else:
        ax.plot([], [], color=COLORS[2], linestyle="-.", label=f"b_noise {fitted:.3g}: not drawn")


def draw_arrivals(
    ax: Axes, sizes: np.ndarray, found: xr.Dataset, counts: np.ndarray, replicates: int
) -> None:
    """Draw means with intervals: filled where all replicates arrived, hollow where some did."""
    mean, low, high = (found[name].to_numpy() for name in ("mean", "low", "high"))
    arrived = f"mean of {replicates} replicates, 95 % interval" if replicates > 1 else "1 replicate"
    style: dict[str, Any] = {"color": COLORS[0], "linestyle": "none", "marker": "o", "capsize": 3}
    for chosen, label, face in (
        (counts == replicates, arrived, COLORS[0]),
        ((counts > 0) & (counts < replicates), "mean of those that reach it, not all", "white"),
    ):
        if chosen.any():
            bars = error_bars(mean[chosen], low[chosen], high[chosen])
            ax.errorbar(
                sizes[chosen], mean[chosen], bars, label=label, markerfacecolor=face, **style
            )
    none = sizes[counts == 0]
    if len(none):
        at_the_top: dict[str, Any] = {"color": COLORS[0], "transform": ax.get_xaxis_transform()}
        ax.plot(none, np.full(len(none), 0.96), "x", label="no replicate reaches it", **at_the_top)
