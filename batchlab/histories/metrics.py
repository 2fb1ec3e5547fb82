"""The names of what is measured of a training: a loss and a score, on three sets of samples.

The score of a classification is its accuracy, of a regression its mean absolute error. Imports
neither TensorFlow nor Keras.
"""

import xarray as xr

from batchlab.foundation.checks import choice, shown

SCORES = {"classification": "accuracy", "regression": "mean_absolute_error"}


def metric_names(task: str) -> tuple[str, ...]:
    """Return the variables of a history of a task, in the order in which they are computed."""
    score = SCORES[task]
    return tuple(f"{part}{name}" for part in ("", "val_", "train_") for name in ("loss", score))


METRICS = metric_names("classification")
ALL_METRICS = tuple(dict.fromkeys(name for task in SCORES for name in metric_names(task)))


def final_names(task: str) -> tuple[str, ...]:
    """Return the metrics of a task that are known after a record, scores first."""
    return tuple(f"{part}_{name}" for name in (SCORES[task], "loss") for part in ("train", "val"))


def task_of(history: xr.Dataset) -> str:
    """Return whether a history is of a "classification" or a "regression", by what it has.

    Raises
    ------
    ValueError
        If it is neither.
    """
    for task, score in SCORES.items():
        if f"val_{score}" in history:
            return task
    expected = " or ".join(f"val_{score}" for score in SCORES.values())
    raise ValueError(
        f"history: expected one with {expected}, received {shown(list(history.data_vars))}."
    )


def score_of(history: xr.Dataset) -> str:
    """Return what a history has beside losses: "accuracy" or "mean_absolute_error"."""
    return SCORES[task_of(history)]


def final_metrics(history: xr.Dataset) -> tuple[str, ...]:
    """Return the metrics of a history that are known after a record, scores first."""
    return final_names(task_of(history))


def chosen_metric(history: xr.Dataset, metric: str | None) -> str:
    """Return a metric of a history by its name, or the score on held-out samples for None.

    Raises
    ------
    ValueError
        If the history has no such metric.
    """
    chosen = f"val_{score_of(history)}" if metric is None else metric
    return choice("metric", chosen, final_metrics(history))


def is_accuracy(metric: str) -> bool:
    """Return whether a metric is the better the higher it is; all others are the lower."""
    return metric.endswith("accuracy")
