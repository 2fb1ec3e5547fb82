"""The weights that a history keeps, as rows, and what is computed from each, with its labels."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from batchlab.dynamics.compiled_surface import CompiledSurface, surface_of
from batchlab.engine.weights import Build
from batchlab.foundation.backend import keras
from batchlab.histories.records import RECORDS
from batchlab.problems.problem import Problem

ONE_MODEL = ("problem", "build", "loss_function")


@dataclass(frozen=True, eq=False)
class KeptWeights:
    """Rows of weights, and where each belongs.

    Attributes
    ----------
    weights : xarray.DataArray, dimensions (grid…, replicate, record…, parameter)
        In the order of ``model.get_weights()``; without a record where only the last are kept.
    surface : CompiledSurface
        Of the model that they are weights of.
    """

    weights: xr.DataArray
    surface: CompiledSurface

    @property
    def rows(self) -> np.ndarray:
        """The weights, shape (rows, n_parameters)."""
        return self.weights.to_numpy().reshape(-1, self.weights.sizes["parameter"])

    @property
    def replicates(self) -> np.ndarray:
        """The label of the replicate of each row, whichever of them are there."""
        one = self.weights.isel(parameter=0, drop=True)
        labels = one["replicate"].to_numpy()
        shape = [len(labels) if name == "replicate" else 1 for name in one.dims]
        return np.broadcast_to(labels.reshape(shape), one.shape).ravel()

    def labelled(self, values: np.ndarray, **further: Sequence) -> xr.DataArray:
        """Return values of the rows with the dimensions of the weights in place of the rows.

        Parameters
        ----------
        values : ndarray of shape (rows, ...)
        **further : sequence
            Coordinates of the other dimensions, by name and in order.

        Returns
        -------
        xarray.DataArray, dimensions (grid…, replicate, record…, further…)
        """
        one = self.weights.isel(parameter=0, drop=True)
        return xr.DataArray(
            values.reshape(*one.shape, *values.shape[1:]),
            dims=(*one.dims, *further),
            coords={**one.coords, **further},
        )


def kept_weights(
    build: Build,
    problem: Problem,
    history: xr.Dataset,
    *,
    loss: keras.losses.Loss | None = None,
    name: str = "history",
    last: bool = False,
    measured: bool = True,
) -> KeptWeights:
    """Return the weights of a history or a sweep, the start being record 0 if it is there.

    Parameters
    ----------
    build : callable
        The function that `fit` or `sweep` was given.
    problem : Problem
    history : xarray.Dataset
        From `fit` or `sweep`, which kept weights.
    loss : keras.losses.Loss or None
        As in `fit`.
    name : str
        What the history is called, for errors.
    last : bool
        Whether only the last weights are wanted.
    measured : bool
        Whether the loss matters, so that it must be the one trained with.

    Returns
    -------
    KeptWeights

    Raises
    ------
    TypeError, ValueError
        If the history holds no weights, those of another model or of several, or was trained with
        another loss than the default and none is given.
    """
    if not isinstance(history, xr.Dataset):
        raise TypeError(
            f"{name}: expected a dataset that fit or sweep returned, received a "
            f"{type(history).__name__}."
        )
    compiled = surface_of(build, problem, loss)
    surface = compiled.surface
    kept = _weights(history, name, last)
    keywords = (*ONE_MODEL, *inspect.signature(build).parameters)
    several = [dim for dim in kept.dims if dim in keywords and dim != "parameter"]
    if several:
        raise ValueError(
            f"{name}: expected weights of one model on one problem, received the dimension "
            f"{several[0]}; choose with .sel({several[0]}=…)."
        )
    count = kept.sizes["parameter"]
    if count != surface.model.count_params():
        raise ValueError(
            f"{name}: expected weights for the {surface.model.count_params()} parameters of the "
            f"model that build returns, received {count}."
        )
    trained_with, assumed = history.attrs.get("loss_function"), surface.loss_name
    if measured and loss is None and trained_with not in (None, assumed):
        raise ValueError(
            f"loss: expected the {trained_with} that the {name} was trained with, received None, "
            f"which is {assumed}."
        )
    order = [dim for dim in kept.dims if dim not in ("replicate", *RECORDS, "parameter")]
    records = [dim for dim in kept.dims if dim in RECORDS]
    return KeptWeights(kept.transpose(*order, "replicate", *records, "parameter"), compiled)


def _weights(history: xr.Dataset, name: str, last: bool) -> xr.DataArray:
    if "epoch_weights" not in history or last:
        if "weights" not in history:
            raise ValueError(
                f"{name}: expected weights, which fit and sweep keep with keep_weights='epochs' or "
                f"'final', received the variables {', '.join(map(str, history.data_vars))}."
            )
        kept = history["weights"]
        return _with_replicate(kept.drop_vars([one for one in RECORDS if one in kept.coords]))
    kept = _with_replicate(history["epoch_weights"])
    along = [dim for dim in kept.dims if dim in RECORDS]
    if not along or "initial_weights" not in history:
        return kept
    (record,) = along
    # Of the coordinates along the records only what was spent is known of the start: nothing.
    others = [one for one in kept.coords if record in kept[one].dims and one not in RECORDS]
    kept = kept.drop_vars(others)
    nothing = {
        one: kept[one].isel({record: slice(1)}) * 0
        for one in kept.coords
        if record in kept[one].dims and one != record
    }
    start = _with_replicate(history["initial_weights"])
    start = start.drop_vars([one for one in start.coords if one not in start.dims])
    start = start.expand_dims({record: np.zeros(1, kept[record].dtype)})
    start = start.assign_coords({one: (value.dims, value.data) for one, value in nothing.items()})
    start = start.assign_coords(
        {one: kept[one] for one in kept.coords if record not in kept[one].dims}
    )
    return xr.concat([start.transpose(*kept.dims), kept], record)


def _with_replicate(kept: xr.DataArray) -> xr.DataArray:
    """Return the weights with a replicate dimension and its labels, also where one was chosen."""
    kept = kept if "replicate" in kept.dims else kept.expand_dims("replicate")
    if "replicate" not in kept.coords:
        kept = kept.assign_coords(replicate=np.arange(kept.sizes["replicate"]))
    return kept
