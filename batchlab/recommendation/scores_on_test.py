"""The one look at the test samples, where training is stopped."""

import dataclasses
from typing import cast

import numpy as np
import pandas as pd
import xarray as xr

from batchlab.analysis.intervals import Interval, over_replicates
from batchlab.engine.weights import Build
from batchlab.foundation.backend import keras
from batchlab.foundation.checks import shown
from batchlab.histories.metrics import score_of
from batchlab.problems.problem import Problem
from batchlab.recommendation.weigh import weigh
from batchlab.training.sweep import sweep


def scores_on_test(
    build: Build,
    problem: Problem,
    study: xr.Dataset,
    *,
    batch_size: int | None = None,
    optimizer: keras.optimizers.Optimizer | None = None,
    loss: keras.losses.Loss | None = None,
    device: str | None = None,
) -> pd.DataFrame:
    """Return what the measured replicates score on the test samples where they were stopped.

    That is at the record at which each had first reached the target; nothing was chosen by the test
    samples before. To look at them again and again would be to choose by them.

    Parameters
    ----------
    build, problem, optimizer, loss, device
        As given to `recommend`.
    study : xarray.Dataset
        What it returned.
    batch_size : int or None
        One of those in it that reach the target; None is the one with the least cost.

    Returns
    -------
    pandas.DataFrame
        Rows "test accuracy" (of a regression "test mean absolute error") and "test loss"; columns
        `mean`, `low` and `high`, its 95 % interval, and `replicates`.

    Raises
    ------
    ValueError
        If no batch size, or not the one given, brought all replicates to the target.

    Examples
    --------
    >>> import batchlab as bl
    >>> from sklearn.datasets import load_wine
    >>> problem = bl.problem_from(load_wine())
    >>> few = {"batch_size": [53], "replicates": 2, "tuning_replicates": 2}
    >>> study, _ = bl.recommend(
    ...     bl.mlp, problem, budget="update", target=0.3, learning_rate=[0.02, 0.04], **few
    ... )
    >>> scores = bl.scores_on_test(bl.mlp, problem, study)
    >>> scores.index.tolist(), scores["replicates"].tolist()
    (['test accuracy', 'test loss'], [2, 2])
    """
    table = weigh(study)
    arrived = table.index[table["found"] != "not reached"]
    if batch_size is None:
        batch_size = next(iter(table.index[table["found"] == "least"]), None)
    if batch_size not in arrived:
        raise ValueError(
            "batch_size: expected one at which all replicates reach the target"
            f"{''.join(f', {size}' for size in arrived)}, received {shown(batch_size)}."
        )
    size = cast(int, batch_size)
    stopped = study["stopped"].sel(batch_size=batch_size, drop=True).astype(int)
    history = sweep(
        build,
        dataclasses.replace(problem, x_validation=None, y_validation=None),
        batch_size=int(size),
        updates=int(stopped.max()),
        records=np.unique(stopped).tolist(),
        learning_rate=float(table["learning_rate"].loc[size]),
        optimizer=optimizer,
        loss=loss,
        replicates=stopped.size,
        seed=int(study["seed"][0]),
        device=device,
        train_samples=1,
        progress=False,
    )
    score = score_of(history)
    found = history[[f"val_{score}", "val_loss"]].sel(update=stopped.drop_vars("seed"))
    rows = {
        f"test {str(name).removeprefix('val_').replace('_', ' ')}": over_replicates(values)
        for name, values in found.drop_vars(["seed", "update", "epoch", "sample"]).items()
    }
    return pd.DataFrame(
        {
            name: {**{end: one[end].item() for end in Interval._fields}, "replicates": stopped.size}
            for name, one in rows.items()
        }
    ).T.astype({"replicates": int})
