"""What the models put out whose weights are kept."""

import numpy as np
import xarray as xr

from batchlab.dynamics.kept_weights import kept_weights
from batchlab.engine.weights import Build, n_outputs
from batchlab.foundation.checks import choice, shown
from batchlab.problems.problem import Problem

PARTS = ("train", "validation", "test")


def predictions(
    build: Build,
    problem: Problem,
    history: xr.Dataset,
    *,
    part: str = "test",
    samples: np.ndarray | None = None,
) -> xr.DataArray:
    """Return the predictions of every replicate, in every record whose weights are kept.

    Parameters
    ----------
    build, problem, history
        As in `gradient_noise`.
    part : {"train", "validation", "test"}
        Of which of the problem's samples.
    samples : ndarray of shape (n_samples, *feature_shape) or None
        Others, in their place.

    Returns
    -------
    xarray.DataArray, dimensions (grid…, replicate, record…, sample, class)
        Class probabilities; of a regression predicted targets along a dimension `target` in place
        of `class`. NaN for weights that are not finite. A model of two classes with one output
        gives the probability of class 1, and 1 less that for class 0.

    Raises
    ------
    TypeError, ValueError
        If the history holds no weights or those of another model, or `part` or the shape of the
        samples is another.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> history = bl.fit(bl.mlp, problem, batch_size=32, epochs=2, replicates=3)
    >>> bl.predictions(bl.mlp, problem, history).shape
    (3, 500, 3)
    """
    choice("part", part, PARTS)
    kept = kept_weights(build, problem, history, measured=False)
    x = {"train": problem.x_train, "validation": problem.x_validation, "test": problem.x_test}[part]
    if x is None:
        raise ValueError(
            "part: expected 'train' or 'test' of a problem without validation samples, received "
            f"{part!r}."
        )
    if samples is not None:
        x = np.asarray(samples)
        if x.ndim == 0 or len(x) == 0 or x.shape[1:] != problem.feature_shape:
            raise ValueError(
                f"samples: expected an array of shape (n_samples, "
                f"{', '.join(map(str, problem.feature_shape))}), received shape {shown(x.shape)}."
            )
    outputs = n_outputs(kept.surface.surface.model, problem)
    values = kept.surface.predict(kept.rows, x, outputs)
    if outputs == 1 and problem.n_classes is not None:
        values = np.concatenate([1 - values, values], axis=-1)
    weights = kept.weights.isel(parameter=0, drop=True)
    return xr.DataArray(
        values.reshape(*weights.shape, *values.shape[1:]),
        dims=(*weights.dims, "sample", "target" if problem.n_classes is None else "class"),
        coords=weights.coords,
    )
