"""Split rows into training, validation and test, with every class in each of them."""

import numpy as np
from sklearn.model_selection import train_test_split

from batchlab.foundation.checks import positive_number, shown

PARTS = ("train", "validation", "test")


def checked_shares(validation: float, test: float) -> tuple[float, float]:
    """Return the shares of the rows that are for validation and for testing.

    Raises
    ------
    TypeError, ValueError
        If one is not between 0 and 1, or the two leave nothing for training.
    """
    for name, share in (("validation", validation), ("test", test)):
        if positive_number(name, share) >= 1:
            raise ValueError(f"{name}: expected a share below 1, received {shown(share)}.")
    if validation + test >= 1:
        raise ValueError(
            "validation, test: expected shares that leave some for training, received "
            f"{shown(validation)} and {shown(test)}."
        )
    return float(validation), float(test)


def split_rows(
    n_rows: int,
    labels: np.ndarray | None = None,
    *,
    validation: float,
    test: float,
    random_state: int,
) -> dict[str, np.ndarray]:
    """Return the row numbers of each part, in random order.

    Parameters
    ----------
    n_rows : int
    labels : ndarray of int, shape (n_rows,), or None
        Classes 0 to n_classes - 1, at least 3 rows of each. They have the same shares in each
        part, as far as whole rows allow, and each is in each part.
    validation, test : float
        Shares of the rows, rounded to whole rows.
    random_state : int

    Returns
    -------
    dict of str to ndarray of int
        For "train", "validation" and "test".

    Raises
    ------
    ValueError
        If a part would be empty, or too small to hold each class.

    Examples
    --------
    >>> rows = split_rows(10, validation=0.2, test=0.2, random_state=0)
    >>> {part: len(own) for part, own in rows.items()}
    {'train': 6, 'validation': 2, 'test': 2}
    """
    sizes = {"validation": round(validation * n_rows), "test": round(test * n_rows)}
    sizes["train"] = n_rows - sum(sizes.values())
    classes = 0 if labels is None else labels.max() + 1
    for part, least in {"train": max(2, classes), "validation": 1, "test": 1}.items():
        if sizes[part] < max(least, classes):
            needs = ", one of each class," if classes > least else ""
            raise ValueError(
                f"validation, test: expected at least {max(least, classes)} of the {n_rows} "
                f"rows{needs} for {part}, received shares of {validation:g} and {test:g}, which "
                f"leave {sizes[part]}."
            )
    rest = np.arange(n_rows)
    rows = {}
    for part in ("test", "validation"):
        rest, rows[part] = train_test_split(
            rest,
            test_size=sizes[part],
            random_state=random_state,
            stratify=None if labels is None else _strata(labels[rest]),
        )
    rows = {part: rest if part == "train" else rows[part] for part in PARTS}
    return rows if labels is None else _with_every_class(rows, labels)


def _strata(labels: np.ndarray) -> np.ndarray:
    """Return the labels, a class of one row joined to the largest, as stratifying needs two."""
    counts = np.bincount(labels)
    return np.where(counts[labels] < 2, counts.argmax(), labels)


def _with_every_class(rows: dict[str, np.ndarray], labels: np.ndarray) -> dict[str, np.ndarray]:
    """Return the parts, where a rare class is missing with a row of it from where most are."""
    classes = labels.max() + 1
    counts = {part: np.bincount(labels[own], minlength=classes) for part, own in rows.items()}
    for part in PARTS:
        for missing in np.flatnonzero(counts[part] == 0):
            there = {each: int(counts[each][missing]) for each in PARTS}
            giver = max(there, key=there.__getitem__)
            given = rows[giver][labels[rows[giver]] == missing][-1]
            rows[giver] = rows[giver][rows[giver] != given]
            rows[part] = np.append(rows[part], given)
            counts[giver][missing] -= 1
            counts[part][missing] += 1
    return rows
