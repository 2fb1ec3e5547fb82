"""`recommend`: which batch size to use, on somebody's own data, within a budget of seconds."""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import psutil
import xarray as xr

from batchlab._checks import LARGEST_SEED, choice, positive_number, shown, whole_number
from batchlab._tensorflow import keras
from batchlab.advice import verdict
from batchlab.batch_sizes import checked_batch_size
from batchlab.critical import complete, critical_batch_size
from batchlab.data import Problem, check_problem
from batchlab.exploring import Exploration, coarse_sizes, outwards, powers_below
from batchlab.intervals import Interval, over_replicates
from batchlab.memory import memory_needed
from batchlab.metrics import metric_names, score_of
from batchlab.optimizers import default_optimizer, settings_of
from batchlab.pilot import look
from batchlab.progress import progress_bar
from batchlab.rate_search import Bench, Runs
from batchlab.replicas import Build
from batchlab.retuning import TUNING_RESOLUTION, sorted_values
from batchlab.stopwatch import OutOfTime, Stopwatch
from batchlab.sweeps import sweep
from batchlab.targets import check_target
from batchlab.training import fit
from batchlab.update_clocks import CLOCKS, update_clock
from batchlab.weighing import COSTS, weigh

# Powers of the root of two about the optimizer's own rate.
RATES_BELOW, RATES_ABOVE = 12, 18
START = 32
# Large data need not be measured whole at every record.
MEASURED = 2048
SHARE_OF_PILOT, SHARE_OF_COARSE, SHARE_OF_FINE = 0.35, 0.6, 0.7
RESOLUTION = 0.03
FEW = 64  # to see that a run has not diverged
SHARE_OF_REPEATS = 0.5
ROUNDS = 5
BLOCKS = 4


