"""Which learning rate is best for each batch size, and what the rules of thumb say it is."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from batchlab._checks import choice, positive_number
from batchlab.evaluation import FINAL_METRICS, final_values
from batchlab.intervals import CONFIDENCE, RESAMPLES
from batchlab.records import grid_dimensions, setting

RULES = {"linear": 1.0, "square root": 0.5}


def best_rates(study: xr.Dataset, *, metric: str = "val_accuracy") -> pd.DataFrame:
    """Return the learning rate with the best final metric for each batch size.

    The best has the highest accuracy, or the lowest loss, in the mean over all replicates. One
    that diverged counts as the worst outcome, an accuracy of 1 / n_classes or an infinite loss: a
    rate is not good because its sound replicates are.

    Parameters
    ----------
    study : xarray.Dataset
        From `batchlab.sweep`, with a dimension learning_rate.
    metric : {"train_accuracy", "val_accuracy", "train_loss", "val_loss"}

    Returns
    -------
    pandas.DataFrame
        A row for each batch size, or for each cell of the dimensions beside learning_rate; columns
        `learning_rate`, `low` and `high` (central 95 % of the best rate over 1,999 bootstrap
        resamples of the replicates, the same ones for all rates, since replicates are paired: all
        three are rates that were tried), `mean` (the metric at the best rate) and `at_edge`: the
        best is the lowest or highest rate tried, so that a better one may lie outside. NaN where
        no rate is left: all replicates diverged, or for losses one at every rate.

    Raises
    ------
    ValueError
        If `metric` is another or the study is not over learning rates.

    Examples
    --------
    >>> import batchlab as bl
    >>> rates = [0.001, 0.01, 0.1]
    >>> study = bl.sweep(
    ...     bl.mlp, bl.blobs(), batch_size=[32, 500], learning_rate=rates, epochs=5, replicates=5
    ... )
    >>> bl.best_rates(study).index.tolist()
    [32, 500]
    """
    choice("metric", metric, FINAL_METRICS)
    grid = grid_dimensions(study)
    if "learning_rate" not in grid:
        raise ValueError(
            "study: expected a dimension learning_rate, received "
            f"{', '.join(grid) or 'none beside those of a history'}."
        )
    values = final_values(study, metric)
    if grid == ("learning_rate",):
        values = values.expand_dims(batch_size=[setting(study, "batch_size").item()])
    higher = metric.endswith("accuracy")
    worst = 1 / setting(study, "n_classes") if higher else np.inf
    sound = values.notnull().any("replicate")
    cells = [name for name in values.dims if name not in ("replicate", "learning_rate")]
    values = values.fillna(worst).transpose(*cells, "learning_rate", "replicate")
    if not higher:
        values = -values
    rates = values["learning_rate"].to_numpy()
    stacked = values.stack(cell=cells).transpose("cell", "replicate", "learning_rate")
    possible = sound.stack(cell=cells).transpose("cell", "learning_rate").to_numpy()
    rows = [_best(rates, one, some) for one, some in zip(stacked.to_numpy(), possible, strict=True)]
    index = stacked.indexes["cell"]
    if len(cells) == 1:
        index = index.get_level_values(0)
    table = pd.DataFrame(rows, index=index)
    return table if higher else table.assign(mean=-table["mean"])


def _best(rates: np.ndarray, values: np.ndarray, possible: np.ndarray) -> dict:
    """Return the row of a cell; values (replicate, rate), the higher the better."""
    means = np.where(possible, values.mean(axis=0), -np.inf)
    if not np.isfinite(means).any():
        nothing = dict.fromkeys(["learning_rate", "low", "high", "mean"], np.nan)
        return {**nothing, "at_edge": False}
    best = means.argmax()
    replicates = len(values)
    drawn = np.random.default_rng(0).integers(replicates, size=(RESAMPLES, replicates))
    again = np.where(possible, values[drawn].mean(axis=1), -np.inf)
    chosen = rates[again.argmax(axis=1)]
    tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    low, high = np.quantile(chosen, tails, method="inverted_cdf")
    return {
        "learning_rate": rates[best],
        "low": low,
        "high": high,
        "mean": means[best],
        "at_edge": bool(rates[best] in (rates.min(), rates.max())),
    }


def scaled_rates(
    rate: float, batch_sizes: Sequence[int], *, base: int, rule: str = "linear"
) -> np.ndarray:
    """Return the learning rates that a rule of thumb derives from that of one batch size.

    Parameters
    ----------
    rate : float
        The learning rate at batch size `base`.
    batch_sizes : sequence of int, shape (n,)
    base : int
        A batch size.
    rule : {"linear", "square root"}
        The rate grows as the batch size, so that an epoch goes equally far; or as its square root,
        so that the noise of an update keeps its variance.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    TypeError, ValueError
        If `rate`, `base` or a batch size is not a positive number, or `rule` is another.

    References
    ----------
    Goyal et al., "Accurate, large minibatch SGD", 2017, section 2.1 (linear). Krizhevsky, "One
    weird trick for parallelizing convolutional neural networks", 2014, and Hoffer, Hubara and
    Soudry, "Train longer, generalize better", 2017 (square root).

    Examples
    --------
    >>> import batchlab as bl
    >>> bl.scaled_rates(0.01, [8, 32, 128], base=32, rule="square root")
    array([0.005, 0.01 , 0.02 ])
    """
    choice("rule", rule, tuple(RULES))
    base = positive_number("base", base)
    sizes = np.array([positive_number("batch_sizes", size) for size in batch_sizes])
    return positive_number("rate", rate) * (sizes / base) ** RULES[rule]
