"""What averaging the predictions of several replicates gains.

Imports neither TensorFlow nor Keras.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd
import xarray as xr

from batchlab.analysis.intervals import over_replicates
from batchlab.foundation.checks import shown, whole_number
from batchlab.problems.problem import Problem, check_classification


def ensembles(
    predictions: xr.DataArray, problem: Problem, *, members: Sequence[int] = (2, 4, 8, 16)
) -> pd.DataFrame:
    """Return the test accuracy of averaged predictions, and what it gains over the members'.

    The replicates are divided, in their order, into as many ensembles without a common member as
    there can be. An ensemble's prediction is the class with the highest mean probability.

    Parameters
    ----------
    predictions : xarray.DataArray, dimensions (grid…, replicate, sample, class)
        From `batchlab.predictions`, on the test samples, at one record.
    problem : Problem
        That they are for.
    members : sequence of int
        How many replicates make an ensemble, 1 to as many as there are.

    Returns
    -------
    pandas.DataFrame
        A row for each number of members, in each cell of the grid. Columns `accuracy`, `low` and
        `high` (mean over the ensembles and its 95 % interval, see `mean_interval`), `gain`,
        `gain_low` and `gain_high` (accuracy less the mean of its members', ensemble by ensemble)
        and `ensembles`, how many there are. One ensemble has no interval. An ensemble with a
        member that diverged, whose predictions are not finite, is left out.

    Raises
    ------
    TypeError, ValueError
        If the problem is a regression, the predictions are not of its test samples, or there are
        not so many members.

    References
    ----------
    Lakshminarayanan, Pritzel and Blundell, "Simple and scalable predictive uncertainty estimation
    using deep ensembles", 2017, section 2.4.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> history = bl.fit(bl.mlp, problem, batch_size=32, epochs=2, replicates=4)
    >>> probabilities = bl.predictions(bl.mlp, problem, history)
    >>> bl.ensembles(probabilities, problem, members=[2, 4])["ensembles"].tolist()
    [2, 1]
    """
    check_classification(problem, "ensembles")
    _check_predictions(predictions, problem)
    replicates = predictions.sizes["replicate"]
    members = [whole_number("members", m, minimum=1, maximum=replicates) for m in members]
    if not members:
        raise ValueError("members: expected at least one number, received none.")
    tables = [_ensemble_rows(predictions, problem.y_test, count) for count in members]
    grid = [name for name in predictions.dims if name not in ("replicate", "sample", "class")]
    both = xr.concat(tables, pd.Index(members, name="members"), coords="minimal")
    return both.to_dataframe(dim_order=[*grid, "members"]).astype({"ensembles": int})


def _check_predictions(predictions: xr.DataArray, problem: Problem) -> None:
    if not isinstance(predictions, xr.DataArray):
        raise TypeError(
            "predictions: expected what batchlab.predictions returns, received "
            f"{shown(predictions)}."
        )
    wanted = {"sample": problem.n_test, "class": problem.n_classes}
    received = dict(predictions.sizes)
    if "replicate" not in received or {name: received.get(name) for name in wanted} != wanted:
        raise ValueError(
            f"predictions: expected a replicate, {problem.n_test} samples and {problem.n_classes} "
            f"classes of the problem, received {shown(received)}."
        )
    records = [name for name in ("epoch", "update", "record") if name in received]
    if records:
        raise ValueError(
            f"predictions: expected those of one record, received {received[records[0]]} along "
            f"{records[0]}; choose by isel({records[0]}=-1)."
        )


def _ensemble_rows(predictions: xr.DataArray, labels: np.ndarray, count: int) -> xr.Dataset:
    """Return the rows for ensembles of so many members, of the grid's dimensions."""
    groups = predictions.sizes["replicate"] // count
    some = predictions.isel(replicate=slice(groups * count)).reset_coords(drop=True)
    some = some.drop_vars("replicate", errors="ignore")
    parts = some.coarsen(replicate=count).construct(replicate=("replicate", "member"))
    together = _accuracy(parts.mean("member", skipna=False), labels)
    alone = _accuracy(parts, labels).mean("member", skipna=False)
    found, gain = over_replicates(together), over_replicates(together - alone)
    return xr.Dataset(
        {
            "accuracy": found["mean"],
            "low": found["low"],
            "high": found["high"],
            "gain": gain["mean"],
            "gain_low": gain["low"],
            "gain_high": gain["high"],
            "ensembles": together.count("replicate"),
        }
    )


def _accuracy(probabilities: xr.DataArray, labels: np.ndarray) -> xr.DataArray:
    """Return the share of samples classified right; NaN where a probability is not finite."""
    right = probabilities.argmax("class", skipna=False) == xr.DataArray(labels, dims="sample")
    sound = cast(xr.DataArray, np.isfinite(probabilities)).all(["class", "sample"])
    return right.mean("sample").where(sound)
