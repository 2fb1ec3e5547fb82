"""Real data that is there without a download."""

import warnings

import numpy as np
from sklearn.datasets import load_digits

from batchlab._checks import LARGEST_SEED, whole_number
from batchlab.data import Problem, from_arrays

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
    with warnings.catch_warnings():
        # Pixels at the rim are constant: of data that we ship, a caller need not be warned.
        warnings.filterwarnings("ignore", "x_train: .* features are constant", UserWarning)
        return from_arrays(
            x[train] / DIGITS_MAXIMUM, y[train], x[test] / DIGITS_MAXIMUM, y[test], name="digits"
        )
