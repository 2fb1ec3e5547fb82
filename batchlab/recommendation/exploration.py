"""Which batch sizes to try next, and what each takes to a target at its best learning rate."""

import itertools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import pandas as pd
import xarray as xr

from batchlab.recommendation.pilot import Pilot
from batchlab.recommendation.rate_search import Bench, Runs
from batchlab.recommendation.stopwatch import OutOfTime, Stopwatch

COARSE_STEP = 4
# Between two neighbours that lie this far apart another batch size is tried.
FINE_STEP = 3
# The best rate is expected to be in proportion to small batch sizes, and to their root above.
POWER_BELOW, POWER_ABOVE = 1.0, 0.5
# Of updates, beyond what is expected: for seeds that were not seen, and where a run gives up.
RESERVE = 1.5
GIVES_UP = 6
FIRST_SLOWEST = 2
# Rates lower than the best that are tried if not all replicates arrive.
STEPS_DOWN = 3
# A batch size that costs more than this multiple of the best is of no more interest.
MATTERS = 1.6


@dataclass
class Exploration:
    """What is known of batch sizes, and how to know more.

    Attributes
    ----------
    choosing, measuring : Runs
        To seek the rate with, and to measure what it takes with other replicates.
    pilot : Pilot
    found : dict of int to xarray.Dataset
        By batch size, what `Runs.measured` returned, with `learning_rate`, `at_edge` and
        `tuning_updates`.
    left_out : list of int
        Batch sizes for which there was no time.
    chosen : dict of int to tuple
        By batch size, what `Runs.best` returned: there may be time to measure later.
    """

    choosing: Runs
    measuring: Runs
    pilot: Pilot
    found: dict[int, xr.Dataset] = field(default_factory=dict)
    left_out: list[int] = field(default_factory=list)
    chosen: dict[int, tuple] = field(default_factory=dict)

    def explore(self, sizes: Sequence[int], watch: Stopwatch, bar: Callable[[], object]) -> None:
        """Measure batch sizes in the order given, as far as there is time.

        Parameters
        ----------
        sizes : sequence of int
        watch : Stopwatch
        bar : callable
            Called after each.
        """
        self.choosing.bench.watch = self.measuring.bench.watch = watch
        pool = ThreadPoolExecutor(1)
        try:
            for place, size in enumerate(sizes):
                try:
                    # The next one is compiled while this one is trained.
                    for near in sizes[place : place + 2]:
                        watch.check(near, 0)
                        self.choosing.bench.prepare(near, pool)
                except OutOfTime:
                    pass  # perhaps there is time for this one alone
                try:
                    self.found[size] = self._at(size)
                except OutOfTime:
                    self.left_out.append(size)
                bar()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def again(self, costs: pd.Series) -> list[int]:
        """Take the batch size nearest to the least cost from those for which there was no time."""
        middle = cast(int, costs.idxmin()) if len(costs) else self.pilot.batch_size
        nearest = outwards(self.left_out, middle)[:1]
        self.left_out = [size for size in self.left_out if size not in nearest]
        return nearest

    def between(self, costs: pd.Series, *, also: float = math.nan) -> list[int]:
        """Return batch sizes between those known, where costs are lowest first.

        Parameters
        ----------
        costs : pandas.Series
            Of the batch sizes that reach the target.
        also : float
            A batch size whose neighbourhood matters whatever it costs.
        """
        known = sorted(self.found)
        limit = MATTERS * costs.min()
        ranked = []
        for below, above in itertools.pairwise(known):
            middle = 2 ** round(math.log2(below * above) / 2)
            cost = min(costs.get(below, math.inf), costs.get(above, math.inf))
            near = below / 2 <= also <= 2 * above
            new = below < middle < above and middle not in self.left_out
            if above / below >= FINE_STEP and new and (cost <= limit or near):
                ranked.append((cost, middle))
        return [middle for _, middle in sorted(ranked)]

    def repeat(self, seed: int, watch: Stopwatch) -> None:
        """Measure all batch sizes with other replicates, and add these if all are in time.

        Parameters
        ----------
        seed : int
            Of the first of them.
        watch : Stopwatch

        Raises
        ------
        OutOfTime
            If they are not; nothing is added then.
        """
        bench = self.measuring.bench
        again = Bench(bench.build, bench.problem, bench.settings | {"seed": seed}, watch)
        measuring = replace(self.measuring, bench=again)
        added = {}
        for size, one in self.found.items():
            place = self.choosing.rates.index(one["learning_rate"].item())
            enough = math.ceil(RESERVE * float(one["update"].max().fillna(0))) or 1
            more = _dated(measuring.measured(size, place, enough, enlarge=True), size)
            rest = one[["learning_rate", "at_edge", "tuning_updates"]]
            both = xr.concat([one.drop_vars(list(rest)), more], "replicate")
            replicates = np.arange(both.sizes["replicate"])
            added[size] = both.assign_coords(replicate=replicates).assign(rest)
        self.found |= added

    def times(self) -> xr.Dataset:
        """Return what was found along batch sizes, as `updates_to_target` returns it."""
        rates = self.choosing.rates
        several = [self.found[size].assign_coords(batch_size=size) for size in sorted(self.found)]
        return xr.concat(several, "batch_size", combine_attrs="drop").assign_coords(rate=rates)

    def _at(self, size: int) -> xr.Dataset:
        if size not in self.chosen:
            place, slowest = self._expected(size)
            most = min(self.choosing.most_updates, math.ceil(GIVES_UP * slowest))
            choosing = replace(self.choosing, most_updates=most)
            self.chosen[size] = choosing.best(size, place, math.ceil(RESERVE * slowest))
        place, means, slowest = self.chosen[size]
        enough = math.ceil(RESERVE * slowest) or self.pilot.updates
        most = min(self.measuring.most_updates, 2 * enough)
        measuring = replace(self.measuring, most_updates=most)
        lowest = max(place - STEPS_DOWN, 0)
        while True:
            one = _dated(measuring.measured(size, place, enough, enlarge=slowest > 0), size)
            # The fastest rate is often the last before some replicates go astray.
            if one["update"].notnull().all() or place == lowest or not slowest:
                break
            place -= 1
        rates = self.choosing.rates
        return one.assign(
            tuning_updates=("rate", means),
            learning_rate=rates[place],
            at_edge=place in (0, len(rates) - 1),
        )

    def _expected(self, size: int) -> tuple[int, float]:
        """Return the place of the rate to begin with, and the updates of the slowest replicate."""
        known = {
            other: (float(one["learning_rate"]), float(one["update"].max()))
            for other, one in self.found.items()
            if one["update"].notnull().any()
        }
        rates = np.log(self.choosing.rates)
        if not known:
            known = {
                self.pilot.batch_size: (
                    self.choosing.rates[self.pilot.place],
                    FIRST_SLOWEST * self.pilot.updates,
                )
            }
        by_distance = sorted(known, key=lambda other: abs(math.log(size / other)))
        nearest = by_distance[0]
        rate, slowest = known[nearest]
        power = POWER_BELOW if size < nearest else POWER_ABOVE
        beyond = [other for other in by_distance if (other - nearest) * (nearest - size) > 0]
        if beyond:
            other_rate, _ = known[beyond[0]]
            power = math.log(rate / other_rate) / math.log(nearest / beyond[0])
        expected = math.log(rate) + min(max(power, 0), 1) * math.log(size / nearest)
        return int(np.abs(rates - expected).argmin()), slowest * max(nearest / size, 1)


