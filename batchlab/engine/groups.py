"""Training of replicates: groups side by side in threads, in pieces of a fraction of a second."""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import numpy as np

from batchlab.engine.budgets import Budget, Segment
from batchlab.engine.program import Program
from batchlab.engine.shuffling import next_orders, order_generator
from batchlab.foundation.backend import tf
from batchlab.foundation.progress import progress_bar

# A piece of training that is under way cannot be stopped, so pieces are kept this short.
SECONDS_A_PIECE = 0.2


@dataclass
class Outcome:
    """What came of some replicates.

    Attributes
    ----------
    metrics : ndarray of shape (replicates, records, 6)
        Metrics at each record.
    trainable, non_trainable : lists of ndarray of shape (replicates, *variable.shape)
        The model's variables at the end.
    weights : ndarray of shape (replicates, records, n_parameters) or None
        At each record, if they are kept.
    """

    metrics: np.ndarray
    trainable: list[np.ndarray]
    non_trainable: list[np.ndarray]
    weights: np.ndarray | None


@dataclass
class _Task:
    """A group of replicates: which, and the updates it has made."""

    places: np.ndarray
    updates: int = field(default=0)


def train_replicates(
    programs: Mapping[int, Program],
    data: tuple,
    states: tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]],
    seeds: Sequence[int],
    *,
    budget: Budget,
    threads: int,
    description: str,
    show_progress: bool | None,
    stop: Callable[[], bool] | None = None,
) -> Outcome:
    """Train every replicate from the given states and return what came of it.

    Parameters
    ----------
    programs : mapping of int to Program
        By the batch sizes of the budget, for equally many replicates.
    data : pair of ndarray
        Samples, those for training first, and their labels or targets.
    states : three lists of ndarray of shape (replicates, *variable.shape)
        What the trainable variables, the model's others and the optimizer's start from.
    seeds : sequence of int
        Of the replicates' orders.
    budget : Budget
    threads : int
    description : str
        For the progress bar.
    show_progress : bool or None
    stop : callable or None
        Asked ten times a second whether nobody wants the outcome any more.

    Returns
    -------
    Outcome

    Raises
    ------
    InterruptedError
        If `stop` said so.
    KeyboardInterrupt
        Within a fraction of a second, after the pieces under way have ended.
    """
    program = next(iter(programs.values()))  # alike but for the batch size
    group, replicates = program.shape.group, len(seeds)
    # The last group is filled up with its first replicate, whose second results are dropped.
    starts = range(0, replicates, group)
    tasks = [
        _Task(np.array([r if r < replicates else start for r in range(start, start + group)]))
        for start in starts
    ]
    updates = budget.updates * group * len(tasks)
    halt = threading.Event()
    with tf.device(program.device):
        tensors = tf.nest.map_structure(tf.constant, data)

    def work(task: _Task) -> Outcome:
        own = tf.nest.map_structure(lambda values: values[task.places], states)
        with tf.device(program.device):
            return _GroupTraining(programs, tensors, own, seeds, task, halt).train(budget)

    with (
        progress_bar(updates, unit="update", description=description, show=show_progress) as bar,
        ThreadPoolExecutor(threads, thread_name_prefix="batchlab") as pool,
    ):
        futures = [pool.submit(work, task) for task in tasks]
        try:
            pending = set(futures)
            while pending:
                done, pending = wait(pending, timeout=0.1, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()  # a failure ends the others too
                bar.update(sum(task.updates for task in tasks) * group - bar.n)
                if pending and stop is not None and stop():
                    raise InterruptedError("training was stopped")
        except BaseException:
            halt.set()
            pool.shutdown(cancel_futures=True)
            raise
    return _joined([future.result() for future in futures], replicates)


def _joined(parts: list[Outcome], replicates: int) -> Outcome:
    def join(pieces):
        return np.concatenate(list(pieces))[:replicates]

    return Outcome(
        join(part.metrics for part in parts),
        [join(values) for values in zip(*(part.trainable for part in parts), strict=True)],
        [join(values) for values in zip(*(part.non_trainable for part in parts), strict=True)],
        None if parts[0].weights is None else join(part.weights for part in parts),
    )


class _GroupTraining:
    """The training of one group, a piece at a time."""

    def __init__(self, programs, data, states, seeds, task, halt):
        self._programs, self._data, self._task, self._halt = programs, data, task, halt
        self._shape = shape = next(iter(programs.values())).shape
        if shape.group == 1:
            states = tf.nest.map_structure(lambda values: values[0], states)
        self._states = tf.nest.map_structure(tf.constant, states)
        self._sums = (tf.zeros(shape.lead, shape.dtype), tf.zeros(shape.lead, shape.dtype))
        self._generators = [order_generator(seeds[place]) for place in task.places]
        self._updates_a_piece = 1

    def train(self, budget: Budget) -> Outcome:
        shape = self._shape
        rows, weights = [], []
        for chunk, segments in itertools.groupby(
            budget.segments(), lambda segment: segment.epoch // shape.capacity
        ):
            first = chunk * shape.capacity
            count = min(shape.capacity, budget.epochs_begun - first)
            orders = tf.constant(self._next_orders(count))
            for size, same in itertools.groupby(
                segments, lambda segment: budget.batch_sizes.of(segment.epoch)
            ):
                own = (segment._replace(epoch=segment.epoch - first) for segment in same)
                for new_rows, new_weights in self._pieces(self._programs[size], orders, own):
                    rows.append(new_rows)
                    weights.append(new_weights)

        def with_replicates(values: np.ndarray, axis: int) -> np.ndarray:
            return np.expand_dims(values, axis) if shape.group == 1 else values

        metrics = np.moveaxis(with_replicates(np.concatenate(rows), 2), 2, 0)
        # The first two came as sums over the samples since the record before.
        samples = np.diff(budget.samples(), prepend=0).astype(metrics.dtype)
        metrics[:, :, :2] /= samples[:, None]
        kept = None
        if shape.keep_weights:
            kept = np.moveaxis(with_replicates(np.concatenate(weights), 1), 1, 0)
        ended = tf.nest.map_structure(
            lambda tensor: with_replicates(tensor.numpy(), 0), self._states[:2]
        )
        return Outcome(metrics, list(ended[0]), list(ended[1]), kept)

    def _next_orders(self, count: int) -> np.ndarray:
        shape = self._shape
        orders = np.zeros((shape.capacity, shape.group, shape.n_train), "int32")
        for place, generator in enumerate(self._generators):
            orders[:count, place] = next_orders(generator, shape.n_train, count)
        return orders[:, 0] if shape.group == 1 else orders

    def _pieces(self, program: Program, orders: tf.Tensor, segments: Iterable[Segment]):
        """Train on the segments of a chunk of orders; yield the rows and weights of records."""
        left = deque(segments)
        while left:
            if self._halt.is_set():
                raise InterruptedError("training was stopped")
            piece = self._next_piece(left)
            table = np.zeros((self._shape.capacity, len(Segment._fields)), "int32")
            table[: len(piece)] = piece
            begin = time.perf_counter()
            self._states, self._sums, rows, weights = program.run(
                self._states,
                self._sums,
                self._data,
                orders,
                tf.constant(table),
                tf.constant(len(piece)),
            )
            recorded = [place for place, segment in enumerate(piece) if segment.record]
            yield rows.numpy()[recorded], weights.numpy()[recorded]
            updates = sum(segment.stop - segment.start + segment.partial for segment in piece)
            self._follow_clock(updates, time.perf_counter() - begin)
            self._task.updates += updates

    def _next_piece(self, left: deque[Segment]) -> list[Segment]:
        """Take from `left` as many updates as a piece shall have, by dividing a segment if need be.

        Where a training is divided changes no number.
        """
        piece: list[Segment] = []
        updates = 0
        while left and len(piece) < self._shape.capacity:
            segment = left.popleft()
            room = self._updates_a_piece - updates
            if segment.stop - segment.start > room:
                if piece:
                    left.appendleft(segment)
                else:
                    middle = segment.start + room
                    piece = [segment._replace(stop=middle, partial=False, record=False)]
                    left.appendleft(segment._replace(start=middle))
                break
            piece.append(segment)
            updates += segment.stop - segment.start
        return piece

    def _follow_clock(self, updates: int, seconds: float) -> None:
        """Size the next piece by the time that the last one took; numbers do not change."""
        factor = min(max(SECONDS_A_PIECE / max(seconds, 1e-6), 0.1), 100)
        self._updates_a_piece = max(int(updates * factor), 1)
