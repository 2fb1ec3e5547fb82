"""What histories and sweeps say in numbers: final metrics of the replicates, with intervals."""

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import pandas as pd
import xarray as xr

from batchlab.analysis.intervals import over_replicates, replicate_variance
from batchlab.analysis.targets import time_to_target
from batchlab.histories.metrics import chosen_metric, final_metrics
from batchlab.histories.records import BUDGETS, finite, grid_dimensions, record_dimension


def diverged(history: xr.Dataset) -> xr.DataArray:
    """Return which replicates have a loss that is not finite in some record.

    Parameters
    ----------
    history : xarray.Dataset
        From `batchlab.fit` or `batchlab.sweep`.

    Returns
    -------
    xarray.DataArray of bool, dimensions (grid…, replicate)

    Examples
    --------
    >>> import batchlab as bl
    >>> rates = [0.01, 1e300]  # one of them absurd
    >>> study = bl.sweep(bl.mlp, bl.blobs(), batch_size=500, learning_rate=rates, epochs=2)
    >>> bl.diverged(study).sel(replicate=0).values.tolist()
    [False, True]
    """
    return ~finite(history).all(record_dimension(history))


def final_values(history: xr.Dataset, metric: str) -> xr.DataArray:
    """Return a metric in the last record; NaN for replicates that diverged.

    Parameters
    ----------
    history : xarray.Dataset
        From `batchlab.fit` or `batchlab.sweep`.
    metric : {"train_accuracy", "val_accuracy", "train_loss", "val_loss"}
        Of a regression mean_absolute_error in place of accuracy.

    Returns
    -------
    xarray.DataArray, dimensions (grid…, replicate)
    """
    return _sound(history, metric).isel({record_dimension(history): -1}, drop=True)


