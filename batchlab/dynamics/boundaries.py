"""What trained models believe of the plane of two features, as training goes."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from batchlab.dynamics.outputs import predictions
from batchlab.engine.weights import Build
from batchlab.foundation.checks import shown, whole_number
from batchlab.problems.plane import plane_grid
from batchlab.problems.problem import Problem, check_classification


def decision_boundaries(
    build: Build,
    problem: Problem,
    histories: Mapping[str, xr.Dataset],
    *,
    replicate: int = 0,
    resolution: int = 100,
) -> xr.Dataset:
    """Return the class probabilities over the plane in every record of some histories.

    Parameters
    ----------
    build : callable
        The function that `fit` was given.
    problem : Problem
        The problem that it was given, with two features.
    histories : mapping of str to xarray.Dataset
        From `fit`, or a cell of a sweep, with ``keep_weights="epochs"``, by the name that each is
        to have. Choose records with ``history.sel(epoch=[1, 2, 5])``, the same for all.
    replicate : int
        Which one, as its coordinate `replicate` has it.
    resolution : int
        Points along each feature, at least 2.

    Returns
    -------
    xarray.Dataset
        `probability` (history, record, point, class), where the points are those of a square grid
        over the samples, row by row; `accuracy` (history, record) on the test samples.

    Raises
    ------
    TypeError, ValueError
        If the problem is a regression or has other than two features, there are no histories, they
        do not hold such a replicate or the weights of records, or those of different records.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> history = bl.fit(bl.mlp, problem, batch_size=32, epochs=2, keep_weights="epochs")
    >>> found = bl.decision_boundaries(bl.mlp, problem, {"32": history}, resolution=10)
    >>> found["probability"].shape
    (1, 3, 100, 3)
    """
    check_classification(problem, "decision boundaries")
    resolution = whole_number("resolution", resolution, minimum=2)
    if problem.feature_shape != (2,):
        raise ValueError(
            f"problem: expected samples with 2 features to draw, received {problem.feature_shape}."
        )
    if isinstance(histories, xr.Dataset) or not isinstance(histories, Mapping) or not histories:
        raise TypeError(
            "histories: expected at least one history by name, such as {'batch size 8': history}, "
            f"received {'none' if histories == {} else 'a ' + type(histories).__name__}."
        )
    _, _, points = plane_grid(problem, resolution)
    found = [
        _believed(build, problem, name, history, replicate, points)
        for name, history in histories.items()
    ]
    records = [one["probability"].dims[0] for one in found]
    if len(set(records)) > 1 or any(
        not np.array_equal(one[records[0]], found[0][records[0]]) for one in found
    ):
        raise ValueError(
            "histories: expected the same records in all, received "
            + " and ".join(
                shown(one[record].values.tolist())
                for one, record in zip(found, records, strict=True)
            )
            + "."
        )
    names = xr.DataArray(list(histories), dims="history", name="history")
    return xr.concat(found, names, coords="minimal", compat="override")


def _believed(build, problem, name, history, replicate, points) -> xr.Dataset:
    """Return probabilities and accuracy of one replicate, along its records."""
    labels = np.atleast_1d(history["replicate"].to_numpy()).tolist()
    if replicate not in labels:
        raise ValueError(
            f"replicate: expected one of those in {name!r}, {shown(labels)}, received "
            f"{shown(replicate)}."
        )
    if "replicate" in history.dims:
        history = history.sel(replicate=[replicate])
    probability = predictions(build, problem, history, samples=points)
    tested = predictions(build, problem, history)
    if probability.ndim != 4:
        raise ValueError(
            f"histories: expected the weights of records of one training in {name!r}, received "
            f"weights of dimensions {', '.join(map(str, probability.dims[:-2]))}."
        )
    believed = tested.argmax("class", skipna=False)
    right = (believed == xr.DataArray(problem.y_test, dims="sample")).mean("sample")
    found = xr.Dataset({"probability": probability.rename(sample="point"), "accuracy": right})
    return found.isel(replicate=0).reset_coords(drop=True)
