"""Problems without data, to build a model by and to size it up."""

from collections.abc import Sequence

import numpy as np

from batchlab.foundation.checks import shown, whole_number
from batchlab.problems.problem import Problem


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
    shape = checked_feature_shape(feature_shape)
    if (n_classes is None) == (n_targets is None):
        raise TypeError(
            "n_classes, n_targets: expected one of the two, received "
            f"{'neither' if n_classes is None else 'both'}."
        )
    if n_classes is None:
        n_targets = whole_number("n_targets", n_targets, minimum=1)
        shape_of_all = (2,) if n_targets == 1 else (2, n_targets)
        y: np.ndarray = np.broadcast_to(np.zeros(()), shape_of_all)
    else:
        y = np.arange(whole_number("n_classes", n_classes, minimum=2))
        y.setflags(write=False)
    x = np.broadcast_to(np.zeros(()), (len(y), *shape))
    return Problem(x, y, x, y, None if n_classes is None else len(y), "blank")


def checked_feature_shape(feature_shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of a sample, if it is one.

    Raises
    ------
    TypeError, ValueError
    """
    if isinstance(feature_shape, str) or not isinstance(feature_shape, Sequence):
        raise TypeError(
            "feature_shape: expected a shape such as (2,) or (512, 512, 3), received "
            f"{shown(feature_shape)}."
        )
    if not feature_shape:
        raise ValueError("feature_shape: expected at least one number, received an empty shape.")
    return tuple(whole_number("feature_shape", size, minimum=1) for size in feature_shape)
