"""What a sweep varies, as the caller gives it: one value or several, with their names."""

import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from batchlab.engine.batch_sizes import BatchSize, checked_batch_size
from batchlab.engine.optimizers import default_optimizer, settings_of
from batchlab.engine.weights import Build
from batchlab.foundation.backend import floatx, keras
from batchlab.foundation.checks import positive_number, shown
from batchlab.histories.metrics import ALL_METRICS
from batchlab.models.named import keywords

Rate = float | Callable[[int], float]
SweptBatchSize = BatchSize | Sequence[int | str] | Mapping[str, BatchSize]
SweptRate = float | Sequence[float] | Mapping[str, Rate]

# Names of a study's dimensions and variables other than settings.
_TAKEN = {
    *ALL_METRICS,
    *("replicate", "seed", "epoch", "update", "sample", "samples_seen", "parameter"),
    *("weights", "initial_weights", "epoch_weights", "compile_seconds", "training_seconds"),
    *("rule", "schedule", "loss_function", "weight_seed", "order_seed"),
}


def _several(given: object) -> Any:
    """Return a list if several values are given, else the value."""
    if np.iterable(given) and not isinstance(given, str | bytes | Mapping):
        return list(given)
    return given


def batch_size_axis(given: SweptBatchSize) -> dict[str, Any]:
    """Return batch sizes under the name of their dimension, which is `schedule` for a mapping."""
    if isinstance(given, Mapping):
        return {"schedule": named_values("batch_size", given)}
    several = _several(given)
    for one in several if isinstance(several, list) else []:
        if callable(one):
            raise TypeError(
                "batch_size: expected names for schedules such as {'grows': …, 'stays': 32}, "
                f"received {shown(one)} in a list."
            )
    return {"batch_size": several}


def rate_axis(given: SweptRate | None) -> dict[str, Any]:
    """Return learning rates under the name of their dimension, which is `rule` for a mapping."""
    if isinstance(given, Mapping):
        return {"rule": named_values("learning_rate", given)}
    return {"learning_rate": _several(given)}


def named_values(name: str, given: object) -> Any:
    """Return a mapping of names to values, or the one value that is given."""
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


def setting_axis(name: str, given: object) -> list | dict[str, Any]:
    """Return the values of a further setting: a list, or a mapping of names to them."""
    if isinstance(given, Mapping):
        return named_values(name, given)
    values = _several(given)
    if not isinstance(values, list):
        raise TypeError(
            f"{name}: expected a list of values or a mapping of names to values, received "
            f"{shown(given)}."
        )
    return values


def sizes(given: BatchSize | list[int | str], n_train: int) -> BatchSize | list[int]:
    """Return the sizes with "full" as a number, so that it is seen to be one already there."""
    if isinstance(given, list):
        return [checked_batch_size(size, n_train) for size in given]
    return given if callable(given) else checked_batch_size(given, n_train)


def labelled(name: str, given: list | Mapping) -> tuple[tuple, tuple]:
    """Return the labels and the values of an axis."""
    if not given:
        raise ValueError(f"{name}: expected at least one value, received none.")
    if isinstance(given, Mapping):
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


def check_settings(
    settings: Mapping,
    build: Build | dict[str, Build],
    optimizer: keras.optimizers.Optimizer | dict[str, keras.optimizers.Optimizer],
) -> None:
    """Refuse a setting that neither all builders nor all optimizers have, or both have."""
    builds = list(build.values()) if isinstance(build, dict) else [build]
    optimizers = list(optimizer.values()) if isinstance(optimizer, dict) else [optimizer]
    all_keywords, all_options = list(map(keywords, builds)), list(map(_options, optimizers))
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
        if name in set().union(*all_keywords) & set().union(*all_options):
            raise TypeError(
                f"{name}: expected a setting of one, but build and the optimizer both have it."
            )


def _options(optimizer: keras.optimizers.Optimizer) -> set[str]:
    return set(settings_of(optimizer)[1]) - {"learning_rate", "excluded_from_weight_decay"}


def with_setting(
    optimizer_class: type[keras.optimizers.Optimizer], config: dict, name: str, value: object
) -> dict:
    """Return an optimizer's settings with one changed, and checked by making such an optimizer."""
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
