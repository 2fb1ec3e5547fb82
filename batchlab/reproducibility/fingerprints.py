"""Runs whose numbers tell whether a machine computes what others do: the tutorial's, and more."""

import functools
import hashlib
import os
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import numpy as np
import xarray as xr

from batchlab.costs.machine import machine_report
from batchlab.engine.weights import Build
from batchlab.foundation.backend import keras
from batchlab.foundation.files import replacing
from batchlab.histories.metrics import METRICS
from batchlab.models.networks import PRECISIONS, convnet, mlp, output_layer
from batchlab.problems.blobs import blobs
from batchlab.problems.datasets import digits
from batchlab.problems.problem import Problem, from_arrays
from batchlab.training.fit import fit
from batchlab.training.fit_each import runs_at, side_by_side

EPOCHS = 200
REPLICATES = 8

# In the last one a change of the last bit grows until nothing is left of the run that it was
# (notebook 10): other machines need not agree there.
BATCH_SIZES = (500, 32, 4, 1, 1)
RATES = (0.01, 0.01, 0.01, 0.001, 0.01)
CHAOTIC = "1 at 0.01"
TUTORIAL = tuple(
    f"{size} at {rate:g}" for size, rate in zip(BATCH_SIZES, RATES, strict=True)
)  # as `runs_at` names them


def fingerprint(
    *, epochs: int = EPOCHS, device: str | None = None, threads: int | None = None
) -> xr.Dataset:
    """Return the published runs, to be compared with those of other machines.

    The tutorial's five; and those in which processors were seen to round otherwise before that was
    mended: float32, RMSprop, Adam at a high rate, a normalized and a convolutional model.

    Parameters
    ----------
    epochs : int, default 200
        Fewer are the beginning of the same histories.
    device, threads
        As in `batchlab.fit`. No number depends on the threads.

    Returns
    -------
    xarray.Dataset
        The six metrics of a history, each float64 of dimensions (run, replicate, epoch), with
        eight replicates.

    Raises
    ------
    TypeError, ValueError
        If `fit` refuses an argument.

    Examples
    --------
    >>> import batchlab as bl
    >>> dict(bl.fingerprint(epochs=2).sizes)
    {'run': 14, 'replicate': 8, 'epoch': 2}
    """
    histories = {
        name: fit(
            build,
            problem,
            **run,
            epochs=epochs,
            replicates=REPLICATES,
            device=device,
            threads=threads,
            keep_weights="none",
        )
        for name, build, problem, run in _runs()
    }
    study = side_by_side(histories)
    values = study[list(METRICS)].transpose("run", "replicate", "epoch").reset_coords(drop=True)
    values.attrs = {
        name: value
        for name, value in study.attrs.items()
        if name in ("device", "threads") or name.endswith("_version")
    }
    values.attrs["machine"] = "\n".join(machine_report())
    return values


def _runs() -> Iterator[tuple[str, Build, Problem, Mapping[str, Any]]]:
    """Return name, builder, problem and settings of each run."""
    tutorial, optimizers = blobs(), keras.optimizers
    for name, run in runs_at(BATCH_SIZES, RATES).items():
        yield name, mlp, tutorial, run
    yield (
        "Adam, 32 at 1",
        mlp,
        tutorial,
        {"batch_size": 32, "optimizer": optimizers.Adam(1.0)},
    )
    for dtype in PRECISIONS:
        plain, normalized, images = (
            functools.partial(build, dtype=dtype)
            for build in (mlp, _normalized, functools.partial(convnet, filters=[4]))
        )
        if dtype != "float64":
            for size in (500, 32):
                yield f"{size} at 0.01, {dtype}", plain, tutorial, {"batch_size": size}
        rmsprop = {"batch_size": 32, "optimizer": optimizers.RMSprop(0.01)}
        steep = {"batch_size": 20, "optimizer": optimizers.SGD(0.1, momentum=0.9)}
        yield f"RMSprop, 32 at 0.01, {dtype}", plain, tutorial, rmsprop
        yield f"normalized, 50 at 0.01, {dtype}", normalized, tutorial, {"batch_size": 50}
        yield f"convolutional, 20 at 0.1, {dtype}", images, _image_problem(), steep


