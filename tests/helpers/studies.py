"""Studies made by hand: what statistics and figures make of them can be computed."""

import itertools

import numpy as np
import xarray as xr

NAMES = ["loss", "accuracy", "val_loss", "val_accuracy", "train_loss", "train_accuracy"]


def study_of(grid, *, replicates=6, records=8, record="epoch", n_train=500, seed=0):
    """Return a study of random numbers over a grid, a dict of dimensions to coordinates."""
    generator = np.random.default_rng(seed)
    shape = [len(values) for values in grid.values()]
    dims = [*grid, "replicate", record]
    sizes = np.asarray(grid.get("batch_size", [32]), float)
    per_epoch = np.ceil(n_train / sizes)
    index = np.arange(1, records + 1)
    if record == "epoch":
        update, sample, epoch = np.outer(per_epoch, index), n_train * index, index
        spent = {"update": (("batch_size", record), update), "sample": (record, sample)}
    else:  # updates held fixed
        epoch = index / per_epoch[:, None]
        spent = {
            "epoch": (("batch_size", record), epoch),
            "sample": (("batch_size", record), epoch * n_train),
        }
    if "batch_size" not in grid:
        spent = {
            name: (record, values[0] if np.ndim(values) == 2 else values)
            for name, (_, values) in spent.items()
        }
    study = xr.Dataset(
        {name: (dims, generator.random((*shape, replicates, records)).round(3)) for name in NAMES},
        coords={
            **{name: list(values) for name, values in grid.items()},
            "replicate": np.arange(replicates),
            "seed": ("replicate", np.arange(replicates) + 7),
            record: index,
            **spent,
        },
        attrs={
            "problem": "random",
            "n_train": n_train,
            "n_classes": 4,
            "bayes_train_accuracy": 0.9,
            "bayes_test_accuracy": 0.95,
        },
    )
    for name in ("training_seconds", "compile_seconds"):
        if grid:
            study[name] = tuple(grid), generator.random(shape) + 0.5
        else:
            study.attrs[name] = 3.0
    return study


def as_regression(study, **attributes):
    """Return the same numbers as those of a regression: errors in place of accuracies."""
    names = {name: name.replace("accuracy", "mean_absolute_error") for name in NAMES}
    study = study.rename_vars(names)
    kept = {"problem": study.attrs["problem"], "n_train": study.attrs["n_train"]}
    kept |= {name: study.attrs[name] for name in study.attrs if name.endswith("_seconds")}
    study.attrs = kept | {"task": "regression", "loss_function": "MeanSquaredError"} | attributes
    return study


def cells_of(study, grid):
    """Return (place, cell) for each cell, place a dict of integer positions."""
    ranges = [range(study.sizes[name]) for name in grid]
    for places in itertools.product(*ranges):
        place = dict(zip(grid, places, strict=True))
        yield place, study.isel(place)


def lose(study, first_records, *, value=np.nan):
    """Return a copy without losses from a record on, by (*cell, replicate)."""
    study = study.copy(deep=True)
    for place, record in first_records.items():
        for name in ("loss", "train_loss", "val_loss"):
            study[name][(*place, slice(record, None))] = value
    return study
