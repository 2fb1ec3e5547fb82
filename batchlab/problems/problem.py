"""Problems: the samples to train on, to choose by and to test on, and what is known of them."""

import warnings
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike

from batchlab.foundation.checks import choice, shown
from batchlab.problems.arrays import (
    check_every_class,
    feature_array,
    label_array,
    read_only,
    target_array,
)
from batchlab.problems.mixture import GaussianMixture

TASKS = ("classification", "regression")
STORED_TYPES = ("float64", "float32")


class BayesAccuracy(NamedTuple):
    """Accuracy of the Bayes rule, the ceiling for any classifier, on a problem's own samples.

    Examples
    --------
    >>> import batchlab as bl
    >>> ceiling = bl.blobs().bayes_accuracy
    >>> ceiling.train, ceiling.test
    (0.824, 0.84)
    """

    train: float
    test: float


class Split(NamedTuple):
    """One part of a problem's samples: its name, the samples, and their labels or targets."""

    name: str
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True, eq=False)
class Problem:
    """What `fit` trains on and evaluates on. Immutable.

    Attributes
    ----------
    x_train, x_test : ndarray of float, shape (n_train, ...) and (n_test, ...)
        Samples; one row of features each, or an image each.
    y_train, y_test : ndarray, shape (n_train,) and (n_test,)
        Labels of type int64, 0 to n_classes - 1; of a regression targets of type float, which may
        be several for a sample, shape (n_train, n_targets).
    n_classes : int or None
        None for a regression.
    name : str
    distribution : GaussianMixture or None
        Where the samples come from, if that is known.
    x_validation, y_validation : ndarray or None
        The part to choose by, so that the test part need be looked at only once. Without it `fit`
        measures on the test part.
    class_names : tuple of str
        What the labels stand for; empty if they have no names.
    target_scales : tuple of float
        What the targets of a regression were divided by, their standard deviations in the
        caller's units, one for each target; empty if they were not.
    notes : tuple of str
        What was done to the caller's data, a sentence each.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> problem.task, problem.n_train, problem.feature_shape, problem.n_outputs
    ('classification', 500, (2,), 3)
    >>> problem.held_out.name
    'test'
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    n_classes: int | None
    name: str
    distribution: GaussianMixture | None = None
    x_validation: np.ndarray | None = None
    y_validation: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    target_scales: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def task(self) -> str:
        """Either "classification" or "regression"."""
        return "regression" if self.n_classes is None else "classification"

    @property
    def n_outputs(self) -> int:
        """Numbers that a model puts out for a sample: one for each class, or for each target."""
        if self.n_classes is not None:
            return self.n_classes
        return 1 if self.y_train.ndim == 1 else self.y_train.shape[1]

    @property
    def n_train(self) -> int:
        """Number of training samples."""
        return len(self.x_train)

    @property
    def n_validation(self) -> int:
        """Number of validation samples; 0 if there are none."""
        return 0 if self.x_validation is None else len(self.x_validation)

    @property
    def n_test(self) -> int:
        """Number of test samples."""
        return len(self.x_test)

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self.x_train.shape[1:]

    @property
    def held_out(self) -> Split:
        """What `val_loss` and its like are measured on: the validation part, else the test part."""
        if self.x_validation is None:
            return Split("test", self.x_test, self.y_test)
        return Split("validation", self.x_validation, cast(np.ndarray, self.y_validation))

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


def from_arrays(
    x_train: ArrayLike,
    y_train: ArrayLike,
    x_test: ArrayLike,
    y_test: ArrayLike,
    *,
    x_validation: ArrayLike | None = None,
    y_validation: ArrayLike | None = None,
    task: str = "classification",
    dtype: str = "float64",
    name: str = "arrays",
) -> Problem:
    """Return a problem made of the caller's own arrays, which are copied and left as they are.

    Parameters
    ----------
    x_train, x_test : array-like of shape (n_train, ...) and (n_test, ...)
        Finite numbers; at least 2 training samples and 1 test sample.
    y_train, y_test : array-like, shape (n_train,) and (n_test,)
        Labels 0, 1, …, n_classes - 1, each of them among the training labels. Of a regression
        finite numbers, in shape (n_train,) or (n_train, n_targets).
    x_validation, y_validation : array-like or None
        Samples to choose by, at least 1; both or neither.
    task : {"classification", "regression"}
    dtype : {"float64", "float32"}
        What samples are kept in. In float32, which loses digits, they take half the memory.
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
    >>> import batchlab as bl
    >>> problem = bl.from_arrays([[0.0], [1.0], [2.0]], [0, 1, 1], [[0.5]], [0], name="tiny")
    >>> problem.n_classes
    2
    """
    if not isinstance(name, str):
        raise TypeError(f"name: expected a string, received {shown(name)}.")
    choice("task", task, TASKS)
    choice("dtype", dtype, STORED_TYPES)
    given: dict[str, tuple[ArrayLike | None, ArrayLike | None]]
    given = {"train": (x_train, y_train), "test": (x_test, y_test)}
    if x_validation is not None or y_validation is not None:
        given["validation"] = x_validation, y_validation
    classes = task == "classification"
    parts = {}
    for part, (x, y) in given.items():
        x = feature_array(f"x_{part}", x, dtype=dtype)
        y = label_array(f"y_{part}", y) if classes else target_array(f"y_{part}", y, dtype=dtype)
        if len(x) != len(y):
            raise ValueError(
                f"x_{part}, y_{part}: expected the same length, received {len(x)} samples and "
                f"{len(y)} {'labels' if classes else 'targets'}."
            )
        parts[part] = read_only(x), read_only(y)
    _check_like_training(parts)
    x_train, y_train = parts["train"]
    if len(x_train) < 2:
        raise ValueError(f"x_train: expected at least 2 samples, received {len(x_train)}.")
    n_classes = _number_of_classes(parts) if classes else None
    if not classes and (y_train == y_train[0]).all(axis=0).any():
        raise ValueError(
            "y_train: expected targets that differ from each other, received the same for all "
            f"{len(y_train)} samples."
        )
    _warn_of_constant_features(x_train)
    x_validation, y_validation = parts.get("validation", (None, None))
    return Problem(
        *parts["train"],
        *parts["test"],
        n_classes,
        name,
        x_validation=x_validation,
        y_validation=y_validation,
    )


def check_problem(problem: object) -> None:
    """Refuse what is no problem.

    Raises
    ------
    TypeError
    """
    if not isinstance(problem, Problem):
        raise TypeError(f"problem: expected a batchlab Problem, received {shown(problem)}.")


def check_classification(problem: Problem, what: str) -> None:
    """Refuse a regression where there must be classes.

    Parameters
    ----------
    problem : Problem
    what : str
        Who needs classes, for the sentence.

    Raises
    ------
    TypeError, ValueError
    """
    check_problem(problem)
    if problem.n_classes is None:
        raise ValueError(f"problem: expected one with classes for {what}, received a regression.")


def _check_like_training(parts: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Refuse samples or targets of another shape than those for training."""
    for which, letter in enumerate("xy"):
        own = parts["train"][which].shape[1:]
        for part, arrays in parts.items():
            other = arrays[which].shape[1:]
            if other != own:
                things = "samples" if letter == "x" else "targets"
                raise ValueError(
                    f"{letter}_{part}: expected {things} of shape {own} as in {letter}_train, "
                    f"received {other}."
                )


def _number_of_classes(parts: dict[str, tuple[np.ndarray, np.ndarray]]) -> int:
    classes = np.unique(np.concatenate([y for _, y in parts.values()]))
    if len(classes) < 2:
        raise ValueError(
            f"y_train: expected at least 2 classes, received only the label {classes[0]}."
        )
    if not np.array_equal(classes, np.arange(len(classes))):
        raise ValueError(
            f"y_train: expected the labels 0 to {len(classes) - 1} without a gap, received "
            f"{shown(classes.tolist())}."
        )
    check_every_class(parts["train"][1], len(classes))
    return len(classes)


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
