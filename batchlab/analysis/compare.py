"""Paired differences between the cells of a sweep."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from batchlab.analysis.evaluate import final_values
from batchlab.analysis.intervals import over_replicates
from batchlab.foundation.checks import shown
from batchlab.histories.metrics import chosen_metric, is_accuracy
from batchlab.histories.records import grid_dimensions


def compare(study: xr.Dataset, *, metric: str | None = None, **reference: Any) -> pd.DataFrame:
    """Return the differences of a final metric between cells, replicate by replicate.

    Replicate r has the same initial weights and orders in every cell, so the difference is taken
    within it first. That removes what all cells owe to the seed, and the interval is narrower
    than the two intervals of the means suggest.

    Parameters
    ----------
    study : xarray.Dataset
        From `batchlab.sweep`.
    metric : {"train_accuracy", "val_accuracy", "train_loss", "val_loss"} or None
        None is val_accuracy, of a regression val_mean_absolute_error.
    **reference
        Dimensions of the grid and where along them the cells stand that the others are compared
        with: ``compare(study, batch_size=32)`` is each cell minus the cell of batch size 32 and
        otherwise the same settings. None compares every pair of cells, the later minus the
        earlier.

    Returns
    -------
    pandas.DataFrame
        A row for each cell that is not a reference, by the grid; without a reference a row for
        each pair, by the settings of the one, then those of the other, named "minus …". Columns
        `mean`, `low` and `high` (of the difference; the 95 % bootstrap interval over the pairs of
        replicates of equal seed, see `mean_interval`), `better` and `worse` (pairs in which the
        accuracy is higher or lower than the reference's, a loss or an error lower or higher) and
        `pairs` (in which neither diverged; all columns are over these).

        Each interval is for its comparison alone: of twenty comparisons of equals one is expected
        to exclude zero. The largest of many differences is not as sure as its own interval says.

    Raises
    ------
    ValueError
        If `metric` is another, the study is a history and has nothing to compare, or a reference
        is not in the study.

    Examples
    --------
    >>> import batchlab as bl
    >>> study = bl.sweep(bl.mlp, bl.blobs(), batch_size=[32, 500], epochs=5, replicates=5)
    >>> int(bl.compare(study, batch_size=500).loc[32, "pairs"])
    5
    """
    metric = chosen_metric(study, metric)
    grid = grid_dimensions(study)
    reference = {name: _value_label(study, name, value) for name, value in reference.items()}
    _check_reference(study, grid, reference)
    final = final_values(study, metric)
    if reference:
        differences = (final - final.sel(reference, drop=True)).stack(cell=grid)
        others = np.zeros(differences.sizes["cell"], bool)
        for name, value in reference.items():
            others |= differences[name].to_numpy() != value
        differences = differences.isel(cell=others)
        index = differences.indexes["cell"].remove_unused_levels()
    else:
        cells = final.stack(cell=grid).transpose("cell", "replicate")
        earlier, later = np.triu_indices(cells.sizes["cell"], 1)
        values = cells.to_numpy()[later] - cells.to_numpy()[earlier]
        differences = xr.DataArray(values, dims=("cell", "replicate"))
        index = _pairs(cells.indexes["cell"], later, earlier)
    return _comparison_rows(differences, index, lower_is_better=not is_accuracy(metric))


def _value_label(study: xr.Dataset, name: str, value: Hashable) -> Hashable:
    """Return what stands for a value along a dimension: values that are no numbers have a name."""
    named = name in study.dims and study[name].dtype.kind in "OU"
    return str(value) if named else value


def _check_reference(study: xr.Dataset, grid: tuple[str, ...], reference: dict) -> None:
    if not grid:
        raise ValueError("study: expected one with cells to compare, received a single history.")
    for name, value in reference.items():
        if name not in grid:
            raise ValueError(f"reference: expected any of {', '.join(grid)}, received {name!r}.")
        there = study[name].to_numpy().tolist()
        if not any(value == one for one in there):
            raise ValueError(
                f"{name}: expected one of {', '.join(map(repr, there))}, received {shown(value)}."
            )


def _pairs(cells: pd.MultiIndex, later: np.ndarray, earlier: np.ndarray) -> pd.MultiIndex:
    """Return the index of pairs of cells."""
    minus = [f"minus {name}" for name in cells.names]
    both = [
        *(cells.get_level_values(level)[later] for level in range(cells.nlevels)),
        *(cells.get_level_values(level)[earlier] for level in range(cells.nlevels)),
    ]
    return pd.MultiIndex.from_arrays(both, names=[*cells.names, *minus])


def _comparison_rows(
    differences: xr.DataArray, index: pd.Index, *, lower_is_better: bool
) -> pd.DataFrame:
    """Return a row for each cell of the differences (cell, replicate)."""
    found = over_replicates(differences)
    gains = -differences if lower_is_better else differences
    columns = {name: found[name].to_numpy() for name in ("mean", "low", "high")}
    columns |= {
        "better": (gains > 0).sum("replicate").to_numpy(),
        "worse": (gains < 0).sum("replicate").to_numpy(),
        "pairs": differences.count("replicate").to_numpy(),
    }
    if index.nlevels == 1:
        index = index.get_level_values(0)
    return pd.DataFrame(columns, index=index)
