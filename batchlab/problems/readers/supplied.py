"""What somebody has, in one form: samples as a table or as an array, and their targets."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.api import types
from scipy.sparse import issparse
from sklearn import datasets
from sklearn.utils import Bunch

from batchlab.foundation.checks import shown
from batchlab.problems.readers.column_names import (
    Names,
    check_unique,
    checked_names,
    dropped_names,
    listed,
    target_names,
)
from batchlab.problems.readers.files import is_path, read_table, stem
from batchlab.problems.readers.labels import from_one_hot
from batchlab.problems.readers.streams import is_stream, read_pairs

BUNDLED = {
    "breast_cancer": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "linnerud": datasets.load_linnerud,
    "wine": datasets.load_wine,
}
_COUNTER = "Unnamed: 0"  # what pandas calls the row numbers that it has written to a file itself
_EXPECTED = (
    "arrays, a pandas DataFrame, the path of a CSV or Parquet file, a scikit-learn Bunch or a "
    "tf.data.Dataset"
)


class Supplied(NamedTuple):
    """Samples, targets and what is known of them."""

    x: pd.DataFrame | np.ndarray
    y: pd.DataFrame
    name: str
    known: Sequence[object] = ()
    notes: tuple[str, ...] = ()


def supplied(data: object, target: object, drop: Names) -> Supplied:
    """Return what somebody has, read from where it is.

    Parameters
    ----------
    data, target, drop
        As of `problem_from`.

    Returns
    -------
    Supplied
        `x` is a table of shape (n_rows, n_features) or an array of numbers of more dimensions;
        `y` a table of shape (n_rows, n_targets).

    Raises
    ------
    OSError, TypeError, ValueError
    """
    if isinstance(data, str) and data in BUNDLED:
        _check_none(target, f"scikit-learn's data set {data!r}")
        return _bunch(BUNDLED[data](), None, drop)._replace(name=data.replace("_", " "))
    if is_path(data):
        return _columns_of(read_table(data, target, drop), target, (), stem(data))
    if isinstance(data, pd.DataFrame):
        if target_names(target) is not None or target is None:
            return _columns_of(data, target, drop, "table")
        return _pair(data, target, drop, "table")
    if isinstance(data, Bunch):
        return _bunch(data, target, drop)
    if is_stream(data):
        _check_none(target, "a tf.data.Dataset of pairs")
        return _pair(*read_pairs(data), drop, "dataset")
    if data is None or isinstance(data, dict | set | bytes) or callable(data):
        raise TypeError(f"data: expected {_EXPECTED}, received {shown(data)}.")
    return _pair(data, target, drop, "arrays")


def _columns_of(frame: pd.DataFrame, target: object, drop: Names, name: str) -> Supplied:
    """Take the target out of a table's columns."""
    frame = _with_names(frame)
    targets, dropped = checked_names(list(frame.columns), target, drop)
    y = frame[targets]
    x, notes = _without_counter(frame.drop(columns=[*targets, *dropped]))
    return Supplied(x, y, name, notes=notes)


def _bunch(data: Bunch, target: object, drop: Names) -> Supplied:
    _check_none(target, "a scikit-learn Bunch")
    if data.get("data") is None or data.get("target") is None:
        raise ValueError(
            "data: expected a Bunch with data and target, received one with "
            f"{listed(data) or 'nothing'}."
        )
    x, names = data["data"], data.get("feature_names")
    if isinstance(x, np.ndarray) and x.ndim == 2 and names is not None:
        if len(names) == x.shape[1]:
            x = pd.DataFrame(x, columns=list(map(str, names)), copy=False)
    # A data set's description begins with its own label: ".. _wine_dataset:".
    label = re.match(r"\s*\.\. _(\w+?)(_dataset)?:", str(data.get("DESCR", "")))
    found = _pair(x, data["target"], drop, label[1].replace("_", " ") if label else "bunch")
    target_labels = data.get("target_names")
    if target_labels is None:
        return found
    if found.y.shape[1] == len(target_labels) > 1:
        return found._replace(y=found.y.set_axis(list(map(str, target_labels)), axis=1))
    return found._replace(known=tuple(target_labels) if len(target_labels) > 1 else ())


