"""What to size up memory with: problems without data, and a network whose activations fill it."""

from collections.abc import Sequence

import numpy as np

from batchlab._checks import choice, shown, whole_number
from batchlab._tensorflow import keras
from batchlab.data import Problem, check_problem
from batchlab.models import PRECISIONS, output_layer


def blank_problem(
    feature_shape: Sequence[int], *, n_classes: int | None = None, n_targets: int | None = None
) -> Problem:
    """Return a problem of zeros that takes no memory, to build and size up a model by.

    With `n_classes` it is a classification, with `n_targets` a regression.

    Parameters
    ----------
    feature_shape : sequence of int
        Shape of a sample, for example (512, 512, 3).
    n_classes : int or None
        At least 2.
    n_targets : int or None
        Numbers to predict for a sample, at least 1.

    Returns
    -------
    Problem
        With `n_classes` training samples, one of each class, all of them the same zero in memory;
        or with 2 of a regression, whose targets are zeros as well.

    Raises
    ------
    TypeError, ValueError
        If a number is not a whole number in its range, or both or neither of `n_classes` and
        `n_targets` are given.

    Examples
    --------
    >>> import batchlab as bl
    >>> bl.blank_problem((512, 512, 3), n_classes=10).x_train.shape
    (10, 512, 512, 3)
    """
    shape = _shape(feature_shape)
    if (n_classes is None) == (n_targets is None):
        raise TypeError(
            "n_classes, n_targets: expected one of the two, received "
            f"{'neither' if n_classes is None else 'both'}."
        )
    if n_classes is None:
        n_targets = whole_number("n_targets", n_targets, minimum=1)
        y = np.broadcast_to(np.zeros(()), (2,) if n_targets == 1 else (2, n_targets))
    else:
        y = np.arange(whole_number("n_classes", n_classes, minimum=2))
        y.setflags(write=False)
    x = np.broadcast_to(np.zeros(()), (len(y), *shape))
    return Problem(x, y, x, y, None if n_classes is None else len(y), "blank")


def input_bytes(feature_shape: Sequence[int], *, batch_size: int, dtype: str = "float32") -> int:
    """Return the bytes of a batch's inputs alone, without labels or a model.

    Parameters
    ----------
    feature_shape : sequence of int
        Shape of a sample.
    batch_size : int
    dtype : str
        NumPy's name of the type of a number, such as "uint8" or "float32".

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        If a number is not a whole number of at least 1, or the type is unknown.

    Examples
    --------
    >>> from batchlab.memory_models import input_bytes
    >>> input_bytes((512, 512, 3), batch_size=64, dtype="uint8")
    50331648
    """
    shape = _shape(feature_shape)
    batch_size = whole_number("batch_size", batch_size, minimum=1)
    try:
        size = np.dtype(dtype).itemsize
    except TypeError:
        raise ValueError(
            f"dtype: expected a type such as 'uint8' or 'float32', received {shown(dtype)}."
        ) from None
    return batch_size * size * int(np.prod(shape, dtype=object))


def convnet(
    problem: Problem, *, filters: Sequence[int] = (8,), dtype: str = "float32"
) -> keras.Model:
    """Return a small convolutional network for images.

    For each entry of `filters` a convolution of 3 by 3 that keeps the image's size, with ReLU, and
    a maximum over 2 by 2 pixels; then the mean over the image and an output layer as `mlp` has it.
    Its weights do not depend on the size of the images, its activations are proportional to it.

    Parameters
    ----------
    problem : Problem
        Of samples of shape (height, width, channels).
    filters : sequence of int
        Filters of each convolution, each at least 1; at least one convolution.
    dtype : {"float64", "float32"}
        Type of weights and arithmetic.

    Returns
    -------
    keras.Model
        Not compiled; inputs of shape (batch, height, width, channels), outputs of shape (batch,
        n_outputs).

    Raises
    ------
    TypeError, ValueError
        If the samples are no images or too small to be halved so often, a number of filters is not
        a whole number of at least 1, or the type is another.

    Examples
    --------
    >>> import batchlab as bl
    >>> bl.convnet(bl.blank_problem((512, 512, 3), n_classes=10)).count_params()
    314
    """
    check_problem(problem)
    choice("dtype", dtype, PRECISIONS)
    if isinstance(filters, str) or not isinstance(filters, Sequence) or not filters:
        raise TypeError(
            f"filters: expected a list such as [8] or [8, 16], received {shown(filters)}."
        )
    filters = [whole_number("filters", value, minimum=1) for value in filters]
    shape = problem.feature_shape
    if len(shape) != 3 or min(shape[:2]) < 2 ** len(filters):
        raise ValueError(
            "problem: expected images of shape (height, width, channels), at least "
            f"{2 ** len(filters)} pixels high and wide, received samples of shape {shape}."
        )
    layers = [keras.Input(shape, dtype=dtype)]
    for count in filters:
        layers.append(
            keras.layers.Conv2D(
                count,
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_uniform",
                dtype=dtype,
            )
        )
        layers.append(keras.layers.MaxPooling2D(2, dtype=dtype))
    layers.append(keras.layers.GlobalAveragePooling2D(dtype=dtype))
    return keras.Sequential([*layers, output_layer(problem, dtype=dtype)])


def _shape(feature_shape: object) -> tuple[int, ...]:
    if isinstance(feature_shape, str) or not isinstance(feature_shape, Sequence):
        raise TypeError(
            "feature_shape: expected a shape such as (2,) or (512, 512, 3), received "
            f"{shown(feature_shape)}."
        )
    if not feature_shape:
        raise ValueError("feature_shape: expected at least one number, received an empty shape.")
    return tuple(whole_number("feature_shape", size, minimum=1) for size in feature_shape)
