"""Columns of a table, each as what it holds: numbers, yes or no, dates or text."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.api import types

from batchlab.foundation.checks import shown
from batchlab.problems.readers.column_names import listed

NUMBERS, FLAGS, DATES, TEXT = "numbers", "flags", "dates", "text"
# Of dates in text only these say by themselves which part is the day.
_DATED = {r"\d{4}-\d{2}-\d{2}": "ISO8601", r"\d{1,2}\.\d{1,2}\.\d{4}$": "%d.%m.%Y"}
_INFERRED = {
    "boolean": FLAGS,
    "integer": NUMBERS,
    "floating": NUMBERS,
    "mixed-integer-float": NUMBERS,
    "decimal": NUMBERS,
    "empty": NUMBERS,
    "datetime": DATES,
    "datetime64": DATES,
    "date": DATES,
    "string": TEXT,
}


class Typed(NamedTuple):
    """A table whose columns are floats, integers or text, and what each of them holds."""

    frame: pd.DataFrame
    kinds: dict[str, str]

    def of(self, *kinds: str) -> list[str]:
        """Return the names of the columns of these kinds."""
        return [name for name, kind in self.kinds.items() if kind in kinds]


def typed_columns(frame: pd.DataFrame) -> Typed:
    """Return a table with dates as days, yes or no as 1 or 0, and text as text or NaN.

    Parameters
    ----------
    frame : pandas.DataFrame
        It is left as it is; columns of numbers are not copied.

    Returns
    -------
    Typed

    Raises
    ------
    TypeError, ValueError
        If a column holds something else, or infinite numbers.

    Examples
    --------
    >>> frame = pd.DataFrame({"sold": [True, False], "day": ["2024-01-01", "2024-01-02"]})
    >>> typed_columns(frame).frame.to_numpy().tolist()
    [[1.0, 19723.0], [0.0, 19724.0]]
    """
    kinds, changed = {}, {}
    for label, column in frame.items():
        name = str(label)
        kinds[name], values = as_kind(name, column)
        if values is not column:
            changed[name] = values
        if kinds[name] in (NUMBERS, DATES) and values.dtype.kind == "f":
            _check_finite(name, values)
    if changed:
        frame = frame.assign(**changed)
    return Typed(frame, kinds)


def as_kind(name: str, column: pd.Series) -> tuple[str, pd.Series]:
    """Return what a column holds, and its values as numbers or text.

    Raises
    ------
    TypeError
    """
    dtype = column.dtype
    if isinstance(dtype, pd.PeriodDtype):
        column, dtype = column.dt.to_timestamp(), np.dtype("datetime64[ns]")
    if isinstance(dtype, pd.CategoricalDtype):
        return TEXT, _text_column(column.astype(object))
    if types.is_bool_dtype(dtype):
        return FLAGS, _floats(column)
    if types.is_complex_dtype(dtype):
        raise TypeError(f"column {shown(name)}: expected real numbers, received {dtype}.")
    if types.is_numeric_dtype(dtype):
        plain = isinstance(dtype, np.dtype) and dtype.itemsize <= 8
        return NUMBERS, column if plain else _floats(column)
    if types.is_datetime64_any_dtype(dtype):
        return DATES, _days(column)
    if types.is_timedelta64_dtype(dtype):
        return DATES, column.dt.total_seconds() / 86_400
    return _inferred(name, column)


def _inferred(name: str, column: pd.Series) -> tuple[str, pd.Series]:
    """Return what a column of objects holds."""
    found = types.infer_dtype(column, skipna=True)
    kind = _INFERRED.get(found)
    if kind in (NUMBERS, FLAGS):
        return kind, _floats(column)
    if kind == DATES:
        return kind, _days(column)
    strange = [
        value
        for value in column[column.notna()]
        if not isinstance(value, str | int | float | np.number | np.bool_ | pd.Interval)
    ]
    if strange:
        raise TypeError(
            f"column {shown(name)}: expected numbers, text or dates, received a "
            f"{type(strange[0]).__name__}, {shown(strange[0])}."
        )
    text = _text_column(column)
    values = text.dropna()
    for pattern, form in _DATED.items():
        if len(values) and values.str.match(pattern).all():
            dates = pd.to_datetime(text, format=form, errors="coerce", utc=True)
            if dates.notna().sum() == len(values):
                return DATES, _days(dates)
    return TEXT, text


def _floats(column: pd.Series) -> pd.Series:
    return pd.Series(column.to_numpy("float64", na_value=np.nan), index=column.index)


def _days(column: pd.Series) -> pd.Series:
    dates = pd.to_datetime(column, utc=True)
    return (dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)


def _text_column(column: pd.Series) -> pd.Series:
    """Return a column of `str` and NaN; what is blank is missing, as it is in a file."""
    text = column.astype(object).map(lambda value: str(value).strip(), na_action="ignore")
    return text.where(text.notna() & (text != ""), np.nan).astype(object)


def _check_finite(name: str, values: pd.Series) -> None:
    infinite = int(np.isinf(values.to_numpy()).sum())
    if infinite:
        raise ValueError(
            f"column {shown(name)}: expected finite or missing numbers, received {infinite} "
            "infinite."
        )


def date_note(table: Typed) -> list[str]:
    """Return a note on the columns of dates, if there are any."""
    dates = table.of(DATES)
    return [f"Dates became numbers of days: {listed(dates)}."] if dates else []
