"""Which columns of a table are learned from, and which are dropped, by the training part alone."""

from typing import NamedTuple

import pandas as pd

from batchlab.problems.readers.column_names import listed
from batchlab.problems.readers.columns import DATES, FLAGS, NUMBERS, TEXT, Typed


class Columns(NamedTuple):
    """What becomes of the columns: names, decided by the training part."""

    numbers: list[str]
    flags: list[str]
    marked: list[str]
    text: list[str]
    notes: list[str]


def chosen_columns(table: Typed, train: pd.DataFrame) -> Columns:
    """Decide what becomes of each column.

    Parameters
    ----------
    table : Typed
    train : pandas.DataFrame
        Those of its rows that are for training, which alone decide.

    Returns
    -------
    Columns

    Raises
    ------
    ValueError
        If no column is left.

    Examples
    --------
    >>> from batchlab.problems.readers.columns import typed_columns
    >>> table = typed_columns(pd.DataFrame({"a": [1, 2], "b": [3, 3]}))
    >>> chosen_columns(table, table.frame).numbers
    ['a']
    """
    present = train.count()
    empty = present.index[present == 0].tolist()
    numeric = [name for name in table.of(NUMBERS, DATES, FLAGS) if present[name]]
    low, high = (getattr(train[numeric], side)() for side in ("min", "max"))
    marked = [name for name in numeric if present[name] < len(train)]
    same = {name for name in numeric if low[name] == high[name]}
    unlike, text = [], []
    for name in table.of(TEXT):
        different = train[name].nunique()
        if present[name] and different == 1 and present[name] == len(train):
            same.add(name)
        elif different > present[name] / 2 and different > 2:
            unlike.append(name)
        elif present[name]:
            text.append(name)
    kinds, varied = table.kinds, [name for name in numeric if name not in same]
    notes = []
    constant = [name for name in kinds if name in same and name not in marked]
    for names, why in (
        (constant, "the same in all of the training part"),
        (empty, "without a value in the training part"),
        (unlike, "of text that hardly ever repeats itself"),
    ):
        if names:
            notes.append(f"Dropped {columns_in_words(len(names))} {why}: {listed(names)}.")
    columns = Columns(
        [name for name in varied if kinds[name] != FLAGS],
        [name for name in varied if kinds[name] == FLAGS],
        marked,
        text,
        notes,
    )
    if not any(columns[:4]):
        raise ValueError(
            "data: expected columns to learn from, received none that is left: "
            f"{' '.join(notes)[0].lower()}{' '.join(notes)[1:]}"
        )
    return columns


def columns_in_words(count: int) -> str:
    """Return "1 column", or "2 columns"."""
    return f"{count} column{'s' if count != 1 else ''}"
