"""The labelled dataset that a training returns: its dimensions, coordinates and attributes."""

import json
import platform

import numpy as np
import xarray as xr

from batchlab.engine.groups import Outcome
from batchlab.engine.settings import Settings
from batchlab.foundation.backend import keras, tf
from batchlab.foundation.version import __version__
from batchlab.histories.metrics import metric_names
from batchlab.problems.problem import Problem


def as_dataset(outcome: Outcome, run: Settings, task: str) -> xr.Dataset:
    """Return the metrics of each replicate and record, with what was spent by then.

    Parameters
    ----------
    outcome : Outcome
    run : Settings
    task : {"classification", "regression"}

    Returns
    -------
    xarray.Dataset
        Of dimensions (replicate, epoch), or (replicate, update).
    """
    budget = run.budget
    samples, record = budget.samples(), budget.dimension
    spent = {
        "epoch": np.arange(1, budget.amount + 1)
        if record == "epoch"
        else samples / budget.batch_sizes.n_train,
        "update": np.array(budget.records),
        "sample": samples,
    }
    return xr.Dataset(
        {
            name: (("replicate", record), outcome.metrics[:, :, column])
            for column, name in enumerate(metric_names(task))
        },
        coords={
            "replicate": np.arange(run.replicates),
            **run.coordinates(),
            **{name: (record, values) for name, values in spent.items()},
        },
    )


def problem_attributes(problem: Problem) -> dict:
    """Return what a history says of its problem."""
    attributes = {
        "problem": problem.name,
        "task": problem.task,
        "n_train": problem.n_train,
        "n_test": problem.n_test,
        "held_out": problem.held_out.name,
    }
    if problem.n_validation:
        attributes["n_validation"] = problem.n_validation
    if problem.n_classes is not None:
        attributes["n_classes"] = problem.n_classes
    if problem.target_scales:
        attributes["target_scales"] = json.dumps(problem.target_scales)
    if problem.bayes_accuracy is not None:
        attributes["bayes_train_accuracy"] = problem.bayes_accuracy.train
        attributes["bayes_test_accuracy"] = problem.bayes_accuracy.test
    return attributes


def optimizer_attributes(optimizer_class: type, config: dict) -> dict:
    """Return what a history says of its optimizer; a schedule is in the settings alone."""
    rate = config["learning_rate"]
    given = {name: value for name, value in config.items() if value is not None}
    return {
        "optimizer": optimizer_class.__name__,
        "optimizer_settings": json.dumps(given, sort_keys=True, default=str),
        **({"learning_rate": rate} if isinstance(rate, float) else {}),
    }


def version_attributes() -> dict:
    """Return the versions that a history was computed with."""
    return {
        "batchlab_version": __version__,
        "keras_version": keras.__version__,
        "tensorflow_version": tf.__version__,
        "numpy_version": np.__version__,
        "python_version": platform.python_version(),
    }
