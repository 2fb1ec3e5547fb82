"""The grid of a sweep: what is varied, and the cells that come of it."""

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from batchlab.engine.batch_sizes import checked_batch_sizes
from batchlab.engine.budgets import one_of, spaced_records
from batchlab.engine.optimizers import settings_of
from batchlab.engine.settings import Settings, checked_settings
from batchlab.engine.training import Training
from batchlab.engine.weights import Build
from batchlab.foundation.backend import keras
from batchlab.foundation.checks import positive_number, whole_number
from batchlab.histories.studies import Axis
from batchlab.models.named import keywords
from batchlab.problems.problem import Problem, check_problem
from batchlab.training.axes import (
    SweptBatchSize,
    SweptRate,
    batch_size_axis,
    check_settings,
    labelled,
    named_values,
    rate_axis,
    setting_axis,
    sizes,
    with_setting,
)


@dataclass(frozen=True, eq=False)
class Cell:
    """One training of a sweep.

    Attributes
    ----------
    place : tuple of int
        Where in the grid.
    build : callable
    problem : Problem
    run : Settings
    optimizer : type, dict
        From `batchlab.engine.optimizers.settings_of`.
    loss : keras.losses.Loss or None
    model : str
        Equal for cells that have `build`, what it is given, and `problem` in common.
    """

    place: tuple[int, ...]
    build: Build
    problem: Problem
    run: Settings
    optimizer: tuple[type, dict]
    loss: keras.losses.Loss | None
    model: str

    def training(self) -> Training:
        """Return its training, made ready but for tracing and compiling."""
        return Training(self.build, self.problem, self.run, self.optimizer, self.loss)


