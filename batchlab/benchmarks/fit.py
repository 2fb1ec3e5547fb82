"""Speed of `batchlab.fit` against ``keras.Model.fit``, measured in turn in one process."""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import batchlab as bl
from batchlab.costs.keras_runs import KerasRun
from batchlab.foundation.backend import keras

REPEATS = 3


@dataclass(frozen=True)
class TutorialRun:
    """One of the tutorial's runs."""

    batch_size: int
    learning_rate: float
    epochs: int

    @property
    def updates(self) -> int:
        """Updates of the whole run on the tutorial's 500 training samples."""
        return -(-500 // self.batch_size) * self.epochs

    def optimizer(self) -> keras.optimizers.Optimizer:
        """Return the tutorial's optimizer."""
        return keras.optimizers.SGD(self.learning_rate, momentum=0.9)


@dataclass(frozen=True)
class Seconds:
    """Seconds of a whole run, with and without what precedes its first update."""

    with_compiling: float
    without: float


def measure_keras(problem: bl.Problem, run: TutorialRun, epochs: int) -> Seconds:
    """Return what Keras's fit takes, as the tutorial calls it, from a limited number of epochs.

    Parameters
    ----------
    problem : Problem
    run : Run
    epochs : int
        That fit is made to run after its first one. An epoch takes as long as any other, so the
        time of the whole run is that of its first epoch and of `run.epochs - 1` such.

    Returns
    -------
    Seconds
    """
    fitted = KerasRun(problem, batch_size=run.batch_size, optimizer=run.optimizer())
    first = seconds_of(fitted.fit)
    epoch = seconds_of(lambda: fitted.fit(epochs=epochs)) / epochs
    return Seconds(first + (run.epochs - 1) * epoch, run.epochs * epoch)


def measure_batchlab(problem: bl.Problem, run: TutorialRun, replicates: int) -> Seconds:
    """Return what batchlab's fit takes for the whole run of all replicates.

    Parameters
    ----------
    problem : Problem
    run : Run
    replicates : int

    Returns
    -------
    Seconds
        With compiling: the first such call of the process. Without: the median of three more, each
        from the call to its return, the drawing of weights and orders included.
    """

    def fit() -> float:
        return seconds_of(
            lambda: bl.fit(
                bl.mlp,
                problem,
                batch_size=run.batch_size,
                epochs=run.epochs,
                optimizer=run.optimizer(),
                replicates=replicates,
            )
        )

    return Seconds(fit(), statistics.median(fit() for _ in range(REPEATS)))


def speed_table(problem: bl.Problem, *, epochs: int, fit_epochs: int, replicates: int) -> str:
    """Return the speed table in Markdown.

    Parameters
    ----------
    problem : Problem
    epochs : int
        Of each run.
    fit_epochs : int
        That Keras's fit is made to run of them, after the first.
    replicates : int
        For the last columns, beside a single one.

    Returns
    -------
    str
    """
    lines = [
        "| batch size | updates | Keras `fit` | `batchlab.fit`, 1 replicate | ratio "
        f"| {replicates} replicates, each | ratio |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for batch_size, rate in ((500, 0.01), (32, 0.01), (1, 0.01)):
        run = TutorialRun(batch_size, rate, epochs)
        theirs = measure_keras(problem, run, fit_epochs)
        single = measure_batchlab(problem, run, 1)
        many = measure_batchlab(problem, run, replicates)
        for kind in ("with_compiling", "without"):
            label = "with compiling" if kind == "with_compiling" else "without"
            keras_seconds = getattr(theirs, kind)
            one, each = getattr(single, kind), getattr(many, kind) / replicates
            lines.append(
                f"| {batch_size}, {label} | {run.updates:,} | {_seconds_told(keras_seconds, run)} "
                f"| {_seconds_told(one, run)} | {keras_seconds / one:,.0f} "
                f"| {_seconds_told(each, run)} | {keras_seconds / each:,.0f} |"
            )
    return "\n".join(lines)


def seconds_of(call: Callable) -> float:
    """Return how long a call takes."""
    gc.collect()  # so that no call pays for what the one before it left behind
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _seconds_told(seconds: float, run: TutorialRun) -> str:
    return f"{seconds:.3g} s ({run.updates / seconds:,.0f}/s)"
