"""When a metric reaches its target, and when it holds it, after how much of each budget."""

import numbers

import numpy as np
import pandas as pd
import xarray as xr

from batchlab.foundation.checks import choice, positive_number, shown
from batchlab.histories.metrics import SCORES, chosen_metric, final_names, is_accuracy, task_of
from batchlab.histories.records import BUDGETS, finite, held_out, record_dimension, spent

# Accuracies are shares of whole samples; their rounding (float32: 1e-7) decides nothing.
ROUNDING = 1e-6


def time_to_target(
    history: xr.Dataset, target: float, *, metric: str | None = None, held: bool = True
) -> xr.Dataset:
    """Return what each replicate had spent when a metric reached its target for good.

    The metric is known at the records only: a run of many updates between two of them may have
    been there earlier than this says. A single record at the target by chance does not count,
    unless with ``held=False``.

    Parameters
    ----------
    history : xarray.Dataset
        From `batchlab.fit` or `batchlab.sweep`.
    target : float
        Of an accuracy: share of the samples classified right, between 0 and 1, reached at it or
        above. Of a loss (a cross-entropy is in nats per sample) or a mean absolute error: above 0,
        reached at it or below.
    metric : {"train_accuracy", "val_accuracy", "train_loss", "val_loss"} or None
        None is val_accuracy, of a regression val_mean_absolute_error.
    held : bool
        True is the first record from which on the metric stays at the target or better to the
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
    TypeError, ValueError
        If `target` is not between 0 and 1 for an accuracy, or positive and finite for a loss or an
        error, or `metric` is another.

    Examples
    --------
    >>> import batchlab as bl
    >>> history = bl.fit(bl.mlp, bl.blobs(), batch_size=32, epochs=20, replicates=3)
    >>> bl.time_to_target(history, 0.75)["update"].sizes
    Frozen({'replicate': 3})
    """
    metric = chosen_metric(history, metric)
    check_target(target, metric, task=task_of(history))
    record = record_dimension(history)
    alive = finite(history)
    values = history[metric].reset_coords(drop=True).transpose(*alive.dims)
    reached = values >= target - ROUNDING if is_accuracy(metric) else values <= target
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

    Of a regression it is the mean absolute error. Where there are validation samples, it is that
    on these. It is known at the records only, so a run of many updates between two of them may have
    reached the target earlier than this says.

    Parameters
    ----------
    histories : dict of str to xarray.Dataset
        By the name that each row shall have.
    target : float
        Share of the test samples classified right, between 0 and 1; a mean absolute error above 0.

    Returns
    -------
    pandas.DataFrame
        Columns `reached` (how many replicates did at all), and the means over these of the
        `epochs`, `updates`, `samples` and `seconds` (per replicate, compiling left out) until then.

    Raises
    ------
    ValueError
        If the target is no such number, or the histories are of different tasks.

    Examples
    --------
    >>> import batchlab as bl
    >>> runs = {"batch 32": {"batch_size": 32}, "full batch": {"batch_size": "full"}}
    >>> histories = bl.fit_each(bl.mlp, bl.blobs(), runs, epochs=5, replicates=3)
    >>> bl.first_reached(histories, 0.6)["reached"].to_dict()
    {'batch 32': '3 of 3', 'full batch': '0 of 3'}
    """
    tasks = sorted({task_of(history) for history in histories.values()}) or ["classification"]
    if len(tasks) > 1:
        raise ValueError(f"histories: expected all of one task, received {' and '.join(tasks)}.")
    score = SCORES[tasks[0]]
    check_target(target, f"val_{score}", task=tasks[0])
    rows = {}
    for name, history in histories.items():
        times = time_to_target(history, target, held=False)
        mean = times.mean("replicate")
        rows[name] = {
            "reached": f"{int(times['epoch'].count())} of {history.sizes['replicate']}",
            **{f"{budget}s": float(mean[budget]) for budget in BUDGETS},
        }
    name = f"{held_out(*histories.values())} {score.replace('_', ' ')} {target:g}"
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(name)


def check_target(target: float, metric: str, *, task: str = "classification") -> None:
    """Refuse what is no target of a metric.

    Raises
    ------
    TypeError, ValueError
        If the metric is not one of `final_names` of the task, or the target none of its values.
    """
    choice("metric", metric, final_names(task))
    if not is_accuracy(metric):
        positive_number("target", target)
    elif not isinstance(target, numbers.Real) or not 0 < target < 1:
        raise ValueError(f"target: expected an accuracy between 0 and 1, received {shown(target)}.")