def _normalized(problem: Problem, *, dtype: str) -> keras.Model:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(problem.feature_shape, dtype=dtype),
            layers.Dense(16, dtype=dtype),
            layers.BatchNormalization(dtype=dtype),
            layers.ReLU(dtype=dtype),
            output_layer(problem, dtype=dtype),
        ]
    )


def _image_problem() -> Problem:
    """Return 40 digits to train on and 40 to test, as images: replicates train one by one."""
    whole = digits()
    parts = (whole.x_train, whole.y_train), (whole.x_test, whole.y_test)
    pairs = [(x[:40].reshape(-1, 8, 8, 1), y[:40]) for x, y in parts]
    return from_arrays(*pairs[0], *pairs[1], name="digits as images")


def digests(printed: xr.Dataset) -> dict[str, dict[str, str]]:
    """Return the SHA-256 of each run's metrics.

    Parameters
    ----------
    printed : xarray.Dataset
        From `fingerprint`.

    Returns
    -------
    dict of str to dict of str to str
        By run and metric: of the float64 values, little-endian, replicate by replicate.
    """
    return {
        run: {
            metric: hashlib.sha256(
                printed[metric].sel(run=run).to_numpy().astype("<f8").tobytes()
            ).hexdigest()
            for metric in METRICS
        }
        for run in printed["run"].to_numpy().tolist()
    }


def published_fingerprint() -> xr.Dataset:
    """Return the fingerprint that this version of the library holds.

    Returns
    -------
    xarray.Dataset
        As from `fingerprint`; the attributes say what machine it comes from.

    Raises
    ------
    ValueError
        If its values do not have the digests that are stored beside them.

    Examples
    --------
    >>> import batchlab as bl
    >>> published = bl.published_fingerprint()
    >>> dict(published.sizes)
    {'run': 14, 'replicate': 8, 'epoch': 200}
    >>> published["run"].values.tolist()[:5]
    ['500 at 0.01', '32 at 0.01', '4 at 0.01', '1 at 0.001', '1 at 0.01']
    """
    with (
        resources.as_file(resources.files("batchlab.reproducibility") / "fingerprint.nc") as path,
        xr.open_dataset(path, engine="h5netcdf") as stored,
    ):
        found = stored.load()
    sealed = found["sha256"].to_series().unstack("metric").to_dict("index")
    found = found.drop_vars(["sha256", "metric"])
    if sealed != digests(found):
        raise ValueError(
            "batchlab/fingerprint.nc: expected the values that its digests are of, found others."
        )
    return found


def write_fingerprint(printed: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """Write a fingerprint with its digests as netCDF, whole or not at all.

    Parameters
    ----------
    printed : xarray.Dataset
        From `fingerprint`.
    path : path

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import xarray as xr
    >>> import batchlab as bl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "fingerprint.nc"
    ...     bl.write_fingerprint(bl.published_fingerprint(), path)
    ...     "sha256" in xr.load_dataset(path)
    True
    """
    rows = [list(each.values()) for each in digests(printed).values()]
    sealed = printed.assign_coords(metric=list(METRICS))
    sealed["sha256"] = ("run", "metric"), np.array(rows, dtype=object)
    # Accuracies are few different values, which pack better with their bytes together.
    packed = {
        name: {"zlib": True, "complevel": 9, "shuffle": name.endswith("loss"), "chunksizes": shape}
        for name, shape in ((name, printed[name].shape) for name in METRICS)
    }
    with replacing(path) as part:
        sealed.to_netcdf(part, engine="h5netcdf", encoding=packed)
