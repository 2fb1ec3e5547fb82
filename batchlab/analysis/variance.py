"""What makes replicates differ: their initial weights, the orders they see, or the two together.

Imports neither TensorFlow nor Keras.
"""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from batchlab.analysis.evaluate import final_values
from batchlab.analysis.intervals import CONFIDENCE, RESAMPLES
from batchlab.foundation.checks import LARGEST_SEED, whole_number
from batchlab.histories.metrics import chosen_metric
from batchlab.histories.records import grid_dimensions

ORIGINS = ("weights", "order", "both")


def crossed_seeds(weights: int, orders: int, *, seed: int = 0) -> dict[str, Any]:
    """Return the arguments of `fit` or `sweep` that cross initial weights with orders.

    Parameters
    ----------
    weights, orders : int
        How many different initial weights, and orders; at least 2 each. Every one of the first is
        trained on every one of the second.
    seed : int
        Of the first ones, 0 to 2**32 - the larger of the two.

    Returns
    -------
    dict
        `replicates`, `weight_seeds` and `order_seeds`.

    Raises
    ------
    TypeError, ValueError
        If a number is of another kind or out of its range.

    Examples
    --------
    >>> import batchlab as bl
    >>> bl.crossed_seeds(2, 3)["order_seeds"]
    [0, 1, 2, 0, 1, 2]
    """
    weights = whole_number("weights", weights, minimum=2)
    orders = whole_number("orders", orders, minimum=2)
    largest = LARGEST_SEED + 1 - max(weights, orders)
    seed = whole_number("seed", seed, minimum=0, maximum=largest)
    pairs = [(seed + i, seed + j) for i in range(weights) for j in range(orders)]
    return {
        "replicates": len(pairs),
        "weight_seeds": [pair[0] for pair in pairs],
        "order_seeds": [pair[1] for pair in pairs],
    }


def variance_split(study: xr.Dataset, *, metric: str | None = None) -> pd.DataFrame:
    """Return how much of the variance over replicates is due to weights, to order, and to both.

    A replicate's metric is taken as a mean, plus what its initial weights do in every order, plus
    what its order does from all weights, plus what this order does from these weights: random
    effects of a two-way layout with one run for each pair.

    Parameters
    ----------
    study : xarray.Dataset
        From `batchlab.fit` or `batchlab.sweep`, with replicates that are every pair of some
        `weight_seeds` and `order_seeds`, see `crossed_seeds`.
    metric : {"train_accuracy", "val_accuracy", "train_loss", "val_loss"} or None
        In the last record. None is val_accuracy, of a regression val_mean_absolute_error.

    Returns
    -------
    pandas.DataFrame
        A row for each of `weights`, `order` and `both`, in each cell of the grid. Columns:
        `variance`, the unbiased estimate, which can be below zero where the true one is small;
        `std`, its square root or 0, in the units of the metric, with `std_low` and `std_high`;
        `share` of the sum of the three, those below zero taken as zero, with `share_low` and
        `share_high`. 95 % intervals by fiducial inference (1,999 draws, always the same), which
        takes the effects to be normally distributed. NaN where a replicate diverged, and shares
        also where all replicates are equal.

    Raises
    ------
    ValueError
        If `metric` is another, or the replicates are not every such pair once.

    References
    ----------
    Searle, Casella and McCulloch, "Variance components", 1992, section 4.3 (estimates). Weerahandi,
    "Generalized confidence intervals", 1993, section 3 (intervals).

    Examples
    --------
    >>> import batchlab as bl
    >>> seeds = bl.crossed_seeds(3, 3)
    >>> history = bl.fit(bl.mlp, bl.blobs(), batch_size=32, epochs=2, **seeds)
    >>> bl.variance_split(history).index.tolist()
    ['weights', 'order', 'both']
    """
    metric = chosen_metric(study, metric)
    layout = _layout(study)
    grid = grid_dimensions(study)
    values = final_values(study, metric).transpose(*grid, "replicate").to_numpy()
    cells = values.reshape(-1, values.shape[-1])[:, layout]
    index = pd.MultiIndex.from_product(
        [*(study[name].to_numpy().tolist() for name in grid), ORIGINS], names=[*grid, "origin"]
    )
    table = pd.DataFrame(np.vstack([_split(cell) for cell in cells]), columns=_COLUMNS, index=index)
    return table if grid else table.droplevel([])  # one level alone is a plain index


_COLUMNS = ["variance", "std", "std_low", "std_high", "share", "share_low", "share_high"]


def _layout(study: xr.Dataset) -> np.ndarray:
    """Return the place of the replicate with each weights and order, shape (weights, orders)."""
    names = "weight_seed", "order_seed"
    if not all(name in study.coords for name in names):
        raise ValueError(
            "study: expected replicates that cross weight_seeds with orders, such as "
            "fit(…, **crossed_seeds(12, 12)) trains, received one seed for both."
        )
    (weights, rows), (orders, columns) = (
        np.unique(study[name].to_numpy(), return_inverse=True) for name in names
    )
    layout = np.full((len(weights), len(orders)), -1)
    layout[rows, columns] = np.arange(len(rows))
    if layout.size != len(rows) or (layout < 0).any() or min(layout.shape) < 2:
        raise ValueError(
            "study: expected every pair of at least 2 weight_seeds and 2 order_seeds once, "
            f"received {len(rows)} replicates of {len(weights)} and {len(orders)}."
        )
    return layout


def _split(values: np.ndarray) -> np.ndarray:
    """Return the rows of one cell; values of shape (weights, orders)."""
    if np.isnan(values).any():
        return np.full((len(ORIGINS), len(_COLUMNS)), np.nan)
    squares, freedom = _sums_of_squares(values)
    estimate = _components(squares / freedom, values.shape)
    draws = np.random.default_rng(0).chisquare(freedom, (RESAMPLES, len(ORIGINS)))
    drawn = _components(squares / draws, values.shape).clip(0)
    tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    std = np.sqrt(np.quantile(drawn, tails, axis=0))
    share = np.quantile(_shares(drawn), tails, axis=0)
    rows = [estimate, np.sqrt(estimate.clip(0)), *std, _shares(estimate.clip(0)), *share]
    return np.column_stack(rows)


def _sums_of_squares(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums of squares between weights, between orders, and left, and their freedom."""
    weights, orders = values.shape
    mean = values.mean()
    of_weights = values.mean(axis=1, keepdims=True) - mean
    of_orders = values.mean(axis=0, keepdims=True) - mean
    left = values - mean - of_weights - of_orders
    squares = orders * (of_weights**2).sum(), weights * (of_orders**2).sum(), (left**2).sum()
    freedom = weights - 1, orders - 1, (weights - 1) * (orders - 1)
    return np.array(squares), np.array(freedom)


def _components(mean_squares: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the variances whose expected mean squares these are; shape (..., 3)."""
    weights, orders = shape
    of_weights, of_orders, left = np.moveaxis(mean_squares, -1, 0)
    found = (of_weights - left) / orders, (of_orders - left) / weights, left
    return np.stack(found, axis=-1)


def _shares(variances: np.ndarray) -> np.ndarray:
    whole = variances.sum(axis=-1, keepdims=True)
    return np.divide(variances, whole, out=np.full_like(variances, np.nan), where=whole > 0)
