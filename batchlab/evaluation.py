"""What a history says in numbers: final metrics of the replicates, with intervals."""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from batchlab._checks import choice

CONFIDENCE = 0.95
RESAMPLES = 1999
FINAL_METRICS = ("train_accuracy", "val_accuracy", "train_loss", "val_loss")


class Interval(NamedTuple):
    """A mean and its confidence interval; arrays where it is of several quantities."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def mean_interval(values: np.ndarray) -> Interval:
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
    """
    values = np.asarray(values, dtype="float64")
    if len(values) == 0:
        nothing = np.full(values.shape[1:], np.nan)
        return Interval(nothing, nothing, nothing)
    mean = values.mean(axis=0)
    if len(values) == 1:
        return Interval(mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        warnings.simplefilter("ignore", RuntimeWarning)  # 0/0 of the acceleration, same cause
        found = stats.bootstrap(
            (values,),
            np.mean,
            axis=0,
            vectorized=True,
            confidence_level=CONFIDENCE,
            n_resamples=RESAMPLES,
            batch=max(1, 2_000_000 // values.size),
            rng=np.random.default_rng(0),
        ).confidence_interval
    equal = np.isnan(found.low) | np.isnan(found.high)
    return Interval(mean, np.where(equal, mean, found.low), np.where(equal, mean, found.high))


def diverged(history: xr.Dataset) -> xr.DataArray:
    """Return which replicates have a loss that is not finite after some epoch.

    Parameters
    ----------
    history : xarray.Dataset
        From `batchlab.fit`.

    Returns
    -------
    xarray.DataArray of bool, dimension replicate
    """
    losses = history[["loss", "train_loss", "val_loss"]].to_array()
    return ~np.isfinite(losses).all(["variable", "epoch"])


def evaluate(history: xr.Dataset) -> pd.DataFrame:
    """Return the metrics after the last epoch over the replicates.

    Replicates that diverged have no final metrics: they are counted, and the other columns are
    over those that did not.

    Parameters
    ----------
    history : xarray.Dataset
        From `batchlab.fit`.

    Returns
    -------
    pandas.DataFrame
        A row for each of `train_accuracy`, `val_accuracy` (test samples), `train_loss` and
        `val_loss`; columns `mean`, `low` and `high` (95 % interval of the mean, see
        `mean_interval`), `std`, `min` and `max` over the replicates, `unsettled` (standard
        deviation over the last quarter of the epochs, mean over the replicates), `replicates` (all
        of them) and `diverged`.

    Examples
    --------
    >>> import batchlab as bl
    >>> history = bl.fit(bl.mlp, bl.blobs(), batch_size=500, epochs=2, replicates=3)
    >>> int(bl.evaluate(history).loc["val_accuracy", "replicates"])
    3
    """
    lost = diverged(history).to_numpy()
    rows = {}
    for name in FINAL_METRICS:
        curves = history[name].transpose("replicate", "epoch").to_numpy()[~lost]
        final, late = curves[:, -1], curves[:, -max(curves.shape[1] // 4, 1) :]
        mean, low, high = mean_interval(final)
        sound = len(final) > 0
        rows[name] = {
            "mean": float(mean),
            "low": float(low),
            "high": float(high),
            "std": final.std(ddof=1) if len(final) > 1 else np.nan,
            "min": final.min() if sound else np.nan,
            "max": final.max() if sound else np.nan,
            "unsettled": late.std(axis=1).mean() if sound else np.nan,
            "replicates": len(lost),
            "diverged": int(lost.sum()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")


def evaluate_each(histories: dict[str, xr.Dataset], metric: str) -> pd.DataFrame:
    """Return one metric's row of `evaluate` for each of several histories.

    Parameters
    ----------
    histories : dict of str to xarray.Dataset
        By the name that each row shall have.
    metric : {"train_accuracy", "val_accuracy", "train_loss", "val_loss"}

    Returns
    -------
    pandas.DataFrame
        The columns of `evaluate`.

    Raises
    ------
    ValueError
        If `metric` is another.
    """
    choice("metric", metric, FINAL_METRICS)
    rows = {name: evaluate(history).loc[metric] for name, history in histories.items()}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis(metric)
    return table.astype({"replicates": int, "diverged": int})


def locate(history: xr.Dataset, **published: float) -> pd.DataFrame:
    """Return where published final values lie among the replicates.

    Parameters
    ----------
    history : xarray.Dataset
        From `batchlab.fit`.
    **published : float
        A published value for any of `train_accuracy`, `val_accuracy`, `train_loss`, `val_loss`.

    Returns
    -------
    pandas.DataFrame
        A row for each; columns `published`, `low` and `high` (the central 95 % of the replicates
        that did not diverge), `below` and `above` (how many replicates are), and `reproduced`:
        whether the published value lies within low and high, to its own three decimals.

    Raises
    ------
    ValueError
        If a name is another.
    """
    sound = history.isel(replicate=~diverged(history).to_numpy())
    rows = {}
    for name, value in published.items():
        if name not in FINAL_METRICS:
            raise ValueError(
                f"published: expected any of {', '.join(FINAL_METRICS)}, received {name!r}."
            )
        final = sound[name].isel(epoch=-1).to_numpy()
        low, high = np.quantile(final, [0.025, 0.975]) if final.size else (np.nan, np.nan)
        rows[name] = {
            "published": value,
            "low": low,
            "high": high,
            "below": int((final < value).sum()),
            "above": int((final > value).sum()),
            "reproduced": bool(low - 0.0005 <= value <= high + 0.0005),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")


def seconds_per_replicate(history: xr.Dataset) -> float:
    """Return the training time of a history divided by its replicates, compiling left out.

    Parameters
    ----------
    history : xarray.Dataset
        From `batchlab.fit`.

    Returns
    -------
    float
        Seconds. Replicates are trained side by side, so one alone takes longer than this.
    """
    return float(history.attrs["training_seconds"]) / history.sizes["replicate"]


def first_reached(histories: dict[str, xr.Dataset], target: float) -> pd.DataFrame:
    """Return when the test accuracy first reached a target, after how much of each budget.

    Accuracy is known after whole epochs only, so a run of many updates an epoch may have reached
    the target earlier than this says.

    Parameters
    ----------
    histories : dict of str to xarray.Dataset
        By the name that each row shall have.
    target : float
        Share of the test samples classified right, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns `reached` (how many replicates did at all), and the means over these of the
        `epochs`, `updates`, `samples` and `seconds` (per replicate, compiling left out) until then.

    Raises
    ------
    ValueError
        If the target is not between 0 and 1.
    """
    if not 0 < target < 1:
        raise ValueError(f"target: expected an accuracy between 0 and 1, received {target!r}.")
    rows = {}
    for name, history in histories.items():
        there = history["val_accuracy"].transpose("replicate", "epoch").to_numpy() >= target
        first = there[there.any(axis=1)].argmax(axis=1)
        epochs = history["epoch"].to_numpy()[first].mean() if first.size else np.nan
        updates = epochs * history.attrs["updates_per_epoch"]
        seconds = epochs * seconds_per_replicate(history) / history.sizes["epoch"]
        rows[name] = {
            "reached": f"{first.size} of {len(there)}",
            "epochs": epochs,
            "updates": updates,
            "samples": epochs * history.attrs["n_train"],
            "seconds": seconds,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(f"test accuracy {target:g}")
