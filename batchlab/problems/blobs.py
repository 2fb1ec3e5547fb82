"""The textbook problem: classes that are normal distributions around centres."""

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np
from sklearn.datasets import make_blobs

from batchlab.foundation.checks import LARGEST_SEED, positive_number, whole_number
from batchlab.problems.arrays import check_every_class, feature_array, read_only
from batchlab.problems.mixture import GaussianMixture
from batchlab.problems.problem import Problem


def blobs(
    n_samples: int = 1000,
    *,
    centers: int | Sequence[Sequence[float]] | np.ndarray = 3,
    n_features: int = 2,
    cluster_std: float | Sequence[float] = 2.0,
    random_state: int = 2,
    n_train: int = 500,
) -> Problem:
    """Return classes that are normal distributions around centres (scikit-learn's `make_blobs`).

    The defaults are the tutorial's problem: 1,000 samples of 3 classes in the plane, the first 500
    for training and the rest for testing.

    Parameters
    ----------
    n_samples : int
        Training and test samples together.
    centers : int or array-like of shape (n_classes, n_features)
        Number of classes, their centres drawn uniformly from [-10, 10] in each feature; or the
        centres themselves.
    n_features : int
        Number of features; taken from `centers` if these are given.
    cluster_std : float or sequence of float
        Standard deviation of the classes, in the units of the features.
    random_state : int
        Seed of the centres and of the samples, 0 to 2**32 - 1.
    n_train : int
        How many of the samples, from the first on, are for training.

    Returns
    -------
    Problem
        Its `bayes_accuracy` is known.

    Raises
    ------
    TypeError, ValueError
        If a number is of another kind or out of its range, or the split leaves a class without a
        training sample.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> problem.x_train.shape, problem.n_classes
    ((500, 2), 3)
    """
    n_samples = whole_number("n_samples", n_samples, minimum=2)
    n_train = whole_number("n_train", n_train, minimum=1, maximum=n_samples - 1)
    random_state = whole_number("random_state", random_state, minimum=0, maximum=LARGEST_SEED)
    if not _has_several(centers):
        n_classes = whole_number("centers", centers, minimum=2, maximum=n_samples)
        around: int | np.ndarray = n_classes
    else:
        around = feature_array("centers", centers)
        if around.ndim != 2:
            raise ValueError(
                f"centers: expected shape (n_classes, n_features), received shape {around.shape}."
            )
        n_classes, n_features = around.shape
        if n_classes < 2:
            raise ValueError(f"centers: expected at least 2 centres, received {n_classes}.")
    n_features = whole_number("n_features", n_features, minimum=1)
    if not _has_several(cluster_std):
        deviations = [positive_number("cluster_std", cluster_std)] * n_classes
    else:
        deviations = [positive_number("cluster_std", value) for value in cluster_std]
        if len(deviations) != n_classes:
            raise ValueError(
                f"cluster_std: expected one number or one for each of the {n_classes} classes, "
                f"received {len(deviations)}."
            )
    x, y, drawn_centers = make_blobs(
        n_samples=n_samples,
        centers=around,
        n_features=n_features,
        cluster_std=deviations,
        random_state=random_state,
        return_centers=True,
    )
    y = y.astype("int64")
    check_every_class(y[:n_train], n_classes)
    x_train, y_train, x_test, y_test = map(
        read_only, (x[:n_train], y[:n_train], x[n_train:], y[n_train:])
    )
    return Problem(
        x_train,
        y_train,
        x_test,
        y_test,
        n_classes=n_classes,
        name="blobs",
        distribution=GaussianMixture(read_only(drawn_centers), read_only(np.array(deviations))),
    )


def _has_several(value: object) -> TypeGuard[Sequence[Any]]:
    return np.iterable(value) and not isinstance(value, str)
