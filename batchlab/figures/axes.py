"""Axes of figures of sweeps: panels, scales of swept numbers, names of cells."""

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from batchlab.figures.alt_text import speak
from batchlab.figures.style import literal
from batchlab.foundation.checks import shown
from batchlab.histories.records import grid_dimensions, record_dimension

SETTING_LABELS = {"batch_size": "batch size (samples per update)"}


def panel_axes(
    what: str,
    count: int,
    columns: int,
    size: tuple[float, float],
    axes: Sequence[Axes] | None,
    **shared: Any,
) -> np.ndarray:
    """Return as many axes as panels: the first of those given, or those of a new figure.

    Parameters
    ----------
    what : str
        What there is a panel for, for the error: "budget".
    count, columns : int
        Panels, and how many of them stand in a row.
    size : tuple of two floats
        Of a panel, in inches.
    axes : sequence of matplotlib.axes.Axes or None
    **shared
        For `matplotlib.pyplot.subplots`, such as ``sharey=True``.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (count,)

    Raises
    ------
    ValueError
        If there are no panels or fewer axes than panels.
    """
    given = None if axes is None else np.asarray(axes).ravel()
    if not 0 < count <= (count if given is None else given.size):
        raise ValueError(
            f"{what}s, axes: expected at least one {what} and axes for each, received "
            f"{count} {what}s and {'no' if given is None else given.size} axes."
        )
    if given is None:
        columns = min(count, columns)
        rows = -(-count // columns)
        size = (size[0] * columns, size[1] * rows)
        _, made = plt.subplots(
            rows, columns, figsize=size, squeeze=False, layout="constrained", **shared
        )
        given = made.ravel()
        for spare in given[count:]:
            spare.remove()
    speak(given[0])
    return given[:count]


def place_in_words(dimension: str, value: Hashable) -> str:
    """Return a cell's place along a dimension in words: "batch size 32"."""
    spoken = f"{value:.4g}" if isinstance(value, float) else str(value)
    return literal(f"{dimension.replace('_', ' ')} {spoken}")


def check_grid(study: xr.Dataset, *expected: str, others: int = 0) -> tuple[str, ...]:
    """Return the grid dimensions if a study is over those expected, and others.

    Parameters
    ----------
    study : xarray.Dataset
    *expected : str
        Dimensions that it must have.
    others : int
        How many more it may have; at least one in all.

    Returns
    -------
    tuple of str

    Raises
    ------
    ValueError
        If it is over other dimensions.
    """
    grid = grid_dimensions(study)
    rest = [name for name in grid if name not in expected]
    if not grid or not set(expected) <= set(grid) or len(rest) > others:
        more = ("at most one more" if expected else "one dimension",) * bool(others)
        received = ", ".join(grid) or f"only replicate and {record_dimension(study)}"
        choose = f"; choose with .sel({rest[-1]}=…)" if len(rest) > others else ""
        raise ValueError(
            f"study: expected a sweep over {' and '.join((*expected, *more))}, received "
            f"{received}{choose}."
        )
    return grid


def lines_of(study: xr.Dataset, x: str) -> Iterator[tuple[str | None, xr.Dataset]]:
    """Return the studies over `x` alone that are in a study, with their names.

    Parameters
    ----------
    study : xarray.Dataset
        Over `x` and at most one other dimension.
    x : str
        A dimension of numbers.

    Returns
    -------
    iterator of (str or None, xarray.Dataset)
        No name where there is but one.

    Raises
    ------
    ValueError
        If the study is over other dimensions, or `x` is not one of numbers.
    """
    others = [name for name in check_grid(study, x, others=1) if name != x]
    if study[x].dtype.kind not in "iuf":
        values = study[x].to_numpy().tolist()
        raise ValueError(f"x: expected a dimension of numbers, received {x} of {shown(values)}.")
    study = study.sortby(x)
    if not others:
        return iter([(None, study)])
    (other,) = others
    return (
        (place_in_words(other, study[other].to_numpy()[place].item()), study.isel({other: place}))
        for place in range(study.sizes[other])
    )


def scale(axis_of: Axes, values: np.ndarray, name: str, *, which: str = "x") -> None:
    """Scale an axis for a swept setting: powers of two for whole numbers, of ten over decades.

    Parameters
    ----------
    axis_of : matplotlib.axes.Axes
    values : ndarray of shape (n,)
        Each gets a tick if they are whole.
    name : str
        The setting.
    which : {"x", "y"}
    """
    axis = getattr(axis_of, f"{which}axis")
    axis.set_label_text(SETTING_LABELS.get(name, literal(name.replace("_", " "))))
    set_scale = getattr(axis_of, f"set_{which}scale")
    if values.dtype.kind in "iu" and values.min() > 0:
        set_scale("log", base=2)
        margin: dict[str, Any] = {which: 0.08}
        axis_of.margins(**margin)
        axis.set_ticks(values, _legible(values))
        axis.set_minor_locator(NullLocator())
    elif values.min() > 0 and values.max() >= 10 * values.min():
        set_scale("log")


def is_wide(values: np.ndarray) -> bool:
    """Return whether positive values spread so far that only a logarithmic axis shows them."""
    known = values[np.isfinite(values)]
    return known.size > 0 and known.min() > 0 and known.max() > 30 * known.min()


def spell_out(axis_of: Axes) -> None:
    """Write the ticks of a logarithmic y axis as numbers, not as powers."""
    low, high = axis_of.get_ylim()
    few = high > 200 * low
    axis_of.yaxis.set_major_locator(LogLocator(subs=(1.0,) if few else (1.0, 2.0, 5.0)))
    axis_of.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))
    axis_of.yaxis.set_minor_formatter(NullFormatter())


def _legible(values: np.ndarray) -> list[str]:
    """Return the labels of ticks on a logarithmic axis, empty where the next is too near."""
    places = np.log2(values)
    near, before, labels = np.ptp(places) / 24, np.inf, {}
    for value, place in sorted(zip(values.tolist(), places, strict=True), reverse=True):
        labels[value] = str(value) if before - place > near else ""
        before = place if labels[value] else before
    return [labels[value] for value in values.tolist()]
