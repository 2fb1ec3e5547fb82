"""What a claim is decided by: quantities of each replicate, taken from histories.

Imports neither TensorFlow nor Keras. Each function takes a study, as `batchlab.sweep` returns it or
as `batchlab.ledger.evidence.experiments` describes it, and returns an array whose dimensions are
`replicate` and whatever else the quantity depends on: the conditions under which it is judged.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import xarray as xr

from batchlab.analysis.evaluate import diverged, final_values, late_variance
from batchlab.analysis.targets import ROUNDING, time_to_target
from batchlab.histories.records import grid_dimensions, record_dimension, setting
from batchlab.ledger.rules import POINT

Place = Mapping[str, Any]


def at(study: xr.Dataset, *, name: str, times: float = 1, **place: Any) -> xr.DataArray:
    """Return a variable of a study, at a place of its grid; or a multiple of it."""
    return study[name].sel(place, drop=True) * times


def per(study: xr.Dataset, *, of: str, than: str, times: float = 1) -> xr.DataArray:
    """Return one variable by another; or a multiple of that."""
    return study[of] / study[than] * times


def final(study: xr.Dataset, *, metric: str = "val_accuracy", **place: Any) -> xr.DataArray:
    """Return a metric after the last epoch; NaN for replicates that diverged."""
    return final_values(study.sel(place, drop=True), metric)


def ahead(
    study: xr.Dataset, *, of: Place, than: Place, metric: str = "val_accuracy", **place: Any
) -> xr.DataArray:
    """Return how much higher a final metric is at one place of the grid than at another."""
    values = final(study, metric=metric, **place)
    return values.sel(of, drop=True) - values.sel(than, drop=True)


def gained_after(study: xr.Dataset, *, epoch: int, **place: Any) -> xr.DataArray:
    """Return the test accuracy after the last epoch less that after an earlier one."""
    earlier = study["val_accuracy"].sel(place, drop=True).sel(epoch=epoch, drop=True)
    return final(study, **place) - earlier


def above_training(study: xr.Dataset, **place: Any) -> xr.DataArray:
    """Return the final test accuracy less the final training accuracy."""
    return final(study, **place) - final(study, metric="train_accuracy", **place)


def between_runs(study: xr.Dataset, *, unit: float, **place: Any) -> xr.DataArray:
    """Return how far apart two runs end on test samples, of disjoint pairs of replicates."""
    values = final(study, **place)
    pairs = values.sizes["replicate"] // 2
    if not pairs:
        return values.where(False)
    # By place, not by label: each pair is a replicate.
    first, second = (
        values.isel(replicate=slice(start, 2 * pairs, 2)).drop_vars("replicate", errors="ignore")
        for start in (0, 1)
    )
    return abs(first - second) / unit


def roughness(study: xr.Dataset, *, metric: str = "train_loss", **place: Any) -> xr.DataArray:
    """Return how much a curve still moves: its standard deviation over the last quarter."""
    return cast(xr.DataArray, np.sqrt(late_variance(study.sel(place, drop=True), metric)))


def rougher(
    study: xr.Dataset, *, of: Place, than: Place, metric: str = "train_loss", **place: Any
) -> xr.DataArray:
    """Return by which factor a curve moves more at one place of the grid than at another."""
    values = roughness(study, metric=metric, **place)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = values.sel(of, drop=True) / values.sel(than, drop=True)
    return ratio.where(np.isfinite(ratio))


def rises(study: xr.Dataset, *, metric: str = "train_loss", **place: Any) -> xr.DataArray:
    """Return after how many epochs a metric was higher than after the epoch before."""
    study = study.sel(place, drop=True)
    record = record_dimension(study)
    return (study[metric].diff(record) > 0).sum(record).where(~diverged(study))


def apart(study: xr.Dataset, *, metric: str = "train_loss", **place: Any) -> xr.DataArray:
    """Return how far a replicate's curve ever is from the first one's, of the same weights."""
    values = study[metric].sel(place, drop=True)
    distance = abs(values - values.isel(replicate=0, drop=True))
    return distance.max(record_dimension(study), skipna=False).isel(replicate=slice(1, None))


def first_at(study: xr.Dataset, *, target: float, **place: Any) -> xr.DataArray:
    """Return the epoch after which the test accuracy is first at a target; the last if never."""
    study = study.sel(place, drop=True)
    return time_to_target(study, target, held=False)["epoch"].fillna(study.sizes["epoch"])


def stable_from(study: xr.Dataset, *, window: int = 10, **place: Any) -> xr.DataArray:
    """Return the epoch from which on the test accuracy stays where it ends.

    That is within a point of its mean over the last quarter of the epochs, to the end. The curve
    is averaged over a window first, as the eye does.

    Parameters
    ----------
    study : xarray.Dataset
        Over epochs.
    window : int
        Epochs, or all if there are fewer.
    **place
        Where in the grid.

    Returns
    -------
    xarray.DataArray, dimensions (grid…, replicate)
        In epochs; the last where that epoch itself is off, or the replicate diverged.
    """
    study = study.sel(place, drop=True)
    accuracy = study["val_accuracy"]
    epochs = accuracy.sizes["epoch"]
    smooth = accuracy.rolling(epoch=min(window, epochs), min_periods=1, center=True).mean()
    ends = accuracy.isel(epoch=slice(-max(epochs // 4, 1), None)).mean("epoch")
    off = (abs(smooth - ends) > POINT + ROUNDING) | diverged(study)
    # One epoch after the last at which it is off; where it is never off, the first.
    last_off = (off * np.arange(1, epochs + 1)).max("epoch")
    return (last_off + 1.0).clip(max=epochs)


def trend(values: xr.DataArray, *, logarithmic: bool = True) -> xr.DataArray:
    """Return the slope of a quantity against the logarithm of the batch size.

    Parameters
    ----------
    values : xarray.DataArray
        With a dimension batch_size.
    logarithmic : bool
        True is the power: the logarithm of the quantity against that of the batch size. False is
        the change of the quantity for each doubling.

    Returns
    -------
    xarray.DataArray
        By least squares; without the dimension batch_size. NaN where a value is missing.
    """
    x = np.log2(values["batch_size"].astype("float64"))
    y = np.log2(values.where(values > 0)) if logarithmic else values
    x = x - x.mean()
    return (x * y).sum("batch_size", skipna=False) / (x**2).sum()


def trend_of_speed(study: xr.Dataset, *, target: float, **place: Any) -> xr.DataArray:
    """Return the power of the batch size with which the epochs to a target grow."""
    return trend(first_at(study, target=target, **place))


def trend_of_roughness(study: xr.Dataset, **place: Any) -> xr.DataArray:
    """Return by how much the final test accuracy's unrest changes with each doubling."""
    return trend(roughness(study, metric="val_accuracy", **place), logarithmic=False)