@dataclass(frozen=True)
class Grid:
    """The axes of a sweep, its cells in the order of their places, and what they hold fixed.

    Attributes
    ----------
    axes : list of Axis
    cells : list of Cell
    held : {"epochs", "updates", "samples"}
    samples : tuple of int
        Where records are compared if samples are held fixed, else empty.
    """

    axes: list[Axis]
    cells: list[Cell]
    held: str
    samples: tuple[int, ...] = field(default=())

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values along each axis."""
        return tuple(len(axis.labels) for axis in self.axes)


def grid_of(
    build: Build | Mapping[str, Build],
    problem: Problem | Mapping[str, Problem],
    *,
    batch_size: SweptBatchSize,
    learning_rate: SweptRate | None = None,
    optimizer: keras.optimizers.Optimizer | Mapping[str, keras.optimizers.Optimizer] | None = None,
    loss: keras.losses.Loss | Mapping[str, keras.losses.Loss] | None = None,
    settings: Mapping[str, object] = MappingProxyType({}),
    epochs: int | None = None,
    updates: int | None = None,
    samples: int | None = None,
    records: int | Sequence[int] | None = None,
    replicates: int = 1,
    seed: int = 0,
    weight_seeds: Sequence[int] | None = None,
    order_seeds: Sequence[int] | None = None,
    keep_weights: str = "none",
    device: str | None = None,
    threads: int | None = None,
    train_samples: int | None = None,
) -> Grid:
    """Return the grid of a sweep, every setting of every cell checked.

    Parameters
    ----------
    build, problem, batch_size, learning_rate, optimizer, loss, settings
        As `batchlab.sweep` takes them.
    epochs, updates, samples, records, replicates, seed, weight_seeds, order_seeds
        Likewise.
    keep_weights, device, threads, train_samples
        Likewise.

    Returns
    -------
    Grid

    Raises
    ------
    TypeError, ValueError
        If one of them is not what `batchlab.sweep` takes.
    """
    common: dict[str, Any] = {
        "replicates": replicates,
        "seed": seed,
        "weight_seeds": weight_seeds,
        "order_seeds": order_seeds,
        "keep_weights": keep_weights,
        "device": device,
        "threads": threads,
        "train_samples": train_samples,
    }
    held = one_of(epochs=epochs, updates=updates, samples=samples)
    if held == "epochs" and records is not None:
        raise TypeError(
            "records: expected it with updates or samples held fixed, received it with epochs, "
            "after each of which there is a record."
        )
    choices: dict[str, Any] = {
        **batch_size_axis(batch_size),
        # Rules are a dimension of their own: the rate then depends on the batch size as well.
        **rate_axis(learning_rate),
        "optimizer": named_values("optimizer", optimizer),
        "problem": named_values("problem", problem),
        "build": named_values("build", build),
        # Not `loss`, which is a variable of every history.
        "loss_function": named_values("loss", loss),
        **{name: setting_axis(name, given) for name, given in settings.items()},
    }
    check_settings(settings, choices["build"], choices["optimizer"])
    problems = choices["problem"]
    several = list(problems.values()) if isinstance(problems, Mapping) else [problems]
    for one in several:
        check_problem(one)
    if len(tasks := {one.task for one in several}) > 1:
        raise ValueError(
            f"problem: expected problems of one task, received {' and '.join(sorted(tasks))}."
        )
    if not isinstance(problems, Mapping) and "batch_size" in choices:
        choices["batch_size"] = sizes(choices["batch_size"], problems.n_train)
    axes = [
        Axis(name, *labelled(name, given))
        for name, given in choices.items()
        if isinstance(given, list | Mapping)
    ]
    alone = {
        name: given for name, given in choices.items() if not isinstance(given, list | Mapping)
    }
    places = _sample_places(samples, records)
    cells = []
    for place in itertools.product(*(range(len(axis.labels)) for axis in axes)):
        chosen = alone | {axis.name: axis.values[i] for axis, i in zip(axes, place, strict=True)}
        label = {axis.name: axis.labels[i] for axis, i in zip(axes, place, strict=True)}
        chosen["batch_size"] = chosen.pop("schedule", chosen.get("batch_size"))
        budget: dict[str, Any] = {"epochs": epochs, "updates": updates, "records": records}
        if places:
            budget = _samples_as_updates(places, chosen)
        cells.append(_cell(place, label, chosen, list(settings), budget | common))
    return Grid(axes, cells, held, places)


def _sample_places(samples: int | None, records: int | Sequence[int] | None) -> tuple[int, ...]:
    if samples is None:
        return ()
    return spaced_records(records, whole_number("samples", samples, minimum=1), "samples")


def _samples_as_updates(places: tuple[int, ...], chosen: dict) -> dict:
    """Return the updates by which so many samples are seen, at least."""
    n_train = chosen["problem"].n_train
    sizes = checked_batch_sizes(chosen["batch_size"], n_train, epochs=-(-places[-1] // n_train))
    after = np.unique([sizes.updates_for(place) for place in places]).tolist()
    return {"epochs": None, "updates": after[-1], "records": after}


def _cell(place: tuple, label: dict, chosen: dict, settings: list[str], rest: dict) -> Cell:
    build, for_build = chosen["build"], {}
    optimizer_class, config = settings_of(chosen["optimizer"])
    for name in settings:
        if name in keywords(build):
            for_build[name] = chosen[name]
        else:
            config = with_setting(optimizer_class, config, name, chosen[name])
    rate = chosen.get("rule", chosen.get("learning_rate"))
    run = checked_settings(chosen["problem"], batch_size=chosen["batch_size"], **rest)
    if callable(rate):
        rate = rate(_one_size(run))
    if rate is not None:
        config = {**config, "learning_rate": positive_number("learning_rate", rate)}
    of_model = {name: label[name] for name in ("build", "problem", *for_build) if name in label}
    return Cell(
        place,
        functools.partial(build, **for_build) if for_build else build,
        chosen["problem"],
        run,
        (optimizer_class, config),
        chosen["loss_function"],
        ", ".join(f"{name}={value}" for name, value in of_model.items()),
    )


def _one_size(run: Settings) -> int:
    """Return the batch size that a rule derives a learning rate from."""
    size = run.batch_sizes.constant
    if size is None:
        raise TypeError(
            "learning_rate: expected a number for a schedule of batch sizes, received a rule, "
            "which derives it from one batch size."
        )
    return size