def _dated(one: xr.Dataset, size: int) -> xr.Dataset:
    """Return when the target was reached as halfway between the record there and the one before.

    Records lie ever further apart, so that the record alone would be later than the arrival by a
    share of the updates, and more so at small batch sizes, which take many.
    """
    early = (one["gap"] - 1) / 2
    samples_per_epoch = one["sample"] / one["epoch"]
    return one.assign(
        stopped=one["update"],
        update=one["update"] - early,
        sample=one["sample"] - early * size,
        epoch=one["epoch"] - early * size / samples_per_epoch,
    )


def coarse_sizes(n_train: int, start: int) -> list[int]:
    """Return powers of COARSE_STEP and the full batch, from one outwards, larger ones first.

    Parameters
    ----------
    n_train : int
    start : int
        One of `powers`.
    """
    powers = [*powers_below(n_train), n_train]
    place = powers.index(start)
    larger, smaller = powers[place + 1 :], powers[:place][::-1]
    return [start, *_in_turns(larger, smaller)]


def powers_below(n_train: int) -> list[int]:
    """Return the powers of COARSE_STEP up to half of the training samples, at least 1."""
    return [COARSE_STEP**power for power in range(32) if COARSE_STEP**power <= max(n_train / 2, 1)]


def outwards(sizes: Sequence[int], middle: int) -> list[int]:
    """Return batch sizes from the one nearest to the middle outwards."""
    return sorted(sizes, key=lambda size: abs(math.log(size / middle)))


def _in_turns(one: Sequence[int], other: Sequence[int]) -> list[int]:
    pairs = [list(pair) for pair in zip(one, other, strict=False)]
    rest = [*one[len(pairs) :], *other[len(pairs) :]]
    return [size for pair in pairs for size in pair] + rest
