"""Columns of a table to samples of numbers, by what the training part alone tells."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from batchlab.problems.readers.column_choice import Columns, chosen_columns, columns_in_words
from batchlab.problems.readers.column_names import listed
from batchlab.problems.readers.columns import Typed, date_note

MOST_CATEGORIES = 30  # of a column; the rarer ones share a feature
MISSING = "missing"


class Prepared(NamedTuple):
    """Samples of each part, and what was done to them."""

    parts: dict[str, np.ndarray]
    notes: list[str]


def prepared_columns(table: Typed, rows: Mapping[str, np.ndarray], *, dtype: str) -> Prepared:
    """Return samples: numbers standardized, text one-hot, what is missing filled in.

    Whatever is computed from values is computed from those of the training part.

    Parameters
    ----------
    table : Typed
    rows : mapping of str to ndarray of int
        Row numbers of "train" and of the other parts.
    dtype : {"float64", "float32"}

    Returns
    -------
    Prepared
        Arrays of shape (n_rows of the part, n_features).

    Raises
    ------
    ValueError
        If no feature is left, or a column's numbers are too large to be standardized.
    """
    train = table.frame.iloc[rows["train"]]
    columns = chosen_columns(table, train)
    del train
    gaps = bool(table.frame[columns.numbers].isna().any(axis=None))
    fitted = _transformer(columns, gaps=gaps, n_train=len(rows["train"]), dtype=dtype)
    used = [*columns.numbers, *columns.flags]
    used += [name for name in columns.marked if name not in used]
    parts = {}
    for part in ("train", *(part for part in rows if part != "train")):
        own = _selected(table.frame, rows[part], used, columns.text, dtype)
        # Too large numbers are said below, in our words.
        with np.errstate(over="ignore", invalid="ignore"):
            x = fitted.fit_transform(own) if part == "train" else fitted.transform(own)
        parts[part] = np.asarray(x).astype(dtype, copy=False)
    _check_scaled(fitted, columns)
    varying = (parts["train"] != parts["train"][0]).any(axis=0)
    if not varying.all():  # all categories rare, or all rows with the same gap
        parts = {part: x[:, varying] for part, x in parts.items()}
    notes = [*columns.notes, *_done(columns, table, fitted)]
    n_features = parts["train"].shape[1]
    if n_features != len(table.kinds):
        notes.append(f"{columns_in_words(len(table.kinds))} became {n_features} features.")
    return Prepared(parts, notes)


def _transformer(columns: Columns, *, gaps: bool, n_train: int, dtype: str) -> ColumnTransformer:
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        max_categories=MOST_CATEGORIES,
        # A category of a few rows would be learned by heart, but in a small table all are small.
        min_frequency=min(5, max(1, n_train // 100)),
        sparse_output=False,
        dtype=dtype,
    )
    filled, scaled = SimpleImputer(strategy="median"), StandardScaler(copy=False)
    steps = {
        # All or none are filled: a gap in the test part must not move a column to another place.
        "numbers": make_pipeline(filled, scaled) if gaps else make_pipeline(scaled),
        "flags": SimpleImputer(strategy="most_frequent"),
        "marked": MissingIndicator(error_on_new=False),
        "text": make_pipeline(SimpleImputer(strategy="constant", fill_value=MISSING), encoder),
    }
    chosen = [(name, step, getattr(columns, name)) for name, step in steps.items()]
    return ColumnTransformer([each for each in chosen if each[2]], sparse_threshold=0)


def _selected(
    frame: pd.DataFrame, rows: np.ndarray, numeric: list[str], text: list[str], dtype: str
) -> pd.DataFrame:
    """Return some rows of the columns in use, numbers in one type.

    That is float32 only if every number given fits into it: the mean of the seconds since 1970
    cannot be taken away from them in float32.
    """
    part = frame.iloc[rows]
    if not text and len(numeric) == part.shape[1]:
        given = part
    else:
        given = part[numeric]
    exact = np.dtype("float64")
    if dtype == "float32":
        exact = np.result_type("float32", *set(given.dtypes))
    given = given.astype(exact)
    return pd.concat([given, part[text]], axis=1) if text else given


def _check_scaled(fitted: ColumnTransformer, columns: Columns) -> None:
    if not columns.numbers:
        return
    scales = fitted.named_transformers_["numbers"][-1].scale_
    wrong = [
        name for name, scale in zip(columns.numbers, scales, strict=True) if not np.isfinite(scale)
    ]
    if wrong:
        raise ValueError(
            "data: expected numbers of which a standard deviation can be computed, received too "
            f"large ones in {listed(wrong)}."
        )


def _done(columns: Columns, table: Typed, fitted: ColumnTransformer) -> list[str]:
    """Return notes on what was done to the columns that are left."""
    notes = date_note(table)
    if columns.numbers:
        notes.append(
            f"Standardized {columns_in_words(len(columns.numbers))} of numbers with the training "
            "part's means and standard deviations."
        )
    if columns.flags:
        notes.append(
            f"{columns_in_words(len(columns.flags))} of yes or no became 1 or 0.".capitalize()
        )
    for names, words in (
        (columns.numbers, "numbers became their column's median in"),
        (columns.flags, "yes or no became the commoner one of"),
    ):
        gaps = _gaps(table, names)
        if len(gaps):
            notes.append(f"Missing {words} the training part: {listed(gaps.index, gaps)}.")
    if columns.marked:
        notes.append(
            "Added a feature that marks missing values for each of "
            f"{columns_in_words(len(columns.marked))}: {listed(columns.marked)}."
        )
    if columns.text:
        encoder = fitted.named_transformers_["text"][-1]
        widths = [len(own) for own in encoder.categories_]
        notes.append(
            f"Encoded {columns_in_words(len(columns.text))} of text one-hot, different values in "
            f"brackets: {listed(columns.text, widths)}."
        )
        rare = [
            name
            for name, own in zip(columns.text, encoder.infrequent_categories_, strict=True)
            if own is not None
        ]
        if rare:
            notes.append(f"Rare values share a feature in {listed(rare)}.")
        gaps = _gaps(table, columns.text)
        if len(gaps):
            notes.append(
                f"Missing text became a value of its own, {MISSING!r}: {listed(gaps.index, gaps)}."
            )
    return notes


def _gaps(table: Typed, names: list[str]) -> pd.Series:
    """Return how many values are missing in each of these columns, where any is."""
    counts = table.frame[names].isna().sum()
    return counts[counts > 0]
