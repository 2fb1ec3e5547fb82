"""What batch sizes cost, which are as good as the best, and whether that can be told.

Imports neither TensorFlow nor Keras.
"""

from typing import cast

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from batchlab.analysis.intervals import CONFIDENCE, over_replicates
from batchlab.foundation.checks import choice

COSTS = ("second", "update", "sample")


def costs_of(study: xr.Dataset, budget: str | None = None) -> xr.DataArray:
    """Return what each replicate spent to the target, of dimensions (batch_size, replicate).

    Parameters
    ----------
    study : xarray.Dataset
        From `batchlab.recommend`.
    budget : {"second", "update", "sample"} or None
        None is the one that it was asked for.

    Raises
    ------
    ValueError
        If `budget` is another, or no batch size was measured.
    """
    if "update" not in study:
        raise ValueError("study: expected one with a batch size measured, received one without.")
    return study[choice("budget", budget or study.attrs["budget"], COSTS)]


def weigh(study: xr.Dataset, *, budget: str | None = None) -> pd.DataFrame:
    """Return what the target costs at each batch size, and how it compares with the least.

    Parameters
    ----------
    study : xarray.Dataset
        From `batchlab.recommend`.
    budget : {"second", "update", "sample"} or None
        What is counted; None is what `recommend` was asked for.

    Returns
    -------
    pandas.DataFrame
        By batch size: `learning_rate`, `reached` (replicates that did), `mean`, `low` and `high`:
        what these spent, with its 95 % interval, into which goes, with seconds, how much the timing
        of updates differed between rounds; `ratio`, to the batch size with the least, and
        `ratio_low`, `ratio_high`; `found`: "least", "as good" (the interval of the ratio holds
        one), "more", or "not reached" where a replicate did not.

    Raises
    ------
    ValueError
        If `budget` is another, or no batch size was measured.

    Notes
    -----
    Ratios are those of geometric means over paired replicates. Their intervals, by Student's t,
    hold with 95 % for all pairs of batch sizes at once (Bonferroni), since any may come out as the
    least. With seconds they count in how much the timing of updates differed between rounds.

    References
    ----------
    Hsu, "Multiple comparisons", 1996, chapter 4 (comparisons with the best).

    Examples
    --------
    >>> import xarray as xr
    >>> import batchlab as bl
    >>> study = xr.Dataset(
    ...     {
    ...         "update": (["batch_size", "replicate"], [[90, 100, 110], [40, 50, 60]]),
    ...         "learning_rate": ("batch_size", [0.01, 0.02]),
    ...     },
    ...     {"batch_size": [8, 32]},
    ...     {"budget": "update"},
    ... )
    >>> bl.weigh(study)[["learning_rate", "reached", "mean", "found"]]
                learning_rate  reached   mean  found
    batch_size
    8                    0.01        3  100.0   more
    32                   0.02        3   50.0  least
    """
    costs = costs_of(study, budget).transpose("batch_size", "replicate")
    reached = costs.notnull().all("replicate").to_numpy()
    spent = _with_timing(over_replicates(costs), study, budget)
    table = pd.DataFrame(
        {
            "learning_rate": study["learning_rate"].to_numpy(),
            "reached": costs.count("replicate").to_numpy(),
            **{name: spent[name].to_numpy() for name in ("mean", "low", "high")},
            "ratio": np.nan,
            "ratio_low": np.nan,
            "ratio_high": np.nan,
            "found": "not reached",
        },
        index=study.indexes["batch_size"],
    )
    if not reached.any():
        return table
    logs = np.log(costs.to_numpy()[reached])
    sizes = table.index[reached]
    differences = logs - logs[logs.mean(axis=1).argmin()]
    timing = _timing_variance(study, budget, reached, logs)
    mean = differences.mean(axis=1)
    reach = _reach(differences, timing)
    least = mean.argmin()
    table.loc[sizes, ["ratio", "ratio_low", "ratio_high"]] = np.exp(
        np.stack([mean, mean - reach, mean + reach], axis=1)
    )
    more = mean - reach > 0
    table.loc[sizes, "found"] = np.where(more, "more", "as good")
    table.loc[sizes[least], "found"] = "least"
    return table


def _with_timing(spent: xr.Dataset, study: xr.Dataset, budget: str | None) -> xr.Dataset:
    """Return means with intervals that know of the timing too: of a product of two factors.

    The half-widths of independent factors add up as squares, on a logarithmic scale.
    """
    if not _is_timed(study, budget):
        return spent
    rounds = cast(xr.DataArray, np.log(study["update_seconds"]))
    count = rounds.sizes["round"]
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)
    timing = quantile * rounds.std("round", ddof=1) / np.sqrt(count)
    mean = spent["mean"]
    below = np.hypot(np.log(mean / spent["low"]), timing)
    above = np.hypot(np.log(spent["high"] / mean), timing)
    return spent.assign(low=mean * np.exp(-below), high=mean * np.exp(above))


def _is_timed(study: xr.Dataset, budget: str | None) -> bool:
    return (budget or study.attrs["budget"]) == "second" and study.sizes.get("round", 0) >= 2


def _reach(differences: np.ndarray, timing: np.ndarray) -> np.ndarray:
    """Return half the width of each interval, of logarithms; zero for the least itself."""
    count, replicates = differences.shape
    if count == 1:
        return np.zeros(1)
    if replicates < 2:
        return np.where((differences == 0).all(axis=1), 0, np.inf)
    variance = differences.var(axis=1, ddof=1) / replicates + timing
    pairs = count * (count - 1) / 2
    quantile = stats.t.ppf(1 - (1 - CONFIDENCE) / 2 / pairs, replicates - 1)
    return quantile * np.sqrt(variance)


def _timing_variance(
    study: xr.Dataset, budget: str | None, reached: np.ndarray, logs: np.ndarray
) -> np.ndarray:
    """Return the variance of the mean over rounds of the logarithm of seconds for an update."""
    if not _is_timed(study, budget):
        return np.zeros(len(logs))
    rounds = np.log(study["update_seconds"].transpose("batch_size", "round").to_numpy()[reached])
    apart = rounds - rounds[logs.mean(axis=1).argmin()]
    return apart.var(axis=1, ddof=1) / rounds.shape[1]
