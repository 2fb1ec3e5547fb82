"""When an accuracy is reached, and when it is held, after how much of each budget."""

import numbers

import numpy as np
import pandas as pd
import xarray as xr

from batchlab._checks import choice, shown
from batchlab.records import BUDGETS, finite, record_dimension, spent

ACCURACIES = ("train_accuracy", "val_accuracy")

# Accuracies are shares of whole samples; their rounding (float32: 1e-7) decides nothing.
ROUNDING = 1e-6


def time_to_target(
    history: xr.Dataset, target: float, *, metric: str = "val_accuracy", held: bool = True
) -> xr.Dataset:
    """Return what each replicate had spent when an accuracy was reached for good.

    Accuracy is known at the records only: a run of many updates between two of them may have been
    there earlier than this says. A single record at the target by chance does not count, unless
    with ``held=False``.

    Parameters
    ----------
    history : xarray.Dataset
        From `batchlab.fit` or `batchlab.sweep`.
    target : float
        Share of the samples classified right, between 0 and 1.
    metric : {"train_accuracy", "val_accuracy"}
    held : bool
        True is the first record from which on the accuracy stays at the target or above to the
        end; False the first record at which it is there at all.

    Returns
    -------
    xarray.Dataset
        Variables `epoch`, `update`, `sample` and `second` (training time of the cell divided by
        its replicates, compiling left out, times the share of its updates made by then), of
        dimensions (grid…, replicate); NaN where it never does, and where the replicate diverged
        before.

    Raises
    ------
    ValueError
        If `target` is not between 0 and 1, or `metric` is another.

    Examples
    --------
    >>> import batchlab as bl
    >>> history = bl.fit(bl.mlp, bl.blobs(), batch_size=32, epochs=20, replicates=3)
    >>> bl.time_to_target(history, 0.75)["update"].sizes
    Frozen({'replicate': 3})
    """
    _check_target(target)
    choice("metric", metric, ACCURACIES)
    record = record_dimension(history)
    alive = finite(history)
    reached = (history[metric].reset_coords(drop=True) >= target - ROUNDING).transpose(*alive.dims)
    # Accuracies stay finite where the losses do not: nothing counts from there on.
    counts = reached & alive.copy(data=np.logical_and.accumulate(alive.to_numpy(), axis=-1))
    if held:
        backwards = counts.to_numpy()[..., ::-1]
        counts = counts.copy(data=np.logical_and.accumulate(backwards, axis=-1)[..., ::-1])
    dims = alive.dims[:-1]
    return xr.Dataset(
        {
            budget: spent(history, budget).where(counts).min(record).transpose(*dims)
            for budget in BUDGETS
        }
    )


def first_reached(histories: dict[str, xr.Dataset], target: float) -> pd.DataFrame:
    """Return when the test accuracy first reached a target, after how much of each budget.

    Accuracy is known at the records only, so a run of many updates between two of them may have
    reached the target earlier than this says.

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
    _check_target(target)
    rows = {}
    for name, history in histories.items():
        times = time_to_target(history, target, held=False)
        mean = times.mean("replicate")
        rows[name] = {
            "reached": f"{int(times['epoch'].count())} of {history.sizes['replicate']}",
            **{f"{budget}s": float(mean[budget]) for budget in BUDGETS},
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(f"test accuracy {target:g}")


def _check_target(target: float) -> None:
    if not isinstance(target, numbers.Real) or not 0 < target < 1:
        raise ValueError(f"target: expected an accuracy between 0 and 1, received {shown(target)}.")
