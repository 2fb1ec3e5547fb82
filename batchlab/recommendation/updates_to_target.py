"""How many updates a target takes at each batch size, with the learning rate tuned anew at each."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from batchlab.analysis.targets import check_target
from batchlab.engine.batch_sizes import checked_batch_size
from batchlab.engine.weights import Build
from batchlab.foundation.backend import keras
from batchlab.foundation.checks import LARGEST_SEED, positive_number, shown, whole_number
from batchlab.foundation.progress import progress_bar
from batchlab.problems.problem import Problem, check_problem
from batchlab.recommendation.rate_search import Bench, Runs
from batchlab.training.sweep import sweep

# To choose between rates that lie a factor apart needs no finer records.
TUNING_RESOLUTION = 0.15
FIRST_BUDGET = 1024
# Of updates, beyond what the slowest replicate took before: for seeds that were not seen yet.
RESERVE = 1.5
# Updates fall as 1 / b and the best rates grow as b at first, and ever less on the way to larger
# batches: the power from one batch size to the next is expected to be less by this.
FLATTER = 0.3


def updates_to_target(
    build: Build,
    problem: Problem,
    target: float,
    *,
    batch_size: Sequence[int | str],
    learning_rate: Sequence[float],
    metric: str = "train_loss",
    optimizer: keras.optimizers.Optimizer | None = None,
    loss: keras.losses.Loss | None = None,
    replicates: int = 24,
    tuning_replicates: int = 16,
    seed: int = 0,
    resolution: float = 0.02,
    most_updates: int = 20_000,
    device: str | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Train to a target at each batch size, at the learning rate that takes fewest updates there.

    At each batch size, from the smallest up, the rate is sought among those given: from where the
    batch sizes before lead one to expect it outwards, until the rates beside the best are worse.
    What counts is the mean number of updates over the replicates; a rate at which one of them
    diverges counts as worse than any at which all arrive, and so may one at which one takes more
    than twice as long as the best takes in the mean. Then other replicates, which took no part in
    the choice, are trained at the chosen rate: the luck that made it best is not in the result. No
    run has to be told how long to go on: as long as was enough before, and longer where that was
    not.

    Parameters
    ----------
    build, problem, loss, device, threads, progress
        As in `fit`.
    target : float
        Of a loss (a cross-entropy is in nats per sample), share of samples for an accuracy, or a
        mean absolute error; reached in the first record in which the metric is there, as by
        ``time_to_target(…, held=False)``.
    batch_size : sequence of int or "full"
    learning_rate : sequence of float
        The rates to choose from.
    metric : {"train_loss", "val_loss", "train_accuracy", "val_accuracy"}
        Of a regression mean_absolute_error in place of accuracy.
    optimizer : keras.optimizers.Optimizer or None
        Its learning rate is replaced. None is ``SGD(momentum=0.9)``.
    replicates, tuning_replicates : int
        To measure with, and to choose the rates with. Replicates are trained eight at a time.
    seed : int
        Of the first replicate to choose with; those to measure with follow.
    resolution : float
        Records lie at every update at first, then further apart by this share of the updates made:
        a target cannot be passed unseen for longer than that.
    most_updates : int
        Where a run gives up.

    Returns
    -------
    xarray.Dataset
        Variables of dimensions (batch_size, replicate): `update`, `sample` and `epoch` at which the
        target was reached, and `gap`, the updates since the record before; NaN for a replicate
        that diverged or gave up. Of dimension batch_size: `learning_rate`, the chosen one, and
        `at_edge`, whether it is the lowest or highest given, so that a better one may lie outside.
        Of dimensions (batch_size, rate): `tuning_updates`, the mean by which the rates were
        chosen; infinite where not all replicates arrived, NaN where a rate was not tried.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above; before anything is trained.

    Notes
    -----
    That rates are sought outwards supposes that the updates have one minimum over them.

    References
    ----------
    Shallue, Lee, Antognini et al., "Measuring the effects of data parallelism on neural network
    training", 2019, section 4.

    Examples
    --------
    >>> import batchlab as bl
    >>> few = {"replicates": 4, "tuning_replicates": 4}
    >>> times = bl.updates_to_target(
    ...     bl.mlp, bl.blobs(), 0.6, batch_size=[16, "full"], learning_rate=[0.04, 0.08], **few
    ... )
    >>> bool(times["update"].sel(batch_size=16).mean() > times["update"].sel(batch_size=500).mean())
    True
    """
    check_problem(problem)
    check_target(target, metric, task=problem.task)
    checked = partial(checked_batch_size, n_train=problem.n_train)
    sizes = sorted_values("batch_size", batch_size, checked)
    rates = sorted_values("learning_rate", learning_rate, partial(positive_number, "learning_rate"))
    count = whole_number("replicates", replicates, minimum=1)
    tuning = whole_number("tuning_replicates", tuning_replicates, minimum=1)
    seed = whole_number("seed", seed, minimum=0, maximum=LARGEST_SEED + 1 - count - tuning)
    resolution = positive_number("resolution", resolution)
    most = whole_number("most_updates", most_updates, minimum=1)
    common: dict[str, Any] = {
        "optimizer": optimizer,
        "loss": loss,
        "device": device,
        "threads": threads,
    }
    choosing = common | {"replicates": tuning, "seed": seed}
    measuring = common | {"replicates": count, "seed": seed + tuning}
    # Every argument is checked before anything long is begun, and all programs are compiled.
    sweep(
        build,
        problem,
        batch_size=sizes,
        learning_rate=rates[0],
        updates=1,
        progress=False,
        **choosing,
    )
    runs = partial(Runs, rates=rates, target=target, metric=metric, most_updates=most)
    to_choose = runs(Bench(build, problem, choosing), resolution=TUNING_RESOLUTION)
    to_measure = runs(Bench(build, problem, measuring), resolution=resolution)
    found: list[xr.Dataset] = []
    best: list[tuple[int, float]] = []
    slow: list[tuple[int, float]] = []
    with progress_bar(len(sizes), unit="batch size", description="tuning", show=progress) as bar:
        for size in sizes:
            place = len(rates) // 4
            if best:
                near = np.abs(np.log(rates) - np.log(_expected(size, best, sign=1)))
                place = int(near.argmin())
            budget = math.ceil(RESERVE * _expected(size, slow, sign=-1)) if slow else FIRST_BUDGET
            place, means, slowest = to_choose.best(size, place, budget)
            best.append((size, rates[place]))
            enough = math.ceil(RESERVE * slowest) or FIRST_BUDGET
            one = to_measure.measured(size, place, enough, enlarge=slowest > 0)
            if one["update"].notnull().any():
                slow.append((size, float(one["update"].max())))
            at_edge = place in (0, len(rates) - 1)
            one = one.assign(learning_rate=rates[place], at_edge=at_edge)
            found.append(one.assign(tuning_updates=("rate", means)).assign_coords(batch_size=size))
            bar.update()
    times = xr.concat(found, "batch_size").assign_coords(rate=rates)
    settings = {"target": target, "metric": metric, "resolution": resolution}
    times.attrs = {**found[0].attrs, **settings, "tuning_replicates": tuning}
    return times


def _expected(size: int, known: list[tuple[int, float]], *, sign: int) -> float:
    """Return what to expect at a batch size from what was found at smaller ones."""
    smaller, value = known[-1]
    power = 1.0
    if len(known) > 1:
        before, value_before = known[-2]
        power = sign * math.log(value / value_before) / math.log(smaller / before)
    return value * (size / smaller) ** (sign * min(max(power - FLATTER, 0), 1))


def sorted_values(name: str, values: Sequence[float | str], check: Callable) -> list:
    """Return the distinct values of a sequence in order, each checked.

    Raises
    ------
    TypeError, ValueError
        If it is no sequence, holds nothing, or a value does not pass.
    """
    if isinstance(values, str) or not np.iterable(values) or not len(list(values)):
        raise TypeError(f"{name}: expected a sequence of values, received {shown(values)}.")
    return sorted({check(value) for value in values})
