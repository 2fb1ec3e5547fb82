"""How long a training goes on, and after which of its updates it is recorded."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from batchlab.engine.batch_sizes import BatchSize, BatchSizes, checked_batch_sizes
from batchlab.foundation.checks import positive_number, shown, whole_number

DEFAULT_RECORDS = 100


class Segment(NamedTuple):
    """Updates of one epoch, without a record between them.

    Attributes
    ----------
    epoch : int
        Counted from 0.
    start, stop : int
        The full-sized batches of the epoch to train on.
    partial : bool
        Whether the update on the smaller last batch follows.
    record : bool
        Whether the metrics are recorded then.
    """

    epoch: int
    start: int
    stop: int
    partial: bool
    record: bool


@dataclass(frozen=True)
class Budget:
    """The updates of a training and those after which it is recorded.

    Attributes
    ----------
    held : {"epochs", "updates"}
        What was asked for; a record is one epoch, or a number of updates.
    amount : int
        How many of them.
    batch_sizes : BatchSizes
    records : range or tuple of int
        Updates after which metrics are recorded, increasing; the last is the last update.
    """

    held: str
    amount: int
    batch_sizes: BatchSizes
    records: Sequence[int]

    @property
    def updates(self) -> int:
        """Updates in all."""
        return self.records[-1]

    @property
    def epochs_begun(self) -> int:
        """Epochs of which at least one update is made."""
        return self.batch_sizes.epochs_by(self.updates - 1) + 1

    @property
    def dimension(self) -> str:
        """Name of the dimension along which records lie."""
        return self.held.removesuffix("s")

    def recorded_once(self) -> "Budget":
        """Return the same budget with one record, at its end."""
        return Budget("updates", self.updates, self.batch_sizes, (self.updates,))

    def samples(self) -> np.ndarray:
        """Return the samples seen by each record, shape (records,)."""
        return np.array([self.batch_sizes.samples_by(record) for record in self.records])

    def sizes(self) -> np.ndarray:
        """Return the batch size of the epoch in which each record lies, shape (records,)."""
        sizes = self.batch_sizes
        return np.array([sizes.of(sizes.epochs_by(record - 1)) for record in self.records])

    def segments(self) -> Iterator[Segment]:
        """Yield the segments of the training, in order."""
        epoch = start = done = 0
        for record in self.records:
            while done < record:
                full = self.batch_sizes.n_train // self.batch_sizes.of(epoch)
                each = self.batch_sizes.updates_in(epoch)
                stop = min(start + record - done, each)
                done += stop - start
                yield Segment(
                    epoch,
                    start,
                    min(stop, full),
                    partial=stop > full,
                    record=done == record,
                )
                epoch, start = (epoch + 1, 0) if stop == each else (epoch, stop)


def checked_budget(
    batch_size: BatchSize,
    n_train: int,
    *,
    epochs: int | None,
    updates: int | None,
    records: int | Sequence[int] | None,
) -> Budget:
    """Return the budget of a training, checked.

    Parameters
    ----------
    batch_size : int, "full" or callable
        Or epoch, counted from 0 -> one of the others.
    n_train : int
    epochs, updates : int or None
        How long it goes on; one of them.
    records : int, sequence of int or None
        How many records, equally far apart; or the updates after which they are taken. None is
        the end of each epoch, or 100 records for a number of updates.

    Returns
    -------
    Budget

    Raises
    ------
    TypeError, ValueError
        If both or neither of `epochs` and `updates` are given, or a number is out of its range.
    """
    one_of(epochs=epochs, updates=updates)
    if epochs is None:
        updates = whole_number("updates", updates, minimum=1)
        sizes = checked_batch_sizes(batch_size, n_train, updates=updates)
        return Budget("updates", updates, sizes, spaced_records(records, updates, "updates"))
    epochs = whole_number("epochs", epochs, minimum=1)
    sizes = checked_batch_sizes(batch_size, n_train, epochs=epochs)
    total = sizes.updates_by(epochs)
    if records is not None:
        return Budget("updates", total, sizes, spaced_records(records, total, "updates"))
    if sizes.constant:
        each = sizes.updates_in(0)
        return Budget("epochs", epochs, sizes, range(each, total + 1, each))
    ends = tuple(sizes.updates_by(epoch) for epoch in range(1, epochs + 1))
    return Budget("epochs", epochs, sizes, ends)


def one_of(**given: int | None) -> str:
    """Return the name of the one argument that is not None.

    Raises
    ------
    TypeError
        If there is none, or more than one.
    """
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        raise TypeError(
            f"{', '.join(given)}: expected one of them, received {' and '.join(names) or 'none'}."
        )
    return names[0]


def spaced_records(records: int | Sequence[int] | None, total: int, unit: str) -> tuple[int, ...]:
    """Return where records lie on the way to `total`, the last at its end.

    Parameters
    ----------
    records : int, sequence of int or None
        How many, equally far apart and at most `total`; or the places. None is 100.
    total : int
    unit : str
        What is counted, for the sentence of an error.

    Returns
    -------
    tuple of int

    Raises
    ------
    TypeError, ValueError
        If it is neither a number of records from 1 to `total` nor increasing places up to it.
    """
    if records is None:
        records = min(DEFAULT_RECORDS, total)
    if isinstance(records, str) or not np.iterable(records):
        count = whole_number("records", records, minimum=1, maximum=total)
        return tuple(place * total // count for place in range(1, count + 1))
    records = list(records)
    places = tuple(whole_number("records", place, minimum=1, maximum=total) for place in records)
    if not places or any(late <= early for early, late in itertools.pairwise(places)):
        raise ValueError(
            f"records: expected increasing numbers of {unit}, received {shown(records)}."
        )
    return places if places[-1] == total else (*places, total)


def record_places(updates: int, resolution: float) -> list[int]:
    """Return updates to record: each at first, then further apart by a share of those made.

    So that whatever happens in a training is dated equally well, early or late.

    Parameters
    ----------
    updates : int
        The last.
    resolution : float
        The share, above zero.

    Returns
    -------
    list of int
        For `records` of `fit` and `sweep`.

    Raises
    ------
    TypeError, ValueError
        If `updates` is not a positive whole number, or `resolution` not a positive number.

    Examples
    --------
    >>> import batchlab as bl
    >>> bl.record_places(12, 0.3)
    [1, 2, 3, 4, 5, 6, 7, 9, 11, 12]
    """
    updates = whole_number("updates", updates, minimum=1)
    resolution = positive_number("resolution", resolution)
    places = [1]
    while places[-1] < updates:
        step = max(math.floor(places[-1] * resolution), 1)
        places.append(min(places[-1] + step, updates))
    return places
