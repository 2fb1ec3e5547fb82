"""A model sized up in a Python process of its own: how it is told of the model, and answers."""

import contextlib
import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from batchlab.costs.memory import optimizer_or_default
from batchlab.foundation.backend import keras, keras_settings
from batchlab.foundation.checks import choice, shown
from batchlab.models.named import build_from, name_of
from batchlab.problems.blank import blank_problem
from batchlab.problems.problem import Problem, check_problem

_FIRST_VICTIM = Path("/proc/self/oom_score_adj")


def task_for_process(
    build: Callable[[Problem], keras.Model] | str,
    problem: Problem,
    optimizer: keras.optimizers.Optimizer | None,
    device: str | None,
) -> dict:
    """Return what another process must know of a model, as JSON can hold it.

    Parameters
    ----------
    build : callable or str
        A function that can be found by its name, or ``functools.partial`` of one, or its name.
    problem : Problem
    optimizer : keras.optimizers.Optimizer or None
    device : {"cpu", "gpu"} or None

    Raises
    ------
    TypeError, ValueError
        If one of them is of another kind.
    """
    check_problem(problem)
    name, settings = _importable(build)
    choice("device", device, ("cpu", "gpu", None))
    return {
        "build": name,
        "settings": settings,
        "feature_shape": problem.feature_shape,
        "n_classes": problem.n_classes,
        "n_targets": problem.n_outputs if problem.n_classes is None else None,
        "optimizer": keras.optimizers.serialize(optimizer_or_default(optimizer)),
        "device": device,
        "keras": keras_settings(),
    }


def told(task: Mapping) -> tuple[Callable[[Problem], keras.Model], Problem]:
    """Return the function that builds a task's model, and a blank problem."""
    sizes = {name: task[name] for name in ("n_classes", "n_targets")}
    build = functools.partial(build_from(task["build"]), **task["settings"])
    return build, blank_problem(task["feature_shape"], **sizes)


def in_own_process(
    module: str, task: Mapping, *, variables: Mapping[str, str] | None = None
) -> dict:
    """Let a module of this library work on a task in a process of its own.

    Parameters
    ----------
    module : str
        It ends in a call of `answer`.
    task : mapping
        From `task_for_process`, with a batch size.
    variables : mapping of str to str
        Of the process's environment, beside those of this one.

    Returns
    -------
    dict
        What it has answered, and its `seconds`.

    Raises
    ------
    RuntimeError
        If it ends without an answer.
    """
    begin = time.perf_counter()
    environment = {
        **os.environ,
        # What can be imported here can be imported there.
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        **(variables or {}),
    }
    ended = subprocess.run(
        [sys.executable, "-m", module, json.dumps(task)],
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
    return {**json.loads(ended.stdout.splitlines()[-1]), "seconds": time.perf_counter() - begin}


def answer(function: Callable[[dict], dict]) -> None:
    """Work on the task that is JSON in the first argument, and print the result as JSON."""
    with contextlib.suppress(OSError):
        # If memory runs out, it is this process that goes, and not the one that waits for it.
        _FIRST_VICTIM.write_text("1000")
    try:
        result = function(json.loads(sys.argv[1]))
    except Exception as error:  # whatever a build function or TensorFlow raises, in one sentence
        sys.exit(" ".join(f"{type(error).__name__}: {error}".split())[:300])
    print(json.dumps(result))


def _importable(build: Callable[[Problem], keras.Model] | str) -> tuple[str, dict]:
    """Return the name and the keyword arguments by which another process can make `build`."""
    settings: dict = {}
    if isinstance(build, functools.partial) and not build.args:
        settings = build.keywords
        build = build.func
    name = build if isinstance(build, str) else name_of(build)
    try:
        found = build_from(name)
        settings = json.loads(json.dumps(settings))
    except (ValueError, TypeError) as error:
        if isinstance(build, str):
            raise
        raise _not_importable(build) from error
    if isinstance(build, str) or name.startswith("__main__:"):
        same = not name.startswith("__main__:")
    else:
        # A file is read anew, and so are its functions.
        same = found is build or getattr(found, "__code__", None) == getattr(build, "__code__", 0)
    if not same:
        raise _not_importable(build)
    return name, settings


def _not_importable(build: Callable[[Problem], keras.Model] | str) -> ValueError:
    return ValueError(
        "build: expected a function that another process can import, such as batchlab.mlp or "
        f"'path/to/file.py:function', with settings that JSON can hold, received {shown(build)}."
    )
