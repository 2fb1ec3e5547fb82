"""What Keras's own `fit` does: how many updates it makes, and how many seconds an epoch takes."""

import gc
import time
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from batchlab.foundation.backend import keras, preserved_random_state, quiet_logging
from batchlab.problems.problem import Problem

ENOUGH_SECONDS = 0.2  # of a measurement


class KerasRun:
    """A model of one hidden layer that Keras's `fit` trains, as the sources call it.

    Parameters
    ----------
    problem : Problem
    batch_size : int or None
        None is Keras's default.
    hidden_units : int
    optimizer : keras.optimizers.Optimizer or None
        None is the tutorial's.

    Raises
    ------
    RuntimeError
        If Keras is told to cut its `fit` short.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        batch_size: int | None,
        hidden_units: int = 50,
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        for limit in ("max_epochs", "max_steps_per_epoch"):
            if getattr(keras.config, limit)() is not None:
                raise RuntimeError(
                    f"expected Keras's fit to run as long as it is asked to, but "
                    f"KERAS_{limit.upper()} or keras.config cuts it to "
                    f"{getattr(keras.config, limit)()}."
                )
        self._problem, self._batch_size = problem, batch_size
        with preserved_random_state(), quiet_logging():
            self.model = keras.Sequential(
                [
                    keras.Input(problem.feature_shape),
                    keras.layers.Dense(
                        hidden_units, activation="relu", kernel_initializer="he_uniform"
                    ),
                    keras.layers.Dense(problem.n_classes, activation="softmax"),
                ]
            )
            self.model.compile(
                optimizer or keras.optimizers.SGD(0.01, momentum=0.9),
                loss="categorical_crossentropy",
                metrics=["accuracy"],
            )

    def fit(self, *, epochs: int = 1, steps_per_epoch: int | None = None) -> float:
        """Train with the test samples as validation data; return the seconds it took."""
        problem, classes = self._problem, np.eye(self._problem.n_outputs)
        with preserved_random_state(), quiet_logging(), warnings.catch_warnings():
            # That the data ran out before the steps did, which is what is looked at.
            warnings.filterwarnings("ignore", "Your input ran out of data", UserWarning)
            begin = time.perf_counter()
            self.model.fit(
                problem.x_train,
                classes[problem.y_train],
                batch_size=self._batch_size,
                epochs=epochs,
                steps_per_epoch=steps_per_epoch,
                validation_data=(problem.x_test, classes[problem.y_test]),
                verbose=0,
            )
            return time.perf_counter() - begin

    @property
    def updates(self) -> int:
        """How many updates the optimizer has made."""
        return int(self.model.optimizer.iterations)


def counted_updates(problem: Problem, **calls: Mapping[str, int]) -> xr.Dataset:
    """Return how many updates Keras makes in one epoch of each of several calls of `fit`.

    Parameters
    ----------
    problem : Problem
    **calls : mapping
        By the name of the variable: `batch_size`, and `steps_per_epoch` if it is given.

    Returns
    -------
    xarray.Dataset
        A number for each.
    """
    found = {}
    for name, call in calls.items():
        run = KerasRun(problem, batch_size=call["batch_size"])
        run.fit(steps_per_epoch=call.get("steps_per_epoch"))
        found[name] = run.updates
    return xr.Dataset(found)


def epoch_seconds(runs: Sequence[KerasRun], *, rounds: int) -> np.ndarray:
    """Return what an epoch of each run takes, the runs in turn.

    Parameters
    ----------
    runs : sequence of KerasRun
    rounds : int

    Returns
    -------
    ndarray of shape (rounds, runs)
        Seconds, without what precedes the first update of a process: each has run an epoch before.
    """
    for run in runs:
        run.fit()
    # So many epochs that Keras's setting up of a call is shared by as many as in a real run.
    epochs = [int(np.clip(ENOUGH_SECONDS / run.fit(), 1, 10)) for run in runs]
    rows = []
    for _ in range(rounds):
        gc.collect()  # so that no run pays for what others left behind
        rows.append([run.fit(epochs=each) / each for run, each in zip(runs, epochs, strict=True)])
    return np.array(rows)
