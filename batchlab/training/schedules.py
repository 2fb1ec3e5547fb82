"""Ways to let the noise of updates fade: a batch size that grows, a rate that decays."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from batchlab.engine.batch_sizes import BatchSize, checked_batch_size, checked_batch_sizes
from batchlab.foundation.backend import floatx, keras
from batchlab.foundation.checks import positive_number, whole_number
from batchlab.problems.problem import Problem, check_problem


def growing_batch(
    problem: Problem, batch_size: int, *, factor: float, at: Sequence[int]
) -> Callable[[int], int]:
    """Return a batch size that grows by a factor after some epochs, as `fit` takes it.

    Parameters
    ----------
    problem : Problem
        Its number of training samples is the largest batch.
    batch_size : int
        In the first epochs, 1 to n_train.
    factor : float
        Above 0; below 1 the batch shrinks, to no less than 1.
    at : sequence of int
        Epochs trained before each change, increasing, at least 1.

    Returns
    -------
    callable
        Epoch, counted from 0 -> batch size.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above.

    References
    ----------
    Smith, Kindermans, Ying and Le, "Don't decay the learning rate, increase the batch size", 2018,
    section 4.

    Examples
    --------
    >>> import batchlab as bl
    >>> size = bl.growing_batch(bl.blobs(), 8, factor=4, at=[50, 100, 150])
    >>> [size(epoch) for epoch in (0, 49, 50, 199)]
    [8, 8, 32, 500]
    """
    check_problem(problem)
    first = checked_batch_size(batch_size, problem.n_train)
    factor, at = positive_number("factor", factor), _changes(at)

    def size(epoch: int) -> int:
        grown = first * factor ** int(np.searchsorted(at, epoch, side="right"))
        return max(1, min(math.floor(grown + 0.5), problem.n_train))

    return size


def decaying_rate(
    problem: Problem,
    learning_rate: float,
    *,
    batch_size: BatchSize,
    factor: float,
    at: Sequence[int],
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return a learning rate that is divided by a factor after some epochs, as Keras takes it.

    Keras's schedules count updates, so what epochs they fall into depends on the batch size. They
    give the rate in float32, also where all else is in float64.

    Parameters
    ----------
    problem : Problem
    learning_rate : float
        In the first epochs, above 0.
    batch_size : int, "full" or callable
        As `fit` takes it.
    factor : float
        Above 0.
    at : sequence of int
        Epochs trained before each change, increasing, at least 1.

    Returns
    -------
    keras.optimizers.schedules.PiecewiseConstantDecay

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above.

    Examples
    --------
    >>> import batchlab as bl
    >>> rate = bl.decaying_rate(bl.blobs(), 0.01, batch_size=8, factor=4, at=[50, 100])
    >>> [round(float(rate(update)), 6) for update in (0, 63 * 50 - 1, 63 * 50)]
    [0.01, 0.01, 0.0025]
    """
    check_problem(problem)
    rate = positive_number("learning_rate", learning_rate)
    factor, at = positive_number("factor", factor), _changes(at)
    sizes = checked_batch_sizes(batch_size, problem.n_train, epochs=at[-1])
    # Keras changes after the boundary, and counts the updates made before.
    boundaries = [sizes.updates_by(epochs) - 1 for epochs in at]
    values = [rate / factor**place for place in range(len(at) + 1)]
    with floatx("float64"):
        return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, values)


def _changes(at: Sequence[int]) -> list[int]:
    if isinstance(at, str) or not np.iterable(at):
        raise TypeError(f"at: expected a sequence of epochs such as [50, 100], received {at!r}.")
    epochs = [whole_number("at", epoch, minimum=1) for epoch in at]
    if not epochs or any(np.diff(epochs) <= 0):
        raise ValueError(f"at: expected increasing numbers of epochs, received {epochs}.")
    return epochs
