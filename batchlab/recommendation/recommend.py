"""`recommend`: which batch size to use, on somebody's own data, within a budget of seconds."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import psutil
import xarray as xr

from batchlab.analysis.critical import complete, critical_batch_size
from batchlab.analysis.targets import check_target
from batchlab.costs.update_clock import CLOCKS, update_clock
from batchlab.engine.history import version_attributes
from batchlab.engine.weights import Build
from batchlab.foundation.backend import keras
from batchlab.foundation.checks import LARGEST_SEED, choice, positive_number, whole_number
from batchlab.foundation.progress import progress_bar
from batchlab.histories.metrics import metric_names
from batchlab.problems.problem import Problem, check_problem
from batchlab.recommendation.candidates import (
    MEASURED,
    largest_that_fits,
    memory_by_size,
    rates_to_try,
    sizes_to_try,
    those_that_fit,
    watched_part,
)
from batchlab.recommendation.cost import Cost
from batchlab.recommendation.exploration import Exploration
from batchlab.recommendation.pilot import look
from batchlab.recommendation.rate_search import Bench, Runs
from batchlab.recommendation.stopwatch import OutOfTime, Stopwatch
from batchlab.recommendation.updates_to_target import TUNING_RESOLUTION
from batchlab.recommendation.verdict import met_at_start, verdict
from batchlab.recommendation.weigh import COSTS
from batchlab.training.sweep import sweep

SHARE_OF_PILOT, SHARE_OF_COARSE, SHARE_OF_CLOCK = 0.35, 0.6, 0.12
RESOLUTION = 0.02
FEW = 64  # to see that a run has not diverged
BLOCKS = 4
DESCRIBED = ("device", "threads", "dtype", "n_parameters", "optimizer", "loss_function")


class Recommendation(NamedTuple):
    """What `recommend` returns.

    Attributes
    ----------
    study : xarray.Dataset
        What was measured.
    verdict : str
        What follows from it, in words.

    Examples
    --------
    >>> import batchlab as bl
    >>> from sklearn.datasets import load_wine
    >>> problem = bl.problem_from(load_wine())
    >>> few = {"batch_size": [53], "replicates": 2, "tuning_replicates": 2}
    >>> found = bl.recommend(
    ...     bl.mlp, problem, budget="update", target=0.3, learning_rate=[0.02, 0.04], **few
    ... )
    >>> found.study["update"].dims
    ('batch_size', 'replicate')
    >>> found.verdict.splitlines()[0]
    'Nothing to compare: only batch size 53 was brought to the target, val_loss 0.3.'
    """

    study: xr.Dataset
    verdict: str


def recommend(
    build: Build,
    problem: Problem,
    *,
    seconds: float = 60.0,
    budget: str = "second",
    clock: str = "keras",
    target: float | None = None,
    metric: str = "val_loss",
    batch_size: Sequence[int | str] | None = None,
    learning_rate: Sequence[float] | None = None,
    optimizer: keras.optimizers.Optimizer | None = None,
    loss: keras.losses.Loss | None = None,
    replicates: int = 16,
    tuning_replicates: int = 16,
    most_updates: int = 20_000,
    memory: float | None = None,
    seed: int = 0,
    device: str | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Recommendation:
    """Find out which batch size reaches a target soonest, with the learning rate tuned at each.

    A first look at one batch size finds a target, if none is given. Then batch sizes a factor of
    four apart are tried from there outwards, and last those between them where it matters: beside
    the best, and about the critical batch size. At each the learning rate is sought as in
    `updates_to_target`, with some replicates, and what it takes is measured with others. Choices
    are made on validation samples; the test samples are not looked at.

    Parameters
    ----------
    build, optimizer, loss, device, threads, progress
        As in `fit`. None in place of an optimizer is ``SGD(0.01, momentum=0.9)``; its rate is where
        the search begins.
    problem : Problem
        With validation samples, see `problem_from` and `from_arrays`.
    seconds : float
        What all of it may take. A training that is not expected to end in time is not begun.
    budget : {"second", "update", "sample"}
        What is to be least at the target.
    clock : {"keras", "batchlab"}
        Whose seconds: those of `keras.Model.fit`, whose updates cost a millisecond and more however
        small the batch, or those of `batchlab.fit`, for a replicate beside seven others.
    target : float or None
        Of `metric`. None is 90 % of the way from an untrained model to the best mean that a first
        look finds, over rates and updates, in up to a third of the seconds; or less, if one of its
        replicates does not get as far.
    metric : {"val_loss", "val_accuracy", "train_loss", "train_accuracy"}
        Or of a regression "val_mean_absolute_error", "train_mean_absolute_error".
    batch_size : sequence of int or "full", or None
        None is powers of four and the full batch, and powers of two between them.
    learning_rate : sequence of float or None
        The rates to choose from. None is powers of the root of two, from a 64th of the optimizer's
        own rate to 512 times it.
    replicates, tuning_replicates : int
        To measure with, at least 2, and to choose the rates with. They are trained eight at a time.
        As often as there is time, up to three times, as many others are measured besides.
    most_updates : int
        Where a run gives up.
    memory : float or None
        Bytes that an update may take (see `memory_needed`); None is what is free on this machine.
        Larger batches are left out.
    seed : int
        Of the first replicate to choose with; those to measure with follow.

    Returns
    -------
    study : xarray.Dataset
        Variables of dimensions (batch_size, replicate): `update`, `sample`, `epoch` and, if that is
        the budget, `second` at which the target was first reached, halfway between the record
        there, which is `stopped`, and the one before; NaN for a replicate that did not. Of
        dimension batch_size: `learning_rate`, `at_edge` (it is the lowest or highest),
        `memory` (bytes, NaN where they cannot be estimated). `tuning_updates` (batch_size, rate),
        as in `updates_to_target`; `update_seconds` (round, batch_size). The attributes hold the
        target, the settings, what was left out, and the seconds. `weigh` compares the batch sizes.
    verdict : str
        The same in words.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above, or the problem has no validation samples.

    Notes
    -----
    The interval of the critical batch size is over the replicates that measure, at the rates that
    the others have chosen. With few to choose by, a rate may not be the best there is, of which
    that interval knows nothing.

    Large data are measured on their first 2,048 validation (or training) samples, so that a record
    does not cost more than training.

    Examples
    --------
    >>> import batchlab as bl
    >>> from sklearn.datasets import load_wine
    >>> problem = bl.problem_from(load_wine())
    >>> few = {"batch_size": [8, 53], "replicates": 2, "tuning_replicates": 2}
    >>> study, verdict = bl.recommend(
    ...     bl.mlp, problem, budget="update", target=0.3, learning_rate=[0.02, 0.04], **few
    ... )
    >>> study["update"].dims
    ('batch_size', 'replicate')
    >>> bool(study["update"].notnull().all())
    True
    """
    watch = Stopwatch(positive_number("seconds", seconds))
    check_problem(problem)
    choice("budget", budget, COSTS)
    choice("clock", clock, CLOCKS)
    choice("metric", metric, metric_names(problem.task)[2:])
    if metric.startswith("val_") and not problem.n_validation:
        raise ValueError(
            "problem: expected one with validation samples, to choose by without looking at the "
            "test samples, received one without; make it with problem_from, or give from_arrays "
            "x_validation and y_validation."
        )
    if target is not None:
        check_target(target, metric, task=problem.task)
    count = whole_number("replicates", replicates, minimum=2)
    tuning = whole_number("tuning_replicates", tuning_replicates, minimum=1)
    seed = whole_number("seed", seed, minimum=0, maximum=LARGEST_SEED + 1 - BLOCKS * count - tuning)
    most = whole_number("most_updates", most_updates, minimum=1)
    rates = rates_to_try(learning_rate, optimizer)
    sizes = sizes_to_try(batch_size, problem.n_train)
    watched = watched_part(problem)
    common: dict[str, Any] = {
        "optimizer": optimizer,
        "loss": loss,
        "device": device,
        "threads": threads,
        "train_samples": min(problem.n_train, MEASURED if metric.startswith("train") else FEW),
    }
    choosing = common | {"replicates": tuning, "seed": seed}
    measuring = common | {"replicates": count, "seed": seed + tuning}
    # Every argument is checked before anything long is begun.
    first = sweep(
        build,
        watched,
        batch_size=sizes[0],
        learning_rate=rates[0],
        updates=1,
        progress=False,
        **choosing,
    )
    needed = memory_by_size(build, problem, optimizer)
    free = psutil.virtual_memory().available if memory is None else memory
    sizes, too_large = those_that_fit(sizes, needed, positive_number("memory", free))
    timed = partial(
        update_clock,
        clock,
        build,
        problem,
        optimizer=optimizer,
        loss=loss,
        device=device,
        threads=threads,
    )
    about = {
        **version_attributes(),
        **{name: first.attrs[name] for name in DESCRIBED},
        "problem": problem.name,
        "task": problem.task,
        "n_train": problem.n_train,
        "metric": metric,
        "budget": budget,
        "clock": clock,
        "seconds": float(seconds),
        "replicates": count,
        "tuning_replicates": tuning,
        "memory_free": float(free),
        "too_large": too_large,
        "largest_batch": largest_that_fits(build, problem, free, optimizer),
    }
    # Seconds are measured at the end, of what was found.
    search = watch.part(1 - SHARE_OF_CLOCK) if budget == "second" else watch
    benches = Bench(build, watched, choosing), Bench(build, watched, measuring)
    with progress_bar(len(sizes) + 1, unit="step", description="recommend", show=progress) as bar:
        benches[0].watch = search.part(SHARE_OF_PILOT)
        try:
            pilot = look(benches[0], rates, sizes[0], metric, most_updates=most, target=target)
        except OutOfTime:
            return _recommended(xr.Dataset(attrs=about), watch, sizes)
        bar.update()
        about |= dataclasses.asdict(pilot) | {"finished": int(pilot.finished)}
        if math.isnan(about["target"]):
            return _recommended(xr.Dataset(attrs=about), watch, sizes)
        if met_at_start(about):
            return _recommended(xr.Dataset(attrs=about), watch, [])
        runs = partial(Runs, rates=rates, target=about["target"], metric=metric, most_updates=most)
        known = Exploration(
            runs(benches[0], resolution=TUNING_RESOLUTION),
            runs(benches[1], resolution=RESOLUTION),
            pilot,
        )
        cost = Cost(budget, timed() if budget == "second" else None)
        fine = batch_size is None
        known.explore(sizes, search.part(SHARE_OF_COARSE if fine else 1), bar.update)
        if fine:
            _refine(known, search, bar.update, cost)
        _repeat(known, search, count, seed + tuning + count)
    return _recommended(_study_of_sizes(known, needed, cost, about, watch), watch, known.left_out)


def _refine(known: Exploration, watch: Stopwatch, bar: Callable[[], object], cost: Cost) -> None:
    """Measure batch sizes between those known, where it matters, as long as there are any."""
    tried_again = False
    while known.found and watch.left > 0:
        times = complete(known.times())
        costs = cost.roughly(times)
        b_noise = critical_batch_size(times)["fitted"].loc["b_noise"]
        more = known.between(costs, also=float(b_noise)) if len(costs) else []
        if not tried_again:
            more, tried_again = known.again(costs) + more, True
        if not more:
            return
        known.explore(more, watch, bar)


def _repeat(known: Exploration, watch: Stopwatch, replicates: int, seed: int) -> None:
    """Measure everything again with other seeds, as often as there is time and need."""
    if len(known.found) < 2:
        return
    for block in range(BLOCKS - 1):
        try:
            known.repeat(seed + block * replicates, watch)
        except OutOfTime:
            return


def _study_of_sizes(
    known: Exploration,
    needed: Callable[[int], float],
    cost: Cost,
    about: dict,
    watch: Stopwatch,
) -> xr.Dataset:
    if not known.found:
        return xr.Dataset(attrs=about)
    study = cost.added_to(known.times(), watch)
    memory = [needed(size) for size in study["batch_size"].to_numpy().tolist()]
    return study.assign(memory=("batch_size", memory)).assign_attrs(about)


def _recommended(study: xr.Dataset, watch: Stopwatch, left_out: list[int]) -> Recommendation:
    about = study.attrs | {"left_out": sorted(left_out), "spent": watch.spent}
    # An empty list is no attribute of a netCDF file.
    study.attrs = {
        name: value for name, value in about.items() if not isinstance(value, list) or value
    }
    return Recommendation(study, verdict(study))
