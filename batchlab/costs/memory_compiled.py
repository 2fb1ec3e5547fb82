"""The bytes that XLA itself allots to one compiled update, asked of it before anything is run."""

import os
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from batchlab.costs.memory import listed_batch_sizes
from batchlab.costs.own_process import answer, in_own_process, task_for_process, told
from batchlab.engine.losses import checked_loss
from batchlab.engine.optimizers import settings_of, stateless_optimizer
from batchlab.engine.step import Replicate
from batchlab.engine.summation import tracing
from batchlab.engine.weights import initial_variables, n_outputs
from batchlab.foundation.arithmetic import xla_flags
from batchlab.foundation.backend import device_name, keras, tf, with_keras_settings
from batchlab.problems.problem import Problem

PARTS = ("arguments", "outputs", "temporaries", "constants")
_ALLOCATION = re.compile(r"^allocation \d+: size (\d+), (.*):$", re.MULTILINE)
_TOTAL = re.compile(r"^Total bytes used: (\d+)", re.MULTILINE)
_ENDING = "buffer-assignment.txt"


def compiled_memory(
    build: str | Callable[..., keras.Model],
    problem: Problem,
    *,
    batch_size: int | Sequence[int],
    optimizer: keras.optimizers.Optimizer | None = None,
    device: str | None = None,
) -> pd.DataFrame:
    """Return the bytes that XLA allots to one update as `fit` compiles it for a replicate.

    The program is compiled and not run, so a batch may be larger than memory. That goes on in a
    process of its own, since XLA must be told to write down its plans (its buffer assignments)
    before it first compiles; flags in XLA_FLAGS are kept.

    One update is the loss and score of a batch, its gradients, and the optimizer. The samples that
    `fit` holds besides, the orders and the evaluations after an epoch are not in it. Replicates
    side by side take it each, so many times as there are in a group and threads.

    It differs from `memory_needed`, which counts what any implementation keeps. New weights and
    optimizer variables stand beside the old, though XLA uses their memory for what lies between. On
    a CPU, where `fit` adds a long sum in parts of 64 terms, what lies between grows as if all parts
    of a product were held: with a batch of 512 by 8 to 10 times the weights of a dense layer. The
    gradient of a maximum over pixels takes more than its outputs there, and the axes of what a
    convolution is given are turned. It was 0.8 to 1.3 times `memory_needed` where sums are short
    and there is no maximum; for dense layers of 512 units 1.6 to 1.8 times up to batches of 64 and
    up to 3 times with 512; for convolutions with maxima between them 1.7 to 2.8 times.

    Parameters
    ----------
    build : str or callable
        As of `measured_peak`.
    problem : Problem
        Gives the shape of a sample and the number of classes or targets; its samples are not used.
    batch_size : int or sequence of int
    optimizer : keras.optimizers.Optimizer or None
        Left alone. None is SGD with momentum.
    device : {"cpu", "gpu"} or None
        What to compile for. None is a GPU if there is one.

    Returns
    -------
    pandas.DataFrame
        By batch size, whole numbers of bytes: `arguments`, XLA's parameters: weights, optimizer
        variables, the batch and its labels (4 bytes each) or targets; `outputs`, the new weights
        and variables, the loss and the score (XLA's maybe-live-out); `temporaries`, all between
        (preallocated-temp and thread-local); `constants`; `total`, the sum of these.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range, or `build` cannot be imported by its name.
    RuntimeError
        If the process ends without a result because `build` fails, or TensorFlow cannot compile
        the model; or XLA's plan is not of the form known.

    References
    ----------
    OpenXLA, "XLA architecture": buffer analysis. In JAX the same figures are those of
    ``compiled.memory_analysis()``.

    Examples
    --------
    >>> import batchlab as bl
    >>> table = bl.compiled_memory(bl.mlp, bl.blobs(), batch_size=32)
    >>> bool(table.loc[32, "arguments"] > 2 * 2424)  # weights and their momentum
    True
    """
    sizes = listed_batch_sizes(batch_size)
    task = task_for_process(build, problem, optimizer, device)
    task["batch_size"] = sizes
    with tempfile.TemporaryDirectory(prefix="batchlab-") as folder:
        in_own_process(__name__, task, variables=_variables(Path(folder)))
        rows = [_plan_bytes(Path(folder), size) for size in sizes]
    return pd.DataFrame(rows, index=pd.Index(sizes, name="batch_size"))


