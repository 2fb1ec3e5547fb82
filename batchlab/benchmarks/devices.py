"""From which batch size on, and from how many replicates, a GPU is faster than the CPU."""

import functools
import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

import batchlab as bl
from batchlab.benchmarks.device_answers import (
    Timed,
    cpu_by_gpu,
    explained,
    faster,
    finished,
    no_answer,
    seconds_table,
    sentences,
)
from batchlab.costs.machine import machine_in_words
from batchlab.engine.budgets import checked_budget
from batchlab.engine.program import forget_programs
from batchlab.engine.training import Starts, Training
from batchlab.foundation.backend import device_name
from batchlab.foundation.checks import choice, positive_number, shown, whole_number
from batchlab.training.grid import Cell, grid_of

BATCH_SIZES = (1, 32, 500)
REPLICATES = (1, 30, 2000)
EPOCHS, ROUNDS, SECONDS = 200, 10, 1.0
DIFFERENT_WEIGHTS = 30  # drawing costs 14 ms each, and how fast they train does not depend on them

LARGER_BATCH_SIZES = (32, 512, 8192)
LARGER_REPLICATES = (1, 30)


def device_table(
    *,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    replicates: Sequence[int] = REPLICATES,
    epochs: int = EPOCHS,
    device: str | None = None,
    larger: bool = False,
    dtype: str = "float64",
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
    say: Callable[[str], object] | None = None,
) -> str:
    """Return a table of the seconds of `fit` on a CPU and a GPU, and sentences that read it.

    Parameters
    ----------
    batch_sizes, replicates : sequence of int
        To be measured with each other on the tutorial's problem.
    epochs : int
        Of each training, at least 2, since the cost of a call is told apart by two lengths.
    device : {"cpu", "gpu"} or None
        The only one to measure; None is both if TensorFlow sees a GPU, else the CPU.
    larger : bool
        Whether a larger model on larger data is measured too.
    dtype : {"float64", "float32"}
    rounds : int
        In each of them the devices take turns, at least 2.
    seconds : float
        Of training that are enough: where all epochs take longer, as many of them are run as take
        that long, at least two, and the rest is extrapolated.
    say : callable or None
        Takes a line for each row that is finished.

    Returns
    -------
    str
        Markdown.

    Raises
    ------
    TypeError, ValueError
        If one of them is not such a value, or a GPU is asked for and none is there.

    Examples
    --------
    >>> table = device_table(batch_sizes=[60], replicates=[1], epochs=2, rounds=2, device="cpu")
    >>> table.count("| CPU |")
    1
    """
    devices = _devices(device)
    choice("dtype", dtype, ("float64", "float32"))
    epochs = whole_number("epochs", epochs, minimum=2)
    rounds = whole_number("rounds", rounds, minimum=2)
    seconds = positive_number("seconds", seconds)
    build = functools.partial(bl.mlp, dtype=dtype)
    cases = {
        "The tutorial's problem": _checked_cells(
            build, bl.blobs(), batch_sizes, replicates, devices
        )
    }
    if larger:
        build = functools.partial(build, hidden_units=(128,))
        cases["8,192 x 784 random numbers, 128 hidden units"] = _checked_cells(
            build, _larger_problem(), LARGER_BATCH_SIZES, LARGER_REPLICATES, devices
        )
    for one in devices:  # what TensorFlow does once in a process
        bl.fit(bl.mlp, bl.blobs(60, n_train=30), batch_size=30, epochs=1, device=one)
    parts = []
    for title, cells in cases.items():
        rows = {}
        for key, cell in cells.items():
            rows[key] = _timed_in_turns(cell, epochs, rounds, seconds)
            if say is not None:
                say(f"{title}, {finished(key, rows[key], epochs=epochs)}")
        n_train = cell[devices[0]].problem.n_train
        parts += [f"{title}, {epochs} epochs", seconds_table(rows, epochs=epochs, n_train=n_train)]
        if len(devices) == 2:
            found = {key: faster(cpu_by_gpu(row, epochs=epochs)) for key, row in rows.items()}
            parts.append("\n".join(f"- {sentence}" for sentence in sentences(found)))
    if len(devices) == 1:
        parts.append(no_answer(devices[0], asked_for=device is not None))
    parts.append(explained(devices, dtype=dtype, rounds=rounds, seconds=seconds))
    parts.append(f"{machine_in_words()}.")
    return "\n\n".join(parts)


