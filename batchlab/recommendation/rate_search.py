"""The search for the learning rate that takes fewest updates to a target, at one batch size."""

import math
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from batchlab.analysis.evaluate import diverged, final_values
from batchlab.analysis.targets import time_to_target
from batchlab.engine.budgets import record_places
from batchlab.engine.settings import Settings
from batchlab.engine.training import Training
from batchlab.engine.weights import Build
from batchlab.histories.metrics import is_accuracy
from batchlab.problems.problem import Problem
from batchlab.recommendation.stopwatch import Stopwatch
from batchlab.training.cells import SharedStarts
from batchlab.training.grid import grid_of

PATIENCE = 2.0
# Forwards, and twice as much backwards; an update on fewer samples takes as long as on these.
PASSES_OF_AN_UPDATE = 3
SAMPLES_OF_AN_UPDATE = 8


@dataclass
class Bench:
    """Trains the same replicates again and again: what `sweep` does, but made ready only once.

    A search is many short trainings, and to draw the weights of one, to build its model and to
    look up its program takes as long as to train it.

    Attributes
    ----------
    build : callable
    problem : Problem
    settings : dict
        As `batchlab.sweep` takes them, those that stay.
    watch : Stopwatch or None
        What all trainings together may take; may be replaced by another.
    """

    build: Build
    problem: Problem
    settings: dict
    watch: Stopwatch | None = None
    _starts: SharedStarts = field(default_factory=SharedStarts)
    _trainings: dict[int, Training] = field(default_factory=dict)
    _ahead: dict[int, Future] = field(default_factory=dict)

    def prepare(self, size: int, pool: Executor) -> None:
        """Trace what a batch size needs, and have it compiled while something else goes on."""
        if size not in self._trainings and size not in self._ahead:
            (cell,) = grid_of(
                self.build, self.problem, **self.settings, batch_size=size, updates=1
            ).cells
            training = cell.training()
            training.trace()
            self._trainings[size] = training
            self._ahead[size] = pool.submit(training.compile)

    def histories(self, **settings: Any) -> Iterator[xr.Dataset]:
        """Yield what `batchlab.fit` returns for each cell of the settings that stay and these.

        Raises
        ------
        OutOfTime
            Before a training that is expected not to end in time.
        """
        for cell in grid_of(self.build, self.problem, **self.settings, **settings).cells:
            size, rate = cell.run.batch_sizes.of(0), cell.optimizer[1]["learning_rate"]
            work = self._work(cell.run)
            if self.watch:
                self.watch.check(size, work)
            begin = time.perf_counter()
            if new := size not in self._trainings:
                self._trainings[size] = cell.training()
                self._trainings[size].trace()
                self._trainings[size].compile()
            elif ahead := self._ahead.pop(size, None):
                # It may have been given up before it began.
                self._trainings[size].compile() if ahead.cancelled() else ahead.result()
            training = self._trainings[size].again(cell.run, rate)
            starts = self._starts.of(cell, training)
            ready = time.perf_counter()
            history = training.train(starts, show_progress=False)
            if self.watch:
                done = time.perf_counter()
                compiling = ready - begin if new else 0.0
                self.watch.learn(size, work, compiling=compiling, training=done - ready)
            yield history

    def _work(self, run: Settings) -> float:
        """Return how many samples pass through the model, forwards or backwards."""
        size = max(run.batch_sizes.of(0), SAMPLES_OF_AN_UPDATE)
        updates = PASSES_OF_AN_UPDATE * size * run.budget.updates
        records = (len(self.problem.held_out.x) + run.train_samples) * len(run.budget.records)
        return (updates + records) * run.replicates


