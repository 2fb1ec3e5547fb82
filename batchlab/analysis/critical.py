"""The critical batch size: where twice the batch no longer halves the updates.

Imports neither TensorFlow nor Keras.
"""

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike
from scipy import stats

from batchlab.analysis.intervals import CONFIDENCE, RESAMPLES, over_replicates
from batchlab.foundation.checks import shown

PARAMETERS = ("s_min", "b_noise", "e_min")


def critical_batch_size(times: xr.Dataset) -> pd.DataFrame:
    """Return the fit of S(b) = S_min (1 + b_noise / b) to the updates that a target takes.

    Far below b_noise a step is mostly noise, and twice the batch halves the updates ("perfect
    scaling"). Far above it a step is as good as one on all samples, and S_min updates remain. At
    b_noise itself both the updates and the samples are twice the least that is possible.

    Parameters
    ----------
    times : xarray.Dataset
        From `batchlab.updates_to_target`: `update`, of dimensions (batch_size, replicate), NaN for
        a replicate that never reached the target. A batch size with such a replicate takes no part
        in the fit: the mean of the others would be that of the lucky ones.

    Returns
    -------
    pandas.DataFrame
        Rows `s_min` (updates), `b_noise` (samples per update) and `e_min` (samples that the
        smallest batches take, S_min b_noise); columns `fitted`, and `low` and `high`, the 95 %
        interval over the replicates (bias-corrected and accelerated bootstrap, which draws the
        same replicates at all batch sizes, since they are paired). Where updates shrink in
        proportion up to the largest batch, `s_min` is not above zero and `b_noise` infinite. NaN
        where fewer than two batch sizes are left; intervals also where there is one replicate.

    Raises
    ------
    ValueError
        If `times` is not such a dataset.

    Notes
    -----
    S(b) = S_min + e_min / b is linear in its two parameters. They are those with the least sum of
    squared relative errors of the mean updates, so that the smallest batch, with its many updates,
    does not decide alone. The interval says what the replicates leave open, not whether the curve
    is the right one: `target_table` has the errors that remain.

    References
    ----------
    McCandlish, Kaplan, Amodei et al., "An empirical model of large-batch training", 2018, section
    2.3 and appendix D. Shallue et al., "Measuring the effects of data parallelism on neural network
    training", 2019, section 4 (the curve, with the learning rate tuned at each batch size).

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import batchlab as bl
    >>> sizes = np.array([1, 4, 16, 64])
    >>> updates = np.stack([100 * (1 + 20 / sizes)] * 5, axis=1)
    >>> updates = xr.DataArray(updates, {"batch_size": sizes}, ["batch_size", "replicate"])
    >>> times = xr.Dataset({"update": updates})
    >>> bl.critical_batch_size(times)["fitted"].round(6).tolist()
    [100.0, 20.0, 2000.0]
    """
    updates = complete(times)["update"]
    found = np.full((3, len(PARAMETERS)), np.nan)
    if len(updates) >= 2:
        sizes = updates["batch_size"].to_numpy().astype("float64")
        middle = np.exp(np.log(sizes).mean())

        def fit(means: np.ndarray) -> np.ndarray:
            s_min, e_min = _least_squares(sizes, means)
            # b_noise itself jumps from infinity to below zero as S_min passes zero, and no
            # bootstrap survives that. As an angle it grows steadily.
            return np.stack([s_min, np.arctan2(e_min / middle, s_min), e_min])

        found = interval_of(fit, updates.to_numpy())
        found[:, 1] = middle * _tangent(found[:, 1])
    columns = dict(zip(("fitted", "low", "high"), found, strict=True))
    return pd.DataFrame(columns, index=pd.Index(PARAMETERS, name="parameter"))


def fitted_updates(fit: pd.DataFrame, batch_size: ArrayLike) -> np.ndarray:
    """Return S(b) of a fit.

    Parameters
    ----------
    fit : pandas.DataFrame
        From `critical_batch_size`.
    batch_size : array-like of float

    Returns
    -------
    ndarray of the same shape
    """
    fitted = fit["fitted"]
    return fitted["s_min"] + fitted["e_min"] / np.asarray(batch_size, "float64")


