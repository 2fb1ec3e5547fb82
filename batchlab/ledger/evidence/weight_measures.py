"""What the survey's claims are decided by: norms of gradients, distances from the start.

Imports neither TensorFlow nor Keras. Studies are those of `batchlab.ledger.evidence.weights`.
"""

import xarray as xr

from batchlab.ledger.evidence.measures import trend

# Well below the noise scale, where noise is most of a gradient, and well above it.
SMALL, LARGE = slice(None, 16), slice(256, None)


def gradient_shrinks(study: xr.Dataset) -> xr.DataArray:
    """Return the norm of the full gradient early less that late, at each batch size's weights."""
    norm = study["gradient_norm"]
    return norm.isel(epoch=0, drop=True) - norm.isel(epoch=-1, drop=True)


def norm_trend(study: xr.Dataset) -> xr.DataArray:
    """Return the power of the batch size with which the norm of a minibatch's gradient grows.

    Averaged over the minibatch and summed; at the same weights for all batch sizes, and at those
    that each has reached.
    """
    own = study.drop_vars("batch_size").rename(trained_with="batch_size")
    squared = {
        "averaged, same weights": study["squared_norm"],
        "summed, same weights": study["summed_squared_norm"],
        "averaged, own weights": own["own_squared_norm"],
        "summed, own weights": own["own_summed_squared_norm"],
    }
    return _along("gradient", {name: trend(values) / 2 for name, values in squared.items()})


def squared_norm_trend(study: xr.Dataset) -> xr.DataArray:
    """Return the power with which the squared norm grows, for small and for large batches."""
    names = {"averaged": "squared_norm", "summed": "summed_squared_norm"}
    parts = {"16 and less": SMALL, "256 and more": LARGE}
    return _along(
        "gradient",
        {
            f"{told}, {sizes}": trend(study[name].sel(batch_size=part))
            for told, name in names.items()
            for sizes, part in parts.items()
        },
    )


def distance_trend(study: xr.Dataset) -> xr.DataArray:
    """Return the power of the batch size with which the distance from the start grows."""
    return trend(study["distance"])


def distance_of_the_best(study: xr.Dataset) -> xr.DataArray:
    """Return how far from the start the batch size ends whose mean test accuracy is highest."""
    best = study["val_accuracy"].mean("replicate").fillna(0).argmax("batch_size")
    return study["distance"].isel(batch_size=best, drop=True)


def distance_to_the_best(study: xr.Dataset, *, learning_rate: float | None = None) -> xr.DataArray:
    """Return how much further than that the largest batch gets, at its own or another rate."""
    reached = (
        study["distance"].isel(batch_size=-1, drop=True)
        if learning_rate is None
        else study["raised"].sel(learning_rate=learning_rate, drop=True)
    )
    return reached - distance_of_the_best(study)


def _along(dimension: str, arrays: dict[str, xr.DataArray]) -> xr.DataArray:
    labels = xr.DataArray(list(arrays), dims=dimension, name=dimension)
    return xr.concat(list(arrays.values()), labels)
