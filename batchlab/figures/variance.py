"""Figures of what replicates differ by, and of what averaging their predictions gains.

Imports neither TensorFlow nor Keras.
"""

from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from batchlab.analysis.intervals import Interval
from batchlab.analysis.variance import ORIGINS
from batchlab.figures.axes import place_in_words, scale
from batchlab.figures.curves import ACCURACY_LABEL, PART_LABELS, draw_ceiling, draw_intervals
from batchlab.figures.style import axes_or_new, literal
from batchlab.foundation.checks import shown
from batchlab.problems.problem import Problem, check_classification

ORIGIN_LABELS = {
    "weights": "initial weights",
    "order": "order of the samples",
    "both": "the two together",
}


def plot_variance_split(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the standard deviations that weights, order and both give, against the batch size.

    Parameters
    ----------
    table : pandas.DataFrame
        From `variance_split` of a sweep over batch sizes.
    ax : matplotlib.axes.Axes or None

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the table is not by batch size and origin.

    Examples
    --------
    >>> import batchlab as bl
    >>> study = bl.sweep(
    ...     bl.mlp, bl.blobs(), batch_size=[32, 500], epochs=2, **bl.crossed_seeds(2, 2)
    ... )
    >>> ax = bl.plot_variance_split(bl.variance_split(study))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['initial weights', 'order of the samples', 'the two together']
    """
    _check_levels(table, "batch_size", "origin")
    ax = axes_or_new(ax)
    for place, origin in enumerate(ORIGINS):
        rows = cast(pd.DataFrame, table.xs(origin, level="origin")).sort_index()
        _draw_bars(
            ax, rows, "std", "std_low", "std_high", ORIGIN_LABELS[origin], place, apart=len(ORIGINS)
        )
    scale(ax, rows.index.to_numpy(), "batch_size")
    ax.set_ylim(bottom=0)
    ax.set_ylabel("standard deviation of the metric")
    ax.legend(title="due to, with 95 % interval", fontsize="small", title_fontsize="small")
    return ax


def plot_ensembles(table: pd.DataFrame, problem: Problem, *, ax: Axes | None = None) -> Axes:
    """Draw the test accuracy of averaged predictions against the number of members.

    Parameters
    ----------
    table : pandas.DataFrame
        From `ensembles`, of a history, or of a sweep over one dimension: a line for each value.
    problem : Problem
        That it is of; its Bayes ceiling is drawn if it is known.
    ax : matplotlib.axes.Axes or None

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the table is not by members and at most one other dimension, or the problem is a
        regression.

    Examples
    --------
    >>> import pandas as pd
    >>> import batchlab as bl
    >>> rows = {"accuracy": [0.81, 0.82], "low": [0.80, 0.81], "high": [0.82, 0.83]}
    >>> table = pd.DataFrame(rows, index=pd.Index([2, 4], name="members"))
    >>> bl.plot_ensembles(table, bl.blobs()).get_xlabel()
    'members: replicates whose predictions are averaged'
    """
    others = [str(name) for name in table.index.names if name != "members"]
    _check_levels(table, *others[:1], "members")
    check_classification(problem, "ensembles")
    ax = axes_or_new(ax)
    lines = [("mean", table)]
    if others:
        lines = [
            (
                literal(value) if isinstance(value, str) else place_in_words(others[0], value),
                cast(pd.DataFrame, table.xs(value, level=others[0])),
            )
            for value in table.index.unique(others[0])
        ]
    for place, (label, rows) in enumerate(lines):
        _draw_bars(ax, rows, "accuracy", "low", "high", label, place, apart=len(lines))
    if problem.bayes_accuracy is not None:
        draw_ceiling(ax, problem.bayes_accuracy.test, "test")
    scale(ax, np.array(sorted(table.index.unique("members"))), "members")
    ax.set_xlabel("members: replicates whose predictions are averaged")
    ax.set_ylabel(f"{ACCURACY_LABEL}\n{PART_LABELS['test']}")
    title = "mean over the ensembles, 95 % interval"
    style: dict[str, Any] = (
        {"loc": "upper left", "bbox_to_anchor": (1, 1), "frameon": False} if others else {}
    )
    ax.legend(title=title, fontsize="small", title_fontsize="small", **style)
    return ax


def _check_levels(table: pd.DataFrame, *expected: str) -> None:
    if list(table.index.names) != list(expected):
        raise ValueError(
            f"table: expected one by {' and '.join(expected)}, received one by "
            f"{shown(list(table.index.names))}."
        )


def _draw_bars(
    ax: Axes,
    rows: pd.DataFrame,
    mean: str,
    low: str,
    high: str,
    label: str,
    place: int,
    *,
    apart: int,
) -> None:
    """Draw a line with error bars, a little aside of the others, which would hide them."""
    aside = 2.0 ** (0.08 * (place - (apart - 1) / 2))
    interval = Interval(*(rows[name].to_numpy() for name in (mean, low, high)))
    draw_intervals(ax, rows.index.to_numpy() * aside, interval, label, place)
