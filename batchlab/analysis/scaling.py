"""What a larger batch saves in updates and costs in samples, where that stops, and the noise scale.

Imports neither TensorFlow nor Keras.
"""

from collections.abc import Callable
from typing import cast

import numpy as np
import pandas as pd
import xarray as xr

from batchlab.analysis.critical import complete, interval_of
from batchlab.analysis.intervals import over_replicates
from batchlab.foundation.checks import positive_number, shown, whole_number


def savings(times: xr.Dataset) -> pd.DataFrame:
    """Return what each step to a larger batch saves in updates and costs in samples.

    Parameters
    ----------
    times : xarray.Dataset
        From `batchlab.updates_to_target`. Batch sizes at which a replicate never reached the
        target are left out.

    Returns
    -------
    pandas.DataFrame
        By batch size: `updates`, the mean updates divided by those of the next smaller batch size,
        with its 95 % interval `updates_low` and `updates_high` (bootstrap over the replicates,
        which are paired), and `perfect`, what this would be if updates shrank in proportion;
        `samples`, `samples_low` and `samples_high`: mean samples divided by those of the smallest
        batch size. The first row is where the others start from.

    Raises
    ------
    ValueError
        If `times` is not such a dataset.

    Examples
    --------
    >>> import xarray as xr
    >>> import batchlab as bl
    >>> updates = xr.DataArray(
    ...     [[800, 840], [400, 420], [320, 336]],
    ...     {"batch_size": [8, 16, 32]},
    ...     ["batch_size", "replicate"],
    ... )
    >>> times = xr.Dataset({"update": updates, "sample": updates * updates["batch_size"]})
    >>> bl.savings(times)[["updates", "perfect", "samples"]]
                updates  perfect  samples
    batch_size
    8               1.0      1.0      1.0
    16              0.5      0.5      1.0
    32              0.8      0.5      1.6
    """
    known = complete(times)
    sizes = known["batch_size"].to_numpy()
    before = np.concatenate([sizes[:1], sizes[:-1]])
    columns = {
        **_ratios(
            "updates", known["update"], lambda means: np.concatenate([means[:1], means[:-1]])
        ),
        "perfect": before / sizes,
        **_ratios("samples", known["sample"], lambda means: means[:1]),
    }
    return pd.DataFrame(columns, index=pd.Index(sizes, name="batch_size"))


