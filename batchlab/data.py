"""Classification problems: training and test samples, and the best that any classifier can do."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sklearn.datasets import make_blobs

from batchlab._arrays import feature_array, label_array
from batchlab._checks import LARGEST_SEED, positive_number, shown, whole_number
from batchlab.distributions import GaussianMixture


class BayesAccuracy(NamedTuple):
    """Accuracy of the Bayes rule, the ceiling for any classifier, on a problem's own samples."""

    train: float
    test: float


@dataclass(frozen=True, eq=False)
class Problem:
    """A classification problem: what `fit` trains on and evaluates on. Immutable.

    Attributes
    ----------
    x_train, x_test : ndarray of float64, shape (n_train, ...) and (n_test, ...)
        Samples; one row of features each, or an image each.
    y_train, y_test : ndarray of int64, shape (n_train,) and (n_test,)
        Labels, 0 to n_classes - 1.
    n_classes : int
    name : str
    distribution : GaussianMixture or None
        Where the samples come from, if that is known.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    n_classes: int
    name: str
    distribution: GaussianMixture | None = None

    @property
    def n_train(self) -> int:
        """Number of training samples."""
        return len(self.x_train)

    @property
    def n_test(self) -> int:
        """Number of test samples."""
        return len(self.x_test)

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self.x_train.shape[1:]

    @property
    def bayes_accuracy(self) -> BayesAccuracy | None:
        """Accuracy of the Bayes rule on the training and the test samples; None if unknown.

        Computed from the distribution's own rule, not from a trained model. On a finite sample a
        trained model may exceed it on the training set, by over-fitting, and by luck on the test
        set.
        """
        if self.distribution is None:
            return None
        train = np.mean(self.distribution.predict(self.x_train) == self.y_train)
        test = np.mean(self.distribution.predict(self.x_test) == self.y_test)
        return BayesAccuracy(float(train), float(test))


def blobs(
    n_samples: int = 1000,
    *,
    centers: int | Sequence[Sequence[float]] = 3,
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
    >>> problem = blobs()
    >>> problem.x_train.shape, problem.n_classes
    ((500, 2), 3)
    """
    n_samples = whole_number("n_samples", n_samples, minimum=2)
    n_train = whole_number("n_train", n_train, minimum=1, maximum=n_samples - 1)
    random_state = whole_number("random_state", random_state, minimum=0, maximum=LARGEST_SEED)
    if not _has_several(centers):
        centers = whole_number("centers", centers, minimum=2, maximum=n_samples)
        n_classes = centers
    else:
        centers = feature_array("centers", centers)
        if centers.ndim != 2:
            raise ValueError(
                f"centers: expected shape (n_classes, n_features), received shape {centers.shape}."
            )
        n_classes, n_features = centers.shape
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
        centers=centers,
        n_features=n_features,
        cluster_std=deviations,
        random_state=random_state,
        return_centers=True,
    )
    return _problem(
        (x[:n_train], y[:n_train], x[n_train:], y[n_train:]),
        n_classes=n_classes,
        name="blobs",
        distribution=GaussianMixture(_read_only(drawn_centers), _read_only(np.array(deviations))),
    )


def from_arrays(x_train, y_train, x_test, y_test, *, name: str = "arrays") -> Problem:
    """Return a problem made of the caller's own arrays, which are copied.

    Parameters
    ----------
    x_train, x_test : array-like of shape (n_train, ...) and (n_test, ...)
        Finite numbers; at least 2 training samples and 1 test sample.
    y_train, y_test : array-like of int, shape (n_train,) and (n_test,)
        Labels 0, 1, …, n_classes - 1, each of them among the training labels.
    name : str
        Shown in figures.

    Returns
    -------
    Problem

    Raises
    ------
    TypeError, ValueError
        If the arrays are not such numbers or labels; the sentence says which and why.

    Warns
    -----
    UserWarning
        If some of the features of a table are constant: they carry no information.

    Examples
    --------
    >>> problem = from_arrays([[0.0], [1.0], [2.0]], [0, 1, 1], [[0.5]], [0], name="tiny")
    >>> problem.n_classes
    2
    """
    if not isinstance(name, str):
        raise TypeError(f"name: expected a string, received {shown(name)}.")
    x_train, x_test = feature_array("x_train", x_train), feature_array("x_test", x_test)
    y_train, y_test = label_array("y_train", y_train), label_array("y_test", y_test)
    for part, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(x) != len(y):
            raise ValueError(
                f"x_{part}, y_{part}: expected the same length, received {len(x)} samples and "
                f"{len(y)} labels."
            )
    if x_train.shape[1:] != x_test.shape[1:]:
        raise ValueError(
            f"x_test: expected samples of shape {x_train.shape[1:]} as in x_train, received "
            f"{x_test.shape[1:]}."
        )
    if len(x_train) < 2:
        raise ValueError(f"x_train: expected at least 2 samples, received {len(x_train)}.")
    classes = np.union1d(y_train, y_test)
    if len(classes) < 2:
        raise ValueError(
            f"y_train: expected at least 2 classes, received only the label {classes[0]}."
        )
    if not np.array_equal(classes, np.arange(len(classes))):
        raise ValueError(
            f"y_train: expected the labels 0 to {len(classes) - 1} without a gap, received "
            f"{shown(classes.tolist())}."
        )
    _warn_of_constant_features(x_train)
    return _problem((x_train, y_train, x_test, y_test), n_classes=len(classes), name=name)


def check_problem(problem: object) -> None:
    """Refuse what is no problem.

    Raises
    ------
    TypeError
    """
    if not isinstance(problem, Problem):
        raise TypeError(f"problem: expected a batchlab Problem, received {shown(problem)}.")


def _problem(
    arrays: tuple, *, n_classes: int, name: str, distribution: GaussianMixture | None = None
) -> Problem:
    x_train, y_train, x_test, y_test = arrays
    missing = np.setdiff1d(np.arange(n_classes), y_train)
    if missing.size:
        raise ValueError(
            f"y_train: expected every class 0 to {n_classes - 1} among the training samples, "
            f"received none of class {missing[0]}."
        )
    return Problem(
        _read_only(np.array(x_train, dtype="float64")),
        _read_only(np.array(y_train, dtype="int64")),
        _read_only(np.array(x_test, dtype="float64")),
        _read_only(np.array(y_test, dtype="int64")),
        n_classes,
        name,
        distribution,
    )


def _has_several(value: object) -> bool:
    return np.iterable(value) and not isinstance(value, str)


def _read_only(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


def _warn_of_constant_features(x_train: np.ndarray) -> None:
    constant = (x_train == x_train[0]).all(axis=0)
    if constant.all():
        raise ValueError(
            "x_train: expected samples that differ from each other, received "
            f"{len(x_train)} equal ones."
        )
    if x_train.ndim == 2 and constant.any():
        warnings.warn(
            f"x_train: {constant.sum()} of {constant.size} features are constant and carry no "
            f"information, the first is feature {constant.argmax()}.",
            stacklevel=3,
        )
