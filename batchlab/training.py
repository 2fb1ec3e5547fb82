"""`fit`: train replicates of a Keras model and return their histories."""

import copy
import math
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import xarray as xr

from batchlab._checks import shown
from batchlab._tensorflow import floatx, keras
from batchlab.compiling import program_for
from batchlab.data import Problem
from batchlab.history import (
    as_dataset,
    optimizer_attributes,
    problem_attributes,
    version_attributes,
)
from batchlab.optimizers import settings_of
from batchlab.program import Shape
from batchlab.replicas import Build, flat_weights, initial_variables, n_outputs
from batchlab.settings import Settings, checked_settings
from batchlab.workers import Outcome, train_replicates


def fit(
    build: Build,
    problem: Problem,
    *,
    batch_size: int | str,
    epochs: int,
    optimizer: keras.optimizers.Optimizer | None = None,
    loss: keras.losses.Loss | None = None,
    replicates: int = 1,
    seed: int = 0,
    keep_weights: str = "final",
    device: str | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Train replicates of a Keras classification model that differ only in their seed.

    The same as ``keras.Model.fit`` on each of them, in one compiled program. Replicate r starts
    from the weights that Keras gives after ``keras.utils.set_random_seed(seed + r)`` and sees the
    data in the order ``shuffle_orders(n_train, epochs, seed=seed, replicate=r)``; its numbers do
    not depend on the replicates beside it, nor on the number of threads.

    Parameters
    ----------
    build : callable
        Problem -> keras.Model, not compiled; `mlp` is one.
    problem : Problem
    batch_size : int or "full"
        Samples per update, 1 to n_train; "full" is n_train. If it does not divide n_train, the
        last update of an epoch is on the samples that are left.
    epochs : int
        Passes over the training samples, at least 1.
    optimizer : keras.optimizers.Optimizer or None
        Its settings are copied, the object is left alone. None is the tutorial's:
        ``SGD(0.01, momentum=0.9)``.
    loss : keras.losses.Loss or None
        None is the cross-entropy for the probabilities that the model returns.
    replicates : int
        How many, at least 1.
    seed : int
        Of the first replicate, 0 to 2**32 - replicates.
    keep_weights : {"final", "epochs", "none"}
        Which weights the result holds. "epochs" is all of them, from the initial ones on.
    device : {"cpu", "gpu"} or None
        None is a GPU if TensorFlow sees one, else the CPU.
    threads : int or None
        How many groups of replicates are trained side by side; None is one for each core that
        this process may use, or one on a GPU.
    progress : bool or None
        None shows progress where somebody watches: in a terminal or an open notebook.

    Returns
    -------
    xarray.Dataset
        Variables of dimensions (replicate, epoch): `loss` and `accuracy`, the means over the
        epoch's updates that Keras reports; `val_loss` and `val_accuracy` on the test samples, and
        `train_loss` and `train_accuracy` on the training samples, after the epoch. Coordinates
        along epoch: `update` and `sample`, the updates made and samples seen by then. `weights`
        (replicate, parameter), in the order of ``model.get_weights()``; with
        ``keep_weights="epochs"`` also `initial_weights` and `epoch_weights` (replicate, epoch,
        parameter). The attributes hold the settings, the seconds of compiling and of training all
        replicates, and the versions.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above; the sentence names it, the range and the value.
    KeyboardInterrupt
        Within about a second of Ctrl-C; the process can go on as if nothing had been called.

    Notes
    -----
    A replicate whose loss is no longer finite has diverged: that is recorded, not an error.

    On a CPU, numbers are the same to the last bit for any two or more replicates; one replicate
    alone, and a GPU, may round differently (1e-9 where training is not chaotic). Replicates are
    trained eight at a time, so two cost as much as eight.

    Examples
    --------
    >>> import batchlab as bl
    >>> history = bl.fit(bl.mlp, bl.blobs(), batch_size=32, epochs=5, replicates=3)
    >>> history["val_accuracy"].shape
    (3, 5)
    """
    run = checked_settings(
        problem, batch_size, epochs, replicates, seed, keep_weights, device, threads
    )
    settings = settings_of(optimizer)
    seeds = range(run.seed, run.seed + run.replicates)
    model, *first = initial_variables(build, problem, seeds[:1])
    _check_policy(model)
    dtype = model.trainable_variables[0].dtype
    _check_memory(run, model.count_params(), dtype)
    loss = _checked_loss(loss, n_outputs(model, problem), dtype)
    shape = Shape(
        batch_size=run.batch_size,
        n_train=problem.n_train,
        n_test=problem.n_test,
        feature_shape=problem.feature_shape,
        keep_weights=run.keep_weights == "epochs",
        dtype=dtype,
    )
    program = program_for(
        model,
        loss,
        settings,
        shape,
        replicates=run.replicates,
        threads=run.threads,
        device=run.device,
    )
    with ThreadPoolExecutor(1) as pool:
        # XLA compiles while Python draws the weights of the other replicates.
        compiling = pool.submit(program.compile)
        others = initial_variables(build, problem, seeds[1:], show_progress=progress)[1:]
        compile_seconds = compiling.result()
    slots = program.initial_slots(settings[1]["learning_rate"])
    states = _side_by_side(first, others, slots, run.replicates)
    begin = time.perf_counter()
    outcome = train_replicates(
        program,
        _data(problem, dtype),
        states,
        seeds,
        epochs=run.epochs,
        threads=run.threads,
        description=f"batch size {run.batch_size}",
        show_progress=progress,
    )
    training_seconds = time.perf_counter() - begin
    history = as_dataset(outcome, run.batch_size, problem.n_train, seeds)
    _add_weights(history, run.keep_weights, model, states, outcome)
    history.attrs = {
        **problem_attributes(problem),
        **run.attributes(),
        "updates_per_epoch": math.ceil(problem.n_train / run.batch_size),
        **optimizer_attributes(*settings),
        "loss_function": type(loss).__name__,
        "n_parameters": model.count_params(),
        "dtype": dtype,
        "compile_seconds": compile_seconds,
        "training_seconds": training_seconds,
        **version_attributes(),
    }
    return history


def _checked_loss(loss: object, outputs: int, dtype: str) -> keras.losses.Loss:
    """Return a copy of the loss whose own arithmetic is in the type of the run."""
    if loss is None:
        with floatx(dtype):
            losses = keras.losses
            return (
                losses.BinaryCrossentropy()
                if outputs == 1
                else losses.SparseCategoricalCrossentropy()
            )
    if not isinstance(loss, keras.losses.Loss):
        raise TypeError(
            "loss: expected a Keras loss such as keras.losses.CategoricalCrossentropy() or None, "
            f"received {shown(loss)}."
        )
    if loss.reduction not in ("sum_over_batch_size", "mean", "mean_with_sample_weight"):
        raise ValueError(
            "loss: expected one that is a mean over samples (reduction='sum_over_batch_size'), "
            f"received reduction={loss.reduction!r}."
        )
    loss = copy.copy(loss)
    # Keras has no public way to change them, and a loss's settings may not all be in its config.
    loss._dtype_policy = keras.DTypePolicy(dtype)
    loss._dtype = dtype
    return loss


def _check_policy(model: keras.Model) -> None:
    policies = {layer.dtype_policy.name for layer in model._flatten_layers()}
    if "mixed_float16" in policies:
        raise ValueError(
            "build: expected a model in float64, float32 or mixed_bfloat16, received one in "
            "mixed_float16, which Keras trains with a loss scale that adapts."
        )


def _side_by_side(
    first: list, others: list, slots: list[np.ndarray], replicates: int
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Return the states that all replicates start from, each array with a replicate axis."""
    if replicates == 1:
        trainable, non_trainable = first
    else:
        trainable, non_trainable = (
            [np.concatenate(pair) for pair in zip(*parts, strict=True)]
            for parts in zip(first, others, strict=True)
        )
    return trainable, non_trainable, [np.stack([value] * replicates) for value in slots]


def _add_weights(
    history: xr.Dataset, keep: str, model: keras.Model, states: tuple, outcome: Outcome
) -> None:
    if keep != "none":
        final = flat_weights(model, outcome.trainable, outcome.non_trainable)
        history["weights"] = ("replicate", "parameter"), final
    if keep == "epochs":
        history["initial_weights"] = ("replicate", "parameter"), flat_weights(model, *states[:2])
        history["epoch_weights"] = ("replicate", "epoch", "parameter"), outcome.weights


def _check_memory(run: Settings, parameters: int, dtype: str) -> None:
    # Beside what is kept: initial and current weights, optimizer state, and joining of groups,
    # measured as six to seven sets of weights.
    kept = {"none": 0, "final": 1, "epochs": 2 * (run.epochs + 1)}[run.keep_weights]
    needed = (7 + kept) * run.replicates * parameters * np.dtype(dtype).itemsize
    free = psutil.virtual_memory().available
    if needed > free:
        raise ValueError(
            f"replicates, keep_weights: expected the weights to fit into the {free / 1e9:.1f} GB "
            f"of free memory, received {run.replicates} replicates of {parameters} weights over "
            f"{run.epochs} epochs, which need {needed / 1e9:.1f} GB with {run.keep_weights!r}."
        )


def _data(problem: Problem, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return training and test samples as one array, and their labels."""
    x = np.concatenate([problem.x_train, problem.x_test], dtype=dtype)
    return x, np.concatenate([problem.y_train, problem.y_test], dtype="int32", casting="same_kind")
