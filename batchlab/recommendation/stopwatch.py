"""A budget of seconds: what is left of it, and what a training is expected to take."""

import time
from collections.abc import Callable


class OutOfTime(Exception):
    """A training would not have ended within the budget."""


class Stopwatch:
    """Counts down, learns what compiling and training take, and refuses what will not fit.

    Parameters
    ----------
    seconds : float
        The budget, from now on.
    clock : callable
        () -> seconds, ever growing.
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.perf_counter):
        self._clock, self._begin = clock, clock()
        self._end = self._begin + seconds
        self._compiling: list[float] = []
        self._paces: dict[int, float] = {}

    def part(self, share: float) -> "Stopwatch":
        """Return another for a share of what is left, which learns together with this one."""
        other = Stopwatch(share * max(self.left, 0), clock=self._clock)
        other._compiling, other._paces = self._compiling, self._paces
        return other

    @property
    def spent(self) -> float:
        """Seconds since it was made."""
        return self._clock() - self._begin

    @property
    def left(self) -> float:
        """Seconds of the budget that are left, or below zero."""
        return self._end - self._clock()

    def check(self, batch_size: int, work: float) -> None:
        """Refuse a training that is expected to end after the budget.

        Its work is expected to go as fast as at the nearest batch size that was timed; a batch size
        that was not has to be compiled. Before anything was timed, nothing is refused but what
        comes after the end.

        Parameters
        ----------
        batch_size : int
        work : float
            In samples that pass through the model, or another unit; always the same.

        Raises
        ------
        OutOfTime
        """
        expected = 0.0
        if self._paces:
            nearest = min(self._paces, key=lambda size: max(size / batch_size, batch_size / size))
            expected = work * self._paces[nearest]
        if batch_size not in self._paces:
            expected += max(self._compiling, default=0.0)
        if expected > self.left:
            raise OutOfTime

    def learn(self, batch_size: int, work: float, *, compiling: float, training: float) -> None:
        """Take note of what a training took, in seconds."""
        if compiling:
            self._compiling.append(compiling)
        self._paces[batch_size] = training / work
