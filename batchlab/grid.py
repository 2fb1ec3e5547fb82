"""The grid of a sweep: what is varied, and the cells that come of it."""

import functools
import inspect
import itertools
import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from batchlab._checks import positive_number, shown, whole_number
from batchlab._tensorflow import floatx, keras
from batchlab.budgets import one_of, record_places, updates_for
from batchlab.data import Problem
from batchlab.optimizers import default_optimizer, settings_of
from batchlab.prepared import Training
from batchlab.program import METRICS
from batchlab.replicas import Build
from batchlab.settings import Settings, checked_batch_size, checked_settings

# Names of a study's dimensions and variables other than settings.
_TAKEN = {
    *METRICS,
    *("replicate", "seed", "epoch", "update", "sample", "samples_seen", "parameter"),
    *("weights", "initial_weights", "epoch_weights", "compile_seconds", "training_seconds"),
    *("rule", "loss_function"),
}


@dataclass(frozen=True)
class Axis:
    """One dimension of a grid.

    Attributes
    ----------
    name : str
    labels : tuple of int, float or str
        The coordinate along it.
    values : tuple
        What the labels stand for.
    """

    name: str
    labels: tuple
    values: tuple


@dataclass(frozen=True, eq=False)
class Cell:
    """One training of a sweep.

    Attributes
    ----------
    place : tuple of int
        Where in the grid.
    name : str
        For sentences: ``"batch_size=32, learning_rate=0.01"``.
    build : callable
    problem : Problem
    run : Settings
    optimizer : type, dict
        From `batchlab.optimizers.settings_of`.
    loss : keras.losses.Loss or None
    model : str
        Equal for cells that have `build`, what it is given, and `problem` in common.
    """

    place: tuple[int, ...]
    name: str
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
    batch_size: object,
    learning_rate: object = None,
    optimizer: object = None,
    loss: object = None,
    settings: Mapping[str, object] = MappingProxyType({}),
    epochs: int | None = None,
    updates: int | None = None,
    samples: int | None = None,
    records: object = None,
    replicates: int = 1,
    seed: int = 0,
    keep_weights: str = "none",
    device: str | None = None,
    threads: int | None = None,
) -> Grid:
    """Return the grid of a sweep, every setting of every cell checked.

    Parameters
    ----------
    build, problem, batch_size, learning_rate, optimizer, loss, settings
        As `batchlab.sweep` takes them.
    epochs, updates, samples, records, replicates, seed, keep_weights, device, threads
        Likewise.

    Returns
    -------
    Grid

    Raises
    ------
    TypeError, ValueError
        If one of them is not what `batchlab.sweep` takes.
    """
    common = {
        "replicates": replicates,
        "seed": seed,
        "keep_weights": keep_weights,
        "device": device,
        "threads": threads,
    }
    held = one_of(epochs=epochs, updates=updates, samples=samples)
    if held == "epochs" and records is not None:
        raise TypeError(
            "records: expected it with updates or samples held fixed, received it with epochs, "
            "after each of which there is a record."
        )
    choices = {
        "batch_size": _sequence("batch_size", batch_size),
        # Rules are a dimension of their own: the rate then depends on the batch size as well.
        **_rates(learning_rate),
        "optimizer": _named("optimizer", optimizer),
        "problem": _named("problem", problem),
        "build": _named("build", build),
        # Not `loss`, which is a variable of every history.
        "loss_function": _named("loss", loss),
        **{name: _setting(name, given) for name, given in settings.items()},
    }
    _check_settings(settings, choices["build"], choices["optimizer"])
    problems = choices["problem"]
    for one in problems.values() if isinstance(problems, Mapping) else [problems]:
        _check_problem(one)
    if not isinstance(problems, Mapping):
        choices["batch_size"] = _sizes(choices["batch_size"], problems.n_train)
    axes = [
        Axis(name, *_labelled(name, given))
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
        budget = {"epochs": epochs, "updates": updates, "records": records}
        if places:
            budget = _samples_as_updates(places, chosen)
        cells.append(_cell(place, label, chosen, list(settings), budget | common))
    return Grid(axes, cells, held, places)


def _sample_places(samples: object, records: object) -> tuple[int, ...]:
    if samples is None:
        return ()
    return record_places(records, whole_number("samples", samples, minimum=1), "samples")


def _samples_as_updates(places: tuple[int, ...], chosen: dict) -> dict:
    """Return the updates by which so many samples are seen, at least."""
    n_train = chosen["problem"].n_train
    batch_size = checked_batch_size(chosen["batch_size"], n_train)
    after = np.unique(updates_for(np.array(places), batch_size, n_train)).tolist()
    return {"epochs": None, "updates": after[-1], "records": after}


def _cell(place: tuple, label: dict, chosen: dict, settings: list[str], rest: dict) -> Cell:
    build, for_build = chosen["build"], {}
    optimizer_class, config = settings_of(chosen["optimizer"])
    for name in settings:
        if name in _keywords(build):
            for_build[name] = chosen[name]
        else:
            config = _with_setting(optimizer_class, config, name, chosen[name])
    rate = chosen.get("rule", chosen.get("learning_rate"))
    if callable(rate):
        rate = rate(checked_batch_size(chosen["batch_size"], chosen["problem"].n_train))
    if rate is not None:
        config = {**config, "learning_rate": positive_number("learning_rate", rate)}
    run = checked_settings(chosen["problem"], batch_size=chosen["batch_size"], **rest)
    of_model = {name: label[name] for name in ("build", "problem", *for_build) if name in label}
    return Cell(
        place,
        _told(label) or "the only cell",
        functools.partial(build, **for_build) if for_build else build,
        chosen["problem"],
        run,
        (optimizer_class, config),
        chosen["loss_function"],
        _told(of_model),
    )


def _told(label: dict) -> str:
    return ", ".join(f"{name}={value}" for name, value in label.items())


def _several(given: object) -> object:
    """Return a list if several values are given, else the value."""
    several = np.iterable(given) and not isinstance(given, str | bytes | Mapping)
    return list(given) if several else given


def _sequence(name: str, given: object) -> object:
    if isinstance(given, Mapping):
        raise TypeError(f"{name}: expected one or a sequence of them, received {shown(given)}.")
    return _several(given)


def _rates(given: object) -> dict[str, object]:
    if isinstance(given, Mapping):
        return {"rule": _named("learning_rate", given)}
    return {"learning_rate": _several(given)}


def _named(name: str, given: object) -> object:
    if isinstance(given, Mapping):
        wrong = [key for key in given if not isinstance(key, str)]
        if wrong:
            raise TypeError(f"{name}: expected names for its values, received {shown(wrong[0])}.")
        if not given:
            raise ValueError(f"{name}: expected at least one value, received none.")
        return dict(given)
    if isinstance(given, list | tuple):
        raise TypeError(
            f"{name}: expected one, or a mapping of names to several such as "
            f"{{'a': …, 'b': …}}, received {shown(given)}."
        )
    return default_optimizer() if name == "optimizer" and given is None else given


def _setting(name: str, given: object) -> object:
    if isinstance(given, Mapping):
        return _named(name, given)
    values = _several(given)
    if not isinstance(values, list):
        raise TypeError(
            f"{name}: expected a list of values or a mapping of names to values, received "
            f"{shown(given)}."
        )
    return values


def _sizes(given: object, n_train: int) -> object:
    """Return the sizes with "full" as a number, so that it is seen to be one already there."""
    if isinstance(given, list):
        return [checked_batch_size(size, n_train) for size in given]
    return checked_batch_size(given, n_train)


def _labelled(name: str, given: list | dict) -> tuple[tuple, tuple]:
    """Return the labels and the values of an axis."""
    if not given:
        raise ValueError(f"{name}: expected at least one value, received none.")
    if isinstance(given, dict):
        return tuple(given), tuple(given.values())
    values = [value.item() if isinstance(value, np.generic) else value for value in given]
    if name == "learning_rate":
        values = [positive_number(name, value) for value in values]
    plain = all(isinstance(value, numbers.Real) and not isinstance(value, bool) for value in values)
    labels = tuple(values) if plain else tuple(str(value) for value in values)
    twice = [label for label in labels if labels.count(label) > 1]
    if twice:
        raise ValueError(f"{name}: expected different values, received {shown(twice[0])} twice.")
    return labels, tuple(values)


def _check_problem(problem: object) -> None:
    if not isinstance(problem, Problem):
        raise TypeError(f"problem: expected a batchlab Problem, received {shown(problem)}.")


def _check_settings(settings: Mapping, build: object, optimizer: object) -> None:
    """Refuse a setting that neither all builders nor all optimizers have, or both have."""
    builds = list(build.values()) if isinstance(build, dict) else [build]
    optimizers = list(optimizer.values()) if isinstance(optimizer, dict) else [optimizer]
    all_keywords, all_options = list(map(_keywords, builds)), list(map(_options, optimizers))
    of_build, of_optimizer = set.intersection(*all_keywords), set.intersection(*all_options)
    for name in settings:
        if name in _TAKEN:
            raise ValueError(
                f"{name}: expected a setting whose name is not that of a variable or dimension of "
                f"histories, received {name!r}."
            )
        if name not in of_build | of_optimizer:
            known = ", ".join(sorted(of_build | of_optimizer))
            raise TypeError(
                f"{name}: expected a keyword of build or a setting of the optimizer ({known}), "
                f"received {name!r}."
            )
        if name in set.union(*all_keywords) & set.union(*all_options):
            raise TypeError(
                f"{name}: expected a setting of one, but build and the optimizer both have it."
            )


def _keywords(build: object) -> set[str]:
    try:
        parameters = list(inspect.signature(build).parameters.values())[1:]
    except (TypeError, ValueError):  # not a function, which is said later; or one in C
        return set()
    kinds = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    return {parameter.name for parameter in parameters if parameter.kind in kinds}


def _options(optimizer: object) -> set[str]:
    return set(settings_of(optimizer)[1]) - {"learning_rate", "excluded_from_weight_decay"}


def _with_setting(optimizer_class: type, config: dict, name: str, value: object) -> dict:
    value = value.item() if isinstance(value, np.generic) else value
    # Keras does not look at all of them.
    number = isinstance(value, numbers.Real) and math.isfinite(value)
    if isinstance(config[name], numbers.Real | None) and not (value is None or number):
        raise ValueError(f"{name}: expected finite numbers or None, received {shown(value)}.")
    changed = {**config, name: value}
    excluded = changed.pop("excluded_from_weight_decay")
    try:
        with floatx("float64"):
            optimizer = optimizer_class.from_config(changed)
    except Exception as error:  # Keras raises what it likes
        raise ValueError(
            f"{name}: expected a value that {optimizer_class.__name__} takes, received "
            f"{shown(value)}: {shown(str(error))}."
        ) from error
    return {**settings_of(optimizer)[1], "excluded_from_weight_decay": excluded}
