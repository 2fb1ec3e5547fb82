"""The target of a recommendation: what training reaches on a problem, found by a first look."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from batchlab.analysis.evaluate import diverged
from batchlab.engine.budgets import record_places
from batchlab.histories.metrics import is_accuracy
from batchlab.histories.records import record_dimension
from batchlab.recommendation.rate_search import Bench
from batchlab.recommendation.stopwatch import OutOfTime

# Of the way from the start to the best that is found, what may be left at the target. All of it
# would be reached by few replicates, and long after the batch size had stopped to matter.
LEFT_AT_TARGET = 0.1
# And beyond what the worst of the replicates reaches, since the others are not known yet.
LEFT_TO_THE_WORST = 0.05
# Longer training is of no use if it brings no more than this.
HARDLY_ANY = 0.05
FIRST_UPDATES = 64
LONGER = 4
RATES_APART = 4
RATES_KEPT = 3
RESOLUTION = 0.1


@dataclass(frozen=True)
class Pilot:
    """What a first look at one batch size has found.

    Attributes
    ----------
    batch_size : int
    start, best : float
        The metric after one update, and the best mean over the replicates.
    target : float
        LEFT_AT_TARGET of the way short of the best, or so much more that all replicates reach it;
        NaN if there was no way; or the one given.
    place : int
        Of the best rate.
    updates : int
        At which the mean reached the target at that rate, or the last if it did not.
    finished : bool
        Whether longer training had stopped to improve the best.
    """

    batch_size: int
    start: float
    best: float
    target: float
    place: int
    updates: int
    finished: bool


def look(
    bench: Bench,
    rates: list[float],
    size: int,
    metric: str,
    *,
    most_updates: int,
    target: float | None = None,
) -> Pilot:
    """Train at rates that lie far apart, longer and longer, until that brings hardly any more.

    Parameters
    ----------
    bench : Bench
        Its stopwatch says how long.
    rates : list of float
        Increasing.
    size : int
        The batch size.
    metric : str
    most_updates : int
        Of a run.
    target : float or None
        If it is known already, to have reached it is enough.

    Returns
    -------
    Pilot

    Raises
    ------
    OutOfTime
        If there was time for nothing.
    """
    # Of a few rates all are tried.
    places = list(range(0, len(rates), min(RATES_APART, max(len(rates) // RATES_APART, 1))))
    updates, best, finished = min(FIRST_UPDATES, most_updates), np.inf, False
    curves, worst = {}, {}
    start = np.nan
    sign = -1 if is_accuracy(metric) else 1
    try:
        while not finished:
            for place in places:
                (history,) = bench.histories(
                    batch_size=size,
                    learning_rate=[rates[place]],
                    updates=updates,
                    records=record_places(updates, RESOLUTION),
                )
                curves[place] = (sign * _mean_curve(history, metric)).fillna(np.inf)
                worst[place] = float((sign * history[metric]).min("update").max())
                if np.isnan(start):
                    start = float(curves[place][0])
            before, best = best, min(float(curve.min()) for curve in curves.values())
            finished = before - best < HARDLY_ANY * (start - best) or updates == most_updates
            if target is not None:
                finished = best <= sign * target or updates == most_updates
            places = sorted(curves, key=lambda place: float(curves[place].min()))[:RATES_KEPT]
            updates = min(LONGER * updates, most_updates)
    except OutOfTime:
        if not curves:
            raise
    place = min(curves, key=lambda place: float(curves[place].min()))
    best = float(curves[place].min())
    if target is None:
        left = max(
            LEFT_AT_TARGET * (start - best),
            worst[place] - best + LEFT_TO_THE_WORST * (start - best),
        )
        target = sign * (best + left) if best + left < start else np.nan
    there = curves[place].where(curves[place] <= sign * target, drop=True)
    reached = int(there["update"][0] if there.size else curves[place]["update"][-1])
    return Pilot(size, sign * start, sign * best, float(target), place, reached, finished)


def _mean_curve(history: xr.Dataset, metric: str) -> xr.DataArray:
    """Return the mean over the replicates by update; NaN if one of them diverged."""
    if diverged(history).any():
        history = history.assign({metric: history[metric] * np.nan})
    curve = history[metric].mean("replicate", skipna=False).astype("float64")
    return curve.drop_vars([name for name in curve.coords if name != record_dimension(history)])
