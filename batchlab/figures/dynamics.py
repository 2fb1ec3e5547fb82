"""Figures of training's dynamics: norms of gradients, noise scale, distance, sharpness, lines.

Imports neither TensorFlow nor Keras. Every function takes the axes to draw on, or None for new
ones, and returns the axes.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from batchlab.analysis.intervals import over_replicates
from batchlab.figures.axes import is_wide, panel_axes, place_in_words, scale, spell_out
from batchlab.figures.curves import BUDGETS, band_caption, draw_points, metric_label, part_label
from batchlab.figures.style import COLORS, LINE_STYLES, axes_or_new, cycled, literal
from batchlab.foundation.checks import choice
from batchlab.histories.records import RECORDS

QUANTITIES = {
    "gradient_norm": "norm of the full gradient",
    "noise_trace": "trace of the gradients' covariance, tr Σ",
    "noise_scale": "noise scale, tr Σ / ‖∇f‖² (samples)",
    "norm": "averaged gradient, root mean square norm",
    "squared_norm": "averaged gradient, mean squared norm",
    "summed_norm": "summed gradient, root mean square norm",
    "summed_squared_norm": "summed gradient, mean squared norm",
    "distance": "distance from the start (Euclidean, all weights)",
    "relative_distance": "distance from the start, by the norm there",
    "sharpness": "largest eigenvalue of the Hessian",
}


def plot_dynamics(
    values: xr.DataArray,
    *,
    x: str | None = None,
    label: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean over replicates and its 95 % interval against what was spent or a setting.

    Parameters
    ----------
    values : xarray.DataArray
        Such as ``gradient_noise(…)["noise_scale"]``, with the dimensions `replicate`, that of `x`
        and at most one other, a line for each of its values. NaN is no value: such a replicate is
        left out of that point.
    x : str or None
        A dimension, or one of `epoch`, `update` and `sample` where it is known along the records;
        None is the dimension of the records, or else `batch_size`. Against a setting there are
        points with error bars, against records a line with a band.
    label : str or None
        In the legend, where there is one line; None says what line and band are.
    ax : matplotlib.axes.Axes or None
        Lines are added to those on it. Its y axis is logarithmic where the means spread widely.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the values have other dimensions.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> history = bl.fit(bl.mlp, problem, batch_size=32, epochs=2, keep_weights="epochs")
    >>> noise = bl.gradient_noise(bl.mlp, problem, history)
    >>> bl.plot_dynamics(noise["noise_scale"]).get_xlabel()
    'epochs (passes over the training set)'
    """
    records = [str(name) for name in values.dims if name in RECORDS]
    x = x or (records[0] if records else "batch_size")
    if x not in values.coords or values[x].ndim != 1 or "replicate" not in values.dims:
        raise ValueError(
            f"values: expected the dimensions replicate and {x}, received "
            f"{', '.join(map(str, values.dims))}."
        )
    (along,) = map(str, values[x].dims)
    others = [str(name) for name in values.dims if name not in ("replicate", along)]
    if len(others) > 1 or values[x].dtype.kind not in "iuf":
        raise ValueError(
            f"values: expected numbers {x} and at most one dimension beside it and replicate, "
            f"received {', '.join(map(str, values.dims))}."
        )
    ax = axes_or_new(ax)
    caption = band_caption(values, single=False)
    first = len({line.get_color() for line in ax.lines})
    lines = [(literal(label) if label else caption, values)]
    if others:
        lines = [
            (
                place_in_words(others[0], values[others[0]].values[cell].item()),
                values.isel({others[0]: cell}),
            )
            for cell in range(values.sizes[others[0]])
        ]
    drawn = []
    for place, (name, line) in enumerate(lines, first):
        missing = int(line.isnull().any(along).sum())
        if missing:
            name += f" ({missing} of {line.sizes['replicate']} not everywhere finite)"
        drawn.append(_draw_line(ax, line, x, name, place, banded=along in RECORDS))
    if along in RECORDS:
        ax.set_xlabel(BUDGETS.get(x, literal(x)))
    else:
        scale(ax, values[x].to_numpy(), x)
    if is_wide(np.concatenate(drawn)):
        ax.set_yscale("log")
        spell_out(ax)
    if values.name in QUANTITIES:
        ax.set_ylabel(QUANTITIES[values.name])
    alone = not others and label is None
    ax.legend(**_titled(values) | ({"title": None} if alone else {}))
    return ax


