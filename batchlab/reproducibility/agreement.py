"""How far two fingerprints agree: to the last bit, in every accuracy, in every printed digit."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

# From the strictest down, each holding the next. Accuracies are counts, so that a difference in
# the last bits of a loss need not show in any; what notebooks print are means, to three decimals.
LEVELS = ("to the last bit", "every accuracy", "every printed digit", "not")
DECIMALS = 3


@dataclass(frozen=True)
class Agreement:
    """How far one run agrees with the published one.

    Attributes
    ----------
    run : str
    level : str
        One of `LEVELS`.
    epoch : int or None
        The first in which any value differs, counted from 1.
    metric : str or None
        One that does, the first in the order of the fingerprint.
    replicate : int or None
        The first in which it does.
    own, published : float or None
        The two values there.
    largest : float
        The largest difference of any two values; NaN if one of them alone is not a number.
    """

    run: str
    level: str
    epoch: int | None
    metric: str | None
    replicate: int | None
    own: float | None
    published: float | None
    largest: float

    def at_least(self, level: str) -> bool:
        """Return whether it agrees as far as that, or further."""
        return LEVELS.index(self.level) <= LEVELS.index(level)


def agreements(own: xr.Dataset, published: xr.Dataset) -> list[Agreement]:
    """Return for each run how far two fingerprints agree.

    Parameters
    ----------
    own, published : xarray.Dataset
        From `batchlab.fingerprint`; `own` may have fewer epochs, and is compared in these.

    Returns
    -------
    list of Agreement

    Raises
    ------
    ValueError
        If they are not of the same runs and replicates, or `own` has epochs that `published` has
        not.
    """
    if own.sizes["epoch"] > published.sizes["epoch"]:
        raise ValueError(
            f"own: expected at most the published {published.sizes['epoch']} epochs, received "
            f"{own.sizes['epoch']}."
        )
    published = published.isel(epoch=slice(own.sizes["epoch"]))
    for name in ("run", "replicate", "epoch"):
        if not np.array_equal(own[name], published[name]):
            raise ValueError(
                f"own: expected the published {name}s {published[name].to_numpy().tolist()}, "
                f"received {own[name].to_numpy().tolist()}."
            )
    return [
        _agreement(run, own.sel(run=run), published.sel(run=run))
        for run in published["run"].to_numpy().tolist()
    ]


def _agreement(run: str, own: xr.Dataset, published: xr.Dataset) -> Agreement:
    # Of dimensions (epoch, metric, replicate), so that the first difference is the earliest.
    ours, theirs = (
        each.to_dataarray("metric").transpose("epoch", "metric", "replicate")
        for each in (own, published)
    )
    mine, given = ours.to_numpy(), theirs.to_numpy()
    # What is not a number has many bit patterns, which say nothing.
    differs = (mine.view(np.int64) != given.view(np.int64)) & ~(np.isnan(mine) & np.isnan(given))
    if not differs.any():
        return Agreement(run, LEVELS[0], None, None, None, None, None, 0.0)
    epoch, metric, replicate = np.argwhere(differs)[0]
    of_accuracy = np.char.endswith(ours["metric"].to_numpy().astype(str), "accuracy")
    one, other = (np.round(each[-1].mean(axis=1), DECIMALS) for each in (mine, given))
    if not np.array_equal(one, other, equal_nan=True):
        level = LEVELS[3]
    else:
        level = LEVELS[2] if differs[:, of_accuracy].any() else LEVELS[1]
    with np.errstate(invalid="ignore"):
        apart = np.abs(mine - given)[differs]
    return Agreement(
        run,
        level,
        int(ours["epoch"][epoch]),
        str(ours["metric"].to_numpy()[metric]),
        int(ours["replicate"][replicate]),
        float(mine[epoch, metric, replicate]),
        float(given[epoch, metric, replicate]),
        float(apart.max()),
    )
