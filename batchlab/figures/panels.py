"""Learning curves of a sweep, a panel for each cell.

Imports neither TensorFlow nor Keras.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from batchlab.analysis.evaluate import diverged
from batchlab.figures.axes import check_grid, is_wide, panel_axes, place_in_words
from batchlab.figures.curves import (
    BUDGETS,
    PARTS,
    band_caption,
    chosen_kind,
    draw_ceilings,
    draw_curves,
    metric_label,
    part_label,
)
from batchlab.foundation.checks import choice
from batchlab.histories.records import record_dimension, setting, spent

IN_A_ROW = 4


def plot_panels(
    study: xr.Dataset,
    *,
    metric: str | None = None,
    parts: Sequence[str] = ("train", "test"),
    x: str | None = None,
    seconds: bool = False,
    single: bool = False,
    axes: Sequence[Axes] | None = None,
) -> np.ndarray:
    """Draw the learning curves of each cell of a sweep in a panel, all with the same two axes.

    Replicates that diverged are drawn up to where they did, a cross at the end, are counted in
    the panel, and do not enter the mean. The axis of losses and errors is that of the means,
    logarithmic if these differ thirtyfold: a loss on its way to infinity leaves the panel.

    Parameters
    ----------
    study : xarray.Dataset
        From `batchlab.sweep`, over one dimension.
    metric : {"accuracy", "loss"} or None
        None is the accuracy, of a regression mean_absolute_error.
    parts : sequence of {"train", "test", "reported"}
        As in `plot_learning_curves`.
    x : {"epoch", "update", "sample", "second"} or None
        The budget along the horizontal axis, logarithmic if the cells spend different amounts of
        it. None is the one by which the study was recorded.
    seconds : bool
        Whether the titles say how long all replicates of the cell took to train and compile.
    single : bool
        Whether the sound replicates are drawn one by one, too.
    axes : sequence of matplotlib.axes.Axes or None
        At least as many as cells.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (cells,)

    Raises
    ------
    ValueError
        If `metric`, `x` or one of `parts` is another, the study is not over one dimension, or
        there are fewer axes than cells.

    Examples
    --------
    >>> import batchlab as bl
    >>> study = bl.sweep(bl.mlp, bl.blobs(), batch_size=[32, 500], epochs=5, replicates=5)
    >>> bl.plot_panels(study)[0].get_title()
    'batch size 32'
    """
    metric = chosen_kind(study, metric)
    for part in parts:
        choice("parts", part, tuple(PARTS))
    if x is not None:
        choice("x", x, tuple(BUDGETS))
    (dimension,) = check_grid(study, others=1)
    x = x or record_dimension(study)
    cells = [study.isel({dimension: place}) for place in range(study.sizes[dimension])]
    own = axes is None
    panels = panel_axes("cell", len(cells), IN_A_ROW, (3.0, 2.7), axes, sharex=True, sharey=True)
    for ax, cell in zip(panels, cells, strict=True):
        for place, part in enumerate(parts):
            label = part_label(part, study)
            draw_curves(ax, cell, metric, x, part, label, place, single=single, count=False)
        if metric == "accuracy":
            draw_ceilings(ax, [cell], parts)
        _title(ax, cell, dimension, seconds)
        _count_diverged(ax, cell, metric)
    _one_range(panels, cells, metric, x)
    if own:
        panels[0].figure.supxlabel(BUDGETS[x], fontsize="medium")
        panels[0].figure.supylabel(metric_label(metric, study), fontsize="medium")
        for ax in panels[-IN_A_ROW:]:  # nothing stands below these
            ax.tick_params(labelbottom=True)
    else:
        for ax in panels:
            ax.set(xlabel=BUDGETS[x], ylabel=metric_label(metric, study))
    caption = band_caption(study, single=single)
    if seconds:
        caption += f"; seconds are those of all {study.sizes['replicate']} replicates together"
    _legend(panels, caption, own)
    return panels


def _title(ax: Axes, cell: xr.Dataset, dimension: str, seconds: bool) -> None:
    title = place_in_words(dimension, cell[dimension].item())
    if seconds:
        training, compiling = (
            setting(cell, f"{name}_seconds").item() for name in ("training", "compile")
        )
        title += f"\ntraining {training:.2f} s, compiling {compiling:.2f} s"
    ax.set_title(title, fontsize="medium")


def _count_diverged(ax: Axes, cell: xr.Dataset, metric: str) -> None:
    lost = diverged(cell)
    if lost.any():
        # Where sound curves seldom end.
        height, side = (0.04, "bottom") if metric == "accuracy" else (0.96, "top")
        ax.text(
            0.97,
            height,
            f"{lost.sum().item()} of {lost.size} diverged",
            transform=ax.transAxes,
            ha="right",
            va=side,
            fontsize="small",
        )


def _one_range(axes: np.ndarray, cells: list[xr.Dataset], metric: str, x: str) -> None:
    """Give all panels the same scales and limits."""
    if metric != "accuracy":
        _scale_losses(axes)
    ends = np.array([spent(cell, x).max().item() for cell in cells])
    same = np.allclose(ends, ends[0])
    for ax in axes:
        if same:
            ax.xaxis.set_major_locator(MaxNLocator(5, integer=x != "second"))
        else:
            ax.set_xscale("log")
    across, up = (np.array([getattr(ax, f"get_{name}lim")() for ax in axes]) for name in ("x", "y"))
    for ax in axes:
        ax.set_xlim(across.min(), across.max())
        ax.set_ylim(up.min(), up.max())


def _scale_losses(axes: np.ndarray) -> None:
    """Fit the vertical axes to the means and their intervals."""
    means = [line.get_ydata() for ax in axes for line in ax.lines if line.get_label()[0] != "_"]
    bands = [path for ax in axes for band in ax.collections for path in band.get_paths()]
    heights = np.concatenate([*means, *(path.vertices[:, 1] for path in bands)])
    if heights.size:
        low, high = heights.min(), heights.max()
        wide = is_wide(heights)
        margin = 0.05 * (high - low) or 0.05
        for ax in axes:
            # Limits first: on a logarithmic axis those of a diverging loss overflow.
            ax.set_ylim(*((low / 1.2, high * 1.2) if wide else (low - margin, high + margin)))
            if wide:
                ax.set_yscale("log")


def _legend(axes: np.ndarray, caption: str, own: bool) -> None:
    handles: dict[str, Artist] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    style: dict[str, Any] = {"title": caption, "fontsize": "small", "title_fontsize": "small"}
    if own:
        style |= {"loc": "outside upper center", "ncols": min(len(handles), 4)}
    (axes[0].figure if own else axes[0]).legend(handles.values(), handles, **style)