def _pair(x: object, y: object, drop: Names, name: str) -> Supplied:
    """Put samples and targets that came apart together."""
    x = _samples(x)
    if y is None:
        raise TypeError(
            f"target: expected a label or a number for each of {len(x)} samples, received None."
        )
    y = _supplied_targets(y)
    if len(x) != len(y):
        raise ValueError(
            f"data, target: expected the same length, received {len(x)} samples and {len(y)} "
            "targets."
        )
    dropped = dropped_names(drop)
    if isinstance(x, pd.DataFrame):
        if dropped:
            # The target is no column here, but a name for it is needed to look up the others.
            checked_names([*x.columns, "the target"], "the target", dropped)
            x = x.drop(columns=dropped)
        x, notes = _without_counter(x)
        return Supplied(x, y, name, notes=notes)
    if dropped:
        raise ValueError(
            f"drop: expected no names for samples of shape {x.shape[1:]}, received {shown(drop)}."
        )
    return Supplied(x, y, name)


def _samples(x: object) -> pd.DataFrame | np.ndarray:
    if issparse(x) or (
        isinstance(x, pd.DataFrame) and any(isinstance(each, pd.SparseDtype) for each in x.dtypes)
    ):
        raise TypeError(
            "data: expected a dense array, received a sparse one; `.toarray()` makes it dense."
        )
    if isinstance(x, pd.DataFrame):
        return _with_names(x)
    array = _array("data", x)
    if array.ndim == 0:
        raise TypeError(f"data: expected {_EXPECTED}, received {shown(x)}.")
    if array.ndim == 1 or not array.size:
        raise ValueError(
            f"data: expected samples of shape (n_samples, n_features) or (n_samples, …), received "
            f"shape {array.shape}."
        )
    if array.ndim > 2:
        if array.dtype.kind not in "fiub":
            raise TypeError(f"data: expected numbers, received {array.dtype}.")
        return array
    names = [f"feature {at}" for at in range(array.shape[1])]
    frame = pd.DataFrame(array, columns=names, copy=False)
    if array.dtype.kind in "OSU":
        frame = frame.apply(_number_or_text)
    return frame


def _supplied_targets(y: object) -> pd.DataFrame:
    if isinstance(y, pd.DataFrame):
        return _with_names(y)
    if isinstance(y, pd.Series):
        return y.to_frame(str(y.name) if y.name is not None else "target")
    array = _array("target", y)
    if array.ndim not in (1, 2) or not array.size:
        raise ValueError(
            "target: expected shape (n_samples,) or (n_samples, n_targets), received shape "
            f"{array.shape}."
        )
    if array.ndim == 1 or array.shape[1] == 1:
        frame = pd.DataFrame({"target": array.reshape(len(array))})
    else:
        frame = pd.DataFrame(array).rename(columns="target {}".format)
    return from_one_hot(frame.infer_objects())


def _array(argument: str, values: object) -> np.ndarray:
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype("float64"), np.nan)
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise TypeError(
            f"{argument}: expected an array, all rows of the same length, received {shown(values)}."
        ) from error
    if array.dtype.kind in "cV":
        raise TypeError(f"{argument}: expected real numbers or text, received {array.dtype}.")
    return array


def _number_or_text(column: pd.Series) -> pd.Series:
    """Return a column of an array of text or objects as numbers, if all of it is."""
    try:
        return pd.to_numeric(column)
    except (ValueError, TypeError):
        return column.infer_objects()


def _with_names(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns have different names, all of them text; rows are numbered."""
    if isinstance(frame.columns, pd.MultiIndex):
        raise TypeError(
            "data: expected a DataFrame with one name for each column, received one with "
            f"{frame.columns.nlevels}."
        )
    if not len(frame):
        raise ValueError(f"data: expected rows, received shape {frame.shape}.")
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    check_unique(list(frame.columns))
    return frame.reset_index(drop=True)


def _without_counter(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    if _COUNTER in frame and frame.shape[1] > 1 and types.is_integer_dtype(frame[_COUNTER].dtype):
        counter = frame[_COUNTER].to_numpy()
        if np.array_equal(counter - counter[0], np.arange(len(frame))):
            note = f"Dropped the column {shown(_COUNTER)}, which counts the rows."
            return frame.drop(columns=_COUNTER), (note,)
    return frame, ()


def _check_none(target: object, what: str) -> None:
    if target is not None:
        raise TypeError(
            f"target: expected None with {what}, which holds its own, received {shown(target)}."
        )
