"""Histories side by side: one dataset with a dimension for what differs between them."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from batchlab._checks import shown
from batchlab.grid import Axis
from batchlab.records import record_dimension

_OF_EACH_CELL = ("compile_seconds", "training_seconds")


def side_by_side(histories: Mapping[str, xr.Dataset], *, dimension: str = "run") -> xr.Dataset:
    """Return several histories as one study, to be compared and drawn as those of a sweep are.

    For runs that differ in more than one setting, and so are no grid.

    Parameters
    ----------
    histories : mapping of str to xarray.Dataset
        From `fit`, by name; with the same seeds, records and number of weights kept.
    dimension : str
        Name of the dimension along which they lie.

    Returns
    -------
    xarray.Dataset
        As from `sweep`, over this dimension.

    Raises
    ------
    TypeError, ValueError
        If there are no histories, or they have other seeds or records than the first.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> run = {"epochs": 5, "replicates": 5}
    >>> histories = {
    ...     "stays": bl.fit(bl.mlp, problem, batch_size=8, **run),
    ...     "grows": bl.fit(bl.mlp, problem, batch_size=lambda epoch: 8 * 2**epoch, **run),
    ... }
    >>> int(bl.compare(bl.side_by_side(histories), run="stays").loc["grows", "pairs"])
    5
    """
    if not isinstance(histories, Mapping):
        raise TypeError(
            f"histories: expected a mapping of names to histories, received {shown(histories)}."
        )
    if not histories:
        raise ValueError("histories: expected at least one history, received none.")
    for name, history in histories.items():
        _check_like(name, history, next(iter(histories.values())))
    first, *_ = histories.values()
    if dimension in first.variables:
        raise ValueError(
            "dimension: expected a name that is not that of a variable of histories, received "
            f"{dimension!r}."
        )
    axis = Axis(dimension, tuple(histories), tuple(histories))
    return study_of([axis], list(histories.values()), held=f"{record_dimension(first)}s")


def _check_like(name: str, history: xr.Dataset, first: xr.Dataset) -> None:
    for what in (*_of_replicates(first), record_dimension(first), "parameter"):
        own, other = (
            each[what].to_numpy() if what in each.coords else each.sizes.get(what)
            for each in (history, first)
        )
        if not np.array_equal(own, other):
            raise ValueError(
                f"histories: expected the same {what} in all, received {shown(other)} in the first "
                f"and {shown(own)} in {name!r}."
            )


def _of_replicates(history: xr.Dataset) -> list[str]:
    """Return the coordinates of replicates: their numbers and seeds."""
    return [name for name in history.coords if history[name].dims == ("replicate",)]


def study_of(
    axes: Sequence[Axis],
    histories: Sequence[xr.Dataset],
    *,
    held: str,
    samples: tuple[int, ...] = (),
) -> xr.Dataset:
    """Return the histories of all cells of a grid as one dataset.

    Parameters
    ----------
    axes : sequence of Axis
    histories : sequence of xarray.Dataset
        In the order of their places in the grid.
    held : {"epochs", "updates", "samples"}
    samples : tuple of int
        Where records are compared if samples are held fixed.

    Returns
    -------
    xarray.Dataset
        Variables of dimensions (*axes, replicate, record) where a history has (replicate, record).
        What a history has as an attribute is a coordinate if it is an axis, an attribute if it is
        the same for all cells, else a variable along the axes that it depends on.
    """
    cells = [_along_samples(cell, samples) for cell in _with_batch_sizes(histories)]
    first = cells[0]
    names = [axis.name for axis in axes]
    shape = [len(axis.labels) for axis in axes]
    index = {axis.name: np.array(axis.labels) for axis in axes}
    fixed = {*_of_replicates(first), first["val_loss"].dims[-1]}

    def joined(name: str) -> tuple[tuple[str, ...], np.ndarray]:
        values = np.stack([cell[name].to_numpy() for cell in cells])
        return (*names, *first[name].dims), values.reshape(*shape, *values.shape[1:])

    study = xr.Dataset(
        {name: joined(name) for name in first.data_vars},
        coords={
            **index,
            **{name: first[name] for name in fixed},
            **{name: _reduced(*joined(name), names) for name in first.coords if name not in fixed},
        },
    )
    for name in dict.fromkeys(key for cell in cells for key in cell.attrs):
        if name in names:
            continue
        values = [cell.attrs.get(name, np.nan) for cell in cells]
        if name in _OF_EACH_CELL:
            study[name] = names, np.reshape(values, shape)
        elif all(value == values[0] for value in values):
            study.attrs[name] = values[0]
        else:
            study[name] = _reduced(names, np.reshape(values, shape), names)
    study.attrs["held"] = held
    return study


def _with_batch_sizes(histories: Sequence[xr.Dataset]) -> list[xr.Dataset]:
    """Return the histories; beside schedules a batch size that stays is written as one, too."""
    if not any("batch_size" in history.coords for history in histories):
        return list(histories)
    return [
        history if "batch_size" in history.coords else _as_schedule(history)
        for history in histories
    ]


def _as_schedule(history: xr.Dataset) -> xr.Dataset:
    record = record_dimension(history)
    attributes = dict(history.attrs)
    sizes = np.full(history.sizes[record], attributes.pop("batch_size"))
    history = history.assign_coords(batch_size=(record, sizes))
    history.attrs = attributes
    return history


def _along_samples(history: xr.Dataset, places: tuple[int, ...]) -> xr.Dataset:
    """Return a history along samples, if that is what the cells have in common."""
    if not places:
        return history
    # A batch may pass several of the places at once.
    history = history.isel(update=np.searchsorted(history["sample"].to_numpy(), places))
    return (
        history.reset_index("update")
        .rename_vars(sample="samples_seen")
        .rename_dims(update="sample")
        .assign_coords(sample=np.array(places))
    )


def _reduced(
    dims: tuple[str, ...], values: np.ndarray, axes: list[str]
) -> tuple[tuple[str, ...], np.ndarray]:
    """Drop the axes along which the values are all the same."""
    for place, name in reversed(list(enumerate(dims))):
        first = values.take([0], axis=place)
        if name in axes and (values == first).all():
            values, dims = first.squeeze(place), dims[:place] + dims[place + 1 :]
    return tuple(dims), values
