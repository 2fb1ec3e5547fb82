"""How a difference in the last bit grows, and what it adds to the spread over replicates.

Imports neither TensorFlow nor Keras.
"""

from typing import cast

import numpy as np
import pandas as pd
import xarray as xr

from batchlab.analysis.intervals import over_replicates
from batchlab.analysis.variance import variance_split
from batchlab.foundation.checks import shown
from batchlab.histories.metrics import SCORES, chosen_metric

# Two runs that are further apart than this part of their weights' norm are two runs.
VISIBLE = 0.01
FEWEST_RECORDS = 3
# What the labels of a figure of the metric depend on.
TOLD_BY_LABELS = ("task", "loss_function", "held_out", "target_scales")


def growth_rates(twins: xr.Dataset) -> pd.DataFrame:
    """Return how fast the two runs of each pair go apart.

    The rate is that at which the distance is multiplied by ten: the slope of its logarithm to base
    10 against the epoch, by least squares, over the later half of the records at which the two
    are still less than 1 % of the weights' norm apart. The earlier half, in which the difference
    settles, is left out.

    Parameters
    ----------
    twins : xarray.Dataset
        From `twin_runs`.

    Returns
    -------
    pandas.DataFrame
        By run and dtype: `start` and `end`, the distance of the initial and of the last weights
        as a part of their norm, geometric means over the replicates; `rate`, powers of ten in 100
        epochs, the mean over the replicates with `low` and `high`, its 95 % interval (see
        `mean_interval`); `apart`, the share of replicates whose distance ends above 1 %;
        `accuracy_changed`, the share whose test accuracy ends as another (of a regression
        `mean_absolute_error_changed`); and `verdict`: "chaotic"
        if at least half end apart, else "grows", "forgets" or "neither" as the interval is above
        zero, below it, or holds it. A replicate that had fewer than three such records has no
        rate; one that diverged counts nowhere.

    Examples
    --------
    >>> import batchlab as bl
    >>> runs = {"full batch": {"batch_size": "full"}}
    >>> twins = bl.twin_runs(bl.mlp, bl.blobs(), runs, epochs=8, records=8, replicates=3)
    >>> bl.growth_rates(twins)["verdict"].isin(["grows", "neither", "forgets"]).all().item()
    True
    """
    distance = twins["distance"]
    along = _record_dimension(distance)
    end = distance.isel({along: -1}, drop=True)
    known = end.notnull()
    apart = (end >= VISIBLE).where(known).mean("replicate")
    (score,) = (name for name in SCORES.values() if f"val_{name}_change" in twins)
    changed = twins[f"val_{score}_change"].isel({along: -1}, drop=True)
    rate = over_replicates(_slopes(distance.where(known)))
    found = xr.Dataset(
        {
            "start": _geometric_mean(twins["start"].where(known)),
            "end": _geometric_mean(end),
            "rate": rate["mean"],
            "low": rate["low"],
            "high": rate["high"],
            "apart": apart,
            f"{score}_changed": (changed != 0).where(known).mean("replicate"),
        }
    )
    table = found.to_dataframe(dim_order=["run", "dtype"])
    # A frame sorts neither; but runs come in the order they were given in.
    table["verdict"] = np.select(
        [table["apart"] >= 0.5, table["low"] > 0, table["high"] < 0],
        ["chaotic", "grows", "forgets"],
        "neither",
    )
    return table


