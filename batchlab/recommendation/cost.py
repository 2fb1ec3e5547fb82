"""What is to be least at the target: updates, samples, or seconds by somebody's clock."""

import time
from collections.abc import Callable

import pandas as pd
import xarray as xr

from batchlab.recommendation.stopwatch import Stopwatch

FEWEST_ROUNDS, ROUNDS = 3, 8


class Cost:
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
        return costs * self._seconds(sizes, self._timed) if self._timed else costs

    def added_to(self, study: xr.Dataset, watch: Stopwatch) -> xr.Dataset:
        """Return a study with the seconds, if it is these that count."""
        if not self._timed:
            return study
        sizes = study["batch_size"].to_numpy().tolist()
        self._seconds(sizes, self._timed)
        in_time = int(max(watch.left, 0) / (self._pace * len(sizes)))
        rounds = self._timed(sizes, min(max(in_time, FEWEST_ROUNDS), ROUNDS))
        study = study.assign(update_seconds=(("round", "batch_size"), rounds))
        return study.assign(second=study["update"] * study["update_seconds"].mean("round"))

    def _seconds(self, sizes: list[int], timed: Callable) -> list[float]:
        if new := [size for size in sizes if size not in self._roughly]:
            begin = time.perf_counter()
            self._roughly |= dict(zip(new, timed(new, 2).mean(axis=0), strict=True))
            self._pace = (time.perf_counter() - begin) / (3 * len(new))  # one goes to warm up
        return [self._roughly[size] for size in sizes]
