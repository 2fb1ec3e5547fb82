"""What updates and whole trainings cost in seconds: measured alone and in turns."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from batchlab.analysis.intervals import mean_interval, paired_ratio
from batchlab.engine.training import Starts, Training
from batchlab.engine.weights import Build
from batchlab.foundation.backend import keras
from batchlab.foundation.checks import whole_number
from batchlab.models.named import check_takes_dtype
from batchlab.models.networks import PRECISIONS
from batchlab.problems.problem import Problem
from batchlab.training.fit_each import check_runs
from batchlab.training.grid import Cell, grid_of


def time_updates(
    build: Build,
    problem: Problem,
    *,
    batch_size: Sequence[int],
    epochs: int,
    optimizer: keras.optimizers.Optimizer | None = None,
    replicates: int = 8,
    repeats: int = 10,
    device: str | None = None,
    threads: int | None = None,
) -> pd.DataFrame:
    """Measure the seconds of updates at several batch sizes, without compiling or evaluating.

    Everything is compiled first. In each of `repeats` rounds the batch sizes take turns, so that
    a busy machine is busy for all of them. Only the end of a training is evaluated.

    Parameters
    ----------
    build, problem, optimizer, device, threads
        As in `fit`.
    batch_size : sequence of int
    epochs : int
        Passes over the training samples in each measurement.
    replicates : int
        Trained side by side.
    repeats : int
        Rounds, at least 2.

    Returns
    -------
    pandas.DataFrame
        By batch size: `updates_per_epoch`; `update`, `update_low` and `update_high`: microseconds
        for an update of all replicates divided by their number, the mean over the rounds and its
        95 % interval; `sample`, `sample_low` and `sample_high`: the same per sample seen, in
        nanoseconds.

    Raises
    ------
    TypeError, ValueError
        As from `fit`, and if there are fewer than two rounds.

    Examples
    --------
    >>> import batchlab as bl
    >>> table = bl.time_updates(bl.mlp, bl.blobs(), batch_size=[32, 500], epochs=5, repeats=2)
    >>> table.loc[32, "updates_per_epoch"].item()
    16
    """
    epochs = whole_number("epochs", epochs, minimum=1)
    grid = grid_of(
        build,
        problem,
        batch_size=list(batch_size),
        epochs=epochs,
        optimizer=optimizer,
        replicates=replicates,
        device=device,
        threads=threads,
    )
    seconds = seconds_in_turns(grid.cells, repeats)
    budgets = [cell.run.budget for cell in grid.cells]
    updates = np.array([budget.updates for budget in budgets])
    return pd.DataFrame(
        {
            "updates_per_epoch": [budget.batch_sizes.updates_in(0) for budget in budgets],
            **_interval("update", seconds / updates * 1e6),
            **_interval("sample", seconds / (epochs * problem.n_train) * 1e9),
        },
        index=pd.Index([budget.batch_sizes.of(0) for budget in budgets], name="batch_size"),
    )


def time_runs(
    build: Build,
    problem: Problem,
    runs: Mapping[str, Mapping[str, Any]],
    *,
    epochs: int,
    replicates: int = 8,
    repeats: int = 10,
    device: str | None = None,
    threads: int | None = None,
) -> pd.DataFrame:
    """Measure the seconds of whole trainings, without compiling or evaluating.

    As `time_updates` measures those of updates: everything is compiled first, and in each of
    `repeats` rounds the runs take turns.

    Parameters
    ----------
    build, problem, device, threads
        As in `fit`.
    runs : mapping of str to mapping
        By name, the batch size (or schedule) and optimizer of each, as `fit` takes them.
    epochs : int
        Passes over the training samples in each measurement.
    replicates : int
        Trained side by side.
    repeats : int
        Rounds, at least 2.

    Returns
    -------
    pandas.DataFrame
        By run: `updates`; `seconds`, `low` and `high`: for all replicates divided by their number,
        the mean over the rounds and its 95 % interval.

    Raises
    ------
    TypeError, ValueError
        As from `fit`, and if there are fewer than two rounds.

    Examples
    --------
    >>> import batchlab as bl
    >>> runs = {"small": {"batch_size": 32}, "full": {"batch_size": "full"}}
    >>> table = bl.time_runs(bl.mlp, bl.blobs(), runs, epochs=5, repeats=2)
    >>> table["updates"].tolist()
    [80, 5]
    """
    common = {"epochs": epochs, "replicates": replicates, "device": device, "threads": threads}
    cells = _cells_of(build, problem, runs, common)
    mean, low, high = mean_interval(seconds_in_turns(cells, repeats))
    return pd.DataFrame(
        {
            "updates": [cell.run.budget.updates for cell in cells],
            "seconds": mean,
            "low": low,
            "high": high,
        },
        index=pd.Index(list(runs), name="run"),
    )


def time_precisions(
    build: Build,
    problem: Problem,
    runs: Mapping[str, Mapping[str, Any]],
    *,
    epochs: int,
    replicates: int = 8,
    repeats: int = 10,
    device: str | None = None,
    threads: int | None = None,
) -> pd.DataFrame:
    """Measure what whole trainings cost in float64 and in float32, as `time_runs` does.

    In each of `repeats` rounds the runs take turns, and the precisions within them.

    Parameters
    ----------
    build : callable
        Problem -> keras.Model, that takes a keyword `dtype`; `mlp` is one.
    problem, runs, epochs, replicates, repeats, device, threads
        As in `time_runs`.

    Returns
    -------
    pandas.DataFrame
        By run: `float64` and `float32`, seconds for all replicates divided by their number, means
        over the rounds; `ratio`, the first by the second, with `low` and `high`, its 95 % interval
        (see `batchlab.analysis.intervals.paired_ratio`).

    Raises
    ------
    TypeError, ValueError
        As from `time_runs`, and if `build` takes no `dtype`.

    Examples
    --------
    >>> import batchlab as bl
    >>> runs = {"full": {"batch_size": "full"}}
    >>> table = bl.time_precisions(bl.mlp, bl.blobs(), runs, epochs=5, repeats=2)
    >>> table.columns.tolist()
    ['float64', 'float32', 'ratio', 'low', 'high']
    """
    check_takes_dtype(build)
    common = {"epochs": epochs, "replicates": replicates, "device": device, "threads": threads}
    made: Callable[..., keras.Model] = build
    builds = [functools.partial(made, dtype=dtype) for dtype in PRECISIONS]
    each = [_cells_of(own, problem, runs, common) for own in builds]
    cells = [cell for pair in zip(*each, strict=True) for cell in pair]
    seconds = seconds_in_turns(cells, repeats).reshape(-1, len(runs), len(PRECISIONS))
    ratio, low, high = paired_ratio(seconds[..., 0], seconds[..., 1])
    means = dict(zip(PRECISIONS, seconds.mean(axis=0).T, strict=True))
    return pd.DataFrame(
        {**means, "ratio": ratio, "low": low, "high": high},
        index=pd.Index(list(runs), name="run"),
    )


def _cells_of(build: Build, problem: Problem, runs: Mapping, common: dict) -> list[Cell]:
    """Return a cell for each run."""
    check_runs(runs)
    cells = []
    for name, run in runs.items():
        unknown = sorted(set(run) - {"batch_size", "optimizer", "loss"})
        if unknown or "batch_size" not in run:
            raise TypeError(
                "runs: expected a batch_size, and no more than an optimizer and a loss beside it, "
                f"of {name!r}, received {', '.join(run) or 'nothing'}."
            )
        own = grid_of(build, problem, **run, **common).cells
        if len(own) != 1:
            raise TypeError(f"runs: expected one run of {name!r}, received {len(own)}.")
        cells += own
    return cells


def seconds_in_turns(cells: Sequence[Cell], repeats: int) -> np.ndarray:
    """Return the seconds of each cell's training divided by its replicates, in several rounds.

    Everything is compiled first, and only the end of a training is evaluated.

    Parameters
    ----------
    cells : sequence of Cell
        Of equally many replicates; they take turns.
    repeats : int
        Rounds, at least 2.

    Returns
    -------
    ndarray of shape (repeats, cells)

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two rounds.
    """
    repeats = whole_number("repeats", repeats, minimum=2)
    trainings = [
        replace(cell, run=replace(cell.run, budget=cell.run.budget.recorded_once())).training()
        for cell in cells
    ]
    drawn: dict[int, Starts] = {}  # by build: runs of one model start alike
    pairs = []
    for cell, training in zip(cells, trainings, strict=True):
        if id(cell.build) not in drawn:
            drawn[id(cell.build)] = training.draw(show_progress=False)
        training.trace()
        training.compile()
        pairs.append((training, drawn[id(cell.build)]))
    rounds = [[_seconds(*pair) for pair in pairs] for _ in range(repeats)]
    return np.array(rounds) / cells[0].run.replicates


def _seconds(training: Training, starts: Starts) -> float:
    return training.train(starts, show_progress=False).attrs["training_seconds"]


def _interval(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    mean, low, high = mean_interval(values)
    return {name: mean, f"{name}_low": low, f"{name}_high": high}
