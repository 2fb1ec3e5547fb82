"""How far a comparison of settings depends on the problem that it was made on."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from batchlab.analysis.evaluate import final_values
from batchlab.analysis.intervals import replicate_variance
from batchlab.foundation.checks import choice
from batchlab.histories.records import grid_dimensions, has_setting, held_out, setting

_PARTS = {"train_accuracy": "train", "val_accuracy": "test"}


def below_ceiling(study: xr.Dataset, metric: str = "val_accuracy") -> xr.DataArray:
    """Return a final accuracy less that of the Bayes rule, on each of several problems.

    How hard a problem is, or its samples are, is the same for all settings; this leaves it out.

    Parameters
    ----------
    study : xarray.Dataset
        From `batchlab.sweep` over problems alone whose Bayes rule is known, such as `blobs`.
    metric : {"train_accuracy", "val_accuracy"}

    Returns
    -------
    xarray.DataArray, dimensions (problem, replicate)
        Above 0 where a replicate does better on these samples than the Bayes rule; NaN where it
        diverged.

    Raises
    ------
    ValueError
        If `metric` is another, the study is not over such problems alone, or they have a
        validation part.
    """
    choice("metric", metric, tuple(_PARTS))
    if grid_dimensions(study) != ("problem",):
        received = ", ".join(grid_dimensions(study)) or "nothing"
        raise ValueError(f"study: expected a sweep over problem alone, received {received}.")
    name = f"bayes_{_PARTS[metric]}_accuracy"
    ceilings = setting(study, name) if has_setting(study, name) else xr.DataArray(np.nan)
    if ceilings.isnull().any():
        raise ValueError("study: expected problems whose Bayes rule is known, received another.")
    if metric == "val_accuracy" and held_out(study) != "test":
        raise ValueError(
            "study: expected accuracies on the test samples, of which the Bayes rule's is known, "
            "received those of a validation part."
        )
    return final_values(study, metric) - ceilings


def across_problems(
    studies: Mapping[str, xr.Dataset], *, metric: str = "val_accuracy"
) -> pd.DataFrame:
    """Return how final accuracies, less the Bayes rule's, depend on the problem.

    Parameters
    ----------
    studies : mapping of str to xarray.Dataset
        By the name that each row shall have; see `below_ceiling`. All over the same problems.
    metric : {"train_accuracy", "val_accuracy"}

    Returns
    -------
    pandas.DataFrame
        Columns `mean` over all problems and replicates; `lowest` and `highest` of the problems'
        means over the replicates; `between`, the standard deviation of these means; `within`, that
        over the replicates on one problem (root of its mean square over the problems); `best`, on
        how many problems the mean is the highest of the rows, ties counted for each; `problems`.

    Raises
    ------
    ValueError
        If `metric` is another, there are no studies, or they are not over the same problems alone.

    Examples
    --------
    >>> import batchlab as bl
    >>> problems = {str(draw): bl.blobs(random_state=draw) for draw in range(2)}
    >>> studies = {
    ...     str(size): bl.sweep(bl.mlp, problems, batch_size=size, epochs=5, replicates=3)
    ...     for size in (32, 500)
    ... }
    >>> int(bl.across_problems(studies)["best"].sum())
    2
    """
    values = {name: below_ceiling(study, metric) for name, study in studies.items()}
    _check_problems(list(values.values()))
    means = pd.DataFrame(
        {name: each.mean("replicate").to_series() for name, each in values.items()}
    )
    within = {name: replicate_variance(each).mean() for name, each in values.items()}
    return pd.DataFrame(
        {
            "mean": means.mean(),
            "lowest": means.min(),
            "highest": means.max(),
            "between": means.std(),
            "within": {name: float(np.sqrt(each)) for name, each in within.items()},
            # Accuracies are multiples of one sample; their sums differ by rounding.
            "best": means.ge(means.max(axis=1) - 1e-12, axis=0).sum(),
            "problems": means.count(),
        }
    ).rename_axis(f"{metric} less the Bayes rule's")


def _check_problems(values: list[xr.DataArray]) -> None:
    if not values:
        raise ValueError("studies: expected at least one study, received none.")
    first = values[0]["problem"].to_numpy().tolist()
    for other in values[1:]:
        if (received := other["problem"].to_numpy().tolist()) != first:
            raise ValueError(
                f"studies: expected all over the same problems ({', '.join(first)}), received "
                f"{', '.join(received)}."
            )
