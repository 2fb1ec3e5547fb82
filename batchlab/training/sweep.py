"""`sweep`: train over a grid of settings and return one dataset with a dimension for each."""

import os
from collections.abc import Mapping, Sequence
from contextlib import closing

import joblib
import xarray as xr

from batchlab.engine.optimizers import stateless_optimizer
from batchlab.engine.training import Training
from batchlab.engine.weights import Build
from batchlab.foundation.backend import keras
from batchlab.foundation.progress import progress_bar, ticking
from batchlab.histories.studies import study_of
from batchlab.problems.problem import Problem
from batchlab.training.axes import SweptBatchSize, SweptRate
from batchlab.training.cells import elsewhere, train_elsewhere, train_here
from batchlab.training.grid import Cell, Grid, grid_of
from batchlab.training.store import Keys, Store


def sweep(
    build: Build | Mapping[str, Build],
    problem: Problem | Mapping[str, Problem],
    *,
    batch_size: SweptBatchSize,
    epochs: int | None = None,
    updates: int | None = None,
    samples: int | None = None,
    records: int | Sequence[int] | None = None,
    learning_rate: SweptRate | None = None,
    optimizer: keras.optimizers.Optimizer | Mapping[str, keras.optimizers.Optimizer] | None = None,
    loss: keras.losses.Loss | Mapping[str, keras.losses.Loss] | None = None,
    replicates: int = 1,
    seed: int = 0,
    weight_seeds: Sequence[int] | None = None,
    order_seeds: Sequence[int] | None = None,
    keep_weights: str = "none",
    device: str | None = None,
    threads: int | None = None,
    train_samples: int | None = None,
    n_jobs: int | None = None,
    store: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    **settings: Sequence | Mapping[str, object],
) -> xr.Dataset:
    """Train replicates at each cell of a grid of settings.

    Each cell is what `fit` returns for its settings. Replicate r has the same initial weights and,
    epoch by epoch, the same order of samples in all cells that have the model and the number of
    training samples in common, so that differences between cells are paired (see `compare`).

    Parameters
    ----------
    build : callable, or mapping of str to callable
        As in `fit`, or several by name: a dimension `build`.
    problem : Problem, or mapping of str to Problem
        Likewise: a dimension `problem`.
    batch_size : int, "full" or callable; sequence of the first two, or mapping of str to any
        As in `fit`. Several in a sequence are a dimension `batch_size`. A mapping holds schedules
        by name, each a function of the epoch or a size that stays: a dimension `schedule`, and
        the sizes are the coordinate `batch_size`.
    epochs, updates, samples : int
        What is held fixed, one of the three. With `updates`, or `samples`, every cell is recorded
        at the same numbers of updates, or samples, which then is the dimension instead of `epoch`.
        A record is taken after an update, so it may be late by less than a batch of samples:
        `samples_seen` says how many they were.
    records : int, sequence of int or None
        With `updates` or `samples`: how many records, equally far apart, or where. None is 100.
    learning_rate : float, sequence of float, mapping of str to float or callable, or None
        In place of the optimizer's own. Several are a dimension `learning_rate`. A mapping holds
        rules by name, each a rate or a function batch size -> rate (see `scaled_rates`): a
        dimension `rule`, and the rates are the variable `learning_rate`.
    optimizer : keras.optimizers.Optimizer, mapping of str to them, or None
        As in `fit`, or several by name: a dimension `optimizer`.
    loss : keras.losses.Loss, mapping of str to them, or None
        Likewise: a dimension `loss_function`.
    replicates, seed, weight_seeds, order_seeds, device, train_samples
        As in `fit`, for every cell.
    keep_weights : {"none", "final", "epochs"}
        As in `fit`; other than "none" needs models of one size.
    threads : int or None
        Side by side in each cell. None is one for each core, or one if `n_jobs` is given.
    n_jobs : int or None
        How many cells to train at a time, each in a process of its own and on one core; -1 is one
        for each core; 1 is this process, on one core. None is this process on all its cores, or
        what ``joblib.parallel_config`` around the call says: with ``backend="dask"`` the cells go
        to the Dask cluster of the current ``distributed.Client``. Numbers are the same.
    store : path or None
        A folder that keeps each finished cell, and from which the same cell is taken later. A cell
        is the same if the settings, the model, the data, the versions of batchlab, TensorFlow,
        Keras and NumPy, and the kind of device are.
    progress : bool or None
        None shows cells done and left, and the time it will take, where somebody watches.
    **settings : sequence, or mapping of str to value
        Values of any setting of the optimizer (``momentum=[0.0, 0.9]``) or keyword of `build`
        (``hidden_units=[(10,), (50,)]``): a dimension of that name.

    Returns
    -------
    xarray.Dataset
        The variables of `fit` with the grid's dimensions in front: `batch_size` or `schedule`,
        `learning_rate` or `rule`, `optimizer`, `problem`, `build`, `loss_function`, then those of
        `settings`, as far as they have several values; then `replicate` and `epoch`.
        `compile_seconds` and `training_seconds` of each cell along all of the grid's dimensions;
        settings that differ between cells along those that they depend on; settings common to all
        as attributes.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above; before anything is trained.
    OSError
        If `store` cannot be written to.
    RuntimeError
        If worker processes keep dying. What was finished is in the store.

    Warns
    -----
    UserWarning
        If a file in `store` is damaged or foreign. It is computed again.

    Notes
    -----
    On a GPU leave `n_jobs` at None: one process fills it.

    Examples
    --------
    >>> import batchlab as bl
    >>> study = bl.sweep(bl.mlp, bl.blobs(), batch_size=[32, 500], epochs=2, replicates=3)
    >>> study["val_accuracy"].dims
    ('batch_size', 'replicate', 'epoch')
    """
    remote = elsewhere(n_jobs)
    on_one_core = remote or n_jobs == 1
    grid = grid_of(
        build,
        problem,
        batch_size=batch_size,
        learning_rate=learning_rate,
        optimizer=optimizer,
        loss=loss,
        settings=settings,
        epochs=epochs,
        updates=updates,
        samples=samples,
        records=records,
        replicates=replicates,
        seed=seed,
        weight_seeds=weight_seeds,
        order_seeds=order_seeds,
        keep_weights=keep_weights,
        device=device,
        threads=1 if on_one_core and threads is None else threads,
        train_samples=train_samples,
    )
    trainings = _trainings(grid)
    kept = Store(store) if store is not None else None
    keys = {}
    histories = {}
    if kept:
        told = Keys()
        keys = {cell.place: told.of(cell, trainings[_made(cell)]) for cell in grid.cells}
        stored = {place: kept.read(key) for place, key in keys.items()}
        histories = {place: history for place, history in stored.items() if history is not None}
    left = [cell for cell in grid.cells if cell.place not in histories]
    if remote:
        finished = train_elsewhere(left, n_jobs=n_jobs)
    else:
        finished = train_here(left, cores=1 if n_jobs == 1 else joblib.cpu_count())
    bar = progress_bar(
        len(grid.cells), unit="cell", description="sweep", show=progress, done=len(histories)
    )
    with bar, ticking(bar), closing(finished):
        for cell, history in finished:
            if kept:
                kept.write(keys[cell.place], history)
            histories[cell.place] = history
            bar.update()
    return _study(grid, histories)


