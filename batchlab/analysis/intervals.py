"""Means over replicates and their 95 % confidence intervals."""

import warnings
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 1999


Bound = TypeVar("Bound", np.ndarray, float)


class Interval(NamedTuple, Generic[Bound]):
    """A mean and its confidence interval; arrays where it is of several quantities."""

    mean: Bound
    low: Bound
    high: Bound


def mean_interval(values: ArrayLike) -> Interval[np.ndarray]:
    """Return the mean over replicates and its 95 % confidence interval.

    Bias-corrected and accelerated bootstrap over the replicates, 1,999 resamples, always the same
    ones, so that the interval repeats.

    Parameters
    ----------
    values : ndarray of shape (replicates, ...)

    Returns
    -------
    Interval
        Arrays of shape (...). The bounds are NaN for fewer than two replicates, and equal to the
        mean where all replicates are equal.

    References
    ----------
    Efron, "Better bootstrap confidence intervals", 1987, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> import batchlab as bl
    >>> mean, low, high = bl.mean_interval(np.array([0.79, 0.80, 0.82, 0.83]))
    >>> print(f"{mean:.2f}, from {low:.2f} to {high:.2f}")
    0.81, from 0.80 to 0.82
    """
    values = np.asarray(values, dtype="float64")
    if len(values) == 0:
        nothing = np.full(values.shape[1:], np.nan)
        return Interval(nothing, nothing, nothing)
    mean = values.mean(axis=0)
    # To a power of two, which is exact: `_rounded_mean` rounds by it.
    largest = np.abs(values).max(axis=0)
    scale = 2.0 ** np.ceil(np.log2(np.where(largest > 0, largest, 1)))
    if len(values) == 1:
        return Interval(mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        warnings.simplefilter("ignore", RuntimeWarning)  # 0/0 of the acceleration, same cause
        found = stats.bootstrap(
            (values / scale,),
            _rounded_mean,
            axis=0,
            vectorized=True,
            confidence_level=CONFIDENCE,
            n_resamples=RESAMPLES,
            batch=max(1, 2_000_000 // values.size),
            rng=np.random.default_rng(0),
        ).confidence_interval
    equal = (values == values[0]).all(axis=0) | np.isnan(found.low) | np.isnan(found.high)
    low, high = (np.where(equal, mean, bound * scale) for bound in (found.low, found.high))
    return Interval(mean, low, high)


def _rounded_mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean to fourteen decimals.

    Resampled means of accuracies are often equal. The bias correction counts how many are below
    the mean of the sample, so whether two are equal must not depend on the order of a sum.
    """
    return np.round(values.mean(axis=axis), 14)


def paired_ratio(above: np.ndarray, below: np.ndarray) -> Interval:
    """Return the ratio of what was measured in pairs, round by round, and its 95 % interval.

    The geometric mean, so that the answer is the same if the ratio is formed the other way round.

    Parameters
    ----------
    above, below : ndarrays of shape (rounds, ...)
        Positive.

    Returns
    -------
    Interval
        See `mean_interval`, of the logarithms.
    """
    return Interval(*map(np.exp, mean_interval(np.log(above) - np.log(below))))


def over_replicates(values: xr.DataArray) -> xr.Dataset:
    """Return the mean over the replicates that have a value, and its interval, in every cell.

    Parameters
    ----------
    values : xarray.DataArray
        With a dimension replicate, and any others. NaN is no value: such a replicate is left out.

    Returns
    -------
    xarray.Dataset
        Variables `mean`, `low` and `high`, see `mean_interval`, of the other dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import batchlab as bl
    >>> accuracies = [[0.6, 0.7, 0.8], [0.8, 0.9, np.nan]]
    >>> values = xr.DataArray(accuracies, dims=["batch_size", "replicate"])
    >>> bl.over_replicates(values)["mean"].round(3).values.tolist()
    [0.7, 0.85]
    """
    values = values.reset_coords(drop=True)
    others = [name for name in values.dims if name != "replicate"]
    values = values.transpose(*others, "replicate").astype("float64")
    rows = values.to_numpy().reshape(-1, values.sizes["replicate"])
    there = ~np.isnan(rows)
    counts = there.sum(axis=1)
    found = np.empty((3, len(rows)))
    # SciPy's bootstrap takes many cells at once if they have equally many replicates.
    for count in np.unique(counts):
        chosen = counts == count
        some = rows[chosen][there[chosen]].reshape(chosen.sum(), count)
        found[:, chosen] = mean_interval(some.T)
    cells = values.isel(replicate=0, drop=True)
    return xr.Dataset(
        {
            name: cells.copy(data=column.reshape(cells.shape))
            for name, column in zip(Interval._fields, found, strict=True)
        }
    )


def replicate_variance(values: xr.DataArray) -> xr.DataArray:
    """Return the sample variance over the replicates that have a value.

    Parameters
    ----------
    values : xarray.DataArray
        With a dimension replicate, and any others. NaN is no value.

    Returns
    -------
    xarray.DataArray
        Of the other dimensions; NaN where fewer than two replicates have a value.
    """
    spare = (values.count("replicate") - 1).where(lambda count: count > 0)
    return ((values - values.mean("replicate")) ** 2).sum("replicate") / spare


def error_bars(mean: ArrayLike, low: ArrayLike, high: ArrayLike) -> np.ndarray:
    """Return how far an interval reaches below and above the mean, as Matplotlib wants it.

    Parameters
    ----------
    mean, low, high : array-like of shape (n,)

    Returns
    -------
    ndarray of shape (2, n)
        Zero where there is no interval, and never less, whatever the rounding.
    """
    mean, low, high = (np.asarray(values, "float64") for values in (mean, low, high))
    return np.nan_to_num(np.stack([mean - low, high - mean])).clip(0)
