"""The figure of a recommendation: what the target costs, how many updates, at which rate.

Imports neither TensorFlow nor Keras. Takes the axes to draw on, or None for new ones, and returns
the axes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes

from batchlab.analysis.critical import critical_batch_size
from batchlab.analysis.intervals import error_bars, over_replicates
from batchlab.figures.axes import panel_axes, scale, spell_out
from batchlab.figures.critical import draw_arrivals, draw_fit
from batchlab.figures.style import COLORS, MARKERS, literal
from batchlab.recommendation.weigh import weigh

COSTS = {
    "second": "seconds to the target",
    "update": "updates to the target",
    "sample": "samples to the target",
}
# Of what `weigh` finds: colour, marker, face, label.
FOUND = {
    "least": (COLORS[0], MARKERS[0], COLORS[0], "the least"),
    "as good": (COLORS[2], MARKERS[1], COLORS[2], "as good within the interval"),
    "more": (COLORS[1], MARKERS[2], COLORS[1], "more for sure"),
    "not reached": ("dimgray", MARKERS[3], "white", "not reached by all replicates"),
}


def plot_recommendation(study: xr.Dataset, *, axes: Sequence[Axes] | None = None) -> np.ndarray:
    """Draw what `recommend` measured: costs, updates with their curve, and the best rates.

    The first panel has the means of the costs with their 95 % intervals, marked by what `weigh`
    finds. The second has the mean updates, the curve S(b) = S_min (1 + b_noise / b) and b_noise
    with its 95 % interval; where the cost is counted in updates it is the first panel with a curve.
    The third has the rates that were tried, and the best of each batch size.

    Parameters
    ----------
    study : xarray.Dataset
        From `batchlab.recommend`.
    axes : sequence of matplotlib.axes.Axes or None
        At least three.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (3,)

    Raises
    ------
    ValueError
        If there are too few axes, or no batch size was measured.

    Examples
    --------
    >>> import batchlab as bl
    >>> from sklearn.datasets import load_wine
    >>> problem = bl.problem_from(load_wine())
    >>> few = {"batch_size": [53], "replicates": 2, "tuning_replicates": 2}
    >>> study, _ = bl.recommend(
    ...     bl.mlp, problem, budget="update", target=0.3, learning_rate=[0.02, 0.04], **few
    ... )
    >>> bl.plot_recommendation(study)[0].get_ylabel().splitlines()[0]
    'updates to the target'
    """
    table = weigh(study)
    panels = panel_axes("panel", 3, 3, (5.0, 4.0), axes)
    _draw_costs(panels[0], table, study.attrs["budget"])
    _draw_updates(panels[1], study)
    _draw_rates(panels[2], study)
    sizes = study["batch_size"].to_numpy()
    for ax in panels:
        ax.set_yscale("log")
        scale(ax, sizes, "batch_size")
        spell_out(ax)
        ax.legend(fontsize="small")
    about = study.attrs
    target = f"{about['metric'].replace('_', ' ')} {about['target']:.3g}"
    panels[0].set_title(f"{literal(about['problem'])}: {target} first reached", fontsize="medium")
    return panels


def _draw_costs(ax: Axes, table: pd.DataFrame, budget: str) -> None:
    for found, (color, marker, face, label) in FOUND.items():
        rows = table[(table["found"] == found) & table["mean"].notna()]
        if len(rows):
            ax.errorbar(
                rows.index,
                rows["mean"],
                error_bars(rows["mean"], rows["low"], rows["high"]),
                color=color,
                marker=marker,
                markerfacecolor=face,
                linestyle="none",
                capsize=3,
                label=label,
            )
    ax.set_ylabel(f"{COSTS[budget]}\n(mean and its 95 % interval)")


def _draw_updates(ax: Axes, study: xr.Dataset) -> None:
    sizes = study["batch_size"].to_numpy()
    updates = study["update"].transpose("batch_size", "replicate")
    counts = updates.count("replicate").to_numpy()
    if (counts == study.sizes["replicate"]).sum() >= 3:
        draw_fit(ax, critical_batch_size(study), sizes, np.ones(len(sizes)))
    draw_arrivals(ax, sizes, over_replicates(updates), counts, study.sizes["replicate"])
    ax.set_ylabel(COSTS["update"])


def _draw_rates(ax: Axes, study: xr.Dataset) -> None:
    tried = study["tuning_updates"].transpose("batch_size", "rate")
    sizes, rates = np.broadcast_arrays(
        tried["batch_size"].to_numpy()[:, None], tried["rate"].to_numpy()
    )
    values = tried.to_numpy()
    for chosen, label, face in (
        (np.isfinite(values), "tried: all replicates reach the target", "lightgray"),
        (np.isinf(values), "tried: not all of them", "white"),
    ):
        if chosen.any():
            style: dict[str, Any] = {"color": face, "edgecolors": "dimgray", "marker": "o", "s": 18}
            ax.scatter(sizes[chosen], rates[chosen], label=label, **style)
    best = study["learning_rate"]
    ax.plot(best["batch_size"], best, color=COLORS[0], marker=MARKERS[0], label="the best")
    ax.set_ylabel("learning rate")