def target_table(times: xr.Dataset, fit: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return what the target takes at each batch size, beside what a fit says.

    Parameters
    ----------
    times : xarray.Dataset
        From `batchlab.updates_to_target`.
    fit : pandas.DataFrame or None
        From `critical_batch_size`; None is that of `times`.

    Returns
    -------
    pandas.DataFrame
        By batch size: `learning_rate` (the best there), `at_edge` (it is the lowest or highest
        tried), `reached` (replicates that did), the mean `updates` of these with their 95 %
        interval, `low` and `high`, the mean `samples`, `fitted` updates, and `error`: the mean
        updates less the fitted ones, divided by the former.

    Examples
    --------
    >>> import xarray as xr
    >>> import batchlab as bl
    >>> updates = xr.DataArray(
    ...     [[800, 840], [400, 420], [320, 336]],
    ...     {"batch_size": [8, 16, 32]},
    ...     ["batch_size", "replicate"],
    ... )
    >>> times = xr.Dataset({"update": updates, "sample": updates * updates["batch_size"]})
    >>> bl.target_table(times)[["reached", "updates", "samples"]]
                reached  updates  samples
    batch_size
    8                 2    820.0   6560.0
    16                2    410.0   6560.0
    32                2    328.0  10496.0
    """
    fit = critical_batch_size(times) if fit is None else fit
    updates = over_replicates(times["update"])
    fitted = fitted_updates(fit, times["batch_size"])
    known = {name: times[name].to_numpy() for name in ("learning_rate", "at_edge") if name in times}
    columns = {
        **known,
        "reached": times["update"].count("replicate").to_numpy(),
        "updates": updates["mean"].to_numpy(),
        "low": updates["low"].to_numpy(),
        "high": updates["high"].to_numpy(),
        "samples": times["sample"].mean("replicate").to_numpy(),
        "fitted": fitted,
        "error": 1 - fitted / updates["mean"].to_numpy(),
    }
    return pd.DataFrame(columns, index=times.indexes["batch_size"])


def complete(times: xr.Dataset) -> xr.Dataset:
    """Return the batch sizes at which every replicate reached the target, in order.

    Raises
    ------
    ValueError
        If `times` is not a dataset of updates by batch_size and replicate.
    """
    if "update" not in times or set(times["update"].dims) != {"batch_size", "replicate"}:
        raise ValueError(
            "times: expected a dataset of updates by batch_size and replicate, as "
            f"updates_to_target returns it, received {shown(type(times).__name__)} of dimensions "
            f"{', '.join(map(str, times.sizes))}."
        )
    whole = times["update"].notnull().all("replicate")
    return times.isel(batch_size=whole.to_numpy()).sortby("batch_size").transpose("batch_size", ...)


def _least_squares(sizes: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return S_min and e_min of least relative errors; means of shape (batch sizes, ...)."""
    constant = 1 / means
    falling = constant / sizes.reshape(-1, *[1] * (means.ndim - 1))
    a, b, c = (constant**2).sum(0), (constant * falling).sum(0), (falling**2).sum(0)
    u, v = constant.sum(0), falling.sum(0)
    determinant = a * c - b * b
    return (u * c - v * b) / determinant, (v * a - u * b) / determinant


def _tangent(angles: np.ndarray) -> np.ndarray:
    """Return tangents: infinite from a right angle on, zero below zero."""
    inside = np.tan(np.clip(angles, 0, np.pi / 2))
    return np.where(angles >= np.pi / 2, np.inf, inside)


def interval_of(function: Callable[[np.ndarray], np.ndarray], values: np.ndarray) -> np.ndarray:
    """Return a function of the means over replicates, and its interval's ends.

    Parameters
    ----------
    function : callable
        Means of shape (batch sizes, ...) -> array of shape (k, ...).
    values : ndarray of shape (batch sizes, replicates)

    Returns
    -------
    ndarray of shape (3, k)
    """
    fitted = function(values.mean(axis=-1))
    if values.shape[-1] < 2:
        return np.stack([fitted, np.full_like(fitted, np.nan), np.full_like(fitted, np.nan)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        warnings.simplefilter("ignore", RuntimeWarning)  # 0/0 of the acceleration, same cause
        # One sample of rows: SciPy draws the same replicates for all of them.
        found = stats.bootstrap(
            (values,),
            lambda drawn, axis: function(drawn.mean(axis=axis)),
            axis=-1,
            vectorized=True,
            confidence_level=CONFIDENCE,
            n_resamples=RESAMPLES,
            rng=np.random.default_rng(0),
        ).confidence_interval
    # No interval comes out where all resamples are equal: there is no spread.
    low, high = (np.where(np.isnan(end), fitted, end) for end in (found.low, found.high))
    return np.stack([fitted, low, high])
