"""A final metric over batch sizes and learning rates, as a picture.

Imports neither TensorFlow nor Keras.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Rectangle

from batchlab.analysis.evaluate import diverged, final_values
from batchlab.analysis.intervals import error_bars
from batchlab.figures.axes import check_grid, scale, spell_out
from batchlab.figures.curves import metric_label, part_label, split
from batchlab.figures.style import LINE_STYLES, axes_or_new, cycled, literal
from batchlab.foundation.checks import shown
from batchlab.histories.metrics import chosen_metric
from batchlab.histories.records import record_dimension

MOST_NUMBERS = 100
HATCH: dict[str, Any] = {
    "facecolor": "none",
    "edgecolor": "dimgray",
    "hatch": "///",
    "linewidth": 0,
}


def plot_rates(
    study: xr.Dataset,
    *,
    metric: str | None = None,
    best: pd.DataFrame | None = None,
    rules: Mapping[str, Sequence[float]] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean of a final metric over batch sizes and learning rates as a picture.

    Cells in which replicates diverged are hatched and say how many; the mean is over the others.
    With at most 100 cells the mean is written in each.

    Parameters
    ----------
    study : xarray.Dataset
        From `batchlab.sweep`, over batch_size and learning_rate.
    metric : {"train_accuracy", "val_accuracy", "train_loss", "val_loss"} or None
        None is val_accuracy, of a regression val_mean_absolute_error.
    best : pandas.DataFrame or None
        From `best_rates`: the best rate of each batch size is marked, with its interval.
    rules : mapping of str to sequence of float, or None
        Learning rates for the batch sizes of the study, in its order, by a name for the legend;
        such as `scaled_rates` returns.
    ax : matplotlib.axes.Axes or None

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `metric` is another, the study is not over these two dimensions, or a rule has another
        number of rates than there are batch sizes.

    Examples
    --------
    >>> import batchlab as bl
    >>> rates = [0.001, 0.01, 0.1]
    >>> study = bl.sweep(
    ...     bl.mlp, bl.blobs(), batch_size=[32, 500], learning_rate=rates, epochs=5, replicates=5
    ... )
    >>> bl.plot_rates(study, best=bl.best_rates(study)).get_xlabel()
    'batch size (samples per update)'
    """
    metric = chosen_metric(study, metric)
    check_grid(study, "batch_size", "learning_rate")
    sizes = study["batch_size"].to_numpy()
    for name, rates in (rules or {}).items():
        if np.shape(rates) != sizes.shape:
            raise ValueError(
                f"rules: expected {len(sizes)} rates for {name!r}, one for each batch size, "
                f"received {shown(rates)}."
            )
    ax = axes_or_new(ax)
    ordered = study.sortby(["batch_size", "learning_rate"]).transpose(
        "learning_rate", "batch_size", ...
    )
    mean = final_values(ordered, metric).mean("replicate")
    lost = diverged(ordered).sum("replicate")
    across = _cell_edges(mean["batch_size"].to_numpy(), 2.0)
    up = _cell_edges(mean["learning_rate"].to_numpy(), 10**0.5)
    part, kind = split(metric)
    picture = ax.pcolormesh(
        across,
        up,
        mean.to_numpy(),
        cmap="viridis" if kind == "accuracy" else "viridis_r",
        norm=_color_range(mean.to_numpy(), kind),
        edgecolors="white",
        linewidth=0.5,
    )
    scale(ax, mean["batch_size"].to_numpy(), "batch_size")
    ax.set(yscale="log", ylabel="learning rate", xlim=across[[0, -1]], ylim=up[[0, -1]])
    ax.tick_params(which="both", right=False, top=False)
    beyond = "max" if mean.max() > cast(float, picture.norm.vmax) else "neither"
    colorbar = ax.figure.colorbar(picture, ax=ax, pad=0.02, extend=beyond)
    colorbar.set_label(
        f"{metric_label(kind, study)}\n{part_label(part, study)}, last {record_dimension(study)}, "
        f"mean of {study.sizes['replicate']}"
    )
    if isinstance(picture.norm, LogNorm):
        spell_out(colorbar.ax)
    _hatch(ax, across, up, lost.to_numpy(), study.sizes["replicate"])
    if mean.size <= MOST_NUMBERS:
        _write(ax, picture, across, up, mean.to_numpy(), lost.to_numpy())
    _draw_rules(ax, sizes, rules or {})
    if best is not None:
        _draw_best(ax, best)
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        ax.legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(0, 1.01),
            ncols=2 if len(handles) == 4 else 3,
            fontsize="small",
            frameon=False,
            borderaxespad=0,
        )
    return ax


