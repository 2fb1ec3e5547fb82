"""What an update costs in seconds by the reader's clock: Keras's own fit, or batchlab's."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from batchlab.costs.seconds import seconds_in_turns
from batchlab.engine.losses import checked_loss
from batchlab.engine.optimizers import default_optimizer
from batchlab.engine.weights import Build, n_outputs
from batchlab.foundation.backend import (
    building,
    device_name,
    floatx,
    keras,
    preserved_random_state,
    tf,
)
from batchlab.problems.problem import Problem
from batchlab.training.grid import grid_of

CLOCKS = ("keras", "batchlab")
STEPS = 12
EPOCHS = 2
SAMPLES = 2048
REPLICATES = 8


def update_clock(
    clock: str,
    build: Build,
    problem: Problem,
    *,
    optimizer: keras.optimizers.Optimizer | None = None,
    loss: keras.losses.Loss | None = None,
    device: str | None = None,
    threads: int | None = None,
) -> Callable[[Sequence[int], int], np.ndarray]:
    """Return a function that measures the seconds of an update.

    Parameters
    ----------
    clock : {"keras", "batchlab"}
        "keras" is `keras.Model.fit` with its defaults, one model alone, its overhead at the end of
        an epoch shared out over the updates, without validation. "batchlab" is `batchlab.fit`, for
        each of 8 replicates, without evaluation.
    build, problem, optimizer, loss, device, threads
        As in `batchlab.fit`.

    Returns
    -------
    callable
        Batch sizes, rounds (at least 2) -> seconds of shape (rounds, batch sizes); in every round
        the batch sizes take turns.
    """
    if clock == "keras":
        return KerasClock(build, problem, optimizer=optimizer, loss=loss, device=device).rounds
    common: dict[str, Any] = {
        "optimizer": optimizer,
        "loss": loss,
        "device": device,
        "threads": threads,
        "replicates": REPLICATES,
        "train_samples": 1,
    }

    def by_batchlab(sizes: Sequence[int], rounds: int) -> np.ndarray:
        updates = [max(STEPS, SAMPLES // size) for size in sizes]
        cells = [
            grid_of(build, problem, batch_size=size, updates=count, **common).cells[0]
            for size, count in zip(sizes, updates, strict=True)
        ]
        return seconds_in_turns(cells, rounds) / np.array(updates)

    return by_batchlab


class KerasClock:
    """Times updates of `keras.Model.fit`, with a model that is compiled once.

    Parameters
    ----------
    build, problem, optimizer, loss, device
        As in `batchlab.fit`.
    """

    def __init__(
        self,
        build: Build,
        problem: Problem,
        *,
        optimizer: keras.optimizers.Optimizer | None,
        loss: keras.losses.Loss | None,
        device: str | None,
    ):
        self._device = device_name(device)
        self._warm: set[int] = set()
        self._x, self._y = problem.x_train, problem.y_train
        with building, preserved_random_state(), tf.device(self._device):
            self._model = build(problem)
            dtype = self._model.trainable_variables[0].dtype
            outputs = n_outputs(self._model, problem)
            with floatx(dtype):
                given = optimizer or default_optimizer()
                own = type(given).from_config(given.get_config())
                own_loss = checked_loss(loss, outputs, dtype, task=problem.task)
                self._model.compile(own, own_loss)
        self._dtype = dtype
        sparse = isinstance(own_loss, keras.losses.SparseCategoricalCrossentropy)
        if problem.n_classes is not None and outputs > 1 and not sparse:
            self._y = np.eye(problem.n_classes, dtype=dtype)[self._y]

    def rounds(self, sizes: Sequence[int], rounds: int) -> np.ndarray:
        """Return the seconds of an update in turns, shape (rounds, batch sizes)."""
        with building, preserved_random_state(), floatx(self._dtype), tf.device(self._device):
            for size in sizes:
                if size not in self._warm:  # Keras traces, and asks for memory
                    self._once(size)
                    self._warm.add(size)
            return np.array([[self._once(size) for size in sizes] for _ in range(rounds)])

    def _once(self, size: int) -> float:
        count = len(self._x)
        updates_per_epoch = -(-count // size)
        steps = min(updates_per_epoch, STEPS)
        ends = _Ends()
        self._model.fit(
            self._x[: steps * size],
            self._y[: steps * size],
            batch_size=size,
            epochs=max(EPOCHS, 4 // steps),
            verbose=0,
            callbacks=[ends],
        )
        gaps, places = np.diff(ends.times), np.arange(1, len(ends.times))
        across = np.isin(places, ends.epochs)
        between = statistics.median(gaps[across])
        if steps == 1:
            return between
        step = statistics.median(gaps[~across])
        return step + max(between - step, 0) / updates_per_epoch


class _Ends(keras.callbacks.Callback):
    """Notes when each update ends, and after how many of them an epoch does."""

    def __init__(self):
        super().__init__()
        self.times: list[float] = []
        self.epochs: list[int] = []

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.times.append(time.perf_counter())

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.epochs.append(len(self.times))
