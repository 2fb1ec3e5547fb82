"""The best of several settings, chosen on some replicates and measured on the others.

Imports neither TensorFlow nor Keras. Whoever chooses the best of many and quotes the accuracy that
made it so quotes its luck as well. So the replicates are two halves, those at even and at odd
places; what is best in one half is measured in the other.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from batchlab.ledger.evidence.measures import trend

FIXED, TUNED = "rate fixed", "rate re-tuned"
FIXED_RATE = 0.01


def cross_chosen(values: xr.DataArray, dimension: str) -> xr.DataArray:
    """Return the values at the best place along a dimension, best in the other half's mean.

    Parameters
    ----------
    values : xarray.DataArray
        The higher the better; with `dimension` and `replicate`. NaN is what was not tried.
    dimension : str
        Along which to choose; for each place of the other dimensions anew.

    Returns
    -------
    xarray.DataArray
        Without the dimension. A single replicate is chosen by itself.
    """
    replicates = values.sizes["replicate"]
    halves = [slice(0, None, 2), slice(1, None, 2)] if replicates > 1 else [slice(None)]
    measured = [
        values.isel(replicate=half).isel({dimension: _best_place(values, other, dimension)})
        for half, other in zip(halves, reversed(halves), strict=True)
    ]
    measured = [each.drop_vars(dimension, errors="ignore") for each in measured]
    return xr.concat(measured, "replicate").sortby("replicate")


def both_rates(study: xr.Dataset, *, fixed: float = FIXED_RATE) -> xr.DataArray:
    """Return final test accuracies at a rate that is fixed, and at the best for each batch size.

    Parameters
    ----------
    study : xarray.Dataset
        `val_accuracy` of dimensions (problem, batch_size, learning_rate, replicate).
    fixed : float
        The rate that all batch sizes share.

    Returns
    -------
    xarray.DataArray, dimensions (problem, rate, batch_size, replicate)
        The best rate is chosen on the other half of the replicates.
    """
    values = study["val_accuracy"]
    both = values.sel(learning_rate=fixed, drop=True), cross_chosen(values, "learning_rate")
    return _side_by_side(*both).transpose("problem", "rate", "batch_size", "replicate")


def lead(study: xr.Dataset, *, of: int | Sequence[int], over: int | Sequence[int]) -> xr.DataArray:
    """Return how much higher the test accuracy is at some batch sizes than at others.

    Parameters
    ----------
    study : xarray.Dataset
        As in `both_rates`.
    of, over : int or sequence of int
        A batch size, or several: the best of these. It is chosen on the other half of the
        replicates; where the rate is re-tuned, together with it: a size that was chosen at rates
        which these very replicates chose would be chosen by their luck.

    Returns
    -------
    xarray.DataArray, dimensions (problem, rate, replicate)
    """
    return _best_of_sizes(study, of) - _best_of_sizes(study, over)


def change_over(study: xr.Dataset, *, batch_sizes: Sequence[int]) -> xr.DataArray:
    """Return by how much the test accuracy changes from the smallest to the largest batch size.

    Parameters
    ----------
    study : xarray.Dataset
        As in `both_rates`.
    batch_sizes : sequence of int

    Returns
    -------
    xarray.DataArray, dimensions (problem, rate, replicate)
        The slope against the logarithm of the batch size, by least squares over all of these, times
        the doublings from one end to the other.
    """
    values = both_rates(study).sel(batch_size=list(batch_sizes))
    return trend(values, logarithmic=False) * np.log2(max(batch_sizes) / min(batch_sizes))


def rate_trend(study: xr.Dataset) -> xr.DataArray:
    """Return the power of the batch size with which each replicate's best learning rate grows.

    Parameters
    ----------
    study : xarray.Dataset
        `val_accuracy`, with dimensions batch_size, learning_rate, replicate and any others.

    Returns
    -------
    xarray.DataArray, dimensions (others…, replicate)
        Of rates that are equally good the lowest counts.
    """
    return trend(study["val_accuracy"].idxmax("learning_rate"))


def lead_of_32(study: xr.Dataset) -> xr.DataArray:
    """Return how much higher the test accuracy is at 32 than at each larger batch size.

    Parameters
    ----------
    study : xarray.Dataset
        As in `both_rates`, with a fixed rate of 0.001, Adam's; NaN where a problem has no such
        batch size.

    Returns
    -------
    xarray.DataArray, dimensions (case, rate, replicate)
        A case is a problem and a batch size that it has.
    """
    values = both_rates(study, fixed=0.001)
    ahead = values.sel(batch_size=32, drop=True) - values.drop_sel(batch_size=32)
    cases = ahead.stack(case=["problem", "batch_size"]).dropna("case", how="all")
    labels = [f"{problem}, batch size {size:,}" for problem, size in cases.indexes["case"]]
    cases = cases.drop_vars(["case", "problem", "batch_size"]).assign_coords(case=labels)
    return cases.transpose("case", "rate", "replicate")


def _best_place(values: xr.DataArray, replicates: slice, dimension: str) -> xr.DataArray:
    means = values.isel(replicate=replicates).mean("replicate")
    return means.fillna(-np.inf).argmax(dimension)


def _best_of_sizes(study: xr.Dataset, sizes: int | Sequence[int]) -> xr.DataArray:
    """Return test accuracies at the best of some batch sizes, at both rates."""
    values = study["val_accuracy"].sel(batch_size=np.atleast_1d(sizes))
    fixed = cross_chosen(values.sel(learning_rate=FIXED_RATE, drop=True), "batch_size")
    settings = values.stack(setting=["batch_size", "learning_rate"])
    tuned = cross_chosen(settings.drop_vars(["setting", "batch_size", "learning_rate"]), "setting")
    return _side_by_side(fixed, tuned).transpose("problem", "rate", "replicate")


def _side_by_side(fixed: xr.DataArray, tuned: xr.DataArray) -> xr.DataArray:
    rates = xr.DataArray([FIXED, TUNED], dims="rate", name="rate")
    return xr.concat([fixed, tuned], rates)
