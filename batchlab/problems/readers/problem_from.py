"""One door from the data that people have to a problem with three parts."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import Bunch

from batchlab.foundation.checks import LARGEST_SEED, choice, shown, whole_number
from batchlab.problems.problem import STORED_TYPES, TASKS, Problem, from_arrays
from batchlab.problems.readers.column_names import Names, listed
from batchlab.problems.readers.columns import NUMBERS, TEXT, Typed, typed_columns
from batchlab.problems.readers.labels import scaled_targets, unbalanced_note, understood
from batchlab.problems.readers.pixels import checked_shape, prepared_pixels, reshaped
from batchlab.problems.readers.preparing import Prepared, prepared_columns
from batchlab.problems.readers.splitting import checked_shares, split_rows
from batchlab.problems.readers.supplied import Supplied, supplied


def problem_from(
    data: ArrayLike | pd.DataFrame | os.PathLike[str] | Bunch,
    target: ArrayLike | pd.DataFrame | pd.Series | None = None,
    *,
    task: str | None = None,
    validation: float = 0.2,
    test: float = 0.2,
    random_state: int = 0,
    sample_shape: Sequence[int] | None = None,
    drop: Names = (),
    dtype: str = "float64",
    name: str | None = None,
) -> Problem:
    """Return a problem made of somebody's data: split, and turned into numbers to train on.

    Rows are split at random, classes in equal proportions. Means, standard deviations, medians and
    categories come from the training part alone. `Problem.notes` says what was done.

    Parameters
    ----------
    data : array-like, DataFrame, path, Bunch, tf.data.Dataset or str
        - An array of shape (n_samples, ...), with `target` another.
        - A pandas DataFrame, with `target` the name of a column.
        - The path of a file, .csv, .tsv or .txt (or these with .gz) or .parquet, with `target` the
          name of a column. In text "?" is missing too. A file that would not fit into free memory
          is refused.
        - What scikit-learn's `load_wine` and its like return.
        - A tf.data.Dataset of pairs (x, y), batched or not, which is read into memory.
        - The name of one of scikit-learn's data sets: "breast_cancer", "diabetes", "digits",
          "iris", "linnerud" or "wine".
    target : array-like, str or list of str, optional
        Labels or numbers, shape (n_samples,) or (n_samples, n_targets), or the columns that hold
        them. None where `data` holds its own.
    task : {"classification", "regression"} or None
        None decides by the target: text, yes or no, and whole numbers of at most 20 different
        values are classes, other numbers a regression.
    validation, test : float
        Shares of the rows, above 0 and together below 1.
    random_state : int
        Seed of the split, 0 to 2**32 - 1.
    sample_shape : sequence of int, optional
        Shape of a sample whose numbers are alike, such as ``[8, 8, 1]`` for rows of 64 pixels.
        They share one mean and standard deviation and none is dropped. So do samples that come in
        two or more dimensions.
    drop : str or sequence of str
        Names of columns to leave out.
    dtype : {"float64", "float32"}
        What samples are kept in.
    name : str or None
        Shown in figures; None takes the file's or the data set's.

    Returns
    -------
    Problem
        With a validation part. Targets of a regression are standardized too; `target_scales` are
        their standard deviations in the caller's units.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be opened.
    TypeError, ValueError
        If data, target or an argument is not as above, a class has fewer than 3 samples, or there
        are too few rows; the sentence says what was expected and what came.

    Examples
    --------
    >>> import batchlab as bl
    >>> from sklearn.datasets import load_wine
    >>> problem = bl.problem_from(load_wine())
    >>> problem.n_train, problem.n_validation, problem.n_test
    (106, 36, 36)
    >>> problem.class_names
    ('class_0', 'class_1', 'class_2')

    A table, and a number to predict:

    >>> import pandas as pd
    >>> houses = pd.DataFrame({"rooms": range(50), "price": [1.5 * n for n in range(50)]})
    >>> bl.problem_from(houses, "price").task
    'regression'
    """
    if task is not None:
        choice("task", task, TASKS)
    choice("dtype", dtype, STORED_TYPES)
    if not isinstance(name, str | None):
        raise TypeError(f"name: expected a string or None, received {shown(name)}.")
    validation, test = checked_shares(validation, test)
    random_state = whole_number("random_state", random_state, minimum=0, maximum=LARGEST_SEED)
    shape = checked_shape(sample_shape)
    given = supplied(data, target, drop)
    given, targets, notes = _with_targets(given)
    learnt = understood(targets, task, given.known)
    classes = learnt.task == "classification"
    rows = split_rows(
        len(learnt.values),
        learnt.values if classes else None,
        validation=validation,
        test=test,
        random_state=random_state,
    )
    scales: tuple[float, ...] = ()
    if classes:
        y = {part: learnt.values[own] for part, own in rows.items()}
        last = unbalanced_note(y["train"], learnt.class_names)
    else:
        y, scales, note = scaled_targets(learnt.values, rows)
        last = [note]
    words = {"train": "training", "validation": "validation", "test": "testing"}
    split = ", ".join(f"{len(own)} for {words[part]}" for part, own in rows.items())
    how = ", classes in equal proportions" if classes else ""
    notes += [learnt.note, f"Split {len(learnt.values)} rows at random{how}: {split}."]
    x = _prepared(given.x, rows, shape, dtype)
    problem = _assembled(x.parts, y, task=learnt.task, dtype=dtype, name=name or given.name)
    return replace(
        problem,
        class_names=learnt.class_names,
        target_scales=scales,
        notes=(*given.notes, *notes, *x.notes, *last),
    )


def _with_targets(given: Supplied) -> tuple[Supplied, Typed, list[str]]:
    """Leave out rows whose target is missing."""
    targets = typed_columns(given.y)
    known = targets.frame.notna().all(axis=1).to_numpy()
    if known.all():
        return given, targets, []
    if not known.any():
        raise ValueError(
            f"target: expected values in {listed(given.y)}, received {len(known)} missing ones."
        )
    missing = len(known) - int(known.sum())
    note = f"Dropped {missing} row{'s' if missing > 1 else ''} without a target."
    targets = Typed(targets.frame[known].reset_index(drop=True), targets.kinds)
    return given._replace(x=given.x[known]), targets, [note]


def _prepared(
    x: pd.DataFrame | np.ndarray,
    rows: dict[str, np.ndarray],
    shape: tuple[int, ...] | None,
    dtype: str,
) -> Prepared:
    if isinstance(x, pd.DataFrame):
        table = typed_columns(x)
        if shape is None:
            return prepared_columns(table, rows, dtype=dtype)
        others = [each for each, kind in table.kinds.items() if kind != NUMBERS]
        if others:
            raise TypeError(
                f"sample_shape: expected columns of numbers alone, received {listed(others)}, of "
                f"{'text' if table.kinds[others[0]] == TEXT else table.kinds[others[0]]}."
            )
        x = table.frame.to_numpy()
    return prepared_pixels(x if shape is None else reshaped(x, shape), rows, dtype=dtype)


def _assembled(
    x: dict[str, np.ndarray], y: dict[str, np.ndarray], *, task: str, dtype: str, name: str
) -> Problem:
    with warnings.catch_warnings():
        # A pixel at the rim may be constant, which is no fault in an image of any shape.
        warnings.filterwarnings("ignore", "x_train: .* features are constant", UserWarning)
        return from_arrays(
            x.pop("train"),
            y["train"],
            x.pop("test"),
            y["test"],
            x_validation=x.pop("validation"),
            y_validation=y["validation"],
            task=task,
            dtype=dtype,
            name=name,
        )