def late_variance(history: xr.Dataset, metric: str) -> xr.DataArray:
    """Return a metric's variance over the last quarter of the records, within each replicate.

    Parameters
    ----------
    history : xarray.Dataset
        From `batchlab.fit` or `batchlab.sweep`.
    metric : {"train_accuracy", "val_accuracy", "train_loss", "val_loss"}
        Of a regression mean_absolute_error in place of accuracy.

    Returns
    -------
    xarray.DataArray, dimensions (grid…, replicate)
        NaN for replicates that diverged, 0 where the last quarter is one record.
    """
    record = record_dimension(history)
    late = slice(-max(history.sizes[record] // 4, 1), None)
    with np.errstate(over="ignore", invalid="ignore"):  # losses about to diverge, squared
        return _sound(history, metric).isel({record: late}).var(record, skipna=False)


def evaluate(
    history: xr.Dataset,
    *,
    metric: str | None = None,
    target: float | None = None,
    held: bool = True,
) -> pd.DataFrame:
    """Return the metrics in the last record over the replicates, in every cell of a sweep.

    Replicates that diverged have no final metrics: they are counted, and the other columns are
    over those that did not.

    Parameters
    ----------
    history : xarray.Dataset
        From `batchlab.fit` or `batchlab.sweep`.
    metric : {"train_accuracy", "val_accuracy", "train_loss", "val_loss"} or None
        The only metric; None is all of them. Of a regression mean_absolute_error in place of
        accuracy, here and below.
    target : float or None
        An accuracy between 0 and 1, to be told also how many replicates hold it, and since when;
        of a regression a mean absolute error above 0.
    held : bool
        False: how many reach it at all, and when first.

    Returns
    -------
    pandas.DataFrame
        A row for each of `train_accuracy`, `val_accuracy` (test samples, or validation samples if
        there are such), `train_loss` and `val_loss`, in each cell of the grid: the index is
        (grid…, metric), or the grid alone where `metric` is given; for a history `metric`. Columns:

        - `mean`, `low` and `high` (95 % interval of the mean, see `mean_interval`), `std`, `min`
          and `max` over the replicates;
        - `unsettled` and `variance`, both of a replicate against itself: its standard deviation,
          and its variance, over the last quarter of the records, mean over the replicates. The
          first is in the units of the metric. The second is what theories of the noise of
          gradients speak of; the mean of squares, so that the replicates which swing most weigh
          most, and not the square of `unsettled` but that or more;
        - `replicates` (all of them) and `diverged`;
        - with a target `held`, how many replicates are at it to the end, and what these had spent
          by the record since which they are (see `time_to_target`), mean and 95 % interval:
          `epoch`, `epoch_low`, `epoch_high`, the same for `update`, `sample` and `second`.
          Missing for losses, and NaN where no replicate holds it. With ``held=False`` the count
          is `reached`.

    Raises
    ------
    ValueError
        If `metric` is another or `target` is no such number.

    Examples
    --------
    >>> import batchlab as bl
    >>> history = bl.fit(bl.mlp, bl.blobs(), batch_size=500, epochs=2, replicates=3)
    >>> int(bl.evaluate(history).loc["val_accuracy", "replicates"])
    3
    """
    metrics = final_metrics(history)
    if metric is not None:
        metrics = (chosen_metric(history, metric),)
    final = _of_each(metrics, lambda name: final_values(history, name))
    late = _of_each(metrics, lambda name: late_variance(history, name))
    table = over_replicates(final).assign(
        std=np.sqrt(replicate_variance(final)),
        min=final.min("replicate"),
        max=final.max("replicate"),
        unsettled=cast(xr.DataArray, np.sqrt(late)).mean("replicate"),
        variance=late.mean("replicate"),
        replicates=history.sizes["replicate"],
        diverged=diverged(history).sum("replicate"),
    )
    if target is not None:
        table = table.assign(_budgets_to(history, target, metrics, held))
    grid = grid_dimensions(history)
    if metric is not None and grid:
        table = table.isel(metric=0, drop=True)
    order = [*grid, *(["metric"] if "metric" in table.dims else [])]
    found = table.to_dataframe(dim_order=order)
    return found if target is None else found.astype({_held_told(held): "Int64"})


def evaluate_each(histories: dict[str, xr.Dataset], metric: str) -> pd.DataFrame:
    """Return one metric's row of `evaluate` for each of several histories.

    Parameters
    ----------
    histories : dict of str to xarray.Dataset
        By the name that each row shall have.
    metric : {"train_accuracy", "val_accuracy", "train_loss", "val_loss"}
        Of a regression mean_absolute_error in place of accuracy.

    Returns
    -------
    pandas.DataFrame
        The columns of `evaluate`.

    Raises
    ------
    ValueError
        If `metric` is another.

    Examples
    --------
    >>> import batchlab as bl
    >>> runs = {"batch 32": {"batch_size": 32}, "full batch": {"batch_size": "full"}}
    >>> histories = bl.fit_each(bl.mlp, bl.blobs(), runs, epochs=2, replicates=3)
    >>> table = bl.evaluate_each(histories, "val_accuracy")
    >>> table[["replicates", "diverged"]]
                  replicates  diverged
    val_accuracy
    batch 32               3         0
    full batch             3         0
    >>> table["mean"].idxmax()
    'batch 32'
    """
    for history in histories.values():
        chosen_metric(history, metric)
    rows = {
        name: evaluate(history, metric=metric).loc[metric] for name, history in histories.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis(metric)
    return table.astype({"replicates": int, "diverged": int})


def locate(history: xr.Dataset, **published: float) -> pd.DataFrame:
    """Return where published final values lie among the replicates.

    Parameters
    ----------
    history : xarray.Dataset
        From `batchlab.fit`.
    **published : float
        A published value for any of `train_accuracy`, `val_accuracy`, `train_loss`, `val_loss`; of
        a regression `mean_absolute_error` in place of `accuracy`.

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

    Examples
    --------
    >>> import batchlab as bl
    >>> history = bl.fit(bl.mlp, bl.blobs(), batch_size=500, epochs=2, replicates=3)
    >>> bl.locate(history, val_accuracy=0.83)[["published", "below", "above", "reproduced"]]
                  published  below  above  reproduced
    metric
    val_accuracy       0.83      3      0       False
    """
    rows = {}
    names = final_metrics(history)
    for name, value in published.items():
        if name not in names:
            raise ValueError(f"published: expected any of {', '.join(names)}, received {name!r}.")
        final = final_values(history, name).dropna("replicate").to_numpy()
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


def _sound(history: xr.Dataset, metric: str) -> xr.DataArray:
    """Return a metric's records as floats, NaN for replicates that diverged."""
    lost = diverged(history)
    values = history[metric].reset_coords(drop=True).astype("float64")
    return values.transpose(*lost.dims, ...).where(~lost)


def _of_each(metrics: Sequence[str], values: Callable[[str], xr.DataArray]) -> xr.DataArray:
    """Return the values of several metrics along a dimension `metric`."""
    return xr.concat(
        [values(name) for name in metrics], pd.Index(metrics, name="metric"), coords="minimal"
    )


def _held_told(held: bool) -> str:
    return "held" if held else "reached"


def _budgets_to(
    history: xr.Dataset, target: float, metrics: Sequence[str], held: bool
) -> xr.Dataset:
    """Return how many replicates hold a target, and the budgets spent by then with intervals."""
    never = time_to_target(history, target).where(False)
    scores = [name for name in metrics if not name.endswith("loss")]
    times = xr.concat(
        [
            time_to_target(history, target, metric=name, held=held) if name in scores else never
            for name in metrics
        ],
        pd.Index(metrics, name="metric"),
    )
    known = times["metric"].isin(scores)
    columns = {_held_told(held): times["epoch"].count("replicate").where(known)}
    for budget in BUDGETS:
        found = over_replicates(times[budget])
        columns |= {
            budget: found["mean"],
            f"{budget}_low": found["low"],
            f"{budget}_high": found["high"],
        }
    return xr.Dataset(columns)
