"""How long a training goes on, and after which of its updates it is recorded."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from batchlab._checks import shown, whole_number

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
    batch_size, n_train : int
    records : range or tuple of int
        Updates after which metrics are recorded, increasing; the last is the last update.
    """

    held: str
    amount: int
    batch_size: int
    n_train: int
    records: Sequence[int]

    @property
    def updates_per_epoch(self) -> int:
        """Updates in one pass over the training samples."""
        return math.ceil(self.n_train / self.batch_size)

    @property
    def updates(self) -> int:
        """Updates in all."""
        return self.records[-1]

    @property
    def epochs_begun(self) -> int:
        """Epochs of which at least one update is made."""
        return math.ceil(self.updates / self.updates_per_epoch)

    @property
    def dimension(self) -> str:
        """Name of the dimension along which records lie."""
        return self.held.removesuffix("s")

    def recorded_once(self) -> "Budget":
        """Return the same budget with one record, at its end."""
        return Budget("updates", self.updates, self.batch_size, self.n_train, (self.updates,))

    def samples(self) -> np.ndarray:
        """Return the samples seen by each record, shape (records,)."""
        return samples_seen(np.array(self.records), self.batch_size, self.n_train)

    def segments(self) -> Iterator[Segment]:
        """Yield the segments of the training, in order."""
        full = self.n_train // self.batch_size
        each = self.updates_per_epoch
        done = 0
        for record in self.records:
            while done < record:
                epoch, start = divmod(done, each)
                stop = min(start + record - done, each)
                yield Segment(
                    epoch,
                    start,
                    min(stop, full),
                    partial=stop > full,
                    record=done + stop - start == record,
                )
                done += stop - start


def checked_budget(
    batch_size: int,
    n_train: int,
    *,
    epochs: int | None,
    updates: int | None,
    records: int | Sequence[int] | None,
) -> Budget:
    """Return the budget of a training, checked.

    Parameters
    ----------
    batch_size, n_train : int
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
    each = math.ceil(n_train / batch_size)
    if epochs is not None:
        amount = whole_number("epochs", epochs, minimum=1)
        total = amount * each
    else:
        total = amount = whole_number("updates", updates, minimum=1)
    if epochs is not None and records is None:
        return Budget("epochs", amount, batch_size, n_train, range(each, total + 1, each))
    places = record_places(records, total, "updates")
    return Budget("updates", total, batch_size, n_train, places)


def one_of(**given: object) -> str:
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


def record_places(records: int | Sequence[int] | None, total: int, unit: str) -> tuple[int, ...]:
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


def samples_seen(updates: np.ndarray, batch_size: int, n_train: int) -> np.ndarray:
    """Return the samples seen by each of some updates, whole epochs and a part of one."""
    epochs, rest = np.divmod(updates, math.ceil(n_train / batch_size))
    return epochs * n_train + np.minimum(rest * batch_size, n_train)


def updates_for(samples: np.ndarray, batch_size: int, n_train: int) -> np.ndarray:
    """Return the number of updates by which at least so many samples are seen."""
    epochs, rest = np.divmod(samples, n_train)
    return epochs * math.ceil(n_train / batch_size) + -(-rest // batch_size)