def _study(grid: Grid, histories: dict[tuple[int, ...], xr.Dataset]) -> xr.Dataset:
    in_order = [histories[cell.place] for cell in grid.cells]
    return study_of(grid.axes, in_order, held=grid.held, samples=grid.samples)


def _made(cell: Cell) -> tuple:
    return cell.model, id(cell.loss)


def _trainings(grid: Grid) -> dict[tuple, Training]:
    """Return a training for each model of the grid, so that a bad one is found at once.

    Raises
    ------
    TypeError, ValueError
        If a model cannot be trained, or not by an optimizer, or weights of several sizes are to
        be kept.
    """
    trainings, optimizers = {}, set()
    for cell in grid.cells:
        made = _made(cell)
        if made not in trainings:
            trainings[made] = cell.training()
        if cell.optimizer[0] not in optimizers:
            variables = trainings[made].model.trainable_variables
            stateless_optimizer(*cell.optimizer, variables, variables[0].dtype)
            optimizers.add(cell.optimizer[0])
    sizes = {training.model.count_params() for training in trainings.values()}
    keep = grid.cells[0].run.keep_weights
    if keep != "none" and len(sizes) > 1:
        raise ValueError(
            f"keep_weights: expected 'none' for models of several sizes, received {keep!r} for "
            f"models of {' and '.join(map(str, sorted(sizes)))} weights."
        )
    return trainings