def plot_gradient_norms(
    norms: xr.Dataset,
    *,
    sampled: xr.Dataset | None = None,
    axes: Sequence[Axes] | None = None,
) -> np.ndarray:
    """Draw the norm of a minibatch's averaged, then the squared norm of its summed gradient.

    Thin grey lines are what they would be if there were nothing but noise: the first falls with
    the root of the batch size, the second rises in proportion to it.

    Parameters
    ----------
    norms : xarray.Dataset
        From `minibatch_norms`; besides `replicate` and `batch_size` of at most one dimension, a
        line for each of its values.
    sampled : xarray.Dataset or None
        From `sampled_norms`: drawn over the lines as hollow squares, means over the replicates.
    axes : sequence of matplotlib.axes.Axes or None
        At least two.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (2,)

    Raises
    ------
    ValueError
        If the norms have other dimensions or there are fewer axes.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> history = bl.fit(bl.mlp, problem, batch_size=500, epochs=2, replicates=3)
    >>> noise = bl.gradient_noise(bl.mlp, problem, history)
    >>> norms = bl.minibatch_norms(noise, batch_size=[1, 10, 100])
    >>> bl.plot_gradient_norms(norms)[0].get_ylabel()
    'averaged gradient, root mean square norm'
    """
    panels = panel_axes("norm", 2, 2, (6.2, 4.6), axes)
    for ax, name, power in zip(panels, ("norm", "summed_squared_norm"), (-0.5, 1), strict=True):
        plot_dynamics(norms[name], x="batch_size", ax=ax)
        ax.set_yscale("log")
        spell_out(ax)
        _draw_guides(ax, norms[name].mean("replicate"), power)
        if sampled is not None:
            drawn = sampled["squared_norm"]
            if name == "norm":
                drawn = cast(xr.DataArray, np.sqrt(drawn))
            else:
                drawn = drawn * drawn["batch_size"] ** 2
            _draw_sampled(ax, drawn.mean("replicate"))
        entries = sorted(
            zip(*ax.get_legend_handles_labels(), strict=True),
            key=lambda entry: isinstance(entry[0], Line2D),
        )
        ax.legend(*zip(*entries, strict=True), **_titled(norms))
    return panels


def plot_loss_between(
    line: xr.Dataset, *, part: str = "test", label: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the loss along the line between two solutions: each replicate, mean and interval.

    Parameters
    ----------
    line : xarray.Dataset
        From `loss_between`, without further dimensions.
    part : {"train", "test"}
    label : str or None
        In the legend; None is the part.
    ax : matplotlib.axes.Axes or None
        Lines are added to those on it.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `part` is another, or the line has other dimensions than replicate and position.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> fits = [bl.fit(bl.mlp, problem, batch_size=size, epochs=3) for size in (32, 500)]
    >>> line = bl.loss_between(bl.mlp, problem, *fits, points=3)
    >>> bl.plot_loss_between(line).get_xlabel()
    'place on the line from the first (0) to the second weights (1)'
    """
    choice("part", part, ("train", "test"))
    name = "train" if part == "train" else "val"
    losses = line[f"{name}_loss"]
    if set(losses.dims) != {"replicate", "position"}:
        raise ValueError(
            "line: expected the dimensions replicate and position, received "
            f"{', '.join(map(str, losses.dims))}."
        )
    ax = axes_or_new(ax)
    place = len({one.get_color() for one in ax.lines})
    color = cycled(COLORS, place)
    runs = losses.transpose("position", "replicate").to_numpy()
    ax.plot(line["position"], runs, color=color, alpha=0.18, linewidth=0.6)
    barrier = over_replicates(line[f"{name}_barrier"])
    height = f"barrier {float(barrier['mean']):.3g}"
    if np.isfinite(barrier["low"]):
        height += f" ({float(barrier['low']):.3g} to {float(barrier['high']):.3g})"
    label = literal(label) if label else part_label(part, line)
    _draw_line(ax, losses, "position", f"{label}, {height}", place, banded=True)
    along = "place on the line from the first (0) to the second weights (1)"
    ax.set(xlabel=along, ylabel=metric_label("loss", line))
    ax.legend(**_titled(losses))
    return ax


def _draw_line(
    ax: Axes, values: xr.DataArray, x: str, label: str, place: int, *, banded: bool
) -> np.ndarray:
    """Draw one line and return its means."""
    along = values[x].to_numpy()
    if not banded:
        none = np.zeros(len(along), bool)
        return draw_points(ax, along, values, none, label, place)["mean"].to_numpy()
    found = over_replicates(values)
    color = cycled(COLORS, place)
    ax.plot(along, found["mean"], color=color, linestyle=cycled(LINE_STYLES, place), label=label)
    ax.fill_between(along, found["low"], found["high"], color=color, alpha=0.3, linewidth=0)
    return found["mean"].to_numpy()


def _draw_guides(ax: Axes, means: xr.DataArray, power: float) -> None:
    """Draw what each line would be if its first point were noise alone."""
    sizes, limits = means["batch_size"].to_numpy(), ax.get_ylim()
    style: dict[str, Any] = {
        "color": "grey",
        "linewidth": 0.8,
        "linestyle": (0, (1, 2)),
        "zorder": 0,
    }
    for first in np.ravel(means.isel(batch_size=0)):
        ax.plot(sizes, first * (sizes / sizes[0]) ** power, **style)
    falls = "1 / root of the batch size" if power < 0 else "in proportion to the batch size"
    ax.plot([], [], label=falls, **style)
    ax.set_ylim(limits)


def _draw_sampled(ax: Axes, means: xr.DataArray) -> None:
    sizes = means["batch_size"].to_numpy()
    heights = means.transpose("batch_size", ...).to_numpy().reshape(len(sizes), -1)
    style: dict[str, Any] = {
        "color": "black",
        "markerfacecolor": "none",
        "markersize": 9,
        "zorder": 4,
    }
    ax.plot(sizes, heights, "s", **style)
    ax.plot([], [], "s", label="minibatches that were drawn", **style)


def _titled(values: xr.Dataset | xr.DataArray) -> dict:
    small: dict[str, Any] = {"fontsize": "small", "title_fontsize": "small"}
    return {"title": band_caption(values, single=False), **small}