def _color_range(mean: np.ndarray, kind: str) -> Normalize:
    """Return the range of colours; losses and errors beyond ten times the lowest are alike."""
    if kind == "accuracy" or np.isnan(mean).all():
        return Normalize()
    low, high = np.nanmin(mean), np.nanmax(mean)
    return LogNorm(low, min(high, 10 * low)) if 0 < low < high else Normalize()


def _cell_edges(centers: np.ndarray, alone: float) -> np.ndarray:
    """Return where cells meet on a logarithmic axis; one alone reaches a factor to both sides."""
    places = np.log(centers)
    steps = np.diff(places) / 2 if len(places) > 1 else np.array([np.log(alone) / 2])
    middle = places[:-1] + steps if len(places) > 1 else np.empty(0)
    return np.exp(np.concatenate([[places[0] - steps[0]], middle, [places[-1] + steps[-1]]]))


def _hatch(ax: Axes, across: np.ndarray, up: np.ndarray, lost: np.ndarray, replicates: int) -> None:
    for row, column in np.argwhere(lost > 0):
        corner = across[column], up[row]
        size = across[column + 1] - corner[0], up[row + 1] - corner[1]
        ax.add_patch(Rectangle(corner, *size, hatch_linewidth=0.6, **HATCH))
    if (lost > 0).any():
        label = f"diverged (how many of {replicates})"
        ax.fill([], [], label=label, **HATCH)


def _write(
    ax: Axes, picture, across: np.ndarray, up: np.ndarray, mean: np.ndarray, lost: np.ndarray
) -> None:
    """Write the means into the cells, left of where the best rate is marked, and who diverged."""
    left = across[:-1] * (across[1:] / across[:-1]) ** 0.05
    middle = np.sqrt(up[:-1] * up[1:])
    for row, column in np.ndindex(mean.shape):
        lines = []
        if np.isfinite(mean[row, column]):
            lines.append(_short(float(mean[row, column])))
        if lost[row, column]:
            lines.append(f"({lost[row, column]})")
        rgba = picture.to_rgba(mean[row, column])
        red, green, blue, _ = rgba
        dark = np.isfinite(mean[row, column]) and 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
        text = ax.text(
            left[column],
            middle[row],
            " ".join(lines),
            color="white" if dark else "black",
            va="center",
            fontsize="x-small",
            clip_on=True,
        )
        # Hatching and lines of rules end where the numbers begin.
        behind = rgba if np.isfinite(mean[row, column]) else "white"
        text.set_path_effects([patheffects.withStroke(linewidth=2.5, foreground=behind)])


def _short(value: float) -> str:
    if value < 10:
        return f"{value:.2f}"
    return f"{value:.0f}" if value < 1000 else f"{value:.0e}".replace("e+0", "e")


def _draw_rules(ax: Axes, sizes: np.ndarray, rules: Mapping[str, Sequence[float]]) -> None:
    order = np.argsort(sizes)
    for place, (name, rates) in enumerate(rules.items()):
        (line,) = ax.plot(
            sizes[order],
            np.asarray(rates)[order],
            color="black",
            linestyle=cycled(LINE_STYLES, place + 1),
            linewidth=1.6,
            label=literal(name),
        )
        line.set_path_effects([patheffects.withStroke(linewidth=3.2, foreground="white")])


def _draw_best(ax: Axes, best: pd.DataFrame) -> None:
    best = best.dropna(subset="learning_rate")  # one replicate has a best rate, and no interval
    ax.errorbar(
        best.index,
        best["learning_rate"],
        error_bars(best["learning_rate"], best["low"], best["high"]),
        fmt="o",
        color="black",
        markeredgecolor="white",
        ecolor="black",
        capsize=3,
        label="best rate, 95 % interval",
        zorder=4,
    )