class Recommendation(NamedTuple):
    """What `recommend` returns.

    Attributes
    ----------
    study : xarray.Dataset
        What was measured.
    verdict : str
        What follows from it, in words.
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
    tuning_replicates: int = 8,
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
        Of `metric`. None is 95 % of the way from an untrained model to the best mean that a first
        look finds, over rates and updates, in up to a third of the seconds.
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
        the budget, `second` at which the target was first reached, NaN for a replicate that did
        not. Of dimension batch_size: `learning_rate`, `at_edge` (it is the lowest or highest),
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
    Large data are measured on their first 2,048 validation (or training) samples, so that a record
    does not cost more than training.

    Examples
    --------
    >>> import batchlab as bl
    >>> from sklearn.datasets import load_wine
    >>> problem = bl.problem_from(load_wine())
    >>> study, verdict = bl.recommend(bl.mlp, problem, seconds=20, budget="update")
    >>> bool(study["update"].notnull().any())
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
    rates = _rates(learning_rate, optimizer)
    sizes = _sizes(batch_size, problem.n_train)
    watched = _watched(problem)
    common = {
        "optimizer": optimizer,
        "loss": loss,
        "device": device,
        "threads": threads,
        "train_samples": min(problem.n_train, MEASURED if metric.startswith("train") else FEW),
    }
    choosing = common | {"replicates": tuning, "seed": seed}
    measuring = common | {"replicates": count, "seed": seed + tuning}
    # Every argument is checked before anything long is begun.
    once = {"batch_size": sizes[0], "learning_rate": rates[0], "updates": 1, "progress": False}
    sweep(build, watched, **once, **choosing)
    needed = _memory_by_size(build, problem, optimizer)
    free = psutil.virtual_memory().available if memory is None else memory
    sizes, too_large = _that_fit(sizes, needed, positive_number("memory", free))
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
        "largest_batch": _largest(needed, free),
    }
    benches = Bench(build, watched, choosing), Bench(build, watched, measuring)
    with progress_bar(len(sizes) + 1, unit="step", description="recommend", show=progress) as bar:
        benches[0].watch = watch.part(SHARE_OF_PILOT)
        try:
            pilot = look(benches[0], rates, sizes[0], metric, most_updates=most, target=target)
        except OutOfTime:
            return _told(xr.Dataset(attrs=about), watch, sizes)
        bar.update()
        about |= dataclasses.asdict(pilot)
        if math.isnan(about["target"]):
            return _told(xr.Dataset(attrs=about), watch, sizes)
        runs = partial(Runs, rates=rates, target=about["target"], metric=metric, most_updates=most)
        known = Exploration(
            runs(benches[0], resolution=TUNING_RESOLUTION),
            runs(benches[1], resolution=RESOLUTION),
            pilot,
        )
        cost = _Cost(budget, timed() if budget == "second" else None)
        fine = batch_size is None
        known.explore(sizes, watch.part(SHARE_OF_COARSE if fine else SHARE_OF_FINE), bar.update)
        if fine:
            _refine(known, watch.part(SHARE_OF_FINE), bar.update, cost)
        _repeat(known, watch.part(SHARE_OF_REPEATS), count, seed + tuning + count)
    return _told(_study(known, needed, cost, about, watch), watch, known.left_out)


class _Cost:
    """What is to be least.

    Parameters
    ----------
    budget : {"second", "update", "sample"}
    timed : callable or None
        From `update_clock`, if it is seconds.
    """

    def __init__(self, budget: str, timed: Callable | None):
        self._budget, self._timed = budget, timed
        self._roughly: dict[int, float] = {}
        self._pace = 0.0  # seconds to time one batch size in one round

    def roughly(self, times: xr.Dataset) -> pd.Series:
        """Return the mean cost of the batch sizes at which all replicates reached the target."""
        sizes = times["batch_size"].to_numpy().tolist()
        spent = times["sample" if self._budget == "sample" else "update"].mean("replicate")
        costs = pd.Series(spent.to_numpy(), index=sizes)
        return costs * self._seconds(sizes) if self._timed else costs

    def added_to(self, study: xr.Dataset, watch: Stopwatch) -> xr.Dataset:
        """Return a study with the seconds, if it is these that count."""
        if not self._timed:
            return study
        sizes = study["batch_size"].to_numpy().tolist()
        self._seconds(sizes)
        in_time = int(max(watch.left, 0) / (self._pace * len(sizes)))
        rounds = self._timed(sizes, min(max(in_time, 2), ROUNDS))
        study = study.assign(update_seconds=(("round", "batch_size"), rounds))
        return study.assign(second=study["update"] * study["update_seconds"].mean("round"))

    def _seconds(self, sizes: list[int]) -> list[float]:
        if new := [size for size in sizes if size not in self._roughly]:
            begin = time.perf_counter()
            self._roughly |= dict(zip(new, self._timed(new, 2).mean(axis=0), strict=True))
            self._pace = (time.perf_counter() - begin) / (3 * len(new))  # one goes to warm up
        return [self._roughly[size] for size in sizes]


def _refine(known: Exploration, watch: Stopwatch, bar: Callable[[], None], cost: _Cost) -> None:
    """Measure batch sizes between those known, where it matters, as long as there are any."""
    tried_again = False
    while known.found and watch.left > 0:
        times = complete(known.times())
        costs = cost.roughly(times)
        b_noise = critical_batch_size(times).loc["b_noise", "fitted"]
        more = known.between(costs, also=float(b_noise)) if len(costs) else []
        if not tried_again:
            more, tried_again = known.again(costs)[:1] + more, True
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


def _study(
    known: Exploration,
    needed: Callable[[int], float],
    cost: _Cost,
    about: dict,
    watch: Stopwatch,
) -> xr.Dataset:
    if not known.found:
        return xr.Dataset(attrs=about)
    study = cost.added_to(known.times(), watch)
    memory = [needed(size) for size in study["batch_size"].to_numpy().tolist()]
    return study.assign(memory=("batch_size", memory)).assign_attrs(about)


def _told(study: xr.Dataset, watch: Stopwatch, left_out: list[int]) -> Recommendation:
    about = study.attrs | {"left_out": sorted(left_out), "spent": watch.spent}
    # An empty list is no attribute of a netCDF file.
    study.attrs = {
        name: value for name, value in about.items() if not isinstance(value, list) or value
    }
    return Recommendation(study, verdict(study))


def _watched(problem: Problem) -> Problem:
    """Return the problem with no more held-out samples than a record need measure."""
    if problem.n_validation <= MEASURED:
        return problem
    return dataclasses.replace(
        problem,
        x_validation=problem.x_validation[:MEASURED],
        y_validation=problem.y_validation[:MEASURED],
    )


def _rates(given: object, optimizer: object) -> list[float]:
    if given is not None:
        return sorted_values("learning_rate", given, partial(positive_number, "learning_rate"))
    own = settings_of(optimizer)[1]["learning_rate"]
    if not isinstance(own, float):
        raise TypeError(
            "optimizer: expected one with a constant learning rate, or rates to choose from in "
            f"learning_rate, received the schedule {shown(own)}."
        )
    return [own * 2 ** (power / 2) for power in range(-RATES_BELOW, RATES_ABOVE + 1)]


def _sizes(given: object, n_train: int) -> list[int]:
    """Return the batch sizes in the order in which they are tried."""
    if given is None:
        powers = powers_below(n_train)
        return coarse_sizes(n_train, min(powers, key=lambda size: abs(size - START)))
    sizes = sorted_values("batch_size", given, partial(checked_batch_size, n_train=n_train))
    return outwards(sizes, START)


def _memory_by_size(
    build: Build, problem: Problem, optimizer: keras.optimizers.Optimizer | None
) -> Callable[[int], float]:
    """Return the function batch size -> bytes; NaN if the model does not show its layers."""
    try:
        one, two = memory_needed(build, problem, batch_size=[1, 2], optimizer=optimizer)["total"]
    except ValueError:
        return lambda size: math.nan
    return lambda size: float(one + (size - 1) * (two - one))


def _largest(needed: Callable[[int], float], memory: float) -> float:
    """Return the largest batch size that fits, see `batchlab.largest_batch`; NaN if not known."""
    one, two = needed(1), needed(2)
    return float((memory - one) // (two - one) + 1)


def _that_fit(
    sizes: list[int], needed: Callable[[int], float], memory: float
) -> tuple[list[int], list[int]]:
    """Return the batch sizes that fit into memory, and those that do not.

    Raises
    ------
    ValueError
        If none does.
    """
    too_large = [size for size in sizes if needed(size) > memory]
    fit = [size for size in sizes if size not in too_large]
    if not fit:
        raise ValueError(
            f"memory: expected at least the {needed(min(sizes)):.0f} bytes of an update with batch "
            f"size {min(sizes)}, received {memory:.0f}."
        )
    return fit, sorted(too_large)


def scores_on_test(
    build: Build,
    problem: Problem,
    study: xr.Dataset,
    *,
    batch_size: int | None = None,
    optimizer: keras.optimizers.Optimizer | None = None,
    loss: keras.losses.Loss | None = None,
    device: str | None = None,
) -> pd.DataFrame:
    """Return what the measured replicates score on the test samples where they were stopped.

    That is at the update at which each first reached the target; nothing was chosen by the test
    samples before. To look at them again and again would be to choose by them.

    Parameters
    ----------
    build, problem, optimizer, loss, device
        As given to `recommend`.
    study : xarray.Dataset
        What it returned.
    batch_size : int or None
        One of those in it that reach the target; None is the one with the least cost.

    Returns
    -------
    pandas.DataFrame
        Rows "test accuracy" (of a regression "test mean absolute error") and "test loss"; columns
        `mean`, `low` and `high`, its 95 % interval, and `replicates`.

    Raises
    ------
    ValueError
        If no batch size, or not the one given, brought all replicates to the target.
    """
    table = weigh(study)
    arrived = table.index[table["found"] != "not reached"]
    if batch_size is None:
        batch_size = next(iter(table.index[table["found"] == "least"]), None)
    if batch_size not in arrived:
        raise ValueError(
            "batch_size: expected one at which all replicates reach the target"
            f"{''.join(f', {size}' for size in arrived)}, received {shown(batch_size)}."
        )
    own_class, config = settings_of(optimizer)
    config = {**config, "learning_rate": float(table.loc[batch_size, "learning_rate"])}
    config.pop("excluded_from_weight_decay", None)
    stopped = study["update"].sel(batch_size=batch_size, drop=True).astype(int)
    history = fit(
        build,
        dataclasses.replace(problem, x_validation=None, y_validation=None),
        batch_size=int(batch_size),
        updates=int(stopped.max()),
        records=np.unique(stopped).tolist(),
        optimizer=own_class.from_config(config),
        loss=loss,
        replicates=stopped.size,
        seed=int(study["seed"][0]),
        keep_weights="none",
        device=device,
        train_samples=1,
        progress=False,
    )
    score = score_of(history)
    found = history[[f"val_{score}", "val_loss"]].sel(update=stopped.drop_vars("seed"))
    rows = {
        f"test {name.removeprefix('val_').replace('_', ' ')}": over_replicates(values)
        for name, values in found.drop_vars(["seed", "update", "epoch", "sample"]).items()
    }
    return pd.DataFrame(
        {
            name: {**{end: one[end].item() for end in Interval._fields}, "replicates": stopped.size}
            for name, one in rows.items()
        }
    ).T.astype({"replicates": int})


class _Cost:
    """What is to be least.

    Parameters
    ----------
    budget : {"second", "update", "sample"}
    timed : callable or None
        From `update_clock`, if it is seconds.
    """

    def __init__(self, budget: str, timed: Callable | None):
        self._budget, self._timed = budget, timed
        self._roughly: dict[int, float] = {}
        self._pace = 0.0  # seconds to time one batch size in one round

    def roughly(self, times: xr.Dataset) -> pd.Series:
        """Return the mean cost of the batch sizes at which all replicates reached the target."""
        sizes = times["batch_size"].to_numpy().tolist()
        spent = times["sample" if self._budget == "sample" else "update"].mean("replicate")
        costs = pd.Series(spent.to_numpy(), index=sizes)
        return costs * self._seconds(sizes) if self._timed else costs

    def added_to(self, study: xr.Dataset, watch: Stopwatch) -> xr.Dataset:
        """Return a study with the seconds, if it is these that count."""
        if not self._timed:
            return study
        sizes = study["batch_size"].to_numpy().tolist()
        self._seconds(sizes)
        in_time = int(max(watch.left, 0) / (self._pace * len(sizes)))
        rounds = self._timed(sizes, min(max(in_time, 2), ROUNDS))
        study = study.assign(update_seconds=(("round", "batch_size"), rounds))
        return study.assign(second=study["update"] * study["update_seconds"].mean("round"))

    def _seconds(self, sizes: list[int]) -> list[float]:
        if new := [size for size in sizes if size not in self._roughly]:
            begin = time.perf_counter()
            self._roughly |= dict(zip(new, self._timed(new, 2).mean(axis=0), strict=True))
            self._pace = (time.perf_counter() - begin) / (3 * len(new))  # one goes to warm up
        return [self._roughly[size] for size in sizes]


def _refine(known: Exploration, watch: Stopwatch, bar: Callable[[], None], cost: _Cost) -> None:
    """Measure batch sizes between those known, where it matters, as long as there are any."""
    tried_again = False
    while known.found and watch.left > 0:
        times = complete(known.times())
        costs = cost.roughly(times)
        b_noise = critical_batch_size(times).loc["b_noise", "fitted"]
        more = known.between(costs, also=float(b_noise)) if len(costs) else []
        if not tried_again:
            more, tried_again = known.again(costs)[:1] + more, True
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


def _study(
    known: Exploration,
    needed: Callable[[int], float],
    cost: _Cost,
    about: dict,
    watch: Stopwatch,
) -> xr.Dataset:
    if not known.found:
        return xr.Dataset(attrs=about)
    study = cost.added_to(known.times(), watch)
    memory = [needed(size) for size in study["batch_size"].to_numpy().tolist()]
    return study.assign(memory=("batch_size", memory)).assign_attrs(about)


def _told(study: xr.Dataset, watch: Stopwatch, left_out: list[int]) -> Recommendation:
    about = study.attrs | {"left_out": sorted(left_out), "spent": watch.spent}
    # An empty list is no attribute of a netCDF file.
    study.attrs = {
        name: value for name, value in about.items() if not isinstance(value, list) or value
    }
    return Recommendation(study, verdict(study))


def _watched(problem: Problem) -> Problem:
    """Return the problem with no more held-out samples than a record need measure."""
    if problem.n_validation <= MEASURED:
        return problem
    return dataclasses.replace(
        problem,
        x_validation=problem.x_validation[:MEASURED],
        y_validation=problem.y_validation[:MEASURED],
    )


def _rates(given: object, optimizer: object) -> list[float]:
    if given is not None:
        return sorted_values("learning_rate", given, partial(positive_number, "learning_rate"))
    own = settings_of(optimizer)[1]["learning_rate"]
    if not isinstance(own, float):
        raise TypeError(
            "optimizer: expected one with a constant learning rate, or rates to choose from in "
            f"learning_rate, received the schedule {shown(own)}."
        )
    return [own * 2 ** (power / 2) for power in range(-RATES_BELOW, RATES_ABOVE + 1)]


def _sizes(given: object, n_train: int) -> list[int]:
    """Return the batch sizes in the order in which they are tried."""
    if given is None:
        powers = powers_below(n_train)
        return coarse_sizes(n_train, min(powers, key=lambda size: abs(size - START)))
    sizes = sorted_values("batch_size", given, partial(checked_batch_size, n_train=n_train))
    return outwards(sizes, START)


def _memory_by_size(
    build: Build, problem: Problem, optimizer: keras.optimizers.Optimizer | None
) -> Callable[[int], float]:
    """Return the function batch size -> bytes; NaN if the model does not show its layers."""
    try:
        one, two = memory_needed(build, problem, batch_size=[1, 2], optimizer=optimizer)["total"]
    except ValueError:
        return lambda size: math.nan
    return lambda size: float(one + (size - 1) * (two - one))


def _largest(needed: Callable[[int], float], memory: float) -> float:
    """Return the largest batch size that fits, see `batchlab.largest_batch`; NaN if not known."""
    one, two = needed(1), needed(2)
    return float((memory - one) // (two - one) + 1)


def _that_fit(
    sizes: list[int], needed: Callable[[int], float], memory: float
) -> tuple[list[int], list[int]]:
    """Return the batch sizes that fit into memory, and those that do not.

    Raises
    ------
    ValueError
        If none does.
    """
    too_large = [size for size in sizes if needed(size) > memory]
    fit = [size for size in sizes if size not in too_large]
    if not fit:
        raise ValueError(
            f"memory: expected at least the {needed(min(sizes)):.0f} bytes of an update with batch "
            f"size {min(sizes)}, received {memory:.0f}."
        )
    return fit, sorted(too_large)


def final_run(
    build: Build,
    problem: Problem,
    study: xr.Dataset,
    *,
    optimizer: keras.optimizers.Optimizer | None = None,
    **settings,
) -> xr.Dataset:
    """Train as recommended, and measure on the test samples, which nothing was chosen by.

    Parameters
    ----------
    build, problem, optimizer
        As given to `recommend`.
    study : xarray.Dataset
        What it returned.
    **settings
        Further ones of `fit`.

    Returns
    -------
    xarray.Dataset
        As from `fit`, with other seeds than those chosen by, for as many updates as the slowest
        replicate took to the target; `val_loss` and its like are those of the test samples.

    Raises
    ------
    ValueError
        If no batch size was found to reach the target.
    """
    table = weigh(study)
    least = table.index[table["found"] == "least"]
    if not len(least):
        raise ValueError(
            "study: expected one in which a batch size reaches the target, received one without."
        )
    size = int(least[0])
    own_class, config = settings_of(optimizer or default_optimizer())
    config = {**config, "learning_rate": float(table.loc[size, "learning_rate"])}
    config.pop("excluded_from_weight_decay", None)
    replicates = int(study.attrs["replicates"])
    return fit(
        build,
        dataclasses.replace(problem, x_validation=None, y_validation=None),
        **{
            "batch_size": size,
            "updates": int(study["update"].sel(batch_size=size).max()),
            "optimizer": own_class.from_config(config),
            "replicates": replicates,
            "seed": int(study["seed"].max()) + 1,
            **settings,
        },
    )
