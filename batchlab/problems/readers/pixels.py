"""Images and their like: samples whose numbers share one mean and one standard deviation."""

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches

from batchlab.foundation.checks import shown, whole_number
from batchlab.problems.readers.preparing import Prepared

_BYTES_AT_ONCE = 2**22


def checked_shape(shape: Sequence[int] | None) -> tuple[int, ...] | None:
    """Return the shape that each sample is to have; None as it is.

    Raises
    ------
    TypeError, ValueError
    """
    if shape is None:
        return None
    if not isinstance(shape, list | tuple) or not shape:
        raise TypeError(
            f"sample_shape: expected a list of whole numbers or None, received {shown(shape)}."
        )
    return tuple(whole_number("sample_shape", size, minimum=1) for size in shape)


def reshaped(x: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Return samples of another shape that holds as many numbers.

    Raises
    ------
    ValueError
    """
    own = x.shape[1:]
    if np.prod(own) != np.prod(shape):
        raise ValueError(
            f"sample_shape: expected one of {np.prod(own)} numbers, as a sample has, received "
            f"{list(shape)}, which takes {np.prod(shape)}."
        )
    return x.reshape(len(x), *shape)


def prepared_pixels(x: np.ndarray, rows: Mapping[str, np.ndarray], *, dtype: str) -> Prepared:
    """Return samples less the mean of all training pixels, in their standard deviations.

    Parameters
    ----------
    x : ndarray of numbers, shape (n_rows, ...)
    rows : mapping of str to ndarray of int
        Row numbers of "train" and of the other parts.
    dtype : {"float64", "float32"}

    Returns
    -------
    Prepared

    Raises
    ------
    ValueError
        If a pixel is missing or infinite.
    """
    scaler = StandardScaler(copy=False)
    train = rows["train"]
    step = max(1, _BYTES_AT_ONCE // (8 * max(1, x[0].size)))
    for batch in gen_batches(len(train), step):
        with np.errstate(over="ignore", invalid="ignore"):
            scaler.partial_fit(_sampled(x[train[batch]]).reshape(-1, 1))
    if not np.isfinite(scaler.scale_[0]):
        raise ValueError(
            "data: expected numbers of which a standard deviation can be computed, received too "
            "large ones."
        )
    parts = {}
    for part, own in rows.items():
        parts[part] = np.empty((len(own), *x.shape[1:]), dtype)
        for batch in gen_batches(len(own), step):
            found = _sampled(x[own[batch]])
            parts[part][batch] = scaler.transform(found.reshape(-1, 1)).reshape(found.shape)
    note = (
        f"All values were standardized with one mean, {scaler.mean_[0]:.6g}, and one standard "
        f"deviation, {scaler.scale_[0]:.6g}, those of the training part."
    )
    return Prepared(parts, [note])


def _sampled(x: np.ndarray) -> np.ndarray:
    """Return a few samples in float64."""
    found = x.astype("float64")
    bad = found.size - np.isfinite(found).sum()
    if bad:
        raise ValueError(
            f"data: expected finite numbers in samples of shape {x.shape[1:]}, received {bad} that "
            "are missing or infinite."
        )
    return found
