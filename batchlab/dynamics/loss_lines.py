"""The loss along the straight line between two solutions."""

import numpy as np
import xarray as xr

from batchlab.dynamics.kept_weights import kept_weights
from batchlab.engine.weights import Build
from batchlab.foundation.backend import keras
from batchlab.foundation.checks import shown, whole_number
from batchlab.histories.metrics import SCORES
from batchlab.problems.problem import Problem


def loss_between(
    build: Build,
    problem: Problem,
    first: xr.Dataset,
    second: xr.Dataset,
    *,
    points: int = 21,
    loss: keras.losses.Loss | None = None,
) -> xr.Dataset:
    """Return the loss along the straight line between the last weights of paired replicates.

    Parameters
    ----------
    build, problem, loss
        As in `gradient_noise`.
    first, second : xarray.Dataset
        From `fit` or `sweep` with ``keep_weights="final"`` or "epochs", of the same replicates.
        Where both are sweeps over a setting, over the same values of it.
    points : int
        How many points of the line, both ends included, at least 2.

    Returns
    -------
    xarray.Dataset
        `train_loss`, `val_loss`, `train_accuracy` and `val_accuracy` (of a regression mean absolute
        errors) of dimensions (grid…, replicate, position), the position running from 0 at the first
        to 1 at the second weights;
        `train_barrier` and `val_barrier` (grid…, replicate): the largest rise above the straight
        line between the losses at the ends, at least 0, in units of the loss.

    Raises
    ------
    TypeError, ValueError
        As `gradient_noise`, or if the two have other replicates or other values of a setting.

    References
    ----------
    Frankle, Dziugaite, Roy and Carbin, "Linear mode connectivity and the lottery ticket
    hypothesis", 2020, section 2.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> fits = [bl.fit(bl.mlp, problem, batch_size=size, epochs=3) for size in (32, 500)]
    >>> float(bl.loss_between(bl.mlp, problem, *fits, points=3)["position"][1])
    0.5
    """
    points = whole_number("points", points, minimum=2)
    ends = [
        kept_weights(build, problem, history, loss=loss, name=name, last=True)
        for name, history in (("first", first), ("second", second))
    ]
    start, end = _paired(*(one.weights for one in ends))
    position = xr.DataArray(
        np.linspace(0, 1, points), dims="position", coords={"position": np.linspace(0, 1, points)}
    )
    line = (1 - position) * start + position * end
    order = *start.dims[:-1], "position"
    rows = line.transpose(*order, "parameter").to_numpy().reshape(-1, start.sizes["parameter"])
    like = line.isel(parameter=0, drop=True).transpose(*order)
    about = "task", "held_out", "loss_function", "target_scales"
    found = xr.Dataset(attrs={name: first.attrs[name] for name in about if name in first.attrs})
    parts = {
        "train": (problem.x_train, problem.y_train),
        "val": problem.held_out[1:],
    }
    for part, samples in parts.items():
        values = ends[0].surface.measure(rows, samples).reshape(*like.shape, 2)
        for column, metric in enumerate(("loss", SCORES[problem.task])):
            found[f"{part}_{metric}"] = like.copy(data=values[..., column])
        losses = found[f"{part}_loss"]
        first_loss, last_loss = (losses.isel(position=place, drop=True) for place in (0, -1))
        rise = losses - ((1 - position) * first_loss + position * last_loss)
        # At the ends the rise is zero, but for rounding.
        found[f"{part}_barrier"] = rise.max("position", skipna=False).clip(0)
    return found


def _paired(start: xr.DataArray, end: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    start, end = (
        one.drop_vars([name for name in one.coords if name not in one.dims]) for one in (start, end)
    )
    try:
        start, end = xr.align(start, end, join="exact")
    except ValueError:
        differ = [
            str(name)
            for name in start.dims
            if name in start.indexes
            and name in end.indexes
            and not start.indexes[name].equals(end.indexes[name])
        ]
        raise ValueError(
            f"first, second: expected the same values of {' and '.join(differ)}, received "
            + " and ".join(shown(one[differ[0]].to_numpy().tolist()) for one in (start, end))
            + "."
        ) from None
    start, end = xr.broadcast(start, end)
    order = [name for name in start.dims if name not in ("replicate", "parameter")]
    start, end = (one.transpose(*order, "replicate", "parameter") for one in (start, end))
    return start, end
