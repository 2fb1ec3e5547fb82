"""The dataset that a sweep returns: the histories of its cells along the dimensions of its grid."""

import numpy as np
import xarray as xr

from batchlab.grid import Grid

_OF_EACH_CELL = ("compile_seconds", "training_seconds")


def study_of(grid: Grid, histories: dict[tuple[int, ...], xr.Dataset]) -> xr.Dataset:
    """Return the histories of all cells as one dataset.

    Parameters
    ----------
    grid : Grid
    histories : dict of tuple to xarray.Dataset
        By the cell's place in the grid.

    Returns
    -------
    xarray.Dataset
        Variables of dimensions (*axes, replicate, record) where a history has (replicate, record).
        What a history has as an attribute is a coordinate if it is an axis, an attribute if it is
        the same for all cells, else a variable along the axes that it depends on.
    """
    cells = [_comparable(grid, histories[cell.place]) for cell in grid.cells]
    first = cells[0]
    names = [axis.name for axis in grid.axes]
    index = {axis.name: np.array(axis.labels) for axis in grid.axes}
    record = first["val_loss"].dims[-1]
    fixed = {name for name in first.coords if first[name].dims == ("replicate",)} | {record}

    def joined(name: str) -> tuple[tuple[str, ...], np.ndarray]:
        values = np.stack([cell[name].to_numpy() for cell in cells])
        return (*names, *first[name].dims), values.reshape(*grid.shape, *values.shape[1:])

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
            study[name] = names, np.reshape(values, grid.shape)
        elif all(value == values[0] for value in values):
            study.attrs[name] = values[0]
        else:
            study[name] = _reduced(names, np.reshape(values, grid.shape), names)
    study.attrs["held"] = grid.held
    return study


def _comparable(grid: Grid, history: xr.Dataset) -> xr.Dataset:
    """Return a history along samples, if that is what the cells have in common."""
    if any(axis.name == "schedule" for axis in grid.axes) and "batch_size" in history.attrs:
        # Beside schedules a batch size that stays is one, too.
        history = history.copy()
        record = history["val_loss"].dims[-1]
        sizes = np.full(history.sizes[record], history.attrs.pop("batch_size"))
        history = history.assign_coords(batch_size=(record, sizes))
    if grid.held != "samples":
        return history
    seen, places = history["sample"].to_numpy(), np.array(grid.samples)
    # A batch may pass several of the places at once.
    history = history.isel(update=np.searchsorted(seen, places))
    return (
        history.reset_index("update")
        .rename_vars(sample="samples_seen")
        .rename_dims(update="sample")
        .assign_coords(sample=places)
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
