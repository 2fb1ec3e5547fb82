"""Figures of how a difference in the last bit grows, and of what it adds to the spread.

Imports neither TensorFlow nor Keras.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes

from batchlab.analysis.intervals import error_bars
from batchlab.figures.axes import panel_axes
from batchlab.figures.curves import metric_label, part_label, split
from batchlab.figures.style import COLORS, LINE_STYLES, MARKERS, axes_or_new, cycled, literal
from batchlab.foundation.checks import shown
from batchlab.reproducibility.growth import VISIBLE

CAUSE_LABELS = {
    "weights": "initial weights",
    "order": "order of the samples",
    "both": "what the two do together",
    "last bit, float64": "last bit of the initial weights, float64",
    "last bit, float32": "last bit of the initial weights, float32",
}


def plot_growth(twins: xr.Dataset, *, axes: Sequence[Axes] | None = None) -> np.ndarray:
    """Draw how far runs that differ in their last bit go apart, a panel for each precision.

    Parameters
    ----------
    twins : xarray.Dataset
        From `twin_runs`.
    axes : sequence of matplotlib.axes.Axes or None
        One for each precision; None for new ones that share their y axis.

    Returns
    -------
    ndarray of matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there are fewer axes.

    Examples
    --------
    >>> import batchlab as bl
    >>> runs = {"full batch": {"batch_size": "full"}}
    >>> twins = bl.twin_runs(bl.mlp, bl.blobs(), runs, epochs=2, records=2, replicates=2)
    >>> len(bl.plot_growth(twins))
    2
    """
    dtypes = twins["dtype"].to_numpy().tolist()
    panels = panel_axes("dtype", len(dtypes), len(dtypes), (5.25, 4.8), axes, sharey=True)
    for ax, dtype in zip(panels, dtypes, strict=True):
        for place, run in enumerate(twins["run"].to_numpy().tolist()):
            _draw_distance(ax, twins["distance"].sel(run=run, dtype=dtype), run, place)
        precision = np.finfo(dtype).eps
        ax.axhline(precision, color="dimgray", linewidth=1, linestyle=":")
        ax.axhline(VISIBLE, color="dimgray", linewidth=1, linestyle="--")
        edge = ax.get_yaxis_transform()
        small: dict[str, Any] = {
            "transform": edge,
            "ha": "right",
            "fontsize": "small",
            "color": "dimgray",
        }
        ax.text(0.99, precision / 1.5, f"precision of {dtype}: {precision:.1e}", va="top", **small)
        ax.text(0.99, VISIBLE * 1.5, f"{VISIBLE:.0%} apart: two runs", va="bottom", **small)
        ax.set(yscale="log", title=dtype, xlabel="epochs (passes over the training set)")
    panels[0].set_ylabel("distance of the two runs' weights, by their norm")
    pairs = f"{twins.sizes['replicate']} pairs"
    panels[-1].legend(
        title=f"batch size at rate: geometric mean of {pairs},\nband: the middle half of them",
        fontsize="small",
        title_fontsize="small",
        loc="lower right",
        bbox_to_anchor=(1, 0.05),
    )
    return panels


def plot_spread_by_cause(
    table: pd.DataFrame, *, metric: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the spread over replicates that each cause gives alone, for each run.

    Parameters
    ----------
    table : pandas.DataFrame
        From `spread_by_cause`.
    metric : str or None
        For the label; None is the one that the table was made for.
    ax : matplotlib.axes.Axes or None

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the table is not by run and cause.

    Examples
    --------
    >>> import pandas as pd
    >>> import batchlab as bl
    >>> names = ["run", "cause"]
    >>> index = pd.MultiIndex.from_product([["500 at 0.01"], ["weights", "order"]], names=names)
    >>> table = pd.DataFrame(
    ...     {"std": [0.02, 0.01], "low": [0.015, 0.008], "high": [0.03, 0.02]}, index=index
    ... )
    >>> ax = bl.plot_spread_by_cause(table)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['initial weights', 'order of the samples']
    """
    if list(table.index.names) != ["run", "cause"]:
        raise ValueError(
            "table: expected one by run and cause, received one by "
            f"{shown(list(table.index.names))}."
        )
    ax = axes_or_new(ax)
    runs, causes = table.index.unique("run"), table.index.unique("cause")
    for place, cause in enumerate(causes):
        rows = table.xs(cause, level="cause").reindex(runs)
        aside = 0.13 * (place - (len(causes) - 1) / 2)
        ax.errorbar(
            np.arange(len(runs)) + aside,
            rows["std"],
            error_bars(rows["std"], rows["low"], rows["high"]),
            color=cycled(COLORS, place),
            marker=cycled(MARKERS, place),
            linestyle="none",
            capsize=3,
            label=CAUSE_LABELS.get(cause, literal(cause)),
        )
    part, kind = split(metric or table.attrs.get("metric", "val_accuracy"))
    made_of = xr.Dataset(attrs=table.attrs)
    ax.set_xticks(np.arange(len(runs)), [literal(run) for run in runs])
    ax.set_xlabel("batch size at rate")
    label = f"{metric_label(kind, made_of)}, {part_label(part, made_of)}"
    ax.set_ylabel(f"standard deviation\n{label}")
    ax.set_ylim(bottom=0)
    ax.legend(title="due to, with 95 % interval", fontsize="small", title_fontsize="small")
    return ax


def _draw_distance(ax: Axes, distance: xr.DataArray, run: str, place: int) -> None:
    (along,) = set(distance.dims) - {"replicate"}
    epochs = distance["epoch"].to_numpy()
    known = distance.transpose("replicate", along).to_numpy()
    known = known[~np.isnan(known).any(axis=1)]
    if not len(known):
        ax.plot([], [], color=cycled(COLORS, place), label=f"{literal(run)} (all diverged)")
        return
    style: dict[str, Any] = {
        "color": cycled(COLORS, place),
        "linestyle": cycled(LINE_STYLES, place),
    }
    with np.errstate(divide="ignore"):
        mean = 10 ** np.log10(known).mean(axis=0)
    ax.plot(epochs, mean, linewidth=1.8, label=literal(run), **style)
    band = np.quantile(known, (0.25, 0.75), axis=0)
    ax.fill_between(epochs, *band, color=style["color"], alpha=0.2, linewidth=0)
