"""The peak of memory in a few updates, measured in a process that does nothing else."""

import contextlib
import functools
import gc
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import psutil

from batchlab.costs.memory import listed_batch_sizes
from batchlab.costs.own_process import answer, in_own_process, task_for_process, told
from batchlab.foundation.backend import device_name, keras, tf, with_keras_settings
from batchlab.foundation.checks import whole_number
from batchlab.problems.problem import Problem

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
# Unless these are set, glibc keeps the more of what is freed the larger it was: the second model
# would be given the memory of the first and would seem not to grow.
_GIVES_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


def measured_peak(
    build: str | Callable[..., keras.Model],
    problem: Problem,
    *,
    batch_size: int | Sequence[int],
    optimizer: keras.optimizers.Optimizer | None = None,
    updates: int = 3,
    device: str | None = None,
) -> pd.DataFrame:
    """Measure how far memory grows in updates by plain Keras, as `memory_needed` computes it.

    Each batch size has a Python process of its own, since the memory that a process has once had
    comes back late or never. It builds the model and updates it with a batch of one sample, so that
    what Keras and TensorFlow set up once is there, drops that model, and notes what it takes. Then
    it builds the model again, draws a random batch as a tensor, and calls ``train_on_batch``. The
    growth therefore holds weights, gradients, the optimizer, one copy of the batch, activations,
    and whatever workspaces TensorFlow takes.

    Parameters
    ----------
    build : str or callable
        A function Problem -> keras.Model that can be imported, or comes from `build_from`, or
        ``functools.partial`` of one with keyword arguments that JSON can hold; or its name, as
        `build_from` takes it.
    problem : Problem
        Gives the shape of a sample and the number of classes or targets; its samples are not used.
    batch_size : int or sequence of int
    optimizer : keras.optimizers.Optimizer or None
        Left alone. None is SGD with momentum.
    updates : int
        With the full batch.
    device : {"cpu", "gpu"} or None
        None is a GPU if there is one.

    Returns
    -------
    pandas.DataFrame
        By batch size, in bytes: `process`: what the process takes before the model is built again,
        Python, Keras and TensorFlow and what TensorFlow holds on to of the first model's weights;
        `peak`: the most that it takes from there on; `growth`: the difference. On a CPU that is
        resident memory, on a GPU what TensorFlow has allocated there. `seconds`: of the whole
        measurement, the start of the process included.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range, or `build` cannot be imported by its name.
    RuntimeError
        If the process ends without a result: it has run out of memory, or `build` fails.

    Examples
    --------
    >>> import batchlab as bl
    >>> table = bl.measured_peak(bl.mlp, bl.blobs(), batch_size=32, device="cpu")
    >>> bool((table["growth"] < table["process"]).all())
    True
    """
    sizes = listed_batch_sizes(batch_size)
    task = task_for_process(build, problem, optimizer, device)
    task["updates"] = whole_number("updates", updates, minimum=1)
    rows = []
    for size in sizes:
        found = in_own_process(__name__, {**task, "batch_size": size}, variables=_GIVES_BACK)
        growth = {"growth": found["peak"] - found["process"]}
        rows.append({"process": found["process"], "peak": found["peak"], **growth, **found})
    return pd.DataFrame(rows, index=pd.Index(sizes, name="batch_size"))


def _measure(task: dict) -> dict[str, int]:
    """Return the bytes taken before training and at its peak; in a process of its own."""
    if task["device"] == "cpu":
        tf.config.set_visible_devices([], "GPU")
    device = device_name(task["device"])
    meter = _of_gpu if device == "/GPU:0" else _of_process
    build, problem = told(task)
    build = functools.partial(build, problem)
    with with_keras_settings(task["keras"]), tf.device(device):
        _train_on_batches(build, task, batch_size=1, updates=1)
        keras.backend.clear_session()
        gc.collect()
        process = meter(restart=True)
        _train_on_batches(build, task, batch_size=task["batch_size"], updates=task["updates"])
        return {"process": process, "peak": meter(restart=False)}


def _train_on_batches(
    build: Callable[[], keras.Model], task: dict, *, batch_size: int, updates: int
) -> None:
    model = build()
    outputs, classes = model.output_shape[-1], task["n_classes"]
    loss = "binary_crossentropy" if outputs == 1 else "sparse_categorical_crossentropy"
    model.compile(
        keras.optimizers.deserialize(task["optimizer"]), loss if classes else "mean_squared_error"
    )
    shape, dtype = (batch_size, *task["feature_shape"]), model.inputs[0].dtype
    x = tf.random.uniform(shape, dtype=dtype)
    if classes:
        y = tf.random.uniform((batch_size,), maxval=classes, dtype="int64")
    else:
        y = tf.random.uniform((batch_size, outputs), dtype=dtype)
    for _ in range(updates):
        model.train_on_batch(x, y)


def _of_gpu(*, restart: bool) -> int:
    """Return the bytes allocated now, from which the peak starts anew; or the peak."""
    if restart:
        tf.config.experimental.reset_memory_stats("GPU:0")
    return tf.config.experimental.get_memory_info("GPU:0")["current" if restart else "peak"]


def _of_process(*, restart: bool) -> int:
    """Return the resident bytes now, from which the peak starts anew if it can; or the peak."""
    if restart:
        with contextlib.suppress(OSError):
            _RESET.write_text("5")  # Linux: the peak of resident memory starts from here
        return psutil.Process().memory_info().rss
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    # Second best: on Linux it begins with what the caller took when it started this process.
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    answer(_measure)