def _devices(device: str | None) -> tuple[str, ...]:
    choice("device", device, ("cpu", "gpu", None))
    found = device_name(device)
    if device is not None:
        return (device,)
    return ("cpu", "gpu") if found == "/GPU:0" else ("cpu",)


def _larger_problem() -> bl.Problem:
    random = np.random.default_rng(0)
    n_train, n_test = 8192, 1024
    x, y = random.standard_normal((n_train + n_test, 784)), np.arange(n_train + n_test) % 10
    return bl.from_arrays(x[:n_train], y[:n_train], x[n_train:], y[n_train:], name="random numbers")


def _checked_cells(
    build: Callable,
    problem: bl.Problem,
    batch_sizes: Sequence[int],
    replicates: Sequence[int],
    devices: Sequence[str],
) -> dict[tuple[int, int], dict[str, Cell]]:
    """Return trainings of one epoch on each device, all of them checked before the first."""

    def cell(count: int, size: int, device: str) -> Cell:
        seeds = [seed % DIFFERENT_WEIGHTS for seed in range(count)]
        grid = grid_of(
            build,
            problem,
            batch_size=size,
            epochs=1,
            replicates=count,
            weight_seeds=seeds,
            device=device,
        )
        return grid.cells[0]

    sizes = _increasing("batch_sizes", batch_sizes)
    return {
        (count, size): {device: cell(count, size, device) for device in devices}
        for count in _increasing("replicates", replicates)
        for size in sizes
    }


def _increasing(name: str, values: Sequence[int]) -> list[int]:
    checked = sorted(whole_number(name, value, minimum=1) for value in values)
    if not checked or len(set(checked)) < len(checked):
        raise ValueError(f"{name}: expected different numbers, received {shown(list(values))}.")
    return checked


def _timed_in_turns(
    cells: Mapping[str, Cell], epochs: int, rounds: int, seconds: float
) -> dict[str, Timed]:
    """Compile a training on each device, then measure it, the devices in turn."""
    forget_programs()
    trainings = {device: cell.training() for device, cell in cells.items()}
    starts = next(iter(trainings.values())).draw(show_progress=False)
    calls, compiling, lengths = {}, {}, {}
    times: dict[str, list[list[float]]] = {device: [] for device in cells}
    for device, training in trainings.items():
        training.trace()
        training.compile()
        # Nor is the first call counted, in which a device is made ready.
        compiling[device] = training.train(starts, show_progress=False).attrs["compile_seconds"]
        calls[device] = functools.partial(_seconds_again, cells[device], training, starts)
        lengths[device] = two_lengths(calls[device], epochs, seconds)
    for _ in range(rounds):
        for device, call in calls.items():
            times[device].append([call(length) for length in lengths[device]])
    return {
        device: Timed(compiling[device], lengths[device], np.array(times[device]))
        for device in cells
    }


def _seconds_again(cell: Cell, training: Training, starts: Starts, epochs: int) -> float:
    size, n_train = cell.run.batch_sizes.of(0), cell.problem.n_train
    budget = checked_budget(size, n_train, epochs=epochs, updates=None, records=None)
    run = replace(cell.run, budget=budget)
    again = training.again(run, cell.optimizer[1]["learning_rate"])
    gc.collect()  # so that no training pays for what the one before it left behind
    return again.train(starts, show_progress=False).attrs["training_seconds"]


def two_lengths(call: Callable[[int], float], epochs: int, seconds: float) -> tuple[int, int]:
    """Return numbers of epochs whose trainings tell the cost of an epoch from that of a call.

    Parameters
    ----------
    call : callable
        Epochs -> seconds of their training.
    epochs : int
        The most that the longer may have, at least 2.
    seconds : float
        The longer spends at least so many on its epochs, if `epochs` are enough for that.

    Returns
    -------
    short, long : int
    """
    first, long = call(1), 2
    while long < epochs and call(long) - first < seconds:
        long = min(2 * long, epochs)
    return max(long // 4, 1), long
