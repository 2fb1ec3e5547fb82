"""Checks of somebody's arrays: samples, labels, targets; each failure is one sentence."""

import numpy as np

from batchlab.foundation.checks import shown


def feature_array(name: str, values: object, *, dtype: str = "float64") -> np.ndarray:
    """Return samples as a new array of finite floats, shape (n_samples, ...).

    Raises
    ------
    TypeError, ValueError
    """
    array = _numbers(name, values, "rows of numbers, all of the same length")
    if array.size == 0:
        raise ValueError(f"{name}: expected at least one sample, received shape {array.shape}.")
    if array.ndim < 2:
        raise ValueError(
            f"{name}: expected shape (n_samples, n_features), received shape {array.shape}."
        )
    return _finite(name, array, dtype)


def target_array(name: str, values: object, *, dtype: str = "float64") -> np.ndarray:
    """Return the targets of a regression as a new array, shape (n_samples,) or (n_samples, k).

    Raises
    ------
    TypeError, ValueError
    """
    array = _numbers(name, values, "numbers")
    if array.size == 0 or array.ndim not in (1, 2):
        raise ValueError(
            f"{name}: expected shape (n_samples,) or (n_samples, n_targets), received shape "
            f"{array.shape}."
        )
    return _finite(name, array[:, 0] if array.shape[1:] == (1,) else array, dtype)


def _numbers(name: str, values: object, expected: str) -> np.ndarray:
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "fiub":
            raise TypeError
    except (ValueError, TypeError) as error:
        raise TypeError(f"{name}: expected {expected}, received {shown(values)}.") from error
    return array


def _finite(name: str, array: np.ndarray, dtype: str) -> np.ndarray:
    with np.errstate(over="ignore"):  # a longer float may be beyond this type, which is said below
        array = array.astype(dtype)
    bad = array.size - np.isfinite(array).sum()
    if bad:
        raise ValueError(f"{name}: expected finite numbers, received {bad} NaN or infinite.")
    return array


def check_every_class(y_train: np.ndarray, n_classes: int) -> None:
    """Refuse training labels among which a class is missing.

    Raises
    ------
    ValueError
    """
    missing = np.setdiff1d(np.arange(n_classes), y_train)
    if missing.size:
        raise ValueError(
            f"y_train: expected every class 0 to {n_classes - 1} among the training samples, "
            f"received none of class {missing[0]}."
        )


def read_only(array: np.ndarray) -> np.ndarray:
    """Return the array, which can no longer be written to."""
    array.setflags(write=False)
    return array


def label_array(name: str, values: object) -> np.ndarray:
    """Return labels as a new array of int64, shape (n_samples,).

    Raises
    ------
    TypeError, ValueError
    """
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
