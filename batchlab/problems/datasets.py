"""Problems beside the blobs: digits, moons, and any with labels that are wrong."""

import warnings
from dataclasses import replace

import numpy as np
from sklearn.datasets import load_digits, make_moons

from batchlab.foundation.checks import LARGEST_SEED, positive_number, shown, whole_number
from batchlab.problems.arrays import read_only
from batchlab.problems.problem import Problem, check_classification, from_arrays

DIGITS = 1797
DIGITS_MAXIMUM = 16  # of a pixel: it counts the dark ones of a 4 by 4 block of the scan


def digits(n_samples: int = DIGITS, *, n_train: int = 1280, random_state: int = 0) -> Problem:
    """Return scikit-learn's handwritten digits: images of 8 by 8 pixels, ten classes.

    Pixels are scaled from 0 … 16 to 0 … 1. Three of the 64 are the same in all images; they stay,
    since without them an image is no longer one, and a constant of zero trains nothing.

    Parameters
    ----------
    n_samples : int
        How many of the 1,797 images to use, training and test together.
    n_train : int
        How many of these, from the first on, are for training. The default leaves a fifth and more
        for testing and is five times 256, so that powers of two divide it.
    random_state : int
        Seed of the order in which the images are taken, 0 to 2**32 - 1. In the file's own order
        the last images are by other writers than the first, and harder.

    Returns
    -------
    Problem
        Samples of shape (64,).

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range, or a class is not among the training samples.

    References
    ----------
    Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning
    Repository, 1998, of which scikit-learn's `load_digits` is the test set.

    Examples
    --------
    >>> import batchlab as bl
    >>> bl.digits().x_train.shape
    (1280, 64)
    """
    n_samples = whole_number("n_samples", n_samples, minimum=3, maximum=DIGITS)
    n_train = whole_number("n_train", n_train, minimum=2, maximum=n_samples - 1)
    random_state = whole_number("random_state", random_state, minimum=0, maximum=LARGEST_SEED)
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(random_state).permutation(DIGITS)[:n_samples]
    train, test = order[:n_train], order[n_train:]
    missing = np.setdiff1d(y, y[train])
    if missing.size:
        raise ValueError(
            "n_train: expected every digit among the training samples, received "
            f"{n_train} of them without a {missing[0]}."
        )
    return _made_of(
        x[train] / DIGITS_MAXIMUM, y[train], x[test] / DIGITS_MAXIMUM, y[test], name="digits"
    )


def moons(
    n_samples: int = 1000, *, noise: float = 0.3, random_state: int = 2, n_train: int = 500
) -> Problem:
    """Return two classes that are half circles in each other's way (scikit-learn's `make_moons`).

    Parameters
    ----------
    n_samples : int
        Training and test samples together.
    noise : float
        Standard deviation of what is added to each feature; the circles have a radius of 1.
    random_state : int
        Seed of the samples, 0 to 2**32 - 1.
    n_train : int
        How many of the samples, from the first on, are for training.

    Returns
    -------
    Problem

    Raises
    ------
    TypeError, ValueError
        If a number is of another kind or out of its range, or the split leaves a class without a
        training sample.

    Examples
    --------
    >>> import batchlab as bl
    >>> bl.moons().n_classes
    2
    """
    n_samples = whole_number("n_samples", n_samples, minimum=3)
    n_train = whole_number("n_train", n_train, minimum=2, maximum=n_samples - 1)
    random_state = whole_number("random_state", random_state, minimum=0, maximum=LARGEST_SEED)
    noise = positive_number("noise", noise)
    x, y = make_moons(n_samples, noise=noise, random_state=random_state)
    if len(np.unique(y[:n_train])) < 2:
        raise ValueError(
            "n_train: expected both classes among the training samples, received "
            f"{n_train} of class {y[0]} alone."
        )
    return from_arrays(x[:n_train], y[:n_train], x[n_train:], y[n_train:], name="moons")


def noisy_labels(problem: Problem, *, share: float = 0.2, random_state: int = 0) -> Problem:
    """Return a problem some of whose training labels are replaced by another class.

    The test samples, and those for validation, stay as they are, so that accuracy on them says
    what was learned of the truth.

    Parameters
    ----------
    problem : Problem
    share : float
        Of the training labels, above 0 and below 1; rounded to whole samples.
    random_state : int
        Seed of which labels, and of the classes instead, 0 to 2**32 - 1.

    Returns
    -------
    Problem
        Its distribution is no longer known.

    Raises
    ------
    TypeError, ValueError
        If the problem is a regression, a number is of another kind or out of its range, or a class
        is left without a training sample.

    Examples
    --------
    >>> import batchlab as bl
    >>> clean = bl.blobs()
    >>> int((bl.noisy_labels(clean).y_train != clean.y_train).sum())
    100
    """
    check_classification(problem, "wrong labels")
    share = positive_number("share", share)
    if share >= 1:
        raise ValueError(f"share: expected a number below 1, received {shown(share)}.")
    random_state = whole_number("random_state", random_state, minimum=0, maximum=LARGEST_SEED)
    generator = np.random.default_rng(random_state)
    wrong = generator.permutation(problem.n_train)[: round(share * problem.n_train)]
    y = problem.y_train.copy()
    n_classes = problem.n_outputs
    y[wrong] = (y[wrong] + generator.integers(1, n_classes, len(wrong))) % n_classes
    missing = np.setdiff1d(np.arange(n_classes), y)
    if missing.size:
        raise ValueError(
            "share: expected to leave every class a training sample, received "
            f"{shown(share)}, which leaves class {missing[0]} none."
        )
    name = f"{problem.name}, {share:.0%} of labels wrong"
    return replace(problem, y_train=read_only(y), name=name, distribution=None)


def _made_of(*arrays: np.ndarray, name: str) -> Problem:
    """Return a problem of arrays that were looked at before."""
    with warnings.catch_warnings():
        # Pixels at the rim are constant: of data that we ship, a caller need not be warned.
        warnings.filterwarnings("ignore", "x_train: .* features are constant", UserWarning)
        return from_arrays(*arrays, name=name)
