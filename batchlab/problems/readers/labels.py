"""What is to be learned: classes or numbers, as the target's own values tell."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.preprocessing import LabelEncoder, StandardScaler

from batchlab.foundation.checks import shown
from batchlab.problems.readers.column_names import listed
from batchlab.problems.readers.columns import DATES, FLAGS, NUMBERS, TEXT, Typed

MOST_WHOLE_NUMBERS = 20
_UNBALANCED = 1.2  # times the share that the commonest class would have if all were equal


class Target(NamedTuple):
    """Labels 0 to n_classes - 1, or numbers; the classes' names and what was decided."""

    values: np.ndarray
    task: str
    class_names: tuple[str, ...]
    note: str


class Scaled(NamedTuple):
    """The targets of a regression in standard deviations, for each part."""

    parts: dict[str, np.ndarray]
    scales: tuple[float, ...]
    note: str


def from_one_hot(values: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of the classes if every row has a single 1 and else 0, or the values."""
    array = values.to_numpy()
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind not in "fiub":
        return values
    if not ((array == 0) | (array == 1)).all() or not (array.sum(axis=1) == 1).all():
        return values
    return pd.DataFrame({"target": array.argmax(axis=1)}, index=values.index)


def understood(table: Typed, task: str | None, known: Sequence[object] = ()) -> Target:
    """Return the target as labels or as numbers.

    Text, categories and yes or no are classes; so are whole numbers of at most 20 different
    values. Other numbers are a regression.

    Parameters
    ----------
    table : Typed
        A column for each target, without missing values.
    task : {"classification", "regression"} or None
        None decides by the values.
    known : sequence of object
        What the labels 0, 1, … stand for, if that is known.

    Returns
    -------
    Target

    Raises
    ------
    TypeError, ValueError
        If these values are no targets of such a task, or a class has fewer than 3 samples.
    """
    strange = table.of(DATES)
    if strange:
        raise TypeError(
            f"target: expected classes or numbers, received dates in {listed(strange)}."
        )
    if table.frame.shape[1] > 1:
        return _numbers_target(table, task)
    name, kind = next(iter(table.kinds.items()))
    column = table.frame[name].to_numpy()
    decided = task or ("regression" if kind == NUMBERS and not _few(column) else "classification")
    if decided == "regression":
        return _numbers_target(table, task)
    if kind == FLAGS:
        column, known = column.astype(int), ("False", "True")
    elif kind == NUMBERS and (column == np.rint(column)).all():
        column = column.astype("int64")
    return _classes(name, kind, column, task, known)


def _few(column: np.ndarray) -> bool:
    return bool((column == np.rint(column)).all()) and len(np.unique(column)) <= MOST_WHOLE_NUMBERS


def _classes(
    name: str, kind: str, column: np.ndarray, task: str | None, known: Sequence[object]
) -> Target:
    encoder = LabelEncoder()
    labels = encoder.fit_transform(column).astype("int64")
    found = encoder.classes_.tolist()
    if kind == TEXT or not set(found) <= set(range(len(known))):
        names = [str(each) for each in found]
    else:
        names = [str(known[each]) for each in found]
    if len(names) < 2:
        raise ValueError(f"target: expected at least 2 classes, received only {shown(names[0])}.")
    counts = np.bincount(labels)
    rare = np.flatnonzero(counts < 3)
    if rare.size:
        others = f", and as few of {rare.size - 1} more" if rare.size > 1 else ""
        raise ValueError(
            "target: expected at least 3 samples of each class, one for each part, received "
            f"{counts[rare[0]]} of class {shown(names[rare[0]])}{others}."
        )
    why = {TEXT: "since it is text", FLAGS: "since it is yes or no"}.get(
        kind, f"since it holds whole numbers, at most {MOST_WHOLE_NUMBERS} different ones"
    )
    which = "The target" if name == "target" else f"The target {shown(name)}"
    note = f"{which}: {len(names)} classes, {'as asked' if task else why}"
    unnamed = not known and found == list(range(len(found)))
    note += "." if unnamed else f": {listed(names)}."
    return Target(labels, "classification", () if unnamed else tuple(names), note)


def _numbers_target(table: Typed, task: str | None) -> Target:
    text = table.of(TEXT)
    if text or task == "classification":
        expected = "numbers for a regression" if text else "one column of classes"
        received = f"text in {listed(text)}" if text else f"{len(table.kinds)}"
        raise TypeError(f"target: expected {expected}, received {received}.")
    values = table.frame.to_numpy("float64")
    which = f"{values.shape[1]} targets" if values.shape[1] > 1 else "The target"
    which += "" if [*table.kinds] == ["target"] else f" {listed(table.kinds)}"
    why = "as asked" if task else "since there are several"
    if values.shape[1] == 1 and not task:
        whole = bool((values == np.rint(values)).all())
        why = f"since it holds more than {MOST_WHOLE_NUMBERS} different numbers"
        why = why if whole else "since its numbers are not whole"
    note = f"{which}: a regression, {why}."
    return Target(values[:, 0] if values.shape[1] == 1 else values, "regression", (), note)


def unbalanced_note(y_train: np.ndarray, names: Sequence[str]) -> list[str]:
    """Return a note on what always guessing the commonest class achieves, if classes are unequal.

    Parameters
    ----------
    y_train : ndarray of int, shape (n_train,)
    names : sequence of str
        May be empty.

    Returns
    -------
    list of str
    """
    counts = np.bincount(y_train)
    share = counts.max() / len(y_train)
    if share * len(counts) < _UNBALANCED:
        return []
    commonest = names[int(counts.argmax())] if names else str(counts.argmax())
    return [
        f"The classes are not equally common: always guessing {shown(commonest)} is right for "
        f"{share:.1%} of the training part."
    ]


def scaled_targets(values: np.ndarray, rows: dict[str, np.ndarray]) -> Scaled:
    """Return a regression's targets, less the training part's mean, in its standard deviations.

    Parameters
    ----------
    values : ndarray of float, shape (n_rows,) or (n_rows, n_targets)
    rows : dict of str to ndarray of int
        Row numbers of each part.

    Returns
    -------
    Scaled

    Raises
    ------
    ValueError
        If a target is the same for all training samples.
    """
    columns = values.reshape(len(values), -1)
    train = columns[rows["train"]]
    same = (train == train[0]).all(axis=0)
    if same.any():
        raise ValueError(
            "target: expected targets that differ from each other, received the same, "
            f"{train[0, same.argmax()]:g}, for all {len(train)} training samples."
        )
    scaler = StandardScaler().fit(train)
    parts = {
        part: scaler.transform(columns[own]).reshape(-1, *values.shape[1:])
        for part, own in rows.items()
    }
    scales = tuple(map(float, scaler.scale_))
    if len(scales) == 1:
        note = (
            f"The target was standardized with the training part's mean {scaler.mean_[0]:.6g} and "
            f"standard deviation {scales[0]:.6g}: a squared loss times {scales[0] ** 2:.6g} is in "
            "squared units of the target."
        )
    else:
        words = ", ".join(f"{scale:.6g}" for scale in scales[:5])
        words += f" and {len(scales) - 5} more" if len(scales) > 5 else ""
        note = (
            "Each target was standardized with the training part's mean and standard deviation "
            f"({words}): the squared loss is a mean over targets in squared standard deviations."
        )
    return Scaled(parts, scales, note)