def fewer_updates(study: xr.Dataset) -> xr.DataArray:
    """Return the updates of an epoch at each batch size less those at the next smaller one."""
    updates = setting(study, "updates_per_epoch").astype("float64")
    sizes = updates["batch_size"].to_numpy()
    labels = [f"{large} after {small}" for small, large in itertools.pairwise(sizes)]
    return updates.diff("batch_size").assign_coords(batch_size=labels).rename(batch_size="sizes")


def span_ratio(study: xr.Dataset) -> xr.DataArray:
    """Return the tallest panel's range of accuracies by the flattest one's, over batch sizes."""
    record = record_dimension(study)
    both = xr.concat([study[f"{part}_accuracy"] for part in ("train", "val")], "part")
    spans = both.max(["part", record]) - both.min(["part", record])
    tallest, flattest = spans.max(grid_dimensions(study)), spans.min(grid_dimensions(study))
    return tallest / flattest.where(flattest > 0)


def ratio(study: xr.Dataset, *, name: str, of: Place, than: Place) -> xr.DataArray:
    """Return a variable at one place by that at another; means over lists of places."""
    values = study[name]
    return _mean_at(values, of) / _mean_at(values, than)


def _mean_at(values: xr.DataArray, place: Place) -> xr.DataArray:
    several = [name for name, value in place.items() if isinstance(value, Sequence | np.ndarray)]
    several = [name for name in several if not isinstance(place[name], str)]
    return values.sel(place).reset_coords(drop=True).mean(several)


def of_process(study: xr.Dataset) -> xr.DataArray:
    """Return the bytes of a full batch by those of a process that has trained nothing."""
    return study["needed"].isel(batch_size=-1, drop=True) / study["process"]


def of_small_batch(study: xr.Dataset) -> xr.DataArray:
    """Return the bytes of a full batch by those of batch size 32."""
    needed = study["needed"]
    return needed.isel(batch_size=-1, drop=True) / needed.sel(batch_size=32, drop=True)


def of_twice_the_memory(study: xr.Dataset) -> xr.DataArray:
    """Return the largest batch in twice the memory by that in the memory."""
    return study["largest_batch"].isel(gigabytes=1) / study["largest_batch"].isel(gigabytes=0)


def of_four_gigabytes(study: xr.Dataset) -> xr.DataArray:
    """Return the bytes of 64 images, and of training on them, by 4 GB."""
    return study["of_64"] / 4e9