def spread_by_cause(
    crossed: xr.Dataset, twins: xr.Dataset, *, metric: str | None = None
) -> pd.DataFrame:
    """Return the spread over replicates that initial weights, order and rounding each cause.

    Parameters
    ----------
    crossed : xarray.Dataset
        Runs `side_by_side`, with replicates from `crossed_seeds`.
    twins : xarray.Dataset
        From `twin_runs`, of the same runs.
    metric : {"train_accuracy", "val_accuracy", "train_loss", "val_loss"} or None
        In the last record. None is val_accuracy, of a regression val_mean_absolute_error.

    Returns
    -------
    pandas.DataFrame
        By run and cause: `std`, in the units of the metric, with `low` and `high`, its 95 %
        interval. The causes are `weights`, `order` and `both`, the two together, see
        `variance_split`; and for each precision `last bit, …`: the standard deviation over runs
        that differ in the last bit of their initial weights alone, by the mean square of the
        difference of two such runs, which is twice their variance (bootstrap over the pairs).

    Raises
    ------
    ValueError
        If `metric` is another, or the runs are not the same.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem, runs = bl.blobs(), {"full batch": {"batch_size": "full"}}
    >>> twins = bl.twin_runs(bl.mlp, problem, runs, epochs=2, records=2, replicates=2)
    >>> histories = bl.fit_each(bl.mlp, problem, runs, epochs=2, **bl.crossed_seeds(2, 2))
    >>> bl.spread_by_cause(bl.side_by_side(histories), twins).index.nlevels
    2
    """
    metric = chosen_metric(crossed, metric)
    runs = twins["run"].to_numpy().tolist()
    if "run" not in crossed.dims or crossed["run"].to_numpy().tolist() != runs:
        given = crossed["run"].to_numpy().tolist() if "run" in crossed.dims else None
        raise ValueError(f"crossed: expected the runs of twins, {runs}, received {shown(given)}.")
    change = twins[f"{metric}_change"]
    change = change.isel({_record_dimension(change): -1}, drop=True)
    rounding = cast(xr.Dataset, np.sqrt(over_replicates(change**2 / 2).clip(min=0)))
    named = {"std": "std", "std_low": "low", "std_high": "high"}
    split = variance_split(crossed, metric=metric)[list(named)].rename(columns=named)
    by_rounding = rounding.rename(mean="std").to_dataframe(dim_order=["run", "dtype"])
    index = cast(pd.MultiIndex, by_rounding.index)
    by_rounding.index = index.set_levels(
        [f"last bit, {dtype}" for dtype in index.levels[1]], level=1
    )
    parts = [part.rename_axis(["run", "cause"]) for part in (split, by_rounding)]
    table = pd.concat(parts)
    causes = [*split.index.unique(1), *by_rounding.index.unique(1)]
    table = table.reindex(pd.MultiIndex.from_product([runs, causes], names=["run", "cause"]))
    table.attrs = {"metric": metric} | {
        name: crossed.attrs[name] for name in TOLD_BY_LABELS if name in crossed.attrs
    }
    return table


def _record_dimension(values: xr.DataArray) -> str:
    (found,) = set(values.dims) - {"run", "dtype", "replicate"}
    return str(found)


def _geometric_mean(values: xr.DataArray) -> xr.DataArray:
    with np.errstate(divide="ignore"):
        return 10 ** cast(xr.DataArray, np.log10(values)).mean("replicate")


def _slopes(distance: xr.DataArray) -> xr.DataArray:
    """Return the powers of ten in 100 epochs by which each pair goes apart."""
    along = _record_dimension(distance)
    epochs = distance["epoch"].to_numpy() / 100
    return xr.apply_ufunc(
        lambda curve: _slope(epochs, curve), distance, input_core_dims=[[along]], vectorize=True
    )


def _slope(epochs: np.ndarray, curve: np.ndarray) -> float:
    beyond = ~(curve < VISIBLE)
    small = int(beyond.argmax()) if beyond.any() else len(curve)
    later = slice(small // 2, small)
    epochs, curve = epochs[later], curve[later]
    told = curve > 0
    if told.sum() < FEWEST_RECORDS:
        return np.nan
    # By what it was first: a distance that stays has a slope of 0 then, not of rounding errors.
    powers = np.log10(curve[told] / curve[told][0])
    return np.polynomial.polynomial.polyfit(epochs[told], powers, 1)[1]