def _ratios(
    name: str, values: xr.DataArray, reference: Callable[[np.ndarray], np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the columns of mean values divided by those of a reference, with their interval."""
    drawn = values.transpose("batch_size", "replicate").to_numpy()
    if not len(drawn):
        return {f"{name}{end}": np.empty(0) for end in ("", "_low", "_high")}
    found = interval_of(lambda means: means / reference(means), drawn)
    return dict(zip((name, f"{name}_low", f"{name}_high"), found, strict=True))


def stops_helping(saved: pd.DataFrame, *, cost: float = 2.0) -> pd.Series:
    """Return up to which batch size a larger one helps, by three measures.

    Parameters
    ----------
    saved : pandas.DataFrame
        From `savings`.
    cost : float
        In samples, as a multiple of those of the smallest batch size.

    Returns
    -------
    pandas.Series of int
        The largest batch size of which the following holds, and of all smaller ones:
        `perfect_up_to`: the interval of `updates` reaches down to what is perfect;
        `affordable_up_to`: the mean samples are at most `cost` times those of the smallest batch;
        `saving_up_to`: the interval of `updates` is below one, so that the step from the batch
        size before has saved some. Missing where there is no batch size at all.

    Raises
    ------
    TypeError, ValueError
        If `cost` is not a positive number.

    Examples
    --------
    >>> import xarray as xr
    >>> import batchlab as bl
    >>> updates = xr.DataArray(
    ...     [[800, 840], [400, 420], [320, 336]],
    ...     {"batch_size": [8, 16, 32]},
    ...     ["batch_size", "replicate"],
    ... )
    >>> times = xr.Dataset({"update": updates, "sample": updates * updates["batch_size"]})
    >>> bl.stops_helping(bl.savings(times), cost=1.5)
    perfect_up_to       16
    affordable_up_to    16
    saving_up_to        32
    dtype: Int64
    """
    cost = positive_number("cost", cost)
    first = np.arange(len(saved)) == 0
    holds = {
        "perfect_up_to": saved["updates_low"] <= saved["perfect"],
        "affordable_up_to": saved["samples"] <= cost,
        "saving_up_to": saved["updates_high"] < 1,
    }
    ends = {name: saved.index[(first | one).cummin()].max() for name, one in holds.items()}
    return pd.Series(ends).astype("Int64")


def noise_to_target(noise: xr.Dataset, reached: xr.DataArray, *, batch_size: int) -> pd.DataFrame:
    """Return the noise scale on the way to a target, and the b_noise that it lets expect.

    An update on b samples goes 1 / (1 + B / b) as far as one on all samples, where B is the noise
    scale at that moment. Summed over a run up to its target that is S_min, and with the factor B
    in the sum e_min: their ratio is the mean of B over the way that was made, to which moments
    with hardly any gradient, and so with a huge B, add little.

    Parameters
    ----------
    noise : xarray.Dataset
        From `batchlab.gradient_noise` of a history with updates or records: `noise_scale`, of
        dimensions (replicate, update). A record stands for the updates until the next.
    reached : xarray.DataArray
        From `batchlab.time_to_target`: the update at which each replicate reached the target. One
        that did not is left out.
    batch_size : int
        Of that history.

    Returns
    -------
    pandas.DataFrame
        Rows `start`, `course` (the mean over the way) and `target` (at the last record before);
        columns `mean`, `low` and `high`: over the replicates, with the 95 % interval.

    Raises
    ------
    TypeError, ValueError
        If `batch_size` is not a positive whole number, or `reached` has other replicates.

    References
    ----------
    McCandlish, Kaplan, Amodei et al., "An empirical model of large-batch training", 2018, equation
    2.7 and appendix D.

    Examples
    --------
    >>> import xarray as xr
    >>> import batchlab as bl
    >>> along = {"update": [0, 10, 20]}
    >>> scale = xr.DataArray([[10.0, 30.0, 90.0]] * 2, along, ["replicate", "update"])
    >>> reached = xr.DataArray([20, 20], dims="replicate")
    >>> noise = xr.Dataset({"noise_scale": scale})
    >>> bl.noise_to_target(noise, reached, batch_size=10)["mean"].round(2)
    moment
    start     10.00
    course    16.67
    target    30.00
    Name: mean, dtype: float64
    """
    batch_size = whole_number("batch_size", batch_size, minimum=1)
    if dict(reached.sizes) != {"replicate": noise.sizes["replicate"]}:
        raise ValueError(
            f"reached: expected a number for each of the {noise.sizes['replicate']} replicates, "
            f"received {shown(dict(reached.sizes))}."
        )
    scale = noise["noise_scale"].transpose("replicate", "update").reset_coords(drop=True)
    update = noise["update"].astype("float64")
    until = update.shift(update=-1).fillna(np.inf)
    end = cast(xr.DataArray, np.minimum(until, reached.reset_coords(drop=True)))
    spent = (end - update).clip(min=0)
    way = spent / (1 + scale / batch_size)
    last = (spent > 0).cumsum("update").argmax("update")
    found = {
        "start": scale.isel(update=0, drop=True).where(reached.notnull()),
        "course": (way * scale).sum("update") / way.sum("update"),
        "target": scale.isel(update=last).drop_vars("update").where(reached.notnull()),
    }
    values = xr.concat(
        [one.reset_coords(drop=True) for one in found.values()],
        pd.Index(list(found), name="moment"),
        coords="minimal",
    )
    return over_replicates(values.where(np.isfinite(values))).to_dataframe()
