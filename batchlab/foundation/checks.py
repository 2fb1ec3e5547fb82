"""Checks of arguments: each failure is one sentence that says what was expected and what came."""

import difflib
import numbers
import sys
from collections.abc import Mapping
from typing import TypeVar

LARGEST_SEED = 2**32 - 1

Option = TypeVar("Option", bound=str | None)


def shown(value: object) -> str:
    """Return a value's representation for a sentence: on one line, of at most 80 characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:79]}…"


def whole_number(name: str, value: object, *, minimum: int, maximum: int | None = None) -> int:
    """Return `value` as an int if it is a whole number within the bounds (both included).

    Raises
    ------
    TypeError
        If it is not an integer: a bool, a float, a string, None.
    ValueError
        If it is out of bounds.
    """
    bounds = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}: expected a whole number {bounds}, received {shown(value)}.")
    number = int(value)
    if number < minimum or (maximum is not None and number > maximum):
        raise ValueError(f"{name}: expected a whole number {bounds}, received {shown(value)}.")
    return number


def positive_number(name: str, value: object) -> float:
    """Return `value` as a float if it is a finite number above zero.

    Raises
    ------
    TypeError
        If it is not a number.
    ValueError
        If it is zero, negative, infinite or NaN.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: expected a positive number, received {shown(value)}.")
    # Beyond the largest float a whole number cannot be converted at all.
    if value <= 0 or not value <= sys.float_info.max:
        raise ValueError(f"{name}: expected a positive number, received {shown(value)}.")
    return float(value)


def choice(name: str, value: object, options: tuple[Option, ...]) -> Option:
    """Return `value` if it is one of the options.

    Raises
    ------
    ValueError
        If it is not.
    """
    if isinstance(value, str | None) and value in options:
        return value
    expected = ", ".join(repr(option) for option in options)
    raise ValueError(f"{name}: expected one of {expected}, received {shown(value)}.")


def did_you_mean(name: str, known: Mapping[str, object] | set[str]) -> str:
    """Return the end of a sentence that names the closest of the known names, or nothing."""
    close = difflib.get_close_matches(name, sorted(known), 1)
    return f"; did you mean {close[0]}?" if close else ""


def shown_name(name: str) -> str:
    """Return what was given as a name for a sentence: quoted if it is none."""
    return name if name.isidentifier() else shown(name)
