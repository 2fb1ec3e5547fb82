"""Which learning rate is best for each batch size, and what the rules of thumb say it is."""

import functools
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from batchlab.analysis.evaluate import final_values
from batchlab.analysis.intervals import CONFIDENCE, RESAMPLES
from batchlab.foundation.checks import choice, positive_number, shown
from batchlab.histories.metrics import chosen_metric, is_accuracy
from batchlab.histories.records import batch_size_in_words, grid_dimensions, setting

RULES = {"linear": 1.0, "square root": 0.5}


def best_rates(study: xr.Dataset, *, metric: str | None = None) -> pd.DataFrame:
    """Return the learning rate with the best final metric for each batch size.

    The best has the highest accuracy, or the lowest loss or error, in the mean over all
    replicates. One that diverged counts as the worst outcome, an accuracy of 1 / n_classes or an
    infinite loss or error: a rate is not good because its sound replicates are.

    Parameters
    ----------
    study : xarray.Dataset
        From `batchlab.sweep`, with a dimension learning_rate.
    metric : {"train_accuracy", "val_accuracy", "train_loss", "val_loss"} or None
        None is val_accuracy, of a regression val_mean_absolute_error.

    Returns
    -------
    pandas.DataFrame
        A row for each batch size, or for each cell of the dimensions beside learning_rate; columns
        `learning_rate`, `low` and `high` (central 95 % of the best rate over 1,999 bootstrap
        resamples of the replicates, the same ones for all rates, since replicates are paired: all
        three are rates that were tried), `mean` (the metric at the best rate) and `at_edge`: the
        best is the lowest or highest rate tried, so that a better one may lie outside. NaN where
        no rate is left: all replicates diverged, or for losses and errors one at every rate.

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
    metric = chosen_metric(study, metric)
    grid = grid_dimensions(study)
    if "learning_rate" not in grid:
        raise ValueError(
            "study: expected a dimension learning_rate, received "
            f"{', '.join(grid) or 'none beside those of a history'}."
        )
    values = final_values(study, metric)
    if grid == ("learning_rate",):
        values = values.expand_dims(_alone(study))
    higher = is_accuracy(metric)
    worst = 1 / setting(study, "n_classes") if higher else np.inf
    sound = values.notnull().any("replicate")
    cells = [name for name in values.dims if name not in ("replicate", "learning_rate")]
    values = values.fillna(worst).transpose(*cells, "learning_rate", "replicate")
    if not higher:
        values = -values
    rates = values["learning_rate"].to_numpy()
    stacked = values.stack(cell=cells).transpose("cell", "replicate", "learning_rate")
    possible = sound.stack(cell=cells).transpose("cell", "learning_rate").to_numpy()
    rows = [
        _best_row(rates, one, some) for one, some in zip(stacked.to_numpy(), possible, strict=True)
    ]
    index = stacked.indexes["cell"]
    if len(cells) == 1:
        index = index.get_level_values(0)
    table = pd.DataFrame(rows, index=index)
    return table if higher else table.assign(mean=-table["mean"])


def _alone(study: xr.Dataset) -> dict[str, list]:
    """Return the one batch size of a study, or its schedule in words, as a dimension."""
    size = setting(study, "batch_size")
    if size.ndim:
        return {"schedule": [batch_size_in_words(study)]}
    return {"batch_size": [size.item()]}


def _best_row(rates: np.ndarray, values: np.ndarray, possible: np.ndarray) -> dict:
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
    low, high = (
        np.quantile(chosen, tails, method="inverted_cdf") if replicates > 1 else (np.nan, np.nan)
    )
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
    start = positive_number("base", base)
    sizes = np.array([positive_number("batch_sizes", size) for size in batch_sizes])
    return positive_number("rate", rate) * (sizes / start) ** RULES[rule]


def rate_rules(best: pd.DataFrame, *, base: int) -> dict[str, Callable[[int], float]]:
    """Return rules for the learning rate to be judged, as `sweep` takes them.

    A rule starts from the best rate of one batch size, which is known only within an interval. So
    each rule is there for the interval's ends too: what holds for one start alone is no finding.

    Parameters
    ----------
    best : pandas.DataFrame
        From `best_rates`, by batch size.
    base : int
        The batch size from which the rules start, one of these.

    Returns
    -------
    dict of str to callable
        Batch size -> rate: `re-tuned`, the best rate itself; `linear from …` and
        `square root from …` for each of the starts that differ.

    Raises
    ------
    ValueError
        If `base` is not among the batch sizes.

    Examples
    --------
    >>> import pandas as pd
    >>> import batchlab as bl
    >>> best = pd.DataFrame({"learning_rate": 0.01, "low": 0.01, "high": 0.02}, index=[8, 32])
    >>> rules = bl.rate_rules(best, base=8)
    >>> rules["linear from 0.02"](32)
    0.08
    """
    if base not in best.index:
        raise ValueError(
            f"base: expected one of {', '.join(map(str, best.index))}, received {shown(base)}."
        )
    starts = sorted(set(best.loc[base, ["low", "learning_rate", "high"]].dropna()))
    scaled = {
        f"{rule} from {start:g}": functools.partial(_scaled, start, base, rule)
        for rule in RULES
        for start in starts
    }
    return {"re-tuned": lambda size: float(best["learning_rate"].loc[size]), **scaled}


def _scaled(start: float, base: int, rule: str, size: int) -> float:
    return float(scaled_rates(start, [size], base=base, rule=rule)[0])


def rule_ends(costs: pd.DataFrame) -> pd.DataFrame:
    """Return where each rule ends: the batch size from which on it has a cost for good.

    Parameters
    ----------
    costs : pandas.DataFrame
        From `compare` with ``rule="re-tuned"``, of accuracies: by batch size and rule.

    Returns
    -------
    pandas.DataFrame
        By rule: `ends_at`, the smallest batch size at which, and at all larger ones, the interval
        of the difference is below zero; missing if there is none. `worse_at`: all batch sizes at
        which it is. Each interval is for one comparison alone, so that a single one among many may
        be below zero by chance.

    Examples
    --------
    >>> import pandas as pd
    >>> import batchlab as bl
    >>> index = pd.MultiIndex.from_product([[8, 16, 32], ["linear"]], names=["batch_size", "rule"])
    >>> costs = pd.DataFrame({"high": [0.1, -0.1, -0.2]}, index=index)
    >>> int(bl.rule_ends(costs).loc["linear", "ends_at"])
    16
    """
    rows = {}
    for rule, row in costs["high"].groupby("rule", sort=False):
        worse = row.droplevel("rule").sort_index() < 0
        for_good = worse.index[worse[::-1].cummin()[::-1]]
        rows[rule] = {
            "ends_at": for_good[0] if len(for_good) else pd.NA,
            "worse_at": worse.index[worse].tolist(),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("rule")
    return table.astype({"ends_at": "Int64"})
