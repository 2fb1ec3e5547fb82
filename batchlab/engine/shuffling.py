"""The order in which a replicate sees the training samples."""

import numpy as np

from batchlab.foundation.checks import LARGEST_SEED, whole_number


def shuffle_orders(n_train: int, epochs: int, *, seed: int, replicate: int) -> np.ndarray:
    """Return the order of the training samples in each epoch.

    The order depends on ``seed + replicate`` alone, as the initial weights do: replicate 3 of a
    run with seed 10 is the only replicate of a run with seed 13. Training with `fit` on these
    orders, or with ``keras.Model.fit(..., shuffle=False)`` on data in these orders, is the same.

    Parameters
    ----------
    n_train : int
        Number of training samples, at least 1.
    epochs : int
        Number of epochs, at least 1.
    seed : int
        Seed of the run, 0 to 2**32 - 1.
    replicate : int
        Number of the replicate, counted from 0.

    Returns
    -------
    ndarray of int32, shape (epochs, n_train)
        Each row is a permutation of ``range(n_train)``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a whole number within its range.

    Examples
    --------
    >>> import batchlab as bl
    >>> bl.shuffle_orders(5, 2, seed=0, replicate=0).shape
    (2, 5)
    """
    n_train = whole_number("n_train", n_train, minimum=1)
    epochs = whole_number("epochs", epochs, minimum=1)
    seed = whole_number("seed", seed, minimum=0, maximum=LARGEST_SEED)
    replicate = whole_number("replicate", replicate, minimum=0, maximum=LARGEST_SEED - seed)
    return next_orders(order_generator(seed + replicate), n_train, epochs)


def order_generator(seed: int) -> np.random.Generator:
    """Return the generator of one replicate's orders; `seed` is the run's plus the replicate's."""
    return np.random.default_rng(seed)


def next_orders(generator: np.random.Generator, n_train: int, epochs: int) -> np.ndarray:
    """Return the orders of the next epochs, shape (epochs, n_train), advancing the generator.

    Drawn in one call or in several, the orders are the same: that lets `fit` hold a few epochs of
    them at a time. NumPy on the host draws them because a sort inside XLA took 20 times as long as
    all the training.
    """
    identity = np.broadcast_to(np.arange(n_train, dtype=np.int32), (epochs, n_train))
    return generator.permuted(identity, axis=1)
