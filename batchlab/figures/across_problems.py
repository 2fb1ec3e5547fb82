"""A figure of final accuracies on several problems, beside the ceiling of each.

Imports neither TensorFlow nor Keras.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from batchlab.analysis.across_problems import across_problems, below_ceiling
from batchlab.analysis.intervals import error_bars, over_replicates
from batchlab.figures.curves import band_caption, part_label, split
from batchlab.figures.style import COLORS, MARKERS, axes_or_new, cycled, literal
from batchlab.histories.records import setting


def plot_across_problems(
    studies: Mapping[str, xr.Dataset], *, metric: str = "val_accuracy", ax: Axes | None = None
) -> Axes:
    """Draw final accuracies less the Bayes rule's, problem by problem, side by side.

    Parameters
    ----------
    studies : mapping of str to xarray.Dataset
        By the name in the legend; from `batchlab.sweep` over the same problems alone, whose Bayes
        rule is known.
    metric : {"train_accuracy", "val_accuracy"}
    ax : matplotlib.axes.Axes or None

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `metric` is another, there are no studies, or they are not over the same problems alone.

    Examples
    --------
    >>> import batchlab as bl
    >>> problems = {"first": bl.blobs(), "second": bl.blobs(random_state=1)}
    >>> study = bl.sweep(bl.mlp, problems, batch_size=500, epochs=2, replicates=3)
    >>> ax = bl.plot_across_problems({"full batch": study})
    >>> [tick.get_text().split()[0] for tick in ax.get_xticklabels()]
    ['first', 'second']
    """
    table = across_problems(studies, metric=metric)
    part, _ = split(metric)
    ax = axes_or_new(ax)
    apart = 0.6 / len(table)
    for place, (name, study) in enumerate(studies.items()):
        found = over_replicates(below_ceiling(study, metric))
        mean = found["mean"].to_numpy()
        ax.errorbar(
            np.arange(len(mean)) + (place - (len(table) - 1) / 2) * apart,
            mean,
            error_bars(mean, found["low"], found["high"]),
            fmt=cycled(MARKERS, place),
            color=cycled(COLORS, place),
            markersize=5,
            capsize=3,
            label=literal(name),
        )
    ax.axhline(0, color="dimgray", linewidth=1, linestyle="--", label="Bayes ceiling")
    first = next(iter(studies.values()))
    ceilings = setting(first, f"bayes_{part}_accuracy").broadcast_like(first["problem"])
    problems = zip(first["problem"].to_numpy(), ceilings.to_numpy(), strict=True)
    ax.set_xticks(
        range(first.sizes["problem"]),
        [f"{literal(problem)}\n{ceiling:.3f}" for problem, ceiling in problems],
    )
    ax.set_xlabel("problem, and the accuracy of its Bayes rule")
    where = part_label(part, *studies.values())
    ax.set_ylabel(f"accuracy less the Bayes rule's\n{where}, at the end")
    title = band_caption(*studies.values(), single=False)
    ax.legend(title=title, fontsize="small", title_fontsize="small")
    return ax
