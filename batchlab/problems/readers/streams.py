"""Read a tf.data.Dataset of samples and labels into arrays, if it fits into memory."""

from typing import TYPE_CHECKING

import numpy as np

from batchlab.foundation.checks import shown
from batchlab.problems.readers.free_memory import check_fits

if TYPE_CHECKING:
    from batchlab.foundation.backend import tf

_AT_ONCE = 1024


def is_stream(data: object) -> bool:
    """Return whether this is a tf.data.Dataset; TensorFlow is not imported to find out."""
    own = any(each.__module__.partition(".")[0] == "tensorflow" for each in type(data).__mro__)
    return own and hasattr(data, "element_spec") and hasattr(data, "as_numpy_iterator")


def read_pairs(data: "tf.data.Dataset") -> tuple[np.ndarray, np.ndarray]:
    """Return the samples and labels of a dataset, batched or not.

    Parameters
    ----------
    data : tf.data.Dataset
        Of pairs (x, y). It is batched if both begin with the same size, or with one left open.

    Returns
    -------
    x, y : ndarray, shape (n_samples, ...)

    Raises
    ------
    TypeError, ValueError
        If it is not of such pairs, has no end, or does not fit into free memory.
    """
    specs = data.element_spec
    if not isinstance(specs, tuple) or len(specs) != 2 or not all(map(_has_shape, specs)):
        raise TypeError(
            f"data: expected a dataset of pairs of tensors, (x, y), received one of {shown(specs)}."
        )
    n_elements = int(data.cardinality())
    if n_elements == -1:
        raise ValueError(
            "data: expected a dataset with an end, received one that repeats for ever."
        )
    if not _batched(*specs):
        data = data.batch(_AT_ONCE)
        n_elements = -(-n_elements // _AT_ONCE) if n_elements >= 0 else n_elements
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    size = 0
    try:
        for x, y in data.as_numpy_iterator():
            size += x.nbytes + y.nbytes
            if not pairs and n_elements > 0:
                check_fits("a dataset", size * n_elements)
            check_fits("a dataset", size)
            pairs.append((x, y))
    except _tensorflow_error() as error:
        raise ValueError(
            "data: expected a dataset that can be read, received one that fails: "
            f"{shown(error.message)}"
        ) from error
    if not pairs:
        raise ValueError("data: expected samples, received an empty dataset.")
    try:
        x, y = (np.concatenate(arrays) for arrays in zip(*pairs, strict=True))
    except ValueError as error:
        shapes = sorted({x.shape[1:] for x, _ in pairs})
        raise ValueError(
            f"data: expected samples of one shape, received {shown(shapes)}."
        ) from error
    return _decoded(x), _decoded(y)


def _has_shape(spec: "tf.TypeSpec") -> bool:
    # Of ragged and of sparse tensors no array can be made.
    return type(spec).__name__ == "TensorSpec" and spec.shape.rank is not None


def _batched(x: "tf.TensorSpec", y: "tf.TensorSpec") -> bool:
    if y.shape.rank == 0 or x.shape.rank < 2:
        return False
    return x.shape[0] == y.shape[0]


def _decoded(array: np.ndarray) -> np.ndarray:
    """Return text as text, which TensorFlow keeps in bytes."""
    if array.dtype.kind != "O":
        return array
    texts = [each.decode("utf-8", errors="replace") for each in array.ravel()]
    return np.array(texts, dtype=object).reshape(array.shape)


def _tensorflow_error() -> "type[tf.errors.OpError]":
    from batchlab.foundation.backend import tf  # loaded before: a dataset has come

    return tf.errors.OpError
