"""Whether hyperplanes can separate classes."""

import numpy as np
from scipy.optimize import linprog

from batchlab.problems.arrays import label_array


def linearly_separable(x: np.ndarray, y: np.ndarray) -> bool:
    """Return whether hyperplanes can separate every class from each other class without an error.

    Decided exactly for each pair of classes by the feasibility of the linear program
    ``s (w·x + c) >= 1``, where s is +1 for one class and -1 for the other.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_features)
    y : ndarray of int, shape (n_samples,)

    Returns
    -------
    bool

    Raises
    ------
    TypeError, ValueError
        If y are no labels, such as the targets of a regression.

    References
    ----------
    Boyd and Vandenberghe, Convex Optimization, 2004, section 8.6.1.

    Examples
    --------
    >>> import numpy as np
    >>> import batchlab as bl
    >>> bl.linearly_separable(np.array([[0.0], [1.0], [2.0]]), np.array([0, 1, 0]))
    False
    """
    y = label_array("y", y)
    classes = np.unique(y)
    rows = np.column_stack([x.reshape(len(x), -1), np.ones(len(x))])
    for position, first in enumerate(classes):
        for second in classes[position + 1 :]:
            pair = (y == first) | (y == second)
            sign = np.where(y[pair] == first, 1.0, -1.0)
            constraints = -sign[:, None] * rows[pair]
            found = linprog(
                np.zeros(rows.shape[1]),
                A_ub=constraints,
                b_ub=-np.ones(len(constraints)),
                bounds=(None, None),
            )
            if not found.success:
                return False
    return True
