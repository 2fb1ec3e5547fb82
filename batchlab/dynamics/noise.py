"""The noise of minibatch gradients, exactly: their norms at any batch size, the noise scale."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from batchlab.dynamics.kept_weights import kept_weights
from batchlab.engine.weights import Build
from batchlab.foundation.backend import keras
from batchlab.foundation.checks import shown, whole_number
from batchlab.problems.problem import Problem


def gradient_noise(
    build: Build,
    problem: Problem,
    history: xr.Dataset,
    *,
    loss: keras.losses.Loss | None = None,
) -> xr.Dataset:
    """Return the gradient's norm and its noise, exactly, from the gradient of every sample.

    Parameters
    ----------
    build : callable
        The function that `fit` or `sweep` was given.
    problem : Problem
        The problem that it was given.
    history : xarray.Dataset
        From `fit` or `sweep` with ``keep_weights="epochs"`` or "final". Choose epochs with
        ``history.sel(epoch=[2, 30])``.
    loss : keras.losses.Loss or None
        As in `fit`. The loss is that of an evaluation: dropout is off, batch normalization goes by
        its moving statistics, penalties of regularizers are counted in.

    Returns
    -------
    xarray.Dataset
        Variables of dimensions (grid…, replicate, record…), where the record is `epoch`, `update`
        or `sample`, 0 being the start, and is missing where only the last weights are kept:

        - `gradient_norm`: Euclidean norm of the gradient of the training loss, ‖∇f‖;
        - `noise_trace`: trace of the covariance of the gradients of single samples, tr Σ (by
          n_train - 1);
        - `noise_scale`: tr Σ / ‖∇f‖², in samples.

        NaN for weights that are not finite. The attributes hold `n_train`.

    Raises
    ------
    TypeError, ValueError
        If the history holds no weights or those of another model, or was trained with another
        loss.

    References
    ----------
    McCandlish, Kaplan, Amodei et al., "An empirical model of large-batch training", 2018,
    section 2.2.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> history = bl.fit(bl.mlp, problem, batch_size=32, epochs=2, keep_weights="epochs")
    >>> bl.gradient_noise(bl.mlp, problem, history)["noise_scale"].sizes["epoch"]
    3
    """
    kept = kept_weights(build, problem, history, loss=loss)
    squared, trace = kept.surface.noise(kept.rows, (problem.x_train, problem.y_train)).T
    with np.errstate(divide="ignore", invalid="ignore"):  # where there is no gradient left
        scale = trace / squared
    found = {"gradient_norm": np.sqrt(squared), "noise_trace": trace, "noise_scale": scale}
    return xr.Dataset(
        {name: kept.labelled(values) for name, values in found.items()},
        attrs={"n_train": problem.n_train},
    )


def minibatch_norms(noise: xr.Dataset, *, batch_size: Sequence[int] | None = None) -> xr.Dataset:
    """Return the expected norm of a minibatch's gradient, averaged and summed over its samples.

    Exact for a batch of b samples drawn without replacement from all n:
    E‖g‖² = ‖∇f‖² + tr Σ (1/b - 1/n), and b² times that for the sum over the samples. While noise
    dominates the first falls as 1/b and the second rises in proportion to b.

    Parameters
    ----------
    noise : xarray.Dataset
        From `gradient_noise`.
    batch_size : sequence of int or None
        Samples in a minibatch, from 1 to n_train each. None is the batch size that the weights
        were trained with, of a sweep over batch sizes.

    Returns
    -------
    xarray.Dataset
        Variables of the dimensions of `noise` and `batch_size`:

        - `squared_norm`: expected squared norm of the averaged gradient;
        - `norm`: its root, the root mean square of the norm, which is at least its mean;
        - `summed_squared_norm`, `summed_norm`: the same for the summed gradient.

    Raises
    ------
    TypeError, ValueError
        If a batch size is not a whole number from 1 to n_train, or `noise` says of its weights
        with which batch size they were trained and others are asked for, or the reverse.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> history = bl.fit(bl.mlp, problem, batch_size=32, epochs=2, keep_weights="epochs")
    >>> noise = bl.gradient_noise(bl.mlp, problem, history)
    >>> bl.minibatch_norms(noise, batch_size=[1, 500])["norm"].dims
    ('replicate', 'epoch', 'batch_size')
    """
    n_train = noise.attrs["n_train"]
    swept = "batch_size" in noise.dims
    if swept != (batch_size is None):
        raise ValueError(
            "batch_size: expected None where the weights come from a sweep over batch sizes, and a "
            f"list elsewhere, received {shown(batch_size)}."
        )
    if swept:
        sizes = noise["batch_size"]
    else:
        noise = noise.drop_vars("batch_size", errors="ignore")
        listed = checked_sizes(batch_size, n_train)
        sizes = xr.DataArray(listed, dims="batch_size", coords={"batch_size": listed})
    squared = noise["gradient_norm"] ** 2 + noise["noise_trace"] * (1 / sizes - 1 / n_train)
    found = {"squared_norm": squared, "norm": np.sqrt(squared)}
    found |= {"summed_squared_norm": sizes**2 * squared, "summed_norm": sizes * np.sqrt(squared)}
    return xr.Dataset(found, attrs={"n_train": n_train})


def checked_sizes(batch_size: Sequence[int] | np.ndarray | None, n_train: int) -> list[int]:
    """Return batch sizes if they are different whole numbers from 1 to n_train, at least one.

    Raises
    ------
    TypeError, ValueError
        If they are not.
    """
    if isinstance(batch_size, str) or not isinstance(batch_size, Sequence | np.ndarray):
        raise TypeError(
            f"batch_size: expected a list of whole numbers such as [8, 64], received "
            f"{shown(batch_size)}."
        )
    sizes = [
        whole_number("batch_size", one, minimum=1, maximum=n_train) for one in list(batch_size)
    ]
    if not sizes or len(set(sizes)) < len(sizes):
        raise ValueError(
            "batch_size: expected at least one batch size and none twice, received "
            f"{shown(batch_size)}."
        )
    return sizes
