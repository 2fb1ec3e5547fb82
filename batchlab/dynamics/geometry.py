"""Where training goes: how far from the start, and how sharp the loss is there."""

from typing import cast

import numpy as np
import xarray as xr
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from batchlab.dynamics.kept_weights import kept_weights
from batchlab.engine.weights import Build
from batchlab.foundation.backend import keras
from batchlab.problems.problem import Problem

TOLERANCE = 1e-6  # of an eigenvalue, relative
VECTORS = 8  # of Lanczos between restarts; SciPy's 20 take twice the products for the same digits


def distance_from_start(build: Build, problem: Problem, history: xr.Dataset) -> xr.Dataset:
    """Return how far the weights have moved from where they started.

    Parameters
    ----------
    build : callable
        The function that `fit` or `sweep` was given.
    problem : Problem
        The problem that it was given.
    history : xarray.Dataset
        From `fit` or `sweep` with ``keep_weights="epochs"``.

    Returns
    -------
    xarray.Dataset
        Variables of dimensions (grid…, replicate, record…), record 0 being the start: `distance`,
        the Euclidean distance of the trainable weights (so not of the statistics of batch
        normalization), and `relative_distance`, by the norm of those at the start.

    Raises
    ------
    TypeError, ValueError
        If the history does not hold the initial weights, or holds those of another model.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> history = bl.fit(bl.mlp, problem, batch_size=32, epochs=2, keep_weights="epochs")
    >>> float(bl.distance_from_start(bl.mlp, problem, history)["distance"][0, 0])
    0.0
    """
    kept = kept_weights(build, problem, history, measured=False)
    if "initial_weights" not in history:
        raise ValueError(
            "history: expected initial_weights, which fit and sweep keep with "
            f"keep_weights='epochs', received the variables "
            f"{', '.join(map(str, history.data_vars))}."
        )
    trained = {"parameter": np.flatnonzero(kept.surface.surface.trainable)}
    start = history["initial_weights"].isel(trained)
    moved = kept.weights.isel(trained) - start.reset_coords(drop=True)
    squared = (moved**2).sum("parameter", skipna=False)
    distance = cast(xr.DataArray, np.sqrt(squared)).transpose(*kept.weights.dims[:-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = distance / np.sqrt((start**2).sum("parameter"))
    return xr.Dataset(
        {"distance": distance, "relative_distance": relative.transpose(*distance.dims)}
    )


def sharpness(
    build: Build,
    problem: Problem,
    history: xr.Dataset,
    *,
    loss: keras.losses.Loss | None = None,
) -> xr.DataArray:
    """Return the largest eigenvalue of the Hessian of the training loss.

    By Lanczos iteration (ARPACK) on products of the Hessian with a vector, to a relative 1e-6 of
    the eigenvalue, always from the same vector. Gradient descent without momentum cannot settle
    where it exceeds 2 by the learning rate.

    Parameters
    ----------
    build, problem, history, loss
        As in `gradient_noise`. The Hessian is of the trainable weights; that of a network of
        rectifiers is of the piece that its weights are in.

    Returns
    -------
    xarray.DataArray, dimensions (grid…, replicate, record…)
        NaN for weights that are not finite, or where the iteration does not converge.

    Raises
    ------
    TypeError, ValueError
        As `gradient_noise`.

    References
    ----------
    Keskar, Mudigere, Nocedal, Smelyanskiy and Tang, "On large-batch training for deep learning",
    2017, section 2.2; Cohen, Kaur, Li, Kolter and Talwalkar, "Gradient descent on neural networks
    typically occurs at the edge of stability", 2021, section 3.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> history = bl.fit(bl.mlp, problem, batch_size=500, epochs=5)
    >>> bool(bl.sharpness(bl.mlp, problem, history) > 0)
    True
    """
    kept = kept_weights(build, problem, history, loss=loss)
    samples = problem.x_train, problem.y_train
    size = int(kept.surface.surface.trainable.sum())
    # One after the other: SciPy's iteration is Python, which does one thing at a time.
    values = [
        _largest_eigenvalue(kept.surface.curvature(row, samples), size)
        if np.isfinite(row).all()
        else np.nan
        for row in kept.rows
    ]
    return kept.labelled(np.array(values)).rename("sharpness")


def _largest_eigenvalue(product, size: int) -> float:
    start = np.random.default_rng(0).standard_normal(size)
    along = product(start)
    if not np.isfinite(along).all():
        return np.nan
    if size == 1 or not along.any():  # which ARPACK refuses
        return float((along / start)[0])
    operator = LinearOperator((size, size), matvec=product, dtype=along.dtype)
    try:
        (value,) = eigsh(
            operator,
            k=1,
            which="LA",
            v0=start,
            ncv=min(size, VECTORS),
            tol=TOLERANCE,
            return_eigenvectors=False,
        )
    except ArpackNoConvergence:
        return np.nan
    return float(value)
