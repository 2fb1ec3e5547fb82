"""Checks of somebody's arrays: samples and labels, each failure one sentence."""

import numpy as np

from batchlab._checks import shown


def feature_array(name: str, values: object) -> np.ndarray:
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "fiub":
            raise TypeError
    except (ValueError, TypeError) as error:
        raise TypeError(
            f"{name}: expected rows of numbers, all of the same length, received {shown(values)}."
        ) from error
    if array.size == 0:
        raise ValueError(f"{name}: expected at least one sample, received shape {array.shape}.")
    if array.ndim < 2:
        raise ValueError(
            f"{name}: expected shape (n_samples, n_features), received shape {array.shape}."
        )
    with np.errstate(over="ignore"):  # a longer float may be beyond float64, which is said below
        array = array.astype("float64")
    bad = array.size - np.isfinite(array).sum()
    if bad:
        raise ValueError(f"{name}: expected finite numbers, received {bad} NaN or infinite.")
    return array


def label_array(name: str, values: object) -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise TypeError(
            f"{name}: expected a list of whole numbers, received {shown(values)}."
        ) from error
    if array.size == 0:
        raise ValueError(f"{name}: expected at least one label, received shape {array.shape}.")
    if array.ndim != 1:
        raise ValueError(f"{name}: expected shape (n_samples,), received shape {array.shape}.")
    if array.dtype.kind == "f":
        wrong = array[~(np.abs(array) < 2**53) | (array != np.rint(array))]
    else:
        wrong = array[:0] if array.dtype.kind in "iu" else array
    if wrong.size:
        raise TypeError(
            f"{name}: expected whole numbers as labels, received {array.dtype} such as "
            f"{shown(wrong.tolist()[0])}."
        )
    return array.astype("int64")
