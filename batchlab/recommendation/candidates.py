"""What a recommendation tries: batch sizes that fit into memory, rates, and the samples watched."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from functools import partial

from batchlab.costs.memory import largest_batch, memory_needed
from batchlab.engine.batch_sizes import checked_batch_size
from batchlab.engine.optimizers import settings_of
from batchlab.engine.weights import Build
from batchlab.foundation.backend import keras
from batchlab.foundation.checks import positive_number, shown
from batchlab.problems.problem import Problem
from batchlab.recommendation.exploration import coarse_sizes, outwards, powers_below
from batchlab.recommendation.updates_to_target import sorted_values

# Powers of the root of two about the optimizer's own rate.
RATES_BELOW, RATES_ABOVE = 12, 18
START = 32
# Large data need not be measured whole at every record.
MEASURED = 2048


def watched_part(problem: Problem) -> Problem:
    """Return the problem with no more held-out samples than a record need measure."""
    if problem.n_validation <= MEASURED:
        return problem
    _, x, y = problem.held_out
    return dataclasses.replace(problem, x_validation=x[:MEASURED], y_validation=y[:MEASURED])


def rates_to_try(
    given: Sequence[float] | None, optimizer: keras.optimizers.Optimizer | None
) -> list[float]:
    """Return the learning rates to choose from, in order.

    Raises
    ------
    TypeError, ValueError
        If they are none, or the optimizer's own rate is a schedule.
    """
    if given is not None:
        return sorted_values("learning_rate", given, partial(positive_number, "learning_rate"))
    own = settings_of(optimizer)[1]["learning_rate"]
    if not isinstance(own, float):
        raise TypeError(
            "optimizer: expected one with a constant learning rate, or rates to choose from in "
            f"learning_rate, received the schedule {shown(own)}."
        )
    return [own * 2 ** (power / 2) for power in range(-RATES_BELOW, RATES_ABOVE + 1)]


def sizes_to_try(given: Sequence[int | str] | None, n_train: int) -> list[int]:
    """Return the batch sizes in the order in which they are tried."""
    if given is None:
        powers = powers_below(n_train)
        return coarse_sizes(n_train, min(powers, key=lambda size: abs(size - START)))
    sizes = sorted_values("batch_size", given, partial(checked_batch_size, n_train=n_train))
    return outwards(sizes, START)


def memory_by_size(
    build: Build, problem: Problem, optimizer: keras.optimizers.Optimizer | None
) -> Callable[[int], float]:
    """Return the function batch size -> bytes; NaN if the model does not show its layers."""
    try:
        one, two = memory_needed(build, problem, batch_size=[1, 2], optimizer=optimizer)["total"]
    except ValueError:
        return lambda size: math.nan
    return lambda size: float(one + (size - 1) * (two - one))


def largest_that_fits(
    build: Build,
    problem: Problem,
    memory: float,
    optimizer: keras.optimizers.Optimizer | None,
) -> float:
    """Return the largest batch size that fits, where one does; NaN if layers are not shown."""
    try:
        return float(largest_batch(build, problem, memory=memory, optimizer=optimizer))
    except ValueError:
        return math.nan


def those_that_fit(
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
