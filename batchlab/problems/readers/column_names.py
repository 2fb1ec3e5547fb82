"""Names of a table's columns: which is the target, which are dropped, and lists of them."""

import difflib
import numbers
from collections.abc import Iterable, Sequence, Set

from batchlab.foundation.checks import shown

MOST_NAMED = 5

Names = str | Sequence[str] | Set[str]


def listed(names: Iterable[object], counts: Iterable[object] | None = None) -> str:
    """Return names for a sentence: at most five of them, then how many more there are.

    Parameters
    ----------
    names : iterable of object
    counts : iterable of object, optional
        What is said of each name, in brackets.

    Returns
    -------
    str

    Examples
    --------
    >>> listed(["a", "b"], [3, 12])
    "'a' (3), 'b' (12)"
    >>> listed("abcdefg")
    "'a', 'b', 'c', 'd', 'e' and 2 more"
    """
    words = [shown(str(name)) for name in names]
    if counts is not None:
        words = [f"{word} ({count})" for word, count in zip(words, counts, strict=True)]
    text = ", ".join(words[:MOST_NAMED])
    return f"{text} and {len(words) - MOST_NAMED} more" if len(words) > MOST_NAMED else text


def target_names(target: object) -> list[str] | None:
    """Return what names the target's columns; None if it is no name and no list of names."""
    if isinstance(target, str | numbers.Integral) and not isinstance(target, bool):
        return [str(target)]
    if isinstance(target, list | tuple) and all(isinstance(name, str) for name in target):
        return list(target)
    return None


def check_unique(columns: Sequence[str]) -> None:
    """Refuse columns of which two have the same name.

    Raises
    ------
    ValueError
    """
    if len(set(columns)) < len(columns):
        twice = next(name for at, name in enumerate(columns) if name in columns[:at])
        raise ValueError(
            f"data: expected columns of different names, received {columns.count(twice)} that are "
            f"called {shown(twice)}."
        )


def checked_names(
    columns: Sequence[str], target: object, drop: Names
) -> tuple[list[str], list[str]]:
    """Return the target's columns and those to drop, all of which there are.

    Parameters
    ----------
    columns : sequence of str
        All names in the table.
    target : str or list of str
    drop : str or sequence of str

    Returns
    -------
    targets, dropped : list of str

    Raises
    ------
    TypeError, ValueError
        If a name is missing or there twice, the target is dropped, or no column is left beside it.
    """
    check_unique(columns)
    if len(columns) == 1:
        raise ValueError(
            f"data: expected at least two columns, the target and another, received one alone, "
            f"{shown(columns[0])}."
        )
    targets = target_names(target)
    if not targets:
        raise TypeError(
            f"target: expected the name of a column, one of {listed(columns)}, received "
            f"{shown(target)}."
        )
    dropped = dropped_names(drop)
    for name in targets:
        _check_known("target", name, columns)
    for name in dropped:
        _check_known("drop", name, columns)
        if name in targets:
            raise ValueError(f"drop: expected columns beside the target, received {shown(name)}.")
    if len(set(targets)) < len(targets):
        raise ValueError(f"target: expected different columns, received {shown(targets)}.")
    if len({*targets, *dropped}) == len(columns):
        raise ValueError(
            f"data: expected a column beside the target to learn from, received {listed(targets)} "
            f"and {len(set(dropped))} to drop."
        )
    return targets, dropped


def dropped_names(drop: Names) -> list[str]:
    """Return the names of the columns to drop.

    Raises
    ------
    TypeError
    """
    names = [drop] if isinstance(drop, str) else drop
    if not isinstance(names, list | tuple | set) or not all(
        isinstance(each, str) for each in names
    ):
        raise TypeError(f"drop: expected a list of names of columns, received {shown(drop)}.")
    return list(names)


def _check_known(argument: str, name: str, columns: Sequence[str]) -> None:
    if name in columns:
        return
    lower = {column.lower(): column for column in columns}
    near = [lower[found] for found in difflib.get_close_matches(name.lower(), lower, n=3)]
    meant = f"did you mean {listed(near)}?" if near else f"there are {listed(columns)}."
    raise ValueError(
        f"{argument}: expected the name of a column, received {shown(name)}, which is none; {meant}"
    )
