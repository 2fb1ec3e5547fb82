"""`fit`: train replicates of a Keras model and return their histories."""

import os
from collections.abc import Sequence

import xarray as xr

from batchlab.engine.batch_sizes import BatchSize
from batchlab.engine.optimizers import settings_of
from batchlab.engine.settings import checked_settings
from batchlab.engine.weights import Build
from batchlab.foundation.backend import keras
from batchlab.problems.problem import Problem
from batchlab.training.grid import Cell
from batchlab.training.store import Keys, Store


def fit(
    build: Build,
    problem: Problem,
    *,
    batch_size: BatchSize,
    epochs: int | None = None,
    updates: int | None = None,
    records: int | Sequence[int] | None = None,
    optimizer: keras.optimizers.Optimizer | None = None,
    loss: keras.losses.Loss | None = None,
    replicates: int = 1,
    seed: int = 0,
    weight_seeds: Sequence[int] | None = None,
    order_seeds: Sequence[int] | None = None,
    keep_weights: str = "final",
    device: str | None = None,
    threads: int | None = None,
    train_samples: int | None = None,
    store: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Train replicates of a Keras model that differ only in their seed.

    The same as ``keras.Model.fit`` on each of them, in one compiled program. Replicate r starts
    from the weights that Keras gives after ``keras.utils.set_random_seed(seed + r)`` and sees the
    data in the order ``shuffle_orders(n_train, epochs, seed=seed, replicate=r)``; its numbers do
    not depend on the replicates beside it, nor on the number of threads, nor on how often it is
    recorded.

    Parameters
    ----------
    build : callable
        Problem -> keras.Model, not compiled; `mlp` is one.
    problem : Problem
    batch_size : int, "full" or callable
        Samples per update, 1 to n_train; "full" is n_train. If it does not divide n_train, the
        last update of an epoch is on the samples that are left. Or a schedule: a function of the
        epoch, counted from 0 as Keras's LearningRateScheduler counts it, that returns one of the
        others. Each size that occurs is a program to compile.
    epochs : int
        Passes over the training samples, at least 1.
    updates : int
        Instead of `epochs`: changes of the weights, at least 1; the last epoch may stay unfinished.
    records : int, sequence of int or None
        How many records of the metrics, equally far apart; or the updates after which to take
        them. The last update is always recorded. None is the end of each epoch, or with `updates`
        100 records (fewer if there are fewer updates).
    optimizer : keras.optimizers.Optimizer or None
        Its settings are copied, the object is left alone. None is the tutorial's:
        ``SGD(0.01, momentum=0.9)``.
    loss : keras.losses.Loss or None
        None is the cross-entropy for the probabilities that the model returns, or the mean squared
        error of a regression.
    replicates : int
        How many, at least 1.
    seed : int
        Of the first replicate, 0 to 2**32 - replicates.
    weight_seeds, order_seeds : sequence of int or None
        In place of ``seed + r``: what each replicate's initial weights (and dropout), or its
        orders, are drawn with. Equal seeds share them.
    keep_weights : {"final", "epochs", "none"}
        Which weights the result holds. "epochs" is all of them, from the initial ones on.
    device : {"cpu", "gpu"} or None
        None is what the variable BATCHLAB_DEVICE says, else a GPU if TensorFlow sees one, else the
        CPU.
    threads : int or None
        How many groups of replicates are trained side by side; None is one for each core that
        this process may use, or one on a GPU.
    train_samples : int or None
        How many of the training samples, from the first on, `train_loss` and its like are measured
        on; None is all of them. Of large data a few thousand save most of the time of a record.
    store : path or None
        A folder that keeps the history, and from which the same history is taken later, also as a
        cell of a `sweep`, and the reverse; see there.
    progress : bool or None
        None shows progress where somebody watches: in a terminal or an open notebook.

    Returns
    -------
    xarray.Dataset
        Variables of dimensions (replicate, epoch): `loss` and `accuracy`, the means over the
        epoch's updates that Keras reports; `val_loss` and `val_accuracy` on the validation samples
        if the problem has some, else on the test samples, and `train_loss` and `train_accuracy` on
        the training samples, after the epoch. Of a regression each accuracy is replaced by the
        mean absolute error, as in `val_mean_absolute_error`. With `updates`
        or `records` the dimensions are (replicate, update), and the means are over the samples
        since the record before. Coordinates along either: `epoch` (passes over the training
        samples), `update` and `sample`, made and seen by then. `weights` (replicate, parameter),
        in the order of ``model.get_weights()``; with ``keep_weights="epochs"`` also
        `initial_weights` and, at each record, `epoch_weights` (replicate, epoch or update,
        parameter). Each replicate has a coordinate `seed`, or `weight_seed` and `order_seed`; with
        a schedule each record has one `batch_size`. The attributes hold the settings, the seconds
        of compiling and of training all replicates, and the versions.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above, or both or neither of `epochs` and `updates` are
        given; the sentence names it, the range and the value.
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
        problem,
        batch_size=batch_size,
        epochs=epochs,
        updates=updates,
        records=records,
        replicates=replicates,
        seed=seed,
        weight_seeds=weight_seeds,
        order_seeds=order_seeds,
        keep_weights=keep_weights,
        device=device,
        threads=threads,
        train_samples=train_samples,
    )
    cell = Cell((), build, problem, run, settings_of(optimizer), loss, model="")
    training = cell.training()

    def trained() -> xr.Dataset:
        return training.train(training.ready(show_progress=progress), show_progress=progress)

    if store is None:
        return trained()
    return Store(store).found_or(trained, key=Keys().of(cell, training))
