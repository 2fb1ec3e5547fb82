"""Histories as one dataset, with a dimension for each setting that differs between them."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from batchlab.histories.records import record_dimension

_OF_EACH_CELL = ("compile_seconds", "training_seconds")


@dataclass(frozen=True)
class Axis:
    """One dimension of a grid.

    Attributes
    ----------
    name : str
    labels : tuple of int, float or str
        The coordinate along it.
    values : tuple
        What the labels stand for.
    """

    name: str
    labels: tuple
    values: tuple


def of_replicates(history: xr.Dataset) -> list[str]:
    """Return the coordinates of replicates: their numbers and seeds."""
    return [str(name) for name in history.coords if history[name].dims == ("replicate",)]


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
    fixed = {*of_replicates(first), first["val_loss"].dims[-1]}

    def joined(name: Hashable) -> tuple[tuple[str, ...], np.ndarray]:
        values = np.stack([cell[name].to_numpy() for cell in cells])
        return (*names, *map(str, first[name].dims)), values.reshape(*shape, *values.shape[1:])

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
            study[name] = _reduced(tuple(names), np.reshape(values, shape), names)
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
    return dims, values
