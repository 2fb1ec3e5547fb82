"""The batch size of each epoch: one for all of them, or a schedule."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from batchlab.foundation.checks import shown, whole_number

BatchSize = int | str | Callable[[int], int | str]

# A schedule is asked for the size of each epoch beforehand.
MOST_SCHEDULED_EPOCHS = 10**6


@dataclass(frozen=True)
class BatchSizes:
    """The batch size of each epoch.

    Attributes
    ----------
    n_train : int
    sizes : tuple of int
        Of the epochs from the first on; the last one stays.
    """

    n_train: int
    sizes: tuple[int, ...]

    @property
    def constant(self) -> int | None:
        """The batch size of every epoch, or None if they differ."""
        return self.sizes[0] if len(self.sizes) == 1 else None

    @property
    def different(self) -> tuple[int, ...]:
        """The sizes that occur, in the order in which they do."""
        return tuple(dict.fromkeys(self.sizes))

    def of(self, epoch: int) -> int:
        """Return the batch size of an epoch, counted from 0."""
        return self.sizes[min(epoch, len(self.sizes) - 1)]

    def updates_in(self, epoch: int) -> int:
        """Return how many updates an epoch has."""
        return math.ceil(self.n_train / self.of(epoch))

    def updates_by(self, epochs: int) -> int:
        """Return how many updates the first epochs have."""
        later = max(epochs - len(self._ends), 0)
        return int(self._made[min(epochs, len(self._ends))]) + later * self._last_each

    def epochs_by(self, updates: int) -> int:
        """Return how many epochs have been finished by an update."""
        made = int(self._made[-1])
        if updates >= made:
            return len(self._ends) + (updates - made) // self._last_each
        return int(np.searchsorted(self._ends, updates, side="right"))

    def samples_by(self, updates: int) -> int:
        """Return how many samples have been seen by an update."""
        epochs = self.epochs_by(updates)
        rest = (updates - self.updates_by(epochs)) * self.of(epochs)
        return epochs * self.n_train + min(rest, self.n_train)

    def updates_for(self, samples: int) -> int:
        """Return the number of updates by which at least so many samples are seen."""
        epochs, rest = divmod(samples, self.n_train)
        return self.updates_by(epochs) + -(-rest // self.of(epochs))

    @cached_property
    def _ends(self) -> np.ndarray:
        """Updates by the end of each epoch before the one whose size stays."""
        return np.cumsum([math.ceil(self.n_train / size) for size in self.sizes[:-1]], dtype=int)

    @cached_property
    def _made(self) -> np.ndarray:
        return np.append(0, self._ends)

    @cached_property
    def _last_each(self) -> int:
        return math.ceil(self.n_train / self.sizes[-1])


def checked_batch_sizes(
    batch_size: BatchSize, n_train: int, *, epochs: int | None = None, updates: int | None = None
) -> BatchSizes:
    """Return the batch size of each epoch, checked.

    Parameters
    ----------
    batch_size : int, "full" or callable
        Or epoch, counted from 0 -> one of the others.
    n_train : int
    epochs, updates : int or None
        How far a schedule has to reach, at least 1; one of them.

    Returns
    -------
    BatchSizes

    Raises
    ------
    TypeError, ValueError
        If it is neither "full" nor a whole number from 1 to n_train, in some epoch.
    """
    if not callable(batch_size):
        return BatchSizes(n_train, (checked_batch_size(batch_size, n_train),))
    sizes: list[int] = []
    made = 0
    while (epochs is not None and len(sizes) < epochs) or (updates is not None and made < updates):
        if len(sizes) == MOST_SCHEDULED_EPOCHS:
            raise ValueError(
                f"batch_size: expected a number for more than {MOST_SCHEDULED_EPOCHS} epochs, "
                f"received the schedule {shown(batch_size)}."
            )
        epoch = len(sizes)
        sizes.append(
            checked_batch_size(batch_size(epoch), n_train, where=f" in epoch {epoch} of a schedule")
        )
        made += math.ceil(n_train / sizes[-1])
    while len(sizes) > 1 and sizes[-2] == sizes[-1]:
        sizes.pop()
    return BatchSizes(n_train, tuple(sizes))


def checked_batch_size(batch_size: int | str, n_train: int, *, where: str = "") -> int:
    """Return the number of samples per update; "full" is all of them.

    Parameters
    ----------
    batch_size : int or "full"
    n_train : int
    where : str
        Added to the sentence of an error.

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        If it is neither "full" nor a whole number from 1 to n_train.
    """
    if isinstance(batch_size, str) and batch_size == "full":
        return n_train
    try:
        return whole_number("batch_size", batch_size, minimum=1, maximum=n_train)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"batch_size: expected 'full' or a whole number from 1 to {n_train}, the number of "
            f"training samples, received {shown(batch_size)}{where}."
        ) from None