def _variables(folder: Path) -> dict[str, str]:
    """Return the environment in which XLA writes its plans into a folder."""
    own = (
        f"--xla_dump_to={folder}",
        "--xla_dump_hlo_as_text",
        f"--xla_dump_hlo_module_re={_name_of_update('[0-9]+')}",
    )
    cached = os.environ.get("TF_XLA_FLAGS", "")
    return {
        "XLA_FLAGS": " ".join([*xla_flags(), *own]),
        # What is taken from a cache is not compiled, and nothing is written.
        "TF_XLA_FLAGS": f"{cached} --tf_xla_persistent_cache_directory=".strip(),
    }


def _name_of_update(size: object) -> str:
    """Return what XLA's name of an update holds."""
    return f"_one_update_of_{size}_"


def _plan_bytes(folder: Path, size: int) -> dict[str, int]:
    """Return the bytes of each part in the one plan that XLA wrote for a batch size."""
    plans = [path for path in folder.glob(f"*{_ENDING}") if _name_of_update(size) in path.name]
    if len(plans) != 1:
        raise RuntimeError(
            "expected XLA to write one plan of buffers for an update, received "
            f"{len(plans) or 'none'}."
        )
    return parsed_plan(plans[0].read_text(encoding="utf-8"))


def parsed_plan(text: str) -> dict[str, int]:
    """Return the bytes of each part in a plan, as XLA writes it down, and their total.

    Parameters
    ----------
    text : str
        A file of XLA's that ends in ``buffer-assignment.txt``.

    Raises
    ------
    RuntimeError
        If it is of another form: what is understood does not add up to the total that it states.
    """
    parts = dict.fromkeys(PARTS, 0)
    for size, kind in _ALLOCATION.findall(text):
        parts[_part(kind)] += int(size)
    total, stated = sum(parts.values()), _TOTAL.search(text)
    if stated is None or int(stated[1]) != total:
        raise RuntimeError(
            "expected a plan of buffers in the form of TensorFlow 2.21, whose allocations add up "
            f"to its total of {stated[1] if stated else 'unknown'} bytes, received {total} bytes."
        )
    return {**parts, "total": total}


def _part(kind: str) -> str:
    # The text may name a shape with anything in it, so only what stands at the ends counts. What
    # is both has the memory of an argument.
    if kind.startswith("parameter "):
        return "arguments"
    if kind.endswith("maybe-live-out"):
        return "outputs"
    return "constants" if kind == "constant" else "temporaries"


def _compile(task: dict) -> dict:
    """Make XLA compile updates, and leave its plans where the environment says."""
    if task["device"] == "cpu":
        tf.config.set_visible_devices([], "GPU")
    device = device_name(task["device"])
    build, problem = told(task)
    with with_keras_settings(task["keras"]), tf.device(device):
        model, _, _ = initial_variables(build, problem, [0], show_progress=False)
        dtype = model.trainable_variables[0].dtype
        optimizer = settings_of(keras.optimizers.deserialize(task["optimizer"]))
        replicate = Replicate(
            model,
            checked_loss(None, n_outputs(model, problem), dtype, task=problem.task),
            stateless_optimizer(*optimizer, model.trainable_variables, dtype),
            dtype,
        )
        for size in dict.fromkeys(task["batch_size"]):
            _compile_one(replicate, _form(replicate, problem, size), size, device)
    return {}


def _compile_one(replicate: Replicate, form: tuple, size: int, device: str) -> None:
    def one_update(*tensors):
        return tf.nest.flatten(replicate.update(*tf.nest.pack_sequence_as(form, tensors)))

    one_update.__name__ = f"one_update_of_{size}"  # by which XLA's file is found
    with tracing(replicate.dtype, device):
        compiled = tf.function(one_update, jit_compile=True, autograph=False)
        compiled.experimental_get_compiler_ir(*tf.nest.flatten(form))("optimized_hlo")


def _form(replicate: Replicate, problem: Problem, batch_size: int) -> tuple:
    """Return the shapes and types of what an update takes."""
    dtype, model = replicate.dtype, replicate.model
    variables = (
        model.trainable_variables,
        model.non_trainable_variables,
        replicate.optimizer.variables,
    )
    state = tuple([tf.TensorSpec(one.shape, one.dtype) for one in part] for part in variables)
    x = tf.TensorSpec((batch_size, *problem.feature_shape), dtype)
    labels = "int32" if problem.n_classes is not None else dtype
    return state, x, tf.TensorSpec((batch_size, *problem.y_train.shape[1:]), labels)


if __name__ == "__main__":
    answer(_compile)
