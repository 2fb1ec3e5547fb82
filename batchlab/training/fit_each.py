"""Runs that differ in more than one setting, and so are no grid: trained, and set side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from batchlab.engine.weights import Build
from batchlab.foundation.backend import keras
from batchlab.foundation.checks import positive_number, shown
from batchlab.histories.records import record_dimension
from batchlab.histories.studies import Axis, of_replicates, study_of
from batchlab.problems.problem import Problem
from batchlab.training.fit import fit


def fit_each(
    build: Build, problem: Problem, runs: Mapping[str, Mapping[str, Any]], **common: Any
) -> dict[str, xr.Dataset]:
    """Return what `fit` returns for each of several runs.

    Parameters
    ----------
    build : callable
        As in `fit`.
    problem : Problem
        Likewise.
    runs : mapping of str to mapping
        By name, the arguments of `fit` in which each differs from the others.
    **common
        Those that all have in common.

    Returns
    -------
    dict of str to xarray.Dataset

    Raises
    ------
    TypeError, ValueError
        If there are no runs, one is no mapping of arguments, or `fit` refuses one.

    Examples
    --------
    >>> import batchlab as bl
    >>> runs = {"small": {"batch_size": 32}, "full": {"batch_size": "full"}}
    >>> list(bl.fit_each(bl.mlp, bl.blobs(), runs, epochs=2))
    ['small', 'full']
    """
    check_runs(runs)
    return {name: fit(build, problem, **{**common, **run}) for name, run in runs.items()}


def runs_at(
    batch_sizes: Sequence[int], rates: Sequence[float], *, momentum: float = 0.9
) -> dict[str, dict[str, Any]]:
    """Return runs of SGD, each of a batch size at a learning rate, by name.

    Parameters
    ----------
    batch_sizes : sequence of int
        Samples per update, of each run.
    rates : sequence of float
        SGD's step size, of each run.
    momentum : float, default 0.9

    Returns
    -------
    dict of str to dict
        As `fit_each` takes them.

    Raises
    ------
    TypeError, ValueError
        If there are not as many rates as batch sizes, two runs are the same, or Keras takes no such
        rate or momentum.

    Examples
    --------
    >>> import batchlab as bl
    >>> list(bl.runs_at([500, 1], [0.01, 0.001]))
    ['500 at 0.01', '1 at 0.001']
    """
    if len(rates) != len(batch_sizes):
        raise ValueError(
            f"rates: expected one for each of the {len(batch_sizes)} batch sizes, received "
            f"{len(rates)}."
        )
    runs = {
        f"{size} at {rate:g}": {
            "batch_size": size,
            "optimizer": keras.optimizers.SGD(positive_number("rates", rate), momentum=momentum),
        }
        for size, rate in zip(batch_sizes, rates, strict=True)
    }
    if len(runs) < len(rates):
        raise ValueError(
            "batch_sizes, rates: expected runs that differ, received one several times."
        )
    return runs


def check_runs(runs: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse what are no runs: a mapping of names to arguments.

    Raises
    ------
    TypeError, ValueError
    """
    if not isinstance(runs, Mapping):
        raise TypeError(f"runs: expected a mapping of names to arguments, received {shown(runs)}.")
    if not runs:
        raise ValueError("runs: expected at least one, received none.")
    for name, run in runs.items():
        if not isinstance(run, Mapping):
            raise TypeError(
                f"runs: expected a mapping of arguments such as {{'batch_size': 8}} for {name!r}, "
                f"received {shown(run)}."
            )


def side_by_side(histories: Mapping[str, xr.Dataset], *, dimension: str = "run") -> xr.Dataset:
    """Return several histories as one study, to be compared and drawn as those of a sweep are.

    For runs that differ in more than one setting, and so are no grid.

    Parameters
    ----------
    histories : mapping of str to xarray.Dataset
        From `fit`, by name; with the same seeds, records and number of weights kept.
    dimension : str
        Name of the dimension along which they lie.

    Returns
    -------
    xarray.Dataset
        As from `sweep`, over this dimension.

    Raises
    ------
    TypeError, ValueError
        If there are no histories, or they have other seeds or records than the first.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> run = {"epochs": 2, "replicates": 3}
    >>> histories = {
    ...     "stays": bl.fit(bl.mlp, problem, batch_size=32, **run),
    ...     "grows": bl.fit(bl.mlp, problem, batch_size=lambda epoch: (32, 500)[epoch], **run),
    ... }
    >>> int(bl.compare(bl.side_by_side(histories), run="stays").loc["grows", "pairs"])
    3
    """
    if not isinstance(histories, Mapping):
        raise TypeError(
            f"histories: expected a mapping of names to histories, received {shown(histories)}."
        )
    if not histories:
        raise ValueError("histories: expected at least one history, received none.")
    for name, history in histories.items():
        _check_like(name, history, next(iter(histories.values())))
    first, *_ = histories.values()
    if dimension in first.variables:
        raise ValueError(
            "dimension: expected a name that is not that of a variable of histories, received "
            f"{dimension!r}."
        )
    axis = Axis(dimension, tuple(histories), tuple(histories))
    return study_of([axis], list(histories.values()), held=f"{record_dimension(first)}s")


def _check_like(name: str, history: xr.Dataset, first: xr.Dataset) -> None:
    for what in (*of_replicates(first), record_dimension(first), "parameter"):
        own, other = (
            each[what].to_numpy() if what in each.coords else each.sizes.get(what)
            for each in (history, first)
        )
        if not np.array_equal(np.asarray(own), np.asarray(other)):
            raise ValueError(
                f"histories: expected the same {what} in all, received {shown(other)} in the first "
                f"and {shown(own)} in {name!r}."
            )