@dataclass(frozen=True)
class Runs:
    """Trainings towards a target.

    Attributes
    ----------
    bench : Bench
    rates : list of float
        Increasing; a rate is spoken of by its place among them.
    target, metric
        As `time_to_target` takes them.
    most_updates : int
        Where a run gives up.
    resolution : float
        Of the records, see `record_places`.
    """

    bench: Bench
    rates: list[float]
    target: float
    metric: str
    most_updates: int
    resolution: float

    def best(self, size: int, place: int, updates: int) -> tuple[int, np.ndarray, float]:
        """Seek the rate with the fewest updates, from one outwards until its neighbours are worse.

        Parameters
        ----------
        size : int
            The batch size.
        place : int
            Of the rate to begin with.
        updates : int
            To begin with: twice as many if no rate brings all replicates to the target, and more if
            that is less than `PATIENCE` times what the best rate takes.

        Returns
        -------
        place : int
            Of the best rate.
        means : ndarray of shape (rates,)
            Mean updates: infinite where not all replicates arrive, NaN where a rate was not tried.
        slowest : float
            Updates of the slowest replicate that arrives at the best rate; 0 if none does.
        """
        updates = min(updates, self.most_updates)
        scores: dict[int, tuple] = {}
        slowest: dict[int, float] = {}
        means = np.full(len(self.rates), np.nan)
        while True:
            while new := [near for near in self._around(place) if near not in scores]:
                for tried, history in zip(new, self._histories(size, new, updates), strict=True):
                    row = self._times(history)["update"].to_numpy()
                    arrived = np.isfinite(row)
                    means[tried] = row.mean() if arrived.all() else np.inf
                    # Where none is all the way there, the better are those that are nearer.
                    scores[tried] = means[tried], (~arrived).sum(), self._worth(history)
                    slowest[tried] = row[arrived].max(initial=0)
                place = min(scores, key=scores.__getitem__)
            # A rate may be better although one replicate takes far longer at it than at others: it
            # must have had the time. More of it changes nothing where all have arrived.
            late = [near for near in self._around(place) if np.isinf(means[near])]
            wanted = PATIENCE * means[place] if np.isfinite(means[place]) else 2 * updates
            if not late or updates >= min(wanted, self.most_updates):
                return place, means, slowest[place]
            updates = min(math.ceil(wanted), self.most_updates)
            scores = {tried: score for tried, score in scores.items() if np.isfinite(score[0])}

    def measured(self, size: int, place: int, updates: int, *, enlarge: bool) -> xr.Dataset:
        """Return what each replicate spent to the target at one rate, and the gaps in its records.

        Parameters
        ----------
        size, place, updates
            As in `best`.
        enlarge : bool
            Whether to go on to `most_updates` for those that have not arrived.

        Returns
        -------
        xarray.Dataset
            Variables `epoch`, `update`, `sample` and `gap`, of dimension replicate.
        """
        updates = min(updates, self.most_updates)
        while True:
            (history,) = self._histories(size, [place], updates)
            times = self._times(history).drop_vars("second")
            on_the_way = times["update"].isnull() & ~diverged(history)
            if not enlarge or not on_the_way.any() or updates == self.most_updates:
                break
            updates = min(2 * updates, self.most_updates)
        records = np.concatenate([[0], history["update"]])
        there = np.searchsorted(records, times["update"].fillna(records[-1]))
        times["gap"] = times["update"] - records[there - 1]
        return times.assign_coords(seed=history["seed"]).assign_attrs(history.attrs)

    def _around(self, place: int) -> range:
        return range(max(place - 1, 0), min(place + 2, len(self.rates)))

    def _histories(self, size: int, places: list[int], updates: int) -> Iterator[xr.Dataset]:
        return self.bench.histories(
            batch_size=size,
            learning_rate=[self.rates[place] for place in places],
            updates=updates,
            records=record_places(updates, self.resolution),
        )

    def _times(self, history: xr.Dataset) -> xr.Dataset:
        return time_to_target(history, self.target, metric=self.metric, held=False)

    def _worth(self, history: xr.Dataset) -> float:
        """Return the mean of the metric at the end: the less, the better."""
        final = final_values(history, self.metric).to_numpy()
        final = -final if is_accuracy(self.metric) else final
        return np.nan_to_num(final, nan=np.inf).mean()
