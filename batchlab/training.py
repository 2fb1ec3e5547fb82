"""`fit`: train replicates of a Keras model and return their histories."""

import json
import math
import os
import platform
import time

import numpy as np
import psutil
import xarray as xr

from batchlab import _version
from batchlab._checks import LARGEST_SEED, choice, whole_number
from batchlab._tensorflow import device_name, floatx, keras, tf
from batchlab.compiling import compiled_program
from batchlab.data import Problem
from batchlab.optimizers import settings_of
from batchlab.program import METRICS, Shape
from batchlab.replicas import Build, flat_weights, initial_variables
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

    Examples
    --------
    >>> import batchlab as bl
    >>> history = bl.fit(bl.mlp, bl.blobs(), batch_size=32, epochs=5, replicates=3)
    >>> history["val_accuracy"].shape
    (3, 5)
    """
    if not isinstance(problem, Problem):
        raise TypeError(f"problem: expected a batchlab Problem, received {problem!r:.80}.")
    batch_size = checked_batch_size(batch_size, problem.n_train)
    epochs = whole_number("epochs", epochs, minimum=1)
    replicates = whole_number("replicates", replicates, minimum=1, maximum=LARGEST_SEED + 1)
    seed = whole_number("seed", seed, minimum=0, maximum=LARGEST_SEED + 1 - replicates)
    choice("keep_weights", keep_weights, ("final", "epochs", "none"))
    place = device_name(device)
    if threads is None:
        threads = len(os.sched_getaffinity(0)) if place == "/CPU:0" else 1
    threads = whole_number("threads", threads, minimum=1)
    settings = settings_of(optimizer)

    seeds = range(seed, seed + replicates)
    model, trainable, non_trainable = initial_variables(build, problem, seeds)
    dtype = model.trainable_variables[0].dtype
    _check_memory(keep_weights, replicates, epochs, model.count_params(), dtype)
    loss = _checked_loss(loss, model, dtype)
    shape = Shape(
        group=replicates,
        batch_size=batch_size,
        n_train=problem.n_train,
        n_test=problem.n_test,
        feature_shape=problem.feature_shape,
        capacity=1,
        block=1,
        keep_weights=keep_weights == "epochs",
        dtype=dtype,
    )
    program, compile_seconds = compiled_program(
        model, loss, settings, shape, replicates=replicates, threads=threads, device=place
    )
    begin = time.perf_counter()
    outcome = train_replicates(
        program,
        _data(problem, dtype),
        trainable,
        non_trainable,
        seeds,
        epochs=epochs,
        threads=threads,
        device=place,
        description=f"batch size {batch_size}",
        show_progress=progress,
    )
    history = _history(outcome, batch_size, problem.n_train, seeds)
    if keep_weights != "none":
        final = flat_weights(model, outcome.trainable, outcome.non_trainable)
        history["weights"] = ("replicate", "parameter"), final
    if keep_weights == "epochs":
        initial = flat_weights(model, trainable, non_trainable)
        history["initial_weights"] = ("replicate", "parameter"), initial
        history["epoch_weights"] = ("replicate", "epoch", "parameter"), outcome.weights
    history.attrs = {
        **_problem_attributes(problem),
        "batch_size": batch_size,
        "epochs": epochs,
        "replicates": replicates,
        "seed": seed,
        "updates_per_epoch": math.ceil(problem.n_train / batch_size),
        **_optimizer_attributes(settings),
        "loss_function": type(loss).__name__,
        "n_parameters": model.count_params(),
        "dtype": dtype,
        "device": place.strip("/").split(":")[0].lower(),
        "threads": threads,
        "compile_seconds": compile_seconds,
        "training_seconds": time.perf_counter() - begin,
        **_versions(),
    }
    return history


def checked_batch_size(batch_size: int | str, n_train: int) -> int:
    """Return the number of samples per update; "full" is all of them.

    Raises
    ------
    TypeError, ValueError
        If it is neither "full" nor a whole number from 1 to n_train.
    """
    if isinstance(batch_size, str) and batch_size == "full":
        return n_train
    try:
        return whole_number("batch_size", batch_size, minimum=1, maximum=n_train)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"batch_size: expected 'full' or a whole number from 1 to {n_train}, the number of "
            f"training samples, received {batch_size!r}."
        ) from None


def _checked_loss(loss, model: keras.Model, dtype: str) -> keras.losses.Loss:
    """Return a copy of the loss whose own arithmetic is in the type of the run."""
    if loss is None:
        one_output = model.output_shape[-1] == 1
        with floatx(dtype):
            losses = keras.losses
            return losses.BinaryCrossentropy() if one_output else losses.CategoricalCrossentropy()
    if not isinstance(loss, keras.losses.Loss):
        raise TypeError(
            "loss: expected a Keras loss such as keras.losses.CategoricalCrossentropy() or None, "
            f"received {loss!r:.80}."
        )
    with floatx(dtype):
        return type(loss).from_config(loss.get_config())


def _check_memory(keep: str, replicates: int, epochs: int, parameters: int, dtype: str) -> None:
    rows = {"none": 0, "final": 1, "epochs": epochs + 2}[keep]
    needed = 2 * replicates * rows * parameters * np.dtype(dtype).itemsize  # once to join groups
    free = psutil.virtual_memory().available
    if needed > free:
        raise ValueError(
            f"keep_weights: expected the weights to fit into the {free / 1e9:.1f} GB of free "
            f"memory; {keep!r} needs {needed / 1e9:.1f} GB for {replicates} replicates, "
            f"{rows} sets of weights each, {parameters} parameters."
        )


def _data(problem: Problem, dtype: str) -> tuple:
    return (
        (problem.x_train.astype(dtype), problem.y_train.astype("int32")),
        (problem.x_test.astype(dtype), problem.y_test.astype("int32")),
    )


def _history(outcome: Outcome, batch_size: int, n_train: int, seeds: range) -> xr.Dataset:
    epoch = np.arange(1, outcome.metrics.shape[1] + 1)
    return xr.Dataset(
        {
            name: (("replicate", "epoch"), outcome.metrics[:, :, column])
            for column, name in enumerate(METRICS)
        },
        coords={
            "replicate": np.arange(len(seeds)),
            "epoch": epoch,
            "seed": ("replicate", np.array(seeds)),
            "update": ("epoch", epoch * math.ceil(n_train / batch_size)),
            "sample": ("epoch", epoch * n_train),
        },
    )


def _problem_attributes(problem: Problem) -> dict:
    attributes = {
        "problem": problem.name,
        "n_train": problem.n_train,
        "n_test": problem.n_test,
        "n_classes": problem.n_classes,
    }
    if problem.bayes_accuracy is not None:
        attributes["bayes_train_accuracy"] = problem.bayes_accuracy.train
        attributes["bayes_test_accuracy"] = problem.bayes_accuracy.test
    return attributes


def _optimizer_attributes(settings: tuple[type, dict]) -> dict:
    optimizer_class, config = settings
    rate = config["learning_rate"]
    given = {name: value for name, value in config.items() if value is not None}
    return {
        "optimizer": optimizer_class.__name__,
        "optimizer_settings": json.dumps(given, sort_keys=True, default=str),
        **({"learning_rate": rate} if isinstance(rate, float) else {}),
    }


def _versions() -> dict:
    return {
        "batchlab_version": _version.__version__,
        "keras_version": keras.__version__,
        "tensorflow_version": tf.__version__,
        "numpy_version": np.__version__,
        "python_version": platform.python_version(),
    }
