"""The peak of memory in a few updates, measured in a process that does nothing else."""

import contextlib
import functools
import gc
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import psutil

from batchlab._checks import choice, shown, whole_number
from batchlab._tensorflow import device_name, keras, keras_settings, tf, with_keras_settings
from batchlab.data import Problem, check_problem
from batchlab.memory import batch_sizes, optimizer_or_default
from batchlab.memory_models import blank_problem

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_FIRST_VICTIM = Path("/proc/self/oom_score_adj")


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
        A function Problem -> keras.Model that can be imported, or ``functools.partial`` of one with
        keyword arguments that JSON can hold; or its name, such as "batchlab.models:mlp".
    problem : Problem
        Gives the shape of a sample and the number of classes; its samples are not used.
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
    >>> table = measured_peak(bl.mlp, bl.blobs(), batch_size=32)
    >>> bool((table["growth"] < table["process"]).all())
    True
    """
    check_problem(problem)
    sizes = batch_sizes(batch_size)
    name, settings = _importable(build)
    choice("device", device, ("cpu", "gpu", None))
    task = {
        "build": name,
        "settings": settings,
        "feature_shape": problem.feature_shape,
        "n_classes": problem.n_classes,
        "optimizer": keras.optimizers.serialize(optimizer_or_default(optimizer)),
        "updates": whole_number("updates", updates, minimum=1),
        "device": device,
        "keras": keras_settings(),
    }
    rows = [_in_own_process({**task, "batch_size": size}) for size in sizes]
    return pd.DataFrame(rows, index=pd.Index(sizes, name="batch_size"))


def _importable(build: object) -> tuple[str, dict]:
    """Return the name and the keyword arguments by which another process can make `build`."""
    settings = {}
    if isinstance(build, functools.partial) and not build.args:
        build, settings = build.func, build.keywords
    if isinstance(build, str):
        name = build
    else:
        name = f"{getattr(build, '__module__', None)}:{getattr(build, '__qualname__', None)}"
    try:
        found = _imported(name)
        settings = json.loads(json.dumps(settings))
    except (ImportError, AttributeError, ValueError, TypeError):
        found = None
    if not callable(found) or name.startswith("__main__:") or build not in (name, found):
        raise ValueError(
            "build: expected a function that another process can import, such as batchlab.mlp or "
            f"'batchlab.models:mlp', with settings that JSON can hold, received {shown(build)}."
        )
    return name, settings


def _imported(name: str) -> Callable[..., keras.Model]:
    module, attribute = name.split(":")
    return functools.reduce(getattr, attribute.split("."), importlib.import_module(module))


def _in_own_process(task: dict) -> dict[str, float]:
    begin = time.perf_counter()
    environment = {
        **os.environ,
        # What can be imported here can be imported there.
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        # Unless these are set, glibc keeps the more of what is freed the larger it was: the second
        # model would be given the memory of the first and would seem not to grow.
        "MALLOC_MMAP_THRESHOLD_": "65536",
        "MALLOC_TRIM_THRESHOLD_": "65536",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "batchlab.memory_peak", json.dumps(task)],
        env=environment,
        capture_output=True,
        text=True,
    )
    if ended.returncode:
        said = ended.stderr.strip().splitlines()
        cause = (
            f"was killed by signal {-ended.returncode}, most likely for want of memory"
            if ended.returncode < 0
            else f"failed: {said[-1] if said else 'it gave no reason'}"
        )
        raise RuntimeError(
            f"batch_size: expected the measurement at {task['batch_size']} to end with a result, "
            f"but its process {cause.rstrip('.')}."
        )
    result = json.loads(ended.stdout.splitlines()[-1])
    process, peak = result["process"], result["peak"]
    return {
        "process": process,
        "peak": peak,
        "growth": peak - process,
        "seconds": time.perf_counter() - begin,
    }


def _measure(task: dict) -> dict[str, int]:
    """Return the bytes taken before training and at its peak; in a process of its own."""
    if task["device"] == "cpu":
        tf.config.set_visible_devices([], "GPU")
    device = device_name(task["device"])
    meter = _of_gpu if device == "/GPU:0" else _of_process
    problem = blank_problem(task["feature_shape"], n_classes=task["n_classes"])
    build = functools.partial(_imported(task["build"]), problem, **task["settings"])
    with with_keras_settings(task["keras"]), tf.device(device):
        _train(build, task, batch_size=1, updates=1)
        keras.backend.clear_session()
        gc.collect()
        process = meter(restart=True)
        _train(build, task, batch_size=task["batch_size"], updates=task["updates"])
        return {"process": process, "peak": meter(restart=False)}


def _train(build: Callable[[], keras.Model], task: dict, *, batch_size: int, updates: int) -> None:
    model = build()
    one = model.output_shape[-1] == 1
    model.compile(
        keras.optimizers.deserialize(task["optimizer"]),
        "binary_crossentropy" if one else "sparse_categorical_crossentropy",
    )
    shape, dtype = (batch_size, *task["feature_shape"]), model.inputs[0].dtype
    x = tf.random.uniform(shape, dtype=dtype)
    y = tf.random.uniform((batch_size,), maxval=task["n_classes"], dtype="int64")
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


def main() -> None:
    """Measure what the JSON in the first argument asks for, and print the result as JSON."""
    with contextlib.suppress(OSError):
        # If memory runs out, it is this process that goes, and not the one that waits for it.
        _FIRST_VICTIM.write_text("1000")
    try:
        result = _measure(json.loads(sys.argv[1]))
    except Exception as error:  # whatever a build function or TensorFlow raises, in one sentence
        sys.exit(" ".join(f"{type(error).__name__}: {error}".split())[:300])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
