"""Training of replicates: groups side by side in threads, in pieces of a fraction of a second."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import numpy as np

from batchlab._tensorflow import tf
from batchlab.compiling import Program
from batchlab.progress import progress_bar
from batchlab.shuffling import next_orders, order_generator

# A piece of training that is under way cannot be stopped, so pieces are kept this short.
SECONDS_A_PIECE = 0.2


@dataclass
class Outcome:
    """What came of some replicates.

    Attributes
    ----------
    metrics : ndarray of shape (replicates, epochs, 6)
        METRICS after each epoch.
    trainable, non_trainable : lists of ndarray of shape (replicates, *variable.shape)
        The model's variables at the end.
    weights : ndarray of shape (replicates, epochs, n_parameters) or None
        After each epoch, if they are kept.
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
    program: Program,
    data: tuple,
    states: tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]],
    seeds: Sequence[int],
    *,
    epochs: int,
    threads: int,
    description: str,
    show_progress: bool | None,
) -> Outcome:
    """Train every replicate from the given states and return what came of it.

    Parameters
    ----------
    program : Program
    data : pair of ndarray
        Samples, those for training first, and their labels.
    states : three lists of ndarray of shape (replicates, *variable.shape)
        What the trainable variables, the model's others and the optimizer's start from.
    seeds : sequence of int
        Of the replicates' orders.
    epochs, threads : int
    description : str
        For the progress bar.
    show_progress : bool or None

    Returns
    -------
    Outcome

    Raises
    ------
    KeyboardInterrupt
        Within a fraction of a second, after the pieces under way have ended.
    """
    group, replicates = program.shape.group, len(seeds)
    # The last group is filled up with its first replicate, whose second results are dropped.
    starts = range(0, replicates, group)
    tasks = [
        _Task(np.array([r if r < replicates else start for r in range(start, start + group)]))
        for start in starts
    ]
    an_epoch = program.shape.full_updates + program.shape.partial_updates
    updates = an_epoch * epochs * group * len(tasks)
    halt = threading.Event()
    with tf.device(program.device):
        tensors = tf.nest.map_structure(tf.constant, data)

    def work(task: _Task) -> Outcome:
        own = tf.nest.map_structure(lambda values: values[task.places], states)
        with tf.device(program.device):
            return _GroupTraining(program, tensors, own, seeds, task, halt).train(epochs)

    with (
        progress_bar(updates, unit="update", description=description, show=show_progress) as bar,
        ThreadPoolExecutor(threads, thread_name_prefix="batchlab") as pool,
    ):
        futures = [pool.submit(work, task) for task in tasks]
        try:
            pending = futures
            while pending:
                done, pending = wait(pending, timeout=0.1, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()  # a failure ends the others too
                bar.update(sum(task.updates for task in tasks) * group - bar.n)
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

    def __init__(self, program, data, states, seeds, task, halt):
        self._program, self._data, self._task, self._halt = program, data, task, halt
        shape = program.shape
        if shape.group == 1:
            states = tf.nest.map_structure(lambda values: values[0], states)
        self._states = tf.nest.map_structure(tf.constant, states)
        self._sums = (tf.zeros(shape.lead, shape.dtype), tf.zeros(shape.lead, shape.dtype))
        self._generators = [order_generator(seeds[place]) for place in task.places]
        self._updates_a_piece = 1

    def train(self, epochs: int) -> Outcome:
        shape = self._program.shape
        rows, weights = [], []
        for begin in range(0, epochs, shape.capacity):
            count = min(shape.capacity, epochs - begin)
            orders = tf.constant(self._next_orders(count))
            for finished_rows, finished_weights in self._pieces(orders, count):
                rows.append(finished_rows)
                weights.append(finished_weights)

        def with_replicates(values: np.ndarray, axis: int) -> np.ndarray:
            return np.expand_dims(values, axis) if shape.group == 1 else values

        metrics = np.moveaxis(with_replicates(np.concatenate(rows), 2), 2, 0)
        kept = None
        if shape.keep_weights:
            kept = np.moveaxis(with_replicates(np.concatenate(weights), 1), 1, 0)
        ended = tf.nest.map_structure(
            lambda tensor: with_replicates(tensor.numpy(), 0), self._states[:2]
        )
        return Outcome(metrics, list(ended[0]), list(ended[1]), kept)

    def _next_orders(self, count: int) -> np.ndarray:
        shape = self._program.shape
        orders = np.zeros((shape.capacity, shape.group, shape.n_train), "int32")
        for place, generator in enumerate(self._generators):
            orders[:count, place] = next_orders(generator, shape.n_train, count)
        return orders[:, 0] if shape.group == 1 else orders

    def _pieces(self, orders: tf.Tensor, count: int):
        """Train on `count` epochs of orders; yield the rows and weights of those that ended."""
        full = self._program.shape.full_updates
        first = start = 0
        while first < count:
            if self._halt.is_set():
                raise InterruptedError("training was stopped")
            if start == 0 and self._updates_a_piece >= full:
                epochs, stop = min(self._updates_a_piece // full, count - first), full
            else:
                epochs, stop = 1, min(start + self._updates_a_piece, full)
            finish = stop == full
            begin = time.perf_counter()
            whole = (tf.constant(value, "int32") for value in (first, epochs, start, stop))
            self._states, self._sums, rows, weights = self._program.run(
                self._states, self._sums, self._data, orders, *whole, tf.constant(finish)
            )
            ended = epochs if finish else 0
            yield rows[:ended].numpy(), weights[:ended].numpy()
            updates = epochs * (stop - start)
            self._follow_clock(updates, time.perf_counter() - begin)
            self._task.updates += updates + ended * self._program.shape.partial_updates
            first, start = first + ended, 0 if finish else stop

    def _follow_clock(self, updates: int, seconds: float) -> None:
        """Size the next piece by the time that the last one took; numbers do not change."""
        factor = min(max(SECONDS_A_PIECE / max(seconds, 1e-6), 0.1), 100)
        self._updates_a_piece = max(int(updates * factor), 1)
