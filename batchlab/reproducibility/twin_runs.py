"""The same run twice, with initial weights that differ in their last bit, in two precisions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import xarray as xr

from batchlab.engine.history import problem_attributes
from batchlab.foundation.backend import keras
from batchlab.foundation.checks import whole_number
from batchlab.histories.metrics import final_metrics
from batchlab.models.named import check_takes_dtype
from batchlab.models.networks import PRECISIONS
from batchlab.problems.problem import Problem
from batchlab.training.fit_each import check_runs
from batchlab.training.sweep import sweep


@dataclass(frozen=True)
class Started:
    """A build whose models start from another's weights, rounded, and perhaps moved by a bit.

    Attributes
    ----------
    build : callable
        Problem, dtype -> keras.Model.
    dtype : str
        Of the model. Its initial weights are those drawn in float64, rounded to it.
    moved : bool
        Whether each weight that is not zero is replaced by the next number above or below.
    """

    build: Callable
    dtype: str
    moved: bool

    def __call__(self, problem: Problem) -> keras.Model:
        """Return the model."""
        model = self.build(problem, dtype="float64")
        weights = [weight.astype(self.dtype) for weight in model.get_weights()]
        if self.dtype != "float64":
            model = self.build(problem, dtype=self.dtype)
        if self.moved:
            up = np.random.default_rng(0)
            weights = [_neighbours(weight, up) for weight in weights]
        model.set_weights(weights)
        return model


def twin_runs(
    build: Callable,
    problem: Problem,
    runs: Mapping[str, Mapping[str, Any]],
    *,
    epochs: int,
    records: int | Sequence[int] = 50,
    **common: Any,
) -> xr.Dataset:
    """Train each run twice, from weights that differ in their last bit, and tell the two apart.

    In float64 and in float32, which start from the same weights (rounded, in float32) and see the
    same orders. The twin's weights are each the next larger or smaller floating point number, at
    random, always the same; biases that start at zero stay there.

    Parameters
    ----------
    build : callable
        Problem -> keras.Model, that takes a keyword `dtype`; `mlp` is one.
    problem : Problem
    runs : mapping of str to mapping
        By name, the batch size and the optimizer of each, as `fit` takes them.
    epochs : int
        Passes over the training samples, at least 1.
    records : int or sequence of int
        How many records, equally far apart; or the samples after which to take them.
    **common
        Further arguments of `sweep`: `replicates`, `seed`, `store`, …

    Returns
    -------
    xarray.Dataset
        Of dimensions (run, dtype, replicate, sample): `distance` between the weights of the two,
        as a part of the weights' norm; and for each of `train_accuracy`, `val_accuracy`,
        `train_loss` and `val_loss` the twin's less the run's own, as `…_change` (of a regression
        `mean_absolute_error` in place of `accuracy`). `start` (run, dtype, replicate) is the
        distance of the initial weights. NaN once one has diverged.

    Raises
    ------
    TypeError, ValueError
        If there are no runs, `build` takes no `dtype`, or `sweep` refuses an argument.

    Examples
    --------
    >>> import batchlab as bl
    >>> runs = {"full batch": {"batch_size": "full"}}
    >>> twins = bl.twin_runs(bl.mlp, bl.blobs(), runs, epochs=2, records=2, replicates=2)
    >>> twins["distance"].shape
    (1, 2, 2, 2)
    """
    check_runs(runs)
    check_takes_dtype(build)
    samples = whole_number("epochs", epochs, minimum=1) * problem.n_train
    builds = {
        f"{dtype}{', moved' * moved}": Started(build, dtype, moved)
        for dtype in PRECISIONS
        for moved in (False, True)
    }
    common |= {"samples": samples, "records": records, "keep_weights": "epochs"}
    studies = [sweep(builds, problem, **run, **common) for run in runs.values()]
    # Runs of other batch sizes make other numbers of updates, and are recorded late by others.
    own = ["update", "samples_seen", "epoch"]
    apart = [_apart(study).drop_vars(own) for study in studies]
    together = xr.concat(apart, xr.Variable("run", list(runs)), coords="minimal")
    together = together.assign_coords(epoch=together["sample"] / problem.n_train)
    return together.assign_attrs(
        problem_attributes(problem), replicates=together.sizes["replicate"]
    )


def _neighbours(weight: np.ndarray, up: np.random.Generator) -> np.ndarray:
    """Return the next number above or below each weight; zeros stay."""
    towards = np.where(up.integers(0, 2, weight.shape), np.inf, -np.inf).astype(weight.dtype)
    return np.where(weight == 0, weight, np.nextafter(weight, towards))


def _apart(study: xr.Dataset) -> xr.Dataset:
    """Return how far the two runs of each precision are apart."""
    parts = []
    for dtype in PRECISIONS:
        own, moved = (study.sel(build=f"{dtype}{end}", drop=True) for end in ("", ", moved"))
        found = {
            "distance": _relative(own["epoch_weights"], moved["epoch_weights"]),
            "start": _relative(own["initial_weights"], moved["initial_weights"]),
        }
        found |= {f"{name}_change": moved[name] - own[name] for name in final_metrics(own)}
        parts.append(xr.Dataset(found))
    return xr.concat(parts, xr.Variable("dtype", list(PRECISIONS)), coords="minimal")


def _relative(own: xr.DataArray, moved: xr.DataArray) -> xr.DataArray:
    with np.errstate(invalid="ignore", over="ignore"):
        return _norm(moved - own) / _norm(own)


def _norm(weights: xr.DataArray) -> xr.DataArray:
    return cast(xr.DataArray, np.sqrt((weights**2).sum("parameter", skipna=False)))
