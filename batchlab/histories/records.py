"""What histories and sweeps have in common: records of metrics, settings, and what was spent.

Imports neither TensorFlow nor Keras. A history has dimensions (replicate, record), a study, which
is what `batchlab.sweep` returns, (grid…, replicate, record). The record dimension is `epoch`,
`update` or `sample`.
"""

from typing import cast

import numpy as np
import xarray as xr

RECORDS = ("epoch", "update", "sample")
BUDGETS = (*RECORDS, "second")
LOSSES = ("loss", "train_loss", "val_loss")


def record_dimension(history: xr.Dataset) -> str:
    """Return the dimension along which metrics were recorded: "epoch", "update" or "sample"."""
    (found,) = set(RECORDS) & set(history["val_loss"].dims)
    return found


def grid_dimensions(study: xr.Dataset) -> tuple[str, ...]:
    """Return the dimensions that were swept, in the order of `val_loss`; none for a history."""
    dims = map(str, study["val_loss"].dims)
    return tuple(name for name in dims if name not in ("replicate", *RECORDS))


def has_setting(study: xr.Dataset, name: str) -> bool:
    """Return whether a history or study says anything of a setting."""
    return name in study.variables or name in study.attrs


def setting(study: xr.Dataset, name: str) -> xr.DataArray:
    """Return a setting of a history or study, wherever it is kept.

    Parameters
    ----------
    study : xarray.Dataset
        From `batchlab.sweep` or `batchlab.fit`.
    name : str
        Such as "batch_size", "n_classes" or "training_seconds".

    Returns
    -------
    xarray.DataArray
        Of those grid dimensions on which the setting depends: none if it is the same everywhere.

    Raises
    ------
    KeyError
        If there is no such setting.
    """
    if name in study.variables:
        return study[name].reset_coords(drop=True)
    return xr.DataArray(study.attrs[name])


def held_out(*histories: xr.Dataset) -> str:
    """Return what `val_` is measured on in histories: "test", "validation", or both of them."""
    found = [
        np.ravel(setting(history, "held_out")) if has_setting(history, "held_out") else ["test"]
        for history in histories
    ]
    # Cells of a problem without a validation part may say nothing.
    names = {"validation" if name == "validation" else "test" for some in found for name in some}
    return " or ".join(sorted(names)) or "test"


def batch_size_in_words(history: xr.Dataset) -> str:
    """Return the batch size of a history: "32", or "8 to 500" for a schedule."""
    sizes = np.ravel(setting(history, "batch_size"))
    return str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"


def finite(history: xr.Dataset) -> xr.DataArray:
    """Return in which records all losses are finite.

    Parameters
    ----------
    history : xarray.Dataset
        From `batchlab.fit` or `batchlab.sweep`.

    Returns
    -------
    xarray.DataArray of bool, dimensions (grid…, replicate, record)
    """
    losses = history[list(LOSSES)].reset_coords(drop=True).to_array()
    dims = *grid_dimensions(history), "replicate", record_dimension(history)
    return cast(xr.DataArray, np.isfinite(losses)).all("variable").transpose(*dims)


def seconds_per_replicate(history: xr.Dataset) -> float | xr.DataArray:
    """Return the training time of a history divided by its replicates, compiling left out.

    Parameters
    ----------
    history : xarray.Dataset
        From `batchlab.fit` or `batchlab.sweep`.

    Returns
    -------
    float, or for a study xarray.DataArray of its grid dimensions
        Seconds. Replicates are trained side by side, so one alone takes longer than this.

    Examples
    --------
    >>> import batchlab as bl
    >>> history = bl.fit(bl.mlp, bl.blobs(), batch_size=500, epochs=2, replicates=3)
    >>> bl.seconds_per_replicate(history) == history.attrs["training_seconds"] / 3
    True
    >>> study = bl.sweep(bl.mlp, bl.blobs(), batch_size=[32, 500], epochs=2, replicates=3)
    >>> bl.seconds_per_replicate(study).dims
    ('batch_size',)
    """
    seconds = setting(history, "training_seconds").astype("float64") / history.sizes["replicate"]
    return seconds if seconds.ndim else float(seconds)


def spent(history: xr.Dataset, budget: str) -> xr.DataArray:
    """Return how much of a budget a replicate has spent by each record.

    Parameters
    ----------
    history : xarray.Dataset
        From `batchlab.fit` or `batchlab.sweep`.
    budget : {"epoch", "update", "sample", "second"}
        Seconds are those of `seconds_per_replicate`, shared out evenly over the updates, also where
        a schedule makes some of them larger.

    Returns
    -------
    xarray.DataArray of float, dimensions (grid…, record)
        Without the grid dimensions on which it does not depend.
    """
    name = "update" if budget == "second" else budget
    if name == "sample" and "samples_seen" in history.variables:
        name = "samples_seen"  # `sample` is where samples were to be compared
    found = history[name].reset_coords(drop=True).astype("float64")
    if budget == "second":
        whole = (
            setting(history, "updates")
            if has_setting(history, "updates")
            else found.isel({record_dimension(history): -1}, drop=True)
        )
        share = found / whole
        return share * seconds_per_replicate(history)
    return found
